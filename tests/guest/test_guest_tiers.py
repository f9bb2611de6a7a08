# SPDX-License-Identifier: Apache-2.0
"""The guests that strain the translator, under tiers that were made to
stumble: CPUs yield and forget their code at random while they race."""
import re
import subprocess

import pytest

from test_guest import IMAGES, SQUIB, TIMEOUT, devices_of, failed_in

RUNS = [
    ('exception', 1, 'interp'),
    ('exception', 1, 'jit,eager,chaos=1'),
    ('exception', 1, 'lockstep'),
    ('exception', 1, 'jit,eager,regs=1'),
    ('exception', 1, 'lockstep,regs=2'),
    ('mmu', 2, 'jit,eager,chaos=2'),
    ('mmu', 2, 'jit,eager,regs=3'),
    ('code', 2, 'jit,eager,regs=4,chaos=12'),
    ('smp', 4, 'jit,eager,regs=5'),
    ('litmus', 2, 'jit,eager,regs=6'),
    ('remap', 2, 'jit,eager,regs=7'),
    ('timer', 2, 'jit,eager,regs=8'),
    ('mmu', 1, 'lockstep'),
    ('code', 2, 'interp'),
    ('code', 2, 'jit,eager,chaos=3'),
    ('code', 2, 'jit,eager,code-kib=128'),
    # with more CPUs it patches code that others run, against the rule
    ('code', 1, 'jit,paranoid'),
    ('mmu', 2, 'jit,paranoid'),
    ('smp', 2, 'jit,eager,chaos=4'),
    ('smp', 4, 'jit,chaos=5,code-kib=256'),
    ('smp', 4, 'jit,mask=all'),
    ('timer', 2, 'jit,eager,chaos=6'),
    ('litmus', 2, 'jit,eager'),
    ('litmus', 2, 'jit,eager,chaos=7'),
    ('litmus', 4, 'jit,chaos=8,code-kib=256'),
    ('litmus', 2, 'jit,mask=all'),
    ('litmus', 2, 'jit,paranoid'),
    ('remap', 2, 'jit,eager,chaos=9'),
    ('remap', 3, 'jit,chaos=10,code-kib=192'),
    ('remap', 2, 'jit,mask=all'),
    ('remap', 2, 'jit,paranoid'),
    ('farmem', 2, 'jit,eager,chaos=11'),
    ('farmem', 1, 'lockstep'),
    ('trace', 1, 'jit,eager'),
    ('trace', 1, 'jit,chaos=13'),
    ('trace', 1, 'jit,eager,regs=9'),
    ('trace', 1, 'jit,code-kib=64'),
    ('trace', 1, 'jit,paranoid'),
    ('trace', 1, 'lockstep'),
    ('unpriv', 1, 'jit,eager'),
    ('unpriv', 1, 'jit,eager,copies'),
    ('unpriv', 1, 'jit,eager,chaos=14'),
    ('unpriv', 1, 'jit,eager,regs=10'),
    ('unpriv', 1, 'jit,mask=all'),
    ('unpriv', 1, 'lockstep'),
]


def run(name, cpus, tier, tmp_path, *more):
    image = IMAGES / f'{name}.img'
    if not image.exists():
        pytest.skip('the arm64 cross compiler is not installed')
    done = subprocess.run(
        [SQUIB, 'run', '--kernel', str(image), '--cpus', str(cpus), '--mem',
         '128', '--tier', tier, *more, *devices_of(name, tmp_path),
         '--append', 'console=ttyAMA0'],
        stdin=subprocess.DEVNULL, capture_output=True, timeout=TIMEOUT)
    text = done.stdout.decode(errors='replace')
    error = done.stderr.decode(errors='replace')
    if 'x86-64' in error:
        pytest.skip('there is no translator for this host')
    assert done.returncode == 0, text + error
    assert 'not ok' not in text, text
    assert ' 0 failed' in text, text
    return text, error


@pytest.mark.parametrize('name,cpus,tier', RUNS,
                         ids=[f'{n}-{c}cpu-{t}' for n, c, t in RUNS])
def test_guest_under(name, cpus, tier, tmp_path, record_property):
    text, _ = run(name, cpus, tier, tmp_path)
    assert text.rstrip().endswith(' 0 failed'), text


def instructions(name, tier, tmp_path):
    said = ''.join(run(name, 1, tier, tmp_path, '--stats'))
    return int(re.search(r'^instructions +([0-9]+)', said, re.M).group(1))


# Guests that neither wait nor look at a clock.
@pytest.mark.parametrize('name', ['exception', 'code', 'mmu'])
def test_the_count_of_instructions_is_the_same_in_every_tier(name, tmp_path):
    counts = {tier: instructions(name, tier, tmp_path)
              for tier in ('interp', 'jit', 'jit,eager,mask=avx512',
                           'jit,eager,chaos=20,regs=20', 'lockstep')}
    assert len(set(counts.values())) == 1, counts
