/* SPDX-License-Identifier: MIT
 * batch_second.h - the events of a block beyond the first level, one after another, in the arrays as they stand: second level,
 * or walk; rights, A, D, counters, data of the first level.  Included by batch_kernel.h; batch_deep.h does the same in
 * stages where arrays and instructions allow it.
 *
 * What must hold: an event that cannot be finished here changes nothing; settle_event() does it, or mmu_translate(). */
#ifndef PAGEWALK_MACHINE_BATCH_SECOND_H
#define PAGEWALK_MACHINE_BATCH_SECOND_H

#include "machine/access.h"
#include "machine/batch.h"
#include "machine/batch_simd.h"
#include "machine/walk.h"

#define ALWAYS static inline __attribute__((always_inline))

/* No fetch in the block, and one array for loads and stores. */
ALWAYS bool data_only(const struct batch *b)
{
    return !b->fetches && b->lanes_of[MMU_LOAD] == b->lanes_of[MMU_STORE];
}

/* A second level or a structure cache with exact LRU, as its look-ups want it. */
struct second {
    u64 *tag, *data, *order;
    u8 *mru, *filled;
    u64 nibbles;          /* of order that stand for ways                                                         */
    u32 set_mask, ways, last_shift;
    u32 all;              /* bit w: there is a way w                                                              */
    u8 fold;
    bool lru;
};

/* What does not change while events are settled, out of reach of the stores in between. */
struct hot {
    struct mmu *m;
    struct cpu *c;
    u8 *ram;
    u64 ram_bytes, space, addr_mask, pte_bits, pde_bits;
    u64 (*near_line)[4];
    u32 near_mask;
    u32 refused[3];       /* by kind: bit r: rights r do not allow it                                             */
    struct second second[3], pde, pdpte;
    u64 *first[3];        /* data of the first level, by kind                                                     */
    bool quick;           /* all these are LRU, and no key is looked at                                           */
};

/* Counters, added up at the end. */
struct tally { u64 stlb_hit, walks, reads[2], psc_hit[2], near, ad_writes; };

ALWAYS struct second second_of(const struct assoc *a)
{
    bool lru = a->repl == ASSOC_LRU16;
    return (struct second){ a->tag, a->data, a->state, a->mru, a->filled, ~(u64)0 >> (64 - 4 * (lru ? a->ways : 16u)),
                            a->set_mask, a->ways, lru ? 4 * (a->ways - 1u) : 0, (2u << (a->ways - 1)) - 1, a->fold, lru };
}

ALWAYS struct second psc_of(const struct cpu *c, u32 level)
{
    for (u32 i = 0; i < c->psc.n; i++)
        if (c->psc.at[i].level == level && c->psc.at[i].a.repl == ASSOC_LRU16)
            return second_of(&c->psc.at[i].a);
    return (struct second){ .lru = false };
}

static OUT_OF_LINE struct hot hot_of(struct mmu *m, struct cpu *c, const struct batch *b)
{
    const struct mode *mode = &c->mode;
    const u64 keys = (u64)15 << X86_PKEY_SHIFT, global = mode->global ? X86_PTE_G : 0;
    struct hot h = {
        .m = m, .c = c, .ram = m->ram, .ram_bytes = m->ram_bytes, .space = mode->pcid_tag, .addr_mask = mode->addr_mask,
        .pte_bits = X86_PTE_P | mode->mbz[0][1] | keys | global, .pde_bits = X86_PTE_P | mode->leaf[1] | mode->mbz[1][0],
        .near_line = c->near.line, .near_mask = c->near.set_mask, .pde = psc_of(c, 1), .pdpte = psc_of(c, 2),
    };
    h.quick = h.pde.lru && h.pdpte.lru && !c->now->key0;
    for (u32 kind = 0; kind < 3; kind++) {
        h.second[kind] = second_of(&c->port[kind].l2.probe[0].t->a);
        h.first[kind] = b->now[b->lanes_of[kind]].t->a.data;
        h.quick &= h.second[kind].lru;
        for (u32 rights = 0; rights < 8; rights++)
            h.refused[kind] |= (u32)!(c->now->allow[0][rights] >> kind & 1) << rights;
    }
    return h;
}

ALWAYS u32 second_set(const struct second *s, u64 number)
{
    return (u32)(number ^ number >> s->fold) & s->set_mask;
}

ALWAYS void second_touch(const struct second *s, u32 set, u32 way)
{
    s->order[set] = lru16_touch(s->order[set], way);
    s->mru[set] = (u8)way;
}

/* Puts an entry in place of the least recently used one of a full set; the last nibble of the order tells it. */
ALWAYS void second_replace(const struct second *s, u32 set, u64 tag, u64 data)
{
    u64 order = s->order[set], way = order >> s->last_shift & 15, at = (u64)set * s->ways + way;
    s->order[set] = (order & ~s->nibbles) | ((order << 4 | way) & s->nibbles);
    s->mru[set] = (u8)way;
    s->tag[at] = tag;
    s->data[at] = data;
}

