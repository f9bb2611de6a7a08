// SPDX-License-Identifier: Apache-2.0
/*
 * The host's side of a vsock connection, for a machine without other tools:
 *
 *     vsock_peer SOCKET PORT BYTES
 *
 * connects to the guest's PORT through squib's socket, sends so many bytes and
 * wants the same back. Tries for four minutes: the guest may not listen yet.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TRIES = 1200, CHUNK = 4096 };

static bool read_line(int fd, char *to, size_t bytes)
{
    for (size_t n = 0; n + 1 < bytes; n++) {
        if (read(fd, to + n, 1) != 1)
            return false;
        to[n + 1] = 0;
        if (to[n] == '\n')
            return true;
    }
    return false;
}

/* The connection, or -1: nobody listens. */
static int try_connect(const struct sockaddr_un *addr, const char *port)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char line[64];

    if (fd >= 0 &&
        connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0 &&
        dprintf(fd, "CONNECT %s\n", port) > 0 &&
        read_line(fd, line, sizeof(line)) && strncmp(line, "OK ", 3) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool read_whole(int fd, uint8_t *to, size_t bytes)
{
    ssize_t got;

    for (size_t len = 0; len < bytes; len += (size_t)got) {
        got = read(fd, to + len, bytes - len);
        if (got <= 0)
            return false;
    }
    return true;
}

static bool echo(int fd, size_t bytes)
{
    uint8_t out[CHUNK], in[CHUNK];

    for (size_t done = 0; done < bytes;) {
        size_t part = bytes - done < CHUNK ? bytes - done : CHUNK;

        for (size_t n = 0; n < part; n++)
            out[n] = (uint8_t)((done + n) * 167 >> 3);
        if (write(fd, out, part) != (ssize_t)part ||
            !read_whole(fd, in, part) || memcmp(out, in, part) != 0)
            return false;
        done += part;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = -1;

    if (argc != 4 || strlen(argv[1]) >= sizeof(addr.sun_path)) {
        fprintf(stderr, "usage: vsock_peer SOCKET PORT BYTES\n");
        return 2;
    }
    strcpy(addr.sun_path, argv[1]);
    for (unsigned n = 0; fd < 0 && n < TRIES; n++) {
        fd = try_connect(&addr, argv[2]);
        if (fd < 0)
            usleep(200000);
    }
    if (fd < 0 || !echo(fd, strtoul(argv[3], NULL, 10))) {
        fprintf(stderr, "vsock_peer: %s\n",
                fd < 0 ? "no connection" : "failed");
        return 1;
    }
    printf("%s bytes came back\n", argv[3]);
    return 0;
}
