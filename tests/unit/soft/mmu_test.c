// SPDX-License-Identifier: Apache-2.0
/* Walks and their faults, permissions, hardware updates, AT. */

#include "board.h"

enum { RWX_R = 1, RWX_W = 2, RWX_X = 4 };

static struct mmu_result walk(struct cpu *cpu, uint64_t va, unsigned acc,
                              unsigned el)
{
    struct mmu_result res;

    mmu_translate(cpu, va, acc, el, &res);
    return res;
}

/* The fault code, or -1 */
static int fsc_of(struct cpu *cpu, uint64_t va, unsigned acc, unsigned el)
{
    struct mmu_result res = walk(cpu, va, acc, el);

    return res.fault ? res.fsc : -1;
}

static void with_the_mmu_off_addresses_are_flat_and_data_is_device(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    struct mmu_result res = walk(cpu, RAM + 0x123, ACC_READ, 1);

    (void)state;
    assert_false(res.fault);
    assert_int_equal(res.pa, RAM + 0x123);
    assert_true(res.is_device);
    assert_ptr_equal(res.host, (uint8_t *)ram(b, RAM) + 0x123);
    assert_false(walk(cpu, RAM, ACC_EXEC, 1).is_device);
    assert_false(walk(cpu, (1ull << 40) - 1, ACC_READ, 1).fault);
    assert_int_equal(fsc_of(cpu, 1ull << 40, ACC_READ, 1), 0);
    assert_int_equal(fsc_of(cpu, HIGH, ACC_READ, 0), 0);
    board_free(b);
}

static void every_granule_half_and_leaf_level_translates(void **state)
{
    static const unsigned first_block[] = {[12] = 1, [14] = 2, [16] = 2};

    (void)state;
    for (unsigned granule = 12; granule <= 16; granule += 2) {
        for (unsigned half = 0; half < 2; half++) {
            for (unsigned level = first_block[granule]; level < 4; level++) {
                struct board *b = board_new();
                struct cpu *cpu = b->cpu[0];
                uint64_t va = (half ? HIGH : 0) | 0x5a7b00000000ull;
                uint64_t off, pa = 0xc000000000ull;
                struct mmu_result res;

                b->granule = granule;
                b->next_table = TABLES;
                mmu_on(b, cpu, TABLES + 0x1000000, TABLES + 0x1100000);
                map_at(b, half ? TABLES + 0x1100000 : TABLES + 0x1000000, 48,
                       va, pa, level, D_PLAIN);
                off = (1ull << level_shift(b, level)) - 1;
                res = walk(cpu, (va & ~off) | (off & 0x123456789abcdefull),
                           ACC_READ, 1);
                assert_false(res.fault);
                assert_int_equal(res.pa,
                                 (pa & ~off) | (off & 0x123456789abcdefull));
                assert_int_equal(res.leaf_shift, level_shift(b, level));
                assert_null(res.host);
                assert_int_equal(res.attr, 0xff);
                board_free(b);
            }
        }
    }
}

static void each_address_size_starts_at_its_level(void **state)
{
    (void)state;
    for (unsigned granule = 12; granule <= 16; granule += 2) {
        for (unsigned tsz = 16; tsz <= 39; tsz++) {
            struct board *b = board_new();
            struct cpu *cpu = b->cpu[0];
            unsigned bits = 64 - tsz;
            uint64_t top = ((1ull << bits) - 1) & ~0xffffull;
            gpa_t root = TABLES + 0x1000000;

            b->granule = granule;
            mmu_on(b, cpu, root, root);
            set_sys(cpu, SYS_TCR_EL1,
                    (cpu->sys[SYS_TCR_EL1] & ~0x3f003full) | tsz | tsz << 16);
            map_at(b, root, bits, top, RAM + 0x10000, 3, D_PLAIN);
            assert_int_equal(walk(cpu, top + 8, ACC_READ, 1).pa, RAM + 0x10008);
            assert_int_equal(walk(cpu, ~0xffffull + 8, ACC_READ, 1).pa,
                             RAM + 0x10008);
            assert_int_equal(fsc_of(cpu, 1ull << bits, ACC_READ, 1), 4);
            assert_int_equal(fsc_of(cpu, (~0ull << bits) - 1, ACC_READ, 1), 4);
            board_free(b);
        }
    }
}

