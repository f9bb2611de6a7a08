# SPDX-License-Identifier: Apache-2.0
"""Devices, driven by real Linux with its own drivers.

A test's script is packed into a second archive behind the initial RAM disk,
with the modules that Debian's kernel needs (the small kernel has them built
in). Where things are is in tests/boot/machine.py.
"""

import os
import subprocess

import pytest

from apivm import ApiVm
from linux import KERNELS, SQUIB, machine, pack, tool


@pytest.fixture(scope="session")
def squib_path():
    if not SQUIB.is_file():
        pytest.fail("there is no squib to test: build it, or set SQUIB")
    return SQUIB


@pytest.fixture(scope="session", params=["debian", "microvm"])
def kernel(request):
    """Every kernel there is, one after the other."""
    return machine.find_kernel(request.param)


@pytest.fixture(scope="session")
def fast_kernel():
    return machine.find_fast_kernel()


@pytest.fixture
def start(squib_path, tmp_path):
    """Starts a microVM that runs a script; what is left running is ended."""
    started = []

    def run(kernel, script, *args, programs=(), **options):
        initrd = pack(
            tmp_path / f"rd{len(started)}",
            script,
            kernel == KERNELS["debian"],
            programs,
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


@pytest.fixture
def api(squib_path, tmp_path):
    """squib with its API, and no guest yet."""
    vm = ApiVm(squib_path, tmp_path)
    yield vm
    vm.kill()


@pytest.fixture
def within(monkeypatch):
    """Runs squib behind such a command, as its last argument."""

    def go(*inside):
        if subprocess.run([*inside, "true"], check=False).returncode:
            pytest.skip("this host gives us no mount namespace")
        original = machine.Machine._spawn

        def spawn(self, stdin):
            self.command[:0] = inside
            original(self, stdin)

        monkeypatch.setattr(machine.Machine, "_spawn", spawn)

    return go


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
    return machine.find_kernel("microvm")
