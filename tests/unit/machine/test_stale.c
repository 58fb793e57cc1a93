/* SPDX-License-Identifier: MIT
 * test_stale.c - the missing-invalidation checker.  First each kind of change with each kind of access: what is said, of
 * which entry, by whom, and that the invalidation it names is enough.  Then as a property, on random tables, changes,
 * invalidations and accesses of two CPUs: an access that does not do what a walk from CR3 would do is reported, and one
 * that is reported as lacking an invalidation does not, or used a structure cache that leads elsewhere, or left no D.
 * Would catch an origin not kept or kept of another entry, a change not noticed, a rule too strict. */
#include "box.h"

#include "machine/cpu.h"

#define VA 0x400000001000ull
#define LARGE 0x480000200000ull
#define PA 0x100000ull
#define PCIDE_CR4 (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE)

struct heard { struct mmu_stale last; unsigned calls, missing; };

static void hear(void *ctx, const struct mmu_stale *s)
{
    struct heard *h = ctx;
    h->last = *s;
    h->calls++;
    h->missing += s->missing;
}

struct rig { struct box box; void *block; struct heard heard; };

static void begin_checking(struct rig *r)
{
    size_t bytes = mmu_check_flush_bytes(&r->box.cfg);
    r->block = aligned_alloc(64, (bytes + 63) & ~(size_t)63);
    memset(r->block, 0xa5, bytes);
    memset(&r->heard, 0, sizeof r->heard);
    mmu_check_flush_begin(r->box.m, r->block, bytes, hear, &r->heard);
}

static void rig_begin(struct rig *r, const char *profile)
{
    box_begin_full(&r->box, profile);
    begin_checking(r);
}

static void rig_end(struct rig *r)
{
    box_end(&r->box);
    free(r->block);
}

/* ---- each change, said plainly ---------------------------------------------------------------------------------- */

enum says { NOTHING, MISSING, NOT_NEEDED };
struct change {
    const char *name;
    u64 before, after;    /* flags of the entry                                                                   */
    unsigned level;
    enum mmu_kind first, kind;
    bool user;
    enum says says;
    u8 rule;
};

#define AD (X86_PTE_A | X86_PTE_D)
#define RW (X86_PTE_P | X86_PTE_RW | X86_PTE_US | AD)
#define RO (X86_PTE_P | X86_PTE_US | AD)

static const struct change changes[] = {
    { "P cleared",                RW, 0, 0,                     MMU_LOAD, MMU_LOAD, true, MISSING, 90 },
    { "reserved bit",             RW, RW | 1ull << 51, 0,       MMU_LOAD, MMU_LOAD, true, MISSING, 90 },
    { "R/W cleared, store",       RW, RO, 0,                    MMU_LOAD, MMU_STORE, true, MISSING, 90 },
    { "R/W cleared, load",        RW, RO, 0,                    MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 90 },
    { "U/S cleared, user",        RW, RW & ~X86_PTE_US, 0,      MMU_LOAD, MMU_LOAD, true, MISSING, 90 },
    { "U/S cleared, kernel",      RW, RW & ~X86_PTE_US, 0,      MMU_LOAD, MMU_LOAD, false, NOT_NEEDED, 90 },
    { "XD set, fetch",            RW, RW | X86_PTE_XD, 0,       MMU_FETCH, MMU_FETCH, true, MISSING, 90 },
    { "XD set, load",             RW, RW | X86_PTE_XD, 0,       MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 90 },
    { "R/W set, load",            RO, RW, 0,                    MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 92 },
    { "XD cleared, load",         RW | X86_PTE_XD, RW, 0,       MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 92 },
    { "A cleared",                RW, RW & ~X86_PTE_A, 0,       MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 84 },
    { "D cleared, load",          RW, RW & ~X86_PTE_D, 0,       MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 84 },
    { "D cleared, store",         RW, RW & ~X86_PTE_D, 0,       MMU_STORE, MMU_STORE, true, MISSING, 84 },
    { "software's bits",          RW, RW | 7ull << 9 | 1ull << 58, 0, MMU_LOAD, MMU_LOAD, true, NOTHING, 0 },
    { "the same again",           RW, RW, 0,                    MMU_LOAD, MMU_STORE, true, NOTHING, 0 },
    { "P of the PDE cleared",     RW, 0, 1,                     MMU_LOAD, MMU_LOAD, true, MISSING, 90 },
    { "R/W of the PDPTE cleared", RW, RO, 2,                    MMU_LOAD, MMU_STORE, true, MISSING, 90 },
    { "U/S of the PML4E cleared", RW, RW & ~X86_PTE_US, 3,      MMU_LOAD, MMU_LOAD, true, MISSING, 90 },
    { "A of the PDE cleared",     RW, RW & ~X86_PTE_A, 1,       MMU_LOAD, MMU_LOAD, true, NOT_NEEDED, 84 },
};

