// SPDX-License-Identifier: Apache-2.0
/* Wake-ups for poll: an event fd on Linux, a pipe elsewhere. */

#include "host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/eventfd.h>
#endif

#include "base/macros.h"

#ifdef __linux__
static int open_fds(struct host_event *ev)
{
    ev->rd = ev->wr = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return ev->rd < 0 ? -errno : 0;
}
#else
static int open_fds(struct host_event *ev)
{
    int fds[2];

    if (pipe(fds) < 0)
        return -errno;
    for (unsigned n = 0; n < 2; n++) {
        fcntl(fds[n], F_SETFD, FD_CLOEXEC);
        fcntl(fds[n], F_SETFL, O_NONBLOCK);
    }
    *ev = (struct host_event){.rd = fds[0], .wr = fds[1]};
    return 0;
}
#endif

int host_event_open(struct host_event *ev, struct err *e)
{
    int rc = open_fds(ev);

    if (rc < 0) {
        *ev = (struct host_event){-1, -1};
        return err_set(e, rc, "cannot make an event: %s", strerror(-rc));
    }
    return 0;
}

void host_event_close(struct host_event *ev)
{
    if (ev->rd >= 0)
        close(ev->rd);
    if (ev->wr >= 0 && ev->wr != ev->rd)
        close(ev->wr);
    *ev = (struct host_event){-1, -1};
}

/* A full pipe or counter is as good as one more signal. */
void host_event_signal(const struct host_event *ev)
{
    uint64_t one = 1;

    while (write(ev->wr, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void host_event_drain(const struct host_event *ev)
{
    uint8_t buf[256];

    while (read(ev->rd, buf, sizeof(buf)) == (ssize_t)sizeof(buf))
        ;
}

#ifdef __linux__
unsigned host_poll(struct pollfd *fds, unsigned count, uint64_t deadline_ns)
{
    uint64_t now = host_mono_ns();
    uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;
    struct timespec ts = {.tv_sec = (time_t)(ns / 1000000000u),
                          .tv_nsec = (long)(ns % 1000000000u)};
    int rc = ppoll(fds, count, deadline_ns == UINT64_MAX ? NULL : &ts, NULL);

    return rc > 0 ? (unsigned)rc : 0;
}
#else
unsigned host_poll(struct pollfd *fds, unsigned count, uint64_t deadline_ns)
{
    uint64_t now = host_mono_ns();
    uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;
    uint64_t ms = MIN((ns + 999999u) / 1000000u, 1u << 30);
    int rc = poll(fds, count, deadline_ns == UINT64_MAX ? -1 : (int)ms);

    return rc > 0 ? (unsigned)rc : 0;
}
#endif
