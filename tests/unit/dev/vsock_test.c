// SPDX-License-Identifier: Apache-2.0
/* The socket device between a driver of ours and Unix sockets of ours. There is
   no thread: step() is what the worker would have done meanwhile. */

#include "dev/vsock.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/metrics.h"
#include "dev/vsock_host.h"
#include "dev/vsock_mux.h"
#include "driver.h"
#include "host/host.h"

enum { RX = 0, TX = 1, EV = 2, CID = 42, PORT = 52, GUEST_PORT = 1000 };
enum { FIRST = 1 << 30, SIZE = 256, HEADER = 44, ROOM = 4096 };

/* Where the driver has its buffers: room for packets, a packet, an event. */
#define RX_AT (DATA_AT)
#define TX_AT (DATA_AT + 0x40000)
#define EV_AT (DATA_AT + 0x80000)

static struct driver d;
static struct worker *w;
static struct virtio_dev *dev;
static char path[64];
static int listener;
static unsigned rx_seen;
static uint32_t fwd_cnt; /* of the driver's, as in its packets */
static uint32_t buf_alloc;

static void step(void)
{
    for (unsigned n = 0; n < 8; n++)
        worker_step(w);
}

static void offer_rx(uint16_t n)
{
    driver_select(&d, RX);
    driver_desc(&d, n, RX_AT + n * 0x400ull, 0x400, D_WRITE, 0);
    driver_offer(&d, n);
}

static void offer_events(unsigned count)
{
    driver_select(&d, EV);
    for (uint16_t n = 0; n < count; n++) {
        driver_desc(&d, n, EV_AT + n * 8ull, 4, D_WRITE, 0);
        driver_offer(&d, n);
    }
}

static void start(void)
{
    driver_start(&d, UINT64_MAX);
    rx_seen = 0;
    fwd_cnt = 0;
    buf_alloc = 1 << 20;
    for (uint16_t n = 0; n < SIZE; n++)
        offer_rx(n);
    offer_events(8);
    step();
}

/* What takes its time would come in the middle of any test but those that are
   about it. */
#define AN_HOUR_NS 3600000000000u
static struct vsock_options nothing_late = {.credit_ns = AN_HOUR_NS,
                                            .tx_kept = 1},
                            little_credit = {.credit_ns = 1, .tx_kept = 1},
                            many_packets = {.credit_ns = AN_HOUR_NS,
                                            .tx_ns = AN_HOUR_NS},
                            late_packets = {.credit_ns = AN_HOUR_NS,
                                            .tx_ns = 1};

static int set_up(void **state)
{
    struct vsock_options opt =
        *(*state ? (struct vsock_options *)*state : &nothing_late);

    opt.guest_cid = CID;
    opt.path = path;
    memset(&metrics, 0, sizeof(metrics));
    snprintf(path, sizeof(path), "vsock-test-%d", (int)getpid());
    unlink(path);
    listener = opt.listener = host_unix_listen(path, 8);
    assert_true(listener >= 0);
    driver_init(&d, SIZE);
    d.num_queues = 3;
    w = worker_new_stepped(NULL);
    assert_non_null(w);
    dev = vsock_new(&opt, w, &d.ram, NULL);
    driver_attach(&d, dev);
    start();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    driver_release(&d);
    worker_free(w);
    close(listener);
    unlink(path);
    return 0;
}

/* --- the guest's side --- */

static struct vsock_header packet(uint16_t op, uint32_t host_port)
{
    return (struct vsock_header){.src_cid = CID,
                                 .dst_cid = VSOCK_HOST_CID,
                                 .src_port = GUEST_PORT,
                                 .dst_port = host_port,
                                 .type = VSOCK_TYPE_STREAM,
                                 .op = op,
                                 .buf_alloc = buf_alloc,
                                 .fwd_cnt = fwd_cnt};
}

/* The payload lies behind the header, in a buffer of its own. */
static void offer_packet(struct vsock_header hdr, const void *data)
{
    driver_select(&d, TX);
    memcpy(at(&d, TX_AT, HEADER), &hdr, HEADER);
    if (data)
        memcpy(at(&d, TX_AT + 0x1000, hdr.len), data, hdr.len);
    driver_desc(&d, 0, TX_AT, HEADER, hdr.len ? D_NEXT : 0, 1);
    driver_desc(&d, 1, TX_AT + 0x1000, hdr.len, 0, 0);
    driver_offer(&d, 0);
    driver_notify(&d);
    step();
}

static uint16_t given_back(void)
{
    driver_select(&d, TX);
    return driver_used(&d);
}

static void send_packet(struct vsock_header hdr, const void *data)
{
    uint16_t used = given_back();

    offer_packet(hdr, data);
    assert_int_equal((uint16_t)(given_back() - used), 1);
}

static void send_op(uint16_t op, uint32_t host_port)
{
    send_packet(packet(op, host_port), NULL);
}

static void send_shutdown(uint32_t host_port, uint32_t flags)
{
    struct vsock_header hdr = packet(VSOCK_OP_SHUTDOWN, host_port);

    hdr.flags = flags;
    send_packet(hdr, NULL);
}

static void send_data(uint32_t host_port, const void *data, uint32_t len)
{
    struct vsock_header hdr = packet(VSOCK_OP_RW, host_port);

    hdr.len = len;
    send_packet(hdr, data);
}

static uint8_t *payload(void)
{
    return at(&d, RX_AT + (rx_seen - 1) % SIZE * 0x400ull + HEADER, 1);
}

