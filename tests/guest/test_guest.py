# SPDX-License-Identifier: Apache-2.0
"""Bare-metal guests: each prints its tests' results and powers off."""
import os
import pathlib
import struct
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SQUIB = os.environ.get('SQUIB', str(ROOT / 'build/squib'))
IMAGES = pathlib.Path(os.environ.get('GUESTS', ROOT / 'build/tests/guest'))

# How many vCPUs each is run with.
GUESTS = {
    'exception': [1],
    'mmu': [1, 4],
    'timer': [1, 2, 32],
    'gic': [1, 2, 4, 32],
    'psci': [1, 3, 32],
    'reset': [1, 2, 32],
    'smp': [1, 2, 4, 32],
    'code': [1, 2, 4, 32],
    'mmio': [1, 8],
    'litmus': [4],
    'remap': [2, 4],
    'trace': [1],
    'farmem': [1, 4],
    'unpriv': [1],
}

# The last has to make room for new code all the time.
TIERS = {
    'auto': [],
    'interp': ['--tier', 'interp'],
    'small': ['--code-mib', '1'],
}
RUNS = [(name, cpus, tier) for name, counts in GUESTS.items()
        for cpus in counts for tier in TIERS]


# Seconds; builds with sanitizers take longer, and say so.
TIMEOUT = 280 * int(os.environ.get('SQUIB_TEST_SLOWNESS', '1'))


def devices_of(name, folder):
    """What some guests need besides the board: see the head of farmem.c."""
    if name != 'farmem':
        return []
    path = pathlib.Path(folder) / 'farmem'
    path.write_bytes(struct.pack('<Q', 0x1122334455667788) * 512 +
                     struct.pack('<II', 0xd2800540, 0xd65f03c0))
    return ['--pmem', f'{path}:ro', '--hotplug-mem', '256M']


def run_guest(name, cpus, tier, folder):
    image = IMAGES / f'{name}.img'
    if not image.exists():
        pytest.skip('the arm64 cross compiler is not installed')
    return subprocess.run(
        [SQUIB, 'run', '--kernel', str(image), '--cpus', str(cpus),
         '--mem', '128', *TIERS[tier], *devices_of(name, folder), '--append', 'console=ttyAMA0'],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)


def failed_in(text, record_property):
    """What a guest found wrong: a race lost once is lost, no retry mends it."""
    bad = [l for l in map(str.strip, text.splitlines())
           if l.startswith(('not ok', '#'))]
    if bad:
        record_property('firm', bad[0])
    return bad


@pytest.mark.parametrize('name,cpus,tier', RUNS,
                         ids=[f'{n}-{c}cpu-{t}' for n, c, t in RUNS])
def test_guest(name, cpus, tier, tmp_path, record_property):
    done = run_guest(name, cpus, tier, tmp_path)
    text = done.stdout.decode(errors='replace')
    bad = failed_in(text, record_property)
    assert done.returncode == 0, text + done.stderr.decode(errors='replace')
    lines = [l.strip() for l in text.splitlines()]
    assert not bad, '\n'.join(bad)
    assert name != 'mmio' or 'every byte once' in lines
    assert lines[-1].startswith('done ') and lines[-1].endswith(' 0 failed')
    assert int(lines[-1].split()[1]) == sum(l.startswith('ok ') for l in lines)
