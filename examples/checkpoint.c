/* SPDX-License-Identifier: MIT
 * checkpoint.c - incremental checkpoints: a full copy of a program's memory first, then after each round of work only the
 * pages written since, and at the end a restore into a fresh process, compared byte for byte.
 * Three ways to know what was written, each over the same work:
 *   everything    all pages that are there
 *   soft-dirty    "4" into /proc/PID/clear_refs, then bit 55 of /proc/PID/pagemap.  A mapping made anew is dirty as a whole,
 *                 also where it has no pages, so that old contents at its place are not restored
 *   PAGEMAP_SCAN  asynchronous write protection by userfaultfd; one ioctl tells the written pages and protects them again,
 *                 so that no write between the two is lost.  A new mapping is one that is not registered yet
 * Each way costs a fault for the first write to a page after a checkpoint, and saves writing the others out. */
#include "guest.h"

#define HEAP 0x100000000ull
#define SCRATCH 0x200000000ull           /* unmapped and mapped again by the program                          */
#define HEAP_PAGES 2048u
#define SCRATCH_PAGES 64u
#define ROUNDS 8u
#define BIT_SOFT_DIRTY (1ull << 55)
#define BIT_PRESENT (1ull << 63)

static const struct { u64 start, pages; } area[] = { { HEAP, HEAP_PAGES }, { SCRATCH, SCRATCH_PAGES } };
enum { AREAS = 2 };

/* ---- the program ---------------------------------------------------------------------------------------------------- */

static void work(struct guest *g, unsigned round)
{
    u64 random = 88172645463325252ull + round;

    if (round % 3 == 1) {                /* a new mapping in the old place: zeros, where there was something */
        mm_munmap(g->p, SCRATCH, SCRATCH_PAGES * PAGE_BYTES);
        guest_map(g, SCRATCH, SCRATCH_PAGES * PAGE_BYTES);
    }
    for (unsigned i = 0; i < 3000; i++) { /* most writes go to a small part of the heap */
        u64 r = guest_random(&random), page = i % 10 ? r % 150 : r % HEAP_PAGES;
        u64 at = HEAP + page * PAGE_BYTES + (r >> 32) % 512 * 8;
        guest_store(g, at, guest_load(g, at) + r);
    }
    for (unsigned i = 0; i < 8; i++)
        guest_store(g, SCRATCH + guest_random(&random) % SCRATCH_PAGES * PAGE_BYTES, round + 1);
}

/* ---- the checkpoint: what a restore needs, page by page ------------------------------------------------------------ */

struct store {
    u8 *bytes[AREAS];                    /* the areas as the checkpoints know them                            */
    u64 written;                         /* pages written into it                                             */
};

static void save_page(struct guest *g, struct store *s, unsigned a, u64 page)
{
    const u64 va = area[a].start + page * PAGE_BYTES;
    u8 *to = s->bytes[a] + page * PAGE_BYTES;

    if (mm_pagemap(g->p, va) & BIT_PRESENT)
        memcpy(to, guest_touch(g, va, MMU_LOAD), PAGE_BYTES);
    else
        memset(to, 0, PAGE_BYTES);
    s->written++;
}

/* ---- three ways ------------------------------------------------------------------------------------------------------ */

struct way { const char *name; void (*begin)(struct guest *g); void (*save)(struct guest *g, struct store *s); };
static struct mm_uffd *uffd;

static void begin_nothing(struct guest *g) { (void)g; }

static void save_everything(struct guest *g, struct store *s)
{
    for (unsigned a = 0; a < AREAS; a++)
        for (u64 page = 0; page < area[a].pages; page++)
            save_page(g, s, a, page);
}

static void clear_soft_dirty(struct guest *g) { mm_clear_refs(g->p, 4); }

static void save_soft_dirty(struct guest *g, struct store *s)
{
    for (unsigned a = 0; a < AREAS; a++)
        for (u64 page = 0; page < area[a].pages; page++)
            if (mm_pagemap(g->p, area[a].start + page * PAGE_BYTES) & BIT_SOFT_DIRTY)
                save_page(g, s, a, page);
    clear_soft_dirty(g);
}

/* Register what is not registered yet, and protect it. */
static void protect_area(struct guest *g, unsigned a)
{
    u64 ioctls, len = area[a].pages * PAGE_BYTES;

    if (mm_uffd_register(uffd, area[a].start, len, MM_UFFD_REGISTER_WP, &ioctls) ||
        mm_uffd_writeprotect(g->p, uffd, area[a].start, len, MM_UFFD_WP_WP))
        guest_die("cannot be write-protected", area[a].start);
}

static void begin_scan(struct guest *g)
{
    u64 features = MM_UFFD_FEATURE_WP_ASYNC, ioctls;

    if (mm_userfaultfd(g->p, 0, &uffd) || mm_uffd_api(uffd, MM_UFFD_API, &features, &ioctls))
        guest_die("no userfaultfd", 0);
    for (unsigned a = 0; a < AREAS; a++)
        protect_area(g, a);
}

