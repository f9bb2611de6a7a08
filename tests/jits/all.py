# SPDX-License-Identifier: Apache-2.0
"""Node, Java and gcc in guests, under tiers that make it hard: a quarter of
an hour, so not a part of `make test` but of `make test-guest-jits`."""

import pytest

from programs import tiers
from test_jits import LUA, compile_and_run

NODE = """
echo '== node'
node FLAGS all.js ROUNDS || exit 1
echo ==
"""

JAVA = """
jars=/usr/share/java/rhino.jar
echo '== java'
/usr/lib/jvm/java-17-openjdk-arm64/bin/java FLAGS -cp $jars \\
    org.mozilla.javascript.tools.shell.Main -opt 9 core.js || exit 1
echo ==
"""

CORE = 14  # tests in core.js; the lines that both engines print


def node(guest, source, expected, tier, cpus, rounds, flags=""):
    text = source("core.js") + source("node.js")
    script = NODE.replace("FLAGS", flags).replace("ROUNDS", str(rounds))
    found = guest("nodejs", script, {"all.js": text}, tier, cpus)["node"]
    answer = expected("node.expected")
    assert found == answer[:CORE] * rounds + answer[CORE:] * rounds


@tiers(("jit", 1), ("jit", 2), ("jit,code-kib=4096", 2), ("jit,eager", 1),
       ("jit,chaos=11", 2), ("jit,mask=avx512", 2), ("jit,mask=avx2", 2),
       ("jit,mask=all", 1), ("interp", 2))
def test_node(guest, source, expected, tier, cpus):
    node(guest, source, expected, tier, cpus, 2)


# Sparkplug and TurboFan early and always, then code thrown away all the time.
@pytest.mark.parametrize("flags", ["--always-sparkplug",
                                   "--interrupt-budget=2000",
                                   "--stress-compaction --gc-interval=5000",
                                   "--no-lazy-feedback-allocation"])
def test_node_with(guest, source, expected, flags):
    node(guest, source, expected, "jit", 2, 1, flags)


@tiers(("jit", 1), ("jit", 2), ("jit,code-kib=8192", 2), ("jit,mask=avx2", 2))
@pytest.mark.parametrize("flags", ["", "-Xcomp -XX:TieredStopAtLevel=1"])
def test_java(guest, source, expected, tier, cpus, flags):
    script = JAVA.replace("FLAGS", flags)
    core = source("core.js") + b"run(print, 2);\n"
    found = guest("java", script, {"core.js": core}, tier, cpus)["java"]
    assert found == expected("node.expected")[:CORE] * 2


@tiers(("jit,code-kib=128", 2), ("jit,mask=avx512", 1), ("jit,mask=avx2", 1),
       ("jit,mask=all", 1), ("jit,eager", 4), ("lockstep", 1), ("interp", 1))
def test_luajit(guest, source, expected, tier, cpus):
    found = guest("luajit", LUA, {"bench.lua": source("bench.lua")}, tier, cpus)
    answer = expected("lua.expected")
    assert found["jit"] == found["small"] == answer * 2
    assert found["off"] == answer


@tiers(("jit", 2), ("jit,mask=avx2", 2), ("jit,regs=5", 2))
def test_gcc(guest, tmp_path, tier, cpus):
    compile_and_run(guest, tmp_path, ["-O0", "-O1", "-O2", "-O3"], tier, cpus,
                    120)


# Where a tenth of cc1 has room it is mostly interpreted: a shorter program.
@tiers(("jit,code-kib=2048", 2))
def test_gcc_in_little_room(guest, tmp_path, tier, cpus):
    compile_and_run(guest, tmp_path, ["-O0", "-O2"], tier, cpus, 30)


# Chaos forgets all of cc1 several times a second: a shorter program.
@tiers(("jit,chaos=5", 2))
def test_gcc_in_chaos(guest, tmp_path, tier, cpus):
    compile_and_run(guest, tmp_path, ["-O0", "-O2"], tier, cpus, 30)
