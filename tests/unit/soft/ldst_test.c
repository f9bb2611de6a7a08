// SPDX-License-Identifier: Apache-2.0
/*
 * Loads, stores, exclusives and atomics by their encodings: each form through
 * the decoder and its executor, against memory worked out by hand. The words
 * are an assembler's.
 */

#include "board.h"

#define PAGE    (RAM + 0x10000)
#define VA      0x5000ull
#define BASE_VA (VA + 0x100)

struct world {
    struct board *b;
    struct cpu *cpu;
    uint8_t *mem; /* what x2 points to */
};

/* Memory counts up: byte n is n + 0x81, so that sign bits are set. */
static void fill(struct world *w)
{
    for (int n = -0x100; n < 0xf00; n++)
        w->mem[n] = (uint8_t)(n + 0x81);
}

static struct world world_new(void)
{
    struct world w = {.b = board_new()};
    gpa_t root = TABLES + 0x1000000;

    w.cpu = w.b->cpu[0];
    w.cpu->pc = w.cpu->blk_pc = BASE_VA;
    mmu_on(w.b, w.cpu, root, root);
    map(w.b, root, VA, PAGE, D_PLAIN);
    w.mem = (uint8_t *)ram(w.b, PAGE + 0x100);
    w.cpu->x[2] = BASE_VA;
    fill(&w);
    return w;
}

static bool run(struct cpu *cpu, uint32_t word)
{
    struct insn i;

    a64_decode(word, 0, true, &i);
    return i.fn(cpu, &i) == &i + 1;
}

static uint64_t bytes_at(const struct world *w, int off, unsigned bytes)
{
    uint64_t v = 0;

    memcpy(&v, w->mem + off, bytes);
    return v;
}

/* ---- loads of general registers ---- */

static const struct {
    uint32_t word;
    int off;
    uint8_t bytes;
    uint8_t sign_to; /* 0: zero-extended; 32, 64 */
    int base_step;
    uint64_t x3;
} loads[] = {
    {0xf9400441, 8, 8, 0, 0, 0},                   /* ldr x1, [x2, #8] */
    {0xb9400441, 4, 4, 0, 0, 0},                   /* ldr w1, [x2, #4] */
    {0x39400441, 1, 1, 0, 0, 0},                   /* ldrb w1, [x2, #1] */
    {0x79400441, 2, 2, 0, 0, 0},                   /* ldrh w1, [x2, #2] */
    {0x39800441, 1, 1, 64, 0, 0},                  /* ldrsb x1, [x2, #1] */
    {0x39c00441, 1, 1, 32, 0, 0},                  /* ldrsb w1, [x2, #1] */
    {0x79800441, 2, 2, 64, 0, 0},                  /* ldrsh x1, [x2, #2] */
    {0x79c00441, 2, 2, 32, 0, 0},                  /* ldrsh w1, [x2, #2] */
    {0xb9800441, 4, 4, 64, 0, 0},                  /* ldrsw x1, [x2, #4] */
    {0xf85f8441, 0, 8, 0, -8, 0},                  /* ldr x1, [x2], #-8 */
    {0xf8408c41, 8, 8, 0, 8, 0},                   /* ldr x1, [x2, #8]! */
    {0xf85f9041, -7, 8, 0, 0, 0},                  /* ldur x1, [x2, #-7] */
    {0xf8635841, 24, 8, 0, 0, 0xffffffff00000003}, /* w3, uxtw #3 */
    {0xf863c841, -3, 8, 0, 0, 0xfffffffd},         /* w3, sxtw */
    {0xf8637841, 24, 8, 0, 0, 3},                  /* x3, lsl #3 */
    {0xf863e841, -3, 8, 0, 0, ~2ull},              /* x3, sxtx */
    {0x78637841, 6, 2, 0, 0, 3},                   /* ldrh x3, lsl #1 */
    {0x58000081, 16, 8, 0, 0, 0},                  /* ldr x1, .+16 */
    {0x98ffffc1, -8, 4, 64, 0, 0},                 /* ldrsw x1, .-8 */
    {0x18000021, 4, 4, 0, 0, 0},                   /* ldr w1, .+4 */
    {0xc8dffc41, 0, 8, 0, 0, 0},                   /* ldar x1 */
    {0x08dffc41, 0, 1, 0, 0, 0},                   /* ldarb w1 */
    {0xf8bfc041, 0, 8, 0, 0, 0},                   /* ldapr x1 */
    {0x88df7c41, 0, 4, 0, 0, 0},                   /* ldlar w1 */
    {0xc85f7c41, 0, 8, 0, 0, 0},                   /* ldxr x1 */
    {0x085ffc41, 0, 1, 0, 0, 0},                   /* ldaxrb w1 */
};

