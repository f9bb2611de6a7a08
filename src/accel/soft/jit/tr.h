// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The translator's state for one block, and what emitters build upon.
 *
 * Machine registers while translated code runs:
 *   rbp  cpu + CPU_BIAS            r15  cpu->tlb
 *   rdi rsi r8 r9 r11 = x0 x1 x2 x3 x4;  rbx r12 r13 r14 = x19 x20 x21 x22;
 *   r10 = SP; all other guest registers live in cpu->x[]. This assignment is
 *   the usual one; emitters ask t_pinned, because tests draw others.
 *   rax rcx rdx xmm0-15: scratch, dead between guest instructions
 *
 * An emitter translates one instruction and returns true, or false before it
 * has emitted anything: then the executor of tier 0 is called for it. Until an
 * emitter has passed its last t_bail() it must not have changed guest state:
 * a bail executes the whole instruction in tier 0 and goes on behind it.
 *
 * NZCV lives in cpu->hflags between instructions: AH of LAHF in bits 15:8 (N Z
 * - - - - - C) and V in bit 0; C is inverted, as a borrow of the host's. Right
 * after a setter the host's flags hold the same (t->flags_live), until
 * something clobbers them; an emitter that leaves them alone says so by
 * t->flags_kept. What is not written to cpu->hflags at once is tr_flags.c's.
 */

#include "accel/soft/block.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/tr_regs.h"
#include "accel/soft/jit/trace.h"
#include "accel/soft/jit/x64.h"
#include "isa_gen.h"

/* A block may be emitted twice: struct tr_loop. */
enum { TR_MAX_INSNS = TRACE_MAX_INSNS };
enum {
    TR_MAX_BAILS = 8 * TR_MAX_INSNS,
    TR_MAX_EXITS = 4 * (TR_MAX_INSNS + 2 * TRACE_MAX_PARTS) + 2
};
enum { TR_INSN_BYTES = 512 /* the most an emitter may emit, cold part too */ };
enum { TR_SPARE_BYTES = 2 * TR_INSN_BYTES }; /* left when it stops for room */

/* Displacements of a place where a trace goes on in another page, in the slot
   of the exit that is taken if it does not; NULL: none. */
struct tr_guard {
    uint8_t *inside, *from;
};

/* A set of instructions. */
struct tr_mask {
    uint64_t bits[TR_MAX_INSNS / 64];
};

static inline bool tr_mask_has(const struct tr_mask *m, unsigned idx)
{
    return m->bits[idx / 64] >> idx % 64 & 1;
}

static inline void tr_mask_add(struct tr_mask *m, unsigned idx)
{
    m->bits[idx / 64] |= 1ull << idx % 64;
}

/* A direct exit: its displacement can be linked to the block at `target`. */
struct tr_exit {
    uint8_t *place;
    int64_t target;             /* offset from the page's start */
    int32_t page;               /* of a trace: the exit is from there */
    uint16_t idx;               /* of the instruction that leaves */
    uint8_t *tag, *from, *host; /* NULL, or displacements in its far slot */
    uint8_t *slot;              /* where that is */
    struct tr_guard guard;      /* that leads past this far exit, or none */

    /* Flags that a target need not have if it sets them before it reads them:
       out of line if `pending`, which ends in the jump at `late`; or in line,
       at `keep`. */
    bool pending;
    uint8_t *late, *keep;

    bool is_split; /* not linked: `target` is for tier 0 (tr_group.h) */
};

/* A direct exit to another page holds while the TLB's tag and cpu->page_base
   are these: the page that it is from may be mapped twice, beside different
   ones. What it leads to lies beside the code, written when it is linked;
   `inside` is the tag, instead of `tag`, while a trace goes on there itself. */
struct tr_slot {
    uint32_t tag; /* 0: empty */
    uint32_t inside;
    uint64_t from;
    const uint8_t *host;
};

/* xmm8 to xmm15 hold recent V registers: tr_vec.c's own. */
enum { TR_VEC_REGS = 8 };

/* A poll of a branch backwards: out of line, it leaves for `target`. */
struct tr_poll {
    uint8_t *place;
    int64_t target;
};

