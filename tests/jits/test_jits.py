# SPDX-License-Identifier: Apache-2.0
"""LuaJIT and gcc in guests: code that is made while it runs, and a compiler
that is larger than the room for its translation. all.py has the larger ones."""

import subprocess

import pytest

import make_c
from programs import tiers

LUA = """
export LUA_PATH='/usr/share/luajit-2.1.0-beta3/?.lua;;'
echo '== jit'
luajit -O3 bench.lua 2 || exit 1
echo '== small'
luajit -Omaxmcode=64 -Osizemcode=32 -Ohotloop=5 bench.lua 2 || exit 1
echo '== off'
luajit -joff bench.lua || exit 1
echo '== traces'
luajit -jv bench.lua 2>&1 | grep -c TRACE
echo ==
"""

COMPILE = """
for level in LEVELS; do
    gcc -w $level -ffp-contract=off -o program program.c || exit 1
    echo "== $level"
    ./program
    echo ==
done
"""


@tiers(("jit", 1), ("jit,code-kib=512", 2), ("jit,eager,chaos=7", 1))
def test_luajit(guest, source, expected, tier, cpus):
    found = guest("luajit", LUA, {"bench.lua": source("bench.lua")}, tier, cpus)
    answer = expected("lua.expected")
    assert found["jit"] == answer * 2
    assert found["small"] == answer * 2
    assert found["off"] == answer
    assert int(found["traces"][0]) > 50


def answer_here(tmp_path, text):
    (tmp_path / "here.c").write_text(text)
    subprocess.run(["cc", "-w", "-O1", "-ffp-contract=off", "-o", "here",
                    "here.c"], cwd=tmp_path, check=True)
    return subprocess.run([tmp_path / "here"], check=True, text=True,
                          capture_output=True).stdout.splitlines()


def compile_and_run(guest, tmp_path, levels, tier, cpus, functions=100):
    text = make_c.program(functions)
    found = guest("gcc", COMPILE.replace("LEVELS", " ".join(levels)),
                  {"program.c": text.encode()}, tier, cpus)
    answer = answer_here(tmp_path, text)
    for level in levels:
        assert found[level] == answer, level


@tiers(("jit", 1), ("jit,code-kib=8192", 2))
def test_gcc_compiles_what_runs_right(guest, tmp_path, tier, cpus):
    compile_and_run(guest, tmp_path, ["-O0", "-O2", "-O3"], tier, cpus, 40)
