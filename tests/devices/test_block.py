# SPDX-License-Identifier: Apache-2.0
"""Disks: what Linux writes is what the host has, whatever happens."""

import hashlib
import os
import re

import pytest

from linux import machine, root_tree, tool

FILL = """
mount /dev/vda /mnt
for n in 1 2 3 4 5 6; do
    dd if=/dev/urandom of=/mnt/file$n bs=64k count=$((n * 5)) 2>/dev/null
done
mkdir /mnt/folder
ln -s ../file1 /mnt/folder/link
sync
sha256sum /mnt/file?
umount /mnt
mount /dev/vda /mnt
sha256sum /mnt/file?
umount /mnt
"""


def sums(text):
    return re.findall(r"^([0-9a-f]{64})  /mnt/(file\d)$", text, re.M)


def on_host(image, name, folder):
    """The checksum of a file inside an image, without mounting it."""
    out = folder / "dumped"
    tool("debugfs", "-R", f"dump /{name} {out}", image)
    return hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.mark.parametrize("options", ["", ":async", ":unsafe", ":async,discard"])
def test_a_file_system_is_filled_and_sound(run, kernel, ext4, tmp_path, options):
    disk = ext4()
    got = sums(run(kernel, FILL, "--disk", f"{disk}{options}", cpus=2))
    assert len(got) == 12 and got[:6] == got[6:]
    tool("e2fsck", "-fn", disk)
    for digest, name in got[:6]:
        assert on_host(disk, name, tmp_path) == digest


@pytest.mark.parametrize("options", ["", ":async"])
def test_nothing_flushed_is_lost_when_squib_is_killed(
    start, fast_kernel, ext4, tmp_path, options
):
    disk = ext4()
    vm = start(
        fast_kernel,
        """
        mount /dev/vda /mnt
        dd if=/dev/urandom of=/mnt/file1 bs=64k count=50 2>/dev/null
        sync
        sha256sum /mnt/file1
        echo flushed
        n=0
        while :; do
            n=$((n + 1))
            dd if=/dev/urandom of=/mnt/other$n bs=4k count=20 2>/dev/null
            echo $n
        done
        """,
        "--disk",
        f"{disk}{options}",
        cpus=2,
    )
    vm.expect("flushed")
    vm.expect("\n5\r?\n")
    vm.kill()
    digest = sums(vm.text())[0][0]
    tool("e2fsck", "-fp", disk, ok=(0, 1))
    tool("e2fsck", "-fn", disk)
    assert on_host(disk, "file1", tmp_path) == digest


@pytest.mark.parametrize("device", ["--disk", "--disk :async", "--pmem"])
def test_each_record_that_was_told_of_is_there(start, fast_kernel, tmp_path, device):
    """A log as a data base keeps it, killed without a warning."""
    option, _, more = device.partition(" ")
    disk = tmp_path / "log"
    disk.write_bytes(bytes(4 << 20))
    vm = start(
        fast_kernel,
        """
        [ -b /dev/vda ] && device=/dev/vda || device=/dev/pmem0
        n=0
        while n=$((n + 1)); do
            printf "record %8d" $n |
                dd of=$device bs=512 seek=$n conv=sync,fsync 2>/dev/null
            echo "told $n"
        done
        """,
        *[option, f"{disk}{more}"],
        cpus=2,
    )
    vm.expect("told 40\r?\n")
    vm.kill()
    last = max(int(n) for n in re.findall(r"^told (\d+)\r?$", vm.text(), re.M))
    assert last >= 40
    data = disk.read_bytes()
    for n in range(1, last + 1):
        assert data[n * 512 :].startswith(b"record %8d" % n), n


@pytest.mark.contract(42)
def test_the_cache_is_as_the_drive_says(run, fast_kernel, ext4):
    script = "cat /sys/block/vd?/queue/write_cache"
    one, two = ext4("one.img", 8), ext4("two.img", 8)
    text = run(fast_kernel, script, "--disk", one, "--disk", f"{two}:unsafe")
    assert "write back\nwrite through\n" in text


@pytest.mark.contract(42)
def test_disks_come_in_their_order_with_the_root_first(run, fast_kernel, ext4):
    args = []
    for n, name in enumerate(["a", "b", "c:root"]):
        path, _, option = name.partition(":")
        image = ext4(path, 8 + n)
        args += ["--disk", f"{image}:{option}"]
    text = run(fast_kernel, "cat /sys/block/vd?/size; cat /proc/cmdline", *args)
    assert "20480\n16384\n18432\n" in text
    assert " root=/dev/vda rw " in text


