// SPDX-License-Identifier: Apache-2.0
/* The cache of decoded blocks: a bump arena and a hash table. When the arena
   is full everything is dropped; that is rare and cheap to make again. */

#include "accel/soft/block.h"

#include <string.h>

#include "accel/soft/code_word.h"
#include "accel/soft/decode.h"
#include "base/heap.h"
#include "host/host.h"

enum { HASH_BITS = 15 };

struct block_cache {
    struct block *hash[1 << HASH_BITS];
    uint8_t *arena; /* owned, reserved lazily */
    size_t used, bytes;
    uint64_t backed;
    uint32_t epoch;
};

struct block_cache *block_cache_new(void)
{
    struct block_cache *cache = heap_zalloc(sizeof(*cache));

    if (!cache)
        return NULL;
    cache->arena = host_reserve(BLOCK_ARENA_BYTES, NULL);
    if (!cache->arena) {
        heap_free(cache);
        return NULL;
    }
    cache->bytes = BLOCK_ARENA_BYTES;
    return cache;
}

void block_cache_free(struct block_cache *cache)
{
    if (!cache)
        return;
    host_unreserve(cache->arena, BLOCK_ARENA_BYTES);
    heap_free(cache);
}

void block_cache_stay_small(struct block_cache *cache)
{
    cache->bytes = BLOCK_ARENA_SMALL;
}

uint32_t block_epoch(const struct block_cache *cache)
{
    return cache->epoch;
}

static const struct insn *exec_fall_through(struct cpu *cpu,
                                            const struct insn *i)
{
    return cpu_jump(cpu, cpu->blk_pc + i->imm);
}

void block_decode(struct block *blk, gpa_t pa, const uint8_t *host,
                  uint32_t mode, unsigned max)
{
    unsigned room = (unsigned)(4096 - (pa & 4095)) / 4;
    unsigned n = 0;
    bool end = false;

    max = MIN(max, room);
    while (n < max && !end) {
        end = a64_decode(code_word(host + 4 * n), 4 * n, mode & MODE_FP,
                         &blk->insn[n]);
        n++;
    }
    blk->insn[n] = (struct insn){.fn = exec_fall_through, .imm = 4 * n};
    blk->pa = pa;
    blk->mode = mode;
    blk->count = n;
    blk->heat = blk->times = 0;
}

static bool still_same(const struct block *blk, const uint8_t *host)
{
    for (unsigned n = 0; n < blk->count; n++) {
        if (code_word(host + 4 * n) != blk->insn[n].word)
            return false;
    }
    return true;
}

static struct block *block_make(struct block_cache *cache, gpa_t pa,
                                const uint8_t *host, uint32_t mode)
{
    size_t most =
        sizeof(struct block) + (BLOCK_MAX_INSNS + 1) * sizeof(struct insn);
    struct block *blk;

    if (cache->used + most > cache->bytes) {
        memset(cache->hash, 0, sizeof(cache->hash));
        cache->used = 0;
        cache->epoch++;
    }
    host_back_ahead(cache->arena, BLOCK_ARENA_BYTES, cache->used,
                    &cache->backed, true);
    blk = (void *)(cache->arena + cache->used);
    block_decode(blk, pa, host, mode, BLOCK_MAX_INSNS);
    cache->used += sizeof(*blk) + (blk->count + 1) * sizeof(blk->insn[0]);
    return blk;
}

struct block *block_get(struct block_cache *cache, gpa_t pa,
                        const uint8_t *host, uint32_t gen, uint32_t mode)
{
    uint64_t h = (pa >> 2 ^ (uint64_t)mode << 40) * 0x9e3779b97f4a7c15ull;
    struct block **chain = &cache->hash[h >> (64 - HASH_BITS)];
    struct block *blk;

    for (struct block **p = chain; (blk = *p); p = &blk->next) {
        if (blk->pa != pa || blk->mode != mode)
            continue;
        if (blk->gen == gen && !(mode & MODE_ALWAYS_CHECK))
            return blk;
        if (still_same(blk, host)) {
            blk->gen = gen;
            return blk;
        }
        /* Its bytes stay in the arena until that is full, so jump cache entries
           that still point to it are stale but harmless: the tag moved. */
        *p = blk->next;
        break;
    }
    blk = block_make(cache, pa, host, mode);
    blk->gen = gen;
    blk->next = *chain; /* block_make may have emptied the chain */
    *chain = blk;
    return blk;
}
