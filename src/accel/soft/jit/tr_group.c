// SPDX-License-Identifier: Apache-2.0
/* Finding groups of accesses, and what their first and others emit. */

#include "accel/soft/jit/tr_group.h"

#include "accel/soft/decode.h"
#include "accel/soft/jit/tr_vec.h"
#include "accel/soft/jit/translate.h"
#include "accel/soft/sysreg.h"

/* A longer range would more often cross the end of a page. */
enum { MAX_SPAN = 512, NONE = 0xff };

enum { MAX_DELTA = 1 << 28 /* from a root: a few fit an int32_t */ };

/* A conditional branch: where it does not leave, by code that lies elsewhere or
   is jumped over, it only changes flags. */
static bool is_side_exit(const struct tr *t, unsigned k)
{
    const struct trace_part *next = t_next_part_at(t, k);

    if (!trace_is_conditional(&t->src->insn[k]) ||
        t_other_way_at(t, k) == t->parts->off) /* a loop: V registers move */
        return false;
    return !next || !next->is_new_page;
}

/* Others than those that t_effect knows, which a run may go over: they bail
   before they do anything, if at all, and leave out of line. */
enum passing {
    NOT_PASSING,
    PASSES_BY,    /* rdx is kept */
    PASSES_ON,    /* a branch: the same, but that it may look at a page */
    PASSES_ACCESS /* to memory */
};

static enum passing passing(const struct tr *t, unsigned k)
{
    const struct insn *i = &t->src->insn[k];
    const struct trace_part *next = t_next_part_at(t, k);

    switch (i->op) {
    case OP_B:
    case OP_BL:
    case OP_RET:
        return next ? PASSES_ON : NOT_PASSING;
    case OP_MRS:
        return sysregs[i->imm].plain_read_el == 0 ? PASSES_BY : NOT_PASSING;
    case OP_LDAR:
    case OP_LDAPR:
    case OP_STLR:
    case OP_SWP:
    case OP_CAS:
    case OP_LDADD:
    case OP_LDCLR:
    case OP_LDSET:
    case OP_LDEOR:
        return PASSES_ACCESS;
    default:
        return NOT_PASSING;
    }
}

static bool keeps_rdx(const struct tr *t, unsigned k)
{
    unsigned op = t->src->insn[k].op;

    switch (passing(t, k)) {
    case NOT_PASSING:
        return t_access(op)->bytes || is_side_exit(t, k) || t_spares_rdx(op);
    case PASSES_BY:
        return true;
    case PASSES_ON:
        return !t_next_part_at(t, k)->is_new_page;
    default:
        return false;
    }
}

/* ---- the plan ---- */

static void set_unknown(struct tr_plan *p, unsigned reg)
{
    p->value[reg] = (struct tr_value){.root = (uint16_t)p->num_roots++};
}

static void set_value(struct tr_plan *p, unsigned reg, unsigned root,
                      int64_t delta)
{
    set_unknown(p, reg);
    if (delta > -MAX_DELTA && delta < MAX_DELTA)
        p->value[reg] = (struct tr_value){(uint16_t)root, (int32_t)delta};
}

static void set_sum(struct tr_plan *p, const struct insn *i, int64_t add)
{
    struct tr_value v = p->value[i->rn];

    set_value(p, i->rd, v.root, v.delta + add);
}

/* What an instruction that is no access of a group has written. */
static void set_written(const struct tr *t, struct tr_plan *p, unsigned k)
{
    const struct insn *i = &t->src->insn[k];

    switch (i->op) {
    case OP_B:
    case OP_RET:
    case OP_STLR:
        break;
    case OP_BL:
        set_value(p, 30, TR_ROOT_PAGE, t_off_at(t, k) + 4);
        break;
    case OP_CAS:
        set_unknown(p, i->rm);
        break;
    case OP_ADD_imm_x:
        set_sum(p, i, (int64_t)i->imm);
        break;
    case OP_SUB_imm_x:
        set_sum(p, i, -(int64_t)i->imm);
        break;
    case OP_ORR_lsl_x:
        if (i->rn == REG_ZERO && i->rm != REG_ZERO && !FIELD(i, 15, 10))
            p->value[i->rd] = p->value[i->rm];
        else
            set_unknown(p, i->rd);
        break;
    case OP_ADRP:
        set_value(p, i->rd, TR_ROOT_PAGE,
                  trace_page((int32_t)t_off_at(t, k)) + (int64_t)i->imm);
        break;
    case OP_ADR:
        set_value(p, i->rd, TR_ROOT_PAGE, t_target_at(t, k));
        break;
    default:
        set_unknown(p, i->rd);
        break;
    }
}

/* Takes the access at `at` into g; false: it is out of reach. */
static bool take(struct tr_group *g, const struct t_access *a, int64_t at)
{
    int64_t lo = MIN(at, (int64_t)g->lo);
    int64_t hi = MAX(at + a->bytes, (int64_t)g->hi);

    if (hi - lo > MAX_SPAN)
        return false;
    g->lo = (int32_t)lo;
    g->hi = (int32_t)hi;
    g->write |= a->write;
    return true;
}

