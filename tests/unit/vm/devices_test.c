// SPDX-License-Identifier: Apache-2.0
/* Device configurations: what replaces what, and that nothing leaks when memory
   runs out. tests/api has the sentences. */

#include "vm/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/heap.h"

static int put_drive(struct vm_devices *d, const char *id, bool is_root)
{
    struct drive_config c = {.id = heap_strdup(id),
                             .path = heap_strdup("/dev/null"),
                             .is_root = is_root};
    struct err e;

    return devices_put_drive(d, &c, &e);
}

static int put_net(struct vm_devices *d, const char *id, const char *tap)
{
    struct net_config c = {.id = heap_strdup(id),
                           .host_dev_name = heap_strdup(tap),
                           .has_mmds = false};
    struct err e;

    return devices_put_net(d, &c, &e);
}

static void the_root_drive_is_the_first(void **state)
{
    struct vm_devices d = {0};

    (void)state;
    assert_int_equal(put_drive(&d, "a", false), 0);
    assert_int_equal(put_drive(&d, "b", true), 0);
    assert_int_equal(put_drive(&d, "c", false), 0);
    assert_string_equal(d.drives[0].id, "b");
    assert_string_equal(d.drives[1].id, "a");
    assert_true(put_drive(&d, "c", true) < 0);
    assert_int_equal(d.num_drives, 3);
    assert_int_equal(put_drive(&d, "b", false), 0);
    assert_int_equal(put_drive(&d, "c", true), 0);
    assert_string_equal(d.drives[0].id, "c");
    assert_string_equal(d.drives[2].id, "b");
    devices_release(&d);
}

static void a_mac_address_in_use_is_named_as_it_is_kept(void **state)
{
    struct vm_devices d = {0};
    struct net_config a = {.id = heap_strdup("a"),
                           .host_dev_name = heap_strdup("user"),
                           .guest_mac = heap_strdup("06:00:00:00:00:0a")};
    struct net_config b = {.id = heap_strdup("b"),
                           .host_dev_name = heap_strdup("user"),
                           .guest_mac = heap_strdup("06:00:00:00:00:0A")};
    struct err e;

    (void)state;
    assert_int_equal(devices_put_net(&d, &a, &e), 0);
    assert_true(devices_put_net(&d, &b, &e) < 0);
    assert_string_equal(e.text,
                        "The MAC address is already in use: 06:00:00:00:00:0a");
    devices_release(&d);
}

static void a_new_interface_has_no_mmds(void **state)
{
    struct vm_devices d = {0};
    char **names = heap_zalloc(sizeof(*names));
    struct mmds_config mmds = {.interfaces = {names, 1}};
    struct err e;

    (void)state;
    names[0] = heap_strdup("a");
    put_net(&d, "a", "user");
    put_net(&d, "b", "user");
    assert_int_equal(devices_put_mmds(&d, &mmds, &e), 0);
    assert_true(d.nets[0].has_mmds);
    assert_false(d.nets[1].has_mmds);
    assert_int_equal(put_net(&d, "a", "user"), 0);
    assert_int_equal(d.num_nets, 2);
    assert_string_equal(d.nets[0].id, "b");
    assert_false(d.nets[1].has_mmds);
    devices_release(&d);
}

/* Neither is bound before the start, so that this has to be found out. An
   address of the loopback that is nobody else's. */
static void a_port_that_another_interface_forwards_is_named(void **state)
{
    struct vm_devices d = {0};
    struct net_config b = {.id = heap_strdup("b"),
                           .host_dev_name =
                               heap_strdup("user:tcp=127.77.3.9:4099:81")};
    struct err e;

    (void)state;
    assert_int_equal(put_net(&d, "a", "user:tcp=127.77.3.9:4099:80"), 0);
    assert_int_equal(put_net(&d, "a", "user:tcp=127.77.3.9:4099:81"), 0);
    assert_true(devices_put_net(&d, &b, &e) < 0);
    assert_string_equal(
        e.text, "Could not create the network device: "
                "user:tcp=127.77.3.9:4099:81: cannot forward port 4099 of "
                "127.77.3.9 (tcp) to the guest: Address already in use; give "
                "another port");
    assert_int_equal(put_net(&d, "b", "user:udp=127.77.3.9:4099:80"), 0);
    devices_release(&d);
}

static void a_bucket_that_limits_nothing_is_none(void **state)
{
    struct rate_limit limit = {.bandwidth = {.size = 5},
                               .ops = {.size = 5, .refill_time = 1}};

    (void)state;
    rate_limit_normalize(&limit);
    assert_int_equal(limit.bandwidth.size, 0);
    assert_int_equal(limit.ops.size, 5);
    assert_true(rate_limit_is_set(&limit));
}

static void every_failed_allocation_is_survived(void **state)
{
    (void)state;
    for (long n = 0; n < 4; n++) {
        struct vm_devices d = {0};
        struct drive_config c = {.id = heap_strdup("a"),
                                 .path = heap_strdup("/dev/null")};
        struct net_config net = {.id = heap_strdup("a"),
                                 .host_dev_name = heap_strdup("user")};
        struct err e;

        heap_fail_after(n);
        devices_put_drive(&d, &c, &e);
        devices_put_net(&d, &net, &e);
        heap_fail_after(-1);
        assert_null(c.id);
        assert_null(net.id);
        devices_release(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_drive_is_the_first),
        cmocka_unit_test(a_mac_address_in_use_is_named_as_it_is_kept),
        cmocka_unit_test(a_new_interface_has_no_mmds),
        cmocka_unit_test(a_port_that_another_interface_forwards_is_named),
        cmocka_unit_test(a_bucket_that_limits_nothing_is_none),
        cmocka_unit_test(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
