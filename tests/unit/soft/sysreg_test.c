// SPDX-License-Identifier: Apache-2.0
/* System registers and instructions: values, who may, what a write sets off.
   The MMU and memory are stand-ins below that count their calls. */

#include "accel/soft/sysreg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "accel/soft/exc.h"
#include "accel/soft/gic.h"
#include "accel/soft/isa_gen.h"
#include "accel/soft/mem.h"
#include "accel/soft/timer.h"
#include "host/host.h"

static struct {
    unsigned context, debug, sync, code_all, code, cache_op, zero, at;
    unsigned tlbi_key;
    uint64_t arg;
    unsigned fsc; /* what mmu_translate finds */
} seen;

void mmu_reset(struct cpu *c)
{
    (void)c;
}

void mmu_context_changed(struct cpu *c)
{
    (void)c;
    seen.context++;
}

void mmu_debug_changed(struct cpu *c)
{
    (void)c;
    seen.debug++;
}

void mmu_sync(struct cpu *c)
{
    (void)c;
    seen.sync++;
}

void mmu_code_changed_all(struct cpu *c, bool broadcast)
{
    (void)c;
    seen.code_all += broadcast ? 100 : 1;
}

void mmu_code_changed(struct cpu *c, gpa_t pa)
{
    (void)c;
    seen.code++;
    seen.arg = pa;
}

bool mmu_tlbi(struct cpu *c, unsigned key, uint64_t operand)
{
    (void)c;
    seen.tlbi_key = key;
    seen.arg = operand;
    return BITS(key, 13, 11) == 0;
}

uint64_t mmu_at(struct cpu *c, unsigned key, uint64_t va)
{
    (void)c;
    (void)key;
    seen.at++;
    return va ^ 1;
}

void mmu_translate(struct cpu *c, uint64_t va, unsigned acc, unsigned el,
                   struct mmu_result *out)
{
    (void)c;
    (void)acc;
    (void)el;
    *out = (struct mmu_result){
        .pa = va + 0x1000, .fault = seen.fsc != 0, .fsc = seen.fsc};
}

bool mem_cache_op(struct cpu *c, const struct insn *i, uint64_t va)
{
    (void)c;
    (void)i;
    seen.cache_op++;
    seen.arg = va;
    return true;
}

bool mem_zero_block(struct cpu *c, const struct insn *i, uint64_t va)
{
    (void)c;
    (void)i;
    seen.zero++;
    seen.arg = va;
    return true;
}

static struct soft_vm vm;
static struct cpu *cpu;

enum { PC = 0x400000, VBAR = 0x10000 };

static int set_up(void **state)
{
    (void)state;
    memset(&seen, 0, sizeof(seen));
    vm = (struct soft_vm){.num_cpus = 32, .cntvoff_ns = host_mono_ns()};
    vm.gic = gic_new(&vm);
    cpu = calloc(1, sizeof(*cpu));
    cpu->vm = &vm;
    cpu->waker = host_waker_new();
    vm.cpus[0] = cpu;
    cpu_reset(cpu);
    cpu->sys[SYS_VBAR_EL1] = VBAR;
    cpu->pc = PC;
    memset(&seen, 0, sizeof(seen));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gic_cpu_detach(cpu);
    host_waker_free(cpu->waker);
    gic_free(vm.gic);
    free(cpu);
    return 0;
}

static void renew(void)
{
    tear_down(NULL);
    set_up(NULL);
}

static void go_el0(void)
{
    cpu_set_pstate(cpu, 0);
    cpu->pc = PC;
}

/* What an instruction came to: the next one, a new block, or an exception. */
enum outcome { WENT_ON, ENDED_BLOCK, UNDEFINED, TRAPPED, FP_TRAPPED, OTHER };

static enum outcome outcome_of(const struct insn *i, const struct insn *next)
{
    if (next == i + 1)
        return WENT_ON;
    assert_null(next);
    if (cpu->pc == PC + 4)
        return ENDED_BLOCK;
    assert_int_equal(cpu->sys[SYS_ELR_EL1], PC);
    switch (cpu->sys[SYS_ESR_EL1] >> 26) {
    case EC_UNKNOWN:
        return UNDEFINED;
    case EC_SYSREG:
        return TRAPPED;
    case EC_FP_ACCESS:
        return FP_TRAPPED;
    default:
        return OTHER;
    }
}

static enum outcome run(exec_fn *fn, uint32_t word, uint64_t imm)
{
    struct insn i = {.fn = fn, .word = word, .imm = imm, .rd = word & 31};

