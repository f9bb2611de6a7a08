// SPDX-License-Identifier: Apache-2.0
/* Configured devices become devices in slots, and can be changed. */

#include "vm/attach.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macros.h"
#include "dev/virtio.h"
#include "machine/layout.h"

static struct gmem ram;
static struct vm_devices cfg;
static char path[64], socket_path[64];

static int set_up(void **state)
{
    FILE *f;

    (void)state;
    snprintf(path, sizeof(path), "attach-test-%d.img", (int)getpid());
    snprintf(socket_path, sizeof(socket_path), "attach-test-%d.sock",
             (int)getpid());
    f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(path, 1, sizeof(path), f), sizeof(path));
    assert_int_equal(ftruncate(fileno(f), 8192), 0);
    fclose(f);
    gmem_init(&ram);
    memset(&cfg, 0, sizeof(cfg));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    devices_release(&cfg);
    gmem_release(&ram);
    unlink(path);
    unlink(socket_path);
    return 0;
}

static void add_drive(const char *id, bool is_root)
{
    struct drive_config drive = {
        .id = heap_strdup(id), .path = heap_strdup(path), .is_root = is_root};

    assert_int_equal(devices_put_drive(&cfg, &drive, NULL), 0);
}

static void add_vsock(void)
{
    struct vsock_config vsock = {.guest_cid = 3,
                                 .uds_path = heap_strdup(socket_path)};

    assert_int_equal(devices_put_vsock(&cfg, &vsock, NULL), 0);
}

static void add_pmem(const char *id)
{
    struct pmem_config pmem = {.id = heap_strdup(id),
                               .path = heap_strdup(path)};

    assert_int_equal(devices_put_pmem(&cfg, &pmem, NULL), 0);
}

static void add_memory_hotplug(void)
{
    struct memory_hotplug_config c = {
        .total_mib = 1024, .block_mib = 2, .slot_mib = 128};

    assert_int_equal(devices_put_memory_hotplug(&cfg, &c, NULL), 0);
}

static void add_net(const char *id, const char *mac)
{
    struct net_config net = {.id = heap_strdup(id),
                             .host_dev_name = heap_strdup("user"),
                             .guest_mac = heap_strdup(mac)};

    assert_int_equal(devices_put_net(&cfg, &net, NULL), 0);
}

static uint64_t read_reg(struct mmio_bus *bus, unsigned slot, unsigned reg)
{
    return mmio_bus_read(bus, virtio_mmio_addr(slot) + reg, 4);
}

static void devices_are_in_their_order_on_the_bus(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct attached *a;

    (void)state;
    add_drive("b", false);
    add_drive("a", true);
    cfg.has_entropy = true;
    add_memory_hotplug();
    add_vsock();
    add_pmem("p");
    add_pmem("q");
    a = attached_new(&cfg, &ram, NULL);
    assert_non_null(a);
    assert_int_equal(attached_slots(a), 127);
    assert_int_equal(attached_publish(a, bus, NULL, NULL, NULL), 0);
    assert_int_equal(read_reg(bus, 0, 8), VIRTIO_ID_BLOCK);
    assert_int_equal(read_reg(bus, 1, 8), VIRTIO_ID_BLOCK);
    assert_int_equal(read_reg(bus, 2, 8), VIRTIO_ID_PMEM);
    assert_int_equal(read_reg(bus, 3, 8), VIRTIO_ID_PMEM);
    assert_int_equal(read_reg(bus, 4, 8), VIRTIO_ID_VSOCK);
    assert_int_equal(read_reg(bus, 5, 8), VIRTIO_ID_ENTROPY);
    assert_int_equal(read_reg(bus, 6, 8), VIRTIO_ID_MEM);
    assert_int_equal(read_reg(bus, 7, 8), 0);
    assert_non_null(gmem_at(&ram, FAR_MEM_BASE, 2 * MIB));
    assert_non_null(gmem_at(&ram, FAR_MEM_BASE + 2 * MIB, 2 * MIB));
    assert_int_equal(read_reg(bus, 6, 0x114), FAR_MEM_BASE >> 32);
    assert_int_equal(read_reg(bus, 6, 0x110), 128 * MIB);
    assert_int_equal(read_reg(bus, 0, 0x100), 16);
    assert_ptr_not_equal(attached_find(a, VIRTIO_ID_BLOCK, "a"),
                         attached_find(a, VIRTIO_ID_BLOCK, "b"));
    assert_null(attached_find(a, VIRTIO_ID_BLOCK, "c"));
    assert_null(attached_find(a, VIRTIO_ID_NET, NULL));
    assert_non_null(attached_find(a, VIRTIO_ID_ENTROPY, NULL));
    assert_int_equal(attached_sync(a, NULL), 0);
    mmio_bus_free(bus);
    attached_free(a);
}

