// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdint.h>

/* Estimates by the topmost bits of what is asked: eight of a fraction, for root
   below them the exponent's lowest; of words the upper nine. */
struct est_table {
    uint32_t recip[256];
    uint32_t root[512];
    uint32_t urecip[512], uroot[512];
};

/* What cpu->est_table points to, and what fills it, once. */
const void *est_table(void);
void est_table_fill(void);
