/* SPDX-License-Identifier: MIT
 * batch_lanes.c - first-level arrays to lanes and back (batch.h says what lanes are).  Called by batch.c before and after
 * a run of blocks.  Data stay where they are: a lane's slot says where. */
#include "machine/batch.h"

#include <string.h>

#include "machine/access.h"

/* ---- possible? --------------------------------------------------------------------------------------------------- */

static bool first_level_fits(const struct cpu *c, u32 kind)
{
    const struct quick *q = &c->quick[kind];
    const struct level *l1 = &c->port[kind].l1;
    const struct tlb *t = l1->probe[0].t;
    bool tree = q->steer && (q->ways == 4 || q->ways == 8), lru = t->a.repl == ASSOC_LRU16;
    return q->usable && q->ways <= LANES && (tree || lru) && !(l1->active & ~1u) &&
           !(t->globals | t->pieces);
}

static bool second_level_fits(const struct level *l2)
{
    const struct probe *p = &l2->probe[0];
    return l2->probes && !(l2->active & ~1u) && p->unit == MMU_4K && !p->pick_mask && !p->hashed && p->ways <= 16 &&
           !(p->t->globals | p->t->pieces);
}

static bool caches_fit(const struct cpu *c)
{
    for (u32 i = 1; i < c->psc.n; i++)
        if (c->psc.at[i].level == c->psc.at[i - 1].level)
            return false;
    return true;
}

bool lanes_possible(const struct cpu *c)
{
    for (u32 kind = 0; kind < 3; kind++)
        if (!first_level_fits(c, kind) || !second_level_fits(&c->port[kind].l2))
            return false;
    bool lru[3];
    for (u32 kind = 0; kind < 3; kind++)
        lru[kind] = c->port[kind].l1.probe[0].t->a.repl == ASSOC_LRU16;
    return lru[0] == lru[1] && lru[1] == lru[2] && caches_fit(c);
}

/* ---- to lanes ---------------------------------------------------------------------------------------------------- */

#define LANE_EMPTY (LANE_NONE << LANE_PAGE_SHIFT)

/* A way as a lane.  ok: what accesses of the array's kinds are let through by the registers of this moment. */
static u64 lane_of(const struct cpu *c, const struct tlb *t, u32 set, u32 way)
{
    size_t at = assoc_at(&t->a, set, way);
    u64 tag = t->a.tag[at], data = t->a.data[at];
    if (!tag || (tag & TAG_SPACE) != c->mode.pcid_tag)
        return LANE_EMPTY | at;
    u32 may = allow(c, 0, data), load = t->kinds & 1 << MMU_FETCH ? (u32)ALLOW_FETCH : (u32)ALLOW_LOAD;
    return tag_number(tag) << LANE_PAGE_SHIFT | at | (may & load ? LANE_LOAD : 0) |
           (may & ALLOW_STORE && data & DATA_D ? LANE_STORE : 0);
}

static void load_lru(struct lanes *l, const struct cpu *c, u32 set)
{
    const struct assoc *a = &l->t->a;
    u32 n = 0;
    for (u32 i = 0; i < l->ways; i++) {
        u32 way = (u32)(a->state[set] >> 4 * i) & 15;
        if (a->tag[assoc_at(a, set, way)])
            *lane_at(l, set, n++) = lane_of(c, l->t, set, way);
    }
    for (u32 way = l->ways; n < l->ways;) /* unused ways, the lowest last */
        if (!a->tag[assoc_at(a, set, --way)])
            *lane_at(l, set, n++) = LANE_EMPTY | assoc_at(a, set, way);
}

static void load_column(struct lanes *l, const struct cpu *c, u32 set)
{
    const struct assoc *a = &l->t->a;
    struct columns *k = &l->column[set / LANES];
    u32 s = set % LANES, used = 0, unused = 0;
    u64 order = LRU16_START >> 4 * l->ways << 4 * l->ways, last = 0;
    k->load_ok[s] = k->store_ok[s] = 0;
    for (u32 i = 0; i < l->ways; i++) {
        u32 way = (u32)(a->state[set] >> 4 * i) & 15;
        u64 lane = lane_of(c, l->t, set, way), page = lane >> LANE_PAGE_SHIFT;
        k->tag[way][s] = page >> (COLUMN_VA_BITS - PAGE_LG2) ? 0 : (u32)(page >> (COLUMN_SHIFT - PAGE_LG2));
        k->load_ok[s] |= (lane & LANE_LOAD ? 1u : 0) << way;
        k->store_ok[s] |= (lane & LANE_STORE ? 1u : 0) << way;
        if (a->tag[assoc_at(a, set, way)])
            order |= (u64)way << 4 * used++;
    }
    for (u32 way = 0; way < l->ways; way++)
        if (!a->tag[assoc_at(a, set, way)])
            last |= (u64)way << 4 * (l->ways - 1 - unused++);
    k->order[s] = (u32)(order | last);
}

