// SPDX-License-Identifier: Apache-2.0
#pragma once

/* For tests of executors alone: a CPU of zeroes, one instruction at a time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accel/soft/decode.h"

#include "accel/soft/cpu.h"

/* Executes the word, which must be an instruction that goes on. */
static inline void run_word(struct cpu *cpu, uint32_t word)
{
    struct insn i[2];

    assert_non_null(a64_find(word));
    assert_false(a64_decode(word, 0, true, &i[0]));
    assert_ptr_equal(i[0].fn(cpu, &i[0]), &i[1]);
}

static inline uint32_t regs(unsigned d, unsigned n, unsigned m)
{
    return d | n << 5 | m << 16;
}
