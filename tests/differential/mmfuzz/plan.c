/* SPDX-License-Identifier: MIT
 * plan.c - what a seed decides before the first operation, and the random numbers that decide the rest.  A seed gives
 * the same operations on every host whose kernel gives the same answers. */
#include "mmfuzz.h"

u64 random_next(struct random *r)
{
    r->state ^= r->state << 13;
    r->state ^= r->state >> 7;
    r->state ^= r->state << 17;
    return r->state * 0x2545f4914f6cdd1dull >> 11;
}

u32 below(struct random *r, u32 n) { return (u32)(random_next(r) % n); }

static void plan_files(struct plan *p, const struct profile *host, struct random *r)
{
    static const struct file_plan kinds[FILES] = {
        { "tmp", MM_FS_TMPFS, false, true, 0 },  { "tmp_ro", MM_FS_TMPFS, false, false, 0 },
        { "mem", MM_FS_TMPFS, true, true, 0 },   { "disk", MM_FS_EXT4, false, true, 0 },
        { "disk_ro", MM_FS_EXT4, false, false, 0 },
    };

    for (u32 i = 0; i < FILES; i++) {
        p->file[i] = kinds[i];
        p->file[i].bytes = (4 + below(r, 24)) * PAGE_BYTES + (one_in(r, 2) ? 100 : 0);
    }
    p->files = below(r, 4) != 0 && host->disk;
}

static void plan_limits(struct plan *p, const struct profile *host, struct random *r)
{
    p->setup = (struct setup){ 8ull << 20, ~(u64)0, ~(u64)0, host->memlock_bytes };
    if (!one_in(r, 5))
        return;
    if (one_in(r, 2))
        p->setup.rlimit_stack = (8 + below(r, 40)) * PAGE_BYTES;
    if (one_in(r, 2))
        p->setup.rlimit_data = (10 + below(r, 200)) * PAGE_BYTES;
    if (one_in(r, 2))
        p->setup.rlimit_as = (40 + below(r, 400)) * PAGE_BYTES;
    if (one_in(r, 2))
        p->setup.rlimit_memlock = below(r, 60) * PAGE_BYTES;
}

void plan_of_seed(struct plan *p, const struct profile *host, u64 seed, u32 ops, u32 look)
{
    static const u32 sizes[] = { 16, 40, 40, 64 };
    struct random r = { seed * 0x9e3779b97f4a7c15ull + 1 };

    for (int i = 0; i < 5; i++)
        random_next(&r);
    *p = (struct plan){ .seed = seed, .ops = ops, .look = look, .arena_pages = sizes[below(&r, 4)],
                        .tasks = one_in(&r, 2) ? 1 : 2 + below(&r, TASKS - 1) };
    p->huge = one_in(&r, 4);
    p->collapse = p->huge && one_in(&r, 2);
    p->locks = one_in(&r, 3);
    p->limits = one_in(&r, 4);
    p->hardened = one_in(&r, 8);
    p->ends_in_sets = one_in(&r, 4);
    p->holes = one_in(&r, 3) && !p->huge;
    plan_files(p, host, &r);
    plan_limits(p, host, &r);
}