/* One broken descriptor at each level, and the code it must give. */
static void each_fault_reports_its_level(void **state)
{
    (void)state;
    for (unsigned granule = 12; granule <= 16; granule += 2) {
        struct board *b = board_new();
        struct cpu *cpu = b->cpu[0];
        gpa_t root = TABLES + 0x1000000;
        uint64_t va = 0x123456780000ull;

        b->granule = granule;
        mmu_on(b, cpu, root, root);
        map(b, root, va, RAM, D_PLAIN);
        for (int level = start_level(b, 48); level < 4; level++) {
            uint64_t *d = desc_at(b, root, 48, va, level);
            uint64_t good = *d;

            *d = good & ~1ull;
            assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 4 + level);
            *d = good | 1ull << 45;
            assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), level);
            *d = 0;
            if (level < 3) {
                *d = 0x40000000ull | 3;
                assert_int_equal(fsc_of(cpu, va, ACC_READ, 1),
                                 0x14 + level + 1);
                *d = good & ~2ull; /* a block here? */
                if (level == 0 || (level == 1 && granule != 12))
                    assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 4 + level);
                else
                    assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 8 + level);
            } else {
                *d = good & ~2ull;
                assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 7);
                *d = good & ~D_AF;
                assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 0xb);
                *d = good | D_RO;
                assert_int_equal(fsc_of(cpu, va, ACC_WRITE, 1), 0xf);
                assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), -1);
                assert_int_equal(fsc_of(cpu, va, ACC_READ, 0), 0xf);
            }
            *d = good;
        }
        set_sys(cpu, SYS_TTBR0_EL1, 0x8000000000000000ull | 0x50000000);
        assert_int_equal(fsc_of(cpu, va, ACC_READ, 1),
                         0x14 + (int)start_level(b, 48));
        set_sys(cpu, SYS_TTBR0_EL1, 1ull << 44);
        assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 0);
        board_free(b);
    }
}

static void the_output_size_follows_ips(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    uint64_t tcr;

    (void)state;
    mmu_on(b, cpu, TABLES + 0x1000000, TABLES + 0x1000000);
    map(b, TABLES + 0x1000000, 0, 0xff00000000ull, D_PLAIN);
    map(b, TABLES + 0x1000000, 0x1000, RAM, D_PLAIN);
    tcr = cpu->sys[SYS_TCR_EL1] & ~(7ull << 32);
    for (uint64_t ips = 0; ips < 8; ips++) {
        set_sys(cpu, SYS_TCR_EL1, tcr | ips << 32);
        assert_int_equal(fsc_of(cpu, 0, ACC_READ, 1), ips < 2 ? 3 : -1);
        assert_int_equal(fsc_of(cpu, 0x1000, ACC_READ, 1), -1);
    }
    board_free(b);
}

static void tagged_addresses_need_tbi(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    uint64_t tcr;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, D_PLAIN);
    tcr = cpu->sys[SYS_TCR_EL1];
    assert_int_equal(fsc_of(cpu, 0xab00000000005000ull, ACC_READ, 1), 4);
    set_sys(cpu, SYS_TCR_EL1, tcr | 1ull << 37);
    assert_int_equal(walk(cpu, 0xab00000000005000ull, ACC_READ, 1).pa, RAM);
    assert_int_equal(fsc_of(cpu, 0xabff000000005000ull, ACC_READ, 1), 4);
    set_sys(cpu, SYS_TCR_EL1, tcr | 1ull << 38);
    assert_int_equal(walk(cpu, 0xabff000000005000ull, ACC_READ, 1).pa, RAM);
    assert_int_equal(fsc_of(cpu, 0xab00000000005000ull, ACC_READ, 1), 4);
    board_free(b);
}

static void epd_and_e0pd_close_a_half(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    uint64_t tcr;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, D_PLAIN | D_USER);
    tcr = cpu->sys[SYS_TCR_EL1];
    for (unsigned half = 0; half < 2; half++) {
        uint64_t va = half ? HIGH | 0x5000 : 0x5000;
        uint64_t other = half ? 0x5000 : HIGH | 0x5000;

        set_sys(cpu, SYS_TCR_EL1, tcr | 1ull << (half ? 23 : 7));
        assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), 4);
        assert_int_equal(fsc_of(cpu, other, ACC_READ, 1), -1);
        set_sys(cpu, SYS_TCR_EL1, tcr | 1ull << (55 + half));
        assert_int_equal(fsc_of(cpu, va, ACC_READ, 1), -1);
        assert_int_equal(fsc_of(cpu, va, ACC_READ, 0), 4);
        assert_int_equal(fsc_of(cpu, va, ACC_READ | ACC_UNPRIV, 1), 4);
        assert_int_equal(fsc_of(cpu, other, ACC_READ, 0), -1);
    }
    board_free(b);
}

