/* SPDX-License-Identifier: MIT
 * assoc.h - one set-associative array of 64-bit tags and 64-bit data, with a replacement policy: the body of every
 * TLB array (tlb.h) and of every paging-structure cache (psc.h).  What tags and data mean is theirs; tag 0 is an
 * empty way.
 *
 * What must hold:
 *   a tag stands at most once in its set;
 *   an insertion takes the lowest-numbered empty way, else the policy's victim, and touches it;
 *   removing an entry leaves the replacement state and mru[] as they are;
 *   mru[set] is the way touched last, so finding mru[set] and not touching it again changes nothing (repl.h);
 *   filled[set] counts the ways that are not empty;
 *   hashed arrays (one wide set): bucket/chain lists name exactly the non-empty ways, `empty` the others. */
#ifndef PAGEWALK_MACHINE_ASSOC_H
#define PAGEWALK_MACHINE_ASSOC_H

#include "base/check.h"
#include "machine/carve.h"
#include "machine/repl.h"
#include "machine/ways.h"
#include "pagewalk/mmu.h"

#define ASSOC_MAX_WAYS 255u
#define ASSOC_BUCKETS_LG2 8
#define ASSOC_NONE (-1)

enum assoc_repl { ASSOC_PLRU, ASSOC_PLRU_3X4, ASSOC_LRU16, ASSOC_LRU_LIST, ASSOC_NRU, ASSOC_RANDOM };

struct assoc {
    u64 *tag;           /* [sets][ways]                                                                          */
    u64 *data;          /* [sets][ways]                                                                          */
    u64 *state;         /* [sets]: repl.h; the head of the list for ASSOC_LRU_LIST                               */
    u8 *mru;            /* [sets]: the way touched last                                                          */
    u8 *filled;         /* [sets]: how many ways are not empty                                                   */
    u64 *steer;         /* [ways][2]: a touch makes state (state & steer[w][0]) | steer[w][1] (trees only)           */
    u8 *next, *prev;    /* [sets][ways]: circle from the most to the least recent (ASSOC_LRU_LIST only)          */
    u8 *bucket, *chain; /* way + 1, 0 ends (hashed only)                                                         */
    u64 *empty;         /* [4] bit w: way w is empty (hashed only)                                               */
    u64 random;         /* stream of ASSOC_RANDOM                                                                */
    u32 set_mask;       /* sets - 1                                                                              */
    u16 ways;
    u8 fold;            /* set = (n ^ n >> fold) & set_mask; 63 for the linear index                             */
    u8 repl;            /* enum assoc_repl                                                                       */
    u8 ways_lg2;        /* ASSOC_PLRU only                                                                       */
    bool hashed;
};

bool assoc_possible(u32 ways, u32 sets, enum mmu_repl repl);
void assoc_create(struct assoc *a, struct carve *c, u32 ways, u32 sets, enum mmu_hash hash, enum mmu_repl repl,
                  u64 seed);
void assoc_clear(struct assoc *a);                /* every way empty; replacement state stays                       */
void assoc_remove(struct assoc *a, u32 set, u32 way);
/* The way that an insertion takes; a random victim is drawn. */
u32 assoc_place(struct assoc *a, u32 set);
/* Puts tag and data there and touches it; the tag must stand in no other way of the set. */
void assoc_put(struct assoc *a, u32 set, u32 way, u64 tag, u64 data);

static inline u32 assoc_set(const struct assoc *a, u64 number)
{
    return (u32)(number ^ number >> a->fold) & a->set_mask;
}

static inline size_t assoc_at(const struct assoc *a, u32 set, u32 way)
{
    return (size_t)set * a->ways + way;
}

static inline u32 assoc_bucket(u64 tag)
{
    return (u32)((tag ^ tag >> 29) * 0x9e3779b97f4a7c15ull >> (64 - ASSOC_BUCKETS_LG2));
}

static inline int assoc_find_hashed(const struct assoc *a, u64 tag)
{
    u32 w = a->bucket[assoc_bucket(tag)];
    while (w && a->tag[w - 1] != tag)
        w = a->chain[w - 1];
    return (int)w - 1;
}

/* The way of a tag in its set, or ASSOC_NONE.  Changes nothing. */
static inline int assoc_find(const struct assoc *a, u32 set, u64 tag)
{
    const u64 *t = a->tag + assoc_at(a, set, 0);
    if (t[a->mru[set]] == tag)
        return a->mru[set];
    if (a->hashed)
        return assoc_find_hashed(a, tag);
    return ways_find(t, a->ways, tag);
}

static inline void assoc_list_touch(struct assoc *a, u32 set, u32 way)
{
    u8 *next = a->next + assoc_at(a, set, 0), *prev = a->prev + assoc_at(a, set, 0);
    u8 head = (u8)a->state[set], w = (u8)way;
    if (w == head)
        return;
    a->state[set] = w;
    if (prev[head] == w)
        return; /* the tail becomes the head by turning the circle */
    next[prev[w]] = next[w];
    prev[next[w]] = prev[w];
    next[w] = head;
    prev[w] = prev[head];
    next[prev[head]] = w;
    prev[head] = w;
}

/* Makes a way the most recently used one of its set. */
static inline void assoc_touch(struct assoc *a, u32 set, u32 way)
{
    a->mru[set] = (u8)way;
    if (LIKELY(a->steer)) {
        a->state[set] = (a->state[set] & a->steer[2 * way]) | a->steer[2 * way + 1];
        return;
    }
    switch ((enum assoc_repl)a->repl) {
    case ASSOC_LRU16: a->state[set] = lru16_touch(a->state[set], way); break;
    case ASSOC_LRU_LIST: assoc_list_touch(a, set, way); break;
    case ASSOC_NRU: a->state[set] = nru_touch(a->state[set], way, a->ways); break;
    case ASSOC_PLRU:
    case ASSOC_PLRU_3X4:
    case ASSOC_RANDOM: break;
    }
}

#endif
