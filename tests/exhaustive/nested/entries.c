/* SPDX-License-Identifier: MIT
 * entries.c - see families.h.  An EPT entry: all values of bits 10:0; an NPT entry: all of P, R/W, U/S, A, D, PS, bit 8 and NX; each
 * without reserved address bits, and with one above MAXPHYADDR or inside a large page.  Ignored bits are noise.  Each meets all
 * kinds of the guest's entry and all accesses in four of the 64 contexts, drawn for it. */
#include "families.h"

#define RESERVED_HIGH 1u
#define RESERVED_LOW 2u

/* A guest's entry of a level: all of R/W, U/S, XD, A, and D of leaves, pages of every size; not present; reserved. */
enum { GUEST_KINDS = 64 };
struct kinds { uint64_t entry[GUEST_KINDS]; unsigned n; };

static void guest_kinds(const struct judge *j, unsigned level, struct kinds *k)
{
    bool large_leaf = level == 1 || level == 2;

    k->n = 0;
    for (unsigned leaf = level == 0; leaf <= (level == 0 || large_leaf); leaf++) {
        uint64_t names = guest_names(j, level, leaf) | (leaf && level ? 1u << 7 : 0);
        for (unsigned v = 0; v < (leaf ? 32u : 16u); v++)
            k->entry[k->n++] = names | 1 | (v & 1 ? 0 : 2) | (v & 2 ? 0 : 4) | (v & 4 ? 1ull << 63 : 0) | (v & 8 ? 1u << 5 : 0) |
                               (v & 16 ? 1u << 6 : 0);
        k->entry[k->n++] = names | 7 | 1ull << 51;
        if (leaf && level)
            k->entry[k->n++] = names | 7 | 1ull << 13;
    }
    if (level >= 3)
        k->entry[k->n++] = guest_plain(j, level, false) | 1u << 7;
    k->entry[k->n++] = guest_plain(j, level, level == 0) & ~1ull;
}

/* The n-th kind of nested entry; false: there is none such at this level. */
static bool nested_kind(const struct judge *j, unsigned place, unsigned level, unsigned n, uint64_t noise, uint64_t *entry)
{
    unsigned reserved = n & 3, v = n >> 2;
    uint64_t low, e;
    bool leaf;

    if (j->cpu.npt) {
        low = (v & 7) | (v >> 3 & 15) << 5;
        e = (v & 128 ? 1ull << 63 : 0) | (noise & (0xe00ull | 0x18ull | 0x7ffull << 52));
    } else {
        low = v;
        e = noise & (1ull << 11 | 0xfffull << 52);
    }
    leaf = level == 0 || (low & 1u << 7 && (level == 1 || (level == 2 && j->cpu.has_1g)));
    if (reserved == 3 || (reserved == RESERVED_LOW && !(leaf && level)))
        return false;
    e |= low | nested_names(j, place, level, leaf);
    if (reserved == RESERVED_HIGH)
        e |= 1ull << (j->cpu.maxphyaddr + noise % (52 - j->cpu.maxphyaddr));
    if (reserved == RESERVED_LOW)
        e |= 1ull << ((j->cpu.npt ? 13 : 12) + noise % (9 * level - j->cpu.npt));
    *entry = e;
    return true;
}

/* Is kind n of this place and level for this context? */
static bool is_drawn(unsigned place, unsigned level, unsigned n, unsigned context, unsigned every)
{
    uint64_t h = ((uint64_t)n * 64 + place * 8 + level + 1) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 31;
    h *= 0xd1342543de82ef95ull;
    if (h >> 32 & (every - 1))
        return false;
    return context == (h & 63) || context == (h >> 6 & 63) || context == (h >> 12 & 63) || context == (h >> 18 & 63);
}

static void one_place(struct judge *j, unsigned place, unsigned context, unsigned every)
{
    uint64_t state = 0x9e3779b97f4a7c15ull + context;
    unsigned level_of_guest = place == PAGE ? 0 : place;
    struct kinds guest;
    uint64_t plain = *guest_entry(j, level_of_guest);

    guest_kinds(j, level_of_guest, &guest);
    for (unsigned level = 0; level <= nested_top(j); level++) {
        uint64_t *entry = nested_entry(j, place, level), before = *entry;
        for (unsigned n = 0; n < (j->cpu.npt ? 256u : 2048u) * 4; n++) {
            uint64_t noise = judge_noise(&state);
            if (!is_drawn(place, level, n, context, every) || !nested_kind(j, place, level, n, noise, entry))
                continue;
            for (unsigned g = 0; g < guest.n; g++) {
                *guest_entry(j, level_of_guest) = guest.entry[g];
                judge_kinds(j);
            }
        }
        *entry = before;
        *guest_entry(j, level_of_guest) = plain;
    }
}

void entry_cases(struct judge *j, bool npt, unsigned every)
{
    for (unsigned i = 0; i < CONTEXTS; i++) {
        struct nested_cpu c;
        family_context(npt, i, &c);
        judge_context(j, &c);
        for (unsigned place = 0; place < PLACES; place++)
            if (place <= guest_top(j) || place == PAGE)
                one_place(j, place, i, every);
    }
}
