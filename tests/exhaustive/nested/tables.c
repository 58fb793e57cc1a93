/* SPDX-License-Identifier: MIT
 * tables.c - where the tables of both dimensions are, and plain entries; see judge.h. */
#include "judge.h"

/* Pages of RAM, none near another, and no bit of an address like a neighbour's. */
static uint64_t page_number(unsigned n)
{
    return ((n + 1) * 0x9e3779b1u >> 3) & 0x3ffff & ~1u;
}

void judge_lay_out(struct judge *j)
{
    unsigned n = 0;
    uint64_t width = j->cpu.five_levels || j->cpu.maxphyaddr < 48 ? j->cpu.maxphyaddr : 48, root = page_number(n++) << 12;
    uint64_t upper = page_number(n++) << 12;
    bool narrow = j->cpu.format != GUEST_LONG;

    j->cpu.root = root;
    j->log = page_number(n++) << 12;
    for (unsigned i = 0; i < PLACES; i++) {
        struct place *p = &j->place[i];
        uint64_t noise = (i + 1) * 0xd1342543de82ef95ull;
        p->host = page_number(n++) << 12;
        p->gpa = (noise & ~0x3fffffffull & ((1ull << width) - 1)) | (p->host & 0x3fffffffull);
        if (i == PAGE) /* outside of RAM: nobody reads it */
            p->host |= 0x2a9ull << 30;
        for (unsigned level = 0; level < LEVELS; level++)
            p->table[level] = level == nested_top(j) ? root : page_number(n++) << 12;
        if (narrow) { /* gpas of 32 bits: their walks part where bits 31:30 choose */
            p->gpa = (p->gpa & 0x3fffffffull) | (uint64_t)(i == PAGE ? 3 : i) << 30;
            p->table[2] = upper;
            p->table[3] = nested_top(j) == 3 ? root : upper + 4096;
        }
    }
    j->va = (0x5a96c3ull << 30) | (j->place[PAGE].gpa & 0x3fffffffull);
    j->va &= j->cpu.guest.la57 ? ~0ull >> 8 : ~0ull >> 17;
    if (narrow)
        j->va = j->cpu.format == GUEST_UNPAGED ? j->place[PAGE].gpa : j->va & 0xffffffff;
}

static uint64_t frame_of(uint64_t address, unsigned level)
{
    return address & (~0ull << (12 + 9 * level));
}

uint64_t nested_names(const struct judge *j, unsigned place, unsigned level, bool leaf)
{
    return leaf ? frame_of(j->place[place].host, level) : j->place[place].table[level - 1];
}

uint64_t guest_names(const struct judge *j, unsigned level, bool leaf)
{
    return leaf ? frame_of(j->place[PAGE].gpa, level) : j->place[level - 1].gpa;
}

uint64_t nested_plain(const struct judge *j, unsigned place, unsigned level, bool leaf)
{
    uint64_t names = nested_names(j, place, level, leaf), large = leaf && level ? 1u << 7 : 0;
    if (j->cpu.npt)
        return names | 7 | large;
    return names | 7 | 1u << 10 | large | (leaf ? 6u << 3 : 0);
}

uint64_t guest_plain(const struct judge *j, unsigned level, bool leaf)
{
    return guest_names(j, level, leaf) | 7 | (leaf && level ? 1u << 7 : 0);
}

void judge_plain(struct judge *j)
{
    for (unsigned i = 0; i < PLACES; i++)
        for (unsigned level = 0; level <= nested_top(j); level++)
            if (j->cpu.format == GUEST_LONG || i < 3 || i == PAGE)
                *nested_entry(j, i, level) = nested_plain(j, i, level, level == 0);
    for (unsigned level = 0; j->cpu.format == GUEST_LONG && level <= guest_top(j); level++)
        *guest_entry(j, level) = guest_plain(j, level, level == 0);
}
