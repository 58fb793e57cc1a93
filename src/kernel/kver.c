/* SPDX-License-Identifier: MIT
 * kver.c - what differs between kernel versions, as one table: each row is a rule, with the versions that have it.
 * Called by kernel_create().  6.18 is the reference; a version that is not named behaves like those around it. */
#include "calls.h"

#define OLDEST 601
#define EVER 0xffff
#define RULE(field, from, to) { offsetof(struct quirks, field), from, to }

static const struct { u16 offset, since, last; } rules[] = {
    RULE(unmap_drains, OLDEST, 617),
    RULE(mdwe, 603, EVER),
    RULE(barrier_asks, 603, EVER),
    RULE(uffd_wp_many, 603, EVER),
    RULE(vma_lock, 604, EVER),
    RULE(uffd_continue_wp, 604, EVER),
    RULE(mdwe_no_inherit, 606, EVER),
    RULE(uffd_poison, 606, EVER),
    RULE(uffd_async, 607, EVER),
    RULE(interleave_wide, 607, EVER),
    RULE(stack_nohuge, 607, EVER),
    RULE(thp_align, 607, EVER),
    RULE(uncharge_unfaulted, 607, EVER),
    RULE(uffd_move, 608, EVER),
    RULE(gather_pairs, 609, EVER),
    RULE(populate_whole, 609, EVER),
    RULE(uffd_prepares_first, 609, EVER),
    RULE(mseal, 610, EVER),
    RULE(exec_key_early, 610, EVER),
    RULE(mmap_gathers_first, 612, EVER),
    RULE(advise_self, 612, EVER),
    RULE(uffd_checks_source, 613, EVER),
    RULE(guard_regions, 613, EVER),
    RULE(advise_self_any, 613, EVER),
    RULE(huge_zero_cow_huge, 613, EVER),
    RULE(pt_reclaim, 614, EVER),
    RULE(stale_cpumask, 614, EVER),
    RULE(guard_files, 615, EVER),
    RULE(scan_guards, 615, EVER),
    RULE(dontunmap_counts, 615, EVER),
    RULE(merge_unfaulted, 616, EVER),
    RULE(exec_readahead, 616, EVER),
    RULE(mremap_checks_first, 617, EVER),
    RULE(uffd_own_only, 617, EVER),
    RULE(whole_folios, 618, EVER),
    RULE(thp_except_advised, 618, EVER),
    RULE(tail_needs_table, 618, EVER),
    RULE(guard_flag, 619, EVER),
    RULE(sticky_flags, 619, EVER),
};

/* false: older than anything known. */
bool kver_load(struct quirks *q, u32 version)
{
    *q = (struct quirks){ .version = version, .batch_pages = version < 609 ? 15 : 31 };
    for (size_t i = 0; i < COUNT_OF(rules); i++)
        *(bool *)((u8 *)q + rules[i].offset) = version >= rules[i].since && version <= rules[i].last;
    return version >= OLDEST;
}
