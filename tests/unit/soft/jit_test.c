// SPDX-License-Identifier: Apache-2.0
/* Tier 1 from outside: links, changed code, a full arena, and the options of a
   tier. The MMU is off and the I-cache on, so that code is translated and every
   load and store bails. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "accel/accel.h"
#include "accel/soft/cpu.h"
#include "accel/soft/decode.h"
#include "accel/soft/jit/glue.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/tr.h"
#include "accel/soft/jit/tr_regs.h"
#include "accel/soft/jit/x64.h"
#include "accel/soft/soft.h"

#define RAM       0x40000000ull
#define RAM_BYTES (4ull << 20)
#define CODE      (RAM + 0x10000)
#define CALLEE    (CODE + 0x100000)
#define SCTLR     (0x30d00980u | 1u << 12) /* reset, and the I-cache on */

#define ADD_X0_1   0x91000400u /* add x0, x0, #1 */
#define SUB_X1_1   0xd1000421u /* sub x1, x1, #1 */
#define CBNZ_X1    0xb5000001u /* cbnz x1, . + 0 */
#define LDR_X0_X3  0xf9400060u /* ldr x0, [x3] */
#define STR_W2_X3  0xb9000062u /* str w2, [x3] */
#define DC_CVAU_X3 0xd50b7b23u
#define IC_IVAU_X3 0xd50b7523u
#define DSB        0xd5033f9fu
#define ISB        0xd5033fdfu
#define NOP        0xd503201fu
#define RET        0xd65f03c0u
#define HVC        0xd4000002u

struct rig {
    struct gmem ram;
    struct accel_vm *vm;
    struct accel_vcpu *vcpu;
    struct cpu *cpu;
    struct vcpu_exit exit;
};

static uint32_t movz_x0(unsigned value)
{
    return 0xd2800000 | value << 5;
}

static uint32_t b(int32_t bytes)
{
    return 0x14000000 | ((uint32_t)(bytes / 4) & 0x3ffffff);
}

static uint32_t bl(int32_t bytes)
{
    return b(bytes) | 0x80000000;
}

static uint32_t cbnz_x1(int32_t bytes)
{
    return CBNZ_X1 | ((uint32_t)(bytes / 4) & 0x7ffff) << 5;
}

static struct rig *rig_new_counting(const char *tier, bool count_insns)
{
    struct rig *r = calloc(1, sizeof(*r));
    struct accel_config cfg = {.vcpus = 1,
                               .gicd_base = 0x08000000,
                               .gicr_base = 0x080a0000,
                               .ram = &r->ram,
                               .tier = tier,
                               .count_insns = count_insns};

    gmem_init(&r->ram);
    assert_int_equal(gmem_add(&r->ram, RAM, RAM_BYTES, NULL), 0);
    r->vm = soft_ops.vm_new(&cfg, NULL);
    assert_non_null(r->vm);
    r->vcpu = soft_ops.vcpu_new(r->vm, 0, NULL);
    assert_non_null(r->vcpu);
    r->cpu = (struct cpu *)(void *)r->vcpu;
    return r;
}

static struct rig *rig_new(const char *tier)
{
    return rig_new_counting(tier, false);
}

static void rig_free(struct rig *r)
{
    soft_ops.vcpu_free(r->vcpu);
    soft_ops.vm_free(r->vm);
    gmem_release(&r->ram);
    free(r);
}

static void put(struct rig *r, gpa_t pa, uint32_t word)
{
    memcpy(gmem_at(&r->ram, pa, 4), &word, 4);
}

static void put_all(struct rig *r, gpa_t pa, const uint32_t *words, size_t n)
{
    for (size_t k = 0; k < n; k++)
        put(r, pa + 4 * k, words[k]);
}

