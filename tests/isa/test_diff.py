# SPDX-License-Identifier: Apache-2.0
"""Every instruction form and random blocks, on squib and two oracles. Replay
and look closer with tests/isa/diff.py, whose options a failure prints."""
import os
import shutil
import subprocess

import pytest

import diff
import isarows

SEED = int(os.environ.get('ISA_SEED', '1'))
CHUNKS, PER_ROW, BLOCKS = 8, 25, 1500
# The translator on lesser hosts, with guest registers in other places and made
# to stumble, and every block beside tier 0: fewer chunks, of other seeds.
TIERS = {'interp': CHUNKS, 'jit': CHUNKS, 'jit,mask=avx512+sha': 2,
         'jit,mask=avx2+lzcnt+aes+pclmul+sha': 2, 'jit,mask=all': 1,
         f'jit,chaos={SEED + 10}': 2,
         f'jit,regs={SEED + 30}': 2, f'jit,regs={SEED + 31}': 2,
         f'jit,regs={SEED + 32},chaos={SEED + 32},mask=bmi+avx512': 2,
         f'lockstep,regs={SEED + 33}': 1, 'jit,code-kib=64': 1,
         f'jit,chaos={SEED + 20},code-kib=64,mask=avx512+fma': 1,
         'jit,paranoid': 1, 'lockstep': 2}
ONLY = os.environ.get('ISA_TIER')


def turns():
    return [(tier, chunk) for tier, chunks in TIERS.items()
            for chunk in range(chunks) if ONLY in (None, tier)]


@pytest.fixture(scope='module')
def all_rows():
    return isarows.rows()


@pytest.fixture(scope='module')
def sessions(build, all_rows):
    if not shutil.which(diff.QEMU[0]):
        pytest.skip(f'{diff.QEMU[0]} is not installed')
    made = {tier: diff.Session(str(build), all_rows, SEED + n, tier)
            for n, tier in enumerate(TIERS)}
    missing = [m for m in made['interp'].engines.missing()
               if 'a64run' not in m]
    if missing:
        pytest.skip(f'not built: {", ".join(missing)}')
    return made


@pytest.fixture(scope='module')
def session(sessions):
    return sessions['interp']


def agreed(session, record_property):
    """A wrong result is wrong, however well another run goes."""
    good = diff.report(session.tally, session.bad, 0)
    if not good:
        record_property('firm', 'squib and the oracles disagree')
    return good


@pytest.mark.parametrize('tier,chunk', turns())
def test_squib_agrees_with_the_oracles(sessions, tier, chunk, record_property):
    session = sessions[tier]
    here = subprocess.run([session.engines.commands['squib'][0], '--tier',
                           'list'], capture_output=True, text=True).stdout
    if tier.split(',')[0] not in here.split():
        pytest.skip(f'no tier {tier} in this build')
    session.reset()
    session.run_chunk(chunk, PER_ROW, BLOCKS)
    assert agreed(session, record_property)


def test_the_chunks_hold_at_least_200000_cases(session):
    rows = len(session.generator(0).rows)
    assert CHUNKS * (rows * PER_ROW + BLOCKS) >= 200000


def test_undefined_words_are_undefined(session, record_property):
    session.reset()
    session.run_undefined(20000)
    assert agreed(session, record_property)


def test_a_wrong_result_is_found(session):
    """The comparison itself: a flipped bit anywhere must not pass."""
    cases = session.chunk_cases(0, 1, 0, 'ADD_v|LDRX_imm')
    squib, qemu, vixl = session.engines.run(cases)
    for case, s, q, v in zip(cases, squib, qemu, vixl):
        assert diff.judge(case, s, q, v)[0] == diff.Verdict.BOTH
        for bit_of in (16, 271, 272, 783, 784, 795, 832):
            raw = bytearray(s.raw)
            raw[bit_of] ^= 0x80
            wrong = diff.Result(bytes(raw))
            assert diff.judge(case, wrong, q, v)[1] is not None
