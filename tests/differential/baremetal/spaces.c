/* SPDX-License-Identifier: MIT
 * spaces.c - steps in two address spaces that map one address: each has a root and, with CR4.PCIDE=1, a PCID of its own.
 * Called by generate.c.
 *
 * What must hold: MOV CR3 keeps a PCID's entries (bit 63) only when nothing of them has changed since it was last in
 * use, or an INVPCID has dropped them (SDM3 4.10.4.1, 4.10.4.2). */
#include "generate.h"

static void go_to(struct gen *g, u8 *space, bool changed[PATHS])
{
    struct step *s = add_step(g, STEP_CR3);
    *space = !*space;
    s->page = *space;
    s->level = g->now.pcide && !changed[*space] && chance(g, 60);
    if (!s->level)
        changed[*space] = false;
}

/* Changes an entry of either space. */
static void change(struct gen *g, u8 space, bool changed[PATHS])
{
    u8 page = (u8)below(g, 2);
    const struct path *p = &g->c->path[page];
    u32 level = p->last + below(g, (u32)(g->c->levels - p->last));
    bool leaf = level == p->last;
    u64 offset = ((u64)1 << (12 + 9 * level)) - 1;
    struct step *s = add_step(g, STEP_POKE);

    s->page = page;
    s->level = (u8)level;
    s->value = random_entry(g, level, leaf, leaf ? p->frame[below(g, 2)] & ~offset : g->table[page][level - 1]);
    changed[page] = true;
    if (g->part->features & PART_INVPCID && chance(g, 50)) {
        s = add_step(g, STEP_INVPCID);
        s->page = page;
        s->level = 1;
        changed[page] = false;
    } else if (page == space) {
        add_step(g, chance(g, 50) ? STEP_INVLPG : STEP_CR3)->page = page;
        changed[page] = false;
    }
}

void add_spaces(struct gen *g)
{
    u32 accesses = 3 + below(g, 3);
    bool changed[PATHS] = { false, false };
    u8 space = 0;

    add_access(g, space, false);
    for (u32 i = 1; i < accesses; i++) {
        if (chance(g, 30))
            change(g, space, changed);
        if (chance(g, 80))
            go_to(g, &space, changed);
        add_access(g, space, false);
    }
}
