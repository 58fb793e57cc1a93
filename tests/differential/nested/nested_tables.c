/* SPDX-License-Identifier: MIT
 * nested_tables.c - nested entries of a case, and guest-physical addresses; see generate.c.  Called by guest_tables.c. */
#include "generate.h"

#define WB (6ull << 3)

/* ---- entries ------------------------------------------------------------------------------------------------------- */

static u64 ept_reserved(struct gen *g, u32 level, bool leaf, u64 e)
{
    u32 top = g->part->maxphyaddr;
    if (!leaf && chance(g, 60)) /* 6:3; bit 7 may make a large page of it, or is reserved */
        return e | (u64)1 << (3 + below(g, level > 2 ? 5 : 4));
    if (leaf && level && chance(g, 50))
        return e | (u64)1 << (12 + below(g, 9 * level));
    if (leaf && chance(g, 50))
        return (e & ~(7ull << 3)) | (u64[]){ 2, 3, 7 }[below(g, 3)] << 3;
    return top < 52 ? e | (u64)1 << (top + below(g, 52 - top)) : e;
}

static u64 ept_entry(struct gen *g, u32 level, bool leaf, u64 next)
{
    const u64 ignored = 1ull << 11 | 0x7feull << 52 | (leaf ? 1ull << 6 : 0) | (level ? 0 : 1ull << 7);
    u64 noise = next_random(&g->random), e = next | EPT_ALL | (noise & (ignored | 3ull << 8));
    if (leaf)
        e |= level ? WB | PS : WB;
    if (g->good) /* A and D: the fetch of a stub is not to be the first to log the root */
        e |= 3ull << 8;
    if (!g->good && chance(g, 20)) /* any memory type; or what is ignored when it is not a leaf's */
        e = leaf ? (e & ~(7ull << 3)) | (u64[]){ 0, 1, 4, 5, 6 }[below(g, 5)] << 3 : e;
    if (!g->c->cpu.modes && chance(g, 50))
        e &= ~(1ull << 10);
    if (!deviates(g))
        return e;
    switch (below(g, 4)) {
    case 0: return noise & ~(g->c->cpu.modes ? EPT_ALL : 7ull);
    case 1: return ept_reserved(g, level, leaf, e);
    default: return (e & ~EPT_ALL) | (noise >> 20 & EPT_ALL);
    }
}

static u64 npt_reserved(struct gen *g, u32 level, bool leaf, u64 e)
{
    u32 top = g->part->maxphyaddr;
    if (level >= 3 && chance(g, 60))
        return e | PS << below(g, 2);
    if (leaf && level && chance(g, 60))
        return e | (u64)1 << (13 + below(g, 9 * level - 1));
    return top < 52 ? e | (u64)1 << (top + below(g, 52 - top)) : e;
}

static u64 npt_entry(struct gen *g, u32 level, bool leaf, u64 next)
{
    const u64 ignored = 0xe00ull | 0x18ull | 0x7ffull << 52 | (level >= 3 ? 0 : 1ull << 8) |
                        (!leaf ? D : level ? 1ull << 12 : PS);
    u64 noise = next_random(&g->random), e = next | P | RW | US | (noise & (ignored | A | (leaf ? D : 0)));
    if (leaf && level)
        e |= PS;
    if (!deviates(g))
        return e;
    switch (below(g, 5)) {
    case 0: return noise & ~P;
    case 1: return npt_reserved(g, level, leaf, e);
    case 2: return e & ~RW;
    case 3: return e & ~US;
    default: return g->c->cpu.nxe || chance(g, 20) ? e | XD : e & ~(RW | US);
    }
}

/* ---- guest-physical addresses -------------------------------------------------------------------------------------- */

static struct node *node_at(struct gen *g, u32 level, u64 gpa)
{
    for (u32 i = 0; i < g->nodes; i++)
        if (g->node[i].level == level && g->node[i].prefix == gpa >> (12 + 9 * level))
            return &g->node[i];
    return NULL;
}

/* May there be a page of this level at the address, beside those that are there? */
static bool is_free(struct gen *g, u64 gpa, u32 last)
{
    for (u32 level = top_level(g);; level--) {
        const struct node *n = node_at(g, level, gpa);
        if (!n)
            return true;
        if (!n->table || level == last)
            return false;
    }
}

/* Any address with the low bits of the frame; half of them share tables with a page made before. */
static u64 random_gpa(struct gen *g, u64 frame, u32 last)
{
    u32 nested = 12 + 9 * (top_level(g) + 1), width = g->part->maxphyaddr < nested ? g->part->maxphyaddr : nested;
    if (g->narrow)
        width = 32;
    u64 gpa = next_random(&g->random);
    if (g->nodes && chance(g, 50)) {
        const struct node *n = &g->node[below(g, g->nodes)];
        u32 shift = 12 + 9 * n->level;
        gpa = (gpa & below_bit(shift)) | n->prefix << shift;
    }
    return (gpa & below_bit(width) & ~page_mask(last)) | (frame & page_mask(last));
}

static void map_nested(struct gen *g, u64 gpa, u64 frame, u32 last)
{
    u64 table = g->c->cpu.root;
    for (u32 level = top_level(g);; level--) {
        struct node *n = node_at(g, level, gpa);
        if (!n) {
            bool leaf = level == last;
            n = &g->node[g->nodes++];
            *n = (struct node){ .prefix = gpa >> (12 + 9 * level), .level = (u8)level, .table = leaf ? 0 : fresh_table(g),
                                .entry_pa = table + (gpa >> (12 + 9 * level) & 511) * 8 };
            u64 next = leaf ? frame & ~page_mask(level) : n->table;
            put_word(g, n->entry_pa, g->c->cpu.npt ? npt_entry(g, level, leaf, next) : ept_entry(g, level, leaf, next));
        }
        if (level == last)
            return;
        table = n->table;
    }
}

u32 random_last(struct gen *g)
{
    u32 n = below(g, 20), last = n < 13 ? 0 : n < 17 ? 1 : 2;
    if (last == 2 && !g->c->cpu.has_1g)
        last = 1;
    return last && g->c->cpu.no_2m ? 0 : last;
}

u64 give_gpa(struct gen *g, u64 frame)
{
    u32 last = random_last(g);
    u64 gpa;
    for (u32 tries = 0;; tries++) {
        if (tries == 20)
            last = 0;
        gpa = random_gpa(g, frame, last);
        if (is_free(g, gpa, last))
            break;
    }
    map_nested(g, gpa, frame, last);
    return gpa;
}
