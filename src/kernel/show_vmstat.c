/* SPDX-License-Identifier: MIT
 * show_vmstat.c - the lines of /proc/vmstat that this kernel has numbers for, in Linux's order.  Called by the embedder.
 * Huge pages are counted by 2 MiB, all else by 4 KiB or by events. */
#include "calls.h"

static void put(const struct pw_out *out, const char *name, u64 value)
{
    struct text t = { .len = 0 };

    text_str(&t, name);
    text_char(&t, ' ');
    text_dec(&t, value);
    text_char(&t, '\n');
    text_emit(&t, out);
}

void kernel_show_vmstat(const struct kernel *k, const struct pw_out *out)
{
    const struct thp_size *huge = &k->thp.size[HUGE_ORDER];
    const struct { const char *name; u64 value; } rows[] = {
        { "nr_free_pages", k->free_frames },
        { "nr_anon_pages", k->mapped_frames[FRAME_ANON] },
        { "nr_mapped", k->mapped_frames[FRAME_FILE] + k->mapped_frames[FRAME_SHMEM] },
        { "nr_file_pages", k->kind_frames[FRAME_FILE] + k->kind_frames[FRAME_SHMEM] + k->swap.cached - 1 }, /* not the vdso's frame */
        { "nr_shmem", k->kind_frames[FRAME_SHMEM] },
        { "nr_shmem_hugepages", frames_huge_cached(k, FRAME_SHMEM) / PTRS_PER_TABLE },
        { "nr_shmem_pmdmapped", k->pmd_mapped[FRAME_SHMEM] },
        { "nr_file_hugepages", frames_huge_cached(k, FRAME_FILE) / PTRS_PER_TABLE },
        { "nr_file_pmdmapped", k->pmd_mapped[FRAME_FILE] },
        { "nr_anon_transparent_hugepages", k->pmd_mapped[FRAME_ANON] },
        { "nr_foll_pin_acquired", k->pins_ever },
        { "nr_foll_pin_released", k->pins_ever - k->pins },
        { "nr_page_table_pages", k->kind_frames[FRAME_TABLE] },
        { "nr_swapcached", k->swap.cached },
        { "nr_hugetlb", k->kind_frames[FRAME_HUGETLB] },
        { "pswpin", k->swap.in },
        { "pswpout", k->swap.out },
        { "pgfault", k->faults },
        { "pgmajfault", k->major_faults },
        { "thp_fault_alloc", huge->anon_alloc },
        { "thp_fault_fallback", huge->anon_fallback },
        { "thp_file_alloc", huge->shmem_alloc },
        { "thp_file_fallback", huge->shmem_fallback },
        { "thp_split_page", huge->split },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        put(out, rows[i].name, rows[i].value);
}
