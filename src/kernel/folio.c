/* SPDX-License-Identifier: MIT
 * folio.c - folios: 2^order neighbouring frames that are one object, of anonymous memory or of a page cache.  Called by
 * everything that makes, shares or cuts them.
 * The head, the first and aligned frame, holds the references of all pages; each page has its own reverse map, and
 * one place in its page cache.  A folio of 2 MiB may be mapped by single entries, by 2 MiB entries, or by both; the
 * number of its 2 MiB entries is in `refs` of its second frame. */
#include "calls.h"

/* A fresh block becomes a folio, its references the caller's. */
struct frame *folio_make(struct kernel *k, pfn_t block, unsigned order)
{
    struct frame *head = frame_at(k, block);

    for (u32 i = 0; i < 1u << order; i++) {
        head[i].flags |= FRAME_HUGE;
        head[i].order = (u8)order;
        head[i].refs = 0;
    }
    head->refs = 1u << order;
    return head;
}

/* Mapped as a whole by fresh entries of this process alone. */
void folio_map_anon(struct mm *mm, struct frame *head, u64 va)
{
    for (u32 i = 0; i < folio_pages(head); i++) {
        head[i].flags |= FRAME_EXCLUSIVE;
        rmap_add(mm, &head[i], va + i * PAGE_BYTES); /* the first mapping needs no memory */
    }
    mm->rss[RSS_ANON] += folio_pages(head);
}

/* One more 2 MiB entry maps the folio, or one less. */
void folio_count_pmd(struct kernel *k, struct frame *head, int n)
{
    bool before = head[1].refs != 0;

    head[1].refs += (u32)n;
    k->pmd_mapped[head->kind] += (u64)(head[1].refs != 0) - (u64)before;
}

/* All mappings of all its pages. */
u32 folio_mapcount(const struct frame *head)
{
    u32 n = 0;

    for (u32 i = 0; i < folio_pages(head); i++)
        n += head[i].mapped;
    return n;
}

/* Pages of it in a page cache. */
u32 folio_cached(const struct frame *head)
{
    u32 n = 0;

    for (u32 i = 0; i < folio_pages(head); i++)
        n += head[i].inode != 0;
    return n;
}

/* Does another address space map a page of the folio? */
bool folio_shared(const struct kernel *k, struct frame *f)
{
    const struct frame *head = folio_of(k, f);
    const struct mm *mm = NULL;

    if (!(f->flags & FRAME_HUGE))
        return f->mapped > 1;
    for (u32 i = 0; i < folio_pages(head); i++) {
        if (!head[i].mapped)
            continue;
        mm = mm ? mm : rmap_first_mm(k, &head[i]);
        if (rmap_count(mm, &head[i]) != head[i].mapped)
            return true;
    }
    return false;
}

/* ---- cutting ----------------------------------------------------------------------------------------------------- */

static void split_entry(struct mm *mm, struct frame *f, u64 va, void *arg)
{
    u64 *pmd = pgtable_find(mm, va, 1);

    (void)f;
    (void)arg;
    if (pmd && pmd_huge(*pmd))
        huge_split(mm, pmd, va);
}

/* The frames [first, first + 2^order) of a folio that is being cut become one of their own, or are freed when nothing
 * refers to them any more. */
static void piece(struct kernel *k, struct frame *first, unsigned order, u8 dirty)
{
    u32 refs = 0;

    for (u32 i = 0; i < 1u << order; i++) {
        first[i].flags = (u8)(order ? first[i].flags : first[i].flags & ~FRAME_HUGE);
        first[i].order = (u8)order;
        refs += first[i].mapped + (first[i].inode != 0);
        first[i].refs = 0;
    }
    first->refs = refs;
    first->flags |= dirty;
    if (!refs)
        frames_free(k, frame_pfn(k, first), order);
}

/* Every page by itself.  Anonymous pages stay mapped, those of a page cache do not.  pre: in no batch (folios never
 * wait in one).  Linux would map the shared zero page where a page holds only zeros; contents are not known here.
 * false: somebody else holds a reference; nothing has changed. */
bool folio_split(struct kernel *k, struct frame *f)
{
    struct frame *head = folio_of(k, f);
    u32 n = (u32)folio_pages(head);
    u8 dirty;

    if (head->refs != folio_mapcount(head) + folio_cached(head))
        return false;
    if (head->inode)
        unmap_file_range(heap_at(k, head->inode), head->index, head->index + n, ZAP_CACHE_ONLY);
    else if (head->order == HUGE_ORDER)
        rmap_each(k, head, split_entry, NULL);
    dirty = head->flags & FRAME_DIRTY;
    k->thp.size[head->order].split++;
    EXPLAIN(k, "folio of %d pages at frame %x split", n, frame_pfn(k, head).n);
    for (u32 i = 0; i < n; i++)
        piece(k, &head[i], 0, dirty);
    return true;
}

/* Cut a folio of a page cache so that `f` is a page by itself, in as few pieces as there can be.  pre: not mapped. */
void folio_split_at(struct kernel *k, struct frame *f)
{
    struct frame *head = folio_of(k, f);
    u32 at = (u32)(f - head);
    u8 dirty = head->flags & FRAME_DIRTY;

    k->thp.size[head->order].split++;
    EXPLAIN(k, "folio of %d pages at frame %x cut at page %d", folio_pages(head), frame_pfn(k, head).n, at);
    for (unsigned order = head->order; order; order--) {
        u32 half = 1u << (order - 1), other = (at & ~(half - 1)) ^ half;
        piece(k, head + other, order - 1, dirty);
    }
    piece(k, f, 0, dirty);
}
