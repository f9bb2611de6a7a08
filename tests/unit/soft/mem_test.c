// SPDX-License-Identifier: Apache-2.0
/* The slow way of loads and stores: crossings, devices, alignment, aborts and
   their syndromes, watchpoints, DC ZVA. */

#include <stdio.h>
#include <unistd.h>

#include "board.h"
#include "host/filemap.h"

#define PAGE_A (RAM + 0x10000)
#define PAGE_B (RAM + 0x30000) /* not next to A */
#define VA     0x5000ull
#define VA_DEV 0x8000ull
enum { WNR = 1 << 6, CM = 1 << 8 };

static const struct insn none = {.word = 0};

struct world {
    struct board *b;
    struct cpu *cpu;
    gpa_t root;
};

/* VA, VA + 4K: A and B. VA_DEV: a device; behind it RAM that is Device. */
static struct world world_new(void)
{
    struct world w = {.b = board_new(), .root = TABLES + 0x1000000};

    w.cpu = w.b->cpu[0];
    w.cpu->pc = 0x1000;
    mmu_on(w.b, w.cpu, w.root, w.root);
    map(w.b, w.root, VA, PAGE_A, D_PLAIN);
    map(w.b, w.root, VA + 0x1000, PAGE_B, D_PLAIN);
    map(w.b, w.root, VA_DEV, DEVICE, D_PLAIN | D_DEVICE);
    map(w.b, w.root, VA_DEV + 0x1000, PAGE_A, D_PLAIN | D_DEVICE);
    return w;
}

static void assert_abort(const struct cpu *cpu, uint64_t far, unsigned iss)
{
    assert_int_equal(esr_ec(cpu), 0x25);
    assert_int_equal(cpu->sys[SYS_ESR_EL1] & 0x1ffffff, iss);
    assert_int_equal(cpu->sys[SYS_FAR_EL1], far);
    assert_int_equal(cpu->sys[SYS_ELR_EL1], 0x1000);
}

static void accesses_may_cross_into_another_page(void **state)
{
    struct world w = world_new();
    uint8_t in[64], out[64];

    (void)state;
    for (unsigned n = 0; n < 64; n++)
        in[n] = (uint8_t)(n + 1);
    for (unsigned off = 4096 - 70; off < 4096; off++) {
        memset(out, 0, sizeof(out));
        assert_true(mem_write(w.cpu, &none, VA + off, in, 64, 1, ACC_WRITE));
        assert_true(mem_read(w.cpu, &none, VA + off, out, 64, 1, ACC_READ));
        assert_memory_equal(in, out, 64);
        assert_int_equal(*((uint8_t *)ram(w.b, PAGE_A) + off), 1);
        if (off > 4096 - 64)
            assert_int_equal(*(uint8_t *)ram(w.b, PAGE_B), 4096 - off + 1);
    }
    board_free(w.b);
}

static void a_fault_in_the_second_page_leaves_the_first_alone(void **state)
{
    struct world w = world_new();
    uint64_t v;

    (void)state;
    map(w.b, w.root, VA + 0x1000, PAGE_B, D_PLAIN | D_RO);
    assert_false(mem_st64(w.cpu, &none, VA + 0xffc, ~0ull));
    assert_abort(w.cpu, VA + 0x1000, 0xf | WNR);
    assert_int_equal(*ram(w.b, PAGE_A + 0xff8), 0);
    w.cpu->pc = 0x1000;
    *desc_at(w.b, w.root, 48, VA + 0x1000, 3) = 0;
    mmu_flush_all(w.cpu);
    assert_false(mem_ld64(w.cpu, &none, VA + 0xfff, &v));
    assert_abort(w.cpu, VA + 0x1000, 7);
    board_free(w.b);
}

static void aborts_say_what_was_tried(void **state)
{
    struct world w = world_new();
    uint64_t v;

    (void)state;
    assert_false(mem_ld64(w.cpu, &none, 0x7123, &v));
    assert_abort(w.cpu, 0x7123, 7);
    w.cpu->pc = 0x1000;
    assert_false(mem_st64(w.cpu, &none, 0x7123, 1));
    assert_abort(w.cpu, 0x7123, 7 | WNR);
    w.cpu->pc = 0x1000;
    assert_false(mem_cache_op(w.cpu, &none, 0x7123));
    assert_abort(w.cpu, 0x7123, 7 | WNR | CM);
    w.cpu->pc = 0x1000;
    assert_false(mem_zero_block(w.cpu, &none, 0x7123));
    assert_abort(w.cpu, 0x7123, 7 | WNR);
    board_free(w.b);
}

