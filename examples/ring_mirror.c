/* SPDX-License-Identifier: MIT
 * ring_mirror.c - a ring buffer whose pages are mapped twice, one behind the other, so that a message may run over the end: a
 * use of synonyms that is common in practice.  The sender does, the receiver begins anew at the beginning.  Which first-level
 * caches give it what was written?
 *
 *     addresses   | page 0 | page 1 | page 2 | page 0 | page 1 | page 2 |         ring of 3 pages
 *     frames          0        1        2        0        1        2
 *
 *     cc ring_mirror.c -lpagewalk-machine && ./a.out */
#include "pagewalk/cache.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BASE 0x7f0000000000ull
#define MESSAGES 20000u
#define PAGES_MAX 5u

struct ring { struct cache_memory m; u64 bytes, wrong, words; };

static u64 pa_of(const struct ring *r, u64 va) { return (va - BASE) % r->bytes; }

static void send(struct ring *r, u64 at, u32 words, u64 first)
{
    struct cache_result look;

    for (u32 i = 0; i < words; i++, at += 8)
        cache_store(&r->m, at, pa_of(r, at), first + i, &look);
}

static void receive(struct ring *r, u64 at, u32 words, u64 first)
{
    struct cache_result look;

    for (u32 i = 0; i < words; i++, at = at + 8 == BASE + r->bytes ? BASE : at + 8)
        r->wrong += cache_load(&r->m, at, pa_of(r, at), &look) != first + i;
    r->words += words;
}

/* Messages of 1 to 40 words, each received when three more have been sent.  Returns the share of wrong words. */
static double wrong_words(const struct mmu_cache_desc *d, u32 pages, double *missed)
{
    void *block = aligned_alloc(64, cache_bytes(d));
    struct ring r = { .m = { .cache = cache_create(block, d, 1), .line = calloc((size_t)d->sets * d->ways, d->line_bytes),
                             .ram = calloc(pages, PAGE_BYTES), .ram_bytes = pages * PAGE_BYTES }, .bytes = pages * PAGE_BYTES };
    const struct cache_stats *s = cache_stats(r.m.cache);
    u64 at[4] = { 0 }, first[4] = { 0 }, head = 0, next = 1;
    u32 words[4] = { 0 }, x = 2463534242u;

    for (u32 i = 0; i < MESSAGES + 3; i++) {
        const u32 slot = i & 3, oldest = (i + 1) & 3;

        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        at[slot] = BASE + head % r.bytes;
        first[slot] = next;
        words[slot] = 1 + x % 40;
        send(&r, at[slot], words[slot], next);
        head += 8ull * words[slot];
        next += words[slot];
        if (i >= 3)
            receive(&r, at[oldest], words[oldest], first[oldest]);
    }
    *missed = 100.0 * (double)(s->misses[0] + s->misses[1]) / (double)(s->looks[0] + s->looks[1]);
    free(block);
    free(r.m.line);
    free(r.m.ram);
    return 100.0 * (double)r.wrong / (double)r.words;
}

int main(void)
{
    static const struct { const char *name; struct mmu_cache_desc d; } caches[] = {
#define CACHE(form_, ways_, sets_) { .form = form_, .repl = MMU_PLRU, .ways = ways_, .sets = sets_, .line_bytes = 64 }
        { "vipt, 32K of 8 ways: 1 colour", CACHE(MMU_VIPT, 8, 64) },
        { "vipt, 32K of 4 ways: 2 colours", CACHE(MMU_VIPT, 4, 128) },
        { "vipt, 64K of 4 ways: 4 colours", CACHE(MMU_VIPT, 4, 256) },
        { "vipt_one, 64K of 4 ways", CACHE(MMU_VIPT_ONE, 4, 256) },
        { "pipt, 64K of 4 ways", CACHE(MMU_PIPT, 4, 256) },
        { "vivt, 64K of 4 ways", CACHE(MMU_VIVT, 4, 256) },
    };
    double missed;

    printf("wrong words (and lines missed), in per cent\n%-32s", "ring of");
    for (u32 pages = 1; pages <= PAGES_MAX; pages++)
        printf("  %u page%s     ", pages, pages > 1 ? "s" : " ");
    puts("");
    for (size_t i = 0; i < sizeof caches / sizeof *caches; i++) {
        printf("%-32s", caches[i].name);
        for (u32 pages = 1; pages <= PAGES_MAX; pages++) {
            const double wrong = wrong_words(&caches[i].d, pages, &missed);
            printf("%6.2f (%5.2f)", wrong, missed);
        }
        puts("");
    }
    return 0;
}
