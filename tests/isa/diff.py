#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run random cases on squib and on two oracles, and compare.

A case counts when squib agrees with both oracles, or with qemu-user alone on
what libvixl does not model (FPSR, most of FPCR, some instructions). Where the
oracles disagree, known.py must say which of them is right, and why; a
disagreement that is not listed there fails.

    tests/isa/diff.py --cases 200000
    tests/isa/diff.py --seed 17 --chunk 3      replay one chunk
    tests/isa/diff.py --only 'FADD|SQ.*_v'     rows by name
"""
import argparse
import collections
import os
import random
import re
import subprocess
import sys
import tempfile
import time

import known
from gen import NOP, Generator
from isarows import TOP, Decoder, rows
from records import (CAUSES, DATA_ABORT, NO_OPINION, UNDEFINED, Result,
                     split_results)

QEMU = ['qemu-aarch64-static', '-cpu', 'max,sve=off,pauth=off']
LLVM = ['llvm-mc', '--disassemble', '-triple=aarch64',
        '-mattr=+v8.2a,+aes,+sha2,+dotprod,+rdm,+fullfp16,+rcpc,+flagm,+ssbs,'
        '+dit,+lse,+crc']
LAYOUTS = [(0x10000000, 0x10020f00), (0x10003fe8, 0x10015f00),
           (0x2345000000, 0x2345010f00), (0x20000ff8, 0x20003f00)]
MAX_SHOWN = 30


def llvm_decodes(words):
    """Those of the words that LLVM's disassembler knows for this CPU."""
    done = subprocess.run(
        LLVM, capture_output=True, text=True, check=True, input=''.join(
            ' '.join(f'{b:#x}' for b in w.to_bytes(4, 'little')) + '\n'
            for w in words))
    invalid = {int(n) for n in re.findall(
        r'<stdin>:(\d+):\d+: warning: invalid', done.stderr)}
    return {w for n, w in enumerate(words, 1) if n not in invalid}


class Engines:
    """The three programs. Records go in and come out by files."""

    def __init__(self, build, tier='interp'):
        isa = os.path.join(build, 'tests', 'isa')
        self.commands = {
            'squib': [os.path.join(build, 'a64run'), '--tier', tier,
                      '--format', 'binary'],
            'qemu': QEMU + [os.path.join(isa, 'oracle_user')],
            # the CPU that has the fewest things squib has not
            'qemu_n1': [QEMU[0], '-cpu', 'neoverse-n1',
                        os.path.join(isa, 'oracle_user')],
            'vixl': [os.path.join(isa, 'oracle_vixl')]}

    def missing(self):
        programs = [self.commands['squib'][0], self.commands['qemu'][-1],
                    self.commands['vixl'][0]]
        return [p for p in programs if not os.path.exists(p)]

    def run(self, cases, names=('squib', 'qemu', 'vixl')):
        data = b''.join(c.pack(n) for n, c in enumerate(cases))
        with tempfile.TemporaryFile() as inp:
            inp.write(data)
            inp.flush()
            started = [self._start(n, inp) for n in names]
            return [self._finish(n, p, out, len(cases))
                    for n, (p, out) in zip(names, started)]

    def _start(self, name, inp):
        out = tempfile.TemporaryFile()
        stdin = os.open(f'/proc/self/fd/{inp.fileno()}', os.O_RDONLY)
        p = subprocess.Popen(self.commands[name], stdin=stdin, stdout=out)
        os.close(stdin)
        return p, out

    @staticmethod
    def _finish(name, p, out, count):
        status = p.wait()
        out.seek(0)
        results = split_results(out.read())
        out.close()
        if status or len(results) != count:
            raise RuntimeError(f'{name} ended with status {status} after '
                               f'{len(results)} of {count} records')
        return results


def same(a, b, fpsr):
    """Do two results say the same of everything both can know?"""
    if a.cause != b.cause:
        return False
    if a.cause == DATA_ABORT and not fpsr:
        return True  # the simulator stops half-way through the instruction
    if a.nzcv != b.nzcv:
        return False
    if fpsr and (a.fpsr != b.fpsr or a.fpcr != b.fpcr):
        return False
    if fpsr and (a.far ^ b.far) << 8 & known.M64:  # the tag is UNKNOWN
        return False
    return a.raw[16:792] == b.raw[16:792] and a.memory == b.memory


class Verdict:
    BOTH, ONE, KNOWN, WRONG, UNDECIDED = range(5)


