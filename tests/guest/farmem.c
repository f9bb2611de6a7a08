// SPDX-License-Identifier: Apache-2.0
/*
 * Memory behind 512 GiB: a file that is read-only (slot 0, pmem), and blocks
 * that come and go (slot 1, virtio memory), under the CPUs that use them. The
 * file begins with 512 times the number 0x1122334455667788; in its second page
 * there is code that returns 42.
 */

#include "tables.h"

#define PMEM_DEVICE 0x0f000000ull
#define MEM_DEVICE  0x0f001000ull
#define PATTERN     0x1122334455667788ull
#define BLOCK       0x200000ull

enum { PLUG, UNPLUG, UNPLUG_ALL, STATE };
enum { ACK, NACK, BUSY, ERROR };
enum { EC_INSN = 0x21, EC_DATA = 0x25, EXTERNAL = 0x10, NOT_ATOMIC = 0x35 };

static struct tables map;
static uint64_t pmem, blocks;

/* ---- the memory device's driver ---- */

static struct {
    struct {
        uint64_t addr;
        uint32_t len;
        uint16_t flags, next;
    } desc[2] __attribute__((aligned(16)));
    struct {
        uint16_t flags, idx, ring[2], event;
    } avail;
    struct {
        uint16_t flags, idx;
        struct {
            uint32_t id, len;
        } ring[2];
    } used __attribute__((aligned(4)));
    struct {
        uint16_t type, pad[3];
        uint64_t addr;
        uint16_t count, pad2[3];
    } request __attribute__((aligned(8)));
    volatile uint16_t answer[5];
} q;

static void start_driver(uint64_t dev, uint32_t features)
{
    static const uint8_t steps[] = {0, 1, 3};

    for (unsigned n = 0; n < sizeof(steps); n++)
        write32(dev + 0x70, steps[n]);
    write32(dev + 0x24, 0);
    write32(dev + 0x20, features);
    write32(dev + 0x24, 1);
    write32(dev + 0x20, 1); /* VERSION_1 */
    write32(dev + 0x70, 11);
    q.avail.idx = q.used.idx = 0;
    write32(dev + 0x30, 0);
    write32(dev + 0x38, 2);
    write32(dev + 0x80, (uint32_t)(uint64_t)q.desc);
    write32(dev + 0x90, (uint32_t)(uint64_t)&q.avail);
    write32(dev + 0xa0, (uint32_t)(uint64_t)&q.used);
    write32(dev + 0x44, 1);
    write32(dev + 0x70, 15);
}

static void offer(uint64_t dev, uint64_t out, uint32_t out_len, uint64_t in,
                  uint32_t in_len)
{
    q.desc[0].addr = out;
    q.desc[0].len = out_len;
    q.desc[0].flags = 1;
    q.desc[0].next = 1;
    q.desc[1].addr = in;
    q.desc[1].len = in_len;
    q.desc[1].flags = 2;
    q.avail.ring[q.avail.idx % 2] = 0;
    DSB();
    q.avail.idx++;
    DSB();
    write32(dev + 0x50, 0);
}

static bool served(void)
{
    uint64_t end = counter() + seconds(PATIENCE_S);

    while (*(volatile uint16_t *)&q.used.idx != q.avail.idx) {
        if (counter() > end)
            return false;
    }
    DSB();
    return true;
}

static unsigned ask(unsigned type, uint64_t addr, unsigned count)
{
    q.request.type = (uint16_t)type;
    q.request.addr = addr;
    q.request.count = (uint16_t)count;
    offer(MEM_DEVICE, (uint64_t)&q.request, sizeof(q.request),
          (uint64_t)q.answer, sizeof(q.answer));
    CHECK(served());
    return q.answer[0];
}

static void begin(void)
{
    mmu_off();
    tables_reset();
    tables_init(&map, 12, 48);
    tables_identity(&map);
    pmem = read64(PMEM_DEVICE + 0x100);
    blocks = read64(MEM_DEVICE + 0x110);
    tables_map(&map, pmem & ~0x3fffffffull, pmem & ~0x3fffffffull, 1, PTE_RAM);
    mmu_on(&map, 0, 0);
    start_driver(MEM_DEVICE, 2);
}

static void data_abort(uint64_t at, unsigned status)
{
    const struct trap *t = &guest_last_trap[cpu_index()];

    CHECK_EQ(t->count, 1);
    CHECK_EQ(EC(t->esr), EC_DATA);
    CHECK_EQ(t->esr & 0x3f, status);
    CHECK_EQ(t->far, at);
}

