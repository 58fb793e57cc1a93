/* SPDX-License-Identifier: MIT
 * streams.c - see streams.h.  Everything random comes from one generator with a fixed seed: the same streams everywhere. */
#include "streams.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/x86_pte.h"

#define BASE 0x7f0000000000ull
#define ZIPF_PAGES 16384u          /* 64 MiB */
#define UNIFORM_PAGES (1u << 20)   /* 4 GiB */
#define STORES_IN 4                /* one access in so many is a store, where a stream is random                    */

static u64 random_state;

static u64 next_random(void)
{
    u64 z = random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static u64 below(u64 n) { return (u64)((__uint128_t)next_random() * n >> 64); }

static void begin(struct stream *s, size_t n, u64 seed)
{
    random_state = seed;
    s->n = n;
    s->record = malloc(n * sizeof *s->record);
    if (!s->record) {
        fputs("bench: no memory for a stream\n", stderr);
        exit(1);
    }
}

static u64 random_access(u64 page)
{
    u64 va = BASE + page * PAGE_BYTES + below(512) * 8;
    return mmu_record(va, below(STORES_IN) ? MMU_LOAD : MMU_STORE, 0);
}

void stream_sequential(struct stream *s, size_t n)
{
    begin(s, n, 1);
    for (size_t i = 0; i < n; i++)
        s->record[i] = mmu_record(BASE + i * 8, MMU_LOAD, 0);
}

void stream_uniform(struct stream *s, size_t n)
{
    begin(s, n, 2);
    for (size_t i = 0; i < n; i++)
        s->record[i] = random_access(below(UNIFORM_PAGES));
}

/* Ranks are drawn in proportion to (rank + 1)^-0.99: a table of sums, and a search in it. */
struct zipf { double *upto; u32 ranks; };

static struct zipf zipf_make(u32 ranks)
{
    struct zipf z = { malloc(ranks * sizeof *z.upto), ranks };
    double sum = 0;
    for (u32 k = 0; z.upto && k < ranks; k++)
        z.upto[k] = sum += pow(k + 1, -0.99);
    return z;
}

static u32 zipf_draw(const struct zipf *z)
{
    double x = (double)(next_random() >> 11) * 0x1p-53 * z->upto[z->ranks - 1];
    u32 low = 0, high = z->ranks - 1;
    while (low < high) {
        u32 middle = (low + high) / 2;
        if (z->upto[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The word of rank k is the k-th of 64 MiB. */
void stream_zipf(struct stream *s, size_t n)
{
    struct zipf z = zipf_make(ZIPF_PAGES * 512);
    begin(s, n, 3);
    for (size_t i = 0; z.upto && i < n; i++)
        s->record[i] = mmu_record(BASE + zipf_draw(&z) * 8ull, below(STORES_IN) ? MMU_LOAD : MMU_STORE, 0);
    free(z.upto);
}

/* Harder: whole pages have ranks, scattered over the 64 MiB. */
void stream_scattered(struct stream *s, size_t n)
{
    struct stream order;
    struct zipf z = zipf_make(ZIPF_PAGES);
    stream_pages(&order, ZIPF_PAGES);
    begin(s, n, 4);
    for (size_t i = 0; z.upto && i < n; i++)
        s->record[i] = random_access((mmu_record_va(order.record[zipf_draw(&z)]) - BASE) / PAGE_BYTES);
    free(z.upto);
    free(order.record);
}

void stream_pages(struct stream *s, u32 pages)
{
    begin(s, pages, 5);
    for (u32 k = 0; k < pages; k++) {
        u64 other = below(k + 1);
        s->record[k] = s->record[other];
        s->record[other] = random_access(k);
    }
}

bool stream_file(struct stream *s, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    fseek(f, 0, SEEK_END);
    long bytes = ftell(f);
    rewind(f);
    if (bytes < 8) {
        fclose(f);
        return false;
    }
    begin(s, (size_t)bytes / 8, 4);
    bool whole = fread(s->record, 8, s->n, f) == s->n;
    fclose(f);
    return whole;
}

/* ---- tables ---------------------------------------------------------------------------------------------------- */

static u64 get(const u8 *ram, u64 pa)
{
    u64 v;
    memcpy(&v, ram + pa, sizeof v);
    return v;
}

static void put(u8 *ram, u64 pa, u64 v) { memcpy(ram + pa, &v, sizeof v); }

u64 stream_tables(const struct stream *s, u8 *ram, u64 ram_bytes)
{
    const u64 rights = X86_PTE_P | X86_PTE_RW | X86_PTE_US;
    u64 used = PAGE_BYTES, frame = 0x100000000ull, last = 1;
    memset(ram, 0, ram_bytes);
    for (size_t i = 0; i < s->n; i++) {
        u64 va = mmu_record_va(s->record[i]), table = 0;
        if (page_down(va) == last)
            continue;
        last = page_down(va);
        for (unsigned level = 3; level > 0; level--) {
            u64 at = table + (va >> (12 + 9 * level) & 511) * 8;
            if (!get(ram, at)) {
                if (used == ram_bytes)
                    return 0;
                put(ram, at, used | rights);
                used += PAGE_BYTES;
            }
            table = get(ram, at) & X86_PTE_ADDR;
        }
        u64 at = table + (va >> 12 & 511) * 8;
        if (!get(ram, at)) {
            put(ram, at, frame | rights);
            frame += PAGE_BYTES;
        }
    }
    return used;
}

void tables_clean(u8 *ram, u64 used)
{
    for (u64 pa = 0; pa < used; pa += 8)
        put(ram, pa, get(ram, pa) & ~(X86_PTE_A | X86_PTE_D));
}