/* The next packet for the guest, which gives its buffer back. */
static struct vsock_header receive(void)
{
    struct vsock_header hdr;
    uint16_t id = (uint16_t)(rx_seen % SIZE);
    struct used u;

    step();
    driver_select(&d, RX);
    assert_int_not_equal((uint16_t)(driver_used(&d) - rx_seen), 0);
    u = driver_used_at(&d, rx_seen);
    assert_int_equal(u.id, id); /* in order */
    memcpy(&hdr, at(&d, RX_AT + id * 0x400ull, HEADER), HEADER);
    assert_int_equal(u.len, HEADER + hdr.len);
    assert_int_equal(hdr.src_cid, VSOCK_HOST_CID);
    assert_int_equal(hdr.dst_cid, CID);
    rx_seen++;
    offer_rx(id);
    return hdr;
}

static void nothing_to_receive(void)
{
    step();
    driver_select(&d, RX);
    assert_int_equal((uint16_t)(driver_used(&d) - rx_seen), 0);
}

static bool has_received(unsigned count)
{
    step();
    driver_select(&d, RX);
    return (uint16_t)(driver_used(&d) - rx_seen) >= count;
}

/* What comes by and by. */
static void await(unsigned count)
{
    for (unsigned n = 0; n < 6000 && !has_received(count); n++)
        usleep(10000);
    assert_true(has_received(count));
}

static struct vsock_header receive_op(uint16_t op, uint32_t host_port)
{
    struct vsock_header hdr = receive();

    assert_int_equal(hdr.op, op);
    assert_int_equal(hdr.src_port, host_port);
    return hdr;
}

/* --- the host's side --- */

static int host_connect(const char *text)
{
    int fd = host_unix_connect(path);

    assert_true(fd >= 0);
    if (text)
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    step();
    return fd;
}

static void host_reads(int fd, const char *text)
{
    char buf[64] = "";

    step();
    if (!text)
        assert_int_equal(read(fd, buf, sizeof(buf)), -1);
    else
        assert_int_equal(read(fd, buf, sizeof(buf)), strlen(text));
    if (text)
        assert_string_equal(buf, text);
}

static void host_was_closed(int fd)
{
    char c;
    ssize_t n;

    step();
    n = read(fd, &c, 1);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    close(fd);
}

/* A client of the host with its connection: its socket. */
static int host_opens(uint32_t host_port)
{
    int fd = host_connect("CONNECT 1000\n");
    char text[32];

    assert_int_equal(receive_op(VSOCK_OP_REQUEST, host_port).dst_port,
                     GUEST_PORT);
    send_op(VSOCK_OP_RESPONSE, host_port);
    snprintf(text, sizeof(text), "OK %u\n", host_port);
    host_reads(fd, text);
    return fd;
}

static int listen_at(uint32_t port, int backlog)
{
    char name[96];
    int fd;

    snprintf(name, sizeof(name), "%s_%u", path, port);
    unlink(name);
    fd = host_unix_listen(name, backlog);
    assert_true(fd >= 0);
    return fd;
}

static void stop_listening(int fd, uint32_t port)
{
    char name[96];

    snprintf(name, sizeof(name), "%s_%u", path, port);
    close(fd);
    unlink(name);
}

/* A connection of the guest's to the host's port PORT. */
static int guest_opens(void)
{
    int server = listen_at(PORT, 8), fd;

    send_op(VSOCK_OP_REQUEST, PORT);
    receive_op(VSOCK_OP_RESPONSE, PORT);
    fd = host_unix_accept(server);
    assert_true(fd >= 0);
    stop_listening(server, PORT);
    return fd;
}

/* --- tests --- */

static void it_offers_what_upstream_does(void **state)
{
    (void)state;
    assert_int_equal(rd(&d, 0x08), 19);
    assert_int_equal(dev->offered, 1ull << 29 | 1ull << 32 | 1ull << 35);
    assert_int_equal(rd(&d, 0x100), CID);
    assert_int_equal(rd(&d, 0x104), 0);
    assert_int_equal(metric_get(&metrics.vsock.cfg_fails), 0);
    assert_int_equal(rd(&d, 0x108), 0);
    assert_int_equal(metric_get(&metrics.vsock.cfg_fails), 1);
}

static void connect_lines_are_read_as_upstream_reads_them(void **state)
{
    static const struct {
        const char *line;
        long port; /* -1: refused */
    } lines[] = {
        {"CONNECT 52\n", 52},
        {"connect 0\n", 0},
        {"CoNnEcT 4294967295\n", 4294967295},
        {"CONNECT 4294967296\n", -1},
        {"  connect\t 52 \r\n", 52},
        {"CONNECT 52 more\n", 52},
        {"CONNECT +52\n", 52},
        {"CONNECT -52\n", -1},
        {"CONNECT 5x\n", -1},
        {"CONNECT \n", -1},
        {"CONNECT\n", -1},
        {"CONNECTED 52\n", -1},
        {"CONN 52\n", -1},
        {"CONNECT 52", -1},
        {"CONNECT\n52\n", -1},
        {"\n", -1},
        {"", -1},
    };

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(lines); n++) {
        uint32_t port = 0;
        bool good = vsock_host_parse(lines[n].line,
                                     (unsigned)strlen(lines[n].line), &port);

        assert_int_equal(good, lines[n].port >= 0);
        if (good)
            assert_int_equal(port, lines[n].port);
    }
}

