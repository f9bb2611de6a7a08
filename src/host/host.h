// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What squib needs of the operating system that libuv does not give: clocks,
 * page geometry, reserved memory, random bytes and a wake-up word. Platform
 * #if lives in this folder. Any thread may call any of it.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

uint64_t host_wall_s(void);  /* seconds since 1970 */
uint64_t host_wall_ns(void); /* the same in ns */
uint64_t host_mono_ns(void); /* monotonic, never steps; ns */
uint64_t host_process_cpu_ns(void);
uint64_t host_page_bytes(void);

/* How many of the host's CPUs this process may use, at the start. */
unsigned host_cpus(void);

/* In a loop that looks for what another thread stores. */
static inline void host_spin(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* How long a thread has run, and how long it was ready and did not because
   others did. open: of the calling thread; -1: this host does not say. read:
   from any thread; leaves *times alone if it cannot. */
struct host_thread_times {
    uint64_t ran_ns, waited_ns;
};
int host_thread_open(void);
void host_thread_read(int fd, struct host_thread_times *times);
void host_thread_close(int fd); /* takes -1 */

/* Starts a thread that gets no signal but those of a crash: the others are for
   the thread that owns the event loop. Negative errno on failure. */
int host_thread_start(pthread_t *thread, void *(*run)(void *), void *arg);

/* Cannot fail on a host that has booted; aborts otherwise. */
void host_random(void *buf, size_t bytes);

/* Address space that costs nothing until it is touched, zeroed, read and
   write. NULL on failure, with the sentence in *e. */
void *host_reserve(uint64_t bytes, struct err *e);
void host_unreserve(void *p, uint64_t bytes);

/* Of memory that is filled from its start: when what is used comes near what is
   backed, the next piece is backed at once, where each page of it would have
   been a page fault. For memory that is written, or that is read alone, because
   it is written elsewhere. Where the host cannot, pages come one by one. */
void host_back_ahead(void *p, uint64_t bytes, uint64_t used, uint64_t *backed,
                     bool is_written);

/* The same, but nobody may touch it, so that no host counts it as promised,
   until host_allow has made whole pages of it what host_reserve gives. */
void *host_reserve_nothing(uint64_t bytes, struct err *e);
int host_allow(void *p, uint64_t bytes); /* any number of times */

/* Gives the pages back to the host; they read as zero afterwards. Both
   arguments are host page aligned. */
int host_discard(void *p, uint64_t bytes);

/*
 * A thread that sleeps until somebody wakes it, or until a point in time. A
 * wake that comes before the wait is not lost: the next wait returns at once.
 */
struct host_waker;                       /* owned by its maker */
struct host_waker *host_waker_new(void); /* NULL: out of memory */
void host_waker_free(struct host_waker *w);
void host_waker_wake(struct host_waker *w); /* any thread; does not block */

/* Sleeps until woken or host_mono_ns() >= deadline_ns (UINT64_MAX: never).
   True if woken. Only the owner thread waits. */
bool host_waker_wait(struct host_waker *w, uint64_t deadline_ns);

/*
 * A wake-up that a poll can wait for: readable from a signal to the drain. Any
 * number of signals are one.
 */
struct host_event {
    int rd, wr; /* owned; the same one where the host has event fds */
};
int host_event_open(struct host_event *ev, struct err *e);
void host_event_close(struct host_event *ev);        /* takes {-1, -1} */
void host_event_signal(const struct host_event *ev); /* does not block */
void host_event_drain(const struct host_event *ev);

/* poll(2) until host_mono_ns() >= deadline_ns (UINT64_MAX: for ever). How many
   are ready; 0 for the deadline and for signals. */
struct pollfd;
unsigned host_poll(struct pollfd *fds, unsigned count, uint64_t deadline_ns);

/*
 * Many descriptors of which few are ready at a time: what waiting for them
 * costs is what the ready ones cost. A crowd is a descriptor itself, its
 * maker's to close, and readable while any of them is ready. Events are
 * poll(2)'s, POLLHUP and POLLERR among them unasked. -ENOSYS: this host has no
 * crowds.
 */
int host_crowd_open(void);

/* Adds fd, or changes what was set. Who is closed has left. */
int host_crowd_set(int crowd, int fd, short events, uint64_t id, bool is_new);
void host_crowd_leave(int crowd, int fd);

/* Who is ready now: each once, and who is not served again the next time. */
enum { HOST_CROWD_MOST = 64 };
struct host_ready {
    uint64_t id;
    short events;
};
unsigned host_crowd_take(int crowd, struct host_ready *ready, unsigned max);

/* Bytes that malloc has given to whoever, as far as the host can tell (else 0).
   Takes a while: for a look now and then. */
uint64_t host_heap_bytes(void);

/* Gives a part of a file back; it reads as zero afterwards. -EOPNOTSUPP: the
   file system cannot. */
int host_punch_hole(int fd, uint64_t offset, uint64_t bytes);

/*
 * Unix stream sockets. What comes back is a descriptor that does not block and
 * is closed on exec, or a negative errno. A connect is at once or not at all:
 * -EAGAIN says that the listener's queue is full.
 */
int host_unix_listen(const char *path, int backlog);
int host_unix_connect(const char *path);
int host_unix_accept(int listener);

/* How many bytes went over, or a negative errno: -EAGAIN, -EPIPE without a
   signal. */
struct iovec;
int64_t host_socket_send(int fd, const struct iovec *iov, unsigned count);
int64_t host_socket_receive(int fd, const struct iovec *iov, unsigned count);

/* The other end of a socket has closed it for both directions. */
bool host_hung_up(int fd);

/* As many open files as the host lets this process have. */
void host_raise_file_limit(void);
