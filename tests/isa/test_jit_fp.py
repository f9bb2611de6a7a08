# SPDX-License-Identifier: Apache-2.0
"""Floating point in translated code, where more than one instruction counts:
flags that gather in the host's, FPCR changed under running code, and V
registers kept from one pass of a loop to the next. The interpreter, which the
oracles agree with, says what is right."""
import json
import random
import struct
import subprocess

import pytest

PC = '0x10000'
AREA = 0x20000
ONE, TWO, THREE, QUIET = (0x3ff0000000000000, 0x4000000000000000,
                          0x4008000000000000, 0x7ff8000000000000)


def words(*values):
    return struct.pack(f'<{len(values)}I', *values).hex()


@pytest.fixture(scope='module', params=(
    'interp', 'jit', 'jit,mask=avx512+sha', 'jit,mask=avx2', 'jit,chaos=3',
    'lockstep'))
def tier(request, build):
    here = subprocess.run([build / 'a64run', '--tier', 'list'],
                          capture_output=True, text=True).stdout.split()
    if request.param.split(',')[0] not in here:
        pytest.skip(f'no tier {request.param} in this build')
    return request.param


@pytest.fixture
def run(build):
    def run_by(tier, *records):
        done = subprocess.run(
            [build / 'a64run', '--tier', tier], capture_output=True,
            input=''.join(json.dumps(r) + '\n' for r in records), text=True,
            timeout=300)
        assert done.returncode == 0, done.stderr
        results = [json.loads(line) for line in done.stdout.splitlines()]
        for r in results:
            del r['insns']  # of translated code: blocks entered are counted
        return results
    return run_by


def vectors(**values):
    return {n[1:]: hex(v) for n, v in values.items()}


def test_fpsr_is_what_the_instructions_before_raised(run, tier):
    out, = run(tier, {'pc': PC, 'v': vectors(
        v1=ONE, v2=THREE, v3=0, v4=QUIET), 'code': words(
            0xd51b443f,  # msr fpsr, xzr
            0x1e621820,  # fdiv d0, d1, d2
            0xd53b4420,  # mrs x0, fpsr
            0xd51b443f,  # msr fpsr, xzr
            0xd53b4421,  # mrs x1, fpsr
            0x1e631820,  # fdiv d0, d1, d3
            0xd53b4422,  # mrs x2, fpsr
            0x1e642090,  # fcmpe d4, d4
            0xd53b4423)})  # mrs x3, fpsr
    assert out['x'][:4] == ['0x10', '0x0', '0x2', '0x3']
    assert out['fpsr'] == '0x3' and out['nzcv'] in ('0x30000000', 0x30000000)


@pytest.mark.parametrize('change', (1 << 22, 2 << 22, 3 << 22, 1 << 24,
                                    1 << 25))
def test_fpcr_may_change_in_a_loop(run, tier, change):
    record = {'pc': PC, 'x': {'2': hex(change), '6': '40'}, 'v': vectors(
        v1=ONE, v2=THREE), 'code': words(
            0xca020021,    # 1: eor x1, x1, x2
            0xd51b4401,    # msr fpcr, x1
            0x1e621820,    # fdiv d0, d1, d2
            0x9e660003,    # fmov x3, d0
            0x8b050465,    # add x5, x3, x5, lsl #1
            0xd10004c6,    # sub x6, x6, #1
            0xb5ffff46,    # cbnz x6, 1b
            0xd53b4427)}   # mrs x7, fpsr
    assert run(tier, record) == run('interp', record)


# x0: numbers, x2: anything; what is summed is of the former
SCALARS = words(
    0xfc408401,  # 1: ldr d1, [x0], #8
    0xfc408449,  # ldr d9, [x2], #8
    0x1e612884,  # fadd d4, d4, d1
    0x4e61d4c6,  # fadd v6.2d, v6.2d, v1.2d
    0x1e630922,  # fmul d2, d9, d3
    0x1e65294a,  # fadd d10, d10, d5
    0xf1000421,  # subs x1, x1, #1
    0x54ffff21,  # b.ne 1b
    0x1e6a2888)  # fadd d8, d4, d10
MANY = words(
    0x3cc10401,  # 1: ldr q1, [x0], #16
    0x3cc10449,  # ldr q9, [x2], #16
    0x4e23cc20,  # fmla v0.4s, v1.4s, v3.4s
    0x4fa31022,  # fmla v2.4s, v1.4s, v3.s[1]
    0x4e21d484,  # fadd v4.4s, v4.4s, v1.4s
    0x6e23dd2b,  # fmul v11.4s, v9.4s, v3.4s
    0x4e21d4a5,  # fadd v5.4s, v5.4s, v1.4s
    0x4e21d4c6,  # fadd v6.4s, v6.4s, v1.4s
    0x4e21d4e7,  # fadd v7.4s, v7.4s, v1.4s
    0x1e652080,  # fcmp d4, d5
    0x54000060,  # b.eq 2f
    0x4e21d508,  # fadd v8.4s, v8.4s, v1.4s
    0x4ea4d58c,  # fsub v12.4s, v12.4s, v4.4s
    0x1e63294a,  # fadd d10, d10, d3
    0xf1000421,  # subs x1, x1, #1
    0x54fffe21)  # b.ne 1b


@pytest.mark.parametrize('code', (SCALARS, MANY), ids=('scalars', 'many'))
def test_a_loop_keeps_its_sums_through_nans_and_page_ends(run, tier, code):
    """NaNs, and data that crosses pages, go to tier 0 in some passes only, and
    not the first; more registers than are kept take turns."""
    rng = random.Random(code)
    odd = (QUIET, 0x7ff0000000000001, 0x7f80000100000000, 0,
           0x7ff0000000000000, 0xfff0000000000000)
    records = []
    for _ in range(150):
        numbers = b''.join(struct.pack('<ff', rng.random(), rng.random())
                           for _ in range(64))
        anything = b''.join(
            struct.pack('<Q', rng.choice(odd) if rng.random() < .15 else ONE)
            for _ in range(64))
        at = [AREA + 4096 * n - rng.randrange(0, 512, 4) for n in (2, 4)]
        records.append({
            'pc': PC, 'code': code, 'v': vectors(v3=ONE, v5=TWO),
            'x': {'0': hex(at[0]), '1': '30', '2': hex(at[1])},
            'areas': [{'va': hex(va), 'data': data.hex()}
                      for va, data in zip(at, (numbers, anything))]})
    assert run(tier, *records) == run('interp', *records)
