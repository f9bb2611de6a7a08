# SPDX-License-Identifier: Apache-2.0
"""a64run as docs/a64run.md describes it."""
import struct
import subprocess

import pytest

import records
from isarows import Decoder, rows


def words(*values):
    return struct.pack(f'<{len(values)}I', *values).hex()


NOP, SVC_7, BRK_9, LOOP = 0xd503201f, 0xd40000e1, 0xd4200120, 0x14000000
PC = '0x10000'


def test_the_word_after_the_code_ends_the_run(a64run):
    out, = a64run({'id': 7, 'code': words(0x8b020020), 'pc': PC,
                   'x': [0, 5, '0x6']})
    assert out['id'] == 7 and out['cause'] == 'end'
    assert out['x'][0] == '0xb' and out['insns'] == 1
    assert out['pc'] == '0x10004'


def test_memory_is_where_the_record_says(a64run):
    # ldr x1, [x0]; str x1, [x2]
    out, = a64run({'code': words(0xf9400001, 0xf9000041), 'pc': PC,
                   'x': {'0': '0xffff000', '2': '0x7fff12345008'}, 'areas': [
                       {'va': '0xffff000', 'data': '0102030405060708'},
                       {'va': '0x7fff12345000', 'bytes': 24}]})
    assert out['x'][1] == '0x807060504030201'
    assert out['areas'][1]['data'] == '00' * 8 + '0102030405060708' + '00' * 8


@pytest.mark.parametrize('el', (0, 1))
def test_exceptions_end_the_run(a64run, el):
    def one(**more):
        return dict({'pc': PC, 'el': el}, **more)
    svc, brk, udf, abort, fetch, store = a64run(
        one(code=words(NOP, SVC_7)), one(code=words(BRK_9)),
        one(code=words(0x00000001)),
        one(code=words(0xf9400001), x=['0x123000']),      # ldr x1, [x0]
        one(code=words(0xd61f0000), x=['0x456000']),      # br x0
        one(code=words(0xf9000001), x=['0x20000'],        # str x1, [x0]
            areas=[{'va': '0x20000', 'bytes': 16, 'perms': 'r'}]))
    assert (svc['cause'], svc['esr']) == ('svc', '0x56000007')
    assert (svc['pc'], svc['insns']) == ('0x10008', 2)
    assert (brk['cause'], brk['esr'], brk['pc']) == ('brk', '0xf2000009', PC)
    assert (udf['cause'], udf['esr']) == ('undefined', '0x2000000')
    lower = 0 if el else -1
    assert abort['cause'] == 'data_abort' and abort['far'] == '0x123000'
    assert int(abort['esr'], 16) >> 26 == 0x25 + lower
    assert fetch['cause'] == 'insn_abort' and fetch['pc'] == '0x456000'
    assert int(fetch['esr'], 16) >> 26 == 0x21 + lower
    assert store['cause'] == 'data_abort'
    assert int(store['esr'], 16) & 0x7f == 0x4f  # a write, permission, level 3


@pytest.mark.parametrize('el', (0, 1))
def test_alignment_is_checked_where_it_must_be(a64run, el):
    area = [{'va': '0x20000', 'bytes': 64}]

    def one(word, **more):
        return dict({'code': words(word), 'pc': PC, 'el': el, 'areas': area},
                    **more)
    sp, plain, ordered, exclusive, branch = a64run(
        one(0xf94003e0, sp='0x20008'),           # ldr x0, [sp]
        one(0xf9400001, x=['0x20003']),          # ldr x1, [x0]
        one(0xc8dffc01, x=['0x20003']),          # ldar x1, [x0]
        one(0xc85f7c01, x=['0x20004']),          # ldxr x1, [x0]
        one(0xd61f0000, x=['0x20002']))          # br x0
    assert (sp['cause'], sp['esr']) == ('sp_align', '0x9a000000')
    assert plain['cause'] == 'end'
    for out, far in ((ordered, '0x20003'), (exclusive, '0x20004')):
        assert out['cause'] == 'data_abort' and out['far'] == far
        assert int(out['esr'], 16) & 0x3f == 0x21
    assert (branch['cause'], branch['pc']) == ('pc_align', '0x20002')


def test_code_that_was_replaced_is_not_run(a64run):
    # The same place, another word each time: no IC IVAU between records
    for n, out in enumerate(a64run(*({'code': words(0xd2800000 | k << 5),
                                      'pc': PC} for k in range(20)))):
        assert int(out['x'][0], 16) == n


def test_the_limit_is_exact(a64run):
    for limit in (1, 2, 3, 100):
        out, = a64run({'code': words(0x91000400, LOOP | 0x3ffffff), 'pc': PC,
                       'max_insns': limit})  # add x0, x0, #1; b .-4
        assert out['cause'] == 'limit' and out['insns'] == limit
        assert int(out['x'][0], 16) == (limit + 1) // 2