    cpu->pc = PC;
    return outcome_of(&i, fn(cpu, &i));
}

#define MRS_WORD 0xd5300000u
#define MSR_WORD 0xd5100000u
#define SYS_WORD 0xd5080000u

/* MRS x1, <key> */
static enum outcome mrs(unsigned key, uint64_t *value)
{
    uint32_t word = MRS_WORD | (key & 0x7fff) << 5 | 1;
    enum outcome o = run(op_MRS, word, imm_sysreg(word, 0));

    *value = cpu->x[1];
    return o;
}

static enum outcome msr(unsigned key, uint64_t value)
{
    uint32_t word = MSR_WORD | (key & 0x7fff) << 5 | 1;

    cpu->x[1] = value;
    return run(op_MSR, word, imm_sysreg(word, 0));
}

static enum outcome sys(unsigned op1, unsigned crn, unsigned crm, unsigned op2,
                        uint64_t arg)
{
    uint32_t word = SYS_WORD | op1 << 16 | crn << 12 | crm << 8 | op2 << 5 | 1;

    cpu->x[1] = arg;
    return run(op_SYS, word, imm_sys_key(word, 0));
}

static enum outcome msr_imm(exec_fn *fn, unsigned crm)
{
    return run(fn, 0xd500401f | crm << 8, 0);
}

static uint64_t reg(unsigned key)
{
    uint64_t v;

    assert_int_equal(mrs(key, &v), WENT_ON);
    return v;
}

static void identity_is_the_promised_one(void **state)
{
    static const struct {
        unsigned key;
        unsigned shift;
        unsigned value;
    } fields[] = {
        {KEY_MIDR_EL1, 24, 0},         {KEY_MIDR_EL1, 4, 0x1}, /* part 0x5b1 */
        {KEY_ID_AA64PFR0_EL1, 0, 1}, /* EL0 AArch64 only */
        {KEY_ID_AA64PFR0_EL1, 4, 1},   {KEY_ID_AA64PFR0_EL1, 8, 0}, /* no EL2 */
        {KEY_ID_AA64PFR0_EL1, 12, 0},                               /* no EL3 */
        {KEY_ID_AA64PFR0_EL1, 16, 1},                               /* FP16 */
        {KEY_ID_AA64PFR0_EL1, 20, 1},  {KEY_ID_AA64PFR0_EL1, 24, 1}, /* GIC */
        {KEY_ID_AA64PFR0_EL1, 28, 0},                                /* RAS */
        {KEY_ID_AA64PFR0_EL1, 32, 0},                                /* SVE */
        {KEY_ID_AA64PFR0_EL1, 48, 1},                                /* DIT */
        {KEY_ID_AA64PFR0_EL1, 56, 1},                                /* CSV2 */
        {KEY_ID_AA64PFR0_EL1, 60, 1},                                /* CSV3 */
        {KEY_ID_AA64PFR1_EL1, 0, 0},                                 /* BTI */
        {KEY_ID_AA64PFR1_EL1, 4, 2},                                 /* SSBS */
        {KEY_ID_AA64PFR1_EL1, 8, 0},                                 /* MTE */
        {KEY_ID_AA64ISAR0_EL1, 4, 2},  /* AES, PMULL */
        {KEY_ID_AA64ISAR0_EL1, 8, 1},  /* SHA1 */
        {KEY_ID_AA64ISAR0_EL1, 12, 1}, /* SHA256 */
        {KEY_ID_AA64ISAR0_EL1, 16, 1}, /* CRC32 */
        {KEY_ID_AA64ISAR0_EL1, 20, 2}, /* LSE */
        {KEY_ID_AA64ISAR0_EL1, 28, 1}, /* RDM */
        {KEY_ID_AA64ISAR0_EL1, 32, 0}, /* SHA3 */
        {KEY_ID_AA64ISAR0_EL1, 44, 1}, /* DotProd */
        {KEY_ID_AA64ISAR0_EL1, 48, 0}, /* FHM */
        {KEY_ID_AA64ISAR0_EL1, 52, 1}, /* FlagM */
        {KEY_ID_AA64ISAR0_EL1, 56, 2}, /* TLBIRANGE */
        {KEY_ID_AA64ISAR0_EL1, 60, 0}, /* RNDR */
        {KEY_ID_AA64ISAR1_EL1, 0, 1},  /* DPB */
        {KEY_ID_AA64ISAR1_EL1, 4, 0},  /* PAC */
        {KEY_ID_AA64ISAR1_EL1, 12, 0}, /* JSCVT */
        {KEY_ID_AA64ISAR1_EL1, 16, 0}, /* FCMA */
        {KEY_ID_AA64ISAR1_EL1, 20, 1}, /* LRCPC */
        {KEY_ID_AA64MMFR0_EL1, 0, 2},  /* 40 bits */
        {KEY_ID_AA64MMFR0_EL1, 4, 2},  /* ASID */
        {KEY_ID_AA64MMFR0_EL1, 8, 0},  /* little-endian */
        {KEY_ID_AA64MMFR0_EL1, 20, 1}, /* 16K */
        {KEY_ID_AA64MMFR0_EL1, 24, 0}, /* 64K */
        {KEY_ID_AA64MMFR0_EL1, 28, 0}, /* 4K */
        {KEY_ID_AA64MMFR1_EL1, 0, 2},  /* HAFDBS */
        {KEY_ID_AA64MMFR1_EL1, 12, 1}, /* HPDS */
        {KEY_ID_AA64MMFR1_EL1, 20, 2}, /* PAN2 */
        {KEY_ID_AA64MMFR2_EL1, 4, 1},  /* UAO */
        {KEY_ID_AA64MMFR2_EL1, 60, 1}, /* E0PD */
        {KEY_ID_AA64DFR0_EL1, 0, 6},   /* Armv8 debug */
        {KEY_ID_AA64DFR0_EL1, 8, 0},   /* no PMU */
        {KEY_ID_AA64DFR0_EL1, 12, 5},  /* 6 breakpoints */
        {KEY_ID_AA64DFR0_EL1, 20, 3},  /* 4 watchpoints */
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(fields); n++) {
        if ((reg(fields[n].key) >> fields[n].shift & 15) != fields[n].value)
            fail_msg("field at %u of key %#x", fields[n].shift, fields[n].key);
    }
    assert_int_equal(reg(KEY_CTR_EL0), 0x9444c004);
    assert_int_equal(reg(KEY_DCZID_EL0), 4);
}

