/* SPDX-License-Identifier: MIT
 * test_nested_exits.c - what ends in an exit, what it reports and who comes first.  Rules 126 to 135, 137, 142 to 146, 148.  Every
 * combination is the exhaustive test's (tests/exhaustive/nested); here is one of each, and what that test leaves out. */
#include "nested_box.h"

#define VA 0x7f1234567000ull
#define PAGE_GPA (NESTED_GPA + 0x100000)
#define PAGE_PA 0x100000ull

static void begin(struct nested_box *n, bool npt, u64 eptp_bits, u32 controls)
{
    nested_prepare(n, npt);
    nested_make(n);
    guest_map(n, VA, 0, PAGE_GPA, PTE_ALL);
    nested_map(n, PAGE_GPA, 0, PAGE_PA);
    n->guest.root |= eptp_bits;
    n->guest.controls = controls;
}

static void set_page(struct nested_box *n, u64 entry) { mmu_poke(n->b.m, nested_entry(n, PAGE_GPA, 0), entry); }

static void expect(struct nested_box *n, enum mmu_kind kind, u32 reason, u64 info, u64 gpa)
{
    struct mmu_guest_walk w;
    mmu_guest_walk(n->b.m, 0, VA, kind, 0, &w);
    const struct mmu_guest_exit *e = guest_exit(n, VA, kind);
    assert_int_equal(e->reason, reason);
    assert_int_equal(e->info, info);
    assert_int_equal(e->gpa, gpa);
    assert_int_equal(w.w.r.status, MMU_EXIT);
    assert_int_equal(w.exit.info, info);
    assert_true(w.w.rule && *w.w.rule);
}

/* EPT, the page's entry: combinations of R, W, X and memory types (rules 126, 127, 130). */
static void page_entries(void **state)
{
    (void)state;
    const u64 q = MMU_EPTQ_LINEAR | MMU_EPTQ_FINAL | MMU_EPTQ_USER | MMU_EPTQ_WRITABLE;
    static const struct { u64 bits; enum mmu_kind kind; u32 reason; u64 info; } rows[] = {
        { 0, MMU_LOAD, MMU_EXIT_EPT_VIOLATION, MMU_EPTQ_READ },
        { EPT_R | EPT_WB, MMU_STORE, MMU_EXIT_EPT_VIOLATION, MMU_EPTQ_WRITE | MMU_EPTQ_R },
        { EPT_R | EPT_W | EPT_WB, MMU_FETCH, MMU_EXIT_EPT_VIOLATION, MMU_EPTQ_FETCH | MMU_EPTQ_R | MMU_EPTQ_W },
        { EPT_X | EPT_WB, MMU_LOAD, MMU_EXIT_EPT_VIOLATION, MMU_EPTQ_READ | MMU_EPTQ_X },
        { EPT_W | EPT_WB, MMU_LOAD, MMU_EXIT_EPT_MISCONFIG, 0 },
        { EPT_W | EPT_X | EPT_WB, MMU_LOAD, MMU_EXIT_EPT_MISCONFIG, 0 },
        { EPT_ALL | 2 << EPT_MT_SHIFT, MMU_LOAD, MMU_EXIT_EPT_MISCONFIG, 0 },
        { EPT_ALL | 3 << EPT_MT_SHIFT, MMU_LOAD, MMU_EXIT_EPT_MISCONFIG, 0 },
        { EPT_ALL | 7 << EPT_MT_SHIFT, MMU_LOAD, MMU_EXIT_EPT_MISCONFIG, 0 },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nested_box n;
        begin(&n, false, 0, 0);
        set_page(&n, PAGE_PA | rows[i].bits);
        guest_enter(&n);
        bool violation = rows[i].reason == MMU_EXIT_EPT_VIOLATION;
        expect(&n, rows[i].kind, rows[i].reason, violation ? rows[i].info | q : 0, PAGE_GPA);
        assert_int_equal(mmu_guest_exit(n.b.m, 0)->va, violation ? VA : 0);
        box_end(&n.b);
    }
}