static void loads_extend_and_step(void **state)
{
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(loads); n++) {
        uint64_t want = bytes_at(&w, loads[n].off, loads[n].bytes);

        if (loads[n].sign_to)
            want = (uint64_t)sext64(want, 8 * loads[n].bytes);
        if (loads[n].sign_to == 32)
            want = (uint32_t)want;
        w.cpu->x[1] = 0x5555555555555555;
        w.cpu->x[2] = BASE_VA;
        w.cpu->x[3] = loads[n].x3;
        assert_true(run(w.cpu, loads[n].word));
        assert_int_equal(w.cpu->x[1], want);
        assert_int_equal(w.cpu->x[2],
                         BASE_VA + (uint64_t)(int64_t)loads[n].base_step);
    }
    board_free(w.b);
}

static void a_load_that_faults_changes_nothing(void **state)
{
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(loads); n++) {
        if ((loads[n].word & 0x3b000000) == 0x18000000)
            continue; /* literals are where code is */
        w.cpu->pc = w.cpu->blk_pc = BASE_VA;
        w.cpu->x[1] = 0x5555555555555555;
        w.cpu->x[2] = 0x100000;
        w.cpu->x[3] = loads[n].x3;
        assert_false(run(w.cpu, loads[n].word));
        assert_int_equal(w.cpu->sys[SYS_FAR_EL1],
                         0x100000 + (uint64_t)(int64_t)loads[n].off);
        assert_int_equal(w.cpu->sys[SYS_ELR_EL1], BASE_VA);
        assert_int_equal(esr_ec(w.cpu), 0x25);
        assert_int_equal(w.cpu->x[1], 0x5555555555555555);
        assert_int_equal(w.cpu->x[2], 0x100000);
    }
    board_free(w.b);
}

static const struct {
    uint32_t word;
    int off;
    uint8_t bytes;
    int base_step;
} stores[] = {
    {0xf9000441, 8, 8, 0},     /* str x1, [x2, #8] */
    {0xb9000441, 4, 4, 0},     /* str w1, [x2, #4] */
    {0x39000441, 1, 1, 0},     /* strb w1, [x2, #1] */
    {0x79000441, 2, 2, 0},     /* strh w1, [x2, #2] */
    {0xf8010441, 0, 8, 16},    /* str x1, [x2], #16 */
    {0xf81f0c41, -16, 8, -16}, /* str x1, [x2, #-16]! */
    {0xc89ffc41, 0, 8, 0},     /* stlr x1 */
    {0x489ffc41, 0, 2, 0},     /* stlrh w1 */
    {0x889f7c41, 0, 4, 0},     /* stllr w1 */
};

static void stores_write_their_bytes_only(void **state)
{
    struct world w = world_new();
    uint64_t value = 0x0123456789abcdef;
    uint8_t want[0x200];

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(stores); n++) {
        fill(&w);
        memcpy(want, w.mem - 0x100, sizeof(want));
        memcpy(want + 0x100 + stores[n].off, &value, stores[n].bytes);
        w.cpu->x[1] = value;
        w.cpu->x[2] = BASE_VA;
        assert_true(run(w.cpu, stores[n].word));
        assert_memory_equal(w.mem - 0x100, want, sizeof(want));
        assert_int_equal(w.cpu->x[2],
                         BASE_VA + (uint64_t)(int64_t)stores[n].base_step);
    }
    board_free(w.b);
}

