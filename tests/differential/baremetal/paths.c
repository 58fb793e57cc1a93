/* SPDX-License-Identifier: MIT
 * paths.c - the addresses and page tables of a case, and where in physical memory they may lie.  Called by generate.c.
 *
 * A page in a large page must have the low address bits of its frame, so those bits of the address come from the
 * frame; all other bits of both are random, so that no bit of one can stand in for the other. */
#include "generate.h"

#define GIB ((u64)1 << 30)
#define UNIT ((u64)2 << 20)

#define P 1ull
#define RW (1ull << 1)
#define US (1ull << 2)
#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7)
#define XD (1ull << 63)

/* ---- frames ------------------------------------------------------------------------------------------------------ */

u64 fresh_table(struct gen *g)
{
    return g->layout->table[(g->first_table + 5 * g->tables++) % TABLE_FRAMES];
}

static u64 some_frame(struct gen *g)
{
    return g->code ? g->layout->code[below(g, CODE_FRAMES)] : g->layout->data[below(g, DATA_FRAMES)];
}

static bool holds_table(const struct layout *l, u64 pa)
{
    for (u32 i = 0; i < TABLE_FRAMES; i++)
        if (l->table[i] == pa || l->table[i] == pa + 4096)
            return true;
    return false;
}

static bool may_hold_data(const struct layout *l, u64 pa)
{
    return layout_is_ram(l, pa) && layout_is_ram(l, pa + 4096) && !holds_table(l, pa);
}

