// SPDX-License-Identifier: Apache-2.0
/* What a person writes behind "user:". */

#include "dev/net_forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/macros.h"

static struct net_forwards f;
static struct err e;

static void expect(unsigned n, bool is_udp, const char *host, uint16_t from,
                   uint16_t to)
{
    assert_true(n < f.count);
    assert_int_equal(f.list[n].is_udp, is_udp);
    assert_int_equal(f.list[n].host.s_addr, inet_addr(host));
    assert_int_equal(f.list[n].host_port, from);
    assert_int_equal(f.list[n].guest_port, to);
}

static void nothing_forwards_nothing(void **state)
{
    (void)state;
    assert_int_equal(net_forwards_parse("", &f, &e), 0);
    assert_int_equal(f.count, 0);
}

static void a_port_of_the_host_is_one_of_its_loopback(void **state)
{
    (void)state;
    assert_int_equal(net_forwards_parse("tcp=8080:80", &f, &e), 0);
    assert_int_equal(f.count, 1);
    expect(0, false, "127.0.0.1", 8080, 80);
}

static void an_address_and_several_forwards_are_possible(void **state)
{
    (void)state;
    assert_int_equal(net_forwards_parse("tcp=127.0.0.1:8080:80,udp=5353:53,"
                                        "tcp=0.0.0.0:1:65535,udp=8080:80",
                                        &f, &e),
                     0);
    assert_int_equal(f.count, 4);
    expect(0, false, "127.0.0.1", 8080, 80);
    expect(1, true, "127.0.0.1", 5353, 53);
    expect(2, false, "0.0.0.0", 1, 65535);
    expect(3, true, "127.0.0.1", 8080, 80);
}

static void what_is_wrong_is_named_with_what_to_write(void **state)
{
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"8080:80", "'8080:80' is no forward: it does not begin with tcp="},
        {"sctp=1:2", "'sctp=1:2' is no forward: it does not begin with"},
        {"TCP=1:2", "does not begin with tcp= or udp="},
        {"tcp", "'tcp' is no forward: it does not name"},
        {"tcp=", "does not name a port"},
        {"tcp=80", "does not name a port"},
        {"tcp=1:2:3:4", "does not name a port"},
        {"tcp=[::1]:80:80", "does not name a port"},
        {"tcp=:80", "ports are numbers"},
        {"tcp=80:", "ports are numbers"},
        {"tcp=0:80", "ports are numbers from 1 to 65535"},
        {"tcp=80:0", "ports are numbers"},
        {"tcp=65536:80", "ports are numbers"},
        {"tcp=80:99999999999999999999", "ports are numbers"},
        {"tcp=-1:80", "ports are numbers"},
        {"tcp= 1:80", "ports are numbers"},
        {"tcp=1:80x", "ports are numbers"},
        {"tcp=localhost:1:2", "IPv4 address"},
        {"tcp=1.2.3:1:2", "IPv4 address"},
        {"tcp=1.2.3.4.5.6.7.8.9:1:2", "IPv4 address"},
        {"tcp=:1:2", "IPv4 address"},
        {"tcp=1:2,", "'' is no forward"},
        {",tcp=1:2", "'' is no forward"},
        {"tcp=1:2,,tcp=3:4", "'' is no forward"},
        {"tcp=1:2;udp=3:4", "IPv4 address"},
        {"tcp=1:2,tcp=127.0.0.1:1:3", "forwarded already"},
        {"tcp=1:2,tcp=0.0.0.0:1:3", "forwarded already"},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++) {
        assert_int_equal(net_forwards_parse(cases[n].text, &f, &e), -EINVAL);
        if (!strstr(e.text, cases[n].word) ||
            !strstr(e.text, "user:tcp=8080:80"))
            fail_msg("%s: %s", cases[n].text, e.text);
    }
}

static void there_is_an_end_to_how_many(void **state)
{
    char text[4096] = "";
    size_t len = 0;

    (void)state;
    for (unsigned n = 1; n <= NET_FORWARDS_MAX; n++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%stcp=%u:80",
                                n > 1 ? "," : "", n);
    assert_int_equal(net_forwards_parse(text, &f, &e), 0);
    assert_int_equal(f.count, NET_FORWARDS_MAX);
    snprintf(text + len, sizeof(text) - len, ",tcp=9999:80");
    assert_int_equal(net_forwards_parse(text, &f, &e), -EINVAL);
    assert_non_null(strstr(e.text, "at most 64"));
}

static void a_long_word_is_cut_in_the_error(void **state)
{
    static char text[100000];

    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    assert_int_equal(net_forwards_parse(text, &f, &e), -EINVAL);
    assert_non_null(strstr(e.text, "user:tcp=8080:80"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_forwards_nothing),
        cmocka_unit_test(a_port_of_the_host_is_one_of_its_loopback),
        cmocka_unit_test(an_address_and_several_forwards_are_possible),
        cmocka_unit_test(what_is_wrong_is_named_with_what_to_write),
        cmocka_unit_test(there_is_an_end_to_how_many),
        cmocka_unit_test(a_long_word_is_cut_in_the_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
