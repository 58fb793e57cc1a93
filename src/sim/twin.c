/* SPDX-License-Identifier: MIT
 * twin.c - the naive twin of --check: the profile's TLBs a second time, written to be obviously right and nothing
 * else.  Called by the machine as an observer (mmu_observe); made by sim_check_begin() and by tests.  SDM3 4.10.2,
 * 4.10.4; geometry from the public profile (mmu.h).  It shares no code and no table with src/machine.
 *
 * It hears of each translation after it was made and answers it itself from its own arrays: an L1 hit, a
 * second-level hit, or a walk; where it holds an entry, also the physical address and the page's size.  A different
 * answer of the machine is a difference.  It never corrects itself from the machine's answer: from the result it
 * takes only what a walk reads from memory (frame, page size, global).
 *
 * The rules, all of them:
 *   look up    every array of the level that serves the port, smaller pages first, arrays in the profile's order;
 *              in one array an entry of the PCID before a global one.  Looking changes nothing.
 *   L1 hit     the entry becomes the most recent of its set; the second level is not touched.
 *   L2 hit     the entry becomes the most recent of its set; L1 is filled from it.
 *   walk       the second level is filled, then L1: the array of the accessing port only.
 *   store that hits an entry not known to be dirty: the machine may have had to walk to set D; then the answer is
 *              that of a walk, and both levels are filled.
 *   #PF        the entries of the page are dropped, global ones too (SDM3 4.10.4.1).  A hit that refuses the access
 *              is announced by the machine as an invalidation before it walks: rights are no part of the twin.
 *   fill       into the way that holds the same page already, else the lowest empty way, else the policy's victim.
 *   a page for whose size an array level has no entries is kept in pieces of the largest smaller size: always in
 *              L1; in the second level only on AMD.  Dropping a page drops all pieces of it.
 *   several arrays of a level for one size share its pages by the number's bits above the first array's index.
 * Random replacement cannot be known from outside: profiles with a random array are not compared (accesses == 0). */
#include "twin.h"

#include "base/check.h"

#include <string.h>

enum { UNIT_4K, UNIT_2M, UNIT_4M, UNIT_1G, UNITS }; /* 4M: 32-bit paging; lies in the arrays for 2 MiB            */
static const u8 unit_lg2[UNITS] = { 12, 21, 22, 30 };
static const u8 unit_size[UNITS] = { MMU_4K, MMU_2M, MMU_2M, MMU_1G };

struct line {            /* one way of one set                                                                    */
    u64 number;          /* page number, in its own unit, of the address below bit 57                              */
    u64 frame;           /* physical address of the piece                                                          */
    u64 used;            /* when it was touched last                                                               */
    u16 pcid;
    u8 valid, global, dirty;
    u8 unit;             /* what this line covers ...                                                              */
    u8 page;             /* ... of a page of this size: index into unit_lg2                                        */
    u8 recent;           /* NRU's bit                                                                              */
};

struct shelf {           /* one array of one CPU                                                                   */
    const struct mmu_tlb_desc *desc;
    struct line *line;   /* [sets][ways]                                                                           */
    u8 *right_is_colder; /* [sets][ways]: tree-PLRU, node n has children 2n and 2n+1                               */
    u8 *last_way;        /* [sets]                                                                                 */
};

struct twin {
    const struct mmu_profile *profile;
    unsigned cpus;
    bool comparable;
    u64 clock;
    struct sim_check check;
    struct shelf shelf[]; /* [cpus][profile->tlbs]                                                                 */
};

/* ---- creating -------------------------------------------------------------------------------------------------- */

static size_t up64(size_t n)
{
    return (n + 63) / 64 * 64;
}

static size_t shelf_bytes(const struct mmu_tlb_desc *d)
{
    size_t lines = (size_t)d->ways * d->sets;
    return up64(lines * sizeof(struct line)) + up64(lines) + up64(d->sets);
}

size_t twin_bytes(const struct mmu_profile *profile, unsigned cpus)
{
    size_t bytes = 0;
    for (unsigned i = 0; i < profile->tlbs; i++)
        bytes += shelf_bytes(&profile->tlb[i]);
    return up64(sizeof(struct twin) + (size_t)cpus * profile->tlbs * sizeof(struct shelf)) + cpus * bytes;
}