static void the_host_calls_and_the_guest_answers(void **state)
{
    char buf[16] = "";
    int fd = host_connect("CONNECT 1000\nearly");
    struct vsock_header hdr = receive_op(VSOCK_OP_REQUEST, FIRST);

    (void)state;
    assert_int_equal(hdr.dst_port, 1000);
    assert_int_equal(hdr.type, VSOCK_TYPE_STREAM);
    assert_int_equal(hdr.buf_alloc, VSOCK_BUF_LARGE);
    assert_int_equal(hdr.len, 0);
    nothing_to_receive(); /* what follows the line waits for the answer */
    send_op(VSOCK_OP_RESPONSE, FIRST);
    host_reads(fd, "OK 1073741824\n");
    assert_int_equal(receive_op(VSOCK_OP_RW, FIRST).len, 5);
    assert_memory_equal(payload(), "early", 5);
    send_data(FIRST, "back", 4);
    assert_int_equal(read(fd, buf, sizeof(buf)), 4);
    assert_string_equal(buf, "back");
    close(fd);
    assert_int_equal(receive_op(VSOCK_OP_SHUTDOWN, FIRST).flags, VSOCK_NOTHING);
    send_op(VSOCK_OP_RST, FIRST);
    nothing_to_receive();
    assert_int_equal(metric_get(&metrics.vsock.conns_added), 1);
    assert_int_equal(metric_get(&metrics.vsock.conns_removed), 1);
    assert_int_equal(metric_get(&metrics.vsock.rx_bytes_count), 5);
    assert_int_equal(metric_get(&metrics.vsock.tx_bytes_count), 4);
}

static void our_ports_count_up_and_skip_those_in_use(void **state)
{
    struct vsock_state s;
    int fds[3];

    (void)state;
    fds[0] = host_opens(FIRST);
    fds[1] = host_opens(FIRST + 1);
    vsock_get_state(dev, &s);
    assert_int_equal(s.last_port, FIRST + 1);
    s.last_port = FIRST - 1;
    vsock_set_state(dev, &s);
    fds[2] = host_opens(FIRST + 2);
    for (unsigned n = 0; n < 3; n++)
        close(fds[n]);
}

static void our_ports_wrap_around(void **state)
{
    struct vsock_state s;

    (void)state;
    vsock_get_state(dev, &s);
    s.last_port = 0x7ffffffe;
    vsock_set_state(dev, &s);
    close(host_opens(0x7fffffff));
    receive_op(VSOCK_OP_SHUTDOWN, 0x7fffffff);
    close(host_opens(FIRST));
}

static void
a_guest_without_a_listener_closes_the_host_without_a_word(void **state)
{
    int fd = host_connect("CONNECT 1000\n");

    (void)state;
    receive_op(VSOCK_OP_REQUEST, FIRST);
    send_op(VSOCK_OP_RST, FIRST);
    host_was_closed(fd);
}

static void who_does_not_say_connect_is_turned_away(void **state)
{
    static const char *const lines[] = {
        "CONN", "CONNECT x\n", "hello, world\n", "CONNECT 1",
        "CONNECT 0000000000000000000000000000001\n"};

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(lines); n++)
        host_was_closed(host_connect(lines[n]));
    nothing_to_receive();
    assert_int_equal(metric_get(&metrics.vsock.muxer_event_fails),
                     ARRAY_LEN(lines));
}

static void who_says_nothing_waits(void **state)
{
    int fd = host_connect(NULL);

    (void)state;
    nothing_to_receive();
    assert_int_equal(write(fd, "CONNECT 1000\n", 13), 13);
    receive_op(VSOCK_OP_REQUEST, FIRST);
    close(fd);
}

static void callers_wait_for_the_driver(void **state)
{
    int fd;

    (void)state;
    wr(&d, 0x70, 0);
    fd = host_connect("CONNECT 1000\n");
    start();
    receive_op(VSOCK_OP_REQUEST, FIRST);
    close(fd);
}

static void the_guest_calls_and_the_host_answers(void **state)
{
    int fd = guest_opens();

    (void)state;
    send_data(PORT, "ping", 4);
    host_reads(fd, "ping");
    assert_int_equal(write(fd, "pong", 4), 4);
    assert_int_equal(receive_op(VSOCK_OP_RW, PORT).len, 4);
    assert_memory_equal(payload(), "pong", 4);
    send_shutdown(PORT, VSOCK_NOTHING);
    receive_op(VSOCK_OP_RST, PORT);
    host_was_closed(fd);
}

static void nobody_at_the_host_is_a_reset(void **state)
{
    (void)state;
    send_op(VSOCK_OP_REQUEST, PORT);
    assert_int_equal(receive_op(VSOCK_OP_RST, PORT).dst_port, GUEST_PORT);
    close(listen_at(PORT, 8)); /* and a socket where nobody listens */
    send_op(VSOCK_OP_REQUEST, PORT);
    receive_op(VSOCK_OP_RST, PORT);
    stop_listening(-1, PORT);
    assert_int_equal(metric_get(&metrics.vsock.conns_removed),
                     metric_get(&metrics.vsock.conns_added));
}

static void a_listener_whose_queue_is_full_is_asked_again(void **state)
{
    int server = listen_at(PORT, 0), first, fd;
    char name[96];

    (void)state;
    snprintf(name, sizeof(name), "%s_%u", path, PORT);
    first = host_unix_connect(name);
    assert_true(first >= 0);
    send_op(VSOCK_OP_REQUEST, PORT); /* does not block */
    nothing_to_receive();
    close(host_unix_accept(server));
    await(1);
    receive_op(VSOCK_OP_RESPONSE, PORT);
    fd = host_unix_accept(server);
    send_data(PORT, "x", 1);
    host_reads(fd, "x");
    close(fd);
    close(first);
    stop_listening(server, PORT);
}

