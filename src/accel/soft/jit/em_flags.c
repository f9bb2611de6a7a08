// SPDX-License-Identifier: Apache-2.0
/* Emitters of what treats flags as numbers: FEAT_FlagM, and MRS and MSR of
   NZCV, FPCR, FPSR and bits of PSTATE that no other code depends on. */

#include "accel/soft/jit/em_flags.h"

#include "accel/soft/cpu.h"
#include "accel/soft/sysreg.h"

enum { HOST_NZ = 0xc000, HOST_NOT_C = 0x100 };

static bool em_cfinv(struct tr *t, const struct insn *i)
{
    (void)i;
    x64_alu_mi(&t->c, false, ALU_XOR, RBP, CPU(hflags), HOST_NOT_C);
    return true;
}

static void and_or_shift(struct x64 *c, unsigned dst, int32_t mask,
                         enum x64_shift op, unsigned n)
{
    x64_alu_ri(c, false, ALU_AND, dst, mask);
    x64_shift_imm(c, false, op, dst, n);
}

/* eax = the host's form of N Z C V in bits 3 to 0 of eax, others clear.
   Clobbers rcx, rdx. */
static void host_flags_of(struct x64 *c)
{
    x64_mov(c, false, RCX, RAX);
    x64_mov(c, false, RDX, RAX);
    and_or_shift(c, RAX, 12, SH_SHL, 12);
    and_or_shift(c, RCX, 2, SH_SHL, 7);
    x64_alu_ri(c, false, ALU_XOR, RCX, HOST_NOT_C);
    x64_alu_ri(c, false, ALU_AND, RDX, 1);
    x64_alu_rr(c, false, ALU_OR, RAX, RCX);
    x64_alu_rr(c, false, ALU_OR, RAX, RDX);
}

/* hflags = eax where mask says so: bits that eax has no others than. */
static void merge_flags(struct x64 *c, int32_t mask)
{
    x64_load(c, false, RCX, RBP, CPU(hflags));
    x64_alu_ri(c, false, ALU_AND, RCX, ~mask);
    x64_alu_rr(c, false, ALU_OR, RAX, RCX);
    x64_store(c, false, RAX, RBP, CPU(hflags));
}

static bool em_rmif(struct tr *t, const struct insn *i)
{
    unsigned mask = FIELD(i, 3, 0), shift = FIELD(i, 20, 15);
    int32_t host = (int32_t)((mask & 12) << 12 | (mask & 2) << 7 | (mask & 1));

    t_get_to(t, true, RAX, i->rn);
    if (shift)
        x64_shift_imm(&t->c, true, SH_ROR, RAX, shift);
    host_flags_of(&t->c);
    x64_alu_ri(&t->c, false, ALU_AND, RAX, host);
    merge_flags(&t->c, host);
    return true;
}

/* N and Z of the low bits, V where the bit above differs from the sign. */
static bool set_by(struct tr *t, const struct insn *i, unsigned bits)
{
    const int32_t all = HOST_NZ | 1;

    t_get_to(t, false, RCX, i->rn);
    x64_mov(&t->c, false, RDX, RCX);
    x64_shift_imm(&t->c, false, SH_SHR, RDX, 1);
    x64_alu_rr(&t->c, false, ALU_XOR, RDX, RCX);
    x64_shift_imm(&t->c, false, SH_SHR, RDX, bits - 1);
    x64_alu_ri(&t->c, false, ALU_AND, RDX, 1);
    x64_shift_imm(&t->c, false, SH_SHL, RCX, 32 - bits);
    x64_test(&t->c, false, RCX, RCX);
    x64_u8(&t->c, 0x9f); /* lahf */
    x64_alu_ri(&t->c, false, ALU_AND, RAX, HOST_NZ);
    x64_alu_rr(&t->c, false, ALU_OR, RAX, RDX);
    merge_flags(&t->c, all);
    return true;
}

EMITTER(setf8, set_by(t, i, 8))
EMITTER(setf16, set_by(t, i, 16))

static void set_byte(struct tr *t, int32_t disp, unsigned value)
{
    x64_u8(&t->c, 0xc6); /* mov byte [rbp + disp], imm8 */
    x64_modrm_mem(&t->c, 0, RBP, disp);
    x64_u8(&t->c, value);
    t->flags_kept = true;
}

static bool em_ssbs(struct tr *t, const struct insn *i)
{
    set_byte(t, CPU(ssbs), FIELD(i, 8, 8));
    return true;
}

static bool em_dit(struct tr *t, const struct insn *i)
{
    set_byte(t, CPU(dit), FIELD(i, 8, 8));
    return true;
}

/* STMXCSR (digit 3) and LDMXCSR (2) by the free bytes below the stack. */
static void move_mxcsr(struct x64 *c, unsigned digit)
{
    x64_op_rm(c, false, 0x1ae, digit, RSP, 0);
}

