// SPDX-License-Identifier: Apache-2.0
/* Emitters of simd instructions: none yet, tier 0 executes them. */

#include "accel/soft/jit/tr.h"

const struct jit_emitter jit_simd_emitters[] = {{0, NULL}};
