/* SPDX-License-Identifier: MIT
 * swapout.c - sending anonymous pages to the swap device: MADV_PAGEOUT, memory running short, and back by swapoff.  Called
 * by madvise.c, at the beginning of faults, and by the embedder.
 * Linux's choice of pages under pressure depends on times and lists that are not modelled: here a hand goes round the frames
 * in their order and gives a page that was used since it last came by another chance.  What becomes of a page that is
 * chosen is Linux's: its entries name the slot, keep exclusive, soft-dirty and write-protected marks, and the page is freed
 * as soon as it is written. */
#include "calls.h"

/* ---- one page ----------------------------------------------------------------------------------------------------------- */

static void note_locked(struct mm *mm, struct frame *f, u64 va, void *no)
{
    const struct vma *v = vma_at(mm, va);

    (void)f;
    *(bool *)no = *(bool *)no || !v || (v->flags & VM_LOCKED);
}

/* Only mappings, the cache, and nobody's lock hold it. */
static bool evictable(struct kernel *k, struct frame *f)
{
    bool no = false;

    if (f->kind != FRAME_ANON || !f->mapped || (f->flags & (FRAME_HUGE | FRAME_LAZYFREE)) || f->lru != LRU_ON ||
        f->refs != f->mapped + ((f->flags & FRAME_SWAPCACHE) != 0))
        return false;
    rmap_each(k, f, note_locked, &no);
    return !no;
}

/* The entry names the slot from now on. */
static void unmap_to_slot(struct mm *mm, struct frame *f, u64 va, void *arg)
{
    struct kernel *k = mm->k;
    u64 *e = pgtable_find(mm, va, 0), old = *e, new = swp_entry(f->index);

    (void)arg;
    new |= (f->flags & FRAME_EXCLUSIVE ? SWP_EXCLUSIVE : 0) | (old & PTE_SOFT_DIRTY ? SWP_SOFT_DIRTY : 0) |
           (old & PTE_UFFD_WP ? SWP_UFFD_WP : 0);
    note_peak_rss(mm);
    pte_store(k, e, 0);
    flush_page(mm, va);
    if (old & X86_PTE_D)
        f->flags |= FRAME_DIRTY;
    rmap_remove(mm, f, va);
    rss_add(mm, f, -1);
    k->swap.slot[f->index].count++;
    mm->swapped++;
    pte_store(k, e, new);
    f->refs--;                            /* the cache has one */
}

/* The page leaves memory.  false: it cannot, nothing has changed. */
static bool swap_out(struct kernel *k, struct frame *f)
{
    if (!evictable(k, f) || !swap_take_slot(k, f))
        return false;
    EXPLAIN(k, "frame %x goes to slot %d of the swap device", frame_pfn(k, f).n, f->index);
    rmap_each(k, f, unmap_to_slot, NULL);
    f->flags &= (u8)~FRAME_EXCLUSIVE;
    if (f->flags & FRAME_DIRTY) {
        if (k->swap.bytes)
            memcpy(k->swap.bytes + ((u64)f->index << PAGE_LG2), k->hw.ram + pfn_to_pa(frame_pfn(k, f)), PAGE_BYTES);
        k->swap.out++;
    }
    swap_forget(k, f);
    return true;
}

/* ---- MADV_PAGEOUT ---------------------------------------------------------------------------------------------------- */

/* One page of 4 KiB that nobody else maps; what MADV_FREE gave away is dropped, unless it was written. */
static void page_out(struct vma *v, u64 *e, u64 va, struct frame *f)
{
    struct kernel *k = v->mm->k;

    if (f->mapped != 1)
        return;
    if (!(f->flags & FRAME_LAZYFREE))
        swap_out(k, f);
    else if ((*e & X86_PTE_D) || (f->flags & FRAME_DIRTY))
        f->flags &= (u8)~FRAME_LAZYFREE;
    else if (f->refs == 1 && f->lru == LRU_ON)
        zap_single(v, va, va + PAGE_BYTES, 0);
}

/* The anonymous page that the entry maps, by itself; NULL: none, or others share its folio. */
static struct frame *single(struct kernel *k, u64 e)
{
    struct frame *f = pte_counted(e) ? frame_at(k, pte_pfn(e)) : NULL;

    if (!f || f->kind != FRAME_ANON)
        return NULL;
    return !(f->flags & FRAME_HUGE) || (!folio_shared(k, f) && folio_split(k, f)) ? f : NULL;
}

