/* SPDX-License-Identifier: MIT
 * programs.c NAME MIB STEPS - what `make validate` runs: programs that differ in how much huge pages help them.
 *
 * Each has two phases: the memory is touched for the first time, then STEPS steady steps of work are done.  Printed: the CPU time
 * of the process at the end of each phase, in nanoseconds, and a sum, so that no work can be left out by the compiler.  All
 * memory comes from malloc, so that glibc.malloc.hugetlb decides about its pages (mallopt(3), GLIBC_TUNABLES). */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef uint64_t u64;
typedef uint32_t u32;

struct work { u64 bytes, steps; void *a, *b; u64 n, sum; };

enum { LINE_BYTES = 64 };

static u64 random_state = 88172645463325252ull;

/* Marsaglia's xorshift: no memory but its state, no branch. */
static u64 random64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static void *memory(u64 bytes)
{
    void *p = malloc(bytes);
    if (!p) {
        fprintf(stderr, "programs: no memory\n");
        exit(2);
    }
    return p;
}

static u64 power_below(u64 n) { return 1ull << (63 - __builtin_clzll(n)); }

/* ---- chase: one load needs the one before; a line each, in the order of a full-period linear generator ------------------------ */

struct node { struct node *next; char rest[LINE_BYTES - sizeof(struct node *)]; };

static void chase_first(struct work *w)
{
    struct node *node = w->a = memory(w->bytes);
    w->n = power_below(w->bytes / sizeof *node);
    for (u64 i = 0; i < w->n; i++)
        node[i].next = &node[(i * 0x5851f42d4c957f2dull + 0x14057b7ef767814full) & (w->n - 1)];
}

static void chase_steady(struct work *w)
{
    struct node *at = w->a;
    for (u64 i = 0; i < w->steps; i++)
        at = at->next;
    w->sum = (u64)(uintptr_t)at;
}

/* ---- gups: random updates that do not wait for each other --------------------------------------------------------------- */

static void gups_first(struct work *w)
{
    u64 *table = w->a = memory(w->bytes);
    w->n = power_below(w->bytes / sizeof *table);
    for (u64 i = 0; i < w->n; i += LINE_BYTES / sizeof *table)
        table[i] = i;
}

static void gups_steady(struct work *w)
{
    u64 *table = w->a;
    for (u64 i = 0; i < w->steps; i++) {
        u64 r = random64();
        table[r & (w->n - 1)] ^= r;
    }
    w->sum = table[0];
}

/* ---- hash join: build a table of one relation, probe it with the other --------------------------------------------------- */

struct tuple { u64 key, value; };

static u64 hash(u64 key) { return key * 0x9e3779b97f4a7c15ull; }

static void join_first(struct work *w)
{
    struct tuple *table = w->a = memory(w->bytes);
    w->n = power_below(w->bytes / sizeof *table);
    memset(table, 0, w->bytes);
    for (u64 key = 1; key <= w->n / 2; key++) {
        u64 i = hash(key) >> 20 & (w->n - 1);
        while (table[i].key)
            i = (i + 1) & (w->n - 1);
        table[i] = (struct tuple){ key, key ^ 5 };
    }
}

static void join_steady(struct work *w)
{
    const struct tuple *table = w->a;
    for (u64 step = 0; step < w->steps; step++) {
        u64 key = 1 + random64() % w->n, i = hash(key) >> 20 & (w->n - 1);
        while (table[i].key && table[i].key != key)
            i = (i + 1) & (w->n - 1);
        w->sum += table[i].value;
    }
}

/* ---- B-tree: 16 keys a node, levels one after the other in memory -------------------------------------------------------- */

enum { FANOUT = 16, LEVELS_MAX = 12 };
struct level { u64 *key, n; };
static struct level level[LEVELS_MAX];
static unsigned levels;

/* Level 0 holds all keys; each above holds the first key of every node below. */
static void tree_first(struct work *w)
{
    u64 *at = w->a = memory(w->bytes), *end = at + w->bytes / sizeof *at;
    w->n = (u64)(end - at) * (FANOUT - 1) / FANOUT - FANOUT;
    for (u64 n = w->n; levels < LEVELS_MAX; n = (n + FANOUT - 1) / FANOUT) {
        struct level *l = &level[levels];
        *l = (struct level){ at, n };
        for (u64 i = 0; i < n; i++)
            l->key[i] = levels ? level[levels - 1].key[i * FANOUT] : 2 * i;
        at += n;
        levels++;
        if (n <= FANOUT)
            break;
    }
}

