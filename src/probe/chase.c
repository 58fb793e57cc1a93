/* SPDX-License-Identifier: MIT
 * chase.c - tours on this machine, by pointer chasing; see probe.h.
 *
 * What makes the times clean:
 *   - Page i of a tour shows line i of a small memory file: 64 pages share each frame, each with a line of its own.  A
 *     tour of n pages uses n cache lines packed tightly, whatever the pages' distance; neighbours in address are never
 *     neighbours in memory, so that a TLB cannot merge them.
 *   - The control walks as many packed lines in one huge page.  Its time is what caches cost; the difference is what
 *     translation costs.
 *   - Time is counted in cycles of the core: a chain of additions, one a cycle, is timed beside each tour.
 *   - The shortest of some windows is taken, since disturbances only add. */
#include "probe/chase.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE ((size_t)4096)
#define LINE_BYTES 64u
#define LINES_OF_FRAME (PAGE / LINE_BYTES)
#define HUGE_BYTES ((size_t)2 << 20)
#define REGION_BYTES (TOUR_VPN_MAX * PAGE)
/* Each mapped page is a mapping of its own, with holes around it; the kernel's default limit is 65530. */
#define MAPPINGS_MAX 28000u

#define WINDOWS 3
#define WINDOW_LOADS 10000u  /* a multiple of 8; and at least two rounds                                           */
#define CHAIN_ADDS 8000u

struct chase {
    int cpu, fd;
    cpu_set_t affinity;
    char *reserved, *region;   /* region: REGION_BYTES of it, aligned to as many, so that page numbers are as given */
    char *control_block, *control;
    u16 *line_of;              /* [page]: the line it shows, plus one; 0: not mapped                                */
    unsigned mapped;
    bool huge;
    u64 seed;
    double best_ns;            /* of one cycle                                                                      */
    unsigned order[TOUR_MAX];
    char *stop[TOUR_MAX];
};

/* ---- time --------------------------------------------------------------------------------------------------------------- */

static u64 now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* One addition a cycle: each needs the one before. */
static double cycle_ns(void)
{
    u64 x = 0, begin = now_ns();

    for (unsigned i = 0; i < CHAIN_ADDS; i += 8)
        __asm__ volatile("add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\t"
                         "add $1, %0\n\tadd $1, %0\n\tadd $1, %0\n\tadd $1, %0" : "+r"(x));
    return (double)(now_ns() - begin) / CHAIN_ADDS;
}

/* A sanitizer's own loads would be measured too. */
__attribute__((no_sanitize("address", "undefined")))
static double load_ns(char **at, unsigned loads)
{
    u64 begin = now_ns();
    char *p = *at;

    for (unsigned i = 0; i < loads; i += 8)
        for (unsigned k = 0; k < 8; k++)
            p = *(char *volatile *)(void *)p;
    *at = p;
    return (double)(now_ns() - begin) / loads;
}

/* ---- tours ------------------------------------------------------------------------------------------------------------------ */

static u32 random32(struct chase *c)
{
    c->seed = c->seed * 6364136223846793005u + 1442695040888963407u;
    return (u32)(c->seed >> 32);
}

/* One cycle through stop[0..n), in random order. */
static char *link_stops(struct chase *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        c->order[i] = i;
    for (unsigned i = n - 1; i; i--) {
        unsigned j = (unsigned)((u64)random32(c) * (i + 1) >> 32), t = c->order[i];
        c->order[i] = c->order[j];
        c->order[j] = t;
    }
    for (unsigned i = 0; i < n; i++)
        *(char **)(void *)c->stop[c->order[i]] = c->stop[c->order[(i + 1) % n]];
    return c->stop[c->order[0]];
}

static double cycles_of_tour(struct chase *c, unsigned n)
{
    unsigned round = (2 * n + 7) / 8 * 8, loads = round > WINDOW_LOADS ? round : WINDOW_LOADS;
    double ns = 1e9, cycle = 1e9, t;
    char *at = link_stops(c, n);

    load_ns(&at, round);
    for (unsigned w = 0; w < WINDOWS; w++) {
        t = load_ns(&at, loads);
        ns = t < ns ? t : ns;
        t = cycle_ns();
        cycle = t < cycle ? t : cycle;
    }
    c->best_ns = c->best_ns == 0 || cycle < c->best_ns ? cycle : c->best_ns;
    return ns / cycle;
}

/* ---- pages -------------------------------------------------------------------------------------------------------------------- */

