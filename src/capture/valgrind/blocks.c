/* SPDX-License-Identifier: GPL-2.0-or-later
 * blocks.c - the instrumented blocks with their counters, and folding them into lines.
 *
 * A block lives as long as its translation.  When Valgrind drops the translation, or the mapping its code came from
 * goes away, or the program ends, its counts are folded: multiplied out and added to the rows of lines.c. */
#include "calls.h"

static VgHashTable *blocks;     /* by original address; one block each                                        */

struct cap_totals cap_totals;

/* ---- counters ---------------------------------------------------------------------------------------------------- */

enum { COUNTERS = 1 << 23, LISTS = 64 };
ULong cap_counter[COUNTERS];
static UInt counters = 1, free_run[LISTS];   /* by length: first free run, whose first counter is the next one's number  */

/* Runs too long for a list are as good as never given back.  NULL: all are in use. */
static ULong *counters_new(UInt n)
{
    UInt at = n < LISTS ? free_run[n] : 0;
    if (at) {
        free_run[n] = (UInt)cap_counter[at];
    } else {
        if (COUNTERS - counters < n)
            return VG_(calloc)("pagewalk.counters", n, sizeof(ULong));
        at = counters;
        counters += n;
    }
    VG_(memset)(&cap_counter[at], 0, n * sizeof(ULong));
    return &cap_counter[at];
}

static void counters_free(ULong *c, UInt n)
{
    if (c < cap_counter || c >= cap_counter + COUNTERS) {
        VG_(free)(c);
    } else if (n < LISTS) {
        *c = free_run[n];
        free_run[n] = (UInt)(c - cap_counter);
    }
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

/* One allocation: the block, then its three arrays. */
struct cap_block *cap_block_new(Addr orig, UInt regions, UInt insns, UInt sites)
{
    SizeT bytes = sizeof(struct cap_block) + regions * sizeof(struct cap_region) + insns * sizeof(struct cap_insn) +
                  sites * sizeof(struct cap_site);
    struct cap_block *b = VG_(malloc)("pagewalk.block", bytes);
    struct cap_block *old;
    *b = (struct cap_block){ .key = orig, .regions = regions, .insns = insns, .sites = sites, .low = ~(Addr)0 };
    b->region = (struct cap_region *)(b + 1);
    b->site = (struct cap_site *)(b->region + regions);
    b->insn = (struct cap_insn *)(b->site + sites);
    b->executed = counters_new(regions);
    if (!blocks)
        blocks = VG_(HT_construct)("pagewalk.blocks");
    old = VG_(HT_remove)(blocks, orig);   /* translated again without a discard (self-modifying code checks) */
    if (old) {
        old->key = (UWord)old;            /* keep it under a key no code has, until the end */
        VG_(HT_add_node)(blocks, old);
    }
    VG_(HT_add_node)(blocks, b);
    return b;
}

static void fold_insns(struct cap_block *b, const struct cap_region *r, ULong executed)
{
    for (UInt i = r->first_insn; i < r->end_insn; i++) {
        const struct cap_insn *n = &b->insn[i];
        struct cap_line *line = cap_line_of(n->ip);
        line->instructions += executed * n->instructions;
        line->loads += executed * n->loads;
        line->stores += executed * n->stores;
        cap_totals.instructions += executed * n->instructions;
        cap_totals.loads += executed * n->loads;
        cap_totals.stores += executed * n->stores;
        cap_totals.modifies += executed * n->modifies;
        cap_totals.crossings += executed * n->crossings;
    }
}

void cap_fold_cost(struct sim_site *s)
{
    if (!s->cost)
        return;
    sim_cost_add(&cap_line_of(s->ip)->cost, s->cost);
    *s->cost = (struct sim_cost){ 0 };
}

/* Conditional accesses count as they happen, not by region. */
static void fold_site(struct cap_site *s)
{
    if (!s->conditional || !s->executed)
        return;
    struct cap_line *line = cap_line_of(s->ip);
    Bool load = s->kind == MMU_LOAD;
    line->loads += load ? s->executed : 0;
    line->stores += load ? 0 : s->executed;
    cap_totals.loads += load ? s->executed : 0;
    cap_totals.stores += load ? 0 : s->executed;
    s->executed = 0;
}

static void fold(struct cap_block *b)
{
    for (UInt i = 0; i < b->regions; i++) {
        if (b->executed[i])
            fold_insns(b, &b->region[i], b->executed[i]);
        b->executed[i] = 0;
    }
    for (UInt i = 0; i < b->sites; i++)
        fold_site(&b->site[i]);
}

void cap_discard_block(Addr orig, VexGuestExtents extents)
{
    struct cap_block *b = blocks ? VG_(HT_remove)(blocks, orig) : NULL;
    (void)extents;
    if (!b)
        return;
    fold(b);
    counters_free(b->executed, b->regions);
    VG_(free)(b);
}

void cap_fold_range(Addr start, SizeT len_bytes)
{
    struct cap_block *b;
    if (!blocks)
        return;
    cap_fold_sites(start, start + len_bytes - 1);
    cap_fold_paths(start, start + len_bytes - 1);
    VG_(HT_ResetIter)(blocks);
    while ((b = VG_(HT_Next)(blocks)))
        if (b->low < start + len_bytes && b->high > start)
            fold(b);
    cap_forget_names();
}

void cap_fold_all(void)
{
    struct cap_block *b;
    cap_fold_call_site();
    cap_fold_sites(0, ~(Addr)0);
    cap_fold_paths(0, ~(Addr)0);
    if (!blocks)
        return;
    VG_(HT_ResetIter)(blocks);
    while ((b = VG_(HT_Next)(blocks)))
        fold(b);
}