static void tree_steady(struct work *w)
{
    for (u64 step = 0; step < w->steps; step++) {
        u64 want = random64() % (2 * w->n), from = 0;
        for (unsigned l = levels; l-- > 0;) {
            u64 end = from + FANOUT < level[l].n ? from + FANOUT : level[l].n, i = from;
            while (i + 1 < end && level[l].key[i + 1] <= want)
                i++;
            from = l ? i * FANOUT : i;
        }
        w->sum += level[0].key[from] == want;
    }
}

/* ---- transpose: by rows from one matrix, by columns into the other; a step is a row ----------------------------------------- */

static void transpose_first(struct work *w)
{
    w->n = 64;
    while (2 * w->n * 2 * w->n * 2 * sizeof(double) <= w->bytes)
        w->n *= 2;
    w->a = memory(w->n * w->n * sizeof(double));
    w->b = memory(w->n * w->n * sizeof(double));
    for (u64 i = 0; i < w->n * w->n; i++)
        ((double *)w->a)[i] = (double)i;
    memset(w->b, 0, w->n * w->n * sizeof(double));
}

static void transpose_steady(struct work *w)
{
    const double *from = w->a;
    double *to = w->b;
    for (u64 step = 0; step < w->steps; step++)
        for (u64 row = step % w->n, column = 0; column < w->n; column++)
            to[column * w->n + row] = from[row * w->n + column];
    w->sum = (u64)to[w->n + 1];
}

/* ---- sort: qsort(3), which merges; a step is a whole sort ------------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
    u64 x = *(const u64 *)a, y = *(const u64 *)b;
    return x < y ? -1 : x > y;
}

static void sort_first(struct work *w)
{
    w->a = memory(w->bytes);
    w->n = w->bytes / sizeof(u64);
    for (u64 i = 0; i < w->n; i++)
        ((u64 *)w->a)[i] = random64();
}

static void sort_steady(struct work *w)
{
    u64 *at = w->a;
    for (u64 step = 0; step < w->steps; step++) {
        qsort(at, w->n, sizeof *at, by_value);
        w->sum += at[w->n / 2];
        for (u64 i = 0; i < w->n; i++)
            at[i] = hash(at[i]);
    }
}

/* ---- alloc: many small blocks, random ones given back and others taken ---------------------------------------------------------------- */

enum { BLOCK_BYTES_MEAN = 160 };

static void *block(void)
{
    u64 bytes = 16 + random64() % (2 * BLOCK_BYTES_MEAN - 32), *p = memory(bytes);
    p[0] = bytes;
    return p;
}

static void alloc_first(struct work *w)
{
    void **block_of = w->a = memory(w->bytes / BLOCK_BYTES_MEAN * sizeof *block_of);
    w->n = w->bytes / BLOCK_BYTES_MEAN;
    for (u64 i = 0; i < w->n; i++)
        block_of[i] = block();
}

static void alloc_steady(struct work *w)
{
    void **block_of = w->a;
    for (u64 step = 0; step < w->steps; step++) {
        u64 i = random64() % w->n;
        w->sum += *(u64 *)block_of[i];
        free(block_of[i]);
        block_of[i] = block();
    }
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------------ */

static const struct { const char *name; void (*first)(struct work *w), (*steady)(struct work *w); } programs[] = {
    { "chase", chase_first, chase_steady },       { "gups", gups_first, gups_steady },
    { "hash-join", join_first, join_steady },     { "b-tree", tree_first, tree_steady },
    { "transpose", transpose_first, transpose_steady }, { "sort", sort_first, sort_steady },
    { "alloc", alloc_first, alloc_steady },
};

static u64 cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (u64)t.tv_sec * 1000000000u + (u64)t.tv_nsec;
}

int main(int argc, char **argv)
{
    struct work w = { 0 };
    u64 first;
    for (size_t i = 0; argc == 4 && i < sizeof programs / sizeof programs[0]; i++)
        if (!strcmp(argv[1], programs[i].name)) {
            w.bytes = strtoull(argv[2], NULL, 10) << 20;
            w.steps = strtoull(argv[3], NULL, 10);
            programs[i].first(&w);
            first = cpu_ns();
            programs[i].steady(&w);
            printf("%llu %llu %llx\n", (unsigned long long)first, (unsigned long long)cpu_ns(), (unsigned long long)w.sum);
            return 0;
        }
    fprintf(stderr, "usage: programs NAME MIB STEPS\n");
    return 2;
}
