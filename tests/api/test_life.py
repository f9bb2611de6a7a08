# SPDX-License-Identifier: Apache-2.0
"""A microVM's life through the API: start, pause, metrics, log, end."""

import json
import os
import re
import resource
import signal
import time

import pytest

import guests


def metrics_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def total(vmm, path, group):
    """A group's counters, from the beginning until now."""
    vmm.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
    lines = [line[group] for line in metrics_of(path)]
    return {name: sum(line[name] for line in lines) for name in lines[0]}


def rests(path):
    log = path.read_bytes()
    time.sleep(0.3)
    return path.read_bytes() == log


@pytest.mark.contract(29)
def test_pause_and_resume(vmm):
    tick = [*guests.say("."), guests.movz(2, 0x40, 1),
            0xF1000442, 0x54FFFFE1]  # subs x2, x2, #1; b.ne
    vmm.boot(guests.uart(), tick, guests.branch(-len(tick)))
    vmm.wait_for(lambda: "..." in vmm.log())
    for _ in range(2):
        vmm.ok("PATCH", "/vm", {"state": "Paused"})
        assert vmm.get("/").json["state"] == "Paused"
    vmm.wait_for(lambda: rests(vmm.folder / "out"))  # what was said is on its way
    for _ in range(2):
        vmm.ok("PATCH", "/vm", {"state": "Resumed"})
        assert vmm.get("/").json["state"] == "Running"
    vmm.wait_for(lambda: vmm.log().rstrip().endswith("..."))
    assert re.search(r"'pause vm' API request took \d+ us\.", vmm.log())
    assert re.search(r"'resume vm' VMM action took \d+ us\.", vmm.log())


@pytest.mark.parametrize("function", [guests.SYSTEM_OFF, guests.SYSTEM_RESET])
@pytest.mark.contract(31)
def test_the_guest_ends_it(spawn, tmp_path, function):
    path = tmp_path / "metrics"
    vmm = spawn("--metrics-path", path)
    vmm.boot(guests.psci(function))
    assert vmm.process.wait(guests.PATIENCE_S) == 0
    assert "Firecracker exiting successfully. exit_code=0" in vmm.log()
    assert len(metrics_of(path)) == 2, "one at the start, one at the end"


@pytest.mark.contract(27)
def test_metrics(vmm, tmp_path):
    path = tmp_path / "metrics"
    body = {"metrics_path": str(path), "emit_id": True, "properties": {"a": "b"}}
    vmm.put("/metrics", json.dumps(body))
    assert vmm.put("/metrics", {"metrics_path": str(path)}).fault == (
        "Metrics error: Cannot initialize the metrics system due to bad user input: "
        "Reinitialization of metrics not allowed.")
    vmm.get("/")
    vmm.put("/drives/a", "bad")
    vmm.boot()
    first = metrics_of(path)[0]
    assert abs(first["utc_timestamp_ms"] - time.time() * 1000) < 600_000
    assert first["id"] == "anonymous-instance" and first["properties"] == {"a": "b"}
    assert first["get_api_requests"]["instance_info_count"] == 1
    assert first["put_api_requests"]["metrics_count"] == 2
    assert first["put_api_requests"]["drive_count"] == 1
    assert first["put_api_requests"]["drive_fails"] == 1
    assert first["put_api_requests"]["actions_count"] == 1
    vmm.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
    second = metrics_of(path)[1]
    assert second["put_api_requests"]["actions_count"] == 1, "counters are differences"
    assert second["put_api_requests"]["drive_count"] == 0
    assert list(first) == [
        "utc_timestamp_ms", "id", "properties", "api_server", "balloon", "block",
        "deprecated_api", "get_api_requests", "i8042", "rtc", "uart", "latencies_us", "logger",
        "mmds", "net", "patch_api_requests", "put_api_requests", "seccomp", "vcpu", "vmm",
        "signals", "vsock", "entropy", "pmem", "interrupts", "memory_hotplug"]
    assert set(first["block"]["read_agg"]) == {"min_us", "max_us", "sum_us"}