def judge(case, squib, qemu, vixl):
    """Verdict and, if it is not a good one, the oracle to compare with."""
    if vixl.cause == NO_OPINION or same(qemu, vixl, False):
        if same(squib, qemu, True):
            return (Verdict.ONE if vixl.cause == NO_OPINION
                    else Verdict.BOTH), None
        if known.deviation(case, squib, qemu):
            return Verdict.KNOWN, None
        return Verdict.WRONG, qemu
    trusted = known.trusted_oracle(case, qemu, vixl)
    if trusted is None:
        # FAR, flags and memory may decide nothing here: show both
        return (Verdict.UNDECIDED, vixl if same(squib, qemu, True) else qemu)
    oracle = {'qemu': qemu, 'vixl': vixl}[trusted]
    if same(squib, oracle, trusted == 'qemu') or \
            known.deviation(case, squib, qemu):
        return Verdict.KNOWN, None
    return Verdict.WRONG, oracle


class Session:
    def __init__(self, build, all_rows, seed, tier='interp'):
        self.engines = Engines(build, tier)
        self.tier = tier
        self.rows = all_rows
        self.seed = seed
        self.build = build
        self.reset()

    def reset(self):
        self.tally = collections.Counter()
        self.bad = collections.Counter()  # by row
        self.shown = 0

    def generator(self, chunk):
        rng = random.Random(f'{self.seed}/{chunk}')
        return Generator(self.rows, rng, *LAYOUTS[chunk % len(LAYOUTS)])

    def chunk_cases(self, chunk, per_row, blocks, only=None):
        gen = self.generator(chunk)
        rng = gen.rng
        chosen = [r for r in gen.rows if not only or re.search(only, r.name)]
        cases = [gen.single(r) for r in chosen for _ in range(per_row)]
        return cases + [gen.block(rng.randrange(10, 40))
                        for _ in range(blocks)]

    def run_chunk(self, chunk, per_row, blocks, only=None):
        cases = self.chunk_cases(chunk, per_row, blocks, only)
        squib, qemu, vixl = self.engines.run(cases)
        for n, case in enumerate(cases):
            verdict, oracle = judge(case, squib[n], qemu[n], vixl[n])
            self.tally[verdict] += 1
            if oracle is not None:
                self.bad[case.what] += 1
                if self.bad[case.what] <= 2 and self.shown < MAX_SHOWN:
                    self.shown += 1
                    self.show(chunk, n, case, verdict)

    def undefined_cases(self, count):
        """Words that no row matches, most of them close to one that does."""
        gen, decoder = self.generator(-1), Decoder(self.rows)
        rng, cases = gen.rng, []
        while len(cases) < count:
            word = rng.getrandbits(32)
            if rng.random() < .9:
                word = gen.word(rng.choice(gen.rows))
                for _ in range(rng.choice((1, 1, 1, 2))):
                    word ^= 1 << rng.randrange(32)
            if decoder.find(word) or known.qemu_accepts(word) and \
                    not known.llvm_has_opinion(word):
                continue
            x, v = gen.registers('mix')
            case = gen.case(gen.rows[0], [word], x, v)
            case.what = f'undefined {word:#010x}'
            cases.append(case)
        return cases

    def run_undefined(self, count):
        cases = self.undefined_cases(count)
        words = [c.words()[0] for c in cases]
        llvm = llvm_decodes(words)
        asked = [c for c, w in zip(cases, words) if not known.qemu_accepts(w)]
        qemu = iter(self.engines.run(asked, ('qemu_n1',))[0])
        squib = self.engines.run(cases, ('squib',))[0]
        for case, word, s in zip(cases, words, squib):
            opinions = []
            if known.llvm_has_opinion(word):
                opinions.append(word not in llvm)
            if not known.qemu_accepts(word):
                opinions.append(same(s, next(qemu), True))
            good = s.cause == UNDEFINED and opinions and all(opinions)
            self.tally[Verdict.WRONG if not good else
                       Verdict.BOTH if len(opinions) == 2 else
                       Verdict.ONE] += 1
            if not good:
                self.bad[case.what] += 1

    def disassemble(self, words):
        out = subprocess.run(
            [self.engines.commands['squib'][0], '--print'] +
            [f'{w:08x}' for w in words], capture_output=True, text=True)
        return [f'  {w:08x}  {t}'
                for w, t in zip(words, out.stdout.splitlines())]

    def show(self, chunk, n, case, verdict):
        small = minimise(self.engines, case)
        squib, qemu, vixl = (r[0] for r in self.engines.run([small]))
        _, oracle = judge(small, squib, qemu, vixl)
        oracle = oracle or qemu
        name = 'vixl' if oracle is vixl else 'qemu'
        print(f'--- case {n} of chunk {chunk}: {case.what}'
              + (' (the oracles disagree)'
                 if verdict == Verdict.UNDECIDED else ''))
        print(f'    replay: tests/isa/diff.py --tier {self.tier} '
              f'--seed {self.seed} '
              f'--chunk {chunk} --only {case.what!r}')
        print('\n'.join(self.disassemble(small.words())))
        print(f'  nzcv={small.nzcv:#010x} fpcr={small.fpcr:#010x} '
              f'fpsr={small.fpsr:#010x} sp={small.sp:#x}')
        for label, raw, size in (('x', small.x, 8), ('v', small.v, 16)):
            regs = [int.from_bytes(raw[k:k + size], 'little')
                    for k in range(0, len(raw), size)]
            text = [f'{label}{k}={r:#x}' for k, r in enumerate(regs) if r]
            print('  ' + ' '.join(text))
        for line in squib.describe_differences(oracle, ('squib', name),
                                               name == 'qemu',
                                               name == 'qemu')[:12]:
            print('  ' + line)
        sys.stdout.flush()