static void check_change(const char *profile, const struct change *c)
{
    struct rig r;
    rig_begin(&r, profile);
    struct box *b = &r.box;
    box_map(b, VA, 0, PA, PTE_ALL | AD);
    u64 at = box_entry(b, VA, c->level), address = mmu_peek(b->m, at) & X86_PTE_ADDR;
    mmu_poke(b->m, at, address | c->before);
    mmu_set(b->m, 0, MMU_CPL, c->user ? 3 : 0);
    assert_int_equal(box_do(b, VA, c->first).status, MMU_OK);
    if (c->kind == MMU_STORE)
        assert_int_equal(box_do(b, VA, MMU_STORE).status, c->before & X86_PTE_RW ? MMU_OK : MMU_FAULT_PF);
    u64 was = mmu_peek(b->m, at), now = (c->after ? address : 0) | c->after;
    mmu_check_flush_actor(b->m, 3, "the test");
    mmu_poke(b->m, at, now);
    assert_int_equal(r.heard.calls, 0);
    struct mmu_result got = box_do(b, VA, c->kind);
    if (r.heard.calls != (c->says != NOTHING) || r.heard.missing != (c->says == MISSING) || r.heard.last.rule != c->rule)
        print_error("%s: %u reports, %u missing, rule %u: %s\n", c->name, r.heard.calls, r.heard.missing, r.heard.last.rule,
                    r.heard.last.why);
    assert_int_equal(got.status, MMU_OK);
    assert_int_equal(r.heard.calls, c->says != NOTHING);
    assert_int_equal(r.heard.missing, c->says == MISSING);
    assert_int_equal(r.heard.last.rule, c->rule);
    if (c->says != NOTHING) {
        const struct mmu_stale *s = &r.heard.last;
        assert_true(s->va == VA && s->cpu == 0 && s->kind == c->kind && s->level == c->level && s->entry_pa == at);
        assert_true(s->was == was && s->now == now && !s->cache_level && s->array);
        assert_true(s->by.serial && s->by.cpu == 3 && s->by.old_value == was && s->by.new_value == now);
        assert_string_equal(s->by.who, "the test");
    }
    box_do(b, VA, c->kind); /* each change is told once */
    assert_int_equal(r.heard.calls, c->says != NOTHING);
    mmu_invlpg(b->m, 0, VA);
    box_do(b, VA, c->kind);
    assert_int_equal(r.heard.calls, c->says != NOTHING);
    rig_end(&r);
}

static void each_change(void **state)
{
    static const char *const profiles[] = { "skylake", "champsim", "zen3", "gracemont" };
    (void)state;
    for (unsigned p = 0; p < 4; p++)
        for (unsigned i = 0; i < sizeof changes / sizeof *changes; i++)
            check_change(profiles[p], &changes[i]);
}

/* ---- moves, sizes, tables, PCIDs -------------------------------------------------------------------------------- */

static void another_page(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    box_map(&r.box, VA, 0, PA, PTE_ALL);
    box_do(&r.box, VA, MMU_LOAD);
    box_map(&r.box, VA, 0, PA + 0x1000, PTE_ALL);
    assert_int_equal(box_do(&r.box, VA, MMU_LOAD).pa, PA);
    assert_true(r.heard.missing == 1 && r.heard.last.rule == 90 && strcmp(r.heard.last.array, "L1D") == 0);
    box_do(&r.box, VA, MMU_FETCH); /* by the second level: its own entry, its own report */
    assert_true(r.heard.missing == 2 && strcmp(r.heard.last.array, "STLB") == 0);
    box_do(&r.box, VA, MMU_FETCH); /* the copy in the first level knows that it was told */
    assert_int_equal(r.heard.missing, 2);
    rig_end(&r);
}