/* Bits that must be zero, by level and form (rule 128); bit 7 of a last-level entry is nobody's. */
static void reserved_bits(void **state)
{
    (void)state;
    static const struct { unsigned level; u64 bits; bool misconfigured; } rows[] = {
        { 3, EPT_PS, true }, { 3, 1 << 3, true }, { 2, 1 << 3, true }, { 1, 1 << 6, true }, { 0, EPT_PS, false },
        { 2, EPT_PS | EPT_WB | 1 << 13, true }, { 1, EPT_PS | EPT_WB | 1 << 12, true }, { 1, EPT_PS | EPT_WB | 1 << 20, true },
        { 1, EPT_PS | EPT_WB | 0xe00, false }, { 0, (u64)1 << 46, true }, { 1, (u64)1 << 51, true }, { 0, (u64)1 << 62, false },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nested_box n;
        nested_prepare(&n, false);
        n.b.cfg.maxphyaddr = 46;
        nested_make(&n);
        guest_map(&n, VA, 0, PAGE_GPA, PTE_ALL);
        nested_map(&n, PAGE_GPA + ((u64)1 << 40), 0, PAGE_PA); /* in tables of its own */
        mmu_poke(n.b.m, guest_entry_at(&n, VA, 0), (PAGE_GPA + ((u64)1 << 40)) | PTE_ALL);
        u64 at = nested_entry(&n, PAGE_GPA + ((u64)1 << 40), rows[i].level), e = mmu_peek(n.b.m, at);
        bool leaf = rows[i].level && rows[i].level < 3 && rows[i].bits & EPT_PS;
        mmu_poke(n.b.m, at, (leaf ? e & EPT_ALL : e) | rows[i].bits);
        guest_enter(&n);
        if (rows[i].misconfigured)
            assert_int_equal(guest_exit(&n, VA, MMU_LOAD)->reason, MMU_EXIT_EPT_MISCONFIG);
        else
            assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
        box_end(&n.b);
    }
}

/* Execute-only pages: fetched, and fetched again from the first level; never read.  A part without them misconfigures. */
static void execute_only(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false, 0, 0);
    set_page(&n, PAGE_PA | EPT_X | EPT_WB);
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_OK);
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).by, MMU_BY_L1);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_EXIT);
    box_end(&n.b);
    nested_prepare(&n, false);
    n.config.features &= ~(u32)MMU_EPT_XO;
    nested_make(&n);
    guest_map(&n, VA, 0, PAGE_GPA, PTE_ALL);
    set_page(&n, PAGE_PA | EPT_X | EPT_WB);
    guest_enter(&n);
    assert_int_equal(guest_exit(&n, VA, MMU_FETCH)->reason, MMU_EXIT_EPT_MISCONFIG);
    box_end(&n.b);
}

/* Mode-based execute: bit 2 for supervisor addresses, bit 10 for user ones, whatever CPL (rule 126). */
static void mode_based(void **state)
{
    (void)state;
    for (unsigned user = 0; user < 2; user++)
        for (unsigned bit10 = 0; bit10 < 2; bit10++) {
            struct nested_box n;
            begin(&n, false, 0, MMU_GUEST_MBE);
            guest_map(&n, VA, 0, PAGE_GPA, user ? PTE_ALL : X86_PTE_P | X86_PTE_RW);
            set_page(&n, PAGE_PA | EPT_R | EPT_WB | (bit10 ? EPT_XU : EPT_X));
            guest_enter(&n);
            struct mmu_result r = box_do(&n.b, VA, MMU_FETCH);
            assert_int_equal(r.status, user == bit10 ? MMU_OK : MMU_EXIT);
            if (user != bit10)
                assert_int_equal(mmu_guest_exit(n.b.m, 0)->info & (MMU_EPTQ_X | MMU_EPTQ_XU), bit10 ? MMU_EPTQ_XU : MMU_EPTQ_X);
            box_end(&n.b);
        }
}

