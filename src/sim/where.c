/* SPDX-License-Identifier: MIT
 * where.c - what translations and faults cost, by address: regions of 2 MiB, and a map of address by time.  Called by
 * access.c for the watched process only (sim.h, "where").
 *
 * Regions are found by hashing; those used last for an address's low bits are tried first, as nearly every look-up is
 * answered there.  When SIM_REGIONS are in use, further ones are in the totals only.
 *
 * The map starts with rows of one page.  When SIM_HEAT_ROWS are in use, rows become twice as large and neighbours one:
 * sums stay, and a run of any size needs the same memory.
 *
 * A page's first access is always seen here: nothing can hit a TLB before it missed. */
#include "sim_internal.h"

#include "base/check.h"

#include <string.h>

#define SIM_REGIONS 16384u       /* 32 GiB                                                                     */
#define SLOTS (2 * SIM_REGIONS)
#define MEMOS 64u
#define ROW_MEMOS 256u
#define REGION_LG2 21

struct where {
    u32 regions;
    u16 slot[SLOTS];             /* 0: empty, else region number + 1                                           */
    struct { u64 start; struct sim_region *region; } memo[MEMOS]; /* region NULL: none                         */
    struct sim_region region[SIM_REGIONS];

    u32 rows;
    u8 row_lg2;
    u16 row_memo[ROW_MEMOS];     /* row number + 1                                                             */
    u64 key[SIM_HEAT_ROWS];      /* address >> row_lg2                                                         */
    struct sim_heat_cell cell[SIM_HEAT_ROWS][SIM_HEAT_COLUMNS];
};

size_t where_bytes(void) { return sizeof(struct where); }

bool where_begin(struct sim *s)
{
    struct where *w = s->where ? s->where : sim_alloc(s, sizeof *w, 64);

    if (!w)
        return false;
    if (s->where) { /* only what was used: the rest was never touched                                          */
        memset(w->region, 0, w->regions * sizeof w->region[0]);
        memset(w->cell, 0, w->rows * sizeof w->cell[0]);
        memset(w->slot, 0, sizeof w->slot);
        memset(w->memo, 0, sizeof w->memo);
        memset(w->row_memo, 0, sizeof w->row_memo);
    }
    w->regions = w->rows = 0;
    w->row_lg2 = PAGE_LG2;
    s->where = w;
    return true;
}

/* ---- the map ------------------------------------------------------------------------------------------------------ */

static u32 sum(u32 a, u32 b) { return a + b < a ? ~0u : a + b; }

static void add_row(struct sim_heat_cell *to, const struct sim_heat_cell *from)
{
    for (u32 c = 0; c < SIM_HEAT_COLUMNS; c++) {
        to[c].misses = sum(to[c].misses, from[c].misses);
        to[c].touched = sum(to[c].touched, from[c].touched);
    }
}

static u32 row_of_key(const struct where *w, u32 rows, u64 key)
{
    u32 i = 0;

    while (i < rows && w->key[i] != key)
        i++;
    return i;
}

/* Rows twice as large. */
static void join_rows(struct where *w)
{
    u32 kept = 0;

    w->row_lg2++;
    for (u32 i = 0; i < w->rows; i++) {
        u64 key = w->key[i] >> 1;
        u32 to = row_of_key(w, kept, key);
        if (to < kept) {
            add_row(w->cell[to], w->cell[i]);
        } else {
            w->key[kept] = key;
            if (kept != i)
                memcpy(w->cell[kept], w->cell[i], sizeof w->cell[0]);
            kept++;
        }
    }
    memset(w->cell[kept], 0, (w->rows - kept) * sizeof w->cell[0]);
    memset(w->row_memo, 0, sizeof w->row_memo);
    w->rows = kept;
}

static __attribute__((noinline)) u32 find_row(struct where *w, u64 va)
{
    for (;; join_rows(w)) {
        u64 key = va >> w->row_lg2;
        u32 i = row_of_key(w, w->rows, key);
        if (i == w->rows && w->rows == SIM_HEAT_ROWS)
            continue;
        if (i == w->rows)
            w->key[w->rows++] = key;
        w->row_memo[key % ROW_MEMOS] = (u16)(i + 1);
        return i;
    }
}

static struct sim_heat_cell *cell_at(struct sim *s, u64 va)
{
    struct where *w = s->where;
    u64 key = va >> w->row_lg2;
    u32 i = w->row_memo[key % ROW_MEMOS];

    i = LIKELY(i && w->key[i - 1] == key) ? i - 1 : find_row(w, va);
    return &w->cell[i][s->heat_column];
}

void heat_join_columns(struct sim *s)
{
    for (u32 r = 0; r < s->where->rows; r++) {
        struct sim_heat_cell *c = s->where->cell[r];
        for (u32 i = 0; i < SIM_HEAT_COLUMNS / 2; i++)
            c[i] = (struct sim_heat_cell){ sum(c[2 * i].misses, c[2 * i + 1].misses), sum(c[2 * i].touched, c[2 * i + 1].touched) };
        memset(c + SIM_HEAT_COLUMNS / 2, 0, SIM_HEAT_COLUMNS / 2 * sizeof *c);
    }
}