/* A large page becomes small ones: the same memory needs nothing (rule 96), other memory does. */
static void another_size(void **state)
{
    (void)state;
    for (unsigned other = 0; other < 2; other++) {
        struct rig r;
        rig_begin(&r, "skylake");
        box_map(&r.box, LARGE, 1, 0x200000, PTE_ALL | AD);
        box_do(&r.box, LARGE + 0x5000, MMU_STORE);
        mmu_poke(r.box.m, box_entry(&r.box, LARGE, 1), 0);
        for (u64 i = 0; i < 512; i++)
            box_map(&r.box, LARGE + i * 4096, 0, (other ? 0x400000 : 0x200000) + i * 4096, PTE_ALL | AD);
        box_do(&r.box, LARGE + 0x5000, MMU_STORE);
        assert_int_equal(r.heard.calls, 1);
        assert_int_equal(r.heard.missing, other);
        assert_int_equal(r.heard.last.rule, 96);
        assert_int_equal(r.heard.last.level, 1);
        rig_end(&r);
    }
}

/* A page table moves, entries and all: translations stay good, a cached PDE does not (rules 96, 108). */
static void another_table(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    struct box *b = &r.box;
    box_map(b, VA, 0, PA, PTE_ALL | AD);
    box_map(b, VA + 0x1000, 0, PA + 0x1000, PTE_ALL | AD);
    box_do(b, VA, MMU_LOAD);
    u64 pde = box_entry(b, VA, 1), from = mmu_peek(b->m, pde) & X86_PTE_ADDR, to = b->next_table;
    for (u64 i = 0; i < 512; i++)
        mmu_poke(b->m, to + i * 8, mmu_peek(b->m, from + i * 8));
    mmu_poke(b->m, pde, to | PTE_ALL);
    box_do(b, VA, MMU_LOAD);
    assert_true(r.heard.calls == 1 && !r.heard.last.missing && r.heard.last.rule == 96 && r.heard.last.entry_pa == pde);
    assert_int_equal(box_do(b, VA + 0x1000, MMU_LOAD).reads, 1);
    assert_true(r.heard.calls == 2 && r.heard.last.missing && r.heard.last.rule == 108);
    assert_true(r.heard.last.cache_level == 1 && !r.heard.last.array && r.heard.last.entry_pa == pde);
    mmu_invlpg(b->m, 0, 0x7000); /* any address */
    mmu_invlpg(b->m, 0, VA);
    box_do(b, VA, MMU_LOAD);
    box_do(b, VA + 0x1000, MMU_LOAD);
    assert_int_equal(r.heard.missing, 1);
    rig_end(&r);
}

static void another_root(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "haswell");
    struct box *b = &r.box;
    const u64 other = 0x700000;
    box_map(b, VA, 0, PA, PTE_ALL);
    mmu_poke(b->m, box_entry_under(b, other, VA, 0), 0x200000 | PTE_ALL);
    assert_true(mmu_set(b->m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b->m, 0, MMU_CR3, BOX_ROOT | 3));
    box_do(b, VA, MMU_LOAD);
    assert_true(mmu_set(b->m, 0, MMU_CR3, other | 4 | X86_CR3_NOFLUSH)); /* another PCID: nothing is shared */
    assert_int_equal(box_do(b, VA, MMU_LOAD).pa, 0x200000);
    assert_true(mmu_set(b->m, 0, MMU_CR3, BOX_ROOT | 3 | X86_CR3_NOFLUSH));
    box_do(b, VA, MMU_LOAD);
    assert_int_equal(r.heard.calls, 0);
    mmu_check_flush_actor(b->m, 0, "switch");
    assert_true(mmu_set(b->m, 0, MMU_CR3, other | 3 | X86_CR3_NOFLUSH));
    assert_int_equal(box_do(b, VA, MMU_LOAD).pa, PA);
    const struct mmu_stale *s = &r.heard.last;
    assert_true(r.heard.missing == 1 && s->rule == 125 && s->level == MMU_STALE_ROOT && s->pcid == 3);
    assert_true(s->was == BOX_ROOT && s->now == other && s->by.serial);
    assert_string_equal(s->by.who, "switch");
    assert_true(mmu_set(b->m, 0, MMU_CR3, other | 3));
    assert_int_equal(box_do(b, VA, MMU_LOAD).pa, 0x200000);
    assert_int_equal(r.heard.calls, 1);
    rig_end(&r);
}