/* The latest group of that root that can take it. */
static struct tr_group *find(struct tr_plan *p, unsigned root,
                             const struct t_access *a, int64_t at)
{
    for (unsigned n = p->num; n-- > 0;) {
        struct tr_group *g = &p->group[n];

        if (g->root == root && g->unpriv == a->unpriv && take(g, a, at))
            return g;
    }
    return NULL;
}

static struct tr_group *add_group(struct tr_plan *p, const struct tr_value *v,
                                  const struct t_access *a, int64_t at)
{
    struct tr_group *g = &p->group[p->num];

    if (p->num == TR_PLAN_GROUPS)
        return NULL;
    p->num++;
    *g = (struct tr_group){.root = v->root,
                           .delta = v->delta,
                           .lo = (int32_t)at,
                           .hi = (int32_t)at + a->bytes,
                           .write = a->write,
                           .unpriv = a->unpriv};
    return g;
}

/* The access of instruction k: in a group, or the first of one. */
static bool plan_access(struct tr_plan *p, const struct insn *i,
                        const struct t_access *a, unsigned k)
{
    int32_t imm = (int32_t)i->imm;
    struct tr_value v = p->value[i->rn];
    int64_t at = (int64_t)v.delta + (a->index == T_POST ? 0 : imm);
    struct tr_group *g = find(p, v.root, a, at);

    if (g) {
        g->spilled |= p->in_rdx != g - p->group;
        p->last = k;
        p->is_worth = true;
    } else {
        g = add_group(p, &v, a, at);
        if (!g)
            return false;
        g->first = (uint16_t)k;
    }
    p->in_rdx = (unsigned)(g - p->group);
    p->group_of[k - p->first] = (uint8_t)p->in_rdx;
    if (a->index != T_OFF)
        set_value(p, i->rn, v.root, (int64_t)v.delta + imm);
    if (!a->write && !a->is_v) {
        set_unknown(p, i->rd);
        if (a->pair)
            set_unknown(p, i->ra);
    }
    return true;
}

/* Of another kind. False: the run cannot go on over it. */
static bool plan_other(const struct tr *t, struct tr_plan *p, unsigned k)
{
    const struct insn *i = &t->src->insn[k];

    if (is_side_exit(t, k))
        return true;
    if (passing(t, k) == NOT_PASSING && t_effect(i->op) == T_ANYTHING &&
        !t_is_indexed(i->op))
        return false;
    if (!keeps_rdx(t, k))
        p->in_rdx = NONE;
    if (t_effect(i->op) != T_WRITES_V)
        set_written(t, p, k);
    return true;
}

static void plan_begin(const struct tr *t, struct tr_plan *p)
{
    memset(p, 0, sizeof(*p));
    memset(p->group_of, NONE, sizeof(p->group_of));
    p->first = t->idx;
    p->num_roots = TR_FIRST_ROOT;
    for (unsigned n = 0; n <= REG_SINK; n++)
        p->value[n].root = (uint16_t)n;
    set_unknown(p, REG_SINK);
}

static bool plan(const struct tr *t, struct tr_plan *p)
{
    unsigned end = MIN(t->src->count, t->idx + TR_RUN_MAX);

    plan_begin(t, p);
    for (unsigned k = t->idx; k < end && translate_will_try(t, k); k++) {
        const struct insn *i = &t->src->insn[k];
        const struct t_access *a = t_access(i->op);

        if (!(a->bytes ? plan_access(p, i, a, k) : plan_other(t, p, k)))
            break;
    }
    return p->is_worth;
}

/* ---- runs ---- */

void t_run_begin(struct tr *t)
{
    struct tr_runs *s = &t->runs;
    struct tr_run *run = &s->list[s->num];

    if (s->open || s->off || s->num == TR_MAX_RUNS ||
        !t_access(t->src->insn[t->idx].op)->bytes || !plan(t, &s->plan))
        return;
    run->first = (uint16_t)t->idx;
    run->first_place = s->num_places;
    run->vec = t->vec;
    run->sp_aligned = t->sp_aligned;
    s->in_rdx = NONE;
    s->open = run;
    s->num++;
}

static void close_run(struct tr *t, unsigned last)
{
    struct tr_runs *s = &t->runs;
    struct tr_run *run = s->open;

    run->last = (uint16_t)last;
    run->num_places = s->num_places - run->first_place;
    run->back = t->c.p;
    run->after = t_put_here(t);
    s->open = NULL;
    t->flags_live = false; /* the copy comes without */
    if (!run->num_places)
        s->num--; /* nothing leads to its copy */
}

void t_run_cut(struct tr *t)
{
    if (t->runs.open)
        close_run(t, t->idx - 1);
}

