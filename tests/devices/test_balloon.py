# SPDX-License-Identifier: Apache-2.0
"""The balloon: memory goes back to the host, and comes again."""

import time

import pytest

from apivm import COMMANDS, settle
from linux import KERNELS, pack

# Touches so many MiB, and frees them again.
TOUCH = (
    "mkdir -p /m; mount -t tmpfs -o size=100% m /m;"
    " dd if=/dev/zero of=/m/f bs=1M count={} 2>/dev/null; code=$?;"
    " umount /m; [ $code = 0 ]"
)


@pytest.fixture
def boot(api, fast_kernel, tmp_path):
    """Boots a guest with such a balloon, which then takes commands."""

    def go(kernel=fast_kernel, mem=256, cpus=1, **balloon):
        initrd = pack(tmp_path / "rd", COMMANDS, kernel == KERNELS["debian"])
        given = {"amount_mib": 0, "deflate_on_oom": False, **balloon}
        api.ok("PUT", "/machine-config", {"vcpu_count": cpus, "mem_size_mib": mem})
        api.ok("PUT", "/balloon", given)
        api.ok("PUT", "/metrics", {"metrics_path": str(tmp_path / "metrics")})
        api.boot(kernel, initrd)
        api.expect("squib-ready")
        return api

    return go


def total_kib(vm):
    return int(vm.run("awk '/^MemTotal/ { print $2 }' /proc/meminfo"))


@pytest.mark.contract(35)
def test_what_is_inflated_leaves_the_host(boot, kernel):
    vm = boot(kernel=kernel)
    vm.run(TOUCH.format(140))
    before, memory = vm.resident_mib(), total_kib(vm)
    assert before > 140
    vm.ok("PATCH", "/balloon", {"amount_mib": 128})
    settle(vm, lambda: memory - total_kib(vm) == 128 << 10)
    settle(vm, lambda: before - vm.resident_mib() > 100)
    vm.ok("PATCH", "/balloon", {"amount_mib": 0})
    settle(vm, lambda: total_kib(vm) == memory)
    vm.run(TOUCH.format(140))
    assert vm.resident_mib() > before - 40
    assert vm.ok("GET", "/balloon")["amount_mib"] == 0


def test_a_balloon_can_be_full_from_the_beginning(boot, tmp_path):
    vm = boot(amount_mib=64)
    settle(vm, lambda: total_kib(vm) < (256 - 64) << 10)
    counts = vm.metrics(tmp_path / "metrics", "balloon")
    assert counts["inflate_count"] > 0
    assert counts["event_fails"] == counts["deflate_count"] == 0


@pytest.mark.contract(35)
@pytest.mark.parametrize("deflates", [True, False])
def test_deflate_on_oom_saves_the_guest(boot, deflates):
    vm = boot(deflate_on_oom=deflates, stats_polling_interval_s=1)
    vm.ok("PATCH", "/balloon", {"amount_mib": 100})

    def stats():
        return vm.ok("GET", "/balloon/statistics")

    settle(vm, lambda: stats()["actual_mib"] == 100)
    want = (int(vm.run("awk '/^MemFree/ { print $2 }' /proc/meminfo")) >> 10) + 40
    if deflates:
        vm.run(TOUCH.format(want))
        assert "Out of memory" not in vm.text()
        assert stats()["target_mib"] == 100
    else:
        vm.send(TOUCH.format(want))
        vm.wait_for(lambda: "Out of memory" in vm.text())


STATS = {
    "swap_in", "swap_out", "major_faults", "minor_faults", "free_memory",
    "total_memory", "available_memory", "disk_caches", "hugetlb_allocations",
    "hugetlb_failures",
}  # fmt: skip