/* Global translations belong to no tables: that others are loaded needs no invalidation. */
static void global_pages_outlive_tables(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    assert_true(mmu_set(r.box.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    box_map(&r.box, VA, 0, PA, PTE_ALL | X86_PTE_G);
    box_do(&r.box, VA, MMU_LOAD);
    assert_true(mmu_set(r.box.m, 0, MMU_CR3, 0x700000));
    assert_int_equal(box_do(&r.box, VA, MMU_LOAD).by, MMU_BY_L1);
    assert_int_equal(r.heard.calls, 0);
    rig_end(&r);
}

static void other_cpus(void **state)
{
    (void)state;
    struct rig r;
    struct mmu_result res;
    box_profile(&r.box, mmu_profile_find("skylake"));
    r.box.cfg.cpus = 2;
    box_make(&r.box);
    begin_checking(&r);
    box_map(&r.box, VA, 0, PA, PTE_ALL);
    for (unsigned cpu = 0; cpu < 2; cpu++)
        mmu_translate(r.box.m, cpu, VA, MMU_LOAD, 0, &res);
    mmu_poke(r.box.m, box_entry(&r.box, VA, 0), 0);
    mmu_invlpg(r.box.m, 0, VA);
    assert_int_equal(mmu_translate(r.box.m, 0, VA, MMU_LOAD, 0, &res), MMU_FAULT_PF);
    assert_int_equal(r.heard.calls, 0);
    assert_int_equal(mmu_translate(r.box.m, 1, VA, MMU_LOAD, 0, &res), MMU_OK);
    assert_true(r.heard.missing == 1 && r.heard.last.cpu == 1);
    rig_end(&r);
}

/* 32-bit paging and PAE have origins, too. */
static void other_modes(void **state)
{
    (void)state;
    for (unsigned pae = 0; pae < 2; pae++) {
        struct rig r;
        rig_begin(&r, "skylake");
        struct mmu *m = r.box.m;
        mmu_poke(m, 0x1000, 0x2007 & (pae ? ~6ull : ~0ull)); /* as a PDPTE without rights; as a PDE                */
        mmu_poke(m, 0x2000, pae ? 0x3007 : 0x5007);          /* a PDE; a PTE, and nothing above it                  */
        mmu_poke(m, 0x3000, 0x5007);
        assert_true(mmu_set(m, 0, MMU_CR0, X86_CR0_PE));
        assert_true(mmu_set(m, 0, MMU_EFER, 0));
        assert_true(mmu_set(m, 0, MMU_CR4, pae ? X86_CR4_PAE : 0));
        assert_true(mmu_set(m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG | X86_CR0_WP));
        assert_int_equal(box_do(&r.box, 0x10, MMU_LOAD).pa, 0x5010);
        mmu_poke(m, pae ? 0x3000 : 0x2000, 0x6007);
        assert_int_equal(box_do(&r.box, 0x10, MMU_LOAD).pa, 0x5010);
        assert_true(r.heard.missing == 1 && r.heard.last.rule == 90 && r.heard.last.level == 0);
        assert_int_equal(r.heard.last.entry_pa, pae ? 0x3000 : 0x2000);
        rig_end(&r);
    }
}

/* A page that the second level does not keep. */
static void sizes_not_kept(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "haswell");
    const u64 at = box_entry(&r.box, 0x40000000, 2);
    mmu_poke(r.box.m, at, 0x40000000 | PTE_ALL | X86_PTE_PS);
    box_do(&r.box, 0x40000000, MMU_LOAD);
    mmu_poke(r.box.m, at, 0);
    assert_int_equal(box_do(&r.box, 0x40000000, MMU_LOAD).by, MMU_BY_L1);
    assert_true(r.heard.missing == 1 && r.heard.last.level == 2 && r.heard.last.entry_pa == at);
    rig_end(&r);
}

/* While it is off nothing is said or counted; while it is on all is. */
static void off_and_on(void **state)
{
    (void)state;
    struct rig r;
    box_begin_full(&r.box, "skylake");
    struct mmu *m = r.box.m;
    mmu_check_flush_actor(m, 0, "nobody");
    mmu_check_flush_stored(m, 0x1000, 0, 1);
    struct mmu_stale_counts n = mmu_check_flush_counts(m);
    assert_true(!n.uses && !n.missing && !n.not_needed);
    begin_checking(&r);
    box_map(&r.box, VA, 0, PA, PTE_ALL);
    box_do(&r.box, VA, MMU_LOAD);
    box_do(&r.box, VA, MMU_LOAD);
    mmu_poke(m, box_entry(&r.box, VA, 0), (PA + 0x1000) | PTE_ALL);
    box_do(&r.box, VA, MMU_LOAD);
    n = mmu_check_flush_counts(m);
    assert_true(n.uses == 2 && n.missing == 1 && n.not_needed == 0);
    rig_end(&r);
}

/* A processor that refuses by what a cached path says: the access would be refused either way, so nothing was due. */
static void a_path_to_a_refusal(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    struct box *b = &r.box;
    box_map(b, VA, 0, PA, PTE_ALL | AD);
    box_map(b, VA + 0x1000, 0, PA, X86_PTE_P | X86_PTE_US | AD);
    b->m->policy.denied_hit_rewalks = false;
    mmu_set(b->m, 0, MMU_CPL, 3);
    box_do(b, VA, MMU_LOAD);
    u64 pde = box_entry(b, VA, 1);
    mmu_poke(b->m, pde, mmu_peek(b->m, pde) & ~X86_PTE_RW);
    assert_int_equal(box_do(b, VA + 0x1000, MMU_STORE).status, MMU_FAULT_PF);
    assert_true(r.heard.calls == 1 && !r.heard.last.missing && r.heard.last.rule == 90 && r.heard.last.cache_level == 1);
    rig_end(&r);
}

/* Stores that the checker was not told of. */
static void nobody_said(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    u64 at = box_entry(&r.box, VA, 0), page = PA | PTE_ALL, other = page + 0x1000;
    memcpy((char *)r.box.cfg.ram + at, &page, 8);
    box_do(&r.box, VA, MMU_LOAD);
    memcpy((char *)r.box.cfg.ram + at, &other, 8);
    box_do(&r.box, VA, MMU_LOAD);
    assert_true(r.heard.missing == 1 && !r.heard.last.by.serial);
    rig_end(&r);
}

/* Who stored is known of so many entries; the oldest are forgotten, and long names are cut. */
static void who_is_forgotten(void **state)
{
    (void)state;
    struct rig r;
    rig_begin(&r, "skylake");
    struct mmu *m = r.box.m;
    for (unsigned long_ago = 0; long_ago < 2; long_ago++) {
        box_map(&r.box, VA, 0, PA, PTE_ALL);
        mmu_invlpg(m, 0, VA);
        box_do(&r.box, VA, MMU_LOAD);
        mmu_check_flush_actor(m, 0, "a name that is much longer than the place that is kept for names");
        mmu_poke(m, box_entry(&r.box, VA, 0), 0);
        for (u64 i = 0; long_ago && i < 400000; i++) /* some twice                                              */
            mmu_check_flush_stored(m, 0x400000 + (i < 100000 ? i % 20000 : i) * 8, 0, 1);
        box_do(&r.box, VA, MMU_LOAD);
        assert_int_equal(r.heard.missing, long_ago + 1);
        assert_int_equal(r.heard.last.by.serial != 0, !long_ago);
        if (!long_ago)
            assert_string_equal(r.heard.last.by.who, "a name that is much longer than the place that is k");
    }
    rig_end(&r);
}

/* A user's observer still hears everything, once. */
static unsigned translated_calls;
static void count_translated(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)ctx, (void)cpu, (void)r, (void)pcid, (void)global;
    translated_calls++;
}