static void a_read_modify_write_blames_the_read_if_it_faults_too(void **state)
{
    struct world w = world_new();
    unsigned rmw = ACC_WRITE | ACC_ATOMIC;

    (void)state;
    assert_null(mem_atomic(w.cpu, &none, 0x7000, 8, rmw));
    assert_abort(w.cpu, 0x7000, 7);
    w.cpu->pc = 0x1000;
    map(w.b, w.root, VA, PAGE_A, D_PLAIN | D_RO);
    assert_null(mem_atomic(w.cpu, &none, VA, 8, rmw));
    assert_abort(w.cpu, VA, 0xf | WNR);
    w.cpu->pc = 0x1000;
    assert_null(mem_atomic(w.cpu, &none, VA + 4, 8, rmw));
    assert_abort(w.cpu, VA + 4, 0x21);
    w.cpu->pc = 0x1000;
    assert_null(mem_atomic(w.cpu, &none, VA + 4, 8, ACC_WRITE));
    assert_abort(w.cpu, VA + 4, 0x21 | WNR);
    w.cpu->pc = 0x1000;
    assert_null(mem_atomic(w.cpu, &none, VA_DEV, 8, ACC_READ));
    assert_abort(w.cpu, VA_DEV, 0x35);
    assert_non_null(mem_atomic(w.cpu, &none, VA, 8, ACC_READ));
    board_free(w.b);
}

static void unaligned_accesses_fault_where_they_must(void **state)
{
    struct world w = world_new();
    uint64_t v[2];

    (void)state;
    assert_true(mem_ld64(w.cpu, &none, VA + 1, v));
    assert_false(mem_ld64(w.cpu, &none, VA_DEV + 0x1004, v));
    assert_abort(w.cpu, VA_DEV + 0x1004, 0x21);
    w.cpu->pc = 0x1000;
    assert_true(mem_ld64(w.cpu, &none, VA_DEV + 0x1008, v));
    assert_true(mem_read(w.cpu, &none, VA_DEV + 0x1008, v, 16, 8, ACC_READ));
    set_sys(w.cpu, SYS_SCTLR_EL1, w.cpu->sys[SYS_SCTLR_EL1] | 2);
    assert_false(mem_ld64(w.cpu, &none, VA + 4, v));
    assert_abort(w.cpu, VA + 4, 0x21);
    w.cpu->pc = 0x1000;
    assert_true(mem_ld64(w.cpu, &none, VA + 8, v));
    assert_false(mem_ld64(w.cpu, &none, VA + 4, v)); /* also after a hit */
    w.cpu->pc = 0x1000;
    assert_false(mem_st64(w.cpu, &none, 0x7001, 0)); /* before translation */
    assert_abort(w.cpu, 0x7001, 0x21 | WNR);
    board_free(w.b);
}

static void with_the_mmu_off_unaligned_data_faults(void **state)
{
    struct world w = world_new();
    uint64_t v;

    (void)state;
    set_sys(w.cpu, SYS_SCTLR_EL1, 0);
    *ram(w.b, PAGE_A + 8) = 42;
    assert_int_equal(load(w.cpu, PAGE_A + 8), 42);
    assert_false(mem_ld64(w.cpu, &none, PAGE_A + 4, &v));
    assert_abort(w.cpu, PAGE_A + 4, 0x21);
    w.cpu->pc = 0x1000;
    assert_true(mem_st64(w.cpu, &none, PAGE_A + 8, 43));
    assert_int_equal(*ram(w.b, PAGE_A + 8), 43);
    assert_false(mem_zero_block(w.cpu, &none, PAGE_A));
    assert_abort(w.cpu, PAGE_A, 0x21 | WNR);
    board_free(w.b);
}

/* ---- MMIO ---- */

