# SPDX-License-Identifier: Apache-2.0
"""The device tree as dtc reads it."""

import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(not shutil.which("dtc"), reason="no dtc")


@pytest.fixture
def tree(start, fast_kernel, tmp_path):
    def dump(**options):
        path = tmp_path / "vm.dtb"
        vm = start(fast_kernel, args=["--dump-fdt", path], **options)
        vm.expect("Booting Linux")
        vm.kill()
        done = subprocess.run(
            ["dtc", "-I", "dtb", "-O", "dts", path], capture_output=True, check=True
        )
        assert done.stderr == b"", done.stderr.decode()
        return done.stdout.decode()

    return dump


@pytest.mark.parametrize("cpus", [1, 32])
@pytest.mark.parametrize("console", ["ttyAMA0", "ttyS0"])
def test_the_tree_is_well_formed(tree, cpus, console):
    text = tree(cpus=cpus, console=console)
    assert len(re.findall(r"\bcpu@[0-9a-f]+ \{", text)) == cpus
    assert len(re.findall(r'enable-method = "psci"', text)) == cpus
    assert '"arm,gic-v3"' in text and '"arm,armv8-timer"' in text
    assert f"console={console}" in text
    assert ("uart@40002000" in text) == (console == "ttyS0")
    assert ("pl011@e0a0000" in text) == (console == "ttyAMA0")
    assert "linux,initrd-start" in text and "rng-seed" in text


def test_the_size_is_the_operators(tree):
    text = tree(mem=3000)
    reg = re.search(r"memory@80200000 \{[^}]*reg = <([^>]*)>", text).group(1)
    base, size = reg.split()[0:2], reg.split()[2:4]
    assert [int(x, 16) for x in base] == [0, 0x8020_0000]
    total = int(size[0], 16) << 32 | int(size[1], 16)
    assert total == (3000 << 20) - 0x20_0000