static void with_an_observer(void **state)
{
    (void)state;
    struct rig r;
    const struct mmu_observer o = { .translated = count_translated };
    rig_begin(&r, "skylake");
    box_map(&r.box, VA, 0, PA, PTE_ALL);
    mmu_observe(r.box.m, &o);
    box_do(&r.box, VA, MMU_LOAD);
    box_do(&r.box, VA, MMU_LOAD);
    assert_int_equal(translated_calls, 2);
    mmu_observe(r.box.m, NULL);
    assert_false(mmu_touch(r.box.m, 0, VA, MMU_LOAD)); /* the checker still sees every access */
    mmu_poke(r.box.m, box_entry(&r.box, VA, 0), 0);
    box_do(&r.box, VA, MMU_LOAD);
    assert_int_equal(r.heard.missing, 1);
    rig_end(&r);
}

/* ---- as text ------------------------------------------------------------------------------------------------------ */

static void put(void *ctx, const char *text, size_t len)
{
    char *to = ctx;
    size_t at = strlen(to);
    memcpy(to + at, text, len);
    to[at + len] = 0;
}

static void text(void **state)
{
    (void)state;
    char got[1024] = "";
    const struct pw_out out = { put, got };
    struct mmu_stale s = { .va = VA + 5, .cpu = 1, .kind = MMU_STORE, .rule = 90, .missing = true, .array = "L1D",
                           .why = "P was cleared (SDM3 4.10.4.2)", .entry_pa = 0x4008, .was = 0x67,
                           .by = { .serial = 1, .cpu = 0, .who = "line 3" } };
    mmu_stale_put(&s, "> ", &out);
    assert_string_equal(got, "> flush missing: cpu1 store at 0x400000001005 by L1D: P was cleared (SDM3 4.10.4.2) [rule 90]\n"
                             ">   PTE at 0x4008 was 0x67, is 0x0, stored by cpu0, line 3; missing on cpu1: INVLPG "
                             "0x400000001000, or MOV CR3\n");
    got[0] = 0;
    s = (struct mmu_stale){ .va = VA, .kind = MMU_LOAD, .rule = 108, .missing = true, .cache_level = 1, .level = 2, .why = "x",
                            .pcid = 7 };
    mmu_stale_put(&s, "", &out);
    assert_string_equal(got, "flush missing: cpu0 load at 0x400000001000 by a cached PDE: x [rule 108]\n"
                             "  PDPTE at 0x0 was 0x0, is 0x0, nobody said by whom; missing on cpu0: INVLPG of any address, or "
                             "MOV CR3, for PCID 0x7\n");
    got[0] = 0;
    s = (struct mmu_stale){ .kind = MMU_FETCH, .rule = 125, .missing = true, .array = "L1I", .level = MMU_STALE_ROOT, .why = "y",
                            .was = 0x1000, .now = 0x2000, .pcid = 7, .by = { .serial = 1, .cpu = MMU_NO_CPU, .who = "line 9" } };
    mmu_stale_put(&s, "", &out);
    assert_string_equal(got, "flush missing: cpu0 fetch at 0x0 by L1I: y [rule 125]\n"
                             "  CR3 named 0x1000, now 0x2000, loaded by line 9; missing on cpu0: MOV CR3 with bit 63 = 0, or "
                             "INVPCID 1, for PCID 0x7\n");
    got[0] = 0;
    s = (struct mmu_stale){ .kind = MMU_LOAD, .rule = 90, .missing = true, .array = "L1D", .why = "w", .global = true,
                            .by = { .serial = 1, .cpu = 2 } };
    mmu_stale_put(&s, "", &out);
    assert_string_equal(got, "flush missing: cpu0 load at 0x0 by L1D: w [rule 90]\n"
                             "  PTE at 0x0 was 0x0, is 0x0, stored by cpu2; missing on cpu0: INVLPG 0x0, or CR4.PGE turned\n");
    got[0] = 0;
    s = (struct mmu_stale){ .kind = MMU_LOAD, .rule = 92, .array = "L1D", .why = "z", .global = true };
    mmu_stale_put(&s, "", &out);
    assert_string_equal(got, "flush not needed: cpu0 load at 0x0 by L1D: z [rule 92]\n"
                             "  PTE at 0x0 was 0x0, is 0x0, nobody said by whom\n");
}

