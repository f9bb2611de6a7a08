// SPDX-License-Identifier: Apache-2.0
/* PSCI, SMCCC, TRNG and stolen time: one table of functions, and what each
 * does. */

#include "machine/psci.h"

#include <stddef.h>
#include <string.h>

#include "base/macros.h"
#include "host/host.h"
#include "machine/layout.h"

#define SMC64 (1u << 30) /* of a function identifier: 64-bit arguments */

/* DEN 0028, 7: workarounds that this CPU does not need. */
enum { WORKAROUND_NOT_NEEDED = 1 };

/* DEN 0098: "squib TRNG" has to have a name of 128 bits. */
static const uint32_t trng_uuid[4] = {0x73d1c1a6, 0x4c1b86f3, 0x9b40d78e,
                                      0x5e17c29a};

struct call {
    const struct psci_host *host;
    unsigned caller;
    uint64_t *regs;
    bool is_64;
};

static uint64_t arg(const struct call *c, unsigned n)
{
    return c->is_64 ? c->regs[n] : (uint32_t)c->regs[n];
}

static enum psci_action answer(const struct call *c, int64_t value)
{
    c->regs[0] = (uint64_t)value;
    return PSCI_RETURN;
}

static enum psci_action psci_version(const struct call *c)
{
    return answer(c, 0x10001);
}

/* Powering down on request may be treated as standby (5.4.5): the state is
   kept, the call returns when an interrupt has come. */
static enum psci_action psci_cpu_suspend(const struct call *c)
{
    answer(c, PSCI_SUCCESS);
    return PSCI_RETURN_WFI;
}

static enum psci_action psci_cpu_off(const struct call *c)
{
    (void)c;
    return PSCI_POWER_DOWN;
}

/* The vCPU of an MPIDR's affinity fields, or `vcpus` if there is none. */
static unsigned index_of(const struct psci_host *host, uint64_t target)
{
    unsigned n = 0;

    while (n < host->vcpus && mpidr_of(n) != target)
        n++;
    return n;
}

static enum psci_action psci_cpu_on(const struct call *c)
{
    const struct psci_host *host = c->host;
    unsigned index = index_of(host, arg(c, 1));
    uint64_t entry = arg(c, 2);

    if (index == host->vcpus)
        return answer(c, PSCI_INVALID_PARAMETERS);
    if ((entry & 3) || !host->is_ram(host->ctx, entry))
        return answer(c, PSCI_INVALID_ADDRESS);
    return answer(c, host->power_on(host->ctx, index, entry, arg(c, 3)));
}

/* Level n asks for the group of CPUs that agree above affinity field n; the
   group is on if one of them is. */
static enum psci_action psci_affinity_info(const struct call *c)
{
    static const uint64_t masks[] = {0xff00ffffff, 0xff00ffff00, 0xff00ff0000,
                                     0xff00000000};
    uint64_t target = arg(c, 1), level = arg(c, 2);
    int64_t best = PSCI_INVALID_PARAMETERS;

    if (level >= ARRAY_LEN(masks))
        return answer(c, PSCI_INVALID_PARAMETERS);
    for (unsigned n = 0; n < c->host->vcpus; n++) {
        enum psci_affinity state;

        if ((mpidr_of(n) ^ target) & masks[level])
            continue;
        state = c->host->state(c->host->ctx, n);
        if (best < 0 || state == PSCI_ON ||
            (state == PSCI_ON_PENDING && best == PSCI_OFF))
            best = state;
    }
    return answer(c, best);
}

/* 2: no trusted OS that would have to move between CPUs. */
static enum psci_action psci_migrate_info_type(const struct call *c)
{
    return answer(c, 2);
}

static enum psci_action psci_system_off(const struct call *c)
{
    (void)c;
    return PSCI_SYSTEM_OFF;
}

static enum psci_action psci_system_reset(const struct call *c)
{
    (void)c;
    return PSCI_SYSTEM_RESET;
}

/* Type 0 is the only architectural one, a warm reset; bit 31 is the vendor's.
 */
