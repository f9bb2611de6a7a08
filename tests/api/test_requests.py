# SPDX-License-Identifier: Apache-2.0
"""Requests and what they come to: routing, schemas, states, texts."""

import json
import os

import pytest

import guests

from swagger import BB, PB

SERDE = "An error occurred when deserializing the json body of a request: "
IDS = "API Resource IDs can only contain alphanumeric characters and underscores."
MISMATCH = "The id from the path does not match the id from the body!"


@pytest.mark.parametrize(
    "method, path, body, fault",
    [
        ("GET", "/version", "{}", "GET request cannot have a body."),
        ("GET", "/foo", "{}", "GET request cannot have a body."),
        ("PUT", "/foo", None, "Empty PUT request."),
        ("PUT", "/machine-config", None, "Empty PUT request."),
        ("PATCH", "/foo", None, "Empty PATCH request."),
        ("PATCH", "/balloon", None, "Empty PATCH request."),
        ("PATCH", "/balloon/statistics", None, "Empty PATCH request."),
        ("DELETE", "/drives/a", "{}", "Empty Delete request."),
        ("DELETE", "/foo", None, "Invalid request method and/or path: DELETE foo."),
        ("GET", "/foo/bar", None, "Invalid request method and/or path: GET foo."),
        ("GET", "/vm", None, "Invalid request method and/or path: GET vm."),
        ("GET", "/vm/foo", None, "Invalid request method and/or path: GET vm."),
        ("GET", "/hotplug", None, "Invalid request method and/or path: GET hotplug."),
        ("GET", "/version?x", None, "Invalid request method and/or path: GET version?x."),
        ("PUT", "/foo", "{}", "Invalid request method and/or path: PUT foo."),
        ("PUT", "/", "{}", "Invalid request method and/or path: PUT ."),
        ("PATCH", "/boot-source", "{}", "Invalid request method and/or path: PATCH boot-source."),
        ("PATCH", "/logger", "{}", "Invalid request method and/or path: PATCH logger."),
        ("PUT", "/snapshot", "{}", "Missing snapshot operation type."),
        ("PUT", "/snapshot/x", "{}", "Invalid request method and/or path: PUT /snapshot/x."),
        ("GET", "/balloon/x", None, "Unrecognized GET request path `x`."),
        ("GET", "/balloon/hinting/x", None, "Unrecognized GET request path `/hinting/x`."),
        ("PATCH", "/balloon/hinting/x", "{}", "Unrecognized PATCH request path `/hinting/x`."),
        ("PUT", "/mmds/x", "{}", "Unrecognized PUT request path `x`."),
        ("PUT", "/drives", "{}", "The ID cannot be empty."),
        ("PUT", "/drives/", "{}", "The ID cannot be empty."),
        ("PATCH", "/network-interfaces", "{}", "The ID cannot be empty."),
        ("DELETE", "/pmem", None, "The ID cannot be empty."),
        ("PUT", "/drives/a-b", "{}", IDS),
        ("PUT", "/network-interfaces/a.b", "{}", IDS),
        ("PUT", "/drives/a", '{"drive_id":"b","is_root_device":false}', MISMATCH),
        ("PATCH", "/drives/a", '{"drive_id":"b"}', MISMATCH),
        ("PUT", "/pmem/a", '{"id":"b","path_on_host":"x"}', MISMATCH),
        ("PUT", "/network-interfaces/a", '{"iface_id":"b","host_dev_name":"x"}',
         "The id from the path [a] does not match the id from the body [b]!"),
        ("PUT", "/actions", '{"action_type":"SendCtrlAltDel"}',
         "SendCtrlAltDel does not supported on aarch64."),
        ("PATCH", "/machine-config", "{}", "Empty PATCH request."),
    ],
)
@pytest.mark.contract(8, 16)
def test_requests_that_are_none(vmm, method, path, body, fault):
    assert vmm.request(method, path, body).fault == fault


