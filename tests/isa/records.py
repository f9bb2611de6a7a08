# SPDX-License-Identifier: Apache-2.0
"""a64run's binary records (docs/a64run.md), packed and taken apart."""
import struct

HEAD = struct.Struct('<4sIQ')
TAIL = struct.Struct('<QQIIIIII')
AREA = struct.Struct('<QII')
IN_SIZE, OUT_SIZE = 888, 840
OUT = struct.Struct('<QQQQQIIII')
CAUSES = ['end', 'limit', 'undefined', 'svc', 'hvc', 'smc', 'brk',
          'data_abort', 'insn_abort', 'pc_align', 'sp_align', 'sysreg',
          'fp_access', 'wfx', 'debug', 'illegal', 'mmio', 'other',
          'bad_record', 'no_opinion']
END, LIMIT, UNDEFINED, DATA_ABORT, NO_OPINION = 0, 1, 2, 7, 19


def pad(data):
    return data + bytes(-len(data) % 8)


class Case:
    """One record. x: 31 and v: 32 registers as one bytes object each."""
    __slots__ = ('what', 'code', 'pc', 'x', 'sp', 'v', 'nzcv', 'fpcr', 'fpsr',
                 'areas', 'limit')

    def __init__(self, what, words, pc, x, sp, v, nzcv=0, fpcr=0, fpsr=0,
                 areas=(), limit=100000):
        self.what = what
        self.code = struct.pack(f'<{len(words)}I', *words)
        self.pc, self.x, self.sp, self.v = pc, x, sp, v
        self.nzcv, self.fpcr, self.fpsr = nzcv, fpcr, fpsr
        self.areas, self.limit = areas, limit  # areas: (va, bytes)

    def words(self):
        return list(struct.unpack(f'<{len(self.code) // 4}I', self.code))

    def pack(self, number):
        payload = pad(self.code) + b''.join(pad(d) for _, d in self.areas)
        areas = b''.join(AREA.pack(va, len(d), 0) for va, d in self.areas)
        return b''.join((
            HEAD.pack(b'A64I', IN_SIZE + len(payload), number), self.x,
            struct.pack('<Q', self.sp), self.v,
            TAIL.pack(self.pc, self.limit, len(self.code), self.nzcv,
                      self.fpcr, self.fpsr, 0, len(self.areas)),
            areas, bytes(64 - len(areas)), payload))

    def copy(self):
        c = Case.__new__(Case)
        for s in self.__slots__:
            setattr(c, s, getattr(self, s))
        return c


class Result:
    """A record that came back; slices of it are compared as bytes."""
    __slots__ = ('raw', 'pc', 'pstate', 'esr', 'far', 'insns', 'cause',
                 'fpcr', 'fpsr')

    def __init__(self, raw):
        self.raw = raw
        (self.pc, self.pstate, self.esr, self.far, self.insns, self.cause,
         self.fpcr, self.fpsr, _) = OUT.unpack_from(raw, 784)

    @property
    def nzcv(self):
        return self.pstate & 0xf0000000

    @property
    def gprs(self):
        return self.raw[16:272]

    @property
    def vregs(self):
        return self.raw[272:784]

    @property
    def memory(self):
        return self.raw[OUT_SIZE:]

    def describe_differences(self, other, names=('squib', 'oracle'),
                             fpsr=True, far=False):
        out = []

        def note(what, a, b, width=16):
            if a != b:
                out.append(f'{what}: {names[0]} {a:#0{width + 2}x}, '
                           f'{names[1]} {b:#0{width + 2}x}')
        if self.cause != other.cause:
            out.append(f'cause: {names[0]} {CAUSES[self.cause]}, '
                       f'{names[1]} {CAUSES[other.cause]}')
        a = struct.unpack('<32Q', self.gprs)
        b = struct.unpack('<32Q', other.gprs)
        for n in range(32):
            note('sp' if n == 31 else f'x{n}', a[n], b[n])
        for n in range(32):
            note(f'v{n}',
                 int.from_bytes(self.vregs[n * 16:n * 16 + 16], 'little'),
                 int.from_bytes(other.vregs[n * 16:n * 16 + 16], 'little'), 32)
        note('pc', self.pc, other.pc)
        note('nzcv', self.nzcv, other.nzcv, 8)
        if fpsr:
            note('fpsr', self.fpsr, other.fpsr, 8)
        if far:
            note('far', self.far, other.far)
        for n, (p, q) in enumerate(zip(self.memory, other.memory)):
            if p != q:
                out.append(f'memory +{n:#x}: {names[0]} {p:#04x}, '
                           f'{names[1]} {q:#04x}')
        return out


def split_results(data):
    out, at = [], 0
    while at < len(data):
        magic, size, number = HEAD.unpack_from(data, at)
        if magic != b'A64O' or at + size > len(data):
            raise ValueError(f'broken output at byte {at}')
        if number != len(out):
            raise ValueError(f'record {len(out)} is missing')
        out.append(Result(data[at:at + size]))
        at += size
    return out
