// SPDX-License-Identifier: Apache-2.0
/*
 * Ordered accesses, exclusives and the atomics of FEAT_LSE, on the host's own
 * atomics: whatever ordering the guest asks for, it gets sequential
 * consistency.
 *
 * The exclusive monitor remembers the address and the value that was read; a
 * store-exclusive is a compare-and-swap with that value. A guest that changes
 * the location and changes it back in between is not noticed (docs/
 * isa-deviations.md); Linux uses FEAT_LSE where that could matter.
 */

#include <stdatomic.h>

#include "accel/soft/ldst.h"
#include "isa_gen.h"

#define RD cpu->x[i->rd]

/* Ordered loads and stores may go to devices, so they are plain accesses with
   a fence, and an alignment check. */
static bool ordered_read(struct cpu *cpu, const struct insn *i, void *buf,
                         unsigned bytes)
{
    uint64_t va = BASE;

    if (unlikely(va & (bytes - 1)))
        return mem_read_slow(cpu, i, va, buf, bytes, bytes,
                             ACC_READ | ACC_ALIGNED);
    if (!mem_read(cpu, i, va, buf, bytes, bytes, ACC_READ))
        return false;
    atomic_thread_fence(memory_order_acquire);
    return true;
}

static bool ordered_write(struct cpu *cpu, const struct insn *i,
                          const void *buf, unsigned bytes)
{
    uint64_t va = BASE;

    if (unlikely(va & (bytes - 1)))
        return mem_write_slow(cpu, i, va, buf, bytes, bytes,
                              ACC_WRITE | ACC_ALIGNED);
    atomic_thread_fence(memory_order_release);
    if (!mem_write(cpu, i, va, buf, bytes, bytes, ACC_WRITE))
        return false;
    atomic_thread_fence(memory_order_seq_cst);
    return true;
}

static const struct insn *load_ordered(struct cpu *cpu, const struct insn *i)
{
    uint64_t v = 0;

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!ordered_read(cpu, i, &v, 1u << (i->word >> 30)))
        return NULL;
    RD = v;
    return NEXT;
}

static const struct insn *store_ordered(struct cpu *cpu, const struct insn *i)
{
    uint64_t v = RD;

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    return ordered_write(cpu, i, &v, 1u << (i->word >> 30)) ? NEXT : NULL;
}

EXEC(LDAR)
{
    return load_ordered(cpu, i);
}

EXEC(LDLAR)
{
    return load_ordered(cpu, i);
}

EXEC(LDAPR)
{
    return load_ordered(cpu, i);
}

EXEC(STLR)
{
    return store_ordered(cpu, i);
}

EXEC(STLLR)
{
    return store_ordered(cpu, i);
}

static void read_host(const void *host, unsigned bytes, uint64_t v[2])
{
    v[1] = 0;
    switch (bytes) {
    case 1:
        v[0] = __atomic_load_n((const uint8_t *)host, __ATOMIC_SEQ_CST);
        break;
    case 2:
        v[0] = __atomic_load_n((const uint16_t *)host, __ATOMIC_SEQ_CST);
        break;
    case 4:
        v[0] = __atomic_load_n((const uint32_t *)host, __ATOMIC_SEQ_CST);
        break;
    case 8:
        v[0] = __atomic_load_n((const uint64_t *)host, __ATOMIC_SEQ_CST);
        break;
    default:
        /* Two halves: the store-exclusive compares both at once. */
        v[0] = __atomic_load_n((const uint64_t *)host, __ATOMIC_SEQ_CST);
        v[1] = __atomic_load_n((const uint64_t *)host + 1, __ATOMIC_SEQ_CST);
        break;
    }
}

static unsigned __int128 to_128(const uint64_t v[2])
{
    return (unsigned __int128)v[1] << 64 | v[0];
}

