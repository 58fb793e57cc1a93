/* SPDX-License-Identifier: MIT
 * batch_rows.c - the second level and the cache of page-directory entries as rows, and back (batch.h says what rows are).
 * Called by batch_kernel.h around a long run of blocks, and by batch_deep.h around an event that works on the arrays
 * themselves.  Data stay where they are. */
#include "machine/batch.h"

#include "machine/access.h"

#define LOWER_HALF_BITS 47

static struct psc *psc_at(const struct cpu *c, u32 level)
{
    for (u32 i = 0; i < c->psc.n; i++)
        if (c->psc.at[i].level == level)
            return &c->psc.at[i];
    return NULL;
}

static bool rows_fit(const struct assoc *a, u32 sets, u32 least)
{
    return a->repl == ASSOC_LRU16 && a->set_mask < sets && a->set_mask + 1 >= least && a->fold >= 3;
}

bool deep_possible(const struct cpu *c)
{
    const struct psc *pde = psc_at(c, 1), *pdpte = psc_at(c, 2);
    bool fit = pde && pdpte && rows_fit(&pde->a, ROW_SETS_PSC, 1) && pdpte->a.repl == ASSOC_LRU16 && !pdpte->a.set_mask;
    for (u32 kind = 0; kind < 3; kind++)
        fit = fit && rows_fit(&c->port[kind].l2.probe[0].t->a, ROW_SETS, LANES);
    return fit && c->port[MMU_LOAD].l2.probe[0].t == c->port[MMU_STORE].l2.probe[0].t;
}

/* ---- one set ----------------------------------------------------------------------------------------------------- */

static void load_set(const struct rows *r, u64 space, u32 set)
{
    const struct assoc *a = r->a;
    u32 used = 0, last = a->ways, tag[ROW_WAYS];
    u8 *ways = r->ways[set].way;
    for (u32 way = 0; way < a->ways; way++) {
        u64 t = a->tag[assoc_at(a, set, way)], number = tag_number(t);
        tag[way] = (t & TAG_SPACE) == space && number < r->limit ? (u32)(number >> r->drop) + r->bias : 0;
        if (!t)
            ways[--last] = (u8)way;
    }
    for (u32 i = 0; i < a->ways; i++) {
        u32 way = (u32)(a->state[set] >> 4 * i) & 15;
        if (a->tag[assoc_at(a, set, way)])
            ways[used++] = (u8)way;
    }
    for (u32 i = 0; i < ROW_WAYS; i++)
        r->row[set].tag[i] = i < a->ways ? tag[ways[i]] : 0;
}

/* Returns how many ways were unused before. */
static u32 store_set(const struct rows *r, u64 space, u32 set)
{
    struct assoc *a = r->a;
    u64 used = ~(u64)0 >> (64 - 4 * a->ways), order = a->state[set] & ~used, low = ((u64)1 << r->drop) - 1;
    u32 fresh = 0;
    for (u32 i = 0; i < a->ways; i++) {
        u32 tag = r->row[set].tag[i], way = r->ways[set].way[i];
        order |= (u64)way << 4 * i;
        if (!tag)
            continue; /* unused, or another PCID's: as it was */
        u64 high = (u64)(tag - r->bias) << r->drop, number = high | ((set ^ high >> a->fold) & low), *at = &a->tag[assoc_at(a, set, way)];
        fresh += !*at;
        *at = number | space;
    }
    a->filled[set] += (u8)fresh;
    a->state[set] = order;
    a->mru[set] = (u8)(order & 15);
    return fresh;
}

static void store_second(struct deep *d, struct cpu *c, enum mmu_kind kind, u32 set)
{
    struct tlb *t = c->port[kind].l2.probe[0].t;
    for (u32 fresh = store_set(&d->second[d->second_of[kind]], c->mode.pcid_tag, set); fresh; fresh--)
        tlb_count_page(c, t);
}

static void store_pde(struct deep *d, struct cpu *c, u32 set)
{
    struct psc *p = psc_at(c, 1);
    p->used |= store_set(&d->pde, c->mode.pcid_tag, set) != 0;
}

/* ---- all, or those of an address --------------------------------------------------------------------------------- */

void deep_load(struct deep *d, struct cpu *c)
{
    d->pde = (struct rows){ &psc_at(c, 1)->a, d->row_pde, d->ways_pde, (u64)1 << (LOWER_HALF_BITS - 21), 0, 1 };
    for (u32 set = 0; set <= d->pde.a->set_mask; set++)
        load_set(&d->pde, c->mode.pcid_tag, set);
    for (u32 kind = 0; kind < 3; kind++) {
        struct assoc *a = &c->port[kind].l2.probe[0].t->a;
        u8 i = kind == MMU_FETCH && a != d->second[0].a;
        d->second_of[kind] = i;
        d->second[i] = (struct rows){ a, d->row[i], d->ways[i], (u64)1 << (LOWER_HALF_BITS - PAGE_LG2), COLUMN_SHIFT - PAGE_LG2, 0 };
        for (u32 set = 0; kind != MMU_STORE && set <= a->set_mask; set++)
            load_set(&d->second[i], c->mode.pcid_tag, set);
    }
}

void deep_store(struct deep *d, struct cpu *c)
{
    for (u32 set = 0; set <= d->pde.a->set_mask; set++)
        store_pde(d, c, set);
    for (u32 kind = 0; kind < 3; kind++)
        for (u32 set = 0; kind != MMU_STORE && set <= d->second[d->second_of[kind]].a->set_mask; set++)
            store_second(d, c, (enum mmu_kind)kind, set);
}

void deep_store_va(struct deep *d, struct cpu *c, enum mmu_kind kind, u64 va)
{
    store_pde(d, c, assoc_set(d->pde.a, psc_number(va, 1)));
    store_second(d, c, kind, assoc_set(d->second[d->second_of[kind]].a, va >> PAGE_LG2 & TAG_NUMBER));
}

void deep_load_va(struct deep *d, struct cpu *c, enum mmu_kind kind, u64 va)
{
    const struct rows *r = &d->second[d->second_of[kind]];
    load_set(&d->pde, c->mode.pcid_tag, assoc_set(d->pde.a, psc_number(va, 1)));
    load_set(r, c->mode.pcid_tag, assoc_set(r->a, va >> PAGE_LG2 & TAG_NUMBER));
}