/* A way out of a trace that is out of line: from instruction idx, at `place`,
   if `pending` with flags to be written. */
enum tr_side_kind { TR_SIDE_EXIT, TR_SIDE_GUARD, TR_SIDE_RETURN };
struct tr_side {
    uint8_t *place;
    struct tr_guard guard; /* of TR_SIDE_GUARD */
    int64_t offset;
    uint16_t idx;
    uint8_t kind;
    bool pending;
};

/* A way on which the flags are a constant, loaded in the cold part. */
enum { TR_MAX_CONSTS = 4 * TR_MAX_INSNS };
struct tr_flags_const {
    uint8_t *place; /* of the jump there */
    uint8_t *back;  /* where it goes on */
    uint8_t nzcv;
};

/* A scratch register that holds cpu->x[g], which was stored from it just now.
   Who comes to such a place from elsewhere loads it. */
struct tr_put {
    uint8_t reg, g;
    bool any;
};

struct tr_bail {
    uint8_t *place; /* of the jump to the cold part */
    uint8_t *back;  /* where it goes on */
    uint8_t *again; /* the TLB may yet know: where the instruction starts */
    bool write;     /* of that: which half of the TLB */
    uint16_t idx;   /* of the instruction */
    struct tr_put before, after; /* where it starts, and goes on */
    uint8_t reload; /* mask of those wanted behind it, and their contents: */
    uint8_t vreg[TR_VEC_REGS]; /* V register, valid bits / 64 above bit 5 */
};

struct tr_vec_reg {
    uint8_t vreg;   /* V register + 1; 0: none */
    uint8_t valid;  /* its low 32, 64 or 128 bits are here; zero above */
    uint8_t low;    /* what is above these is known to be zero */
    bool dirty;     /* memory does not have it */
    uint16_t since; /* the first bail behind which it must be reloaded */
    uint16_t used;  /* when last: the one to give up */
};
struct tr_vec {
    struct tr_vec_reg reg[TR_VEC_REGS];
    unsigned idx;        /* the instruction of the following */
    unsigned first_bail; /* of that instruction */
    unsigned bail_floor; /* those before are of another pass */
    unsigned locked;     /* mask: handed out to its emitter */
    unsigned for_next;   /* the instruction for which the one before it has left
                            something in scratch registers; 0: none */
    uint16_t clock;
};

/*
 * A loop that is its own block and has V registers in the machine's, or enters
 * other pages: behind the block its body is emitted again, for a start with
 * what the first pass holds where it branches back. There the second pass
 * branches to its own start, and goes on in the first pass when it does not.
 * What the first pass has tested of other pages holds until C is asked, and
 * X30 is what it wrote if nothing else writes it.
 */
struct tr_loop {
    bool found, second_pass;
    bool guarded;       /* the first pass enters other pages */
    unsigned idx;       /* of the branch */
    uint8_t *enter;     /* place of the first pass's branch */
    const uint8_t *top; /* of the second pass */
    const uint8_t *out; /* where the first pass goes on; NULL: nowhere */
    struct tr_vec vec;  /* at the branch */
};

/*
 * Accesses that share a test of the TLB, and runs of them: tr_group.h. What a
 * register holds is known as a distance from some value, its root: those that
 * registers held at the start, the start of the trace's first page, and others
 * that are made on the way.
 */
enum { TR_RUN_MAX = TR_MAX_INSNS, TR_PLAN_GROUPS = NUM_ADDENDS };
enum { TR_ROOT_PAGE = REG_SINK, TR_FIRST_ROOT };
struct tr_value {
    uint16_t root;
    int32_t delta;
};
struct tr_group {
    int32_t lo, hi; /* bytes accessed, from the root */
    int32_t delta;  /* the base register's at the first one */
    uint16_t first; /* instruction */
    uint16_t root;
    bool write, unpriv;
    bool spilled; /* its addend is wanted after rdx was used for others */
};
struct tr_plan {
    unsigned first, last; /* instructions */
    struct tr_group group[TR_PLAN_GROUPS];
    unsigned num;
    uint8_t group_of[TR_RUN_MAX]; /* instruction's, from `first` on */
    unsigned in_rdx;              /* whose addend is there */
    bool is_worth;
    struct tr_value value[REG_SINK + 1]; /* at the instruction looked at */
    unsigned num_roots;
};
static_assert(TR_FIRST_ROOT + 4 * TR_RUN_MAX < 1 << 16, "of one run");

