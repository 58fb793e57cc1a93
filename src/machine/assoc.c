/* SPDX-License-Identifier: MIT
 * assoc.c - the slower half of assoc.h: creating, filling and emptying an array.  Called by tlb.c and psc.c. */
#include "machine/assoc.h"

#include <string.h>

static u32 lg2(u32 n)
{
    return (u32)__builtin_ctz(n);
}

static bool power_of_two(u32 n)
{
    return n && !(n & (n - 1));
}

/* The policies' limits; which of the two forms of LRU is ours to choose. */
bool assoc_possible(u32 ways, u32 sets, enum mmu_repl repl)
{
    if (!ways || ways > ASSOC_MAX_WAYS || !power_of_two(sets))
        return false;
    switch (repl) {
    case MMU_LRU:
    case MMU_RANDOM: return true;
    case MMU_PLRU: return power_of_two(ways) && ways <= 64; /* tree nodes 1..63 */
    case MMU_PLRU_3X4: return ways == 12;
    case MMU_NRU: return ways <= 64;
    }
    return false;
}

static enum assoc_repl form_of(enum mmu_repl repl, u32 ways)
{
    switch (repl) {
    case MMU_PLRU: return ASSOC_PLRU;
    case MMU_PLRU_3X4: return ASSOC_PLRU_3X4;
    case MMU_NRU: return ASSOC_NRU;
    case MMU_RANDOM: return ASSOC_RANDOM;
    case MMU_LRU: break;
    }
    return ways <= 16 ? ASSOC_LRU16 : ASSOC_LRU_LIST;
}

static void list_create(struct assoc *a, u32 sets)
{
    for (u32 s = 0; s < sets; s++)
        for (u32 w = 0; w < a->ways; w++) {
            a->next[assoc_at(a, s, w)] = (u8)(w + 1 == a->ways ? 0 : w + 1);
            a->prev[assoc_at(a, s, w)] = (u8)(w ? w - 1 : a->ways - 1u);
        }
}

/* A tree's touch sets and clears bits that depend on the way alone: those that differ between a touch of all zeros
 * and one of all ones are kept. */
static void steer_create(struct assoc *a)
{
    for (u32 w = 0; w < a->ways; w++) {
        bool groups = a->repl == ASSOC_PLRU_3X4;
        u64 zeros = groups ? plru3x4_touch(0, w) : plru_touch(0, w, a->ways_lg2);
        u64 ones = groups ? plru3x4_touch(~(u64)0, w) : plru_touch(~(u64)0, w, a->ways_lg2);
        a->steer[2 * w] = zeros ^ ones;
        a->steer[2 * w + 1] = zeros;
    }
}

void assoc_create(struct assoc *a, struct carve *c, u32 ways, u32 sets, enum mmu_hash hash, enum mmu_repl repl,
                  u64 seed)
{
    enum assoc_repl form = form_of(repl, ways);
    size_t entries = (size_t)ways * sets;
    bool list = form == ASSOC_LRU_LIST, hashed = sets == 1 && ways > 16;
    bool tree = form == ASSOC_PLRU || form == ASSOC_PLRU_3X4;
    struct assoc n = {
        .tag = carve(c, entries * sizeof(u64)), .data = carve(c, entries * sizeof(u64)),
        .state = carve(c, sets * sizeof(u64)), .mru = carve(c, sets), .filled = carve(c, sets),
        .steer = tree ? carve(c, ways * 2 * sizeof(u64)) : NULL,
        .next = list ? carve(c, entries) : NULL, .prev = list ? carve(c, entries) : NULL,
        .bucket = hashed ? carve(c, 1u << ASSOC_BUCKETS_LG2) : NULL, .chain = hashed ? carve(c, entries) : NULL,
        .empty = hashed ? carve(c, 4 * sizeof(u64)) : NULL,
        .random = seed, .set_mask = sets - 1, .ways = (u16)ways,
        .fold = hash == MMU_XOR && sets > 1 ? (u8)lg2(sets) : 63, .repl = (u8)form,
        .ways_lg2 = form == ASSOC_PLRU ? (u8)lg2(ways) : 0, .hashed = hashed,
    };
    if (!c->base)
        return;
    *a = n;
    memset(a->mru, 0, sets);
    for (u32 s = 0; s < sets; s++)
        a->state[s] = form == ASSOC_LRU16 ? LRU16_START : 0;
    if (list)
        list_create(a, sets);
    if (tree)
        steer_create(a);
    assoc_clear(a);
}

void assoc_clear(struct assoc *a)
{
    memset(a->tag, 0, ((size_t)a->set_mask + 1) * a->ways * sizeof *a->tag);
    memset(a->filled, 0, (size_t)a->set_mask + 1);
    if (!a->hashed)
        return;
    memset(a->bucket, 0, 1u << ASSOC_BUCKETS_LG2);
    for (u32 w = 0; w < 256; w += 64) {
        u32 here = a->ways > w ? a->ways - w : 0;
        a->empty[w / 64] = here >= 64 ? ~(u64)0 : ((u64)1 << here) - 1;
    }
}

static void unchain(struct assoc *a, u32 way)
{
    u8 *link = &a->bucket[assoc_bucket(a->tag[way])];
    while (*link != way + 1)
        link = &a->chain[*link - 1];
    *link = a->chain[way];
    a->empty[way / 64] |= (u64)1 << way % 64;
}

static void chain(struct assoc *a, u32 way)
{
    u8 *head = &a->bucket[assoc_bucket(a->tag[way])];
    a->chain[way] = *head;
    *head = (u8)(way + 1);
    a->empty[way / 64] &= ~((u64)1 << way % 64);
}

void assoc_remove(struct assoc *a, u32 set, u32 way)
{
    if (a->hashed)
        unchain(a, way);
    a->tag[assoc_at(a, set, way)] = 0;
    a->filled[set]--;
}

static u32 lowest_empty(const struct assoc *a, u32 set)
{
    const u64 *t = a->tag + assoc_at(a, set, 0);
    u32 w = 0;
    if (a->hashed) {
        while (!a->empty[w])
            w++;
        return w * 64 + (u32)__builtin_ctzll(a->empty[w]);
    }
    while (t[w])
        w++;
    return w;
}

static u32 victim(struct assoc *a, u32 set)
{
    u64 s = a->state[set];
    switch ((enum assoc_repl)a->repl) {
    case ASSOC_LRU16: return lru16_victim(s, a->ways);
    case ASSOC_LRU_LIST: return a->prev[assoc_at(a, set, (u8)s)];
    case ASSOC_PLRU: return plru_victim(s, a->ways_lg2);
    case ASSOC_PLRU_3X4: return plru3x4_victim(s);
    case ASSOC_NRU: return nru_victim(s, a->ways);
    case ASSOC_RANDOM: return random_victim(&a->random, a->ways);
    }
    CHECK(false);
    return 0;
}

u32 assoc_place(struct assoc *a, u32 set)
{
    return a->filled[set] < a->ways ? lowest_empty(a, set) : victim(a, set);
}

void assoc_put(struct assoc *a, u32 set, u32 way, u64 tag, u64 data)
{
    size_t at = assoc_at(a, set, way);
    a->filled[set] += !a->tag[at];
    if (a->hashed && a->tag[at])
        unchain(a, way);
    a->tag[at] = tag;
    a->data[at] = data;
    if (a->hashed)
        chain(a, way);
    assoc_touch(a, set, way);
}