@pytest.mark.parametrize(
    "method, path, body, text",
    [
        ("PUT", "/machine-config", '{"mem_size_mib": 128}',
         "missing field `vcpu_count` at line 1 column 21"),
        ("PUT", "/machine-config", '{"vcpu_count": 2}',
         "missing field `mem_size_mib` at line 1 column 17"),
        ("PUT", "/machine-config", '{"vcpu_count":1,"mem_size_mib":1,"x":1}',
         "unknown field `x`, expected one of `vcpu_count`, `mem_size_mib`, `smt`, "
         "`cpu_template`, `track_dirty_pages`, `huge_pages` at line 1 column 36"),
        ("PUT", "/machine-config", '{"vcpu_count":1,"vcpu_count":1}',
         "duplicate field `vcpu_count` at line 1 column 28"),
        ("PUT", "/machine-config", '{"vcpu_count":1.0,"mem_size_mib":1}',
         "invalid type: floating point `1.0`, expected u8 at line 1 column 17"),
        ("PUT", "/machine-config", '{"vcpu_count":1,"mem_size_mib":1,"cpu_template":"T2"}',
         "unknown variant `T2`, expected `V1N1` or `None` at line 1 column 52"),
        ("PUT", "/mmds", "{", "EOF while parsing an object at line 1 column 1"),
        ("PUT", "/actions", '{"action_type":"Foo"}',
         "unknown variant `Foo`, expected one of `FlushMetrics`, `InstanceStart`, "
         "`SendCtrlAltDel` at line 1 column 20"),
        ("PUT", "/actions", "x", "expected value at line 1 column 1"),
        ("PATCH", "/vm", '{"state":"Running"}',
         "unknown variant `Running`, expected `Paused` or `Resumed` at line 1 column 18"),
        ("PUT", "/vsock", "{}", "missing field `guest_cid` at line 1 column 2"),
        ("PUT", "/drives/a", '{"drive_id":"a"}',
         "missing field `is_root_device` at line 1 column 16"),
        ("PUT", "/drives/a", '{"drive_id":"a","is_root_device":true,"io_engine":"x"}',
         "unknown variant `x`, expected `Async` or `Sync` at line 1 column 53"),
        ("PUT", "/drives/a", '{"drive_id":"a","discard":true}',
         "unknown field `discard`, expected one of `drive_id`, `partuuid`, `is_root_device`, "
         "`cache_type`, `is_read_only`, `path_on_host`, `rate_limiter`, `io_engine`, `socket` "
         "at line 1 column 25"),
        ("PATCH", "/drives/a", '{"drive_id":"a","is_read_only":true}',
         "unknown field `is_read_only`, expected one of `drive_id`, `path_on_host`, "
         "`rate_limiter` at line 1 column 30"),
        ("PUT", "/network-interfaces/a",
         '{"iface_id":"a","host_dev_name":"b","guest_mac":"x"}',
         "The provided MAC address is invalid. at line 1 column 52"),
        ("PUT", "/mmds/config", '{"network_interfaces":["a"],"ipv4_address":"x"}',
         "invalid IPv4 address syntax at line 1 column 46"),
        ("PUT", "/mmds/config", '{"network_interfaces":["a"],"version":"V3"}',
         "unknown variant `V3`, expected `V1` or `V2` at line 1 column 42"),
        ("PUT", "/logger", '{"level":"loud"}', "Invalid LevelFilter at line 1 column 16"),
        ("PUT", "/metrics", "{}", "missing field `metrics_path` at line 1 column 2"),
        ("PUT", "/snapshot/load", "{}", "missing field `snapshot_path` at line 1 column 2"),
        ("PUT", "/snapshot/load", '{"snapshot_path":"a"}',
         "missing field: either `mem_backend` or `mem_file_path` is required"),
        ("PUT", "/snapshot/load",
         '{"snapshot_path":"a","mem_file_path":"b","mem_backend":'
         '{"backend_path":"c","backend_type":"File"}}',
         "too many fields: either `mem_backend` or `mem_file_path` exclusively is required"),
        ("PUT", "/snapshot/load",
         '{"snapshot_path":"a","mem_backend":{"backend_path":"c","backend_type":"x"}}',
         "unknown variant `x`, expected `File` or `Uffd` at line 1 column 73"),
        ("PUT", "/snapshot/create", '{"snapshot_path":"a"}',
         "missing field `mem_file_path` at line 1 column 21"),
        ("PUT", "/cpu-config", '{"kvm_capabilities":["1","!a2"]}',
         "Failed to parse string [!a2] as a kvm capability - can not convert to numeric: "
         "invalid digit found in string at line 1 column 31"),
        ("PUT", "/cpu-config", '{"kvm_capabilities":["!"]}',
         "Failed to parse string [!] as a kvm capability - can not convert to numeric: "
         "cannot parse integer from empty string at line 1 column 25"),
        ("PUT", "/cpu-config", '{"kvm_capabilities":["4294967296"]}',
         "Failed to parse string [4294967296] as a kvm capability - can not convert to "
         "numeric: number too large to fit in target type at line 1 column 34"),
        ("PUT", "/cpu-config", '{"vcpu_features":[{"index":0,"bitmap":"0b11abc00"}]}',
         "Failed to parse string [0b11abc00] as a bitmap - unknown character: 99 "
         "at line 1 column 50"),
        ("PUT", "/cpu-config", '{"vcpu_features":[{"index":0,"bitmap":"0b%s"}]}' % ("x" * 33),
         "Failed to parse string [0b%s] as a bitmap - string is too long "
         "at line 1 column 76" % ("x" * 33)),
        ("PUT", "/cpu-config", '{"reg_modifiers":[{"addr":"j","bitmap":"0b1"}]}',
         "No supported number system prefix found in value [j]. Make sure to prefix the number "
         "with '0x' for hexadecimal numbers or '0b' for binary numbers. at line 1 column 29"),
        ("PUT", "/cpu-config", '{"reg_modifiers":[{"addr":"0bK","bitmap":"0b1"}]}',
         "Failed to parse string [0bK] as a number for CPU template - ParseIntError "
         "{ kind: InvalidDigit } at line 1 column 31"),
        ("PUT", "/cpu-config", '{"reg_modifiers":[{"addr":"0x","bitmap":"0b1"}]}',
         "Failed to parse string [0x] as a number for CPU template - ParseIntError "
         "{ kind: Empty } at line 1 column 30"),
        ("PUT", "/cpu-config", '{"reg_modifiers":[{"addr":"0x10000000000000","bitmap":"0b1"}]}',
         "Invalid aarch64 register address: 0x10000000000000 - Only 32, 64 and 128 bit wide "
         "registers are supported"),
        ("PUT", "/cpu-config",
         '{"reg_modifiers":[{"addr":"0x20000000000000","bitmap":"0b1%s"}]}' % ("x" * 32),
         "Invalid size of bitmap for register 0x20000000000000, should be <= 32 bits"),
        ("PUT", "/hotplug/memory", "{}", "missing field `total_size_mib` at line 1 column 2"),
        ("PUT", "/balloon", '{"amount_mib":-1}',
         "invalid value: integer `-1`, expected u32 at line 1 column 16"),
        ("PUT", "/serial", '{"rate_limiter":{"size":1}}',
         "missing field `refill_time` at line 1 column 26"),
    ],
)
@pytest.mark.contract(3, 11, 18)
def test_bodies_that_do_not_fit(vmm, method, path, body, text):
    assert vmm.request(method, path, body).fault == f"{SERDE}{text}."


