# SPDX-License-Identifier: Apache-2.0
"""What a guest finds in the first 2 MiB of its memory."""

import struct
import time

import pytest

from apivm import COMMANDS
from linux import KERNELS, pack


@pytest.fixture
def boot(api, tmp_path):
    def go(kernel, cpus=1):
        initrd = pack(tmp_path / "rd", COMMANDS, kernel == KERNELS["debian"])
        api.boot(kernel, initrd, mem=256, cpus=cpus)
        return api

    return go


def node(vm, name, prop):
    """Big-endian words, or text."""
    path = f"/proc/device-tree/{name}/{prop}"
    if prop == "compatible":
        return vm.run(f"tr '\\0' '\\n' < {path}").split()
    words = vm.run(f"od -An -v -tx1 {path}").split()
    return struct.unpack(f">{len(words) // 4}I", bytes.fromhex("".join(words)))


@pytest.mark.contract(40)
def test_the_device_tree_has_both_generations(boot, fast_kernel):
    vm = boot(fast_kernel)
    vmgenid, vmclock = "vmgenid@801ffff0", "ptp@801fe000"
    assert node(vm, vmgenid, "compatible") == ["microsoft,vmgenid"]
    assert node(vm, vmgenid, "reg") == (0, 0x801FFFF0, 0, 16)
    assert node(vm, vmgenid, "interrupts") == (0, 4, 1)
    assert node(vm, vmclock, "compatible") == ["amazon,vmclock"]
    assert node(vm, vmclock, "reg") == (0, 0x801FE000, 0, 4096)
    assert node(vm, vmclock, "interrupts") == (0, 5, 1)
    ram = vm.run("grep 'System RAM' /proc/iomem | head -1")
    assert ram.strip().startswith("80200000-")


@pytest.mark.contract(40)
def test_the_vm_clock_is_there(boot):
    kernel = KERNELS["debian"]  # has /dev/mem
    if not kernel.is_file():
        pytest.skip(f"the debian kernel is not there: {kernel}")
    vm = boot(kernel)
    at = {n: int(vm.run(f"devmem {0x801FE000 + n}"), 16) for n in (0, 4, 8, 12, 24, 104)}
    assert at == {0: 0x4B4C4356, 4: 0x1000, 8: 1 | 255 << 16, 12: 0, 24: 0x300, 104: 0}


@pytest.mark.contract(40)
def test_time_that_is_stolen_is_accounted(boot, kernel):
    vm = boot(kernel, cpus=2)
    assert vm.run("dmesg | grep -c 'using stolen time PV'").strip() == "1"

    def steal():
        return [int(line.split()[8]) for line in
                vm.run("grep ^cpu[0-9] /proc/stat").splitlines()]

    before = steal()
    vm.send("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")
    vm.ok("PATCH", "/vm", {"state": "Paused"})
    vm.ok("PATCH", "/vm", {"state": "Resumed"})
    vm.expect_end()
    assert all(now >= then for now, then in zip(steal(), before, strict=True))


@pytest.mark.contract(40)
def test_a_pause_is_stolen_time(boot, fast_kernel):
    vm = boot(fast_kernel)
    steal = "awk '/^cpu0/ { print $9 }' /proc/stat"
    steal_now = f"$({steal})"
    before = int(vm.run(steal))
    # It has to be busy: time stolen from an idle CPU is idle time.
    vm.send(f"echo bu''sy; t=$(cut -d. -f1 /proc/uptime); "
            f"while [ $(({steal_now} - {before})) -lt 150 ] && "
            "[ $(cut -d. -f1 /proc/uptime) -lt $((t + 120)) ]; do :; done")
    vm.wait_for(lambda: "busy" in vm.text())
    vm.ok("PATCH", "/vm", {"state": "Paused"})
    time.sleep(2)
    vm.ok("PATCH", "/vm", {"state": "Resumed"})
    vm.expect_end()
    assert int(vm.run(steal)) - before >= 150  # of 1/100 s


@pytest.mark.contract(40)
def test_the_hosts_clock_is_a_ptp_device(boot, fast_kernel):
    if fast_kernel == KERNELS["debian"]:
        pytest.skip("the debian kernel has ptp_kvm as a module that is not packed")
    vm = boot(fast_kernel)
    name = vm.run("cat /sys/class/ptp/ptp0/clock_name").strip()
    assert name == "KVM virtual PTP"