/* Entries of guest tables: a read, with A and D a write too (rule 131); their A is written only where that is allowed. */
static void table_entries(void **state)
{
    (void)state;
    struct nested_box n;
    for (unsigned ad = 0; ad < 2; ad++) {
        begin(&n, false, ad ? EPTP_AD : 0, 0);
        u64 leaf = guest_entry_at(&n, VA, 0), gpa = leaf + NESTED_GPA;
        u64 at = nested_entry(&n, gpa, 0);
        mmu_poke(n.b.m, at, (leaf & ~PAGE_MASK_LOW) | EPT_R | EPT_WB);
        guest_enter(&n);
        expect(&n, MMU_LOAD, MMU_EXIT_EPT_VIOLATION, MMU_EPTQ_READ | MMU_EPTQ_WRITE | MMU_EPTQ_R | MMU_EPTQ_LINEAR, gpa);
        assert_int_equal(mmu_guest_exit(n.b.m, 0)->for_level, 0);
        assert_int_equal(mmu_peek(n.b.m, leaf) & X86_PTE_A, 0);
        mmu_poke(n.b.m, leaf, mmu_peek(n.b.m, leaf) | X86_PTE_A); /* nothing to write any more */
        assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, ad ? MMU_EXIT : MMU_OK);
        assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_EXIT); /* D */
        box_end(&n.b);
    }
    begin(&n, true, 0, 0);
    u64 leaf = guest_entry_at(&n, VA, 0), gpa = leaf + NESTED_GPA, at = nested_entry(&n, gpa, 0);
    mmu_poke(n.b.m, at, (leaf & ~PAGE_MASK_LOW) | X86_PTE_P | X86_PTE_US);
    guest_enter(&n);
    expect(&n, MMU_FETCH, MMU_EXIT_NPF, MMU_NPF_TABLE | PF_P | PF_W | PF_U, gpa); /* svm_npt: 0x200000007 */
    mmu_poke(n.b.m, at, (leaf & ~PAGE_MASK_LOW) | X86_PTE_P | X86_PTE_RW);        /* U=0: no user, no access */
    expect(&n, MMU_LOAD, MMU_EXIT_NPF, MMU_NPF_TABLE | PF_P | PF_W | PF_U, gpa);
    mmu_poke(n.b.m, at, 0);
    expect(&n, MMU_LOAD, MMU_EXIT_NPF, MMU_NPF_TABLE | PF_W | PF_U, gpa);
    box_end(&n.b);
}

/* NPT, the page: EXITINFO1 (rule 145), every access a user's, CR0.WP of either side plays no part (144, 146). */
static void npt_page(void **state)
{
    (void)state;
    static const struct { u64 bits; enum mmu_kind kind; u64 info; } rows[] = {
        { 0, MMU_LOAD, PF_U }, { X86_PTE_P | X86_PTE_RW, MMU_LOAD, PF_P | PF_U }, { X86_PTE_P | X86_PTE_US, MMU_STORE, PF_P | PF_W | PF_U },
        { NPT_ALL | X86_PTE_XD, MMU_FETCH, PF_P | PF_U | PF_I },
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nested_box n;
        begin(&n, true, 0, 0);
        set_page(&n, PAGE_PA | rows[i].bits);
        n.guest.reg.cr0 &= ~X86_CR0_WP;
        guest_enter(&n);
        expect(&n, rows[i].kind, MMU_EXIT_NPF, rows[i].info | MMU_NPF_FINAL, PAGE_GPA);
        box_end(&n.b);
    }
}

