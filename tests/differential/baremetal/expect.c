/* SPDX-License-Identifier: MIT
 * expect.c - what must happen in an access, by the oracle of tests/exhaustive, which is written from the manual alone.
 * Called by play.c.
 *
 * Free (SDM3 4.8): A of the entries that a faulting walk used, and A and D of the first page when the second
 * faults.  All bytes of an operand must be canonical before any page is looked at; code is judged page by page. */
#include "registers.h"

#include "tests/exhaustive/oracle.h"

#define A (1ull << 5)
#define D (1ull << 6)
#define PS (1ull << 7)
#define ERROR_P 1u
#define ERROR_RSVD 8u
#define ALL_AD_KEYS 0x55555555u /* the access-disable bits of PKRU */

/* One page of the access. */
struct half { struct oracle_path path; struct oracle_answer answer; };

/* An access, as the oracle is asked; quirks change the question. */
struct question {
    struct oracle_cpu cpu;
    struct oracle_access access;
    u32 len, quirks;
    const u64 *read;            /* NULL, or what a read-modify-write has read before                                 */
};

static struct question ask(const struct playing *p, const struct step *s, u32 quirks)
{
    const struct context *x = &p->now;
    struct question q = {
        .cpu = {
            .has_1g = p->part->features & PART_1G, .maxphyaddr = p->part->maxphyaddr, .la57 = p->c->levels == 5,
            .wp = x->wp, .smep = x->smep, .smap = x->smap, .nxe = x->nxe, .pke = x->pke, .pks = x->pks,
            .pkru = x->pkru, .pkrs = x->pkrs, .cpl = s->cpl, .ac = s->ac, .root = p->path[s->page].table[p->c->levels - 1],
        },
        .access = {
            .va = p->path[s->page].va + s->offset, .implicit = s->kind == KIND_SYSTEM,
            .kind = s->kind == KIND_FETCH ? ORACLE_FETCH : kind_writes(s->kind) ? ORACLE_WRITE : ORACLE_READ,
            .stack = s->kind == KIND_STACK_LOAD || s->kind == KIND_STACK_STORE,
        },
        .len = access_len(s->kind, s->size), .quirks = quirks,
    };
    if (quirks & QUIRK_1G_UNREPORTED)
        q.cpu.has_1g = true;
    if (quirks & QUIRK_SS_GIVES_GP)
        q.access.stack = false;
    if (quirks & (s->cpl ? QUIRK_AC_IMPLICIT_3 : QUIRK_AC_IMPLICIT_0) && q.access.implicit) {
        q.access.implicit = false;
        q.cpu.cpl = 0;
    }
    if (quirks & QUIRK_PKRU_BY_MODE) {
        if (s->cpl == 0 || s->kind == KIND_SYSTEM)
            q.cpu.pkru &= ~ALL_AD_KEYS;
        q.cpu.pks = q.cpu.pke;
        q.cpu.pkrs = q.cpu.pkru;
    }
    return q;
}