def test_what_is_quoted_is_quoted_whole(vmm, tmp_path):
    long = "x" * 900
    assert vmm.put("/" + long, "{}").fault == (
        f"Invalid request method and/or path: PUT {long}.")
    assert vmm.put("/mmds/" + long, "{}").fault == f"Unrecognized PUT request path `{long}`."
    many = "y" * 40_000
    assert vmm.put("/actions", json.dumps({"action_type": many})).fault == (
        f"{SERDE}unknown variant `{many}`, expected one of `FlushMetrics`, `InstanceStart`, "
        "`SendCtrlAltDel` at line 1 column 40018.")
    assert f"Message: {SERDE}unknown variant `{many}`" in vmm.log()
    nic = {"iface_id": long, "host_dev_name": "user"}
    assert vmm.put("/network-interfaces/a", nic).fault == (
        f"The id from the path [a] does not match the id from the body [{long}]!")
    path = str(tmp_path / "no" / "/".join(["z" * 100] * 4))
    assert vmm.put("/drives/a", {"drive_id": "a", "is_root_device": False,
                                 "path_on_host": path}).fault.endswith(f"(os error 2) {path}")


AFTER_ONLY = [
    ("PATCH", "/vm", {"state": "Paused"}),
    ("PUT", "/actions", {"action_type": "FlushMetrics"}),
    ("PATCH", "/drives/a", {"drive_id": "a"}),
    ("PATCH", "/pmem/a", {"id": "a"}),
    ("PATCH", "/network-interfaces/a", {"iface_id": "a"}),
    ("PATCH", "/balloon", {"amount_mib": 1}),
    ("PATCH", "/balloon/statistics", {"stats_polling_interval_s": 1}),
    ("PATCH", "/balloon/hinting/start", None),
    ("PATCH", "/balloon/hinting/start", {"x": 1}),
    ("PATCH", "/balloon/hinting/stop", None),
    ("GET", "/balloon/statistics", None),
    ("GET", "/balloon/hinting/status", None),
    ("GET", "/hotplug/memory", None),
    ("PATCH", "/hotplug/memory", {"requested_size_mib": 1}),
    ("PUT", "/snapshot/create", {"snapshot_path": "a", "mem_file_path": "b"}),
    ("DELETE", "/drives/a", None),
    ("DELETE", "/pmem/a", None),
    ("DELETE", "/network-interfaces/a", None),
]
BEFORE_ONLY = [
    ("PUT", "/machine-config", {"vcpu_count": 1, "mem_size_mib": 128}),
    ("PATCH", "/machine-config", {"vcpu_count": 1}),
    ("PUT", "/boot-source", {"kernel_image_path": "x"}),
    ("PUT", "/cpu-config", {}),
    ("PUT", "/vsock", {"guest_cid": 3, "uds_path": "x"}),
    ("PUT", "/entropy", {}),
    ("PUT", "/serial", {}),
    ("PUT", "/balloon", {"amount_mib": 1, "deflate_on_oom": False}),
    ("PUT", "/hotplug/memory", {"total_size_mib": 1024}),
    ("PUT", "/mmds/config", {"network_interfaces": []}),
    ("PUT", "/logger", {}),
    ("PUT", "/metrics", {"metrics_path": "x"}),
    ("PUT", "/actions", {"action_type": "InstanceStart"}),
    ("PUT", "/snapshot/load",
     {"snapshot_path": "a", "mem_backend": {"backend_path": "b", "backend_type": "File"}}),
]
HOTPLUG = [
    ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False}),
    ("PUT", "/pmem/a", {"id": "a", "path_on_host": "x"}),
    ("PUT", "/network-interfaces/a", {"iface_id": "a", "host_dev_name": "x"}),
    ("DELETE", "/drives/a", None),
    ("DELETE", "/pmem/a", None),
    ("DELETE", "/network-interfaces/a", None),
]


