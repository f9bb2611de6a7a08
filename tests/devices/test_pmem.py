# SPDX-License-Identifier: Apache-2.0
"""Files as persistent memory: what the guest flushed is in them."""

import hashlib
import json
import os
import re
import subprocess

import pytest

from apivm import COMMANDS
from linux import KERNELS, machine, pack, root_tree, tool

# Debian's kernel for clouds cannot do without the page cache.
FILL = """
if uname -r | grep -q cloud; then
    mount -t ext4 /dev/pmem0 /mnt
else
    mount -t ext4 -o dax=always /dev/pmem0 /mnt
    grep -q 'pmem0.*dax=always' /proc/mounts
fi
for n in 1 2 3 4; do
    dd if=/dev/urandom of=/mnt/file$n bs=64k count=$((n * 5)) 2>/dev/null
done
sync
sha256sum /mnt/file?
echo flushed
"""


def sums(text):
    return dict(
        (name, digest)
        for digest, name in re.findall(r"^([0-9a-f]{64})  /mnt/(file\d)$", text, re.M)
    )


def on_host(image, name, folder):
    """The checksum of a file inside an image, without mounting it."""
    out = folder / "dumped"
    tool("debugfs", "-R", f"dump /{name} {out}", image)
    return hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.fixture
def pmem(ext4):
    """An ext4 image with blocks of a page, as DAX wants it."""

    def make(name="pmem.img", mib=34, folder=None):
        path = ext4(name, mib, folder)
        path.unlink()
        extra = ["-d", folder] if folder else []
        tool("mke2fs", "-q", "-t", "ext4", "-b", 4096, *extra, path, f"{mib}M")
        return path

    return make


@pytest.fixture
def boot(api, kernel_without_modules, tmp_path):
    """Boots a guest with these files, which then takes commands."""

    def go(*files, cpus=1, **more):
        kernel = kernel_without_modules
        initrd = pack(tmp_path / "rd", COMMANDS, False)
        for n, path in enumerate(files):
            body = {"id": f"p{n}", "path_on_host": str(path), **more}
            api.ok("PUT", f"/pmem/p{n}", body)
        api.ok("PUT", "/metrics", {"metrics_path": str(tmp_path / "metrics")})
        api.boot(kernel, initrd, mem=256, cpus=cpus)
        api.expect("squib-ready")
        return api

    return go


@pytest.mark.contract(43)
def test_what_was_flushed_survives_a_killed_squib(
    start, kernel, pmem, tmp_path
):
    disk = pmem()
    vm = start(
        kernel,
        "set -e\n" + FILL + "while :; do echo x >> /mnt/more; done",
        "--pmem",
        disk,
        cpus=2,
    )
    vm.expect("flushed")
    vm.kill()
    got = sums(vm.text())
    assert len(got) == 4
    tool("e2fsck", "-fp", disk, ok=(0, 1))
    tool("e2fsck", "-fn", disk)
    for name, digest in got.items():
        assert on_host(disk, name, tmp_path) == digest


def test_flushes_reach_the_device_and_are_counted(boot, pmem, tmp_path):
    vm = boot(pmem())
    vm.run("mount -t ext4 -o dax=always /dev/pmem0 /mnt")
    vm.run("echo hello > /mnt/hello; sync")
    metrics = tmp_path / "metrics"
    first = vm.metrics(metrics, "pmem_p0")["queue_event_count"]
    assert first > 0
    vm.run("echo more >> /mnt/hello; sync")
    assert vm.metrics(metrics, "pmem")["queue_event_count"] > first
    assert vm.metrics(metrics, "pmem")["event_fails"] == 0


def test_a_read_only_file_takes_no_writes(boot, pmem, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "hello").write_text("hello\n")
    disk = pmem(folder=tree)
    disk.chmod(0o400)
    before = disk.read_bytes()
    vm = boot(disk, read_only=True, cpus=2)
    vm.run("mount -t ext4 -o ro,noload,dax=always /dev/pmem0 /mnt")
    assert "hello" in vm.run("cat /mnt/hello")
    vm.run("umount /mnt")
    vm.run("dd if=/dev/zero of=/dev/pmem0 bs=64k count=4 oflag=direct; sync", code=None)
    vm.run("mount -t ext4 -o rw,dax=always /dev/pmem0 /mnt", code=None)
    vm.run("echo x > /mnt/x; sync; umount /mnt; true")
    vm.run("dd if=/dev/pmem0 bs=1M iflag=direct 2>/dev/null | sha256sum > /tmp/sum")
    assert hashlib.sha256(before).hexdigest() in vm.run("cat /tmp/sum")
    assert disk.read_bytes() == before


def test_two_files_of_odd_sizes_lie_side_by_side(boot, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"1" * (3 * 1024 * 1024 + 7))
    two.write_bytes(b"2" * 5)
    vm = boot(one, two)
    text = vm.run("cat /sys/block/pmem?/size; head -c 7 /dev/pmem0; head -c 5 /dev/pmem1")
    assert "8192\n4096\n1111111" "22222" in text
    vm.run("printf new | dd of=/dev/pmem1 conv=notrunc,fsync 2>/dev/null")
    assert two.read_bytes() == b"new22"
    assert one.stat().st_size == 3 * 1024 * 1024 + 7


@pytest.mark.contract(43)
@pytest.mark.parametrize("mode", ["rw", "ro"])
def test_the_root_may_be_there(squib_path, kernel_without_modules, pmem, tmp_path, mode):
    disk = pmem(folder=root_tree(tmp_path / "tree"))
    before = disk.read_bytes()
    vm = machine.Machine(
        squib_path,
        tmp_path,
        kernel_without_modules,
        ["squib.test", "squib.cmd=/script", "init=/init", "rootflags=dax=always"],
        args=["--pmem", f"{disk}:root" + (",ro" if mode == "ro" else "")],
    )
    text = vm.end_well()
    assert f"root=/dev/pmem0 {mode}" in text
    assert f"/dev/root on / type ext4 ({mode}" in text
    assert "squib-guest: exit 0" in text
    if mode == "ro":
        assert disk.read_bytes() == before


