// SPDX-License-Identifier: Apache-2.0
/* Control flow: recursion, function pointers, an interpreter in the guest. */

#include "bench.h"

static NOINLINE uint64_t fib(uint64_t n)
{
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static uint64_t fib_run(uint64_t n)
{
    uint64_t sum = 0;

    while (n-- > 0) {
        uint64_t depth = 24;

        OPAQUE(depth);
        sum += fib(depth);
    }
    return sum;
}

/* A call chain that no compiler turns into a loop. */
static NOINLINE uint64_t chain_3(uint64_t v)
{
    OPAQUE(v);
    return (v * 5 + 1) ^ v >> 29;
}

static NOINLINE uint64_t chain_2(uint64_t v)
{
    return chain_3(v + 1) - 3 * chain_3(v ^ 2);
}

static NOINLINE uint64_t chain_1(uint64_t v)
{
    return chain_2(v + 3) + 3 * chain_2(v ^ 4);
}

static uint64_t chain_run(uint64_t n)
{
    uint64_t v = 1;

    while (n-- > 0)
        for (int i = 0; i < 1000; i++)
            v = chain_1(v);
    return v;
}

#define LEAF(name, expr)                      \
    static NOINLINE uint64_t name(uint64_t v) \
    {                                         \
        OPAQUE(v);                            \
        return expr;                          \
    }

LEAF(leaf_0, v + 1)
LEAF(leaf_1, v ^ 0x55)
LEAF(leaf_2, v * 3)
LEAF(leaf_3, v - 7)
LEAF(leaf_4, v << 1 | v >> 63)
LEAF(leaf_5, ~v)
LEAF(leaf_6, v + (v >> 3))
LEAF(leaf_7, v ^ v >> 11)

static uint64_t (*const leaves[])(uint64_t) = {
    leaf_0, leaf_1, leaf_2, leaf_3, leaf_4, leaf_5, leaf_6, leaf_7,
};

enum { ORDER = 1024 };

static uint8_t order[ORDER];

static void indirect_setup(void)
{
    for (size_t n = 0; n < ORDER; n++)
        order[n] = (uint8_t)(bench_random() >> 33 & 7);
}

/* One call site with eight targets in a pattern that is long, but repeats. */
static uint64_t indirect_run(uint64_t n)
{
    uint64_t v = 1;

    while (n-- > 0)
        for (size_t i = 0; i < ORDER; i++)
            v = leaves[order[i]](v);
    return v;
}

/* One call site with one target, as in most programs. */
static uint64_t mono_run(uint64_t n)
{
    uint64_t (*leaf)(uint64_t) = leaf_2;
    uint64_t v = 1;

    while (n-- > 0) {
        for (size_t i = 0; i < ORDER; i++) {
            OPAQUE(leaf);
            v = leaf(v);
        }
    }
    return v;
}

enum op { PUSH, ADD, MUL, XOR, DUP, SWAP, DROP, ROT, LOOP, LOAD, STORE, END };

/* Any program does that keeps its stack level and its variables changing. */
static const uint8_t program[] = {
    LOAD, 0,     PUSH, 13,   ADD, DUP,   ROT, PUSH, 7,   MUL,
    ADD,  STORE, 0,    LOAD, 1,   DUP,   ROT, LOAD, 0,   SWAP,
    XOR,  ADD,   DUP,  DROP, ROT, STORE, 1,   LOOP, END,
};

static NOINLINE uint64_t interpret(const uint8_t *code, uint64_t turns)
{
    uint64_t stack[16] = {0};
    uint64_t var[2] = {1, 2};
    unsigned top = 4;
    size_t pc = 0;

    for (;;) {
        switch ((enum op)code[pc++]) {
        case PUSH:
            stack[++top & 15] = code[pc++];
            break;
        case ADD:
            stack[(top - 1) & 15] += stack[top & 15];
            top--;
            break;
        case MUL:
            stack[(top - 1) & 15] *= stack[top & 15];
            top--;
            break;
        case XOR:
            stack[(top - 1) & 15] ^= stack[top & 15];
            top--;
            break;
        case DUP:
            stack[(top + 1) & 15] = stack[top & 15];
            top++;
            break;
        case SWAP: {
            uint64_t v = stack[top & 15];

            stack[top & 15] = stack[(top - 1) & 15];
            stack[(top - 1) & 15] = v;
            break;
        }
        case DROP:
            top--;
            break;
        case ROT:
            stack[top & 15] = stack[top & 15] << 9 | stack[top & 15] >> 55;
            break;
        case LOAD:
            stack[++top & 15] = var[code[pc++] & 1];
            break;
        case STORE:
            var[code[pc++] & 1] = stack[top-- & 15];
            break;
        case LOOP:
            if (--turns > 0)
                pc = 0;
            break;
        case END:
            return var[0] ^ var[1];
        }
    }
}

static uint64_t switch_run(uint64_t n)
{
    return interpret(program, n * 1000);
}

#define CALLS "calls"

const struct row call_rows[] = {
    {"fib", CALLS, "recursive Fibonacci", 200, NULL, fib_run},
    {"call_chain", CALLS, "small functions that call each other", 2000, NULL,
     chain_run},
    {"indirect_one", CALLS, "a function pointer that never changes", 8000, NULL,
     mono_run},
    {"indirect_many", CALLS, "function pointers in a long pattern", 3000,
     indirect_setup, indirect_run},
    {"switch", CALLS, "a bytecode interpreter's switch", 400, NULL, switch_run},
    {0},
};
