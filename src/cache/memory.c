/* SPDX-License-Identifier: MIT
 * memory.c - a cache with the bytes its lines hold, over memory (cache.h).  What a program reads is what its line holds,
 * however old: so a second copy, or a line of another address space, shows. */
#include "internal.h"

#include <string.h>

static u8 *bytes_of(const struct cache_memory *m, u32 set, u32 way)
{
    return m->line + assoc_at(&m->cache->a, set, way) * m->cache->d->line_bytes;
}

/* The line's bytes after a look: they follow it from memory or from where it stood. */
static u8 *settle(const struct cache_memory *m, u64 pa, const struct cache_result *r)
{
    const size_t n = m->cache->d->line_bytes;
    u8 *line = bytes_of(m, r->set, r->way);

    if (r->written_back)
        memcpy(m->ram + r->victim_pa, line, n);
    if (r->moved)
        memcpy(line, bytes_of(m, r->from_set, r->from_way), n);
    else if (!r->hit)
        memcpy(line, m->ram + (pa & ~(u64)(n - 1)), n);
    return line + (pa & (n - 1));
}

static u8 *look(struct cache_memory *m, u64 va, u64 pa, bool store, struct cache_result *r)
{
    CHECK(!(va & 7) && !(pa & 7) && pa < m->ram_bytes);
    cache_look(m->cache, va, pa, store, r);
    return settle(m, pa, r);
}

u64 cache_load(struct cache_memory *m, u64 va, u64 pa, struct cache_result *r)
{
    u64 value;

    memcpy(&value, look(m, va, pa, false, r), sizeof value);
    return value;
}

void cache_store(struct cache_memory *m, u64 va, u64 pa, u64 value, struct cache_result *r)
{
    memcpy(look(m, va, pa, true, r), &value, sizeof value);
}

static void write_back(void *ctx, u32 set, u32 way, u64 pa)
{
    const struct cache_memory *m = ctx;

    memcpy(m->ram + pa, bytes_of(m, set, way), m->cache->d->line_bytes);
}

u32 cache_memory_flush(struct cache_memory *m) { return cache_flush(m->cache, write_back, m); }
