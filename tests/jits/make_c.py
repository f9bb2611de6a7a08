# SPDX-License-Identifier: Apache-2.0
"""A C program of thousands of lines, the same for the same seed. Its answer
does not depend on the machine: unsigned arithmetic wraps, and doubles are sums
and products of small integers, which are exact."""

import random

HEAD = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;
struct rec { u32 a; u64 b; double d; uint8_t bytes[12]; };
static u64 mix(u64 h, u64 v) { return (h ^ v) * 0x9e3779b97f4a7c15u + (h >> 29); }
static int by_b(const void *p, const void *q)
{
    const struct rec *x = p, *y = q;
    return x->b < y->b ? -1 : x->b > y->b;
}
"""

OPERATORS = ["+", "-", "*", "^", "|", "&"]


def expression(rng, depth):
    if depth == 0:
        return rng.choice(["a", "b", "c", f"{rng.getrandbits(rng.choice([4, 12, 32, 60]))}u"])
    left, right = expression(rng, depth - 1), expression(rng, depth - 1)
    way = rng.randrange(8)
    if way < 4:
        return f"({left} {rng.choice(OPERATORS)} {right})"
    if way == 4:
        return f"({left} >> {rng.randrange(1, 30)})"
    if way == 5:
        return f"({left} % ({right} | 1u))"
    if way == 6:
        return f"((u32){left} < (u32){right} ? {left} : {right})"
    return f"(u64)(u32)({left} << {rng.randrange(1, 12)})"


def arithmetic(rng, n):
    body = "".join(
        f"    {rng.choice('abc')} = {expression(rng, 3)};\n" for _ in range(8)
    )
    return f"    u64 c = a ^ {n}u;\n{body}    return a + b + c;\n"


def switch(rng, n):
    cases = "".join(
        f"        case {k}: r = {expression(rng, 2)}; break;\n" for k in range(24)
    )
    return (
        f"    u64 r = 0, c = {n};\n    for (int i = 0; i < 40; i++) {{\n"
        f"        switch ((a >> (i & 31)) % 24) {{\n{cases}        }}\n"
        f"        c = mix(c, r);\n        a += r;\n    }}\n    return c + b;\n"
    )


def vectors(rng, n):
    kind, size = rng.choice([("u32", 256), ("uint8_t", 512), ("uint16_t", 200), ("u64", 96)])
    return (
        f"    {kind} x[{size}], y[{size}];\n    u64 c = {n};\n"
        f"    for (int i = 0; i < {size}; i++)\n"
        f"        x[i] = ({kind})(a + i * b), y[i] = ({kind})(i ^ c);\n"
        f"    for (int k = 0; k < {rng.randrange(3, 9)}; k++)\n"
        f"        for (int i = 0; i < {size}; i++)\n"
        f"            y[i] = ({kind})((x[i] * {rng.randrange(3, 200)}u + y[i]) ^ (x[i] >> "
        f"{rng.randrange(1, 7)})), x[i] = y[i] > x[i] ? y[i] : x[i];\n"
        f"    for (int i = 0; i < {size}; i++)\n        c = mix(c, x[i] + y[i]);\n"
        f"    return c;\n"
    )


def floats(rng, n):
    kind = rng.choice(["double", "float"])
    return (
        f"    {kind} v[64], s = 0, t = {n % 13};\n    u64 c;\n"
        f"    for (int i = 0; i < 64; i++)\n"
        f"        v[i] = ({kind})(int)((a >> (i & 31)) & 15) - ({kind})(b & 7);\n"
        f"    for (int i = 0; i < 64; i++) {{\n"
        f"        s += v[i] * {rng.randrange(1, 6)};\n"
        f"        if (v[i] > t)\n            t = v[i] / 2;\n"
        f"        v[i] = s < 0 ? -s : s;\n    }}\n"
        f"    c = (u64)(int64_t)(s + t * 4 + v[{rng.randrange(64)}]);\n    return mix(c, a);\n"
    )


def records(rng, n):
    return (
        f"    struct rec r[20];\n    u64 c = {n};\n    memset(r, 0, sizeof(r));\n"
        f"    for (int i = 0; i < 20; i++) {{\n        a = mix(a, i + b);\n"
        f"        r[i].a = (u32)a;\n        r[i].b = a >> {rng.randrange(1, 40)};\n"
        f"        r[i].d = (double)(u32)(a & 1023);\n"
        f"        snprintf((char *)r[i].bytes, 12, \"%x\", (u32)a);\n    }}\n"
        f"    qsort(r, 20, sizeof(r[0]), by_b);\n"
        f"    for (int i = 0; i < 20; i++)\n"
        f"        c = mix(c, r[i].b + r[i].a + (u64)r[i].d + strlen((char *)r[i].bytes));\n"
        f"    return c;\n"
    )


def program(functions, seed=1):
    rng = random.Random(seed)
    kinds = [arithmetic, arithmetic, switch, vectors, floats, records]
    out = [HEAD]
    for n in range(functions):
        body = kinds[n % len(kinds)](rng, n)
        out.append(f"static u64 f{n}(u64 a, u64 b)\n{{\n{body}}}\n")
    names = ", ".join(f"f{n}" for n in range(functions))
    out.append(
        f"static u64 (*const all[])(u64, u64) = {{{names}}};\n"
        f"int main(void)\n{{\n    u64 h = 1;\n"
        f"    for (int k = 0; k < 50; k++)\n"
        f"        for (int n = 0; n < {functions}; n++) {{\n"
        f"            h = mix(h, all[n](h, h >> 7 ^ k));\n"
        f"            if (k == 49)\n                printf(\"%d %016llx\\n\", n, (unsigned long long)h);\n"
        f"        }}\n    return 0;\n}}\n"
    )
    return "".join(out)


if __name__ == "__main__":
    print(program(100), end="")
