// SPDX-License-Identifier: Apache-2.0
/*
 * Litmus tests: what the memory model (Arm ARM B2.3) forbids is never seen,
 * whatever the instructions are that order the accesses. Each thread runs over
 * an array of fresh instances with a random start and random pauses, so that
 * two or more meet in one of them in every way. Names are those of the
 * literature: MP message passing, SB store buffering, LB load buffering, IRIW
 * independent reads of independent writes, WRC write to read causality, 2+2W,
 * R and S by their shape, CoRR one location read twice.
 */

#include "tables.h"

enum { INSTANCES = 128, BATCHES = 12 };

struct instance {
    volatile uint64_t x __attribute__((aligned(64)));
    volatile uint64_t y __attribute__((aligned(64)));
    volatile uint64_t z __attribute__((aligned(64)));
    uint64_t r[4]; /* what the threads saw */
    uint64_t pad[3];
    volatile uint64_t pair[2] __attribute__((aligned(64)));
};

typedef void thread_fn(struct instance *);
struct litmus {
    const char *name;
    thread_fn *thread[4];
    bool (*forbidden)(const struct instance *);
};

static struct instance instances[INSTANCES];

/* ---- accesses ---- */

#define LOADS(name, insn)                                                   \
    static inline uint64_t name(const volatile void *p)                     \
    {                                                                       \
        uint64_t v;                                                         \
        __asm__ volatile(insn : "=&r"(v) : "r"(p) : "memory", "x9", "x10"); \
        return v;                                                           \
    }
#define STORES(name, insn)                                                    \
    static inline void name(volatile void *p, uint64_t v)                     \
    {                                                                         \
        __asm__ volatile(insn ::"r"(v), "r"(p)                                \
                         : "memory", "x9", "x10", "x11", "x12", "x13", "cc"); \
    }
#define FENCE(name, insn)                    \
    static inline void name(void)            \
    {                                        \
        __asm__ volatile(insn ::: "memory"); \
    }

LOADS(ldr, "ldr %0, [%1]")
LOADS(ldar, "ldar %0, [%1]")
LOADS(ldapr, "ldapr %0, [%1]")
LOADS(ldaxr, "ldaxr %0, [%1]\nclrex")
LOADS(ldp, "ldp %0, x9, [%1]")
LOADS(ldarb, "ldarb %w0, [%1]")
LOADS(ldadda, "mov x9, #0\nldadda x9, %0, [%1]")
LOADS(ldaddal, "mov x9, #0\nldaddal x9, %0, [%1]")
LOADS(casa, "mov %0, #0\ncasa %0, xzr, [%1]")

STORES(str, "str %0, [%1]")
STORES(stlr, "stlr %0, [%1]")
STORES(stlrb, "stlrb %w0, [%1]")
STORES(stp, "stp %0, %0, [%1]")
STORES(swpl, "swpl %0, x9, [%1]")
STORES(swpal, "swpal %0, x9, [%1]")
STORES(ldaddl, "ldaddl %0, x9, [%1]")
STORES(stadd_al, "ldaddal %0, x9, [%1]")
STORES(casl, "mov x9, #0\ncasl x9, %0, [%1]")
STORES(casal, "mov x9, #0\ncasal x9, %0, [%1]")
STORES(ldset_l, "ldsetl %0, x9, [%1]")
STORES(ldeor_al, "ldeoral %0, x9, [%1]")
STORES(ldmax_al, "ldumaxal %0, x9, [%1]")
STORES(stxr, "1: ldxr x9, [%1]\nstxr w10, %0, [%1]\ncbnz w10, 1b")
STORES(stlxr, "1: ldxr x9, [%1]\nstlxr w10, %0, [%1]\ncbnz w10, 1b")
STORES(ldaxr_stlxr, "1: ldaxr x9, [%1]\nstlxr w10, %0, [%1]\ncbnz w10, 1b")
STORES(stlxp, "1: ldxp x9, x11, [%1]\nstlxp w10, %0, %0, [%1]\ncbnz w10, 1b")
STORES(caspl, "1: ldxp x12, x13, [%1]\nclrex\nmov x10, x12\nmov x9, x12\n"
              "mov x10, %0\nmov x11, %0\ncaspl x12, x13, x10, x11, [%1]\n"
              "cmp x12, x9\nb.ne 1b")

