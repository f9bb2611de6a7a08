// SPDX-License-Identifier: Apache-2.0
/*
 * What the tests run in the guest to speak over vsock. Ports are of AF_VSOCK;
 * the host is CID 2. Each prints what it saw: byte counts with a CRC-32.
 *
 *   vsock echo PORT                returns what comes on each connection
 *   vsock serve PORT BYTES         accepts once, sends, reads to the end
 *   vsock sink PORT MS             accepts once, reads, MS between reads
 *   vsock connect PORT             connects, or says why not
 *   vsock send PORT COUNT BYTES    COUNT connections at a time; each sends and
 *                                  gets the same back
 *   vsock half PORT BYTES          sends, ends its half, reads to the end
 *   vsock pour PORT BYTES          sends and closes at once
 *   vsock trickle PORT BYTES ROOM  the same, with a buffer of ROOM bytes
 *   vsock flood PORT               sends until that fails
 *   vsock hold PORT COUNT          that many, held until one ends
 */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { CHUNK = 65536, MAX_COUNT = 1200, STACK_BYTES = 262144 };

struct sum {
    uint64_t bytes;
    uint32_t crc;
};

static uint32_t crc_table[256];

static void make_table(void)
{
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t c = n;

        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xedb88320u : 0);
        crc_table[n] = c;
    }
}

static void sum_add(struct sum *s, const uint8_t *data, size_t len)
{
    uint32_t c = ~s->crc;

    for (size_t n = 0; n < len; n++)
        c = c >> 8 ^ crc_table[(c ^ data[n]) & 255];
    s->crc = ~c;
    s->bytes += len;
}

static void fail(const char *what)
{
    printf("vsock: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int call(unsigned port)
{
    struct sockaddr_vm addr = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

    if (fd < 0)
        fail("socket");
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0) {
        int error = errno;

        close(fd);
        errno = error;
        return -1;
    }
    return fd;
}

static int listen_on(unsigned port)
{
    struct sockaddr_vm addr = {
        .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY, .svm_port = port};
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
        listen(fd, MAX_COUNT) < 0)
        fail("listen");
    printf("vsock: listening on %u\n", port);
    return fd;
}

static int answer(int listener)
{
    int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        fail("accept");
    return fd;
}