/* To the next HVC, or whatever comes first. x1 and x3 as given. */
static enum exit_kind run_at(struct rig *r, uint64_t pc, uint64_t x1,
                             uint64_t x3)
{
    struct vcpu_state state;

    soft_ops.vcpu_reset(r->vcpu, pc, 0);
    soft_ops.vcpu_get(r->vcpu, &state);
    state.sys[SYS_SCTLR_EL1] = SCTLR;
    state.x[1] = x1;
    state.x[2] = movz_x0(2);
    state.x[3] = x3;
    state.sys[SYS_CPACR_EL1] = 3 << 20;
    state.sys[SYS_VBAR_EL1] = CODE;
    assert_int_equal(soft_ops.vcpu_set(r->vcpu, &state), 0);
    memset(&r->exit, 0, sizeof(r->exit));
    soft_ops.vcpu_run(r->vcpu, &r->exit);
    return r->exit.kind;
}

static uint64_t stat_of(struct rig *r, const char *name)
{
    const char *found;
    uint64_t value;

    for (unsigned n = 0; (found = soft_ops.stat(r->vm, n, &value)); n++) {
        if (strcmp(found, name) == 0)
            return value;
    }
    fail_msg("there is no counter %s", name);
    return 0;
}

static const uint32_t loop[] = {ADD_X0_1, SUB_X1_1, 0xb5ffffc1, HVC};

static void test_a_loop_runs_on_its_own_link(void **state)
{
    struct rig *r = rig_new("jit");

    (void)state;
    assert_int_equal(loop[2], cbnz_x1(-8));
    put_all(r, CODE, loop, 4);
    assert_int_equal(run_at(r, CODE, 100000, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 100000);
    assert_true(stat_of(r, "jit_links") >= 1);
    assert_true(stat_of(r, "jit_entries") < 10);
    rig_free(r);
}

/* With the MMU off no page is in a TLB: two stores that share a test are left
   to tier 0 four times, and then each has a test of its own. */
static void test_a_run_that_is_often_split_gets_copies(void **state)
{
    const uint32_t code[] = {STR_W2_X3, STR_W2_X3 + (1 << 10), ADD_X0_1,
                             SUB_X1_1,  cbnz_x1(-16),          HVC};
    struct rig *r = rig_new("jit");

    (void)state;
    put_all(r, CODE, code, 6);
    assert_int_equal(run_at(r, CODE, 1000, CODE + 0x800), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1000);
    assert_int_equal(stat_of(r, "jit_splits"), 4);
    assert_true(stat_of(r, "memory_slow") >= 2 * 900);
    rig_free(r);
}

/* A branch that is linked after that leads to the copies, and finds what has
   changed since. */
static void test_copies_that_changed_are_made_anew(void **state)
{
    const uint32_t counter[] = {SUB_X1_1, cbnz_x1(0x3c), HVC};
    const uint32_t run[] = {STR_W2_X3, STR_W2_X3 + (1 << 10), ADD_X0_1,
                            b(-0x4c)};
    struct rig *r = rig_new("jit");

    (void)state;
    put_all(r, CODE, counter, 3);
    put_all(r, CODE + 0x40, run, 4);
    assert_int_equal(run_at(r, CODE, 20, CODE + 0x800), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 19);
    assert_int_equal(stat_of(r, "jit_splits"), 4);
    put(r, CODE + 0x48, ADD_X0_1 + 0x400); /* add x0, x0, #2 */
    soft_ops.ram_written(r->vm, CODE + 0x48, 4);
    assert_int_equal(run_at(r, CODE, 20, CODE + 0x800), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 38);
    rig_free(r);
}

/* It goes on in the middle of the loop, by the code that replaces it. */
static void test_a_hot_loop_is_translated_again(void **state)
{
    struct rig *r = rig_new("jit");

    (void)state;
    put_all(r, CODE, loop, 4);
    for (unsigned n = 0; n < 3; n++) {
        assert_int_equal(run_at(r, CODE, TR_HOT + 100, 0), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], TR_HOT + 100);
    }
    assert_int_equal(stat_of(r, "jit_hot"), 1);
    assert_int_equal(stat_of(r, "jit_stale"), 0);
    rig_free(r);
}

