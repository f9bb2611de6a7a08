// SPDX-License-Identifier: Apache-2.0
/* Two bounded rings between the UARTs and the host, and who gets the input. */

#include "dev/console.h"

#include <errno.h>
#include <pthread.h>

#include "base/heap.h"
#include "base/macros.h"
#include "base/metrics.h"
#include "dev/rate_limiter.h"
#include "host/host.h"

enum { MAX_RX = 4 };

static_assert((CONSOLE_OUT_BYTES & (CONSOLE_OUT_BYTES - 1)) == 0 &&
                  (CONSOLE_IN_ITEMS & (CONSOLE_IN_ITEMS - 1)) == 0,
              "positions in the rings wrap around by masking");

struct console {
    /* Held while receivers are called, so that console_detach can wait for
       them. Taken before any device's lock. */
    pthread_mutex_t rx_lock;

    /* The same for hooks, which vCPU threads call: after a device's lock. */
    pthread_mutex_t hook_lock;
    struct console_hooks hooks;

    pthread_mutex_t lock; /* for what follows; no other is taken under it */
    struct console_rx *rxs[MAX_RX]; /* borrowed from the UARTs */
    struct console_rx *holder;      /* one of rxs, or NULL */

    uint8_t *out;             /* owned; CONSOLE_OUT_BYTES */
    size_t out_head, out_len; /* oldest byte, bytes */
    bool out_told;            /* out_waiting was called, nobody drained yet */
    uint64_t out_lost;
    struct rate_limiter limit;

    uint16_t in[CONSOLE_IN_ITEMS];
    size_t in_head, in_len;
    bool in_stuck; /* console_feed left something behind */
};

struct console *console_new(struct err *e)
{
    struct console *c = heap_zalloc(sizeof(*c));

    if (!c) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&c->rx_lock, NULL);
    pthread_mutex_init(&c->hook_lock, NULL);
    pthread_mutex_init(&c->lock, NULL);
    c->out = heap_alloc(CONSOLE_OUT_BYTES);
    if (!c->out) {
        err_set(e, -ENOMEM, "out of memory");
        console_free(c);
        return NULL;
    }
    return c;
}

void console_free(struct console *c)
{
    if (!c)
        return;
    pthread_mutex_destroy(&c->rx_lock);
    pthread_mutex_destroy(&c->hook_lock);
    pthread_mutex_destroy(&c->lock);
    heap_free(c->out);
    heap_free(c);
}

void console_set_hooks(struct console *c, const struct console_hooks *hooks)
{
    pthread_mutex_lock(&c->hook_lock);
    c->hooks = hooks ? *hooks : (struct console_hooks){0};
    pthread_mutex_unlock(&c->hook_lock);

    /* What came before the hooks is told of with the next byte. */
    pthread_mutex_lock(&c->lock);
    c->out_told = false;
    pthread_mutex_unlock(&c->lock);
}

static void call_out_waiting(struct console *c)
{
    pthread_mutex_lock(&c->hook_lock);
    if (c->hooks.out_waiting)
        c->hooks.out_waiting(c->hooks.ctx);
    pthread_mutex_unlock(&c->hook_lock);
}

static void call_in_wanted(struct console *c)
{
    pthread_mutex_lock(&c->hook_lock);
    if (c->hooks.in_wanted)
        c->hooks.in_wanted(c->hooks.ctx);
    pthread_mutex_unlock(&c->hook_lock);
}

void console_attach(struct console *c, struct console_rx *rx)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    for (unsigned n = 0; n < MAX_RX; n++) {
        if (!c->rxs[n]) {
            c->rxs[n] = rx;
            break;
        }
    }
    pthread_mutex_unlock(&c->lock);
}

void console_detach(struct console *c, struct console_rx *rx)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->rx_lock);
    pthread_mutex_lock(&c->lock);
    for (unsigned n = 0; n < MAX_RX; n++) {
        if (c->rxs[n] == rx)
            c->rxs[n] = NULL;
    }
    if (c->holder == rx)
        c->holder = NULL;
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_unlock(&c->rx_lock);
}

/* The one open receiver that gets the input, or NULL. */
static struct console_rx *holder_locked(struct console *c)
{
    if (c->holder && c->holder->open)
        return c->holder;
    for (unsigned n = 0; n < MAX_RX; n++) {
        if (c->rxs[n] && c->rxs[n]->open)
            return c->holder = c->rxs[n];
    }
    return NULL;
}

void console_open(struct console *c, struct console_rx *rx)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    rx->open = true;
    if (!c->holder || !c->holder->open)
        c->holder = rx;
    pthread_mutex_unlock(&c->lock);
}

void console_close(struct console *c, struct console_rx *rx)
{
    bool moved;

    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    rx->open = false;
    moved = c->in_len > 0 && holder_locked(c);
    pthread_mutex_unlock(&c->lock);
    /* Input that waits has a new taker, whom only the host's end may call. */
    if (moved)
        call_in_wanted(c);
}

