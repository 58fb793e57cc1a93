/* SPDX-License-Identifier: MIT
 * move_entries.c - moving page-table entries to another address, with their reverse maps.  Called by mremap.c.
 * The target gets tables wherever the source has them, whether or not entries move: their presence decides later
 * whether a fault may map 2 MiB at once. */
#include "calls.h"

/* A whole aligned 2 MiB moves with its page table; false: entry by entry. */
static bool move_table(struct gather *g, u64 *pmd, u64 from, u64 to, u64 len)
{
    struct mm *mm = g->mm;
    u64 table = *pmd, *at = len == PMD_BYTES && !((from | to) & (PMD_BYTES - 1)) ? pgtable_find(mm, to, 1) : NULL;
    const u64 *e = (const u64 *)(const void *)(mm->k->hw.ram + (table & X86_PTE_ADDR));

    if (!at || *at)
        return false;
    for (u64 i = 0; i < PTRS_PER_TABLE; i++)
        if (pte_counted(e[i]))
            rmap_move(mm, frame_at(mm->k, pte_pfn(e[i])), from + i * PAGE_BYTES, to + i * PAGE_BYTES);
    pte_store(mm->k, pmd, 0);
    gather_pte(g, from);
    gather_pte(g, from + PMD_BYTES - PAGE_BYTES);
    pte_store(mm->k, at, table);
    return true;
}

/* A moved page counts as written; write protection by userfaultfd is lost when the registration does not move. */
static u64 moved(const struct kernel *k, u64 e, bool drop_wp)
{
    if (pte_swap(e))
        return (drop_wp ? e & ~SWP_UFFD_WP : e) | (k->cfg.soft_dirty ? SWP_SOFT_DIRTY : 0);
    if (!pte_present(e))
        return drop_wp && e == (PTE_MARKER | PTE_MARK_WP) ? 0 : e;
    return (drop_wp ? e & ~PTE_UFFD_WP : e) | (k->dirty_bits & PTE_SOFT_DIRTY);
}

/* Entries of [from, from + len) go to `to`, with their reverse maps.  Returns the bytes moved: less than len when
 * there was no memory for tables. */
u64 move_entries(struct mm *mm, u64 from, u64 to, u64 len, bool drop_wp)
{
    struct kernel *k = mm->k;
    struct gather g = gather_begin(mm);
    struct vma *v = vma_at(mm, from);
    u64 done = 0;

    if (len && (v->flags & VM_HUGETLB)) {
        done = hugetlb_move(&g, v, from, to, len);
        gather_flush(&g);
        return done;
    }

    while (done < len) {
        struct span s = pgtable_span(mm, from + done, from + len);
        u64 next = s.end - from;
        if (s.pmd && pmd_huge(*s.pmd)) {
            if (huge_move(&g, s.pmd, from + done, to + done, s.end - (from + done))) {
                u64 *at = pgtable_find(mm, to + done, 1);
                pte_store(k, at, moved(k, *at, drop_wp));
                done = next;
                continue;
            }
            huge_split(mm, s.pmd, from + done);
            s = pgtable_span(mm, from + done, from + len);
        }
        if (s.pmd && !pgtable_make(mm, to + done, 1))
            break;
        if (!s.pte || (!drop_wp && move_table(&g, s.pmd, from + done, to + done, s.end - (from + done)))) {
            done = next;
            continue;
        }
        u64 *at = NULL;                   /* the target gets its tables whether or not entries move */
        for (u64 *e = s.pte; done < next; done += PAGE_BYTES, e++, at++) {
            u64 old = *e;
            if (!at || !((to + done) & (PMD_BYTES - 1)))
                at = pgtable_make(mm, to + done, 0);
            if (!at)
                break;
            if (!old)
                continue;
            pte_store(k, e, 0);
            if (old & X86_PTE_P)
                gather_pte(&g, from + done);
            if (pte_counted(old))
                rmap_move(mm, frame_at(k, pte_pfn(old)), from + done, to + done);
            pte_store(k, at, moved(k, old, drop_wp));
        }
        if (done < next)
            break;
    }
    gather_flush(&g);
    return done;
}