/* fpsr.h has the host's flags' places. */
static void read_fpsr(struct tr *t)
{
    struct x64 *c = &t->c;

    move_mxcsr(c, 3);
    x64_load(c, false, RAX, RSP, 0);
    x64_mov(c, false, RCX, RAX);
    x64_shift_imm(c, false, SH_SHR, RCX, 1);
    x64_alu_ri(c, false, ALU_AND, RAX, FPSR_IOC);
    x64_alu_ri(c, false, ALU_AND, RCX,
               FPSR_DZC | FPSR_OFC | FPSR_UFC | FPSR_IXC);
    x64_alu_rr(c, false, ALU_OR, RAX, RCX);
    x64_alu_rm(c, false, ALU_OR, RAX, RBP, CPU(fp.fpsr));
}

static void write_fpsr(struct tr *t, unsigned g)
{
    struct x64 *c = &t->c;

    move_mxcsr(c, 3);
    x64_alu_mi(c, false, ALU_AND, RSP, 0, ~0x3f);
    move_mxcsr(c, 2);
    t_get_to(t, false, RAX, g);
    x64_alu_ri(c, false, ALU_AND, RAX, (int32_t)FPSR_MASK);
    x64_store(c, false, RAX, RBP, CPU(fp.fpsr));
}

static void read_bit(struct tr *t, int32_t disp, unsigned bit)
{
    x64_op_rm(&t->c, false, 0x1b6, RAX, RBP, disp);
    x64_shift_imm(&t->c, false, SH_SHL, RAX, bit);
}

static void write_bit(struct tr *t, unsigned g, int32_t disp, unsigned bit)
{
    t_get_to(t, false, RAX, g);
    x64_shift_imm(&t->c, false, SH_SHR, RAX, bit);
    x64_alu_ri(&t->c, false, ALU_AND, RAX, 1);
    x64_op_rm(&t->c, false, 0x88, RAX, RBP, disp); /* mov byte */
}

/* rax = the register. False: not one of these. */
static bool read_at_el0(struct tr *t, unsigned key)
{
    bool fp = t->mode & MODE_FP;

    switch (key) {
    case KEY_NZCV:
        t_flags_to_arm(&t->c);
        return true;
    case KEY_FPCR:
        if (fp)
            x64_load(&t->c, false, RAX, RBP, CPU(fp.fpcr));
        return fp;
    case KEY_FPSR:
        if (fp)
            read_fpsr(t);
        return fp;
    case KEY_DIT:
        read_bit(t, CPU(dit), 24);
        return true;
    case KEY_SSBS:
        read_bit(t, CPU(ssbs), 12);
        return true;
    default:
        return false;
    }
}

static bool read_at_el1(struct tr *t, unsigned key)
{
    switch (key) {
    case KEY_CurrentEL:
        x64_mov_imm(&t->c, RAX, 4);
        return true;
    case KEY_SPSel:
        x64_op_rm(&t->c, false, 0x1b6, RAX, RBP, CPU(spsel));
        return true;
    case KEY_PAN:
        read_bit(t, CPU(pan), 22);
        return true;
    case KEY_UAO:
        read_bit(t, CPU(uao), 23);
        return true;
    default:
        return false;
    }
}

bool em_mrs_flags(struct tr *t, const struct insn *i, unsigned key)
{
    if (!read_at_el0(t, key) && (!(t->mode & MODE_EL1) || !read_at_el1(t, key)))
        return false;
    t_put(t, i->rd, RAX);
    return true;
}

bool em_msr_flags(struct tr *t, const struct insn *i, unsigned key)
{
    bool fp = t->mode & MODE_FP;

    switch (key) {
    case KEY_NZCV:
        t_get_to(t, false, RAX, i->rd);
        x64_shift_imm(&t->c, false, SH_SHR, RAX, 28);
        host_flags_of(&t->c);
        x64_store(&t->c, false, RAX, RBP, CPU(hflags));
        return true;
    case KEY_FPCR: /* another value is another mode: tier 0's */
        if (!fp)
            return false;
        t_get_to(t, false, RAX, i->rd);
        x64_alu_ri(&t->c, false, ALU_AND, RAX, (int32_t)FPCR_MASK);
        x64_alu_rm(&t->c, false, ALU_CMP, RAX, RBP, CPU(fp.fpcr));
        t_bail(t, CC_NE);
        return true;
    case KEY_FPSR:
        if (fp)
            write_fpsr(t, i->rd);
        return fp;
    case KEY_DIT:
        write_bit(t, i->rd, CPU(dit), 24);
        return true;
    case KEY_SSBS:
        write_bit(t, i->rd, CPU(ssbs), 12);
        return true;
    default:
        return false;
    }
}

const struct jit_emitter jit_flags_emitters[] = {
    {OP_CFINV, em_cfinv},
    {OP_RMIF, em_rmif},
    {OP_SETF8, em_setf8},
    {OP_SETF16, em_setf16},
    {OP_MSR_SSBS, em_ssbs},
    {OP_MSR_DIT, em_dit},
    {0, NULL},
};
