// SPDX-License-Identifier: Apache-2.0
/*
 * What a notification and an interrupt cost under KVM, by the way that squib
 * goes and by the kernel's short cuts (ioeventfd, irqfd), in nanoseconds. A
 * part of make bench-kvm; docs/kvm.md has the numbers.
 */

#include "rig.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "accel/kvm/kvm_impl.h"
#include "host/host.h"

enum { TURNS = 20000, SPI = 50 };

#define STR_W1_X0 0xb9000001u
#define SUB_X2_1  0xd1000442u
#define BACK_2    0xb5ffffc2u /* cbnz x2, . - 8 */
#define LDR_W1_X3 0xb9400061u /* x3 is 0: the end */

/* The guest writes to its device so often, and then reads from address 0. */
static uint64_t notify(unsigned *exits)
{
    struct vcpu_state s;
    uint64_t start;

    kvm_ops.vcpu_reset(rig.vcpu, code, DEVICE);
    assert_int_equal(kvm_ops.vcpu_get(rig.vcpu, &s), 0);
    s.x[2] = TURNS;
    assert_int_equal(kvm_ops.vcpu_set(rig.vcpu, &s), 0);
    *exits = 0;
    start = host_mono_ns();
    do {
        run();
        expect(EXIT_MMIO);
        ++*exits;
    } while (rig.exit.is_write);
    return (host_mono_ns() - start) / TURNS;
}

static void a_notification(void **state)
{
    const struct kvm_ioeventfd to = {
        .addr = DEVICE, .len = 4, .fd = eventfd(0, EFD_NONBLOCK)};
    uint64_t by_exit, by_fd;
    unsigned exits;

    (void)state;
    PROGRAM(STR_W1_X0, SUB_X2_1, BACK_2, LDR_W1_X3);
    begin(&kvm_ops, 1);
    by_exit = notify(&exits);
    assert_int_equal(exits, TURNS + 1);
    assert_int_equal(kvm_ioctl(rig.vm->fd, KVM_IOEVENTFD, &to), 0);
    by_fd = notify(&exits);
    assert_int_equal(exits, 1);
    printf("notification: %llu ns by MMIO exit, %llu ns by ioeventfd\n",
           (unsigned long long)by_exit, (unsigned long long)by_fd);
    close(to.fd);
}

static void an_interrupt(void **state)
{
    const struct kvm_irqfd from = {.fd = (uint32_t)eventfd(0, EFD_NONBLOCK),
                                   .gsi = SPI - 32};
    const uint64_t one = 1;
    uint64_t start, by_line, by_fd;

    (void)state;
    begin(&kvm_ops, 1);
    start = host_mono_ns();
    for (unsigned n = 0; n < TURNS; n++) {
        kvm_ops.spi(rig.vm, SPI, true);
        kvm_ops.spi(rig.vm, SPI, false);
    }
    by_line = (host_mono_ns() - start) / TURNS;
    assert_int_equal(kvm_ioctl(rig.vm->fd, KVM_IRQFD, &from), 0);
    start = host_mono_ns();
    for (unsigned n = 0; n < TURNS; n++)
        assert_int_equal(write((int)from.fd, &one, sizeof(one)), sizeof(one));
    by_fd = (host_mono_ns() - start) / TURNS;
    printf("interrupt: %llu ns by KVM_IRQ_LINE on and off, %llu ns by irqfd\n",
           (unsigned long long)by_line, (unsigned long long)by_fd);
    close((int)from.fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_notification),
        TEST(an_interrupt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
