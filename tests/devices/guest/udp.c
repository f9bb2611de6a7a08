// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests run in the guest to speak UDP.
 *
 *   udp echo PORT              returns each datagram to who sent it, for ever
 *   udp send HOST PORT BYTES   sends one datagram of x
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static char data[65536];

static int echo(uint16_t port)
{
    struct sockaddr_in me = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    if (bind(fd, (struct sockaddr *)&me, sizeof(me)) < 0)
        return 1;
    for (;;) {
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);
        ssize_t got =
            recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&peer, &len);

        if (got >= 0)
            sendto(fd, data, (size_t)got, 0, (struct sockaddr *)&peer, len);
    }
}

static int send_one(const char *host, uint16_t port, size_t bytes)
{
    struct sockaddr_in peer = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr = {inet_addr(host)}};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    memset(data, 'x', bytes);
    return sendto(fd, data, bytes, 0, (struct sockaddr *)&peer, sizeof(peer)) !=
           (ssize_t)bytes;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "echo") == 0)
        return echo((uint16_t)atoi(argv[2]));
    if (argc == 5 && strcmp(argv[1], "send") == 0)
        return send_one(argv[2], (uint16_t)atoi(argv[3]),
                        (size_t)atoi(argv[4]));
    fprintf(stderr, "usage: udp echo PORT | send HOST PORT BYTES\n");
    return 2;
}
