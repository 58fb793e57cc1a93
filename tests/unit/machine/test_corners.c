/* SPDX-License-Identifier: MIT
 * test_corners.c - what no other test of the machine noticed when it was broken on purpose (tools/mutants/machine.txt) or
 * what none of them reached (`make coverage`): each test names the change it would catch. */
#include "box.h"

#define VA 0x2a8040200000ull

/* Rights of a cached translation are judged with the NXE of the moment (rules 13, 14): a page with XD that is cached
 * may be run once NXE is 0.  Would catch XD being judged without NXE. */
static void xd_without_nxe(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    box_map(&b, VA, 0, 0x100000, PTE_ALL | X86_PTE_XD);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&b, VA, MMU_FETCH).error, PF_P | PF_I);
    assert_int_equal(box_do(&b, VA, MMU_LOAD).status, MMU_OK);
    assert_true(mmu_set(b.m, 0, MMU_EFER, X86_EFER_LME | X86_EFER_LMA));
    assert_int_equal(box_do(&b, VA, MMU_FETCH).status, MMU_OK);
    mmu_invlpg(b.m, 0, VA);
    assert_int_equal(box_do(&b, VA, MMU_FETCH).error, PF_P | PF_RSVD); /* I: not without NXE or SMEP */
    box_end(&b);
}

/* Rule 68: with PAE=0, NXE alone does not make fetches known.  Would catch I reported in 32-bit paging. */
static void fetches_in_32_bit_paging(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b.m, 0, MMU_EFER, X86_EFER_NXE));
    assert_true(mmu_set(b.m, 0, MMU_CR4, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_int_equal(box_do(&b, 0x400000, MMU_FETCH).error, 0);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_SMEP));
    assert_int_equal(box_do(&b, 0x400000, MMU_FETCH).error, PF_I);
    box_end(&b);
}

/* All twelve bits of a PCID tell address spaces apart (rule 89). */
static void every_bit_of_a_pcid(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "champsim");
    box_map(&b, VA, 0, 0x100000, PTE_ALL);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x555));
    assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_WALK);
    for (unsigned bit = 0; bit < 12; bit++) {
        assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | (0x555 ^ 1u << bit)));
        struct mmu_result r = box_do(&b, VA, MMU_LOAD);
        assert_int_equal(r.by, MMU_BY_WALK);
        assert_int_equal(r.reads, 4); /* nor does a structure cache answer */
        assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x555 | X86_CR3_NOFLUSH));
        assert_int_equal(box_do(&b, VA, MMU_LOAD).by, MMU_BY_L1);
    }
    box_end(&b);
}

/* Rule 102: what a walk from a cached entry keeps carries the rights of the whole path.  Would catch the rights above
 * the entry being lost. */
static void cached_paths_inherit(void **state)
{
    (void)state;
    static const u64 lost[] = { X86_PTE_RW, X86_PTE_US, X86_PTE_XD };
    for (unsigned i = 0; i < 3; i++) {
        struct box b;
        u64 near = VA + ((u64)1 << 30); /* only the root's entry is the same */
        box_begin_full(&b, "champsim");
        box_map(&b, VA, 0, 0x100000, PTE_ALL);
        box_map(&b, near, 0, 0x101000, PTE_ALL);
        box_map(&b, near + 4096, 0, 0x102000, PTE_ALL);
        mmu_poke(b.m, box_entry(&b, VA, 3), mmu_peek(b.m, box_entry(&b, VA, 3)) ^ lost[i]);
        box_do(&b, VA, MMU_LOAD);
        assert_int_equal(box_do(&b, near, MMU_LOAD).psc_level, 3);
        mmu_set(b.m, 0, MMU_CPL, 3);
        struct mmu_result r = box_do(&b, near + 4096, lost[i] == X86_PTE_XD ? MMU_FETCH : MMU_STORE);
        assert_int_equal(r.status, MMU_FAULT_PF);
        assert_int_equal(r.error & PF_P, PF_P);
        box_end(&b);
    }
}

/* Rule 95 with G: an address that no piece covers takes the global pieces of its page too. */
static void global_pieces_go_together(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "gracemont"); /* a first level of 4-KiB entries alone */
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PGE));
    box_map(&b, VA, 1, 0x200000, PTE_ALL | X86_PTE_G);
    box_do(&b, VA, MMU_LOAD);
    box_do(&b, VA + 4096, MMU_LOAD);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).by, MMU_BY_L1);
    mmu_invlpg(b.m, 0, VA + 0x100000);
    assert_int_equal(box_do(&b, VA + 4096, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* Rule 115: a change of CR4.PAE takes what is cached.  With all of memory zero but for one word, the address means
 * something in 32-bit paging alone. */
static void pae_takes_what_is_cached(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_true(mmu_set(b.m, 0, MMU_EFER, 0));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    mmu_poke(b.m, BOX_ROOT + 0x100, 0x00400000 | PTE_ALL | X86_PTE_PS); /* of 4 MiB from 0x10000000 on */
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).pa, 0x00400000);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE | X86_CR4_PAE));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).status, MMU_FAULT_PF);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PSE));
    assert_int_equal(box_do(&b, 0x10000000, MMU_LOAD).by, MMU_BY_WALK);
    box_end(&b);
}

/* Rule 4: CR4.PCIDE needs IA-32e mode, whatever CR3 holds. */
static void pcide_needs_long_mode(void **state)
{
    (void)state;
    struct box b;
    box_begin_full(&b, "skylake");
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    assert_false(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE | X86_CR0_PG));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE));
    assert_true(mmu_set(b.m, 0, MMU_CR3, BOX_ROOT | 0x18));
    assert_false(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_PCIDE));
    box_end(&b);
}

