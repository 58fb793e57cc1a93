/* SPDX-License-Identifier: MIT
 * pin.c - pages that a device uses by their physical addresses, and the direct map.  Called by the embedder; the rest of
 * the room asks page_pinned().  Linux mm/gup.c, Documentation/core-api/pin_user_pages.rst.
 * A pin keeps the frame allocated and at its address, mapped or not: 1024 references of a page by itself or of a hugetlb
 * page (GUP_PIN_COUNTING_BIAS), one reference and one in a count of its own of a folio.  So a page with 1024 ordinary
 * references looks pinned too, as in Linux.  What is pinned belongs to its process alone: a shared anonymous page is
 * copied first, at fork the child gets a copy, and its entries are neither moved by userfaultfd nor made to trap by
 * clear_refs.  Nothing here moves pages between zones, so FOLL_LONGTERM only refuses what cannot last.
 * The zero page is never counted. */
#include "calls.h"

#define PIN_BIAS 1024u
#define PIN_LIMIT 0x7ffffc00u             /* references: beyond, the pin fails                                  */
#define DIRECT_MAP 0xffff888000000000ull  /* page_offset_base with four levels and no address randomisation        */

/* ---- counting ------------------------------------------------------------------------------------------------------ */

/* Where a folio counts its pins: in a frame whose references are the head's anyway. */
u32 *folio_pins(struct frame *head) { return &head[head->order == HUGE_ORDER ? 2 : 1].refs; }

static bool counts_itself(const struct frame *head) { return head->flags & FRAME_HUGE; }

/* folio_maybe_dma_pinned() */
bool page_pinned(const struct kernel *k, struct frame *f)
{
    struct frame *head = folio_of(k, f);

    return counts_itself(head) ? *folio_pins(head) != 0 : head->refs >= PIN_BIAS;
}

/* A pinned page of this process that fork and write protection must leave alone. */
bool page_needs_copy(const struct mm *mm, struct frame *f)
{
    return mm->has_pinned && f->kind != FRAME_RESERVED && page_pinned(mm->k, f);
}

static bool take_pin(struct mm *mm, struct frame *head)
{
    if (head->refs > PIN_LIMIT)
        return false;
    head->refs += counts_itself(head) ? 1 : PIN_BIAS;
    if (counts_itself(head))
        ++*folio_pins(head);
    mm->has_pinned = true;
    mm->k->pins++;
    mm->k->pins_ever++;
    return true;
}

static void drop_pin(struct kernel *k, struct frame *f)
{
    struct frame *head = folio_of(k, f);

    CHECK(page_pinned(k, head) && k->pins);
    k->pins--;
    if (counts_itself(head))
        --*folio_pins(head);
    else
        head->refs -= PIN_BIAS - 1;
    frame_put(k, head);
}

/* ---- pin_user_pages() ----------------------------------------------------------------------------------------------- */

/* check_vma_flags(), writable_file_mapping_allowed() */
static bool may_pin(const struct vma *v, unsigned flags)
{
    bool write = flags & MM_FOLL_WRITE, tracked = v->file && (v->flags & VM_SHARED) && vma_wants_writenotify(v);

    if ((v->flags & (VM_IO | VM_PFNMAP)) || !(v->flags & (write ? VM_WRITE : VM_READ)))
        return false;
    return !(write && tracked && (flags & MM_FOLL_LONGTERM) && !vma_is_shmem(v));
}

static u64 *entry_of(const struct vma *v, u64 va)
{
    return v->flags & VM_HUGETLB ? hugetlb_entry(v, va) : pgtable_leaf(v->mm, va);
}

static u64 bytes_of(const struct vma *v, u64 e)
{
    return v->flags & VM_HUGETLB ? hugetlb_bytes(v) : e & X86_PTE_PS ? PMD_BYTES : PAGE_BYTES;
}

/* gup_must_unshare(): would a write of this process go to another page? */
static bool must_unshare(const struct vma *v, u64 e, unsigned flags)
{
    const struct frame *f = frame_at(v->mm->k, pte_pfn(e));

    if ((flags & MM_FOLL_WRITE) || (v->flags & VM_HUGETLB) || (v->flags & (VM_SHARED | VM_MAYWRITE)) != VM_MAYWRITE)
        return false;
    return f->kind == FRAME_ANON ? !(f->flags & FRAME_EXCLUSIVE) : flags & MM_FOLL_LONGTERM;
}

