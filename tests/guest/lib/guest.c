// SPDX-License-Identifier: Apache-2.0
/* The little a bare-metal guest needs: output, exceptions, firmware calls. */

#include "guest.h"

#include <stdarg.h>

struct trap guest_last_trap[32];
guest_trap_fn *guest_on_trap, *guest_on_irq;
const void *guest_fdt;

static unsigned failures; /* of the running test */

static void put(char c)
{
    write32(UART_BASE, (uint8_t)c);
}

static void put_string(const char *s)
{
    while (*s)
        put(*s++);
}

static void put_number(uint64_t n, unsigned base)
{
    char buf[24];
    unsigned at = sizeof(buf);

    buf[--at] = 0;
    do
        buf[--at] = "0123456789abcdef"[n % base];
    while (n /= base);
    put_string(buf + at);
}

static void print_va(const char *fmt, va_list ap)
{
    for (; *fmt; fmt++) {
        if (*fmt != '%') {
            put(*fmt);
            continue;
        }
        switch (*++fmt) {
        case 's':
            put_string(va_arg(ap, const char *));
            break;
        case 'x':
            put_string("0x");
            put_number(va_arg(ap, uint64_t), 16);
            break;
        default:
            put_number(va_arg(ap, uint64_t), 10);
            break;
        }
    }
}

void guest_print(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    print_va(fmt, ap);
    va_end(ap);
}

void guest_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    failures++;
    guest_print("# %s:%u: ", file, (uint64_t)line);
    va_start(ap, fmt);
    print_va(fmt, ap);
    va_end(ap);
    put('\n');
}

unsigned cpu_index(void)
{
    uint64_t mpidr = READ_SYS(mpidr_el1);

    return (unsigned)((mpidr >> 8 & 0xff) * 16 + (mpidr & 15));
}

uint64_t mpidr_of(unsigned index)
{
    return (uint64_t)(index / 16) << 8 | index % 16;
}

struct trap *trap_expect(void)
{
    struct trap *t = &guest_last_trap[cpu_index()];

    t->count = 0;
    return t;
}

/* SVC leaves ELR behind itself already; the others' ELR is the culprit. */
static bool is_call(uint64_t esr)
{
    uint64_t ec = esr >> 26;

    return ec == 0x15;
}

extern char el0_back[];

void guest_trap(unsigned kind, struct trap_frame *frame);
void guest_trap(unsigned kind, struct trap_frame *frame)
{
    struct trap *t = &guest_last_trap[cpu_index()];

    if (kind % 4 == 1 || kind % 4 == 2) {
        if (!guest_on_irq || !guest_on_irq(kind, frame)) {
            guest_print("# unexpected interrupt, vector %u\n", (uint64_t)kind);
            guest_off();
        }
        return;
    }
    t->count++;
    t->kind = kind;
    t->esr = READ_SYS(esr_el1);
    t->far = READ_SYS(far_el1);
    t->elr = frame->elr;
    t->spsr = frame->spsr;
    if (guest_on_trap && guest_on_trap(kind, frame))
        return;
    if (kind >= 8) { /* EL0 is left; el0_run returns */
        frame->elr = (uint64_t)el0_back;
        frame->spsr = 0x3c5;
        return;
    }
    if (t->count > 1000) {
        guest_print("# trap storm: esr %x elr %x far %x\n", t->esr, t->elr,
                    t->far);
        guest_off();
    }
    if (!is_call(t->esr))
        frame->elr += 4;
}

#define CALL(insn)                                                             \
    register uint64_t x0 __asm__("x0") = fn;                                   \
    register uint64_t x1 __asm__("x1") = a;                                    \
    register uint64_t x2 __asm__("x2") = b;                                    \
    register uint64_t x3 __asm__("x3") = c;                                    \
    __asm__ volatile(insn : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory"); \
    return (int64_t)x0

int64_t hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    CALL("hvc #0");
}

int64_t smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c)
{
    CALL("smc #0");
}

void guest_off(void)
{
    hvc(0x84000008, 0, 0, 0);
    for (;;)
        ;
}

void cpu_off(void)
{
    hvc(0x84000002, 0, 0, 0);
}

unsigned cpu_count(void)
{
    unsigned n = 0;

    while (hvc(0xc4000004, mpidr_of(n), 0, 0) >= 0)
        n++;
    return n;
}

extern char secondary[];

int64_t cpu_start(unsigned index, void (*fn)(void))
{
    return hvc(0xc4000003, mpidr_of(index), (uint64_t)secondary, (uint64_t)fn);
}

static char el0_stacks[32][4096] __attribute__((aligned(4096)));

uint64_t el0_stack(void)
{
    return (uint64_t)el0_stacks[cpu_index()] + sizeof(el0_stacks[0]);
}

uint64_t counter(void)
{
    ISB();
    return READ_SYS(cntvct_el0);
}

void wait_ns(uint64_t ns)
{
    uint64_t end = counter() + ns;

    while (counter() < end)
        ;
}

/* The counter is the host's time: two minutes, for it may have other work. */
bool wait_for(volatile uint32_t *word, uint32_t value)
{
    uint64_t end = counter() + 120000000000ull;

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
        if (counter() > end) {
            CHECK_EQ(*word, value);
            return false;
        }
    }
    return true;
}

static void (*all_fn)(unsigned index);
static volatile uint32_t all_done;

static void all_one(void)
{
    all_fn(cpu_index());
    __atomic_fetch_add(&all_done, 1, __ATOMIC_RELEASE);
    cpu_off();
}

/* A CPU that counted itself done may not be off yet. */
static void start_surely(unsigned index)
{
    int64_t rc;

    do
        rc = cpu_start(index, all_one);
    while (rc == -4 || rc == -5);
    CHECK_EQ(rc, 0);
}

void cpu_run_all(void (*fn)(unsigned index))
{
    unsigned cpus = cpu_count();

    all_fn = fn;
    all_done = 0;
    DSB();
    for (unsigned n = 1; n < cpus; n++)
        start_surely(n);
    fn(0);
    while (__atomic_load_n(&all_done, __ATOMIC_ACQUIRE) != cpus - 1)
        ;
}

void guest_main(const void *fdt);
void guest_main(const void *fdt)
{
    uint64_t bad = 0, n;

    guest_fdt = fdt;
    for (n = 0; guest_tests[n].name; n++) {
        failures = 0;
        guest_on_trap = guest_on_irq = NULL;
        guest_tests[n].fn();
        guest_print("%s %s\n", failures ? "not ok" : "ok", guest_tests[n].name);
        bad += failures != 0;
    }
    guest_print("done %u tests, %u failed\n", n, bad);
    guest_off();
}

/* The compiler may call these. */
void *memcpy(void *to, const void *from, size_t n);
void *memcpy(void *to, const void *from, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *to, int c, size_t n);
void *memset(void *to, int c, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)c;
    return to;
}