/* Neither plain stores nor atomics reach what is at `at`, which stays what it
   is; often enough to be translated. */
static void takes_no_writes(uint64_t at, uint64_t value)
{
    uint64_t old = ~value;
    uint32_t failed;

    for (unsigned n = 0; n < 300; n++) {
        write64(at, ~value);
        write32(at + 4, n);
        *(volatile uint8_t *)(at + 9) = 1;
        __asm__ volatile("stp %1, %1, [%0]" ::"r"(at), "r"(old) : "memory");
        __asm__ volatile("stlr %1, [%0]" ::"r"(at), "r"(old) : "memory");
        if (read64(at) != value || read64(at + 8) != value) {
            CHECK_EQ(read64(at), value);
            break;
        }
    }
    __asm__ volatile("dc zva, %0" ::"r"(at) : "memory");
    CHECK_EQ(read64(at), value);
    trap_expect();
    __asm__ volatile("ldadd %1, %1, [%0]" ::"r"(at), "r"(old) : "memory");
    data_abort(at, NOT_ATOMIC);
    trap_expect();
    __asm__ volatile("cas %1, %1, [%0]" ::"r"(at), "r"(old) : "memory");
    data_abort(at, NOT_ATOMIC);
    trap_expect();
    __asm__ volatile("ldxr %1, [%2]\nstxr %w0, %1, [%2]"
                     : "=&r"(failed), "=&r"(old)
                     : "r"(at)
                     : "memory");
    CHECK(guest_last_trap[cpu_index()].count >= 1);
    CHECK_EQ(read64(at), value);
}

static void what_is_read_only_takes_no_writes(void)
{
    begin();
    CHECK_EQ(read64(pmem), PATTERN);
    CHECK_EQ(read64(pmem + 4088), PATTERN);
    takes_no_writes(pmem, PATTERN);
    takes_no_writes(pmem + 64, PATTERN);
}

static void code_runs_from_what_is_read_only(void)
{
    uint64_t (*fn)(void) = (uint64_t(*)(void))(pmem + 4096);
    unsigned good = 0;

    begin();
    for (unsigned n = 0; n < 1000; n++)
        good += fn() == 42;
    CHECK_EQ(good, 1000);
}

/* Where it would have to write, a device stops and asks for a reset. */
static void devices_do_not_write_to_it_either(void)
{
    uint64_t end = counter() + seconds(PATIENCE_S);

    begin();
    start_driver(PMEM_DEVICE, 0);
    q.request.type = 0;
    offer(PMEM_DEVICE, (uint64_t)&q.request, 4, (uint64_t)q.answer, 4);
    CHECK(served());
    CHECK_EQ(q.answer[0], 0);
    offer(PMEM_DEVICE, (uint64_t)&q.request, 4, pmem, 4);
    while (!(read32(PMEM_DEVICE + 0x70) & 64) && counter() < end)
        ;
    CHECK(read32(PMEM_DEVICE + 0x70) & 64);
    CHECK_EQ(read64(pmem), PATTERN);
    write32(PMEM_DEVICE + 0x70, 0);
}

static void what_is_not_plugged_is_not_there(void)
{
    begin();
    CHECK_EQ(ask(STATE, blocks, 1), ACK);
    CHECK_EQ(q.answer[4], 1);
    takes_no_writes(blocks, 0);
    takes_no_writes(blocks + 64 * BLOCK - 64, 0);
    CHECK_EQ(ask(PLUG, blocks + BLOCK, 2), ACK);
    takes_no_writes(blocks + BLOCK - 16, 0);
    takes_no_writes(blocks + 3 * BLOCK, 0);
    write64(blocks + BLOCK, 1);
    write64(blocks + 3 * BLOCK - 8, 2);
    /* across its end, and across its beginning */
    write64(blocks + 3 * BLOCK - 4, PATTERN);
    CHECK_EQ(read32(blocks + 3 * BLOCK - 4), (uint32_t)PATTERN);
    CHECK_EQ(read64(blocks + 3 * BLOCK - 4), (uint32_t)PATTERN);
    CHECK_EQ(read64(blocks + BLOCK - 4), 1ull << 32);
    CHECK_EQ(ask(UNPLUG_ALL, 0, 0), ACK);
}

static void a_block_comes_back_empty(void)
{
    begin();
    for (unsigned n = 0; n < 50; n++) {
        CHECK_EQ(ask(PLUG, blocks, 1), ACK);
        CHECK_EQ(read64(blocks + 8 * n), 0);
        for (unsigned at = 0; at < BLOCK; at += 4096)
            write64(blocks + at + 8 * n, PATTERN);
        CHECK_EQ(read64(blocks + BLOCK - 4096 + 8 * n), PATTERN);
        CHECK_EQ(ask(UNPLUG, blocks, 1), ACK);
        CHECK_EQ(read64(blocks + 8 * n), 0);
    }
}

