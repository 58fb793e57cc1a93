/* SPDX-License-Identifier: MIT
 * batch_deep.h - the events of a block beyond the first level, in stages, on rows (batch.h): AVX-512, long batches.  Each
 * stage is a loop of its own, without branches on what cannot be predicted, so that the host has many of its memory
 * accesses under way at once:
 *
 *   look    the second level, as if every walk succeeded: its order of use depends on pages alone.  A page that is
 *           not there takes its way at once; its translation is PENDING until it is known
 *   begin   where each walk begins: structure caches, in the same manner; page-directory entries are read, page-table
 *           entries are on their way into the host's caches
 *   judge   page-table entries: a small page, allowed, no key?
 *   act     A and D, counters, translations in place of what was PENDING
 *
 * What must hold: look, begin and judge change only what deep_undo() takes back.  A stretch of events of which one turns out
 * to be for settle_event() is taken back, done again up to that one, and goes on after it. */
#ifndef PAGEWALK_MACHINE_BATCH_DEEP_H
#define PAGEWALK_MACHINE_BATCH_DEEP_H

#include "machine/batch_second.h"

#include <string.h>

#if defined __AVX512F__

#define HAS_DEEP true

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* One access passes a set.  Returns the place where the tag was, or the last one; gone: what stood there; way: its way.
 * miss: the tag was not there. */
ALWAYS u32 row_pass(const struct rows *r, u32 set, u32 tag, u32 last, u32 *gone, u32 *way, u64 *miss)
{
    u32 *row = r->row[set].tag;
    u8 *ways = r->ways[set].way;
    __m512i old = _mm512_load_si512(row), fresh = _mm512_set1_epi32((int)tag);
    __m128i places = _mm_load_si128((const __m128i *)ways);
    u32 found = bits16_of(_mm512_cmpeq_epi32_mask(old, fresh)), at = found | last, moved = at ^ (at - 1), place = (u32)__builtin_ctz(at);
    *gone = row[place];
    *way = ways[place];
    *miss = !found;
    _mm512_store_si512(row, _mm512_mask_alignr_epi32(old, (__mmask16)moved, old, fresh, 15));
    _mm_store_si128((__m128i *)ways, _mm_mask_alignr_epi8(places, (__mmask16)moved, places, _mm_set1_epi8((char)*way), 15));
    return place;
}

/* ---- look -------------------------------------------------------------------------------------------------------- */

#define PENDING ((u64)1 << 63)   /* in data: the translation of walk number data >> PENDING_SHIFT; D: it is a store's   */
#define PENDING_SHIFT 12
#define NO_SET 0xffff

ALWAYS u32 pending_walk(u64 data) { return (u32)(data >> PENDING_SHIFT) & (2 * BLOCK - 1); }

struct stretch { u32 from, to, walks, later; };

ALWAYS u64 *first_of(const struct hot *h, u32 event, u64 kind, bool data_only)
{
    return h->first[data_only ? (u64)MMU_LOAD : kind] + (event >> EVENT_SLOT_SHIFT & LANE_SLOT);
}

/* The kind of an event's access. */
ALWAYS u64 kind_of(const struct batch *b, const u64 *record, u32 event)
{
    return record[b->event[event] & EVENT_RECORD] >> MMU_RECORD_KIND_SHIFT;
}

/* A set of the second level as it was before an event. */
static OUT_OF_LINE void undo_event(const struct rows *r, const struct undo *u)
{
    if (u->set == NO_SET)
        return;
    u32 *row = r->row[u->set].tag;
    u8 *ways = r->ways[u->set].way, way = ways[0];
    for (u32 i = 0; i < u->place; i++) {
        row[i] = row[i + 1];
        ways[i] = ways[i + 1];
    }
    row[u->place] = u->tag;
    ways[u->place] = way;
    r->a->data[assoc_at(r->a, u->set, way)] = u->data;
}

