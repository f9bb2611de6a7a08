// SPDX-License-Identifier: Apache-2.0
/* Many descriptors of which few are ready. */

#include "host/host.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MANY = 100 };

static int crowd, ours[MANY], theirs[MANY];

static int set_up(void **state)
{
    (void)state;
    crowd = host_crowd_open();
    if (crowd == -ENOSYS)
        return 0;
    assert_true(crowd >= 0);
    for (unsigned n = 0; n < MANY; n++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        ours[n] = pair[0];
        theirs[n] = pair[1];
        assert_int_equal(host_crowd_set(crowd, ours[n], POLLIN, n, true), 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned n = 0; n < MANY && crowd >= 0; n++) {
        close(ours[n]);
        close(theirs[n]);
    }
    if (crowd >= 0)
        close(crowd);
    return 0;
}

static bool is_ready(void)
{
    struct pollfd fd = {.fd = crowd, .events = POLLIN};

    return host_poll(&fd, 1, 0) == 1;
}

/* So many are ready, each once, with these events. */
static void ready_are(unsigned want, short events)
{
    struct host_ready r[HOST_CROWD_MOST];
    bool seen[MANY] = {false};

    assert_int_equal(is_ready(), want != 0);
    for (unsigned got = 0; got < want;) {
        unsigned n = host_crowd_take(crowd, r, HOST_CROWD_MOST);

        assert_in_range(n, 1, HOST_CROWD_MOST);
        for (unsigned k = 0; k < n; k++) {
            assert_in_range(r[k].id, 0, MANY - 1);
            assert_int_equal(r[k].events, events);
            got += !seen[r[k].id];
            seen[r[k].id] = true;
        }
    }
}

static void who_is_ready_is_found_among_many(void **state)
{
    char c;

    (void)state;
    if (crowd < 0)
        skip();
    ready_are(0, 0);
    assert_int_equal(write(theirs[7], "x", 1), 1);
    ready_are(1, POLLIN);
    ready_are(1, POLLIN); /* until it is served */
    assert_int_equal(read(ours[7], &c, 1), 1);
    ready_are(0, 0);
    for (unsigned n = 0; n < MANY; n++)
        assert_int_equal(write(theirs[n], "x", 1), 1);
    ready_are(MANY, POLLIN);
}

static void who_has_left_or_is_closed_is_not_heard(void **state)
{
    (void)state;
    if (crowd < 0)
        skip();
    for (unsigned n = 0; n < 3; n++)
        assert_int_equal(write(theirs[n], "x", 1), 1);
    host_crowd_leave(crowd, ours[0]);
    host_crowd_leave(crowd, ours[0]); /* once more does no harm */
    close(ours[1]);
    ours[1] = -1;
    ready_are(1, POLLIN);
    assert_int_equal(host_crowd_set(crowd, ours[2], 0, 2, false), 0);
    ready_are(0, 0);
    close(theirs[3]);
    ready_are(1, POLLIN | POLLHUP);
    assert_int_equal(host_crowd_set(crowd, ours[3], 0, 3, false), 0);
    ready_are(1, POLLHUP); /* is always told */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_is_ready_is_found_among_many,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_has_left_or_is_closed_is_not_heard,
                                        set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