enum { TR_MAX_RUNS = TR_MAX_INSNS /* of two or more, in two passes */ };
enum { TR_MAX_RUN_PLACES = 6 * TR_MAX_INSNS };
struct tr_run {
    uint16_t first, last;
    bool sp_aligned;   /* at the first one */
    struct tr_vec vec; /* likewise */
    unsigned first_place, num_places;
    uint8_t *back;       /* where the copy goes on */
    struct tr_put after; /* there */
};
struct tr_run_place {
    uint8_t *place; /* of a jump to the copy of idx */
    uint8_t *again; /* as in tr_bail */
    bool write;
    uint16_t idx;
    struct tr_put before;
};
struct tr_runs {
    struct tr_run list[TR_MAX_RUNS];
    unsigned num;
    struct tr_run_place places[TR_MAX_RUN_PLACES];
    unsigned num_places;
    struct tr_run *open; /* of the present instruction, or NULL */
    struct tr_plan plan; /* of that */
    unsigned in_rdx;     /* group whose addend is there */
    bool off;
};

/* A place of access that has a span: tr_span.h. */
enum { TR_MAX_SPANS = 2 * TR_MAX_INSNS };
struct tr_span {
    uint8_t *place; /* of the jump to the cold part */
    uint8_t *again; /* where the instruction starts */
    uint8_t *back;  /* where it goes on, the addend in rdx */
    uint8_t **fail; /* the cold part's own jump, for who treats it */
    uint16_t bytes;
    uint8_t number, idx, va;
    bool write;
    struct tr_put before; /* as in tr_bail */
};

/* Where an atomic has met another CPU's: out of line it waits for a while. */
enum tr_clash_kind { TR_CLASH_SWAP, TR_CLASH_ADD, TR_CLASH_LOAD };
enum { TR_MAX_CLASHES = 2 * TR_MAX_INSNS };
struct tr_clash {
    uint8_t *place;      /* of the jump to the cold part */
    const uint8_t *back; /* where it goes on */
    uint16_t idx;
    uint8_t kind;
};

/* A block counts so many entries before it is translated again, as hot. */
enum { TR_HOT = 16384, TR_HOT_IN_CHAOS = 50 };

struct glue {
    const uint8_t *enter;
    const uint8_t *fallback; /* call; rax: the record */
    const uint8_t *miss;     /* call; behind it: GLUE_INSN_BYTES of what */
    const uint8_t *leave;    /* jmp; rax: the PC to go on at, in C */
    const uint8_t *probe;    /* jmp; rax: the same, if `near` did not have it */
    const uint8_t *leave_at; /* jmp; eax: the same, from the page's start */
    const uint8_t *heat;     /* jmp; eax: a block's number, ecx: its start */
    const uint8_t *link;     /* jmp; eax: number of the exit */

    /* call; of a failed test of the TLB's half for reads or writes, rdx and rcx
       as t_tlb_add leaves them: ZF if the page is in its slot now. */
    const uint8_t *old[2];

    /* call; likewise, of a span's: ecx says which, rdx is the VA less its
       start. ZF if the VA is in the span now. */
    const uint8_t *span[2];

    /* call; of an atomic at rdx that met another CPU's, which found rax: ZF if
       it waited, clobbers rcx and then rax. And afterwards, with what it finds
       now: clobbers rcx. */
    const uint8_t *wait, *learn;
};