@pytest.mark.contract(15, 35)
def test_the_guest_reports_its_memory(boot):
    vm = boot(stats_polling_interval_s=1)
    vm.run("true")
    settle(vm, lambda: "free_memory" in vm.ok("GET", "/balloon/statistics"))
    first = vm.ok("GET", "/balloon/statistics")
    assert set(first) >= STATS | {
        "target_pages", "actual_pages", "target_mib", "actual_mib"}
    assert 200 << 20 < first["total_memory"] < 256 << 20
    assert first["free_memory"] < first["total_memory"]
    vm.run("mkdir -p /m; mount -t tmpfs m /m; dd if=/dev/zero of=/m/f bs=1M count=64")
    settle(vm, lambda: vm.ok("GET", "/balloon/statistics")["free_memory"]
           < first["free_memory"] - (50 << 20))
    then = vm.ok("GET", "/balloon/statistics")
    assert then["minor_faults"] >= first["minor_faults"]
    vm.ok("PATCH", "/balloon/statistics", {"stats_polling_interval_s": 60})
    assert vm.ok("GET", "/balloon")["stats_polling_interval_s"] == 60
    assert vm.ok("GET", "/vm/config")["balloon"]["stats_polling_interval_s"] == 60
    assert "Statistics cannot be enabled/disabled after activation." in vm.fault(
        "PATCH", "/balloon/statistics", {"stats_polling_interval_s": 0})
    vm.ok("PATCH", "/balloon", {"amount_mib": 32})
    settle(vm, lambda: vm.ok("GET", "/balloon/statistics")["actual_mib"] == 32)
    assert vm.ok("GET", "/balloon/statistics")["target_pages"] == 32 * 256


@pytest.mark.contract(15)
def test_what_was_not_asked_for_is_refused(boot):
    vm = boot()
    assert "Received stats query when stats are disabled." in vm.fault(
        "GET", "/balloon/statistics")
    assert "Statistics cannot be enabled/disabled after activation." in vm.fault(
        "PATCH", "/balloon/statistics", {"stats_polling_interval_s": 1})
    vm.ok("PATCH", "/balloon/statistics", {"stats_polling_interval_s": 0})
    for method, url in (("PATCH", "start"), ("PATCH", "stop"), ("GET", "status")):
        assert "Attempting to use hinting when not enabled" in vm.fault(
            method, f"/balloon/hinting/{url}")
    for size in (257, 33554432, 2**32 - 1):
        assert "Balloon update error: Amount of pages requested is too large." == (
            vm.fault("PATCH", "/balloon", {"amount_mib": size}))
    assert vm.ok("GET", "/balloon")["amount_mib"] == 0


def test_a_driver_that_does_not_run_is_told_nothing(api, fast_kernel, tmp_path):
    initrd = pack(tmp_path / "rd", COMMANDS, False)
    api.ok("PUT", "/balloon", {"amount_mib": 0, "deflate_on_oom": False})
    api.boot(fast_kernel, initrd, words="initcall_blacklist=virtio_balloon_driver_init")
    api.expect("squib-ready")
    assert "Balloon update error: Device not activated yet." == api.fault(
        "PATCH", "/balloon", {"amount_mib": 1})


@pytest.mark.contract(35)
def test_free_pages_are_reported(boot, tmp_path):
    vm = boot(free_page_reporting=True)
    vm.run(TOUCH.format(140))
    high = vm.resident_mib()
    settle(vm, lambda: high - vm.resident_mib() > 100)
    vm.run(TOUCH.format(140))  # and can be used again
    counts = vm.metrics(tmp_path / "metrics", "balloon")
    assert counts["free_page_report_freed"] > 100 << 20
    assert counts["free_page_report_count"] > 0
    assert counts["free_page_report_fails"] == 0