static void what_belongs_to_no_connection_is_reset(void **state)
{
    static const uint16_t ops[] = {
        VSOCK_OP_RESPONSE,      VSOCK_OP_SHUTDOWN,       VSOCK_OP_RW,
        VSOCK_OP_CREDIT_UPDATE, VSOCK_OP_CREDIT_REQUEST, 99};
    struct vsock_header hdr;

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(ops); n++) {
        send_op(ops[n], PORT);
        receive_op(VSOCK_OP_RST, PORT);
    }
    send_op(VSOCK_OP_RST, PORT);
    nothing_to_receive();
    hdr = packet(VSOCK_OP_REQUEST, PORT);
    hdr.type = 2; /* seqpacket */
    send_packet(hdr, NULL);
    receive_op(VSOCK_OP_RST, PORT);
    hdr = packet(VSOCK_OP_REQUEST, PORT);
    hdr.dst_cid = 77;
    send_packet(hdr, NULL);
    nothing_to_receive();
}

static void the_guest_is_not_sent_more_than_it_has_room_for(void **state)
{
    static uint8_t data[3000];
    unsigned got = 0;
    int fd;

    (void)state;
    buf_alloc = 1500;
    fd = host_opens(FIRST);
    assert_int_equal(write(fd, data, sizeof(data)), sizeof(data));
    while (got < 1500)
        got += receive_op(VSOCK_OP_RW, FIRST).len;
    assert_int_equal(got, 1500);
    receive_op(VSOCK_OP_CREDIT_REQUEST, FIRST);
    nothing_to_receive(); /* once */
    fwd_cnt = 1500;
    send_op(VSOCK_OP_CREDIT_UPDATE, FIRST);
    while (got < 3000)
        got += receive_op(VSOCK_OP_RW, FIRST).len;
    assert_int_equal(got, 3000);
    receive_op(VSOCK_OP_CREDIT_REQUEST, FIRST);
    close(fd);
}

static void credit_that_makes_no_sense_is_none(void **state)
{
    int fd = host_opens(FIRST);

    (void)state;
    fwd_cnt = 5000; /* more than was ever sent */
    send_op(VSOCK_OP_CREDIT_UPDATE, FIRST);
    assert_int_equal(write(fd, "x", 1), 1);
    receive_op(VSOCK_OP_CREDIT_REQUEST, FIRST);
    nothing_to_receive();
    close(fd);
}

static void host_takes(int fd, uint32_t len)
{
    char buf[4096];

    for (ssize_t n; len; len -= (uint32_t)n) {
        n = read(fd, buf, MIN(len, sizeof(buf)));
        assert_true(n > 0);
    }
}

static void the_guest_hears_how_much_room_there_is(void **state)
{
    enum { MUCH = 16384 };
    static uint8_t data[4096];
    int fd = guest_opens();
    struct vsock_header hdr;

    (void)state;
    send_op(VSOCK_OP_CREDIT_REQUEST, PORT);
    hdr = receive_op(VSOCK_OP_CREDIT_UPDATE, PORT);
    assert_int_equal(hdr.fwd_cnt, 0);
    for (unsigned sent = 0; sent < MUCH; sent += 4096) {
        nothing_to_receive(); /* not for each packet */
        send_data(PORT, data, 4096);
        host_takes(fd, 4096);
    }
    hdr = receive_op(VSOCK_OP_CREDIT_UPDATE, PORT);
    assert_int_equal(hdr.fwd_cnt, MUCH);
    nothing_to_receive();
    close(fd);
}

/* A guest may allow itself less to be under way than we would take. */
static void the_guest_hears_of_little_room_too(void **state)
{
    uint8_t data[100] = {0};
    int fd = guest_opens();

    (void)state;
    for (unsigned n = 1; n <= 3; n++) {
        send_data(PORT, data, sizeof(data));
        await(1);
        assert_int_equal(receive_op(VSOCK_OP_CREDIT_UPDATE, PORT).fwd_cnt,
                         n * sizeof(data));
        nothing_to_receive();
    }
    send_op(VSOCK_OP_CREDIT_REQUEST, PORT); /* nothing is owed: asked for */
    receive_op(VSOCK_OP_CREDIT_UPDATE, PORT);
    nothing_to_receive();
    send_data(PORT, data, sizeof(data));
    send_op(VSOCK_OP_RST, PORT); /* in the middle */
    step();
    close(fd);
}

static void packets_come_back_by_many(void **state)
{
    struct vsock_header hdr = packet(VSOCK_OP_RW, PORT); /* is reset */
    uint8_t data[8] = {0};

    (void)state;
    hdr.len = sizeof(data);
    for (uint16_t n = 0; n < 48; n++) {
        assert_int_equal(given_back(), n / 16 * 16);
        offer_packet(hdr, data);
    }
    assert_int_equal(given_back(), 48);
    offer_packet(hdr, data);
    wr(&d, 0x70, 0);
    start(); /* a reset forgets them */
    for (unsigned n = 0; n < 16; n++) {
        assert_int_equal(given_back(), 0);
        offer_packet(hdr, data);
    }
    assert_int_equal(given_back(), 16);
    offer_packet(hdr, data);
    vsock_transport_reset(dev); /* a snapshot is to have all of them */
    assert_int_equal(given_back(), 17);
}

static void packets_come_back_in_time(void **state)
{
    (void)state;
    for (uint16_t n = 0; n < 3; n++) {
        offer_packet(packet(VSOCK_OP_CREDIT_UPDATE, PORT), NULL);
        for (unsigned t = 0; t < 6000 && given_back() == n; t++) {
            usleep(10000);
            step();
        }
        assert_int_equal(given_back(), n + 1);
    }
}

