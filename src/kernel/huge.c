/* SPDX-License-Identifier: MIT
 * huge.c - 2 MiB entries of transparent huge pages.  Called by faults and by every walk over entries that meets a
 * level-1 leaf.
 * A folio mapped by one level-1 entry still has one reverse mapping per frame, so that splitting the entry changes
 * nothing but tables.  For each entry of anonymous memory a page table is deposited at its level-1 table, so that a
 * split needs no memory; an entry of a page cache has none: instead of being split it is cleared, to be faulted in
 * again. */
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

/* ---- one entry ------------------------------------------------------------------------------------------------- */

static void set_exclusive(struct frame *head, bool yes)
{
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        head[i].flags = (u8)(yes ? head[i].flags | FRAME_EXCLUSIVE : head[i].flags & ~FRAME_EXCLUSIVE);
}

/* The entry maps a folio of a page cache: no table is deposited for it. */
static bool of_cache(const struct mm *mm, u64 e)
{
    return !(e & PTE_SPECIAL) && frame_at(mm->k, pte_pfn(e))->kind != FRAME_ANON;
}

static u64 leaf(const struct vma *v, pfn_t pfn) { return vma_page_prot(v) | pfn_to_pa(pfn) | X86_PTE_PS; }

static u64 fresh_leaf(const struct vma *v, pfn_t pfn)
{
    return leaf(v, pfn) | v->mm->k->dirty_bits | (v->flags & VM_WRITE ? X86_PTE_RW : 0);
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

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
        k->thp.size[HUGE_ORDER].anon_fallback++;
        EXPLAIN(k, "fault: no free block of 2 MiB (memory is not compacted here): smaller pages", 0);
        return false;
    }
    k->thp.size[HUGE_ORDER].anon_alloc++;
    head = folio_make(k, block, HUGE_ORDER);
    folio_map_anon(f->mm, head, base_of(f->addr));
    folio_count_pmd(k, head, 1);
    EXPLAIN(k, "fault: 2 MiB at frame %x, zeroed", block.n);
    if (*pmd) {
        pte_store(k, pmd, 0);
        flush_range(f->mm, base_of(f->addr), base_of(f->addr) + PMD_BYTES);
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

    if (!thp_orders(f->vma, THP_FAULT, 1u << HUGE_ORDER) || !thp_fits(f->vma, f->addr, HUGE_ORDER))
        return false;
    *r = FAULT_OOM;
    if (!anon_vma_prepare(f->vma))
        return true;
    khugepaged_enter(f->vma);
    pmd = pgtable_make(f->mm, f->addr, 1);
    if (!pmd)
        return true;
    if (f->vma->flags & VM_UFFD_MISSING) {
        *r = uffd_fault(f, VM_UFFD_MISSING);
        return true;
    }
    if (!(f->write || !f->mm->k->thp.use_zero_page ? map_new(f, pmd, false) : map_zero(f, pmd)))
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
    } else if (of_cache(f->mm, *pmd)) {
        huge_split(f->mm, pmd, f->addr);  /* copied, or told to the file system, by 4 KiB */
        return file_fault(f);
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

/* A page of a folio: ours alone when every reference is a mapping of this address space. */
bool huge_may_reuse(struct mm *mm, struct frame *page)
{
    const struct frame *head = folio_of(mm->k, page);
    u32 ours = 0;

    for (u32 i = 0; i < folio_pages(head); i++)
        ours += rmap_count(mm, &head[i]);
    return ours == head->refs;
}

/* A folio of a page cache, mapped by one entry at the 2 MiB around va.  false: no table, or no memory; nothing has
 * changed.  pre: it fits there, and the level-1 entry is empty. */
bool huge_map_cache(struct vma *v, u64 va, struct frame *head, bool write)
{
    struct mm *mm = v->mm;
    u64 *pmd = pgtable_make(mm, va, 1), base = base_of(va), e;

    if (!pmd)
        return false;
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++) {
        if (rmap_add(mm, &head[i], base + i * PAGE_BYTES))
            continue;
        while (i--)
            rmap_remove(mm, &head[i], base + i * PAGE_BYTES);
        return false;
    }
    head->refs += PTRS_PER_TABLE;
    rss_add(mm, head, PTRS_PER_TABLE);
    folio_count_pmd(mm->k, head, 1);
    e = leaf(v, frame_pfn(mm->k, head));
    pte_store(mm->k, pmd, write ? e | X86_PTE_D | (v->flags & VM_WRITE ? X86_PTE_RW : 0) : e);
    EXPLAIN(mm->k, "file: the 2 MiB at frame %x mapped by one entry", frame_pfn(mm->k, head).n);
    return true;
}

/* The entry is cleared; its folio keeps the references, which are the caller's to drop. */
static struct frame *unmap_entry(struct mm *mm, u64 *pmd, u64 va)
{
    u64 old = *pmd;
    struct frame *head = old & PTE_SPECIAL ? NULL : frame_at(mm->k, pte_pfn(old));

    if (!of_cache(mm, old))
        free_deposit(mm, pmd);
    else if (old & X86_PTE_D)
        head->flags |= FRAME_DIRTY;
    pte_store(mm->k, pmd, 0);
    if (!head)
        return NULL;
    for (unsigned i = 0; i < PTRS_PER_TABLE; i++)
        rmap_remove(mm, &head[i], base_of(va) + i * PAGE_BYTES);
    folio_count_pmd(mm->k, head, -1);
    rss_add(mm, head, -PTRS_PER_TABLE);
    return head;
}

/* ---- splitting, clearing, moving, copying one entry ------------------------------------------------------------ */

