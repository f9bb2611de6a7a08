// SPDX-License-Identifier: Apache-2.0
/* Branches, calls and exception-generating instructions. */

#include "accel/accel.h"
#include "accel/soft/exc.h"
#include "isa_gen.h"

/* Branch targets as offsets from the start of the block. */
uint64_t imm_b26(uint32_t word, uint32_t offset)
{
    return offset + (uint64_t)sext64(BITS(word, 25, 0), 26) * 4;
}

uint64_t imm_b19(uint32_t word, uint32_t offset)
{
    return offset + (uint64_t)sext64(BITS(word, 23, 5), 19) * 4;
}

uint64_t imm_b14(uint32_t word, uint32_t offset)
{
    return offset + (uint64_t)sext64(BITS(word, 18, 5), 14) * 4;
}

static const struct insn *jump_rel(struct cpu *cpu, const struct insn *i)
{
    return cpu_jump(cpu, cpu->blk_pc + i->imm);
}

EXEC(B)
{
    return jump_rel(cpu, i);
}

EXEC(BL)
{
    cpu->x[30] = cpu_pc(cpu, i) + 4;
    return jump_rel(cpu, i);
}

EXEC(B_cond)
{
    return cpu_cond(cpu, i->word & 15) ? jump_rel(cpu, i) : NEXT;
}

EXEC(CBZ_w)
{
    return (uint32_t)cpu->x[i->rd] == 0 ? jump_rel(cpu, i) : NEXT;
}

EXEC(CBZ_x)
{
    return cpu->x[i->rd] == 0 ? jump_rel(cpu, i) : NEXT;
}

EXEC(CBNZ_w)
{
    return (uint32_t)cpu->x[i->rd] != 0 ? jump_rel(cpu, i) : NEXT;
}

EXEC(CBNZ_x)
{
    return cpu->x[i->rd] != 0 ? jump_rel(cpu, i) : NEXT;
}

static bool tested_bit(const struct cpu *cpu, const struct insn *i)
{
    return cpu->x[i->rd] >> (FIELD(i, 31, 31) << 5 | FIELD(i, 23, 19)) & 1;
}

EXEC(TBZ)
{
    return tested_bit(cpu, i) ? NEXT : jump_rel(cpu, i);
}

EXEC(TBNZ)
{
    return tested_bit(cpu, i) ? jump_rel(cpu, i) : NEXT;
}

EXEC(BR)
{
    return cpu_jump(cpu, cpu->x[i->rn]);
}

EXEC(BLR)
{
    uint64_t target = cpu->x[i->rn];

    cpu->x[30] = cpu_pc(cpu, i) + 4;
    return cpu_jump(cpu, target);
}

EXEC(RET)
{
    return cpu_jump(cpu, cpu->x[i->rn]);
}

EXEC(ERET)
{
    return cpu->el ? exc_return(cpu, i) : exc_undef(cpu, i);
}

EXEC(SVC)
{
    return exc_svc(cpu, i, FIELD(i, 20, 5));
}

EXEC(BRK)
{
    return exc_brk(cpu, i, FIELD(i, 20, 5));
}

/* The monitor stands where EL2 and EL3 would: the call leaves as an exit and
   the answer is put into x0 to x3 when the vCPU runs again. */
static const struct insn *leave_smccc(struct cpu *cpu, const struct insn *i,
                                      bool is_smc)
{
    if (cpu->el == 0)
        return exc_undef(cpu, i);
    cpu->exit->kind = EXIT_SMCCC;
    cpu->exit->is_smc = is_smc;
    for (unsigned n = 0; n < ARRAY_LEN(cpu->exit->smccc); n++)
        cpu->exit->smccc[n] = cpu->x[n];
    cpu->ss = 0;
    cpu->exit_pending = true;
    cpu_attend(cpu, ATT_EXIT);
    return cpu_jump(cpu, cpu_pc(cpu, i) + 4);
}

EXEC(HVC)
{
    return leave_smccc(cpu, i, false);
}

EXEC(SMC)
{
    return leave_smccc(cpu, i, true);
}
