// SPDX-License-Identifier: Apache-2.0
/* Token buckets. Products of two 64-bit numbers are made with 128 bits. */

#include "dev/rate_limiter.h"

#include <inttypes.h>

#include "base/macros.h"

#define NS_PER_MS 1000000ull

__extension__ typedef unsigned __int128 wide;

/* a * b / c, at most UINT64_MAX. */
static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    wide result = (wide)a * b / c;

    return result > UINT64_MAX ? UINT64_MAX : (uint64_t)result;
}

static void bucket_init(struct bucket *b, const struct bucket_config *cfg,
                        uint64_t now_ns)
{
    uint64_t refill_ns;

    *b = (struct bucket){0};
    if (!cfg->size || !cfg->refill_time_ms ||
        __builtin_mul_overflow(cfg->refill_time_ms, NS_PER_MS, &refill_ns))
        return;
    *b = (struct bucket){.size = cfg->size,
                         .burst = cfg->one_time_burst,
                         .budget = cfg->size,
                         .refill_ns = refill_ns,
                         .last_ns = now_ns};
}

/* Only whole tokens are given out; the time that makes less than one is kept
   for the next turn. */
static void refill(struct bucket *b, uint64_t now_ns)
{
    uint64_t passed = now_ns > b->last_ns ? now_ns - b->last_ns : 0;
    uint64_t tokens;

    if (passed >= b->refill_ns) {
        b->budget = b->size;
        b->last_ns = now_ns;
        return;
    }
    tokens = mul_div(passed, b->size, b->refill_ns);
    if (!tokens)
        return;
    /* rounded up: the time of a token must not be used twice */
    b->last_ns +=
        (uint64_t)(((wide)tokens * b->refill_ns + b->size - 1) / b->size);
    b->budget = MIN(sat_add64(b->budget, tokens), b->size);
}

enum outcome { TAKEN, EMPTY, TOO_MUCH };

/* TOO_MUCH: taken, and *debt_ns is what it takes to refill what was missing. */
static enum outcome bucket_take(struct bucket *b, uint64_t tokens,
                                uint64_t now_ns, uint64_t *debt_ns,
                                struct log_limit *log)
{
    if (!b->size)
        return TAKEN;
    if (b->burst >= tokens && b->burst) {
        b->burst -= tokens;
        b->last_ns = now_ns;
        return TAKEN;
    }
    tokens -= b->burst;
    b->burst = 0;
    if (tokens > b->budget)
        refill(b, now_ns);
    if (tokens > b->size) {
        if (log_limit_take(log))
            log_error("Consumed %" PRIu64
                      " tokens from bucket of size %" PRIu64,
                      tokens, b->size);
        *debt_ns = mul_div(tokens - b->budget, b->refill_ns, b->size);
        b->budget = 0;
        return TOO_MUCH;
    }
    if (tokens > b->budget)
        return EMPTY;
    b->budget -= tokens;
    return TAKEN;
}

static void bucket_give_back(struct bucket *b, uint64_t tokens)
{
    if (b->burst)
        b->burst = sat_add64(b->burst, tokens);
    else
        b->budget = MIN(sat_add64(b->budget, tokens), b->size);
}

void rate_limiter_init(struct rate_limiter *rl,
                       const struct limiter_config *cfg, uint64_t now_ns)
{
    *rl = (struct rate_limiter){0};
    bucket_init(&rl->bytes, &cfg->bandwidth, now_ns);
    bucket_init(&rl->ops, &cfg->ops, now_ns);
}

static bool take(struct rate_limiter *rl, struct bucket *b, uint64_t tokens,
                 uint64_t now_ns)
{
    uint64_t debt_ns = 0;

    switch (bucket_take(b, tokens, now_ns, &debt_ns, &rl->log)) {
    case EMPTY:
        rl->blocked_until = sat_add64(now_ns, RATE_LIMITER_WAIT_NS);
        return false;
    case TOO_MUCH:
        if (!rl->blocked_until)
            rl->blocked_until = sat_add64(now_ns, debt_ns);
        return true;
    default:
        return true;
    }
}

bool rate_limiter_take(struct rate_limiter *rl, uint64_t bytes, uint64_t now_ns)
{
    if (rl->blocked_until > now_ns)
        return false;
    rl->blocked_until = 0;
    if (!take(rl, &rl->ops, 1, now_ns))
        return false;
    /* an operation larger than the ops bucket cannot be: its size is not 0 */
    if (!bytes || take(rl, &rl->bytes, bytes, now_ns))
        return true;
    bucket_give_back(&rl->ops, 1);
    return false;
}

void rate_limiter_give_back(struct rate_limiter *rl, uint64_t bytes)
{
    bucket_give_back(&rl->ops, 1);
    bucket_give_back(&rl->bytes, bytes);
}

void rate_limiter_update(struct rate_limiter *rl,
                         const struct bucket_config *bytes,
                         const struct bucket_config *ops, uint64_t now_ns)
{
    if (bytes)
        bucket_init(&rl->bytes, bytes, now_ns);
    if (ops)
        bucket_init(&rl->ops, ops, now_ns);
}
