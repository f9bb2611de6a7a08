// SPDX-License-Identifier: Apache-2.0
/*
 * An oracle for a64run's records: executes them for real, as a static aarch64
 * Linux program, under qemu-aarch64-static or on an arm64 machine.
 *
 * The state is set and read by the kernel: a signal handler writes it into its
 * ucontext, sigreturn installs it all at once, and the signal that ends the
 * code (the word after it is UDF) brings the handler back with the result. So
 * a record costs one signal. Only EL0 records; SVC would be a system call and
 * must not occur. Code pages are writable here.
 */

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "record.h"

enum { PAGE = 4096, MAX_EXTENTS = A64RUN_MAX_AREAS + 1 };

struct fpsimd {
    uint32_t magic; /* FPSIMD_MAGIC */
    uint32_t size;
    uint32_t fpsr, fpcr;
    uint64_t v[32][2];
};

struct extent {
    uint64_t va, bytes; /* whole pages */
    int prot;
};

static uint8_t *input, *output;
static size_t in_bytes, in_at, out_bytes, out_room;
static const struct a64run_in *current; /* NULL: none is running */
static uint64_t serial, seen;
static struct extent mapped[MAX_EXTENTS], wanted[MAX_EXTENTS];

static void die(const char *what)
{
    fprintf(stderr, "oracle_user: %s: %s\n", what, strerror(errno));
    _exit(1);
}

static void read_input(void)
{
    size_t room = 1 << 20;
    ssize_t n = 1;

    input = malloc(room);
    while (input && n > 0) {
        if (in_bytes == room)
            input = realloc(input, room *= 2);
        n = input ? read(0, input + in_bytes, room - in_bytes) : -1;
        in_bytes += n > 0 ? (size_t)n : 0;
    }
    if (!input || n < 0)
        die("read");
}

static void flush_output(void)
{
    for (size_t at = 0; at < out_bytes;) {
        ssize_t n = write(1, output + at, out_bytes - at);

        if (n <= 0)
            die("write");
        at += (size_t)n;
    }
    out_bytes = 0;
}

static void *reserve(size_t bytes)
{
    void *p;

    if (out_bytes + bytes > out_room)
        flush_output();
    if (bytes > out_room)
        die("record too large");
    p = output + out_bytes;
    memset(p, 0, bytes);
    out_bytes += bytes;
    return p;
}

static struct fpsimd *fpsimd_of(ucontext_t *uc)
{
    uint8_t *p = (uint8_t *)uc->uc_mcontext.__reserved;

    for (;;) {
        struct fpsimd *f = (struct fpsimd *)(void *)p;

        if (f->magic == 0x46508001)
            return f;
        if (!f->magic)
            die("no FP state in the signal frame");
        p += f->size;
    }
}

static uint32_t cause_of(int sig, const siginfo_t *si, const ucontext_t *uc,
                         uint64_t end)
{
    uint64_t pc = uc->uc_mcontext.pc;

    switch (sig) {
    case SIGILL:
        return pc == end ? CAUSE_END : CAUSE_UNDEFINED;
    case SIGTRAP:
        return CAUSE_BRK;
    case SIGSEGV:
        return (uint64_t)si->si_addr == pc ? CAUSE_INSN_ABORT
                                           : CAUSE_DATA_ABORT;
    case SIGBUS:
        return pc & 3 ? CAUSE_PC_ALIGN : CAUSE_DATA_ABORT;
    default:
        return CAUSE_LIMIT;
    }
}

static void capture(int sig, const siginfo_t *si, ucontext_t *uc)
{
    const struct a64run_in *in = current;
    const struct fpsimd *f = fpsimd_of(uc);
    size_t size = sizeof(struct a64run_out);
    struct a64run_out *out;
    uint8_t *data;

    for (unsigned n = 0; n < in->num_areas; n++)
        size += A64RUN_PAD(in->areas[n].bytes);
    out = reserve(size);
    data = (uint8_t *)(out + 1);
    out->magic = A64RUN_OUT_MAGIC;
    out->size = (uint32_t)size;
    out->id = in->id;
    memcpy(out->x, uc->uc_mcontext.regs, sizeof(out->x));
    out->sp = uc->uc_mcontext.sp;
    out->pc = uc->uc_mcontext.pc;
    out->pstate = uc->uc_mcontext.pstate & 0xf0000000u;
    memcpy(out->v, f->v, sizeof(out->v));
    out->fpcr = f->fpcr;
    out->fpsr = f->fpsr;
    out->cause = cause_of(sig, si, uc, in->code_va + in->code_bytes);
    if (out->cause == CAUSE_DATA_ABORT)
        out->far = (uint64_t)si->si_addr;
    out->num_areas = in->num_areas;
    for (unsigned n = 0; n < in->num_areas; n++) {
        const struct a64run_area *a = &in->areas[n];

        if (a->perms && !(a->perms & A64RUN_R))
            mprotect((void *)(a->va & -(uint64_t)PAGE),
                     (a->va & (PAGE - 1)) + a->bytes, PROT_READ | PROT_WRITE);
        memcpy(data, (void *)a->va, a->bytes);
        data += A64RUN_PAD(a->bytes);
    }
}