def test_a_configuration_file_may_name_them(squib_path, fast_kernel, pmem, tmp_path):
    rd = pack(tmp_path / "rd", "cat /proc/cmdline; head -c 3 /dev/pmem1",
              fast_kernel == KERNELS["debian"])
    two = tmp_path / "two"
    two.write_bytes(b"two")
    config = {
        "boot-source": {
            "kernel_image_path": str(fast_kernel),
            "initrd_path": str(rd),
            "boot_args": "console=ttyAMA0 reboot=k panic=1 squib.test "
            "squib.cmd=/script",
        },
        "drives": [],
        "pmem": [
            {"id": "one", "path_on_host": str(pmem()), "root_device": True,
             "read_only": True},
            {"id": "two", "path_on_host": str(two)},
        ],
        "memory-hotplug": {"total_size_mib": 256},
    }
    path = tmp_path / "vm.json"
    path.write_text(json.dumps(config))
    done = subprocess.run(
        [str(squib_path), "--no-api", "--config-file", str(path)],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=300, check=False,
    )
    text = done.stdout.decode(errors="replace").replace("\r", "")
    assert done.returncode == 0, text
    assert " root=/dev/pmem0 ro " in text
    assert re.search("^two", text, re.M), text
    assert "squib-guest: exit 0" in text


def test_a_file_that_shrinks_costs_its_data_and_nothing_else(boot, pmem, tmp_path):
    disk = pmem()
    vm = boot(disk, cpus=2)
    vm.run("dd if=/dev/urandom of=/dev/pmem0 bs=1M count=32 conv=fsync 2>/dev/null")
    first = hashlib.sha256(disk.read_bytes()[: 1 << 20]).hexdigest()
    os.truncate(disk, 1 << 20)
    assert first in vm.run("dd if=/dev/pmem0 bs=1M count=1 iflag=direct | sha256sum")
    zeros = hashlib.sha256(bytes(4 << 20)).hexdigest()
    assert zeros in vm.run(
        "dd if=/dev/pmem0 bs=1M skip=8 count=4 iflag=direct | sha256sum")
    vm.run("dd if=/dev/urandom of=/dev/pmem0 bs=64k seek=200 count=4 conv=fsync",
           code=1)
    vm.run("echo alive")
    assert "pmem p0: the file became shorter" in vm.text()
    assert vm.metrics(tmp_path / "metrics", "pmem_p0")["event_fails"] > 0
    assert disk.stat().st_size == 1 << 20


def test_a_sparse_file_on_a_full_disk_loses_nothing_flushed(
    start, fast_kernel, tmp_path, within
):
    """A file system of 3 MiB, in a namespace of squib's own."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=3m none {small} && truncate -s 16M {small}/disk"
    within("unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh")
    vm = start(
        fast_kernel,
        """
        yes flushed | dd of=/dev/pmem0 bs=64k count=8 iflag=fullblock conv=fsync \
            2>/dev/null && echo first
        dd if=/dev/zero of=/dev/pmem0 bs=64k seek=16 count=128 conv=fsync ||
            echo second
        dd if=/dev/pmem0 bs=64k count=8 iflag=direct 2>/dev/null | sort -u
        """,
        "--pmem",
        small / "disk",
    )
    code, err = vm.wait()
    assert code == 0, err
    assert "its disk is full" in err
    for word in ("first", "second", "flushed"):
        assert re.search(rf"^{word}$", vm.text(), re.M), vm.text()


def test_an_empty_file_is_refused_at_the_start(api, fast_kernel, tmp_path):
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    api.ok("PUT", "/pmem/p", {"id": "p", "path_on_host": str(empty)})
    api.ok("PUT", "/boot-source", {"kernel_image_path": str(fast_kernel)})
    assert api.fault("PUT", "/actions", {"action_type": "InstanceStart"}) == (
        "Start microvm error: Cannot create pmem device: Error backing file size is 0")
    api.ok("PUT", "/pmem/p", {"id": "p", "path_on_host": "/no/such/file"})
    assert api.fault("PUT", "/actions", {"action_type": "InstanceStart"}) == (
        "Start microvm error: Cannot create pmem device: Error accessing backing file: "
        "No such file or directory (os error 2) /no/such/file")


@pytest.mark.contract(16)
def test_the_limit_on_flushes_changes_while_it_runs(boot, pmem, tmp_path):
    vm = boot(pmem())
    assert "Device not found" in vm.fault("PATCH", "/pmem/q", {"id": "q"})
    bucket = {"size": 1, "refill_time": 1000}  # longer than a dd may take
    vm.ok("PATCH", "/pmem/p0", {"id": "p0", "rate_limiter": {"ops": bucket}})
    vm.run("for n in 1 2 3 4; do dd if=/dev/zero of=/dev/pmem0 bs=4k count=1"
           " conv=fsync 2>/dev/null; done")
    stats = vm.metrics(tmp_path / "metrics", "pmem_p0")
    assert stats["rate_limiter_throttled_events"] > 0
    assert stats["rate_limiter_event_count"] > 0
    shown = vm.ok("GET", "/vm/config")["pmem"][0]
    assert shown["rate_limiter"]["ops"]["size"] == 1
    assert shown["rate_limiter"]["bandwidth"] is None
    vm.ok("PATCH", "/pmem/p0",
          {"id": "p0", "rate_limiter": {"ops": {"size": 0, "refill_time": 0}}})
    vm.run("sync")
