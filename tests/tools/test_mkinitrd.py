# SPDX-License-Identifier: Apache-2.0
"""tools/mkinitrd.py writes what cpio reads, the same bytes each time."""
import gzip
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def make(tmp_path, name, *extra):
    busybox, init = tmp_path / "busybox", tmp_path / "init"
    busybox.write_bytes(b"B" * 1001)
    init.write_bytes(b"#!/bin/sh\n")
    out = tmp_path / name
    subprocess.run([sys.executable, ROOT / "tools/mkinitrd.py", busybox, init,
                    out, *extra], check=True)
    return out


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