@pytest.mark.contract(8, 29)
def test_what_is_refused_before_the_start(vmm):
    for method, path, body in AFTER_ONLY:
        assert vmm.request(method, path, body).fault == BB, (method, path)


@pytest.mark.contract(9, 10, 14, 36)
def test_what_is_refused_after_the_start(vmm):
    vmm.boot()
    for method, path, body in BEFORE_ONLY:
        assert vmm.request(method, path, body).fault == PB, (method, path)
    for method, path, body in HOTPLUG:
        assert vmm.request(method, path, body).fault == "PCI is not enabled", (method, path)


@pytest.mark.contract(12, 29)
def test_the_instance(spawn):
    vmm = spawn("--id", "my-vm-1")
    want = {
        "id": "my-vm-1",
        "state": "Not started",
        "vmm_version": "1.17.0-dev",
        "app_name": "Firecracker",
    }
    assert vmm.get("/").json == want
    vmm.boot()
    want["state"] = "Running"
    assert vmm.get("/").json == want


@pytest.mark.contract(2, 3, 4)
def test_machine_config(vmm):
    default = {
        "vcpu_count": 1,
        "mem_size_mib": 128,
        "smt": False,
        "track_dirty_pages": False,
        "huge_pages": "None",
    }
    assert vmm.get("/machine-config").json == default
    vmm.ok("PUT", "/machine-config",
           {"vcpu_count": 4, "mem_size_mib": 256, "track_dirty_pages": True})
    vmm.ok("PATCH", "/machine-config", {"mem_size_mib": 512, "smt": None})
    assert vmm.get("/machine-config").json == {
        **default, "vcpu_count": 4, "mem_size_mib": 512, "track_dirty_pages": True}
    vmm.ok("PUT", "/machine-config", {"vcpu_count": 32, "mem_size_mib": 2**64 - 1})
    assert vmm.get("/machine-config").json["mem_size_mib"] == 2**64 - 1


@pytest.mark.parametrize(
    "change, text",
    [
        ({"vcpu_count": 0},
         "The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even "
         "number if SMT is enabled."),
        ({"vcpu_count": 33},
         "The number of vCPUs must be greater than 0, less than 32 and must be 1 or an even "
         "number if SMT is enabled."),
        ({"mem_size_mib": 0},
         "The memory size (MiB) is either 0, or not a multiple of the configured page size."),
        ({"mem_size_mib": 3, "huge_pages": "2M"},
         "The memory size (MiB) is either 0, or not a multiple of the configured page size."),
        ({"smt": True}, "Enabling simultaneous multithreading is not supported on aarch64."),
    ],
)
@pytest.mark.contract(3, 21)
def test_machine_limits(vmm, change, text):
    body = {"vcpu_count": 1, "mem_size_mib": 128, **change}
    before = vmm.get("/machine-config").json
    assert vmm.put("/machine-config", body).fault == f"Machine config error: {text}"
    assert vmm.patch("/machine-config", change).fault == f"Machine config error: {text}"
    assert vmm.get("/machine-config").json == before


def test_cpu_templates(vmm, tmp_path):
    body = {"vcpu_count": 1, "mem_size_mib": 128}
    assert vmm.put("/machine-config", {**body, "cpu_template": "None"}).deprecated
    assert "cpu_template" not in vmm.get("/machine-config").json
    assert vmm.patch("/machine-config", {"cpu_template": "V1N1"}).deprecated
    assert vmm.get("/machine-config").json["cpu_template"] == "V1N1"
    assert not vmm.put("/machine-config", body).deprecated
    assert vmm.get("/machine-config").json["cpu_template"] == "V1N1", "a PUT keeps it"
    log = vmm.log()
    assert "PUT /machine-config: cpu_template field is deprecated." in log
    assert "PATCH /machine-config: cpu_template field is deprecated." in log
    own = {"kvm_capabilities": ["121", "!122"],
           "vcpu_features": [{"index": 0, "bitmap": "0b1x0"}],
           "reg_modifiers": [{"addr": "0x603000000013c020", "bitmap": "0bx0_1"}]}
    vmm.ok("PUT", "/cpu-config", own)
    assert "cpu_template" not in vmm.get("/machine-config").json, "there is one at a time"
    no_templates = ("Start microvm error: squib does not have CPU templates yet: leave "
                    "cpu_template and cpu-config out")
    start = {"action_type": "InstanceStart"}
    kernel = tmp_path / "Image"
    kernel.write_bytes(guests.image(guests.WFI, guests.branch(-1)))
    vmm.ok("PUT", "/boot-source", {"kernel_image_path": str(kernel)})
    assert vmm.put("/actions", start).fault == no_templates
    vmm.ok("PATCH", "/machine-config", {"cpu_template": "V1N1"})
    assert vmm.put("/actions", start).fault == no_templates
    vmm.ok("PUT", "/machine-config", {**body, "cpu_template": "None"})
    vmm.ok("PUT", "/actions", start)


