// SPDX-License-Identifier: Apache-2.0
/*
 * One request to an API socket, for a machine without curl:
 *
 *     api_client SOCKET METHOD PATH [BODY]
 *
 * prints the status and the answer's body. Waits for the socket to
 * appear, since squib may just have been started.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PATIENCE_S = 240, ANSWER_MAX = 1 << 16 };

static int open_socket(const char *path)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || strlen(path) >= sizeof(addr.sun_path))
        return -1;
    strcpy(addr.sun_path, path);
    for (unsigned n = 0; n < PATIENCE_S * 10; n++) {
        if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
            return fd;
        usleep(100000);
    }
    return -1;
}

/* How long the whole answer is; 0: its head is not there yet. */
static size_t answer_bytes(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *length = strstr(answer, "Content-Length: ");
    size_t body = 0;

    if (!end)
        return 0;
    if (length && length < end)
        body = strtoul(length + 16, NULL, 10);
    return (size_t)(end + 4 - answer) + body;
}

/* The other end keeps the connection open. */
static size_t read_answer(int fd, char *to, size_t bytes)
{
    size_t len = 0, want = 0;
    ssize_t got;

    while (len < bytes && (!want || len < want) &&
           (got = read(fd, to + len, bytes - len)) > 0) {
        len += (size_t)got;
        to[len] = 0;
        want = answer_bytes(to);
    }
    return len;
}

int main(int argc, char **argv)
{
    static char answer[ANSWER_MAX + 1];
    const char *body = argc > 4 ? argv[4] : "", *found;
    int fd;

    if (argc < 4) {
        fprintf(stderr, "usage: api_client SOCKET METHOD PATH [BODY]\n");
        return 2;
    }
    fd = open_socket(argv[1]);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    dprintf(fd,
            "%s %s HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
            argv[2], argv[3], strlen(body), body);
    if (read_answer(fd, answer, ANSWER_MAX) < 12) {
        fprintf(stderr, "no answer\n");
        return 1;
    }
    found = strstr(answer, "\r\n\r\n");
    printf("%.3s %s\n", answer + 9, found ? found + 4 : "");
    return answer[9] == '2' ? 0 : 1;
}
