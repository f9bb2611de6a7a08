// SPDX-License-Identifier: Apache-2.0
/* The socket device between a driver and programs of the host that do whatever
   the input says: rings, packets, lines, streams, in any order. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "dev/vsock.h"
#include "dev/vsock_packet.h"
#include "fuzz.h"
#include "host/host.h"
#include "input.h"
#include "rings.h"

enum { QUEUES = 3, MAX_STEPS = 300, FILES = 8, PORT = 1 };

static struct {
    char path[64], server_path[72];
    int listener, server;
} host;

struct machine {
    struct rings rings;
    struct worker *worker;
    struct virtio_dev *dev;
    int files[FILES]; /* of programs of the host; -1: none */
};

static void offer_room(struct machine *m, struct input *in)
{
    unsigned queue = take(in, 1) % 4 ? 0 : 2, n = take(in, 1) % QUEUE_SIZE;

    put_desc(&m->rings, queue, n, RAM_AT + DATA + n * 0x1000,
             (uint32_t)take(in, 2) & 0xfff, 2, 0);
    offer(&m->rings, queue, n);
}

static void send_packet(struct machine *m, struct input *in)
{
    struct vsock_header hdr = {.src_cid = 3,
                               .dst_cid = 2,
                               .src_port = (uint32_t)take(in, 1) % 4,
                               .type = 1,
                               .op = (uint16_t)(take(in, 1) % 9),
                               .flags = (uint32_t)take(in, 1)};
    uint8_t odd = (uint8_t)take(in, 1);
    uint32_t len = (uint32_t)take(in, 2);

    hdr.dst_port = odd & 1 ? PORT : (1u << 30) + (odd >> 1 & 3);
    hdr.len = hdr.op == VSOCK_OP_RW || odd & 128 ? len : 0;
    hdr.buf_alloc = odd & 8 ? (uint32_t)take(in, 4) : 65536;
    hdr.fwd_cnt = odd & 16 ? (uint32_t)take(in, 4) : 0;
    hdr.type = odd & 32 ? 2 : 1;
    hdr.dst_cid = odd & 64 ? 9 : 2;
    memcpy(ram(&m->rings, DATA + 0x20000, sizeof(hdr)), &hdr, sizeof(hdr));
    put_desc(&m->rings, 1, 0, RAM_AT + DATA + 0x20000, sizeof(hdr),
             hdr.len ? 1 : 0, 1);
    put_desc(&m->rings, 1, 1, RAM_AT + DATA, len, 0, 0);
    offer(&m->rings, 1, 0);
}

/* Anything, anywhere, on any queue. */
static void send_nonsense(struct machine *m, struct input *in)
{
    unsigned queue = take(in, 1) % QUEUES, n = (unsigned)take(in, 1);

    put_desc(&m->rings, queue, n, RAM_AT - 64 + take(in, 3),
             (uint32_t)take(in, 2), (uint16_t)(take(in, 1) & 7),
             (uint16_t)(take(in, 1) & 31));
    offer(&m->rings, queue, n & 31);
}

static void add_file(struct machine *m, int fd)
{
    for (unsigned n = 0; n < FILES && fd >= 0; n++)
        if (m->files[n] < 0) {
            m->files[n] = fd;
            return;
        }
    if (fd >= 0)
        close(fd);
}

static void say(int fd, struct input *in, const char *first)
{
    char text[4096];
    size_t len = (size_t)snprintf(text, sizeof(text), "%s", first);
    size_t more = take(in, 2) & 0x7ff;

    for (size_t n = 0; n < more; n++)
        text[len++] = (char)take(in, 1);
    if (send(fd, text, len, MSG_NOSIGNAL) < 0)
        return;
}

static void call_guest(struct machine *m, struct input *in)
{
    int fd = host_unix_connect(host.path);

    if (fd < 0)
        return;
    say(fd, in, take(in, 1) % 4 ? "CONNECT 2\n" : "");
    add_file(m, fd);
}

