# SPDX-License-Identifier: Apache-2.0
"""Linux under every tier, and under tiers that were made to stumble."""

import subprocess

import pytest

import machine

LOCKSTEP_S = 840

WORK = (
    "for n in 1 2 3 4; do (dd if=/dev/urandom of=/tmp/$n bs=16k count=4 "
    "2>/dev/null; gzip -c /tmp/$n | gunzip -c | cmp - /tmp/$n && echo same) "
    "& done; wait"
)


@pytest.fixture(scope="module")
def tiers(squib_path):
    """Those that run on this host."""
    found = []
    for name in ("interp", "jit"):
        done = subprocess.run(
            [squib_path, "run", "--kernel", "/dev/null", "--tier", name],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
        )
        if "x86-64" not in done.stderr:
            found.append(name)
    return found


@pytest.fixture
def jit(tiers):
    if "jit" not in tiers:
        pytest.skip("there is no translator for this host")


def work(start, kernel, tier, cpus):
    vm = start(kernel, f'squib.test squib.cmd="{WORK}"', cpus=cpus,
               args=["--tier", tier])
    try:
        vm.process.wait(LOCKSTEP_S)
    except subprocess.TimeoutExpired:
        pytest.fail(f"no end in:\n{vm.text()[-4000:]}")
    text = vm.end_well()
    assert text.splitlines().count("same") == 4
    assert f"squib-guest: {cpus} CPUs" in text


def test_the_interpreter_alone(start, fast_kernel):
    work(start, fast_kernel, "interp", 2)


@pytest.mark.parametrize(
    "options",
    [
        "eager",
        "mask=avx512",
        "mask=avx2",
        "mask=all",
        "code-kib=1024",
        "chaos=1",
        "regs=1",
        "regs=2,eager,mask=avx512",
        "chaos=2,code-kib=1024,mask=avx2",
        "paranoid",
    ],
)
def test_the_translator_with(jit, start, fast_kernel, options):
    if options == "paranoid" and fast_kernel == machine.KERNELS["debian"]:
        pytest.skip("Debian's kernel runs code that ftrace has just changed")
    work(start, fast_kernel, f"jit,{options}", 2)


def test_more_cpus_than_the_host_has_under_chaos(jit, start, fast_kernel):
    work(start, fast_kernel, "jit,chaos=3", 8)


@pytest.mark.parametrize("tier", ["lockstep", "lockstep,regs=3"])
def test_both_tiers_agree_on_all_of_linux(jit, start, fast_kernel, tier):
    work(start, fast_kernel, tier, 1)


def test_a_tier_that_is_none_is_said_to_be(squib_path, fast_kernel):
    for tier, why in (("x", "no tier is called 'x'"),
                      ("jit,x=1", "'x=1' is no option"),
                      ("interp,eager", "has no options")):
        done = subprocess.run(
            [squib_path, "run", "--kernel", fast_kernel, "--tier", tier],
            capture_output=True, text=True, stdin=subprocess.DEVNULL)
        assert done.returncode == 153 and why in done.stderr