/* Linux may send a huge page out in one piece; here it goes page by page. */
void swap_range_out(struct vma *v, u64 start, u64 end)
{
    struct kernel *k = v->mm->k;

    for (u64 va = start, next; va < end; va = next) {
        struct span s = pgtable_span(v->mm, va, end);
        next = s.end;
        if (s.pmd && pmd_huge(*s.pmd) && single(k, *s.pmd))
            s = pgtable_span(v->mm, va, end);
        for (u64 *e = s.pte; e && va < next; va += PAGE_BYTES, e++) {
            struct frame *f = single(k, *e);
            if (f)
                page_out(v, e, va, f);
        }
    }
}

/* ---- memory runs short --------------------------------------------------------------------------------------------------- */

static void test_young(struct mm *mm, struct frame *f, u64 va, void *young)
{
    u64 *e = pgtable_find(mm, va, 0);

    (void)f;
    if (*e & X86_PTE_A) {
        *(bool *)young = true;
        pte_store(mm->k, e, *e & ~X86_PTE_A); /* without a flush, as x86 does: what stays in a TLB looks old       */
    }
}

static u64 opened_frames(const struct kernel *k)
{
    u64 n = 0;

    for (unsigned i = 0; i < k->nodes; i++)
        n += k->node[i].frontier - k->node[i].start;
    return n;
}

/* Below a 64th of memory pages are sent out until a 32nd is free.  Called where nothing is held. */
void swap_balance(struct kernel *k)
{
    u64 low = k->nr_frames / 64, high = k->nr_frames / 32;

    if (!k->swap.on || k->free_frames >= low)
        return;
    lru_drain_all(k);
    for (u64 looked = 0; looked < 2 * opened_frames(k) && k->free_frames < high; looked++) {
        const u64 opened = frames_opened(k, k->swap.hand), n = opened < k->nr_frames ? opened : 0;
        struct frame *f = &k->frames[n];
        bool young = false;
        k->swap.hand = (u32)(n + 1);
        if (!evictable(k, f))
            continue;
        rmap_each(k, f, test_young, &young);
        if (!young && !swap_out(k, f))
            return;                       /* the device is full */
    }
}

/* ---- swapoff(2) ----------------------------------------------------------------------------------------------------------- */

/* unuse_pte(): present again, old, and writable only by the next fault. */
static bool bring_back(struct vma *v, u64 *e, u64 va)
{
    struct kernel *k = v->mm->k;
    u64 old = *e;
    struct frame *f = swap_read(k, old);

    if (!f || !rmap_add(v->mm, f, va))
        return false;
    f->refs++;
    f->flags |= old & SWP_EXCLUSIVE ? FRAME_EXCLUSIVE : 0;
    v->mm->swapped--;
    rss_add(v->mm, f, 1);
    pte_store(k, e, ((vma_page_prot(v) | pfn_to_pa(frame_pfn(k, f))) & ~X86_PTE_A) | (old & SWP_SOFT_DIRTY ? PTE_SOFT_DIRTY : 0) |
              (old & SWP_UFFD_WP ? PTE_UFFD_WP : 0));
    swap_put(k, old);
    return true;
}

static bool bring_all_back(struct vma *v)
{
    for (u64 va = v->start, next; va < v->end; va = next) {
        struct span s = pgtable_span(v->mm, va, v->end);
        next = s.end;
        for (u64 *e = v->flags & VM_HUGETLB ? NULL : s.pte; e && va < next; va += PAGE_BYTES, e++)
            if (pte_swap(*e) && !bring_back(v, e, va))
                return false;
    }
    return true;
}

/* -ENOMEM: the pages do not fit; those that were brought back stay, and the device goes on. */
long kernel_swapoff(struct kernel *k)
{
    if (!k->swap.on)
        return -MM_EINVAL;
    k->swap.on = false;
    for (struct mm *mm = k->mms; mm; mm = mm->next)
        for (struct vma *v = mm->first; v; v = v->next)
            if (!bring_all_back(v)) {
                k->swap.on = true;
                return -MM_ENOMEM;
            }
    for (u64 n = 1; n < k->swap.slots; n++)
        if (k->swap.slot[n].frame)
            swap_free_slot(k, &k->frames[k->swap.slot[n].frame]);
    return 0;
}

long kernel_swapon(struct kernel *k)
{
    if (k->swap.on || !k->swap.total)
        return -MM_EINVAL;
    k->swap.on = true;
    return 0;
}
