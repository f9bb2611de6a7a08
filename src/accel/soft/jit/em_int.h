// SPDX-License-Identifier: Apache-2.0
#pragma once

/* What the emitters of integer data processing share. */

#include "accel/soft/jit/tr.h"

/* Rows of a table for the forms of W and X registers. */
#define BOTH(name, fn)    \
    {OP_##name##_w, fn},  \
    {                     \
        OP_##name##_x, fn \
    }

static inline bool int_is_x(const struct insn *i)
{
    return BIT(i->word, 31);
}

/* dst = g rotated right by n, which is not 0. Keeps flags with BMI. */
void int_rotate(struct tr *t, bool w, unsigned dst, unsigned g, unsigned n);