static void pairs_move_two_registers(void **state)
{
    static const struct {
        uint32_t word;
        int off, bytes, step;
        bool is_store, is_signed;
    } pairs[] = {
        {0xa9411041, 16, 8, 0, 0, 0},    {0x297f1041, -8, 4, 0, 0, 0},
        {0x69411041, 8, 4, 0, 0, 1},     {0xa8c21041, 0, 8, 32, 0, 0},
        {0xa9fe1041, -32, 8, -32, 0, 0}, {0xa8411041, 16, 8, 0, 0, 0},
        {0xa9011041, 16, 8, 0, 1, 0},    {0x293f1041, -8, 4, 0, 1, 0},
        {0xa8821041, 0, 8, 32, 1, 0},    {0xa9be1041, -32, 8, -32, 1, 0},
        {0x28011041, 8, 4, 0, 1, 0},
    };
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(pairs); n++) {
        int bytes = pairs[n].bytes;
        uint64_t a = 0x1111222233334444, b = 0x5555666677778888;

        w.cpu->x[1] = a;
        w.cpu->x[4] = b;
        w.cpu->x[2] = BASE_VA;
        assert_true(run(w.cpu, pairs[n].word));
        assert_int_equal(w.cpu->x[2],
                         BASE_VA + (uint64_t)(int64_t)pairs[n].step);
        if (pairs[n].is_signed) {
            a = (uint64_t)sext64(bytes_at(&w, pairs[n].off, 4), 32);
            b = (uint64_t)sext64(bytes_at(&w, pairs[n].off + 4, 4), 32);
        } else {
            a = bytes_at(&w, pairs[n].off, (unsigned)bytes);
            b = bytes_at(&w, pairs[n].off + bytes, (unsigned)bytes);
        }
        if (pairs[n].is_store && bytes == 4) {
            assert_int_equal((uint32_t)w.cpu->x[1], a);
            assert_int_equal((uint32_t)w.cpu->x[4], b);
        } else {
            assert_int_equal(w.cpu->x[1], a);
            assert_int_equal(w.cpu->x[4], b);
        }
        fill(&w);
    }
    board_free(w.b);
}

static void the_zero_register_is_read_and_thrown_away(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[REG_SP] = 0x1230;
    assert_true(run(w.cpu, 0xf940005f)); /* ldr xzr, [x2] */
    assert_int_equal(w.cpu->x[REG_SP], 0x1230);
    assert_int_equal(w.cpu->x[REG_ZERO], 0);
    assert_true(run(w.cpu, 0xf900005f)); /* str xzr, [x2] */
    assert_int_equal(bytes_at(&w, 0, 8), 0);
    assert_true(run(w.cpu, 0xf8010442)); /* str x2, [x2], #16 */
    assert_int_equal(bytes_at(&w, 0, 8), BASE_VA);
    board_free(w.b);
}

static void a_misaligned_sp_faults_if_checked(void **state)
{
    static const uint32_t with_sp[] = {
        0xf9400be1, 0xf90003e1, 0xa9400be1, 0xa9bf7bfd, 0x3dc003e1,
        0xc8dfffe1, 0xc85f7fe1, 0xf82503e1, 0x4c4073e1, 0xc8a57fe1};
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(with_sp); n++) {
        w.cpu->pc = BASE_VA;
        w.cpu->x[REG_SP] = BASE_VA + 8;
        set_sys(w.cpu, SYS_SCTLR_EL1, w.cpu->sys[SYS_SCTLR_EL1] & ~8ull);
        assert_true(run(w.cpu, with_sp[n]));
        w.cpu->x[REG_SP] = BASE_VA + 8;
        set_sys(w.cpu, SYS_SCTLR_EL1, w.cpu->sys[SYS_SCTLR_EL1] | 8);
        assert_false(run(w.cpu, with_sp[n]));
        assert_int_equal(esr_ec(w.cpu), 0x26);
        assert_int_equal(w.cpu->x[REG_SP], BASE_VA + 8);
    }
    w.cpu->x[REG_SP] = BASE_VA + 8;
    assert_true(run(w.cpu, 0xf98003e0)); /* prfm: never */
    board_free(w.b);
}

static void unprivileged_forms_use_el0s_rights(void **state)
{
    struct world w = world_new();
    gpa_t root = TABLES + 0x1000000;

    (void)state;
    assert_true(run(w.cpu, 0xf9400041));  /* ldr: fills the TLB of EL1 */
    assert_false(run(w.cpu, 0xf8400841)); /* ldtr x1, [x2] */
    assert_int_equal(esr_fsc(w.cpu), 0xf);
    map(w.b, root, VA, PAGE, D_PLAIN | D_USER | D_RO);
    mmu_flush_all(w.cpu);
    w.cpu->pan = 1;
    mmu_context_changed(w.cpu);
    assert_true(run(w.cpu, 0xf8400841));
    assert_int_equal(w.cpu->x[1], bytes_at(&w, 0, 8));
    assert_false(run(w.cpu, 0xf8000841)); /* sttr x1, [x2] */
    assert_false(run(w.cpu, 0xf9400041)); /* PAN, whatever ldtr cached */
    board_free(w.b);
}

