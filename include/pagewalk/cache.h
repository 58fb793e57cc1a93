/* SPDX-License-Identifier: MIT
 * cache.h - a first-level cache as the processor looks it up: the set by one address, the tag by another (mmu.h, struct
 * mmu_cache_desc).  It holds no bytes, only which lines are where; struct cache_memory below holds bytes, too, so that
 * what goes wrong with two copies can be seen.
 *
 *     virtual   | page number            | offset        |     PAGE     index bits below the page's end are the same in
 *               |               |  set index  | in line  |              both addresses: the set can be read while the
 *     physical  | frame number           | offset        |              TLB is asked for the tag
 *                               ^^^^^^^^^ of VIPT: bits of the page number, when sets x line > page: a line has colours
 *
 * Exact for the order of accesses it is given: write-back, write-allocate, one line a miss, nothing fetched ahead, no
 * other processor.  Replacement is the profile's.
 *
 * Memory: a cache lives in the block given to cache_create(); nothing is allocated later.  One value, no locks.
 * An embedder translates first (the address it gives is physical, and the access is allowed), then calls cache_look() for
 * each line of the access or cache_access() for all of them. */
#ifndef PAGEWALK_CACHE_H
#define PAGEWALK_CACHE_H

#include "pagewalk/mmu.h"

struct cache;

/* pre: !mmu_cache_unfit(d) (profile.h).  The block is aligned to 64 and cache_bytes(d) long; d outlives the cache. */
size_t cache_bytes(const struct mmu_cache_desc *d);
struct cache *cache_create(void *block, const struct mmu_cache_desc *d, u64 seed);

/* Pages of this many colours: sets x line / page, at least 1.  Addresses of one colour look into the same sets. */
u32 cache_colours(const struct mmu_cache_desc *d);
u32 cache_colour(const struct mmu_cache_desc *d, u64 addr);

/* ---- accesses ------------------------------------------------------------------------------------------------- */

struct cache_result {
    bool hit;
    bool written_back;    /* the victim was dirty: it goes to memory                                          */
    bool evicted;         /* the victim was a line                                                            */
    bool moved;           /* VIPT_ONE: not from memory but from another of its sets                           */
    bool synonym;         /* another copy of the physical line is in this cache, and stays there              */
    bool homonym;         /* VIVT: the line that was hit is that of another physical address                  */
    u32 set, way;         /* where the line is now                                                            */
    u32 from_set, from_way; /* moved                                                                          */
    u64 victim_pa;        /* evicted                                                                          */
};
/* The line with va, which is at pa now. */
void cache_look(struct cache *c, u64 va, u64 pa, bool store, struct cache_result *r);
/* An access of size_bytes that lies in at most two pages: pa is that of va, pa_next that of the first byte of the second
 * page (ignored where there is none).  Lines are looked up from low to high.  Returns how many missed. */
u32 cache_access(struct cache *c, u64 va, u64 pa, u64 pa_next, u32 size_bytes, bool store);

/* Drops all lines; see() is told of each dirty one first (NULL: nobody is).  Returns how many those were. */
u32 cache_flush(struct cache *c, void (*see)(void *ctx, u32 set, u32 way, u64 pa), void *ctx);

struct cache_stats {               /* [0] loads and fetches, [1] stores                                        */
    u64 accesses[2];               /* cache_access()                                                          */
    u64 missed[2];                 /* of these, with at least one line missing                                */
    u64 looks[2], misses[2];       /* by line                                                                 */
    u64 written_back, moved, synonyms, homonyms;
};
const struct cache_stats *cache_stats(const struct cache *c);

struct cache_line { u32 set, way; u64 tag_addr, pa; bool dirty; }; /* tag_addr: what the tag says, va or pa       */
void cache_each_line(const struct cache *c, void (*see)(void *ctx, const struct cache_line *l), void *ctx);

/* ---- marks ------------------------------------------------------------------------------------------------------ *
 * As for TLBs (mmu.h): a front end may skip an access that would change nothing.  A mark says that the line at this
 * virtual address is the one touched last in its set, and for stores that it is dirty.  So when
 *
 *     va - load[va >> line_lg2 & (CACHE_MARKS - 1)] <= line_bytes - size_bytes        (unsigned; store[] for stores)
 *
 * the access may be skipped; counters but accesses[] and looks[] come out the same.  Translations are the front end's
 * business: when one may have changed, it calls cache_unmark() before the next access to that page. */
#define CACHE_MARKS 1024
struct cache_marks { u64 load[CACHE_MARKS], store[CACHE_MARKS]; };
void cache_bind_marks(struct cache *c, struct cache_marks *marks);  /* NULL: none                              */
void cache_unmark(struct cache *c);

/* ---- with bytes -------------------------------------------------------------------------------------------------- */

struct cache_memory {
    struct cache *cache;
    u8 *line;             /* sets x ways x line_bytes: what the lines hold                                    */
    u8 *ram;              /* a multiple of the line, physical address 0 first                                 */
    u64 ram_bytes;
};
/* 8 aligned bytes, through the cache.  pre: pa + 8 <= ram_bytes. */
u64 cache_load(struct cache_memory *m, u64 va, u64 pa, struct cache_result *r);
void cache_store(struct cache_memory *m, u64 va, u64 pa, u64 value, struct cache_result *r);
/* Writes back what is dirty and drops all lines.  Returns how many were written. */
u32 cache_memory_flush(struct cache_memory *m);

#endif