static void load_tree(struct lanes *l, const struct cpu *c, u32 set)
{
    const struct assoc *a = &l->t->a;
    l->tree[set] = a->state[set] | (u64)a->mru[set] << LANES_MRU_SHIFT;
    l->unused[set] = 0;
    for (u32 way = 0; way < l->ways; way++) {
        *lane_at(l, set, way) = lane_of(c, l->t, set, way);
        l->unused[set] |= (u8)(!a->tag[assoc_at(a, set, way)] << way);
    }
}

static void load_array(struct batch *b, struct lanes *l, struct cpu *c, struct tlb *t)
{
    l->t = t;
    l->set_mask = t->a.set_mask;
    l->ways = t->a.ways;
    l->lru = t->a.repl == ASSOC_LRU16;
    l->columns = b->columns;
    l->victim = b->victim[l->ways == 8];
    for (u32 set = 0; set <= l->set_mask; set++) {
        for (u32 i = l->ways; i < LANES; i++)
            *lane_at(l, set, i) = LANE_EMPTY;
        if (l->columns)
            load_column(l, c, set);
        else
            l->lru ? load_lru(l, c, set) : load_tree(l, c, set);
    }
}

static bool columns_fit(const struct cpu *c)
{
    bool fit = true;
    for (u32 kind = 0; kind < 3; kind++) {
        const struct assoc *a = &c->port[kind].l1.probe[0].t->a;
        fit &= a->repl == ASSOC_LRU16 && a->set_mask >= LANES - 1 && a->set_mask < COLUMN_SETS && (a->ways == 4 || a->ways == 6 || a->ways == 8);
    }
    return fit;
}

void lanes_load(struct batch *b, struct cpu *c, bool columns)
{
    b->columns = columns && columns_fit(c);
    b->arrays = 0;
    for (u32 i = 0; i < AHEAD_TABLES; i++)
        b->ahead[i].gib = ~(u64)0;
    for (u32 kind = 0; kind < 3; kind++) {
        struct tlb *t = c->port[kind].l1.probe[0].t;
        u8 i = 0;
        while (i < b->arrays && b->now[i].t != t)
            i++;
        b->lanes_of[kind] = i;
        if (i < b->arrays)
            continue;
        load_array(b, &b->now[i], c, t);
        b->before[i] = b->now[i];
        b->arrays++;
    }
    memset(b->last, 0xff, sizeof b->last); /* nobody */
}

/* ---- and back ---------------------------------------------------------------------------------------------------- */

static void store_lane(const struct lanes *l, struct cpu *c, u64 lane)
{
    struct assoc *a = &l->t->a;
    u64 slot = lane & LANE_SLOT, page = lane >> LANE_PAGE_SHIFT;
    if (page == LANE_NONE)
        return; /* unused, or another PCID's: as it was */
    if (!a->tag[slot]) {
        a->filled[slot / l->ways]++;
        tlb_count_page(c, l->t);
    }
    a->tag[slot] = tag_make(page, MMU_4K, c->mode.pcid_tag);
}

static void store_lru(const struct lanes *l, struct cpu *c, u32 set)
{
    struct assoc *a = &l->t->a;
    u64 order = a->state[set] >> 4 * l->ways << 4 * l->ways;
    for (u32 i = 0; i < l->ways; i++) {
        u64 lane = *lane_at(l, set, i), way = (lane & LANE_SLOT) - (u64)set * l->ways;
        order |= way << 4 * i;
        store_lane(l, c, lane);
    }
    a->state[set] = order;
    a->mru[set] = (u8)(order & 15);
}

static void store_column(const struct lanes *l, struct cpu *c, u32 set)
{
    struct assoc *a = &l->t->a;
    const struct columns *k = &l->column[set / LANES];
    u32 s = set % LANES;
    u64 used = ((u64)1 << 4 * l->ways) - 1;
    for (u32 way = 0; way < l->ways; way++) {
        u64 page = (u64)k->tag[way][s] << (COLUMN_SHIFT - PAGE_LG2) | (set & (LANES - 1));
        store_lane(l, c, (k->tag[way][s] ? page : LANE_NONE) << LANE_PAGE_SHIFT | assoc_at(a, set, way));
    }
    a->state[set] = (a->state[set] & ~used) | (k->order[s] & used);
    a->mru[set] = (u8)(a->state[set] & 15);
}

static void store_tree(const struct lanes *l, struct cpu *c, u32 set)
{
    struct assoc *a = &l->t->a;
    for (u32 way = 0; way < l->ways; way++)
        store_lane(l, c, *lane_at(l, set, way));
    a->state[set] = l->tree[set] & ~(u64)LANES_MRU;
    a->mru[set] = (u8)((l->tree[set] & LANES_MRU) >> LANES_MRU_SHIFT);
}

void lanes_store(const struct batch *b, struct cpu *c)
{
    for (u32 i = 0; i < b->arrays; i++) {
        const struct lanes *l = &b->now[i];
        for (u32 set = 0; set <= l->set_mask; set++)
            if (l->columns)
                store_column(l, c, set);
            else
                l->lru ? store_lru(l, c, set) : store_tree(l, c, set);
    }
}
