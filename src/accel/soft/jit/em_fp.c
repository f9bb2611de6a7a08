// SPDX-License-Identifier: Apache-2.0
/* Emitters of fp instructions: none yet, tier 0 executes them. */

#include "accel/soft/jit/tr.h"

const struct jit_emitter jit_fp_emitters[] = {{0, NULL}};
