/* SPDX-License-Identifier: MIT
 * test_nested_inval.c - whose mappings are forgotten: by the guest, by the host, by INVEPT, INVVPID, INVLPGA, TLB_CONTROL, by entering and
 * leaving.  Rules 138 to 141, 147.  Every table is changed behind the caches' backs: what still hits was kept. */
#include "nested_box.h"

#define VA 0x7f1234567000ull
#define OTHER_VA (VA + 4096)
#define PAGE_GPA (NESTED_GPA + 0x100000)
#define PAGE_PA 0x100000ull

static void begin(struct nested_box *n, bool npt)
{
    nested_prepare(n, npt);
    n->config.gpa_entries = n->config.gpa_ways = 16;
    nested_make(n);
    guest_map(n, VA, 0, PAGE_GPA, PTE_ALL);
    guest_map(n, OTHER_VA, 0, PAGE_GPA + 4096, PTE_ALL | X86_PTE_G);
    nested_map(n, PAGE_GPA, 0, PAGE_PA);
    nested_map(n, PAGE_GPA + 4096, 0, PAGE_PA + 4096);
    n->guest.reg.cr4 |= X86_CR4_PGE;
}

static bool hits(struct nested_box *n, u64 va) { return box_do(&n->b, va, MMU_LOAD).by == MMU_BY_L1; }

static void touch(struct nested_box *n)
{
    assert_int_equal(box_do(&n->b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&n->b, OTHER_VA, MMU_LOAD).status, MMU_OK);
}

static unsigned gpas;
static void count_gpa(void *ctx, const struct mmu_gpa_view *v) { (void)ctx, (void)v; gpas++; }
static unsigned cached_gpas(const struct nested_box *n)
{
    gpas = 0;
    mmu_each_gpa(n->b.m, 0, count_gpa, NULL);
    return gpas;
}

/* A guest's INVLPG, MOV CR3, INVPCID: combined mappings of its VPID, no guest-physical ones (rule 139). */
static void by_the_guest(void **state)
{
    (void)state;
    for (unsigned npt = 0; npt < 2; npt++) {
        struct nested_box n;
        begin(&n, npt);
        guest_enter(&n);
        touch(&n);
        unsigned known = cached_gpas(&n);
        assert_int_equal(known, 6); /* four tables, two pages */
        mmu_invlpg(n.b.m, 0, VA);
        assert_false(hits(&n, VA));
        assert_true(hits(&n, OTHER_VA));
        assert_true(mmu_set(n.b.m, 0, MMU_CR3, BOX_ROOT + NESTED_GPA));
        assert_false(hits(&n, VA));
        assert_true(hits(&n, OTHER_VA)); /* global */
        assert_true(mmu_invpcid(n.b.m, 0, 2, 0, 0));
        assert_false(hits(&n, OTHER_VA));
        assert_int_equal(cached_gpas(&n), known);
        box_end(&n.b);
    }
}

/* VPIDs and ASIDs keep translations through exits; 0 does not (rule 138). */
static void entering_and_leaving(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 3; row++) {
        bool npt = row == 2, tagged = row != 1;
        struct nested_box n;
        begin(&n, npt);
        n.guest.tag = tagged ? 5 : 0;
        box_map(&n.b, 0x5000, 0, PAGE_PA, PTE_ALL); /* the host's own: the same tables, read as the host reads them */
        guest_enter(&n);
        touch(&n);
        guest_leave(&n);
        assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status == MMU_OK && hits(&n, VA), false);
        guest_enter(&n);
        assert_int_equal(hits(&n, VA), tagged);
        guest_leave(&n);
        n.guest.tag = 6;
        guest_enter(&n);
        assert_false(hits(&n, VA)); /* another guest */
        assert_true(hits(&n, VA));
        guest_leave(&n);
        u64 cr4 = mmu_get(n.b.m, 0, MMU_CR4); /* the host forgets its own, globals too */
        assert_true(mmu_set(n.b.m, 0, MMU_CR4, cr4 ^ X86_CR4_PGE));
        guest_enter(&n);
        assert_true(hits(&n, VA));
        box_end(&n.b);
    }
}

