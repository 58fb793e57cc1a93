/* SPDX-License-Identifier: MIT
 * play.c - the steps of a case on an engine; see play.h.
 *
 * What the manual leaves free about A and D (expect.c) is allowed and then made equal: software sets the bits that may
 * have been set, which needs no invalidation (SDM3 4.10.4.3), so that the steps after it do not depend on the choice. */
#include "registers.h"

/* ---- an access --------------------------------------------------------------------------------------------------- */

static bool access_step(struct playing *p, u32 index, const struct listener *l)
{
    const struct step *s = &p->c->step[index];
    struct expected_at at = { p, s };
    struct expectation x;
    struct outcome got = { .entries = 0 };
    u8 bytes[CODE_BYTES];

    for (u32 i = 2; i-- > 0;) { /* the first last: it stays when both frames are the same */
        struct place frame = place_in_frame(p, s, i);
        make_bytes(s->kind, s->value ^ i * 0x5555555555555555ull, bytes);
        bytes_write(p->e, &frame, bytes);
    }
    foresee(&at, 0, &x);
    if (l->before)
        l->before(l->ctx, p->c, index, &at);
    struct request q = { .va = p->path[s->page].va + s->offset, .value = operand_of(s), .kind = s->kind,
                         .size = s->size, .cpl = s->cpl, .ac = s->ac };
    engine_access(p->e, &q, &got.raw);
    for (u32 i = 0; i < DATA_WORDS; i++)
        got.data[i] = frame_data(p, s, i);
    got.entries = x.want.entries;
    for (u32 i = 0; i < got.entries; i++)
        got.entry[i] = *engine_word(p->e, x.pa[i]);
    p->faulted = x.want.raw.vector == 14;
    if (!l->accessed(l->ctx, p->c, index, &x, &got))
        return false;
    for (u32 i = 0; i < x.want.entries; i++)
        *engine_word(p->e, x.pa[i]) = x.want.entry[i] | x.free[i];
    return true;
}

/* Undone afterwards, if it went through. */
static bool write_step(struct playing *p, u32 index, const struct listener *l)
{
    const struct step *s = &p->c->step[index];
    struct expected_at at = { p, s };
    struct expectation x;
    struct outcome got = { .entries = 0 };

    foresee(&at, 0, &x);
    if (l->before)
        l->before(l->ctx, p->c, index, &at);
    got.raw.vector = engine_write(p->e, s->level, register_value(p, s->level) ^ s->value);
    if (!got.raw.vector) {
        engine_cr3(p->e, p->c->cr3[0] & ~(u64)0xfff, false); /* PCIDE can only be set under PCID 0 */
        engine_context(p->e, &p->now);
        engine_cr3(p->e, p->c->cr3[0], false);
    }
    return l->accessed(l->ctx, p->c, index, &x, &got);
}

/* ---- other steps ------------------------------------------------------------------------------------------------- */

static void move_table(struct playing *p, const struct step *s)
{
    u64 from = p->path[s->page].table[s->level], above = entry_pa(&p->path[s->page], s->level + 1u);
    u64 frames = (((u64)1 << p->part->maxphyaddr) - 1) & ~(u64)0xfff;
    for (u32 i = 0; i < p->c->paths; i++) {
        struct path *path = &p->path[i];
        if (s->level < path->last || path->table[s->level] != from)
            continue;
        u64 entry = *engine_word(p->e, entry_pa(path, s->level));
        path->table[s->level] = s->value;
        *engine_word(p->e, entry_pa(path, s->level)) = entry;
    }
    *engine_word(p->e, above) = (*engine_word(p->e, above) & ~frames) | s->value;
}

static void repair(struct playing *p)
{
    const struct path *path = &p->path[0];
    if (!p->faulted)
        return;
    p->repaired = true;
    for (u32 level = path->last; level < p->c->levels; level++) {
        bool leaf = level == path->last;
        u64 offset = ((u64)1 << (12 + 9 * level)) - 1, next = leaf ? path->frame[0] & ~offset : path->table[level - 1];
        p->before_repair[level] = *engine_word(p->e, entry_pa(path, level));
        *engine_word(p->e, entry_pa(path, level)) = next | 7 | (leaf && level ? 1u << 7 : 0);
    }
}

static bool do_step(struct playing *p, u32 index, const struct listener *l)
{
    const struct step *s = &p->c->step[index];
    const struct path *path = &p->path[s->page];
    switch (s->op) {
    case STEP_ACCESS: return access_step(p, index, l);
    case STEP_CONTEXT: p->now = s->context; engine_context(p->e, &p->now); break;
    case STEP_POKE: *engine_word(p->e, entry_pa(path, s->level)) = s->value; break;
    case STEP_MOVE_TABLE: move_table(p, s); break;
    case STEP_INVLPG: engine_invlpg(p->e, path->va); break;
    case STEP_CR3: engine_cr3(p->e, p->c->cr3[s->page], s->level); break;
    case STEP_WRITE: return write_step(p, index, l);
    case STEP_PGE: engine_toggle_pge(p->e); break;
    case STEP_INVPCID: engine_invpcid(p->e, s->level, p->now.pcide ? p->c->cr3[s->page] & 0xfff : 0, path->va); break;
    case STEP_REPAIR: repair(p); break;
    }
    return true;
}

static void fill_tables(struct engine *e, const struct path *path, u32 levels, bool clear)
{
    for (u32 level = path->last; level < levels; level++)
        *engine_word(e, entry_pa(path, level)) = clear ? 0 : path->entry[level];
}

void play(struct engine *e, const struct part *part, const struct test_case *c, const struct listener *l)
{
    struct playing p = { .e = e, .part = part, .c = c, .now = c->context };
    for (u32 i = 0; i < c->paths; i++) {
        p.path[i] = c->path[i];
        fill_tables(e, &c->path[i], c->levels, false);
    }
    engine_begin(e, c);
    for (u32 i = 0; i < c->steps && do_step(&p, i, l); i++)
        ;
    engine_end(e, c);
    for (u32 i = 0; i < c->paths; i++) {
        fill_tables(e, &c->path[i], c->levels, true);
        fill_tables(e, &p.path[i], c->levels, true);
    }
}
