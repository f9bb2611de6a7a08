# SPDX-License-Identifier: Apache-2.0
"""Guests of a few instructions, put together by hand: no assembler needed."""

import struct

# Seconds, for what takes milliseconds on a machine with nothing else to do.
PATIENCE_S = 240

UART = 0x0E0A_0000  # PL011
DR, FR, CR = 0x00, 0x18, 0x30
RXFE = 4  # UARTFR: receive FIFO empty
SYSTEM_OFF, SYSTEM_RESET = 0x8400_0008, 0x8400_0009

WFI = 0xD503_207F
HVC = 0xD400_0002
UNDEFINED = 0


def movz(reg, value, half=0):
    return 0xD280_0000 | half << 21 | value << 5 | reg


def movk(reg, value, half):
    return 0xF280_0000 | half << 21 | value << 5 | reg


def mov(reg, value):
    """Up to 32 bits, in two instructions."""
    return [movz(reg, value & 0xFFFF), movk(reg, value >> 16, 1)]


def ldr(reg, base, offset=0):
    return 0xB940_0000 | offset // 4 << 10 | base << 5 | reg


def str_(reg, base, offset=0):
    return 0xB900_0000 | offset // 4 << 10 | base << 5 | reg


def branch(count):
    """Relative, in instructions."""
    return 0x1400_0000 | count & 0x3FF_FFFF


def tbnz(reg, bit, count):
    return 0x3700_0000 | bit << 19 | (count & 0x3FFF) << 5 | reg


def br(reg):
    return 0xD61F_0000 | reg << 5


def msr(reg, encoding):
    return 0xD500_0000 | encoding << 5 | reg


SCTLR_EL1 = 0b11_000_0001_0000_000
TTBR0_EL1 = 0b11_000_0010_0000_000
TCR_EL1 = 0b11_000_0010_0000_010
VBAR_EL1 = 0b11_000_1100_0000_000

ISB = 0xD503_3FDF


def uart():
    """x9 is the UART, enabled, from here on."""
    return [*mov(9, UART), movz(1, 0x301), str_(1, 9, CR)]


def say(text):
    code = []
    for byte in text.encode():
        code += [movz(1, byte), str_(1, 9, DR)]
    return code


def psci(function):
    return [*mov(0, function), HVC]


def echo():
    """Sends back what it reads, for ever."""
    return [ldr(1, 9, FR), tbnz(1, RXFE, -1), ldr(1, 9, DR), str_(1, 9, DR), branch(-4)]


def image(*parts):
    """An arm64 Image of these instructions."""
    code = []
    for part in parts:
        code += part if isinstance(part, list) else [part]
    body = struct.pack(f"<{len(code)}I", *code)
    size = 64 + len(body)
    head = struct.pack(
        "<IIQQQQQQII",
        branch(16),  # over the header
        0,
        0,  # text_offset
        size,
        0b1010,  # little-endian, 4K pages, anywhere in memory
        0,
        0,
        0,
        0x644D_5241,
        0,
    )
    return (head + body).ljust(4096, b"\0")