static bool run(struct cpu *cpu, uint32_t word)
{
    struct insn i;

    a64_decode(word, 0, true, &i);
    return i.fn(cpu, &i) == &i + 1;
}

static void answer(struct cpu *cpu, uint64_t value)
{
    assert_true(cpu->mmio.waiting);
    assert_true(cpu->exit_pending);
    assert_int_not_equal(cpu->attention & ATT_EXIT, 0);
    cpu->mmio.log[cpu->mmio.answered++].value = value;
    cpu->mmio.waiting = false;
    cpu->mmio.cursor = 0;
    cpu->exit_pending = false;
    cpu->attention = 0;
}

static void done(struct cpu *cpu)
{
    assert_false(cpu->mmio.waiting);
    assert_int_equal(cpu->mmio.cursor, cpu->mmio.answered);
    cpu->mmio.cursor = cpu->mmio.answered = 0;
}

static void assert_exit(const struct board *b, gpa_t addr, unsigned size,
                        bool is_write)
{
    assert_int_equal(b->exit.kind, EXIT_MMIO);
    assert_int_equal(b->exit.addr, addr);
    assert_int_equal(b->exit.size, size);
    assert_int_equal(b->exit.is_write, is_write);
}

static void a_device_read_leaves_and_is_replayed(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[2] = VA_DEV + 4;
    w.cpu->x[1] = 0x1111;
    assert_false(run(w.cpu, 0xb8404441)); /* ldr w1, [x2], #4 */
    assert_exit(w.b, DEVICE + 4, 4, false);
    assert_int_equal(w.cpu->pc, 0x1000);
    assert_int_equal(w.cpu->x[2], VA_DEV + 4);
    assert_int_equal(w.cpu->x[1], 0x1111);
    answer(w.cpu, 0xffffffffdeadbeef);
    assert_true(run(w.cpu, 0xb8404441));
    assert_int_equal(w.cpu->x[1], 0xdeadbeef);
    assert_int_equal(w.cpu->x[2], VA_DEV + 8);
    done(w.cpu);
    board_free(w.b);
}

static void a_device_write_carries_its_value(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[2] = VA_DEV + 0x10;
    w.cpu->x[1] = 0x123456789abcdef0;
    assert_false(run(w.cpu, 0x79000441)); /* strh w1, [x2, #2] */
    assert_exit(w.b, DEVICE + 0x12, 2, true);
    assert_int_equal(w.b->exit.value, 0xdef0);
    answer(w.cpu, 0);
    assert_true(run(w.cpu, 0x79000441));
    done(w.cpu);
    board_free(w.b);
}

static void a_pair_is_two_device_accesses(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[2] = VA_DEV;
    assert_false(run(w.cpu, 0xa9411041)); /* ldp x1, x4, [x2, #16] */
    assert_exit(w.b, DEVICE + 16, 8, false);
    answer(w.cpu, 100);
    assert_false(run(w.cpu, 0xa9411041));
    assert_exit(w.b, DEVICE + 24, 8, false);
    answer(w.cpu, 200);
    assert_true(run(w.cpu, 0xa9411041));
    assert_int_equal(w.cpu->x[1], 100);
    assert_int_equal(w.cpu->x[4], 200);
    done(w.cpu);
    board_free(w.b);
}

static void sixty_four_bytes_to_a_device_fit_the_log(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[2] = VA_DEV;
    for (unsigned n = 0; n < 64; n++)
        w.cpu->v[1 + n % 4].b[n / 4] = (uint8_t)n;
    for (unsigned n = 0; n < 64; n++) {
        assert_false(run(w.cpu, 0x4c000041)); /* st4 {v1.16b-v4.16b}, [x2] */
        assert_exit(w.b, DEVICE + n, 1, true);
        assert_int_equal(w.b->exit.value, n);
        answer(w.cpu, 0);
    }
    assert_true(run(w.cpu, 0x4c000041));
    done(w.cpu);
    board_free(w.b);
}