/* Not zero: refused, or to be looked at more closely: it has a key, or it is clean and the access a store. */
ALWAYS u64 refuses(const struct hot *h, u64 data, u64 kind)
{
    return (data & (u64)15 << DATA_KEY_SHIFT) | (h->refused[kind] >> (data & DATA_RIGHTS) & 1) |
           (kind & 1 & ~(data / DATA_D));
}

/* An entry; all ones outside RAM, which is no entry that short_walk() takes. */
ALWAYS u64 read_entry(const struct hot *h, u64 pa)
{
    u64 e = ~(u64)0;
    if (LIKELY(pa < h->ram_bytes))
        __builtin_memcpy(&e, h->ram + pa, sizeof e);
    return e;
}

/* An entry that a walk has read: its line is near from now on, A (and D) are set. */
ALWAYS void mark_entry(const struct hot *h, struct tally *t, u64 pa, u64 e, u64 marks)
{
    u64 line = (pa >> 6) + 1;
    t->near += near_front(h->near_line[(line ^ line >> 6) & h->near_mask], line);
    if (RARE(marks & ~e)) {
        e |= marks;
        __builtin_memcpy(h->ram + pa, &e, sizeof e);
        t->ad_writes++;
    }
}

/* Rights of a path (bits 2:0) and of an entry below it (4.6). */
ALWAYS u64 rights_below(u64 path, u64 e)
{
    return (path & e >> 1 & (R_RW | R_US)) | ((path | e >> 61) & R_XD);
}

/* What the second level keeps of the entry of a small page: the frame, rights of the whole path, D; no key, no G. */
ALWAYS u64 data_below(u64 path, u64 e)
{
    struct walk w = { .above = path << 1, .entry[0] = e };
    return (e & DATA_PA) | rights_below(path, e) | (e & X86_PTE_D ? DATA_D : 0) | leaf_alone_readonly(&w);
}

/* A walk that begins at a page table or a page directory, since a structure cache knows it, and ends with an allowed small
 * page; the sets where it is kept are full.  False: it is not so, and nothing has changed. */
ALWAYS bool short_walk(const struct hot *h, struct tally *t, u64 va, u64 kind, u64 tag, u32 l2_set, u64 *first)
{
    const struct second *pde = &h->pde, *up = &h->pdpte;
    u64 number = psc_number(va, 1), store = kind & 1, path, above = 0, above_pa = 0;
    u32 set = second_set(pde, number), up_set = 0, up_way = 0;
    u32 found = tags_match(pde->tag + (u64)set * pde->ways, pde->all, number | h->space);
    if (found) {
        path = pde->data[(u64)set * pde->ways + (u32)__builtin_ctz(found)];
    } else {
        u64 up_number = number >> 9;
        up_set = second_set(up, up_number);
        u32 upper = tags_match(up->tag + (u64)up_set * up->ways, up->all, up_number | h->space);
        if (RARE(!upper || pde->filled[set] != pde->ways))
            return false;
        up_way = (u32)__builtin_ctz(upper);
        u64 start = up->data[(u64)up_set * up->ways + up_way];
        above_pa = (start & DATA_PA) + (va >> 21 & 511) * 8;
        above = read_entry(h, above_pa);
        if (RARE((above & h->pde_bits) != X86_PTE_P))
            return false;
        path = (above & h->addr_mask) | rights_below(start, above);
    }
    u64 pa = (path & DATA_PA) + (va >> 12 & 511) * 8, e = read_entry(h, pa);
    if (RARE((e & h->pte_bits) != X86_PTE_P))
        return false;
    u64 data = data_below(path, e) | store * DATA_D;
    if (RARE(refuses(h, data, kind)))
        return false;
    if (found) {
        second_touch(pde, set, (u32)__builtin_ctz(found));
        t->psc_hit[0]++;
    } else {
        second_touch(up, up_set, up_way);
        t->psc_hit[1]++;
        t->reads[1]++;
        mark_entry(h, t, above_pa, above, X86_PTE_A);
        second_replace(pde, set, number | h->space, path);
    }
    t->reads[0]++;
    mark_entry(h, t, pa, e, X86_PTE_A | store * X86_PTE_D);
    second_replace(&h->second[kind], l2_set, tag, data);
    t->walks++;
    *first = data;
    return true;
}