@pytest.mark.contract(2)
def test_boot_source(vmm, tmp_path):
    text = "Boot source error: The kernel file cannot be opened: No such file or directory (os error 2)"
    assert vmm.put("/boot-source", {"kernel_image_path": "/nowhere"}).fault == text
    kernel = tmp_path / "k"
    kernel.write_text("x")
    text = ("Boot source error: The initrd file cannot be opened due to invalid path or invalid "
            "permissions. No such file or directory (os error 2)")
    assert vmm.put("/boot-source", {"kernel_image_path": str(kernel),
                                    "initrd_path": "/nowhere"}).fault == text
    fault = vmm.put("/boot-source", {"kernel_image_path": str(kernel),
                                     "boot_args": "x" * 2048}).fault
    assert fault.startswith("Boot source error: The kernel command line is invalid: ")
    vmm.ok("PUT", "/boot-source", {"kernel_image_path": str(kernel), "boot_args": None})
    assert vmm.get("/vm/config").json["boot-source"] == {
        "kernel_image_path": str(kernel), "initrd_path": None, "boot_args": None}


def test_a_command_line_may_become_too_long_at_the_start(vmm, tmp_path):
    kernel = tmp_path / "Image"
    kernel.write_bytes(guests.image(guests.WFI, guests.branch(-1)))
    boot = {"kernel_image_path": str(kernel), "boot_args": "x" * 2047}
    vmm.ok("PUT", "/boot-source", boot)
    assert vmm.put("/actions", {"action_type": "InstanceStart"}).fault == (
        "Start microvm error: Invalid kernel command line: Inserting string would make command "
        "line too long.")
    vmm.ok("PUT", "/boot-source", {**boot, "boot_args": "x" * 2039})
    vmm.ok("PUT", "/actions", {"action_type": "InstanceStart"})


def test_a_start_can_be_tried_again(vmm, tmp_path):
    start = {"action_type": "InstanceStart"}
    assert vmm.put("/actions", start).fault == (
        "Start microvm error: Cannot start microvm without kernel configuration.")
    bad = tmp_path / "bad"
    bad.write_bytes(b"x" * 4096)
    vmm.ok("PUT", "/boot-source", {"kernel_image_path": str(bad)})
    assert vmm.put("/actions", start).fault.startswith(
        "Start microvm error: System configuration error: Cannot load kernel due to invalid "
        "memory configuration or invalid kernel image: Kernel Loader: failed to load PE kernel "
        "image: PE Kernel Loader: invalid Image magic number")
    assert vmm.get("/").json["state"] == "Not started"
    vmm.boot()
    assert vmm.get("/").json["state"] == "Running"


def drive(tmp_path, name, **more):
    path = tmp_path / name
    path.write_bytes(b"\0" * 4096)
    return {"drive_id": name, "path_on_host": str(path), "is_root_device": False, **more}


@pytest.mark.contract(2)
def test_drives(vmm, tmp_path):
    a, b = drive(tmp_path, "a"), drive(tmp_path, "b", is_root_device=True, is_read_only=True)
    c = drive(tmp_path, "c", is_root_device=True)
    vmm.ok("PUT", "/drives/a", a)
    vmm.ok("PUT", "/drives/b", b)
    assert vmm.put("/drives/c", c).fault == (
        "Drive config error: A root block device already exists!")
    missing = {**a, "path_on_host": "/nowhere/x"}
    assert vmm.put("/drives/a", missing).fault == (
        "Drive config error: Unable to create the virtio block device: Virtio backend error: "
        "Error manipulating the backing file: No such file or directory (os error 2) /nowhere/x")
    for body in ({"drive_id": "d", "is_root_device": False},
                 {**a, "drive_id": "d", "socket": "s"}):
        assert vmm.put("/drives/d", body).fault == (
            "Drive config error: Unable to create the virtio block device: Invalid block config.")
    shown = vmm.get("/vm/config").json["drives"]
    assert [d["drive_id"] for d in shown] == ["b", "a"]
    assert shown[1] == {
        "drive_id": "a", "partuuid": None, "is_root_device": False, "cache_type": "Unsafe",
        "is_read_only": False, "path_on_host": a["path_on_host"], "rate_limiter": None,
        "io_engine": "Sync", "socket": None}
    vmm.ok("PUT", "/drives/b", {**b, "is_root_device": False})
    vmm.ok("PUT", "/drives/a", {**a, "is_root_device": True})
    assert [d["drive_id"] for d in vmm.get("/vm/config").json["drives"]] == ["a", "b"]


