// SPDX-License-Identifier: Apache-2.0
/*
 * A block: the instructions' code one after the other, then the cold part
 * (bails, link stubs), then a record for each instruction that tier 0 may have
 * to execute. Nothing in it is an absolute address, guest's or host's.
 */

#include "accel/soft/jit/translate.h"

#include <pthread.h>

#include "accel/soft/decode.h"
#include "accel/soft/jit/em_fp_est.h"
#include "accel/soft/jit/tr_group.h"
#include "accel/soft/jit/tr_span.h"
#include "accel/soft/jit/tr_vec.h"

static jit_emit_fn *emitters[NUM_A64_OPS + 2];
static exec_fn *executors[NUM_A64_OPS + 2];
static uint8_t effects[NUM_A64_OPS + 2];
static bool clobbers_rdx[NUM_A64_OPS + 2];
static bool indexed[NUM_A64_OPS + 2];
static bool branches[NUM_A64_OPS + 2];
static struct t_access accesses[NUM_A64_OPS + 2];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void add_emitters(const struct jit_emitter *table)
{
    for (; table->emit; table++)
        emitters[table->op] = table->emit;
}

static void set_effect(const struct jit_emitter *table, enum t_effect effect)
{
    for (; table->emit; table++)
        effects[table->op] = (uint8_t)effect;
}

static void add_accesses(const struct t_access *table)
{
    for (; table->bytes; table++)
        accesses[table->op] = *table;
}

static void add_indexed(const uint16_t *ops)
{
    for (; *ops; ops++)
        indexed[*ops] = true;
}

const struct t_access *t_access(unsigned op)
{
    return &accesses[op];
}

/* What of the emitters whose effect is known uses rdx. */
static void fill_clobbers(void)
{
    memset(clobbers_rdx, true, sizeof(clobbers_rdx));
    for (unsigned op = 0; op < NUM_A64_OPS; op++)
        clobbers_rdx[op] = effects[op] == T_ANYTHING;
    for (const struct jit_emitter *e = jit_bits_emitters; e->emit; e++)
        clobbers_rdx[e->op] = true;
    clobbers_rdx[OP_UMULH] = clobbers_rdx[OP_SMULH] = true;
}

static void fill_effects(void)
{
    static const uint16_t divisions[] = {OP_UDIV_w, OP_UDIV_x, OP_SDIV_w,
                                         OP_SDIV_x};
    static const uint16_t to_x[] = {OP_UMOV_w, OP_UMOV_x, OP_SMOV_w, OP_SMOV_x};

    set_effect(jit_int_emitters, T_NO_V);
    set_effect(jit_shift_emitters, T_NO_V);
    set_effect(jit_mul_emitters, T_NO_V);
    set_effect(jit_bits_emitters, T_NO_V);
    for (unsigned n = 0; n < 4; n++)
        effects[divisions[n]] = T_ANYTHING; /* they may bail */
    set_effect(jit_simd_emitters, T_WRITES_V);
    set_effect(jit_simd_shift_emitters, T_WRITES_V);
    set_effect(jit_simd_var_emitters, T_WRITES_V);
    set_effect(jit_simd_sat_emitters, T_WRITES_V);
    set_effect(jit_simd_perm_emitters, T_WRITES_V);
    set_effect(jit_simd_misc_emitters, T_WRITES_V);
    set_effect(jit_simd_long_emitters, T_WRITES_V);
    set_effect(jit_crypto_emitters, T_WRITES_V);
    for (unsigned n = 0; n < 4; n++)
        effects[to_x[n]] = T_NO_V;
}

static void fill_tables(void)
{
    est_table_fill();
    fill_effects();
    fill_clobbers();
    add_accesses(jit_mem_accesses);
    add_accesses(jit_vmem_accesses);
    add_accesses(jit_unpriv_accesses);
    for (const struct jit_emitter *e = jit_branch_emitters; e->emit; e++)
        branches[e->op] = true;
    add_indexed(jit_mem_indexed);
    add_indexed(jit_vmem_indexed);
    for (unsigned n = 0; n < NUM_A64_OPS; n++)
        executors[n] = a64_rows[n].fn;
    executors[A64_OP_UNDEFINED] = a64_undefined;
    executors[A64_OP_FP_TRAP] = a64_fp_trap;
    add_emitters(jit_int_emitters);
    add_emitters(jit_shift_emitters);
    add_emitters(jit_mul_emitters);
    add_emitters(jit_branch_emitters);
    add_emitters(jit_mem_emitters);
    add_emitters(jit_unpriv_emitters);
    add_emitters(jit_atomic_emitters);
    add_emitters(jit_pair_emitters);
    add_emitters(jit_bits_emitters);
    add_emitters(jit_sys_emitters);
    add_emitters(jit_flags_emitters);
    add_emitters(jit_fp_emitters);
    add_emitters(jit_fp_vec_emitters);
    add_emitters(jit_fp_conv_emitters);
    add_emitters(jit_fp_est_emitters);
    add_emitters(jit_fp_half_emitters);
    add_emitters(jit_fp_half_conv_emitters);
    add_emitters(jit_simd_emitters);
    add_emitters(jit_simd_shift_emitters);
    add_emitters(jit_simd_var_emitters);
    add_emitters(jit_simd_sat_emitters);
    add_emitters(jit_simd_perm_emitters);
    add_emitters(jit_simd_misc_emitters);
    add_emitters(jit_simd_long_emitters);
    add_emitters(jit_crypto_emitters);
    add_emitters(jit_vmem_emitters);
    add_emitters(jit_vstruct_emitters);
}