/* Without a VPID a guest on the host's memory has the host's names: entering forgets what the host knew, leaving what the guest did. */
static void no_vpid(void **state)
{
    (void)state;
    struct nested_box n;
    nested_prepare(&n, false);
    nested_make(&n);
    box_map(&n.b, VA, 0, PAGE_PA, PTE_ALL);
    mmu_poke(n.b.m, box_entry_under(&n.b, 0x500000, VA, 0), (PAGE_PA + 4096) | PTE_ALL);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).pa, PAGE_PA);
    n.guest.nested = MMU_NESTED_OFF;
    n.guest.tag = 0;
    n.guest.reg.cr3 = 0x500000;
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).pa, PAGE_PA + 4096);
    guest_leave(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).pa, PAGE_PA);
    box_end(&n.b);
}

/* INVVPID by type (rule 140): which of VA (VPID 1), the global OTHER_VA (VPID 1), VA of VPID 2 stay. */
static void invvpid(void **state)
{
    (void)state;
    static const struct { u64 type, desc, va; enum mmu_vm_result result; bool one, global, two; } rows[] = {
        { 0, 1, VA, MMU_VM_SUCCEED, false, true, true }, { 0, 1, OTHER_VA, MMU_VM_SUCCEED, true, false, true },
        { 1, 1, 0, MMU_VM_SUCCEED, false, false, true }, { 2, 0, 0, MMU_VM_SUCCEED, false, false, false },
        { 3, 1, 0, MMU_VM_SUCCEED, false, true, true },  { 1, 2, 0, MMU_VM_SUCCEED, true, true, false },
        { 0, 0, VA, MMU_VM_FAIL, true, true, true },     { 1, 0, 0, MMU_VM_FAIL, true, true, true },
        { 3, 0, 0, MMU_VM_FAIL, true, true, true },      { 4, 1, 0, MMU_VM_FAIL, true, true, true },
        { 1, 0x10001, 0, MMU_VM_FAIL, true, true, true }, { 0, 1, (u64)1 << 47, MMU_VM_FAIL, true, true, true },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nested_box n;
        begin(&n, false);
        guest_enter(&n);
        touch(&n);
        guest_leave(&n);
        n.guest.tag = 2;
        guest_enter(&n);
        touch(&n);
        guest_leave(&n);
        assert_int_equal(mmu_invvpid(n.b.m, 0, rows[i].type, rows[i].desc, rows[i].va), rows[i].result);
        guest_enter(&n);
        assert_int_equal(hits(&n, VA), rows[i].two);
        guest_leave(&n);
        n.guest.tag = 1;
        guest_enter(&n);
        assert_int_equal(hits(&n, VA), rows[i].one);
        assert_int_equal(hits(&n, OTHER_VA), rows[i].global);
        box_end(&n.b);
    }
}

/* The hypervisor's instruction names the guest that the CPU stands in, too. */
static void invvpid_in_guest(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false);
    guest_enter(&n);
    touch(&n);
    assert_int_equal(mmu_invvpid(n.b.m, 0, 2, 0, 0), MMU_VM_SUCCEED);
    assert_false(hits(&n, VA));
    assert_true(hits(&n, VA));
    box_end(&n.b);
}

