// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's memory as the kernel knows it: a slot a region, and per slot the
 * log of which pages vCPUs wrote. What devices write is marked by themselves
 * (gmem_written). And files that cannot give the guest their pages any more.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "accel/kvm/kvm_impl.h"
#include "base/heap.h"
#include "base/macros.h"
#include "host/filemap.h"
#include "host/host.h"

enum { WORD_BITS = 64 };

static int set_slot(struct accel_vm *vm, unsigned n, const struct kvm_slot *s,
                    struct err *e)
{
    const struct kvm_userspace_memory_region region = {
        .slot = n,
        .flags = s->flags,
        .guest_phys_addr = s->base,
        .memory_size = s->bytes,
        .userspace_addr = (uintptr_t)s->host,
    };
    int rc = kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region);

    if (rc < 0)
        return err_set(e, rc,
                       "kvm: the kernel does not take %llu MiB of memory at "
                       "%#llx: %s (os error %d)",
                       (unsigned long long)(s->bytes >> 20),
                       (unsigned long long)s->base, strerror(-rc), -rc);
    vm->slots[n] = *s;
    return 0;
}

/* A slot moves or changes its size only by going and coming again. */
static int drop_slot(struct accel_vm *vm, unsigned n, struct err *e)
{
    struct kvm_slot gone = vm->slots[n];

    gone.bytes = 0;
    gone.flags = 0;
    return set_slot(vm, n, &gone, e);
}

static struct kvm_slot slot_of(const struct accel_vm *vm,
                               const struct gmem_region *r)
{
    /* What the guest writes to a read-only one leaves as MMIO. */
    uint32_t flags = r->read_only ? KVM_MEM_READONLY : 0;

    if (vm->log_dirty)
        flags |= KVM_MEM_LOG_DIRTY_PAGES;
    return (struct kvm_slot){
        .base = r->base, .bytes = r->bytes, .host = r->host, .flags = flags};
}

static bool is_same_place(const struct kvm_slot *a, const struct kvm_slot *b)
{
    return a->base == b->base && a->bytes == b->bytes && a->host == b->host &&
           !((a->flags ^ b->flags) & KVM_MEM_READONLY);
}

/* The region that a slot shows, or NULL: none does any more. */
static const struct gmem_region *region_of(const struct accel_vm *vm,
                                           const struct kvm_slot *s)
{
    for (unsigned n = 0; n < vm->ram->num_regions; n++) {
        struct kvm_slot now = slot_of(vm, &vm->ram->regions[n]);

        if (is_same_place(&now, s))
            return &vm->ram->regions[n];
    }
    return NULL;
}

/* The slot of a region, or a free one. There are as many as regions can be. */
static unsigned slot_for(const struct accel_vm *vm, const struct kvm_slot *want)
{
    unsigned empty = GMEM_MAX_REGIONS;

    for (unsigned n = 0; n < GMEM_MAX_REGIONS; n++) {
        if (!vm->slots[n].bytes)
            empty = MIN(empty, n);
        else if (is_same_place(&vm->slots[n], want))
            return n;
    }
    check(empty < GMEM_MAX_REGIONS);
    return empty;
}

static int check_reach(const struct accel_vm *vm, const struct kvm_slot *s,
                       struct err *e)
{
    if (sat_add64(s->base, s->bytes) <= 1ull << vm->ipa_bits)
        return 0;
    return err_set(e, -E2BIG,
                   "kvm: this host's guests have addresses of %u bits, and "
                   "memory would end at %#" PRIx64 ": give the guest less",
                   vm->ipa_bits, s->base + s->bytes);
}

int kvm_memory_sync(struct accel_vm *vm, struct err *e)
{
    int rc = 0;

    for (unsigned n = 0; rc == 0 && n < GMEM_MAX_REGIONS; n++) {
        if (vm->slots[n].bytes && !region_of(vm, &vm->slots[n]))
            rc = drop_slot(vm, n, e);
    }
    for (unsigned n = 0; rc == 0 && n < vm->ram->num_regions; n++) {
        struct kvm_slot want = slot_of(vm, &vm->ram->regions[n]);
        unsigned slot = slot_for(vm, &want);

        rc = check_reach(vm, &want, e);
        if (rc == 0 &&
            (!vm->slots[slot].bytes || vm->slots[slot].flags != want.flags))
            rc = set_slot(vm, slot, &want, e);
    }
    return rc;
}

/* ---- what vCPUs wrote ---- */

int kvm_dirty_log(struct accel_vm *vm, bool on, struct err *e)
{
    bool before = vm->log_dirty;
    int rc;

    vm->log_dirty = on;
    rc = kvm_memory_sync(vm, e);
    if (rc < 0)
        vm->log_dirty = before;
    return rc;
}

static void mark_word(struct accel_vm *vm, gpa_t at, uint64_t bits,
                      uint64_t page)
{
    for (; bits; bits &= bits - 1)
        gmem_mark_dirty(vm->ram, at + (uint64_t)__builtin_ctzll(bits) * page,
                        page);
}

static int collect_slot(struct accel_vm *vm, unsigned slot, struct err *e)
{
    const struct kvm_slot *s = &vm->slots[slot];
    uint64_t page = host_page_bytes();
    uint64_t words = (s->bytes / page + WORD_BITS - 1) / WORD_BITS;
    uint64_t *bits = heap_calloc(words, sizeof(*bits));
    struct kvm_dirty_log log = {.slot = slot, .dirty_bitmap = bits};
    int rc;

    if (!bits)
        return err_set(e, -ENOMEM, "out of memory for the dirty log");
    rc = kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log);
    if (rc < 0)
        err_set(e, rc, "kvm: cannot read the dirty log: %s (os error %d)",
                strerror(-rc), -rc);
    for (uint64_t n = 0; rc == 0 && n < words; n++)
        mark_word(vm, s->base + n * WORD_BITS * page, bits[n], page);
    heap_free(bits);
    return rc;
}

int kvm_dirty_collect(struct accel_vm *vm, struct err *e)
{
    int rc = 0;

    for (unsigned n = 0; rc == 0 && n < GMEM_MAX_REGIONS; n++) {
        if (vm->slots[n].flags & KVM_MEM_LOG_DIRTY_PAGES)
            rc = collect_slot(vm, n, e);
    }
    return rc;
}

/* ---- files ---- */

/* Somebody else may have mended what this vCPU came across, so what counts is
   whether more is lost than at its last fault; the first is tried again in any
   case. */
bool kvm_memory_mend(struct accel_vcpu *v)
{
    const struct gmem *ram = v->vm->ram;
    uint64_t lost = 1;

    for (unsigned n = 0; n < ram->num_regions; n++) {
        struct filemap *file = ram->regions[n].file;

        if (file)
            filemap_mend(file);
        lost += file ? filemap_lost(file) : 0;
    }
    if (lost == v->lost_seen)
        return false;
    v->lost_seen = lost;
    return true;
}