static void reserved_id_registers_read_zero_and_refuse_writes(void **state)
{
    uint64_t v;

    (void)state;
    for (unsigned crm = 1; crm <= 7; crm++) {
        for (unsigned op2 = 0; op2 < 8; op2++) {
            unsigned key = SYSREG_KEY(3, 0, 0, crm, op2);

            cpu->x[1] = 77;
            assert_int_equal(mrs(key, &v), WENT_ON);
            if (sysreg_find(key) == 1)
                assert_int_equal(v, 0);
            assert_int_equal(msr(key, 0), UNDEFINED);
            go_el0();
            assert_int_equal(mrs(key, &v), UNDEFINED);
        }
    }
}

/* Everything but the list and the ID space, in all 32768 encodings. */
static void what_the_list_does_not_name_is_undefined(void **state)
{
    unsigned known = 0;
    uint64_t v;

    (void)state;
    for (unsigned key = 0x8000; key < 0x10000; key++) {
        unsigned idx = sysreg_find(key);

        known += idx > 1;
        if (idx)
            continue;
        assert_int_equal(mrs(key, &v), UNDEFINED);
        assert_int_equal(msr(key, 0), UNDEFINED);
    }
    assert_int_equal(known, num_sysregs - 2);
}

static void state_is_for_el1_and_keeps_the_bits_it_may(void **state)
{
    unsigned checked = 0;
    uint64_t v;

    (void)state;
    for (unsigned n = 2; n < num_sysregs; n++) {
        const struct sysreg_def *r = &sysregs[n];

        if (r->plain_read_el > 1)
            continue;
        checked++;
        if (!(r->access & W_EL1)) {
            assert_int_equal(msr(r->key, ~0ull), UNDEFINED);
            continue;
        }
        msr(r->key, ~0ull);
        mrs(r->key, &v);
        assert_int_equal(v, r->mask | r->ones);
        msr(r->key, 0);
        mrs(r->key, &v);
        assert_int_equal(v, r->ones);
        if (r->plain_read_el == 1) {
            go_el0();
            assert_int_equal(mrs(r->key, &v), UNDEFINED);
            go_el0();
            assert_int_equal(msr(r->key, 0), UNDEFINED);
        }
        renew();
    }
    assert_true(checked > 40);
}