/* ---- as a property ------------------------------------------------------------------------------------------------ */

/* Six tables a level, of which each address uses one of the first two entries: everything meets everything. */
#define TABLES 6u
#define TABLE(level, i) (0x10000ull + ((level) * TABLES + (i)) * 4096)
#define RANDOM_STEPS 150000u

struct play { struct rig r; u64 seed; bool pcids, globals; unsigned differed, table_only; };

static u32 pick(struct play *p, u32 n) { return (u32)((box_random(&p->seed) >> 32) * n >> 32); }

static u64 random_va(struct play *p)
{
    u64 va = 0;
    for (unsigned level = 0; level < 4; level++)
        va |= (u64)pick(p, 2) << (12 + 9 * level);
    return va | pick(p, 4096);
}

static u64 random_entry(struct play *p, unsigned level)
{
    bool leaf = level == 0 || (level == 1 && pick(p, 4) == 0);
    u64 pa = !leaf ? TABLE(level - 1, pick(p, TABLES)) : level ? 0x200000ull * (1 + pick(p, 3)) : 0x200000 + 4096ull * pick(p, 64);
    u64 e = pa | PTE_ALL | (leaf && level ? X86_PTE_PS : 0);
    e &= pick(p, 12) ? ~(u64)0 : ~(u64)X86_PTE_P;
    e &= pick(p, 6) ? ~(u64)0 : ~(u64)X86_PTE_RW;
    e &= pick(p, 10) ? ~(u64)0 : ~(u64)X86_PTE_US;
    e |= pick(p, 10) ? 0 : X86_PTE_XD;
    e |= pick(p, 3) ? X86_PTE_A : 0;
    e |= leaf && pick(p, 3) ? X86_PTE_D : 0;
    e |= p->globals && leaf && !pick(p, 3) ? X86_PTE_G : 0;
    return pick(p, 30) ? e : e | 1ull << 51;
}

