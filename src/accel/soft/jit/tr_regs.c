// SPDX-License-Identifier: Apache-2.0
#include "accel/soft/jit/tr_regs.h"

#include <string.h>

#include "accel/soft/jit/x64.h"
#include "base/macros.h"

/* All but rsp, rbp and r15, which have roles, and the scratch registers rax,
   rcx and rdx, which shifts, MUL, DIV and CMPXCHG want. */
static const uint8_t hosts[] = {RDI, RSI, R8, R9, R11, RBX, R12, R13, R14, R10};

const struct tr_regs tr_regs_usual = {
    .pinned =
        {
            [0] = RDI,       [1] = RSI,       [2] = R8,   [3] = R9,
            [4] = R11,       [5] = -1,        [6] = -1,   [7] = -1,
            [8] = -1,        [9] = -1,        [10] = -1,  [11] = -1,
            [12] = -1,       [13] = -1,       [14] = -1,  [15] = -1,
            [16] = -1,       [17] = -1,       [18] = -1,  [19] = RBX,
            [20] = R12,      [21] = R13,      [22] = R14, [23] = -1,
            [24] = -1,       [25] = -1,       [26] = -1,  [27] = -1,
            [28] = -1,       [29] = -1,       [30] = -1,  [REG_SP] = R10,
            [REG_ZERO] = -1, [REG_SINK] = -1,
        },
};

static unsigned draw(uint64_t *dice, unsigned below)
{
    *dice = *dice * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)((*dice >> 33) % below);
}

static void shuffle(uint8_t *list, unsigned count, uint64_t *dice)
{
    for (unsigned n = count; n > 1; n--) {
        unsigned other = draw(dice, n);
        uint8_t moved = list[n - 1];

        list[n - 1] = list[other];
        list[other] = moved;
    }
}

void tr_regs_draw(struct tr_regs *regs, uint64_t seed)
{
    uint8_t guest[REG_SP + 1], host[sizeof(hosts)];
    uint64_t dice = seed;
    unsigned count;

    for (unsigned g = 0; g < sizeof(guest); g++)
        guest[g] = (uint8_t)g;
    memcpy(host, hosts, sizeof(host));
    shuffle(guest, sizeof(guest), &dice);
    shuffle(host, sizeof(host), &dice);
    /* mostly all of them: what is in memory is the simpler case */
    count = draw(&dice, 4) ? ARRAY_LEN(hosts) : draw(&dice, ARRAY_LEN(hosts));
    memset(regs->pinned, -1, sizeof(regs->pinned));
    for (unsigned n = 0; n < count; n++)
        regs->pinned[guest[n]] = (int8_t)host[n];
    regs->vec_flip = (uint8_t)draw(&dice, 8);
}

int tr_regs_guest(const struct tr_regs *regs, unsigned reg)
{
    for (unsigned g = 0; g <= REG_SP; g++) {
        if (regs->pinned[g] == (int)reg)
            return (int)g;
    }
    return -1;
}