static bool send_all(int fd, const uint8_t *data, size_t len)
{
    while (len) {
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

        if (n < 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

/* Bytes that differ from one stream to the next. */
static void fill(uint8_t *data, size_t len, uint64_t *state)
{
    for (size_t n = 0; n + 8 <= len; n += 8) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        memcpy(data + n, state, 8);
    }
}

static struct sum pour(int fd, uint64_t bytes, uint64_t seed)
{
    uint8_t *data = calloc(1, CHUNK);
    struct sum s = {0, 0};

    while (s.bytes < bytes) {
        size_t len =
            bytes - s.bytes < CHUNK ? (size_t)(bytes - s.bytes) : CHUNK;

        fill(data, CHUNK, &seed);
        if (!send_all(fd, data, len))
            fail("send");
        sum_add(&s, data, len);
    }
    free(data);
    return s;
}

static struct sum drain(int fd, uint64_t most, unsigned ms)
{
    uint8_t *data = malloc(CHUNK);
    struct sum s = {0, 0};

    while (s.bytes < most) {
        size_t room = most - s.bytes < CHUNK ? (size_t)(most - s.bytes) : CHUNK;
        ssize_t n = recv(fd, data, room, 0);

        if (n < 0)
            fail("recv");
        if (n == 0)
            break;
        sum_add(&s, data, (size_t)n);
        usleep(ms * 1000);
    }
    free(data);
    return s;
}

static void show(const char *what, struct sum s)
{
    printf("vsock: %s %llu %08x\n", what, (unsigned long long)s.bytes, s.crc);
}

/* --- threads --- */

static void start(void *(*fn)(void *), void *arg, pthread_t *thread)
{
    pthread_attr_t attr;

    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    errno = pthread_create(thread, &attr, fn, arg);
    if (errno)
        fail("pthread_create");
}

static void *echo_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    uint8_t *data = malloc(CHUNK);
    ssize_t n;

    while ((n = recv(fd, data, CHUNK, 0)) > 0 && send_all(fd, data, (size_t)n))
        continue;
    free(data);
    close(fd);
    return NULL;
}

static void echo(unsigned port)
{
    int listener = listen_on(port);

    for (;;) {
        pthread_t thread;

        start(echo_one, (void *)(intptr_t)answer(listener), &thread);
        pthread_detach(thread);
    }
}

struct job {
    pthread_t thread, sender;
    unsigned index;
    int fd;
    uint64_t bytes;
    struct sum sent, got;
};

static void *send_one(void *arg)
{
    struct job *j = arg;

    j->sent = pour(j->fd, j->bytes, j->index + 1);
    return NULL;
}

static void *send_and_get(void *arg)
{
    struct job *j = arg;

    start(send_one, j, &j->sender);
    j->got = drain(j->fd, j->bytes, 0);
    pthread_join(j->sender, NULL);
    close(j->fd);
    return NULL;
}

/* All are there before the first byte goes. */
static void send_many(unsigned port, unsigned count, uint64_t bytes)
{
    struct job *jobs = calloc(count, sizeof(*jobs));
    unsigned good = 0;

    for (unsigned n = 0; n < count; n++) {
        jobs[n] = (struct job){.index = n, .fd = call(port), .bytes = bytes};
        if (jobs[n].fd < 0)
            fail("connect");
    }
    for (unsigned n = 0; n < count; n++)
        start(send_and_get, &jobs[n], &jobs[n].thread);
    for (unsigned n = 0; n < count; n++) {
        pthread_join(jobs[n].thread, NULL);
        good +=
            jobs[n].got.bytes == bytes && jobs[n].got.crc == jobs[n].sent.crc;
    }
    printf("vsock: %u of %u came back\n", good, count);
}

/* --- the others --- */

static int must_call(unsigned port)
{
    int fd = call(port);

    if (fd < 0)
        fail("connect");
    return fd;
}

static void half(unsigned port, uint64_t bytes)
{
    int fd = must_call(port);

    show("sent", pour(fd, bytes, 7));
    if (shutdown(fd, SHUT_WR) < 0)
        fail("shutdown");
    show("got", drain(fd, UINT64_MAX, 0));
}

static void serve(unsigned port, uint64_t bytes)
{
    int fd = answer(listen_on(port));

    show("sent", pour(fd, bytes, 9));
    shutdown(fd, SHUT_WR);
    show("got", drain(fd, UINT64_MAX, 0));
}

/* As set, Linux lets no more of a stream be under way. */
static void trickle(unsigned port, uint64_t bytes, uint64_t room)
{
    int fd = must_call(port);

    if (setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &room,
                   sizeof(room)) < 0)
        fail("SO_VM_SOCKETS_BUFFER_SIZE");
    show("sent", pour(fd, bytes, 12));
}

static void flood(unsigned port)
{
    static uint8_t data[CHUNK];
    int fd = must_call(port);

    while (send_all(fd, data, sizeof(data)))
        continue;
    printf("vsock: flood: %s\n", strerror(errno));
}

static void hold(unsigned port, unsigned count)
{
    unsigned n;
    int fd = -1, first = -1;

    for (n = 0; n < count; n++) {
        fd = call(port);
        if (fd < 0)
            break;
        if (first < 0)
            first = fd;
    }
    printf("vsock: %u connections: %s\n", n,
           n < count ? strerror(errno) : "all");
    drain(first, UINT64_MAX, 0);
    printf("vsock: ended\n");
}

int main(int argc, char **argv)
{
    const struct rlimit files = {4096, 4096};
    const char *verb = argc > 2 ? argv[1] : "";
    unsigned port = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
    uint64_t one = argc > 3 ? strtoull(argv[3], NULL, 0) : 0;
    uint64_t two = argc > 4 ? strtoull(argv[4], NULL, 0) : 0;

    setvbuf(stdout, NULL, _IOLBF, 0);
    setrlimit(RLIMIT_NOFILE, &files);
    make_table();
    if (!strcmp(verb, "echo"))
        echo(port);
    else if (!strcmp(verb, "serve"))
        serve(port, one);
    else if (!strcmp(verb, "sink"))
        show("got", drain(answer(listen_on(port)), UINT64_MAX, (unsigned)one));
    else if (!strcmp(verb, "connect"))
        printf("vsock: %s\n", call(port) < 0 ? strerror(errno) : "connected");
    else if (!strcmp(verb, "send"))
        send_many(port, (unsigned)one, two);
    else if (!strcmp(verb, "half"))
        half(port, one);
    else if (!strcmp(verb, "pour"))
        show("sent", pour(must_call(port), one, 11));
    else if (!strcmp(verb, "trickle"))
        trickle(port, one, two);
    else if (!strcmp(verb, "flood"))
        flood(port);
    else if (!strcmp(verb, "hold"))
        hold(port, (unsigned)one);
    else
        return 2;
    return 0;
}
