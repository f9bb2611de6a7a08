// SPDX-License-Identifier: Apache-2.0
/*
 * What the emitters of SIMD and crypto instructions make, run beside tier 0:
 * random words of every row they have, on random registers and memory.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "accel/soft/decode.h"
#include "accel/soft/jit/em_fp_est.h"
#include "accel/soft/jit/glue.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"
#include "accel/soft/jit/translate.h"
#include "accel/soft/mmu.h"

enum { CODE_BYTES = 1 << 16, CASES = 400, BAILED = 1, FLAGS = 0x8d5, RUN = 12 };
#define PAGE_VA 0x7fff0000ull

struct bench {
    struct cpu cpu;
    struct tlb tlb;
    uint8_t page[4096];
    struct glue glue;
    struct x64 code;
    struct block *blk;      /* of up to RUN instructions */
    struct trace_part part; /* of that */
    unsigned features;
};

static uint64_t rng = 88172645463325252ull;

static uint64_t rnd(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static void map_page(struct tlb_half *h, const uint8_t *page)
{
    h->key[tlb_slot(PAGE_VA)] = PAGE_VA;
    h->add[tlb_slot(PAGE_VA)] = (uint64_t)(uintptr_t)page - PAGE_VA;
}

static int set_up(void **state)
{
    struct bench *b = aligned_alloc(64, (sizeof(*b) + 63) / 64 * 64);

    if (!(jit_host_features() & JIT_AVX2)) {
        free(b);
        return 0;
    }
    memset(b, 0, sizeof(*b));
    b->features = jit_host_features();
    b->code.base = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(b->code.base, MAP_FAILED);
    b->code.p = b->code.base;
    b->code.limit = b->code.base + CODE_BYTES;
    glue_make(&b->code, &b->glue, &tr_regs_usual, JIT_ALL);
    b->code.base = b->code.p;
    b->blk = calloc(1, sizeof(*b->blk) + (RUN + 1) * sizeof(struct insn));
    for (unsigned n = 0; n < TLB_ENTRIES; n++)
        b->tlb.r.key[n] = b->tlb.w.key[n] = tlb_empty_key(n);
    map_page(&b->tlb.r, b->page);
    map_page(&b->tlb.w, b->page);
    simd_const_init(&b->cpu);
    translate_fn_table(); /* makes what t_effect knows */
    b->cpu.est_table = est_table();
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;

    if (b) {
        free(b->blk);
        free(b);
    }
    return 0;
}

/* Bytes that make carries, overflows and equal lanes likely. */
static void fill(void *to, size_t bytes)
{
    static const uint8_t edge[] = {0, 0, 0xff, 0xff, 0x80, 0x7f, 1, 0xfe};
    unsigned kind = rnd() % 4;
    uint8_t *p = to;

    for (size_t n = 0; n < bytes; n++)
        p[n] = kind == 0 || (kind == 1 && rnd() % 2) ? edge[rnd() % 8]
                                                     : (uint8_t)rnd();
}

static void fill_state(struct bench *b, const struct insn *i)
{
    struct cpu *cpu = &b->cpu;

    for (unsigned n = 0; n < 32; n++)
        fill(&cpu->v[n], 16);
    if (rnd() % 4 == 0)
        cpu->v[i->rm & 31] = cpu->v[i->rn & 31];
    fill(b->page, sizeof(b->page));
    for (unsigned n = 0; n < 31; n++)
        fill(&cpu->x[n], 8);
    cpu->x[REG_SP] = PAGE_VA + (rnd() % 256) * 16;
    cpu->x[REG_ZERO] = 0;
    if (i->rm < 31)
        cpu->x[i->rm] = rnd() % 128;
    if (i->rn < 31)
        cpu->x[i->rn] = PAGE_VA + rnd() % 4096 - (rnd() % 2 ? i->imm : 0);
    cpu->page_base = cpu->blk_pc = PAGE_VA + rnd() % 4096 - i->imm;
    cpu->fp = (struct fp_env){.fpsr = rnd() % 2 ? FPSR_QC : 0};
    cpu->tlb = cpu->tlb_unpriv = &b->tlb;
    cpu->pc = 0;
}

static void flags_to_rax(struct x64 *c)
{
    x64_u8(c, 0x9c); /* pushfq */
    x64_u8(c, 0x58); /* pop rax */
}

/* Translates the block's instructions, `count` of them; false: the emitter of
   one does not want it. The code leaves with the host's flags as PC. */
static bool make_code(struct bench *b, struct tr *t, jit_emit_fn **emit,
                      unsigned count)
{
    struct x64 *c = &t->c;
    uint8_t *start;

    *t = (struct tr){.c = b->code,
                     .glue = &b->glue,
                     .regs = &tr_regs_usual,
                     .features = b->features,
                     .src = b->blk,
                     .parts = &b->part,
                     .num_parts = 1};
    b->part = trace_start(b->blk);
    t->flags_live = true;
    t_vec_reset(t);
    b->blk->count = count;
    x64_mov_imm(c, RAX, FLAGS);
    x64_u8(c, 0x50); /* push rax */
    x64_u8(c, 0x9d); /* popfq */
    for (t->idx = 0; t->idx < count; t->idx++) {
        start = c->p;
        t->flags_kept = false;
        if (!emit[t->idx](t, &b->blk->insn[t->idx])) {
            assert_ptr_equal(c->p, start);
            return false;
        }
        t->flags_live = t->flags_live && t->flags_kept;
        assert_in_range(c->p - start, 1, TR_INSN_BYTES - 192);
    }
    flags_to_rax(c);
    x64_jmp_to(c, b->glue.leave);
    for (unsigned n = 0; n < t->num_bails; n++)
        x64_here(c, t->bails[n].place);
    x64_mov_imm(c, RAX, BAILED);
    x64_jmp_to(c, b->glue.leave);
    return true;
}

static void compare(const struct bench *b, const struct bench *want,
                    const char *name, uint32_t word)
{
    const struct cpu *got = &b->cpu, *cpu = &want->cpu;

    for (unsigned n = 0; n < 32; n++)
        if (memcmp(&got->v[n], &cpu->v[n], 16))
            fail_msg("%s %08x: v%u is %016lx %016lx, not %016lx %016lx", name,
                     word, n, got->v[n].d[1], got->v[n].d[0], cpu->v[n].d[1],
                     cpu->v[n].d[0]);
    for (unsigned n = 0; n < 32; n++)
        if (got->x[n] != cpu->x[n])
            fail_msg("%s %08x: x%u is %016lx, not %016lx", name, word, n,
                     got->x[n], cpu->x[n]);
    if (got->fp.fpsr != cpu->fp.fpsr)
        fail_msg("%s %08x: FPSR is %08x, not %08x", name, word, got->fp.fpsr,
                 cpu->fp.fpsr);
    if (memcmp(b->page, want->page, sizeof(b->page)))
        fail_msg("%s %08x: memory differs", name, word);
}

/* 0: the emitter left it to tier 0; 1: it bailed; 2: compared. */
static int run_case(struct bench *b, struct bench *copy, jit_emit_fn **emit,
                    unsigned count)
{
    const struct insn *i = b->blk->insn;
    struct tr t;
    glue_enter_fn *enter;

    fill_state(b, i);
    if (!make_code(b, &t, emit, count))
        return 0;
    memcpy(copy, b, offsetof(struct bench, glue));
    copy->cpu.tlb = copy->cpu.tlb_unpriv = &copy->tlb;
    map_page(&copy->tlb.r, copy->page);
    map_page(&copy->tlb.w, copy->page);
    memcpy(&enter, &b->glue.enter, sizeof(enter));
    enter(&b->cpu, b->code.base);
    if (b->cpu.pc == BAILED) {
        compare(b, copy, "after a bail", i->word);
        return 1;
    }
    for (unsigned n = 0; n < count; n++)
        assert_ptr_equal(i[n].fn(&copy->cpu, &i[n]), &i[n + 1]);
    compare(b, copy, a64_find(i->word)->name, i->word);
    if (t.flags_live)
        assert_int_equal(b->cpu.pc & FLAGS, FLAGS);
    return 2;
}

/* A random word of the row. */
static uint32_t random_word(const struct a64_row *row)
{
    uint32_t word;

    do
        word = (uint32_t)(rnd() & ~row->mask) | row->value;
    while (a64_find(word) != row);
    return word;
}

static void test_table(struct bench *b, const struct jit_emitter *e)
{
    static struct bench copy;

    for (; e->emit; e++) {
        unsigned seen[3] = {0};
        jit_emit_fn *emit = e->emit;

        for (unsigned n = 0; n < CASES; n++) {
            uint32_t word = random_word(&a64_rows[e->op]);

            a64_decode(word, 0, true, &b->blk->insn[0]);
            seen[run_case(b, &copy, &emit, 1)]++;
        }
        if (seen[2] < CASES / 20)
            fail_msg("%s: %u cases of %u compared, %u bailed",
                     a64_rows[e->op].name, seen[2], CASES, seen[1]);
    }
}

#define TEST_TABLE(name)                               \
    static void name##_agree_with_tier_0(void **state) \
    {                                                  \
        if (!*state)                                   \
            skip();                                    \
        test_table(*state, jit_##name##_emitters);     \
    }
TEST_TABLE(simd)
TEST_TABLE(simd_shift)
TEST_TABLE(simd_perm)
TEST_TABLE(simd_misc)
TEST_TABLE(simd_long)
TEST_TABLE(vmem)
TEST_TABLE(vstruct)

static jit_emit_fn *emitter_of(enum a64_op op)
{
    const struct jit_emitter *e = jit_crypto_emitters;

    while (e->op != op)
        e++;
    return e->emit;
}

static void crypto_agrees_with_tier_0(void **state)
{
    const unsigned all = JIT_AES | JIT_PCLMUL | JIT_SHA;
    struct bench *b = *state;

    if (!b || (b->features & all) != all)
        skip();
    test_table(b, jit_crypto_emitters);
}

static void aese_and_aesmc_in_a_row_are_one_round(void **state)
{
    static struct bench copy;
    struct bench *b = *state;
    jit_emit_fn *emit[2];

    if (!b || !(b->features & JIT_AES))
        skip();
    emit[0] = emitter_of(OP_AESE);
    emit[1] = emitter_of(OP_AESMC);
    for (unsigned n = 0; n < CASES; n++) {
        uint32_t word = random_word(&a64_rows[OP_AESE]);
        uint32_t mc = random_word(&a64_rows[OP_AESMC]);

        if (n % 2)
            mc = (mc & ~0x3e0u) | (word & 31) << 5;
        a64_decode(word, 0, true, &b->blk->insn[0]);
        a64_decode(mc, 4, true, &b->blk->insn[1]);
        assert_int_equal(run_case(b, &copy, emit, 2), 2);
    }
}

/* As when the first of them is left to tier 0. */
static void aesmc_alone_does_not_use_what_aese_left(void **state)
{
    struct bench *b = *state;
    struct tr t;
    const uint8_t *start;

    if (!b || !(b->features & JIT_AES))
        skip();
    t = (struct tr){.c = b->code,
                    .glue = &b->glue,
                    .regs = &tr_regs_usual,
                    .features = b->features,
                    .src = b->blk,
                    .parts = &b->part,
                    .num_parts = 1};
    b->part = trace_start(b->blk);
    t_vec_reset(&t);
    a64_decode(0x4e284820, 0, true, &b->blk->insn[0]); /* AESE V0, V1 */
    a64_decode(0x4e286800, 4, true, &b->blk->insn[1]); /* AESMC V0, V0 */
    b->blk->count = 2;
    t.idx = 0;
    assert_true(emitter_of(OP_AESE)(&t, &b->blk->insn[0]));
    t_vec_reset(&t); /* what a call into C does */
    start = t.c.p;
    t.idx = 1;
    assert_true(emitter_of(OP_AESMC)(&t, &b->blk->insn[1]));
    assert_null(memmem(start, 9, "\xc4\xe2\x71\xdc\xc2", 5));
}

/* MOV V4, V3; SHA256H V3, V2, V0; SHA256H2 V2, V4, V0, and the same without
   the copy that makes both one. */
static void sha256h_and_h2_share_their_rounds(void **state)
{
    static const uint32_t words[3] = {0x4ea31c64, 0x5e004043, 0x5e005082};
    static struct bench copy;
    struct bench *b = *state;
    jit_emit_fn *emit[3];

    if (!b || !(b->features & JIT_SHA))
        skip();
    emit[1] = emitter_of(OP_SHA256H);
    emit[2] = emitter_of(OP_SHA256H2);
    for (const struct jit_emitter *e = jit_simd_emitters; e->emit; e++)
        if (e->op == OP_ORR_v)
            emit[0] = e->emit;
    for (unsigned n = 0; n < CASES; n++) {
        for (unsigned k = 0; k < 3; k++)
            a64_decode(words[k], 4 * k, true, &b->blk->insn[k]);
        if (n % 2) /* of another register */
            a64_decode(0x4ea51ca4, 0, true, &b->blk->insn[0]);
        assert_int_equal(run_case(b, &copy, emit, 3), 2);
    }
}

/* On four registers, so that most of what is written is written again. */
static void make_run(struct bench *b, jit_emit_fn **emit)
{
    static const struct jit_emitter *const tables[] = {
        jit_simd_emitters, jit_simd_shift_emitters, jit_simd_perm_emitters,
        jit_simd_misc_emitters, jit_simd_long_emitters};

    for (unsigned n = 0; n < RUN; n++) {
        const struct jit_emitter *e = tables[rnd() % ARRAY_LEN(tables)];
        const struct a64_row *row;
        unsigned count = 0;
        uint32_t word;

        while (e[count].emit)
            count++;
        e += rnd() % count;
        row = &a64_rows[e->op];
        do
            word = random_word(row) & ~0x39cu;
        while (a64_find(word) != row);
        a64_decode(word, 4 * n, true, &b->blk->insn[n]);
        emit[n] = e->emit;
    }
}

static void runs_leave_what_tier_0_leaves(void **state)
{
    static struct bench copy;
    struct bench *b = *state;
    jit_emit_fn *emit[RUN];
    unsigned seen[3] = {0};

    if (!b)
        skip();
    for (unsigned n = 0; n < 4000; n++) {
        make_run(b, emit);
        seen[run_case(b, &copy, emit, RUN)]++;
    }
    assert_in_range(seen[2], 1000, 4000);
}

static void nothing_is_emitted_for_a_host_without_avx2(void **state)
{
    static struct bench copy;
    struct bench *b = *state;
    jit_emit_fn *emit = jit_simd_emitters[0].emit;

    if (!b)
        skip();
    b->features = JIT_SSE42;
    a64_decode(a64_rows[jit_simd_emitters[0].op].value, 0, true,
               &b->blk->insn[0]);
    assert_int_equal(run_case(b, &copy, &emit, 1), 0);
    b->features = jit_host_features();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simd_agree_with_tier_0),
        cmocka_unit_test(simd_shift_agree_with_tier_0),
        cmocka_unit_test(simd_perm_agree_with_tier_0),
        cmocka_unit_test(simd_misc_agree_with_tier_0),
        cmocka_unit_test(simd_long_agree_with_tier_0),
        cmocka_unit_test(vmem_agree_with_tier_0),
        cmocka_unit_test(vstruct_agree_with_tier_0),
        cmocka_unit_test(crypto_agrees_with_tier_0),
        cmocka_unit_test(aese_and_aesmc_in_a_row_are_one_round),
        cmocka_unit_test(aesmc_alone_does_not_use_what_aese_left),
        cmocka_unit_test(sha256h_and_h2_share_their_rounds),
        cmocka_unit_test(runs_leave_what_tier_0_leaves),
        cmocka_unit_test(nothing_is_emitted_for_a_host_without_avx2),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
