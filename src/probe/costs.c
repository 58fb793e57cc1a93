/* SPDX-License-Identifier: MIT
 * costs.c - see costs.h.
 *
 * Loads that each need the one before walk all lines of a piece of memory in the order of a full-period linear generator, which no
 * prefetcher follows.  In huge pages their time is the memory's; in small ones a walk comes on top, whose own reads must
 * share the caches with the data, as in a real program (the tours of chase.c let the tables have them alone).  In a virtual machine
 * what the hypervisor's tables add is in it.
 *
 * A fault's cost is that of touching a page of new memory, less what zeroing it takes, which huge pages show: there is one
 * fault for 512 pages.  The shortest of some windows is taken: disturbances only add, and memory that the machine has not
 * touched before is dearer once (a hypervisor must find it). */
#include "probe/costs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define LINE_BYTES ((u64)64)
#define SMALL_BYTES ((u64)4096)
#define HUGE_BYTES ((u64)2 << 20)
#define WINDOWS 9
#define WINDOW_LOADS 50000u
#define FAULT_BYTES ((u64)64 << 20)
#define COPY_BYTES ((u64)32 << 20)

#define QUICK_SIZE 1             /* the largest then                                                               */
static const u64 size_bytes[COSTS_SIZES] = { (u64)16 << 20, (u64)64 << 20, (u64)256 << 20, (u64)1 << 30 };

/* ---- time ------------------------------------------------------------------------------------------------------------------ */

/* This thread's: windows are long, and who else runs meanwhile does not belong in them. */
static u64 own_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

/* ---- memory --------------------------------------------------------------------------------------------------------------- */

struct piece { char *block, *at; u64 bytes; };

/* New memory, aligned to huge pages; at is NULL when there is none. */
static struct piece piece_new(u64 bytes, int advice)
{
    struct piece p = { .bytes = bytes };
    p.block = mmap(NULL, bytes + HUGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p.block == MAP_FAILED)
        return (struct piece){ 0 };
    p.at = p.block + (HUGE_BYTES - (uintptr_t)p.block % HUGE_BYTES) % HUGE_BYTES;
    madvise(p.block, bytes + HUGE_BYTES, advice);
    return p;
}

static void piece_free(struct piece *p)
{
    if (p->at)
        munmap(p->block, p->bytes + HUGE_BYTES);
    p->at = NULL;
}

/* Half of what could be had is left to others. */
static bool enough_memory(u64 bytes)
{
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    unsigned long kib = 0;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %lu kB", &kib) == 1)
            break;
    if (f)
        fclose(f);
    return (u64)kib * 1024 > 4 * bytes;
}

/* ---- walks ----------------------------------------------------------------------------------------------------------------- */

/* Each line points to the one that follows its number in the generator (Knuth's constants; bytes is a power of two). */
static void link_lines(char *at, u64 bytes)
{
    const u64 lines = bytes / LINE_BYTES;
    for (u64 i = 0; i < lines; i++)
        *(char **)(void *)(at + i * LINE_BYTES) = at + ((i * 6364136223846793005u + 1442695040888963407u) & (lines - 1)) * LINE_BYTES;
}

__attribute__((no_sanitize("address", "undefined")))
static double load_cycles(char **at, double cycle_ns)
{
    char *p = *at;
    u64 begin = own_ns();
    for (unsigned i = 0; i < WINDOW_LOADS; i++)
        p = *(char *volatile *)(void *)p;
    *at = p;
    return (double)(own_ns() - begin) / WINDOW_LOADS / cycle_ns;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *t, unsigned n)
{
    qsort(t, n, sizeof *t, ascending);
    return t[n / 2];
}

/* The two take turns: what other users of the shared caches and the memory do meanwhile, they do to both. */
static void measure_size(struct costs_found *out, unsigned size, const struct piece *huge, const struct piece *small, double cycle_ns)
{
    double memory[WINDOWS], walk[WINDOWS];
    char *in_huge = huge->at, *in_small = small->at;
    link_lines(in_huge, size_bytes[size]);
    link_lines(in_small, size_bytes[size]);
    load_cycles(&in_huge, cycle_ns);
    load_cycles(&in_small, cycle_ns);
    for (unsigned w = 0; w < WINDOWS; w++) {
        memory[w] = load_cycles(&in_huge, cycle_ns);
        walk[w] = load_cycles(&in_small, cycle_ns) - memory[w];
    }
    out->at[size].bytes = size_bytes[size];
    out->at[size].memory = median(memory, WINDOWS);
    out->at[size].walk = median(walk, WINDOWS);
}

static void measure_loads(struct costs_found *out, double cycle_ns, u64 most_bytes)
{
    struct piece huge = piece_new(most_bytes, MADV_HUGEPAGE), small = piece_new(most_bytes, MADV_NOHUGEPAGE);
    for (unsigned i = 0; huge.at && small.at && i < COSTS_SIZES && size_bytes[i] <= most_bytes; i++)
        measure_size(out, i, &huge, &small, cycle_ns);
    piece_free(&huge);
    piece_free(&small);
}

/* ---- faults ------------------------------------------------------------------------------------------------------------------ */

/* Cycles for 4 KiB of new memory, touched once every `step`. */
static double touch_cycles(double cycle_ns, u64 step, int advice)
{
    double best = 0;
    for (unsigned w = 0; w < WINDOWS; w++) {
        struct piece p = piece_new(FAULT_BYTES, advice);
        u64 begin = own_ns();
        for (u64 at = 0; p.at && at < p.bytes; at += step)
            *(volatile char *)(p.at + at) = 1;
        double t = (double)(own_ns() - begin) / (double)(FAULT_BYTES / SMALL_BYTES) / cycle_ns;
        best = p.at && (best == 0 || t < best) ? t : best;
        piece_free(&p);
    }
    return best;
}

static double copy_cycles(double cycle_ns)
{
    struct piece from = piece_new(COPY_BYTES, MADV_NOHUGEPAGE), to = piece_new(COPY_BYTES, MADV_NOHUGEPAGE);
    double best = 0;
    for (unsigned w = 0; from.at && to.at && w <= WINDOWS; w++) {
        u64 begin = own_ns();
        memcpy(to.at, from.at, COPY_BYTES);
        double t = (double)(own_ns() - begin) / (double)(COPY_BYTES / SMALL_BYTES) / cycle_ns;
        best = w == 1 || (w && t < best) ? t : best;   /* the first copy faults the pages in */
        from.at[w] ^= 1;
    }
    piece_free(&from);
    piece_free(&to);
    return best;
}

static bool huge_pages_are_given(void)
{
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");
    char words[64] = "";
    bool given = f && fgets(words, sizeof words, f) && !strstr(words, "[never]");
    if (f)
        fclose(f);
    return given;
}

void costs_measure(double cycle_ns, bool quick, struct costs_found *out)
{
    u64 most = size_bytes[quick ? QUICK_SIZE : COSTS_SIZES - 1];
    memset(out, 0, sizeof *out);
    while (most > size_bytes[0] && !enough_memory(most))
        most /= 4;
    out->huge = huge_pages_are_given();
    if (!out->huge || cycle_ns <= 0)
        return;
    measure_loads(out, cycle_ns, most);
    out->zero = touch_cycles(cycle_ns, HUGE_BYTES, MADV_HUGEPAGE);
    out->fault = touch_cycles(cycle_ns, SMALL_BYTES, MADV_NOHUGEPAGE) - out->zero;
    out->copy = copy_cycles(cycle_ns);
}