@pytest.mark.contract(42)
def test_a_read_only_disk_stays_as_it_is(run, fast_kernel, ext4):
    disk = ext4()
    before = disk.read_bytes()
    run(
        fast_kernel,
        """
        cat /sys/block/vda/ro | grep 1
        ! mount /dev/vda /mnt -o rw,noload || umount /mnt
        mount -o ro,noload /dev/vda /mnt
        ! touch /mnt/x
        ! dd if=/dev/zero of=/dev/vda bs=4096 count=1 conv=fsync
        """,
        "--disk",
        f"{disk}:ro",
    )
    assert disk.read_bytes() == before


def test_the_tail_that_is_no_sector_is_not_seen(run, fast_kernel, tmp_path):
    disk = tmp_path / "odd.img"
    disk.write_bytes(b"x" * (512 * 9 + 100))
    text = run(
        fast_kernel,
        "cat /sys/block/vda/size; dd if=/dev/vda bs=512 2>/dev/null | wc -c",
        "--disk",
        disk,
        err_ok=True,
    )
    assert "9\n4608\n" in text
    assert disk.stat().st_size == 512 * 9 + 100


@pytest.mark.contract(42)
@pytest.mark.parametrize("options", ["", ":async"])
def test_a_file_that_shrinks_gives_errors_and_nothing_else(
    start, fast_kernel, tmp_path, options
):
    disk = tmp_path / "shrinks.img"
    disk.write_bytes(b"y" * (8 << 20))
    vm = start(
        fast_kernel,
        """
        dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct
        echo ready
        while ! dd if=/dev/vda of=/dev/null bs=4k count=1 skip=1000 iflag=direct \
            2>&1 | grep -q error; do sleep 0.1; done
        dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct && echo survived
        """,
        "--disk",
        f"{disk}{options}",
    )
    vm.expect("ready")
    os.truncate(disk, 1 << 20)
    code, err = vm.wait()
    assert code == 0, err
    assert "survived" in vm.text()
    assert "I/O error" in vm.text()


