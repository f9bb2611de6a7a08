// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * The state of one soft vCPU. It belongs to the thread that runs it; other
 * threads touch only what is marked _Atomic, and the work list under its lock.
 */

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "accel/soft/insn.h"
#include "accel/soft/jit/simd_const.h"
#include "accel/soft/softfp.h"
#include "accel/soft/tier.h"
#include "accel/vcpu_state.h"
#include "base/macros.h"
#include "mem/gmem.h"

struct alarm;
struct block;
struct dry_run;
struct gic;
struct host_waker;
struct interp;
struct jit;
struct mmu;
struct soft_vm;
struct tlb;

union vreg {
    uint8_t b[16];
    uint16_t h[8];
    uint32_t s[4];
    uint64_t d[2];
    int8_t sb[16];
    int16_t sh[8];
    int32_t ss[4];
    int64_t sd[2];
};
static_assert(sizeof(union vreg) == 16, "a V register");

/* Why the interpreter must look up before the next block. */
enum attention {
    ATT_KICK = 1,   /* leave vcpu_run */
    ATT_IRQ = 2,    /* an interrupt may be deliverable: compare with DAIF */
    ATT_WORK = 4,   /* another CPU posted TLB or code invalidations */
    ATT_EXIT = 8,   /* cpu->exit_pending is set: leave vcpu_run with it */
    ATT_TIMER = 32, /* timer_deadline_ns has come */
    ATT_STEP = 16,  /* software step is on or pending (MDSCR_EL1.SS) */
    ATT_WORN = 128, /* num_worn is not 0 */
    ATT_LOOK = 64   /* lockstep: leave translated code at the next poll */
};

/* What a vCPU is doing, for those that wait for it at a DSB. */
enum run_state {
    RUN_STOPPED, /* outside vcpu_run: posted work is done before it enters */
    RUN_GUEST,   /* running guest code: must acknowledge */
    RUN_WAITING, /* in WFI or WFE: as good as stopped */
    RUN_POLLING  /* the same, and sees what comes without being woken */
};

/* MMIO in the middle of an instruction: the access leaves the CPU as an exit,
   and the instruction is executed again from its start with the answers so
   far. log[0..answered) have answers; the log is empty between instructions. */
enum { MMIO_LOG_MAX = 64 }; /* ST4 of bytes to a device */
struct mmio_log {
    unsigned answered;
    unsigned cursor; /* next entry the running instruction will ask for */
    bool waiting;    /* log[answered] left as an exit */
    struct {
        gpa_t addr;
        uint64_t value;
        uint8_t size;
        bool is_write;
    } log[MMIO_LOG_MAX];
};

enum { NUM_ADDENDS = 8 };
enum { NUM_HEATS = 1024, NUM_WORN = 16 };
enum { NUM_CLASHES = 1024, WAIT_LEAST = 128 };

struct cpu {
    /* x[31] is the SP in use; x[REG_ZERO] is always 0; x[REG_SINK] is where
       writes to the zero register go. */
    uint64_t x[34];
    uint64_t pc;     /* valid between blocks; inside one see cpu_pc() */
    uint64_t blk_pc; /* address of the first instruction of blk */
    const struct block *blk;

    /* Of translated code (jit/): the page it runs in, NZCV as the host's flags
       (FLAGS_*), and what its shared parts need. Meaningless outside it. */
    uint64_t page_base;
    uint32_t hflags;
    const void *jumps;            /* the jump cache */
    const void *fn_table;         /* executors by a64_op */
    const void *est_table;        /* em_fp_est.h */
    const void *fill, *miss;      /* jit_fill_fn and jit_miss_fn of glue.h */
    uint64_t *fallbacks;          /* executed by tier 0 from there, by a64_op */
    uint32_t wait_mask;           /* CPUs a DSB waits for: mmu_work.c */
    uint64_t misses;              /* memory accesses that took the slow way */
    uint64_t addend[NUM_ADDENDS]; /* of groups of accesses: tr_group.h */