const void *translate_fn_table(void)
{
    pthread_once(&tables_once, fill_tables);
    return executors;
}

bool t_spares_rdx(unsigned op)
{
    return !clobbers_rdx[op];
}

bool t_is_indexed(unsigned op)
{
    return indexed[op];
}

enum t_effect t_effect(unsigned op)
{
    return (enum t_effect)effects[op];
}

/* Where each record is wanted: places of `lea rax, [rip + record]`. */
struct want {
    uint8_t *place;
    uint16_t idx;
};

struct wants {
    struct want list[4 * TR_MAX_INSNS];
    unsigned num;
};

static void want_record(struct tr *t, struct wants *w, unsigned idx)
{
    w->list[w->num++] =
        (struct want){.place = x64_lea_rip(&t->c, RAX), .idx = (uint16_t)idx};
}

/*
 * With --stats cpu->insns is exact: what was executed since the last count is
 * added ahead of each branch and at the block's end, where nothing can leave in
 * between, and ahead of each call of tier 0, which may not come back.
 */
static unsigned uncounted(const struct tr *t, unsigned idx)
{
    unsigned n = idx + 1;

    while (n > 0 && !branches[t->src->insn[n - 1].op])
        n--;
    return idx + 1 - n;
}

/* rax is free between instructions; the host's flags may be wanted. */
static void count_up(struct tr *t, unsigned insns)
{
    if (!t->count_insns || !insns)
        return;
    x64_load(&t->c, true, RAX, RBP, CPU(insns));
    x64_lea(&t->c, true, RAX, RAX, (int32_t)insns);
    x64_store(&t->c, true, RAX, RBP, CPU(insns));
}

static void count_ahead_of_branch(struct tr *t)
{
    if (t->count_insns && branches[t->src->insn[t->idx].op])
        count_up(t, t->idx ? uncounted(t, t->idx - 1) + 1 : 1);
}

/* Around a call of tier 0 for instruction idx: for now, and taken back. */
static void count_call(struct tr *t, enum x64_alu op, unsigned idx)
{
    unsigned insns = t->count_insns ? uncounted(t, idx) : 0;

    if (insns)
        x64_alu_mi(&t->c, true, op, RBP, CPU(insns), (int32_t)insns);
}

/* Tier 0 executes it; what ends a block there goes on through C, because the
   mode may have changed, and a branch that is not taken goes on behind it. */
static void emit_fallback(struct tr *t, struct wants *w)
{
    const struct insn *i = &t->src->insn[t->idx];
    bool ends = i->op >= NUM_A64_OPS || a64_rows[i->op].flags & A64_END ||
                t_next_part(t);

    t->num_fallbacks++;
    t_run_cut(t);
    t_vec_flush(t);
    count_call(t, ALU_ADD, t->idx);
    want_record(t, w, t->idx);
    x64_call_to(&t->c, t->glue->fallback);
    t_vec_poison(t);
    t_vec_reset(t);
    if (ends) {
        t_leave_at(t, t_off(t) + 4);
        t->ended = true;
        return;
    }
    count_call(t, ALU_SUB, t->idx);
}

/* The same in each translation of a place, so that a failure comes again. */
static bool is_refused(const struct tr *t, unsigned idx)
{
    const struct insn *i = &t->src->insn[idx];
    const struct trace_part *p = t_part(t, idx);
    uint64_t place = p->pa + 4 * (idx - p->first);

    return t->chaos && ((t->chaos ^ place ^ (uint64_t)i->word << 32) *
                        0x9e3779b97f4a7c15ull) >>
                               61 ==
                           0;
}

bool translate_will_try(const struct tr *t, unsigned idx)
{
    const struct insn *i = &t->src->insn[idx];

    return emitters[i->op] && !is_refused(t, idx);
}

