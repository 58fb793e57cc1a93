/* SPDX-License-Identifier: MIT
 * changes.c - what a store to the paging structures does to an entry on the path; see world.h. */
#include "world.h"

#include <string.h>

const struct change changes[] = {
    { "clear P", ANY, 0, 0, P, 0, BITS },
    { "set P", ANY, P, 0, 0, P, BITS },
    { "clear R/W", ANY, 0, 0, RW, 0, BITS },
    { "set R/W", ANY, RW, 0, 0, RW, BITS },
    { "clear U/S", ANY, 0, 0, US, 0, BITS },
    { "set U/S", ANY, US, 0, 0, US, BITS },
    { "set XD", ANY, 0, 0, 0, XD, BITS },
    { "clear XD", ANY, 0, XD, XD, 0, BITS },
    { "clear A", ANY, 0, A, A, 0, BITS },
    { "set A", ANY, A, 0, 0, A, BITS },
    { "clear D", LEAF, 0, A | D, D, 0, BITS },
    { "set D", LEAF, D, A, 0, D, BITS },
    { "clear A, D", LEAF, 0, A | D, A | D, 0, BITS },
    { "set key", LEAF, 0, 0, 0, KEY1, BITS },
    { "clear key", LEAF, 0, KEY1, KEY1, 0, BITS },
    { "turn G", LEAF, 0, 0, 0, 0, TURN_G },
    { "reserved", ANY, 0, 0, 0, 1ull << 51, BITS },
    { "frame", LEAF, 0, 0, 0, 0, FRAME },
    { "other table", TABLE, 0, 0, 0, 0, REPLACE },
    { "split", LEAF, 0, 0, 0, 0, SPLIT },
    { "merge", TABLE, 0, 0, 0, 0, MERGE },
};
const unsigned changes_len = sizeof changes / sizeof *changes;

bool change_possible(const struct world *w, const struct change *c, unsigned level)
{
    bool leaf = level == w->leaf_level;
    if (!(c->where & (leaf ? LEAF : TABLE)))
        return false;
    return (c->what != SPLIT || level) && (c->what != MERGE || (level == w->leaf_level + 1 && level < 3));
}

static uint64_t leaf(const struct world *w, uint64_t frame, unsigned level)
{
    return frame_at(frame, level) | P | RW | US | w->g | (level ? PS : 0);
}

/* The address and its neighbour in one table. */
static void put(const struct world *w, uint64_t table, unsigned level, unsigned leaf_level, uint64_t frame)
{
    uint64_t beside = 1ull << (12 + 9 * level);
    bool last = level == leaf_level;
    uint64_t below = last ? 0 : table == FIRST(level) ? FIRST(level - 1) : OTHER(level - 1);
    *entry_in(w, table, VA, level) = last ? leaf(w, frame, level) : below | P | RW | US;
    if (last)
        *entry_in(w, table, VA + beside, level) = leaf(w, frame + beside, level);
}

void world_clear(const struct world *w)
{
    memset(w->ram, 0, WORLD_RAM);
}

void world_map(const struct world *w, const struct change *c, unsigned level)
{
    for (unsigned l = w->leaf_level; l < 4; l++) {
        put(w, FIRST(l), l, w->leaf_level, OLD_FRAME);
        put(w, OTHER(l), l, w->leaf_level, NEW_FRAME);
    }
    if (c->what == SPLIT)
        put(w, OTHER(level - 1), level - 1, level - 1, NEW_FRAME);
    uint64_t *e = entry_in(w, FIRST(level), VA, level);
    *e = (*e & ~c->clear_before) | c->set_before;
}

void change_make(const struct world *w, const struct change *c, unsigned level)
{
    uint64_t *e = entry_in(w, FIRST(level), VA, level), old = *e;
    switch (c->what) {
    case BITS: *e = (old & ~c->clear) | c->set; break;
    case TURN_G: *e = old ^ G; break;
    case FRAME: *e = leaf(w, NEW_FRAME, level) | (old & (A | D)); break;
    case REPLACE:
    case SPLIT: *e = OTHER(level - 1) | P | RW | US; break;
    case MERGE: *e = leaf(w, NEW_FRAME, level); break;
    }
}