/* Fills the socket and then our buffer: how much went in all. */
static uint64_t stuff(uint32_t host_port, const uint8_t *data, uint32_t room)
{
    uint64_t sent = 0;
    uint32_t told = 0;

    while (sent - told < room) {
        struct vsock_header hdr;

        send_data(host_port, data + sent % 251, 4096);
        sent += 4096;
        step();
        driver_select(&d, RX);
        while (driver_used(&d) != (uint16_t)rx_seen) {
            hdr = receive_op(VSOCK_OP_CREDIT_UPDATE, host_port);
            told = hdr.fwd_cnt;
        }
    }
    return sent;
}

static void what_the_host_does_not_take_waits_in_order(void **state)
{
    static uint8_t data[8192];
    uint8_t buf[1000];
    uint64_t sent, got = 0;
    int fd;

    (void)state;
    for (unsigned n = 0; n < sizeof(data); n++)
        data[n] = (uint8_t)(n % 251);
    fd = guest_opens();
    sent = stuff(PORT, data, VSOCK_BUF_LARGE);
    send_shutdown(PORT, VSOCK_NOTHING); /* the rest is delivered all the same */
    while (got < sent) {
        ssize_t n = read(fd, buf, sizeof(buf));

        assert_true(n > 0);
        for (ssize_t k = 0; k < n; k++)
            assert_int_equal(buf[k], (got + (uint64_t)k) % 251);
        got += (uint64_t)n;
        step();
    }
    driver_select(&d, RX);
    while (receive().op != VSOCK_OP_RST)
        continue;
    host_was_closed(fd);
}

/* The guest uses up all of its credit, which is well, and then some more. */
static void overrun(uint32_t room)
{
    static uint8_t data[8192];
    int fd = guest_opens();
    uint64_t sent = stuff(PORT, data, room);
    uint32_t left;

    send_op(VSOCK_OP_CREDIT_REQUEST, PORT);
    left = receive_op(VSOCK_OP_CREDIT_UPDATE, PORT).fwd_cnt + room -
           (uint32_t)sent;
    assert_in_range(left, 0, room / 2);
    for (uint32_t len; left; left -= len) {
        len = MIN(left, 4096);
        send_data(PORT, data, len);
    }
    nothing_to_receive();
    send_data(PORT, data, 1);
    receive_op(VSOCK_OP_RST, PORT);
    assert_int_equal(metric_get(&metrics.vsock.conns_killed), 1);
    close(fd);
}

static void more_than_there_was_credit_for_ends_the_connection(void **state)
{
    (void)state;
    overrun(VSOCK_BUF_LARGE);
}

static uint32_t room_of_another(uint32_t guest_port)
{
    struct vsock_header hdr = packet(VSOCK_OP_REQUEST, PORT + 1);

    hdr.src_port = guest_port;
    send_packet(hdr, NULL);
    return receive_op(VSOCK_OP_RESPONSE, PORT + 1).buf_alloc;
}

static void many_connections_have_less_room_each(void **state)
{
    struct vsock_header hdr = packet(VSOCK_OP_RST, PORT + 1);
    int server;

    (void)state;
    host_raise_file_limit();
    server = listen_at(PORT + 1, 2048);
    for (uint32_t n = 1; n <= VSOCK_MAX_LARGE; n++)
        assert_int_equal(room_of_another(n), VSOCK_BUF_LARGE);
    assert_int_equal(room_of_another(500), VSOCK_BUF_SMALL);
    overrun(VSOCK_BUF_SMALL);
    hdr.src_port = 500; /* a small one goes: it has left no more room */
    send_packet(hdr, NULL);
    assert_int_equal(room_of_another(501), VSOCK_BUF_SMALL);
    hdr.src_port = 7; /* and a large one */
    send_packet(hdr, NULL);
    assert_int_equal(room_of_another(502), VSOCK_BUF_LARGE);
    assert_int_equal(room_of_another(503), VSOCK_BUF_SMALL);
    stop_listening(server, PORT + 1);
}

static void a_half_that_the_guest_ends_ends_for_the_host(void **state)
{
    char c;
    int fd = guest_opens();

    (void)state;
    send_data(PORT, "last", 4);
    send_shutdown(PORT, VSOCK_NO_SEND);
    host_reads(fd, "last");
    assert_int_equal(read(fd, &c, 1), 0);
    assert_int_equal(write(fd, "reply", 5), 5);
    assert_int_equal(receive_op(VSOCK_OP_RW, PORT).len, 5);
    send_data(PORT, "no", 2); /* it said it would not */
    assert_int_equal(read(fd, &c, 1), 0);
    close(fd);
    assert_int_equal(receive_op(VSOCK_OP_SHUTDOWN, PORT).flags, VSOCK_NOTHING);
    send_shutdown(PORT, VSOCK_NOTHING);
    receive_op(VSOCK_OP_RST, PORT);
}

static void a_half_that_the_host_ends_ends_for_the_guest(void **state)
{
    int fd = guest_opens();

    (void)state;
    assert_int_equal(write(fd, "last", 4), 4);
    shutdown(fd, SHUT_WR);
    assert_int_equal(receive_op(VSOCK_OP_RW, PORT).len, 4);
    assert_int_equal(receive_op(VSOCK_OP_SHUTDOWN, PORT).flags, VSOCK_NO_SEND);
    send_data(PORT, "reply", 5);
    host_reads(fd, "reply");
    close(fd);
    assert_int_equal(receive_op(VSOCK_OP_SHUTDOWN, PORT).flags, VSOCK_NOTHING);
    send_op(VSOCK_OP_RST, PORT);
    nothing_to_receive();
}