static void every_register_of_state_has_a_rule(void **state)
{
    uint64_t all[NUM_SYSREGS];

    (void)state;
    memset(all, 0xff, sizeof(all));
    sysreg_load(cpu, all);
    assert_int_equal(cpu->sys[SYS_SCTLR_EL1], 0x1000048dd21f | 0x30500980);
    assert_int_equal(cpu->sys[SYS_CNTV_CTL_EL0], 3);
    assert_int_equal(cpu->sys[SYS_OSLSR_EL1], 0xa);
    assert_int_equal(cpu->sys[SYS_TCR_EL1], 0x018007f7ffffffbf);
    assert_int_equal(cpu->sys[SYS_ACTLR_EL1], 0);
    assert_true(seen.context && seen.debug);
}

static void writes_that_change_translation_say_so_and_end_the_block(void **s)
{
    static const unsigned keys[] = {KEY_SCTLR_EL1, KEY_TCR_EL1, KEY_TTBR0_EL1,
                                    KEY_TTBR1_EL1, KEY_MAIR_EL1};

    (void)s;
    for (size_t n = 0; n < ARRAY_LEN(keys); n++) {
        unsigned before = seen.context;

        assert_int_equal(msr(keys[n], 1), ENDED_BLOCK);
        assert_int_equal(seen.context, before + 1);
    }
    assert_int_equal(msr(KEY_MDSCR_EL1, 1 << 15), ENDED_BLOCK);
    assert_int_equal(msr(KEY_DBGWCR3_EL1, 1), ENDED_BLOCK);
    assert_int_equal(seen.debug, 2);
    assert_int_equal(msr(KEY_SCTLR_EL1, 1 << 12), ENDED_BLOCK);
    assert_false(cpu->mode & MODE_ALWAYS_CHECK);
    assert_int_equal(msr(KEY_ESR_EL1, 1), WENT_ON);
}

static void reset_leaves_only_legal_state(void **state)
{
    (void)state;
    renew();
    cpu->sys[SYS_VBAR_EL1] = 0;
    for (unsigned n = 0; n < NUM_SYSREGS; n++) {
        if (n >= SYS_DBGBCR0_EL1 && n <= SYS_DBGBCR5_EL1)
            continue; /* UNKNOWN on reset; BAS reads as one once written */
        assert_int_equal(cpu->sys[n], sysreg_legal(n, cpu->sys[n]));
    }
}

static void fpcr_follows_cpacr(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(mrs(KEY_FPCR, &v), FP_TRAPPED);
    assert_int_equal(msr(KEY_FPSR, 0), FP_TRAPPED);
    assert_int_equal(msr(KEY_CPACR_EL1, 1 << 20), ENDED_BLOCK);
    assert_int_equal(msr(KEY_FPCR, ~0ull), ENDED_BLOCK);
    assert_int_equal(reg(KEY_FPCR), FPCR_MASK);
    assert_int_equal(msr(KEY_FPCR, FPCR_DN), WENT_ON); /* no plainer */
    assert_int_equal(msr(KEY_FPCR, 0), ENDED_BLOCK);
    assert_int_equal(msr(KEY_FPSR, ~0ull), WENT_ON);
    assert_int_equal(reg(KEY_FPSR), FPSR_MASK);
    go_el0();
    assert_int_equal(mrs(KEY_FPCR, &v), FP_TRAPPED);
}

static void sp_el0_hides_while_in_use(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(msr(KEY_SP_EL0, 0x1230), WENT_ON);
    assert_int_equal(reg(KEY_SP_EL0), 0x1230);
    cpu->x[REG_SP] = 0x9990;
    assert_int_equal(msr_imm(op_MSR_SPSel, 0), WENT_ON);
    assert_int_equal(cpu->x[REG_SP], 0x1230);
    assert_int_equal(mrs(KEY_SP_EL0, &v), UNDEFINED);
    renew();
    go_el0();
    assert_int_equal(mrs(KEY_SP_EL0, &v), UNDEFINED);
}

static void pstate_fields_sit_where_spsr_has_them(void **state)
{
    static const struct {
        unsigned key;
        uint64_t bits;
        bool el0;
    } rows[] = {
        {KEY_NZCV, 0xf0000000, true}, {KEY_DIT, 1 << 24, true},
        {KEY_SSBS, 1 << 12, true},    {KEY_PAN, 1 << 22, false},
        {KEY_UAO, 1 << 23, false},    {KEY_DAIF, 0x3c0, false},
    };
    uint64_t v;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        msr(rows[n].key, ~0ull);
        assert_int_equal(reg(rows[n].key), rows[n].bits);
        assert_int_equal(cpu_pstate(cpu) & rows[n].bits, rows[n].bits);
        msr(rows[n].key, 0);
        assert_int_equal(reg(rows[n].key), 0);
    }
    assert_int_equal(reg(KEY_CurrentEL), 4);
    assert_int_equal(reg(KEY_SPSel), 1);
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        go_el0();
        assert_int_equal(mrs(rows[n].key, &v) == WENT_ON, rows[n].el0);
    }
}