/* ---- exclusives and atomics ---- */

static void store_exclusive_needs_its_load(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[5] = 9;
    w.cpu->x[1] = 7;
    assert_true(run(w.cpu, 0xc8057c41)); /* stxr w5, x1, [x2]: no monitor */
    assert_int_equal(w.cpu->x[5], 1);
    assert_true(run(w.cpu, 0xc85f7c41)); /* ldxr */
    w.cpu->x[1] = 7;
    assert_true(run(w.cpu, 0xc8057c41));
    assert_int_equal(w.cpu->x[5], 0);
    assert_int_equal(bytes_at(&w, 0, 8), 7);
    assert_true(run(w.cpu, 0xc8057c41)); /* the monitor is used up */
    assert_int_equal(w.cpu->x[5], 1);
    assert_true(run(w.cpu, 0xc85f7c41));
    w.mem[3] = 0x77; /* somebody else writes */
    assert_true(run(w.cpu, 0xc8057c41));
    assert_int_equal(w.cpu->x[5], 1);
    assert_true(run(w.cpu, 0xc85f7c41));
    assert_true(run(w.cpu, 0x0805fc41)); /* stlxrb: another size */
    assert_int_equal(w.cpu->x[5], 1);
    assert_true(run(w.cpu, 0xc85f7c41));
    w.cpu->x[2] += 8;
    memcpy(w.mem + 8, w.mem, 8);
    assert_true(run(w.cpu, 0xc8057c41)); /* another address, same value */
    assert_int_equal(w.cpu->x[5], 1);
    board_free(w.b);
}

static void exclusive_pairs_are_one_location(void **state)
{
    struct world w = world_new();

    (void)state;
    w.cpu->x[6] = 0x1111111122222222;
    w.cpu->x[7] = 0x3333333344444444;
    assert_true(run(w.cpu, 0xc87f1041)); /* ldxp x1, x4 */
    assert_int_equal(w.cpu->x[1], bytes_at(&w, 0, 8));
    assert_int_equal(w.cpu->x[4], bytes_at(&w, 8, 8));
    assert_true(run(w.cpu, 0xc8251c46)); /* stxp w5, x6, x7 */
    assert_int_equal(w.cpu->x[5], 0);
    assert_int_equal(bytes_at(&w, 0, 8), w.cpu->x[6]);
    assert_int_equal(bytes_at(&w, 8, 8), w.cpu->x[7]);
    assert_true(run(w.cpu, 0xc87f1041));
    w.mem[9]++;
    assert_true(run(w.cpu, 0xc8251c46)); /* the upper half changed */
    assert_int_equal(w.cpu->x[5], 1);
    assert_true(run(w.cpu, 0x887f1041)); /* ldxp w1, w4 */
    assert_int_equal(w.cpu->x[1], 0x22222222);
    assert_int_equal(w.cpu->x[4], 0x11111111);
    assert_true(run(w.cpu, 0x88259c46)); /* stlxp w5, w6, w7 */
    assert_int_equal(w.cpu->x[5], 0);
    assert_int_equal(bytes_at(&w, 0, 8), 0x4444444422222222);
    board_free(w.b);
}

static void compare_and_swap_swaps_on_a_match_only(void **state)
{
    struct world w = world_new();
    uint64_t was = bytes_at(&w, 0, 8);

    (void)state;
    w.cpu->x[5] = was + 1;
    w.cpu->x[1] = 0x99;
    assert_true(run(w.cpu, 0xc8a57c41)); /* cas x5, x1 */
    assert_int_equal(w.cpu->x[5], was);
    assert_int_equal(bytes_at(&w, 0, 8), was);
    assert_true(run(w.cpu, 0xc8a57c41));
    assert_int_equal(w.cpu->x[5], was);
    assert_int_equal(bytes_at(&w, 0, 8), 0x99);
    w.cpu->x[5] = 0xffffffffffffff99; /* only the byte is compared */
    w.cpu->x[1] = 0x1234;
    assert_true(run(w.cpu, 0x08e5fc41)); /* casalb w5, w1 */
    assert_int_equal(w.cpu->x[5], 0x99);
    assert_int_equal(bytes_at(&w, 0, 8), 0x34);
    board_free(w.b);
}

