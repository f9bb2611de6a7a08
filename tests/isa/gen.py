# SPDX-License-Identifier: Apache-2.0
"""Random cases from the instruction list: one instruction with edge-value
operands, or blocks of many with branches, loops and memory."""
import re
import struct

import known
from records import Case
from values import Pools

AREA_BYTES = 256
NOP = 0xd503201f
M64 = (1 << 64) - 1

# Fields that are destinations, by name, and those that are bases.
DESTS = ('Rd', 'RdSP', 'RtL', 'Rt2L', 'RsL', 'RsRaw')
# What blocks keep for themselves: pointer to the area, loop counter.
POINTER, COUNTER, SCRATCH = 28, 27, 26

# EL0 may write or read these; the rest of MSR, MRS and SYS is the business of
# tests/guest. (o0, op1, crn, crm, op2)
EL0_SYSREGS = {'NZCV': (1, 3, 4, 2, 0), 'FPCR': (1, 3, 4, 4, 0),
               'FPSR': (1, 3, 4, 4, 1), 'TPIDR_EL0': (1, 3, 13, 0, 2),
               'DIT': (1, 3, 4, 2, 5)}
HINTS_LEFT_OUT = {(0, 1), (0, 2), (0, 3)}  # YIELD, WFE, WFI


def signed(value, bits):
    return value - (1 << bits) if value >> bits - 1 else value


# (CRm, op2): DC ZVA, CVAC, CVAU, CVAP, CIVAC; IC IVAU
CACHE_OPS = [(4, 1), (4, 1), (4, 1), (10, 1), (11, 1), (12, 1), (14, 1), (5, 1)]