static void a_guest_that_takes_no_more_gets_no_more(void **state)
{
    int fd = guest_opens();

    (void)state;
    send_shutdown(PORT, VSOCK_NO_RECEIVE);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1);
    assert_int_equal(errno, EPIPE);
    nothing_to_receive();
    send_data(PORT, "still", 5);
    host_reads(fd, "still");
    close(fd);
    receive_op(VSOCK_OP_SHUTDOWN, PORT);
}

static void a_host_that_goes_with_data_under_way_is_survived(void **state)
{
    int fd = host_opens(FIRST);

    (void)state;
    assert_int_equal(write(fd, "bye", 3), 3);
    close(fd);
    send_data(FIRST, "too late", 8); /* EPIPE */
    assert_int_equal(metric_get(&metrics.signals.sigpipe), 1);
    assert_int_equal(metric_get(&metrics.vsock.tx_write_fails), 1);
    assert_int_equal(receive_op(VSOCK_OP_RW, FIRST).len, 3);
    assert_int_equal(receive_op(VSOCK_OP_SHUTDOWN, FIRST).flags, VSOCK_NOTHING);
    send_data(FIRST, "much too late", 13);
    send_shutdown(FIRST, VSOCK_NOTHING);
    receive_op(VSOCK_OP_RST, FIRST);
    nothing_to_receive();
}

static void a_caller_may_say_all_and_go(void **state)
{
    int fd = host_connect("CONNECT 1000\nfire and forget");

    (void)state;
    close(fd);
    receive_op(VSOCK_OP_REQUEST, FIRST);
    send_op(VSOCK_OP_RESPONSE, FIRST);
    assert_int_equal(receive_op(VSOCK_OP_RW, FIRST).len, 15);
    receive_op(VSOCK_OP_SHUTDOWN, FIRST);
}

static void who_does_not_answer_in_time_is_given_up(void **state)
{
    uint64_t since = host_mono_ns();
    int asking = host_connect("CONNECT 1000\n"), closing;

    (void)state;
    receive_op(VSOCK_OP_REQUEST, FIRST);
    closing = guest_opens();
    close(closing);
    receive_op(VSOCK_OP_SHUTDOWN, PORT);
    usleep(1800000);
    if (!has_received(1)) { /* we may have slept longer */
        since = host_mono_ns();
        virtio_dev_resumed(dev); /* they begin anew */
    }
    await(2);
    assert_true(host_mono_ns() - since >= VSOCK_TIMEOUT_NS);
    receive_op(VSOCK_OP_RST, FIRST);
    receive_op(VSOCK_OP_RST, PORT);
    host_was_closed(asking);
    assert_int_equal(metric_get(&metrics.vsock.conns_killed), 2);
    assert_int_equal(metric_get(&metrics.vsock.conns_removed), 2);
}

static void there_are_1023_connections(void **state)
{
    struct vsock_header hdr = packet(VSOCK_OP_REQUEST, PORT);
    int server, fd;

    (void)state;
    host_raise_file_limit();
    server = listen_at(PORT, 2048);
    for (hdr.src_port = 1; hdr.src_port <= 1024; hdr.src_port++) {
        send_packet(hdr, NULL);
        receive_op(hdr.src_port == 1024 ? VSOCK_OP_RST : VSOCK_OP_RESPONSE,
                   PORT);
    }
    host_was_closed(host_connect("CONNECT 1000\n"));
    hdr.src_port = 500;
    hdr.op = VSOCK_OP_RST;
    send_packet(hdr, NULL);
    fd = host_opens(FIRST);
    close(fd);
    stop_listening(server, PORT);
}

static void a_crowd_of_connections_is_served_as_few_are(void **state)
{
    enum { MANY = 80 };
    unsigned seen[MANY] = {0};
    int fds[MANY];

    (void)state;
    for (uint32_t n = 0; n < MANY; n++)
        fds[n] = host_opens(FIRST + n);
    for (unsigned round = 1; round <= 3; round++) {
        for (unsigned n = 0; n < MANY; n++)
            assert_int_equal(write(fds[n], "abc", 3), 3);
        await(MANY);
        for (unsigned k = 0; k < MANY; k++) {
            struct vsock_header hdr = receive();

            assert_int_equal(hdr.op, VSOCK_OP_RW);
            assert_int_equal(hdr.len, 3);
            assert_in_range(hdr.src_port, FIRST, FIRST + MANY - 1);
            seen[hdr.src_port - FIRST]++;
        }
        for (unsigned n = 0; n < MANY; n++)
            assert_int_equal(seen[n], round);
        nothing_to_receive();
    }
    for (uint32_t n = 0; n < MANY; n++) {
        send_data(FIRST + n, "xyz", 3);
        host_reads(fds[n], "xyz");
    }
    for (uint32_t n = 1; n < MANY; n += 2) { /* what was another's fd */
        close(fds[n]);
        receive_op(VSOCK_OP_SHUTDOWN, FIRST + n);
        send_op(VSOCK_OP_RST, FIRST + n);
        fds[n] = host_opens(FIRST + MANY + n / 2);
        assert_int_equal(write(fds[n], "d", 1), 1);
        receive_op(VSOCK_OP_RW, FIRST + MANY + n / 2);
    }
    wr(&d, 0x70, 0);
    for (unsigned n = 0; n < MANY; n++)
        host_was_closed(fds[n]);
    start();
    close(host_opens(FIRST + MANY + MANY / 2));
}