static void an_answer_to_another_question_is_not_taken(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[2] = VA_DEV;
    assert_false(run(w.cpu, 0xf9400441)); /* ldr x1, [x2, #8] */
    answer(w.cpu, 1);
    map(w.b, w.root, VA_DEV, DEVICE + 0x1000, D_PLAIN | D_DEVICE);
    assert_false(run(w.cpu, 0xf9400441));
    assert_exit(w.b, DEVICE + 0x1008, 8, false);
    answer(w.cpu, 2);
    assert_true(run(w.cpu, 0xf9400441));
    assert_int_equal(w.cpu->x[1], 2);
    done(w.cpu);
    board_free(w.b);
}

static void from_ram_into_a_device_the_device_goes_first(void **state)
{
    struct world w = world_new();

    (void)state;
    map(w.b, w.root, VA + 0x1000, DEVICE, D_PLAIN); /* Normal: unaligned */
    w.cpu->x[2] = VA + 0xffe;
    w.cpu->x[1] = 0x44332211;
    assert_false(run(w.cpu, 0xb9000041)); /* str w1, [x2] */
    assert_exit(w.b, DEVICE, 1, true);
    assert_int_equal(w.b->exit.value, 0x33);
    assert_int_equal(*ram(w.b, PAGE_A + 0xff8), 0);
    answer(w.cpu, 0);
    assert_false(run(w.cpu, 0xb9000041));
    assert_exit(w.b, DEVICE + 1, 1, true);
    answer(w.cpu, 0);
    assert_true(run(w.cpu, 0xb9000041));
    assert_int_equal(*ram(w.b, PAGE_A + 0xff8), 0x2211000000000000);
    done(w.cpu);
    board_free(w.b);
}

/* ---- watchpoints ---- */

static void watch(struct cpu *cpu, uint64_t value, uint64_t control)
{
    cpu->sys[SYS_DBGWVR1_EL1] = value;
    cpu->sys[SYS_DBGWCR1_EL1] = control;
    cpu->sys[SYS_MDSCR_EL1] = 1 << 15 | 1 << 13;
    cpu->sys[SYS_OSLSR_EL1] = 8;
    mmu_debug_changed(cpu);
}

static bool fires(struct cpu *cpu, uint64_t va, unsigned bytes, bool is_write)
{
    uint64_t v[8] = {0};
    bool ok;

    cpu->pc = 0x1000;
    cpu->daif = 0;
    cpu->sys[SYS_ESR_EL1] = 0;
    ok = is_write ? mem_write(cpu, &none, va, v, bytes, 1, ACC_WRITE)
                  : mem_read(cpu, &none, va, v, bytes, 1, ACC_READ);
    if (!ok) {
        assert_int_equal(esr_ec(cpu), 0x35);
        assert_int_equal(cpu->sys[SYS_ESR_EL1] & 0x1ffffff,
                         0x22 | (is_write ? WNR : 0));
    }
    return !ok;
}

static void watchpoints_fire_on_their_bytes_only(void **state)
{
    struct world w = world_new();
    uint64_t on = 1 | 3 << 1 | 3 << 3;

    (void)state;
    load(w.cpu, VA); /* entered before it is watched */
    watch(w.cpu, VA + 0x20, on | 0x3c << 5);
    assert_false(fires(w.cpu, VA + 0x20, 2, false));
    assert_true(fires(w.cpu, VA + 0x24, 1, false));
    assert_true(fires(w.cpu, VA + 0x25, 1, true));
    assert_false(fires(w.cpu, VA + 0x26, 2, true));
    assert_true(fires(w.cpu, VA + 0x18, 16, true));
    assert_int_equal(w.cpu->sys[SYS_FAR_EL1], VA + 0x22);
    watch(w.cpu, VA + 0x24, on | 0x1 << 5);
    assert_true(fires(w.cpu, VA + 0x24, 1, false));
    assert_false(fires(w.cpu, VA + 0x25, 1, false));
    watch(w.cpu, VA + 0x100, on | 0xff << 5 | 8 << 24);
    assert_true(fires(w.cpu, VA + 0x1ff, 1, false));
    assert_false(fires(w.cpu, VA + 0x200, 8, false));
    assert_true(fires(w.cpu, VA + 0xff, 2, false));
    assert_int_equal(w.cpu->sys[SYS_FAR_EL1], VA + 0x100);
    board_free(w.b);
}

