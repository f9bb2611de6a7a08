// SPDX-License-Identifier: Apache-2.0
/*
 * Emitters of AES, SHA-1, SHA-256 and PMULL on the host's instructions for
 * them. The SHA extensions have no VEX form; the upper halves of the host's
 * registers are zero, so mixing costs nothing.
 */

#include "accel/soft/decode.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/jit/simd.h"
#include "accel/soft/jit/translate.h"

/* Is AESMC of the same register next? It computes the round from its input. */
static bool is_mixed_next(const struct tr *t, const struct insn *i)
{
    return t->idx + 1 < t->src->count && i[1].op == OP_AESMC &&
           i[1].rn == i->rd && i[1].rd == i->rd &&
           translate_will_try(t, t->idx + 1);
}

/* The host XORs the key last, Arm first. */
static bool aes_round(struct tr *t, const struct insn *i, unsigned vop)
{
    if (!(t->features & JIT_AES) || !simd_ok(t))
        return false;
    v_op(t, P_XOR, X1, t_vget(t, i->rd), t_vget(t, i->rn));
    v_zero(t, X2);
    t->vec.for_next = t->idx + 1;
    if (vop == P_AESENCLAST && is_mixed_next(t, i))
        return true; /* nobody sees what is in between */
    v_op(t, vop, X0, X1, X2);
    return v_put(t, i, 1);
}

EMITTER(AESE, aes_round(t, i, P_AESENCLAST))
EMITTER(AESD, aes_round(t, i, P_AESDECLAST))

/* Is the instruction before this one `op`, and emitted by us? */
static bool follows(const struct tr *t, const struct insn *i, enum a64_op op)
{
    return t->idx > 0 && t->vec.for_next == t->idx && i[-1].op == op;
}

/* MixColumns alone is a whole round behind the inverse of all else in it. Right
   behind AESE, whose input is still in X1 with a zero in X2, it is that round
   without the inverse. */
static bool em_AESMC(struct tr *t, const struct insn *i)
{
    if (!(t->features & JIT_AES) || !simd_ok(t))
        return false;
    if (follows(t, i, OP_AESE) && i[-1].rd == i->rn) {
        v_op(t, P_AESENC, X0, X1, X2);
        return v_put(t, i, 1);
    }
    v_zero(t, X2);
    v_op(t, P_AESDECLAST, X0, t_vget(t, i->rn), X2);
    v_op(t, P_AESENC, X0, X0, X2);
    return v_put(t, i, 1);
}

static bool em_AESIMC(struct tr *t, const struct insn *i)
{
    if (!(t->features & JIT_AES) || !simd_ok(t))
        return false;
    v_op(t, P_AESIMC, X0, 0, t_vget(t, i->rn));
    return v_put(t, i, 1);
}

static bool em_PMULL_64(struct tr *t, const struct insn *i)
{
    if (!(t->features & JIT_PCLMUL) || !simd_ok(t))
        return false;
    v_opi(t, P_CLMULQDQ, X0, t_vget(t, i->rn), t_vget(t, i->rm),
          SIMD_Q(i) ? 0x11 : 0);
    return v_put(t, i, 1);
}

/* The SHA extensions: opcodes behind 0F 38, of registers 0 to 7. */
enum { SHA256RNDS2 = 0xcb, SHA256MSG1 = 0xcc, SHA256MSG2 = 0xcd };

static void sha_op(struct tr *t, unsigned op, unsigned dst, unsigned src)
{
    x64_u8(&t->c, 0x0f);
    x64_u8(&t->c, 0x38);
    x64_u8(&t->c, op);
    x64_modrm_reg(&t->c, dst, src);
}

static void sha1rnds4(struct tr *t, unsigned dst, unsigned src, unsigned f)
{
    x64_u8(&t->c, 0x0f);
    x64_u8(&t->c, 0x3a);
    x64_u8(&t->c, 0xcc);
    x64_modrm_reg(&t->c, dst, src);
    x64_u8(&t->c, f);
}

static bool sha_ok(const struct tr *t)
{
    return t->features & JIT_SHA && simd_ok(t);
}

enum { TURN = 0x1b }; /* PSHUFD: the words in reverse order */

/* The host adds the round constant, Arm's software has done so: taken out
   again. The host has A in the highest word, and E in W0's lane. */
static bool sha1_rounds(struct tr *t, const struct insn *i, unsigned f,
                        uint32_t constant)
{
    if (!sha_ok(t))
        return false;
    x64_mov_imm(&t->c, RAX, constant);
    x64_vex_rr(&t->c, V_MOVD_TO, false, X4, 0, RAX);
    v_op(t, P_BROADCASTD, X4, 0, X4);
    t_vload_low(t, 32, X2, i->rn);
    v_op(t, P_SUBD, X1, t_vget(t, i->rm), X4);
    v_op(t, P_ADDD, X1, X1, X2);
    v_opi(t, P_SHUFD, X1, 0, X1, TURN);
    v_opi(t, P_SHUFD, X0, 0, t_vget(t, i->rd), TURN);
    sha1rnds4(t, X0, X1, f);
    v_opi(t, P_SHUFD, X0, 0, X0, TURN);
    return v_put(t, i, 1);
}

EMITTER(SHA1C, sha1_rounds(t, i, 0, 0x5a827999))
EMITTER(SHA1P, sha1_rounds(t, i, 1, 0x6ed9eba1))
EMITTER(SHA1M, sha1_rounds(t, i, 2, 0x8f1bbcdc))

/* dst = src's words rotated to the left. */
static void rotate(struct tr *t, unsigned dst, unsigned src, unsigned by,
                   unsigned tmp)
{
    v_shift(t, SHIFT_SRL, 2, tmp, src, 32 - by);
    v_shift(t, SHIFT_SLL, 2, dst, src, by);
    v_op(t, P_OR, dst, dst, tmp);
}