FENCE(dmb_sy, "dmb sy")
FENCE(dmb_ish, "dmb ish")
FENCE(dmb_st, "dmb ishst")
FENCE(dmb_ld, "dmb ishld")
FENCE(dsb_ish, "dsb ish")
FENCE(nothing, "")

/* The second load's address, the store's datum, or whether it is reached
   depends on the first load. */
static inline void ld_addr_ld(volatile void *p, volatile void *q, uint64_t *a,
                              uint64_t *b)
{
    __asm__ volatile("ldr %0, [%2]\neor x9, %0, %0\nldr %1, [%3, x9]"
                     : "=&r"(*a), "=&r"(*b)
                     : "r"(p), "r"(q)
                     : "memory", "x9");
}

static inline void ld_ctrl_isb_ld(volatile void *p, volatile void *q,
                                  uint64_t *a, uint64_t *b)
{
    __asm__ volatile("ldr %0, [%2]\ncbnz %0, 1f\n1: isb\nldr %1, [%3]"
                     : "=&r"(*a), "=&r"(*b)
                     : "r"(p), "r"(q)
                     : "memory");
}

static inline uint64_t ld_data_st(volatile void *p, volatile void *q)
{
    uint64_t a;

    __asm__ volatile("ldr %0, [%1]\neor x9, %0, %0\nadd x9, x9, #1\n"
                     "str x9, [%2]"
                     : "=&r"(a)
                     : "r"(p), "r"(q)
                     : "memory", "x9");
    return a;
}

static inline uint64_t ld_ctrl_st(volatile void *p, volatile void *q)
{
    uint64_t a;

    __asm__ volatile("ldr %0, [%1]\nmov x9, #1\ncbnz %0, 1f\n1: str x9, [%2]"
                     : "=&r"(a)
                     : "r"(p), "r"(q)
                     : "memory", "x9");
    return a;
}

/* ---- the shapes, for any way to order ---- */

#define WRITER(name, first, fence, second) \
    static void name(struct instance *i)   \
    {                                      \
        first(&i->x, 1);                   \
        fence();                           \
        second(&i->y, 1);                  \
    }
#define READER(name, first, fence, second) \
    static void name(struct instance *i)   \
    {                                      \
        i->r[0] = first(&i->y);            \
        fence();                           \
        i->r[1] = second(&i->x);           \
    }
/* Store one, load the other; both ways round. */
#define SB(name, store, fence, load)         \
    static void name##_0(struct instance *i) \
    {                                        \
        store(&i->x, 1);                     \
        fence();                             \
        i->r[0] = load(&i->y);               \
    }                                        \
    static void name##_1(struct instance *i) \
    {                                        \
        store(&i->y, 1);                     \
        fence();                             \
        i->r[1] = load(&i->x);               \
    }
#define LB(name, load, fence, store)         \
    static void name##_0(struct instance *i) \
    {                                        \
        i->r[0] = load(&i->x);               \
        fence();                             \
        store(&i->y, 1);                     \
    }                                        \
    static void name##_1(struct instance *i) \
    {                                        \
        i->r[1] = load(&i->y);               \
        fence();                             \
        store(&i->x, 1);                     \
    }
#define W2(name, first, fence, second)       \
    static void name##_0(struct instance *i) \
    {                                        \
        first(&i->x, 1);                     \
        fence();                             \
        second(&i->y, 2);                    \
    }                                        \
    static void name##_1(struct instance *i) \
    {                                        \
        first(&i->y, 1);                     \
        fence();                             \
        second(&i->x, 2);                    \
    }

