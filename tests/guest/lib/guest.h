// SPDX-License-Identifier: Apache-2.0
#pragma once

/*
 * What a bare-metal guest is written with. A guest is a table of tests; each
 * prints "ok NAME" or "not ok NAME" with what was wrong, the last line is
 * "done N tests, M failed", and then the machine powers off. "skip=NAME" on the
 * command line leaves out a test. The board is squib's (docs/board.md).
 * Everything runs at EL1 with the MMU as squib leaves it, off, unless the test
 * turns it on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UART_BASE 0x0e0a0000ull
#define GICD_BASE 0x08000000ull
#define GICR_BASE 0x080a0000ull
#define RAM_BASE  0x80000000ull
#define NO_DEVICE 0x20000000ull /* nobody answers here */

typedef void guest_test_fn(void);
struct guest_test {
    const char *name;
    guest_test_fn *fn;
};
/* The guest's tests, NULL name at the end; each guest defines it. */
extern const struct guest_test guest_tests[];

/* Output: %d %u %x %s, each with 64-bit arguments. */
void guest_print(const char *fmt, ...);
void guest_fail(const char *file, int line, const char *fmt, ...);

#define CHECK(cond)                                      \
    do {                                                 \
        if (!(cond))                                     \
            guest_fail(__FILE__, __LINE__, "%s", #cond); \
    } while (0)
#define CHECK_EQ(a, b)                                                      \
    do {                                                                    \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                    \
        if (a_ != b_)                                                       \
            guest_fail(__FILE__, __LINE__, "%s is %x, not %x", #a, a_, b_); \
    } while (0)

/* Exceptions. kind is the vector's number: 4..7 current EL with SP_ELx (sync,
   IRQ, FIQ, SError), 8..11 lower EL. */
struct trap_frame {
    uint64_t x[31];
    uint64_t elr;
    uint64_t spsr;
    uint64_t pad;
};
struct trap {
    unsigned count;
    uint64_t kind, esr, far, elr, spsr;
};
/* What the last synchronous exception of this CPU was. The default action
   steps over the instruction that faulted (not over SVC, HVC and SMC). */
extern struct trap guest_last_trap[32];
struct trap *trap_expect(void); /* this CPU's, count set to 0 */

/* Instead of the default, for all CPUs; return true if handled. NULL: none. */
typedef bool guest_trap_fn(unsigned kind, struct trap_frame *frame);
extern guest_trap_fn *guest_on_trap;
extern guest_trap_fn *guest_on_irq; /* kinds 5, 9 (IRQ) and 6, 10 (FIQ) */

/* Runs at EL0 with its SP and x0, PSTATE as in spsr, until a synchronous
   exception that no hook handled; the frame's x0 comes back and the rest is in
   guest_last_trap. */
uint64_t el0_run(uint64_t entry, uint64_t sp, uint64_t spsr, uint64_t x0);
/* The same, for code in the text: it begins at a label and ends with svc. */
#define EL0(label) el0_run((uint64_t)(label), el0_stack(), 0, 0)
uint64_t el0_stack(void); /* of this CPU, the end of 4 KiB */

/* Firmware and other CPUs. */
int64_t hvc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
int64_t smc(uint64_t fn, uint64_t a, uint64_t b, uint64_t c);
_Noreturn void guest_off(void);
unsigned cpu_index(void);
unsigned cpu_count(void); /* by AFFINITY_INFO */
uint64_t mpidr_of(unsigned index);
/* Runs fn on another CPU and returns; fn's CPU sleeps for ever after it, or
   calls CPU_OFF itself. */
int64_t cpu_start(unsigned index, void (*fn)(void));
void cpu_off(void);

/* All of them at once, this one as well; returns when each has returned. */
void cpu_run_all(void (*fn)(unsigned index));
uint64_t counter(void); /* CNTVCT_EL0: nanoseconds of squib's own CPUs */
void wait_ns(uint64_t ns);

/* Nothing waits for ever, and nothing is short of time on a host that is slow
   and has other work. */
enum { PATIENCE_S = 200 };
uint64_t seconds(unsigned n); /* of counter() */
/* Spins until *word is value; false, and a failure, when that takes too long.
 */
bool wait_for(volatile uint32_t *word, uint32_t value);
/* For waits that nothing can go on without: call it in each turn of the loop,
   with what began as {0}. It ends the guest, with a sentence, when that takes
   too long. */
struct wait {
    uint32_t turns;
    uint64_t end;
};
void keep_waiting(struct wait *w);
/* Such a wait: until *word is at least that. */
void await(volatile uint32_t *word, uint32_t at_least);

/* From x0 of the boot protocol. */
extern const void *guest_fdt;

#define READ_SYS(reg)                                           \
    ({                                                          \
        uint64_t v_;                                            \
        __asm__ volatile("mrs %0, " #reg : "=r"(v_)::"memory"); \
        v_;                                                     \
    })
#define WRITE_SYS(reg, value) \
    __asm__ volatile("msr " #reg ", %0" ::"r"((uint64_t)(value)) : "memory")
#define EC(esr)  ((esr) >> 26 & 0x3f)
#define ISS(esr) ((esr)&0x1ffffff)
#define ISB()    __asm__ volatile("isb" ::: "memory")
#define DSB()    __asm__ volatile("dsb sy" ::: "memory")

static inline uint32_t read32(uint64_t addr)
{
    return *(volatile uint32_t *)addr;
}

static inline void write32(uint64_t addr, uint32_t value)
{
    *(volatile uint32_t *)addr = value;
}

static inline uint64_t read64(uint64_t addr)
{
    return *(volatile uint64_t *)addr;
}

static inline void write64(uint64_t addr, uint64_t value)
{
    *(volatile uint64_t *)addr = value;
}