/* Away from a multiple of 16. */
static bool may_turn_sp(const struct tr *t, const struct insn *i)
{
    if (t->sp_kept)
        return false;
    if (t_effect(i->op) != T_NO_V)
        return i->rd == REG_SP || i->rn == REG_SP;
    if (i->rd != REG_SP)
        return false;
    return (i->op != OP_ADD_imm_x && i->op != OP_SUB_imm_x) ||
           i->rn != REG_SP || i->imm & 15;
}

/* May a register that was stored before it stay in a scratch register until it
   takes it, and one that it stores for the next? Its emitter has no way to its
   start, nor to its end, but those that t_put_again is for. */
static bool passes_put(unsigned op)
{
    const struct t_access *a = t_access(op);

    return t_effect(op) == T_NO_V || (a->bytes && !a->is_v) || branches[op];
}

static void emit_insn(struct tr *t, struct wants *w)
{
    const struct insn *i = &t->src->insn[t->idx];
    unsigned first_bail = t->num_bails;
    jit_emit_fn *emit = emitters[i->op];

    count_ahead_of_branch(t);
    t_run_begin(t);
    t->flags_kept = t->sp_kept = false;
    t->insn_start = t->c.p;
    if (!passes_put(i->op))
        t->put_end = NULL;
    t->insn_put = t_put_here(t);
    if (!translate_will_try(t, t->idx) || !emit(t, i))
        emit_fallback(t, w);
    if (!t->flags_kept)
        t->flags_live = false;
    if (may_turn_sp(t, i))
        t->sp_aligned = false;
    t_run_end(t);
    if (!passes_put(i->op))
        t->put_end = NULL;
    for (unsigned n = first_bail; n < t->num_bails; n++) {
        t->bails[n].back = t->c.p;
        t->bails[n].after = t_put_here(t);
    }
}

/* Leaves behind what was executed before the instruction. */
static void emit_splits(struct tr *t)
{
    for (unsigned n = 0; n < t->runs.num; n++) {
        unsigned k = 0;

        while (k < t->runs.list[n].num_places && t_has_room(t)) {
            k = t_split(t, &t->runs.list[n], k);
            count_up(t, t->idx ? uncounted(t, t->idx - 1) : 0);
            t_leave_by(t, t->num_exits - 1);
        }
    }
}

/* The runs once more, for what their tests do not cover. */
static void emit_copies(struct tr *t, struct wants *w)
{
    t->loop.second_pass = false; /* those of the first are among them */
    for (unsigned n = 0; n < t->runs.num && t_has_room(t); n++) {
        const struct tr_run *run = &t->runs.list[n];

        t_copy_begin(t, run);
        for (t->idx = run->first; t->idx <= run->last && t_has_room(t);
             t->idx++) {
            t_copy_insn(t, run);
            emit_insn(t, w);
            t_vec_want_all(t);
        }
        t_put_again(t, &run->after);
        x64_jmp_to(&t->c, run->back);
    }
}

/* From bail n on, of one instruction: that of a failed test of the TLB asks for
   the page among those that were displaced, and tries again. */
static void emit_retry(struct tr *t, unsigned n)
{
    const uint8_t *back = t->bails[n].back;
    bool done = false;

    for (; n < t->num_bails && t->bails[n].back == back; n++) {
        struct tr_bail *b = &t->bails[n];

        if (done)
            b->again = NULL;
        if (!b->again)
            continue;
        x64_here(&t->c, b->place);
        x64_call_to(&t->c, t->glue->old[b->write]);
        t_start_again(t, b->again, &b->before);
        done = true;
    }
}

/* One stub for all bails of an instruction. */
static void emit_bails(struct tr *t)
{
    unsigned n = 0;

    while (n < t->num_bails && t_has_room(t)) {
        const struct tr_bail *b = &t->bails[n];

        emit_retry(t, n);
        for (; n < t->num_bails && t->bails[n].back == b->back; n++) {
            if (!t->bails[n].again)
                x64_here(&t->c, t->bails[n].place);
        }
        count_call(t, ALU_ADD, b->idx);
        x64_call_to(&t->c, t->glue->miss);
        x64_u32(&t->c, t->src->insn[b->idx].word);
        x64_u32(&t->c, (uint32_t)t_off_at(t, b->idx));
        count_call(t, ALU_SUB, b->idx);
        t_vec_poison(t);
        t_vec_reload(t, b);
        t_put_again(t, &b->after);
        x64_jmp_to(&t->c, b->back);
    }
}

static void emit_polls(struct tr *t)
{
    for (unsigned n = 0; n < t->num_polls && t_has_room(t); n++) {
        x64_here(&t->c, t->polls[n].place);
        t_leave_at(t, t->polls[n].target);
    }
}

