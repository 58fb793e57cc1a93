/* SPDX-License-Identifier: MIT
 * bench.c - the machine alone: what an access costs, against a loop that only sums the same 8-byte records.  Called by
 * run.sh, which describes the output.
 *
 *     bench [-n RECORDS] [-r ROUNDS] [-s STREAM] [-w WAY] [GCC_RECORDS]      -s, -w: this alone, for profilers
 *
 * The machine: exact LRU, first level 64 entries of 8 ways for fetches and for data, second level 1536 entries of 12 ways,
 * three structure caches, rights of a user program, A and D in tables of 4 KiB pages.  In each round every stream is summed
 * and then done by each way there is; before each, tables are clean (A=0, D=0) and caches empty.  CPU time of the
 * thread, medians. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/x86_pte.h"
#include "machine/batch.h"
#include "checks.h"
#include "nested.h"
#include "streams.h"
#include "walkers.h"
#include "clock.h"

#define RAM_BYTES (16ull << 20)
#define MAX_ROUNDS 101

/* ---- the machine ----------------------------------------------------------------------------------------------- */

#define DATA_PORTS (MMU_PORT_LOAD | MMU_PORT_STORE)
#define ARRAY(level_, ports_, ways_, sets_) \
    { .level = level_, .ports = ports_, .sizes = 1 << MMU_4K, .hash = MMU_LINEAR, .repl = MMU_LRU, .ways = ways_, .sets = sets_ }
static const struct mmu_tlb_desc tlb[] = {
    ARRAY(1, MMU_PORT_I, 8, 8), ARRAY(1, DATA_PORTS, 8, 8), ARRAY(2, MMU_PORT_I | DATA_PORTS, 12, 128),
};
static const struct mmu_psc_desc psc[] = { { 1, 32, 4, "" }, { 2, 4, 4, "" }, { 3, 2, 2, "" } };

static struct mmu *machine(u8 *ram)
{
    static struct mmu_profile profile;
    profile = *mmu_profile_find("skylake");
    profile.name = "bench";
    profile.tlb = tlb;
    profile.tlbs = sizeof tlb / sizeof *tlb;
    profile.psc = psc;
    profile.pscs = sizeof psc / sizeof *psc;
    struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = RAM_BYTES, .vendor = profile.vendor,
                              .features = profile.features, .profile = &profile };
    size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    struct mmu *m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    if (!m || !mmu_set(m, 0, MMU_CPL, 3)) {
        fputs("bench: no machine\n", stderr);
        exit(1);
    }
    return m;
}

static void empty_caches(struct mmu *m)
{
    u64 cr4 = mmu_get(m, 0, MMU_CR4);
    mmu_set(m, 0, MMU_CR4, cr4 ^ 0x80); /* PGE, there and back, forgets everything */
    mmu_set(m, 0, MMU_CR4, cr4);
}

/* ---- the ways through a stream --------------------------------------------------------------------------------- */

__attribute__((noinline)) static u64 sum(const u64 *record, size_t n)
{
    u64 total = 0;
    for (size_t i = 0; i < n; i++)
        total += record[i];
    return total;
}

static volatile u64 sink;

enum way { SUM, PLAIN, AVX2, AVX512, ONE, TOUCH, WAYS };
static const char *const way_name[] = { "sum", "batch, no AVX", "batch, AVX2", "batch, AVX-512", "mmu_translate()", "touches alone" };

static void batch(struct mmu *m, const struct stream *s)
{
    struct mmu_result fault;
    if (mmu_batch(m, 0, s->record, s->n, &fault) != s->n) {
        fputs("bench: an access faulted\n", stderr);
        exit(1);
    }
}

static void one_by_one(struct mmu *m, const struct stream *s)
{
    struct mmu_result r;
    for (size_t i = 0; i < s->n; i++)
        mmu_translate(m, 0, mmu_record_va(s->record[i]), mmu_record_kind(s->record[i]), 0, &r);
}

/* The memory that every exact way touches where accesses walk: of each record the page-table entry, with A and D written, and a
 * line of the second level's set, read and written; nothing is looked up, waited for or decided, nothing read ahead.  Of other
 * streams it says nothing. */
static u64 leaf_table[1u << 16]; /* by 2 MiB: where the page table is                                             */

static u64 entry_of(const u8 *ram, u64 pa)
{
    u64 e;
    memcpy(&e, ram + pa, sizeof e);
    return e;
}

static void find_leaf_tables(const u8 *ram, const struct stream *s)
{
    for (size_t i = 0; i < s->n; i++) {
        u64 va = mmu_record_va(s->record[i]), table = 0, *leaf = &leaf_table[va >> 21 & 0xffff];
        for (unsigned level = 3; level > 0 && !*leaf; level--)
            table = entry_of(ram, table + (va >> (12 + 9 * level) & 511) * 8) & X86_PTE_ADDR;
        *leaf = *leaf ? *leaf : table;
    }
}

__attribute__((noinline)) static u64 touch(u8 *ram, const struct stream *s)
{
    static u64 set[128][8];
    u64 total = 0;
    for (size_t i = 0; i < s->n; i++) {
        u64 r = s->record[i], va = mmu_record_va(r), marks = X86_PTE_A | (u64)(mmu_record_kind(r) == MMU_STORE) * X86_PTE_D;
        u8 *at = ram + leaf_table[va >> 21 & 0xffff] + (va >> 12 & 511) * 8;
        u64 e = entry_of(at, 0) | marks, *line = set[va >> 12 & 127];
        memcpy(at, &e, sizeof e);
        total += line[va >> 19 & 7];
        line[va >> 19 & 7] = va >> 12;
    }
    return total;
}

