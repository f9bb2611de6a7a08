// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Firecracker's rate limiter: two token buckets, one of bytes and one of
 * operations. They start full. A burst is spent first and never comes back;
 * then the bucket, which refills all the time. Who finds it empty is blocked,
 * with everybody else, for 100 ms, however fast the bucket fills. Something
 * larger than a whole bucket passes at once, and what it took too much is
 * waited for afterwards; the log is told, as the bucket is too small.
 *
 * No thread, no clock, no timer of its own: the owner says what time it is (ns,
 * any origin) and comes again when `blocked_until` has passed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

#define RATE_LIMITER_WAIT_NS 100000000ull

/* size or refill_time_ms 0: this bucket does not limit. */
struct bucket_config {
    uint64_t size;
    uint64_t one_time_burst;
    uint64_t refill_time_ms; /* from empty to full */
};

struct limiter_config {
    struct bucket_config bandwidth; /* bytes */
    struct bucket_config ops;
};

struct bucket {
    uint64_t size; /* 0: no limit */
    uint64_t burst;
    uint64_t budget;
    uint64_t refill_ns;
    uint64_t last_ns; /* up to when it is refilled */
};

struct rate_limiter {
    struct bucket bytes, ops;
    uint64_t blocked_until; /* 0: not blocked */
    struct log_limit log;
};

void rate_limiter_init(struct rate_limiter *rl,
                       const struct limiter_config *cfg, uint64_t now_ns);

/* Whether it can hold anybody back: else nobody needs to look at the clock. */
static inline bool rate_limiter_limits(const struct rate_limiter *rl)
{
    return rl->bytes.size || rl->ops.size;
}

/* One operation of so many bytes (0: none that count). False: nothing was
   taken, wait until rl->blocked_until. */
bool rate_limiter_take(struct rate_limiter *rl, uint64_t bytes,
                       uint64_t now_ns);

/* The operation did not happen. */
void rate_limiter_give_back(struct rate_limiter *rl, uint64_t bytes);

/* A new bucket, full, in place of an old one; NULL: that stays as it is. */
void rate_limiter_update(struct rate_limiter *rl,
                         const struct bucket_config *bytes,
                         const struct bucket_config *ops, uint64_t now_ns);