static void change_tables(struct play *p)
{
    unsigned level = pick(p, 4);
    u64 at = TABLE(level, pick(p, TABLES)) + 8 * pick(p, 2), old = mmu_peek(p->r.box.m, at);
    static const u64 flips[] = { X86_PTE_P, X86_PTE_RW, X86_PTE_US, X86_PTE_A, X86_PTE_D, X86_PTE_XD, 1ull << 9 };
    mmu_poke(p->r.box.m, at, pick(p, 2) ? random_entry(p, level) : old ^ flips[pick(p, 7)]);
}

static void flush(struct play *p, unsigned cpu)
{
    u64 cr4 = mmu_get(p->r.box.m, cpu, MMU_CR4);
    assert_true(mmu_set(p->r.box.m, cpu, MMU_CR4, cr4 ^ X86_CR4_PGE));
    assert_true(mmu_set(p->r.box.m, cpu, MMU_CR4, cr4));
}

static void invalidate(struct play *p, unsigned cpu)
{
    struct mmu *m = p->r.box.m;
    u64 pcid = p->pcids ? pick(p, 3) : 0, root = TABLE(3, p->globals ? 0 : pick(p, 2));
    switch (pick(p, 5)) {
    case 0:
    case 1: mmu_invlpg(m, cpu, random_va(p)); break;
    case 2: assert_true(mmu_invpcid(m, cpu, pick(p, 4), pcid, random_va(p))); break;
    case 3: assert_true(mmu_set(m, cpu, MMU_CR3, root | pcid | (p->pcids && pick(p, 2) ? X86_CR3_NOFLUSH : 0))); break;
    default: flush(p, cpu); break;
    }
    assert_true(mmu_set(m, cpu, MMU_CPL, pick(p, 4) ? 3 : 0));
}

/* Does a structure cache lead an access of va elsewhere than the tables do? */
struct elsewhere { const struct mmu_walk *now; u64 va, pcid; bool found; };
static void see_psc(void *ctx, const struct mmu_psc_view *v)
{
    struct elsewhere *e = ctx;
    if (v->pcid != e->pcid || (v->va ^ e->va) >> (12 + 9 * v->level))
        return;
    bool leads = false;
    for (unsigned i = 0; i < e->now->steps; i++)
        leads |= e->now->step[i].level == v->level && e->now->step[i].verdict == MMU_STEP_NEXT &&
                 (e->now->step[i].entry & X86_PTE_ADDR) == v->table_pa;
    e->found |= !leads;
}