static double go(struct mmu *m, u8 *ram, const struct stream *s, enum way way)
{
    double start = now_ns();
    if (way == SUM) {
        sink = sum(s->record, s->n);
    } else if (way == TOUCH) {
        sink = touch(ram, s);
    } else if (way == ONE) {
        one_by_one(m, s);
    } else {
        batch_use(m, (enum batch_isa)(way - PLAIN));
        start = now_ns();
        batch(m, s);
    }
    return (now_ns() - start) / (double)s->n;
}

/* ---- one stream ------------------------------------------------------------------------------------------------ */

struct counted { u64 lookups, misses, walks; };

static struct counted counted(const struct mmu *m)
{
    const struct mmu_stats *s = mmu_stats(m, 0);
    return (struct counted){ s->lookups[MMU_SIDE_D], s->l1_miss[MMU_SIDE_D][MMU_4K], s->walks[MMU_SIDE_D][MMU_4K] };
}

static int only_way = -1;

static bool skips(int way)
{
    return (way >= PLAIN && way <= AVX512 && way - PLAIN > (int)batch_best()) || (only_way >= 0 && way != SUM && way != TOUCH && way != only_way);
}

static void measure(const struct stream *s, int rounds)
{
    static double ns[WAYS][MAX_ROUNDS], ratio[MAX_ROUNDS];
    u8 *ram = aligned_alloc(2 << 20, RAM_BYTES);
    u64 used = stream_tables(s, ram, RAM_BYTES);
    if (!used) {
        fputs("bench: the tables of a stream do not fit\n", stderr);
        exit(1);
    }
    struct mmu *m = machine(ram);
    memset(leaf_table, 0, sizeof leaf_table);
    find_leaf_tables(ram, s);
    for (int r = 0; r < rounds; r++)
        for (int way = SUM; way < WAYS; way++) {
            if (skips(way))
                continue;
            tables_clean(ram, used);
            empty_caches(m);
            ns[way][r] = go(m, ram, s, (enum way)way);
        }
    struct counted c = counted(m);
    printf("| %s | %s | %.1f %% | %.1f %% |", s->name, s->what, 100.0 * (double)c.misses / (double)c.lookups,
           100.0 * (double)c.walks / (double)c.lookups);
    int best = only_way > 0 ? only_way : PLAIN + (int)batch_best();
    for (int r = 0; r < rounds; r++)
        ratio[r] = ns[best][r] / ns[SUM][r];
    double middle = median(ratio, rounds), spread = (ratio[rounds - 1] - ratio[0]) / middle;
    double one_sum = median(ns[SUM], rounds);
    printf(" %.2f ns |", one_sum);
    for (int way = PLAIN; way < WAYS; way++) {
        if (skips(way) || (way == TOUCH && 2 * c.walks < c.lookups))
            printf(" - |");
        else
            printf(" %.1f |", median(ns[way], rounds) / one_sum);
    }
    printf(" **%.1f** (%.0f %%) |", middle, spread * 100);
    s->aim > 0 ? printf(" %.1f |\n", s->aim) : printf(" |\n");
    fflush(stdout);
    free(ram);
}

int main(int argc, char **argv)
{
    const char *only_stream = NULL;
    size_t n = 1u << 24;
    int rounds = 7, opt;
    while ((opt = getopt(argc, argv, "n:r:s:w:")) != -1) {
        if (opt == 'n')
            n = strtoul(optarg, NULL, 10);
        else if (opt == 'r')
            rounds = atoi(optarg);
        else if (opt == 's')
            only_stream = optarg;
        else if (opt == 'w')
            only_way = atoi(optarg);
        else
            return 2;
    }
    if (n < 1000 || rounds < 1 || rounds > MAX_ROUNDS)
        return 2;
    struct stream s[] = { { .name = "sequential", .what = "8 bytes apart", .aim = 3.5, .make = stream_sequential },
                          { .name = "zipf", .what = "0.99 over the words of 64 MiB", .aim = 20, .make = stream_zipf },
                          { .name = "uniform", .what = "over 4 GiB", .aim = 45, .make = stream_uniform },
                          { .name = "gcc", .what = "data accesses of `cc1 -O2`", .aim = 6 },
                          { .name = "scattered", .what = "zipf 0.99 over pages, scattered", .make = stream_scattered } };
    printf("| stream | | first-level misses | walks | sum, a record |");
    for (int way = PLAIN; way < WAYS; way++)
        printf(" %s |", way_name[way]);
    printf(" batch : sum (spread) | aim |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof s / sizeof *s; i++) {
        if (only_stream && strcmp(only_stream, s[i].name) != 0)
            continue;
        if (s[i].make)
            s[i].make(&s[i], n);
        else if (optind >= argc || !stream_file(&s[i], argv[optind]))
            continue;
        measure(&s[i], rounds);
        free(s[i].record);
    }
    if (!only_stream) {
        measure_walkers(rounds);
        measure_nested(rounds);
        measure_checks(rounds);
    }
    return 0;
}