static void there_are_as_many_devices_as_slots(void **state)
{
    struct attached *a;
    struct err e;
    char id[16];

    (void)state;
    for (unsigned n = 0; n < VIRTIO_MMIO_SLOTS; n++) {
        snprintf(id, sizeof(id), "d%u", n);
        add_drive(id, false);
    }
    a = attached_new(&cfg, &ram, &e);
    assert_non_null(a);
    assert_int_equal(attached_slots(a), UINT32_MAX);
    attached_free(a);
    cfg.has_entropy = true;
    assert_null(attached_new(&cfg, &ram, &e));
    assert_string_equal(e.text, "Could not allocate GSI: The requested "
                                "resource is not available.");
}

static void a_drive_can_be_changed(void **state)
{
    const struct rate_limit limit = {.ops = {.size = 5, .refill_time = 10},
                                     .given = RATE_LIMIT_GIVEN_OPS};
    const struct rate_limit none = {.given = 0};
    struct attached *a;
    struct err e;

    (void)state;
    add_drive("a", true);
    a = attached_new(&cfg, &ram, NULL);
    assert_int_equal(attached_patch_drive(a, "x", path, &none, &e), -ENODEV);
    assert_int_equal(attached_patch_drive(a, "a", "/no", &limit, &e), -ENOENT);
    assert_int_equal(attached_patch_drive(a, "a", path, &limit, &e), 0);
    assert_int_equal(devices_patch_drive(&cfg, "a", "/new", &limit, &e), 0);
    assert_string_equal(cfg.drives[0].path, "/new");
    assert_int_equal(cfg.drives[0].limit.ops.size, 5);
    assert_int_equal(cfg.drives[0].limit.bandwidth.size, 0);
    assert_int_equal(devices_patch_drive(&cfg, "x", "/new", &limit, &e),
                     -ENODEV);
    attached_free(a);
}

static void the_balloon_comes_first_and_rests_with_the_others(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct balloon_config balloon = {
        .amount_mib = 2, .stats_interval_s = 1, .reporting = true};
    struct attached *a;
    struct err e;

    (void)state;
    add_drive("a", true);
    assert_int_equal(devices_put_balloon(&cfg, &balloon, 2, &e), 0);
    a = attached_new(&cfg, &ram, NULL);
    assert_int_equal(attached_publish(a, bus, NULL, NULL, NULL), 0);
    assert_int_equal(read_reg(bus, 0, 8), VIRTIO_ID_BALLOON);
    assert_int_equal(read_reg(bus, 0, 0x10), 1 << 1 | 1 << 5);
    assert_int_equal(read_reg(bus, 1, 8), VIRTIO_ID_BLOCK);
    attached_pause(a);
    attached_pause(a);
    assert_int_equal(read_reg(bus, 0, 0x100), 512); /* a call is answered */
    attached_resume(a);
    attached_resume(a);
    mmio_bus_free(bus);
    attached_free(a);
}

static void a_balloon_is_no_larger_than_the_memory(void **state)
{
    struct balloon_config balloon = {.amount_mib = 65};
    struct err e;

    (void)state;
    assert_int_equal(devices_put_balloon(&cfg, &balloon, 64, &e), -ERANGE);
    assert_false(cfg.has_balloon);
    cfg.has_memory_hotplug = true;
    cfg.memory_hotplug.total_mib = 1;
    assert_int_equal(devices_put_balloon(&cfg, &balloon, 64, &e), 0);
    assert_int_equal(devices_check_balloon(&cfg, 66, 64, &e), -ERANGE);
}