static void compare_and_swap_of_pairs(void **state)
{
    struct world w = world_new();
    uint64_t lo = bytes_at(&w, 0, 8), hi = bytes_at(&w, 8, 8);

    (void)state;
    w.cpu->x[4] = lo;
    w.cpu->x[5] = hi + 1;
    w.cpu->x[6] = 0xaaaaaaaabbbbbbbb;
    w.cpu->x[7] = 0xccccccccdddddddd;
    assert_true(run(w.cpu, 0x48247c46)); /* casp x4, x5, x6, x7 */
    assert_int_equal(w.cpu->x[4], lo);
    assert_int_equal(w.cpu->x[5], hi);
    assert_int_equal(bytes_at(&w, 0, 8), lo);
    assert_true(run(w.cpu, 0x48247c46));
    assert_int_equal(bytes_at(&w, 0, 8), w.cpu->x[6]);
    assert_int_equal(bytes_at(&w, 8, 8), w.cpu->x[7]);
    w.cpu->x[4] = 0xbbbbbbbb;
    w.cpu->x[5] = 0xaaaaaaaa;
    assert_true(run(w.cpu, 0x0864fc46)); /* caspal w4, w5, w6, w7 */
    assert_int_equal(bytes_at(&w, 0, 8), 0xddddddddbbbbbbbb);
    assert_int_equal(w.cpu->x[4], 0xbbbbbbbb);
    assert_int_equal(w.cpu->x[5], 0xaaaaaaaa);
    assert_null(a64_find(0x48257c46)); /* odd registers are UNDEFINED */
    assert_null(a64_find(0x48247c47));
    board_free(w.b);
}

static void atomics_return_the_old_value(void **state)
{
    static const struct {
        uint32_t word;
        unsigned bytes;
        uint64_t old, arg, want;
    } ops[] = {
        {0xf8258041, 8, 5, 9, 9},                    /* swp */
        {0xf8250041, 8, ~0ull, 2, 1},                /* ldadd */
        {0xf8251041, 8, 0xff, 0x0f, 0xf0},           /* ldclr */
        {0xf8252041, 8, 0xff, 0x0f, 0xf0},           /* ldeor */
        {0xf8253041, 8, 0xf0, 0x0f, 0xff},           /* ldset */
        {0xf8254041, 8, ~0ull, 1, 1},                /* ldsmax */
        {0xf8254041, 8, 7, 1, 7},                    /* ldsmax */
        {0xf8255041, 8, ~0ull, 1, ~0ull},            /* ldsmin */
        {0xf8256041, 8, ~0ull, 1, ~0ull},            /* ldumax */
        {0xf8257041, 8, ~0ull, 1, 1},                /* ldumin */
        {0x38250041, 1, 0xff, 0x102, 0x01},          /* ldaddb */
        {0x78254041, 2, 0x8000, 0xffff0001, 0x0001}, /* ldsmaxh */
        {0xf825005f, 8, 40, 2, 42},                  /* stadd */
    };
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(ops); n++) {
        fill(&w);
        memcpy(w.mem, &ops[n].old, ops[n].bytes);
        w.cpu->x[5] = ops[n].arg;
        w.cpu->x[1] = 0x5555;
        assert_true(run(w.cpu, ops[n].word));
        assert_int_equal(bytes_at(&w, 0, ops[n].bytes), ops[n].want);
        assert_int_equal(w.mem[ops[n].bytes], ops[n].bytes + 0x81);
        if ((ops[n].word & 31) != 31)
            assert_int_equal(w.cpu->x[1], ops[n].old);
    }
    board_free(w.b);
}

