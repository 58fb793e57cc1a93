/* SPDX-License-Identifier: MIT
 * tlb.c - building a CPU's TLB arrays from its profile, keeping and forgetting translations.  Called by create.c,
 * translate.c (fill) and invalidate.c.  The layout and what must hold stand in tlb.h. */
#include "machine/tlb.h"

#include "machine/cpu.h"
#include "machine/fast.h"
#include "machine/marks.h"

#include <string.h>

#define TLB_SEED_STEP 0xd1342543de82ef95ull /* keeps the random streams of arrays apart                            */

/* ---- building -------------------------------------------------------------------------------------------------- */

static const u8 kind_port[3] = { [MMU_LOAD] = MMU_PORT_LOAD, [MMU_STORE] = MMU_PORT_STORE, [MMU_FETCH] = MMU_PORT_I };
static const u8 units_by_size[UNITS] = { MMU_4K, MMU_2M, UNIT_4M, MMU_1G };

static bool holds(const struct mmu_tlb_desc *d, u32 level, u32 port, u32 unit)
{
    u32 size = unit == UNIT_4M ? (u32)MMU_2M : unit;
    return d->level == level && d->ports & port && d->sizes >> size & 1;
}

static u32 holders(const struct mmu_profile *p, u32 level, u32 port, u32 unit)
{
    u32 n = 0;
    for (u32 i = 0; i < p->tlbs; i++)
        n += holds(&p->tlb[i], level, port, unit);
    return n;
}

bool tlb_possible(const struct mmu_profile *p)
{
    for (u32 i = 0; i < p->tlbs; i++) {
        const struct mmu_tlb_desc *d = &p->tlb[i];
        if (d->pcids > COUNT_OF(((struct tlb *)0)->recent) && d->pcids != MMU_PCIDS_NONE)
            return false;
        if (d->level < 1 || d->level > 2 || !assoc_possible(d->ways, d->sets, (enum mmu_repl)d->repl))
            return false;
    }
    for (u32 kind = 0; kind < 3; kind++) {
        if (!holders(p, 1, kind_port[kind], MMU_4K))
            return false;
        for (u32 i = 0; i < 2 * UNITS; i++) {
            u32 n = holders(p, 1 + i / UNITS, kind_port[kind], i % UNITS);
            if (n != 0 && n != 1 && n != 2)
                return false;
        }
    }
    return true;
}

/* Appends the arrays that hold a unit; two share the unit's pages by the bit above the first one's index. */
static void add_unit(struct cpu *c, struct level *l, u32 level, u32 port, u32 unit)
{
    u8 first = l->probes;
    l->first_for[unit] = first;
    for (u32 i = 0; i < c->tlbs; i++) {
        if (!holds(c->tlb[i].desc, level, port, unit))
            continue;
        const struct assoc *a = &c->tlb[i].a;
        l->probe[l->probes] = (struct probe){
            .t = &c->tlb[i], .tag = a->tag, .data = a->data, .mru = a->mru,
            .unit_tag = (u64)unit << TAG_UNIT_SHIFT, .number_mask = TAG_NUMBER >> (unit_lg2[unit] - 12),
            .set_mask = a->set_mask, .ways = a->ways, .unit = (u8)unit, .lg2 = unit_lg2[unit], .fold = a->fold,
            .hashed = a->hashed, .pick = (u8)(l->probes - first),
        };
        l->probes++;
    }
    u32 n = l->probes - first;
    for (u32 i = first; i < l->probes; i++) {
        l->probe[i].pick_mask = (u8)(n - 1);
        l->probe[i].pick_shift = (u8)__builtin_ctz(l->probe[first].t->a.set_mask + 1);
    }
    l->unit_for[unit] = n ? (u8)unit : UNIT_NONE;
}

static void build_level(struct cpu *c, struct level *l, u32 level, u32 port, bool keeps_pieces)
{
    *l = (struct level){ .probes = 0 };
    for (u32 i = 0; i < UNITS; i++)
        add_unit(c, l, level, port, units_by_size[i]);
    if (!keeps_pieces)
        return;
    if (l->unit_for[MMU_2M] == UNIT_NONE)
        l->unit_for[MMU_2M] = l->unit_for[UNIT_4M] = l->unit_for[MMU_4K];
    if (l->unit_for[MMU_1G] == UNIT_NONE)
        l->unit_for[MMU_1G] = l->unit_for[MMU_2M];
}

