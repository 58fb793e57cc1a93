/* SPDX-License-Identifier: MIT
 * apply.c - see apply.h.  Called by `pagewalk probe`.
 *
 * A measured geometry takes the place of the assumed one where one array answers loads of 4 KiB pages.  Where two share
 * the pages, times cannot tell them apart: the sum is compared and said.  Whatever was not clear stays as it was. */
#include "probe/apply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- text ------------------------------------------------------------------------------------------------------------ */

static const char *__attribute__((format(printf, 2, 3))) put(struct mmu_profile_store *to, const char *format, ...)
{
    char text[900];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return mmu_profile_keep(to, text, strlen(text));
}

static const char *or_nothing(const char *source) { return source ? source : "unknown"; }

/* ---- arrays ----------------------------------------------------------------------------------------------------------- */

static bool answers(const struct mmu_tlb_desc *t, unsigned level)
{
    return t->level == level && t->ports & MMU_PORT_LOAD && t->sizes & 1 << MMU_4K;
}

static unsigned expected(const struct mmu_profile *p, unsigned level, unsigned *arrays)
{
    unsigned entries = 0;

    *arrays = 0;
    for (unsigned i = 0; i < p->tlbs; i++)
        if (answers(&p->tlb[i], level)) {
            entries += (unsigned)p->tlb[i].ways * p->tlb[i].sets;
            ++*arrays;
        }
    return entries;
}

struct probe_hint apply_hint(const struct mmu_profile *p)
{
    unsigned arrays;
    return (struct probe_hint){ expected(p, 1, &arrays), expected(p, 2, &arrays) };
}

/* The policies' limits (mmu.h). */
static bool can_replace(u8 repl, unsigned ways)
{
    bool power = !(ways & (ways - 1));
    return repl == MMU_PLRU ? power && ways <= 64 : repl == MMU_PLRU_3X4 ? ways == 12 : repl != MMU_NRU || ways <= 64;
}

static void put_measured(const struct level_found *l, const char *before, struct mmu_tlb_desc *t, struct mmu_profile_store *to)
{
    bool agrees = (unsigned)t->ways * t->sets == l->entries;
    const char *sets = l->sets == 1 ? "one set" : l->hashed ? "index a XOR of the page number's parts" : "index linear";

    t->ways = (u16)l->ways;
    t->sets = (u16)l->sets;
    t->hash = l->hashed ? MMU_XOR : MMU_LINEAR;
    if (!can_replace(t->repl, l->ways))
        t->repl = MMU_LRU;
    t->source = put(to, "measured: %u entries (%u pages hit, %u miss), %u ways, %s; replacement: not measured; before, %s: %s", l->entries,
                    l->step.low, l->step.high, l->ways, sets, agrees ? "and agreeing" : "otherwise", before);
}

/* Entries without ways: the ways stay if they divide them. */
static void put_entries(const struct level_found *l, const char *before, struct mmu_tlb_desc *t, struct mmu_profile_store *to)
{
    unsigned sets = l->entries / t->ways;
    bool possible = sets && l->entries % t->ways == 0 && !(sets & (sets - 1));

    if (possible)
        t->sets = (u16)sets;
    t->source = put(to, "measured: %u entries (%u pages hit, %u miss)%s; ways: not clear (%s), assumed, as before: %s", l->entries,
                    l->step.low, l->step.high, possible ? "" : ", which these ways cannot make and so are not used", l->why, before);
}

static void put_array(const struct level_found *l, unsigned arrays, unsigned sum, struct mmu_tlb_desc *t, struct mmu_profile_store *to)
{
    const char *before = or_nothing(t->source);

    if (!l->reach_clear)
        t->source = put(to, "not clear when measured (%s): %s", l->why, before);
    else if (arrays > 1)
        t->source = put(to, "measured with the other array of these pages: %u entries together, %s %u: %s", l->entries,
                        l->entries == sum ? "as" : "not", sum, before);
    else if (l->ways_clear && l->ways <= 255)
        put_measured(l, before, t, to);
    else
        put_entries(l, before, t, to);
}