/* Where the leaves of the case may move to: a frame that has the same low bits. */
static void other_frames(struct gen *g, bool shared_leaf)
{
    struct path *a = &g->c->path[0], *b = &g->c->path[1];
    for (u32 i = 0; i < g->c->paths; i++) {
        struct path *p = &g->c->path[i];
        u64 low = p->frame[0] & ((p->last == 2 ? GIB : UNIT) - 1);
        p->frame[1] = p->last == 0 ? some_frame(g) : p->last == 1 ? (some_frame(g) & ~(UNIT - 1)) | low
                                                                  : (u64)below(g, 8) * GIB + low;
    }
    if (shared_leaf)
        b->frame[1] = a->frame[1] + (b->frame[0] - a->frame[0]);
    if (!may_hold_data(g->layout, a->frame[1]) || (g->c->paths == 2 && !may_hold_data(g->layout, b->frame[1]))) {
        a->frame[1] = a->frame[0];
        b->frame[1] = b->frame[0];
    }
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static u64 reserved_entry(struct gen *g, u32 level, u64 e)
{
    u32 maxphyaddr = g->part->maxphyaddr;
    if (level >= 3 && chance(g, 50))
        return e | PS;
    if (level == 2 && e & PS && chance(g, 60))
        return e | (u64)1 << (13 + below(g, 17));
    if (level == 1 && e & PS && chance(g, 60))
        return e | (u64)1 << (13 + below(g, 8));
    if (maxphyaddr < 52)
        return e | (u64)1 << (maxphyaddr + below(g, 52 - maxphyaddr));
    return e;
}

/* Bits whose value the manual says is ignored, PWT, PCD, and in a leaf G, PAT and the key (SDM3 4.5). */
static u64 noise_bits(struct gen *g, u32 level, bool leaf)
{
    u64 mask = 0xe00ull | 0x18ull | 0x7ffull << 52 | 1ull << 8;
    if (leaf)
        mask |= level ? 1ull << 12 : PS;
    else
        mask |= D;
    return random64(g) & mask;
}

u64 random_entry(struct gen *g, u32 level, bool leaf, u64 next)
{
    u64 e = P | next | noise_bits(g, level, leaf);
    e |= leaf && level ? PS : 0;
    e |= chance(g, 93) ? RW : 0;
    e |= chance(g, leaf ? 70 : 90) ? US : 0;
    e |= chance(g, g->now.nxe ? 10 : 2) ? XD : 0;
    e |= chance(g, 60) ? A : 0;
    e |= leaf && chance(g, 50) ? D : 0;
    if (chance(g, 3))
        return random64(g) & ~P;
    if (chance(g, 4))
        return reserved_entry(g, level, e);
    return e;
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

static u64 sign_extended(u64 va, u32 levels)
{
    u32 top = 11 + 9 * levels;
    return va >> top & 1 ? va | ~(u64)0 << top : va & (((u64)2 << top) - 1);
}

/* Indices below `last` as in the frame, others random; slot 0 of the root is the guest's. */
static u64 random_va(struct gen *g, u64 frame, u32 last)
{
    u32 levels = g->c->levels;
    u64 low = ((u64)1 << (12 + 9 * last)) - 1, va = (frame & low) | (random64(g) & ~low & ~(u64)0xfff);
    u32 top = 12 + 9 * (levels - 1);
    va &= ((u64)1 << (top + 9)) - 1;
    if (!(va >> top))
        va |= (u64)(1 + below(g, 511)) << top;
    va = sign_extended(va, levels);
    if (chance(g, 3)) /* not canonical: one of the bits that must equal the sign does not */
        va ^= (u64)1 << (12 + 9 * levels + below(g, 52 - 9 * levels));
    return va;
}

static u8 random_last(struct gen *g, u32 highest)
{
    u32 n = below(g, 20);
    u8 last = n < 12 ? 0 : n < 17 ? 1 : 2;
    return last > highest ? (u8)highest : last;
}

/* The first path, whose next page is another one at level `boundary` (indices below are 511). */
static void path_before(struct gen *g, u32 boundary)
{
    struct path *p = &g->c->path[0];
    bool at_edge = boundary > 0 && g->layout->edges;
    p->last = random_last(g, 2);
    if (at_edge && p->last == 2 && boundary == 1)
        p->last = 1;
    p->frame[0] = at_edge ? g->layout->edge[below(g, g->layout->edges)] - 4096 : some_frame(g);
    p->va = random_va(g, p->frame[0], p->last);
    if (!at_edge) {
        if (p->last == 0 && (p->va >> 12 & 511) == 511)
            p->va -= 4096;
        return;
    }
    u32 top = g->c->levels - 1;
    p->va |= (((u64)1 << 9 * boundary) - 1) << 12;
    if ((p->va >> (12 + 9 * boundary) & 511) == 511) /* go no further, nor around the end */
        p->va ^= (u64)1 << (12 + 9 * boundary);
    if (boundary == top && chance(g, 30)) /* the next page is not canonical */
        p->va = (((u64)1 << (11 + 9 * g->c->levels)) - 1) & ~(u64)0xfff;
}

/* Where the second path leaves the tables of the first; LEVELS: nowhere, they share the leaf. */
static u32 parting(const struct test_case *c)
{
    const struct path *a = &c->path[0], *b = &c->path[1];
    for (u32 level = c->levels - 1u;; level--) {
        if ((a->va ^ b->va) >> (12 + 9 * level) & 511)
            return level;
        if (level == a->last)
            return LEVELS;
    }
}

/* Tables of its own from the root down. */
static void fill_own(struct gen *g, struct path *p)
{
    u64 offset = ((u64)1 << (12 + 9 * p->last)) - 1;
    for (u32 level = g->c->levels; level-- > p->last;)
        p->table[level] = fresh_table(g);
    for (u32 level = g->c->levels; level-- > p->last;)
        p->entry[level] = random_entry(g, level, level == p->last, level == p->last ? p->frame[0] & ~offset
                                                                                  : p->table[level - 1]);
}

static void fill_second(struct gen *g)
{
    struct path *p = &g->c->path[1];
    const struct path *first = &g->c->path[0];
    u32 part = parting(g->c);
    u64 offset = ((u64)1 << (12 + 9 * p->last)) - 1;
    for (u32 level = g->c->levels; level-- > p->last;) {
        bool shared_table = part == LEVELS || level >= part, shared_entry = part == LEVELS || level > part;
        p->table[level] = shared_table ? first->table[level] : fresh_table(g);
        p->entry[level] = shared_entry ? first->entry[level] : 0;
    }
    for (u32 level = part == LEVELS ? 0 : part + 1; level-- > p->last;)
        p->entry[level] = random_entry(g, level, level == p->last, level == p->last ? p->frame[0] & ~offset
                                                                                  : p->table[level - 1]);
}

/* The page after the first, or a page that shares tables with it down to a random level. */
static void path_after(struct gen *g, bool next_page)
{
    struct path *p = &g->c->path[1];
    const struct path *first = &g->c->path[0];
    bool start;

    if (next_page) {
        p->va = first->va + 4096;
    } else {
        u32 level = below(g, g->c->levels);
        u64 low = ((u64)1 << (12 + 9 * level)) - 1, index = (first->va >> (12 + 9 * level) & 511) ^ (1 + below(g, 511));
        if (level == g->c->levels - 1u && !index)
            index = (first->va >> (12 + 9 * level) & 511);
        p->va = (first->va & ~(low | (u64)511 << (12 + 9 * level))) | index << (12 + 9 * level);
        p->va |= random64(g) & low & ~(u64)0xfff;
        p->va = sign_extended(p->va, g->c->levels);
    }
    u32 part = parting(g->c);
    if (part == LEVELS) { /* in the large page of the first: its next page, which the layout keeps free */
        p->last = first->last;
        p->va = first->va + 4096;
        p->frame[0] = first->frame[0] + 4096;
        return;
    }
    p->last = random_last(g, part > 2 ? 2 : part);
    start = next_page && part > 0 && g->layout->edges; /* all indices below are 0 */
    p->frame[0] = start ? g->layout->edge[below(g, g->layout->edges)] : some_frame(g);
    if (next_page && !start)
        p->last = 0;
    if (!next_page && p->last) {
        u64 low = ((u64)1 << (12 + 9 * p->last)) - 1;
        p->va = (p->va & ~low) | (p->frame[0] & low);
    }
}

/* The address of the first path, under another root. */
static void path_elsewhere(struct gen *g)
{
    struct path *p = &g->c->path[1];
    const struct path *first = &g->c->path[0];
    u64 frame = some_frame(g), unit = first->last == 2 ? GIB : UNIT;
    p->va = first->va;
    p->last = first->last;
    p->frame[0] = p->last ? (frame & ~(unit - 1)) | (first->frame[0] & (unit - 1)) : frame;
    if (!may_hold_data(g->layout, p->frame[0])) { /* pages of 4 KiB fit everywhere */
        p->last = 0;
        p->frame[0] = frame;
    }
}

static void make_cr3(struct gen *g)
{
    struct test_case *c = g->c;
    u64 low = random64(g) & (c->context.pcide ? 0xfff : 0x18);
    for (u32 i = 0; i < PATHS; i++)
        c->cr3[i] = c->path[c->spaces ? i : 0].table[c->levels - 1] | low;
    if (c->spaces && c->context.pcide)
        c->cr3[1] ^= 1 + below(g, 4095); /* another PCID */
}

void make_paths(struct gen *g, bool next_page)
{
    struct test_case *c = g->c;
    struct path *p = &c->path[0];

    g->first_table = below(g, TABLE_FRAMES);
    if (next_page) {
        path_before(g, chance(g, 40) ? 0 : 1 + below(g, c->levels - 1u));
    } else {
        p->last = random_last(g, 2);
        p->frame[0] = some_frame(g);
        p->va = random_va(g, p->frame[0], p->last);
    }
    fill_own(g, p);
    if (c->spaces) {
        path_elsewhere(g);
        fill_own(g, &c->path[1]);
    } else if (c->paths == 2) {
        path_after(g, next_page);
        fill_second(g);
    }
    other_frames(g, c->paths == 2 && !c->spaces && parting(c) == LEVELS);
    make_cr3(g);
    for (u32 i = 0; i < c->paths; i++) {
        p = &c->path[i];
        for (u32 level = p->last; level < c->levels; level++) {
            g->entry[i][level] = p->entry[level];
            g->table[i][level] = p->table[level];
        }
    }
}