@pytest.mark.contract(27)
def test_a_pipe_that_is_full_gets_whole_lines(vmm, tmp_path):
    path = tmp_path / "metrics"
    os.mkfifo(path)
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    vmm.ok("PUT", "/metrics", {"metrics_path": str(path)})
    vmm.boot()

    def flush():
        vmm.get("/")
        vmm.ok("PUT", "/actions", {"action_type": "FlushMetrics"})

    def drain():
        got = b""
        while True:
            try:
                got += os.read(pipe, 1 << 20)
            except BlockingIOError:
                return got

    for _ in range(40):  # more than a pipe holds
        flush()
    text = drain()
    assert text
    flush()
    lines = [json.loads(line) for line in (text + drain()).splitlines()]
    os.close(pipe)
    assert sum(line["get_api_requests"]["instance_info_count"] for line in lines) == 41
    assert sum(line["logger"]["missed_metrics_count"] for line in lines) == 42 - len(lines)


@pytest.mark.contract(25, 27)
def test_metrics_by_flag(spawn, tmp_path):
    path = tmp_path / "metrics"
    vmm = spawn("--metrics-path", path, "--start-time-us", 1, "--start-time-cpu-us", 1)
    assert vmm.put("/metrics", {"metrics_path": "x"}).status == 400
    vmm.boot()
    line = metrics_of(path)[0]
    assert "id" not in line and "properties" not in line
    assert line["api_server"]["process_startup_time_us"] > 0
    assert line["api_server"]["process_startup_time_cpu_us"] > 0


@pytest.mark.contract(26)
def test_the_log_of_requests(spawn):
    vmm = spawn("--level", "Debug", "--show-level", "--show-log-origin")
    vmm.put("/machine-config", '{"vcpu_count": 0}')
    vmm.put("/mmds", {"secret": 1})
    vmm.get("/version")
    log = vmm.log()
    assert ('The API server received a Put request on "/machine-config" with body '
            '"{\\"vcpu_count\\": 0}".') in log
    assert 'The API server received a Put request on "/mmds".' in log
    assert "secret" not in log
    assert 'The API server received a Get request on "/version".' in log
    assert "The request was executed successfully. Status code: 204 No Content." in log
    assert "The request was executed successfully. Status code: 200 OK." in log
    assert "Received Error. Status code: 400 Bad Request. Message: An error occurred" in log
    assert re.search(r"Total previous API call duration: \d+ us\.", log)
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9} \[anonymous-instance:fc_api:DEBUG:src/.*:\d+\] "
    assert re.search(line, log)


def test_a_long_request_is_in_the_log(vmm):
    path = "/" + "x" * 50_000
    vmm.put("/boot-source", {"kernel_image_path": path})
    line = next(line for line in vmm.log().splitlines() if path in line)
    assert line.endswith(f'with body "{{\\"kernel_image_path\\": \\"{path}\\"}}".')


@pytest.mark.contract(26)
def test_the_logger_can_be_moved(spawn, tmp_path):
    vmm = spawn()
    path = tmp_path / "log"
    vmm.ok("PUT", "/logger", {"log_path": str(path), "level": "Debug", "show_level": True})
    vmm.get("/version")
    assert "[anonymous-instance:fc_api:INFO]" in path.read_text()
    assert "Total previous" in path.read_text()
    vmm.ok("PUT", "/logger", {})
    size = path.stat().st_size
    vmm.get("/version")
    assert path.stat().st_size > size, "it stays where it was"
    assert "Total previous" not in path.read_text()[size + 200:], "and is Info again"
    assert vmm.put("/logger", {"log_path": "/nowhere/x"}).fault.startswith("Logger error: ")


@pytest.mark.contract(44)
def test_the_serial_console_can_be_a_file(vmm, tmp_path):
    path = tmp_path / "serial"
    vmm.ok("PUT", "/serial", {"serial_out_path": str(path)})
    vmm.boot()
    vmm.wait_for(lambda: path.exists() and path.read_text() == "up\n")
    assert "up\n" not in vmm.log()