static void put_arrays(const struct mmu_profile *p, const struct probe_result *r, struct mmu_profile_store *to)
{
    unsigned arrays[3] = { 0 }, sum[3] = { 0 };

    for (unsigned level = 1; level <= 2; level++)
        sum[level] = expected(p, level, &arrays[level]);
    for (unsigned i = 0; i < p->tlbs; i++) {
        struct mmu_tlb_desc t = p->tlb[i];
        const struct level_found *l = t.level == 1 ? &r->l1 : &r->l2;
        if (answers(&t, t.level))
            put_array(l, arrays[t.level], sum[t.level], &t, to);
        else
            t.source = put(to, "not measured: %s", or_nothing(t.source));
        mmu_profile_add_tlb(to, &t);
    }
}

/* ---- timing ------------------------------------------------------------------------------------------------------------- */

static u16 rounded(double cycles) { return cycles < 0 ? 0 : cycles > 10000 ? 10000 : (u16)(cycles + 0.5); }

#define PAGES_OF_LINE 8.0      /* entries of page tables in a cache line                                             */
#define WALKED_PAGES 2.5       /* times the reach: the middle of the third plateau (curve.c)                         */

/* The cycles of one table read on the tours that were measured, by the model's own rule (mmu.h). */
static double modelled_read(const struct mmu_timing *t, double pages)
{
    double lines = pages / PAGES_OF_LINE, near = lines > t->near_lines ? t->near_lines / lines : 1;
    return near * t->read_near_cycles + (1 - near) * t->read_far_cycles;
}

static void put_timing(const struct probe_result *r, const struct apply_where *w, struct mmu_profile_store *to)
{
    struct mmu_timing *t = &to->profile.timing;
    const char *before = or_nothing(t->source);
    double hit = r->height.l2_hit - r->height.hit, walk = r->height.walk - r->height.hit;

    if (!r->height.l1_clear) {
        t->source = put(to, "not clear when measured: %s", before);
        return;
    }
    t->stlb_hit_cycles = rounded(hit);
    if (!r->height.l2_clear) {
        t->source = put(to, "measured: second-level hit %.1f cycles; the walk was not clear (%s): %s", hit, r->height.l2_why, before);
        return;
    }
    t->walk_base_cycles = rounded(walk - modelled_read(t, WALKED_PAGES * r->l2.step.low));
    t->source = put(to, "measured: second-level hit %.1f cycles, walk %.1f in all, on a core at %.2f GHz%s; walk_base is what the reads "
                    "leave of it; reads and near lines: not measured: %s", hit, walk, w->ghz,
                    w->huge_control ? "" : " (no huge page for the control)", before);
}

/* ---- large memory ------------------------------------------------------------------------------------------------------- */

#define FAR_ENOUGH 4           /* times the second level's reach: nearly every load walks                             */

#define TRUSTED_LEAST 0.75     /* of the walk in smaller memory                                                       */

static double pages_of(const struct costs_found *c, unsigned i) { return (double)(c->at[i].bytes >> PAGE_LG2); }

/* Larger memory never walks for less: where it seems to, its huge pages were none to the processor (a hypervisor may take them
 * apart), and the comparison says nothing. */
static bool trusted(const struct costs_found *c, unsigned i)
{
    for (unsigned smaller = 0; smaller < i; smaller++)
        if (c->at[i].walk < TRUSTED_LEAST * c->at[smaller].walk)
            return false;
    return c->at[i].bytes != 0;
}

/* Cycles of one walk: the loads that the TLB holds have none.  0: not known. */
static double walk_at(const struct costs_found *c, unsigned reach, unsigned i)
{
    double pages = pages_of(c, i);
    return trusted(c, i) && pages >= FAR_ENOUGH * reach && c->at[i].walk > 0 ? c->at[i].walk / (1 - reach / pages) : 0;
}