static void misaligned_ordered_and_atomic_accesses_fault(void **state)
{
    static const uint32_t words[] = {
        0xc8dffc41, 0xc89ffc41, 0xf8bfc041, 0xc85f7c41, 0xc8057c41,
        0xc87f1041, 0xc8a57c41, 0x48247c46, 0xf8258041, 0xf8254041};
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(words); n++) {
        w.cpu->x[2] = BASE_VA;
        assert_true(run(w.cpu, words[n]));
        w.cpu->pc = BASE_VA;
        w.cpu->x[2] = BASE_VA + 4;
        assert_false(run(w.cpu, words[n]));
        assert_int_equal(esr_ec(w.cpu), 0x25);
        assert_int_equal(esr_fsc(w.cpu), 0x21);
        assert_int_equal(w.cpu->sys[SYS_FAR_EL1], BASE_VA + 4);
    }
    board_free(w.b);
}

/* ---- SIMD and FP registers ---- */

static const union vreg junk = {.d = {0x7777777777777777, 0x7777777777777777}};

static void vector_loads_clear_what_they_do_not_load(void **state)
{
    static const struct {
        uint32_t word;
        int off;
        unsigned bytes;
    } ops[] = {
        {0x3dc00441, 16, 16}, {0xfd400441, 8, 8},   {0xbd400441, 4, 4},
        {0x7d400441, 2, 2},   {0x3d400441, 1, 1},   {0x3ce37841, 48, 16},
        {0x3cdfd041, -3, 16}, {0x9c000081, 16, 16}, {0x4c407041, 0, 16},
    };
    struct world w = world_new();

    (void)state;
    w.cpu->x[3] = 3;
    for (unsigned n = 0; n < ARRAY_LEN(ops); n++) {
        union vreg want = {.d = {0, 0}};

        memcpy(&want, w.mem + ops[n].off, ops[n].bytes);
        w.cpu->v[1] = junk;
        assert_true(run(w.cpu, ops[n].word));
        assert_memory_equal(&w.cpu->v[1], &want, sizeof(want));
    }
    board_free(w.b);
}

static void vector_stores_and_pairs_step_their_base(void **state)
{
    struct world w = world_new();
    uint8_t want[32];

    (void)state;
    for (unsigned n = 0; n < 16; n++)
        w.cpu->v[1].b[n] = (uint8_t)n;
    assert_true(run(w.cpu, 0x3c810441)); /* str q1, [x2], #16 */
    assert_memory_equal(w.mem, &w.cpu->v[1], 16);
    assert_true(run(w.cpu, 0x3c1ffc41)); /* str b1, [x2, #-1]! */
    assert_int_equal(w.mem[15], 0);
    assert_int_equal(w.mem[14], 14);
    assert_int_equal(w.cpu->x[2], BASE_VA + 15);
    w.cpu->x[2] = BASE_VA;
    fill(&w);
    assert_true(run(w.cpu, 0xad411041)); /* ldp q1, q4, [x2, #32] */
    assert_memory_equal(&w.cpu->v[1], w.mem + 32, 16);
    assert_memory_equal(&w.cpu->v[4], w.mem + 48, 16);
    memcpy(want, &w.cpu->v[1], 8);
    memcpy(want + 8, &w.cpu->v[4], 8);
    assert_true(run(w.cpu, 0x6c811041)); /* stp d1, d4, [x2], #16 */
    assert_memory_equal(w.mem, want, 16);
    assert_int_equal(w.mem[16], 16 + 0x81);
    assert_int_equal(w.cpu->x[2], BASE_VA + 16);
    assert_true(run(w.cpu, 0x2dff1041)); /* ldp s1, s4, [x2, #-8]! */
    assert_int_equal(w.cpu->v[1].d[0], bytes_at(&w, 8, 4));
    assert_int_equal(w.cpu->v[4].d[0], bytes_at(&w, 12, 4));
    assert_int_equal(w.cpu->v[4].d[1], 0);
    assert_int_equal(w.cpu->x[2], BASE_VA + 8);
    board_free(w.b);
}