static enum psci_action psci_system_reset2(const struct call *c)
{
    if ((uint32_t)arg(c, 1) != 0)
        return answer(c, PSCI_INVALID_PARAMETERS);
    return PSCI_SYSTEM_RESET;
}

static enum psci_action psci_features(const struct call *c);
static enum psci_action arch_features(const struct call *c);
static enum psci_action trng_features(const struct call *c);

static enum psci_action smccc_version(const struct call *c)
{
    return answer(c, 0x10001);
}

static enum psci_action no_workaround(const struct call *c)
{
    return answer(c, 0);
}

static enum psci_action trng_version(const struct call *c)
{
    return answer(c, 0x10000);
}

static enum psci_action trng_get_uuid(const struct call *c)
{
    for (unsigned n = 0; n < 4; n++)
        c->regs[n] = trng_uuid[n];
    return PSCI_RETURN;
}

/* Up to three registers of entropy, the least significant in x3 (DEN 0098,
   2.5): 96 bits for the 32-bit call, 192 for the other. */
static enum psci_action trng_rnd(const struct call *c)
{
    unsigned width = c->is_64 ? 64 : 32;
    uint64_t bits = arg(c, 1);
    uint64_t pool[3] = {0};

    if (bits == 0 || bits > 3 * width)
        return answer(c, PSCI_INVALID_PARAMETERS);
    host_random(pool, sizeof(pool));
    for (unsigned n = 0; n < 3; n++) {
        uint64_t have = bits > n * width ? bits - n * width : 0;
        uint64_t mask = have >= 64 ? ~0ull : (1ull << have) - 1;

        c->regs[3 - n] = pool[n] & mask & (c->is_64 ? ~0ull : UINT32_MAX);
    }
    return answer(c, PSCI_SUCCESS);
}

/* DEN 0057, 3.1: functions of the hypervisor, in their 64-bit forms only. */
#define PV_TIME_FEATURES 0x85000020u
#define PV_TIME_ST       0x85000021u

static enum psci_action pv_time_features(const struct call *c)
{
    uint64_t id = arg(c, 1);
    bool known = id == (PV_TIME_FEATURES | SMC64) || id == (PV_TIME_ST | SMC64);

    return answer(c, known && c->host->stolen_time ? PSCI_SUCCESS
                                                   : PSCI_NOT_SUPPORTED);
}

static enum psci_action pv_time_st(const struct call *c)
{
    const struct psci_host *host = c->host;
    uint64_t at =
        host->stolen_time ? host->stolen_time(host->ctx, c->caller) : 0;

    return answer(c, at ? (int64_t)at : PSCI_NOT_SUPPORTED);
}

/* What Linux looks for before it asks a hypervisor for what no standard has:
   the name of KVM, whose calls these are (Documentation/virt/kvm/arm of the
   kernel, hypercalls and ptp_kvm). */
static const uint32_t kvm_uid[4] = {0xb66fb428, 0xe911c52e, 0x564bcaa9,
                                    0x743a004d};

enum { KVM_FEATURES = 0, KVM_PTP = 1 };
enum { VIRTUAL_COUNTER = 0, PHYSICAL_COUNTER = 1 };

static enum psci_action hyp_uid(const struct call *c)
{
    if (!c->host->counter)
        return answer(c, PSCI_NOT_SUPPORTED);
    for (unsigned n = 0; n < 4; n++)
        c->regs[n] = kvm_uid[n];
    return PSCI_RETURN;
}

static enum psci_action hyp_features(const struct call *c)
{
    if (!c->host->counter)
        return answer(c, PSCI_NOT_SUPPORTED);
    c->regs[1] = c->regs[2] = c->regs[3] = 0;
    return answer(c, 1 << KVM_FEATURES | 1 << KVM_PTP);
}

/* The wall clock in ns and the counter at the same time, each in halves. Both
   counters of ours are one. */
static enum psci_action hyp_ptp(const struct call *c)
{
    const struct psci_host *host = c->host;
    uint64_t which = arg(c, 1), wall_ns, count;

