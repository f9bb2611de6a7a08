# SPDX-License-Identifier: Apache-2.0
"""tools/check-layers finds what it is for, and says where."""
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def check(tmp_path, folder, line):
    src = tmp_path / "src"
    (src / folder).mkdir(parents=True)
    (src / folder / "x.c").write_text("/* one */\n" + line + "\n")
    return subprocess.run([ROOT / "tools/check-layers", src],
                          capture_output=True, text=True)


@pytest.mark.parametrize("folder,target", [
    ("base", "base/err.h"), ("mem", "host/host.h"), ("dev", "mem/gmem.h"),
    ("vm", "accel/accel.h"), ("main", "api/json.h"),
    ("accel/soft", "accel/vcpu_state.h"), ("accel/soft", "accel/soft/cpu.h"),
    ("accel", "accel/soft/soft.h"), ("dev", "isa_gen.h"),
])
def test_downwards_and_sideways_within_a_folder_is_fine(tmp_path, folder,
                                                        target):
    done = check(tmp_path, folder, f'#include "{target}"')
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("folder,target,why", [
    ("base", "host/host.h", "host is above base"),
    ("mem", "dev/mmio.h", "dev is above mem"),
    ("dev", "accel/accel.h", "dev and accel never include each other"),
    ("accel", "dev/mmio.h", "accel and dev never include each other"),
    ("accel/soft", "machine/layout.h", "machine is above accel"),
    ("accel/soft", "accel/kvm.h", "accel/soft takes only"),
    ("vm", "nowhere/x.h", "no such folder"),
])
def test_anything_else_is_named_with_its_line(tmp_path, folder, target, why):
    done = check(tmp_path, folder, f'  #  include "{target}"')
    assert done.returncode == 1
    where, _, text = done.stdout.partition(f': includes "{target}": ')
    assert where.endswith(f"src/{folder}/x.c:2")
    assert why in text
