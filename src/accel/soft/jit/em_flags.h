// SPDX-License-Identifier: Apache-2.0
#pragma once

/* MRS and MSR of what em_flags.c knows, by SYSREG_KEY; false: not that one, and
   nothing emitted. */

#include "accel/soft/jit/tr.h"

bool em_mrs_flags(struct tr *t, const struct insn *i, unsigned key);
bool em_msr_flags(struct tr *t, const struct insn *i, unsigned key);
