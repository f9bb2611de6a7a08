# SPDX-License-Identifier: Apache-2.0
"""Where the oracles disagree with each other or with squib, and which is
right by the Arm ARM: docs/isa-deviations.md has every reason, under the same
names."""
import re

from records import DATA_ABORT

M64 = (1 << 64) - 1

# Rows on which libvixl's simulator is wrong, so that qemu-user decides.
VIXL_WRONG = [
    ('upper-bits', r'[SU]CVTF(_fix)?_(2s|4h|1[hsd])|FCVTN_(4h|2s)'),
    ('same-register', r'FCVTXN2?_\w+|FM(UL|ULX|LA|LS)_elem_\w+|PMULL_8'),
    ('halved-late', r'FRSQRTS_\w+'),
    ('narrow-minimum', r'LDS(MAX|MIN)'),
    ('movk-upper', r'MOVK_w'),
    ('post-index-sp', r'(LD|ST)_(mult|one|rep)_post'),
    ('exclusive-chance', r'STL?X[RP]'),
    ('pac-hints', r'HINT'),
]
_VIXL_WRONG = re.compile('|'.join(p for _, p in VIXL_WRONG))

# Rows on which qemu-user 7.2 is wrong; bits of the destination to leave out
# when no other oracle has an opinion.
QEMU_WRONG = [
    ('half-sign', r'FCVTZ[SU]_fix_1h'),
]
_QEMU_WRONG = re.compile('|'.join(p for _, p in QEMU_WRONG))


def is_wrong_somewhere(row_name):
    return bool(_VIXL_WRONG.fullmatch(row_name)
                or _QEMU_WRONG.fullmatch(row_name))


def qemu_is_wrong(row_name):
    return bool(_QEMU_WRONG.fullmatch(row_name))


# Undefined words that an oracle cannot be asked about: (mask, value, why).
QEMU_ACCEPTS = [
    (0xffe0001f, 0xd4400000, 'HLT: semihosting'),
    (0x8f7e0c00, 0x0e780800, 'two-register FP16: 7.2 aborts'),
    (0x2f7e0c00, 0x0e700800, 'FP16 across lanes and pairwise: size<0> ignored'),
    (0xbff8fc00, 0x2f00fc00, 'FMOV (vector, immediate): op with o2 ignored'),
]


def qemu_accepts(word):
    return any(word & mask == value for mask, value, _ in QEMU_ACCEPTS)


def llvm_has_opinion(word):
    """Its disassembler knows every system register there could be."""
    return word >> 24 not in (0xd4, 0xd5) and word >> 16 != 0  # UDF


# Loads and stores whose address has to be a multiple of their size.
_ALIGNED = re.compile(r'(LD|ST)(A|L|LA|LL|A?X|L?X)?(R|P|PR)|CASP?|SWP'
                      r'|LD(ADD|CLR|EOR|SET|[SU](MAX|MIN))')
FPSR_UFC, FPSR_IXC = 8, 16
_ORDERED = re.compile(r'LDAP?R|LDLAR|STLL?R')


def trusted_oracle(case, qemu, vixl):
    """'qemu' or 'vixl', or None: nobody has looked into it."""
    if _VIXL_WRONG.fullmatch(case.what):
        return 'qemu'
    if _QEMU_WRONG.fullmatch(case.what):
        return 'vixl'
    if qemu.cause == DATA_ABORT and qemu.far & 15 and \
            _ALIGNED.fullmatch(case.what):
        return 'qemu'  # 'no-alignment'
    word = case.words()[0]
    if qemu.cause == DATA_ABORT and case.what.startswith('LD') and \
            31 in (word & 31, word >> 10 & 31):
        return 'qemu'  # 'load-to-zero'
    return None


def _is_untouched(case, squib):
    """Aborted with every register and byte as before."""
    return (squib.pc == case.pc and squib.gprs[:248] == case.x
            and squib.vregs == case.v and squib.fpsr == case.fpsr
            and squib.memory == b''.join(d for _, d in case.areas))


def _is_cache_op(case, squib):
    """'zva-size': DC ZVA clears 64 bytes here and 512 there."""
    word = case.words()[0]
    (va, data), = case.areas
    if word & 0xffe0 == 0x7420:
        t = 8 * (word & 31)
        at = int.from_bytes(case.x[t:t + 8], 'little') // 64 * 64 - va
        data = data[:at] + bytes(64) + data[at + 64:]
    return squib.memory == data and squib.gprs[:248] == case.x and \
        squib.vregs == case.v and squib.pc == case.pc + 4


def deviation(case, squib, qemu):
    """Squib and qemu differ, vixl does not know, and squib is right."""
    if squib.cause == qemu.cause == DATA_ABORT and len(case.code) == 4:
        # 'half-done': qemu leaves what it did before the fault
        return (squib.far - qemu.far) << 8 & M64 == 0 and \
            _is_untouched(case, squib)
    if squib.cause == DATA_ABORT and _ORDERED.fullmatch(case.what):
        # 'ordered-alignment': qemu checks that of exclusives and atomics only
        return squib.far % (1 << (case.words()[0] >> 30)) != 0 and \
            _is_untouched(case, squib)
    if case.what == 'SYS':
        return _is_cache_op(case, squib)
    if squib.fpsr ^ qemu.fpsr == FPSR_UFC:
        # 'tininess': translated code, FPCR is 0
        return qemu.fpsr & FPSR_UFC and squib.fpsr & FPSR_IXC and \
            squib.fpcr == 0 and squib.raw[16:792] == qemu.raw[16:792] and \
            squib.nzcv == qemu.nzcv and squib.memory == qemu.memory and \
            squib.cause == qemu.cause
    if _QEMU_WRONG.fullmatch(case.what):
        d = 16 * (case.words()[0] & 31)
        a, b = squib.vregs, qemu.vregs
        return a[:d + 2] + a[d + 4:] == b[:d + 2] + b[d + 4:] and \
            a[d + 2:d + 4] == b'\0\0' and squib.fpsr == qemu.fpsr and \
            squib.gprs == qemu.gprs
    return False