static void save_scanned(struct guest *g, struct store *s)
{
    static struct mm_page_region region[HEAP_PAGES];

    for (unsigned a = 0; a < AREAS; a++) {
        struct mm_scan scan = { .flags = MM_SCAN_WP_MATCHING | MM_SCAN_CHECK_WPASYNC, .start = area[a].start,
                                .end = area[a].start + area[a].pages * PAGE_BYTES, .category_mask = MM_PAGE_IS_WRITTEN,
                                .return_mask = MM_PAGE_IS_WRITTEN, .vec = region, .vec_len = HEAP_PAGES };
        long n = mm_pagemap_scan(g->p, &scan);
        if (n == -MM_EPERM) {            /* a new mapping: all of it */
            for (u64 page = 0; page < area[a].pages; page++)
                save_page(g, s, a, page);
            protect_area(g, a);
        }
        for (long i = 0; i < n; i++)
            for (u64 at = region[i].start; at < region[i].end; at += PAGE_BYTES)
                save_page(g, s, a, (at - area[a].start) / PAGE_BYTES);
    }
}

/* ---- restoring --------------------------------------------------------------------------------------------------------- */

static bool is_zero(const u8 *page)
{
    for (u64 i = 0; i < PAGE_BYTES; i++)
        if (page[i])
            return false;
    return true;
}

/* A fresh process with the checkpoint's contents, compared with what the program has; the differing pages. */
static u64 restore(struct guest *g, const struct store *s)
{
    struct guest fresh = *g;
    u64 different = 0;

    fresh.p = proc_new(g->k, "restored");
    proc_run_on(g->k, 0, fresh.p);
    for (unsigned a = 0; a < AREAS; a++) {
        guest_map(&fresh, area[a].start, area[a].pages * PAGE_BYTES);
        for (u64 page = 0; page < area[a].pages; page++)
            if (!is_zero(s->bytes[a] + page * PAGE_BYTES))
                memcpy(guest_touch(&fresh, area[a].start + page * PAGE_BYTES, MMU_STORE),
                       s->bytes[a] + page * PAGE_BYTES, PAGE_BYTES);
    }
    for (unsigned a = 0; a < AREAS; a++)
        for (u64 page = 0; page < area[a].pages; page++) {
            const u64 va = area[a].start + page * PAGE_BYTES;
            u8 *want, *have;
            proc_run_on(g->k, 0, g->p);
            want = guest_touch(g, va, MMU_LOAD);
            proc_run_on(g->k, 0, fresh.p);
            have = guest_touch(&fresh, va, MMU_LOAD);
            different += memcmp(want, have, PAGE_BYTES) != 0;
        }
    proc_free(fresh.p);
    proc_run_on(g->k, 0, g->p);
    return different;
}

static bool run(const struct way *way)
{
    struct kernel_config kernel;
    struct guest g = { 0 };
    struct store s = { .written = 0 };
    u64 faults = 0, different;

    kernel_config_init(&kernel);
    kernel.soft_dirty = true;
    guest_start(&g, 256ull << 20, &kernel);
    for (unsigned a = 0; a < AREAS; a++) {
        s.bytes[a] = calloc(area[a].pages, PAGE_BYTES);
        guest_map(&g, area[a].start, area[a].pages * PAGE_BYTES);
        for (u64 page = 0; page < area[a].pages; page++)
            guest_store(&g, area[a].start + page * PAGE_BYTES, page + 1);
    }
    save_everything(&g, &s);             /* the full checkpoint, the same for all */
    s.written = 0;
    way->begin(&g);
    for (unsigned round = 0; round < ROUNDS; round++) {
        u64 before = proc_counters(g.p)->minor;
        work(&g, round);
        faults += proc_counters(g.p)->minor - before;
        way->save(&g, &s);
    }
    different = restore(&g, &s);
    printf("%-13s %8llu pages written %8llu faults   %s\n", way->name, (unsigned long long)s.written,
           (unsigned long long)faults, different ? "DIFFERENT" : "restored equal");
    if (mm_check(g.k))
        guest_die(mm_check(g.k), 0);
    for (unsigned a = 0; a < AREAS; a++)
        free(s.bytes[a]);
    return !different;
}

int main(void)
{
    static const struct way ways[] = { { "everything", begin_nothing, save_everything },
                                       { "soft-dirty", clear_soft_dirty, save_soft_dirty },
                                       { "PAGEMAP_SCAN", begin_scan, save_scanned } };
    bool ok = true;

    printf("%u checkpoints of %u pages\n", ROUNDS, HEAP_PAGES + SCRATCH_PAGES);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        ok = run(&ways[i]) && ok;
    return !ok;
}