/* Events from s->from on, up to one that settle_event() must do.  Returns which, or s->to. */
ALWAYS u32 look(const struct hot *hot, struct batch *b, const u64 *record, struct stretch *s, struct tally *tally, bool data_only)
{
    const struct hot here = *hot, *h = &here;
    struct deep *d = &b->deep_state;
    const struct rows mine[2] = { d->second[0], d->second[1] };
    const struct assoc *a[2] = { mine[0].a, mine[1].a ? mine[1].a : mine[0].a };
    u64 *const data_of[2] = { a[0]->data, a[1]->data };
    const u32 ways[2] = { a[0]->ways, a[1]->ways }, set_mask[2] = { a[0]->set_mask, a[1]->set_mask };
    const u8 fold[2] = { a[0]->fold, a[1]->fold };
    u32 walks = 0, later = 0, j = s->from;
    u64 hits[2] = { 0, 0 };
    for (const u32 to = s->to; j < to; j++) {
        u32 event = b->event[j], gone, way;
        u64 r = record[event & EVENT_RECORD], kind = r >> MMU_RECORD_KIND_SHIFT, number = r >> PAGE_LG2 & TAG_NUMBER, miss;
        u64 *first = first_of(h, event, kind, data_only);
        struct undo *u = &d->undo[j];
        if (RARE(!(event & EVENT_MISS))) {
            u64 data = *first;
            u->set = NO_SET;
            if (data & PENDING)
                d->later[later++] = (struct later){ j, pending_walk(data) };
            else if (refuses(h, data, kind))
                break;
            continue;
        }
        u32 i = data_only ? 0 : d->second_of[kind], set = (u32)(number ^ number >> fold[i]) & set_mask[i];
        u32 place = row_pass(&mine[i], set, (u32)(r >> COLUMN_SHIFT), (u32)1 << (ways[i] - 1), &gone, &way, &miss);
        u64 *at = &data_of[i][set * ways[i] + way], old = *at, fill = PENDING | (u64)walks << PENDING_SHIFT | (kind & 1) * DATA_D;
        *u = (struct undo){ old, gone, (u16)set, (u8)place };
        u64 hit = miss - 1;      /* all ones, or zero */
        __asm__("" : "+r"(hit)); /* nothing predicts it: no branch */
        if (RARE((refuses(h, old, kind) | old >> 63) & hit)) {
            if (!(old & PENDING)) {
                undo_event(&mine[i], u);
                break;
            }
            d->later[later++] = (struct later){ j, pending_walk(old) };
        }
        u64 data = (old & hit) | (fill & ~hit);
        d->walk.asked[walks] = r;
        d->walk.event[walks] = j;
        d->walk.at[walks] = set * ways[i] + way;
        walks += (u32)miss;
        hits[data_only ? MMU_SIDE_D : side_of((enum mmu_kind)kind)] -= hit;
        *at = data;
        *first = data;
    }
    tally[0].stlb_hit = hits[0];
    tally[1].stlb_hit = hits[1];
    s->walks = walks;
    s->later = later;
    return j;
}

/* ---- begin ------------------------------------------------------------------------------------------------------- */

#define NO_ENTRY (~(u64)0)

/* Returns the event of a walk that does not begin at a page table or directory, or meets something unusual there; s->to: there is
 * none. */
ALWAYS u32 begin(const struct hot *hot, struct batch *b, const struct stretch *s, struct tally *tally)
{
    const struct hot here = *hot, *h = &here;
    struct deep *d = &b->deep_state;
    const struct rows pde = d->pde;
    const struct second *up = &h->pdpte;
    const u32 walks = s->walks, set_mask = pde.a->set_mask, ways = pde.a->ways, last = (u32)1 << (ways - 1);
    struct deep_walks *w = &d->walk;
    u64 hits = 0, *pde_data = pde.a->data;
    u64 order = *up->order;
    u32 i = 0;
    memset(w->marks, 0, sizeof w->marks);
    for (; i < walks; i++) {
        u64 va = mmu_record_va(w->asked[i]), number = va >> 21, path, miss;
        u32 set = (u32)number & set_mask, gone, way;
        row_pass(&pde, set, (u32)number + 1, last, &gone, &way, &miss);
        u64 *at = &pde_data[set * ways + way], above_pa = NO_ENTRY;
        if (!miss) {
            path = *at;
            hits++;
        } else {
            u32 upper = tags_match(up->tag, up->all, number >> 9 | h->space), up_way = (u32)__builtin_ctz(upper | 1u << 16);
            if (RARE(!upper))
                break;
            u64 start = up->data[up_way];
            above_pa = (start & DATA_PA) + (number & 511) * 8;
            u64 above = read_entry(h, above_pa);
            if (RARE((above & h->pde_bits) != X86_PTE_P))
                break;
            path = (above & h->addr_mask) | rights_below(start, above);
            order = lru16_touch(order, up_way);
            *at = path;
            if (RARE(!(above & X86_PTE_A)))
                w->marks[i / LANES] |= (u8)(1u << i % LANES);
        }
        u64 pa = (path & DATA_PA) + (va >> 12 & 511) * 8;
        w->above_pa[i] = above_pa;
        w->path[i] = path;
        w->pa[i] = pa;
        __builtin_prefetch(h->ram + (pa < h->ram_bytes ? pa : 0));
    }
    *up->order = order;
    tally->psc_hit[0] = hits;
    tally->psc_hit[1] = walks - hits;
    return i < walks ? w->event[i] : s->to;
}

