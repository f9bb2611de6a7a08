// SPDX-License-Identifier: Apache-2.0
/*
 * A second oracle for a64run's records: the simulator of libvixl. It works on
 * host memory, so the record's addresses are mapped in this process. It models
 * neither FPSR nor FPCR (but for DN), and gives up (abort) on what it does not
 * implement: those come back as CAUSE_NO_OPINION.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "aarch64/simulator-aarch64.h"

#include "record.h"

using vixl::aarch64::Decoder;
using vixl::aarch64::Instruction;
using vixl::aarch64::Simulator;

namespace
{

const uint64_t page = 4096;
const uint64_t default_max = 1000000;
const uint32_t fpcr_dn = 1u << 25;

struct Extent {
    uint64_t va, bytes;
};

Extent mapped[A64RUN_MAX_AREAS + 1];
sigjmp_buf gave_up;
volatile int gave_up_signal;
void *volatile gave_up_address;

[[noreturn]] void die(const char *what)
{
    perror(what);
    _exit(1);
}

void on_signal(int sig, siginfo_t *si, void *)
{
    gave_up_signal = sig;
    gave_up_address = si->si_addr;
    siglongjmp(gave_up, 1);
}

Extent extent_of(uint64_t va, uint64_t bytes)
{
    uint64_t first = va & -page;

    if (!bytes)
        return Extent{0, 0};
    return Extent{first, ((va + bytes + page - 1) & -page) - first};
}

void map(const a64run_in &in)
{
    Extent wanted[A64RUN_MAX_AREAS + 1] = {};

    wanted[0] = extent_of(in.code_va, in.code_bytes + 4ull);
    for (unsigned n = 0; n < in.num_areas; n++)
        wanted[n + 1] = extent_of(in.areas[n].va, in.areas[n].bytes);
    if (!memcmp(wanted, mapped, sizeof(mapped)))
        return;
    for (const Extent &x : mapped)
        if (x.bytes)
            munmap(reinterpret_cast<void *>(x.va), x.bytes);
    memcpy(mapped, wanted, sizeof(mapped));
    for (const Extent &x : mapped) {
        void *at = reinterpret_cast<void *>(x.va);

        if (x.bytes && mmap(at, x.bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                            -1, 0) != at)
            die("mmap");
    }
}

void fill(const a64run_in &in, const uint8_t *data)
{
    for (const Extent &x : mapped)
        if (x.bytes)
            memset(reinterpret_cast<void *>(x.va), 0, x.bytes);
    memcpy(reinterpret_cast<void *>(in.code_va), data, in.code_bytes);
    data += A64RUN_PAD(in.code_bytes);
    for (unsigned n = 0; n < in.num_areas; n++) {
        memcpy(reinterpret_cast<void *>(in.areas[n].va), data,
               in.areas[n].bytes);
        data += A64RUN_PAD(in.areas[n].bytes);
    }
}

/* Only default permissions can be told from what is mapped. */
bool has_opinion(const a64run_in &in)
{
    for (unsigned n = 0; n < in.num_areas; n++)
        if (in.areas[n].perms && in.areas[n].perms != (A64RUN_R | A64RUN_W))
            return false;
    return in.el == 0 && !(in.fpcr & ~fpcr_dn);
}

class Machine
{
  public:
    Machine() : sim_(&decoder_)
    {
        sim_.SetCPUFeatures(vixl::CPUFeatures::All());
    }

    void Load(const a64run_in &in)
    {
        for (unsigned n = 0; n < 31; n++)
            sim_.WriteXRegister(n, static_cast<int64_t>(in.x[n]),
                                Simulator::NoRegLog);
        sim_.WriteSp(in.sp);
        for (unsigned n = 0; n < 32; n++) {
            Simulator::qreg_t q;

            memcpy(q.val, in.v[n], 16);
            sim_.WriteQRegister(n, q, Simulator::NoRegLog);
        }
        sim_.ReadNzcv().SetRawValue(in.nzcv & 0xf0000000u);
        sim_.ReadFpcr().SetRawValue(in.fpcr);
        sim_.WritePc(reinterpret_cast<const Instruction *>(in.code_va),
                     Simulator::NoBranchLog);
    }

    void Store(a64run_out *out)
    {
        for (unsigned n = 0; n < 31; n++)
            out->x[n] = static_cast<uint64_t>(sim_.ReadXRegister(n));
        out->sp = static_cast<uint64_t>(
            sim_.ReadXRegister(31, vixl::aarch64::Reg31IsStackPointer));
        for (unsigned n = 0; n < 32; n++) {
            Simulator::qreg_t q = sim_.ReadQRegister(n);

            memcpy(out->v[n], q.val, 16);
        }
        out->pc = Pc();
        out->pstate = sim_.ReadNzcv().GetRawValue() & 0xf0000000u;
        out->fpcr = sim_.ReadFpcr().GetRawValue();
    }

    uint64_t Pc() const
    {
        return reinterpret_cast<uint64_t>(sim_.ReadPc());
    }

    void Step()
    {
        sim_.ExecuteInstruction();
    }

  private:
    Decoder decoder_;
    Simulator sim_;
};

