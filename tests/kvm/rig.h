// SPDX-License-Identifier: Apache-2.0
#pragma once

/* A back end with a little memory and one vCPU at hand, for the tests that take
   it through its interface. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "accel/accel.h"
#include "base/macros.h"

#define RAM       0x80000000ull
#define RAM_BYTES (8 * MIB)
#define DEVICE    0x0e0a0000ull /* nobody's memory */
#define GICD      0x08000000ull
#define GICR      0x080a0000ull

struct rig {
    const struct accel_ops *ops;
    struct gmem ram;
    struct accel_vm *vm;
    struct accel_vcpu *vcpu;
    struct vcpu_exit exit;
};

static struct rig rig;
static gpa_t code = RAM; /* where the last program is */

static inline struct accel_config config(unsigned vcpus)
{
    return (struct accel_config){
        .vcpus = vcpus, .ram = &rig.ram, .gicd_base = GICD, .gicr_base = GICR};
}

static inline void begin(const struct accel_ops *ops, unsigned vcpus)
{
    struct accel_config cfg = config(vcpus);
    struct err e = {0};

    rig.ops = ops;
    rig.vm = ops->vm_new(&cfg, &e);
    if (!rig.vm)
        fail_msg("%s", e.text);
    rig.vcpu = ops->vcpu_new(rig.vm, 0, &e);
    if (!rig.vcpu)
        fail_msg("%s", e.text);
}

static inline void end(void)
{
    if (rig.vm) {
        rig.ops->vcpu_free(rig.vcpu);
        rig.ops->vm_free(rig.vm);
    }
    rig.vm = NULL;
    rig.vcpu = NULL;
}

static inline int set_up(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof(rig));
    gmem_init(&rig.ram);
    return gmem_add(&rig.ram, RAM, RAM_BYTES, NULL);
}

static inline int tear_down(void **state)
{
    (void)state;
    end();
    gmem_release(&rig.ram);
    return 0;
}

/* Each program has a place of its own, by page and in its page: qemu 7.2 as the
   host may go on with what it made of code that was there before. */
#define PROGRAM(...)                                                   \
    do {                                                               \
        static const uint32_t code_[] = {__VA_ARGS__};                 \
        code += 0x1040;                                                \
        assert_true(sizeof(code_) <= 64);                              \
        assert_true(gmem_write(&rig.ram, code, code_, sizeof(code_))); \
    } while (0)

static inline void run(void)
{
    rig.ops->vcpu_run(rig.vcpu, &rig.exit);
}

static inline void expect(enum exit_kind kind)
{
    if (rig.exit.kind == EXIT_ERROR && kind != EXIT_ERROR)
        fail_msg("%s", rig.exit.error.text);
    assert_int_equal(rig.exit.kind, kind);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