/* LDn and STn by definition: element e of structure s is lane s of Vt + e. */
static const struct structure {
    uint32_t word;
    unsigned first, regs, selem, esize, bytes; /* a register's */
    bool is_load;
    unsigned step; /* x3 is 100 */
} structures[] = {
    {0x4cdfa441, 1, 2, 1, 2, 16, 1, 32}, /* ld1 {v1.8h,v2.8h}, #32 */
    {0x4c402c5e, 30, 4, 1, 8, 16, 1, 0}, /* ld1 {v30.2d-v1.2d} */
    {0x0cc38041, 1, 2, 2, 1, 8, 1, 100}, /* ld2 {v1.8b,v2.8b}, x3 */
    {0x4c404841, 1, 3, 3, 4, 16, 1, 0},  /* ld3 {v1.4s-v3.4s} */
    {0x4cdf0041, 1, 4, 4, 1, 16, 1, 64}, /* ld4 {v1.16b-v4.16b}, #64 */
    {0x0c007c41, 1, 1, 1, 8, 8, 0, 0},   /* st1 {v1.1d} */
    {0x4c008c41, 1, 2, 2, 8, 16, 0, 0},  /* st2 {v1.2d,v2.2d} */
    {0x4c004441, 1, 3, 3, 2, 16, 0, 0},  /* st3 {v1.8h-v3.8h} */
    {0x4c000041, 1, 4, 4, 1, 16, 0, 0},  /* st4 {v1.16b-v4.16b} */
};

static uint8_t *lane(struct cpu *cpu, const struct structure *s, unsigned n)
{
    unsigned run_bytes = s->bytes * s->selem; /* LD1: one register's */
    unsigned reg = n / run_bytes * s->selem, at = n % run_bytes / s->esize;

    return &cpu->v[(s->first + reg + at % s->selem) & 31]
                .b[at / s->selem * s->esize + n % s->esize];
}

static void structures_interleave(void **state)
{
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(structures); n++) {
        const struct structure *s = &structures[n];
        unsigned total = s->regs * s->bytes;

        fill(&w);
        w.cpu->x[2] = BASE_VA;
        w.cpu->x[3] = 100;
        for (unsigned r = 0; r < 32; r++) {
            for (unsigned k = 0; k < 16; k++)
                w.cpu->v[r].b[k] = (uint8_t)(r * 16 + k);
        }
        assert_true(run(w.cpu, s->word));
        for (unsigned k = 0; k < total; k++)
            assert_int_equal(w.mem[k], *lane(w.cpu, s, k));
        assert_int_equal(w.mem[total], (uint8_t)(total + 0x81));
        if (s->is_load)
            assert_int_equal(w.mem[0], 0x81);
        if (s->is_load && s->bytes == 8)
            assert_int_equal(w.cpu->v[s->first].d[1], 0);
        assert_int_equal(w.cpu->x[2], BASE_VA + s->step);
    }
    board_free(w.b);
}

static void single_structures_touch_one_lane(void **state)
{
    static const struct {
        uint32_t word;
        unsigned selem, esize, index, step;
        bool is_load;
    } ops[] = {
        {0x4d401441, 1, 1, 13, 0, 1},  /* ld1 {v1.b}[13] */
        {0x4ddf4841, 1, 2, 5, 2, 1},   /* ld1 {v1.h}[5], #2 */
        {0x4d609041, 2, 4, 3, 0, 1},   /* ld2 {v1.s,v2.s}[3] */
        {0x4d60a441, 4, 8, 1, 0, 1},   /* ld4 {v1.d-v4.d}[1] */
        {0x0d833c41, 3, 1, 7, 100, 0}, /* st3 {v1.b-v3.b}[7], x3 */
    };
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(ops); n++) {
        fill(&w);
        w.cpu->x[2] = BASE_VA;
        w.cpu->x[3] = 100;
        for (unsigned r = 0; r < 32; r++)
            w.cpu->v[r] = junk;
        assert_true(run(w.cpu, ops[n].word));
        for (unsigned e = 0; e < ops[n].selem; e++) {
            union vreg want = junk;

            if (ops[n].is_load)
                memcpy(&want.b[ops[n].index * ops[n].esize],
                       w.mem + e * ops[n].esize, ops[n].esize);
            else
                assert_int_equal(w.mem[e], 0x77);
            assert_memory_equal(&w.cpu->v[1 + e], &want, sizeof(want));
        }
        assert_memory_equal(&w.cpu->v[1 + ops[n].selem], &junk, sizeof(junk));
        assert_int_equal(w.cpu->x[2], BASE_VA + ops[n].step);
    }
    board_free(w.b);
}

