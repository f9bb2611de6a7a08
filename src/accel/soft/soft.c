// SPDX-License-Identifier: Apache-2.0
/* The software CPU as an accelerator: what accel.h asks for. */

#include "accel/soft/soft.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "accel/soft/alarm.h"
#include "accel/soft/decode.h"
#include "accel/soft/exc.h"
#include "accel/soft/gic.h"
#include "accel/soft/idle.h"
#include "accel/soft/interp.h"
#include "accel/soft/jit/jit.h"
#include "accel/soft/mmu.h"
#include "accel/soft/step.h"
#include "accel/soft/sysreg.h"
#include "accel/soft/timer.h"
#include "base/heap.h"
#include "host/host.h"

/* The interface's opaque types are ours by another name. */
static struct soft_vm *to_vm(struct accel_vm *vm)
{
    return (struct soft_vm *)(void *)vm;
}

static struct cpu *to_cpu(struct accel_vcpu *vcpu)
{
    return (struct cpu *)(void *)vcpu;
}

static int soft_probe(struct err *e)
{
    (void)e;
    return 0; /* runs everywhere */
}

static uint64_t soft_redist_bytes(void)
{
    return GICR_BYTES;
}

static void soft_vm_free(struct accel_vm *base)
{
    struct soft_vm *vm = to_vm(base);

    if (!vm)
        return;
    alarm_free(vm->alarm);
    pthread_mutex_destroy(&vm->cpus_lock);
    gic_free(vm->gic);
    for (unsigned n = 0; n < GMEM_MAX_REGIONS; n++) {
        if (vm->code_gen[n])
            host_unreserve((void *)(uintptr_t)vm->code_gen[n],
                           vm->ram->regions[n].bytes / 4096 * sizeof(uint32_t));
    }
    heap_free(vm->past_fallbacks);
    heap_free(vm);
}

static int reserve_code_gens(struct soft_vm *vm, struct err *e)
{
    for (unsigned n = 0; n < vm->ram->num_regions; n++) {
        vm->code_gen[n] = host_reserve(
            vm->ram->regions[n].bytes / 4096 * sizeof(uint32_t), e);
        if (!vm->code_gen[n])
            return -ENOMEM;
    }
    return 0;
}

/* 64 MiB of code for all: enough for a Linux boot many times over. */
#define DEFAULT_CODE_BYTES (64 * MIB)
#define LEAST_CODE_BYTES   (64 * KIB)

/* Half is shared out, the other half is for who needs it: a program that runs
   on one CPU may have most of it. */
static void share_code_bytes(struct soft_vm *vm, uint64_t bytes, unsigned vcpus)
{
    uint64_t own = vcpus == 1 ? bytes : bytes / 2 / vcpus;

    vm->jit_bytes = MAX(align_down(own, host_page_bytes()), LEAST_CODE_BYTES);
    own = vm->jit_bytes * vcpus;
    atomic_init(&vm->jit_pool, bytes > own ? bytes - own : 0);
}

static int choose_tier(struct soft_vm *vm, const struct accel_config *cfg,
                       struct err *e)
{
    struct tier *tier = &vm->tier;
    uint64_t bytes = cfg->code_bytes ? cfg->code_bytes : DEFAULT_CODE_BYTES;
    int rc = tier_parse(tier, cfg->tier, e);

    if (rc < 0)
        return rc;
    if (tier->kind == TIER_INTERP || !jit_is_here())
        return 0;
    if (tier->kind == TIER_LOCKSTEP && cfg->vcpus != 1)
        return err_set(e, -EINVAL, "the tier lockstep is for one vCPU");
    if (tier->code_kib)
        bytes = tier->code_kib * KIB;
    tier->eager |= cfg->eager;
    tier->mask_features |= cfg->mask_features;
    share_code_bytes(vm, bytes, cfg->vcpus);
    vm->jit_features = jit_host_features() & ~tier->mask_features;
    if (tier->eager)
        vm->jit_features |= JIT_POISON;
    if (cfg->vcpus > 1)
        vm->jit_features |= JIT_SMP;
    if (tier->kind == TIER_LOCKSTEP)
        vm->jit_features |= JIT_ONE_PASS;
    vm->alarm = alarm_new(vm);
    return vm->alarm ? 0 : err_set(e, -ENOMEM, "cannot start a thread");
}

static struct accel_vm *soft_vm_new(const struct accel_config *cfg,
                                    struct err *e)
{
    struct soft_vm *vm = heap_zalloc(sizeof(*vm));