static void reference(struct play *p, unsigned cpu)
{
    struct mmu *m = p->r.box.m;
    u64 va = random_va(p), pcid = p->pcids ? mmu_get(m, cpu, MMU_CR3) & 0xfff : 0;
    enum mmu_kind kind = (enum mmu_kind)pick(p, 3);
    unsigned missing = p->r.heard.missing;
    struct mmu_walk now;
    struct mmu_result got;
    mmu_walk(m, cpu, va, kind, 0, &now);
    struct elsewhere e = { &now, va, pcid, false };
    mmu_each_psc(m, cpu, see_psc, &e);
    mmu_translate(m, cpu, va, kind, 0, &got);
    bool same = got.status == now.r.status && (got.status == MMU_OK ? got.pa == now.r.pa : got.error == now.r.error);
    bool said = p->r.heard.missing != missing;
    const struct mmu_stale *s = &p->r.heard.last;
    if (!same && !said)
        print_error("va %llx kind %d cpu %u: %u pa %llx, a walk says %u pa %llx; nothing was said\n", (unsigned long long)va, kind,
                    cpu, got.status, (unsigned long long)got.pa, now.r.status, (unsigned long long)now.r.pa);
    assert_true(same || said);
    if (said && same && !(s->rule == 84 && kind == MMU_STORE) && !(s->cache_level && e.found))
        print_error("va %llx kind %d cpu %u: said without need: %s\n", (unsigned long long)va, kind, cpu, s->why);
    assert_true(!said || !same || (s->rule == 84 && kind == MMU_STORE) || (s->cache_level && e.found));
    p->differed += !same;
    p->table_only += said && same;
    if (said)
        flush(p, cpu); /* so that the next report is not held back as told already */
}

static void play(const char *profile, bool pcids, bool globals, u64 seed)
{
    struct play p = { .seed = seed, .pcids = pcids, .globals = globals };
    box_profile(&p.r.box, mmu_profile_find(profile));
    p.r.box.cfg.cpus = 2;
    p.r.box.cfg.features |= MMU_PCID | MMU_INVPCID | MMU_PGE;
    p.r.box.cfg.maxphyaddr = 46;
    box_make(&p.r.box);
    begin_checking(&p.r);
    for (unsigned level = 0; level < 4; level++)
        for (unsigned i = 0; i < 2 * TABLES; i++)
            mmu_poke(p.r.box.m, TABLE(level, i / 2) + 8 * (i & 1), random_entry(&p, level));
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        assert_true(mmu_set(p.r.box.m, cpu, MMU_CR3, TABLE(3, 0)));
        assert_true(mmu_set(p.r.box.m, cpu, MMU_CR4, PCIDE_CR4 & ~(pcids ? 0 : X86_CR4_PCIDE)));
    }
    for (unsigned i = 0; i < RANDOM_STEPS; i++) {
        unsigned cpu = pick(&p, 2), what = pick(&p, 16);
        if (what == 0)
            change_tables(&p);
        else if (what == 1)
            invalidate(&p, cpu);
        else
            reference(&p, cpu);
    }
    assert_true(p.differed >= 100); /* it was worth looking */
    assert_true(p.table_only > 0);
    rig_end(&p.r);
}

static void random_changes(void **state)
{
    static const char *const profiles[] = { "champsim", "skylake", "zen3", "gracemont", "bulldozer" };
    (void)state;
    for (u64 i = 0; i < 5; i++) {
        play(profiles[i], false, false, 10 + i);
        play(profiles[i], true, false, 20 + i);
        play(profiles[i], false, true, 30 + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_change), cmocka_unit_test(another_page), cmocka_unit_test(another_size),
        cmocka_unit_test(another_table), cmocka_unit_test(another_root), cmocka_unit_test(other_cpus), cmocka_unit_test(global_pages_outlive_tables),
        cmocka_unit_test(other_modes), cmocka_unit_test(with_an_observer), cmocka_unit_test(text),
        cmocka_unit_test(sizes_not_kept), cmocka_unit_test(off_and_on), cmocka_unit_test(who_is_forgotten),
        cmocka_unit_test(a_path_to_a_refusal), cmocka_unit_test(nobody_said),
        cmocka_unit_test(random_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