WRITER(w_plain, str, nothing, str)
WRITER(w_dmb, str, dmb_ish, str)
WRITER(w_dmb_st, str, dmb_st, str)
WRITER(w_stlr, str, nothing, stlr)
WRITER(w_stlrb, stlrb, nothing, stlrb)
WRITER(w_swpl, str, nothing, swpl)
WRITER(w_ldaddl, str, nothing, ldaddl)
WRITER(w_ldsetl, str, nothing, ldset_l)
WRITER(w_casl, str, nothing, casl)
WRITER(w_stlxr, str, nothing, stlxr)
WRITER(w_stxr, stxr, dmb_st, stxr)
READER(r_dmb, ldr, dmb_ish, ldr)
READER(r_dmb_ld, ldr, dmb_ld, ldr)
READER(r_ldar, ldar, nothing, ldr)
READER(r_ldarb, ldarb, nothing, ldarb)
READER(r_ldapr, ldapr, nothing, ldr)
READER(r_ldaxr, ldaxr, nothing, ldr)
READER(r_ldadda, ldadda, nothing, ldr)
READER(r_casa, casa, nothing, ldr)

static void r_addr(struct instance *i)
{
    ld_addr_ld(&i->y, &i->x, &i->r[0], &i->r[1]);
}

static void r_ctrl_isb(struct instance *i)
{
    ld_ctrl_isb_ld(&i->y, &i->x, &i->r[0], &i->r[1]);
}

SB(sb_plain, str, nothing, ldr)
SB(sb_dmb, str, dmb_sy, ldr)
SB(sb_dmb_ish, str, dmb_ish, ldr)
SB(sb_dsb, str, dsb_ish, ldr)
SB(sb_ldar, stlr, nothing, ldar)
SB(sb_ldarb, stlrb, nothing, ldarb)
SB(sb_swpal, swpal, nothing, ldar)
SB(sb_casal, casal, nothing, ldar)
SB(sb_ldaddal, stadd_al, nothing, ldar)
SB(sb_ldeoral, ldeor_al, nothing, ldar)
SB(sb_ldumaxal, ldmax_al, nothing, ldar)
SB(sb_swpl_ldaddal, swpl, nothing, ldaddal)
SB(sb_stlxr, stlxr, nothing, ldar)
SB(sb_ldaxr_stlxr, ldaxr_stlxr, nothing, ldar)
SB(sb_stxr_dmb, stxr, dmb_ish, ldr)

LB(lb_ldar, ldar, nothing, str)
LB(lb_stlr, ldr, nothing, stlr)
LB(lb_dmb, ldr, dmb_ish, str)
LB(lb_dmb_ld, ldr, dmb_ld, str)
LB(lb_ldadda, ldadda, nothing, str)

static void lb_data_0(struct instance *i)
{
    i->r[0] = ld_data_st(&i->x, &i->y);
}

static void lb_data_1(struct instance *i)
{
    i->r[1] = ld_ctrl_st(&i->y, &i->x);
}

W2(w2_dmb, str, dmb_ish, str)
W2(w2_dmb_st, str, dmb_st, str)
W2(w2_stlr, str, nothing, stlr)
W2(w2_stlxr, stxr, nothing, stlxr)

static bool mp(const struct instance *i)
{
    return i->r[0] == 1 && i->r[1] == 0;
}

static bool sb(const struct instance *i)
{
    return i->r[0] == 0 && i->r[1] == 0;
}

static bool lb(const struct instance *i)
{
    return i->r[0] == 1 && i->r[1] == 1;
}

static bool w2(const struct instance *i)
{
    return i->x == 1 && i->y == 1;
}

/* R: two writes here, the second's location written over there, then a read.
   S: two writes here, the second is read there and the first written over. */
static void r_1(struct instance *i)
{
    stlr(&i->y, 2);
    i->r[0] = ldar(&i->x);
}

static bool r_bad(const struct instance *i)
{
    return i->y == 2 && i->r[0] == 0;
}

static void r_0(struct instance *i)
{
    stlr(&i->x, 1);
    stlr(&i->y, 1);
}

static void s_0(struct instance *i)
{
    str(&i->x, 2);
    dmb_st();
    str(&i->y, 1);
}

static void s_1(struct instance *i)
{
    i->r[0] = ld_data_st(&i->y, &i->x);
}

static bool s_bad(const struct instance *i)
{
    return i->r[0] == 1 && i->x == 2;
}

/* ---- one location; halves of a pair ---- */