def minimise(engines, case):
    """NOPs and zeroes wherever the verdict stays as bad as it is."""
    def still_bad(candidates):
        results = engines.run(candidates)
        return [judge(c, *r)[1] is not None
                for c, r in zip(candidates, zip(*results))]

    def variants(c):
        for n, w in enumerate(c.words()):
            if w != NOP and len(c.code) > 4:
                v = c.copy()
                v.code = c.code[:4 * n] + NOP.to_bytes(4, 'little') + \
                    c.code[4 * n + 4:]
                yield v
        for name, size in (('x', 8), ('v', 16)):
            raw = getattr(c, name)
            for at in range(0, len(raw), size):
                if any(raw[at:at + size]):
                    v = c.copy()
                    setattr(v, name, raw[:at] + bytes(size) + raw[at + size:])
                    yield v
        for name in ('nzcv', 'fpsr', 'fpcr'):
            if getattr(c, name):
                v = c.copy()
                setattr(v, name, 0)
                yield v

    for _ in range(60):
        candidates = list(variants(case))
        if not candidates:
            break
        good = [c for c, bad in zip(candidates, still_bad(candidates)) if bad]
        if not good:
            break
        merged = merge(case, good)
        case = merged if still_bad([merged])[0] else good[0]
    return case


def merge(case, good):
    """All the single simplifications at once."""
    m = case.copy()
    for c in good:
        for name, size in (('code', 4), ('x', 8), ('v', 16)):
            a, b, out = getattr(case, name), getattr(c, name), getattr(m, name)
            for at in range(0, len(a), size):
                if a[at:at + size] != b[at:at + size]:
                    out = out[:at] + b[at:at + size] + out[at + size:]
            setattr(m, name, out)
        for name in ('nzcv', 'fpsr', 'fpcr'):
            if getattr(c, name) != getattr(case, name):
                setattr(m, name, 0)
    return m


def report(tally, bad, seconds):
    good = tally[Verdict.BOTH] + tally[Verdict.ONE] + tally[Verdict.KNOWN]
    total = sum(tally.values())
    print(f'{total} cases in {seconds:.0f} s: {tally[Verdict.BOTH]} as both '
          f'oracles, {tally[Verdict.ONE]} as the one that has an opinion, '
          f'{tally[Verdict.KNOWN]} decided by known.py, '
          f'{tally[Verdict.WRONG]} wrong, '
          f'{tally[Verdict.UNDECIDED]} undecided')
    for what, n in bad.most_common(40):
        print(f'  {what}: {n}')
    return good == total


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--build', default=os.path.join(TOP, 'build'))
    p.add_argument('--tier', default='interp')
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--cases', type=int, default=200000)
    p.add_argument('--chunk', type=int, help='this chunk only')
    p.add_argument('--per-row', type=int, default=10, help='of one chunk')
    p.add_argument('--blocks', type=int, default=1000, help='of one chunk')
    p.add_argument('--undefined', action='store_true',
                   help='words that are no instruction')
    p.add_argument('--only', help='rows whose name matches')
    args = p.parse_args()

    session = Session(args.build, rows(), args.seed, args.tier)
    if session.engines.missing():
        sys.exit(f'missing: {", ".join(session.engines.missing())}')
    start = time.time()
    blocks = 0 if args.only and args.only != 'block' else args.blocks
    if args.undefined:
        session.run_undefined(args.cases)
    elif args.chunk is not None:
        session.run_chunk(args.chunk, args.per_row, blocks, args.only)
    else:
        chunk = 0
        while sum(session.tally.values()) < args.cases:
            session.run_chunk(chunk, args.per_row, blocks, args.only)
            chunk += 1
    sys.exit(not report(session.tally, session.bad, time.time() - start))


if __name__ == '__main__':
    main()
