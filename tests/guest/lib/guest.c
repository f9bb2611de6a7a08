// SPDX-License-Identifier: Apache-2.0
/* The little a bare-metal guest needs: output, exceptions, firmware calls. */

#include "guest.h"

#include <stdarg.h>

struct trap guest_last_trap[32];
guest_trap_fn *guest_on_trap, *guest_on_irq;
const void *guest_fdt;

static unsigned failures; /* of the running test */
static const char *running;

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

uint64_t seconds(unsigned n)
{
    return n * READ_SYS(cntfrq_el0);
}

bool wait_for(volatile uint32_t *word, uint32_t value)
{
    uint64_t end = counter() + seconds(PATIENCE_S);

    while (__atomic_load_n(word, __ATOMIC_ACQUIRE) != value) {
        if (counter() > end) {
            CHECK_EQ(*word, value);
            return false;
        }
    }
    return true;
}

void keep_waiting(struct wait *w)
{
    if (++w->turns % 4096)
        return;
    if (!w->end)
        w->end = counter() + seconds(PATIENCE_S);
    if (counter() < w->end)
        return;
    guest_print("CPU %u waited for %u seconds in %s, and gave up\n",
                (uint64_t)cpu_index(), (uint64_t)PATIENCE_S, running);
    guest_off();
}

void await(volatile uint32_t *word, uint32_t at_least)
{
    struct wait w = {0};

    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) < at_least)
        keep_waiting(&w);
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
    struct wait w = {0};
    int64_t rc;

    while ((rc = cpu_start(index, all_one)) == -4 || rc == -5)
        keep_waiting(&w);
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
    await(&all_done, cpus - 1);
}

/* Of the device tree's words, which are big-endian. */
static uint32_t be32(uint64_t at)
{
    return __builtin_bswap32(read32(at));
}

static bool begins_with(const char *text, const char *word)
{
    while (*word && *text == *word) {
        text++;
        word++;
    }
    return !*word;
}

/* The command line: what the property of that name says (devicetree
   specification, chapter 5). Whatever the rest holds, random seeds too, as many
   instructions find it. */
static const char *command_line(void)
{
    enum { BEGIN_NODE = 1, END_NODE, PROP, NOP, END = 9 };
    uint64_t fdt = (uint64_t)guest_fdt, at = fdt + be32(fdt + 8);
    uint64_t strings = fdt + be32(fdt + 12);

    for (;;) {
        uint32_t token = be32(at);

        at += 4;
        if (token == PROP) {
            if (begins_with((const char *)strings + be32(at + 4), "bootargs"))
                return (const char *)at + 8;
            at += 8 + ((be32(at) + 3) & ~3u);
        } else if (token == BEGIN_NODE) {
            while (*(const char *)at)
                at++;
            at = (at + 4) & ~3ull;
        } else if (token == END) {
            return "";
        }
    }
}

static bool is_left_out(const char *line, const char *name)
{
    for (; *line; line++) {
        const char *end = line + 5;

        if (!begins_with(line, "skip=") || !begins_with(end, name))
            continue;
        for (const char *n = name; *n; n++)
            end++;
        if ((uint8_t)*end <= ' ')
            return true;
    }
    return false;
}

void guest_main(const void *fdt);
void guest_main(const void *fdt)
{
    uint64_t bad = 0, ran = 0;
    const char *line;

    guest_fdt = fdt;
    line = command_line();
    for (const struct guest_test *t = guest_tests; t->name; t++) {
        if (is_left_out(line, t->name)) {
            guest_print("left out %s\n", t->name);
            continue;
        }
        failures = 0;
        running = t->name;
        guest_on_trap = guest_on_irq = NULL;
        t->fn();
        guest_print("%s %s\n", failures ? "not ok" : "ok", t->name);
        ran++;
        bad += failures != 0;
    }
    guest_print("done %u tests, %u failed\n", ran, bad);
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