static void watchpoints_mind_direction_privilege_and_masks(void **state)
{
    struct world w = world_new();
    uint64_t all = 0xffull << 5, va = VA + 0x40;

    (void)state;
    watch(w.cpu, va, 1 | 3 << 1 | 1 << 3 | all); /* loads */
    assert_true(fires(w.cpu, va, 8, false));
    assert_false(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 1 | 3 << 1 | 2 << 3 | all); /* stores */
    assert_false(fires(w.cpu, va, 8, false));
    assert_true(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 1 | 2 << 1 | 3 << 3 | all); /* EL0 */
    assert_false(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 0 | 3 << 1 | 3 << 3 | all); /* disabled */
    assert_false(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 1 | 3 << 1 | 3 << 3 | all);
    assert_true(fires(w.cpu, va, 8, true));
    w.cpu->sys[SYS_MDSCR_EL1] = 1 << 15; /* KDE off */
    mmu_debug_changed(w.cpu);
    assert_false(fires(w.cpu, va, 8, true));
    w.cpu->sys[SYS_MDSCR_EL1] = 1 << 13; /* MDE off */
    mmu_debug_changed(w.cpu);
    assert_false(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 1 | 3 << 1 | 3 << 3 | all);
    w.cpu->sys[SYS_OSLSR_EL1] = 0xa;
    mmu_debug_changed(w.cpu);
    assert_false(fires(w.cpu, va, 8, true));
    watch(w.cpu, va, 1 | 3 << 1 | 3 << 3 | all);
    w.cpu->daif = 8; /* PSTATE.D */
    assert_int_equal(load(w.cpu, va), 0);
    board_free(w.b);
}

static void dc_zva_zeroes_its_block(void **state)
{
    struct world w = world_new();

    (void)state;
    memset(ram(w.b, PAGE_A), 0xff, 4096);
    assert_true(mem_zero_block(w.cpu, &none, VA + 0x7f));  /* slow */
    assert_true(mem_zero_block(w.cpu, &none, VA + 0x100)); /* fast */
    for (unsigned n = 0; n < 4096; n += 8) {
        bool zero = n / 64 == 1 || n / 64 == 4;

        assert_int_equal(*ram(w.b, PAGE_A + n), zero ? 0 : ~0ull);
    }
    assert_false(mem_zero_block(w.cpu, &none, VA_DEV + 0x1008));
    assert_abort(w.cpu, VA_DEV + 0x1008, 0x21 | WNR);
    board_free(w.b);
}

static void cache_maintenance_needs_a_right_to_read_at_el0(void **state)
{
    struct world w = world_new();

    (void)state;
    map(w.b, w.root, 0x9000, PAGE_A, D_PLAIN | D_USER | D_RO);
    w.cpu->pan = 1;
    mmu_context_changed(w.cpu);
    assert_true(mem_cache_op(w.cpu, &none, VA));
    assert_true(mem_cache_op(w.cpu, &none, 0x9000)); /* whatever PAN says */
    assert_true(mem_cache_op(w.cpu, &none, VA_DEV));
    enter_el(w.cpu, 0);
    assert_true(mem_cache_op(w.cpu, &none, 0x9000));
    assert_false(mem_cache_op(w.cpu, &none, VA));
    assert_int_equal(w.cpu->sys[SYS_ESR_EL1] & 0x1ffffff, 0xf | WNR | CM);
    board_free(w.b);
}

static void slow_writes_are_marked_dirty(void **state)
{
    struct world w = world_new();

    (void)state;
    set_sys(w.cpu, SYS_SCTLR_EL1, 0);
    assert_int_equal(gmem_track_start(&w.b->ram, 4096, NULL), 0);
    load(w.cpu, PAGE_A);
    assert_false(gmem_take_dirty(&w.b->ram, PAGE_A));
    mem_st64(w.cpu, &none, PAGE_A, 1);
    assert_true(gmem_take_dirty(&w.b->ram, PAGE_A));
    mem_st64(w.cpu, &none, PAGE_A, 1);
    assert_true(gmem_take_dirty(&w.b->ram, PAGE_A));
    board_free(w.b);
}

/* ---- read-only memory, memory that goes ---- */

