# SPDX-License-Identifier: Apache-2.0
"""Operand values: where instructions go wrong, and some noise between."""
import struct

# (exponent bits, fraction bits) of a format by its name in row names
FORMATS = {'h': (5, 10), 's': (8, 23), 'd': (11, 52)}


def float_edges(name):
    ebits, fbits = FORMATS[name]
    bias, emax = (1 << ebits - 1) - 1, (1 << ebits) - 1
    one, quiet = 1 << fbits, 1 << fbits - 1
    edges = {0, 1, 2, 3, one - 1, one, one + 1, quiet,        # zero, tiny
             (emax << fbits) - 1, emax << fbits,              # largest, inf
             emax << fbits | quiet, emax << fbits | quiet | 5,  # quiet NaNs
             emax << fbits | 1, emax << fbits | quiet - 1}    # signalling
    for e in (-2, -1, 0, 1, 2, 3, fbits - 1, fbits, fbits + 1, 7, 8, 15, 16,
              30, 31, 32, 52, 62, 63, 64, -fbits, -fbits - 1, -fbits - 2,
              bias // 2, bias // 2 + 1, bias - 1, bias, 1 - bias, 2 - bias,
              -bias // 2, -14, -15, -16, -24, -25, -126, -127, -149):
        if 0 < e + bias < emax:
            base = e + bias << fbits
            edges |= {base, base + 1, base | quiet, base | quiet + 1,
                      base | one - 1, base | quiet - 1}
    sign = 1 << ebits + fbits
    return sorted(edges | {e | sign for e in edges})


def int_edges(bits):
    top = 1 << bits - 1
    ones = (1 << bits) - 1
    out = {0, 1, 2, 3, ones, ones - 1, top, top - 1, top + 1, ones // 3,
           ones // 3 * 2, ones // 255 * 0x80 if bits > 8 else 0x7e}
    for n in (4, 7, 8, 15, 16, 31, 32, 63):
        if n < bits:
            out |= {1 << n, (1 << n) - 1, ones ^ (1 << n) - 1, n, ones - n}
    return sorted(out)


class Pools:
    """Packed registers to choose from; made anew for each seed."""

    def __init__(self, rng, size=3000):
        self.x = [self._x(rng) for _ in range(size)]
        self.v = {f: [self._v(rng, f) for _ in range(size)]
                  for f in ('h', 's', 'd', '8', '16', '32', '64', 'mix')}
        self.memory = [self._memory(rng, 256) for _ in range(200)]

    def _x(self, rng):
        kind = rng.random()
        if kind < .45:
            v = rng.choice(int_edges(64))
        elif kind < .6:
            v = rng.choice(int_edges(32)) | rng.getrandbits(32) << 32
        elif kind < .75:
            v = rng.randrange(80)
        else:
            v = rng.getrandbits(64)
        return struct.pack('<Q', v)

    def _lanes(self, rng, flavour):
        if flavour in FORMATS:
            bits = sum(FORMATS[flavour]) + 1
            edges = float_edges(flavour)
        else:
            bits = int(flavour)
            edges = int_edges(bits)
        out = 0
        for lane in range(128 // bits):
            r = rng.random()
            if r < .7:
                v = rng.choice(edges)
            elif r < .85 and flavour in FORMATS:
                # near 1, so that sums cancel and products stay in range
                ebits, fbits = FORMATS[flavour]
                e = (1 << ebits - 1) - 1 + rng.randrange(-4, 5)
                v = rng.getrandbits(1) << bits - 1 | e << fbits | \
                    rng.getrandbits(fbits)
            else:
                v = rng.getrandbits(bits)
            out |= v << lane * bits
        return out.to_bytes(16, 'little')

    def _v(self, rng, flavour):
        if flavour == 'mix':
            flavour = rng.choice(('h', 's', 'd', '8', '16', '32', '64'))
        return self._lanes(rng, flavour)

    def _memory(self, rng, size):
        return b''.join(self._lanes(rng, rng.choice(('8', '32', '64', 's')))
                        for _ in range(size // 16))
