# SPDX-License-Identifier: Apache-2.0
"""Kernels and initrds that cannot be booted: what they are, what helps."""

import gzip
import os
import struct

import pytest

import guests

IMAGE = guests.image(guests.psci(guests.SYSTEM_OFF))


def elf(machine, kind=2):
    return b"\x7fELF\x02\x01\x01".ljust(16, b"\0") + struct.pack("<HH", kind, machine) + bytes(4096)


def bzimage():
    head = bytearray(8192)
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    return bytes(head)


FILES = {
    "empty": b"",
    "short": b"hello\n",
    "text": b"#!/bin/sh\n" * 1000,
    "zeros": bytes(1 << 20),
    "random": bytes(range(256)) * 64,
    "cut header": IMAGE[:60],
    "x86 ELF": elf(62),
    "arm64 ELF": elf(183),
    "big-endian ELF": b"\x7fELF\x02\x02\x01".ljust(4096, b"\0"),
    "bzImage": bzimage(),
    "EFI zboot": b"MZ\0\0zimg\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0gzip\0\0\0\0".ljust(8192, b"\0"),
    "xz": b"\xfd7zXZ\0".ljust(4096, b"\1"),
    "lz4": b"\x02\x21\x4c\x18".ljust(4096, b"\1"),
    "broken gzip": gzip.compress(IMAGE)[:40],
    "gzip of nothing": gzip.compress(b""),
    "gzip of text": gzip.compress(b"hello " * 1000),
    "broken zstd": b"\x28\xb5\x2f\xfd" + b"\xff" * 100,
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_kernels(squib, tmp_path, name):
    path = tmp_path / "Image"
    path.write_bytes(FILES[name])
    result = squib("run", path)
    assert result.code == 1, result
    assert result.err.startswith("squib run: ")
    assert str(path) in result.err, result
    assert len(result.err.splitlines()) == 1


def test_a_packed_kernel_boots(squib, tmp_path):
    path = tmp_path / "Image.gz"
    path.write_bytes(gzip.compress(IMAGE))
    assert squib("run", path).code == 0


def test_huge_kernels_and_initrds(squib, tmp_path):
    path = tmp_path / "huge"
    with open(path, "wb") as file:
        file.write(IMAGE)
        file.truncate(1 << 41)
    assert squib("run", path).code == 1
    kernel = tmp_path / "Image"
    kernel.write_bytes(IMAGE)
    result = squib("run", kernel, "-i", path)
    assert result.code == 1
    assert str(path) in result.err or "initrd" in result.err


def test_a_gzip_bomb(squib, tmp_path):
    path = tmp_path / "Image.gz"
    bomb = gzip.compress(bytes(1 << 26), 9)
    path.write_bytes(bomb * 64)  # members that unpack to 4 GiB
    assert squib("run", path).code == 1


@pytest.mark.parametrize("which", ["kernel", "initrd"])
def test_things_that_are_no_files(squib, tmp_path, which):
    kernel = tmp_path / "Image"
    kernel.write_bytes(IMAGE)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in ("/nowhere", tmp_path, "/dev/zero", fifo):
        args = [path] if which == "kernel" else [kernel, "-i", path]
        result = squib("run", *args)
        assert result.code == 1, (path, result)
        assert result.err.startswith("squib run: ")
