# SPDX-License-Identifier: Apache-2.0
"""Real arm64 Linux in squib, from outside: the program, its console, its end.

Where things are can be said by the environment:

  SQUIB           the program                     (build/squib)
  SQUIB_KERNEL    Debian's arm64 kernel           (.cache/guest/Image)
  SQUIB_MICROVM   a small fast-booting kernel
                  (../shared/guest/microvm-6.1.Image.zst, or what
                  `make guest-kernel` has built)
  SQUIB_INITRD    tests/guest_init with busybox   (.cache/guest/initramfs.cpio.gz)

Tests whose kernel is not there are skipped.
"""

import os
import pathlib

import pytest

import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]
GUEST = ROOT / ".cache/guest"


def place(variable, default):
    return pathlib.Path(os.environ.get(variable, default)).resolve()


def first_of(*paths):
    """The first that is there, or the last."""
    return next((path for path in paths if path.is_file()), paths[-1])


SQUIB = place("SQUIB", ROOT / "build/squib")
INITRD = place("SQUIB_INITRD", GUEST / "initramfs.cpio.gz")
KERNELS = {
    "debian": place("SQUIB_KERNEL", GUEST / "Image"),
    "microvm": place(
        "SQUIB_MICROVM",
        first_of(
            ROOT.parent / "shared/guest/microvm-6.1.Image.zst",
            GUEST / "microvm-Image",
        ),
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


@pytest.fixture(scope="session")
def initrd():
    return find(INITRD, "the initial RAM disk")


@pytest.fixture(scope="session")
def kernel_of():
    return lambda name: find(KERNELS[name], f"the {name} kernel")


@pytest.fixture(scope="session", params=["debian", "microvm"])
def kernel(request, kernel_of):
    """Every kernel there is, one after the other."""
    return kernel_of(request.param)


@pytest.fixture(scope="session")
def fast_kernel():
    """The one that boots fastest, for tests that do not care which."""
    path = KERNELS["microvm"]
    if path.is_file():
        return path
    return find(KERNELS["debian"], "an arm64 kernel")


@pytest.fixture
def start(squib_path, initrd, tmp_path):
    """Starts a microVM; whatever the test leaves running is ended."""
    started = []

    def run(kernel, *words, **options):
        options.setdefault("initrd", initrd)
        vm = machine.Machine(squib_path, tmp_path, kernel, words, **options)
        started.append(vm)
        return vm

    yield run
    for vm in started:
        vm.kill()


@pytest.fixture
def boot(start):
    """Boots to the end, which has to be a good one; the console's text."""

    def run(kernel, *words, **options):
        return start(kernel, *words, **options).end_well()

    return run