@pytest.mark.contract(44)
def test_the_serial_console_can_be_limited(vmm, tmp_path):
    path, metrics = tmp_path / "serial", tmp_path / "metrics"
    limit = {"size": 1000, "one_time_burst": 500, "refill_time": 3_600_000}
    vmm.ok("PUT", "/serial", {"serial_out_path": str(path), "rate_limiter": limit})
    vmm.ok("PUT", "/metrics", {"metrics_path": str(metrics)})
    vmm.boot(guests.uart(), guests.say("."), guests.branch(-2))
    vmm.wait_for(lambda: total(vmm, metrics, "uart")["rate_limiter_dropped_bytes"] > 1000)
    vmm.wait_for(lambda: path.stat().st_size >= 1500)  # by another thread
    assert path.read_text() == "." * path.stat().st_size
    assert path.stat().st_size <= 1510
    uart = total(vmm, metrics, "uart")
    assert 1500 <= uart["write_count"] <= 1510
    assert uart["missed_write_count"] == 0


def test_what_a_guest_misses_is_counted(vmm, tmp_path):
    metrics = tmp_path / "metrics"
    vmm.ok("PUT", "/metrics", {"metrics_path": str(metrics)})
    vmm.boot(guests.uart(), guests.mov(8, 0x4000_1000), guests.ldr(1, 8, 0x20),
             guests.str_(1, 8, 0), guests.ldr(1, 9, 0x50), guests.say("~~"),
             guests.WFI, guests.branch(-1))
    vmm.wait_for(lambda: "~~" in vmm.log())
    assert total(vmm, metrics, "rtc") == {
        "error_count": 2, "missed_read_count": 1, "missed_write_count": 1}
    uart = total(vmm, metrics, "uart")
    assert uart["missed_read_count"] == 1
    assert uart["write_count"] == uart["flush_count"] == 2


@pytest.mark.contract(20)
def test_a_config_file_and_the_api(spawn, tmp_path):
    kernel = tmp_path / "Image"
    kernel.write_bytes(guests.image(guests.uart(), guests.say("hi"), guests.WFI, guests.branch(-1)))
    config = {"boot-source": {"kernel_image_path": str(kernel)}, "drives": [],
              "machine-config": {"vcpu_count": 2, "mem_size_mib": 64}}
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(config))
    metadata = tmp_path / "metadata"
    metadata.write_text('{"a": 1}')
    vmm = spawn("--config-file", path, "--metadata", metadata)
    assert vmm.get("/").json["state"] == "Running", "requests wait until it is"
    assert vmm.get("/machine-config").json["vcpu_count"] == 2
    log = vmm.log()
    assert "Successfully started microvm that was configured from one single json" in log
    assert "Successfully added metadata to mmds from file" in log


@pytest.mark.contract(23)
def test_metadata(spawn, tmp_path):
    path = tmp_path / "metadata"
    path.write_text('{"a": {"b": 1}}')
    assert spawn("--metadata", path).get("/mmds").json == {"a": {"b": 1}}
    vmm = spawn("--metadata", path, "--mmds-size-limit", 5)
    assert vmm.process.wait(guests.PATIENCE_S) == 1
    assert ("Populating MMDS from file failed: The MMDS patch request doesn't fit." in vmm.log())
    path.write_text("{")
    vmm = spawn("--metadata", path)
    assert vmm.process.wait(guests.PATIENCE_S) != 0
    assert "MMDS error: metadata provided not valid json" in vmm.log()
    assert "EOF while parsing an object" in vmm.log()


@pytest.mark.parametrize(
    "number, code, metric",
    [
        (signal.SIGBUS, 149, "sigbus"),
        (signal.SIGSEGV, 150, "sigsegv"),
        (signal.SIGXFSZ, 151, "sigxfsz"),
        (signal.SIGXCPU, 154, "sigxcpu"),
        (signal.SIGHUP, 156, "sighup"),
        (signal.SIGILL, 157, "sigill"),
    ],
)
@pytest.mark.contract(30)
def test_fatal_signals(spawn, tmp_path, number, code, metric):
    path = tmp_path / "metrics"
    vmm = spawn("--metrics-path", path)
    vmm.boot()
    vmm.process.send_signal(number)
    assert vmm.process.wait(guests.PATIENCE_S) == code
    assert f"Shutting down VM after intercepting signal {int(number)}, code" in vmm.log()
    assert metrics_of(path)[-1]["signals"][metric] == 1


