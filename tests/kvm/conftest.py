# SPDX-License-Identifier: Apache-2.0
"""squib under a real KVM: that of an emulated arm64 host (nested.py). All tests
of this folder share one, which is started again when a test has lost it.
"""

import shutil

import pytest

import nested


def pytest_collection_modifyitems(items):
    """One emulated host is enough for a machine: one worker gets them all."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group("kvm"))


class Host:
    def __init__(self, folder):
        self.initrd = folder / "initrd"
        extra = nested.files(folder)
        self.initrd.write_bytes(nested.archive(nested.ARM64 / "squib", extra))
        self.machine = None
        self.late = []

    def run(self, command, timeout_s=nested.COMMAND_S):
        """The exit code and the output of a shell command. What hangs has one
        long wait, and costs the others no more than short ones."""
        if len(self.late) >= nested.MOST_LATE:
            raise nested.Ended("not tried, these hung before: " + "; ".join(self.late))
        if self.late:
            timeout_s = min(timeout_s, nested.AGAIN_S)
        try:
            if not self.machine or not self.machine.alive():
                self.machine = nested.Nested(self.initrd)
            return self.machine.run(command, timeout_s)
        except nested.Ended:
            self.late.append(command)
            raise

    def check(self, command, timeout_s=nested.COMMAND_S):
        code, text = self.run(command, timeout_s)
        assert code == 0, text
        return text

    def close(self):
        if self.machine:
            self.machine.kill()


@pytest.fixture(scope="session")
def host(tmp_path_factory):
    nested.need(nested.ARM64 / "tests/kvm/kvm_test", "the build for arm64")
    if not shutil.which("qemu-system-aarch64"):
        pytest.skip("qemu-system-aarch64 is not installed")
    machine = Host(tmp_path_factory.mktemp("kvm"))
    yield machine
    machine.close()


@pytest.fixture
def linux(host):
    """Runs a command in squib's Linux guest: the console's text."""

    def run(
        command="true",
        *args,
        cpus=1,
        mem=256,
        check=True,
        timeout_s=nested.COMMAND_S,
    ):
        words = [
            "squib run --kernel /g/Image --initrd /g/initrd",
            f"--cpus {cpus} --mem {mem}",
            *args,
            f"--append \"quiet squib.test squib.cmd=\\\"/script '{command}'\\\"\"",
        ]
        code, text = host.run(" ".join(words), timeout_s)
        if check:
            assert code == 0, text
            assert "squib-guest: exit 0" in text, text
        return text

    return run