/* The guest's own words and what the socket would not take, in a crowd. */
static void in_a_crowd_what_the_host_does_not_take_waits(void **state)
{
    static uint8_t data[8192];
    int fds[16], fd;

    for (uint32_t n = 0; n < ARRAY_LEN(fds); n++)
        fds[n] = host_opens(FIRST + n);
    what_the_host_does_not_take_waits_in_order(state);
    fd = guest_opens();
    stuff(PORT, data, VSOCK_BUF_LARGE);
    close(fd); /* with all of it under way */
    step();
    for (unsigned n = 0; n < ARRAY_LEN(fds); n++)
        close(fds[n]);
    step();
}

static void many_resets_are_bounded(void **state)
{
    struct vsock_header hdr = packet(VSOCK_OP_RW, PORT);

    (void)state;
    wr(&d, 0x70, 0);
    driver_start(&d, UINT64_MAX); /* and no room to receive */
    rx_seen = 0;
    for (hdr.src_port = 1; hdr.src_port <= 1000; hdr.src_port++)
        send_packet(hdr, NULL);
    for (uint16_t n = 0; n < SIZE; n++)
        offer_rx(n);
    driver_notify(&d);
    for (unsigned n = 1; n <= VSOCK_MAX_RSTS; n++)
        assert_int_equal(receive_op(VSOCK_OP_RST, PORT).dst_port, n);
    nothing_to_receive();
}

static void packets_that_are_none_come_back(void **state)
{
    struct vsock_header hdr = packet(VSOCK_OP_RW, PORT);
    const struct {
        uint32_t len, payload;
        uint16_t flags;
    } cases[] = {
        {HEADER - 1, 0, 0},      {HEADER, 1, 0},       {HEADER, 65537, 0},
        {HEADER, UINT32_MAX, 0}, {HEADER, 0, D_WRITE},
    };

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(cases); n++) {
        hdr.len = cases[n].payload;
        memcpy(at(&d, TX_AT, HEADER), &hdr, HEADER);
        driver_select(&d, TX);
        driver_desc(&d, 0, TX_AT, cases[n].len, cases[n].flags, 0);
        driver_offer(&d, 0);
        driver_notify(&d);
        step();
        assert_int_equal(driver_used(&d), n + 1);
        assert_int_equal(driver_used_at(&d, n).len, 0);
    }
    nothing_to_receive();
    assert_int_equal(metric_get(&metrics.vsock.tx_queue_event_fails),
                     ARRAY_LEN(cases));
}

static void room_that_is_none_comes_back(void **state)
{
    (void)state;
    wr(&d, 0x70, 0);
    driver_start(&d, UINT64_MAX);
    driver_select(&d, RX);
    driver_desc(&d, 0, RX_AT, HEADER - 1, D_WRITE, 0);
    driver_desc(&d, 1, RX_AT, HEADER, 0, 0);
    driver_desc(&d, 2, RX_AT, HEADER, D_WRITE, 0);
    for (uint16_t n = 0; n < 3; n++)
        driver_offer(&d, n);
    send_op(VSOCK_OP_RW, PORT);
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 3);
    assert_int_equal(driver_used_at(&d, 0).len, 0);
    assert_int_equal(driver_used_at(&d, 1).len, 0);
    assert_int_equal(driver_used_at(&d, 2).len, HEADER);
    assert_int_equal(metric_get(&metrics.vsock.rx_queue_event_fails), 2);
}

static void room_for_a_header_only_takes_no_data(void **state)
{
    int fd;

    (void)state;
    wr(&d, 0x70, 0);
    driver_start(&d, UINT64_MAX);
    rx_seen = 0;
    for (uint16_t n = 0; n < 8; n++) {
        driver_select(&d, RX);
        driver_desc(&d, n, RX_AT + n * 0x400ull, HEADER, D_WRITE, 0);
        driver_offer(&d, n);
    }
    fd = host_connect("CONNECT 1000\ndata");
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 1);
    send_op(VSOCK_OP_RESPONSE, FIRST);
    host_reads(fd, "OK 1073741824\n");
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 1);
    send_op(VSOCK_OP_CREDIT_REQUEST, FIRST);
    driver_select(&d, RX);
    assert_int_equal(driver_used(&d), 2);
    close(fd);
}

static void broken_rings_ask_for_a_reset(void **state)
{
    (void)state;
    for (unsigned n = RX; n <= EV; n++) {
        start();
        driver_select(&d, n);
        if (n == RX) /* all its places are taken */
            put16(&d, ring(&d, AVAIL_AT) + 2, SIZE + 10);
        else if (n == EV)
            put16(&d, ring(&d, AVAIL_AT) + 2, 5000);
        else
            driver_offer(&d, 999);
        driver_notify(&d);
        step();
        if (n == RX)
            close(host_connect("CONNECT 1000\n"));
        else if (n == EV)
            vsock_transport_reset(dev);
        step();
        assert_int_equal(rd(&d, 0x70), 15 | 64);
    }
}

static void every_queue_is_needed(void **state)
{
    (void)state;
    d.num_queues = 2;
    driver_start(&d, UINT64_MAX);
    assert_int_equal(rd(&d, 0x70), 15 | 64);
    assert_int_equal(metric_get(&metrics.vsock.activate_fails), 1);
    d.num_queues = 3;
    start();
    close(host_opens(FIRST));
}

static void a_reset_closes_everything(void **state)
{
    int fd = host_opens(FIRST), silent = host_connect(NULL);

    (void)state;
    wr(&d, 0x70, 0);
    host_was_closed(fd);
    host_was_closed(silent);
    start();
    close(host_opens(FIRST + 1));
}

