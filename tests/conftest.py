# SPDX-License-Identifier: Apache-2.0
"""Tells tools/run-tests.py what it must know of a test that failed, and counts
how much of Firecracker's contract the tests hold.

A failed test may run a second time by its name ("node"). It is firm, and may
not, when one of its processes crashed, or when it says so itself with
record_property("firm", WHY): what it saw must not happen even once. What runs
now is in a file of the folder SQUIB_TEST_RUNNING for each worker, and nothing
begins after SQUIB_TEST_UNTIL. A test that waited in vain for a process says what
that was doing.

A test that checks what one of upstream's own tests asserts says so with
@pytest.mark.contract(N, ...), N being rows of ROWS. `make contract` runs these
and prints a line for each row; a row without a test is shown as such.
"""

import collections
import os
import pathlib
import signal
import subprocess
import time

import pytest

# How a process says that it crashed: by a signal, by the exit code a shell
# makes of one, by squib's own for those it catches (main/fatal.h).
SIGNALS = [signal.SIGILL, signal.SIGTRAP, signal.SIGABRT, signal.SIGBUS,
           signal.SIGFPE, signal.SIGSEGV, signal.SIGSYS]
CRASHES = {-n for n in SIGNALS} | {128 + n for n in SIGNALS} | {148, 149, 150, 157}

# Upstream's tests that another implementation can be held to, without a jail
# and without x86: the file and the test, and what of it squib does not have
# yet. Numbers are for life.
ROWS = {
    1: ("test_api_server::api_socket_in_use", ""),
    2: ("test_api::api_put_update_pre_boot", ""),
    3: ("test_api::api_machine_config", ""),
    4: ("test_api::negative_machine_config_api", ""),
    5: ("test_api::net_api_put_update_pre_boot", ""),
    6: ("test_api::api_mmds_config", ""),
    7: ("test_api::rate_limiters_api_config", ""),
    8: ("test_api::api_patch_pre_boot", ""),
    9: ("test_api::negative_api_patch_post_boot", ""),
    10: ("test_api::api_put_update_post_boot", ""),
    11: ("test_api::drive_patch", ""),
    12: ("test_api::api_version", ""),
    13: ("test_api::api_vsock", ""),
    14: ("test_api::api_entropy, api_memory_hotplug", ""),
    15: ("test_api::api_balloon", ""),
    16: ("test_api::pmem_api, pmem_rate_limiter_api", ""),
    17: ("test_api::get_full_config", ""),
    18: ("test_api::negative_snapshot_load_api", ""),
    19: ("test_api::map_private_seccomp_regression", ""),
    20: ("test_cmd_line_start::config_start_*", ""),
    21: ("test_cmd_line_start::config_bad_machine_config", ""),
    22: ("test_cmd_line_start::config_start_with_limit", ""),
    23: ("test_cmd_line_start::start_with_metadata*", ""),
    24: ("test_cmd_line_start::config_start_and_mmds_with_api", ""),
    25: ("test_cmd_line_parameters::*", "no snapshots"),
    26: ("test_logging::*", ""),
    27: ("test_metrics::*", ""),
    28: ("test_mmds::*", ""),
    29: ("test_pause_resume::*", ""),
    30: ("test_signals::*", ""),
    31: ("test_shut_down::reboot", ""),
    32: ("test_snapshot_basic::*", "no snapshots"),
    33: ("test_uffd::*", "no snapshots"),
    34: ("test_vsock::*", ""),
    35: ("test_balloon::*", ""),
    36: ("test_hotplug::hotplug_no_pci", ""),
    37: ("test_hotplug::*", "no PCI"),
    38: ("test_kernel_cmdline::init_params", ""),
    39: ("test_max_devices (32 slots here)", ""),
    40: ("test_rtc, test_pvtime, test_vmclock, test_rng", ""),
    41: ("test_net, test_net_config_space", ""),
    42: ("test_drive_virtio::*", ""),
    43: ("test_pmem::*, test_topology", ""),
    44: ("test_serial_io::*", ""),
    46: ("test_swagger", ""),
}