    if (!host->counter ||
        (which != VIRTUAL_COUNTER && which != PHYSICAL_COUNTER))
        return answer(c, PSCI_NOT_SUPPORTED);
    count = host->counter(host->ctx, c->caller);
    wall_ns = host_wall_ns();
    c->regs[0] = wall_ns >> 32;
    c->regs[1] = (uint32_t)wall_ns;
    c->regs[2] = count >> 32;
    c->regs[3] = (uint32_t)count;
    return PSCI_RETURN;
}

/* Every function: its identifier with SMC64 clear, and whether the 64-bit form
   exists as well. */
static const struct function {
    uint32_t id;
    bool has_32, has_64;
    enum psci_action (*call)(const struct call *c);
} functions[] = {
    {0x80000000, true, false, smccc_version},
    {0x80000001, true, false, arch_features},
    {0x80008000, true, false, no_workaround}, /* ARCH_WORKAROUND_1 */
    {0x80007fff, true, false, no_workaround}, /* ARCH_WORKAROUND_2 */
    {0x80003fff, true, false, no_workaround}, /* ARCH_WORKAROUND_3 */
    {0x84000000, true, false, psci_version},
    {0x84000001, true, true, psci_cpu_suspend},
    {0x84000002, true, false, psci_cpu_off},
    {0x84000003, true, true, psci_cpu_on},
    {0x84000004, true, true, psci_affinity_info},
    {0x84000006, true, false, psci_migrate_info_type},
    {0x84000008, true, false, psci_system_off},
    {0x84000009, true, false, psci_system_reset},
    {0x8400000a, true, false, psci_features},
    {0x84000012, true, true, psci_system_reset2},
    {0x84000050, true, false, trng_version},
    {0x84000051, true, false, trng_features},
    {0x84000052, true, false, trng_get_uuid},
    {0x84000053, true, true, trng_rnd},
    {PV_TIME_FEATURES, false, true, pv_time_features},
    {PV_TIME_ST, false, true, pv_time_st},
    {0x8600ff01, true, false, hyp_uid},
    {0x86000000, true, false, hyp_features},
    {0x86000001, true, false, hyp_ptp},
};

static const struct function *find(uint32_t id)
{
    bool is_64 = id & SMC64;

    for (size_t n = 0; n < ARRAY_LEN(functions); n++) {
        const struct function *f = &functions[n];

        if (f->id == (id & ~SMC64) && (is_64 ? f->has_64 : f->has_32))
            return f;
    }
    return NULL;
}

/* Also the way to learn of SMCCC itself (DEN 0028, 7.2). */
static enum psci_action psci_features(const struct call *c)
{
    uint32_t id = (uint32_t)arg(c, 1);
    bool known = id == 0x80000000 || (id & 0xbfffffe0u) == 0x84000000;

    return answer(c, known && find(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED);
}

static enum psci_action arch_features(const struct call *c)
{
    uint32_t id = (uint32_t)arg(c, 1);
    const struct function *f = find(id);

    if (f && f->call == pv_time_features && c->host->stolen_time)
        return answer(c, PSCI_SUCCESS);
    if (!f || id >> 24 != 0x80)
        return answer(c, PSCI_NOT_SUPPORTED);
    return answer(c, f->call == no_workaround ? WORKAROUND_NOT_NEEDED : 0);
}

static enum psci_action trng_features(const struct call *c)
{
    uint32_t id = (uint32_t)arg(c, 1);
    bool is_trng = (id & 0xbffffff0u) == 0x84000050;

    return answer(c, is_trng && find(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED);
}

enum psci_action psci_call(const struct psci_host *host, unsigned caller,
                           uint64_t regs[8])
{
    uint32_t id = (uint32_t)regs[0];
    struct call c = {
        .host = host, .caller = caller, .regs = regs, .is_64 = id & SMC64};
    const struct function *f = find(id);

    return f ? f->call(&c) : answer(&c, PSCI_NOT_SUPPORTED);
}