static unsigned rights(struct cpu *cpu, uint64_t va, unsigned el)
{
    return (fsc_of(cpu, va, ACC_READ, el) < 0 ? RWX_R : 0) |
           (fsc_of(cpu, va, ACC_WRITE, el) < 0 ? RWX_W : 0) |
           (fsc_of(cpu, va, ACC_EXEC, el) < 0 ? RWX_X : 0);
}

/* Table D8-46 and its neighbours, by hand. */
static const struct {
    uint64_t leaf, table;
    bool wxn, pan, hpd;
    unsigned el1, el0;
} permissions[] = {
    {0, 0, 0, 0, 0, RWX_R | RWX_W | RWX_X, RWX_X},
    {D_USER, 0, 0, 0, 0, RWX_R | RWX_W, RWX_R | RWX_W | RWX_X},
    {D_RO, 0, 0, 0, 0, RWX_R | RWX_X, RWX_X},
    {D_RO | D_USER, 0, 0, 0, 0, RWX_R | RWX_X, RWX_R | RWX_X},
    {D_PXN, 0, 0, 0, 0, RWX_R | RWX_W, RWX_X},
    {D_UXN, 0, 0, 0, 0, RWX_R | RWX_W | RWX_X, 0},
    {D_RO | D_USER | D_UXN | D_PXN, 0, 0, 0, 0, RWX_R, RWX_R},
    {0, 0, 1, 0, 0, RWX_R | RWX_W, RWX_X},
    {D_USER, 0, 1, 0, 0, RWX_R | RWX_W, RWX_R | RWX_W},
    {D_RO | D_USER, 0, 1, 0, 0, RWX_R | RWX_X, RWX_R | RWX_X},
    {D_USER, 0, 0, 1, 0, 0, RWX_R | RWX_W | RWX_X},
    {D_RO | D_USER, 0, 0, 1, 0, RWX_X, RWX_R | RWX_X},
    {0, 0, 0, 1, 0, RWX_R | RWX_W | RWX_X, RWX_X},
    {D_USER, 1ull << 61, 0, 0, 0, RWX_R | RWX_W | RWX_X, RWX_X},
    {D_USER, 1ull << 62, 0, 0, 0, RWX_R | RWX_X, RWX_R | RWX_X},
    {0, 1ull << 59, 0, 0, 0, RWX_R | RWX_W, RWX_X},
    {0, 1ull << 60, 0, 0, 0, RWX_R | RWX_W | RWX_X, 0},
    {D_USER, 15ull << 59, 0, 0, 1, RWX_R | RWX_W, RWX_R | RWX_W | RWX_X},
    {D_USER, 1ull << 61, 0, 1, 0, RWX_R | RWX_W | RWX_X, RWX_X},
};

static void permissions_are_those_of_the_manual(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    uint64_t tcr, *table, plain;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, D_PLAIN);
    tcr = cpu->sys[SYS_TCR_EL1];
    for (unsigned n = 0; n < ARRAY_LEN(permissions); n++) {
        for (unsigned level = 0; level < 3; level++) {
            map(b, root, 0x5000, RAM, D_PLAIN | permissions[n].leaf);
            table = desc_at(b, root, 48, 0x5000, level);
            plain = *table;
            *table |= permissions[n].table;
            cpu->pan = permissions[n].pan;
            set_sys(cpu, SYS_SCTLR_EL1,
                    1 | 4 | (uint64_t)permissions[n].wxn << 19);
            set_sys(cpu, SYS_TCR_EL1, tcr | (uint64_t)permissions[n].hpd << 41);
            assert_int_equal(rights(cpu, 0x5000, 1), permissions[n].el1);
            assert_int_equal(rights(cpu, 0x5000, 0), permissions[n].el0);
            *table = plain;
        }
    }
    board_free(b);
}

