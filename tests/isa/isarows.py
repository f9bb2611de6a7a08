# SPDX-License-Identifier: Apache-2.0
"""The instruction list, as the differential tests see it."""
import glob
import importlib.machinery
import importlib.util
import os
import re

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def _gen_a64():
    path = os.path.join(TOP, 'tools', 'gen-a64.py')
    loader = importlib.machinery.SourceFileLoader('gen_a64', path)
    spec = importlib.util.spec_from_loader('gen_a64', loader)
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


class Row:
    """A row of the list with what the generator asks of it, precomputed."""

    def __init__(self, row):
        self.name = row.name
        self.file = os.path.basename(row.source.split(':')[0])
        self.mask, self.value = row.mask, row.value
        self.fields = row.fields
        self.imm = row.imm
        self.feat = row.feat
        self._where = _compile_where(row)
        self.is_fp = self.file in ('fp.a64', 'simd_fp.a64')
        self.is_mem = self.file in ('ldst.a64', 'ldst_simd.a64')
        self.is_branch = self.file == 'branch.a64'
        self.is_sys = self.file == 'sys.a64'

    def get(self, word, name):
        shift, width = self.fields[name]
        return word >> shift & ((1 << width) - 1)

    def put(self, word, name, value):
        shift, width = self.fields[name]
        ones = ((1 << width) - 1) << shift
        return word & ~ones | value << shift & ones

    def matches(self, word):
        return word & self.mask == self.value and self._where(word)


def _compile_where(row):
    if not row.where:
        return lambda word: True
    expr = row.where.replace('&&', ' and ').replace('||', ' or ')
    expr = re.sub(r'!(?!=)', ' not ', expr)
    args = ', '.join(
        f'{n}=(word >> {row.fields[n][0]} & {(1 << row.fields[n][1]) - 1})'
        for n in row.where_fields())
    names = ', '.join(row.where_fields())
    return eval(f'lambda word: (lambda {names}: bool({expr}))({args})')


def rows():
    lists = sorted(glob.glob(
        os.path.join(TOP, 'src', 'accel', 'soft', 'isa', '*.a64')))
    return [Row(r) for r in _gen_a64().read_rows(lists)]


class Decoder:
    """The row a word belongs to, by the same rule as the C decoder's."""

    def __init__(self, all_rows):
        self.rows = all_rows
        self.buckets = {}

    def find(self, word):
        key = word >> 21
        if key not in self.buckets:
            top = 0x7ff << 21
            self.buckets[key] = [r for r in self.rows
                                 if not (r.value ^ word) & r.mask & top]
        for r in self.buckets[key]:
            if r.matches(word):
                return r
        return None