/* ---- judge ------------------------------------------------------------------------------------------------------- */

/* Entries at eight addresses; all ones outside RAM. */
ALWAYS __m512i read_entries(const struct hot *h, __m512i pa, __mmask8 wanted)
{
    __mmask8 inside = _mm512_mask_cmplt_epu64_mask(wanted, pa, longs(h->ram_bytes));
    return _mm512_mask_i64gather_epi64(longs(~(u64)0), inside, pa, h->ram, 1);
}

/* Bit i: entry i lacks A, or D for a store. */
ALWAYS __mmask8 lacks_marks(__m512i e, __mmask8 stores)
{
    return _mm512_testn_epi64_mask(e, longs(X86_PTE_A)) | (stores & _mm512_testn_epi64_mask(e, longs(X86_PTE_D)));
}

/* data_below() of eight entries. */
ALWAYS __m512i data_below_all(__m512i path, __m512i e, __mmask8 stores)
{
    _Static_assert(X86_PTE_D >> 3 == DATA_D && R_XD == 4 && R_RW == 1, "shifts");
    __m512i below = _mm512_srli_epi64(e, 1), data = _mm512_and_si512(e, longs(DATA_PA));
    __m512i grants = _mm512_ternarylogic_epi64(path, below, longs(R_RW | R_US), 0x80);
    __m512i denies = _mm512_ternarylogic_epi64(path, _mm512_srli_epi64(e, 61), longs(R_XD), 0xa8);
    __m512i alone = _mm512_slli_epi64(_mm512_ternarylogic_epi64(path, below, longs(R_RW), 0x20), DATA_LEAF_RO_BIT);
    __m512i dirty = _mm512_and_si512(_mm512_srli_epi64(e, 3), longs(DATA_D));
    data = _mm512_or_si512(_mm512_ternarylogic_epi64(data, grants, denies, 0xfe), _mm512_or_si512(alone, dirty));
    return _mm512_mask_or_epi64(data, stores, data, longs(DATA_D));
}

/* Returns the first event that a translation refuses or that needs more than these walks can do; s->to: there is none. */
ALWAYS u32 judge(const struct hot *hot, struct batch *b, const u64 *record, const struct stretch *s)
{
    const struct hot here = *hot, *h = &here;
    struct deep *d = &b->deep_state;
    struct deep_walks *w = &d->walk;
    const __m512i refused = _mm512_set_epi64(0, 0, 0, 0, 0, h->refused[MMU_FETCH], h->refused[MMU_STORE], h->refused[MMU_LOAD]);
    const u32 walks = s->walks;
    u32 bad = s->to;
    for (u32 i = 0; i < walks; i += LANES) {
        __mmask8 wanted = walks - i >= LANES ? 0xff : (__mmask8)((1u << (walks - i)) - 1);
        __m512i asked = _mm512_load_si512(w->asked + i), e = read_entries(h, _mm512_load_si512(w->pa + i), wanted);
        __mmask8 stores = _mm512_test_epi64_mask(asked, longs(RECORD_STORE));
        __m512i data = data_below_all(_mm512_load_si512(w->path + i), e, stores);
        __m512i denied = _mm512_permutexvar_epi64(_mm512_srli_epi64(asked, MMU_RECORD_KIND_SHIFT), refused);
        __m512i denies = _mm512_srlv_epi64(denied, _mm512_and_si512(data, longs(DATA_RIGHTS)));
        __mmask8 unusual = _mm512_cmpneq_epu64_mask(_mm512_and_si512(e, longs(h->pte_bits)), longs(X86_PTE_P));
        unusual = wanted & (unusual | _mm512_test_epi64_mask(denies, longs(1)));
        _mm512_store_si512(w->data + i, data);
        w->marks[i / LANES] |= wanted & lacks_marks(e, stores);
        if (RARE(unusual)) {
            bad = w->event[i + (u32)__builtin_ctz(bits_of(unusual))];
            break;
        }
    }
    for (u32 i = s->later; i--;) {
        struct later l = d->later[i];
        if (l.event < bad && refuses(h, w->data[l.walk], kind_of(b, record, l.event)))
            bad = l.event;
    }
    return bad;
}