static bool em_SHA1H(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    t_vload_low(t, 32, X1, i->rn);
    rotate(t, X0, X1, 30, X4);
    return v_put(t, i, 1);
}

static bool em_SHA1SU0(struct tr *t, const struct insn *i)
{
    unsigned d;

    if (!simd_ok(t))
        return false;
    d = t_vget(t, i->rd);
    v_opi(t, P_ALIGNR, X0, t_vget(t, i->rn), d, 8);
    v_op(t, P_XOR, X0, X0, d);
    v_op(t, P_XOR, X0, X0, t_vget(t, i->rm));
    return v_put(t, i, 1);
}

/* W19 takes part of what W16 has just become. */
static bool em_SHA1SU1(struct tr *t, const struct insn *i)
{
    if (!simd_ok(t))
        return false;
    v_opi(t, P_SHIFTQ, SHIFTQ_SRLDQ, X1, t_vget(t, i->rn), 4);
    v_op(t, P_XOR, X1, X1, t_vget(t, i->rd));
    rotate(t, X0, X1, 1, X4);
    v_opi(t, P_SHIFTQ, SHIFTQ_SLLDQ, X1, X0, 12);
    rotate(t, X2, X1, 1, X4);
    v_op(t, P_XOR, X0, X0, X2);
    return v_put(t, i, 1);
}

/* Those that write more registers than their record names. */
static bool writes_structure(const struct insn *i)
{
    switch (i->op) {
    case OP_LD_mult:
    case OP_LD_mult_post:
    case OP_LD_one:
    case OP_LD_one_post:
    case OP_LD_rep:
    case OP_LD_rep_post:
        return true;
    default:
        return false;
    }
}

/* Two times two rounds. The host keeps F E B A and H G D C, lowest first; x: V
   register of a b c d, y: of e f g h. Leaves the halves in X2 and X1. */
static void sha256_rounds(struct tr *t, unsigned x, unsigned y, unsigned w)
{
    x = t_vget(t, x);
    y = t_vget(t, y);
    t_vload(t, X0, w);
    v_opi(t, P_SHUFPS, X1, y, x, 0xbb); /* H G D C */
    v_opi(t, P_SHUFPS, X2, y, x, 0x11); /* F E B A */
    sha_op(t, SHA256RNDS2, X1, X2);
    v_opi(t, P_SHUFD, X0, 0, X0, 0x0e);
    sha_op(t, SHA256RNDS2, X2, X1);
}

static bool em_SHA256H(struct tr *t, const struct insn *i)
{
    if (!sha_ok(t))
        return false;
    sha256_rounds(t, i->rd, i->rn, i->rm);
    v_opi(t, P_SHUFPS, X0, X2, X1, 0xbb);
    t->vec.for_next = t->idx + 1;
    return v_put(t, i, 1);
}

/* Is `copy` what V register x was before the instruction at t->idx - 1? Only a
   MOV not far above, with nothing that might write either behind it, tells. */
static bool is_copy(const struct tr *t, const struct insn *i, unsigned copy,
                    unsigned x)
{
    unsigned far = t->idx < 12 ? t->idx : 12;

    for (unsigned k = 2; k <= far; k++) {
        const struct insn *p = i - k;

        if (p->op == OP_ORR_v && p->rn == p->rm && p->rn == x &&
            p->rd == copy && SIMD_Q(p))
            return true;
        if (p->op >= NUM_A64_OPS || p->rd == copy || p->rd == x)
            return false;
        if (writes_structure(p) ||
            (a64_rows[p->op].slot[3].kind && (p->ra == copy || p->ra == x)))
            return false;
    }
    return false;
}

/* Right behind the SHA256H of the same rounds its halves are in X1 and X2
   still. */
static bool em_SHA256H2(struct tr *t, const struct insn *i)
{
    const struct insn *h = i - 1;

    if (!sha_ok(t))
        return false;
    if (!follows(t, i, OP_SHA256H) || h->rn != i->rd || h->rm != i->rm ||
        h->rd == i->rm || h->rd == i->rd || !is_copy(t, i, i->rn, h->rd))
        sha256_rounds(t, i->rn, i->rd, i->rm);
    v_opi(t, P_SHUFPS, X0, X2, X1, 0x11);
    return v_put(t, i, 1);
}

static bool em_SHA256SU0(struct tr *t, const struct insn *i)
{
    if (!sha_ok(t))
        return false;
    t_vload(t, X0, i->rd);
    t_vload(t, X1, i->rn);
    sha_op(t, SHA256MSG1, X0, X1);
    return v_put(t, i, 1);
}

static bool em_SHA256SU1(struct tr *t, const struct insn *i)
{
    if (!sha_ok(t))
        return false;
    t_vload(t, X2, i->rm);
    v_opi(t, P_ALIGNR, X0, X2, t_vget(t, i->rn), 4);
    v_op(t, P_ADDD, X0, X0, t_vget(t, i->rd));
    sha_op(t, SHA256MSG2, X0, X2);
    return v_put(t, i, 1);
}

#define E(NAME) EMITTER_ROW(NAME)
// clang-format off
const struct jit_emitter jit_crypto_emitters[] = {
    E(AESE), E(AESD), E(AESMC), E(AESIMC), E(PMULL_64), E(SHA1C), E(SHA1P),
    E(SHA1M), E(SHA1H), E(SHA1SU0), E(SHA1SU1), E(SHA256H), E(SHA256H2),
    E(SHA256SU0), E(SHA256SU1),
    {0, NULL},
};
// clang-format on