static void immediates_set_and_clear_pstate(void **state)
{
    (void)state;
    cpu->daif = 0;
    assert_int_equal(msr_imm(op_MSR_DAIFSet, 0xa), WENT_ON);
    assert_int_equal(cpu->daif, 0xa);
    assert_int_equal(msr_imm(op_MSR_DAIFClr, 2), WENT_ON);
    assert_int_equal(cpu->daif, 8);
    cpu->irq_line = true;
    cpu->attention = 0;
    assert_int_equal(msr_imm(op_MSR_DAIFClr, 8), ENDED_BLOCK);
    assert_int_equal(cpu->attention, ATT_IRQ);
    msr_imm(op_MSR_PAN, 1);
    msr_imm(op_MSR_UAO, 1);
    msr_imm(op_MSR_DIT, 1);
    msr_imm(op_MSR_SSBS, 1);
    assert_int_equal(BITS(cpu_pstate(cpu), 24, 22), 7);
    assert_true(cpu->ssbs);
    assert_int_equal(seen.context, 2);
    go_el0();
    assert_int_equal(msr_imm(op_MSR_DIT, 0), WENT_ON);
    assert_int_equal(msr_imm(op_MSR_SSBS, 0), WENT_ON);
    assert_int_equal(msr_imm(op_MSR_PAN, 0), UNDEFINED);
    go_el0();
    assert_int_equal(msr_imm(op_MSR_UAO, 0), UNDEFINED);
    go_el0();
    assert_int_equal(msr_imm(op_MSR_SPSel, 0), UNDEFINED);
    go_el0();
    assert_int_equal(msr_imm(op_MSR_DAIFSet, 15), TRAPPED);
}

/* Each thing EL0 may do, with the bit that allows it. */
static void el0_is_trapped_until_el1_allows_it(void **state)
{
    static const struct {
        unsigned key;
        enum sysreg ctl;
        unsigned bit;
    } rows[] = {
        {KEY_CTR_EL0, SYS_SCTLR_EL1, 15},
        {KEY_DAIF, SYS_SCTLR_EL1, 9},
        {KEY_CNTPCT_EL0, SYS_CNTKCTL_EL1, 0},
        {KEY_CNTVCT_EL0, SYS_CNTKCTL_EL1, 1},
        {KEY_CNTFRQ_EL0, SYS_CNTKCTL_EL1, 0},
        {KEY_CNTFRQ_EL0, SYS_CNTKCTL_EL1, 1},
        {KEY_CNTV_CTL_EL0, SYS_CNTKCTL_EL1, 8},
        {KEY_CNTV_TVAL_EL0, SYS_CNTKCTL_EL1, 8},
        {KEY_CNTP_CVAL_EL0, SYS_CNTKCTL_EL1, 9},
    };
    uint64_t v;

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        go_el0();
        assert_int_equal(mrs(rows[n].key, &v), TRAPPED);
        go_el0();
        cpu->sys[rows[n].ctl] |= 1ull << rows[n].bit;
        assert_int_equal(mrs(rows[n].key, &v), WENT_ON);
        cpu->sys[rows[n].ctl] &= ~(1ull << rows[n].bit);
    }
    go_el0();
    assert_int_equal(mrs(KEY_MDCCSR_EL0, &v), WENT_ON);
    cpu->sys[SYS_MDSCR_EL1] = 1 << 12;
    assert_int_equal(mrs(KEY_MDCCSR_EL0, &v), TRAPPED);
}

static void a_trap_describes_its_instruction(void **state)
{
    uint64_t v;

    (void)state;
    go_el0();
    mrs(KEY_CNTVCT_EL0, &v);
    /* EC 0x18, IL, Op0 3, Op2 2, Op1 3, CRn 14, Rt 1, CRm 0, read */
    assert_int_equal(cpu->sys[SYS_ESR_EL1], 0x18ull << 26 | 1 << 25 | 3 << 20 |
                                                2 << 17 | 3 << 14 | 14 << 10 |
                                                1 << 5 | 0 << 1 | 1);
}

