# SPDX-License-Identifier: Apache-2.0
"""Memory that the guest is given while it runs, and that it gives back."""

import hashlib
import os
import re
import time

import pytest

from apivm import COMMANDS, settle
from linux import KERNELS, pack

# Linux uses what is plugged, and keeps out of it what cannot be moved away.
ONLINE = "memhp_default_state=online_movable"

# Touches so many MiB, and frees them again.
TOUCH = (
    "mkdir -p /m; mount -t tmpfs -o size=100% m /m;"
    " dd if=/dev/zero of=/m/f bs=1M count={} 2>/dev/null; code=$?;"
    " umount /m; [ $code = 0 ]"
)


@pytest.fixture
def boot(api, fast_kernel, tmp_path):
    """Boots a guest of 192 MiB with such hotpluggable memory."""

    def go(kernel=fast_kernel, cpus=1, drive=None, **given):
        initrd = pack(tmp_path / "rd", COMMANDS, kernel == KERNELS["debian"])
        api.ok("PUT", "/hotplug/memory", given)
        api.ok("PUT", "/metrics", {"metrics_path": str(tmp_path / "metrics")})
        if drive:
            api.ok("PUT", "/drives/d", {"drive_id": "d", "path_on_host": str(drive),
                                        "is_root_device": False, "io_engine": "Async"})
        api.boot(kernel, initrd, mem=192, cpus=cpus, words=ONLINE)
        api.expect("squib-ready")
        return api

    return go


def total_mib(vm):
    said = vm.run("grep MemTotal /proc/meminfo")  # the kernel may say more
    return int(re.search(r"MemTotal: *(\d+) kB", said)[1]) >> 10


def request(vm, mib):
    vm.ok("PATCH", "/hotplug/memory", {"requested_size_mib": mib})


def plugged(vm):
    return vm.ok("GET", "/hotplug/memory")["plugged_size_mib"]


@pytest.mark.contract(14)
def test_memory_comes_and_goes(boot, kernel):
    vm = boot(kernel=kernel, total_size_mib=1024)
    assert vm.ok("GET", "/hotplug/memory") == {
        "block_size_mib": 2, "total_size_mib": 1024, "slot_size_mib": 128,
        "plugged_size_mib": 0, "requested_size_mib": 0}
    before = total_mib(vm)
    request(vm, 512)
    settle(vm, lambda: plugged(vm) == 512)
    settle(vm, lambda: total_mib(vm) == before + 512)
    assert vm.resident_mib() < 300
    vm.run(TOUCH.format(400))
    high = vm.resident_mib()
    assert high > 400
    request(vm, 128)
    settle(vm, lambda: plugged(vm) == 128)
    settle(vm, lambda: total_mib(vm) == before + 128)
    request(vm, 0)
    settle(vm, lambda: plugged(vm) == 0)
    settle(vm, lambda: total_mib(vm) == before)
    settle(vm, lambda: vm.resident_mib() < high - 300)
    assert vm.ok("GET", "/hotplug/memory")["requested_size_mib"] == 0
    request(vm, 1024)
    settle(vm, lambda: total_mib(vm) == before + 1024)
    vm.run(TOUCH.format(600))


def test_it_is_counted(boot, tmp_path):
    vm = boot(total_size_mib=256, block_size_mib=4)
    request(vm, 128)
    settle(vm, lambda: plugged(vm) == 128)
    request(vm, 0)
    settle(vm, lambda: plugged(vm) == 0)
    vm.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
    text = (tmp_path / "metrics").read_text()
    got = {name: sum(int(n) for n in re.findall(rf'"{name}":(\d+)', text))
           for name in ("plug_count", "plug_bytes", "unplug_bytes", "plug_fails",
                        "unplug_fails", "unplug_discard_fails")}
    assert got["plug_count"] > 0
    assert got["plug_bytes"] == got["unplug_bytes"] == 128 << 20
    assert got["plug_fails"] == got["unplug_fails"] == got["unplug_discard_fails"] == 0


def test_devices_reach_what_was_plugged(boot, tmp_path):
    """More than the guest had is read from a disk, past its page cache."""
    disk = tmp_path / "disk"
    data = os.urandom(1 << 20) * 220
    disk.write_bytes(data)
    vm = boot(total_size_mib=512, drive=disk, cpus=2)
    request(vm, 512)
    settle(vm, lambda: plugged(vm) == 512)
    vm.run("mkdir /m; mount -t tmpfs -o size=100% m /m")
    vm.run("dd if=/dev/vda of=/m/all bs=1M iflag=direct 2>/dev/null")
    assert hashlib.sha256(data).hexdigest() in vm.run("sha256sum /m/all")
    vm.run("dd if=/m/all of=/dev/vda bs=1M oflag=direct conv=fsync 2>/dev/null")
    assert disk.read_bytes() == data


def test_it_comes_and_goes_under_running_programs(boot):
    """Three times, while two CPUs fill and check what there is."""
    vm = boot(total_size_mib=256, cpus=2)
    for n in (1, 2):
        vm.run(f"mkdir /m{n}; mount -t tmpfs -o size=100% m /m{n}")
        vm.run(f"""(while :; do dd if=/dev/urandom of=/m{n}/a bs=1M count=8;
            cp /m{n}/a /m{n}/b; cmp /m{n}/a /m{n}/b || echo BROKEN >> /bad;
            rm /m{n}/?; done >/dev/null 2>&1 &)""".replace("\n", " "))
    for _ in range(3):
        request(vm, 256)
        settle(vm, lambda: plugged(vm) == 256)
        request(vm, 0)
        settle(vm, lambda: plugged(vm) < 64)
    vm.run("[ ! -e /bad ]")


@pytest.mark.contract(14)
def test_sizes_that_cannot_be_are_refused(boot):
    vm = boot(total_size_mib=256, block_size_mib=8)
    for size in (4, 257, 264, 2**32 - 1):
        assert vm.fault(
            "PATCH", "/hotplug/memory", {"requested_size_mib": size}
        ).startswith(
            f"Memory hotplug update error: Size {size << 20} is invalid: it must be a "
            "multiple of block size and less than the total size"
        )
    request(vm, 256)
    settle(vm, lambda: plugged(vm) == 256)


def test_a_guest_without_a_driver_may_be_asked_in_vain(boot):
    """Until its driver comes, which finds what was asked for."""
    vm = boot(total_size_mib=256)
    vm.run("echo virtio0 > /sys/bus/virtio/drivers/virtio_mem/unbind")
    request(vm, 128)
    time.sleep(0.5)
    assert plugged(vm) == 0
    vm.run("echo virtio0 > /sys/bus/virtio/drivers/virtio_mem/bind")
    settle(vm, lambda: plugged(vm) == 128)


def test_from_the_command_line(run, fast_kernel):
    text = run(
        fast_kernel,
        """
        n=0
        while [ $(awk '/^MemTotal/ { print int($2 / 1024) }' /proc/meminfo) -lt 400 ]
        do
            sleep 0.1
        done
        cat /proc/iomem | grep virtio_mem
        """,
        *["--mem", "192M", "--hotplug-mem", "1G,now=256M"],
    )
    assert "8000000000-800fffffff : System RAM (virtio_mem)" in text