@pytest.mark.parametrize(
    "given, shown",
    [
        (None, None),
        ({}, None),
        ({"bandwidth": {"size": 0, "refill_time": 1}}, None),
        ({"ops": {"size": 1, "refill_time": 0}}, None),
        ({"bandwidth": {"size": 10, "refill_time": 20}},
         {"bandwidth": {"size": 10, "one_time_burst": None, "refill_time": 20}, "ops": None}),
        ({"ops": {"size": 10, "refill_time": 20, "one_time_burst": 0, "x": 1}},
         {"bandwidth": None, "ops": {"size": 10, "one_time_burst": None, "refill_time": 20}}),
        ({"ops": {"size": 1, "refill_time": 2, "one_time_burst": 3},
          "bandwidth": {"size": 4, "refill_time": 5, "one_time_burst": 6}},
         {"ops": {"size": 1, "one_time_burst": 3, "refill_time": 2},
          "bandwidth": {"size": 4, "one_time_burst": 6, "refill_time": 5}}),
    ],
)
@pytest.mark.contract(7)
def test_rate_limiters(vmm, tmp_path, given, shown):
    body = drive(tmp_path, "a", rate_limiter=given)
    assert vmm.put("/drives/a", json.dumps(body)).status == 204
    body = {"iface_id": "n", "host_dev_name": "user", "rx_rate_limiter": given}
    assert vmm.put("/network-interfaces/n", json.dumps(body)).status == 204
    assert vmm.put("/entropy", json.dumps({"rate_limiter": given})).status == 204
    config = vmm.get("/vm/config").json
    assert config["drives"][0]["rate_limiter"] == shown
    assert config["network-interfaces"][0]["rx_rate_limiter"] == shown
    assert config["entropy"] == {"rate_limiter": shown}


@pytest.mark.contract(16)
def test_pmem(vmm, tmp_path):
    file = str(tmp_path / "p")
    vmm.ok("PUT", "/pmem/p", {"id": "p", "path_on_host": file, "root_device": True})
    assert vmm.put("/pmem/q", {"id": "q", "path_on_host": file, "root_device": True}).fault == (
        "Pmem config error: A root pmem device already exist")
    root = drive(tmp_path, "a", is_root_device=True)
    assert vmm.put("/drives/a", root).fault == (
        "Drive config error: A root block device already exists!")
    vmm.ok("PUT", "/pmem/p", {"id": "p", "path_on_host": file, "rate_limiter": {}})
    assert vmm.get("/vm/config").json["pmem"] == [
        {"id": "p", "path_on_host": file, "root_device": False, "read_only": False,
         "rate_limiter": {"bandwidth": None, "ops": None}}]
    vmm.ok("PUT", "/drives/a", root)
    assert vmm.put("/pmem/p", {"id": "p", "path_on_host": file, "root_device": True}).fault == (
        "Pmem config error: Attempt to add pmem as a root device while the root device defined "
        "as a block device")


def nic(name, tap, **more):
    return {"iface_id": name, "host_dev_name": tap, **more}


@pytest.mark.contract(5)
def test_network_interfaces(vmm):
    vmm.ok("PUT", "/network-interfaces/a", nic("a", "user", guest_mac="06:00:00:00:00:0A"))
    assert vmm.put("/network-interfaces/b", nic("b", "user", guest_mac="06:00:00:00:00:0a")).fault \
        == "Network config error: The MAC address is already in use: 06:00:00:00:00:0a"
    assert vmm.put("/network-interfaces/b", nic("b", "user", mtu=67)).fault == (
        "Network config error: Could not create the network device: "
        "MTU 67 is out of range [68, 65535]")
    vmm.ok("PUT", "/network-interfaces/b", nic("b", "user", mtu=1500))
    assert vmm.get("/vm/config").json["network-interfaces"] == [
        {"iface_id": "a", "host_dev_name": "user", "guest_mac": "06:00:00:00:00:0a", "mtu": None,
         "rx_rate_limiter": None, "tx_rate_limiter": None},
        {"iface_id": "b", "host_dev_name": "user", "guest_mac": None, "mtu": 1500,
         "rx_rate_limiter": None, "tx_rate_limiter": None}]


@pytest.mark.contract(5)
def test_a_tap_is_opened_when_it_is_put(vmm):
    if os.geteuid() or not os.access("/dev/net/tun", os.W_OK):
        pytest.skip("TAPs can only be made by root, and with a /dev/net/tun")
    tap, prefix = f"sq{os.getpid()}", (
        "Network config error: Could not create the network device: Open tap device failed: ")
    vmm.ok("PUT", "/network-interfaces/a", nic("a", tap))
    vmm.ok("PUT", "/network-interfaces/a", nic("a", tap))
    fault = vmm.put("/network-interfaces/b", nic("b", tap)).fault
    assert fault.startswith(
        prefix + "Error while creating ifreq structure: Device or resource busy (os error 16). "
        f"Invalid TUN/TAP Backend provided by {tap}. Check our documentation on setting up the "
        "network devices. ")
    assert "ip tuntap add dev NAME mode tap" in fault
    fault = vmm.put("/network-interfaces/b", nic("b", "x" * 16)).fault
    assert fault.startswith(prefix + "Invalid interface name")