/* ---- act --------------------------------------------------------------------------------------------------------- */

/* A line is near from now on.  Returns whether it was. */
ALWAYS u64 near_read(const struct hot *h, u64 pa)
{
    u64 line = (pa >> 6) + 1;
    return near_front(h->near_line[(line ^ line >> 6) & h->near_mask], line);
}

/* Sets bits of an entry; what changes is counted. */
ALWAYS void set_marks(const struct hot *h, struct tally *t, u64 pa, u64 marks)
{
    u64 e = read_entry(h, pa);
    if (!(marks & ~e))
        return;
    e |= marks;
    __builtin_memcpy(h->ram + pa, &e, sizeof e);
    t->ad_writes++;
}

ALWAYS void act(const struct hot *hot, struct batch *b, const u64 *record, const struct stretch *s, struct tally *total, bool data_only)
{
    const struct hot here = *hot, *h = &here;
    struct deep *d = &b->deep_state;
    struct deep_walks *w = &d->walk;
    struct tally tally = { 0 };
    const u32 walks = s->walks;
    u64 near = 0, fetched = 0;
    for (u32 i = 0; i < walks; i++) {
        u64 kind = w->asked[i] >> MMU_RECORD_KIND_SHIFT, pa = w->pa[i], above_pa = w->above_pa[i];
        if (above_pa != NO_ENTRY)
            near += near_read(h, above_pa);
        near += near_read(h, pa);
        if (RARE(w->marks[i / LANES] >> i % LANES & 1)) {
            if (above_pa != NO_ENTRY)
                set_marks(h, &tally, above_pa, X86_PTE_A);
            set_marks(h, &tally, pa, X86_PTE_A | (kind & 1) * X86_PTE_D);
        }
        u64 data = w->data[i] | (read_entry(h, pa) >> 3 & DATA_D); /* a walk before it may have set D */
        h->second[data_only ? (u64)MMU_LOAD : kind].data[w->at[i]] = data;
        u64 *first = first_of(h, b->event[w->event[i]], kind, data_only), is = *first;
        *first = is & PENDING && pending_walk(is) == i ? data : is;
        fetched += data_only ? 0 : kind >> 1;
    }
    for (u32 i = 0; i < s->later; i++) {
        struct later l = d->later[i];
        u64 *first = first_of(h, b->event[l.event], kind_of(b, record, l.event), data_only);
        if (*first & PENDING)
            *first = w->data[pending_walk(*first)];
    }
    total[0].near += near;
    total[0].ad_writes += tally.ad_writes;
    total[0].reads[0] = walks;
    total[0].reads[1] = total[0].psc_hit[1];
    total[MMU_SIDE_I].walks += fetched;
    total[MMU_SIDE_D].walks += walks - fetched;
}

/* ---- taking back ------------------------------------------------------------------------------------------------- */

static void copy_first(struct batch *b, bool back)
{
    for (u32 i = 0; i < b->arrays; i++) {
        const struct lanes *l = &b->now[i];
        u64 *data = l->t->a.data, *copy = b->deep_state.first[i];
        memcpy(back ? data : copy, back ? copy : data, (l->set_mask + (size_t)1) * l->ways * sizeof *data);
    }
}