static uint64_t fetch_esr;

/* Back to who called what is not there. */
static bool return_from_fetch(unsigned kind, struct trap_frame *frame)
{
    (void)kind;
    fetch_esr = READ_SYS(esr_el1);
    frame->elr = frame->x[30];
    return true;
}

static void code_goes_with_its_block(void)
{
    uint64_t (*fn)(void) = (uint64_t(*)(void))(blocks + 4096);
    uint64_t sum = 0;

    begin();
    CHECK_EQ(ask(PLUG, blocks, 1), ACK);
    write32(blocks + 4096, 0xd2800020); /* mov x0, #1 */
    write32(blocks + 4100, 0xd65f03c0); /* ret */
    __asm__ volatile(
        "dc cvau, %0\ndsb ish\nic ivau, %0\ndsb ish\nisb" ::"r"(blocks + 4096));
    for (unsigned n = 0; n < 1000; n++)
        sum += fn();
    CHECK_EQ(sum, 1000);
    CHECK_EQ(ask(UNPLUG, blocks, 1), ACK);
    fetch_esr = 0;
    guest_on_trap = return_from_fetch;
    fn();
    guest_on_trap = NULL;
    CHECK_EQ(EC(fetch_esr), EC_INSN);
    CHECK_EQ(fetch_esr & 0x3f, EXTERNAL);
}

/* ---- several CPUs ---- */

enum { ROUNDS = 20 };
static volatile uint32_t phase __attribute__((aligned(64)));
static volatile uint32_t seen[32][16] __attribute__((aligned(64)));
static volatile uint32_t wrong;
static unsigned cpus;

/* Phase 2n: the block may have what this CPU writes to it. 2n + 1: it is gone,
   since the device said so. */
static void use(unsigned index)
{
    uint64_t at = blocks + 4096 + 64 * index;
    uint32_t now;

    while ((now = __atomic_load_n(&phase, __ATOMIC_ACQUIRE)) < 2 * ROUNDS) {
        uint64_t v;

        write64(at, PATTERN + index);
        v = read64(at);
        if (v != 0 && v != PATTERN + index)
            wrong++;
        if (now & 1 && v != 0 &&
            __atomic_load_n(&phase, __ATOMIC_ACQUIRE) == now)
            wrong++;
        seen[index][0] = now + 1;
    }
}

static void await_all(uint32_t now)
{
    for (unsigned n = 1; n < cpus; n++) {
        uint64_t end = counter() + seconds(PATIENCE_S);

        while (seen[n][0] != now + 1 && counter() < end)
            ;
        CHECK_EQ(seen[n][0], now + 1);
    }
}

static void enter_phase(uint32_t n)
{
    __atomic_store_n(&phase, n, __ATOMIC_RELEASE);
}

static void manage(void)
{
    for (uint32_t n = 0; n < 2 * ROUNDS; n += 2) {
        enter_phase(n);
        wrong += ask(PLUG, blocks, 1) != ACK;
        await_all(n);
        wrong += ask(UNPLUG, blocks, 1) != ACK;
        enter_phase(n + 1);
        await_all(n + 1);
    }
    enter_phase(2 * ROUNDS);
}

static void on_each(unsigned index)
{
    if (index)
        mmu_on(&map, 0, 0);
    if (index)
        use(index);
    else
        manage();
}

static void blocks_go_under_running_cpus(void)
{
    begin();
    cpus = cpu_count();
    phase = 1; /* nothing yet, and nothing is expected of it */
    wrong = 0;
    for (unsigned n = 0; n < 32; n++)
        seen[n][0] = 0;
    cpu_run_all(on_each);
    CHECK_EQ(wrong, 0);
    CHECK_EQ(ask(UNPLUG_ALL, 0, 0), ACK);
}

const struct guest_test guest_tests[] = {
    {"what is read-only takes no writes", what_is_read_only_takes_no_writes},
    {"code runs from what is read-only", code_runs_from_what_is_read_only},
    {"devices do not write to it either", devices_do_not_write_to_it_either},
    {"what is not plugged is not there", what_is_not_plugged_is_not_there},
    {"a block comes back empty", a_block_comes_back_empty},
    {"code goes with its block", code_goes_with_its_block},
    {"blocks go under running CPUs", blocks_go_under_running_cpus},
    {NULL, NULL},
};