    if (!vm) {
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    pthread_mutex_init(&vm->cpus_lock, NULL);
    vm->past_fallbacks = heap_calloc(NUM_A64_OPS, sizeof(uint64_t));
    if (!vm->past_fallbacks) {
        heap_free(vm);
        err_set(e, -ENOMEM, "out of memory");
        return NULL;
    }
    vm->ram = cfg->ram;
    vm->num_cpus = cfg->vcpus;
    vm->gicd_base = cfg->gicd_base;
    vm->gicr_base = cfg->gicr_base;
    vm->cntvoff_ns = host_mono_ns();
    vm->count_insns = cfg->count_insns;
    if (reserve_code_gens(vm, e) < 0 || choose_tier(vm, cfg, e) < 0)
        goto fail;
    vm->gic = gic_new(vm);
    if (!vm->gic) {
        err_set(e, -ENOMEM, "out of memory");
        goto fail;
    }
    return (struct accel_vm *)(void *)vm;

fail:
    soft_vm_free((struct accel_vm *)(void *)vm);
    return NULL;
}

static void soft_spi(struct accel_vm *vm, unsigned intid, bool level)
{
    gic_spi(to_vm(vm)->gic, intid, level);
}

/* The counters of a CPU by number, until NULL: its own, the translator's. */
static const struct {
    const char *name;
    size_t offset;
} stats[] = {
    {"instructions", offsetof(struct cpu, insns)},
    {"blocks", offsetof(struct cpu, blocks)},
    {"memory_slow", offsetof(struct cpu, misses)},
    {"span_moves", offsetof(struct cpu, span_moves)},
};

static const char *stat_of(const struct cpu *cpu, unsigned index,
                           uint64_t *value)
{
    const char *at;

    *value = 0;
    if (index >= ARRAY_LEN(stats))
        return cpu->jit ? jit_stat(cpu->jit, index - ARRAY_LEN(stats), value)
                        : NULL;
    at = (const char *)cpu + stats[index].offset;
    *value = *(const uint64_t *)(const void *)at;
    return stats[index].name;
}

/* The index-th op that tier 0 had to execute for translated code. */
static const char *fallback_of(const struct soft_vm *vm, unsigned index,
                               uint64_t *value)
{
    for (unsigned op = 0; op < NUM_A64_OPS; op++) {
        *value = vm->past_fallbacks[op];
        for (unsigned n = 0; n < vm->num_cpus; n++) {
            if (vm->cpus[n] && vm->cpus[n]->jit)
                *value += jit_fallbacks(vm->cpus[n]->jit, op);
        }
        if (*value && index-- == 0)
            return a64_rows[op].name;
    }
    return NULL;
}

/* Of a CPU that goes: its counters stay. */
static void keep_stats(const struct cpu *cpu)
{
    struct soft_vm *vm = cpu->vm;
    const char *name;
    uint64_t value;

    for (unsigned n = 0; n < SOFT_NUM_STATS; n++) {
        name = stat_of(cpu, n, &value);
        if (!name)
            break;
        atomic_store(&vm->stat_names[n], name);
        atomic_fetch_add(&vm->past_stats[n], value);
    }
    for (unsigned op = 0; cpu->jit && op < NUM_A64_OPS; op++)
        vm->past_fallbacks[op] += jit_fallbacks(cpu->jit, op);
}

/* Freed vCPUs count, too. */
static const char *soft_stat(struct accel_vm *base, unsigned index,
                             uint64_t *value)
{
    struct soft_vm *vm = to_vm(base);
    const char *name;
    uint64_t one;

    if (index >= SOFT_NUM_STATS)
        return fallback_of(vm, index - SOFT_NUM_STATS, value);
    name = vm->stat_names[index];
    *value = vm->past_stats[index];
    for (unsigned n = 0; n < vm->num_cpus; n++) {
        if (!vm->cpus[n])
            continue;
        name = stat_of(vm->cpus[n], index, &one);
        *value += one;
    }
    return name ? name : "-";
}

/* Around a change of vm->cpus[], which other threads look through. */
static void cpus_lock(struct soft_vm *vm)
{
    pthread_mutex_lock(&vm->cpus_lock);
    alarm_lock(vm->alarm);
}

static void cpus_unlock(struct soft_vm *vm)
{
    alarm_unlock(vm->alarm);
    pthread_mutex_unlock(&vm->cpus_lock);
}

static void soft_vcpu_free(struct accel_vcpu *vcpu)
{
    struct cpu *cpu = to_cpu(vcpu);

    if (!cpu)
        return;
    gic_cpu_detach(cpu);
    cpus_lock(cpu->vm);
    if (cpu->vm->cpus[cpu->index] == cpu) {
        cpu->vm->cpus[cpu->index] = NULL;
        keep_stats(cpu);
    }
    cpus_unlock(cpu->vm);
    jit_free(cpu->jit);
    mmu_free(cpu->mmu);
    interp_free(cpu->interp);
    host_waker_free(cpu->waker);
    heap_free(cpu);
}

static struct accel_vcpu *soft_vcpu_new(struct accel_vm *base, unsigned index,
                                        struct err *e)
{
    struct soft_vm *vm = to_vm(base);
    struct cpu *cpu = heap_zalloc_aligned(64, sizeof(*cpu));