/* What led to the code before it became hot finds what changed since. */
static void test_hot_code_that_changed_is_made_anew(void **state)
{
    struct rig *r = rig_new("jit");

    (void)state;
    put_all(r, CODE, loop, 4);
    assert_int_equal(run_at(r, CODE, TR_HOT + 100, 0), EXIT_SMCCC);
    put(r, CODE, ADD_X0_1 + 0x400); /* add x0, x0, #2 */
    soft_ops.ram_written(r->vm, CODE, 4);
    assert_int_equal(run_at(r, CODE, 1000, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 2000);
    rig_free(r);
}

/* What calls a function in another page goes there without asking. */
static void test_a_hot_function_that_wore_a_span_is_made_anew(void **state)
{
    enum { ROUNDS = TR_HOT + 100 };
    const uint32_t calls[] = {bl(0x1000), SUB_X1_1, cbnz_x1(-8), HVC, b(-16)};
    const uint32_t function[] = {LDR_X0_X3, ADD_X0_1, RET};
    struct rig *r = rig_new("jit");
    uint64_t blocks;

    (void)state;
    put_all(r, CODE, calls, 5);
    put_all(r, CODE + 0x1000, function, 3);
    assert_int_equal(run_at(r, CODE, ROUNDS, CODE + 0x800), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1);
    blocks = stat_of(r, "jit_blocks");
    r->cpu->worn[0] = 0; /* the only place that has one */
    r->cpu->num_worn = 1;
    r->cpu->smccc_waiting = false;
    r->cpu->x[1] = ROUNDS;
    soft_ops.vcpu_run(r->vcpu, &r->exit);
    assert_int_equal(r->exit.kind, EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1);
    assert_int_equal(stat_of(r, "jit_worn"), 1);
    assert_int_equal(stat_of(r, "jit_blocks"), blocks + 1);
    rig_free(r);
}

/* Enough rounds for both blocks to be translated and linked. */
static struct rig *linked_rig(void)
{
    struct rig *r = rig_new("jit");
    const uint32_t code[] = {NOP, b(0x3c)};

    put_all(r, CODE, code, 2);
    put(r, CODE + 0x40, movz_x0(1));
    put(r, CODE + 0x44, HVC);
    for (unsigned n = 0; n < 6; n++) {
        assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 1);
    }
    assert_true(stat_of(r, "jit_links") >= 1);
    return r;
}

static void test_changed_code_is_unlinked_and_made_anew(void **state)
{
    struct rig *r = linked_rig();

    (void)state;
    put(r, CODE + 0x40, movz_x0(2));
    soft_ops.ram_written(r->vm, CODE + 0x40, 4);
    for (unsigned n = 0; n < 6; n++) {
        assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 2);
    }
    assert_true(stat_of(r, "jit_unlinks") >= 1);
    assert_int_equal(stat_of(r, "jit_stale"), 1);
    rig_free(r);
}

static void test_code_that_is_the_same_is_used_again(void **state)
{
    struct rig *r = linked_rig();
    uint64_t blocks = stat_of(r, "jit_blocks");

    (void)state;
    soft_ops.ram_written(r->vm, CODE, 4096);
    assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1);
    assert_int_equal(stat_of(r, "jit_blocks"), blocks);
    assert_int_equal(stat_of(r, "jit_revalidated"), 2);
    assert_int_equal(stat_of(r, "jit_stale"), 0);
    rig_free(r);
}

/* Two callees by turns, whose addresses differ in one bit only. */
static enum exit_kind call_by_turns(struct rig *r, uint64_t times)
{
    return run_at(r, CODE, times, CALLEE);
}

static struct rig *rig_with_turns(uint32_t bit)
{
    struct rig *r = rig_new("jit");
    uint32_t eor_x3 = 0xd2400063u | (64 - bit) << 16;
    const uint32_t code[] = {0xd63f0060 /* blr x3 */, eor_x3, SUB_X1_1,
                             cbnz_x1(-12), HVC};

