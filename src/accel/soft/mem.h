// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * Guest loads and stores, as executors use them. Each returns true, or false
 * after the exception was taken (or the access left as an MMIO exit): then the
 * executor returns NULL at once, having changed no register.
 *
 * On a hit they are one compare and one host access. Accesses aligned to their
 * size (up to 8 bytes) are single-copy atomic.
 */

#include <string.h>

#include "accel/soft/mmu.h"

/* The slow way of all below: `bytes` (1..64, or DC ZVA's block) at va, made of
   elements of `elem` bytes, each checked and, on a device, accessed by itself.
   All bytes are translated before any is written. `acc` as in mmu.h. */
bool mem_read_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                   void *buf, unsigned bytes, unsigned elem, unsigned acc);
bool mem_write_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                    const void *buf, unsigned bytes, unsigned elem,
                    unsigned acc);

/* For atomics and exclusives: the host address of `bytes` (1, 2, 4, 8, 16) at
   va, aligned, after all checks; NULL as false above (atomics on devices take
   a data abort: unsupported atomic access). acc: ACC_READ, ACC_WRITE or
   ACC_ATOMIC with ACC_WRITE. */
void *mem_atomic_slow(struct cpu *cpu, const struct insn *i, uint64_t va,
                      unsigned bytes, unsigned acc);

/* DC ZVA: zeroes the aligned 64 bytes that hold va. Device memory: alignment
   fault. */
bool mem_zero_block(struct cpu *cpu, const struct insn *i, uint64_t va);

/* The checks of cache maintenance by VA; there are no caches to maintain. */
bool mem_cache_op(struct cpu *cpu, const struct insn *i, uint64_t va);

/* To and from guest memory by a size known only now, each aligned element by
   one access. The library's memcpy may store a byte twice, and the second time
   over what another CPU wrote in between: a lock would be released again. */
void mem_copy_in(void *buf, const uint8_t *guest, unsigned bytes);
void mem_copy_out(uint8_t *guest, const void *buf, unsigned bytes);

/* Sets *p to the host address of `bytes` that hit; false: take the slow way. */
static inline bool mem_hit_r(const struct cpu *cpu, uint64_t va, unsigned bytes,
                             unsigned acc, const uint8_t **p)
{
    const struct tlb *tlb = acc & ACC_UNPRIV ? cpu->tlb_unpriv : cpu->tlb;
    uint8_t *host;

    if (unlikely(!tlb_hit(&tlb->r, va, bytes, &host)))
        return false;
    *p = host;
    return true;
}

static inline bool mem_hit_w(const struct cpu *cpu, uint64_t va, unsigned bytes,
                             unsigned acc, uint8_t **p)
{
    const struct tlb *tlb = acc & ACC_UNPRIV ? cpu->tlb_unpriv : cpu->tlb;

    return likely(tlb_hit(&tlb->w, va, bytes, p));
}

/* `bytes` in elements of `elem`; both constants at every call but SIMD
   structures', acc 0 or ACC_UNPRIV. Alignment is checked in the slow path,
   which unaligned accesses reach only by page crossing: SCTLR_EL1.A == 1 keeps
   the TLB empty. */
static inline bool mem_read(struct cpu *cpu, const struct insn *i, uint64_t va,
                            void *buf, unsigned bytes, unsigned elem,
                            unsigned acc)
{
    const uint8_t *p;

    if (unlikely(!mem_hit_r(cpu, va, bytes, acc, &p)))
        return mem_read_slow(cpu, i, va, buf, bytes, elem, acc);
    if (__builtin_constant_p(bytes))
        memcpy(buf, p, bytes);
    else
        mem_copy_in(buf, p, bytes);
    return true;
}

static inline bool mem_write(struct cpu *cpu, const struct insn *i, uint64_t va,
                             const void *buf, unsigned bytes, unsigned elem,
                             unsigned acc)
{
    uint8_t *p;

    if (unlikely(!mem_hit_w(cpu, va, bytes, acc, &p)))
        return mem_write_slow(cpu, i, va, buf, bytes, elem, acc);
    if (__builtin_constant_p(bytes))
        memcpy(p, buf, bytes);
    else
        mem_copy_out(p, buf, bytes);
    return true;
}

#define MEM_DEFINE(bits)                                                     \
    static inline bool mem_ld##bits(struct cpu *cpu, const struct insn *i,   \
                                    uint64_t va, uint##bits##_t *out)        \
    {                                                                        \
        return mem_read(cpu, i, va, out, bits / 8, bits / 8, ACC_READ);      \
    }                                                                        \
    static inline bool mem_st##bits(struct cpu *cpu, const struct insn *i,   \
                                    uint64_t va, uint##bits##_t value)       \
    {                                                                        \
        return mem_write(cpu, i, va, &value, bits / 8, bits / 8, ACC_WRITE); \
    }
MEM_DEFINE(8)
MEM_DEFINE(16)
MEM_DEFINE(32)
MEM_DEFINE(64)
#undef MEM_DEFINE

/* The fast way to mem_atomic_slow. Writable implies readable at the same EL, so
   an entry of the write array serves a read-modify-write. */
static inline void *mem_atomic(struct cpu *cpu, const struct insn *i,
                               uint64_t va, unsigned bytes, unsigned acc)
{
    const struct tlb *tlb = cpu->tlb;
    uint8_t *p;

    if (likely(!(va & (bytes - 1)) &&
               tlb_hit(acc & ACC_WRITE ? &tlb->w : &tlb->r, va, bytes, &p)))
        return p;
    return mem_atomic_slow(cpu, i, va, bytes, acc);
}