/* The guest's #PF before the exit of the page (rules 133, 142), after that of a table. */
static void who_comes_first(void **state)
{
    (void)state;
    for (unsigned npt = 0; npt < 2; npt++) {
        struct nested_box n;
        begin(&n, npt, 0, 0);
        guest_map(&n, VA, 0, PAGE_GPA, X86_PTE_P | X86_PTE_US);
        set_page(&n, 0);
        n.guest.reg.cpl = 3;
        guest_enter(&n);
        struct mmu_result r = box_do(&n.b, VA, MMU_STORE);
        assert_int_equal(r.status, MMU_FAULT_PF);
        assert_int_equal(r.error, PF_P | PF_W | PF_U);
        assert_int_equal(mmu_get(n.b.m, 0, MMU_CR2), VA);
        assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_EXIT);
        assert_int_equal(mmu_peek(n.b.m, guest_entry_at(&n, VA, 0)) & X86_PTE_A, X86_PTE_A); /* step 4 was done */
        mmu_poke(n.b.m, nested_entry(&n, guest_entry_at(&n, VA, 0) + NESTED_GPA, 0), 0);
        assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_EXIT);
        assert_int_equal(mmu_guest_exit(n.b.m, 0)->for_level, 0);
        box_end(&n.b);
    }
}

/* A in every nested entry used, D in those of the guest's tables and of a page that is stored to; pages logged once, until the
 * log is full (rules 134, 135, 148). */
static void marks_and_log(void **state)
{
    (void)state;
    for (unsigned npt = 0; npt < 2; npt++) {
        struct nested_box n;
        const u64 log = 0x300000, a = npt ? X86_PTE_A : EPT_A, d = npt ? X86_PTE_D : EPT_D;
        begin(&n, npt, npt ? 0 : EPTP_AD, MMU_GUEST_PML);
        n.guest.pml = log;
        n.guest.pml_index = 511;
        guest_enter(&n);
        assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & (a | d), a);
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 3)) & a, a);
        for (unsigned level = 0; level < 4; level++)
            assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, guest_entry_at(&n, VA, level) + NESTED_GPA, 0)) & (a | d), a | d);
        assert_int_equal(nested_stats(&n)->logged, 4);
        assert_int_equal(mmu_peek(n.b.m, log + 511 * 8), BOX_ROOT + NESTED_GPA);
        assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_OK);
        assert_int_equal(mmu_peek(n.b.m, log + 507 * 8), PAGE_GPA);
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & d, d);
        assert_int_equal(box_do(&n.b, VA, MMU_STORE).by, MMU_BY_L1);
        mmu_poke(n.b.m, nested_entry(&n, PAGE_GPA, 0), mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & ~a);
        mmu_invlpg(n.b.m, 0, VA);
        assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_OK); /* A is set, D was: nothing to log */
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & a, a);
        guest_leave(&n);
        assert_int_equal(n.guest.pml_index, 506);
        n.guest.pml_index = 0xffff;
        mmu_poke(n.b.m, nested_entry(&n, PAGE_GPA, 0), PAGE_PA | (npt ? NPT_ALL : EPT_ALL | EPT_WB));
        if (npt)
            n.guest.tlb_control = MMU_TLB_FLUSH_ALL;
        else
            assert_int_equal(mmu_invept(n.b.m, 0, 2, 0), MMU_VM_SUCCEED);
        guest_enter(&n);
        assert_int_equal(guest_exit(&n, VA, MMU_LOAD)->reason, npt ? MMU_EXIT_NPT_PML_FULL : MMU_EXIT_PML_FULL);
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & a, 0);
        box_end(&n.b);
    }
}

/* PAE: PDPTEs are the VMCS's on entry; MOV CR3 reads them through EPT, a read even with A and D, no linear address (rule 132). */
static void pdptes(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false, EPTP_AD, 0);
    n.guest.reg.efer = 0;
    n.guest.reg.cr3 = 0x5000 + NESTED_GPA;
    n.guest.reg.cr4 = X86_CR4_PAE;
    guest_enter(&n);
    assert_false(mmu_set(n.b.m, 0, MMU_CR3, 0x6020));
    const struct mmu_guest_exit *e = mmu_guest_exit(n.b.m, 0);
    assert_int_equal(e->reason, MMU_EXIT_EPT_VIOLATION);
    assert_int_equal(e->info, MMU_EPTQ_READ);
    assert_int_equal(e->gpa, 0x6020);
    assert_int_equal(e->va, 0);
    mmu_poke(n.b.m, nested_entry(&n, 0x6000, 0), 0x7000 | EPT_R | EPT_WB); /* a read is all it takes */
    mmu_poke(n.b.m, 0x7020, 0xe); /* not present: nothing is reserved */
    assert_true(mmu_set(n.b.m, 0, MMU_CR3, 0x6020));
    mmu_poke(n.b.m, 0x7028, X86_PTE_P | X86_PTE_RW);
    assert_false(mmu_set(n.b.m, 0, MMU_CR3, 0x6020));
    assert_int_equal(mmu_guest_exit(n.b.m, 0)->reason, MMU_EXIT_NONE); /* #GP */
    box_end(&n.b);
}