    uint32_t nzcv; /* N Z C V in bits 31..28, the others 0 */
    _Atomic uint32_t attention;
    struct tlb *tlb;        /* of plain accesses at the present EL */
    struct tlb *tlb_unpriv; /* of LDTR and STTR at EL1; tlb at EL0 */

    /* Exclusives: what the local monitor watches. excl_pa is the location by
       its host address, which names it as well as the physical one does. */
    uint64_t excl_pa;
    uint64_t excl_val[2];
    uint8_t excl_size; /* bytes; 0: monitor open */

    /* Translated code moves them whole: half a line further each would now and
       then cross one. */
    alignas(16) union vreg v[32];
    struct fp_env fp; /* FPCR and FPSR */

    /* PSTATE but for NZCV. Change through cpu_set_pstate or, after a direct
       write to one of these, call cpu_mode_changed. */
    uint8_t el;    /* 0 or 1 */
    uint8_t spsel; /* PSTATE.SP */
    uint8_t daif;  /* D A I F in bits 3..0 */
    uint8_t pan, uao, dit, ssbs, ss, il;

    uint32_t mode;     /* block key, made by cpu_mode_changed: see MODE_* */
    uint64_t sp_el[2]; /* SP_EL0, SP_EL1; the one in use lives in x[31] */
    uint64_t sys[NUM_SYSREGS];
    uint64_t icc[16]; /* enum icc_reg; under the gic's lock */

    bool event; /* the WFE event register; other CPUs set it, atomically */
    bool sleeping_wfe;
    uint64_t wfe_first_ns, wfe_last_ns; /* of a run of WFEs in vain: idle.c */
    uint32_t poll_ns;                   /* in WFI, before it sleeps: idle.c */
    bool powered_off; /* vcpu_state.powered_off, kept for save and restore */

    struct mmio_log mmio;
    bool exit_pending;
    bool smccc_waiting;     /* the last exit was a call: x0 to x3 are due */
    struct vcpu_exit *exit; /* during vcpu_run: where exits are written */

    unsigned index;
    struct soft_vm *vm;       /* borrowed */
    struct mmu *mmu;          /* owned: banks, walker state */
    struct interp *interp;    /* owned: block cache */
    struct jit *jit;          /* owned: translated code; NULL: tier 0 only */
    bool code_changed;        /* some page's generation moved: break links */
    struct host_waker *waker; /* owned */
    struct dry_run *dry;      /* borrowed from lockstep, or NULL: dry.h */

    _Atomic uint64_t
        timer_deadline_ns; /* next timer event, host_mono_ns; or never */
    _Atomic bool irq_line; /* the GIC's answer: IRQ to this CPU */
    _Atomic bool fiq_line;
    _Atomic uint32_t run_state; /* enum run_state */

    uint64_t insns;  /* executed, counted by block */
    uint64_t blocks; /* entered */

    alignas(16) union vreg simd_const[NUM_SIMD_CONST]; /* of translated code */
    alignas(16) union vreg simd_kept[8]; /* its registers, during a fill */
    uint32_t heat[NUM_HEATS];            /* of blocks by hash, counted down */
    uint32_t ended[NUM_HEATS];           /* blocks that came to their end */
    uint32_t hot_block;  /* number of one that is hot now, or 0 */
    uint32_t span_when;  /* the last move of a span, in cycles of the host */
    uint64_t wait_found; /* by an atomic that met another CPU's: glue_wait.c */
    uint32_t wait_cycles, waited_at, wait_vain;
    uint64_t span_moves;               /* of places of access: tr_span.h */
    uint32_t num_worn, worn[NUM_WORN]; /* places that shall have no span */
};

/* cpu->mode: everything but the physical address that decoded code depends
   on. */
enum {
    MODE_EL1 = 1,
    MODE_FP = 2,
    MODE_ALWAYS_CHECK = 4,
    MODE_FP_PLAIN = 8 /* FPCR is 0: the host's FP may stand in */
};

enum { SOFT_NUM_STATS = 20 };

/* Translated code holds cpu + CPU_BIAS in a register, so that x0 to SP are
   reached by a one-byte displacement. */
