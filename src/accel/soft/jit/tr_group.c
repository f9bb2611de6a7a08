// SPDX-License-Identifier: Apache-2.0
/* Finding groups of accesses, and what their first and others emit. */

#include "accel/soft/jit/tr_group.h"

#include "accel/soft/decode.h"
#include "accel/soft/jit/tr_vec.h"
#include "accel/soft/jit/translate.h"

/* A longer range would more often cross the end of a page. */
enum { MAX_SPAN = 512, NONE = 0xff };

static bool clobbers_rdx(const struct insn *i)
{
    return !t_spares_rdx(i->op);
}

static bool leads_ahead(const struct tr *t, unsigned k)
{
    const struct trace_part *next = t_next_part_at(t, k);
    int64_t to = t_other_way_at(t, k);

    if (next && next->is_new_page)
        return false; /* that is tested behind it */

    return t_is_ahead(t, k, to) && t_same_page(to, t_off_at(t, k));
}

/* It leaves forward within the page: where not, it only changes flags. */
static bool is_side_exit(const struct tr *t, unsigned k)
{
    return trace_is_conditional(&t->src->insn[k]) && leads_ahead(t, k);
}

/* ---- the plan ---- */

static void close_base(struct tr_plan *p, unsigned base)
{
    for (unsigned n = 0; n < p->num; n++) {
        if (p->group[n].base == base)
            p->group[n].open = false;
    }
}

static struct tr_group *find_open(struct tr_plan *p, unsigned base)
{
    for (unsigned n = 0; n < p->num; n++) {
        if (p->group[n].open && p->group[n].base == base)
            return &p->group[n];
    }
    return NULL;
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

static struct tr_group *add_group(struct tr_plan *p, unsigned base,
                                  const struct t_access *a, int32_t at)
{
    struct tr_group *g = &p->group[p->num];

    if (p->num == TR_PLAN_GROUPS)
        return NULL;
    close_base(p, base);
    p->num++;
    *g = (struct tr_group){.base = (uint8_t)base,
                           .lo = at,
                           .hi = at + a->bytes,
                           .write = a->write,
                           .open = true};
    return g;
}

static bool loads_base(const struct insn *i, const struct t_access *a)
{
    return !a->write && !a->is_v &&
           (i->rd == i->rn || (a->pair && i->ra == i->rn));
}

/* The access of instruction k: in a group, or the first of one. */
static bool plan_access(struct tr_plan *p, const struct insn *i,
                        const struct t_access *a, unsigned k)
{
    int32_t imm = (int32_t)i->imm, at = a->index == T_POST ? 0 : imm;
    struct tr_group *g = find_open(p, i->rn);

    if (g && take(g, a, (int64_t)g->moved + at)) {
        g->spilled |= p->in_rdx != g - p->group;
        p->last = k;
        p->is_worth = true;
    } else {
        g = add_group(p, i->rn, a, at);
        if (!g)
            return false;
        g->first = (uint16_t)k;
    }
    p->in_rdx = (unsigned)(g - p->group);
    p->group_of[k - p->first] = (uint8_t)p->in_rdx;
    if (a->index != T_OFF)
        g->moved += imm;
    if ((a->index != T_OFF && i->rn == REG_SP && imm & 15) || loads_base(i, a))
        g->open = false;
    if (!a->write && !a->is_v) { /* may be another group's base */
        close_base(p, i->rd);
        if (a->pair)
            close_base(p, i->ra);
    }
    return true;
}

/* Of another kind. False: the run cannot go on over it. */
static bool plan_other(const struct tr *t, struct tr_plan *p, unsigned k)
{
    const struct insn *i = &t->src->insn[k];

    if (is_side_exit(t, k))
        return true;
    if (t_effect(i->op) == T_ANYTHING && !t_is_indexed(i->op))
        return false;
    if (clobbers_rdx(i))
        p->in_rdx = NONE;
    if (t_effect(i->op) != T_WRITES_V)
        close_base(p, i->rd);
    return true;
}

static bool plan(const struct tr *t, struct tr_plan *p)
{
    unsigned end = MIN(t->src->count, t->idx + TR_RUN_MAX);

    memset(p, 0, sizeof(*p));
    memset(p->group_of, NONE, sizeof(p->group_of));
    p->first = t->idx;
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
    if (!t_access(t->src->insn[t->idx].op)->bytes && !is_side_exit(t, t->idx) &&
        clobbers_rdx(&t->src->insn[t->idx]))
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
    *p = (struct tr_run_place){.place = place, .idx = (uint16_t)t->idx};
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
        x64_jcc_to(&t->c, CC_E, p[again].again);
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

    if (s->in_rdx != group) {
        check(s->plan.group[group].spilled);
        x64_load(&t->c, true, RDX, RBP, slot_of(group));
        s->in_rdx = group;
    }
    return (struct t_place){.va = t_get(t, i->rn, RAX), .disp = off};
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
    p = place_tested(t, i, off, g->lo, (unsigned)(g->hi - g->lo), g->write);
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
