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

#define COLUMN_SETS 16u     /* at most, for columns                                                               */

#define LANES_MRU_SHIFT 8                               /* in tree[]; nodes are bits 1 to 7                      */
#define LANES_MRU ((u64)15 << LANES_MRU_SHIFT)

/* The same for eight sets at once (batch_columns.h): pages as 32-bit tags, which suffice below 2^47 when eight sets or more
 * share them; 0: no translation of the current PCID, or a page that is not looked for there. */
#define COLUMN_SHIFT (PAGE_LG2 + 3)
#define COLUMN_VA_BITS 47

struct columns {
    _Alignas(32) u32 tag[LANES][LANES]; /* [way][set]                                                             */
    u32 order[LANES];       /* [set]: ways as nibbles, the one used last lowest; unused ones highest              */
    u32 load_ok[LANES], store_ok[LANES]; /* [set]: bit w: LANE_LOAD, LANE_STORE of way w                          */
};

struct lanes {
    _Alignas(64) u64 lane[MMU_SLOTS][LANES];
    struct columns column[COLUMN_SETS / LANES];
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

#define EVENT_IS ((u32)1 << 30) /* while outcomes are collected                                                   */

#define CHUNK 128u          /* records sorted by set at a time                                                    */

/* A set-associative array with exact LRU as rows (batch_deep.h): the tags of a set in the order of use, and which way each
 * of them stands in.  Unused ways stand last, the lowest at the end, as above. */
#define ROW_WAYS 16u
#define ROW_SETS 256u       /* at most                                                                            */
#define ROW_SETS_PSC 16u

struct row { _Alignas(64) u32 tag[ROW_WAYS]; };
struct row_ways { _Alignas(16) u8 way[ROW_WAYS]; };
struct rows {
    struct assoc *a;
    struct row *row;        /* [sets]; tag = (number >> drop) + bias; 0: none of the current PCID, or beyond the limit */
    struct row_ways *ways;
    u64 limit;              /* numbers of the lower half are below                                                */
    u8 drop, bias;
};

/* What deep blocks keep of a block.  An event's changes to the second level, to be taken back: */
struct undo { u64 data; u32 tag; u16 set; u8 place; };
/* The walks of a stretch, by number in the order of the events, for eight at a time. */
#define DEEP_WALKS (BLOCK + LANES)
struct deep_walks {
    _Alignas(64) u64 asked[DEEP_WALKS]; /* the record                                                             */
    u64 path[DEEP_WALKS];   /* what leads to the page table: its address, rights                                  */
    u64 above_pa[DEEP_WALKS], pa[DEEP_WALKS]; /* of the entries read: NO_ENTRY, or the one above; the last          */
    u64 data[DEEP_WALKS];   /* the translation found                                                              */
    u32 event[DEEP_WALKS], at[DEEP_WALKS]; /* number of the event; where in the second level its way is             */
    u8 marks[DEEP_WALKS / LANES]; /* bit i % 8: walk i finds A or D to set                                        */
};
/* A hit on a translation that a walk will find. */
struct later { u32 event, walk; };

#define STRETCH_LEAST 8u    /* events settled at a time after one was beyond that                                 */
#define DEEP_LEAST 16384u   /* records that are worth turning arrays into rows and back                           */

struct deep {
    u32 stretch;            /* events to settle at a time                                                         */
    struct rows second[2], pde;
    u8 second_of[3];        /* by enum mmu_kind                                                                   */
    struct undo undo[BLOCK];
    struct deep_walks walk;
    struct later later[BLOCK + 1];
    u64 first[3][MMU_SLOTS * LANES]; /* at the beginning of a stretch: data of the first level, structure caches      */
    struct row pde_row[ROW_SETS_PSC];
    struct row_ways pde_ways[ROW_SETS_PSC];
    u64 pde_data[ROW_SETS_PSC * ROW_WAYS], pdpte_order;
    struct row row[2][ROW_SETS], row_pde[ROW_SETS_PSC];
    struct row_ways ways[2][ROW_SETS], ways_pde[ROW_SETS_PSC];
};

/* batch_rows.c.  Whether the second level and the structure caches are such that rows can stand for them. */
bool deep_possible(const struct cpu *c);
void deep_load(struct deep *d, struct cpu *c);
void deep_store(struct deep *d, struct cpu *c);
/* One set of each, for what works on the arrays themselves, and back. */
void deep_store_va(struct deep *d, struct cpu *c, enum mmu_kind kind, u64 va);
void deep_load_va(struct deep *d, struct cpu *c, enum mmu_kind kind, u64 va);

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
    u32 deep_least;                 /* DEEP_LEAST; tests want fewer                                               */
    u64 in_deep;                    /* records done so: what tests look at                                        */
    bool deep;                      /* rows are loaded, and what they stand for is out of date                    */
    u64 last[3][MMU_SLOTS];         /* by array and set: the page used last there * 2; + 1: a store went through    */
    u32 list[BLOCK + LANES];        /* records of the block that are not left out                                 */
    u32 event[BLOCK + LANES];
    u16 where[CHUNK];               /* columns: of a record of the chunk, its word in row[]                       */
    struct { u64 gib, table; } ahead[AHEAD_TABLES]; /* by GiB: its page directory, as far as known; a hint           */
    struct deep deep_state;
    struct lanes now[3], before[3]; /* before: at the beginning of the block                                      */
    _Alignas(64) u64 row[3][COLUMN_SETS / LANES][CHUNK][LANES]; /* columns: by array, group of sets, time: an access a set */
    u8 victim[2][128];              /* of tree-PLRU by state: 4 ways, 8 ways                                      */
};

/* Where lane i of a set stands. */
static inline u64 *lane_at(const struct lanes *l, u32 set, u32 i)
{
    u64 *flat = (u64 *)l->lane[0];
    return flat + set * LANES + i;
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
