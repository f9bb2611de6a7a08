// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Frames that wait for a guest, first come, first served, in a bounded piece of
 * memory of which only what was ever used costs anything. What finds no room is
 * not taken. One thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct net_ring {
    uint8_t *at; /* owned; NULL: there is none yet */
    size_t bytes;
    size_t head, tail; /* where the first frame is, where the next one goes */
    size_t used;
    unsigned count;
};

int net_ring_init(struct net_ring *r, size_t bytes, struct err *e);
void net_ring_release(struct net_ring *r); /* takes one of zeros */
void net_ring_clear(struct net_ring *r);

/* Adds a frame of two parts; false: no room. */
bool net_ring_push(struct net_ring *r, const void *first, size_t first_len,
                   const void *second, size_t second_len);

/* Takes the first frame; what does not fit is lost. Its length before that;
   -EAGAIN: there is none. */
ssize_t net_ring_pop(struct net_ring *r, const struct iovec *iov, unsigned n);