struct tr {
    struct x64 c;
    const struct glue *glue;
    const struct tr_regs *regs;
    unsigned features;
    uint32_t mode;
    const struct block *src;
    const struct trace_part *parts; /* of that */
    unsigned num_parts;
    unsigned idx;     /* the instruction being translated */
    uint8_t *entry;   /* where the block's code begins */
    uint8_t *put_end; /* behind the store of put_reg to cpu->x[put_g], where
                         nobody else comes from; or NULL */
    uint8_t put_reg, put_g;
    uint8_t *insn_start;    /* likewise the present instruction's */
    struct tr_put insn_put; /* there */
    bool flags_live, flags_kept;
    bool flags_pending; /* only the host's flags have them: a B.cond is next */
    bool sp_aligned, sp_kept; /* SP is a multiple of 16; stays one behind the
                                 present instruction */
    bool copies;              /* of runs are made: tr_group.h */
    bool count_insns;
    uint64_t chaos; /* refuses one emitter in eight, by this seed */
    bool ended;     /* the last emitter left the block for good */
    struct tr_exit exits[TR_MAX_EXITS];
    unsigned num_exits;
    uint32_t first_exit; /* number of exits[0] */
    struct tr_bail bails[TR_MAX_BAILS];
    unsigned num_bails;
    unsigned num_fallbacks; /* instructions that are tier 0's altogether */
    struct tr_poll polls[TR_MAX_EXITS];
    unsigned num_polls;
    struct tr_side sides[TR_MAX_EXITS];
    unsigned num_sides;
    struct tr_vec vec; /* tr_vec.h */
    struct tr_loop loop;
    struct tr_runs runs;
    struct tr_flags_const consts[TR_MAX_CONSTS];
    unsigned num_consts;
    bool hot;             /* worth more work, and more room */
    struct tr_mask plain; /* instructions that shall have no spans */
    uint32_t number;      /* of the block: the cache's */
    uint32_t first_site;  /* number of spans[0], likewise */
    uint8_t *heat_place;
    bool notes_end; /* in cpu->ended: it has no exit to be seen by */
    struct tr_span spans[TR_MAX_SPANS];
    unsigned num_spans;
    unsigned span_next[8]; /* numbers given last */
    struct tr_clash clashes_of[TR_MAX_CLASHES];
    unsigned num_clashes;
    const _Atomic uint32_t *clashes; /* of all places; NULL: not counted */
};

/* Is there room for one more instruction, or stub, and what ends a phase? */
static inline bool t_has_room(const struct tr *t)
{
    return t->c.limit - t->c.p >= TR_SPARE_BYTES;
}

typedef bool jit_emit_fn(struct tr *t, const struct insn *i);
struct jit_emitter {
    enum a64_op op;
    jit_emit_fn *emit;
};

/* An emitter that is one call, and the row of the one of that name. */
#define EMITTER(name, ...)                                    \
    static bool em_##name(struct tr *t, const struct insn *i) \
    {                                                         \
        return __VA_ARGS__;                                   \
    }
#define EMITTER_ROW(name)    \
    {                        \
        OP_##name, em_##name \
    }

/* What an instruction does besides, before it is emitted: T_WRITES_V writes all
   of its Vd by t_vstore*, T_NO_V no V register; neither bails, leaves the block
   nor reads V registers but by t_vget*. Of T_ANYTHING nothing is known. */
enum t_effect { T_ANYTHING, T_NO_V, T_WRITES_V };
enum t_effect t_effect(unsigned op);
bool t_spares_rdx(unsigned op); /* its emitter does not touch it */

/* A load or store at an index register; it bails before it does anything. */
bool t_is_indexed(unsigned op);

/* The tables of the emitter files, ended by a NULL emit. */
extern const struct jit_emitter jit_int_emitters[];
extern const struct jit_emitter jit_shift_emitters[];
extern const struct jit_emitter jit_mul_emitters[];
extern const struct jit_emitter jit_branch_emitters[];
extern const struct jit_emitter jit_mem_emitters[];
extern const struct jit_emitter jit_unpriv_emitters[];
extern const struct jit_emitter jit_atomic_emitters[];
extern const struct jit_emitter jit_pair_emitters[];
extern const struct jit_emitter jit_bits_emitters[];
extern const struct jit_emitter jit_sys_emitters[];
extern const struct jit_emitter jit_flags_emitters[];
extern const struct jit_emitter jit_fp_emitters[];
extern const struct jit_emitter jit_fp_vec_emitters[];
extern const struct jit_emitter jit_fp_conv_emitters[];
extern const struct jit_emitter jit_fp_est_emitters[];
extern const struct jit_emitter jit_fp_half_emitters[];
extern const struct jit_emitter jit_fp_half_conv_emitters[];
extern const struct jit_emitter jit_simd_emitters[];
extern const struct jit_emitter jit_simd_shift_emitters[];
extern const struct jit_emitter jit_simd_var_emitters[];
extern const struct jit_emitter jit_simd_sat_emitters[];
extern const struct jit_emitter jit_simd_perm_emitters[];
extern const struct jit_emitter jit_simd_misc_emitters[];
extern const struct jit_emitter jit_simd_long_emitters[];
extern const struct jit_emitter jit_crypto_emitters[];
extern const struct jit_emitter jit_vmem_emitters[];
extern const struct jit_emitter jit_vstruct_emitters[];

