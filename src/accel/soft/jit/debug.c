// SPDX-License-Identifier: Apache-2.0
/* Reports, the paranoid check, and the map for perf(1). */

#include "accel/soft/jit/debug.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/soft/code_word.h"
#include "accel/soft/decode.h"
#include "accel/soft/mmu.h"

void debug_stop(struct cpu *cpu, const char *fmt, ...)
{
    char text[sizeof(cpu->exit->error.text)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    cpu->exit->kind = EXIT_ERROR;
    err_set(&cpu->exit->error, -EFAULT, "%s", text);
    cpu->exit_pending = true;
    cpu_attend(cpu, ATT_EXIT);
}

/* Arm ARM B2.2.5: what may be replaced by one another while a CPU runs it,
   with no maintenance: B, BL, BRK, HVC, ISB, NOP, SMC, SVC. */
static bool may_be_patched(uint32_t word)
{
    return (word & 0x7c000000) == 0x14000000 || /* B, BL */
           (word & 0xffe0001f) == 0xd4200000 || /* BRK */
           ((word & 0xffe0001c) == 0xd4000000 && (word & 3)) ||
           (word & 0xfffff0ff) == 0xd50330df || /* ISB */
           word == 0xd503201f;                  /* NOP */
}

bool debug_verify(struct cpu *cpu, struct jit_cache *cache, struct jblock *b,
                  const uint8_t *host)
{
    const uint32_t *words = b->words;
    uint32_t now;
    unsigned at;

    if (jit_cache_verify(cache, b, host, &at))
        return true;
    if (at >= b->parts->end)
        return false; /* it need not have come there */
    now = code_word(host + 4 * at);
    if (may_be_patched(now) && may_be_patched(words[at])) {
        mmu_ram_written(cpu->vm, b->pa, 4);
        return false;
    }
    debug_stop(cpu,
               "paranoid: the code at %#" PRIx64 " (physical %#" PRIx64
               ") runs again after %08x became %08x without IC IVAU or IALLU",
               cpu->pc + 4 * at, b->pa + 4 * at, words[at], now);
    return false;
}

FILE *perf_map_open(void)
{
    char path[64];
    FILE *map;
    int fd;

    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
              0600);
    if (fd < 0)
        return NULL;
    map = fdopen(fd, "a");
    if (!map)
        close(fd);
    else
        setvbuf(map, NULL, _IOLBF, 256); /* a line is one write: CPUs share */
    return map;
}

void perf_map_add(FILE *map, const struct jit_cache *cache,
                  const struct jblock *b, uint64_t va)
{
    if (map)
        fprintf(map, "%" PRIxPTR " %x guest_%" PRIx64 "_pa_%" PRIx64 "_el%u\n",
                (uintptr_t)jit_cache_host(cache, b), b->bytes, va, b->pa,
                b->mode & MODE_EL1 ? 1 : 0);
}