static void thread_registers_obey_the_level(void **state)
{
    (void)state;
    assert_int_equal(msr(KEY_TPIDRRO_EL0, 5), WENT_ON);
    go_el0();
    assert_int_equal(reg(KEY_TPIDRRO_EL0), 5);
    assert_int_equal(msr(KEY_TPIDR_EL0, 6), WENT_ON);
    assert_int_equal(reg(KEY_TPIDR_EL0), 6);
    assert_int_equal(msr(KEY_TPIDRRO_EL0, 7), UNDEFINED);
    assert_int_equal(cpu->sys[SYS_TPIDRRO_EL0], 5);
}

static void caches_are_described_by_level(void **state)
{
    (void)state;
    msr(KEY_CSSELR_EL1, 0);
    assert_int_equal(reg(KEY_CCSIDR_EL1), 255 << 13 | 3 << 3 | 2);
    msr(KEY_CSSELR_EL1, 2);
    assert_int_equal(reg(KEY_CCSIDR_EL1), 2047 << 13 | 7 << 3 | 2);
    msr(KEY_CSSELR_EL1, 0xff);
    assert_int_equal(reg(KEY_CSSELR_EL1), 0xf);
    assert_int_equal(reg(KEY_CCSIDR_EL1), 0);
}

static void mpidr_numbers_clusters_of_sixteen(void **state)
{
    (void)state;
    cpu->index = 18;
    assert_int_equal(reg(KEY_MPIDR_EL1), 0x80000102);
    cpu->index = 0;
}

static void the_os_lock_is_locked_by_its_register(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(reg(KEY_OSLSR_EL1), 0xa);
    assert_int_equal(msr(KEY_OSLAR_EL1, 0), ENDED_BLOCK);
    assert_int_equal(reg(KEY_OSLSR_EL1), 8);
    assert_int_equal(mrs(KEY_OSLAR_EL1, &v), UNDEFINED);
}

static void claim_tags_are_set_and_cleared(void **state)
{
    (void)state;
    msr(KEY_DBGCLAIMSET_EL1, 0x1ff);
    assert_int_equal(reg(KEY_DBGCLAIMSET_EL1), 0xff);
    assert_int_equal(reg(KEY_DBGCLAIMCLR_EL1), 0xff);
    msr(KEY_DBGCLAIMCLR_EL1, 0x0f);
    assert_int_equal(reg(KEY_DBGCLAIMCLR_EL1), 0xf0);
}

static void isr_shows_the_lines(void **state)
{
    (void)state;
    assert_int_equal(reg(KEY_ISR_EL1), 0);
    cpu->irq_line = true;
    assert_int_equal(reg(KEY_ISR_EL1), 1 << 7);
    cpu->fiq_line = true;
    assert_int_equal(reg(KEY_ISR_EL1), 3 << 6);
}

static void the_gic_is_reached_through_its_registers(void **state)
{
    uint64_t v;

    (void)state;
    assert_int_equal(reg(KEY_ICC_SRE_EL1), 7);
    assert_int_equal(msr(KEY_ICC_PMR_EL1, 0xff), WENT_ON);
    assert_int_equal(reg(KEY_ICC_PMR_EL1), 0xf8);
    assert_int_equal(reg(KEY_ICC_IAR1_EL1), 1023);
    assert_int_equal(mrs(KEY_ICC_EOIR1_EL1, &v), UNDEFINED);
    assert_int_equal(msr(KEY_ICC_IAR1_EL1, 0), UNDEFINED);
    go_el0();
    assert_int_equal(mrs(KEY_ICC_PMR_EL1, &v), UNDEFINED);
}

static void the_counter_counts_at_its_frequency(void **state)
{
    uint64_t a, b;

    (void)state;
    assert_int_equal(reg(KEY_CNTFRQ_EL0), 1000000000);
    assert_int_equal(msr(KEY_CNTFRQ_EL0, 1), WENT_ON);
    assert_int_equal(reg(KEY_CNTFRQ_EL0), 1000000000);
    a = reg(KEY_CNTVCT_EL0);
    b = reg(KEY_CNTPCT_EL0);
    assert_true(b >= a && b - a < 600000000000);
}

