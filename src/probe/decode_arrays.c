/* SPDX-License-Identifier: MIT
 * decode_arrays.c - what CPUID said of TLBs, completed from the nearest known profile.  Called by decode.c.
 *
 * Every array's source says what CPUID said, what was corrected because silicon is known to differ, and what is assumed
 * and from which profile.  Arrays that no machine can have are left out, so that the nearest's take their place. */
#include "probe/decode_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"

static const char *keep(struct mmu_profile_store *s, const char *text) { return mmu_profile_keep(s, text, strlen(text)); }

/* ---- one array ------------------------------------------------------------------------------------------------------------ */

/* Where CPUID is known to be wrong about silicon.  near: the profile by which such a part is known. */
static const struct correction { const char *near; u8 level, ports, sizes; u16 said_ways, said_sets, ways, sets; const char *why; }
corrections[] = {
    { "skylake", 2, PORT_U, PAGES_4K | PAGES_2M, 6, 256, 12, 128, "descriptor C3h says 6 ways; measured on silicon: 12 ways of 128 sets" },
    { "goldencove", 1, MMU_PORT_LOAD, PAGES_4K, 4, 16, 6, 16, "it says 64 entries of 4 ways; measured on silicon and told by later parts: 96 of 6" },
};

static const struct correction *correction_of(const struct mmu_profile *near, const struct mmu_tlb_desc *t)
{
    for (size_t i = 0; i < COUNT_OF(corrections); i++) {
        const struct correction *c = &corrections[i];
        if (!strcmp(c->near, near->name) && c->level == t->level && c->ports == t->ports && c->sizes == t->sizes &&
            c->said_ways == t->ways && c->said_sets == t->sets)
            return c;
    }
    return NULL;
}

static bool power_of_two(u32 n) { return n && !(n & (n - 1)); }

/* The nearest's array that this is: the same count and pages, else the same count, else the same pages. */
static const struct mmu_tlb_desc *like(const struct mmu_profile *near, const struct found *f)
{
    const struct mmu_tlb_desc *best = NULL;
    int best_likeness = 0;

    for (u32 i = 0; i < near->tlbs; i++) {
        const struct mmu_tlb_desc *t = &near->tlb[i];
        int likeness = 2 * ((u32)t->ways * t->sets == f->entries) + (t->sizes == f->sizes);
        if (t->level == f->level && t->ports == f->ports && t->sizes & f->sizes && likeness > best_likeness)
            best = t, best_likeness = likeness;
    }
    return best;
}

/* Ways and sets that exist: a power of two sets, at most 255 ways.  how: what is to be said of them. */
static void geometry(const struct found *f, const struct mmu_profile *near, const struct mmu_tlb_desc *n, struct mmu_tlb_desc *t, const char **how)
{
    u32 ways = f->ways, lowest_bit = f->entries & -f->entries;

    *how = "ways: as it says";
    if (n && (u32)n->ways * n->sets == f->entries && (near->vendor == MMU_AMD || !ways)) {
        *how = ways == n->ways ? *how : ways ? "its associativity is an encoding, the ways are assumed" : "ways: assumed";
        ways = n->ways;
    }
    if (!ways || ways > 255 || f->entries % ways || !power_of_two(f->entries / ways)) {
        *how = "its associativity is no geometry, the ways are assumed";
        ways = f->entries / lowest_bit;                    /* odd part: as many sets as possible ...                   */
        while (ways < 4 && f->entries / ways % 2 == 0)
            ways *= 2;                                     /* ... but some ways                                        */
    }
    t->ways = (u16)(ways > 255 ? 255 : ways);
    t->sets = (u16)(f->entries / t->ways);
}

/* The policies' limits (mmu.h); what does not fit becomes LRU, which always does. */
static u8 replacement_for(u8 repl, u32 ways)
{
    bool fits = repl == MMU_PLRU ? power_of_two(ways) && ways <= 64 : repl == MMU_PLRU_3X4 ? ways == 12 : repl != MMU_NRU || ways <= 64;
    return fits ? repl : MMU_LRU;
}