/* INVEPT by type (rule 140): combined and guest-physical mappings of an EP4TA, whatever VPID. */
static void invept(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false);
    guest_enter(&n);
    touch(&n);
    assert_int_equal(mmu_invept(n.b.m, 0, 1, NESTED_ROOT + 0x1000 + 0x1e), MMU_VM_SUCCEED); /* another table's */
    assert_true(hits(&n, VA));
    assert_int_equal(mmu_invept(n.b.m, 0, 1, n.guest.root), MMU_VM_SUCCEED);
    assert_int_equal(cached_gpas(&n), 0);
    assert_false(hits(&n, VA));
    assert_int_equal(mmu_invept(n.b.m, 0, 2, 0), MMU_VM_SUCCEED);
    assert_false(hits(&n, VA));
    assert_int_equal(mmu_invept(n.b.m, 0, 0, 0), MMU_VM_FAIL);
    assert_int_equal(mmu_invept(n.b.m, 0, 3, 0), MMU_VM_FAIL);
    assert_int_equal(mmu_invept(n.b.m, 0, 1, NESTED_ROOT | 0x19), MMU_VM_FAIL); /* no such memory type */
    guest_leave(&n);
    assert_true(mmu_set(n.b.m, 0, MMU_CPL, 3));
    assert_int_equal(mmu_invept(n.b.m, 0, 2, 0), MMU_VM_GP);
    assert_int_equal(mmu_invvpid(n.b.m, 0, 2, 0, 0), MMU_VM_GP);
    box_end(&n.b);
    /* a guest on the host's memory has linear mappings only */
    begin(&n, false);
    n.guest.nested = MMU_NESTED_OFF;
    n.guest.reg.cr3 = 0x500000;
    mmu_poke(n.b.m, 0x500000 + (VA >> 39 & 511) * 8, 0x501000 | PTE_ALL);
    mmu_poke(n.b.m, 0x501000 + (VA >> 30 & 511) * 8, 0x502000 | PTE_ALL);
    mmu_poke(n.b.m, 0x502000 + (VA >> 21 & 511) * 8, PTE_ALL | X86_PTE_PS);
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(mmu_invept(n.b.m, 0, 2, 0), MMU_VM_SUCCEED);
    assert_true(hits(&n, VA));
    assert_int_equal(mmu_invvpid(n.b.m, 0, 1, 1, 0), MMU_VM_SUCCEED);
    assert_false(hits(&n, VA));
    box_end(&n.b);
    nested_prepare(&n, true);
    nested_make(&n);
    assert_int_equal(mmu_invept(n.b.m, 0, 2, 0), MMU_VM_UD);
    assert_int_equal(mmu_invvpid(n.b.m, 0, 2, 0, 0), MMU_VM_UD);
    box_end(&n.b);
}

/* AMD: one tag, so a changed nested entry stays in use until the ASID is flushed; INVLPGA names an ASID (rule 147). */
static void asids(void **state)
{
    (void)state;
    static const struct { u8 control; bool one, global; } rows[] = {
        { MMU_TLB_KEEP, true, true }, { MMU_TLB_FLUSH_ALL, false, false }, { MMU_TLB_FLUSH_ASID, false, false },
        { MMU_TLB_FLUSH_NONGLOBAL, false, true },
    };
    struct nested_box n;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        begin(&n, true);
        guest_enter(&n);
        touch(&n);
        guest_leave(&n);
        n.guest.tlb_control = rows[i].control;
        guest_enter(&n);
        assert_int_equal(hits(&n, VA), rows[i].one);
        assert_int_equal(hits(&n, OTHER_VA), rows[i].global);
        box_end(&n.b);
    }
    begin(&n, true);
    guest_enter(&n);
    touch(&n);
    guest_leave(&n);
    assert_int_equal(mmu_invlpga(n.b.m, 0, VA, 9), MMU_OK);
    assert_int_equal(mmu_invlpga(n.b.m, 0, VA, 0), MMU_OK);
    guest_enter(&n);
    assert_true(hits(&n, VA));
    guest_leave(&n);
    assert_int_equal(mmu_invlpga(n.b.m, 0, VA, 1), MMU_OK);
    guest_enter(&n);
    assert_false(hits(&n, VA));
    assert_true(hits(&n, OTHER_VA));
    box_end(&n.b);
}

/* INVLPG of any address of a large page drops all its pieces (rule 141). */
static void splintered(void **state)
{
    (void)state;
    struct nested_box n;
    nested_prepare(&n, false);
    nested_make(&n);
    const u64 large = VA & ~0x1fffffull, gpa = 0x140000000ull;
    guest_map(&n, large, 1, gpa, PTE_ALL);
    for (u64 i = 0; i < 4; i++)
        nested_map(&n, gpa + i * 4096, 0, PAGE_PA + (3 - i) * 4096);
    guest_enter(&n);
    for (u64 i = 0; i < 4; i++)
        assert_int_equal(box_do(&n.b, large + i * 4096 + 8, MMU_LOAD).pa, PAGE_PA + (3 - i) * 4096 + 8);
    for (u64 i = 0; i < 4; i++)
        assert_true(hits(&n, large + i * 4096));
    assert_int_equal(nested_stats(&n)->splintered, 4);
    mmu_invlpg(n.b.m, 0, large + 0x100000);
    for (u64 i = 0; i < 4; i++)
        assert_false(hits(&n, large + i * 4096));
    box_end(&n.b);
}