class Generator:
    """Cases from a random generator; `code` and `area` are where they lie."""

    def __init__(self, all_rows, rng, code=0x10000000, area=0x10020f00):
        self.rng = rng
        self.rows = [r for r in all_rows if self._wanted(r)]
        self.by_name = {r.name: r for r in all_rows}
        self.pools = Pools(rng)
        self.code, self.area = code, area
        self.block_rows = [r for r in self.rows if not r.is_branch
                           and not r.is_sys and not r.is_mem
                           and r.name not in ('ADR', 'ADRP')
                           and not known.qemu_is_wrong(r.name)]
        # where both oracles are asked: without what one of them gets wrong
        self.clean_rows = [r for r in self.block_rows
                           if not known.is_wrong_somewhere(r.name)
                           and r.file != 'crypto.a64' and r.name != 'PMULL_64']
        self.block_mem = [r for r in self.rows
                          if r.is_mem and re.search(r'_(imm|ur|reg)$', r.name)]

    @staticmethod
    def _wanted(row):
        if row.is_branch:
            return row.name not in ('SVC', 'HVC', 'SMC', 'ERET')
        if row.is_sys:
            return row.name not in ('WFE', 'WFI') and \
                not re.match('MSR_(UAO|PAN|SPSel|SSBS|DAIF)', row.name)
        return True

    # -- one instruction

    def word(self, row):
        rng = self.rng
        while True:
            word = row.value | rng.getrandbits(32) & ~row.mask
            if rng.random() < .2:
                for f in row.fields:  # registers that coincide
                    if f[0] in 'RV' and row.fields[f][1] == 5:
                        word = row.put(word, f, rng.choice((0, 1, 30, 31)))
            if row.name == 'LDAPR':
                word |= 31 << 16  # should be one: UNDEFINED is allowed else
            if row.matches(word) and not self.unpredictable(row, word):
                return word

    def unpredictable(self, row, word):
        """CONSTRAINED UNPREDICTABLE register choices: no oracle decides."""
        f = row.fields
        if not row.is_mem:
            return False

        def get(name):
            return row.get(word, name) if name in f else None
        base = get('RnSP')
        loaded = [get(n) for n in ('RtL', 'Rt2L') if n in f]
        general = loaded + [get(n) for n in ('Rt', 'Rt2', 'RtRaw', 'RsRaw')
                            if n in f]
        writes_back = re.search(r'_(pre|post)$', row.name)
        if writes_back and base != 31 and base in general:
            return True
        if row.name.startswith(('LDP', 'LDNP', 'LDXP', 'LDAXP')):
            if len(loaded) == 2 and loaded[0] == loaded[1]:
                return True
            if 'Vt2' in f and row.name.startswith(('LDP', 'LDNP')) and \
                    get('Vt') == get('Vt2'):
                return True
        status = get('RsL')
        if status is not None and (status in general or
                                   status == base and base != 31):
            return True
        return False

    def flavour(self, row):
        m = re.search(r'_\d*([hsd])(_|$)', row.name) if row.is_fp else None
        if m and self.rng.random() < .75:
            return m[1]
        return 'mix' if self.rng.random() < .4 else \
            self.rng.choice(('h', 's', 'd') if row.is_fp
                            else ('8', '16', '32', '64'))

    def registers(self, flavour):
        rng, pools = self.rng, self.pools
        return (rng.choices(pools.x, k=32), rng.choices(pools.v[flavour], k=32))

    def fpcr(self, row):
        rng = self.rng
        if not row.is_fp or rng.random() < .5:
            return 0
        if rng.random() < .2:
            return 1 << 25  # DN alone: both oracles know it
        return rng.getrandbits(2) << 22 | rng.getrandbits(1) << 24 | \
            rng.getrandbits(1) << 25 | (rng.random() < .3) << 26 | \
            (rng.random() < .3) << 19

    def case(self, row, words, x, v, **more):
        rng = self.rng
        sp = struct.unpack('<Q', x[31])[0] & ~15
        return Case(row.name, words, self.code, b''.join(x[:31]), sp,
                    b''.join(v), nzcv=rng.getrandbits(4) << 28,
                    fpsr=rng.choice((0, 0, 0, 0x0800009f, 0x10)), **more)

    def single(self, row):
        if row.is_mem:
            return self.single_mem(row)
        if row.is_branch:
            return self.single_branch(row)
        if row.is_sys:
            return self.single_sys(row)
        x, v = self.registers(self.flavour(row))
        return self.case(row, [self.word(row)], x, v, fpcr=self.fpcr(row))

    # -- loads and stores

    def scale(self, row, word):
        """log2 of the bytes moved at once."""
        if row.file == 'ldst_simd.a64':
            if row.imm == 'pair_v' or row.name.endswith('_lit'):
                return 2 + (word >> 30)
            return word >> 30 | (word >> 23 & 1) << 2
        if row.imm == 'pair':
            return 3 if word >> 31 else 2
        if 'sz' in row.fields:
            return 2 + row.get(word, 'sz')
        return word >> 30

    def offset(self, row, word, x):
        """What the instruction adds to its base before the access; None: it
        cannot be arranged."""
        f, n = row.fields, self.scale(row, word)
        if row.name.endswith('_post'):
            return 0
        if 'imm12' in f:
            return row.get(word, 'imm12') << n
        if 'imm9' in f:
            return signed(row.get(word, 'imm9'), 9)
        if 'imm7' in f:
            return signed(row.get(word, 'imm7'), 7) << n
        if row.name.endswith(('_reg', '_uxtw', '_sxtw')):
            m = row.get(word, 'Rm')
            if m == row.get(word, 'RnSP') and m != 31:
                return None
            value = 0 if m == 31 else struct.unpack('<Q', x[m])[0]
            option = word >> 13 & 7
            if option & 1 == 0:
                value &= 0xffffffff
            if option == 6:
                value = signed(value, 32)
            return value << (n if row.get(word, 'S') else 0)
        return 0

    def target(self, row, word):
        """An address in the area; aligned where it has to be."""
        rng = self.rng
        size = 1 << self.scale(row, word)
        exact = row.file == 'ldst.a64' and (
            'size' in row.fields or 'sz' in row.fields)  # exclusive, ordered
        if exact:
            if 'sz' in row.fields:
                size *= 2
            if rng.random() < .04:  # not aligned: most of them abort
                return self.area + rng.randrange(AREA_BYTES - 64)
            return self.area + rng.randrange(AREA_BYTES // size) * size
        if rng.random() < .04:  # over the edge of the mapped page
            return self.area + AREA_BYTES - rng.randrange(0, 64)
        return self.area + rng.randrange(AREA_BYTES - 64)

    def single_mem(self, row):
        rng = self.rng
        x, v = self.registers(self.flavour(row))
        sp = None
        while True:
            word = self.word(row)
            target = self.target(row, word)
            if row.name.endswith('_lit') or 'RnSP' not in row.fields:
                imm = target - self.code >> 2
                word = row.put(word, 'imm19', imm & 0x7ffff)
                break
            offset = self.offset(row, word, x)
            base = row.get(word, 'RnSP')
            if offset is None:
                continue
            address = target - offset & M64
            if rng.random() < .03 and target < self.area + AREA_BYTES - 64:
                address ^= rng.getrandbits(8) << 56  # TBI: EL0 may tag
            if base != 31:
                x[base] = struct.pack('<Q', address)
                break
            if address % 16 == 0:
                sp = address
                break
        self.status_registers(row, word, x)
        words = self.with_load(row, word)
        if len(words) == 1 and row.name.startswith('ST') and 'X' in row.name \
                and 'RsL' in row.fields and target % 16:
            return self.single_mem(row)  # may abort or fail: either is right
        case = self.case(row, words, x, v,
                         areas=[(self.area, rng.choice(self.pools.memory))])
        if sp is not None:
            case.sp = sp
        return case

    def with_load(self, row, word):
        """A store exclusive is more interesting after a load exclusive."""
        if not re.match('ST(L?)X[RP]$', row.name) or self.rng.random() < .2:
            return [word]
        base = row.get(word, 'RnSP')
        taken = {base, row.get(word, 'Rt'), 31} | (
            {row.get(word, 'Rt2')} if 'Rt2' in row.fields else set())
        free = [r for r in range(30) if r not in taken]
        a, b = self.rng.sample(free, 2)
        if 'Rt2' in row.fields:
            return [0x887f0000 | word & 1 << 30 | b << 10 | base << 5 | a, word]
        return [0x085f7c00 | word & 3 << 30 | base << 5 | a, word]

    def status_registers(self, row, word, x):
        """Compare and swap should find what it looks for, often."""
        if row.name == 'CAS' and self.rng.random() < .5 and \
                row.get(word, 'RsRaw') != row.get(word, 'RnSP'):
            x[row.get(word, 'RsRaw')] = x[row.get(word, 'Rt')] \
                if row.get(word, 'Rt') != 31 else bytes(8)

    # -- branches

    def single_branch(self, row):
        """Eight words that leave a mark each; the branch is one of them."""
        rng = self.rng
        x, v = self.registers('64')
        word = self.word(row)
        at, to = rng.randrange(0, 4), rng.randrange(4, 9)
        words = [0xf2800000 | rng.randrange(4) << 21 | rng.getrandbits(16) << 5
                 | n for n in range(1, 9)]  # MOVK x1..x8
        for name in ('imm26', 'imm19', 'imm14'):
            if name in row.fields:
                width = row.fields[name][1]
                word = row.put(word, name, to - at & (1 << width) - 1)
        if 'Rn' in row.fields:
            n = row.get(word, 'Rn')
            while n == 31 or n < 10:
                n = rng.randrange(10, 31)
            word = row.put(word, 'Rn', n)
            x[n] = struct.pack('<Q', self.code + 4 * to)
        words[at] = word
        return self.case(row, words, x, v)

    # -- the system instructions of EL0

    def single_sys(self, row):
        rng = self.rng
        x, v = self.registers('64')
        word = self.word(row)
        words = [word]
        if row.name == 'SYS':
            return self.single_cache_op(word)
        if row.name == 'HINT':
            while (row.get(word, 'crm'), row.get(word, 'op2')) in \
                    HINTS_LEFT_OUT:
                word = self.word(row)
            words = [word]
        elif row.name in ('MSR', 'MRS'):
            name = rng.choice(list(EL0_SYSREGS))
            for f, value in zip(('o0', 'op1', 'crn', 'crm', 'op2'),
                                EL0_SYSREGS[name]):
                word = row.put(word, f, value)
            words = [word]
            if name in ('TPIDR_EL0', 'DIT'):
                t = word & 31
                words = [0xd5100000 | word & 0x0fffe0 | rng.randrange(31),
                         word | 1 << 21 if row.name == 'MSR' else word,
                         0xd51b42a0 | 31]  # and DIT is 0 again
                words[1] = words[1] & ~31 | t
            if name == 'FPCR' and row.name == 'MSR':
                # bits this CPU has not, but the oracle has: none set
                r = word & 31
                if r != 31:
                    x[r] = struct.pack('<Q', rng.getrandbits(32) & 0x07c80000)
            if name == 'FPSR' and row.name == 'MSR':
                r = word & 31
                if r != 31:
                    x[r] = struct.pack('<Q', rng.getrandbits(32) & 0x0800009f)
        return self.case(row, words, x, v)

    def single_cache_op(self, word):
        """DC and IC by address, which EL0 may use: DC ZVA writes memory."""
        rng = self.rng
        x, v = self.registers('64')
        crm, op2 = rng.choice(CACHE_OPS)
        t = rng.randrange(31)
        x[t] = struct.pack('<Q', self.area + rng.randrange(AREA_BYTES))
        word = 0xd50b7000 | crm << 8 | op2 << 5 | t
        return self.case(self.by_name['SYS'], [word], x, v, areas=[
            (self.area, rng.choice(self.pools.memory))])

    # -- blocks

    def reserve(self, row, word):
        """Keeps destinations off the registers a block depends on."""
        for f in row.fields:
            if f in DESTS or f == 'RnSP' and row.is_mem:
                r = row.get(word, f)
                if r in (POINTER, COUNTER, SCRATCH) or f == 'RdSP' and r == 31:
                    word = row.put(word, f, self.rng.randrange(0, 26, 2))
        return word

    def block_load_store(self):
        rng = self.rng
        row = rng.choice(self.block_mem)
        word = self.reserve(row, self.word(row))
        word = row.put(word, 'RnSP', POINTER)
        if 'imm12' in row.fields:
            room = AREA_BYTES - 16 >> self.scale(row, word)
            word = row.put(word, 'imm12', rng.randrange(room))
        elif 'imm9' in row.fields:
            word = row.put(word, 'imm9', rng.randrange(128))
        elif 'imm7' in row.fields:
            word = row.put(word, 'imm7', rng.randrange(8))
        else:
            word = row.put(word, 'Rm', SCRATCH)
            word = row.put(word, 'S', 0)
            return [0xd2800000 | rng.randrange(200) << 5 | SCRATCH, word]
        if self.unpredictable(row, word):
            return []
        return [word]

    def skip(self, words):
        """A conditional branch over the `words` next instructions."""
        rng = self.rng
        n = words + 1
        kind = rng.randrange(3)
        if kind == 0:
            return 0x54000000 | n << 5 | rng.randrange(16)
        if kind == 1:
            return rng.choice((0x34000000, 0x35000000)) | \
                rng.getrandbits(1) << 31 | n << 5 | rng.randrange(32)
        return rng.choice((0x36000000, 0x37000000)) | \
            rng.getrandbits(1) << 31 | rng.getrandbits(5) << 19 | n << 5 | \
            rng.randrange(32)

    def block(self, length):
        rng = self.rng
        clean = rng.random() < .5
        among = self.clean_rows if clean else self.block_rows
        fp = [r for r in among if r.is_fp]
        body = []
        while len(body) < length:
            r = rng.random()
            if r < .2:
                body += self.block_load_store()
            elif r < .32:
                n = rng.randrange(1, 4)
                body.append(self.skip(n))
                body += [self.block_word(among) for _ in range(n)]
            else:
                body.append(self.block_word(fp if r > .85 else among))
        loops = rng.choice((1, 1, 2, 3))
        # sub x27, x27, #1; cbnz x27, start
        body += [0xd1000400 | COUNTER << 5 | COUNTER,
                 0xb5000000 | COUNTER | (-(len(body) + 1) & 0x7ffff) << 5]
        x, v = self.registers('mix')
        x[POINTER] = struct.pack('<Q', self.area)
        x[COUNTER] = struct.pack('<Q', loops)
        fpcr = 0 if clean else rng.randrange(1, 4) << 22 | \
            rng.getrandbits(4) << 24 & 0x07000000
        case = self.case(among[0], body, x, v, fpcr=fpcr, areas=[
            (self.area, rng.choice(self.pools.memory))])
        case.what = 'block'
        return case

    def block_word(self, among):
        row = self.rng.choice(among)
        return self.reserve(row, self.word(row))
