// SPDX-License-Identifier: Apache-2.0
/* Decoding by the generated tables: a bucket by bits 31:21, then the first row
   whose fixed bits and condition fit. */

#include "accel/soft/decode.h"

#include <stdio.h>
#include <string.h>

#include "accel/soft/exc.h"
#include "isa_gen.h"

const struct insn *a64_undefined(struct cpu *cpu, const struct insn *i)
{
    return exc_undef(cpu, i);
}

const struct insn *a64_fp_trap(struct cpu *cpu, const struct insn *i)
{
    return exc_fp_access(cpu, i);
}

const struct a64_row *a64_find(uint32_t word)
{
    const uint16_t *c = &a64_candidates[a64_bucket[word >> 21]];

    for (; *c < NUM_A64_OPS; c++) {
        const struct a64_row *row = &a64_rows[*c];

        if ((word & row->mask) == row->value &&
            (!row->where || row->where(word)))
            return row;
    }
    return NULL;
}

static uint8_t slot_value(const struct a64_row *row, unsigned slot,
                          uint32_t word)
{
    uint8_t reg = word >> row->slot[slot].shift & 31;

    switch ((enum a64_slot_kind)row->slot[slot].kind) {
    case SLOT_ZERO:
        return reg == 31 ? REG_ZERO : reg;
    case SLOT_SINK:
        return reg == 31 ? REG_SINK : reg;
    case SLOT_SP:
    case SLOT_RAW:
        return reg;
    case SLOT_NONE:
        break;
    }
    return 0;
}

bool a64_decode(uint32_t word, uint32_t offset, bool fp_on, struct insn *out)
{
    const struct a64_row *row = a64_find(word);

    *out = (struct insn){
        .fn = a64_undefined, .word = word, .op = A64_OP_UNDEFINED};
    if (!row)
        return true;
    if (row->flags & A64_FP && !fp_on) {
        out->fn = a64_fp_trap;
        out->op = A64_OP_FP_TRAP;
        return true;
    }
    out->fn = row->fn;
    out->op = (uint16_t)(row - a64_rows);
    out->rd = slot_value(row, 0, word);
    out->rn = slot_value(row, 1, word);
    out->rm = slot_value(row, 2, word);
    out->ra = slot_value(row, 3, word);
    if (row->imm)
        out->imm = row->imm(word, offset);
    return row->flags & A64_END;
}

bool a64_is_cond_branch(const struct insn *i)
{
    switch (i->op) {
    case OP_B_cond:
    case OP_CBZ_w:
    case OP_CBZ_x:
    case OP_CBNZ_w:
    case OP_CBNZ_x:
    case OP_TBZ:
    case OP_TBNZ:
        return true;
    default:
        return false;
    }
}

void a64_print(uint32_t word, char *buf, size_t size)
{
    const struct a64_row *row = a64_find(word);
    size_t len;
    int n;

    if (!row) {
        snprintf(buf, size, "undefined %#010x", word);
        return;
    }
    n = snprintf(buf, size, "%s", row->name);
    for (const struct a64_field *f = row->fields; f->name && n >= 0; f++) {
        uint32_t v = (uint32_t)BITS(word >> f->shift, f->width - 1, 0);

        len = strlen(buf);
        n = snprintf(buf + len, size - len, f->width > 4 ? " %s=%u" : " %s=%#x",
                     f->name, v);
    }
}

static uint64_t ones(unsigned n)
{
    return n >= 64 ? ~0ull : (1ull << n) - 1;
}

static uint64_t replicate(uint64_t x, unsigned esize)
{
    x &= ones(esize);
    for (; esize < 64; esize *= 2)
        x |= x << esize;
    return x;
}

static uint64_t ror_in(uint64_t x, unsigned n, unsigned esize)
{
    return n ? (x >> n | x << (esize - n)) & ones(esize) : x;
}

bool a64_bit_masks(unsigned immn, unsigned imms, unsigned immr, bool is_imm,
                   unsigned width, uint64_t *wmask, uint64_t *tmask)
{
    unsigned key = immn << 6 | (~imms & 0x3f);
    unsigned len, levels, s, r, esize, d;

    if (key < 2)
        return false;
    len = 31 - (unsigned)__builtin_clz(key);
    levels = (unsigned)ones(len);
    if ((is_imm && (imms & levels) == levels) || 1u << len > width)
        return false;
    s = imms & levels;
    r = immr & levels;
    d = (s - r) & levels;
    esize = 1u << len;
    *wmask = replicate(ror_in(ones(s + 1), r, esize), esize) & ones(width);
    if (tmask)
        *tmask = replicate(ones(d + 1), esize) & ones(width);
    return true;
}