/* Asks for one page after the other, until one refuses.  Returns how many. */
static u32 halves(const struct playing *p, const struct question *q, struct half half[2])
{
    u32 levels = q->cpu.la57 ? 5 : 4, n = 0;
    u64 va = q->access.va, next = (va | 4095) + 1;
    bool two = (va & 4095) + q->len > 4096;
    struct oracle_access a = q->access;

    if (two && a.kind != ORACLE_FETCH && is_canonical(va, levels) && !is_canonical(next, levels) &&
        !(q->quirks & QUIRK_CANONICAL_BY_PAGE)) {
        a.va = next;
        two = false;
    }
    do {
        if (n)
            a.va = next;
        oracle_walk(engine_memory(p->e), &q->cpu, a.va, &half[n].path);
        oracle_judge(&q->cpu, &a, &half[n].path, &half[n].answer);
    } while (half[n++].answer.outcome == ORACLE_DONE && two && n < 2);
    return n;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static u32 seen_at(struct expectation *x, u64 pa, u64 before)
{
    u32 i = 0;
    while (i < x->want.entries && x->pa[i] != pa)
        i++;
    if (i == x->want.entries) {
        x->pa[i] = pa;
        x->before[i] = x->want.entry[i] = before;
        x->free[i] = 0;
        x->want.entries++;
    }
    return i;
}

/* done: the whole access succeeds, so that A and D must be set; else they may. */
static void expect_walk(struct expectation *x, const struct half *h, u32 quirks, bool done)
{
    for (int i = 0; i < h->path.entries; i++) {
        bool last = i == h->path.entries - 1;
        u64 entry = h->path.entry[i];
        u32 n = seen_at(x, h->path.entry_pa[i], entry);
        if (done)
            x->want.entry[n] |= h->answer.set_in_all | (last ? h->answer.set_in_leaf : 0);
        else if (!last || h->path.ends == ORACLE_LEAF)
            x->free[n] |= A | (last ? h->answer.set_in_leaf : 0);
        else if (quirks & QUIRK_RSVD_1G_SETS_A && h->path.ends == ORACLE_RESERVED && entry & PS)
            x->free[n] |= A;
    }
}

/* ---- outcome ----------------------------------------------------------------------------------------------------- */

u64 frame_data(const struct playing *p, const struct step *s, u32 which)
{
    struct place at = place_in_frame(p, s, which);
    u8 bytes[CODE_BYTES];
    if (s->kind == KIND_FETCH)
        return 0;
    bytes_read(p->e, &at, bytes);
    return bytes_join(bytes, at.len);
}

/* The access goes through: what it gives back, and what the frames hold then.  Stores as if, and takes it back. */
static void expect_value(const struct playing *p, const struct step *s, const u64 *read, const struct place *at,
                         struct expectation *x)
{
    u8 before[CODE_BYTES], after[CODE_BYTES];
    bytes_read(p->e, at, before);
    x->want.raw.value = read ? *read : value_of(s->kind, s->size, before);
    if (kind_writes(s->kind)) {
        stored_by(s->kind, s->size, x->want.raw.value, operand_of(s), after);
        bytes_write(p->e, at, after);
    }
    for (u32 i = 0; i < DATA_WORDS; i++)
        x->want.data[i] = frame_data(p, s, i);
    if (kind_writes(s->kind))
        bytes_write(p->e, at, before);
}

static void expect_fault(const struct playing *p, const struct step *s, const struct question *q, u64 va,
                         const struct oracle_answer *a, struct expectation *x)
{
    static const u8 vector_of[] = { [ORACLE_PF] = 14, [ORACLE_GP] = 13, [ORACLE_SS] = 12 };
    x->want.raw.vector = vector_of[a->outcome];
    for (u32 i = 0; i < DATA_WORDS; i++)
        x->want.data[i] = frame_data(p, s, i);
    if (a->outcome != ORACLE_PF)
        return;
    x->want.raw.cr2 = va;
    x->want.raw.error = a->error;
    x->error_free = a->error_free;
    if (q->quirks & QUIRK_RSVD_WITHOUT_P && a->error & ERROR_RSVD)
        x->want.raw.error &= ~ERROR_P;
}

static void expect(const struct playing *p, const struct step *s, const struct question *q, struct expectation *x)
{
    struct half half[2];
    u32 n = halves(p, q, half), split = 4096 - (u32)(q->access.va & 4095);
    const struct oracle_answer *last = &half[n - 1].answer;

    *x = (struct expectation){ .want.raw.cr2 = CR2_MARK };
    for (u32 i = 0; i < n; i++)
        expect_walk(x, &half[i], q->quirks, last->outcome == ORACLE_DONE);
    for (u32 i = 0; i < x->want.entries; i++)
        x->free[i] &= ~x->want.entry[i];
    if (last->outcome == ORACLE_DONE) {
        struct place at = { .pa = { half[0].answer.pa, n > 1 ? last->pa : 0 }, .len = q->len,
                            .split = q->len < split ? q->len : split };
        expect_value(p, s, q->read, &at, x);
    } else {
        expect_fault(p, s, q, n > 1 ? (q->access.va | 4095) + 1 : q->access.va, last, x);
    }
}

/* ---- foreseeing -------------------------------------------------------------------------------------------------- */

/* The entries of path 0 change places with those before the repair. */
static void swap_repaired(const struct playing *p, u64 entry[LEVELS])
{
    for (u32 level = p->path[0].last; level < p->c->levels; level++) {
        volatile u64 *word = engine_word(p->e, entry_pa(&p->path[0], level));
        u64 was = *word;
        *word = entry[level];
        entry[level] = was;
    }
}

/* As if the entries before the repair were still cached, with A and D: memory is not written. */
static void expect_kept(const struct playing *p, const struct step *s, const struct question *q, struct expectation *x)
{
    u64 entry[LEVELS];
    for (u32 level = 0; level < LEVELS; level++)
        entry[level] = p->before_repair[level];
    swap_repaired(p, entry);
    expect(p, s, q, x);
    swap_repaired(p, entry);
    for (u32 i = 0; i < x->want.entries; i++) {
        x->before[i] = x->want.entry[i] = *engine_word(p->e, x->pa[i]);
        x->free[i] = (A | D) & ~x->want.entry[i];
    }
}

static void expect_write(const struct expected_at *at, u32 quirks, struct expectation *x)
{
    u64 value = register_value(at->p, at->s->level) ^ at->s->value;
    *x = (struct expectation){ .want.raw.vector = write_refused(at->p, at->s->level, value, quirks) ? 13 : 0 };
}

static void expect_as(const struct expected_at *at, const struct question *q, bool kept, struct expectation *x)
{
    if (kept)
        expect_kept(at->p, at->s, q, x);
    else
        expect(at->p, at->s, q, x);
}

void foresee(const struct expected_at *at, u32 quirks, struct expectation *x)
{
    struct question q;
    bool kept = quirks & QUIRK_KEPT_AFTER_PF && at->p->repaired;
    u64 read;
    if (at->s->op == STEP_WRITE) {
        expect_write(at, quirks, x);
        return;
    }
    q = ask(at->p, at->s, quirks);
    if (quirks & QUIRK_RMW_READS_FIRST && (at->s->kind == KIND_XCHG || at->s->kind == KIND_XADD)) {
        struct question load = q;
        load.access.kind = ORACLE_READ;
        expect_as(at, &load, kept, x);
        if (x->want.raw.vector)
            return;
        read = x->want.raw.value;
        q.read = &read;
        kept = false; /* the write is done afresh */
    }
    expect_as(at, &q, kept, x);
}