/* Displacement from rbp of a member of struct cpu. */
#define CPU(member) ((int32_t)offsetof(struct cpu, member) - CPU_BIAS)
#define CPU_X(g)    ((int32_t)(8 * (g)) - CPU_BIAS)
#define CPU_V(n)    (CPU(v) + 16 * (int32_t)(n))

/* The host register a guest register lives in, or -1: memory. */
static inline int t_pinned(const struct tr *t, unsigned g)
{
    return t->regs->pinned[g];
}

/* A host register that holds guest register g: its own, or `scratch` loaded
   with it. Read only. Keeps flags. */
unsigned t_get(struct tr *t, unsigned g, unsigned scratch);

/* dst = g. Keeps flags. */
void t_get_to(struct tr *t, bool w, unsigned dst, unsigned g);

/* Where a result for g is best made, and putting it there. Keep flags. The
   value must be zero-extended when 32 bits are meant. */
static inline unsigned t_dst(const struct tr *t, unsigned g, unsigned scratch)
{
    return t_pinned(t, g) >= 0 ? (unsigned)t_pinned(t, g) : scratch;
}

void t_put(struct tr *t, unsigned g, unsigned reg);

/* dst op= g, by register, memory or constant zero. */
void t_alu(struct tr *t, bool w, enum x64_alu op, unsigned dst, unsigned g);

/* After an x86 instruction that set all flags: NZCV is what they say. inverted:
   CF is a borrow (SUB, CMP, SBB). Clobbers rax. */
void t_flags_set(struct tr *t, bool inverted);

/* Writes the host's flags to cpu->hflags, by T_KEEP_BYTES of code; and the same
   behind a branch that was not taken, if they are pending and needed. */
enum { T_KEEP_BYTES = 11 };
void t_flags_keep(struct x64 *c);
void t_flags_settle(struct tr *t);

/* If cc, NZCV is that, and it goes on at t_flags_const_here. The last is the
   cold part of all of them. */
void t_flags_const(struct tr *t, enum x64_cc cc, unsigned nzcv);
void t_flags_const_here(struct tr *t);
void t_flags_finish(struct tr *t);

/* em_atomic.c's cold parts. */
void t_clash_finish(struct tr *t);

/* eax = cpu->hflags in the Arm's places. Clobbers rcx, rdx. */
void t_flags_to_arm(struct x64 *c);

/* cpu->hflags for a constant NZCV */
static inline int32_t t_hflags_of(unsigned nzcv)
{
    return (int32_t)((nzcv & 12) << 12 | (~nzcv & 2) << 7 | (nzcv & 1));
}

/* Makes the host's flags answer `cond` (0..13); the condition to test. Uses
   t->flags_live; otherwise clobbers rax, rcx and the flags. */
enum x64_cc t_cond(struct tr *t, unsigned cond);

/* If cc (now): tier 0 executes this instruction instead. */
void t_bail(struct tr *t, enum x64_cc cc);

/* The address page_base + offset into rax: PC-relative addresses. */
void t_pc_to(struct tr *t, unsigned dst, int64_t offset);

/* Leaves the block for page_base + offset; can be linked. */
void t_exit_to(struct tr *t, int64_t offset);
/* The same behind the last instruction, which is no branch there: not a loop
   of the block, even if what comes next is its start. */
