/* SPDX-License-Identifier: MIT
 * generate.c - makes case `number` of a seed; see case.h.  Called by guest.c and host.c, with equal results.
 *
 * What must hold: the outcome of every access is one that the architecture fixes.  So a present entry that changes
 * is followed by an invalidation that covers every page of the case (SDM3 4.10.4.2), and every present entry without
 * reserved bits names a table or frame inside RAM.
 *
 * Cases in 32: 18 one access; 4 one access across two pages; 7 several accesses with changes in between; 2 in two
 * address spaces (spaces.c); 1 writes of registers. */
#include "generate.h"
#include "random.h"

u64 random64(struct gen *g)
{
    return next_random(&g->random);
}

u32 below(struct gen *g, u32 n)
{
    return random_below(&g->random, n);
}

bool chance(struct gen *g, u32 percent)
{
    return random_chance(&g->random, percent);
}

static bool has(const struct gen *g, u32 feature)
{
    return g->part->features & feature;
}

/* ---- registers --------------------------------------------------------------------------------------------------- */

static u32 random_keys(struct gen *g)
{
    u32 keys = (u32)random64(g);
    return chance(g, 50) ? keys & (u32)random64(g) : keys;
}

static struct context random_context(struct gen *g)
{
    struct context x = {
        .wp = chance(g, 70), .smep = has(g, PART_SMEP) && chance(g, 50), .smap = has(g, PART_SMAP) && chance(g, 50),
        .nxe = chance(g, 75), .pke = has(g, PART_PKU) && chance(g, 50), .pks = has(g, PART_PKS) && chance(g, 40),
        .pge = chance(g, 40), .pcide = g->now.pcide,
    };
    x.pkru = has(g, PART_PKU) ? random_keys(g) & ~(u32)3 : 0; /* key 0 is the guest's own; Bochs obeys PKRU there too */
    x.pkrs = has(g, PART_PKS) ? random_keys(g) & ~(u32)3 : 0;
    return x;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

struct step *add_step(struct gen *g, u8 op)
{
    struct step *s = &g->c->step[g->c->steps++];
    *s = (struct step){ .op = op };
    return s;
}

static u8 random_kind(struct gen *g)
{
    static const u8 data[16] = { KIND_LOAD, KIND_LOAD, KIND_LOAD, KIND_LOAD, KIND_LOAD, KIND_STACK_LOAD, KIND_SYSTEM,
                                 KIND_SYSTEM, KIND_STORE, KIND_STORE, KIND_STORE, KIND_STORE, KIND_STORE,
                                 KIND_STACK_STORE, KIND_XCHG, KIND_XADD };
    return g->code && chance(g, 75) ? KIND_FETCH : data[below(g, 16)];
}

/* Where in its page an access of so many bytes begins: across the end, or inside. */
static u16 random_offset(struct gen *g, u32 len, bool across)
{
    return (u16)(across ? 4096 - 1 - below(g, len - 1) : below(g, 4096 - len + 1));
}

void add_access(struct gen *g, u8 page, bool across)
{
    struct step *s = add_step(g, STEP_ACCESS);
    bool canonical = is_canonical(g->c->path[0].va, g->c->levels) && is_canonical(g->c->path[1].va, g->c->levels);
    s->page = page;
    do
        s->kind = random_kind(g);
    while (s->kind == KIND_SYSTEM && !canonical); /* LLDT would refuse */
    s->size = s->kind == KIND_LOAD || s->kind == KIND_STORE ? (u8)(1 << (across ? 1 + below(g, 3) : below(g, 4))) : 8;
    s->offset = random_offset(g, s->kind == KIND_FETCH ? CODE_BYTES : s->size, across);
    s->cpl = chance(g, 50) ? 3 : 0;
    s->ac = chance(g, 50);
    s->value = random64(g);
}

/* An invalidation that leaves nothing of the case's pages and paths. */
static void add_invalidation(struct gen *g)
{
    const struct test_case *c = g->c;
    u32 way = below(g, has(g, PART_INVPCID) ? 5 : 3);
    bool canonical = is_canonical(c->path[0].va, c->levels) && is_canonical(c->path[1].va, c->levels);

    if (way == 1 && !g->now.pge) {
        add_step(g, STEP_CR3);
    } else if (way == 2) {
        add_step(g, STEP_PGE);
    } else if (way == 3) {
        add_step(g, STEP_INVPCID)->level = g->now.pge ? 2 : (u8)(1 + below(g, 3));
    } else if (way == 4 && canonical && !g->now.pge) {
        for (u8 i = 0; i < c->paths; i++)
            add_step(g, STEP_INVPCID)->page = i;
    } else {
        for (u8 i = 0; i < c->paths; i++)
            add_step(g, STEP_INVLPG)->page = i;
    }
}

/* Changes the entry of both paths, where they share it. */
static void set_now(struct gen *g, u8 page, u32 level, u64 entry)
{
    const struct path *p = g->c->path;
    for (u8 i = 0; i < g->c->paths; i++)
        if (level >= p[i].last && entry_pa(&p[i], level) == entry_pa(&p[page], level))
            g->entry[i][level] = entry;
}

static void add_poke(struct gen *g)
{
    u8 page = (u8)below(g, g->c->paths);
    const struct path *p = &g->c->path[page];
    u8 level = (u8)(p->last + (chance(g, 50) ? 0 : below(g, (u32)(g->c->levels - p->last))));
    u64 before = g->entry[page][level], next = before & frames_of(g->part);
    u64 offset = ((u64)1 << (12 + 9 * level)) - 1;
    bool leaf = level == p->last;
    struct step *s = add_step(g, STEP_POKE);

    if (leaf && chance(g, 40))
        next = p->frame[1] & ~offset;
    else if (leaf)
        next = p->frame[0] & ~offset;
    else
        next = g->table[page][level - 1];
    s->page = page;
    s->level = level;
    s->value = random_entry(g, level, leaf, next);
    set_now(g, page, level, s->value);
    if (before & 1 || chance(g, 20)) /* what is not present is never cached (SDM3 4.10.4.3) */
        add_invalidation(g);
}

/* A table moves to another frame: the entry above names the new one. */
static void add_move(struct gen *g)
{
    u8 page = (u8)below(g, g->c->paths);
    const struct path *p = &g->c->path[page];
    u8 level = (u8)(p->last + below(g, (u32)(g->c->levels - 1 - p->last)));
    struct step *s = add_step(g, STEP_MOVE_TABLE);
    u64 from = g->table[page][level];

    s->page = page;
    s->level = level;
    s->value = fresh_table(g);
    for (u8 i = 0; i < g->c->paths; i++)
        if (level >= g->c->path[i].last && g->table[i][level] == from)
            g->table[i][level] = s->value;
    add_invalidation(g);
}

static void add_context(struct gen *g)
{
    struct context to = random_context(g), now = g->now;
    bool all = chance(g, 30);
    struct step *s = add_step(g, STEP_CONTEXT);

    if (!all) { /* only some of it; WP, SMAP and the keys need no invalidation (SDM3 4.6, 4.10.2.2) */
        to.nxe = now.nxe;
        to.pge = now.pge;
        to.smep = chance(g, 50) ? to.smep : now.smep;
        to.pke = chance(g, 50) ? to.pke : now.pke;
    }
    s->context = to;
    g->now = to;
    if (to.nxe != now.nxe)
        add_step(g, STEP_PGE);
}

static void add_change(struct gen *g)
{
    u32 what = below(g, 10);
    if (what < 5)
        add_poke(g);
    else if (what < 6)
        add_move(g);
    else if (what < 9)
        add_context(g);
    else
        add_invalidation(g);
}

/* After a #PF nothing of the page is cached (SDM3 4.10.4.1): its path may change without an invalidation. */
static void add_repair(struct gen *g, u8 page)
{
    struct step access = g->c->step[g->c->steps - 1];
    add_step(g, STEP_REPAIR)->page = page;
    if (chance(g, 50))
        *add_step(g, STEP_ACCESS) = access;
    else
        add_access(g, page, false);
}

static void add_sequence(struct gen *g)
{
    u32 accesses = 2 + below(g, 3);
    add_access(g, 0, false);
    for (u32 i = 1; i < accesses; i++) {
        if (chance(g, 20) && g->c->paths == 1) { /* the last: what the entries are then depends on the access */
            add_repair(g, 0);
            return;
        }
        if (chance(g, 85))
            add_change(g);
        add_access(g, (u8)(chance(g, 75) ? 0 : g->c->paths - 1), false);
    }
}

static u64 cr4_unknown(const struct part *part)
{
    static const u32 row[][2] = { { PART_LA57, 12 }, { PART_PCID, 17 }, { PART_SMEP, 20 }, { PART_SMAP, 21 },
                                  { PART_PKU, 22 }, { PART_PKS, 24 } };
    u64 known = 0x30;
    for (u32 i = 0; i < sizeof row / sizeof *row; i++)
        known |= part->features & row[i][0] ? 1u << row[i][1] : 0;
    return ~known;
}

static void add_writes(struct gen *g, bool tame)
{
    static const struct { u8 which, low, high; } bits[] = { /* none that would take the guest's ground away */
        { WRITE_CR0, 29, 30 }, { WRITE_CR0, 32, 63 }, { WRITE_CR3, 0, 11 }, { WRITE_CR3, 32, 63 }, { WRITE_CR4, 4, 4 },
        { WRITE_CR4, 12, 12 }, { WRITE_CR4, 17, 17 }, { WRITE_CR4, 20, 22 }, { WRITE_CR4, 24, 24 },
        { WRITE_CR4, 31, 63 }, { WRITE_EFER, 8, 8 }, { WRITE_EFER, 11, 11 }, { WRITE_EFER, 20, 63 },
    };
    for (u32 i = 1 + below(g, 4); i--;) {
        struct step *s = add_step(g, STEP_WRITE);
        s->level = (u8)below(g, WRITTEN);
        for (u32 k = 0; k < sizeof bits / sizeof *bits; k++)
            if (bits[k].which == s->level && chance(g, 40))
                s->value |= (u64)1 << (bits[k].low + below(g, bits[k].high - bits[k].low + 1u));
        if (s->level == WRITE_CR3) /* the root stays */
            s->value &= ~frames_of(g->part);
        if (s->level == WRITE_CR4 && tame)
            s->value &= ~cr4_unknown(g->part);
        if (s->level == WRITE_CR3 && tame)
            s->value &= 0xfff;
    }
    add_access(g, 0, false);
}

void generate(const struct params *p, const struct part *part, const struct layout *l, u64 number,
              struct test_case *c)
{
    struct gen g = { .random = p->seed * 0xd1342543de82ef95ull ^ number * 0xaf251af3b0f025b5ull, .part = part,
                     .layout = l, .c = c };
    u32 family = below(&g, 32);

    *c = (struct test_case){ .number = number, .levels = p->flags & PARAMS_LA57 ? 5 : 4 };
    g.code = chance(&g, 25);
    g.now.pcide = has(&g, PART_PCID) && chance(&g, 40);
    g.now = c->context = random_context(&g);
    c->spaces = family == 29 || family == 30;
    c->paths = family < 18 || family == 31 ? 1 : family < 22 || c->spaces ? 2 : (u8)(1 + below(&g, 2));
    if (c->spaces)
        g.now.pge = c->context.pge = false; /* a global entry would be in both */
    make_paths(&g, family >= 18 && family < 22);
    if (family < 18)
        add_access(&g, 0, false);
    else if (family < 22)
        add_access(&g, 0, true);
    else if (family < 29)
        add_sequence(&g);
    else if (c->spaces)
        add_spaces(&g);
    else
        add_writes(&g, p->flags & PARAMS_TAME);
}