static void link_kinds(struct cpu *c)
{
    for (u32 i = 0; i < c->tlbs; i++)
        for (u32 k = 0; k < 3; k++)
            if (c->tlb[i].desc->level == 1 && c->tlb[i].desc->ports & kind_port[k])
                c->tlb[i].kinds |= (u8)(1 << k);
}

/* Slots as many as sets of the small pages' array, where the index is linear: then pages of one set share a slot.  One
 * set would leave one slot, which could not tell "empty" from every address.  Arrays that fetches and data share, or
 * that hold large pages too, take the long way: there a touch drops slots elsewhere. */
static void build_quick(struct cpu *c, u32 kind)
{
    struct probe *p = &c->port[kind].l1.probe[0];
    struct assoc *a = &p->t->a;
    struct quick *q = &c->quick[kind];
    bool linear = p->unit == MMU_4K && !p->pick_mask && a->fold == 63 && a->set_mask && a->set_mask < MMU_SLOTS;
    c->slot_mask[kind] = linear ? a->set_mask : MMU_SLOTS - 1;
    *q = (struct quick){ .tag = a->tag, .data = a->data, .state = a->state, .mru = a->mru, .steer = a->steer, .a = a,
                         .pair = p->t->pair, .t = p->t, .set_mask = a->set_mask, .ways = (u8)a->ways, .kinds = p->t->kinds };
    bool wide = a->ways != 4 && a->ways != 6 && a->ways != 8 && a->ways != 12;
    q->fits = linear && !wide && p->t->desc->sizes == 1 << MMU_4K &&
              (p->t->kinds == 1 << MMU_FETCH || !(p->t->kinds & 1 << MMU_FETCH));
}

/* Runners-up: narrow tree-PLRU arrays of small pages, for fetches or for all data accesses, with a slot a set. */
static bool has_pairs(const struct mmu_tlb_desc *d)
{
    return d->level == 1 && d->repl == MMU_PLRU && d->hash == MMU_LINEAR && (d->ways == 4 || d->ways == 8) &&
           d->sets > 1 && d->sets <= MMU_SLOTS && d->sizes == 1 << MMU_4K &&
           (d->ports == MMU_PORT_I || d->ports == (MMU_PORT_LOAD | MMU_PORT_STORE));
}

void tlb_create(struct cpu *c, struct carve *carver, const struct mmu_profile *profile, u64 seed)
{
    struct tlb *tlb = carve(carver, profile->tlbs * sizeof *tlb), scratch;
    for (u32 i = 0; i < profile->tlbs; i++) {
        const struct mmu_tlb_desc *d = &profile->tlb[i];
        struct tlb *t = carver->base ? &tlb[i] : &scratch;
        *t = (struct tlb){ .desc = d };
        assoc_create(&t->a, carver, d->ways, d->sets, (enum mmu_hash)d->hash, (enum mmu_repl)d->repl,
                     seed + (i + 1) * TLB_SEED_STEP);
        t->pair = has_pairs(d) ? carve(carver, d->sets * sizeof *t->pair) : NULL;
        for (u32 set = 0; t->pair && set < d->sets; set++)
            pair_forget(t, set);
        bool marks = d->level == 1 && d->repl != MMU_NRU;
        t->used = marks ? carve(carver, (size_t)d->sets * d->ways * sizeof *t->used) : NULL;
        t->made = marks ? carve(carver, d->sets * sizeof *t->made) : NULL;
        if (marks && carver->base) {
            memset(t->used, 0, (size_t)d->sets * d->ways * sizeof *t->used);
            memset(t->made, 0, d->sets * sizeof *t->made);
        }
    }
    if (!carver->base)
        return;
    c->tlb = tlb;
    c->tlbs = profile->tlbs;
    link_kinds(c);
    bool stlb_keeps_pieces = policy_default(profile->vendor).stlb_keeps_pieces;
    for (u32 k = 0; k < 3; k++) {
        build_level(c, &c->port[k].l1, 1, kind_port[k], true);
        build_level(c, &c->port[k].l2, 2, kind_port[k], stlb_keeps_pieces);
        build_quick(c, k);
    }
}