struct twin *twin_create(void *block, const struct mmu_profile *profile, unsigned cpus)
{
    struct twin *t = block;
    u8 *at = (u8 *)block + up64(sizeof *t + (size_t)cpus * profile->tlbs * sizeof(struct shelf));

    memset(block, 0, twin_bytes(profile, cpus));
    t->profile = profile;
    t->cpus = cpus;
    t->comparable = true;
    for (unsigned i = 0; i < cpus * profile->tlbs; i++) {
        const struct mmu_tlb_desc *d = &profile->tlb[i % profile->tlbs];
        size_t lines = (size_t)d->ways * d->sets;
        t->shelf[i] = (struct shelf){ d, (struct line *)at, at + up64(lines * sizeof(struct line)),
                                      at + up64(lines * sizeof(struct line)) + up64(lines) };
        at += shelf_bytes(d);
        if (d->repl == MMU_RANDOM)
            t->comparable = false;
    }
    return t;
}

/* ---- replacement: ways of one set ------------------------------------------------------------------------------ */

/* Ways [low, low + ways) as a binary tree whose nodes start at right_is_colder[base]. */
static void tree_touch(u8 *right_is_colder, unsigned ways, unsigned way)
{
    unsigned node = 1, low = 0;
    while (ways > 1) {
        ways /= 2;
        bool right = way >= low + ways;
        right_is_colder[node] = !right;
        node = 2 * node + right;
        if (right)
            low += ways;
    }
}

static unsigned tree_coldest(const u8 *right_is_colder, unsigned ways)
{
    unsigned node = 1, low = 0;
    while (ways > 1) {
        ways /= 2;
        bool right = right_is_colder[node];
        node = 2 * node + right;
        if (right)
            low += ways;
    }
    return low;
}

static void nru_touch(struct line *set, unsigned ways, unsigned way)
{
    bool all = true;
    set[way].recent = 1;
    for (unsigned w = 0; w < ways; w++)
        all = all && set[w].recent;
    if (!all)
        return;
    for (unsigned w = 0; w < ways; w++)
        set[w].recent = w == way;
}

static void touch(struct twin *t, struct shelf *s, unsigned set, unsigned way)
{
    unsigned ways = s->desc->ways;
    u8 *tree = s->right_is_colder + set * ways;

    s->line[set * ways + way].used = ++t->clock;
    s->last_way[set] = (u8)way;
    if (s->desc->repl == MMU_PLRU)
        tree_touch(tree, ways, way);
    if (s->desc->repl == MMU_PLRU_3X4)
        tree_touch(tree + way / 4 * 4, 4, way % 4);
    if (s->desc->repl == MMU_NRU)
        nru_touch(s->line + set * ways, ways, way);
}

static unsigned victim(const struct shelf *s, unsigned set)
{
    unsigned ways = s->desc->ways, oldest = 0;
    const struct line *line = s->line + set * ways;
    const u8 *tree = s->right_is_colder + set * ways;

    if (s->desc->repl == MMU_PLRU)
        return tree_coldest(tree, ways);
    if (s->desc->repl == MMU_PLRU_3X4) {
        unsigned group = (s->last_way[set] / 4 + 1) % 3;
        return group * 4 + tree_coldest(tree + group * 4, 4);
    }
    if (s->desc->repl == MMU_NRU) {
        for (unsigned w = 0; w < ways; w++)
            if (!line[w].recent)
                return w;
        return 0;
    }
    for (unsigned w = 1; w < ways; w++)
        if (line[w].used < line[oldest].used)
            oldest = w;
    return oldest;
}

/* ---- where a page may lie -------------------------------------------------------------------------------------- */

static u64 number_of(u64 va, unsigned unit)
{
    return (va & (((u64)1 << 57) - 1)) >> unit_lg2[unit];
}

static unsigned set_of(const struct shelf *s, u64 number)
{
    unsigned sets = s->desc->sets;
    u64 n = number % sets;
    if (s->desc->hash == MMU_XOR)
        n ^= number / sets % sets;
    return (unsigned)n;
}

static bool serves(const struct shelf *s, unsigned level, enum mmu_kind kind, unsigned unit)
{
    static const u8 port[] = { [MMU_LOAD] = MMU_PORT_LOAD, [MMU_STORE] = MMU_PORT_STORE, [MMU_FETCH] = MMU_PORT_I };
    return s->desc->level == level && s->desc->ports & port[kind] && s->desc->sizes >> unit_size[unit] & 1;
}