static void copy_caches(const struct hot *h, struct deep *d, bool back)
{
    const struct assoc *a = d->pde.a;
    size_t sets = a->set_mask + (size_t)1, bytes = sets * a->ways * sizeof *a->data;
    memcpy(back ? d->row_pde : d->pde_row, back ? d->pde_row : d->row_pde, sets * sizeof *d->pde_row);
    memcpy(back ? d->ways_pde : d->pde_ways, back ? d->pde_ways : d->ways_pde, sets * sizeof *d->pde_ways);
    memcpy(back ? a->data : d->pde_data, back ? d->pde_data : a->data, bytes);
    *(back ? h->pdpte.order : &d->pdpte_order) = back ? d->pdpte_order : *h->pdpte.order;
}

static OUT_OF_LINE void deep_undo(const struct hot *h, struct batch *b, const u64 *record, const struct stretch *s)
{
    struct deep *d = &b->deep_state;
    for (u32 j = s->to; j-- > s->from;)
        undo_event(&d->second[d->second_of[kind_of(b, record, j)]], &d->undo[j]);
    copy_first(b, true);
    copy_caches(h, d, true);
}

/* ---- together ---------------------------------------------------------------------------------------------------- */

/* Settles the events from s->from to s->to, or to the one that it returns, which settle_event() must do. */
ALWAYS u32 settle_stretch(const struct hot *h, struct batch *b, const u64 *record, struct stretch *s, bool data_only)
{
    struct tally tally[2] = { { 0 }, { 0 } };
    copy_first(b, false);
    copy_caches(h, &b->deep_state, false);
    s->to = look(h, b, record, s, tally, data_only);
    while (s->walks) {
        u32 good = begin(h, b, s, tally);
        if (good == s->to)
            good = judge(h, b, record, s);
        if (LIKELY(good == s->to))
            break;
        deep_undo(h, b, record, s);
        s->to = good;
        tally[0] = tally[1] = (struct tally){ 0 };
        look(h, b, record, s, tally, data_only);
    }
    act(h, b, record, s, tally, data_only);
    add_up(h->c, &h->m->timing, MMU_SIDE_I, &tally[MMU_SIDE_I]);
    add_up(h->c, &h->m->timing, MMU_SIDE_D, &tally[MMU_SIDE_D]);
    return s->to;
}

/* An event on the arrays themselves. */
static OUT_OF_LINE bool deep_event(const struct hot *h, struct deep *d, u64 r, bool miss, u64 *first)
{
    u64 va = mmu_record_va(r);
    enum mmu_kind kind = mmu_record_kind(r);
    *h->pdpte.mru = (u8)(*h->pdpte.order & 15);
    deep_store_va(d, h->c, kind, va);
    bool done = settle_event(h->m, h->c, va, kind, miss, first);
    deep_load_va(d, h->c, kind, va);
    return done;
}

/* The events in their order; returns how many are done: all, or the number of the one that is beyond blocks. */
ALWAYS u32 deep_settle(const struct hot *h, struct batch *b, const u64 *record, u32 events, bool data_only)
{
    struct deep *d = &b->deep_state;
    for (u32 done = 0; done < events;) {
        u32 end = events - done < d->stretch ? events : done + d->stretch;
        struct stretch s = { .from = done, .to = end };
        done = settle_stretch(h, b, record, &s, data_only);
        if (LIKELY(done == end)) {
            d->stretch = 2 * d->stretch < BLOCK ? 2 * d->stretch : BLOCK;
            continue;
        }
        d->stretch = d->stretch > 2 * STRETCH_LEAST ? d->stretch / 2 : STRETCH_LEAST;
        u32 event = b->event[done];
        u64 *first = first_of(h, event, kind_of(b, record, done), data_only);
        if (!deep_event(h, d, record[event & EVENT_RECORD], event & EVENT_MISS, first))
            return done;
        done++;
    }
    return events;
}
#else
#define HAS_DEEP false

ALWAYS u32 deep_settle(const struct hot *h, struct batch *b, const u64 *record, u32 events, bool data_only)
{
    (void)h, (void)b, (void)record, (void)data_only;
    return events;
}
#endif

#endif
