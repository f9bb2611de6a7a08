// SPDX-License-Identifier: Apache-2.0
/* Unix stream sockets that never block, and vectors of bytes over them. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/host.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Hosts without MSG_NOSIGNAL have an option in its place. */
static void prepare(int fd)
{
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, O_NONBLOCK);
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#endif
}

/* The socket, with the address it will have or speak to; -errno. */
static int make(const char *path, struct sockaddr_un *addr)
{
    int fd;

    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(addr->sun_path))
        return -ENAMETOOLONG;
    strncpy(addr->sun_path, path, sizeof(addr->sun_path) - 1);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0)
        return -errno;
    prepare(fd);
    return fd;
}

static int close_failed(int fd)
{
    int rc = -errno;

    close(fd);
    return rc;
}

int host_unix_listen(const char *path, int backlog)
{
    struct sockaddr_un addr;
    int fd = make(path, &addr);

    if (fd >= 0 && (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
                    listen(fd, backlog) < 0))
        return close_failed(fd);
    return fd;
}

int host_unix_connect(const char *path)
{
    struct sockaddr_un addr;
    int fd = make(path, &addr);

    if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return close_failed(fd);
    return fd;
}

int host_unix_accept(int listener)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return -errno;
    prepare(fd);
    return fd;
}

int64_t host_socket_send(int fd, const struct iovec *iov, unsigned count)
{
    struct msghdr msg = {.msg_iov = (struct iovec *)(uintptr_t)iov,
                         .msg_iovlen = count};
    ssize_t n;

    do
        n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

int64_t host_socket_receive(int fd, const struct iovec *iov, unsigned count)
{
    ssize_t n;

    do
        n = readv(fd, iov, (int)count);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

bool host_hung_up(int fd)
{
    struct pollfd p = {.fd = fd};

    return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}
