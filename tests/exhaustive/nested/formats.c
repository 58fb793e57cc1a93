/* SPDX-License-Identifier: MIT
 * formats.c - see families.h.  The guest's tables of PAE and 32-bit paging, and no paging; nested entries as in order.c, one place at a
 * time.  PDPTEs are loaded when the guest is entered, so they are plain. */
#include "families.h"

static uint64_t nested_way(const struct judge *j, unsigned place, unsigned level, unsigned way)
{
    uint64_t e = nested_plain(j, place, level, level == 0);
    static const uint64_t ept[] = { 0, 7ull | 1ull << 10, 1, 2, 3, 4, 1ull << 10, 4ull | 1ull << 10 };
    static const uint64_t npt[] = { 0, 1, 2, 4, 6 };

    if (way == 8)
        return e | 1ull << 51;
    if (way == 9)
        return e | (j->cpu.npt ? 3ull << 5 : 3ull << 8);
    return j->cpu.npt ? e & ~npt[way % 5] : e & ~ept[way];
}

/* A guest's entry at a place, 4 or 8 bytes wide. */
static void put_guest(struct judge *j, unsigned level, uint64_t e)
{
    const struct place *p = &j->place[level];
    unsigned shift = j->cpu.format == GUEST_PAE ? 12 + 9 * level : 12 + 10 * level;
    if (j->cpu.format == GUEST_PAE) {
        j->ram[p->host / 8 + (j->va >> shift & (level == 2 ? 3 : 511))] = e;
        return;
    }
    uint64_t *word = &j->ram[p->host / 8 + (j->va >> shift & 1023) / 2];
    unsigned half = j->va >> shift & 1 ? 32 : 0;
    *word = (*word & ~(0xffffffffull << half)) | (e & 0xffffffff) << half;
}

/* pages: 1: a large page.  v: R/W, U/S, XD, A, D of the leaf. */
static void put_tables(struct judge *j, bool large, unsigned v)
{
    uint64_t rights = 1 | (v & 1 ? 0 : 2) | (v & 2 ? 0 : 4) | (v & 8 ? 1u << 5 : 0) | (v & 16 ? 1u << 6 : 0);
    uint64_t page = j->place[PAGE].gpa, offset = large ? j->cpu.format == GUEST_PAE ? 0x1fffff : 0x3fffff : 0xfff;

    if (j->cpu.format == GUEST_PAE)
        rights |= v & 4 ? 1ull << 63 : 0;
    put_guest(j, 1, large ? (page & ~offset) | rights | 1u << 7 : j->place[0].gpa | 7);
    put_guest(j, 0, (page & ~offset) | rights);
    if (j->cpu.format == GUEST_PAE)
        put_guest(j, 2, j->place[1].gpa | 1);
}

static void one_place(struct judge *j, unsigned place)
{
    for (unsigned level = 0; level <= nested_top(j); level++)
        for (unsigned way = 0; way < 10; way++) {
            uint64_t *entry = nested_entry(j, place, level), before = *entry;
            *entry = nested_way(j, place, level, way);
            judge_kinds(j);
            *entry = before;
        }
}

static void one_format(struct judge *j, const struct nested_cpu *c)
{
    struct nested_cpu with = *c;

    judge_context(j, c); /* so that places and addresses are known */
    if (c->format == GUEST_PAE) {
        put_guest(j, 2, j->place[1].gpa | 1);
        with.pdpte[j->va >> 30 & 3] = j->place[1].gpa | 1;
        judge_context(j, &with);
    }
    for (unsigned n = 0; n < (c->format == GUEST_UNPAGED ? 1u : 64u); n++) {
        if (c->format != GUEST_UNPAGED)
            put_tables(j, n & 1, n >> 1);
        for (unsigned place = 0; place < PLACES; place++)
            if (place == PAGE || (c->format != GUEST_UNPAGED && (place < 2 || (place == 2 && c->format == GUEST_PAE && c->npt))))
                one_place(j, place);
    }
}

void format_cases(struct judge *j, bool npt, unsigned every)
{
    for (unsigned i = 0; i < CONTEXTS; i += every > 1 ? 7 : 1) {
        struct nested_cpu c;
        family_context(npt, i, &c);
        c.npt = npt;
        c.guest.la57 = false;
        for (c.format = GUEST_PAE; c.format <= GUEST_UNPAGED; c.format++) {
            c.pse = c.format == GUEST_32;
            one_format(j, &c);
        }
    }
}