def test_a_panic_is_counted(spawn, tmp_path):
    path = tmp_path / "metrics"
    vmm = spawn("--metrics-path", path)
    vmm.boot()
    vmm.process.send_signal(signal.SIGABRT)
    assert vmm.process.wait(guests.PATIENCE_S) == -signal.SIGABRT
    assert metrics_of(path)[-1]["vmm"]["panic_count"] == 1


@pytest.mark.contract(30)
def test_sigpipe_is_survived(spawn, tmp_path):
    path = tmp_path / "metrics"
    vmm = spawn("--metrics-path", path)
    vmm.boot()
    vmm.process.send_signal(signal.SIGPIPE)
    vmm.wait_for(lambda: "Received signal 13, code" in vmm.log())
    vmm.ok("PUT", "/actions", {"action_type": "FlushMetrics"})
    assert metrics_of(path)[-1]["signals"]["sigpipe"] == 1


@pytest.mark.contract(11)
def test_a_drive_is_changed_while_it_runs(vmm, tmp_path):
    disk, other = tmp_path / "disk", tmp_path / "other"
    disk.write_bytes(b"\0" * 4096)
    other.write_bytes(b"\0" * 8192)
    vmm.ok("PUT", "/drives/d",
           {"drive_id": "d", "is_root_device": False, "path_on_host": str(disk)})
    vmm.boot()

    def patch(**more):
        return vmm.patch("/drives/d", json.dumps({"drive_id": "d", **more}))

    prefix = "Drive config error: Unable to patch the block device: "
    suffix = " Please verify the request arguments."
    assert patch().fault == (
        f"{prefix}Block: Running method expected different backend.{suffix}")
    bucket = {"size": 5, "one_time_burst": None, "refill_time": 7}
    assert patch(path_on_host="/nowhere/x", rate_limiter={"ops": bucket}).fault == (
        f"{prefix}Block: Virtio backend error: Error manipulating the backing file: "
        f"No such file or directory (os error 2) /nowhere/x{suffix}")
    assert vmm.get("/vm/config").json["drives"][0]["rate_limiter"] is None
    assert patch(path_on_host=str(other)).status == 204
    assert patch(rate_limiter={"ops": bucket}).status == 204
    shown = vmm.get("/vm/config").json["drives"][0]
    assert shown["path_on_host"] == str(other)
    assert shown["rate_limiter"] == {"bandwidth": None, "ops": bucket}
    assert vmm.patch("/drives/x", {"drive_id": "x"}).fault == (
        f"{prefix}Failed perform action on device: Device not found{suffix}")


@pytest.mark.contract(3)
def test_memory_that_cannot_be_had(spawn, squib_path, tmp_path):
    """With a limit on its address space, as Firecracker's own test has it."""
    vmm = spawn()
    if "asan" in str(squib_path):
        pytest.skip("the sanitizer needs the address space")
    resource.prlimit(vmm.process.pid, resource.RLIMIT_AS, (1 << 32, 1 << 32))
    vmm.ok("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 2**64 - 1})
    kernel = tmp_path / "Image"
    kernel.write_bytes(guests.image(guests.WFI))
    vmm.ok("PUT", "/boot-source", {"kernel_image_path": str(kernel)})
    assert vmm.put("/actions", {"action_type": "InstanceStart"}).fault == (
        "Start microvm error: Invalid Memory Configuration: Cannot create mmap region: "
        "Out of memory (os error 12)")
    vmm.ok("PATCH", "/machine-config", {"mem_size_mib": 128})
    vmm.ok("PUT", "/actions", {"action_type": "InstanceStart"})