static void want(unsigned n, uint64_t va, uint64_t bytes, int prot)
{
    uint64_t first = va & -(uint64_t)PAGE;

    wanted[n].va = first;
    wanted[n].bytes =
        bytes ? ((va + bytes + PAGE - 1) & -(uint64_t)PAGE) - first : 0;
    wanted[n].prot = prot;
}

static int prot_of(uint32_t perms)
{
    if (!perms)
        return PROT_READ | PROT_WRITE;
    return (perms & A64RUN_R ? PROT_READ : 0) |
           (perms & A64RUN_W ? PROT_WRITE : 0) |
           (perms & A64RUN_X ? PROT_EXEC : 0);
}

/* Maps what the record wants, unless it is mapped already. */
static void map(const struct a64run_in *in)
{
    memset(wanted, 0, sizeof(wanted));
    want(0, in->code_va, in->code_bytes + 4ull,
         PROT_READ | PROT_WRITE | PROT_EXEC);
    for (unsigned n = 0; n < in->num_areas; n++)
        want(n + 1, in->areas[n].va, in->areas[n].bytes,
             prot_of(in->areas[n].perms));
    if (!memcmp(wanted, mapped, sizeof(mapped)))
        return;
    for (unsigned n = 0; n < MAX_EXTENTS; n++)
        if (mapped[n].bytes)
            munmap((void *)mapped[n].va, mapped[n].bytes);
    memcpy(mapped, wanted, sizeof(mapped));
    for (unsigned n = 0; n < MAX_EXTENTS; n++) {
        void *at = (void *)mapped[n].va;

        if (mapped[n].bytes &&
            mmap(at, mapped[n].bytes, mapped[n].prot,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                 0) != at)
            die("mmap");
    }
}

/* The pages as a64run makes them: zeroes around the bytes of the record. */
static void fill(const struct a64run_in *in)
{
    const uint8_t *data = (const uint8_t *)(in + 1);
    uint8_t *code = (uint8_t *)in->code_va;

    for (unsigned n = 0; n < MAX_EXTENTS; n++) {
        const struct extent *x = &mapped[n];
        int all = PROT_READ | PROT_WRITE;

        if (!x->bytes)
            continue;
        if ((x->prot & all) != all)
            mprotect((void *)x->va, x->bytes, all);
        if (n)
            memset((void *)x->va, 0, x->bytes);
    }
    memcpy(code, data, in->code_bytes);
    memset(code + in->code_bytes, 0, 4);
    __builtin___clear_cache((char *)code, (char *)code + in->code_bytes + 4);
    data += A64RUN_PAD(in->code_bytes);
    for (unsigned n = 0; n < in->num_areas; n++) {
        memcpy((void *)in->areas[n].va, data, in->areas[n].bytes);
        data += A64RUN_PAD(in->areas[n].bytes);
    }
    for (unsigned n = 0; n < MAX_EXTENTS; n++) {
        const struct extent *x = &mapped[n];

        if (x->bytes && (x->prot & 3) != 3)
            mprotect((void *)x->va, x->bytes, x->prot);
    }
}

/* The next record is what the handler returns to; false: no more. */
static int begin_next(ucontext_t *uc)
{
    const struct a64run_in *in;
    struct fpsimd *f = fpsimd_of(uc);

    if (in_bytes - in_at < sizeof(*in))
        return 0;
    in = (const void *)(input + in_at);
    if (in->magic != A64RUN_IN_MAGIC || in->size > in_bytes - in_at)
        die("bad record");
    in_at += in->size;
    map(in);
    fill(in);
    current = in;
    serial++;
    memcpy(uc->uc_mcontext.regs, in->x, sizeof(in->x));
    uc->uc_mcontext.sp = in->sp;
    uc->uc_mcontext.pc = in->code_va;
    uc->uc_mcontext.pstate = in->nzcv & 0xf0000000u;
    memcpy(f->v, in->v, sizeof(in->v));
    f->fpcr = in->fpcr;
    f->fpsr = in->fpsr;
    return 1;
}

static void on_signal(int sig, siginfo_t *si, void *context)
{
    ucontext_t *uc = context;

    if (sig == SIGALRM && (serial != seen || !current)) {
        seen = serial;
        return;
    }
    if (current)
        capture(sig, si, uc);
    if (begin_next(uc))
        return;
    flush_output();
    _exit(0);
}

int main(void)
{
    static const int signals[] = {SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGALRM};
    const struct itimerval tick = {{2, 0}, {2, 0}};
    struct sigaction sa;
    stack_t stack;

    read_input();
    out_room = 64 << 20;
    output = malloc(out_room);
    memset(&stack, 0, sizeof(stack));
    stack.ss_size = 1 << 20;
    stack.ss_sp = malloc(stack.ss_size);
    if (!output || !stack.ss_sp || sigaltstack(&stack, NULL))
        die("set-up");
    memset(&sa, 0, sizeof(sa));
    sa.sa_sigaction = on_signal;
    sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigfillset(&sa.sa_mask);
    for (unsigned n = 0; n < sizeof(signals) / sizeof(signals[0]); n++)
        sigaction(signals[n], &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    __asm__ volatile(".inst 0"); /* into the handler, for the first record */
    return 1;
}
