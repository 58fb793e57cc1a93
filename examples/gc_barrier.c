/* SPDX-License-Identifier: MIT
 * gc_barrier.c - a garbage collector's write barrier by write protection.  Objects of the old generation may come to point
 * at young ones; a collection of the young must find those pointers, and scans only the old pages written since the last
 * one.  Three ways to know them, each checked against a scan of the whole old generation:
 *   mprotect      the old generation is read-only; a write gives SIGSEGV, whose handler notes the page and unprotects it.
 *                 Each unprotected page splits a mapping
 *   userfaultfd   write-protected page by page below the mapping's rights: no mapping is split; a handler is told of each
 *                 first write and lifts the protection
 *   asynchronous  the same, but the kernel lifts the protection itself; one PAGEMAP_SCAN tells the pages and protects again */
#include "guest.h"

#define OLD 0x100000000ull
#define OLD_PAGES 1024u
#define OBJECTS_A_PAGE 64u               /* of 64 bytes; the first word is its pointer                         */
#define YOUNG 0x300000000ull             /* young objects are numbers here: a pointer is YOUNG + n            */
#define YOUNG_OBJECTS 4096u
#define COLLECTIONS 10u

struct barrier {
    struct guest *g;
    bool written[OLD_PAGES];             /* since the last collection                                         */
    struct mm_uffd *u;
    u64 told;                            /* signals or messages                                               */
    u32 most_mappings;
};

static void note(struct barrier *b, u64 addr)
{
    struct mm_rss r;

    b->written[(addr - OLD) / PAGE_BYTES] = true;
    b->told++;
    mm_rss(b->g->p, &r);
    if (r.map_count > b->most_mappings)
        b->most_mappings = r.map_count;
}

/* ---- mprotect --------------------------------------------------------------------------------------------------------- */

static bool on_sigsegv(void *ctx, u64 addr)
{
    struct barrier *b = ctx;

    if (addr < OLD || addr >= OLD + OLD_PAGES * PAGE_BYTES)
        return false;
    note(b, addr);
    return mm_mprotect(b->g->p, page_down(addr), PAGE_BYTES, MM_PROT_READ | MM_PROT_WRITE) == 0;
}

static void begin_mprotect(struct barrier *b)
{
    b->g->on_signal = on_sigsegv;
    b->g->ctx = b;
}

static void arm_mprotect(struct barrier *b) { mm_mprotect(b->g->p, OLD, OLD_PAGES * PAGE_BYTES, MM_PROT_READ); }

/* ---- userfaultfd ------------------------------------------------------------------------------------------------------ */

static void on_message(void *ctx, struct mm_uffd *u)
{
    struct barrier *b = ctx;
    struct mm_uffd_msg m;

    while (mm_uffd_read(u, &m) == 0) {
        note(b, m.address);
        mm_uffd_writeprotect(b->g->p, u, page_down(m.address), PAGE_BYTES, 0);
    }
}

static void open_uffd(struct barrier *b, u64 features)
{
    u64 ioctls;

    if (mm_userfaultfd(b->g->p, 0, &b->u) || mm_uffd_api(b->u, MM_UFFD_API, &features, &ioctls) ||
        mm_uffd_register(b->u, OLD, OLD_PAGES * PAGE_BYTES, MM_UFFD_REGISTER_WP, &ioctls))
        guest_die("no userfaultfd", OLD);
    kernel_on_uffd(b->g->k, on_message, b);
}

static void begin_sync(struct barrier *b) { open_uffd(b, MM_UFFD_FEATURE_PAGEFAULT_FLAG_WP); }
static void begin_async(struct barrier *b) { open_uffd(b, MM_UFFD_FEATURE_WP_ASYNC); }

static void arm_uffd(struct barrier *b)
{
    if (mm_uffd_writeprotect(b->g->p, b->u, OLD, OLD_PAGES * PAGE_BYTES, MM_UFFD_WP_WP))
        guest_die("cannot be write-protected", OLD);
}

/* Which were written, and protected again at once. */
static void collect_async(struct barrier *b)
{
    static struct mm_page_region region[OLD_PAGES];
    struct mm_scan s = { .flags = MM_SCAN_WP_MATCHING, .start = OLD, .end = OLD + OLD_PAGES * PAGE_BYTES,
                         .category_mask = MM_PAGE_IS_WRITTEN, .return_mask = MM_PAGE_IS_WRITTEN, .vec = region,
                         .vec_len = OLD_PAGES };
    long n = mm_pagemap_scan(b->g->p, &s);

    for (long i = 0; i < n; i++)
        for (u64 at = region[i].start; at < region[i].end; at += PAGE_BYTES)
            b->written[(at - OLD) / PAGE_BYTES] = true;
}