/* The row with the lowest address that is at least `from`. */
static u32 next_row(const struct where *w, u64 from)
{
    u32 best = w->rows;

    for (u32 i = 0; i < w->rows; i++)
        if (w->key[i] >= from && (best == w->rows || w->key[i] < w->key[best]))
            best = i;
    return best;
}

void sim_each_heat_row(struct sim *s, void (*see)(void *ctx, const struct sim_heat_row *row), void *ctx)
{
    const struct where *w = s->where;
    u64 from = 0;

    if (!s->watched)
        return;
    for (u32 i; (i = next_row(w, from)) < w->rows; from = w->key[i] + 1)
        see(ctx, &(struct sim_heat_row){ w->key[i] << w->row_lg2, w->cell[i] });
}

u64 sim_heat_row_bytes(const struct sim *s) { return s->watched ? (u64)1 << s->where->row_lg2 : 0; }

/* ---- regions ------------------------------------------------------------------------------------------------------ */

static u32 hash_slot(u64 number) { return (u32)(number * 0x9e3779b97f4a7c15ull >> 40) % SLOTS; }

/* NULL: there is none, or (make) no room for one. */
static __attribute__((noinline)) struct sim_region *find_region(struct where *w, u64 number, bool make)
{
    u32 i = hash_slot(number);

    for (; w->slot[i]; i = (i + 1) % SLOTS)
        if (w->region[w->slot[i] - 1].start >> REGION_LG2 == number)
            return &w->region[w->slot[i] - 1];
    if (!make || w->regions == SIM_REGIONS)
        return NULL;
    w->slot[i] = (u16)(w->regions + 1);
    w->region[w->regions].start = number << REGION_LG2;
    return &w->region[w->regions++];
}

static struct sim_region *region_at(struct where *w, u64 va)
{
    const u64 number = va >> REGION_LG2, start = number << REGION_LG2;
    u32 i = (u32)(number % MEMOS);

    if (!LIKELY(w->memo[i].start == start && w->memo[i].region)) {
        struct sim_region *r = find_region(w, number, true);
        if (!r)
            return NULL;
        w->memo[i].start = start;
        w->memo[i].region = r;
    }
    return w->memo[i].region;
}

/* The mapping that has more of the costs than all others together has won, whatever the order of the votes. */
static void vote(struct sim_region *r, const struct sim_mapping *row)
{
    if (r->mapping == row || !r->votes) {
        r->mapping = row;
        r->votes += r->votes < ~0u;
    } else {
        r->votes--;
    }
}

void where_translated(struct sim *s, const struct mmu_result *t, bool miss, const struct sim_mapping *row)
{
    struct sim_region *r = region_at(s->where, t->va);
    u64 page = t->va >> PAGE_LG2 & 511, bit = (u64)1 << page % 64;
    struct sim_heat_cell *cell;

    if (!r)
        return;
    vote(r, row);
    r->misses += miss;
    if (t->by == MMU_BY_WALK) {
        r->walks++;
        r->walk_cycles += t->cycles;
    }
    if (t->status != MMU_OK)
        return;
    cell = cell_at(s, t->va);
    cell->misses = sum(cell->misses, miss);
    if (!(r->touched[page / 64] & bit)) {
        r->touched[page / 64] |= bit;
        cell->touched = sum(cell->touched, 1);
    }
    r->large |= t->page_lg2 > PAGE_LG2;
}

/* Could a huge page have been here? */
static bool is_whole(const struct proc *p, u64 start)
{
    struct mm_vma_view v;

    return mm_find_vma(p, start, &v) && v.start <= start && v.end >= start + ((u64)1 << REGION_LG2) && !v.file && !v.shared;
}

void where_faulted(struct sim *s, const struct proc *p, u64 addr, const struct mm_trap_result *t)
{
    struct sim_region *r = region_at(s->where, addr);

    if (!r)
        return;
    r->faults += t->resume;
    r->mapped_pages += t->mapped_pages;
    if (!r->whole)
        r->whole = is_whole(p, r->start);
}

void sim_each_region(struct sim *s, void (*see)(void *ctx, const struct sim_region *r), void *ctx)
{
    if (!s->watched)
        return;
    for (u32 i = 0; i < s->where->regions; i++)
        see(ctx, &s->where->region[i]);
}

u64 sim_touched_pages(const struct sim *s, u64 start, u64 end)
{
    u64 n = 0;

    for (u64 va = page_down(start); s->watched && va < end; va += PAGE_BYTES) {
        const struct sim_region *r = find_region(s->where, va >> REGION_LG2, false);
        u64 page = va >> PAGE_LG2 & 511;
        if (r)
            n += r->touched[page / 64] >> page % 64 & 1;
        else
            va = (va | ((1ul << REGION_LG2) - 1)) - (PAGE_BYTES - 1);
    }
    return n;
}