@pytest.mark.contract(13)
def test_vsock(vmm, tmp_path):
    path = str(tmp_path / "v")
    vmm.ok("PUT", "/vsock", {"guest_cid": 3, "uds_path": path})
    assert os.path.exists(path)
    other = str(tmp_path / "w")
    answer = vmm.put("/vsock", {"guest_cid": 3, "uds_path": other, "vsock_id": "x"})
    assert answer.status == 204 and answer.deprecated
    assert not os.path.exists(path) and os.path.exists(other)
    assert vmm.get("/vm/config").json["vsock"] == {"guest_cid": 3, "uds_path": other}
    open(path, "w").close()
    assert vmm.put("/vsock", {"guest_cid": 3, "uds_path": path}).fault == (
        "Vsock config error: Cannot create backend for vsock device: Error binding to the "
        "host-side Unix socket: Address already in use (os error 98)")
    assert vmm.get("/vm/config").json["vsock"] is None
    assert vmm.put("/vsock", {"guest_cid": 3, "uds_path": "/" + "x" * 107}).fault == (
        "Vsock config error: Cannot create backend for vsock device: Error binding to the "
        "host-side Unix socket: path must be shorter than SUN_LEN")


@pytest.mark.contract(15)
def test_balloon(vmm):
    assert vmm.get("/balloon").fault == "Balloon config error: No balloon device found."
    assert vmm.put("/balloon", {"amount_mib": 129, "deflate_on_oom": True}).fault == (
        "Balloon config error: Amount of pages requested is too large.")
    vmm.ok("PUT", "/balloon", {"amount_mib": 128, "deflate_on_oom": True})
    want = {"amount_mib": 128, "deflate_on_oom": True, "stats_polling_interval_s": 0,
            "free_page_hinting": False, "free_page_reporting": False}
    assert vmm.get("/balloon").json == want
    assert vmm.get("/vm/config").json["balloon"] == want
    assert vmm.patch("/machine-config", {"mem_size_mib": 127}).fault == (
        "Machine config error: The memory size (MiB) is smaller than the previously set balloon "
        "device target size.")
    vmm.ok("PUT", "/hotplug/memory", {"total_size_mib": 1024})
    vmm.ok("PUT", "/balloon", {"amount_mib": 1152, "deflate_on_oom": True})


@pytest.mark.parametrize(
    "body, text",
    [
        ({"total_size_mib": 1024, "block_size_mib": 1}, "Block size must not be lower than 2 MiB"),
        ({"total_size_mib": 1024, "block_size_mib": 3}, "Block size must be a power of 2"),
        ({"total_size_mib": 1024, "slot_size_mib": 64}, "Slot size must not be lower than 128 MiB"),
        ({"total_size_mib": 1024, "block_size_mib": 8, "slot_size_mib": 129},
         "Slot size must be a multiple of block size (8 MiB)"),
        ({"total_size_mib": 64}, "Total size must not be lower than slot size (128 MiB)"),
        ({"total_size_mib": 129}, "Total size must be a multiple of slot size (128 MiB)"),
    ],
)
@pytest.mark.contract(14)
def test_memory_hotplug_limits(vmm, body, text):
    fault = vmm.put("/hotplug/memory", json.dumps(body)).fault
    assert fault == f"Memory hotplug config error: {text}"


@pytest.mark.contract(6)
def test_mmds_config(vmm):
    def put(**body):
        return vmm.put("/mmds/config", json.dumps(body))

    prefix = "MMMDS config error: "
    assert put(network_interfaces=[]).fault == (
        prefix + "The list of network interface IDs that allow forwarding MMDS requests is empty.")
    assert put(network_interfaces=["x"]).fault == (
        prefix + "The list of network interface IDs provided contains at least one ID that does "
        "not correspond to any existing network interface.")
    vmm.ok("PUT", "/network-interfaces/x", nic("x", "user"))
    for ip in ("169.254.0.5", "169.254.255.0", "1.1.1.1"):
        assert put(network_interfaces=["x"], ipv4_address=ip).fault == (
            prefix + "The MMDS IPv4 address is not link local.")
    answer = put(network_interfaces=["x"])
    assert answer.status == 204 and answer.deprecated
    assert vmm.get("/vm/config").json["mmds-config"] == {
        "version": "V1", "network_interfaces": ["x"], "ipv4_address": "169.254.169.254",
        "imds_compat": False}
    answer = put(network_interfaces=["x"], version="V2", ipv4_address="169.254.1.1")
    assert answer.status == 204 and not answer.deprecated
    vmm.ok("PUT", "/network-interfaces/x", nic("x", "user"))
    assert vmm.get("/vm/config").json["mmds-config"] is None


