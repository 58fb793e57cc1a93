/* SPDX-License-Identifier: GPL-2.0-or-later
 * blocks.c - the instrumented blocks with their counters, and folding them into lines.
 *
 * A block lives as long as its translation.  When Valgrind drops the translation, or the mapping its code came from
 * goes away, or the program ends, its counts are folded: multiplied out and added to the rows of lines.c. */
#include "cap.h"

static VgHashTable *blocks;     /* by original address; one block each                                        */

struct cap_totals cap_totals;

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

static void add_cost(struct sim_cost *to, const struct sim_cost *c)
{
    to->l1i_miss += c->l1i_miss;
    to->l1d_miss += c->l1d_miss;
    to->walks_i += c->walks_i;
    to->walks_d += c->walks_d;
    to->walk_reads += c->walk_reads;
    to->walk_cycles += c->walk_cycles;
    to->minor += c->minor;
    to->major += c->major;
    to->cow += c->cow;
}

static void fold_insns(struct cap_block *b, const struct cap_region *r)
{
    for (UInt i = r->first_insn; i < r->end_insn; i++) {
        const struct cap_insn *n = &b->insn[i];
        struct cap_line *line = cap_line_of(n->ip);
        line->instructions += r->executed * n->instructions;
        line->loads += r->executed * n->loads;
        line->stores += r->executed * n->stores;
        cap_totals.instructions += r->executed * n->instructions;
        cap_totals.loads += r->executed * n->loads;
        cap_totals.stores += r->executed * n->stores;
        cap_totals.modifies += r->executed * n->modifies;
        cap_totals.crossings += r->executed * n->crossings;
    }
}

static void fold_cost(struct sim_site *s)
{
    if (!s->cost)
        return;
    add_cost(&cap_line_of(s->ip)->cost, s->cost);
    *s->cost = (struct sim_cost){ 0 };
}

/* Conditional accesses count as they happen, not by region. */
static void fold_site(struct cap_site *s)
{
    if (s->conditional && s->executed) {
        struct cap_line *line = cap_line_of(s->s.ip);
        Bool load = s->kind == MMU_LOAD;
        line->loads += load ? s->executed : 0;
        line->stores += load ? 0 : s->executed;
        cap_totals.loads += load ? s->executed : 0;
        cap_totals.stores += load ? 0 : s->executed;
        s->executed = 0;
    }
    fold_cost(&s->s);
}

static void fold(struct cap_block *b)
{
    for (UInt i = 0; i < b->regions; i++) {
        if (b->region[i].executed)
            fold_insns(b, &b->region[i]);
        b->region[i].executed = 0;
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
    VG_(free)(b);
}

void cap_fold_syscall_site(void)
{
    if (cap.syscall_site.ip)
        fold_cost(&cap.syscall_site);
}

void cap_fold_range(Addr start, SizeT len_bytes)
{
    struct cap_block *b;
    if (!blocks)
        return;
    VG_(HT_ResetIter)(blocks);
    while ((b = VG_(HT_Next)(blocks)))
        if (b->low < start + len_bytes && b->high > start)
            fold(b);
    cap_forget_names();
}

void cap_fold_all(void)
{
    struct cap_block *b;
    cap_fold_syscall_site();
    if (!blocks)
        return;
    VG_(HT_ResetIter)(blocks);
    while ((b = VG_(HT_Next)(blocks)))
        fold(b);
}
