# SPDX-License-Identifier: Apache-2.0
"""Disks and persistent memory under fio, which checks every block it wrote.

fio comes from Debian's root file system (tools/debian-rootfs), which is only
read; without it the tests are skipped.
"""

import os
import re

import pytest

from linux import DEBIAN, DEBIAN_PROGRAMS, find

ENTER = DEBIAN_PROGRAMS + """
[ -x /mnt/usr/bin/fio ] || { echo "there is no fio"; exit 0; }
fio() {
    debian /usr/bin/fio --thread --minimal \
        --verify_state_save=0 --verify=crc32c --verify_fatal=1 --do_verify=1 --end_fsync=1 "$@" \
        > /mnt/tmp/out || { cat /mnt/tmp/out; exit 1; }
}
"""

# Small and large, in and out of order, several at a time, and all mixed.
JOBS = """
fio --name=random --filename=DEVICE --size=24m --rw=randwrite --bs=4k --direct=1 \
    --ioengine=libaio --iodepth=32
fio --name=large --filename=DEVICE --size=32m --rw=write --bs=1m --direct=1 \
    --ioengine=libaio --iodepth=4
fio --name=mixed --filename=DEVICE --size=16m --rw=randrw --bsrange=512-64k \
    --direct=1 --ioengine=libaio --iodepth=16
fio --name=cached --filename=DEVICE --size=16m --rw=randwrite --bs=4k --fsync=64
fio --name=two --filename=DEVICE --size=8m --offset_increment=16m --numjobs=2 \
    --rw=randwrite --bs=4k --direct=1 --ioengine=libaio --iodepth=8
echo "all verified"
"""


def blank(path, mib=40):
    path.write_bytes(b"")
    os.truncate(path, mib << 20)
    return path


def check(text):
    if "there is no fio" in text:
        pytest.skip("Debian's root file system has no fio: make it anew")
    assert "all verified" in text
    assert not re.search("verify: bad|I/O error", text)


@pytest.mark.parametrize("options", ["", ":async", ":unsafe"])
def test_a_disk_keeps_every_block(run, fast_kernel, tmp_path, options):
    args = ["--disk", f"{find(DEBIAN, 'Debian')}:ro"]
    args += ["--disk", f"{blank(tmp_path / 'disk')}{options}"]
    jobs = JOBS.replace("DEVICE", "/dev/vdb")
    check(run(fast_kernel, ENTER + jobs, *args, cpus=2))


def test_persistent_memory_keeps_every_block(run, fast_kernel, tmp_path):
    args = ["--disk", f"{find(DEBIAN, 'Debian')}:ro"]
    args += ["--pmem", blank(tmp_path / "pmem")]
    jobs = JOBS.replace("DEVICE", "/dev/pmem0")
    check(run(fast_kernel, ENTER + jobs, *args, cpus=2))
