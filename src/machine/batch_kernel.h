/* SPDX-License-Identifier: MIT
 * batch_kernel.h - blocks of records on lanes, in three steps:
 *
 *   leave out   records that hit the page used last in their set: they change nothing but the count of look-ups
 *   first       the others pass the first level as if every access went through: its order of use depends on pages
 *               alone, not on what translations hold.  Misses, and hits not known to be allowed, become events
 *   settle      events in their order: second level, or walk; rights, A, D, counters, data of the first level
 *
 * Included by one file for each instruction set, which defines BATCH_RUN.
 *
 * What must hold: an event that settle cannot finish (a fault, a refusal, a page larger or global) changes nothing there;
 * the block is then taken back to its beginning and done again up to that record, which mmu_translate() gets.  So walk()
 * decides before it acts. */
#include "machine/access.h"
#include "machine/batch.h"
#include "machine/batch_columns.h"
#include "machine/batch_deep.h"
#include "machine/batch_second.h"
#include "machine/batch_simd.h"
#include "machine/walk.h"

#include <string.h>

ALWAYS u64 record_number(u64 r) { return r >> PAGE_LG2 & TAG_NUMBER; }

/* ---- leave out --------------------------------------------------------------------------------------------------- */

/* Of the listed records those that do not hit the page used last in their set by an access that vouches for them: a load
 * for loads, a store for both.  No branches, as in pass(). */
ALWAYS u32 list_unsettled(struct batch *b, const u64 *record, u32 listed, bool data_only)
{
    u32 n = 0;
    for (u32 j = 0; j < listed; j++) {
        u32 i = b->list[j], kind = (u32)(record[i] >> MMU_RECORD_KIND_SHIFT), array = b->lanes_of[data_only ? MMU_LOAD : kind];
        u64 store = kind & 1, number = record_number(record[i]);
        u64 *last = &b->last[array][number & b->now[array].set_mask];
        u64 differs = *last ^ number << PAGE_LG2; /* 0: the same page, by loads; 1: by a store, too */
        *last = number << PAGE_LG2 | store | (differs == 1);
        b->list[n] = i;
        n += differs - store > 1 - store;
    }
    return n;
}

/* ---- first level ------------------------------------------------------------------------------------------------- */

/* One access passes a set; whatever it is, its page is a hit afterwards.  Returns the event; is: it is one.  Without
 * branches on what is found: nothing predicts it. */
ALWAYS u32 pass(struct lanes *l, bool lru, u64 number, u64 store, u32 *is)
{
    u64 set = number & l->set_mask, *lane = l->lane[set], want = number << LANE_PAGE_SHIFT;
    u32 found = lanes_match(lane, want), at;
    u64 miss = !found;
    if (lru) {
        at = (u32)__builtin_ctz(found | (u32)1 << (l->ways - 1));
    } else {
        u64 tree = l->tree[set];
        u32 victim = l->victim[tree >> 1 & (((u32)1 << (l->ways - 1)) - 1)];
        if (RARE(l->unused[set]))
            victim = (u32)__builtin_ctz(l->unused[set]);
        at = (u32)__builtin_ctz(found | (u32)(miss << victim));
        const u64 *steer = l->t->a.steer + 2 * at;
        l->tree[set] = (tree & steer[0] & ~LANES_MRU) | steer[1] | (u64)at << LANES_MRU_SHIFT;
        l->unused[set] &= (u8)~(miss << at);
    }
    _Static_assert(LANE_LOAD >> 1 == LANE_STORE, "need");
    u64 old = lane[at], need = LANE_LOAD >> store, kept = old & (LANE_SLOT | (miss - 1));
    *is = (u32)miss | !(old & need);
    u64 fresh = kept | want | need | LANE_LOAD;
    if (lru)
        lanes_front(lane, at, fresh);
    else
        lane[at] = fresh;
    return (u32)(old & LANE_SLOT) << EVENT_SLOT_SHIFT | (u32)miss << EVENT_MISS_SHIFT;
}

ALWAYS u32 first_level_as(struct batch *b, const u64 *record, u32 n, bool lru, bool data_only)
{
    u32 events = 0;
    for (u32 j = 0; j < n; j++) {
        u32 i = b->list[j], is;
        u64 r = record[i], kind = r >> MMU_RECORD_KIND_SHIFT;
        struct lanes *l = &b->now[data_only ? b->lanes_of[MMU_LOAD] : b->lanes_of[kind]];
        b->event[events] = i | pass(l, lru, record_number(r), kind & 1, &is);
        events += is;
    }
    return events;
}

/* Both steps; `most` records of the list at most: those that are not left out, when their number is known. */
ALWAYS u32 first_level(struct batch *b, const u64 *record, u32 listed)
{
    bool lru = b->now[0].lru, data = data_only(b);
    if (HAS_COLUMNS && b->columns)
        return data ? columns_first_level(b, record, listed, true) : columns_first_level(b, record, listed, false);
    if (data)
        return lru ? first_level_as(b, record, listed, true, true) : first_level_as(b, record, listed, false, true);
    return lru ? first_level_as(b, record, listed, true, false) : first_level_as(b, record, listed, false, false);
}