/* The model's walk has a base and one read of the last level that is near or far (timing.h).  The smallest memory in which
 * nearly every load walks gives the near walk, the largest the far one, and what lies between says how many lines are near. */
static void put_walks(const struct costs_found *c, unsigned reach, struct mmu_timing *t)
{
    double near = 0, far = 0, lines = t->near_lines, w;
    for (unsigned i = 0; i < COSTS_SIZES; i++)
        if ((w = walk_at(c, reach, i)) > 0) {
            near = near > 0 ? near : w;
            far = w > near ? w : near;
        }
    if (near <= 0)
        return;
    for (unsigned i = 0; i < COSTS_SIZES && far > near; i++)
        if ((w = walk_at(c, reach, i)) > 0 && w < far)
            lines = (w < near ? 1 : (far - w) / (far - near)) * pages_of(c, i) / PAGES_OF_LINE;
    t->walk_base_cycles = rounded(near - t->read_near_cycles);
    t->read_far_cycles = rounded(far - t->walk_base_cycles);
    t->near_lines = (u16)(lines > 65535 ? 65535 : lines > t->near_lines ? lines : t->near_lines);
}

void apply_costs(const struct costs_found *c, const struct probe_result *r, const struct apply_where *w, struct mmu_profile_store *to)
{
    struct mmu_timing *t = &to->profile.timing;
    char seen[256] = "";
    size_t used = 0;
    if (!c->huge)
        return;
    if (r->height.l2_clear && r->l2.reach_clear) {
        put_walks(c, r->l2.entries, t);
        t->source = put(to, "%s; then walk_base, read_far and near_lines from random loads of large memory (see costs)", t->source);
    }
    t->costs = (struct mmu_costs){ .mhz = (u16)(w->ghz * 1000), .fault_cycles = rounded(c->fault), .zero_cycles = rounded(c->zero),
                                   .copy_cycles = rounded(c->copy) };
    for (unsigned i = 0; i < COSTS_SIZES && c->at[i].bytes; i++) {
        if (trusted(c, i))
            t->costs.memory_cycles = rounded(c->at[i].memory);
        used += (size_t)snprintf(seen + used, sizeof seen - used, "%s%.0f and %.0f in %llu MiB", i ? ", " : "", c->at[i].memory, c->at[i].walk,
                                 (unsigned long long)(c->at[i].bytes >> 20));
    }
    t->costs.source = put(to, "measured: cycles of a random load in huge pages and what 4 KiB pages add to it: %s; faults and zeroing by touching new "
                          "memory in both", seen);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------ */

void apply_result(const struct mmu_profile *p, const struct probe_result *r, const struct apply_where *w, struct mmu_profile_store *to)
{
    mmu_profile_begin(to);
    to->profile = *p;
    to->profile.tlb = to->tlb;
    to->profile.psc = to->psc;
    to->profile.cache = to->cache;
    to->profile.tlbs = to->profile.pscs = to->profile.caches = 0;
    to->profile.name = put(to, "%s-measured", p->name);
    to->profile.title = put(to, "%s, measured", p->title);
    to->profile.notes = put(to, "Measured %s on logical CPU %d with pagewalk probe: data TLBs for 4 KiB pages and walks; everything else is "
                            "not. %s", w->date, w->cpu, or_nothing(p->notes));
    put_arrays(p, r, to);
    for (unsigned i = 0; i < p->pscs; i++) {
        struct mmu_psc_desc c = p->psc[i];
        c.source = put(to, "not measured: %s", or_nothing(c.source));
        mmu_profile_add_psc(to, &c);
    }
    for (unsigned i = 0; i < p->caches; i++) {
        struct mmu_cache_desc c = p->cache[i];
        c.source = put(to, "not measured: %s", or_nothing(c.source));
        mmu_profile_add_cache(to, &c);
    }
    put_timing(r, w, to);
}