/* The page becomes this process's own, read-only as it was. */
static long unshare(struct vma *v, u64 va)
{
    struct mm_trap_result out = { 0 };
    struct fault f = { .mm = v->mm, .vma = v, .addr = va, .out = &out };
    u64 *pmd = pgtable_find(v->mm, va, 1);

    if (pmd_huge(*pmd))
        huge_split(v->mm, pmd, va);
    if (unshare_fault(&f, pgtable_find(v->mm, va, 0)) != FAULT_DONE)
        return -MM_ENOMEM;
    v->mm->k->faults++;
    fault_count(v->mm->k, &out);
    fault_tell(v->mm->k, va, &out);
    return 0;
}

static long pin_one(struct mm *mm, u64 va, unsigned flags, pfn_t *out)
{
    struct vma *v = vma_at(mm, va);
    struct kernel *k = mm->k;
    u64 *e;
    long r;

    if (!v || !may_pin(v, flags))
        return -MM_EFAULT;
    r = fault_in_pages(v, va, va + PAGE_BYTES, flags & MM_FOLL_WRITE, WAIT_RETRIES);
    if (r)
        return r;
    e = entry_of(v, va);
    if (must_unshare(v, *e, flags)) {
        r = unshare(v, va);
        if (r)
            return r;
        e = entry_of(v, va);
    }
    *out = (pfn_t){ pte_pfn(*e).n + ((va & (bytes_of(v, *e) - 1)) >> PAGE_LG2) };
    if (!pte_counted(*e))
        return 0;                         /* the zero page: nobody counts it */
    return take_pin(mm, v->flags & VM_HUGETLB ? frame_at(k, pte_pfn(*e)) : folio_of(k, frame_at(k, *out))) ? 0 : -MM_ENOMEM;
}

long mm_pin(struct proc *p, u64 addr, u64 pages, unsigned flags, pfn_t *out)
{
    long r = 0;
    u64 n = 0;

    kernel_enter(p);
    if (flags & ~(unsigned)(MM_FOLL_WRITE | MM_FOLL_LONGTERM))
        return -MM_EINVAL;
    if (addr >= TASK_SIZE || pages > (TASK_SIZE - page_down(addr)) >> PAGE_LG2)
        return -MM_EFAULT;
    for (; n < pages && !r; n += !r)
        r = pin_one(p->mm, page_down(addr) + n * PAGE_BYTES, flags, &out[n]);
    EXPLAIN(p->k, "pin: %d of %d pages from %x", n, pages, page_down(addr));
    return n ? (long)n : r;
}

/* The frame that counts for a page: a hugetlb page's first. */
static struct frame *counter_of(const struct kernel *k, pfn_t page)
{
    for (unsigned i = 0; i < POOLS; i++) {
        u64 frames = k->pool[i].lg2 ? 1ull << (k->pool[i].lg2 - PAGE_LG2) : 1;
        struct frame *f = frame_at(k, (pfn_t){ page.n & ~(frames - 1) });
        if (frames > 1 && f->kind == FRAME_HUGETLB && 1ull << f->order == frames)
            return f;
    }
    return frame_at(k, page);
}

void mm_unpin(struct kernel *k, const pfn_t *page, u64 n, bool dirty)
{
    for (u64 i = 0; i < n; i++) {
        struct frame *f = counter_of(k, page[i]);
        if (f->kind == FRAME_RESERVED)
            continue;
        if (dirty)
            f->flags |= FRAME_DIRTY;
        drop_pin(k, f);
    }
}

/* ---- the direct map, scatter lists ----------------------------------------------------------------------------------- */

u64 kernel_phys_to_virt(const struct kernel *k, u64 pa)
{
    CHECK(pa < k->hw.ram_bytes);
    return DIRECT_MAP + pa;
}

u64 kernel_virt_to_phys(const struct kernel *k, u64 va)
{
    CHECK(va >= DIRECT_MAP && va - DIRECT_MAP < k->hw.ram_bytes);
    return va - DIRECT_MAP;
}

/* sg_alloc_table_from_pages(): neighbouring frames become one element. */
u64 mm_sg_from_pages(const pfn_t *page, u64 n, u64 offset_bytes, u64 len_bytes, struct mm_sg *sg, u64 room)
{
    u64 used = 0;

    for (u64 i = 0; i < n && len_bytes; i++) {
        u64 pa = pfn_to_pa(page[i]) + offset_bytes, left = PAGE_BYTES - offset_bytes;
        u64 bytes = left < len_bytes ? left : len_bytes;
        if (used && sg[used - 1].pa + sg[used - 1].len_bytes == pa)
            sg[used - 1].len_bytes += bytes;
        else if (used == room)
            return 0;
        else
            sg[used++] = (struct mm_sg){ pa, bytes };
        len_bytes -= bytes;
        offset_bytes = 0;
    }
    return len_bytes ? 0 : used;
}