void t_fall_out(struct tr *t);
/* The same if cc; returns having emitted the not-taken way. */
void t_exit_if(struct tr *t, enum x64_cc cc, int64_t offset);

/* What a scratch register holds here; and in the cold part, loading it again.
   If ZF, starts an instruction again. */
struct tr_put t_put_here(const struct tr *t);
void t_put_again(struct tr *t, const struct tr_put *put);
void t_start_again(struct tr *t, uint8_t *again, const struct tr_put *before);

/* Goes on in the trace, where that may be; X30 is compared for a RET. The last
   is the cold part of that and of other ways out of it. */
void t_enter_part(struct tr *t, const struct trace_part *next);
void t_side_finish(struct tr *t);
/* One that tier 0 takes, at the present instruction. */
void t_add_split(struct tr *t);
/* In the cold part: leaves by exit n of this block; for an offset in the page.
 */
void t_leave_by(struct tr *t, unsigned n);
void t_leave_at(struct tr *t, int64_t offset);
/* To the address in rax. */
void t_exit_rax(struct tr *t);

/* The TLB: rdx = host address of `bytes` at the VA in rax, or bail. Keeps rax;
   clobbers rcx, flags. */
void t_tlb(struct tr *t, unsigned bytes, bool write);

/* rcx = the number of the TLB entry for the address in va. */
void t_tlb_slot(struct tr *t, unsigned va);
/* The same for the VA in `va`; rdx is what to add to it. */
void t_tlb_add(struct tr *t, unsigned va, unsigned bytes, bool write);

/* That test by slot: the place of the jump if it fails, which t_tlb_bail says
   what to do about. `place` may be NULL, to be written where it returns. */
uint8_t *t_tlb_test(struct tr *t, unsigned va, unsigned bytes, bool write);
uint8_t **t_tlb_bail(struct tr *t, uint8_t *place, bool write);

/* Bails if SP is not a multiple of 16 and may therefore fault. */
void t_sp_check(struct tr *t);

/* The part that instruction k is in. */
static inline const struct trace_part *t_part(const struct tr *t, unsigned k)
{
    const struct trace_part *p = t->parts;

    while (k >= p->end && p + 1 < t->parts + t->num_parts)
        p++;
    return p;
}

/* What the trace goes on with behind it, or NULL. */
static inline const struct trace_part *t_next_part_at(const struct tr *t,
                                                      unsigned k)
{
    const struct trace_part *p = t_part(t, k);

    return k + 1u == p->end && p + 1 < t->parts + t->num_parts ? p + 1 : NULL;
}

/* Offset of instruction k, and of what it refers to, from cpu->page_base. */
static inline int64_t t_off_at(const struct tr *t, unsigned k)
{
    const struct trace_part *p = t_part(t, k);

    return p->off + 4 * ((int64_t)k - p->first);
}

static inline int64_t t_off(const struct tr *t)
{
    return t_off_at(t, t->idx);
}

static inline int64_t t_target_at(const struct tr *t, unsigned k)
{
    return t_off_at(t, k) + (int64_t)(t->src->insn[k].imm - 4 * (uint64_t)k);
}

static inline int64_t t_target(const struct tr *t)
{
    return t_target_at(t, t->idx);
}

/* Of a conditional branch: where the trace does not go on. */
static inline int64_t t_other_way_at(const struct tr *t, unsigned k)
{
    const struct trace_part *next = t_next_part_at(t, k);

    return next && next->way == TRACE_TAKEN ? t_off_at(t, k) + 4
                                            : t_target_at(t, k);
}

/* Do offsets lie in one page? */
static inline bool t_same_page(int64_t a, int64_t b)
{
    return (a ^ b) >> 12 == 0;
}

/* Is `offset` behind all that leads to instruction k? Only such exits need no
   poll: then from block to block addresses grow until one is made. */
static inline bool t_is_ahead(const struct tr *t, unsigned k, int64_t offset)
{
    return offset > t_off_at(t, k) && offset > t_part(t, k)->top;
}

/* What the trace goes on with behind the present instruction, or NULL. */
static inline const struct trace_part *t_next_part(const struct tr *t)
{
    return t_next_part_at(t, t->idx);
}