/* The common miss.  False: settle_event() has to do it, and nothing has changed. */
ALWAYS bool settle_miss(const struct hot *h, struct tally *t, u64 va, u64 kind, u64 *first)
{
    const struct second *l2 = &h->second[kind];
    u64 number = va >> PAGE_LG2 & TAG_NUMBER, tag = number | h->space;
    u32 set = second_set(l2, number);
    u32 found = tags_match(l2->tag + (u64)set * l2->ways, l2->all, tag);
    if (!found)
        return LIKELY(l2->filled[set] == l2->ways) && short_walk(h, t, va, kind, tag, set, first);
    u32 way = (u32)__builtin_ctz(found);
    u64 data = l2->data[(u64)set * l2->ways + way];
    if (RARE(refuses(h, data, kind)))
        return false;
    second_touch(l2, set, way);
    t->stlb_hit++;
    *first = data;
    return true;
}

ALWAYS void add_up(struct cpu *c, const struct mmu_timing *timing, enum mmu_side side, const struct tally *t)
{
    u64 reads = t->reads[0] + t->reads[1];
    c->stats.l1_miss[side][MMU_4K] += t->stlb_hit + t->walks;
    c->stats.stlb_hit[side][MMU_4K] += t->stlb_hit;
    c->stats.cycles_stlb += t->stlb_hit * timing->stlb_hit_cycles;
    c->stats.walks[side][MMU_4K] += t->walks;
    c->stats.reads[0] += t->reads[0];
    c->stats.reads[1] += t->reads[1];
    c->stats.psc_hit[0] += t->psc_hit[0];
    c->stats.psc_hit[1] += t->psc_hit[1];
    c->stats.ad_writes += t->ad_writes;
    c->stats.cycles_walk += t->walks * timing->walk_base_cycles + t->near * timing->read_near_cycles +
                            (reads - t->near) * timing->read_far_cycles;
}

/* ---- reading ahead: entries that walks will need, into the host's caches; nothing of the model sees it ------------- */

#define AHEAD 12u /* events */

/* The page directory of a GiB, by the entries above; somewhere, when there is none. */
static OUT_OF_LINE u64 find_directory(const struct mmu *m, const struct cpu *c, u64 va)
{
    u64 table = c->reg.cr3 & c->mode.addr_mask;
    for (u32 level = c->mode.levels - 1u; level > 1; level--)
        table = phys_read(m, table + (va >> (12 + 9 * level) & 511) * 8) & c->mode.addr_mask;
    return table;
}

ALWAYS void read_ahead(const struct mmu *m, const struct cpu *c, struct batch *b, u64 va)
{
    u64 gib = va >> 30, i = gib % AHEAD_TABLES;
    if (RARE(b->ahead[i].gib != gib)) {
        b->ahead[i].gib = gib;
        b->ahead[i].table = find_directory(m, c, va);
    }
    u64 table = phys_read(m, b->ahead[i].table + (va >> 21 & 511) * 8) & c->mode.addr_mask;
    u64 entry = table + (va >> 12 & 511) * 8;
    __builtin_prefetch(m->ram + (entry < m->ram_bytes ? entry : 0));
}

ALWAYS u32 settle_as(const struct hot *hot, struct batch *b, const u64 *record, u32 events, bool data_only)
{
    const struct hot h = *hot;
    struct mmu *m = h.m;
    struct cpu *c = h.c;
    struct tally tally[2] = { { 0 }, { 0 } };
    u32 j = 0, ahead = b->walks_much ? AHEAD : BLOCK;
    for (; j < ahead && j < events && b->walks_much; j++)
        read_ahead(m, c, b, mmu_record_va(record[b->event[j] & EVENT_RECORD]));
    for (j = 0; j < events; j++) {
        u32 event = b->event[j];
        if (j + ahead < events)
            read_ahead(m, c, b, mmu_record_va(record[b->event[j + AHEAD] & EVENT_RECORD]));
        u64 r = record[event & EVENT_RECORD], kind = r >> MMU_RECORD_KIND_SHIFT, va = mmu_record_va(r);
        u64 *first = h.first[data_only ? (u64)MMU_LOAD : kind] + (event >> EVENT_SLOT_SHIFT & LANE_SLOT);
        struct tally *t = &tally[data_only ? MMU_SIDE_D : side_of((enum mmu_kind)kind)];
        if (LIKELY(h.quick && event & EVENT_MISS && settle_miss(&h, t, va, kind, first)))
            continue;
        if (!settle_event(m, c, va, (enum mmu_kind)kind, event & EVENT_MISS, first))
            break;
    }
    b->walks_much = 2 * (tally[0].walks + tally[1].walks) > events;
    add_up(c, &m->timing, MMU_SIDE_I, &tally[MMU_SIDE_I]);
    add_up(c, &m->timing, MMU_SIDE_D, &tally[MMU_SIDE_D]);
    return j;
}

/* The events in their order; returns how many are done: all, or the number of the one that is beyond blocks. */
ALWAYS u32 settle(const struct hot *h, struct batch *b, const u64 *record, u32 events)
{
    return data_only(b) ? settle_as(h, b, record, events, true) : settle_as(h, b, record, events, false);
}

#endif
