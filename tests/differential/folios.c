/* SPDX-License-Identifier: MIT
 * folios.c - how the kernel holds a file in its page cache: the runs of pages and the sizes of their folios.
 *
 *     folios FILE...     one line a run: OFFSET_PAGE NR_PAGES ORDER   (ORDER "-": not cached, "?": unknown)
 *
 * A person runs it to explain a fault count: since Linux 6.18 one read fault maps every page of a large folio that
 * the fault-around window touches, so the folio sizes decide how many faults a file costs.  A program without
 * rights can see only what is cached (mincore); frame numbers (/proc/self/pagemap) and their flags
 * (/proc/kpageflags) need CAP_SYS_ADMIN.  The file is mapped and read, one byte a page, only where it is already
 * cached, so that looking does not fill the cache.
 * Documentation/admin-guide/mm/pagemap.rst: the two files and their bits. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_LG2 = 12, KPF_COMPOUND_HEAD = 15, KPF_COMPOUND_TAIL = 16, UNCACHED = -1, UNKNOWN = -2 };

#define PM_PRESENT (1ull << 63)
#define PM_PFN ((1ull << 55) - 1)

/* The 64-bit word of index `at`, or 0. */
static uint64_t word_at(int fd, uint64_t at)
{
    uint64_t w = 0;
    return pread(fd, &w, sizeof w, (off_t)(at * sizeof w)) == sizeof w ? w : 0;
}

struct probe { int pagemap, kpageflags; uint64_t walked_pfn, walked_end; int walked_order; };

/* The order of the folio that frame `pfn` belongs to.  Folios are naturally aligned, so the order is at least that
 * of the distance from head to the last tail; the last answer is kept because neighbours share it. */
static int order_of(struct probe *p, uint64_t pfn)
{
    if (pfn >= p->walked_pfn && pfn < p->walked_end)
        return p->walked_order;
    uint64_t head = pfn;
    while (head && word_at(p->kpageflags, head) >> KPF_COMPOUND_TAIL & 1)
        head--;
    uint64_t end = head + 1;
    while (word_at(p->kpageflags, end) >> KPF_COMPOUND_TAIL & 1)
        end++;
    int order = 0;
    while ((1ull << order) < end - head)
        order++;
    p->walked_pfn = head;
    p->walked_end = end;
    p->walked_order = order;
    return order;
}

static int page_order(struct probe *p, const volatile char *page, int cached)
{
    if (!cached)
        return UNCACHED;
    (void)*page;
    uint64_t pm = word_at(p->pagemap, (uintptr_t)page >> PAGE_LG2);
    if (!(pm & PM_PRESENT) || !(pm & PM_PFN) || p->kpageflags < 0)
        return UNKNOWN;
    return order_of(p, pm & PM_PFN);
}

static void print_run(uint64_t from, uint64_t to, int order)
{
    printf("%8llu %8llu ", (unsigned long long)from, (unsigned long long)(to - from));
    if (order >= 0)
        printf("%d\n", order);
    else
        puts(order == UNCACHED ? "-" : "?");
}

static int show(struct probe *p, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0) {
        perror(path);
        return 1;
    }
    uint64_t pages = ((uint64_t)st.st_size + (1 << PAGE_LG2) - 1) >> PAGE_LG2;
    char *map = mmap(NULL, pages << PAGE_LG2, PROT_READ, MAP_SHARED, fd, 0);
    unsigned char *in = malloc(pages);
    if (map == MAP_FAILED || !in || mincore(map, pages << PAGE_LG2, in) < 0) {
        perror(path);
        return 1;
    }
    printf("# %s: %llu pages\n", path, (unsigned long long)pages);
    uint64_t from = 0;
    int order = 0;
    for (uint64_t i = 0; i <= pages; i++) {
        int now = i < pages ? page_order(p, map + (i << PAGE_LG2), in[i] & 1) : UNKNOWN - 1;
        if (i && now != order) {
            print_run(from, i, order);
            from = i;
        }
        order = now;
    }
    munmap(map, pages << PAGE_LG2);
    free(in);
    close(fd);
    return 0;
}

int main(int argc, char **argv)
{
    struct probe p = { .pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC),
                       .kpageflags = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC) };
    int failed = argc < 2;
    if (argc < 2)
        fputs("usage: folios FILE...\n", stderr);
    for (int i = 1; i < argc; i++)
        failed |= show(&p, argv[i]);
    return failed;
}