void console_limit(struct console *c, const struct bucket_config *bytes)
{
    const struct limiter_config cfg = {.bandwidth = *bytes};

    pthread_mutex_lock(&c->lock);
    rate_limiter_init(&c->limit, &cfg, host_mono_ns());
    pthread_mutex_unlock(&c->lock);
}

/* Nobody waits for tokens: what comes later tries anew. */
static bool within_limit_locked(struct console *c)
{
    if (!rate_limiter_limits(&c->limit))
        return true;
    c->limit.blocked_until = 0;
    return rate_limiter_take(&c->limit, 1, host_mono_ns());
}

bool console_put(struct console *c, uint8_t byte)
{
    bool room, tell;

    if (!c)
        return true;
    pthread_mutex_lock(&c->lock);
    if (!within_limit_locked(c)) {
        pthread_mutex_unlock(&c->lock);
        metric_inc(&metrics.uart.rate_limiter_dropped_bytes);
        return true;
    }
    room = c->out_len < CONSOLE_OUT_BYTES;
    if (room) {
        c->out[(c->out_head + c->out_len) % CONSOLE_OUT_BYTES] = byte;
        c->out_len++;
    } else {
        c->out_lost++;
    }
    tell = !c->out_told;
    c->out_told = true;
    pthread_mutex_unlock(&c->lock);
    metric_inc(room ? &metrics.uart.write_count
                    : &metrics.uart.missed_write_count);
    if (room)
        metric_inc(&metrics.uart.flush_count); /* it is on its way */
    if (tell)
        call_out_waiting(c);
    return room;
}

size_t console_drain(struct console *c, uint8_t *buf, size_t max)
{
    size_t count;

    pthread_mutex_lock(&c->lock);
    count = MIN(max, c->out_len);
    for (size_t n = 0; n < count; n++)
        buf[n] = c->out[(c->out_head + n) % CONSOLE_OUT_BYTES];
    c->out_head = (c->out_head + count) % CONSOLE_OUT_BYTES;
    c->out_len -= count;
    if (count == 0)
        c->out_told = false;
    pthread_mutex_unlock(&c->lock);
    return count;
}

static bool may_take_locked(struct console *c, const struct console_rx *rx)
{
    const struct console_rx *holder = holder_locked(c);

    return c->in_len > 0 && (!holder || holder == rx);
}

bool console_has_input(struct console *c, struct console_rx *rx)
{
    bool has;

    if (!c)
        return false;
    pthread_mutex_lock(&c->lock);
    has = may_take_locked(c, rx);
    pthread_mutex_unlock(&c->lock);
    return has;
}

size_t console_take(struct console *c, struct console_rx *rx, uint16_t *items,
                    size_t max)
{
    size_t count = 0;
    bool tell;

    if (!c)
        return 0;
    pthread_mutex_lock(&c->lock);
    if (may_take_locked(c, rx))
        count = MIN(max, c->in_len);
    for (size_t n = 0; n < count; n++)
        items[n] = c->in[(c->in_head + n) % CONSOLE_IN_ITEMS];
    c->in_head = (c->in_head + count) % CONSOLE_IN_ITEMS;
    c->in_len -= count;
    /* At half, not at each item: the host is woken seldom. */
    tell = c->in_stuck && c->in_len <= CONSOLE_IN_ITEMS / 2;
    metric_add(&metrics.uart.read_count, count);
    if (tell)
        c->in_stuck = false;
    pthread_mutex_unlock(&c->lock);
    if (tell)
        call_in_wanted(c);
    return count;
}

/* Calls the holder, or all if none is open. */
static void tell_receivers(struct console *c)
{
    pthread_mutex_lock(&c->rx_lock);
    for (unsigned n = 0; n < MAX_RX; n++) {
        struct console_rx *rx, *holder;

        pthread_mutex_lock(&c->lock);
        rx = c->rxs[n];
        holder = holder_locked(c);
        pthread_mutex_unlock(&c->lock);
        if (rx && (!holder || holder == rx))
            rx->arrived(rx->ctx);
    }
    pthread_mutex_unlock(&c->rx_lock);
}

size_t console_feed(struct console *c, const uint16_t *items, size_t count)
{
    size_t fed;
    bool waiting;

    pthread_mutex_lock(&c->lock);
    fed = MIN(count, CONSOLE_IN_ITEMS - c->in_len);
    for (size_t n = 0; n < fed; n++)
        c->in[(c->in_head + c->in_len + n) % CONSOLE_IN_ITEMS] = items[n];
    c->in_len += fed;
    if (count > 0)
        c->in_stuck = fed < count;
    waiting = c->in_len > 0;
    pthread_mutex_unlock(&c->lock);
    if (waiting)
        tell_receivers(c);
    return fed;
}

uint64_t console_lost(struct console *c)
{
    uint64_t lost;

    pthread_mutex_lock(&c->lock);
    lost = c->out_lost;
    pthread_mutex_unlock(&c->lock);
    return lost;
}