@pytest.mark.parametrize("options", ["", ":async"])
def test_a_full_disk_gives_errors_and_nothing_else(
    start, fast_kernel, tmp_path, within, options
):
    """A file system of 2 MiB, in a namespace of squib's own."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f"mount -t tmpfs -o size=2m none {small} && truncate -s 8M {small}/disk"
    within("unshare", "-rm", "sh", "-c", f'{mount} && exec "$@"', "sh")
    vm = start(
        fast_kernel,
        """
        dd if=/dev/zero of=/dev/vda bs=64k count=8 conv=fsync && echo first
        dd if=/dev/zero of=/dev/vda bs=64k seek=16 count=64 conv=fsync ||
            echo second
        dd if=/dev/zero of=/dev/vda bs=64k count=8 conv=fsync && echo third
        """,
        "--disk",
        f"{small}/disk{options}",
    )
    code, err = vm.wait()
    assert code == 0, err
    assert "No space left on device" in err
    for word in ("first", "second", "third"):
        assert re.search(rf"^{word}$", vm.text(), re.M), vm.text()


@pytest.mark.parametrize("options", ["", ":async"])
def test_what_was_flushed_before_the_disk_was_full_is_sound(
    start, fast_kernel, ext4, tmp_path, within, options
):
    """A sparse image of 24 MiB on 8 MiB; what became of it is copied out."""
    image, small, out = ext4(mib=24), tmp_path / "small", tmp_path / "out.img"
    small.mkdir()
    within(
        *["unshare", "-rm", "sh", "-c"],
        f"mount -t tmpfs -o size=8m none {small} &&"
        f" cp --sparse=always {image} {small}/disk &&"
        f' "$@"; code=$?; [ $# -lt 2 ] || cp --sparse=always {small}/disk {out};'
        " exit $code",
        "sh",
    )
    vm = start(
        fast_kernel,
        """
        mount /dev/vda /mnt
        dd if=/dev/urandom of=/mnt/file1 bs=64k count=30 2>/dev/null
        sync
        sha256sum /mnt/file1
        dd if=/dev/urandom of=/mnt/file2 bs=64k count=300 conv=fsync 2>/dev/null ||
            echo full
        echo 3 > /proc/sys/vm/drop_caches
        sha256sum /mnt/file1
        """,
        "--disk",
        f"{small}/disk{options}",
    )
    code, err = vm.wait()
    assert code == 0, err
    assert "No space left on device" in err
    assert re.search("^full$", vm.text(), re.M), vm.text()
    got = sums(vm.text())
    assert len(got) == 2 and got[0] == got[1]
    tool("e2fsck", "-fy", out, ok=(0, 1))
    tool("e2fsck", "-fn", out)
    assert on_host(out, "file1", tmp_path) == got[0][0]


@pytest.mark.contract(42)
def test_a_driver_may_come_and_go(run, fast_kernel, ext4):
    """Each unbind resets the device; 30 times leaves nothing behind."""
    disk = ext4(mib=8)
    run(
        fast_kernel,
        """
        cd /sys/bus/virtio/drivers/virtio_blk
        n=0
        while [ $n -lt 30 ]; do
            echo virtio0 > unbind
            [ ! -b /dev/vda ]
            echo virtio0 > bind
            dd if=/dev/vda of=/dev/null bs=1M iflag=direct 2>/dev/null
            n=$((n + 1))
        done
        cd /
        mount /dev/vda /mnt
        umount /mnt
        """,
        "--disk",
        f"{disk}:async",
    )
    tool("e2fsck", "-fn", disk)


def test_discarded_blocks_go_back_to_the_host(run, fast_kernel, ext4):
    disk = ext4()
    run(
        fast_kernel,
        """
        mount /dev/vda /mnt
        dd if=/dev/urandom of=/mnt/big bs=1M count=30 2>/dev/null
        sync
        rm /mnt/big
        sync
        fstrim /mnt
        umount /mnt
        """,
        "--disk",
        f"{disk}:discard",
    )
    assert disk.stat().st_blocks * 512 < 20 << 20
    tool("e2fsck", "-fn", disk)


@pytest.mark.parametrize("options", ["", ":async"])
def test_a_sparse_disk_may_be_huge(run, fast_kernel, tmp_path, options):
    disk = tmp_path / "huge.img"
    disk.write_bytes(b"")
    os.truncate(disk, 8 << 40)
    text = run(
        fast_kernel,
        """
        cat /sys/block/vda/size
        echo end | dd of=/dev/vda bs=512 seek=$((8 * 1024 * 1024 * 1024 * 2 - 1)) \
            conv=sync,fsync 2>/dev/null
        """,
        "--disk",
        f"{disk}{options}",
    )
    assert f"\n{(8 << 40) // 512}\n" in text
    with open(disk, "rb") as f:
        f.seek((8 << 40) - 512)
        assert f.read(4) == b"end\n"
    assert disk.stat().st_blocks * 512 < 1 << 20


@pytest.mark.contract(42)
def test_a_root_file_system_needs_no_initrd(
    squib_path, kernel_without_modules, ext4, tmp_path
):
    disk = ext4(folder=root_tree(tmp_path / "tree"))
    vm = machine.Machine(
        squib_path,
        tmp_path,
        kernel_without_modules,
        ["squib.test", "squib.cmd=/script", "init=/init"],
        args=["--disk", disk],
    )
    text = vm.end_well()
    assert "root=/dev/vda rw" in text
    assert "/dev/root on / type ext4 (rw" in text
    assert "squib-guest: exit 0" in text
    tool("e2fsck", "-fp", disk, ok=(0, 1))


@pytest.mark.contract(40)
def test_entropy_comes_from_the_host(run, kernel):
    text = run(
        kernel,
        """
        cat /sys/class/misc/hw_random/rng_current
        dd if=/dev/hwrng of=/tmp/x bs=4096 count=4 2>/dev/null
        dd if=/dev/hwrng of=/tmp/y bs=4096 count=4 2>/dev/null
        wc -c < /tmp/x
        ! cmp -s /tmp/x /tmp/y
        gzip -c /tmp/x | wc -c
        """,
        "--rng",
    )
    assert "virtio_rng.0\n16384\n" in text
    assert int(re.search(r"\n16384\n(\d+)\n", text).group(1)) > 16000