static void put_name(const struct found *f, struct mmu_tlb_desc *t, struct mmu_profile_store *to)
{
    static const char *const by_ports[8] = { "", "I", "D-load", "", "D-store", "", "D", "" };
    static const char *const by_sizes[8] = { "", "", "-2M", "", "-1G", "", "-large", "" };
    char name[24];

    if (f->ports == PORT_U)
        snprintf(name, sizeof name, "%s%s", f->level == 2 ? "STLB" : "L1", by_sizes[f->sizes & 7]);
    else
        snprintf(name, sizeof name, "L%u%s%s", f->level, by_ports[f->ports & 7], by_sizes[f->sizes & 7]);
    t->name = keep(to, name);
}

void put_found(const struct found *f, const struct mmu_profile *near, struct mmu_profile_store *to)
{
    struct mmu_tlb_desc t = { .level = f->level, .ports = f->ports, .sizes = f->sizes, .hash = MMU_LINEAR, .repl = MMU_LRU };
    const struct mmu_tlb_desc *n = like(near, f);
    const struct correction *c;
    const char *how;
    char source[512];

    geometry(f, near, n, &t, &how);
    c = correction_of(near, &t);
    if (c) {
        t.ways = c->ways;
        t.sets = c->sets;
        how = c->why;
        n = like(near, &(struct found){ f->level, f->ports, f->sizes, (u32)c->ways * c->sets, c->ways, f->leaf });
    }
    if (n) {
        t.name = n->name;
        t.hash = n->hash;
        t.sizes = (u32)n->ways * n->sets == (u32)t.ways * t.sets ? n->sizes : t.sizes;
        t.repl = n->repl;
    } else {
        put_name(f, &t, to);
    }
    t.repl = replacement_for(t.repl, t.ways);
    if (!power_of_two(t.sets))
        return;
    snprintf(source, sizeof source, "%s (%s)%s; index and replacement: assumed, %s%s", f->leaf, how,
             t.sizes & ~f->sizes ? "; pages of all sizes: assumed" : "", n ? "as " : "nothing is known", n ? near->name : "");
    t.source = keep(to, source);
    mmu_profile_add_tlb(to, &t);
}

/* ---- what CPUID does not say ------------------------------------------------------------------------------------------------ */

/* Does one of the first `n` arrays hold what this one would? */
static bool overlaps(const struct mmu_profile *p, u32 n, const struct mmu_tlb_desc *t)
{
    for (u32 i = 0; i < n; i++)
        if (p->tlb[i].level == t->level && p->tlb[i].ports & t->ports && p->tlb[i].sizes & t->sizes)
            return true;
    return false;
}

static const char *assumed(const struct mmu_profile *near, const char *source, struct mmu_profile_store *to)
{
    char text[512];
    snprintf(text, sizeof text, "assumed, as %s: %s", near->name, source ? source : "unknown");
    return keep(to, text);
}

void put_missing(const struct mmu_profile *near, struct mmu_profile_store *to)
{
    u32 told = to->profile.tlbs;

    for (u32 i = 0; i < near->tlbs; i++) {
        struct mmu_tlb_desc t = near->tlb[i];
        if (overlaps(&to->profile, told, &t))
            continue;
        t.source = assumed(near, t.source, to);
        mmu_profile_add_tlb(to, &t);
    }
}

void put_rest(const struct mmu_profile *near, struct mmu_profile_store *to)
{
    for (u32 i = 0; i < near->pscs; i++) {
        struct mmu_psc_desc c = near->psc[i];
        c.source = assumed(near, c.source, to);
        mmu_profile_add_psc(to, &c);
    }
    to->profile.timing = near->timing;
    to->profile.timing.source = assumed(near, near->timing.source, to);
}
