// SPDX-License-Identifier: Apache-2.0
/* Many descriptors, few of them ready: epoll, where there is one. */

#include "host/host.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/macros.h"

#ifdef __linux__

#include <sys/epoll.h>

static_assert(POLLIN == EPOLLIN && POLLOUT == EPOLLOUT && POLLERR == EPOLLERR &&
                  POLLHUP == EPOLLHUP,
              "epoll has poll's events");

int host_crowd_open(void)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int host_crowd_set(int crowd, int fd, short events, uint64_t id, bool is_new)
{
    struct epoll_event ev = {.events = (uint32_t)events, .data.u64 = id};
    int op = is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;

    return epoll_ctl(crowd, op, fd, &ev) < 0 ? -errno : 0;
}

void host_crowd_leave(int crowd, int fd)
{
    struct epoll_event none = {0};

    epoll_ctl(crowd, EPOLL_CTL_DEL, fd, &none);
}

unsigned host_crowd_take(int crowd, struct host_ready *ready, unsigned max)
{
    struct epoll_event ev[HOST_CROWD_MOST];
    int n = epoll_wait(crowd, ev, (int)MIN(max, (unsigned)HOST_CROWD_MOST), 0);

    for (int k = 0; k < n; k++)
        ready[k] = (struct host_ready){.id = ev[k].data.u64,
                                       .events = (short)ev[k].events};
    return n > 0 ? (unsigned)n : 0;
}

#else

int host_crowd_open(void)
{
    return -ENOSYS;
}

int host_crowd_set(int crowd, int fd, short events, uint64_t id, bool is_new)
{
    (void)crowd;
    (void)fd;
    (void)events;
    (void)id;
    (void)is_new;
    return -ENOSYS;
}

void host_crowd_leave(int crowd, int fd)
{
    (void)crowd;
    (void)fd;
}

unsigned host_crowd_take(int crowd, struct host_ready *ready, unsigned max)
{
    (void)crowd;
    (void)ready;
    (void)max;
    return 0;
}

#endif