static void unprivileged_accesses_look_at_el0_unless_uao(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, D_PLAIN);
    map(b, root, 0x6000, RAM, D_PLAIN | D_USER);
    cpu->pan = 1;
    mmu_context_changed(cpu);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_UNPRIV, 1), 0xf);
    assert_int_equal(fsc_of(cpu, 0x6000, ACC_UNPRIV, 1), -1);
    cpu->uao = 1;
    mmu_context_changed(cpu);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_UNPRIV, 1), -1);
    assert_int_equal(fsc_of(cpu, 0x6000, ACC_UNPRIV, 1), 0xf);
    board_free(b);
}

static void hardware_sets_the_access_flag(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    uint64_t *d;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, (D_PLAIN & ~D_AF) | D_RO);
    d = desc_at(b, root, 48, 0x5000, 3);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_READ, 1), 0xb);
    set_sys(cpu, SYS_TCR_EL1, cpu->sys[SYS_TCR_EL1] | 1ull << 39);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_READ | ACC_AT, 1), -1);
    assert_int_equal(*d & D_AF, 0);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_WRITE, 1), 0xf);
    assert_int_equal(*d & D_AF, 0);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_READ, 1), -1);
    assert_int_equal(*d & D_AF, D_AF);
    board_free(b);
}

static void hardware_sets_the_dirty_state_on_writes_only(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    uint64_t *d, tcr;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM, D_PLAIN | D_RO | D_DBM);
    d = desc_at(b, root, 48, 0x5000, 3);
    tcr = cpu->sys[SYS_TCR_EL1];
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_WRITE, 1), 0xf);
    set_sys(cpu, SYS_TCR_EL1, tcr | 1ull << 40); /* HD without HA: nothing */
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_WRITE, 1), 0xf);
    set_sys(cpu, SYS_TCR_EL1, tcr | 3ull << 39);
    assert_false(walk(cpu, 0x5000, ACC_READ, 1).writable);
    load(cpu, 0x5000); /* fills the TLB for reads */
    assert_int_equal(*d & D_RO, D_RO);
    assert_true(mem_st64(cpu, &(struct insn){.word = 0}, 0x5000, 7));
    assert_int_equal(*d & D_RO, 0);
    assert_int_equal(*ram(b, RAM), 7);
    board_free(b);
}

static void a_hardware_update_marks_the_table_dirty(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;

    (void)state;
    mmu_on(b, cpu, root, root);
    set_sys(cpu, SYS_TCR_EL1, cpu->sys[SYS_TCR_EL1] | 1ull << 39);
    map(b, root, 0x5000, RAM, D_PLAIN & ~D_AF);
    assert_int_equal(gmem_track_start(&b->ram, 4096, NULL), 0);
    assert_int_equal(fsc_of(cpu, 0x5000, ACC_READ, 1), -1);
    assert_true(gmem_take_dirty(
        &b->ram, RAM + (gpa_t)((uint8_t *)desc_at(b, root, 48, 0x5000, 3) -
                               (uint8_t *)ram(b, RAM))));
    board_free(b);
}

static void a_table_that_points_to_itself_ends_the_walk(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;
    struct mmu_result res;

    (void)state;
    mmu_on(b, cpu, root, root);
    for (unsigned n = 0; n < 512; n++)
        *ram(b, root + 8 * n) = root | D_AF | 3;
    res = walk(cpu, 0x123456789000ull, ACC_READ, 1);
    assert_false(res.fault);
    assert_int_equal(res.pa, root);
    board_free(b);
}

static uint64_t xorshift(uint64_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return *s;
}

