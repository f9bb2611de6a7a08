# SPDX-License-Identifier: Apache-2.0
"""A clash in the board's layout breaks the build, with the sentence for it."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

SRC = pathlib.Path(__file__).resolve().parents[2] / "src"
CC = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")

BROKEN = [
    ("GICR_REDISTRIBUTOR_SIZE_PER_VCPU", "0x01000000ull",
     "GICR live region for 32 vCPUs overflows the reserved GICR window"),
    ("MAX_SUPPORTED_VCPUS", "1024u",
     "GICR live region for 32 vCPUs overflows the reserved GICR window"),
    ("GICR_RESERVED_END", "0x0E090000ull",
     "PL011 must abut the GICR reservation"),
    ("PL011_BASE", "0x0E0B0000ull",
     "PL011 must abut the GICR reservation"),
    ("VIRTIO_MMIO_BASE", "0x0E0A0800ull",
     "virtio-MMIO base must sit above PL011"),
    ("VIRTIO_MMIO_BASE", "0x7FFFF000ull",
     "virtio-MMIO region overlaps DRAM"),
    ("DRAM_BASE", "0x0F010000ull",
     "virtio-MMIO region overlaps DRAM"),
]


def build(folder, header):
    """Compiles a program of nothing but the header; what the compiler said,
    or None if it was content."""
    (folder / "machine").mkdir()
    (folder / "machine" / "layout.h").write_text(header)
    unit = folder / "unit.c"
    unit.write_text('#include "machine/layout.h"\nint unit;\n')
    run = subprocess.run(
        [*CC.split(), "-std=gnu11", "-I", str(folder), "-fsyntax-only",
         str(unit)],
        capture_output=True, text=True, timeout=300)
    return None if run.returncode == 0 else run.stderr


def said(output, sentence):
    """Compilers print the sentence as the source breaks it or joined."""
    return sentence in re.sub(r'"\s*"|\s+', " ", output).replace("  ", " ")


def test_the_header_compiles_as_it_is(tmp_path):
    header = (SRC / "machine" / "layout.h").read_text()
    assert build(tmp_path, header) is None


@pytest.mark.parametrize("name,value,sentence", BROKEN)
def test_a_broken_constant_breaks_the_build(tmp_path, name, value, sentence):
    header = (SRC / "machine" / "layout.h").read_text()
    broken, count = re.subn(rf"(?m)^(#define {name}\s+)\S+",
                            rf"\g<1>{value}", header)
    assert count == 1
    output = build(tmp_path, broken)
    assert output is not None, "the broken header compiled"
    assert said(output, sentence), output
