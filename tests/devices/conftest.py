# SPDX-License-Identifier: Apache-2.0
"""Devices, driven by real Linux with its own drivers.

A test's script is packed into a second archive behind the initial RAM disk,
with the modules that Debian's kernel needs (the small kernel has them built
in). Where things are is said by the same variables as for tests/boot.
"""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/boot"), str(ROOT / "tools")]

import machine  # noqa: E402
import mkinitrd  # noqa: E402

GUEST = ROOT / ".cache/guest"
MODULES = [
    "drivers/virtio/virtio",
    "drivers/virtio/virtio_ring",
    "drivers/virtio/virtio_mmio",
    "drivers/block/virtio_blk",
    "drivers/char/hw_random/virtio-rng",
]


def place(variable, default):
    return pathlib.Path(os.environ.get(variable, default)).resolve()


SQUIB = place("SQUIB", ROOT / "build/squib")
INITRD = place("SQUIB_INITRD", GUEST / "initramfs.cpio.gz")
KERNELS = {
    "debian": place("SQUIB_KERNEL", GUEST / "Image"),
    "microvm": place(
        "SQUIB_MICROVM", ROOT.parent / "shared/guest/microvm-6.1.Image.zst"
    ),
}


def find(path, what):
    if not path.is_file():
        pytest.skip(f"{what} is not there: {path}")
    return path


@pytest.fixture(scope="session")
def squib_path():
    if not SQUIB.is_file():
        pytest.fail("there is no squib to test: build it, or set SQUIB")
    return SQUIB


@pytest.fixture(scope="session", params=["debian", "microvm"])
def kernel(request):
    """Every kernel there is, one after the other."""
    return find(KERNELS[request.param], f"the {request.param} kernel")


@pytest.fixture(scope="session")
def fast_kernel():
    path = KERNELS["microvm"]
    return path if path.is_file() else find(KERNELS["debian"], "an arm64 kernel")


def module_files():
    folder = next(iter(sorted((GUEST / "modules").glob("*/kernel"))), None)
    return [folder / f"{name}.ko" for name in MODULES] if folder else []


def pack(path, script, is_debian):
    """The initial RAM disk, then an archive with the script and modules."""
    lines = ["#!/bin/sh"]
    ar = mkinitrd.Archive()
    if is_debian:
        ar.folder("modules")
        for file in module_files():
            ar.program(f"modules/{file.name}", str(file))
            lines.append(f"insmod /modules/{file.name} || exit 99")
    ar.add("script", 0o100755, ("\n".join(lines) + "\n" + script).encode())
    path.write_bytes(find(INITRD, "the initial RAM disk").read_bytes() + ar.finish())
    return path


@pytest.fixture
def start(squib_path, tmp_path):
    """Starts a microVM that runs a script; what is left running is ended."""
    started = []

    def run(kernel, script, *args, **options):
        initrd = pack(
            tmp_path / f"rd{len(started)}", script, kernel == KERNELS["debian"]
        )
        words = ["squib.test", "squib.cmd=/script", *options.pop("words", [])]
        vm = machine.Machine(
            squib_path, tmp_path, kernel, words, initrd=initrd, args=args, **options
        )
        started.append(vm)
        return vm

    yield run
    for vm in started:
        vm.kill()


@pytest.fixture
def run(start):
    """Runs a script to its end, which has to be a good one: the console's text.
    `err_ok`: squib may warn."""

    def go(kernel, script, *args, err_ok=False, **options):
        vm = start(kernel, "set -e\n" + script, *args, **options)
        if err_ok:
            code, _ = vm.wait()
            assert code == 0, vm.text()
        else:
            vm.end_well()
        text = vm.text()
        assert "squib-guest: exit 0" in text, text
        return text

    return go


def tool(*words, ok=(0,)):
    done = subprocess.run(
        [str(word) for word in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    text = done.stdout.decode("utf-8", "replace")
    assert done.returncode in ok, f"{words}: exit code {done.returncode}\n{text}"
    return text


@pytest.fixture
def ext4(tmp_path):
    """Makes an ext4 image: a fresh one, or one with what a folder has."""
    env_path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    os.environ["PATH"] = env_path

    def make(name="disk.img", mib=64, folder=None):
        path = tmp_path / name
        extra = ["-d", folder] if folder else []
        tool("mke2fs", "-q", "-t", "ext4", *extra, path, f"{mib}M")
        return path

    return make


@pytest.fixture(scope="session")
def kernel_without_modules():
    """One that can mount a disk by itself."""
    return find(KERNELS["microvm"], "the microvm kernel")