static void co_w(struct instance *i)
{
    str(&i->x, 1);
    str(&i->x, 2);
    swpl(&i->x, 3);
}

static void co_r(struct instance *i)
{
    i->r[0] = ldr(&i->x);
    i->r[1] = ldr(&i->x);
}

static bool co_bad(const struct instance *i)
{
    return i->r[1] < i->r[0] || i->x != 3;
}

/* STXP and CASP write both halves at once (B2.2.1); who reads the second first
   sees the first as well. */
static void pair_stxp(struct instance *i)
{
    stlxp(i->pair, 1);
    stlxp(i->pair, 2);
}

static void pair_casp(struct instance *i)
{
    caspl(i->pair, 1);
    caspl(i->pair, 2);
}

static void pair_ldxp(struct instance *i)
{
    __asm__ volatile("1: ldxp %0, %1, [%2]\nstxp w9, %0, %1, [%2]\ncbnz w9, 1b"
                     : "=&r"(i->r[0]), "=&r"(i->r[1])
                     : "r"(i->pair)
                     : "memory", "x9");
}

static void pair_ldr(struct instance *i)
{
    i->r[1] = ldr(&i->pair[1]);
    dmb_ld();
    i->r[0] = ldr(&i->pair[0]);
}

static bool pair_torn(const struct instance *i)
{
    return i->r[0] != i->r[1];
}

static bool pair_early(const struct instance *i)
{
    return i->r[0] < i->r[1];
}

/* STP and LDP: each half by itself, in any order; a release publishes both. */
static void w_stp(struct instance *i)
{
    stp(i->pair, 1);
    stlr(&i->y, 1);
}

static void r_ldp(struct instance *i)
{
    i->r[0] = ldar(&i->y);
    i->r[1] = ldp(i->pair);
}

/* ---- three and four threads ---- */

static void x_1(struct instance *i)
{
    str(&i->x, 1);
}

static void y_1(struct instance *i)
{
    str(&i->y, 1);
}

static void x_stlr(struct instance *i)
{
    stlr(&i->x, 1);
}

static void y_stlr(struct instance *i)
{
    stlr(&i->y, 1);
}

#define IRIW(name, first, fence, second)     \
    static void name##_2(struct instance *i) \
    {                                        \
        i->r[0] = first(&i->x);              \
        fence();                             \
        i->r[1] = second(&i->y);             \
    }                                        \
    static void name##_3(struct instance *i) \
    {                                        \
        i->r[2] = first(&i->y);              \
        fence();                             \
        i->r[3] = second(&i->x);             \
    }
IRIW(iriw_dmb, ldr, dmb_ish, ldr)
IRIW(iriw_ldar, ldar, nothing, ldar)
IRIW(iriw_ld, ldr, dmb_ld, ldr)

static bool iriw(const struct instance *i)
{
    return i->r[0] == 1 && i->r[1] == 0 && i->r[2] == 1 && i->r[3] == 0;
}

static void wrc_1(struct instance *i)
{
    i->r[2] = ld_data_st(&i->x, &i->y);
}

static bool wrc_bad(const struct instance *i)
{
    return i->r[2] == 1 && i->r[0] == 1 && i->r[1] == 0;
}

/* ISA2: x to y by release, y to z by dependence, z to x. */
static void isa2_1(struct instance *i)
{
    i->r[0] = ld_data_st(&i->y, &i->z);
}

static void isa2_2(struct instance *i)
{
    ld_addr_ld(&i->z, &i->x, &i->r[1], &i->r[2]);
}

static bool isa2_bad(const struct instance *i)
{
    return i->r[0] == 1 && i->r[1] == 1 && i->r[2] == 0;
}

/* ---- running them ---- */