/* The 2 MiB entry becomes a table of 512 entries with the same rights; one of a page cache goes. */
void huge_split(struct mm *mm, u64 *pmd, u64 va)
{
    struct kernel *k = mm->k;
    u64 old = *pmd, e = old & ~X86_PTE_PS, *pte;
    pfn_t t;

    if (of_cache(mm, old)) {
        EXPLAIN(k, "2 MiB page of a file at %x unmapped", base_of(va));
        unmap_entry(mm, pmd, va)->refs -= PTRS_PER_TABLE; /* the cache has more */
        if (old & X86_PTE_P)
            flush_range(mm, base_of(va), base_of(va) + PMD_BYTES);
        return;
    }
    t = withdraw(mm, pmd);
    pte = (u64 *)(void *)(k->hw.ram + pfn_to_pa(t));
    if (!(old & PTE_SPECIAL))
        folio_count_pmd(k, frame_at(k, pte_pfn(old)), -1);
    EXPLAIN(k, "2 MiB page at %x split into 4 KiB entries", base_of(va));
    for (u64 i = 0; i < PTRS_PER_TABLE; i++)
        pte_store(k, pte + i, old & PTE_SPECIAL ? (e & ~X86_PTE_ADDR) | pfn_to_pa(k->zero) : e + i * PAGE_BYTES);
    pte_store(k, pmd, 0);
    if (old & X86_PTE_P)
        flush_range(mm, base_of(va), base_of(va) + PMD_BYTES);
    pte_store(k, pmd, pfn_to_pa(t) | PTE_TABLE);
}

/* A mapping is about to end or begin at addr. */
void huge_split_at(struct vma *v, u64 addr)
{
    u64 *pmd = addr & (PMD_BYTES - 1) ? pgtable_find(v->mm, addr, 1) : NULL;
    if (pmd && pmd_huge(*pmd))
        huge_split(v->mm, pmd, addr);
}

/* Collapsing: the table at *pmd is empty; a block takes its place and the table becomes the deposit. */
void huge_install(struct vma *v, u64 *pmd, u64 va, pfn_t block)
{
    struct mm *mm = v->mm;
    struct frame *at = pmd_table_frame(mm, pmd), *t = frame_at(mm->k, pte_pfn(*pmd)), *head;

    memset(mm->k->hw.ram + (*pmd & X86_PTE_ADDR), 0, PAGE_BYTES);
    pte_store(mm->k, pmd, 0);
    flush_range(mm, va, va + PMD_BYTES);
    t->free.next = at->more;
    at->more = (u32)frame_pfn(mm->k, t).n;
    head = folio_make(mm->k, block, HUGE_ORDER);
    folio_map_anon(mm, head, va);
    folio_count_pmd(mm->k, head, 1);
    pte_store(mm->k, pmd, fresh_leaf(v, block));
    lru_add(mm->k, head, LRU_ADD);
}

void huge_zap(struct gather *g, u64 *pmd, u64 va)
{
    struct frame *head = unmap_entry(g->mm, pmd, va);

    gather_pmd(g, va);
    if (!head)
        return;
    g->dirty_files |= head->kind != FRAME_ANON && (head->flags & FRAME_DIRTY);
    head->refs -= PTRS_PER_TABLE - 1;
    gather_put(g, head);
}

/* MADV_FREE and MADV_COLD over a whole 2 MiB page that nobody else maps. */
void huge_age(struct gather *g, u64 *pmd, u64 va, bool cold_only)
{
    u64 clear = X86_PTE_A | (cold_only ? 0 : X86_PTE_D);
    struct frame *head = frame_at(g->mm->k, pte_pfn(*pmd));

    if (*pmd & clear) {
        pte_store(g->mm->k, pmd, *pmd & ~clear);
        gather_pmd(g, va);
    }
    if (!cold_only)
        lru_add(g->mm->k, head, LRU_LAZYFREE);
}

/* mremap of a whole aligned 2 MiB; false: split it instead. */
bool huge_move(struct gather *g, u64 *pmd, u64 from, u64 to, u64 len)
{
    struct mm *mm = g->mm;
    u64 old = *pmd, *at;
    bool deposited = !of_cache(mm, old);

    if (len != PMD_BYTES || ((from | to) & (PMD_BYTES - 1)))
        return false;
    at = pgtable_make(mm, to, 1);
    if (!at || *at || (deposited && !deposit(mm, at)))
        return false;
    if (deposited)
        free_deposit(mm, pmd);
    pte_store(mm->k, pmd, 0);
    if (old & X86_PTE_P)
        gather_pmd(g, from);
    for (unsigned i = 0; i < PTRS_PER_TABLE && !(old & PTE_SPECIAL); i++)
        rmap_move(mm, frame_at(mm->k, pte_pfn(old)) + i, from + i * PAGE_BYTES, to + i * PAGE_BYTES);
    pte_store(mm->k, at, old);
    return true;
}

/* fork; false: no memory, nothing has changed in either.  What a page cache has is faulted in again. */
bool huge_fork(struct mm *child, struct mm *parent, u64 *pmd, u64 va)
{
    struct kernel *k = child->k;
    u64 *at;
    struct frame *head;

    if (of_cache(parent, *pmd))
        return true;
    at = pgtable_make(child, va, 1);
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
    folio_count_pmd(k, head, 1);
    set_exclusive(head, false);
    if (*pmd & X86_PTE_RW)
        pte_store(parent->k, pmd, *pmd & ~X86_PTE_RW);
    pte_store(k, at, *pmd & ~X86_PTE_A);
    return true;
}