static void nothing(struct barrier *b) { (void)b; }

/* ---- the collector ------------------------------------------------------------------------------------------------------- */

/* Young objects that a page of the old generation points at. */
static void scan_page(struct guest *g, u64 page, bool *reached)
{
    for (u64 i = 0; i < OBJECTS_A_PAGE; i++) {
        u64 v = guest_load(g, OLD + page * PAGE_BYTES + i * 64);
        if (v >= YOUNG && v < YOUNG + YOUNG_OBJECTS)
            reached[v - YOUNG] = true;
    }
}

/* After a collection the young that survive are old: no pointer into the young generation is left. */
static void promote(struct guest *g, u64 page)
{
    for (u64 i = 0; i < OBJECTS_A_PAGE; i++) {
        u64 at = OLD + page * PAGE_BYTES + i * 64, v = guest_load(g, at);
        if (v >= YOUNG && v < YOUNG + YOUNG_OBJECTS)
            guest_store(g, at, OLD + v % OLD_PAGES);
    }
}

/* The pages scanned; dies when the barrier missed a pointer that a full scan finds. */
static u64 collect(struct barrier *b)
{
    static bool by_barrier[YOUNG_OBJECTS], by_full_scan[YOUNG_OBJECTS];
    u64 pages = 0;

    memset(by_barrier, 0, sizeof by_barrier);
    memset(by_full_scan, 0, sizeof by_full_scan);
    for (u64 page = 0; page < OLD_PAGES; page++) {
        scan_page(b->g, page, by_full_scan);
        if (!b->written[page])
            continue;
        scan_page(b->g, page, by_barrier);
        pages++;
    }
    if (memcmp(by_barrier, by_full_scan, sizeof by_barrier))
        guest_die("the barrier missed a pointer into the young generation", OLD);
    for (u64 page = 0; page < OLD_PAGES; page++)
        if (b->written[page])
            promote(b->g, page);
    memset(b->written, 0, sizeof b->written);
    return pages;
}

/* The program: most stores change plain data, some make an old object point at a young one. */
static void mutate(struct guest *g, unsigned turn)
{
    u64 random = 0x2545f4914f6cdd1dull + turn;

    for (unsigned i = 0; i < 4000; i++) {
        u64 r = guest_random(&random), page = r % 8 ? r % 60 : (r >> 8) % OLD_PAGES;
        u64 at = OLD + page * PAGE_BYTES + (r >> 24) % OBJECTS_A_PAGE * 64;
        guest_store(g, at, r >> 40 & 3 ? i : YOUNG + (r >> 44) % YOUNG_OBJECTS);
    }
}

static const struct way {
    const char *name;
    void (*begin)(struct barrier *b), (*arm)(struct barrier *b), (*gather)(struct barrier *b);
    bool rearms;                         /* gathering protects again                                          */
} ways[] = {
    { "mprotect", begin_mprotect, arm_mprotect, nothing, false },
    { "userfaultfd", begin_sync, arm_uffd, nothing, false },
    { "asynchronous", begin_async, arm_uffd, collect_async, true },
};

static void run(const struct way *way)
{
    struct kernel_config kernel;
    struct guest g = { 0 };
    struct barrier b = { .g = &g };
    u64 scanned = 0, faults = 0;

    kernel_config_init(&kernel);
    guest_start(&g, 256ull << 20, &kernel);
    guest_map(&g, OLD, OLD_PAGES * PAGE_BYTES);
    for (u64 page = 0; page < OLD_PAGES; page++)
        guest_store(&g, OLD + page * PAGE_BYTES, OLD);
    way->begin(&b);
    way->arm(&b);
    for (unsigned turn = 0; turn < COLLECTIONS; turn++) {
        u64 before = proc_counters(g.p)->minor;
        mutate(&g, turn);
        faults += proc_counters(g.p)->minor - before;
        way->gather(&b);
        scanned += collect(&b);
        if (way->rearms)
            way->gather(&b);             /* what the collector itself wrote */
        else
            way->arm(&b);
        memset(b.written, 0, sizeof b.written);
    }
    printf("%-13s %6llu of %u pages scanned %6llu told %6llu faults, at most %u mappings\n", way->name,
           (unsigned long long)scanned, OLD_PAGES * COLLECTIONS, (unsigned long long)b.told, (unsigned long long)faults,
           b.most_mappings ? b.most_mappings : 1);
    if (mm_check(g.k))
        guest_die(mm_check(g.k), 0);
}

int main(void)
{
    printf("%u collections, old generation of %u pages\n", COLLECTIONS, OLD_PAGES);
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        run(&ways[i]);
    printf("every pointer that a full scan finds was found\n");
    return 0;
}
