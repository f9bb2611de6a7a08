// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A soft CPU without a board: page tables are built in a private RAM so that
 * the record's addresses mean what it says, and the vectors are HVCs, so that
 * an exception ends the run instead of being handled.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#include "record.h"

struct machine;

/* A record taken apart: borrowed pointers into the caller's buffer. */
struct run_request {
    struct a64run_in in;
    const uint8_t *code;
    const uint8_t *area[A64RUN_MAX_AREAS];
};

struct run_result {
    struct a64run_out out;
    uint8_t *area[A64RUN_MAX_AREAS]; /* owned; release with run_release */
};

/* NULL on failure. */
struct machine *machine_new(const char *tier, struct err *e);
void machine_free(struct machine *m); /* takes NULL */

/* Runs the request on the interpreter. A request that cannot be run is a
   result of CAUSE_BAD_RECORD with the sentence in *e; negative only when the
   host has no memory. */
int machine_run(struct machine *m, const struct run_request *req,
                struct run_result *res, struct err *e);
void run_release(struct run_result *res);
