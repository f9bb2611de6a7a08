# SPDX-License-Identifier: Apache-2.0
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.fixture(scope='session')
def build():
    return pathlib.Path(os.environ.get('BUILD', ROOT / 'build')).resolve()


@pytest.fixture(scope='session')
def a64run(build):
    """Runs records, given and returned as Python objects or raw lines."""
    program = build / 'a64run'
    assert program.exists(), f'there is no {program} to test'

    def run(*records, timeout=300):
        text = ''.join((r if isinstance(r, str) else json.dumps(r)) + '\n'
                       for r in records)
        done = subprocess.run([program], input=text, capture_output=True,
                              text=True, timeout=timeout)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]
    return run