#define PMEM     (512ull << 30)
#define VA_PMEM  0x20000ull
#define VA_BLOCK 0x30000ull
#define BLOCKS   (PMEM + (1ull << 30))
enum { MIB2 = 2 << 20 };

/* A file that is read-only at PMEM and one plugged block at BLOCKS. */
static struct world far_world_new(void)
{
    const uint64_t leaf = PAGE_A | 3; /* the access flag is 0 */
    struct world w = world_new();
    FILE *file = tmpfile();
    struct filemap *pmem;

    assert_int_equal(ftruncate(fileno(file), MIB2), 0);
    assert_int_equal(pwrite(fileno(file), "squibsquib", 8, 0), 8);
    assert_int_equal(pwrite(fileno(file), &leaf, 8, 0x1000), 8);
    pmem = filemap_new(fileno(file), MIB2, MIB2, true, NULL);
    fclose(file);
    assert_int_equal(gmem_add_file(&w.b->ram, PMEM, MIB2, pmem, true, NULL), 0);
    assert_int_equal(gmem_add_blocks(&w.b->ram, BLOCKS, 4 * MIB2, MIB2, NULL),
                     0);
    assert_int_equal(gmem_plug(&w.b->ram, BLOCKS, MIB2), 0);
    w.b->vm.code_gen[1] = calloc(MIB2 / 4096, sizeof(uint32_t));
    w.b->vm.code_gen[2] = calloc(4 * MIB2 / 4096, sizeof(uint32_t));
    set_sys(w.cpu, SYS_TCR_EL1, w.cpu->sys[SYS_TCR_EL1] | 2ull << 32);
    map(w.b, w.root, VA_PMEM, PMEM, D_PLAIN);
    map(w.b, w.root, VA_BLOCK, BLOCKS, D_PLAIN);
    map(w.b, w.root, VA_BLOCK + 0x1000, BLOCKS + MIB2, D_PLAIN);
    return w;
}

static void a_write_to_read_only_memory_leaves_as_to_a_device(void **state)
{
    struct world w = far_world_new();

    (void)state;
    assert_int_equal(load(w.cpu, VA_PMEM), 0x7571736269757173);
    w.cpu->x[2] = VA_PMEM + 8;
    w.cpu->x[1] = 0x1122;
    for (unsigned n = 0; n < 2; n++) {        /* also after a hit in the TLB */
        assert_false(run(w.cpu, 0xf9000041)); /* str x1, [x2] */
        assert_exit(w.b, PMEM + 8, 8, true);
        assert_int_equal(w.b->exit.value, 0x1122);
        answer(w.cpu, 0);
        assert_true(run(w.cpu, 0xf9000041));
        done(w.cpu);
        assert_int_equal(load(w.cpu, VA_PMEM + 8), 0);
    }
    set_sys(w.cpu, SYS_SCTLR_EL1, 0); /* the same without the MMU */
    w.cpu->x[2] = PMEM + 8;
    assert_false(run(w.cpu, 0xf9000041));
    assert_exit(w.b, PMEM + 8, 8, true);
    board_free(w.b);
}

static void atomics_on_read_only_memory_abort(void **state)
{
    struct world w = far_world_new();
    unsigned rmw = ACC_WRITE | ACC_ATOMIC;

    (void)state;
    assert_non_null(mem_atomic(w.cpu, &none, VA_PMEM, 8, ACC_READ));
    assert_null(mem_atomic(w.cpu, &none, VA_PMEM, 8, rmw));
    assert_abort(w.cpu, VA_PMEM, 0x35 | WNR);
    w.cpu->pc = 0x1000;
    assert_null(mem_atomic(w.cpu, &none, VA_PMEM, 8, ACC_WRITE));
    assert_abort(w.cpu, VA_PMEM, 0x35 | WNR);
    board_free(w.b);
}