def pytest_configure(config):
    config.addinivalue_line(
        "markers", "contract(rows): checks these rows of upstream's contract"
    )


def pytest_collection_modifyitems(items):
    for item in items:
        item.user_properties.append(("node", "tests/" + item.nodeid))
        for mark in item.iter_markers("contract"):
            for row in mark.args:
                assert row in ROWS, f"{item.nodeid}: there is no row {row}"
                item.user_properties.append(("contract", row))


class Child(subprocess.Popen):
    """Every process that a test starts is one of these."""

    of_this_test = []

    def __init__(self, *args, **options):
        Child.of_this_test.append(self)
        super().__init__(*args, **options)

    def has_crashed(self):
        return getattr(self, "returncode", None) in CRASHES

    def wait(self, timeout=None):
        return self._end(super().wait, timeout=timeout)

    def communicate(self, *args, **options):
        return self._end(super().communicate, *args, **options)

    def _end(self, how, *args, **options):
        try:
            return how(*args, **options)
        except subprocess.TimeoutExpired as late:
            said = (late.stdout or b"").decode(errors="replace")
            self.doing = "\n".join(said.splitlines()[-20:] + [self.state()])
            raise

    def what_of_it(self):
        """Of one that did not end in time, or has not yet."""
        return getattr(self, "doing", None) or (
            self.state() if getattr(self, "returncode", 0) is None else "")

    def state(self):
        """What its threads do: asleep or not, and how long they have run."""
        rows = [f"{self.pid}: {' '.join(map(str, self.args))[:200]}"
                if isinstance(self.args, list) else str(self.args)[:200]]
        for task in sorted(pathlib.Path(f"/proc/{self.pid}/task").glob("*"))[:40]:
            try:
                head, _, tail = (task / "stat").read_text().rpartition(")")
                fields = tail.split()
                where = (task / "wchan").read_text()
            except OSError:
                continue
            rows.append(f"  {head.partition('(')[2]:16} {fields[0]} user "
                        f"{fields[11]} system {fields[12]} {where}")
        return "\n".join(rows)


def pytest_sessionstart():
    subprocess.Popen = Child


def say_running(name):
    folder = os.environ.get("SQUIB_TEST_RUNNING")
    if folder and os.path.isdir(folder):
        worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
        pathlib.Path(folder, worker).write_text(name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    Child.of_this_test.clear()
    say_running(item.nodeid)
    if time.monotonic() > float(os.environ.get("SQUIB_TEST_UNTIL", "inf")):
        item.add_marker(pytest.mark.skip(reason=os.environ["SQUIB_TEST_TOO_LATE"]))
    yield
    say_running("")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    if call.excinfo:
        for child in filter(Child.has_crashed, Child.of_this_test):
            item.user_properties.append(
                ("firm", f"exit code {child.returncode}: {child.args}"))
    outcome = yield
    said = [child.what_of_it() for child in Child.of_this_test]
    longrepr = outcome.get_result().longrepr
    if call.excinfo and any(said) and hasattr(longrepr, "addsection"):
        longrepr.addsection("processes", "\n".join(filter(None, said)), "-")


def pytest_terminal_summary(terminalreporter, config):
    if config.option.markexpr != "contract":
        return
    counts = collections.Counter()
    for how in ("passed", "failed", "error"):
        for report in terminalreporter.getreports(how):
            for name, row in getattr(report, "user_properties", ()):
                if name == "contract" and (report.when == "call" or how != "passed"):
                    counts[row, how == "passed"] += 1
    if not counts:
        return
    terminalreporter.section("contract")
    for row, (upstream, lacks) in ROWS.items():
        passed, failed = counts[row, True], counts[row, False]
        if passed or failed:
            what = f"{passed:4} passed" + (f", {failed} FAILED" if failed else "")
        else:
            what = lacks or "no test"
        terminalreporter.write_line(f"{row:3}  {upstream:48} {what}")
    held = sum(1 for row in ROWS if counts[row, True] and not counts[row, False])
    cases = sum(n for (_, good), n in counts.items() if good)
    terminalreporter.write_line(
        f"{held} of {len(ROWS)} rows of the contract hold, by {cases} cases"
    )
