/* SPDX-License-Identifier: MIT
 * show_pagemap.c - the words of /proc/PID/pagemap, frame numbers left out.  Called by the embedder.
 * Linux Documentation/admin-guide/mm/pagemap.rst. */
#include "calls.h"

#define PM_SOFT_DIRTY (1ull << 55)
#define PM_EXCLUSIVE (1ull << 56)
#define PM_UFFD_WP (1ull << 57)
#define PM_GUARD (1ull << 58)
#define PM_FILE (1ull << 61)
#define PM_SWAP (1ull << 62)
#define PM_PRESENT (1ull << 63)

/* Where a page's word comes from: its mapping or NULL, its entry of 2 MiB or the table below that or neither. */
struct place { const struct vma *v; const u64 *huge, *table; };

/* What the mapping says of pages that are not there, too. */
static u64 word_of_vma(const struct kernel *k, const struct vma *v)
{
    return k->cfg.soft_dirty && v && (v->flags & VM_SOFTDIRTY) ? PM_SOFT_DIRTY : 0;
}

static u64 word_of_hugetlb(const struct kernel *k, const struct vma *v, u64 addr, u64 word)
{
    const u64 *e = hugetlb_entry(v, addr);
    const struct frame *f = e && *e ? frame_at(k, pte_pfn(*e)) : NULL;

    return !f ? word : word | PM_PRESENT | (f->mapped == 1 ? PM_EXCLUSIVE : 0) | (frame_of_file(f) ? PM_FILE : 0);
}

static u64 word_of(const struct kernel *k, const struct place *at, u64 addr)
{
    const u64 index = addr >> PAGE_LG2 & (PTRS_PER_TABLE - 1), *e = at->huge ? at->huge : at->table ? at->table + index : NULL;
    u64 word = word_of_vma(k, at->v);
    const struct frame *f;

    if (at->v && (at->v->flags & VM_HUGETLB))
        return word_of_hugetlb(k, at->v, addr, word);
    if (!e || !*e)
        return word;
    word |= pte_wp(*e) ? PM_UFFD_WP : 0;
    if (!pte_present(*e))
        return word | PM_SWAP | (pte_swap(*e) && (*e & SWP_SOFT_DIRTY) ? PM_SOFT_DIRTY : 0) | (pte_marker(*e) && k->q.guard_files && (*e & PTE_MARK_GUARD) ? PM_GUARD : 0);
    word |= PM_PRESENT | (*e & PTE_SOFT_DIRTY ? PM_SOFT_DIRTY : 0);
    if (*e & PTE_SPECIAL)
        return word | (at->huge ? PM_FILE : 0); /* the huge zero page is a page that is not anonymous */
    f = frame_at(k, pte_pfn(*e)) + (at->huge ? index : 0);
    return word | (f->mapped == 1 ? PM_EXCLUSIVE : 0) | (f->kind != FRAME_ANON ? PM_FILE : 0);
}

static void find_tables(const struct mm *mm, u64 addr, struct place *at)
{
    const u64 *e = pgtable_find(mm, addr, 1);

    at->huge = e && pmd_huge(*e) ? e : NULL;
    at->table = e && !at->huge && pmd_table(*e) ? pgtable_find(mm, page_down(addr) & ~(PMD_BYTES - 1), 0) : NULL;
}

void mm_pagemap_read(const struct proc *p, u64 addr, u64 *words, u64 pages)
{
    struct place at = { .v = NULL };
    u64 same_table = 0, same_vma = 0;      /* up to here the place stands                                      */

    for (u64 i = 0; i < pages; i++, addr += PAGE_BYTES) {
        if (!p->mm || addr >= TASK_SIZE) {
            words[i] = 0;
            continue;
        }
        if (addr >= same_table) {
            find_tables(p->mm, addr, &at);
            same_table = (addr | (PMD_BYTES - 1)) + 1;
        }
        if (addr >= same_vma) {
            at.v = vma_find(p->mm, addr);
            same_vma = !at.v ? TASK_SIZE : at.v->start <= addr ? at.v->end : at.v->start;
            if (at.v && at.v->start > addr)
                at.v = NULL;
        }
        words[i] = word_of(p->k, &at, addr);
    }
}

u64 mm_pagemap(const struct proc *p, u64 addr)
{
    u64 word;

    mm_pagemap_read(p, addr, &word, 1);
    return word;
}
