/* SPDX-License-Identifier: MIT
 * dma_table.c - second-level page tables in VT-d's format, in the kernel's memory.  Called by dma.c.  Level 0 is the last.
 * Tables are kept until the IOMMU is given back; a page of 2 MiB is used where frames and addresses allow it and no table
 * stands there yet. */
#include "dma.h"

pfn_t dma_frame(struct kernel *k)
{
    const pfn_t f = frames_alloc(k, 0, FRAME_RESERVED);

    if (!pfn_is_none(f))
        memset(k->hw.ram + pfn_to_pa(f), 0, PAGE_BYTES);
    return f;
}

/* The entry of a level for an I/O page number; tables above are made.  NULL: no memory. */
static u64 *entry_at(struct dma *d, const struct dma_domain *o, u64 first, unsigned level)
{
    u64 table = pfn_to_pa(o->table);

    for (unsigned l = o->levels - 1u;; l--) {
        u64 *e = table_entry(d->k, table, l, first << PAGE_LG2);
        if (l == level)
            return e;
        if (!*e) {
            const pfn_t f = dma_frame(d->k);
            if (pfn_is_none(f))
                return NULL;
            *e = pfn_to_pa(f) | VTD_SL_R | VTD_SL_W;
        }
        table = *e & X86_PTE_ADDR;
    }
}

/* Do these frames fill an aligned 2 MiB, under an address that does, too? */
static bool fills_2m(const struct dma *d, u64 first, const pfn_t *page, u64 pages)
{
    if (!d->large_2m || pages < PTRS_PER_TABLE || (first | page[0].n) % PTRS_PER_TABLE)
        return false;
    for (u64 i = 1; i < PTRS_PER_TABLE; i++)
        if (page[i].n != page[0].n + i)
            return false;
    return true;
}

bool dma_table_map(struct dma *d, struct dma_domain *o, u64 first, const pfn_t *page, u64 pages, u64 rights)
{
    u64 n = 0;

    while (n < pages) {
        u64 *e = entry_at(d, o, first + n, 1);
        const bool large = e && !*e && fills_2m(d, first + n, page + n, pages - n);

        if (e && !large)
            e = entry_at(d, o, first + n, 0);
        if (!e) {
            dma_table_unmap(d, o, first, n);
            return false;
        }
        *e = pfn_to_pa(page[n]) | rights | (large ? VTD_SL_PS : 0);
        n += large ? PTRS_PER_TABLE : 1;
    }
    return true;
}

void dma_table_unmap(struct dma *d, struct dma_domain *o, u64 first, u64 pages)
{
    for (u64 n = 0; n < pages; ) {
        u64 *e = entry_at(d, o, first + n, 1);
        const bool large = *e & VTD_SL_PS;

        if (!large)
            e = entry_at(d, o, first + n, 0);
        *e = 0;
        n += large ? PTRS_PER_TABLE : 1;
    }
}

void dma_table_free(struct dma *d, pfn_t table, unsigned level)
{
    const u64 *e = dma_words(d, table);

    for (unsigned i = 0; level && i < PTRS_PER_TABLE; i++)
        if (e[i] && !(e[i] & VTD_SL_PS))
            dma_table_free(d, pa_to_pfn(e[i] & X86_PTE_ADDR), level - 1);
    frames_free(d->k, table, 0);
}
