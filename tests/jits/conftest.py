# SPDX-License-Identifier: Apache-2.0
"""Guests with a compiler of their own, made of tools/guest-programs' archives
behind the initial RAM disk. Where squib and the kernel are is in
tests/boot/machine.py."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/boot"), str(ROOT / "tools")]

import machine  # noqa: E402
import mkinitrd  # noqa: E402
from machine import GUEST, INITRD, SQUIB, find  # noqa: E402

HERE = pathlib.Path(__file__).parent
END_S = 1500

SCRIPT = """#!/bin/sh
export PATH=/usr/bin:/bin HOME=/root
cd /work
"""


def archive(script, files):
    """What a test adds: its script, and files beside it in /work."""
    ar = mkinitrd.Archive()
    ar.folder("work")
    ar.add("script", 0o100755, (SCRIPT + script).encode())
    for name, data in files.items():
        ar.add(f"work/{name}", 0o100644, data)
    return ar.finish()


@pytest.fixture
def guest(tmp_path):
    """Runs a script in a guest with some programs; the lines it prints between
    BEGIN and END. It has to end well."""
    started = []

    def run(program, script, files, tier="auto", cpus=1, mem=1024):
        programs = find(GUEST / f"programs/{program}.cpio",
                        f"tools/guest-programs {program}")
        base = find(INITRD, "the initial RAM disk")
        initrd = tmp_path / f"rd{len(started)}"
        with open(initrd, "wb") as out:
            out.write(base.read_bytes())
            out.write(programs.read_bytes())
            out.write(archive(script, files))
        vm = machine.Machine(
            SQUIB, tmp_path, machine.find_fast_kernel(),
            ["squib.test", "squib.cmd=/script", "quiet"], initrd=initrd,
            cpus=cpus, mem=mem, args=["--tier", tier],
        )
        started.append(vm)
        vm.expect("squib-guest: end", END_S)
        text = vm.end_well()
        initrd.unlink()
        assert "squib-guest: exit 0" in text, text
        return sections(text)

    yield run
    for vm in started:
        vm.kill()


def sections(text):
    """Lines by section: a line "== NAME" begins one, "==" ends it."""
    found, name = {}, None
    for line in text.splitlines():
        if line.startswith("=="):
            name = line[3:] or None
            if name:
                found[name] = []
        elif name:
            found[name].append(line.rstrip())
    return found


@pytest.fixture(scope="session")
def source():
    return lambda name: (HERE / name).read_bytes()


@pytest.fixture(scope="session")
def expected():
    """What a program prints: under user emulation, and known since."""
    return lambda name: (HERE / name).read_text().split("\n")[:-1]