enum { CPU_BIAS = 128 };
static_assert(offsetof(struct cpu, x) == 0, "x[31] is at displacement 120");

struct soft_vm {
    struct gmem *ram; /* borrowed */
    unsigned num_cpus;
    struct cpu *cpus[32]; /* NULL until made; owned by their threads */

    /* Held, cpus[] stays as it is: for threads that are no vCPU's. */
    pthread_mutex_t cpus_lock;
    struct gic *gic;     /* owned */
    struct alarm *alarm; /* owned */
    gpa_t gicd_base, gicr_base;
    uint64_t jit_bytes;        /* of code, each CPU's own; 0: tier 0 only */
    _Atomic uint64_t jit_pool; /* of code, left for who needs more */
    unsigned jit_features;
    _Atomic uint32_t clashes[NUM_CLASHES]; /* of CPUs at atomics: em_atomic.c */
    bool count_insns;
    struct tier tier;
    _Atomic int num_awake; /* CPUs that want a CPU of the host: idle.c */
    uint64_t cntvoff_ns;   /* start of the guest's time, host_mono_ns */

    _Atomic uint64_t past_stats[SOFT_NUM_STATS];    /* of vCPUs since freed */
    const char *_Atomic stat_names[SOFT_NUM_STATS]; /* likewise */
    uint64_t *past_fallbacks; /* likewise, by a64_op; under alarm's lock */

    /* Per 4 KiB page of each region: 0 while no code was fetched from it, then
       the next when code in it may have changed (mmu_work.c). Lazily backed.
       code_gen[r][(pa - regions[r].base) >> 12]. */
    _Atomic uint32_t *code_gen[GMEM_MAX_REGIONS];
    _Atomic uint32_t code_gen_all; /* added to each of them: mmu_code_gen */
};

/* The address of the instruction a record belongs to. */
uint64_t cpu_pc(const struct cpu *cpu, const struct insn *i);

/* Ends the block; the CPU goes on at `target`. */
static inline const struct insn *cpu_jump(struct cpu *cpu, uint64_t target);

/* PSTATE in the format of SPSR_ELx, and back (exception return, restore).
   set: bank switch of SP and everything that follows from a new mode. The
   caller has checked that the value is legal for this CPU. */
uint64_t cpu_pstate(const struct cpu *cpu);
void cpu_set_pstate(struct cpu *cpu, uint64_t spsr);

/* After el, CPACR_EL1, SCTLR_EL1, FPCR or another input of `mode` changed. */
void cpu_mode_changed(struct cpu *cpu);

/* After DAIF or the interrupt lines changed: look before the next block. */
static inline void cpu_attend(struct cpu *cpu, uint32_t why);

/* SP_ELx whichever is in use. */
uint64_t cpu_sp_get(const struct cpu *cpu, unsigned el);
void cpu_sp_set(struct cpu *cpu, unsigned el, uint64_t value);

/* Architectural reset (not the caches of the engine), MPIDR kept. */
void cpu_reset(struct cpu *cpu);

/* ConditionHolds(cond): Arm ARM, shared pseudocode. */
static inline bool cpu_cond(const struct cpu *cpu, unsigned cond)
{
    uint32_t f = cpu->nzcv >> 28; /* N Z C V = 8 4 2 1 */
    bool n = f >> 3 & 1, z = f >> 2 & 1, c = f >> 1 & 1, v = f & 1;
    bool r;

    switch (cond >> 1) {
    case 0:
        r = z;
        break;
    case 1:
        r = c;
        break;
    case 2:
        r = n;
        break;
    case 3:
        r = v;
        break;
    case 4:
        r = c && !z;
        break;
    case 5:
        r = n == v;
        break;
    case 6:
        r = n == v && !z;
        break;
    default:
        return true;
    }
    return r != (cond & 1);
}

static inline const struct insn *cpu_jump(struct cpu *cpu, uint64_t target)
{
    cpu->pc = target;
    return NULL;
}

static inline void cpu_attend(struct cpu *cpu, uint32_t why)
{
    atomic_fetch_or(&cpu->attention, why);
}