/* Compare-and-swap; `old` becomes what was found. True: it was swapped. */
static bool swap_if(void *host, unsigned bytes, uint64_t old[2],
                    const uint64_t new[2])
{
    unsigned __int128 was, found;

#define CASE(n, type)                                                      \
    case n: {                                                              \
        type expect = (type)old[0];                                        \
        bool ok = __atomic_compare_exchange_n(                             \
            (type *)host, &expect, (type) new[0], false, __ATOMIC_SEQ_CST, \
            __ATOMIC_SEQ_CST);                                             \
        old[0] = expect;                                                   \
        return ok;                                                         \
    }
    switch (bytes) {
        CASE(1, uint8_t)
        CASE(2, uint16_t)
        CASE(4, uint32_t)
        CASE(8, uint64_t)
    default:
        was = to_128(old);
        found = __sync_val_compare_and_swap((unsigned __int128 *)host, was,
                                            to_128(new));
        old[0] = (uint64_t)found;
        old[1] = (uint64_t)(found >> 64);
        return found == was;
    }
#undef CASE
}

/* Both words of a 32-bit pair are one location of 8 bytes. */
static bool load_exclusive(struct cpu *cpu, const struct insn *i,
                           unsigned bytes, uint64_t v[2])
{
    void *host = mem_atomic(cpu, i, BASE, bytes, ACC_READ);

    if (!host)
        return false;
    read_host(host, bytes, v);
    cpu->excl_pa = (uintptr_t)host;
    cpu->excl_val[0] = v[0];
    cpu->excl_val[1] = v[1];
    cpu->excl_size = (uint8_t)bytes;
    return true;
}

static bool store_exclusive(struct cpu *cpu, const struct insn *i,
                            unsigned bytes, const uint64_t v[2])
{
    void *host = mem_atomic(cpu, i, BASE, bytes, ACC_WRITE);
    bool done;

    if (!host)
        return false;
    done = cpu->excl_size == bytes && cpu->excl_pa == (uintptr_t)host &&
           swap_if(host, bytes, cpu->excl_val, v);
    cpu->excl_size = 0;
    cpu->x[i->rm] = !done;
    return true;
}

static const struct insn *exec_ldxr(struct cpu *cpu, const struct insn *i)
{
    uint64_t v[2];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!load_exclusive(cpu, i, 1u << (i->word >> 30), v))
        return NULL;
    RD = v[0];
    return NEXT;
}

static const struct insn *exec_stxr(struct cpu *cpu, const struct insn *i)
{
    uint64_t v[2] = {RD, 0};

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    return store_exclusive(cpu, i, 1u << (i->word >> 30), v) ? NEXT : NULL;
}

static const struct insn *exec_ldxp(struct cpu *cpu, const struct insn *i)
{
    bool is_64 = FIELD(i, 30, 30);
    uint64_t v[2];

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!load_exclusive(cpu, i, is_64 ? 16 : 8, v))
        return NULL;
    RD = is_64 ? v[0] : (uint32_t)v[0];
    cpu->x[i->ra] = is_64 ? v[1] : v[0] >> 32;
    return NEXT;
}

static const struct insn *exec_stxp(struct cpu *cpu, const struct insn *i)
{
    bool is_64 = FIELD(i, 30, 30);
    uint64_t v[2] = {RD, cpu->x[i->ra]};

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    if (!is_64)
        v[0] = (uint32_t)v[0] | v[1] << 32;
    return store_exclusive(cpu, i, is_64 ? 16 : 8, v) ? NEXT : NULL;
}

#define SAME_AS(name, fn)  \
    EXEC(name)             \
    {                      \
        return fn(cpu, i); \
    }
SAME_AS(LDXR, exec_ldxr)
SAME_AS(LDAXR, exec_ldxr)
SAME_AS(STXR, exec_stxr)
SAME_AS(STLXR, exec_stxr)
SAME_AS(LDXP, exec_ldxp)
SAME_AS(LDAXP, exec_ldxp)
SAME_AS(STXP, exec_stxp)
SAME_AS(STLXP, exec_stxp)

/* A raw register number of the encoding: 31 is the zero register. */
static uint64_t raw_get(const struct cpu *cpu, unsigned reg)
{
    return cpu->x[reg == 31 ? REG_ZERO : reg];
}

static void raw_set(struct cpu *cpu, unsigned reg, uint64_t value)
{
    cpu->x[reg == 31 ? REG_SINK : reg] = value;
}