/* The array of a level that may hold this page; NULL: none has entries of this size. */
static struct shelf *shelf_for(struct twin *t, unsigned cpu, unsigned level, enum mmu_kind kind, unsigned unit, u64 va)
{
    struct shelf *own = &t->shelf[cpu * t->profile->tlbs], *first = NULL;
    unsigned several = 0, pick;

    for (unsigned i = 0; i < t->profile->tlbs; i++)
        if (serves(&own[i], level, kind, unit)) {
            first = first ? first : &own[i];
            several++;
        }
    if (!several)
        return NULL;
    pick = (unsigned)(number_of(va, unit) / first->desc->sets % several);
    while (!serves(first, level, kind, unit) || pick--)
        first++;
    return first;
}

/* ---- looking, filling, dropping -------------------------------------------------------------------------------- */

static struct line *in_set(struct shelf *s, unsigned set, unsigned unit, u64 number, bool global, u64 pcid)
{
    for (unsigned w = 0; w < s->desc->ways; w++) {
        struct line *l = &s->line[set * s->desc->ways + w];
        if (l->valid && l->unit == unit && l->number == number && l->global == global && (global || l->pcid == pcid))
            return l;
    }
    return NULL;
}

/* Where an entry was found; line NULL: nowhere. */
struct place { struct shelf *shelf; unsigned set, way; struct line *line; };

static struct place find(struct twin *t, unsigned cpu, unsigned level, enum mmu_kind kind, u64 va, u64 pcid)
{
    for (unsigned unit = 0; unit < UNITS; unit++) {
        struct shelf *s = shelf_for(t, cpu, level, kind, unit, va);
        u64 number = number_of(va, unit);
        if (!s)
            continue;
        unsigned set = set_of(s, number);
        struct line *l = in_set(s, set, unit, number, false, pcid);
        if (!l)
            l = in_set(s, set, unit, number, true, pcid);
        if (l)
            return (struct place){ s, set, (unsigned)(l - (s->line + set * s->desc->ways)), l };
    }
    return (struct place){ .line = NULL };
}

/* As what a level keeps a page, or a piece, of this unit: as it is, else as the largest smaller of 2 MiB and 4 KiB;
 * negative: not at all. */
static int unit_kept(struct twin *t, unsigned cpu, unsigned level, enum mmu_kind kind, int unit, u64 va)
{
    static const int next_smaller[UNITS] = { [UNIT_4K] = -1, [UNIT_2M] = UNIT_4K, [UNIT_4M] = UNIT_4K, [UNIT_1G] = UNIT_2M };
    bool pieces = level == 1 || t->profile->vendor == MMU_AMD;
    while (unit >= 0 && !shelf_for(t, cpu, level, kind, (unsigned)unit, va))
        unit = pieces ? next_smaller[unit] : -1;
    return unit;
}

/* like: the translation to keep, as a line whose unit is what the source holds and whose frame is that of va. */
static void fill(struct twin *t, unsigned cpu, unsigned level, enum mmu_kind kind, u64 va, const struct line *like)
{
    int unit = unit_kept(t, cpu, level, kind, like->unit, va);
    if (unit < 0)
        return;
    struct shelf *s = shelf_for(t, cpu, level, kind, (unsigned)unit, va);
    u64 number = number_of(va, (unsigned)unit);
    unsigned set = set_of(s, number), ways = s->desc->ways, way;
    struct line *lines = s->line + set * ways, *known = in_set(s, set, (unsigned)unit, number, like->global, like->pcid);

    if (known) {
        way = (unsigned)(known - lines);
    } else {
        for (way = 0; way < ways && lines[way].valid; way++)
            ;
        if (way == ways)
            way = victim(s, set);
    }
    u8 recent = lines[way].recent;
    lines[way] = *like;
    lines[way].unit = (u8)unit;
    lines[way].number = number;
    lines[way].frame = like->frame >> unit_lg2[unit] << unit_lg2[unit];
    lines[way].recent = recent;
    touch(t, s, set, way);
}

static void drop_page(struct twin *t, unsigned cpu, u64 va, bool every_pcid, u64 pcid, bool with_global)
{
    for (unsigned i = 0; i < t->profile->tlbs; i++) {
        struct shelf *s = &t->shelf[cpu * t->profile->tlbs + i];
        for (unsigned n = 0; n < (unsigned)s->desc->ways * s->desc->sets; n++) {
            struct line *l = &s->line[n];
            u64 lies_in = l->number << unit_lg2[l->unit] >> unit_lg2[l->page];
            if (l->valid && lies_in == number_of(va, l->page) && (l->global ? with_global : every_pcid || l->pcid == pcid))
                l->valid = 0;
        }
    }
}

