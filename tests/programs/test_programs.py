# SPDX-License-Identifier: Apache-2.0
"""The C library's strings and some of stress-ng in guests, under tiers that make
it hard. every.py has much more."""

import pytest

import stress
from programs import tiers

STRINGS = """
echo '== strings'
./strings 1 8
echo ==
"""


@tiers(("jit", 1), ("jit,chaos=9", 1), ("jit,regs=8", 1), ("jit,mask=all", 1))
def test_strings(guest, compiled, tier, cpus):
    files = {"strings": compiled("strings", "-static", "-D_GNU_SOURCE")}
    said = guest("", STRINGS, files, tier, cpus, mem=256)["strings"]
    assert len(said) == 1 and said[0].endswith("checks, 0 wrong"), said


@tiers(("jit", 2), ("jit,chaos=4", 1))
def test_stress(guest, tier, cpus):
    found = guest("stress", stress.script(stress.SHORT, cpus), {}, tier, cpus)
    assert found["wrong"] == found["complaints"] == []