def test_a_run_that_sleeps_is_ended(a64run):
    wfi = 0xd503207f
    out, after = a64run({'code': words(wfi, LOOP | 0x3ffffff), 'pc': PC,
                         'el': 1},
                        {'code': words(NOP), 'pc': PC})
    assert out['cause'] == 'limit'
    assert after['cause'] == 'end'


def test_el1_may_do_what_el0_may_not(a64run):
    # mrs x0, currentel
    low, high = a64run({'code': words(0xd5384240), 'pc': PC},
                       {'code': words(0xd5384240), 'pc': PC, 'el': 1})
    assert low['cause'] == 'undefined'
    assert high['cause'] == 'end' and high['x'][0] == '0x4'


def test_one_run_leaves_nothing_to_the_next(a64run):
    # msr vbar_el1, x0; msr tpidr_el0, x0; str x0, [x1], then a look
    area = [{'va': '0x20000', 'bytes': 8}]
    _, out = a64run(
        {'code': words(0xd518c000, 0xd51bd040, 0xf9000020), 'pc': PC, 'el': 1,
         'x': ['0x5000', '0x20000'], 'areas': area},
        {'code': words(0xd53bd040, 0xf9400021, SVC_7), 'pc': PC, 'el': 1,
         'x': ['0x5000', '0x20000'], 'areas': area})
    assert out['cause'] == 'svc' and out['x'][:2] == ['0x0', '0x0']


@pytest.mark.parametrize('line, problem', [
    ('{"code":"zz"}', 'not hexadecimal'),
    ('{"cod":"00"}', 'unknown name'),
    ('{"x":[1,2', "',' or ']'"),
    ('{"x":["0x10000000000000000"]}', 'too large'),
    ('{"el":2}', 'EL2'),
    ('{"pc":2}', 'multiple of 4'),
    ('{"pc":"0x1000000000000"}', '48-bit'),
    ('{"areas":[{"va":0},{"va":1},{"va":2},{"va":3},{"va":4}]}', 'too many'),
    ('{} x', 'should end'),
    ('[]', 'object was expected'),
])
def test_bad_records_are_answered_with_what_is_wrong(a64run, line, problem):
    out, after = a64run(line, {'code': words(NOP), 'pc': PC})
    assert out['cause'] == 'bad_record' and problem in out['problem']
    assert after['cause'] == 'end'


def test_binary_and_text_say_the_same(build, a64run):
    case = records.Case('', [0x4e228420], 0x10000, bytes(248), 0x40,
                        bytes(range(256)) * 2, nzcv=5 << 28,
                        areas=[(0x20001, b'abc')])
    done = subprocess.run([build / 'a64run', '--format', 'binary'],
                          input=case.pack(0), capture_output=True, check=True)
    binary, = records.split_results(done.stdout)
    v = [hex(int.from_bytes(case.v[k:k + 16], 'little'))
         for k in range(0, 512, 16)]
    text, = a64run({'code': words(0x4e228420), 'pc': PC, 'sp': 64, 'v': v,
                    'nzcv': 5 << 28,
                    'areas': [{'va': '0x20001', 'data': b'abc'.hex()}]})
    assert records.CAUSES[binary.cause] == text['cause'] == 'end'
    assert [int(r, 16) for r in text['v']] == [
        int.from_bytes(binary.vregs[k:k + 16], 'little')
        for k in range(0, 512, 16)]
    assert binary.nzcv == int(text['nzcv'], 16) == 5 << 28
    assert binary.memory[:3] == b'abc'


@pytest.mark.parametrize('data', [b'x' * 10, b'x' * 888, b'A64I' + b'\xff' * 900,
                                  b'A64I' + b'\0' * 900])
def test_a_broken_binary_stream_is_refused(build, data):
    done = subprocess.run([build / 'a64run', '--format', 'binary'], input=data,
                          capture_output=True)
    assert done.returncode == 1 and b'whole records' in done.stderr


def test_print_and_list_know_every_row(build):
    listed = subprocess.run([build / 'a64run', '--list'], capture_output=True,
                            text=True, check=True).stdout.splitlines()
    table = rows()
    assert len(listed) == len(table)
    decoder = Decoder(table)
    sample = [r.value for r in table if decoder.find(r.value)]
    printed = subprocess.run(
        [build / 'a64run', '--print'] + [f'{w:08x}' for w in sample],
        capture_output=True, text=True, check=True).stdout.splitlines()
    assert [p.split()[0] for p in printed] == \
        [decoder.find(w).name for w in sample]


def test_options_that_mean_nothing_are_refused(build):
    for bad in (['--tier', 'x'], ['--format', 'xml'], ['--what'],
                ['--print', 'hello']):
        done = subprocess.run([build / 'a64run'] + bad, capture_output=True,
                              input=b'')
        assert done.returncode == 2 and done.stderr