/* The records that are not left out, for the list. */
ALWAYS u32 list_block(struct batch *b, const u64 *record, u32 n, struct layout layout, bool first)
{
    bool data = data_only(b);
    struct lanes *l = &b->now[b->lanes_of[MMU_LOAD]];
    if (HAS_COLUMNS && b->columns && data && l->set_mask == LANES - 1)
        return filter(b, record, n, LANES, b->last[b->lanes_of[MMU_LOAD]]);
    u32 listed = 0;
    for (; first && listed < 2 && listed < n; listed++)
        b->list[listed] = listed; /* the very first have none before them */
    listed += list_changes(record, listed, n, layout, b->list + listed);
    return data ? list_unsettled(b, record, listed, true) : list_unsettled(b, record, listed, false);
}

/* ---- blocks ------------------------------------------------------------------------------------------------------ */

ALWAYS void copy_lanes(struct lanes *to, const struct lanes *from, u32 arrays)
{
    for (u32 i = 0; i < arrays; i++) {
        size_t sets = from[i].set_mask + (size_t)1;
        if (from[i].columns) {
            memcpy(to[i].column, from[i].column, (sets + LANES - 1) / LANES * sizeof *to[i].column);
            continue;
        }
        memcpy(to[i].lane, from[i].lane, sets * sizeof *to[i].lane);
        if (from[i].lru)
            continue;
        memcpy(to[i].tree, from[i].tree, sets * sizeof *to[i].tree);
        memcpy(to[i].unused, from[i].unused, sets);
    }
}

/* Look-ups of the first n records. */
ALWAYS void count_lookups(const struct batch *b, struct cpu *c, const u64 *record, u32 n)
{
    u64 fetches = 0;
    for (u32 i = 0; i < n && b->fetches; i++)
        fetches += record[i] >> 63; /* MMU_FETCH is the kind with that bit */
    c->stats.lookups[MMU_SIDE_I] += fetches;
    c->stats.lookups[MMU_SIDE_D] += n - fetches;
}

/* Records that blocks cannot do end a block before them.  Most are those of user programs: no flags, lower half. */
ALWAYS u32 block_length(struct batch *b, const struct cpu *c, const u64 *record, size_t left)
{
    u32 n = left < BLOCK ? (u32)left : BLOCK, va_bits = 64u - c->mode.va_shift, i = 0;
    u64 all = bits_of_all(record, n), kinds = all >> MMU_RECORD_KIND_SHIFT;
    b->fetches = kinds & MMU_FETCH;
    bool columns = HAS_COLUMNS && b->columns;
    if (LIKELY(kinds < 3 && !(all << 2 >> (va_bits + 1)) && !(columns && (all << 4 >> (COLUMN_VA_BITS + 4) || any_low(record, n)))))
        return n;
    while (i < n && !record_odd(record[i], va_bits) &&
           !(columns && (record[i] << 4 >> (COLUMN_VA_BITS + 4) || !(record[i] << 4 >> (COLUMN_SHIFT + 4)))))
        i++;
    return i;
}

/* The events in their order; returns how many are done: all, or the number of the one that is beyond blocks. */
ALWAYS u32 settle_block(const struct hot *h, struct batch *b, const u64 *record, u32 events)
{
    if (!events)
        return 0;
    if (HAS_DEEP && b->deep)
        return data_only(b) ? deep_settle(h, b, record, events, true) : deep_settle(h, b, record, events, false);
    return settle(h, b, record, events);
}

ALWAYS struct layout layout_of(const struct batch *b)
{
    u64 bits = MMU_SLOTS - 1;
    for (u32 a = 0; a < b->arrays; a++)
        bits &= b->now[a].set_mask;
    return (struct layout){ bits, b->lanes_of[MMU_LOAD] == b->lanes_of[MMU_STORE] };
}

ALWAYS size_t blocks(const struct hot *hot, struct batch *b, const u64 *record, size_t n)
{
    struct cpu *c = hot->c;
    const struct layout layout = layout_of(b);
    for (size_t done = 0; done < n;) {
        const u64 *block = record + done;
        u32 length = block_length(b, c, block, n - done);
        if (!length)
            return done;
        u32 listed = list_block(b, block, length, layout, !done);
        if (listed)
            copy_lanes(b->before, b->now, b->arrays);
        u32 events = first_level(b, block, listed), settled = settle_block(hot, b, block, events);
        if (RARE(settled < events)) {
            u32 stop = b->event[settled] & EVENT_RECORD, again = 0;
            while (again < listed && b->list[again] < stop)
                again++;
            copy_lanes(b->now, b->before, b->arrays);
            memset(b->last, 0xff, sizeof b->last);
            first_level(b, block, again);
            count_lookups(b, c, block, stop);
            return done + stop;
        }
        count_lookups(b, c, block, length);
        done += length;
    }
    return n;
}

size_t BATCH_RUN(struct mmu *m, struct cpu *c, struct batch *b, const u64 *record, size_t n)
{
    lanes_load(b, c, HAS_COLUMNS);
    const struct hot hot = hot_of(m, c, b);
    b->deep = HAS_DEEP && n >= b->deep_least && b->columns && hot.quick && deep_possible(c);
    if (b->deep)
        deep_load(&b->deep_state, c);
    size_t done = blocks(&hot, b, record, n);
    if (b->deep) {
        *hot.pdpte.mru = (u8)(*hot.pdpte.order & 15);
        deep_store(&b->deep_state, c);
        b->in_deep += done;
    }
    lanes_store(b, c);
    return done;
}