static void replication_fills_the_register(void **state)
{
    static const struct {
        uint32_t word;
        unsigned selem, esize, bytes, step;
    } ops[] = {
        {0x0d40c041, 1, 1, 8, 0},  /* ld1r {v1.8b} */
        {0x4d40cc41, 1, 8, 16, 0}, /* ld1r {v1.2d} */
        {0x0ddfe441, 3, 2, 8, 6},  /* ld3r {v1.4h-v3.4h}, #6 */
        {0x4d60e041, 4, 1, 16, 0}, /* ld4r {v1.16b-v4.16b} */
    };
    struct world w = world_new();

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(ops); n++) {
        w.cpu->x[2] = BASE_VA;
        assert_true(run(w.cpu, ops[n].word));
        for (unsigned e = 0; e < ops[n].selem; e++) {
            union vreg want = {.d = {0, 0}};

            for (unsigned k = 0; k < ops[n].bytes; k++)
                want.b[k] = w.mem[e * ops[n].esize + k % ops[n].esize];
            assert_memory_equal(&w.cpu->v[1 + e], &want, sizeof(want));
        }
        assert_int_equal(w.cpu->x[2], BASE_VA + ops[n].step);
    }
    board_free(w.b);
}

/* Words of the loads and stores space that mean nothing on this CPU. */
static void reserved_encodings_are_undefined(void **state)
{
    static const uint32_t words[] = {
        0xb9c00041,               /* size 10 opc 11: no such load */
        0xf9c00041,               /* size 11 opc 11 */
        0xf8630841,               /* register offset, option 000 */
        0xf8632841,               /* option 001 */
        0xf863a041,               /* atomic, o3 1, opc 010 */
        0xf83fc041,               /* LDAPR with A 0 */
        0xf85f8841 | 1u << 23,    /* unprivileged size 11 opc 11 */
        0xb8c00c41,               /* pre-index size 10 opc 11 */
        0xf8800441,               /* post-index PRFM */
        0xf8800841,               /* unprivileged PRFM */
        0x3c400841,               /* unprivileged SIMD */
        0xe9411041,               /* pair opc 11 */
        0x68411041,               /* LDNPSW */
        0x69011041,               /* store of the signed pair (STGP) */
        0xed411041,               /* SIMD pair opc 11 */
        0xdc000041,               /* SIMD literal opc 11 */
        0x7d800041,               /* SIMD size 01 opc 10 */
        0x19400041,               /* LDAPUR (LRCPC2) */
        0xd9200841,               /* STG (MTE) */
        0x0c401041,               /* LDn opcode 0001 */
        0x0c408c41,               /* LD2 of 1D */
        0x0c400c41,               /* LD4 of 1D */
        0x0c417041,               /* Rm without post-index */
        0x0d404441,               /* one lane of H, size<0> */
        0x0d408841,               /* one lane of S, size 10 */
        0x0d409441,               /* D lane with S */
        0x0d00c041,               /* store that replicates */
        0x0d40d041,               /* replicate with S */
        0x88a57c41 & ~(1u << 10), /* CAS with Rt2 not 31 */
        0xf8259041,               /* o3 = 1, opc = 001 */
        0x3c258041 | 1u << 26,    /* atomics on SIMD registers */
    };

    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(words); n++) {
        const struct a64_row *row = a64_find(words[n]);

        if (row)
            print_error("%#x is taken for %s\n", words[n], row->name);
        assert_null(row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_extend_and_step),
        cmocka_unit_test(a_load_that_faults_changes_nothing),
        cmocka_unit_test(stores_write_their_bytes_only),
        cmocka_unit_test(pairs_move_two_registers),
        cmocka_unit_test(the_zero_register_is_read_and_thrown_away),
        cmocka_unit_test(a_misaligned_sp_faults_if_checked),
        cmocka_unit_test(unprivileged_forms_use_el0s_rights),
        cmocka_unit_test(store_exclusive_needs_its_load),
        cmocka_unit_test(exclusive_pairs_are_one_location),
        cmocka_unit_test(compare_and_swap_swaps_on_a_match_only),
        cmocka_unit_test(compare_and_swap_of_pairs),
        cmocka_unit_test(atomics_return_the_old_value),
        cmocka_unit_test(misaligned_ordered_and_atomic_accesses_fault),
        cmocka_unit_test(vector_loads_clear_what_they_do_not_load),
        cmocka_unit_test(vector_stores_and_pairs_step_their_base),
        cmocka_unit_test(structures_interleave),
        cmocka_unit_test(single_structures_touch_one_lane),
        cmocka_unit_test(replication_fills_the_register),
        cmocka_unit_test(reserved_encodings_are_undefined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
