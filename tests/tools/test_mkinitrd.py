# SPDX-License-Identifier: Apache-2.0
"""tools/mkinitrd.py writes what cpio reads, the same bytes each time."""
import gzip
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import mkinitrd  # noqa: E402


def make(tmp_path, name, *extra):
    busybox, init = tmp_path / "busybox", tmp_path / "init"
    busybox.write_bytes(b"B" * 1001)
    init.write_bytes(b"#!/bin/sh\n")
    out = tmp_path / name
    subprocess.run([sys.executable, ROOT / "tools/mkinitrd.py", busybox, init,
                    out, *extra], check=True)
    return out


def test_a_disk_is_found_by_drivers_in_their_order(tmp_path):
    busybox, out = tmp_path / "busybox", tmp_path / "out"
    busybox.write_bytes(b"B" * 1001)
    for name in mkinitrd.MODULES:
        file = tmp_path / f"modules/6.1-x/kernel/{name}.ko"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(name)
    subprocess.run([sys.executable, ROOT / "tools/mkinitrd.py", "--disk", busybox,
                    tmp_path / "modules", out], check=True)
    found = entries(out)
    assert found["modules/virtio_blk.ko"][2] == b"drivers/block/virtio_blk"
    mode, _, init = found["init"]
    assert mode == 0o100755
    loaded = re.findall(r"insmod /modules/(\S+)\.ko", init.decode())
    assert loaded == [name.rsplit("/", 1)[1] for name in mkinitrd.MODULES]
    assert init.endswith(b"exec /bin/busybox switch_root /root /sbin/init\n")
    script = init.decode().replace("/proc/cmdline", str(tmp_path / "line"))
    script = re.search(r"root=.*\ndisk=.*\n", script)[0].replace("/bin/busybox ", "")
    for line, disk in (("quiet root=/dev/vdb rw", "/dev/vdb"), ("x nfsroot=1", "")):
        (tmp_path / "line").write_text(line + "\n")
        said = subprocess.run(["sh", "-c", script + 'echo "$disk"'],
                              stdout=subprocess.PIPE, check=True)
        assert said.stdout.decode() == disk + "\n"


def entries(archive):
    """Reads newc back: name -> (mode, device, data)."""
    data, at, found = gzip.decompress(archive.read_bytes()), 0, {}
    while True:
        assert at % 4 == 0 and data[at:at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * n:at + 14 + 8 * n], 16)
                 for n in range(13)]
        start = at + 110
        name = data[start:start + field[11] - 1].decode()
        assert data[start + field[11] - 1] == 0
        body = (start + field[11] + 3) & ~3
        if name == "TRAILER!!!":
            assert len(data) % 512 == 0
            return found
        found[name] = (field[1], (field[9], field[10]),
                       data[body:body + field[6]])
        at = (body + field[6] + 3) & ~3


def test_the_archive_holds_what_a_guest_needs(tmp_path):
    tool = tmp_path / "tool"
    tool.write_bytes(b"xyz")
    found = entries(make(tmp_path, "a.gz", f"{tool}=/bin/tool"))
    assert found["init"] == (0o100755, (0, 0), b"#!/bin/sh\n")
    assert found["bin/busybox"] == (0o100755, (0, 0), b"B" * 1001)
    assert found["bin/sh"] == (0o120777, (0, 0), b"busybox")
    assert found["bin/tool"] == (0o100755, (0, 0), b"xyz")
    assert found["dev/console"] == (0o020600, (5, 1), b"")
    for folder in ("proc", "sys", "dev", "root", "bin"):
        assert found[folder][0] == 0o040755
    assert found["tmp"][0] == 0o041777


def test_the_same_input_gives_the_same_bytes(tmp_path):
    one, two = make(tmp_path, "a.gz"), make(tmp_path, "b.gz")
    assert one.read_bytes() == two.read_bytes()


def test_a_folder_is_packed_with_its_links(tmp_path):
    tree = tmp_path / "tree"
    (tree / "usr/lib").mkdir(parents=True)
    (tree / "usr/lib/file").write_bytes(b"data")
    (tree / "lib").symlink_to("usr/lib")
    out = tmp_path / "out"
    subprocess.run([sys.executable, ROOT / "tools/mkinitrd.py", "--tree", tree,
                    out], check=True)
    packed = tmp_path / "packed"
    packed.write_bytes(gzip.compress(out.read_bytes()))
    found = entries(packed)
    assert list(found) == ["lib", "usr", "usr/lib", "usr/lib/file"]
    assert found["lib"] == (0o120777, (0, 0), b"usr/lib")
    assert found["usr/lib"][0] == 0o040755
    assert found["usr/lib/file"] == (0o100644, (0, 0), b"data")
