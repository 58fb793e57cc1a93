/* SPDX-License-Identifier: MIT
 * huge.c - 2 MiB pages of anonymous memory (transparent huge pages).  Called by faults and by every walk over entries
 * that meets a level-1 leaf.
 * A 2 MiB folio is 512 aligned frames; the head's `refs` counts for all.  Mapped by one level-1 entry it still has one
 * reverse mapping per frame, so that splitting the entry changes nothing but tables.  For each such entry a page
 * table is deposited at its level-1 table, so that a split needs no memory. */
#include "calls.h"

static u64 base_of(u64 va) { return va & ~(PMD_BYTES - 1); }

/* ---- deposited tables ------------------------------------------------------------------------------------------ */

static struct frame *pmd_table_frame(const struct mm *mm, const u64 *pmd)
{
    return frame_at(mm->k, pa_to_pfn((u64)((const u8 *)pmd - mm->k->hw.ram)));
}

static bool deposit(struct mm *mm, const u64 *pmd)
{
    struct frame *at = pmd_table_frame(mm, pmd), *t;
    pfn_t pfn = table_alloc(mm->k);

    if (pfn_is_none(pfn))
        return false;
    t = frame_at(mm->k, pfn);
    t->free.next = at->more;
    at->more = (u32)pfn.n;
    if (++mm->tables > mm->peak_tables)
        mm->peak_tables = mm->tables;
    return true;
}

static pfn_t withdraw(struct mm *mm, const u64 *pmd)
{
    struct frame *at = pmd_table_frame(mm, pmd);
    pfn_t t = { at->more };

    CHECK(at->more);
    at->more = frame_at(mm->k, t)->free.next;
    return t;
}

static void free_deposit(struct mm *mm, const u64 *pmd)
{
    frames_free(mm->k, withdraw(mm, pmd), 0);
    mm->tables--;
}

/* ---- all frames of a folio ------------------------------------------------------------------------------------- */

static void set_exclusive(struct frame *head, bool yes)
{
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        head[i].flags = (u8)(yes ? head[i].flags | FRAME_EXCLUSIVE : head[i].flags & ~FRAME_EXCLUSIVE);
}

/* A block becomes a folio with 512 mappings. */
static struct frame *folio_make(struct mm *mm, u64 base, pfn_t block)
{
    struct frame *head = frame_at(mm->k, block);

    for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
        head[i].flags = FRAME_HUGE | FRAME_EXCLUSIVE;
        head[i].refs = 0;
        rmap_add(mm, &head[i], base + i * PAGE_BYTES);
    }
    head->refs = PTRS_PER_TABLE;
    mm->rss[RSS_ANON] += PTRS_PER_TABLE;
    return head;
}

static u64 leaf(const struct vma *v, pfn_t pfn) { return vma_page_prot(v) | pfn_to_pa(pfn) | X86_PTE_PS; }

