// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What runs the guest's code, by one text: NAME[,OPTION...]. The options are
 * for tests and for people who look into the engine.
 *
 *   auto, jit, interp     tier 1 where it runs; tier 1; tier 0 alone
 *   lockstep              both, compared block by block; one vCPU
 *   eager                 translate what runs for the first time, too
 *   code-kib=N            the arena's limit, of all vCPUs together
 *   mask=NAME+NAME...     host features not to use; with what builds on them
 *   chaos=SEED            refuse emitters and links, forget everything and
 *                         yield, at random
 *   regs=SEED             guest registers in other registers of the host's,
 *                         at random
 *   paranoid              report code that runs after it was changed without
 *                         the cache maintenance that the Arm ARM asks for
 *   copies                copy all runs of accesses at once: more code, and
 *                         slower for large programs
 *   perf-map              say in /tmp/perf-PID.map what was translated where
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum tier_kind { TIER_AUTO, TIER_JIT, TIER_INTERP, TIER_LOCKSTEP };

struct tier {
    enum tier_kind kind;
    uint64_t code_kib;      /* 0: not said */
    unsigned mask_features; /* enum jit_feature */
    uint64_t chaos;         /* 0: none */
    uint64_t regs;          /* 0: the usual ones */
    bool eager, paranoid, copies, perf_map;
};

/* NULL is auto. -EINVAL: no such tier or option, -ENOTSUP: this build has no
   translator. */
int tier_parse(struct tier *tier, const char *text, struct err *e);