/* Without paging va is the gpa (rule 137), every address a user's; a gpa wider than the walk is nobody's. */
static void unpaged(void **state)
{
    (void)state;
    for (unsigned npt = 0; npt < 2; npt++) {
        struct nested_box n;
        begin(&n, npt, 0, 0);
        n.guest.reg.cr0 = X86_CR0_PE;
        n.guest.reg.efer = 0;
        guest_enter(&n);
        struct mmu_result r = box_do(&n.b, PAGE_GPA + 7, MMU_STORE);
        assert_int_equal(r.status, MMU_OK);
        assert_int_equal(r.pa, PAGE_PA + 7);
        assert_int_equal(r.reads, 4);
        const struct mmu_guest_exit *e = guest_exit(&n, 0x1000, MMU_FETCH);
        assert_int_equal(e->info, npt ? MMU_NPF_FINAL | PF_U | PF_I
                                      : MMU_EPTQ_FETCH | MMU_EPTQ_LINEAR | MMU_EPTQ_FINAL | MMU_EPTQ_USER | MMU_EPTQ_WRITABLE);
        assert_int_equal(e->gpa, 0x1000);
        box_end(&n.b);
        begin(&n, npt, 0, 0);
        guest_map(&n, VA, 0, (u64)1 << 50, PTE_ALL);
        nested_map(&n, 0, 0, PAGE_PA); /* where the lower 48 bits lead */
        guest_enter(&n);
        e = guest_exit(&n, VA, MMU_LOAD);
        assert_int_equal(e->gpa, (u64)1 << 50);
        assert_int_equal(e->info & 0x3f, npt ? PF_U : MMU_EPTQ_READ);
        box_end(&n.b);
    }
}

/* Without paging every address is a user's, for mode-based execute too. */
static void unpaged_mode_based(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false, 0, MMU_GUEST_MBE);
    set_page(&n, PAGE_PA | EPT_R | EPT_XU | EPT_WB);
    n.guest.reg.cr0 = X86_CR0_PE;
    n.guest.reg.efer = 0;
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, PAGE_GPA, MMU_FETCH).status, MMU_OK);
    set_page(&n, PAGE_PA | EPT_R | EPT_X | EPT_WB);
    assert_int_equal(box_do(&n.b, PAGE_GPA, MMU_FETCH).status, MMU_EXIT);
    box_end(&n.b);
}

/* What EPT refuses, a guest without NXE and without WP cannot have either. */
static void guards(void **state)
{
    (void)state;
    struct nested_box n;
    begin(&n, false, 0, 0);
    set_page(&n, PAGE_PA | EPT_R | EPT_WB);
    n.guest.reg.efer &= ~X86_EFER_NXE;
    n.guest.reg.cr0 &= ~X86_CR0_WP;
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_EXIT);
    assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_EXIT);
    mmu_poke(n.b.m, guest_entry_at(&n, VA, 0), mmu_peek(n.b.m, guest_entry_at(&n, VA, 0)) | X86_PTE_D);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK); /* dirty by the guest, kept as clean */
    assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_EXIT);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_EXIT);
    box_end(&n.b);
    /* GMET: at CPL 0 pages with U=1 do not execute, those with U=0 are there */
    begin(&n, true, 0, MMU_GUEST_GMET);
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
    assert_int_equal(guest_exit(&n, VA, MMU_FETCH)->info, MMU_NPF_FINAL | PF_P | PF_I);
    set_page(&n, PAGE_PA | X86_PTE_P | X86_PTE_RW);
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_OK);
    set_page(&n, PAGE_PA | NPT_ALL);
    assert_true(mmu_set(n.b.m, 0, MMU_CPL, 3));
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_OK); /* kept, and no use to the supervisor */
    assert_true(mmu_set(n.b.m, 0, MMU_CPL, 0));
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_EXIT);
    set_page(&n, PAGE_PA | X86_PTE_P | X86_PTE_RW);
    assert_true(mmu_set(n.b.m, 0, MMU_CPL, 3));
    assert_int_equal(box_do(&n.b, VA, MMU_FETCH).status, MMU_EXIT);
    box_end(&n.b);
}