    put_all(r, CODE, code, ARRAY_LEN(code));
    put(r, CALLEE, ADD_X0_1);
    put(r, CALLEE + 4, RET);
    put(r, CALLEE ^ 1u << bit, ADD_X0_1 + (1 << 10)); /* 2 */
    put(r, (CALLEE ^ 1u << bit) + 4, RET);
    return r;
}

static void test_jumps_that_share_a_place_are_found_again(void **state)
{
    (void)state;
    for (uint32_t bit = 13; bit < 19; bit++) {
        struct rig *r = rig_with_turns(bit);
        uint64_t entries;

        assert_int_equal(call_by_turns(r, 1000), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 1500);
        entries = stat_of(r, "jit_entries");
        assert_int_equal(call_by_turns(r, 1000), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 1500);
        assert_true(stat_of(r, "jit_entries") - entries < 50);
        put(r, CALLEE ^ 1u << bit, ADD_X0_1);
        soft_ops.ram_written(r->vm, CALLEE ^ 1u << bit, 4);
        assert_int_equal(call_by_turns(r, 1000), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 1000);
        rig_free(r);
    }
}

static void test_jit_flush_forgets_jumps_and_links(void **state)
{
    struct rig *r = linked_rig();
    uint64_t blocks = stat_of(r, "jit_blocks");

    (void)state;
    jit_flush(r->cpu->jit);
    for (unsigned n = 0; n < 6; n++) /* what was forgotten waits longer */
        assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
    assert_int_equal(stat_of(r, "jit_blocks"), blocks);
    for (unsigned n = 0; n < 2; n++)
        assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1);
    assert_int_equal(stat_of(r, "jit_blocks"), blocks + 2);
    rig_free(r);
}

/* 4000 blocks in a circle, some of them over page borders: no arena of 64 KiB
   holds them. */
static void test_circle(const char *tier, bool flushes)
{
    enum { BLOCKS = 4000, ROUNDS = 5 };
    struct rig *r = rig_new(tier);
    gpa_t end = CODE + 8 * BLOCKS;

    for (unsigned n = 0; n < BLOCKS; n++) {
        put(r, CODE + 8 * n, ADD_X0_1);
        put(r, CODE + 8 * n + 4, b(4));
    }
    put(r, end, SUB_X1_1);
    put(r, end + 4, cbnz_x1(-8 * BLOCKS - 4));
    put(r, end + 8, HVC);
    assert_int_equal(run_at(r, CODE, ROUNDS, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], BLOCKS * ROUNDS);
    assert_int_equal(stat_of(r, "jit_flushes") > 0, flushes);
    rig_free(r);
}

static void test_a_full_arena_is_emptied_while_it_runs(void **state)
{
    (void)state;
    test_circle("jit,code-kib=64", true);
    test_circle("jit,eager,code-kib=64", true);
    test_circle("jit,eager", false);
}

static void test_chaos_changes_nothing_but_the_way(void **state)
{
    char tier[64];

    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        snprintf(tier, sizeof(tier), "jit,eager,chaos=%u", seed);
        test_circle(tier, true);
    }
}

