# SPDX-License-Identifier: Apache-2.0
"""The squib program as a black box: what it prints, logs and returns."""

import json
import os
import pathlib
import subprocess

import pytest

import guests

ROOT = pathlib.Path(__file__).resolve().parents[2]


def find_squib():
    if "SQUIB" in os.environ:
        return pathlib.Path(os.environ["SQUIB"]).resolve()
    for name in ("build/squib", "build/src/main/squib"):
        if (ROOT / name).is_file():
            return ROOT / name
    return None


@pytest.fixture(scope="session")
def squib_path():
    path = find_squib()
    if path is None:
        pytest.fail("there is no squib to test: build it, or set SQUIB")
    return path


class Result:
    def __init__(self, done):
        self.code = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return f"exit code {self.code}\n-- out:\n{self.out}\n-- err:\n{self.err}"


@pytest.fixture
def squib(squib_path):
    """Runs squib to its end and checks what must hold however it went."""

    def run(*args, **kwargs):
        kwargs.setdefault("stdin", subprocess.DEVNULL)
        done = subprocess.run(
            [str(squib_path), *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=guests.PATIENCE_S,
            **kwargs,
        )
        result = Result(done)
        assert result.code >= 0, f"ended by a signal: {result!r}"
        for word in ("AddressSanitizer", "runtime error:", "BUG"):
            assert word not in result.err, repr(result)
        return result

    return run


@pytest.fixture
def vm_json(tmp_path):
    """Writes a config file; None takes a key out, bytes are the whole file."""

    def write(change=None, **resources):
        path = tmp_path / "vm.json"
        if isinstance(change, bytes):
            path.write_bytes(change)
            return path
        config = {
            "boot-source": {"kernel_image_path": "/dev/null"},
            "drives": [],
        }
        for key, value in {**(change or {}), **resources}.items():
            config[key.replace("_", "-")] = value
        config = {k: v for k, v in config.items() if v is not None}
        path.write_text(json.dumps(config))
        return path

    return write
