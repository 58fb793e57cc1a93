/* SPDX-License-Identifier: MIT
 * contents.c - the bytes of pages, for embedders that store data in the machine's memory (kernel_config.contents).
 * Called where Linux zeroes or copies a page.  Without it frames are bookkeeping only and nothing here touches RAM. */
#include "calls.h"

static u8 *bytes_of(const struct kernel *k, const struct frame *f) { return k->hw.ram + pfn_to_pa(frame_pfn(k, f)); }

void contents_zero(struct kernel *k, pfn_t pfn, unsigned order)
{
    if (k->cfg.contents)
        memset(k->hw.ram + pfn_to_pa(pfn), 0, PAGE_BYTES << order);
}

void contents_copy(struct kernel *k, struct frame *to, const struct frame *from)
{
    if (k->cfg.contents)
        memcpy(bytes_of(k, to), bytes_of(k, from), PAGE_BYTES);
}

/* The 2 MiB at va into a block; what is not there reads as zeros. */
void contents_gather(const struct mm *mm, u64 va, pfn_t block)
{
    struct kernel *k = mm->k;

    for (u64 n = 0; k->cfg.contents && n < PTRS_PER_TABLE; n++) {
        const u64 *e = pgtable_find(mm, va + n * PAGE_BYTES, 0);
        if (e && pte_counted(*e))
            contents_copy(k, &k->frames[block.n + n], frame_at(k, pte_pfn(*e)));
    }
}

/* The page's bytes at va of an address space; NULL: not there. */
static const u8 *bytes_at(const struct mm *mm, u64 va)
{
    const u64 *e = pgtable_find(mm, va, 1);

    if (e && pmd_huge(*e))
        return mm->k->hw.ram + (*e & X86_PTE_ADDR & ~(PMD_BYTES - 1)) + (va & (PMD_BYTES - 1));
    e = e && pmd_table(*e) ? pgtable_find(mm, va, 0) : NULL;
    return e && pte_present(*e) ? mm->k->hw.ram + (*e & X86_PTE_ADDR) + (va & PAGE_MASK_LOW) : NULL;
}

/* One page from user memory at va, which need not be aligned.  pre: it was just read without a fault. */
void contents_from(const struct mm *mm, u64 va, struct frame *to)
{
    u64 first = PAGE_BYTES - (va & PAGE_MASK_LOW);
    u8 *out = bytes_of(mm->k, to);
    const u8 *a, *b;

    if (!mm->k->cfg.contents)
        return;
    a = bytes_at(mm, va);
    b = first < PAGE_BYTES ? bytes_at(mm, va + first) : out;
    if (!a || !b)
        return;
    memcpy(out, a, first);
    if (first < PAGE_BYTES)
        memcpy(out + first, b, PAGE_BYTES - first);
}