static void system_instructions_reach_their_functions(void **state)
{
    (void)state;
    assert_int_equal(sys(0, 7, 1, 0, 0), WENT_ON); /* IC IALLUIS */
    assert_int_equal(sys(0, 7, 5, 0, 0), WENT_ON); /* IC IALLU */
    assert_int_equal(seen.code_all, 101);
    assert_int_equal(sys(3, 7, 5, 1, 0x8000), WENT_ON); /* IC IVAU */
    assert_int_equal(seen.code, 1);
    assert_int_equal(seen.arg, 0x9000);               /* by physical address */
    assert_int_equal(sys(3, 7, 4, 1, 0x55), WENT_ON); /* DC ZVA */
    assert_int_equal(seen.zero, 1);
    assert_int_equal(sys(3, 7, 10, 1, 0x55), WENT_ON); /* CVAC */
    assert_int_equal(sys(3, 7, 11, 1, 0x55), WENT_ON); /* CVAU */
    assert_int_equal(sys(3, 7, 12, 1, 0x55), WENT_ON); /* CVAP */
    assert_int_equal(sys(3, 7, 14, 1, 0x55), WENT_ON); /* CIVAC */
    assert_int_equal(seen.cache_op, 4);
    assert_int_equal(sys(0, 7, 6, 2, 0), WENT_ON); /* ISW */
    assert_int_equal(sys(0, 7, 6, 1, 0), WENT_ON); /* IVAC */
    assert_int_equal(sys(0, 7, 8, 0, 8), WENT_ON); /* AT S1E1R */
    assert_int_equal(cpu->sys[SYS_PAR_EL1], 9);
    assert_int_equal(sys(0, 8, 7, 0, 42), WENT_ON); /* TLBI VMALLE1 */
    assert_int_equal(seen.tlbi_key, SYSREG_KEY(1, 0, 8, 7, 0));
    assert_int_equal(seen.arg, 42);
    assert_int_equal(sys(4, 8, 7, 0, 0), UNDEFINED);  /* TLBI ALLE2 */
    assert_int_equal(sys(3, 7, 13, 1, 0), UNDEFINED); /* CVADP */
    assert_int_equal(sys(0, 9, 7, 0, 0), UNDEFINED);  /* nXS */
    assert_int_equal(sys(0, 7, 8, 4, 0), UNDEFINED);
}

static void maintenance_faults_carry_cm_and_wnr(void **state)
{
    (void)state;
    seen.fsc = 7;
    assert_int_equal(sys(3, 7, 5, 1, 0x8000), OTHER);
    assert_int_equal(cpu->sys[SYS_ESR_EL1],
                     0x25ull << 26 | 1 << 25 | 1 << 8 | 1 << 6 | 7);
    assert_int_equal(cpu->sys[SYS_FAR_EL1], 0x8000);
    assert_int_equal(sys(0, 7, 6, 1, 0x8000), OTHER);
    assert_int_equal(seen.code, 0);
}

static void el0_system_instructions_need_leave(void **state)
{
    static const struct {
        unsigned crm, op2, bit;
    } rows[] = {{5, 1, 26},  {10, 1, 26}, {11, 1, 26},
                {12, 1, 26}, {14, 1, 26}, {4, 1, 14}};

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        go_el0();
        cpu->sys[SYS_SCTLR_EL1] = 0;
        assert_int_equal(sys(3, 7, rows[n].crm, rows[n].op2, 0), TRAPPED);
        go_el0();
        cpu->sys[SYS_SCTLR_EL1] = 1ull << rows[n].bit;
        assert_int_equal(sys(3, 7, rows[n].crm, rows[n].op2, 0), WENT_ON);
    }
    assert_int_equal(sys(0, 7, 6, 1, 0), UNDEFINED);
    go_el0();
    assert_int_equal(sys(0, 8, 7, 0, 0), UNDEFINED);
    go_el0();
    assert_int_equal(sys(0, 7, 8, 2, 0), UNDEFINED);
    go_el0();
    cpu->sys[SYS_SCTLR_EL1] = 0;
    cpu_mode_changed(cpu);
    assert_int_equal(reg(KEY_DCZID_EL0), 0x14); /* prohibited here */
}

static void wfx_traps_only_where_it_would_sleep(void **state)
{
    (void)state;
    go_el0();
    cpu->sys[SYS_SCTLR_EL1] = 0;
    assert_int_equal(run(op_WFI, 0xd503207f, 0), OTHER);
    assert_int_equal(cpu->sys[SYS_ESR_EL1],
                     1ull << 26 | 1 << 25 | 1 << 24 | 0xe << 20);
    go_el0();
    assert_int_equal(run(op_WFE, 0xd503205f, 0), OTHER);
    assert_int_equal(cpu->sys[SYS_ESR_EL1] & 3, 1);
    go_el0();
    assert_int_equal(run(op_SEVL, 0xd50320bf, 0), WENT_ON);
    assert_int_equal(run(op_WFE, 0xd503205f, 0), ENDED_BLOCK);
    cpu->irq_line = true;
    assert_int_equal(run(op_WFI, 0xd503207f, 0), ENDED_BLOCK);
}

