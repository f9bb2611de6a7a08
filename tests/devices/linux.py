# SPDX-License-Identifier: Apache-2.0
"""Where things are, and how a script gets into the guest."""

import os
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/boot"), str(ROOT / "tools")]

import machine  # noqa: E402, F401: the tests' way to it
import mkinitrd  # noqa: E402
from machine import GUEST, INITRD, KERNELS, SQUIB, find  # noqa: E402, F401

# Debian's programs, its root file system being the first disk, which is only
# read.
DEBIAN = GUEST / "debian.ext4"
DEBIAN_PROGRAMS = """
mount -t ext4 -o ro,noload /dev/vda /mnt
mount -t tmpfs tmp /mnt/tmp
mount -o bind /dev /mnt/dev
mount -t proc proc /mnt/proc
mount -t sysfs sys /mnt/sys
debian() { chroot /mnt "$@"; }
"""


def compile_program(name, folder):
    """One of guest/*.c for the guest: its path."""
    path = folder / name
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    if not compiler:
        pytest.skip("no arm64 cross compiler: gcc-aarch64-linux-gnu")
    source = pathlib.Path(__file__).parent / "guest" / f"{name}.c"
    tool(
        *[compiler, "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static"],
        *["-pthread", source, "-o", path],
    )
    return path


def pack(path, script, is_debian, programs=()):
    """The initial RAM disk, then an archive with the script, modules and
    programs, which go to /bin."""
    lines = ["#!/bin/sh"]
    ar = mkinitrd.Archive()
    if is_debian:
        ar.folder("modules")
        for file in mkinitrd.module_files(GUEST / "modules"):
            name = f"modules/{os.path.basename(file)}"
            ar.program(name, file)
            lines.append(f"insmod /{name} || exit 99")
    for program in programs:
        ar.program(f"bin/{program.name}", str(program))
    ar.add("script", 0o100755, ("\n".join(lines) + "\n" + script).encode())
    path.write_bytes(find(INITRD, "the initial RAM disk").read_bytes() + ar.finish())
    return path


def tool(*words, ok=(0,)):
    done = subprocess.run(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode in ok, f"{words}: exit code {done.returncode}\n{text}"
    return text


def root_tree(tree):
    """A folder to make a root file system of: busybox, whose script says what
    is mounted and what the kernel was told."""
    for name in ("bin", "dev", "proc", "sys", "tmp", "run", "mnt", "sbin", "root",
                 "etc"):
        (tree / name).mkdir(parents=True)
    shutil.copy(find(GUEST / "busybox", "busybox"), tree / "bin/busybox")
    shutil.copy(ROOT / "tests/guest_init/init", tree / "init")
    (tree / "bin/sh").symlink_to("busybox")
    (tree / "script").write_text("#!/bin/sh\nmount\ncat /proc/cmdline\n")
    for name in ("bin/busybox", "init", "script"):
        (tree / name).chmod(stat.S_IRWXU)
    return tree