static void emit_links(struct tr *t)
{
    for (unsigned n = 0; n < t->num_exits && t_has_room(t); n++) {
        struct tr_exit *x = &t->exits[n];

        if (x->is_split)
            continue;
        x64_here(&t->c, x->place);
        if (x->pending) {
            t_flags_keep(&t->c);
            x->late = x64_jmp(&t->c);
            x64_here(&t->c, x->late);
        }
        t_leave_by(t, n);
    }
}

/* Decoded as if alone in its block: blk_pc is then its own address. */
static void emit_records(struct tr *t, const struct wants *w)
{
    while ((uintptr_t)t->c.p & 7)
        x64_u8(&t->c, 0xcc);
    for (unsigned n = 0; n < w->num && t_has_room(t); n++) {
        unsigned idx = w->list[n].idx;
        struct insn rec;

        a64_decode(t->src->insn[idx].word, 0, t->mode & MODE_FP, &rec);
        rec.fn = NULL; /* by op, from the table */
        rec.off = (int32_t)t_off_at(t, idx);
        x64_here(&t->c, w->list[n].place);
        memcpy(t->c.p, &rec, sizeof(rec));
        t->c.p += sizeof(rec);
    }
}

/* A block that is not hot yet counts down to that, with others of its hash. */
static int32_t heat_of(const struct tr *t)
{
    return CPU(heat) + 4 * (int32_t)(t->number % NUM_HEATS);
}

static void count_heat(struct tr *t)
{
    if (t->hot)
        return;
    x64_alu_mi(&t->c, false, ALU_SUB, RBP, heat_of(t), 1);
    t->heat_place = x64_jcc(&t->c, CC_E);
}

static void emit_heat(struct tr *t)
{
    if (t->hot)
        return;
    x64_here(&t->c, t->heat_place);
    x64_mov_imm(&t->c, RAX, t->number);
    x64_mov_imm(&t->c, RCX, (uint32_t)t->parts->off);
    x64_jmp_to(&t->c, t->glue->heat);
}

static void emit_first_pass(struct tr *t, struct wants *w)
{
    t->loop = (struct tr_loop){.found = false};
    t->num_spans = t->num_consts = t->num_sides = t->num_clashes = 0;
    t->put_end = NULL;
    t->notes_end = false;
    t->runs.num = t->runs.num_places = 0;
    t->runs.open = NULL;
    t->runs.off = false;
    t_vec_reset(t);
    count_heat(t);
    for (t->idx = 0; t->idx < t->src->count && !t->ended && t_has_room(t);
         t->idx++)
        emit_insn(t, w);
    if (!t->ended) {
        t->idx--;
        count_up(t, uncounted(t, t->idx));
        t_fall_out(t);
    }
}

static void emit_second_pass(struct tr *t, struct wants *w)
{
    t->loop.second_pass = true;
    t->loop.top = t->c.p;
    x64_here(&t->c, t->loop.enter);
    t_vec_resume(t, &t->loop.vec);
    t->put_end = NULL;
    t->flags_live = t->flags_pending = t->sp_aligned = false;
    for (t->idx = 0; t->idx <= t->loop.idx && t_has_room(t); t->idx++)
        emit_insn(t, w);
}

static void patch_guard(const struct tr_guard *guard, const uint8_t *slot)
{
    if (!guard->inside)
        return;
    x64_patch(guard->inside, slot + offsetof(struct tr_slot, inside));
    x64_patch(guard->from, slot + offsetof(struct tr_slot, from));
}

/* The slots of far exits, empty. */
static void emit_slots(struct tr *t)
{
    while ((uintptr_t)t->c.p & 7)
        x64_u8(&t->c, 0xcc);
    for (unsigned n = 0; n < t->num_exits && t_has_room(t); n++) {
        struct tr_exit *x = &t->exits[n];

        if (!x->tag)
            continue;
        x->slot = t->c.p;
        x64_patch(x->tag, x->slot + offsetof(struct tr_slot, tag));
        x64_patch(x->from, x->slot + offsetof(struct tr_slot, from));
        x64_patch(x->host, x->slot + offsetof(struct tr_slot, host));
        patch_guard(&x->guard, x->slot);
        memset(t->c.p, 0, sizeof(struct tr_slot));
        t->c.p += sizeof(struct tr_slot);
    }
}

bool translate_block(struct tr *t)
{
    struct wants w = {.num = 0};

    t->entry = t->c.p;
    emit_first_pass(t, &w);
    if (t->loop.found && t_has_room(t))
        emit_second_pass(t, &w);
    t_span_finish(t);
    if (t->copies)
        emit_copies(t, &w);
    else
        emit_splits(t);
    t_flags_finish(t);
    t_side_finish(t);
    t_clash_finish(t);
    emit_bails(t);
    emit_heat(t);
    emit_polls(t);
    emit_links(t);
    emit_slots(t);
    emit_records(t, &w);
    return t_has_room(t);
}