static void barriers_and_hints(void **state)
{
    (void)state;
    cpu->excl_size = 8;
    assert_int_equal(run(op_CLREX, 0xd5033f5f, 0), WENT_ON);
    assert_int_equal(cpu->excl_size, 0);
    assert_int_equal(run(op_DSB, 0xd5033f9f, 0), WENT_ON);
    assert_int_equal(seen.sync, 1);
    assert_int_equal(run(op_DMB, 0xd5033fbf, 0), WENT_ON);
    assert_int_equal(run(op_ISB, 0xd5033fdf, 0), ENDED_BLOCK);
    assert_int_equal(run(op_HINT, 0xd503201f, 0), WENT_ON);
}

static void flag_instructions(void **state)
{
    static const struct {
        exec_fn *fn;
        uint32_t word;
        uint64_t x;
        uint32_t before, after; /* N Z C V */
    } rows[] = {
        {op_CFINV, 0xd500401f, 0, 2, 0},
        {op_CFINV, 0xd500401f, 0, 0xd, 0xf},
        {op_SETF8, 0x3a00080d, 0x80, 2, 0xb}, /* N C V */
        {op_SETF8, 0x3a00080d, 0x180, 0, 8},  /* N */
        {op_SETF8, 0x3a00080d, 0x100, 0, 5},  /* Z V */
        {op_SETF8, 0x3a00080d, 0x7f, 0xf, 2},
        {op_SETF16, 0x3a00480d, 0x8000, 0, 9},
        {op_SETF16, 0x3a00480d, 0xff0000, 2, 7},
        {op_SETF16, 0x3a00480d, 0x80, 0, 0},
        {op_RMIF, 0xba00040f | 4 << 15, 0xa0, 5, 0xa},
        {op_RMIF, 0xba000403 | 4 << 15, 0xa0, 5, 6},
        {op_RMIF, 0xba00040f | 62 << 15, 0x8000000000000001, 0, 6},
        {op_RMIF, 0xba00040f, 0x1c, 0, 0xc},
    };

    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(rows); n++) {
        cpu->x[0] = rows[n].x;
        cpu->nzcv = rows[n].before << 28;
        assert_int_equal(run(rows[n].fn, rows[n].word, 0), WENT_ON);
        if (cpu->nzcv != rows[n].after << 28)
            fail_msg("row %zu: %#x", n, cpu->nzcv >> 28);
    }
}

/* Any encoding, any value, either level: no crash, and always an outcome. */
static void no_access_is_without_an_outcome(void **state)
{
    uint64_t x = 88172645463325252ull, v;

    (void)state;
    for (unsigned n = 0; n < 200000; n++) {
        unsigned key;

        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        key = n % 2 ? sysregs[x % num_sysregs].key : 0x8000 | x % 0x8000;
        cpu_set_pstate(cpu, n % 3 ? 0x3c5 : 0);
        if (x >> 40 & 1)
            mrs(key, &v);
        else
            msr(key, x);
        if (n % 16 == 0)
            sys(x >> 20 & 7, 7 + (x >> 23 & 1), x >> 24 & 15, x >> 28 & 7, x);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(identity_is_the_promised_one),
        T(reserved_id_registers_read_zero_and_refuse_writes),
        T(what_the_list_does_not_name_is_undefined),
        T(state_is_for_el1_and_keeps_the_bits_it_may),
        T(every_register_of_state_has_a_rule),
        T(writes_that_change_translation_say_so_and_end_the_block),
        T(reset_leaves_only_legal_state),
        T(fpcr_follows_cpacr),
        T(sp_el0_hides_while_in_use),
        T(pstate_fields_sit_where_spsr_has_them),
        T(immediates_set_and_clear_pstate),
        T(el0_is_trapped_until_el1_allows_it),
        T(a_trap_describes_its_instruction),
        T(thread_registers_obey_the_level),
        T(caches_are_described_by_level),
        T(mpidr_numbers_clusters_of_sixteen),
        T(the_os_lock_is_locked_by_its_register),
        T(claim_tags_are_set_and_cleared),
        T(isr_shows_the_lines),
        T(the_gic_is_reached_through_its_registers),
        T(the_counter_counts_at_its_frequency),
        T(system_instructions_reach_their_functions),
        T(maintenance_faults_carry_cm_and_wnr),
        T(el0_system_instructions_need_leave),
        T(wfx_traps_only_where_it_would_sleep),
        T(barriers_and_hints),
        T(flag_instructions),
        T(no_access_is_without_an_outcome),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
