#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Make the decoder's tables from the instruction list in accel/soft/isa.

A list file has one row an instruction form:

    NAME | 0 01 sf imm12:12 RnSP RdSP | imm=u12 end feat=LSE where=size!=3

The pattern is 32 bits, most significant first: runs of 0 and 1 are fixed, x is
a bit that does not matter, anything else is a field, `name:width` (R* and V*
are 5 bits wide unless they say otherwise, all others 1). Fields named in ROLES
fill the record's register slots. Attributes:

    imm=F      record.imm = imm_F(word, offset of the instruction in its block)
    where=E    a C expression over the fields; the row does not match without.
               Split by spaces nowhere.
    end        the block ends after this instruction
    feat=F     the FEAT_ name, for documents and tests
    fp         traps while CPACR_EL1.FPEN says so (also: `%fp` for a file)

Usage: gen-a64.py --out-h H --out-c C LIST...
"""
import argparse
import re
import sys

# field name -> (slot, what 31 means)
ROLES = {
    'Rd': ('rd', 'sink'), 'RdSP': ('rd', 'sp'),
    'Rt': ('rd', 'zero'), 'RtL': ('rd', 'sink'), 'RtRaw': ('rd', 'raw'),
    'Rn': ('rn', 'zero'), 'RnSP': ('rn', 'sp'),
    'Rm': ('rm', 'zero'), 'Rs': ('rm', 'zero'), 'RsL': ('rm', 'sink'),
    'RsRaw': ('rm', 'raw'),
    'Ra': ('ra', 'zero'), 'Rt2': ('ra', 'zero'), 'Rt2L': ('ra', 'sink'),
    'Vd': ('rd', 'raw'), 'Vt': ('rd', 'raw'), 'Vn': ('rn', 'raw'),
    'Vm': ('rm', 'raw'), 'Va': ('ra', 'raw'), 'Vt2': ('ra', 'raw'),
}
SLOTS = ['rd', 'rn', 'rm', 'ra']
KINDS = {'raw': 1, 'zero': 2, 'sink': 3, 'sp': 4}


class Row:
    def __init__(self, name, pattern, attrs, where, fp):
        self.name = name
        self.source = where
        self.mask = self.value = 0
        self.fields = {}  # name -> (shift, width), in order
        self.imm = self.where = self.feat = None
        self.end = False
        self.fp = fp
        self._parse_pattern(pattern)
        self._parse_attrs(attrs)

    def fail(self, what):
        sys.exit(f'{self.source}: {self.name}: {what}')

    def _parse_pattern(self, pattern):
        pos = 32
        for token in pattern.split():
            if re.fullmatch('[01x]+', token):
                for bit in token:
                    pos -= 1
                    if bit != 'x':
                        self.mask |= 1 << pos
                        self.value |= int(bit) << pos
                continue
            m = re.fullmatch(r'([A-Za-z]\w*)(?::(\d+))?', token)
            if not m:
                self.fail(f'cannot read {token!r}')
            name = m[1]
            width = int(m[2]) if m[2] else 5 if name[0] in 'RV' else 1
            pos -= width
            if name in self.fields:
                self.fail(f'field {name} twice')
            self.fields[name] = (pos, width)
        if pos != 0:
            self.fail(f'pattern is {32 - pos} bits')

    def _parse_attrs(self, attrs):
        for attr in attrs.split():
            key, _, value = attr.partition('=')
            if key in ('end', 'fp') and not value:
                setattr(self, key, True)
            elif key in ('imm', 'where', 'feat') and value:
                setattr(self, key, value)
            else:
                self.fail(f'unknown attribute {attr!r}')
        for name in self.where_fields():
            if name not in self.fields:
                self.fail(f'where= names no field: {name}')

    def where_fields(self):
        return sorted(set(re.findall(r'[A-Za-z_]\w*', re.sub(
            r'0x[0-9a-fA-F]+', '', self.where or ''))))

    def field(self, word, name):
        shift, width = self.fields[name]
        return word >> shift & ((1 << width) - 1)

    def matches(self, word):
        """For tests: does this row decode `word` (priorities apart)?"""
        if word & self.mask != self.value:
            return False
        if not self.where:
            return True
        expr = self.where.replace('&&', ' and ').replace('||', ' or ')
        expr = re.sub(r'!(?!=)', ' not ', expr)
        return bool(eval(expr, {}, {
            n: self.field(word, n) for n in self.where_fields()}))

    def split_sf(self):
        """A row with sf becomes NAME_w and NAME_x."""
        if 'sf' not in self.fields:
            return [self]
        out = []
        for bit, suffix in ((0, '_w'), (1, '_x')):
            r = Row.__new__(Row)
            r.__dict__.update(self.__dict__)
            r.fields = dict(self.fields)
            shift, _ = r.fields['sf']
            r.mask = self.mask | 1 << shift
            r.value = self.value | bit << shift
            r.name = self.name + suffix
            out.append(r)
        return out


def read_rows(paths):
    rows = []
    for path in paths:
        fp = False
        for n, line in enumerate(open(path), 1):
            line = line.split('#')[0].strip()
            if not line:
                continue
            if line == '%fp':
                fp = True
                continue
            parts = [p.strip() for p in line.split('|', 2)]
            # `|` may stand in a where= expression; only the first two split
            if len(parts) < 2:
                sys.exit(f'{path}:{n}: not a row: {line}')
            row = Row(parts[0], parts[1], parts[2] if len(parts) > 2 else '',
                      f'{path}:{n}', fp)
            rows += row.split_sf()
    check_rows(rows)
    # the most specific first: that is the order of matching
    rows.sort(key=lambda r: -bin(r.mask).count('1'))
    return rows


def check_rows(rows):
    seen = {}
    for r in rows:
        if r.name in seen:
            r.fail(f'name taken by {seen[r.name].source}')
        seen[r.name] = r
    for i, a in enumerate(rows):
        for b in rows[i + 1:]:
            common = a.mask & b.mask
            if (a.value ^ b.value) & common:
                continue
            if common in (a.mask, b.mask) and a.mask != b.mask:
                continue  # one is more specific: it goes first
            if a.where or b.where:
                continue  # told apart by where=
            a.fail(f'overlaps {b.name} of {b.source}')


def slots_of(row):
    out = {s: (0, 0) for s in SLOTS}
    for name, (shift, _) in row.fields.items():
        if name in ROLES:
            slot, kind = ROLES[name]
            if out[slot][1]:
                row.fail(f'two fields for slot {slot}')
            out[slot] = (shift, KINDS[kind])
    return [out[s] for s in SLOTS]


def emit_h(rows):
    imms = sorted({r.imm for r in rows if r.imm})
    out = ['/* Made by tools/gen-a64.py from accel/soft/isa. */',
           '#pragma once', '#include "accel/soft/insn.h"', '', 'enum a64_op {']
    out += [f'    OP_{r.name},' for r in rows]
    out += ['    NUM_A64_OPS', '};', '']
    out += [f'exec_fn op_{r.name};' for r in rows]
    out += [f'uint64_t imm_{n}(uint32_t word, uint32_t offset);' for n in imms]
    return '\n'.join(out) + '\n'


def emit_where(row):
    out = [f'static bool where_{row.name}(uint32_t word)', '{']
    for n in row.where_fields():
        shift, width = row.fields[n]
        out.append(f'    const uint32_t {n} = word >> {shift} & '
                   f'{(1 << width) - 1:#x};')
    return out + [f'    return {row.where};', '}']


def emit_c(rows):
    out = ['/* Made by tools/gen-a64.py from accel/soft/isa. */',
           '#include "accel/soft/decode.h"', '#include "isa_gen.h"', '']
    for r in rows:
        if r.where:
            out += emit_where(r)
    for r in rows:
        fields = ', '.join(f'{{"{n}", {s}, {w}}}'
                           for n, (s, w) in r.fields.items())
        out.append(f'static const struct a64_field fields_{r.name}[] = '
                   f'{{{fields}{", " if fields else ""}{{0, 0, 0}}}};')
    out.append('const struct a64_row a64_rows[NUM_A64_OPS] = {')
    for r in rows:
        flags = ' | '.join(f for f, on in (('A64_END', r.end),
                                           ('A64_FP', r.fp)) if on) or '0'
        slots = ', '.join(f'{{{s}, {k}}}' for s, k in slots_of(r))
        out.append(
            f'    [OP_{r.name}] = {{"{r.name}", "{r.feat or ""}", '
            f'{r.mask:#010x}, {r.value:#010x}, {flags}, {{{slots}}}, '
            f'op_{r.name}, {"imm_" + r.imm if r.imm else "0"}, '
            f'{"where_" + r.name if r.where else "0"}, fields_{r.name}}},')
    out.append('};')
    out += emit_buckets(rows)
    return '\n'.join(out) + '\n'


def emit_buckets(rows):
    """For each value of bits 31:21, which rows may match, in order."""
    lists, index, starts = {}, [], []
    for b in range(1 << 11):
        word, top = b << 21, 0x7ff << 21
        cand = tuple(i for i, r in enumerate(rows)
                     if not (r.value ^ word) & r.mask & top)
        if cand not in lists:
            lists[cand] = len(index)
            index += list(cand) + [len(rows)]
        starts.append(lists[cand])
    out = ['const uint16_t a64_candidates[] = {']
    out += [f'    {i},' for i in index]
    out += ['};', 'const uint32_t a64_bucket[2048] = {']
    out += [f'    {i},' for i in starts]
    return out + ['};']


def main():
    p = argparse.ArgumentParser()
    p.add_argument('--out-h', required=True)
    p.add_argument('--out-c', required=True)
    p.add_argument('lists', nargs='+')
    args = p.parse_args()
    rows = read_rows(args.lists)
    open(args.out_h, 'w').write(emit_h(rows))
    open(args.out_c, 'w').write(emit_c(rows))


if __name__ == '__main__':
    main()