static void dc_zva_of_read_only_memory_leaves_in_pieces(void **state)
{
    struct world w = far_world_new();

    (void)state;
    w.cpu->x[2] = VA_PMEM + 5;
    for (unsigned n = 0; n < 8; n++) {
        assert_false(run(w.cpu, 0xd50b7422)); /* dc zva, x2 */
        assert_exit(w.b, PMEM + 8 * n, 8, true);
        answer(w.cpu, 0);
    }
    assert_true(run(w.cpu, 0xd50b7422));
    done(w.cpu);
    assert_int_equal(load(w.cpu, VA_PMEM), 0x7571736269757173);
    assert_true(mem_cache_op(w.cpu, &none, VA_PMEM));
    board_free(w.b);
}

/* The walk would have to set the access flag where nothing can be set. */
static void a_table_in_read_only_memory_takes_no_access_flag(void **state)
{
    struct world w = far_world_new();
    uint64_t v;

    (void)state;
    set_sys(w.cpu, SYS_TCR_EL1, w.cpu->sys[SYS_TCR_EL1] | 1ull << 39);
    *desc_at(w.b, w.root, 48, 0x40000000, 2) = (PMEM + 0x2000) | 3;
    assert_false(mem_ld64(w.cpu, &none, 0x40000000, &v));
    assert_abort(w.cpu, 0x40000000, 7); /* zeros are invalid */
    w.cpu->pc = 0x1000;
    *desc_at(w.b, w.root, 48, 0x40000000, 2) = (PMEM + 0x1000) | 3;
    mmu_flush_all(w.cpu);
    assert_false(mem_ld64(w.cpu, &none, 0x40000000, &v));
    assert_abort(w.cpu, 0x40000000, 0x17);
    board_free(w.b);
}

static void what_was_unplugged_reads_as_a_device(void **state)
{
    struct world w = far_world_new();

    (void)state;
    assert_true(mem_st64(w.cpu, &none, VA_BLOCK, 42));
    assert_int_equal(load(w.cpu, VA_BLOCK), 42);
    w.cpu->x[2] = VA_BLOCK + 0x1000;
    assert_false(run(w.cpu, 0xf9400041)); /* ldr x1, [x2] */
    assert_exit(w.b, BLOCKS + MIB2, 8, false);
    answer(w.cpu, 0);
    assert_true(run(w.cpu, 0xf9400041));
    done(w.cpu);
    assert_int_equal(gmem_unplug(&w.b->ram, BLOCKS, MIB2), 0);
    mmu_ram_gone(&w.b->vm);
    mmu_do_work(w.cpu);
    w.cpu->x[2] = VA_BLOCK;
    assert_false(run(w.cpu, 0xf9400041));
    assert_exit(w.b, BLOCKS, 8, false);
    board_free(w.b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accesses_may_cross_into_another_page),
        cmocka_unit_test(a_fault_in_the_second_page_leaves_the_first_alone),
        cmocka_unit_test(aborts_say_what_was_tried),
        cmocka_unit_test(a_read_modify_write_blames_the_read_if_it_faults_too),
        cmocka_unit_test(unaligned_accesses_fault_where_they_must),
        cmocka_unit_test(with_the_mmu_off_unaligned_data_faults),
        cmocka_unit_test(a_device_read_leaves_and_is_replayed),
        cmocka_unit_test(a_device_write_carries_its_value),
        cmocka_unit_test(a_pair_is_two_device_accesses),
        cmocka_unit_test(sixty_four_bytes_to_a_device_fit_the_log),
        cmocka_unit_test(an_answer_to_another_question_is_not_taken),
        cmocka_unit_test(from_ram_into_a_device_the_device_goes_first),
        cmocka_unit_test(watchpoints_fire_on_their_bytes_only),
        cmocka_unit_test(watchpoints_mind_direction_privilege_and_masks),
        cmocka_unit_test(dc_zva_zeroes_its_block),
        cmocka_unit_test(cache_maintenance_needs_a_right_to_read_at_el0),
        cmocka_unit_test(slow_writes_are_marked_dirty),
        cmocka_unit_test(a_write_to_read_only_memory_leaves_as_to_a_device),
        cmocka_unit_test(atomics_on_read_only_memory_abort),
        cmocka_unit_test(dc_zva_of_read_only_memory_leaves_in_pieces),
        cmocka_unit_test(a_table_in_read_only_memory_takes_no_access_flag),
        cmocka_unit_test(what_was_unplugged_reads_as_a_device),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