/* clang-format off */
static const struct litmus two[] = {
    {"MP+dmb+dmb", {w_dmb, r_dmb}, mp},
    {"MP+dmb.st+dmb.ld", {w_dmb_st, r_dmb_ld}, mp},
    {"MP+stlr+ldar", {w_stlr, r_ldar}, mp},
    {"MP+stlrb+ldarb", {w_stlrb, r_ldarb}, mp},
    {"MP+stlr+ldapr", {w_stlr, r_ldapr}, mp},
    {"MP+stlr+addr", {w_stlr, r_addr}, mp},
    {"MP+dmb.st+ctrl-isb", {w_dmb_st, r_ctrl_isb}, mp},
    {"MP+swpl+ldaxr", {w_swpl, r_ldaxr}, mp},
    {"MP+ldaddl+ldadda", {w_ldaddl, r_ldadda}, mp},
    {"MP+ldsetl+ldar", {w_ldsetl, r_ldar}, mp},
    {"MP+casl+casa", {w_casl, r_casa}, mp},
    {"MP+stlxr+ldaxr", {w_stlxr, r_ldaxr}, mp},
    {"MP+stxr-dmb.st+ldar", {w_stxr, r_ldar}, mp},
    {"MP+stp-stlr+ldar-ldp", {w_stp, r_ldp}, mp},
    {"SB+dmb.sy", {sb_dmb_0, sb_dmb_1}, sb},
    {"SB+dmb.ish", {sb_dmb_ish_0, sb_dmb_ish_1}, sb},
    {"SB+dsb", {sb_dsb_0, sb_dsb_1}, sb},
    {"SB+stlr-ldar", {sb_ldar_0, sb_ldar_1}, sb},
    {"SB+stlrb-ldarb", {sb_ldarb_0, sb_ldarb_1}, sb},
    {"SB+swpal-ldar", {sb_swpal_0, sb_swpal_1}, sb},
    {"SB+casal-ldar", {sb_casal_0, sb_casal_1}, sb},
    {"SB+ldaddal-ldar", {sb_ldaddal_0, sb_ldaddal_1}, sb},
    {"SB+ldeoral-ldar", {sb_ldeoral_0, sb_ldeoral_1}, sb},
    {"SB+ldumaxal-ldar", {sb_ldumaxal_0, sb_ldumaxal_1}, sb},
    {"SB+swpl-ldaddal", {sb_swpl_ldaddal_0, sb_swpl_ldaddal_1}, sb},
    {"SB+stlxr-ldar", {sb_stlxr_0, sb_stlxr_1}, sb},
    {"SB+ldaxr-stlxr-ldar", {sb_ldaxr_stlxr_0, sb_ldaxr_stlxr_1}, sb},
    {"SB+stxr-dmb", {sb_stxr_dmb_0, sb_stxr_dmb_1}, sb},
    {"SB+stlr-ldar+swpal-ldar", {sb_ldar_0, sb_swpal_1}, sb},
    {"SB+stlr-ldar+dmb", {sb_ldar_0, sb_dmb_1}, sb},
    {"LB+ldar", {lb_ldar_0, lb_ldar_1}, lb},
    {"LB+stlr", {lb_stlr_0, lb_stlr_1}, lb},
    {"LB+dmb", {lb_dmb_0, lb_dmb_1}, lb},
    {"LB+dmb.ld", {lb_dmb_ld_0, lb_dmb_ld_1}, lb},
    {"LB+ldadda", {lb_ldadda_0, lb_ldadda_1}, lb},
    {"LB+data+ctrl", {lb_data_0, lb_data_1}, lb},
    {"2+2W+dmb", {w2_dmb_0, w2_dmb_1}, w2},
    {"2+2W+dmb.st", {w2_dmb_st_0, w2_dmb_st_1}, w2},
    {"2+2W+stlr", {w2_stlr_0, w2_stlr_1}, w2},
    {"2+2W+stlxr", {w2_stlxr_0, w2_stlxr_1}, w2},
    {"R+stlr+stlr-ldar", {r_0, r_1}, r_bad},
    {"S+dmb.st+data", {s_0, s_1}, s_bad},
    {"CoRR", {co_w, co_r}, co_bad},
    {"pair+stxp+ldxp", {pair_stxp, pair_ldxp}, pair_torn},
    {"pair+casp+ldxp", {pair_casp, pair_ldxp}, pair_torn},
    {"pair+casp+ldr", {pair_casp, pair_ldr}, pair_early},
    {"pair+stxp+ldr", {pair_stxp, pair_ldr}, pair_early},
    {NULL, {NULL}, NULL},
};
static const struct litmus more[] = {
    {"IRIW+dmb", {x_1, y_1, iriw_dmb_2, iriw_dmb_3}, iriw},
    {"IRIW+dmb.ld", {x_1, y_1, iriw_ld_2, iriw_ld_3}, iriw},
    {"IRIW+stlr+ldar", {x_stlr, y_stlr, iriw_ldar_2, iriw_ldar_3}, iriw},
    {"WRC+data+addr", {x_1, wrc_1, r_addr}, wrc_bad},
    {"ISA2+stlr+data+addr", {w_stlr, isa2_1, isa2_2}, isa2_bad},
    {NULL, {NULL}, NULL},
};
/* Allowed (B2.3): how often they are seen says how good the test is. */
static const struct litmus allowed[] = {
    {"SB+plain", {sb_plain_0, sb_plain_1}, sb},
    {"MP+plain", {w_plain, r_ldar}, mp},
    {NULL, {NULL}, NULL},
};
/* clang-format on */