static void pmem_limits_can_be_changed(void **state)
{
    const struct rate_limit limit = {.ops = {.size = 5, .refill_time = 10},
                                     .given = RATE_LIMIT_GIVEN_OPS};
    struct attached *a;
    struct err e;

    (void)state;
    add_pmem("p");
    a = attached_new(&cfg, &ram, &e);
    assert_non_null(a);
    assert_int_equal(attached_patch_pmem(a, "p", &limit, &e), 0);
    assert_int_equal(attached_patch_pmem(a, "q", &limit, &e), -ENODEV);
    assert_int_equal(devices_patch_pmem(&cfg, "p", &limit, &e), 0);
    assert_int_equal(cfg.pmems[0].limit.ops.size, 5);
    assert_int_equal(cfg.pmems[0].given & PMEM_GIVEN_LIMIT, PMEM_GIVEN_LIMIT);
    assert_int_equal(devices_patch_pmem(&cfg, "q", &limit, &e), -ENODEV);
    attached_free(a);
}

static void interfaces_come_after_drives(void **state)
{
    struct mmio_bus *bus = mmio_bus_new(NULL);
    struct attached *a;

    (void)state;
    add_net("n", "06:00:00:00:00:01");
    add_net("m", "06:00:00:00:00:02");
    add_drive("a", true);
    a = attached_new(&cfg, &ram, NULL);
    assert_non_null(a);
    assert_int_equal(attached_publish(a, bus, NULL, NULL, NULL), 0);
    assert_int_equal(read_reg(bus, 0, 8), VIRTIO_ID_BLOCK);
    assert_int_equal(read_reg(bus, 1, 8), VIRTIO_ID_NET);
    assert_int_equal(read_reg(bus, 2, 8), VIRTIO_ID_NET);
    assert_int_equal(read_reg(bus, 1, 0x104) & 0xffff, 0x0100);
    assert_int_equal(read_reg(bus, 2, 0x104) & 0xffff, 0x0200);
    assert_non_null(attached_find(a, VIRTIO_ID_NET, "m"));
    mmio_bus_free(bus);
    attached_free(a);
}

static void an_interface_can_be_changed(void **state)
{
    const struct rate_limit limit = {.bandwidth = {.size = 5, .refill_time = 1},
                                     .given = RATE_LIMIT_GIVEN_BANDWIDTH};
    const struct rate_limit none = {.given = 0};
    struct attached *a;
    struct err e;

    (void)state;
    add_net("n", "06:00:00:00:00:01");
    a = attached_new(&cfg, &ram, NULL);
    assert_int_equal(attached_patch_net(a, "x", &none, &none, &e), -ENODEV);
    assert_int_equal(attached_patch_net(a, "n", &limit, &none, &e), 0);
    assert_int_equal(devices_patch_net(&cfg, "n", &none, &limit, &e), 0);
    assert_int_equal(cfg.nets[0].rx_limit.bandwidth.size, 0);
    assert_int_equal(cfg.nets[0].tx_limit.bandwidth.size, 5);
    assert_int_equal(devices_patch_net(&cfg, "x", &none, &limit, &e), -ENODEV);
    attached_free(a);
}

static void a_file_that_has_gone_is_an_error(void **state)
{
    struct err e;

    (void)state;
    add_drive("a", true);
    unlink(path);
    assert_null(attached_new(&cfg, &ram, &e));
    assert_non_null(strstr(e.text, "No such file or directory"));
}

static void every_failed_allocation_is_survived(void **state)
{
    struct attached *a = NULL;
    struct err e;
    long n;

    (void)state;
    add_drive("a", true);
    add_pmem("p");
    add_memory_hotplug();
    cfg.has_entropy = true;
    for (n = 0; !a; n++) {
        gmem_release(&ram);
        heap_fail_after(n);
        a = attached_new(&cfg, &ram, &e);
        heap_fail_after(-1);
    }
    assert_true(n > 5);
    attached_free(a);
    attached_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(devices_are_in_their_order_on_the_bus),
        TEST(there_are_as_many_devices_as_slots),
        TEST(a_drive_can_be_changed),
        TEST(the_balloon_comes_first_and_rests_with_the_others),
        TEST(a_balloon_is_no_larger_than_the_memory),
        TEST(pmem_limits_can_be_changed),
        TEST(interfaces_come_after_drives),
        TEST(an_interface_can_be_changed),
        TEST(a_file_that_has_gone_is_an_error),
        TEST(every_failed_allocation_is_survived),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
