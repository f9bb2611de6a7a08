// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * A split virtqueue from the device's side (virtio 1.2, 2.7).
 *
 * The guest may write the rings at any time. Everything is copied once, then
 * checked, then used; loops are bounded by the queue's size. A ring that breaks
 * the rules makes the queue broken: it gives nothing any more, `broken` says
 * why, and the device asks for a reset (virtio_dev_broken).
 *
 * One thread at a time: the device's worker.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "mem/gmem.h"

enum { VIRTQ_MAX_SIZE = 256 };

struct virtq {
    /* What the driver sets up, through the transport. */
    uint16_t max_size; /* constant; 0: there is no such queue */
    uint16_t size;
    uint8_t ready;
    gpa_t desc, avail, used;

    /* Positions, modulo 2^16. */
    uint16_t next_avail;
    uint16_t next_used; /* next_used != published: flush is due */
    uint16_t published;

    /* While started. */
    uint8_t event_idx;
    uint8_t listening; /* the driver has been asked to notify */
    struct gmem *ram;  /* borrowed; NULL: not started */
    uint8_t *desc_at, *avail_at, *used_at; /* borrowed from ram */
    const char *broken;                    /* NULL: fine; else the reason */
};

/* A chain of buffers. iov[0 .. num_out) are for the device to read, after them
   num_in to write. The bytes behind them may change under us at any time. */
struct virtq_chain {
    uint16_t head;
    unsigned num_out, num_in;
    uint64_t out_bytes, in_bytes;
    struct iovec iov[VIRTQ_MAX_SIZE];
    gpa_t gpa[VIRTQ_MAX_SIZE]; /* where each of them lies */
};

/* Back to what the driver finds after a reset; max_size stays. */
void virtq_reset(struct virtq *q);

/* Checks what the driver set up and gets ready to run: -EINVAL, and why in
   q->broken, if there is no such ring in RAM. Positions stay as they are. */
int virtq_start(struct virtq *q, struct gmem *ram, bool event_idx);

enum virtq_got { VIRTQ_EMPTY, VIRTQ_CHAIN, VIRTQ_BROKEN };

/* The next chain. When it says VIRTQ_EMPTY the driver will notify as soon as it
   offers more. A queue not started is empty. */
enum virtq_got virtq_pop(struct virtq *q, struct virtq_chain *chain);

/* Takes the last pop back: the next one gives that chain again. */
void virtq_unpop(struct virtq *q);

/* Returns a chain with `len` bytes written to the start of its writable part.
   push: the caller has told gmem_written of them; done: does that itself. The
   driver sees it at the next flush. */
void virtq_push(struct virtq *q, uint16_t head, uint32_t len);
void virtq_done(struct virtq *q, const struct virtq_chain *chain, uint32_t len);

/* Shows the driver what was pushed: true if it wants an interrupt for it. */
bool virtq_flush(struct virtq *q);

/* How many chains are there to pop; a wrong number for a broken ring. */
unsigned virtq_waiting(const struct virtq *q);

/* Copies between buffers and a buffer, `skip` bytes into the former; returns
   how many there were, at most `len`. */
uint64_t iov_read(const struct iovec *iov, unsigned count, uint64_t skip,
                  void *buf, uint64_t len);
uint64_t iov_write(const struct iovec *iov, unsigned count, uint64_t skip,
                   const void *buf, uint64_t len);

/* Copies between a chain and a buffer, `skip` bytes into the readable or the
   writable part; returns how many there were, at most `len`. */
uint64_t virtq_read(const struct virtq_chain *chain, uint64_t skip, void *buf,
                    uint64_t len);
uint64_t virtq_write(const struct virtq_chain *chain, uint64_t skip,
                     const void *buf, uint64_t len);