static void a_transport_reset_is_an_event_and_gates_the_guest(void **state)
{
    struct vsock_state s;
    uint32_t event = 1;
    int fd = host_opens(FIRST);

    (void)state;
    memcpy(at(&d, EV_AT, 4), &event, 4);
    vsock_transport_reset(dev);
    host_was_closed(fd);
    driver_select(&d, EV);
    assert_int_equal(driver_used(&d), 1);
    memcpy(&event, at(&d, EV_AT, 4), 4);
    assert_int_equal(event, 0);
    vsock_get_state(dev, &s);
    assert_true(s.gated);
    fd = host_connect("CONNECT 1000\n");
    nothing_to_receive();
    driver_select(&d, EV);
    driver_notify(&d); /* a kick alone says nothing */
    nothing_to_receive();
    driver_select(&d, EV);
    driver_offer(&d, 0);
    driver_notify(&d);
    receive_op(VSOCK_OP_REQUEST, FIRST + 1); /* ports go on */
    close(fd);
}

static void a_transport_reset_waits_for_room(void **state)
{
    (void)state;
    driver_start(&d, UINT64_MAX);
    rx_seen = 0;
    for (uint16_t n = 0; n < SIZE; n++)
        offer_rx(n);
    vsock_transport_reset(dev);
    driver_select(&d, EV);
    assert_int_equal(driver_used(&d), 0);
    close(host_connect("CONNECT 1000\n"));
    nothing_to_receive();
    offer_events(8);
    driver_notify(&d);
    step();
    assert_int_equal(driver_used(&d), 1);
    nothing_to_receive();
    driver_select(&d, EV);
    driver_offer(&d, 0);
    driver_notify(&d);
    receive_op(VSOCK_OP_REQUEST, FIRST);
}

static void a_guest_that_is_not_there_needs_no_event(void **state)
{
    struct vsock_state s;

    (void)state;
    wr(&d, 0x70, 0);
    vsock_transport_reset(dev);
    vsock_get_state(dev, &s);
    assert_false(s.gated || s.reset_due);
}

static void every_failed_allocation_is_survived(void **state)
{
    const struct vsock_options opt = {
        .guest_cid = CID, .path = path, .listener = listener};
    struct virtio_dev *other = NULL;

    (void)state;
    for (long n = 0; !other; n++) {
        heap_fail_after(n);
        other = vsock_new(&opt, w, &d.ram, NULL);
        heap_fail_after(-1);
        assert_in_range(n, 0, 10);
    }
    other->ops->free(other);
    for (long n = 0; n < 2; n++) {
        int server = listen_at(PORT, 8);

        heap_fail_after(n);
        send_op(VSOCK_OP_REQUEST, PORT);
        heap_fail_after(-1);
        receive_op(VSOCK_OP_RST, PORT);
        stop_listening(server, PORT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_offers_what_upstream_does),
        TEST(connect_lines_are_read_as_upstream_reads_them),
        TEST(the_host_calls_and_the_guest_answers),
        TEST(our_ports_count_up_and_skip_those_in_use),
        TEST(our_ports_wrap_around),
        TEST(a_guest_without_a_listener_closes_the_host_without_a_word),
        TEST(who_does_not_say_connect_is_turned_away),
        TEST(who_says_nothing_waits),
        TEST(callers_wait_for_the_driver),
        TEST(the_guest_calls_and_the_host_answers),
        TEST(nobody_at_the_host_is_a_reset),
        TEST(a_listener_whose_queue_is_full_is_asked_again),
        TEST(what_belongs_to_no_connection_is_reset),
        TEST(the_guest_is_not_sent_more_than_it_has_room_for),
        TEST(credit_that_makes_no_sense_is_none),
        TEST(the_guest_hears_how_much_room_there_is),
        cmocka_unit_test_prestate_setup_teardown(
            the_guest_hears_of_little_room_too, set_up, tear_down,
            &little_credit),
        cmocka_unit_test_prestate_setup_teardown(
            packets_come_back_by_many, set_up, tear_down, &many_packets),
        cmocka_unit_test_prestate_setup_teardown(
            packets_come_back_in_time, set_up, tear_down, &late_packets),
        TEST(what_the_host_does_not_take_waits_in_order),
        TEST(more_than_there_was_credit_for_ends_the_connection),
        TEST(many_connections_have_less_room_each),
        TEST(a_half_that_the_guest_ends_ends_for_the_host),
        TEST(a_half_that_the_host_ends_ends_for_the_guest),
        TEST(a_guest_that_takes_no_more_gets_no_more),
        TEST(a_host_that_goes_with_data_under_way_is_survived),
        TEST(a_caller_may_say_all_and_go),
        TEST(who_does_not_answer_in_time_is_given_up),
        TEST(there_are_1023_connections),
        TEST(a_crowd_of_connections_is_served_as_few_are),
        TEST(in_a_crowd_what_the_host_does_not_take_waits),
        TEST(many_resets_are_bounded),
        TEST(packets_that_are_none_come_back),
        TEST(room_that_is_none_comes_back),
        TEST(room_for_a_header_only_takes_no_data),
        TEST(broken_rings_ask_for_a_reset),
        TEST(every_queue_is_needed),
        TEST(a_reset_closes_everything),
        TEST(a_transport_reset_is_an_event_and_gates_the_guest),
        TEST(a_transport_reset_waits_for_room),
        TEST(a_guest_that_is_not_there_needs_no_event),
        TEST(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