/* ---- random replacement is the stream that mmu.h describes --------------------------------------------------------- */

struct standing { u64 va[4]; };

static void see_way(void *ctx, const struct mmu_tlb_view *v)
{
    ((struct standing *)ctx)->va[v->way] = v->va;
}

static u64 splitmix64(u64 *state)
{
    u64 z = *state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* Of CPU 0, array 0: the page that goes is the one the stream names.  Would catch another generator. */
static void random_victims(void **state)
{
    (void)state;
    static const struct mmu_tlb_desc one = { .name = "one", .level = 1, .ports = MMU_PORT_I | MMU_PORT_LOAD | MMU_PORT_STORE,
                                             .sizes = 1 << MMU_4K, .repl = MMU_RANDOM, .ways = 4, .sets = 1 };
    struct mmu_profile p = *mmu_profile_find("skylake");
    struct box b;
    p.tlb = &one;
    p.tlbs = 1;
    box_profile(&b, &p);
    b.cfg.seed = 99;
    box_make(&b);
    u64 stream = 99 + 0xd1342543de82ef95ull;
    for (u64 i = 0; i < 200; i++) {
        struct standing before = { { 0 } }, after = { { 0 } };
        box_map(&b, VA + i * 4096, 0, 0x100000, PTE_ALL);
        mmu_each_tlb(b.m, 0, see_way, &before);
        box_do(&b, VA + i * 4096, MMU_LOAD);
        mmu_each_tlb(b.m, 0, see_way, &after);
        u64 way = i < 4 ? i : (splitmix64(&stream) >> 32) * 4 >> 32;
        for (u64 w = 0; w < 4; w++)
            assert_int_equal(after.va[w], w == way ? VA + i * 4096 : before.va[w]);
    }
    box_end(&b);
}

/* ---- what is asked without the feature ------------------------------------------------------------------------------ */

static void see_last(void *ctx, const struct mmu_tlb_view *v)
{
    *(struct mmu_tlb_view *)ctx = *v;
}

/* mmu_walk() says #UD where mmu_translate() does; a page is a shadow stack's with CET alone. */
static void shadow_stacks_without_cet(void **state)
{
    (void)state;
    struct box b;
    struct mmu_walk w;
    box_begin(&b, "zen4");
    box_map(&b, VA, 0, 0x100000, (PTE_ALL & ~X86_PTE_RW) | X86_PTE_D);
    mmu_walk(b.m, 0, VA, MMU_LOAD, MMU_SHADOW, &w);
    assert_int_equal(w.r.status, MMU_FAULT_UD);
    mmu_walk(b.m, 0, VA, MMU_LOAD, 0, &w);
    assert_false(w.shadow);
    box_do(&b, VA, MMU_LOAD);
    struct mmu_tlb_view seen;
    mmu_each_tlb(b.m, 0, see_last, &seen);
    assert_false(seen.shadow);
    assert_true(mmu_set(b.m, 0, MMU_CR4, X86_CR4_PAE | X86_CR4_CET));
    assert_true(mmu_set(b.m, 0, MMU_CR0, mmu_get(b.m, 0, MMU_CR0))); /* WP stays 1 */
    mmu_walk(b.m, 0, VA, MMU_LOAD, MMU_SHADOW, &w);
    assert_int_equal(w.r.status, MMU_FAULT_PF); /* CPL 0, a user page */
    assert_true(w.shadow);
    mmu_each_tlb(b.m, 0, see_last, &seen);
    assert_true(seen.shadow);
    box_end(&b);
}

/* ---- loads and stores with contents --------------------------------------------------------------------------------- */

static void heard(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global)
{
    (void)cpu, (void)r, (void)pcid, (void)global;
    ++*(unsigned *)ctx;
}

/* An operand that leaves the canonical half is #GP before anything is loaded; a page for which nothing may be skipped,
 * for an observer or without paging, is asked for each time. */
static void contents(void **state)
{
    (void)state;
    struct box b;
    struct mmu_mem mem;
    unsigned calls = 0;
    u64 value = 1;
    box_begin(&b, "skylake");
    box_map(&b, 0x7ffffffff000, 0, 0x100000, PTE_ALL);
    mmu_mem_bind(&mem, b.m, 0, NULL);
    assert_false(mmu_load_u64(&mem, 0x7ffffffffffc, &value));
    assert_int_equal(mem.fault.status, MMU_FAULT_GP);
    assert_true(mmu_load_u32(&mem, 0x7ffffffffffc, (u32 *)&value));
    mmu_observe(b.m, &(struct mmu_observer){ .ctx = &calls, .translated = heard });
    mmu_mem_bind(&mem, b.m, 0, NULL);
    for (unsigned i = 0; i < 3; i++)
        assert_true(mmu_load_u64(&mem, 0x7ffffffff000, &value));
    assert_int_equal(calls, 3);
    mmu_observe(b.m, NULL);
    assert_true(mmu_set(b.m, 0, MMU_CR0, X86_CR0_PE));
    mmu_poke(b.m, 0x5000, 77);
    assert_true(mmu_load_u64(&mem, 0x5000, &value));
    assert_int_equal(value, 77);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xd_without_nxe), cmocka_unit_test(fetches_in_32_bit_paging),
        cmocka_unit_test(every_bit_of_a_pcid), cmocka_unit_test(cached_paths_inherit),
        cmocka_unit_test(global_pieces_go_together), cmocka_unit_test(pae_takes_what_is_cached),
        cmocka_unit_test(pcide_needs_long_mode), cmocka_unit_test(random_victims),
        cmocka_unit_test(shadow_stacks_without_cet), cmocka_unit_test(contents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
