/* SPDX-License-Identifier: MIT
 * batch.h - what mmu_batch() works with.  batch.c decides and goes one by one; batch_lanes.c turns first-level arrays
 * into lanes and back; batch_kernel.h does blocks of records on lanes, compiled once for each instruction set
 * (batch_plain.c, batch_avx2.c, batch_avx512.c).  The answers are the same in all.
 *
 * Lanes: a first-level array of small pages as eight words a set, so that a look-up is one comparison and a change is one
 * store:
 *
 *     lane   63           11   10              9               8                  0
 *            page number       load, fetch ok  store ok (D=1)  set * ways + way
 *
 *   LRU    the order of the lanes is the order of use: lane 0 is the most recent one; unused ways stand last, the lowest
 *          at the end, because an insertion takes the lowest unused way before it replaces another
 *   trees  lane w is way w; the tree stands beside, and above it in the same word the way touched last
 *
 * A way that holds no translation of the current PCID has the page LANE_NONE, which matches nothing; lanes beyond the
 * number of ways, too.  "ok" says that an access of the kind is known to change nothing but the order; when it is not
 * known, the access is looked at in its turn (batch_kernel.h). */
#ifndef PAGEWALK_MACHINE_BATCH_H
#define PAGEWALK_MACHINE_BATCH_H

#include "machine/cpu.h"

enum batch_isa { BATCH_PLAIN, BATCH_AVX2, BATCH_AVX512 };

struct batch;
void batch_create(struct batch *b);
enum batch_isa batch_best(void);                        /* of this processor                                     */
void batch_use(struct mmu *m, enum batch_isa isa);      /* for tests and comparisons; pre: isa <= batch_best()   */

#define LANES 8u
#define LANE_SLOT 511ull
#define LANE_STORE ((u64)1 << 9)
#define LANE_LOAD ((u64)1 << 10)
#define LANE_PAGE_SHIFT 11
#define LANE_NONE ((u64)TAG_NUMBER + 1)                 /* no page has this number                               */

#define LANES_MRU_SHIFT 8                               /* in tree[]; nodes are bits 1 to 7                      */
#define LANES_MRU ((u64)15 << LANES_MRU_SHIFT)

struct lanes {
    _Alignas(64) u64 lane[MMU_SLOTS][LANES];
    u64 tree[MMU_SLOTS];
    u8 unused[MMU_SLOTS];   /* trees: bit w: way w is unused                                                     */
    struct tlb *t;
    const u8 *victim;       /* trees: [nodes, from bit 0 on]                                                     */
    u32 set_mask, ways;
    bool lru;
    bool columns;           /* lanes lie as batch_columns.h wants them                                           */
};

#define PENALTY_LEAST 64u   /* records one by one after a block had to be left; doubles up to                     */
#define PENALTY_MOST 16384u
#define TRY_AGAIN 1024u     /* records one by one before arrays are looked at again                               */
#define AHEAD_TABLES 64u
#define BLOCK 512u          /* records done at a time                                                            */

/* A record whose access is not settled by the first level.  miss: it is not there; else it is, and must be looked at. */
#define EVENT_RECORD 0x3ffu
#define EVENT_SLOT_SHIFT 10
#define EVENT_MISS_SHIFT 31
#define EVENT_MISS ((u32)1 << EVENT_MISS_SHIFT)

#define CHUNK 128u          /* records sorted by set at a time, and how many sets at most                         */
#define COLUMN_SETS 16u

struct batch {
    enum batch_isa isa;
    u32 patience;                   /* records to do one by one before blocks are tried again                     */
    u32 penalty;                    /* what patience becomes when a block has to be left                          */
    u64 in_blocks;                  /* records done so: what tests look at                                        */
    u8 lanes_of[3];                 /* by enum mmu_kind: index of now[]                                           */
    u8 arrays;
    bool fetches;                   /* the block has some                                                         */
    bool columns;                   /* all lanes lie in columns                                                   */
    bool walks_much;                /* the block before did: entries are worth reading ahead                      */
    u64 last[3][MMU_SLOTS];         /* by array and set: the page used last there * 2; + 1: a store went through    */
    u32 list[BLOCK + LANES];        /* records of the block that are not left out                                 */
    u32 event[BLOCK + LANES];
    u16 where[CHUNK];               /* columns: of a record of the chunk, its word in row[]                       */
    struct { u64 gib, table; } ahead[AHEAD_TABLES]; /* by GiB: its page directory, as far as known; a hint           */
    struct lanes now[3], before[3]; /* before: at the beginning of the block                                      */
    _Alignas(64) u64 row[3][COLUMN_SETS / LANES][CHUNK][LANES]; /* columns: by array, group of sets, time: an access a set */
    u8 victim[2][128];              /* of tree-PLRU by state: 4 ways, 8 ways                                      */
};

/* Where lane i of a set stands. */
static inline u64 *lane_at(const struct lanes *l, u32 set, u32 i)
{
    u64 *flat = (u64 *)l->lane[0];
    return flat + (l->columns ? set / LANES * LANES * LANES + i * LANES + set % LANES : set * LANES + i);
}

/* The arrays of the CPU have the form that lanes stand for, and nothing in them but small pages of no global kind. */
bool lanes_possible(const struct cpu *c);
void lanes_load(struct batch *b, struct cpu *c, bool columns); /* columns: wanted, if they can be                  */
void lanes_store(const struct batch *b, struct cpu *c);

/* One event (batch_settle.c); first: the data of its entry of the first level.  False: blocks cannot do it. */
bool settle_event(struct mmu *m, struct cpu *c, u64 va, enum mmu_kind kind, bool miss, u64 *first);

/* Does records from the first on until one needs more than blocks can do; returns how many.  pre: lanes_possible(). */
size_t batch_run_plain(struct mmu *m, struct cpu *c, struct batch *b, const u64 *record, size_t n);
size_t batch_run_avx2(struct mmu *m, struct cpu *c, struct batch *b, const u64 *record, size_t n);
size_t batch_run_avx512(struct mmu *m, struct cpu *c, struct batch *b, const u64 *record, size_t n);

#endif
