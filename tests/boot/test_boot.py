# SPDX-License-Identifier: Apache-2.0
"""Linux boots, sees the machine it was promised, and ends well."""

import gzip
import re
import shutil
import subprocess

import pytest

BANNER = r"^squib-guest: Linux squib 6\.\d.* aarch64 GNU/Linux$"


def facts(text):
    """What squib.test printed: uname, CPUs, MiB of memory."""
    assert re.search(BANNER, text, re.M), text
    assert re.search(r"^squib-guest: end$", text, re.M), text
    cpus = re.search(r"^squib-guest: (\d+) CPUs$", text, re.M)
    mib = re.search(r"^squib-guest: (\d+) MiB of memory$", text, re.M)
    return int(cpus.group(1)), int(mib.group(1))


def shell(command):
    return f'squib.test squib.cmd="{command}"'


# ---- how many CPUs, how much memory, which console, which way in ----


@pytest.mark.parametrize("cpus", [1, 2, 4, 8, 32])
def test_every_cpu_comes_up(boot, kernel, cpus):
    text = boot(kernel, "squib.test", cpus=cpus)
    assert facts(text)[0] == cpus
    assert "reboot: Power down" in text


@pytest.mark.parametrize("cpus", [1, 2, 4, 8, 32])
def test_a_config_file_boots_as_well(boot, fast_kernel, cpus):
    text = boot(fast_kernel, "squib.test", cpus=cpus, how="config")
    assert facts(text)[0] == cpus
    assert "Successfully started microvm" in text
    assert "Firecracker exiting successfully. exit_code=0" in text


@pytest.mark.parametrize("mem", [64, 128, 3072])
def test_memory_of_all_sizes(boot, kernel, mem):
    mib = facts(boot(kernel, "squib.test", mem=mem))[1]
    assert mem * 0.5 <= mib < mem


@pytest.mark.parametrize("how", ["run", "config"])
@pytest.mark.parametrize("end", ["poweroff", "reboot"])
def test_both_consoles_and_both_ends(boot, kernel, how, end):
    console = "ttyS0" if (how == "run") == (end == "reboot") else "ttyAMA0"
    words = ["squib.test"] + ["squib.reboot"] * (end == "reboot")
    text = boot(kernel, *words, how=how, console=console, cpus=2)
    assert facts(text)[0] == 2
    last = "reboot: Power down" if end == "poweroff" else "reboot: Restarting"
    assert last in text


def test_early_output_comes_from_the_same_uart(boot, fast_kernel):
    text = boot(fast_kernel, "squib.test", console="ttyS0")
    assert "earlycon: uart0 at MMIO 0x0000000040002000" in text
    text = boot(fast_kernel, "squib.test", console="ttyAMA0")
    assert "earlycon: pl11 at MMIO32 0x000000000e0a0000" in text


@pytest.mark.parametrize("option", ["--tier=interp", "--tier=jit", "--code-mib=1"])
def test_both_tiers_and_a_small_code_cache(boot, kernel, option):
    text = boot(kernel, "squib.test", cpus=2, args=[option])
    assert facts(text)[0] == 2


# ---- the kernel's file ----


@pytest.fixture(scope="module")
def raw_kernel(kernel_of, fast_kernel, tmp_path_factory):
    """The fast kernel, unpacked."""
    if fast_kernel.read_bytes()[:4] != b"\x28\xb5\x2f\xfd":
        return fast_kernel
    if not shutil.which("zstd"):
        return kernel_of("debian")
    path = tmp_path_factory.mktemp("kernel") / "Image"
    subprocess.run(["zstd", "-dqo", path, fast_kernel], check=True)
    return path


def test_a_raw_kernel_boots(boot, raw_kernel):
    facts(boot(raw_kernel, "squib.test"))


def test_a_kernel_in_gzip_boots(boot, raw_kernel, tmp_path):
    path = tmp_path / "Image.gz"
    path.write_bytes(gzip.compress(raw_kernel.read_bytes(), 1))
    facts(boot(path, "squib.test"))


@pytest.mark.skipif(not shutil.which("zstd"), reason="zstd is not installed")
def test_a_kernel_in_zstd_boots(boot, raw_kernel, tmp_path):
    path = tmp_path / "Image.zst"
    subprocess.run(["zstd", "-1qo", path, raw_kernel], check=True)
    facts(boot(path, "squib.test"))


# ---- what Linux says about the machine ----


FEATURES = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid "
    "asimdrdm lrcpc dcpop asimddp dit flagm ssbs"
)


def test_the_cpu_has_the_features_it_promises(boot, kernel):
    text = boot(kernel, shell("cat /proc/cpuinfo"), cpus=2)
    lines = re.findall(r"^Features\s*: (.*)$", text, re.M)
    assert len(lines) == 2
    for line in lines:
        assert sorted(line.split()) == sorted(FEATURES.split())
    assert re.findall(r"^CPU architecture: (.*)$", text, re.M) == ["8", "8"]
    for feature in ("Privileged Access Never", "LSE atomic instructions"):
        assert feature in text


def test_interrupts_have_their_numbers_and_triggers(boot, kernel):
    text = boot(kernel, shell("cat /proc/interrupts"), cpus=2)
    timer = re.search(
        r"^ *\d+: +(\d+) +(\d+) +GICv3 +27 Level +arch_timer$", text, re.M
    )
    assert timer and int(timer.group(1)) > 0 and int(timer.group(2)) > 0
    assert re.search(r"GICv3 +33 Level +uart-pl011$", text, re.M)
    assert re.search(r"^Err: +0$", text, re.M)
    text = boot(kernel, shell("cat /proc/interrupts"), console="ttyS0")
    assert re.search(r"GICv3 +34 Edge +ttyS0$", text, re.M)


@pytest.mark.contract(38)
def test_words_behind_two_dashes_go_to_init(boot, fast_kernel):
    command = shell("tr '\\0' '|' </proc/1/cmdline; cat /proc/cmdline")
    text = boot(fast_kernel, "one=1", command, "--", "two", "three")
    assert "|/init|two|three|" in text
    line = re.search(r"^.*(console=.*)$", text.split("begin")[-1], re.M).group(1)
    before, after = line.split(" -- ")
    assert " one=1 " in before and "pci=off" in before
    assert after == "two three"


def test_a_failed_command_does_not_fail_the_machine(boot, fast_kernel):
    assert "squib-guest: exit 3" in boot(fast_kernel, shell("exit 3"))


@pytest.mark.contract(40)
def test_time_passes_and_the_clock_is_right(boot, fast_kernel):
    probe = "date +%s; cat /proc/uptime; sleep 1; cat /proc/uptime"
    before = subprocess.run(["date", "+%s"], capture_output=True, check=True)
    text = boot(fast_kernel, shell(probe)).split("MiB of memory")[1]
    date, first, second = (line.split()[0] for line in text.splitlines()[1:4])
    assert 1.0 <= float(second) - float(first)
    # From the PL031: without it Linux would start in 1970.
    assert 0 <= int(date) - int(before.stdout) < 300


def test_work_on_every_cpu_at_once(boot, kernel):
    work = (
        "for n in 1 2 3 4 5 6; do (dd if=/dev/urandom of=/tmp/$n bs=64k count=8"
        " 2>/dev/null; gzip -c /tmp/$n | gunzip -c | cmp - /tmp/$n && echo same)"
        " & done; wait; ls /tmp | wc -l"
    )
    text = boot(kernel, shell(work), cpus=4)
    assert text.splitlines().count("same") == 6
    assert "6" in text.splitlines()
