# SPDX-License-Identifier: Apache-2.0
"""Programs that check themselves, in guests. tests/boot/programs.py runs them."""

import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "boot")]

from programs import guest, sections  # noqa: E402, F401: a fixture

CC = "aarch64-linux-gnu-gcc"
FLAGS = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror", "-fno-builtin"]


@pytest.fixture
def compiled(tmp_path):
    """A program of this folder for the guest: compiled("leaks", "-O0")."""
    def make(name, *flags):
        if not shutil.which(CC):
            pytest.skip("the arm64 cross compiler is not installed")
        out = tmp_path / name
        subprocess.run([CC, *FLAGS, *flags, "-o", out, f"{name}.c"], cwd=HERE,
                       check=True)
        return out.read_bytes()
    return make


@pytest.fixture(scope="session")
def text():
    return lambda name: (HERE / name).read_text()


@pytest.fixture(scope="session")
def expected():
    """What a script prints by section: under user emulation, or read through
    by hand (debug)."""
    return lambda name: sections((HERE / f"{name}.expected").read_text())
