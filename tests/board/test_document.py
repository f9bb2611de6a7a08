# SPDX-License-Identifier: Apache-2.0
"""docs/board.md says what src/machine/layout.h says."""

import pathlib
import re

TOP = pathlib.Path(__file__).resolve().parents[2]
HEADER = (TOP / "src" / "machine" / "layout.h").read_text()
DOCUMENT = (TOP / "docs" / "board.md").read_text()


def constant(name):
    value = re.search(rf"(?m)^#define {name}\s+(0x[0-9A-Fa-f]+|\d+)u?l*\b",
                      HEADER)
    assert value, f"layout.h has no {name}"
    return int(value.group(1), 0)


def rows():
    for line in DOCUMENT.splitlines():
        cells = [c.strip() for c in line.strip("|").split("|")]
        if re.fullmatch(r"`[A-Z0-9_]+`", cells[0]):
            yield cells[0].strip("`"), cells[1:]


def test_every_address_is_the_headers():
    found = {name: int(cells[0].replace("_", ""), 16)
             for name, cells in rows() if name.endswith("_BASE")}
    assert len(found) == 11
    assert found == {name: constant(name) for name in found}


def test_every_interrupt_is_the_headers():
    seen = 0
    for name, cells in rows():
        if not re.search("_(SPI|PPI)$", name):
            continue
        kind, cell = cells[0].split()
        assert name.endswith(kind)
        assert int(cell) == constant(name), name
        assert int(cells[1]) == int(cell) + {"SPI": 32, "PPI": 16}[kind], name
        seen += 1
    assert seen == len(re.findall(r"(?m)^#define \w+_[SP]PI\s+\d+u", HEADER))