    if (!cpu)
        goto oom;
    cpu->vm = vm;
    cpu->index = index;
    cpu->timer_deadline_ns = UINT64_MAX;
    cpu->waker = host_waker_new();
    cpu->interp = interp_new();
    cpu->mmu = mmu_new(cpu);
    if (!cpu->waker || !cpu->interp || !cpu->mmu)
        goto oom;
    if (vm->jit_bytes) {
        cpu->jit = jit_new(cpu, vm->jit_bytes, vm->jit_features);
        if (!cpu->jit)
            goto oom;
        jit_count_insns(cpu->jit, vm->count_insns);
        if (jit_set_tier(cpu, &vm->tier) < 0)
            goto oom;
    }
    cpu_reset(cpu);
    cpus_lock(vm);
    vm->cpus[index] = cpu;
    cpus_unlock(vm);
    return (struct accel_vcpu *)(void *)cpu;

oom:
    soft_vcpu_free((struct accel_vcpu *)(void *)cpu);
    err_set(e, -ENOMEM, "out of memory for vCPU %u", index);
    return NULL;
}

/* Puts the answers of the last exit where the guest looks for them. */
static void take_answer(struct cpu *cpu, const struct vcpu_exit *exit)
{
    struct mmio_log *m = &cpu->mmio;

    if (m->waiting) {
        m->log[m->answered++].value = exit->value;
        m->waiting = false;
    } else if (cpu->smccc_waiting) {
        memcpy(cpu->x, exit->smccc, 4 * sizeof(cpu->x[0]));
        cpu->smccc_waiting = false;
        if (exit->wfi_first)
            cpu_wfi(cpu);
    }
}

/* An instruction that left for MMIO starts again, with the answers so far;
   false: it left once more. */
static bool finish_mmio(struct cpu *cpu)
{
    struct mmio_log *m = &cpu->mmio;

    if (!m->answered)
        return true;
    m->cursor = 0;
    interp_step(cpu);
    if (m->waiting) {
        atomic_fetch_and(&cpu->attention, ~(uint32_t)ATT_EXIT);
        cpu->exit_pending = false;
        return false;
    }
    m->answered = 0;
    m->cursor = 0;
    return true;
}

static void run(struct cpu *cpu)
{
    if (cpu->jit)
        jit_run(cpu, UINT64_MAX);
    else
        interp_run(cpu, UINT64_MAX);
}

static void soft_vcpu_run(struct accel_vcpu *vcpu, struct vcpu_exit *exit)
{
    struct cpu *cpu = to_cpu(vcpu);

    atomic_fetch_add(&cpu->vm->num_awake, 1);
    take_answer(cpu, exit);
    cpu->exit = exit;
    atomic_store(&cpu->run_state, RUN_GUEST);
    alarm_changed(cpu->vm->alarm, cpu->timer_deadline_ns);
    mmu_do_work(cpu);
    if (finish_mmio(cpu))
        run(cpu);
    atomic_store(&cpu->run_state, RUN_STOPPED);
    atomic_fetch_sub(&cpu->vm->num_awake, 1);
    cpu->smccc_waiting = exit->kind == EXIT_SMCCC;
}

static void soft_vcpu_kick(struct accel_vcpu *vcpu)
{
    struct cpu *cpu = to_cpu(vcpu);

    cpu_attend(cpu, ATT_KICK);
    host_waker_wake(cpu->waker);
}

static void soft_vcpu_reset(struct accel_vcpu *vcpu, uint64_t pc, uint64_t x0)
{
    struct cpu *cpu = to_cpu(vcpu);

    cpu_reset(cpu);
    cpu->pc = pc;
    cpu->x[0] = x0;
    cpu->smccc_waiting = false;
}

#define IDREG(name, op0, op1, crn, crm, op2) \
    SYSREG_KEY(op0, op1, crn, crm, op2),
static const uint16_t id_keys[NUM_IDREGS] = {
#include "accel/idregs.inc"
};
#undef IDREG

static void get_id(struct cpu *cpu, uint64_t id[NUM_IDREGS])
{
    for (unsigned n = 0; n < NUM_IDREGS; n++) {
        const struct sysreg_def *r = &sysregs[sysreg_find(id_keys[n])];

        if (r->read(cpu, r, &id[n]) != SYSREG_DONE)
            id[n] = SYSREG_CTR_EL0; /* which EL0 may not read now */
    }
}

static int soft_vcpu_get(struct accel_vcpu *vcpu, struct vcpu_state *out)
{
    struct cpu *cpu = to_cpu(vcpu);

    memcpy(out->x, cpu->x, sizeof(out->x));
    out->sp_el0 = cpu_sp_get(cpu, 0);
    out->sp_el1 = cpu_sp_get(cpu, 1);
    out->pc = cpu->pc;
    out->pstate = cpu_pstate(cpu);
    memcpy(out->v, cpu->v, sizeof(out->v));
    out->fpcr = cpu->fp.fpcr;
    out->fpsr = cpu->fp.fpsr;
    memcpy(out->sys, cpu->sys, sizeof(out->sys));
    gic_cpu_state_get(cpu, out->icc);
    out->cntvct = timer_count(cpu);
    out->powered_off = cpu->powered_off;
    get_id(cpu, out->id);
    return 0;
}

static int soft_vcpu_set(struct accel_vcpu *vcpu, const struct vcpu_state *in)
{
    struct cpu *cpu = to_cpu(vcpu);
    uint64_t m = in->pstate & 0x1f;

    if (m != 0 && m != 4 && m != 5)
        return -EINVAL;
    if (cpu->index == 0)
        cpu->vm->cntvoff_ns = host_mono_ns() - in->cntvct;
    sysreg_load(cpu, in->sys);
    cpu->fp.fpcr = in->fpcr & FPCR_MASK;
    cpu->fp.fpsr = in->fpsr & FPSR_MASK;
    cpu_set_pstate(cpu, in->pstate & 0xf1f013dfu);
    memcpy(cpu->x, in->x, sizeof(in->x));
    cpu_sp_set(cpu, 0, in->sp_el0);
    cpu_sp_set(cpu, 1, in->sp_el1);
    cpu->pc = in->pc;
    memcpy(cpu->v, in->v, sizeof(in->v));
    cpu->powered_off = in->powered_off;
    cpu->excl_size = 0;
    memset(&cpu->mmio, 0, sizeof(cpu->mmio));
    gic_cpu_state_set(cpu, in->icc);
    mmu_reset(cpu);
    mmu_context_changed(cpu);
    mmu_debug_changed(cpu);
    step_changed(cpu);
    timer_update(cpu);
    return 0;
}

static int soft_gic_get(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                        uint32_t offset, uint64_t *value)
{
    return gic_state_get(to_vm(vm)->gic, space, cpu, offset, value);
}

static int soft_gic_set(struct accel_vm *vm, enum gic_space space, unsigned cpu,
                        uint32_t offset, uint64_t value)
{
    return gic_state_set(to_vm(vm)->gic, space, cpu, offset, value);
}

/* Bumps the generation of the pages and makes every CPU look them up anew. */
static void soft_ram_written(struct accel_vm *base, gpa_t gpa, uint64_t len)
{
    struct soft_vm *vm = to_vm(base);

    mmu_ram_written(vm, gpa, len);
}

static void soft_ram_unplugged(struct accel_vm *base, gpa_t gpa, uint64_t len)
{
    (void)gpa;
    (void)len;
    mmu_ram_gone(to_vm(base));
}

const struct accel_ops soft_ops = {
    .name = "soft",
    .probe = soft_probe,
    .redist_bytes = soft_redist_bytes,
    .vm_new = soft_vm_new,
    .vm_free = soft_vm_free,
    .spi = soft_spi,
    .ram_written = soft_ram_written,
    .ram_unplugged = soft_ram_unplugged,
    .vcpu_new = soft_vcpu_new,
    .vcpu_free = soft_vcpu_free,
    .vcpu_run = soft_vcpu_run,
    .vcpu_kick = soft_vcpu_kick,
    .vcpu_reset = soft_vcpu_reset,
    .vcpu_get = soft_vcpu_get,
    .vcpu_set = soft_vcpu_set,
    .gic_get = soft_gic_get,
    .gic_set = soft_gic_set,
    .stat = soft_stat,
};