/* Rights that have grown in memory never cause an exit; what is cached may be used while they shrink. */
static void grown_and_shrunk(void **state)
{
    (void)state;
    struct nested_box n;
    nested_prepare(&n, false);
    n.config.gpa_entries = n.config.gpa_ways = 8;
    nested_make(&n);
    guest_map(&n, VA, 0, PAGE_GPA, PTE_ALL);
    guest_map(&n, VA + 4096, 0, PAGE_GPA, PTE_ALL);
    set_page(&n, PAGE_PA | EPT_R | EPT_WB);
    nested_map(&n, PAGE_GPA, 0, PAGE_PA);
    set_page(&n, PAGE_PA | EPT_R | EPT_WB);
    guest_enter(&n);
    assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
    set_page(&n, PAGE_PA | EPT_ALL | EPT_WB);
    assert_int_equal(box_do(&n.b, VA, MMU_STORE).status, MMU_OK);
    set_page(&n, 0);
    assert_int_equal(box_do(&n.b, VA + 4096, MMU_STORE).status, MMU_OK); /* a guest-physical mapping */
    assert_int_equal(mmu_invept(n.b.m, 0, 1, n.guest.root), MMU_VM_SUCCEED);
    assert_int_equal(box_do(&n.b, VA + 4096, MMU_STORE).status, MMU_EXIT);
    box_end(&n.b);
}

/* A nested translation that a load brought does not do for a store: D is missing. */
static void cached_clean(void **state)
{
    (void)state;
    for (unsigned npt = 0; npt < 2; npt++) {
        struct nested_box n;
        nested_prepare(&n, npt);
        n.config.gpa_entries = n.config.gpa_ways = 8;
        nested_make(&n);
        n.guest.root |= npt ? 0 : EPTP_AD;
        guest_map(&n, VA, 0, PAGE_GPA, PTE_ALL);
        guest_map(&n, VA + 4096, 0, PAGE_GPA, PTE_ALL);
        nested_map(&n, PAGE_GPA, 0, PAGE_PA);
        guest_enter(&n);
        assert_int_equal(box_do(&n.b, VA, MMU_LOAD).status, MMU_OK);
        assert_int_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & (npt ? X86_PTE_D : EPT_D), 0);
        assert_int_equal(box_do(&n.b, VA + 4096, MMU_STORE).status, MMU_OK);
        assert_int_not_equal(mmu_peek(n.b.m, nested_entry(&n, PAGE_GPA, 0)) & (npt ? X86_PTE_D : EPT_D), 0);
        box_end(&n.b);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(page_entries), cmocka_unit_test(reserved_bits), cmocka_unit_test(execute_only), cmocka_unit_test(mode_based), cmocka_unit_test(table_entries),
    cmocka_unit_test(npt_page), cmocka_unit_test(who_comes_first), cmocka_unit_test(marks_and_log), cmocka_unit_test(pdptes),
    cmocka_unit_test(unpaged), cmocka_unit_test(unpaged_mode_based), cmocka_unit_test(guards), cmocka_unit_test(grown_and_shrunk),
    cmocka_unit_test(cached_clean),
};
int main(void) { return cmocka_run_group_tests(tests, NULL, NULL); }
