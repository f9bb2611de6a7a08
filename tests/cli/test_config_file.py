# SPDX-License-Identifier: Apache-2.0
"""Bad configuration files, each with the sentence that names the fault."""

import errno
import json
import os
import signal
import subprocess
import threading
import time

import pytest

import guests

FAILED = (
    "RunWithoutApiError error: Failed to build MicroVM from Json: "
    "Configuration for VMM from one single json failed: "
)
UNREADABLE = "Unable to open or read from the configuration file: "
VCPUS = (
    "VM config error: The number of vCPUs must be greater than 0, less than 32 "
    "and must be 1 or an even number if SMT is enabled."
)
MEMORY = (
    "VM config error: The memory size (MiB) is either 0, or not a multiple of "
    "the configured page size."
)


def expect(result, sentence):
    assert result.code == 1, result
    assert f"Error: {sentence}\n" in result.err, result
    assert f"[anonymous-instance:main] {sentence}\n" in result.out, result
    assert "Firecracker exiting with error. exit_code=1\n" in result.out
    assert "[anonymous-instance:main] Running Firecracker v1.17.0-dev\n" in (
        result.out.splitlines(keepends=True)[0]
    )


def boot(squib, path, **kwargs):
    return squib("--no-api", "--config-file", path, **kwargs)


# ---- the file ----


def test_a_missing_file(squib):
    path = "/nowhere/vm.json"
    text = f"{UNREADABLE}No such file or directory (os error 2): {path}"
    expect(boot(squib, path), text)


def test_an_empty_path(squib):
    text = f"{UNREADABLE}No such file or directory (os error 2): "
    expect(boot(squib, ""), text)


def test_a_directory(squib, tmp_path):
    text = f"{UNREADABLE}Is a directory (os error 21): {tmp_path}"
    expect(boot(squib, tmp_path), text)


def test_an_unreadable_file(squib, squib_path, vm_json):
    path = vm_json()
    path.chmod(0)
    kwargs = {}
    if os.geteuid() == 0:  # root reads everything: be nobody
        for parent in path.parents[:3]:
            parent.chmod(0o755)
        probe = subprocess.run(["test", "-x", str(squib_path)], user=65534)
        if probe.returncode != 0:
            pytest.skip("nobody may not run squib where it is")
        kwargs["user"] = 65534
    text = f"{UNREADABLE}Permission denied (os error 13): {path}"
    expect(boot(squib, path, **kwargs), text)


def test_an_empty_file(squib, vm_json):
    text = "Invalid JSON: EOF while parsing a value at line 1 column 0"
    expect(boot(squib, vm_json(b"")), FAILED + text)


def test_a_huge_file(squib, tmp_path):
    path = tmp_path / "huge.json"
    with open(path, "wb") as file:
        file.truncate(1 << 40)
    result = boot(squib, path)
    assert result.code == 1
    assert "more than 4 MiB, is this the right file?" in result.err


def test_an_endless_file(squib):
    result = boot(squib, "/dev/zero")
    assert result.code == 1
    assert "more than 4 MiB" in result.err


def test_a_file_that_is_not_text(squib, squib_path, vm_json):
    result = boot(squib, vm_json(b"\x7fELF\x02\x01\x01\xff\xfe"))
    assert result.code == 1
    assert "stream did not contain valid UTF-8" in result.err


def test_a_pipe_is_read_to_its_end(squib, tmp_path):
    path = tmp_path / "fifo"
    os.mkfifo(path)

    def feed():
        with open(path, "wb") as file:
            file.write(b'{"drives": []')
            file.flush()
            file.write(b"}")

    writer = threading.Thread(target=feed)
    writer.start()
    result = boot(squib, path)
    writer.join()
    text = "Invalid JSON: missing field `boot-source` at line 1 column 14"
    expect(result, FAILED + text)


# ---- what it says ----


@pytest.mark.parametrize(
    "text, sentence",
    [
        (b"{", "EOF while parsing an object at line 1 column 1"),
        (b"[]", "invalid length 0, expected struct VmmConfig with 14 elements at line 1 column 2"),
        (b"kernel: x", "expected value at line 1 column 1"),
        (b"{}", "missing field `drives` at line 1 column 2"),
        (b'{"drives": []}', "missing field `boot-source` at line 1 column 14"),
        (b'{"drives": [],}', "trailing comma at line 1 column 15"),
        (b'{\n  "drives": [\n  }', "expected value at line 3 column 3"),
        (b'{"drives": [], "boot-source": {}}',
         "missing field `kernel_image_path` at line 1 column 32"),
        (b'{"drives": [], "boot-source": {"kernel_image_path": 1}}',
         "invalid type: integer `1`, expected a string at line 1 column 53"),
        (b'{"drives": [], "boot-source": {"kernel_image_path": "a", "args": "b"}}',
         "unknown field `args`, expected one of `kernel_image_path`, `initrd_path`, "
         "`boot_args` at line 1 column 63"),
        (b'{"drives": [], "drives": []}', "duplicate field `drives` at line 1 column 23"),
        (b'{"machine-config": {"vcpu_count": 256}}',
         "invalid value: integer `256`, expected u8 at line 1 column 37"),
        (b'{"machine-config": {"vcpu_count": -1}}',
         "invalid value: integer `-1`, expected u8 at line 1 column 36"),
        (b'{"machine-config": {"vcpu_count": 1.5}}',
         "invalid type: floating point `1.5`, expected u8 at line 1 column 37"),
        (b'{"machine-config": {"mem_size_mib": 128}}',
         "missing field `vcpu_count` at line 1 column 40"),
        (b'{"squib": {"turbo": true}}',
         "unknown field `turbo`, expected `accel` at line 1 column 18"),
    ],
)
@pytest.mark.contract(21)
def test_malformed_json(squib, vm_json, text, sentence):
    expect(boot(squib, vm_json(text)), f"{FAILED}Invalid JSON: {sentence}")