static void test_chaos_refuses_emitters(void **state)
{
    struct rig *r = rig_new("jit,eager,chaos=3");

    (void)state;
    for (unsigned n = 0; n < 512; n++)
        put(r, CODE + 4 * n, ADD_X0_1);
    put(r, CODE + 4 * 512, HVC);
    assert_int_equal(run_at(r, CODE, 0, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 512);
    assert_in_range(stat_of(r, "ADD_imm_x"), 32, 128);
    rig_free(r);
}

/* Calls a function, writes its first word anew, calls it again. */
static void put_patcher(struct rig *r, uint32_t old, bool keeps_the_rule)
{
    const uint32_t care[] = {DC_CVAU_X3, DSB, IC_IVAU_X3, DSB, ISB};
    const uint32_t code[] = {bl(0x40), STR_W2_X3, NOP,      NOP, NOP,
                             NOP,      NOP,       bl(0x24), HVC};

    put_all(r, CODE, code, 9);
    if (keeps_the_rule)
        put_all(r, CODE + 8, care, 5);
    put(r, CODE + 0x40, old);
    put(r, CODE + 0x44, RET);
}

static void test_paranoia_finds_a_guest_that_breaks_the_rule(void **state)
{
    struct rig *r = rig_new("jit,paranoid");

    (void)state;
    put_patcher(r, movz_x0(1), false);
    assert_int_equal(run_at(r, CODE, 0, CODE + 0x40), EXIT_ERROR);
    assert_non_null(strstr(r->exit.error.text, "0x40010040"));
    assert_non_null(strstr(r->exit.error.text, "d2800020 became d2800040"));
    rig_free(r);
}

static void test_paranoia_lets_a_careful_guest_run(void **state)
{
    struct rig *r = rig_new("jit,paranoid");

    (void)state;
    put_patcher(r, movz_x0(1), true);
    for (unsigned n = 0; n < 5; n++) {
        put(r, CODE + 0x40, movz_x0(1));
        soft_ops.ram_written(r->vm, CODE + 0x40, 4);
        assert_int_equal(run_at(r, CODE, 0, CODE + 0x40), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 2);
    }
    rig_free(r);
}

/* NOP and B may replace each other at any time: Arm ARM B2.2.5. */
static void test_paranoia_knows_what_may_be_patched(void **state)
{
    struct rig *r = rig_new("jit,paranoid");
    struct vcpu_state s;

    (void)state;
    put_patcher(r, NOP, false);
    put(r, CODE + 0x48, movz_x0(7));
    put(r, CODE + 0x4c, RET);
    soft_ops.vcpu_reset(r->vcpu, CODE, 0);
    soft_ops.vcpu_get(r->vcpu, &s);
    s.sys[SYS_SCTLR_EL1] = SCTLR;
    s.x[2] = b(8);
    s.x[3] = CODE + 0x40;
    soft_ops.vcpu_set(r->vcpu, &s);
    soft_ops.vcpu_run(r->vcpu, &r->exit);
    assert_int_equal(r->exit.kind, EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 7);
    rig_free(r);
}

static void test_lockstep_agrees_with_itself(void **state)
{
    struct rig *r = rig_new("lockstep");

    (void)state;
    put_all(r, CODE, loop, 4);
    assert_int_equal(run_at(r, CODE, 1000, 0), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 1000);
    put_patcher(r, movz_x0(1), true);
    soft_ops.ram_written(r->vm, CODE, 4096);
    assert_int_equal(run_at(r, CODE, 0, CODE + 0x40), EXIT_SMCCC);
    assert_int_equal(r->cpu->x[0], 2);
    rig_free(r);
}

/* So that a load or store of translated code is its executor's. */
static unsigned no_fill(struct cpu *cpu, uint64_t va, unsigned write)
{
    (void)cpu;
    (void)va;
    (void)write;
    return 1;
}

static void refuse_fills(struct cpu *cpu)
{
    static jit_fill_fn *const fill = no_fill;

    memcpy(&cpu->fill, &fill, sizeof(fill));
}

static const struct insn *wrong_load(struct cpu *cpu, const struct insn *i)
{
    cpu->x[i->rd] = 42;
    return NEXT;
}

/* Tier 1 finds executors by this table and tier 0 does not. */
static void test_lockstep_names_the_instruction_that_differs(void **state)
{
    static exec_fn *table[NUM_A64_OPS + 2];
    struct rig *r = rig_new("lockstep");
    const uint32_t code[] = {ADD_X0_1, NOP, LDR_X0_X3, ADD_X0_1, HVC};

    (void)state;
    memcpy(table, r->cpu->fn_table, sizeof(table));
    table[OP_LDRX_imm] = wrong_load;
    r->cpu->fn_table = table;
    refuse_fills(r->cpu);
    put_all(r, CODE, code, 5);
    assert_int_equal(run_at(r, CODE, 0, CODE + 0x800), EXIT_ERROR);
    assert_non_null(strstr(r->exit.error.text, "x0 is 0 in tier 0, 0x2a in"));
    assert_non_null(strstr(r->exit.error.text, "LDRX_imm"));
    assert_non_null(strstr(r->exit.error.text, "at 0x40010008, instruction 2"));
    rig_free(r);
}

static const struct insn *wrong_store(struct cpu *cpu, const struct insn *i)
{
    (void)cpu;
    return NEXT;
}

static void test_lockstep_compares_memory(void **state)
{
    static exec_fn *table[NUM_A64_OPS + 2];
    struct rig *r = rig_new("lockstep");
    const uint32_t code[] = {STR_W2_X3, HVC};

    (void)state;
    memcpy(table, r->cpu->fn_table, sizeof(table));
    table[OP_STRW_imm] = wrong_store;
    r->cpu->fn_table = table;
    refuse_fills(r->cpu);
    put_all(r, CODE, code, 2);
    assert_int_equal(run_at(r, CODE, 0, CODE + 0x800), EXIT_ERROR);
    assert_non_null(strstr(r->exit.error.text, "memory byte 0 is 0x40 in"));
    rig_free(r);
}

static void test_the_perf_map_has_a_line_for_each_block(void **state)
{
    struct rig *r;
    char path[64], line[256];
    unsigned lines = 0, found = 0;
    FILE *map;

    (void)state;
    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    unlink(path);
    r = rig_new("jit,eager,perf-map");
    put_all(r, CODE, loop, 4);
    assert_int_equal(run_at(r, CODE, 10, 0), EXIT_SMCCC);
    map = fopen(path, "r");
    assert_non_null(map);
    while (fgets(line, sizeof(line), map)) {
        unsigned long host, bytes;
        char name[128];

        assert_int_equal(sscanf(line, "%lx %lx %127s", &host, &bytes, name), 3);
        assert_true(host && bytes);
        found += !strcmp(name, "guest_40010000_pa_40010000_el1");
        lines++;
    }
    assert_int_equal(lines, stat_of(r, "jit_blocks"));
    assert_int_equal(found, 1);
    fclose(map);
    unlink(path);
    rig_free(r);
}

static void test_masked_features_stay_unused(void **state)
{
    struct rig *r = rig_new("jit,mask=avx2+aes");
    unsigned left = r->cpu->vm->jit_features;

    (void)state;
    assert_int_equal(left & (JIT_AVX2 | JIT_FMA | JIT_AVX512 | JIT_AES), 0);
    assert_int_equal(left, jit_host_features() & left);
    rig_free(r);
    r = rig_new("jit,mask=all");
    assert_int_equal(r->cpu->vm->jit_features, 0);
    rig_free(r);
}

/*
 * Loops whose branches leave a block in its middle, loops that hold V
 * registers, a subroutine, memory accesses that bail and an instruction that is
 * UNDEFINED, whose handler goes on behind it:
 *
 *     mov x0, 0; mov x5, 0
 *  a: add x0, x0, 1; tbz x1, 0, c
 *     add x5, x5, x1; str x5, [x3]; ldr x6, [x3, 8]; cbz x6, b
 *     add x5, x5, 1
 *  b: bl leaf
 *  c: eor x5, x5, x0; tst x5, 6; b.eq d
 *     add x5, x5, 3; cmp x5, x1; b.hi d
 *     udf; add x5, x5, 5
 *  d: mov x7, 5
 *  e: add v0.4s, v0.4s, v1.4s; tbz x7, 1, f
 *     add v1.4s, v1.4s, v0.4s
 *  f: subs x7, x7, 1; b.ne e
 *     mov x7, 9
 *  g: add v0.4s, v0.4s, v1.4s; add v2.4s, v0.4s, v1.4s; sub x7, x7, 1
 *     cbnz x7, g
 *     sub x1, x1, 1; cbnz x1, a
 *     hvc 0
 *  leaf: add x9, x9, 1; ret
 */
static const uint32_t branchy[] = {
    0xd2800000, 0xd2800005, 0x91000400, 0x360000e1, 0x8b0100a5, 0xf9000065,
    0xf9400466, 0xb4000046, 0x910004a5, 0x94000017, 0xca0000a5, 0xf27f04bf,
    0x540000c0, 0x91000ca5, 0xeb0100bf, 0x54000068, 0x00000000, 0x910014a5,
    0xd28000a7, 0x4ea18400, 0x36080047, 0x4ea08421, 0xf10004e7, 0x54ffff81,
    0xd2800127, 0x4ea18400, 0x4ea18402, 0xd10004e7, 0xb5ffffa7, 0xd1000421,
    0xb5fffc81, 0xd4000002, 0x91000529, 0xd65f03c0};

/* At VBAR_EL1 + 0x200: ELR_EL1 += 4 */
static const uint32_t skip_handler[] = {0xd538402a, 0x9100114a, 0xd518402a,
                                        0xd69f03e0};

static uint64_t instructions_of(const char *tier)
{
    struct rig *r = rig_new_counting(tier, true);
    uint64_t count;

    put_all(r, CODE, branchy, ARRAY_LEN(branchy));
    put_all(r, CODE + 0x200, skip_handler, ARRAY_LEN(skip_handler));
    assert_int_equal(run_at(r, CODE, 300, RAM), EXIT_SMCCC);
    count = stat_of(r, "instructions");
    rig_free(r);
    return count;
}

static void test_instructions_are_counted_exactly(void **state)
{
    static const char *const tiers[] = {"jit",
                                        "jit,eager",
                                        "jit,eager,mask=avx2",
                                        "jit,eager,mask=all",
                                        "jit,eager,chaos=1",
                                        "jit,eager,chaos=2",
                                        "jit,eager,chaos=3,regs=3",
                                        "jit,code-kib=64",
                                        "jit,paranoid"};
    uint64_t expected = instructions_of("interp");

    (void)state;
    assert_true(expected > 300 * 60);
    for (size_t n = 0; n < ARRAY_LEN(tiers); n++) {
        print_message("%s\n", tiers[n]);
        assert_int_equal(instructions_of(tiers[n]), expected);
    }
}

/* Each draw is an assignment, seeds matter, and what has no register of the
   host's by one seed has one by another. */
static void test_registers_are_drawn_by_a_seed(void **state)
{
    struct tr_regs regs, again;
    uint32_t guests = 0;

    (void)state;
    for (uint64_t seed = 1; seed < 100; seed++) {
        uint32_t hosts =
            1 << RAX | 1 << RCX | 1 << RDX | 1 << RSP | 1 << RBP | 1u << R15;

        tr_regs_draw(&regs, seed);
        tr_regs_draw(&again, seed);
        assert_memory_equal(&regs, &again, sizeof(regs));
        assert_int_equal(regs.pinned[REG_ZERO], -1);
        assert_int_equal(regs.pinned[REG_SINK], -1);
        for (unsigned g = 0; g <= REG_SP; g++) {
            if (regs.pinned[g] < 0)
                continue;
            assert_false(hosts >> regs.pinned[g] & 1);
            hosts |= 1u << regs.pinned[g];
            guests |= 1u << g;
            assert_int_equal(tr_regs_guest(&regs, (unsigned)regs.pinned[g]), g);
        }
    }
    assert_int_equal(guests, UINT32_MAX);
}

static void test_a_loop_counts_right_whatever_the_registers(void **state)
{
    char tier[32];

    (void)state;
    for (unsigned seed = 1; seed <= 20; seed++) {
        struct rig *r;

        snprintf(tier, sizeof(tier), "jit,eager,regs=%u", seed);
        r = rig_new(tier);
        put_all(r, CODE, loop, 4);
        assert_int_equal(run_at(r, CODE, 10, 0), EXIT_SMCCC);
        assert_int_equal(r->cpu->x[0], 10);
        assert_int_equal(r->cpu->x[1], 0);
        assert_true(stat_of(r, "jit_entries") > 0);
        rig_free(r);
    }
}

static void test_tiers_that_mean_nothing_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "x",
                                      "jit,",
                                      "jit,x",
                                      "jit,mask=x",
                                      "jit,chaos",
                                      "jit,chaos=",
                                      "jit,chaos=0",
                                      "jit,eager=",
                                      "interp,eager",
                                      "JIT",
                                      "jit,mask=",
                                      "jit,code-kib=99999999999999999999"};
    struct tier tier;
    struct err e;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(bad); n++) {
        e = (struct err){0};
        if (tier_parse(&tier, bad[n], &e) == 0 || !e.text[0])
            fail_msg("'%s' is taken", bad[n]);
    }
    assert_int_equal(tier_parse(&tier, "jit,chaos=9,mask=fma+sha,paranoid", &e),
                     0);
    assert_int_equal(tier.kind, TIER_JIT);
    assert_int_equal(tier.chaos, 9);
    assert_int_equal(tier.mask_features, JIT_FMA | JIT_SHA);
    assert_true(tier.paranoid && !tier.eager);
    assert_int_equal(tier_parse(&tier, NULL, &e), 0);
    assert_int_equal(tier.kind, TIER_AUTO);
}

