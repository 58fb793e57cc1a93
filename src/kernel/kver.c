/* SPDX-License-Identifier: MIT
 * kver.c - what differs between kernel versions, as one table: a rule's column is true from the version that brought
 * it.  Called by kernel_create().  6.18 is the reference. */
#include "calls.h"

static const struct quirks versions[] = {
    /* a version not in the table behaves like the newest one before it */
    { .version = 601, .batch_pages = 15, .unmap_drains = true },
    { .version = 607, .batch_pages = 15, .unmap_drains = true, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true },
    { .version = 612, .batch_pages = 31, .unmap_drains = true, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true,
      .mseal = true, .exact_rss = true },
    { .version = 616, .batch_pages = 31, .unmap_drains = true, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true,
      .mseal = true, .guard_regions = true, .guard_files = true, .huge_zero_cow_huge = true, .pt_reclaim = true,
      .merge_unfaulted = true },
    { .version = 617, .batch_pages = 31, .unmap_drains = true, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true,
      .mseal = true, .guard_regions = true, .guard_files = true, .huge_zero_cow_huge = true, .pt_reclaim = true,
      .merge_unfaulted = true, .mremap_checks_first = true },
    { .version = 618, .batch_pages = 31, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true,
      .mseal = true, .guard_regions = true, .guard_files = true, .huge_zero_cow_huge = true, .pt_reclaim = true,
      .merge_unfaulted = true, .mremap_checks_first = true, .whole_folios = true,
      .tail_needs_table = true },
    { .version = 619, .batch_pages = 31, .stack_nohuge = true, .thp_align = true, .uncharge_unfaulted = true,
      .mseal = true, .guard_regions = true, .guard_files = true, .huge_zero_cow_huge = true, .pt_reclaim = true,
      .merge_unfaulted = true, .mremap_checks_first = true, .whole_folios = true,
      .tail_needs_table = true, .guard_flag = true,
      .exact_rss = true },
};

/* NULL: older than anything known. */
const struct quirks *kver_find(u32 version)
{
    const struct quirks *best = NULL;

    for (size_t i = 0; i < COUNT_OF(versions); i++)
        if (versions[i].version <= version)
            best = &versions[i];
    return best;
}
