// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/socket.h>

/* Only because libuv's header names them. */
#define NI_MAXHOST 1025
#define NI_MAXSERV 32

struct addrinfo {
    int ai_flags, ai_family, ai_socktype, ai_protocol;
    socklen_t ai_addrlen;
    char *ai_canonname;
    struct sockaddr *ai_addr;
    struct addrinfo *ai_next;
};