/* ---- keeping --------------------------------------------------------------------------------------------------- */

static void activate_level(struct level *l)
{
    l->active = 0;
    for (u32 i = 0; i < l->probes; i++)
        l->active |= (u8)((l->probe[i].t->live[l->probe[i].unit] != 0) << i);
}

/* An array got its first entry of a unit, or lost its last. */
static OUT_OF_LINE void activate(struct cpu *c)
{
    for (u32 k = 0; k < 3; k++) {
        activate_level(&c->port[k].l1);
        activate_level(&c->port[k].l2);
    }
}

/* Counts an entry in (by 1) or out (by -1). */
static void count(struct cpu *c, struct tlb *t, u64 tag, u64 data, u32 by)
{
    u32 *live = &t->live[tag_unit(tag)];
    bool none = !*live;
    *live += by;
    t->globals += tag & TAG_GLOBAL ? by : 0;
    t->pieces += tag_unit(tag) != data_size(data) ? by : 0;
    if (RARE(none || !*live))
        activate(c);
}

void tlb_count_page(struct cpu *c, struct tlb *t)
{
    if (!t->live[MMU_4K]++)
        activate(c);
}

/* Counts what an insertion changes: nothing, most often. */
static inline void count_replaced(struct cpu *c, struct tlb *t, size_t at, u64 tag, u64 data)
{
    u64 old = t->a.tag[at], differs = (old ^ tag) & (TAG_VALID | TAG_GLOBAL | (u64)3 << TAG_UNIT_SHIFT);
    if (LIKELY(!differs && !((t->a.data[at] ^ data) >> DATA_SIZE_SHIFT & 3)))
        return;
    count(c, t, tag, data, 1);
    if (old)
        count(c, t, old, t->a.data[at], (u32)-1);
}

void tlb_put(struct cpu *c, struct tlb *t, u32 set, u32 way, u64 tag, u64 data)
{
    mark_drop(c, t->kinds, t->a.tag[assoc_at(&t->a, set, way)]);
    count_replaced(c, t, assoc_at(&t->a, set, way), tag, data);
    assoc_put(&t->a, set, way, tag, data);
}

bool level_where(const struct cpu *c, const struct level *l, u64 va, u64 data, u32 unit, struct tlb **t, u32 *set, u32 *way)
{
    unit = l->unit_for[unit];
    if (unit == UNIT_NONE)
        return false;
    u64 number = unit_number(va, unit);
    const struct probe *p = &l->probe[l->first_for[unit]];
    *t = p[number >> p->pick_shift & p->pick_mask].t;
    *set = assoc_set(&(*t)->a, number);
    int found = assoc_find(&(*t)->a, *set, tag_make(number, unit, data & DATA_G ? tag_global(c->mode.pcid_tag) : c->mode.pcid_tag));
    *way = (u32)found;
    return found >= 0;
}

struct tlb *level_fill(struct cpu *c, const struct level *l, u64 va, u64 data, u32 unit, bool known)
{
    unit = l->unit_for[unit];
    if (unit == UNIT_NONE)
        return NULL;
    u64 number = unit_number(va, unit);
    const struct probe *p = &l->probe[l->first_for[unit]];
    struct tlb *t = p[number >> p->pick_shift & p->pick_mask].t;
    u64 tag = tag_make(number, unit, data & DATA_G ? tag_global(c->mode.pcid_tag) : c->mode.pcid_tag);
    data &= ~(DATA_PA & (((u64)1 << unit_lg2[unit]) - 1));
    u32 set = assoc_set(&t->a, number);
    marks_sync(c, t, set);
    int same = known ? assoc_find(&t->a, set, tag) : ASSOC_NONE;
    u32 way = same >= 0 ? (u32)same : assoc_place(&t->a, set);
    if (t->pair)
        pair_demote(c, t->pair, &t->a, t->kinds, set, way);
    if (t->kinds) /* slots stem from the way touched last alone, be it replaced or not */
        fast_drop(c, t->kinds, t->a.tag[assoc_at(&t->a, set, t->a.mru[set])]);
    tlb_put(c, t, set, way, tag, data);
    return t;
}