static bool walks(struct nested_box *n) { return box_do(&n->b, VA, MMU_LOAD).by == MMU_BY_WALK; }

/* Seven guests at a time: the one entered longest ago goes, and comes back with nothing. */
static void eight_guests(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false);
    for (u16 tag = 1; tag <= 8; tag++) {
        n.guest.tag = tag;
        guest_enter(&n);
        assert_true(walks(&n));
        assert_false(walks(&n));
        guest_leave(&n);
    }
    n.guest.tag = 2;
    guest_enter(&n);
    assert_false(walks(&n));
    guest_leave(&n);
    n.guest.tag = 1;
    guest_enter(&n);
    assert_true(walks(&n));
    guest_leave(&n);
    n.guest.tag = 2; /* 3 went for it */
    guest_enter(&n);
    assert_false(walks(&n));
    box_end(&n.b);
}

/* What an entry refuses; nothing has changed then. */
static void refused(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false);
    struct mmu_guest good = n.guest, g;
#define REFUSES(change) g = good; change; assert_non_null(mmu_guest_enter(n.b.m, 0, &g)); assert_false(mmu_in_guest(n.b.m, 0))
    REFUSES(g.nested = MMU_NPT);
    REFUSES(g.root = NESTED_ROOT | 3 << EPTP_LEVELS_SHIFT | 1);
    REFUSES(g.root = NESTED_ROOT | 2 << EPTP_LEVELS_SHIFT | 6);
    REFUSES(g.root |= 0x80);
    REFUSES(g.root |= (u64)1 << 52);
    REFUSES(g.controls = MMU_GUEST_GMET);
    REFUSES(g.controls = MMU_GUEST_PML; g.pml = 8);
    REFUSES(g.reg.cr0 = X86_CR0_PG);
    REFUSES(g.reg.cr4 = 0);
    REFUSES(g.reg.cr3 = (u64)1 << 52);
    REFUSES(g.reg.cpl = 1);
    REFUSES(g.reg.efer = 0; g.pdpte[1] = X86_PTE_P | X86_PTE_RW);
#undef REFUSES
    guest_enter(&n);
    assert_non_null(mmu_guest_enter(n.b.m, 0, &good));
    box_end(&n.b);
    begin(&n, true);
    n.guest.tag = 0;
    assert_non_null(mmu_guest_enter(n.b.m, 0, &n.guest));
    n.guest.tag = 1;
    assert_true(mmu_set(n.b.m, 0, MMU_EFER, mmu_get(n.b.m, 0, MMU_EFER) & ~X86_EFER_SVME));
    assert_non_null(mmu_guest_enter(n.b.m, 0, &n.guest));
    box_end(&n.b);
}

/* SDM3 table 11-7 and IPAT (rule 136). */
static void memory_types(void **state)
{
    (void)state;
    assert_int_equal(mmu_ept_memtype(EPT_WB, MMU_WC), MMU_WC);
    assert_int_equal(mmu_ept_memtype(EPT_WB | EPT_IPAT, MMU_WC), MMU_WB);
    assert_int_equal(mmu_ept_memtype(0, MMU_WB), MMU_UC);
    assert_int_equal(mmu_ept_memtype(0, MMU_WC), MMU_WC);
    assert_int_equal(mmu_ept_memtype(5 << EPT_MT_SHIFT, MMU_UC_MINUS), MMU_WC);
    assert_int_equal(mmu_ept_memtype(4 << EPT_MT_SHIFT, MMU_WB), MMU_WT);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(by_the_guest), cmocka_unit_test(entering_and_leaving), cmocka_unit_test(no_vpid), cmocka_unit_test(invvpid), cmocka_unit_test(invvpid_in_guest), cmocka_unit_test(invept),
    cmocka_unit_test(asids), cmocka_unit_test(splintered), cmocka_unit_test(eight_guests), cmocka_unit_test(refused),
    cmocka_unit_test(memory_types),
};
int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
