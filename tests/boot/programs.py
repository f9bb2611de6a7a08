# SPDX-License-Identifier: Apache-2.0
"""Guests with programs of Debian's, from tools/guest-programs' archives behind
the initial RAM disk, and a script that uses them."""

import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[2] / "tools")]

import machine  # noqa: E402
import mkinitrd  # noqa: E402
from machine import GUEST, INITRD, SQUIB, find  # noqa: E402

END_S = 1500

SCRIPT = """#!/bin/sh
export PATH=/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LC_ALL=C
cd /work
"""


def archive(script, files):
    """What a test adds: its script, and files beside it in /work, which may
    be run."""
    ar = mkinitrd.Archive()
    ar.folder("work")
    ar.add("script", 0o100755, (SCRIPT + script).encode())
    for name, data in files.items():
        ar.add(f"work/{name}", 0o100755, data)
    return ar.finish()


@pytest.fixture
def guest(tmp_path):
    """Runs a script in a guest with some archives of programs, or none; the
    lines it prints, by section. It has to end well."""
    started = []

    def run(program, script, files, tier="auto", cpus=1, mem=1024,
            kernel=None):
        parts = [find(GUEST / f"programs/{name}.cpio",
                      f"tools/guest-programs {name}")
                 for name in program.split()]
        base = find(INITRD, "the initial RAM disk")
        initrd = tmp_path / f"rd{len(started)}"
        with open(initrd, "wb") as out:
            out.write(base.read_bytes())
            for part in parts:
                out.write(part.read_bytes())
            out.write(archive(script, files))
        vm = machine.Machine(
            SQUIB, tmp_path, kernel or machine.find_fast_kernel(),
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


def tiers(*options):
    return pytest.mark.parametrize("tier,cpus", options,
                                   ids=[f"{t}-{n}cpu" for t, n in options])
