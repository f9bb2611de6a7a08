# SPDX-License-Identifier: Apache-2.0
"""Disks as the API and the configuration file give them, and change them."""

import json
import subprocess

import pytest

from linux import pack


def image(path, kib, byte):
    path.write_bytes(byte * (kib * 1024))
    return str(path)


SCRIPT = """
size() { cat /sys/block/vda/size; }
first=$(size)
echo "first $first $(dd if=/dev/vda bs=1 count=3 2>/dev/null)"
while [ "$(size)" = "$first" ]; do sleep 0.1; done
echo 3 > /proc/sys/vm/drop_caches
echo "then $(size) $(dd if=/dev/vda bs=512 count=1 iflag=direct 2>/dev/null | cut -c1-3)"
"""


@pytest.mark.contract(11, 42)
def test_a_drive_gets_another_file_and_limit_while_it_runs(api, fast_kernel, tmp_path):
    one = image(tmp_path / "one", 64, b"1")
    two = image(tmp_path / "two", 128, b"2")
    rd = pack(tmp_path / "rd", SCRIPT, "microvm" not in fast_kernel.name)
    words = "console=ttyAMA0 reboot=k panic=1 squib.test squib.cmd=/script"
    drive = {"drive_id": "a", "path_on_host": one, "is_root_device": False}
    api.ok(
        "PUT",
        "/boot-source",
        {"kernel_image_path": str(fast_kernel), "initrd_path": str(rd),
         "boot_args": words},
    )
    api.ok("PUT", "/drives/a", drive)
    api.ok("PUT", "/actions", {"action_type": "InstanceStart"})
    api.expect("first 128 111")
    assert (
        "Drive config error: Unable to patch the block device: Block: Virtio backend "
        "error: Error manipulating the backing file: No such file or directory "
        "(os error 2) /no/such/file Please verify the request arguments."
        == api.fault("PATCH", "/drives/a",
                     {"drive_id": "a", "path_on_host": "/no/such/file"})
    )
    assert "Running method expected different backend" in api.fault(
        "PATCH", "/drives/a", {"drive_id": "a"}
    )
    assert "Device not found" in api.fault(
        "PATCH", "/drives/b", {"drive_id": "b", "path_on_host": two}
    )
    bucket = {"size": 10**6, "refill_time": 100}
    api.ok("PATCH", "/drives/a",
           {"drive_id": "a", "rate_limiter": {"bandwidth": bucket}})
    api.ok("PATCH", "/drives/a", {"drive_id": "a", "path_on_host": two})
    shown = api.ok("GET", "/vm/config")["drives"][0]
    assert shown["path_on_host"] == two
    assert shown["rate_limiter"]["bandwidth"]["size"] == 10**6
    assert shown["rate_limiter"]["ops"] is None
    api.expect("then 256 222")
    api.wait()


def test_a_config_file_has_drives_and_metrics_count_them(
    squib_path, fast_kernel, tmp_path
):
    one = image(tmp_path / "one", 64, b"1")
    script = "dd if=/dev/vda of=/dev/null bs=4k count=10 iflag=direct\nsync"
    rd = pack(tmp_path / "rd", script, "microvm" not in fast_kernel.name)
    metrics = tmp_path / "metrics"
    config = {
        "boot-source": {
            "kernel_image_path": str(fast_kernel),
            "initrd_path": str(rd),
            "boot_args": "console=ttyAMA0 reboot=k panic=1 squib.test "
            "squib.cmd=/script",
        },
        "drives": [
            {"drive_id": "a", "path_on_host": one, "is_root_device": True,
             "is_read_only": True, "io_engine": "Async"}
        ],
        "entropy": {},
        "metrics": {"metrics_path": str(metrics)},
    }
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [str(squib_path), "--no-api", "--config-file", str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False,
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode == 0, text
    assert "squib-guest: exit 0" in text
    assert " root=/dev/vda ro " in text
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    read = sum(line["block_a"]["read_bytes"] for line in lines)
    assert read >= 40960
    assert read == sum(line["block"]["read_bytes"] for line in lines)