EXEC(CAS)
{
    unsigned bytes = 1u << (i->word >> 30);
    uint64_t old[2] = {raw_get(cpu, i->rm), 0};
    const uint64_t new[2] = {RD, 0};
    void *host;

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    host = mem_atomic(cpu, i, BASE, bytes, ACC_WRITE | ACC_ATOMIC);
    if (!host)
        return NULL;
    swap_if(host, bytes, old, new);
    raw_set(cpu, i->rm, old[0]);
    return NEXT;
}

EXEC(CASP)
{
    bool is_64 = FIELD(i, 30, 30);
    unsigned bytes = is_64 ? 16 : 8;
    uint64_t old[2] = {raw_get(cpu, i->rm), raw_get(cpu, i->rm + 1u)};
    uint64_t new[2] = {raw_get(cpu, i->rd), raw_get(cpu, i->rd + 1u)};
    void *host;

    if (base_faults(cpu, i))
        return exc_sp_align(cpu, i);
    host = mem_atomic(cpu, i, BASE, bytes, ACC_WRITE | ACC_ATOMIC);
    if (!host)
        return NULL;
    if (!is_64) {
        old[0] = (uint32_t)old[0] | old[1] << 32;
        new[0] = (uint32_t) new[0] | new[1] << 32;
    }
    swap_if(host, bytes, old, new);
    raw_set(cpu, i->rm, is_64 ? old[0] : (uint32_t)old[0]);
    raw_set(cpu, i->rm + 1u, is_64 ? old[1] : old[0] >> 32);
    return NEXT;
}

/* One read-modify-write of any size: T and its signed twin S are the types
   `expr` computes in, from `old` and the operand `arg`. */
#define RMW_CASE(bits, expr)                                               \
    {                                                                      \
        typedef uint##bits##_t T;                                          \
        typedef int##bits##_t S __attribute__((unused));                   \
        T *p = host, arg = (T)cpu->x[i->rm];                               \
        T old = __atomic_load_n(p, __ATOMIC_RELAXED);                      \
                                                                           \
        while (!__atomic_compare_exchange_n(                               \
            p, &old, (T)(expr), true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) \
            ;                                                              \
        RD = old;                                                          \
        return NEXT;                                                       \
    }

/* The same by one operation of the host. */
#define RMW_DIRECT(bits, fn)                                   \
    {                                                          \
        RD = (uint##bits##_t)fn((uint##bits##_t *)host,        \
                                (uint##bits##_t)cpu->x[i->rm], \
                                __ATOMIC_SEQ_CST);             \
        return NEXT;                                           \
    }

#define RMW(name, kind, what)                                                \
    EXEC(name)                                                               \
    {                                                                        \
        unsigned size = i->word >> 30;                                       \
        void *host;                                                          \
                                                                             \
        if (base_faults(cpu, i))                                             \
            return exc_sp_align(cpu, i);                                     \
        host = mem_atomic(cpu, i, BASE, 1u << size, ACC_WRITE | ACC_ATOMIC); \
        if (!host)                                                           \
            return NULL;                                                     \
        switch (size) {                                                      \
        case 0:                                                              \
            kind(8, what) case 1 : kind(16, what) case 2                     \
                : kind(32, what) default : kind(64, what)                    \
        }                                                                    \
    }
RMW(LDADD, RMW_DIRECT, __atomic_fetch_add)
RMW(LDCLR, RMW_CASE, old & ~arg)
RMW(LDEOR, RMW_DIRECT, __atomic_fetch_xor)
RMW(LDSET, RMW_DIRECT, __atomic_fetch_or)
RMW(LDSMAX, RMW_CASE, (S)old > (S)arg ? old : arg)
RMW(LDSMIN, RMW_CASE, (S)old < (S)arg ? old : arg)
RMW(LDUMAX, RMW_CASE, old > arg ? old : arg)
RMW(LDUMIN, RMW_CASE, old < arg ? old : arg)
RMW(SWP, RMW_DIRECT, __atomic_exchange_n)
