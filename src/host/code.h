// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Memory for generated code, mapped twice: written through `rw`, executed
 * through `rx`, never both through one mapping. Lazily backed.
 */

#include <stdint.h>

#include "base/err.h"

struct host_code {
    uint8_t *rw; /* owned; NULL: none */
    uint8_t *rx; /* owned: the same bytes */
    uint64_t bytes;
};

/* `bytes` is a multiple of the host page. */
int host_code_init(struct host_code *code, uint64_t bytes, struct err *e);
void host_code_release(struct host_code *code); /* any number of times */

/* Gives the memory of all pages from byte `from` on, a multiple of the host
   page, back to the host; they read as zero. */
void host_code_discard(struct host_code *code, uint64_t from);
