# SPDX-License-Identifier: Apache-2.0
"""Guests that rest, that die, and that are told to go."""

import signal
import struct
import time

import pytest


def share_of_a_core(vm):
    before = vm.cpu_seconds()
    time.sleep(5)
    return (vm.cpu_seconds() - before) / 5


def test_an_idle_guest_costs_next_to_nothing(start, kernel):
    vm = start(kernel, "squib.idle", cpus=2)
    vm.expect("squib-guest: idle")
    # Linux tidies up after its boot, and others may disturb.
    assert any(share_of_a_core(vm) < 0.03 for _ in range(20))
    vm.signal(signal.SIGTERM)
    assert vm.wait() == (-signal.SIGTERM, "")


def endless_sleep():
    """A kernel that does nothing: a boot header, then WFI for ever."""
    skip = 0x1400_0010  # to behind the header
    head = [skip, 0, 0, 0x1000, 0xA, 0, 0, 0, 0x644D_5241, 0]
    return struct.pack("<IIQQQQQQII", *head) + struct.pack(
        "<II", 0xD503_207F, 0x17FF_FFFF
    )


def test_memory_costs_nothing_until_it_is_touched(start, tmp_path):
    path = tmp_path / "Image"
    path.write_bytes(endless_sleep())
    vm = start(path, mem=65536, initrd=None, cpus=32)
    time.sleep(1)
    assert vm.process.poll() is None
    assert vm.resident_mib() < 200
    assert any(share_of_a_core(vm) < 0.03 for _ in range(20))
    vm.signal(signal.SIGTERM)
    assert vm.wait()[0] == -signal.SIGTERM


def test_a_large_guest_boots_in_what_linux_touches(start, fast_kernel):
    vm = start(fast_kernel, "squib.idle", mem=8192)
    vm.expect("squib-guest: idle")
    assert vm.resident_mib() < 1024


# ---- panics ----


def end_of_panic(vm, text):
    code, err = vm.wait()
    assert (code, err) == (0, ""), vm.text()
    assert text in vm.text()


def test_a_panic_reboots_and_that_is_an_end(start, fast_kernel):
    vm = start(fast_kernel, "rdinit=/nowhere", "root=/dev/none")
    end_of_panic(vm, "Kernel panic - not syncing")


def test_a_kernel_without_a_root_panics_well(start, fast_kernel):
    vm = start(fast_kernel, initrd=None)
    end_of_panic(vm, "VFS: Unable to mount root fs")


def test_an_oops_in_the_middle_of_life(start, kernel):
    command = 'squib.test squib.cmd="echo 1 >/proc/sys/kernel/sysrq; '
    command += 'echo c >/proc/sysrq-trigger"'
    vm = start(kernel, command, cpus=2)
    end_of_panic(vm, "Kernel panic - not syncing: sysrq triggered crash")


def test_a_guest_that_stays_in_its_panic_can_be_ended(start, fast_kernel):
    vm = start(fast_kernel, "panic=0", initrd=None, cpus=2)
    vm.expect("end Kernel panic")
    vm.signal(signal.SIGTERM)
    assert vm.wait() == (-signal.SIGTERM, "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_boot_at_any_time(start, kernel, number):
    for words in ("Booting Linux", "smp: Brought up", "Freeing unused kernel"):
        vm = start(kernel, "squib.idle", cpus=4)
        vm.expect(words)
        vm.signal(number)
        assert vm.wait()[0] == -number
