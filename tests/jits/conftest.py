# SPDX-License-Identifier: Apache-2.0
"""Guests with a compiler of their own: tests/boot/programs.py has the rest."""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "boot")]

from programs import guest  # noqa: E402, F401: a fixture


@pytest.fixture(scope="session")
def source():
    return lambda name: (HERE / name).read_bytes()


@pytest.fixture(scope="session")
def expected():
    """What a program prints: under user emulation, and known since."""
    return lambda name: (HERE / name).read_text().split("\n")[:-1]