def test_cpu_templates(squib, vm_json, tmp_path):
    path = tmp_path / "template"
    expect(boot(squib, vm_json(cpu_config=str(path))),
           f"{FAILED}File operation error: No such file or directory (os error 2): {path}")
    path.write_text('{"reg_modifiers": [{"addr": "0x1", "bitmap": "0b1"}]}')
    sentence = ("Invalid JSON: Invalid aarch64 register address: 0x1 - Only 32, 64 and 128 bit "
                "wide registers are supported")
    expect(boot(squib, vm_json(cpu_config=str(path))), FAILED + sentence)
    expect(boot(squib, vm_json(cpu_config=json.loads(path.read_text()))), FAILED + sentence)
    path.write_text('{"reg_modifiers": 1}')
    expect(boot(squib, vm_json(cpu_config=str(path))),
           f"{FAILED}Invalid JSON: invalid type: integer `1`, expected a sequence "
           "at line 1 column 19")


def test_deep_nesting(squib, vm_json):
    deep = b'{"cpu-config": ' + b"[" * 100_000
    result = boot(squib, vm_json(deep))
    text = "Invalid JSON: recursion limit exceeded at line 1 column 142"
    expect(result, FAILED + text)
    ignored = b'{"other": ' + b"[" * 100_000
    result = boot(squib, vm_json(ignored))
    text = "Invalid JSON: EOF while parsing a list at line 1 column 100010"
    expect(result, FAILED + text)


@pytest.mark.parametrize(
    "machine, sentence",
    [
        ({"vcpu_count": 0, "mem_size_mib": 128}, VCPUS),
        ({"vcpu_count": 33, "mem_size_mib": 128}, VCPUS),
        ({"vcpu_count": 1, "mem_size_mib": 0}, MEMORY),
        ({"vcpu_count": 1, "mem_size_mib": 3, "huge_pages": "2M"}, MEMORY),
        (
            {"vcpu_count": 2, "mem_size_mib": 128, "smt": True},
            "VM config error: Enabling simultaneous multithreading is not supported on aarch64.",
        ),
    ],
)
@pytest.mark.contract(21)
def test_machines_that_cannot_be(squib, vm_json, machine, sentence):
    result = boot(squib, vm_json(machine_config=machine))
    expect(result, FAILED + sentence)


def test_a_command_line_that_is_too_long(squib, vm_json):
    source = {"kernel_image_path": "/dev/null", "boot_args": "x" * 2048}
    text = (
        "Boot source error: The kernel command line is invalid: "
        "Inserting string would make command line too long."
    )
    expect(boot(squib, vm_json(boot_source=source)), FAILED + text)


def test_missing_kernel_and_initrd(squib, vm_json):
    source = {"kernel_image_path": "/nowhere/Image"}
    text = (
        "Boot source error: The kernel file cannot be opened: "
        "No such file or directory (os error 2)"
    )
    expect(boot(squib, vm_json(boot_source=source)), FAILED + text)
    source = {"kernel_image_path": "/dev/null", "initrd_path": "/nowhere/rd"}
    text = (
        "Boot source error: The initrd file cannot be opened due to invalid "
        "path or invalid permissions. No such file or directory (os error 2)"
    )
    expect(boot(squib, vm_json(boot_source=source)), FAILED + text)


def test_devices_are_checked(squib, vm_json):
    drive = {"drive_id": "a", "is_root_device": False, "path_on_host": "/nowhere/disk"}
    text = (
        "Block device error: Unable to create the virtio block device: Virtio "
        "backend error: Error manipulating the backing file: No such file or "
        "directory (os error 2) /nowhere/disk"
    )
    expect(boot(squib, vm_json(drives=[drive])), FAILED + text)
    text = "Invalid JSON: missing field `guest_cid` at line 1 column "
    result = boot(squib, vm_json(vsock={}))
    assert FAILED + text in result.err


# ---- signals while it waits ----


@pytest.mark.parametrize(
    "number, code",
    [
        (signal.SIGBUS, 149),
        (signal.SIGSEGV, 150),
        (signal.SIGXFSZ, 151),
        (signal.SIGXCPU, 154),
        (signal.SIGHUP, 156),
        (signal.SIGILL, 157),
        (signal.SIGSYS, 2),  # sent by kill: 148 is for seccomp
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGINT, -signal.SIGINT),
    ],
)
@pytest.mark.contract(30)
def test_fatal_signals(squib_path, tmp_path, number, code):
    """A pipe nobody writes to keeps squib waiting, and a signal ends it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    process = subprocess.Popen(
        [str(squib_path), "--no-api", "--config-file", str(path)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert b"Running Firecracker" in process.stdout.readline()
    # The line comes before the handlers; opening the pipe comes after.
    writer = open_when_read(path, process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=guests.PATIENCE_S)
    os.close(writer)
    assert process.returncode == code
    if code == 2:
        assert b"Shutting down VM after intercepting a bad syscall (0)." in out
    elif code > 0:
        line = f"Shutting down VM after intercepting signal {int(number)}, code "
        assert line.encode() in out


def open_when_read(path, process):
    """The end of a pipe that is for writing, once the process has the other."""
    while True:
        assert process.poll() is None
        try:
            return os.open(path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as e:
            assert e.errno == errno.ENXIO
        time.sleep(0.01)
