#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random programs for tests/traces/main.c, as assembler.

Each program is a hot loop that calls functions, on its own page and on others,
and goes through what the translator makes one piece of code of: groups of
accesses by one base, pointers that are loaded and followed, branches out of
line and back, frames, atomics. Every round takes new bases from a table; some
lie at the end of a page, on one that is read-only and on none, so that any
access faults now and then.

    tests/traces/generate.py --seed 17 >programs.S
"""
import argparse
import random

PROGRAMS = 12
ROUNDS = 300

# What accesses of the window go by. The first is never changed in a round.
BASES = ('x1', 'x19', 'x2', 'x9', 'x21')
# What is computed with. x25 to x28 belong to the loop, x18 to nobody.
DATA = tuple(f'x{n}' for n in (0, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16,
                               17, 20, 22, 23, 24))
SAVED = tuple((f'x{n}', f'x{n + 1}') for n in range(19, 28, 2))

# Mnemonic, bytes, and whether the register is a W.
LOADS = (('ldrb', 1, True), ('ldrh', 2, True), ('ldr', 4, True),
         ('ldr', 8, False), ('ldr', 8, False), ('ldrsb', 1, False),
         ('ldrsh', 2, False), ('ldrsw', 4, False))
STORES = (('strb', 1, True), ('strh', 2, True), ('str', 4, True),
          ('str', 8, False), ('str', 8, False))
ATOMICS = ('ldadd', 'ldaddal', 'swp', 'swpal', 'ldclr', 'ldset', 'ldeor',
           'cas', 'casal')
ORDERED = ('ldar', 'stlr', 'ldapr')

# x, y and z are any of DATA, xw, yw and zw their lower halves, n any number.
ARITHMETIC = (
    'add {x}, {y}, {z}', 'sub {x}, {y}, {z}, lsl #3', 'eor {x}, {y}, {z}',
    'adds {x}, {y}, {z}', 'subs {xw}, {yw}, #7', 'tst {x}, #0xff0',
    'cmp {x}, {y}', 'cmn {xw}, #1', 'cset {x}, ne', 'csel {x}, {y}, {z}, hi',
    'adc {x}, {y}, {z}', 'mul {x}, {y}, {z}', 'umulh {x}, {y}, {z}',
    'udiv {x}, {y}, {z}', 'lsr {x}, {y}, #9', 'ccmp {x}, {y}, #3, ne',
    'mov {x}, #{n}', 'add {x}, sp, #16', 'mrs {x}, nzcv',
    'mrs {x}, tpidr_el0', 'sxtw {x}, {yw}', 'and {xw}, {yw}, {zw}',
    'ands {x}, {x}, {z}')
VECTOR = (
    'ldr q{v}, [{base}, #16]', 'str q{v}, [{base}, #32]',
    'ldp q{v}, q{w}, [{base}]', 'ldr d{v}, [{base}, #8]',
    'add v{v}.4s, v{u}.4s, v{v}.4s', 'eor v{v}.16b, v{u}.16b, v{v}.16b',
    'fmov {x}, d{v}', 'fmov d{u}, {x}')
MOVES = ('mov {to}, {base}', 'mov {to}, x1', 'add {to}, x1, #16',
         'add {to}, {base}, #0', 'add {to}, {base}, #{up}',
         'sub {to}, {base}, #{down}')
CONDITIONS = (
    'tbz {x}, #{bit}, {to}', 'tbnz {x}, #{bit}, {to}', 'cbz {xw}, {to}',
    'cbnz {x}, {to}', 'tst {x}, #{mask}\n\tb.{eq} {to}',
    'cmp {x}, {y}\n\tb.{cond} {to}', 'b.{cond} {to}')
LOOP_ENDS = (
    ('subs x28, x28, #1', 'b.ne 1b'), ('sub x28, x28, #1', 'cbnz x28, 1b'),
    ('sub x28, x28, #1', 'cbz x28, 2f', 'b 1b', '2:'),
    ('sub x28, x28, #1', 'cmn x28, #0', 'b.ne 1b'))

# Where a called function may store by SP: above what its caller or it saved.
# All called frames end in the program's own scratch bytes.
SCRATCH = 32


def half(register):
    return 'w' + register[1:]


class Text:
    """Lines of one program, from a random generator of its own: it does not
    depend on how many there are."""

    # Which pieces it is made of, and how often, in percent.
    WEIGHTS = {
        'load': 17, 'store': 15, 'load_pair': 5, 'store_pair': 4,
        'write_back': 5, 'move_base': 6, 'pointer': 4, 'variable': 4,
        'atomic': 6, 'indexed': 4, 'arithmetic': 10, 'vector': 4, 'branch': 9,
        'call': 7}

    def __init__(self, seed, number):
        self.rng = random.Random(f'{seed}/{number}')
        self.number = number
        self.lines = []
        self.labels = 0
        self.scratch = 0   # of the function that is being made
        self.callees = []  # what it may call

    # ---- operands ----

    def any(self, *choices):
        return self.rng.choice(choices)

    def chance(self, percent):
        return self.rng.random() * 100 < percent

    def label(self):
        self.labels += 1
        return f'.L{self.number}_{self.labels}'

    def data(self):
        return self.any(*DATA)

    def base(self):
        return self.any(*BASES)

    def base_or_frame(self):
        return self.any(*BASES, 'sp', 'sp', 'x29')

    def offset(self, size, most=1 << 12):
        """Mostly near, as the fields of one structure are."""
        far = 64 if self.chance(10) else 0
        near = self.any(0, 1, 2, 3, 4, 5, 7)
        return min((near + far) * size, most // size * size)

    def access(self, kinds, register=None, with_zero=False):
        """A load or store and its register, how many bytes, the register."""
        name, size, is_half = self.any(*kinds)
        register = register or self.any(*DATA, *['xzr'] * with_zero)
        return f'{name} {half(register) if is_half else register}', size, \
            register

    # ---- pieces; each gives lines ----

    def load(self):
        what, size, _ = self.access(LOADS)
        return [f'{what}, [{self.base_or_frame()}, #{self.offset(size)}]']

    def store(self):
        what, size, _ = self.access(STORES, with_zero=True)
        base = self.base_or_frame()
        at = self.offset(size) if base in BASES else \
            self.scratch + self.any(0, 8, 16, 24)
        return [f'{what}, [{base}, #{at}]']

    def load_pair(self):
        a, b = self.rng.sample(DATA, 2)
        kind = self.any('ldp', 'ldp', 'ldpsw', 'half')
        size = 8 if kind == 'ldp' else 4
        if kind == 'half':
            kind, a, b = 'ldp', half(a), half(b)
        at = self.offset(size, 252)
        return [f'{kind} {a}, {b}, [{self.base_or_frame()}, #{at}]']

    def store_pair(self):
        a, b = self.rng.sample(DATA, 2)
        return [f'stp {a}, {b}, [{self.base()}, #{self.offset(8, 504)}]']

    def write_back(self):
        by = self.any(-16, -8, 8, 16, 24, 4, 1)
        how = self.any('[{}], #{}', '[{}, #{}]!').format(self.base(), by)
        return [f'{self.any("ldr", "str")} {self.data()}, {how}']

    def move_base(self):
        return [self.any(*MOVES).format(
            to=self.any(*BASES[1:]), base=self.base(),
            up=self.any(0, 8, 16, 24, 40, 64), down=self.any(8, 16, 32))]

    def pointer(self):
        """A pointer of a table, often 0, which is followed or asked for."""
        r = self.data()
        at = f'trace_pointers+{8 * self.rng.randrange(16)}'
        text = [f'adrp {r}, {at}', f'ldr {r}, [{r}, #:lo12:{at}]']
        how = self.any('ask', 'ask', 'ask', 'follow', 'follow', 'follow',
                       'follow', 'follow', 'leave', 'leave')
        if how == 'ask':
            return text + self.around(
                f'cbz {r}, {{}}', [f'add {self.data()}, {self.data()}, #3'])
        if how == 'follow':
            return text + self.follow(r)
        return text

    def follow(self, pointer):
        what, size, r = self.access(LOADS, self.any(pointer, self.data()))
        text = [f'{what}, [{pointer}, #{self.offset(size)}]']
        if self.chance(40):
            zero = self.any('cbz', 'cbnz')
            return text + self.around(
                f'{zero} {half(r)}, {{}}',
                [f'eor {self.data()}, {self.data()}, {self.data()}'])
        if self.chance(40):
            text += [f'add {r}, {r}, #{self.rng.randrange(99)}',
                     f'str {r}, [{self.base()}]']
        return text

    def variable(self):
        r, at = self.data(), f'trace_data+{8 * self.rng.randrange(64)}'
        return [f'adrp {r}, {at}', f'add {r}, {r}, #:lo12:{at}',
                f'{self.any("ldr", "str")} {self.data()}, '
                f'[{r}, #{8 * self.rng.randrange(8)}]']

    def atomic(self):
        """Mostly aligned; the others fault where they leave 16 bytes."""
        at, base = self.data(), self.base()
        text = [f'and {at}, {base}, #~7']
        if self.chance(3):
            at, text = base, []
        a, b = self.rng.sample([r for r in DATA if r != at], 2)
        if self.chance(40):
            a, b = half(a), half(b)
        if self.chance(25):
            return text + [f'{self.any(*ORDERED)} {a}, [{at}]']
        op = self.any(*ATOMICS)
        if op.startswith('cas') and self.chance(50):
            text += [f'ldr {a}, [{at}]']  # so that it is not in vain
        return text + [f'{op} {a}, {b}, [{at}]']

    def indexed(self):
        index = self.data()
        other = self.any(*(r for r in DATA if r != index))
        what, _, _ = self.access(LOADS + STORES, other)
        return [f'and {index}, {index}, #0x38',
                f'{what}, [{self.base()}, {index}]']

    def arithmetic(self):
        x, y, z = self.data(), self.data(), self.data()
        return [self.any(*ARITHMETIC).format(
            x=x, y=y, z=z, xw=half(x), yw=half(y), zw=half(z),
            n=self.rng.randrange(1 << 16))]

    def vector(self):
        v = self.rng.randrange(32)
        return [self.any(*VECTOR).format(
            v=v, w=(v + 1) % 32, u=self.rng.randrange(32), x=self.data(),
            base=self.base())]

    def around(self, branch, text):
        """A branch to behind the text."""
        to = self.label()
        return [branch.format(to), *text, f'{to}:']

    def branch(self):
        text = self.pieces(self.rng.randrange(0, 4)) or ['nop']
        if self.chance(15):
            return self.out_of_line(text)
        x = self.data()
        branch = self.any(*CONDITIONS).format(
            x=x, xw=half(x), y=self.data(), bit=self.rng.randrange(32),
            mask=self.any(1, 3, 0x70, 0xff0), eq=self.any('eq', 'ne'), to='{}',
            cond=self.any('hi', 'lt', 'ge', 'ls', 'ne', 'eq', 'cc', 'vs', 'mi'))
        return self.around(branch, text)

    def out_of_line(self, text):
        """A branch to text that is jumped over otherwise, and comes back."""
        away, back = self.label(), self.label()
        branch = self.any(f'tbz {self.data()}, #{self.rng.randrange(3, 40)}',
                          f'cbz {self.data()}')
        return [f'{branch}, {away}', f'b {back}', f'{away}:', *text,
                self.any(f'b {back}', 'nop'), f'{back}:']

    def call(self):
        return [f'bl {self.any(*self.callees)}'] if self.callees else ['nop']

    def pieces(self, count):
        names = self.rng.choices(list(self.WEIGHTS),
                                 list(self.WEIGHTS.values()), k=count)
        return [line for name in names for line in getattr(self, name)()]

    # ---- functions ----

    def emit(self, *lines):
        self.lines += lines

    def begin(self, name, scratch, callees):
        """Now and then on a page of its own, or over the end of one."""
        self.scratch, self.callees = scratch, callees
        if self.chance(40):
            self.emit('.balign 4096')
            if self.chance(30):
                self.emit(f'.skip {4096 - 4 * self.rng.randrange(1, 30)}')
        self.emit('.balign 4', f'{name}:')

    def leaf(self, name):
        self.begin(name, SCRATCH, [])
        self.emit(*self.pieces(self.rng.randrange(1, 9)), 'ret')

    def middle(self, name, leaves):
        """A function with a frame that calls others."""
        self.begin(name, SCRATCH, leaves)
        frame, saves = self.any(48, 64, 96), self.chance(60)
        self.emit(f'stp x29, x30, [sp, #-{frame}]!', 'mov x29, sp',
                  *['stp x19, x20, [sp, #16]'] * saves, 'add x4, x4, #1',
                  *self.pieces(self.rng.randrange(1, 8)),
                  *['ldp x19, x20, [sp, #16]'] * saves,
                  f'ldp x29, x30, [sp], #{frame}', 'ret')

    def main(self, name, callees):
        """void program(rounds, table of bases, where registers go, seed)"""
        self.begin(name, 0, callees)
        below = self.rng.randrange(256) * 16  # all offsets from a page's end
        self.emit('stp x29, x30, [sp, #-96]!',
                  *(f'stp {a}, {b}, [sp, #{16 + 16 * n}]'
                    for n, (a, b) in enumerate(SAVED)),
                  'mov x28, x0', 'mov x26, x1', 'mov x27, x2', 'mov x25, x3',
                  f'sub sp, sp, #{below}', 'sub sp, sp, #128', 'mov x29, sp')
        for r in DATA:
            self.emit(f'mov {r}, #{self.rng.randrange(1 << 16)}',
                      f'mul {r}, {r}, x25')
        self.loop()
        self.save()
        self.emit('add sp, sp, #128', f'add sp, sp, #{below}',
                  *(f'ldp {a}, {b}, [sp, #{16 + 16 * n}]'
                    for n, (a, b) in enumerate(SAVED)),
                  'ldp x29, x30, [sp], #96', 'ret')

    def loop(self):
        """x25 is a random number that is new in each round."""
        self.emit('1:', 'movz x1, #0x4c95', 'movk x1, #0x7f2d, lsl #16',
                  'madd x25, x25, x1, x28', 'lsr x1, x25, #33',
                  'and x1, x1, #63', 'ldr x1, [x26, x1, lsl #3]',
                  *(f'mov {r}, x1' for r in BASES[1:]),
                  *self.pieces(self.rng.randrange(3, 16)),
                  *self.any(*LOOP_ENDS))

    def save(self):
        """All that came out, to what main.c looks at."""
        self.emit('mrs x18, nzcv', 'str x18, [x27]',
                  *(f'str {r}, [x27, #{8 * int(r[1:]) + 8}]'
                    for r in BASES + DATA),
                  *(f'str q{n}, [x27, #{288 + 16 * n}]' for n in range(32)))

    def make(self):
        leaves = [f'leaf_{self.number}_{n}'
                  for n in range(self.rng.randrange(1, 4))]
        middles = [f'middle_{self.number}_{n}'
                   for n in range(self.rng.randrange(0, 3))]
        for name in leaves:
            self.leaf(name)
        for name in middles:
            self.middle(name, leaves)
        self.main(f'program_{self.number}', leaves + middles)
        return self.lines


def pointers(rng):
    """To data, over the end of a page, and into what main.c maps or not."""
    window = 0x4000000000
    for _ in range(16):
        page = window + 0x1000 * rng.choice((0, 1, 4, 5))
        yield rng.choice((f'trace_data+{8 * rng.randrange(64)}',
                          f'trace_data+{4096 - rng.randrange(9)}', '0',
                          f'{page + rng.choice((0, 64, 256, 4090)):#x}'))


def assembler(seed, programs=PROGRAMS, rounds=ROUNDS):
    lines = [f'// seed {seed}', '.arch armv8.2-a+lse+rcpc', '.text']
    for n in range(programs):
        lines += Text(seed, n).make()
    lines += ['.data', '.balign 8', '.global trace_pointers',
              'trace_pointers:',
              *(f'.xword {p}' for p in pointers(random.Random(f'{seed}/p'))),
              '.bss', '.balign 4096', '.global trace_data',
              'trace_data: .space 12288',
              '.section .rodata', '.balign 8', '.global trace_rounds',
              f'trace_rounds: .xword {rounds}', '.global trace_programs',
              'trace_programs:',
              *(f'.xword program_{n}' for n in range(programs)), '.xword 0']
    return ''.join(('' if line.endswith(':') else '\t') + line + '\n'
                   for line in lines)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--seed', type=int, default=1)
    p.add_argument('--programs', type=int, default=PROGRAMS)
    p.add_argument('--rounds', type=int, default=ROUNDS)
    args = p.parse_args()
    print(assembler(args.seed, args.programs, args.rounds), end='')


if __name__ == '__main__':
    main()
