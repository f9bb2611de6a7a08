# SPDX-License-Identifier: Apache-2.0
"""docs/compatibility.md says what the program's own tables say."""

import os
import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
STATES = {"same", "partly", "refused", "squib's own"}


def rows(heading):
    text = (ROOT / "docs" / "compatibility.md").read_text()
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def find_list_tables():
    if "LIST_TABLES" in os.environ:
        return pathlib.Path(os.environ["LIST_TABLES"])
    build = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
    return build / "tests" / "api" / "list_tables"


def test_requests_and_fields():
    program = find_list_tables()
    if not program.is_file():
        pytest.skip("tests/api/list_tables is not built")
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    code = {}
    for line in listed.splitlines():
        method, path, fields = line.split(" ")
        code[f"{method} {path}"] = [field for field in fields.split(",") if field]
    table = {row[0]: re.findall(r"`([^`]*)`", row[1]) for row in rows("Requests")}
    assert table == code


def test_flags(squib_path):
    help_ = subprocess.run([squib_path, "--help"], capture_output=True, text=True).stdout
    flags = re.findall(r"^  (--\S+)", help_, re.M)
    assert [row[0] for row in rows("Flags")] == flags


def test_states_are_words_that_are_explained():
    for row in rows("Requests"):
        assert row[2] in STATES, row
    for row in rows("Flags"):
        assert row[1] in STATES, row


def test_refused_flags_are_refused(squib_path):
    for flag, state, _ in rows("Flags"):
        if state != "refused":
            continue
        for value in ([], ["x"]):
            done = subprocess.run([squib_path, "--no-api", "--config-file", "/x", flag, *value],
                                  capture_output=True, text=True)
            assert done.returncode != 0, flag


@pytest.mark.contract(46)
def test_the_description_is_whole(swagger):
    """Every reference leads somewhere, every operation has answers."""

    def walk(node, path):
        if isinstance(node, dict):
            if "$ref" in node:
                assert swagger.resolve(node), path
            for name, value in node.items():
                walk(value, f"{path}/{name}")
        elif isinstance(node, list):
            for n, value in enumerate(node):
                walk(value, f"{path}/{n}")

    walk(swagger.document, "")
    for path, methods in swagger.document["paths"].items():
        for method, operation in methods.items():
            assert operation.get("responses"), f"{method} {path}"