@pytest.mark.contract(35)
def test_free_pages_are_hinted_at_when_asked(boot, tmp_path):
    vm = boot(free_page_hinting=True)
    assert vm.ok("GET", "/balloon/hinting/status") == {"host_cmd": 0, "guest_cmd": None}
    vm.run(TOUCH.format(140))
    before = vm.resident_mib()
    for run in (2, 3):
        vm.ok("PATCH", "/balloon/hinting/start")
        settle(vm, lambda: vm.ok("GET", "/balloon/hinting/status")
               == {"host_cmd": 1, "guest_cmd": 0})
        assert before - vm.resident_mib() > 50, run
        vm.run(TOUCH.format(140))
    counts = vm.metrics(tmp_path / "metrics", "balloon")
    assert counts["free_page_hint_freed"] > 200 << 20
    assert counts["free_page_hint_fails"] == 0
    # A run that is not acknowledged keeps the pages until it is stopped.
    freed = counts["free_page_hint_freed"]
    vm.ok("PATCH", "/balloon/hinting/start", {"acknowledge_on_stop": False})
    settle(vm, lambda: vm.metrics(tmp_path / "metrics", "balloon")
           ["free_page_hint_freed"] > freed)
    settle(vm, lambda: vm.ok("GET", "/balloon/hinting/status")
           == {"host_cmd": 4, "guest_cmd": 0})
    vm.ok("PATCH", "/balloon/hinting/stop")
    assert vm.ok("GET", "/balloon/hinting/status")["host_cmd"] == 1
    vm.run(TOUCH.format(140))


def test_a_run_of_hints_ends_with_a_pause(boot):
    vm = boot(free_page_hinting=True)
    vm.ok("PATCH", "/balloon/hinting/start", {"acknowledge_on_stop": False})
    settle(vm, lambda: vm.ok("GET", "/balloon/hinting/status")["guest_cmd"] == 0)
    vm.ok("PATCH", "/vm", {"state": "Paused"})
    assert vm.ok("GET", "/balloon/hinting/status")["host_cmd"] == 2
    vm.ok("PATCH", "/vm", {"state": "Resumed"})
    settle(vm, lambda: vm.ok("GET", "/balloon/hinting/status")["host_cmd"] == 1)


def test_statistics_rest_while_the_vm_is_paused(boot, tmp_path):
    vm = boot(stats_polling_interval_s=1)
    settle(vm, lambda: "free_memory" in vm.ok("GET", "/balloon/statistics"))
    vm.ok("PATCH", "/vm", {"state": "Paused"})
    before = vm.metrics(tmp_path / "metrics", "balloon")["stats_updates_count"]
    time.sleep(1.5)
    count = vm.metrics(tmp_path / "metrics", "balloon")["stats_updates_count"]
    assert count == before
    vm.ok("PATCH", "/vm", {"state": "Resumed"})
    settle(vm, lambda: vm.metrics(tmp_path / "metrics", "balloon")
           ["stats_updates_count"] > before)


@pytest.mark.contract(35)
def test_the_driver_can_be_unbound_and_bound_again(boot):
    vm = boot(stats_polling_interval_s=1)
    vm.ok("PATCH", "/balloon", {"amount_mib": 40})
    settle(vm, lambda: vm.ok("GET", "/balloon/statistics")["actual_mib"] == 40)
    driver = "/sys/bus/virtio/drivers/virtio_balloon"
    vm.run(f"echo virtio0 > {driver}/unbind")
    assert vm.ok("GET", "/balloon/statistics")["actual_mib"] == 0
    assert vm.fault("PATCH", "/balloon", {"amount_mib": 1}).endswith(
        "Device not activated yet.")
    vm.run(f"echo virtio0 > {driver}/bind")
    settle(vm, lambda: vm.ok("GET", "/balloon/statistics")["actual_mib"] == 40)


def test_run_takes_a_balloon(run, fast_kernel):
    script = """
        while [ $(free -m | awk '/Mem:/ { print $2 }') -gt 192 ]; do sleep 0.1; done
        free -m
    """
    text = run(fast_kernel, script, "--balloon", "64M,reporting")
    total = int(text.split("Mem:")[1].split()[0])
    assert 256 - 64 - 40 < total <= 256 - 64


@pytest.mark.parametrize(
    "given, said",
    [
        ("x", "is not a size"),
        ("64,warm", "is no option of a balloon: try deflate-on-oom or reporting"),
        ("999", "--balloon: 999 MiB cannot be taken from a guest of 256"),
    ],
)
def test_what_run_cannot_do_it_says(start, fast_kernel, given, said):
    code, err = start(fast_kernel, "true", "--balloon", given).wait()
    assert code != 0 and said in err, err