static const struct litmus *current;
static unsigned members;
static volatile uint32_t arrived __attribute__((aligned(64)));
static uint64_t seen;

/* The first of them counts; who waits lets others run now and then. */
static void meet(uint32_t *turn)
{
    *turn += members;
    __atomic_fetch_add(&arrived, 1, __ATOMIC_SEQ_CST);
    for (struct wait w = {0};
         __atomic_load_n(&arrived, __ATOMIC_SEQ_CST) < *turn; keep_waiting(&w))
        if (w.turns % 64 == 63)
            __asm__ volatile("yield");
}

static uint32_t random32(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

static void pause_for(uint32_t n)
{
    for (; n; n--)
        __asm__ volatile("");
}

static void clear(void)
{
    for (unsigned n = 0; n < INSTANCES; n++)
        instances[n] = (struct instance){.x = 0};
}

static void count(void)
{
    for (unsigned n = 0; n < INSTANCES; n++)
        if (current->forbidden(&instances[n]))
            seen++;
}

static void thread(unsigned me)
{
    uint32_t turn = 0, state = me * 7919 + 1;
    thread_fn *fn;

    mmu_plain();
    if (me >= members)
        return;
    fn = current->thread[me];
    for (unsigned b = 0; b < BATCHES; b++) {
        if (me == 0)
            clear();
        meet(&turn);
        pause_for(random32(&state) % 200);
        for (unsigned n = 0; n < INSTANCES; n++) {
            fn(&instances[n]);
            if (b & 1)
                pause_for(random32(&state) % 8);
        }
        meet(&turn);
        if (me == 0)
            count();
    }
}

static void run(const struct litmus *test, unsigned threads)
{
    current = test;
    members = threads;
    arrived = 0;
    seen = 0;
    mmu_plain(); /* makes the tables that all will share */
    cpu_run_all(thread);
    mmu_off();
}

static unsigned threads_of(const struct litmus *test)
{
    unsigned n = 0;

    while (n < 4 && test->thread[n])
        n++;
    return n;
}

static void never(const struct litmus *tests)
{
    for (; tests->name; tests++) {
        unsigned threads = threads_of(tests);

        if (threads > cpu_count())
            continue;
        run(tests, threads);
        if (seen)
            guest_fail(__FILE__, __LINE__, "%s is seen %u times", tests->name,
                       seen);
    }
}

static void forbidden_by_two_is_never_seen(void)
{
    never(two);
}

static void forbidden_by_more_is_never_seen(void)
{
    never(more);
}

static void allowed_is_counted(void)
{
    for (const struct litmus *test = allowed; test->name; test++) {
        if (cpu_count() < 2)
            continue;
        run(test, 2);
        guest_print("%s is seen %u times of %u\n", test->name, seen,
                    (uint64_t)INSTANCES * BATCHES);
    }
}

#define TEST(fn) \
    {            \
#fn, fn  \
    }
const struct guest_test guest_tests[] = {
    TEST(forbidden_by_two_is_never_seen),
    TEST(forbidden_by_more_is_never_seen),
    TEST(allowed_is_counted),
    {NULL, NULL},
};