/* The simulator takes these for NOPs. */
bool is_silently_ignored(uint32_t word)
{
    return (word & 0xff3e0c00) == 0x4e280800 || /* AES */
           (word & 0xffe08c00) == 0x5e000000 || /* SHA, three registers */
           (word & 0xff3e0c00) == 0x5e280800 || /* SHA, two */
           (word & 0xbfe0fc00) == 0x0ee0e000 || /* PMULL, 64 bits */
           (word & 0x3b200c00) == 0x38000800;   /* LDTR, STTR */
}

/* What must not be executed here, by the word. */
uint32_t stops(uint32_t word)
{
    if ((word & 0xff000000) == 0xd4000000) { /* exception generation */
        if ((word & 0xffe0001f) == 0xd4200000)
            return CAUSE_BRK;
        if ((word & 0xffe0001f) == 0xd4000001)
            return CAUSE_SVC;
        return CAUSE_NO_OPINION;
    }
    /* SYS, MSR and MRS but for NZCV */
    if ((word & 0xffc00000) == 0xd5000000 && (word >> 19 & 3) &&
        (word & 0xffffe0) != 0x1b4200 && (word & 0x1fffe0) != 0x1b4200)
        return CAUSE_NO_OPINION;
    return is_silently_ignored(word) ? CAUSE_NO_OPINION : CAUSE_END;
}

void run(Machine *m, const a64run_in &in, a64run_out *out)
{
    const uint64_t end = in.code_va + in.code_bytes;
    const uint64_t max = in.max_insns ? in.max_insns : default_max;

    for (out->insns = 0; out->insns < max; out->insns++) {
        uint64_t pc = m->Pc();
        uint32_t word;

        if (pc == end) {
            out->cause = CAUSE_END;
            return;
        }
        if (pc - mapped[0].va >= mapped[0].bytes || pc & 3) {
            out->cause = pc & 3 ? CAUSE_PC_ALIGN : CAUSE_INSN_ABORT;
            return;
        }
        memcpy(&word, reinterpret_cast<void *>(pc), 4);
        out->cause = stops(word);
        if (out->cause != CAUSE_END)
            return;
        m->Step();
    }
    out->cause = m->Pc() == end ? CAUSE_END : CAUSE_LIMIT;
}

bool read_exactly(void *buf, size_t bytes)
{
    return fread(buf, 1, bytes, stdin) == bytes;
}

/* The machine is made anew after it gave up: it may be half-way through. */
void do_record(Machine **m, const a64run_in &in, const uint8_t *data,
               a64run_out *out)
{
    if (!has_opinion(in)) {
        out->cause = CAUSE_NO_OPINION;
        return;
    }
    map(in);
    fill(in, data);
    if (sigsetjmp(gave_up, 1)) {
        out->cause = gave_up_signal == SIGSEGV || gave_up_signal == SIGBUS
                         ? CAUSE_DATA_ABORT
                         : CAUSE_NO_OPINION;
        out->far = reinterpret_cast<uint64_t>(gave_up_address);
        *m = new Machine;
        return;
    }
    (*m)->Load(in);
    run(*m, in, out);
    (*m)->Store(out);
}

size_t areas_bytes(const a64run_in &in)
{
    size_t bytes = 0;

    for (unsigned n = 0; n < in.num_areas; n++)
        bytes += A64RUN_PAD(in.areas[n].bytes);
    return bytes;
}

void write_record(FILE *f, const a64run_in &in, a64run_out *out)
{
    static const uint8_t zeroes[8] = {};

    out->magic = A64RUN_OUT_MAGIC;
    out->id = in.id;
    out->num_areas = in.num_areas;
    out->size = static_cast<uint32_t>(sizeof(*out) + areas_bytes(in));
    fwrite(out, sizeof(*out), 1, f);
    for (unsigned n = 0; n < in.num_areas; n++) {
        const a64run_area &a = in.areas[n];

        if (out->cause == CAUSE_NO_OPINION)
            for (uint64_t k = 0; k < A64RUN_PAD(a.bytes); k += 8)
                fwrite(zeroes, 8, 1, f);
        else {
            fwrite(reinterpret_cast<void *>(a.va), a.bytes, 1, f);
            fwrite(zeroes, A64RUN_PAD(a.bytes) - a.bytes, 1, f);
        }
    }
}

} // namespace

int main()
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT,
                                  SIGTRAP, SIGILL, SIGFPE};
    FILE *f = fdopen(dup(1), "wb");
    struct sigaction sa = {};
    static uint8_t data[1 << 20];
    a64run_in in;

    /* The simulator explains itself on standard output. */
    if (!f || !freopen("/dev/null", "w", stdout) ||
        !freopen("/dev/null", "w", stderr))
        return 1;
    sa.sa_sigaction = on_signal;
    sa.sa_flags = SA_SIGINFO | SA_NODEFER;
    for (int sig : signals)
        sigaction(sig, &sa, nullptr);
    Machine *m = new Machine;
    while (read_exactly(&in, sizeof(in))) {
        size_t bytes = in.size - sizeof(in);
        a64run_out out = {};

        if (in.magic != A64RUN_IN_MAGIC || in.num_areas > A64RUN_MAX_AREAS ||
            bytes > sizeof(data) || !read_exactly(data, bytes))
            return 1;
        do_record(&m, in, data, &out);
        write_record(f, in, &out);
    }
    return fclose(f) ? 1 : 0;
}
