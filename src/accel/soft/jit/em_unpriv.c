// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of LDTR and STTR (Arm ARM, C6.2): what a kernel copies to and from
 * its programs with. They look into another TLB than all others, which cpu.h
 * has for them; whatever is no hit there is tier 0's. Those that are near each
 * other share a test, but with no other accesses.
 */

#include "accel/soft/jit/tr_group.h"
#include "accel/soft/mmu.h"

/* FIELD(23, 22) */
enum { STORE = 0, ZERO_EXTEND = 1, SIGN_EXTEND = 2, SIGN_EXTEND_W = 3 };

/* In place of t_tlb_add, but with rcx for the entry: this TLB is in no
   register. No span, and a miss is tier 0's. */
void t_unpriv_add(struct tr *t, unsigned va, unsigned bytes, bool write)
{
    int32_t side = write ? (int32_t)offsetof(struct tlb, w) : 0;

    t_tlb_slot(t, va);
    x64_load(&t->c, true, RDX, RBP, CPU(tlb_unpriv));
    x64_lea_sib(&t->c, true, RCX, RDX, RCX, 3, side);
    x64_load(&t->c, true, RDX, RCX, offsetof(struct tlb_half, key));
    x64_alu_rr(&t->c, true, ALU_XOR, RDX, va);
    x64_alu_ri(&t->c, true, ALU_CMP, RDX, (int32_t)(4096 - bytes));
    t_bail(t, CC_A);
    x64_load(&t->c, true, RDX, RCX, offsetof(struct tlb_half, add));
}

static void load(struct tr *t, const struct insn *i, unsigned log2,
                 unsigned opc, const struct t_place *p)
{
    static const uint16_t ops[4][4] = {
        [ZERO_EXTEND] = {0x1b6, 0x1b7, 0x8b, 0x8b},
        [SIGN_EXTEND] = {0x1be, 0x1bf, 0x63},
        [SIGN_EXTEND_W] = {0x1be, 0x1bf},
    };
    unsigned dst = t_dst(t, i->rd, RCX);

    x64_op_sib(&t->c, opc == SIGN_EXTEND || log2 == 3, ops[opc][log2], dst,
               p->va, RDX, 0, p->disp);
    t_put(t, i->rd, dst);
}

static void store(struct tr *t, const struct insn *i, unsigned log2,
                  const struct t_place *p)
{
    unsigned reg = t_get(t, i->rd, RCX);

    if (log2 == 1)
        x64_u8(&t->c, 0x66);
    x64_rex(&t->c, log2 == 3, reg, RDX, p->va, log2 == 0);
    x64_u8(&t->c, log2 == 0 ? 0x88 : 0x89);
    x64_modrm_sib(&t->c, reg, p->va, RDX, 0, p->disp);
}

static bool em_unpriv(struct tr *t, const struct insn *i)
{
    unsigned log2 = FIELD(i, 31, 30), opc = FIELD(i, 23, 22);
    struct t_place p;

    t->sp_kept = true;
    p = t_place(t, i, (int32_t)i->imm, 1u << log2, opc == STORE);
    if (opc == STORE)
        store(t, i, log2, &p);
    else
        load(t, i, log2, opc, &p);
    return true;
}

#define ROW(name)                \
    {                            \
        OP_##name##_t, em_unpriv \
    }
const struct jit_emitter jit_unpriv_emitters[] = {
    ROW(LDRB),   ROW(LDRH),   ROW(LDRW),   ROW(LDRX),   ROW(LDRSBX),
    ROW(LDRSHX), ROW(LDRSWX), ROW(LDRSBW), ROW(LDRSHW), ROW(STRB),
    ROW(STRH),   ROW(STRW),   ROW(STRX),   {0, NULL},
};

#define ACCESS(name, bytes, write)                             \
    {                                                          \
        OP_##name##_t, bytes, T_OFF, write, false, false, true \
    }
const struct t_access jit_unpriv_accesses[] = {
    ACCESS(LDRB, 1, false),   ACCESS(LDRH, 2, false),
    ACCESS(LDRW, 4, false),   ACCESS(LDRX, 8, false),
    ACCESS(LDRSBX, 1, false), ACCESS(LDRSHX, 2, false),
    ACCESS(LDRSWX, 4, false), ACCESS(LDRSBW, 1, false),
    ACCESS(LDRSHW, 2, false), ACCESS(STRB, 1, true),
    ACCESS(STRH, 2, true),    ACCESS(STRW, 4, true),
    ACCESS(STRX, 8, true),    {0, 0, 0, false, false, false, false},
};