static bool unmap_all(struct chase *c)
{
    if (mmap(c->region, REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
        return false;
    madvise(c->line_of, TOUR_VPN_MAX * sizeof *c->line_of, MADV_DONTNEED);
    c->mapped = 0;
    return true;
}

static bool show_line(struct chase *c, u64 vpn, unsigned line)
{
    char *at = c->region + vpn * PAGE;

    c->stop[line] = at + line % LINES_OF_FRAME * LINE_BYTES;
    if (c->line_of[vpn] == line + 1)
        return true;
    if (mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED | MAP_POPULATE, c->fd,
             (off_t)(line / LINES_OF_FRAME * PAGE)) == MAP_FAILED)
        return false;
    c->line_of[vpn] = (u16)(line + 1);
    c->mapped++;
    return true;
}

static bool tour(void *ctx, const u64 *vpn, unsigned pages, double *cycles)
{
    struct chase *c = ctx;
    double translated;

    if (c->mapped + pages > MAPPINGS_MAX && !unmap_all(c))
        return false;
    for (unsigned i = 0; i < pages; i++)
        if (!show_line(c, vpn[i], i))
            return false;
    translated = cycles_of_tour(c, pages);
    for (unsigned i = 0; i < pages; i++)
        c->stop[i] = c->control + (size_t)i * LINE_BYTES;
    *cycles = translated - cycles_of_tour(c, pages);
    return true;
}

struct bench chase_bench(struct chase *c) { return (struct bench){ c, tour }; }

/* ---- beginning and end ----------------------------------------------------------------------------------------------------------- */

/* The kernel gives huge pages when it likes; the third field of smaps' AnonHugePages says whether it did. */
static bool lies_in_huge_page(const char *at)
{
    FILE *f = fopen("/proc/self/smaps", "re");
    char line[512];
    unsigned long begin, end, kib = 0;
    bool here = false;

    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "%lx-%lx ", &begin, &end) == 2)
            here = (unsigned long)(uintptr_t)at >= begin && (unsigned long)(uintptr_t)at < end;
        else if (here && sscanf(line, "AnonHugePages: %lu kB", &kib) == 1)
            break;
    }
    if (f)
        fclose(f);
    return kib >= HUGE_BYTES / 1024;
}

static char *aligned(char *at, size_t bytes) { return at + (bytes - (uintptr_t)at % bytes) % bytes; }

static bool make_control(struct chase *c)
{
    c->control_block = mmap(NULL, 2 * HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->control_block == MAP_FAILED)
        return false;
    c->control = aligned(c->control_block, HUGE_BYTES);
    madvise(c->control, HUGE_BYTES, MADV_HUGEPAGE);
    memset(c->control, 0, HUGE_BYTES);
    c->huge = lies_in_huge_page(c->control);
    return true;
}

static bool pin(struct chase *c)
{
    cpu_set_t one;

    c->cpu = sched_getcpu();
    if (c->cpu < 0 || c->cpu >= CPU_SETSIZE || sched_getaffinity(0, sizeof c->affinity, &c->affinity))
        return false;
    CPU_ZERO(&one);
    CPU_SET(c->cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
}

static const char *set_up(struct chase *c)
{
    if (!pin(c))
        return "the process cannot be kept on one CPU";
    c->fd = memfd_create("pagewalk-probe", MFD_CLOEXEC);
    if (c->fd < 0 || ftruncate(c->fd, TOUR_MAX / LINES_OF_FRAME * PAGE))
        return "no memory file can be made (memfd_create)";
    c->reserved = mmap(NULL, 2 * REGION_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->reserved == MAP_FAILED)
        return "32 GiB of address space cannot be reserved (see ulimit -v)";
    c->region = aligned(c->reserved, REGION_BYTES);
    c->line_of = mmap(NULL, TOUR_VPN_MAX * sizeof *c->line_of, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->line_of == MAP_FAILED || !make_control(c))
        return "out of memory";
    return NULL;
}

static void give_back(void *at, size_t bytes)
{
    if (at && at != MAP_FAILED)
        munmap(at, bytes);
}

struct chase *chase_begin(const char **why)
{
    struct chase *c = calloc(1, sizeof *c);

    *why = "out of memory";
    if (!c)
        return NULL;
    c->fd = -1;
    c->seed = now_ns();
    *why = set_up(c);
    if (*why) {
        chase_end(c);
        return NULL;
    }
    return c;
}

void chase_end(struct chase *c)
{
    give_back(c->reserved, 2 * REGION_BYTES);
    give_back(c->line_of, TOUR_VPN_MAX * sizeof *c->line_of);
    give_back(c->control_block, 2 * HUGE_BYTES);
    if (c->fd >= 0)
        close(c->fd);
    if (CPU_COUNT(&c->affinity))
        sched_setaffinity(0, sizeof c->affinity, &c->affinity);
    free(c);
}

int chase_cpu(const struct chase *c) { return c->cpu; }
bool chase_control_is_huge(const struct chase *c) { return c->huge; }
double chase_ghz(const struct chase *c) { return c->best_ns > 0 ? 1 / c->best_ns : 0; }