static void use_file(struct machine *m, struct input *in)
{
    static const int hows[] = {SHUT_RD, SHUT_WR, SHUT_RDWR};
    unsigned what = (unsigned)take(in, 1);
    int *fd = &m->files[what % FILES];
    char text[4096];

    if (*fd < 0)
        return;
    what /= FILES;
    if (what < 12) {
        say(*fd, in, "");
    } else if (what < 20) {
        if (read(*fd, text, sizeof(text)) < 0)
            return;
    } else if (what < 26) {
        shutdown(*fd, hows[what % 3]);
    } else {
        close(*fd);
        *fd = -1;
    }
}

static void do_other(struct machine *m, struct input *in)
{
    struct vsock_state s;

    switch (take(in, 1) % 8) {
    case 0:
        rings_start(&m->rings, QUEUES, 0);
        break;
    case 1:
        vsock_transport_reset(m->dev);
        break;
    case 2:
        vsock_get_state(m->dev, &s);
        s.last_port = (uint32_t)take(in, 4);
        vsock_set_state(m->dev, &s);
        break;
    case 3:
        write_reg(&m->rings, (unsigned)take(in, 1) * 4, take(in, 4));
        break;
    case 4:
        mmio_bus_read(m->rings.bus, DEVICE_AT + 0x100 + (take(in, 1) & 15), 4);
        break;
    default:
        add_file(m, host_unix_accept(host.server));
        break;
    }
}

static void step(struct machine *m, struct input *in)
{
    static void (*const steps[])(struct machine *, struct input *) = {
        offer_room, send_packet, send_packet, send_nonsense,
        call_guest, use_file,    use_file,    do_other};
    unsigned what = (unsigned)take(in, 1);

    steps[what % 8](m, in);
    if (what & 8)
        worker_step(m->worker);
}

static void remove_files(void)
{
    unlink(host.path);
    unlink(host.server_path);
}

static void set_up(void)
{
    snprintf(host.path, sizeof(host.path), "/tmp/vsock-fuzz-%d", (int)getpid());
    snprintf(host.server_path, sizeof(host.server_path), "%s_%d", host.path,
             PORT);
    unlink(host.path);
    unlink(host.server_path);
    host.listener = host_unix_listen(host.path, 4);
    host.server = host_unix_listen(host.server_path, 2);
    if (host.listener < 0 || host.server < 0)
        abort();
    atexit(remove_files);
}

static void make(struct machine *m)
{
    const struct vsock_options opt = {
        .guest_cid = 3, .path = host.path, .listener = host.listener};

    rings_init(&m->rings);
    m->worker = worker_new_stepped(NULL);
    if (!m->worker)
        abort();
    m->dev = vsock_new(&opt, m->worker, &m->rings.ram, NULL);
    rings_attach(&m->rings, m->dev);
    for (unsigned n = 0; n < FILES; n++)
        m->files[n] = -1;
}

/* Nobody of this input is to call the next one's guest. */
static void forget_callers(int fd)
{
    int caller;

    while ((caller = host_unix_accept(fd)) >= 0)
        close(caller);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct log_config quiet = {.fd = -1};
    struct input in = {.data = data, .left = size};
    struct machine m;

    log_configure(&quiet);
    if (!host.listener)
        set_up();
    make(&m);
    rings_start(&m.rings, QUEUES, 0);
    for (unsigned n = 0; n < MAX_STEPS && in.left; n++)
        step(&m, &in);
    for (unsigned n = 0; n < 4; n++)
        worker_step(m.worker);
    mmio_bus_free(m.rings.bus);
    worker_free(m.worker);
    gmem_release(&m.rings.ram);
    for (unsigned n = 0; n < FILES; n++)
        if (m.files[n] >= 0)
            close(m.files[n]);
    forget_callers(host.listener);
    forget_callers(host.server);
    return 0;
}