/* ---- forgetting ------------------------------------------------------------------------------------------------ */

void tlb_remove(struct cpu *c, struct tlb *t, u32 set, u32 way)
{
    size_t at = assoc_at(&t->a, set, way);
    fast_drop(c, t->kinds, t->a.tag[at]);
    mark_drop(c, t->kinds, t->a.tag[at]);
    pair_forget(t, set);
    count(c, t, t->a.tag[at], t->a.data[at], (u32)-1);
    assoc_remove(&t->a, set, way);
}

static void remove_tag(struct cpu *c, struct tlb *t, u64 number, u32 unit, u64 space)
{
    u32 set = assoc_set(&t->a, number);
    int way = assoc_find(&t->a, set, tag_make(number, unit, space));
    if (way >= 0)
        tlb_remove(c, t, set, (u32)way);
}

/* Calls for every entry of t with (tag & mask) == value, and when va is given, only for pieces of a page with va. */
static void remove_where(struct cpu *c, struct tlb *t, u64 mask, u64 value, const u64 *va)
{
    for (u32 set = 0; set <= t->a.set_mask; set++)
        for (u32 way = 0; way < t->a.ways; way++) {
            size_t at = assoc_at(&t->a, set, way);
            u64 tag = t->a.tag[at], data = t->a.data[at];
            if (!tag || (tag & mask) != value)
                continue;
            if (va && ((tag_va(tag) ^ *va) & (TAG_NUMBER << PAGE_LG2)) >> unit_lg2[data_size(data)])
                continue;
            tlb_remove(c, t, set, way);
        }
}

void tlb_remove_page(struct cpu *c, u64 va, u64 space, bool with_global)
{
    for (u32 i = 0; i < c->tlbs; i++) {
        struct tlb *t = &c->tlb[i];
        for (u32 unit = 0; unit < UNITS; unit++) {
            if (!t->live[unit])
                continue;
            remove_tag(c, t, unit_number(va, unit), unit, space);
            if (with_global && t->globals)
                remove_tag(c, t, unit_number(va, unit), unit, tag_global(space));
        }
        if (t->pieces) {
            remove_where(c, t, TAG_SPACE, space, &va);
            if (with_global && t->globals)
                remove_where(c, t, TAG_SPACE, tag_global(space), &va);
        }
    }
}

static u32 live(const struct tlb *t)
{
    return t->live[MMU_4K] + t->live[MMU_2M] + t->live[MMU_1G] + t->live[UNIT_4M];
}

void tlb_remove_page_every(struct cpu *c, u64 va, u32 context, bool with_global)
{
    u64 mask = TAG_CONTEXT | (with_global ? 0 : TAG_GLOBAL);
    for (u32 i = 0; i < c->tlbs; i++)
        if (live(&c->tlb[i]))
            remove_where(c, &c->tlb[i], mask, (u64)context << TAG_CONTEXT_SHIFT, &va);
}

void tlb_remove_in(struct cpu *c, struct tlb *t, u64 mask, u64 value)
{
    if (live(t))
        remove_where(c, t, mask, value, NULL);
}

void tlb_remove_matching(struct cpu *c, u64 mask, u64 value)
{
    for (u32 i = 0; i < c->tlbs; i++)
        tlb_remove_in(c, &c->tlb[i], mask, value);
}

void tlb_clear(struct cpu *c)
{
    fast_clear(c);
    for (u32 i = 0; i < c->tlbs; i++) {
        struct tlb *t = &c->tlb[i];
        if (!live(t))
            continue;
        assoc_clear(&t->a);
        for (u32 unit = 0; unit < UNITS; unit++)
            t->live[unit] = 0;
        t->globals = t->pieces = 0;
    }
    activate(c);
}