/* ---- the observer ---------------------------------------------------------------------------------------------- */

static void differs(struct twin *t, unsigned cpu, const struct mmu_result *r, enum mmu_by expected)
{
    if (t->check.differences++)
        return;
    t->check.first_va = r->va;
    t->check.first_cpu = cpu;
    t->check.first_expected_by = (u8)expected;
    t->check.first_got_by = r->by;
}

static unsigned unit_of_page(const struct mmu_result *r)
{
    for (unsigned unit = 0; unit < UNITS; unit++)
        if (unit_lg2[unit] == r->page_lg2)
            return unit;
    CHECK(false);
    return 0;
}

static bool answers(const struct line *l, const struct mmu_result *r)
{
    u64 inside = ((u64)1 << unit_lg2[l->unit]) - 1;
    return r->pa == (l->frame | (r->va & inside)) && r->page_lg2 == unit_lg2[l->page];
}

static void translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    struct twin *t = ctx;
    enum mmu_kind kind = (enum mmu_kind)r->kind;

    if (!t->comparable || r->status == MMU_FAULT_GP || r->status == MMU_FAULT_SS)
        return; /* a non-canonical address is looked up nowhere */
    t->check.accesses++;

    struct place first = find(t, cpu, 1, kind, r->va, pcid), second = { .line = NULL };
    enum mmu_by by = MMU_BY_L1;
    if (!first.line) {
        second = find(t, cpu, 2, kind, r->va, pcid);
        by = second.line ? MMU_BY_STLB : MMU_BY_WALK;
    }
    struct place hit = first.line ? first : second;

    if (r->status == MMU_FAULT_PF) {
        if (r->by != MMU_BY_WALK && r->by != by)
            differs(t, cpu, r, by);
        drop_page(t, cpu, r->va, false, pcid, true);
        return;
    }

    bool again = hit.line && kind == MMU_STORE && !hit.line->dirty && r->by == MMU_BY_WALK;
    if (!again && (r->by != by || (hit.line && !answers(hit.line, r))))
        differs(t, cpu, r, by);
    if (hit.line && !again) {
        touch(t, hit.shelf, hit.set, hit.way);
        if (kind == MMU_STORE)
            hit.line->dirty = 1;
        if (second.line) {
            struct line copy = *second.line;
            copy.frame = r->pa;
            fill(t, cpu, 1, kind, r->va, &copy);
        }
        return;
    }
    struct line fresh = { .frame = r->pa, .pcid = (u16)pcid, .valid = 1, .global = global, .dirty = kind == MMU_STORE,
                          .unit = (u8)unit_of_page(r), .page = (u8)unit_of_page(r) };
    fill(t, cpu, 2, kind, r->va, &fresh);
    fill(t, cpu, 1, kind, r->va, &fresh);
}

static void invalidated(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global)
{
    struct twin *t = ctx;

    if (scope == MMU_INV_PAGE || scope == MMU_INV_PAGE_EVERY) {
        drop_page(t, cpu, va, scope == MMU_INV_PAGE_EVERY, pcid, with_global);
        return;
    }
    for (unsigned i = 0; i < t->profile->tlbs; i++) {
        struct shelf *s = &t->shelf[cpu * t->profile->tlbs + i];
        for (unsigned n = 0; n < (unsigned)s->desc->ways * s->desc->sets; n++) {
            struct line *l = &s->line[n];
            if (scope == MMU_INV_ARRAY) {
                l->valid &= i != va || l->global || l->pcid != pcid;
                continue;
            }
            bool named = scope == MMU_INV_ALL || (scope == MMU_INV_ALL_NONGLOBAL && !l->global) ||
                         (scope == MMU_INV_PCID && (l->global ? with_global : l->pcid == pcid));
            if (named)
                l->valid = 0;
        }
    }
}

void twin_observer(struct twin *t, struct mmu_observer *out)
{
    *out = (struct mmu_observer){ .ctx = t, .translated = translated, .invalidated = invalidated };
}

void twin_result(const struct twin *t, struct sim_check *out)
{
    *out = t->check;
}