@pytest.mark.contract(19, 28)
def test_mmds(vmm):
    assert vmm.get("/mmds").text == "{}"
    assert vmm.patch("/mmds", {"a": 1}).fault == (
        "MMDS error: The MMDS data store is not initialized.")
    vmm.ok("PUT", "/mmds", {"b": {"c": [1, 2.5, None]}, "a": "x"})
    assert vmm.get("/mmds").text == '{"a":"x","b":{"c":[1,2.5,null]}}'
    vmm.ok("PATCH", "/mmds", {"a": None, "b": {"d": True}})
    assert vmm.get("/mmds").text == '{"b":{"c":[1,2.5,null],"d":true}}'


@pytest.mark.parametrize("flag", ["--mmds-size-limit", "--http-api-max-payload-size"])
@pytest.mark.contract(23, 28)
def test_the_mmds_has_a_limit(spawn, flag):
    vmm = spawn(flag, 30)
    vmm.ok("PUT", "/mmds", '{"k":"' + "x" * 21 + '"}')
    vmm.ok("PATCH", "/mmds", '{"k":"' + "x" * 22 + '"}')  # 30 bytes
    answer = vmm.patch("/mmds", '{"l":1}')
    assert answer.status == 413
    assert answer.fault == "MMDS limit exceeded error: The MMDS patch request doesn't fit."
    assert vmm.get("/mmds").json == {"k": "x" * 22}


@pytest.mark.contract(17)
def test_the_whole_configuration(vmm, tmp_path):
    assert vmm.get("/vm/config").json == {
        "balloon": None, "drives": [], "boot-source": {
            "kernel_image_path": "", "initrd_path": None, "boot_args": None},
        "cpu-config": None, "logger": None, "machine-config": {
            "vcpu_count": 1, "mem_size_mib": 128, "smt": False, "track_dirty_pages": False,
            "huge_pages": "None"},
        "metrics": None, "mmds-config": None, "network-interfaces": [], "vsock": None,
        "entropy": None, "pmem": [], "memory-hotplug": None}
    vmm.boot(args="console=ttyAMA0 quiet")
    config = vmm.get("/vm/config").json
    assert config["boot-source"]["boot_args"] == "console=ttyAMA0 quiet"


LOAD = {"snapshot_path": "a", "mem_backend": {"backend_path": "b", "backend_type": "File"}}
LATCHED = ("Load snapshot error: Loading a microVM snapshot not allowed after configuring "
           "boot-specific resources.")


@pytest.mark.parametrize(
    "method, path, body",
    [
        ("PUT", "/machine-config", {"vcpu_count": 0, "mem_size_mib": 1}),
        ("PATCH", "/machine-config", {"vcpu_count": 1}),
        ("PUT", "/boot-source", {"kernel_image_path": "/nowhere"}),
        ("PUT", "/drives/a", {"drive_id": "a", "is_root_device": False}),
        ("PUT", "/entropy", {}),
        ("PUT", "/mmds/config", {"network_interfaces": []}),
    ],
)
@pytest.mark.contract(18)
def test_no_load_after_configuring(vmm, method, path, body):
    vmm.request(method, path, body)
    assert vmm.put("/snapshot/load", LOAD).fault == LATCHED
    assert vmm.get("/").status == 200


@pytest.mark.contract(18)
def test_what_does_not_stop_a_load(vmm):
    vmm.ok("PUT", "/logger", {})
    vmm.ok("PUT", "/mmds", {})
    vmm.ok("PUT", "/serial", {})
    vmm.ok("PUT", "/cpu-config", {})
    vmm.get("/vm/config")
    vmm.put("/machine-config", "nonsense")
    assert vmm.put("/snapshot/load", LOAD).fault != LATCHED
    assert vmm.process.wait(guests.PATIENCE_S) == 1, "a load that failed leaves no process"


@pytest.mark.contract(18)
def test_a_deprecated_load_says_so_also_when_it_fails(vmm):
    vmm.put("/entropy", {})
    answer = vmm.put("/snapshot/load", {"snapshot_path": "a", "mem_file_path": "b"})
    assert answer.fault == LATCHED and answer.deprecated
    assert ("PUT /snapshot/load: mem_file_path and enable_diff_snapshots fields are deprecated."
            in vmm.log())
    body = {"clock_realtime": True, **LOAD}
    assert vmm.put("/snapshot/load", body).fault == (
        "clock_realtime is not supported on aarch64.")


@pytest.mark.contract(39)
def test_there_are_32_slots_for_devices(vmm, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(512))
    for n in range(33):
        vmm.ok("PUT", f"/drives/d{n}", {"drive_id": f"d{n}", "path_on_host": str(disk),
                                        "is_root_device": False})
    kernel = tmp_path / "Image"
    kernel.write_bytes(guests.image(guests.WFI, guests.branch(-1)))
    vmm.ok("PUT", "/boot-source", {"kernel_image_path": str(kernel)})
    assert vmm.put("/actions", {"action_type": "InstanceStart"}).fault == (
        "Start microvm error: Could not allocate GSI: The requested resource is not available.")
    assert vmm.get("/").json["state"] == "Not started"
