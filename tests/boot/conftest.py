# SPDX-License-Identifier: Apache-2.0
"""Real arm64 Linux in squib, from outside: the program, its console, its end.
Where things are is in machine.py; tests whose kernel is not there are skipped.
"""

import pytest

import machine
from machine import INITRD, SQUIB, find


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
    return machine.find_kernel


@pytest.fixture(scope="session", params=["debian", "microvm"])
def kernel(request, kernel_of):
    """Every kernel there is, one after the other."""
    return kernel_of(request.param)


@pytest.fixture(scope="session")
def fast_kernel():
    return machine.find_fast_kernel()


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