static void test_lockstep_is_for_one_cpu(void **state)
{
    struct gmem ram;
    struct accel_config cfg = {.vcpus = 2, .ram = &ram, .tier = "lockstep"};
    struct err e = {0};

    (void)state;
    gmem_init(&ram);
    assert_int_equal(gmem_add(&ram, RAM, RAM_BYTES, NULL), 0);
    assert_null(soft_ops.vm_new(&cfg, &e));
    assert_non_null(strstr(e.text, "one vCPU"));
    gmem_release(&ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loop_runs_on_its_own_link),
        cmocka_unit_test(test_a_run_that_is_often_split_gets_copies),
        cmocka_unit_test(test_copies_that_changed_are_made_anew),
        cmocka_unit_test(test_a_hot_loop_is_translated_again),
        cmocka_unit_test(test_hot_code_that_changed_is_made_anew),
        cmocka_unit_test(test_a_hot_function_that_wore_a_span_is_made_anew),
        cmocka_unit_test(test_changed_code_is_unlinked_and_made_anew),
        cmocka_unit_test(test_code_that_is_the_same_is_used_again),
        cmocka_unit_test(test_jumps_that_share_a_place_are_found_again),
        cmocka_unit_test(test_jit_flush_forgets_jumps_and_links),
        cmocka_unit_test(test_a_full_arena_is_emptied_while_it_runs),
        cmocka_unit_test(test_chaos_changes_nothing_but_the_way),
        cmocka_unit_test(test_chaos_refuses_emitters),
        cmocka_unit_test(test_paranoia_finds_a_guest_that_breaks_the_rule),
        cmocka_unit_test(test_paranoia_lets_a_careful_guest_run),
        cmocka_unit_test(test_paranoia_knows_what_may_be_patched),
        cmocka_unit_test(test_lockstep_agrees_with_itself),
        cmocka_unit_test(test_lockstep_names_the_instruction_that_differs),
        cmocka_unit_test(test_lockstep_compares_memory),
        cmocka_unit_test(test_the_perf_map_has_a_line_for_each_block),
        cmocka_unit_test(test_masked_features_stay_unused),
        cmocka_unit_test(test_instructions_are_counted_exactly),
        cmocka_unit_test(test_registers_are_drawn_by_a_seed),
        cmocka_unit_test(test_a_loop_counts_right_whatever_the_registers),
        cmocka_unit_test(test_tiers_that_mean_nothing_are_refused),
        cmocka_unit_test(test_lockstep_is_for_one_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