static u64 fresh_leaf(const struct vma *v, pfn_t pfn)
{
    return leaf(v, pfn) | v->mm->k->dirty_bits | (v->flags & VM_WRITE ? X86_PTE_RW : 0);
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

/* May the aligned 2 MiB around va be one page? */
static bool eligible(const struct vma *v, u64 va)
{
    enum mm_thp thp = v->mm->k->cfg.thp;

    if (thp == MM_THP_NEVER || (v->flags & (VM_NOHUGEPAGE | VM_DROPPABLE)) || thp_disabled(v, false) ||
        (thp == MM_THP_MADVISE && !(v->flags & VM_HUGEPAGE)))
        return false;
    return base_of(va) >= v->start && base_of(va) + PMD_BYTES <= v->end;
}

/* smaps' THPeligible: some aligned unit inside. */
bool huge_vma_eligible(const struct vma *v)
{
    return vma_is_anon(v) && eligible(v, v->start + PMD_BYTES - 1);
}

static bool map_zero(struct fault *f, u64 *pmd)
{
    struct kernel *k = f->mm->k;

    if (pfn_is_none(k->huge_zero))
        k->huge_zero = frames_alloc(k, HUGE_ORDER, FRAME_RESERVED);
    if (pfn_is_none(k->huge_zero) || !deposit(f->mm, pmd))
        return false;
    pte_store(k, pmd, leaf(f->vma, k->huge_zero) | PTE_SPECIAL);
    EXPLAIN(k, "fault: the shared huge zero page", 0);
    f->out->kind = MM_FAULT_ZEROPAGE;
    f->out->mapped_pages = PTRS_PER_TABLE;
    return true;
}

static bool map_new(struct fault *f, u64 *pmd, bool deposited)
{
    struct kernel *k = f->mm->k;
    struct frame *head;
    pfn_t block;

    if (!deposited && !deposit(f->mm, pmd))
        return false;
    block = frames_alloc(k, HUGE_ORDER, FRAME_ANON);
    if (pfn_is_none(block)) {
        if (!deposited)
            free_deposit(f->mm, pmd);
        EXPLAIN(k, "fault: no free block of 2 MiB, falling back to 4 KiB", 0);
        return false;
    }
    head = folio_make(f->mm, base_of(f->addr), block);
    EXPLAIN(k, "fault: 2 MiB at frame %x, zeroed", block.n);
    if (*pmd) {
        pte_store(k, pmd, 0);
        flush_range(f->mm, base_of(f->addr), base_of(f->addr) + PMD_BYTES, 21);
    }
    pte_store(k, pmd, fresh_leaf(f->vma, block));
    lru_add(k, head, LRU_ADD);
    f->out->kind = MM_FAULT_HUGE;
    f->out->mapped_pages = f->out->zeroed_pages = PTRS_PER_TABLE;
    return true;
}

/* The level-1 entry is empty: fill 2 MiB at once if the mapping allows.  false: go on with 4 KiB. */
bool huge_anon_fault(struct fault *f, enum fault_result *r)
{
    u64 *pmd;

    if (!eligible(f->vma, f->addr))
        return false;
    *r = FAULT_OOM;
    if (!anon_vma_prepare(f->vma))
        return true;
    pmd = pgtable_make(f->mm, f->addr, 1);
    if (!pmd)
        return true;
    if (f->vma->flags & VM_UFFD_MISSING) {
        *r = uffd_fault(f, VM_UFFD_MISSING);
        return true;
    }
    if (!(f->write ? map_new(f, pmd, false) : map_zero(f, pmd)))
        return false;
    if (f->grew)
        f->out->kind = MM_FAULT_STACK;
    *r = FAULT_DONE;
    return true;
}

/* A write to a 2 MiB entry that is read-only. */
enum fault_result huge_wp_fault(struct fault *f, u64 *pmd)
{
    struct kernel *k = f->mm->k;
    struct frame *head;

    if ((*pmd & PTE_UFFD_WP) && (f->vma->flags & VM_UFFD_WP)) {
        if (!(f->vma->uffd->features & MM_UFFD_FEATURE_WP_ASYNC))
            return uffd_fault(f, VM_UFFD_WP);
    } else if (*pmd & PTE_SPECIAL) {
        if (k->q.huge_zero_cow_huge && map_new(f, pmd, true))
            return FAULT_DONE;
    } else {
        head = frame_at(k, pte_pfn(*pmd));
        if (head->lru != LRU_ON)
            lru_drain(k);
        if ((head->flags & FRAME_EXCLUSIVE) || head->refs == PTRS_PER_TABLE) {
            set_exclusive(head, true);
            pte_store(k, pmd, *pmd | X86_PTE_RW | X86_PTE_A | k->dirty_bits);
            EXPLAIN(k, "cow: nobody else has the 2 MiB page: made writable", 0);
            f->out->kind = MM_FAULT_COW_REUSE;
            return FAULT_DONE;
        }
    }
    huge_split(f->mm, pmd, f->addr);
    return wp_fault(f, pgtable_find(f->mm, f->addr, 0));
}

/* A frame of a folio: ours alone when every reference is a mapping of this address space. */
bool huge_may_reuse(struct mm *mm, struct frame *page)
{
    const struct frame *head = folio_of(mm->k, page);
    u32 ours = 0;

    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        ours += rmap_count(mm, &head[i]);
    return ours == head->refs;
}

/* ---- splitting, clearing, moving, copying one entry ------------------------------------------------------------ */

/* The 2 MiB entry becomes a table of 512 entries with the same rights. */
void huge_split(struct mm *mm, u64 *pmd, u64 va)
{
    struct kernel *k = mm->k;
    u64 old = *pmd, e = old & ~X86_PTE_PS;
    pfn_t t = withdraw(mm, pmd);
    u64 *pte = (u64 *)(void *)(k->hw.ram + pfn_to_pa(t));

    EXPLAIN(k, "2 MiB page at %x split into 4 KiB entries", base_of(va));
    for (u64 i = 0; i < PTRS_PER_TABLE; i++)
        pte_store(k, pte + i, old & PTE_SPECIAL ? (e & ~X86_PTE_ADDR) | pfn_to_pa(k->zero) : e + i * PAGE_BYTES);
    pte_store(k, pmd, 0);
    if (old & X86_PTE_P)
        flush_range(mm, base_of(va), base_of(va) + PMD_BYTES, 21);
    pte_store(k, pmd, pfn_to_pa(t) | PTE_TABLE);
}

/* A mapping is about to end or begin at addr. */
void huge_split_at(struct vma *v, u64 addr)
{
    u64 *pmd = addr & (PMD_BYTES - 1) ? pgtable_find(v->mm, addr, 1) : NULL;
    if (pmd && pmd_huge(*pmd))
        huge_split(v->mm, pmd, addr);
}

/* MADV_COLLAPSE: the table at *pmd is empty; a block takes its place and the table becomes the deposit. */
void huge_install(struct vma *v, u64 *pmd, u64 va, pfn_t block)
{
    struct mm *mm = v->mm;
    struct frame *at = pmd_table_frame(mm, pmd), *t = frame_at(mm->k, pte_pfn(*pmd)), *head;

    memset(mm->k->hw.ram + (*pmd & X86_PTE_ADDR), 0, PAGE_BYTES);
    pte_store(mm->k, pmd, 0);
    flush_range(mm, va, va + PMD_BYTES, 21);
    t->free.next = at->more;
    at->more = (u32)frame_pfn(mm->k, t).n;
    head = folio_make(mm, va, block);
    pte_store(mm->k, pmd, fresh_leaf(v, block));
    lru_add(mm->k, head, LRU_ADD);
}

void huge_zap(struct gather *g, u64 *pmd, u64 va)
{
    struct mm *mm = g->mm;
    u64 old = *pmd;

    pte_store(mm->k, pmd, 0);
    free_deposit(mm, pmd);
    gather_pmd(g, va);
    if (old & PTE_SPECIAL)
        return;
    struct frame *head = frame_at(mm->k, pte_pfn(old));
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        rmap_remove(mm, &head[i], va + i * PAGE_BYTES);
    mm->rss[RSS_ANON] -= PTRS_PER_TABLE;
    head->refs -= PTRS_PER_TABLE - 1;
    gather_put(g, head);
}

/* MADV_FREE and MADV_COLD over a whole 2 MiB page. */
void huge_age(struct gather *g, u64 *pmd, u64 va, bool cold_only)
{
    u64 clear = X86_PTE_A | (cold_only ? 0 : X86_PTE_D);

    if (!(*pmd & clear))
        return;
    pte_store(g->mm->k, pmd, *pmd & ~clear);
    gather_pmd(g, va);
}

/* mremap of a whole aligned 2 MiB; false: split it instead. */
bool huge_move(struct gather *g, u64 *pmd, u64 from, u64 to, u64 len)
{
    struct mm *mm = g->mm;
    u64 old = *pmd, *at;

    if (len != PMD_BYTES || ((from | to) & (PMD_BYTES - 1)))
        return false;
    at = pgtable_make(mm, to, 1);
    if (!at || *at || !deposit(mm, at))
        return false;
    free_deposit(mm, pmd);
    pte_store(mm->k, pmd, 0);
    if (old & X86_PTE_P)
        gather_pmd(g, from);
    for (unsigned i = 0; i < PTRS_PER_TABLE && !(old & PTE_SPECIAL); i++)
        rmap_move(mm, frame_at(mm->k, pte_pfn(old)) + i, from + i * PAGE_BYTES, to + i * PAGE_BYTES);
    pte_store(mm->k, at, old);
    return true;
}

/* fork; false: no memory, nothing has changed in either. */
bool huge_fork(struct mm *child, struct mm *parent, u64 *pmd, u64 va)
{
    struct kernel *k = child->k;
    u64 *at = pgtable_make(child, va, 1);
    struct frame *head;

    if (!at || !deposit(child, at))
        return false;
    if (*pmd & PTE_SPECIAL) {
        pte_store(k, at, *pmd & ~X86_PTE_A);
        return true;
    }
    head = frame_at(k, pte_pfn(*pmd));
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
        if (rmap_add(child, &head[i], va + i * PAGE_BYTES))
            continue;
        while (i--)
            rmap_remove(child, &head[i], va + i * PAGE_BYTES);
        free_deposit(child, at);
        return false;
    }
    head->refs += PTRS_PER_TABLE;
    child->rss[RSS_ANON] += PTRS_PER_TABLE;
    set_exclusive(head, false);
    if (*pmd & X86_PTE_RW)
        pte_store(parent->k, pmd, *pmd & ~X86_PTE_RW);
    pte_store(k, at, *pmd & ~X86_PTE_A);
    return true;
}