void t_run_end(struct tr *t)
{
    struct tr_runs *s = &t->runs;

    if (!s->open)
        return;
    if (!keeps_rdx(t, t->idx))
        s->in_rdx = NONE;
    if (s->plan.last == t->idx)
        close_run(t, t->idx);
}

static struct tr_run_place *add_place(struct tr *t, uint8_t *place)
{
    struct tr_runs *s = &t->runs;
    struct tr_run_place *p;

    check(s->num_places < TR_MAX_RUN_PLACES);
    p = &s->places[s->num_places++];
    *p = (struct tr_run_place){
        .place = place, .idx = (uint16_t)t->idx, .before = t->insn_put};
    return p;
}

void t_run_bail(struct tr *t, uint8_t *place)
{
    add_place(t, place);
}

uint8_t **t_run_test(struct tr *t, uint8_t *place, bool write)
{
    struct tr_run_place *p = add_place(t, place);

    p->again = t->insn_start;
    p->write = write;
    return &p->place;
}

/* The first test that may be made again is; the others are for the exit. */
unsigned t_split(struct tr *t, const struct tr_run *run, unsigned k)
{
    const struct tr_run_place *p = &t->runs.places[run->first_place];
    unsigned first = k, again;

    t->idx = p[k].idx;
    while (k < run->num_places && p[k].idx == t->idx)
        k++;
    for (again = first; again < k && !p[again].again; again++)
        ;
    if (again < k) {
        x64_here(&t->c, p[again].place);
        x64_call_to(&t->c, t->glue->old[p[again].write]);
        t_start_again(t, p[again].again, &p[again].before);
    }
    for (unsigned n = first; n < k; n++) {
        if (n != again)
            x64_here(&t->c, p[n].place);
    }
    t_add_split(t);
    return k;
}

void t_copy_begin(struct tr *t, const struct tr_run *run)
{
    t->runs.off = true;
    t_vec_resume(t, &run->vec);
    t->flags_live = false;
    t->put_end = NULL;
    t->sp_aligned = run->sp_aligned;
}

/* The run's tests that fail for the present instruction lead here, with no
   flags that live. */
void t_copy_insn(struct tr *t, const struct tr_run *run)
{
    const struct tr_run_place *p = &t->runs.places[run->first_place];

    for (unsigned n = 0; n < run->num_places; n++) {
        if (p[n].idx != t->idx)
            continue;
        x64_here(&t->c, p[n].place);
        t->flags_live = false;
        t->put_end = NULL;
    }
}

/* ---- what the accesses emit ---- */

static int32_t slot_of(unsigned group)
{
    return CPU(addend) + 8 * (int32_t)group;
}

/* Another of the group was before it. */
static struct t_place place_known(struct tr *t, const struct insn *i,
                                  int32_t off, unsigned group)
{
    struct tr_runs *s = &t->runs;
    unsigned va;

    if (i->rn == REG_SP)
        t_sp_check(t);
    va = t_get(t, i->rn, RAX);
    if (s->in_rdx != group) {
        check(s->plan.group[group].spilled);
        x64_load(&t->c, true, RDX, RBP, slot_of(group));
        s->in_rdx = group;
    }
    return (struct t_place){.va = va, .disp = off};
}

/* Tests from rn's value + lo on. */
static struct t_place place_tested(struct tr *t, const struct insn *i,
                                   int32_t off, int32_t lo, unsigned bytes,
                                   bool write)
{
    unsigned base, va = RAX;

    if (i->rn == REG_SP)
        t_sp_check(t);
    base = t_get(t, i->rn, RAX);
    if (lo)
        x64_lea(&t->c, true, RAX, base, lo);
    else
        va = base;
    if (t_access(i->op)->unpriv)
        t_unpriv_add(t, va, bytes, write);
    else
        t_tlb_add(t, va, bytes, write);
    if (base != RAX)
        return (struct t_place){.va = base, .disp = off};
    return (struct t_place){.va = RAX, .disp = off - lo, .base = -lo};
}

struct t_place t_place(struct tr *t, const struct insn *i, int32_t off,
                       unsigned bytes, bool write)
{
    struct tr_runs *s = &t->runs;
    const struct tr_group *g;
    struct t_place p;
    unsigned group;

    if (!s->open)
        return place_tested(t, i, off, off, bytes, write);
    group = s->plan.group_of[t->idx - s->plan.first];
    g = &s->plan.group[group];
    if (g->first != t->idx)
        return place_known(t, i, off, group);
    p = place_tested(t, i, off, g->lo - g->delta, (unsigned)(g->hi - g->lo),
                     g->write);
    s->in_rdx = group;
    if (g->spilled)
        x64_store(&t->c, true, RDX, RBP, slot_of(group));
    return p;
}

void t_write_back(struct tr *t, const struct insn *i, const struct t_place *p,
                  int32_t imm)
{
    unsigned dst = t_dst(t, i->rn, RAX);

    if (p->base + imm || dst != p->va)
        x64_lea(&t->c, true, dst, p->va, p->base + imm);
    t_put(t, i->rn, dst);
}
