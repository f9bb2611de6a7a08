// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters for general registers that go through the host's vectors: bits in
 * reverse and CRC32, and REV16.
 */

#include "accel/soft/jit/em_int.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"

/* Bytes in reverse, then the bits of each by tables of nibbles. */
static bool em_rbit(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);

    if (!simd_ok(t))
        return false;
    t_get_to(t, w, RAX, i->rn);
    x64_bswap(&t->c, w, RAX);
    x64_vex_rr(&t->c, V_MOVD_TO, w, X1, 0, RAX);
    v_rbit8(t, X1);
    x64_vex_rr(&t->c, V_MOVD_FROM, w, X0, 0, RAX);
    t_put(t, i->rd, RAX);
    return t->flags_kept = true;
}

static bool em_rev16(struct tr *t, const struct insn *i)
{
    bool w = int_is_x(i);

    t_get_to(t, w, RAX, i->rn);
    x64_mov_imm(&t->c, RDX, w ? 0x00ff00ff00ff00ff : 0x00ff00ff);
    x64_mov(&t->c, w, RCX, RAX);
    x64_shift_imm(&t->c, w, SH_SHR, RAX, 8);
    x64_alu_rr(&t->c, w, ALU_AND, RCX, RDX);
    x64_alu_rr(&t->c, w, ALU_AND, RAX, RDX);
    x64_shift_imm(&t->c, w, SH_SHL, RCX, 8);
    x64_alu_rr(&t->c, w, ALU_OR, RAX, RCX);
    t_put(t, i->rd, RAX);
    return true;
}

/*
 * The remainder of `bits` bits, in the reversed order of this CRC: what they
 * are times the polynomial's inverse is the quotient, of which 64 bits count,
 * and the upper half of quotient times polynomial is the remainder. Bits of the
 * old sum that the data do not reach are moved down.
 */
static bool em_crc32(struct tr *t, const struct insn *i)
{
    unsigned bits = 8u << FIELD(i, 11, 10);

    if (!simd_ok(t) || !(t->features & JIT_PCLMUL))
        return false;
    t_get_to(t, bits == 64, RCX, i->rm);
    t_get_to(t, false, RAX, i->rn);
    x64_alu_rr(&t->c, true, ALU_XOR, RCX, RAX);
    if (bits < 64)
        x64_shift_imm(&t->c, true, SH_SHL, RCX, 64 - bits);
    x64_vex_rr(&t->c, V_MOVD_TO, true, X0, 0, RCX);
    v_opk(t, V_MOVUPS, X1, 0, K_CRC32);
    v_opi(t, P_CLMULQDQ, X0, X0, X1, 0x00);
    v_opi(t, P_CLMULQDQ, X0, X0, X1, 0x10);
    x64_vex_rri(&t->c, P_EXTRD, false, X0, 0, RCX, 2);
    if (bits < 32) {
        x64_shift_imm(&t->c, false, SH_SHR, RAX, bits);
        x64_alu_rr(&t->c, false, ALU_XOR, RCX, RAX);
    }
    t_put(t, i->rd, RCX);
    return true;
}

/* clang-format off */
const struct jit_emitter jit_bits_emitters[] = {
    BOTH(RBIT, em_rbit), BOTH(REV16, em_rev16),
    {OP_CRC32B, em_crc32}, {OP_CRC32H, em_crc32},
    {OP_CRC32W, em_crc32}, {OP_CRC32X, em_crc32},
    {0, NULL},
};
/* clang-format on */