static void garbage_tables_never_leave_ram(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    uint64_t seed = 0x9e3779b97f4a7c15ull;

    (void)state;
    for (unsigned n = 0; n < 0x10000; n++) {
        uint64_t d = xorshift(&seed);

        /* every other one points somewhere near RAM */
        if (n & 1)
            d = (d & ~0xffffffff0000ull) | (RAM + (d & 0x4ff0000));
        *ram(b, TABLES + 8 * n) = d | 1;
    }
    for (unsigned n = 0; n < 100000; n++) {
        uint64_t r = xorshift(&seed);
        struct mmu_result res;

        if (n % 64 == 0) {
            cpu->sys[SYS_TCR_EL1] = xorshift(&seed);
            cpu->sys[SYS_TTBR0_EL1] = TABLES + (r & 0xfff0);
            cpu->sys[SYS_TTBR1_EL1] = r & 64 ? r : TABLES;
            cpu->sys[SYS_SCTLR_EL1] = xorshift(&seed) | 1;
            mmu_context_changed(cpu);
        }
        res = walk(cpu, r & 1 ? r | HIGH : r & 0xffffffffffffull,
                   (unsigned)(r >> 3 & 3), (unsigned)(r >> 2 & 1));
        if (!res.fault && res.host)
            assert_ptr_equal(res.host, gmem_at(&b->ram, res.pa, 1));
        if (!res.fault)
            assert_true(res.pa < 1ull << 40);
        load(cpu, r);
    }
    board_free(b);
}

static void at_reports_the_address_or_the_fault(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM + 0x3000, D_PLAIN | D_RO);
    map(b, root, 0x6000, RAM + 0x4000, D_PLAIN | D_USER | D_DEVICE);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 0), 0x5123),
                     0xff00000080003980ull);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 1), 0x5123),
                     0x800 | 0xf << 1 | 1);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 2), 0x5123),
                     0x800 | 0xf << 1 | 1);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 3), 0x6000),
                     0x0000000080004900ull);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 0), 0x200000),
                     0x800 | 6 << 1 | 1);
    cpu->pan = 1;
    mmu_context_changed(cpu);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 8, 1), 0x6000) & 1, 0);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 9, 0), 0x6000),
                     0x800 | 0xf << 1 | 1);
    assert_int_equal(mmu_at(cpu, SYSREG_KEY(1, 0, 7, 9, 1), 0x5000) & 1, 1);
    board_free(b);
}

static void code_is_fetched_or_the_abort_is_taken(void **state)
{
    struct board *b = board_new();
    struct cpu *cpu = b->cpu[0];
    gpa_t root = TABLES + 0x1000000, pa;
    const uint8_t *host;

    (void)state;
    mmu_on(b, cpu, root, root);
    map(b, root, 0x5000, RAM + 0x3000, D_PLAIN);
    map(b, root, 0x6000, DEVICE, D_PLAIN);
    cpu->pc = 0x5010;
    assert_true(mmu_fetch(cpu, 0x5010, &pa, &host));
    assert_int_equal(pa, RAM + 0x3010);
    assert_ptr_equal(host, (uint8_t *)ram(b, RAM + 0x3010));
    cpu->pc = 0x6010;
    assert_false(mmu_fetch(cpu, 0x6010, &pa, &host));
    assert_int_equal(esr_ec(cpu), 0x21);
    assert_int_equal(esr_fsc(cpu), 0x10);
    assert_int_equal(cpu->sys[SYS_FAR_EL1], 0x6010);
    assert_int_equal(cpu->sys[SYS_ELR_EL1], 0x6010);
    enter_el(cpu, 0);
    cpu->pc = 0x7000;
    assert_false(mmu_fetch(cpu, 0x7000, &pa, &host));
    assert_int_equal(esr_ec(cpu), 0x20);
    assert_int_equal(esr_fsc(cpu), 7);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            with_the_mmu_off_addresses_are_flat_and_data_is_device),
        cmocka_unit_test(every_granule_half_and_leaf_level_translates),
        cmocka_unit_test(each_address_size_starts_at_its_level),
        cmocka_unit_test(each_fault_reports_its_level),
        cmocka_unit_test(the_output_size_follows_ips),
        cmocka_unit_test(tagged_addresses_need_tbi),
        cmocka_unit_test(epd_and_e0pd_close_a_half),
        cmocka_unit_test(permissions_are_those_of_the_manual),
        cmocka_unit_test(unprivileged_accesses_look_at_el0_unless_uao),
        cmocka_unit_test(hardware_sets_the_access_flag),
        cmocka_unit_test(hardware_sets_the_dirty_state_on_writes_only),
        cmocka_unit_test(a_hardware_update_marks_the_table_dirty),
        cmocka_unit_test(a_table_that_points_to_itself_ends_the_walk),
        cmocka_unit_test(garbage_tables_never_leave_ram),
        cmocka_unit_test(at_reports_the_address_or_the_fault),
        cmocka_unit_test(code_is_fetched_or_the_abort_is_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
