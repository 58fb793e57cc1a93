/* SPDX-License-Identifier: MIT
 * main.c - every sequence of loads and stores through addresses that share frames, colours and sets: the cache and the
 * oracle must agree on hit, place, copies, and on every value read and written back.  And an access that the marks allow to
 * be skipped must change nothing but the counter of looks.
 *     cache-exhaustive [--depth N]
 * Stops at the tenth difference; exit status 1 when there was one. */
#include "oracle.h"

#include "cache/internal.h"
#include "pagewalk/profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Four lines a page, eight sets: two colours.  Page 3 has the frame of page 0 in the other colour, page 4 in the same;
 * pages 0, 2 and 6 want one set for other frames; page 5 is page 0 in another address space: the same address. */
#define LINE 1024
#define SETS 8
static const struct page { uint64_t va, pa; } page[] = {
    { 0x10000, 0x0000 }, { 0x11000, 0x1000 }, { 0x12000, 0x2000 }, { 0x13000, 0x0000 }, { 0x14000, 0x0000 }, { 0x10000, 0x3000 }, { 0x16000, 0x5000 },
};
enum { PAGES = sizeof page / sizeof *page, BLOCK = 8192 };

static const struct { char letter; enum mmu_cache_form form; } forms[] = {
    { 'p', MMU_PIPT }, { 'v', MMU_VIPT }, { 'o', MMU_VIPT_ONE }, { 'V', MMU_VIVT } };
static const struct { char letter; enum mmu_repl repl; } policies[] = { { 'l', MMU_LRU }, { 't', MMU_PLRU }, { 'n', MMU_NRU } };

static u64 frame_of_first; /* to which 0x10000 is mapped now                                                      */
static struct cache_memory memory;
static _Alignas(64) u8 block[BLOCK], lines[SETS * 4 * LINE], ram[ORACLE_RAM_LINES * LINE];
static struct cache_marks marks;
static u64 cases, skippable, differences;

struct saved { u64 frame_of_first; u8 block[BLOCK], lines[sizeof lines / LINE * 8], ram[ORACLE_RAM_LINES * 8]; struct cache_marks marks; };

static void tell(const struct oracle *o, const struct page *p, bool store, const char *what)
{
    printf("form %c policy %c %u ways, %s 0x%llx at 0x%llx: %s\n", o->form, o->policy, o->ways, store ? "store" : "load",
           (unsigned long long)p->va, (unsigned long long)p->pa, what);
    if (++differences == 10)
        exit(1);
}

/* One access; is it one that may be skipped, and does it change nothing then? */
static void judge(struct oracle *o, const struct page *p, bool store, u64 value)
{
    static u8 before[BLOCK];
    struct cache *c = memory.cache;
    struct cache_stats stats;
    struct cache_result r;
    struct oracle_answer want;
    u64 got = value;
    bool skip;

    if (p->va == page[0].va && p->pa != frame_of_first) { /* another translation                                 */
        cache_unmark(c);
        frame_of_first = p->pa;
    }
    skip = p->va - (store ? marks.store : marks.load)[p->va / LINE % CACHE_MARKS] <= LINE - 8;
    memcpy(before, block, BLOCK);
    if (store)
        cache_store(&memory, p->va, p->pa, value, &r);
    else
        got = cache_load(&memory, p->va, p->pa, &r);
    want = oracle_access(o, p->va, p->pa, store ? &value : NULL);
    cases++;
    skippable += skip;
    if (r.hit != want.hit || r.set != want.set || r.way != want.way)
        tell(o, p, store, "another hit or place");
    if (r.moved != want.moved || r.synonym != want.synonym || r.homonym != want.homonym || r.written_back != want.written_back)
        tell(o, p, store, "another copy or victim");
    if (got != want.value || memcmp(&ram[p->pa], &o->ram[p->pa / LINE], 8))
        tell(o, p, store, "another value");
    if (!skip)
        return;
    stats = c->stats;
    stats.looks[store]--;
    if (memcmp(&stats, &((struct cache *)(void *)before)->stats, sizeof stats))
        tell(o, p, store, "skippable, but it counts");
    memcpy(&((struct cache *)(void *)before)->stats, &c->stats, sizeof stats);
    if (memcmp(before, block, BLOCK))
        tell(o, p, store, "skippable, but it changes the cache");
}

/* Only the first 8 bytes of a line ever differ. */
static void save(struct saved *s)
{
    s->frame_of_first = frame_of_first;
    memcpy(s->block, block, BLOCK);
    for (unsigned i = 0; i < sizeof lines / LINE; i++)
        memcpy(&s->lines[i * 8], &lines[i * LINE], 8);
    for (unsigned i = 0; i < ORACLE_RAM_LINES; i++)
        memcpy(&s->ram[i * 8], &ram[i * LINE], 8);
    for (unsigned i = 0; i < PAGES; i++) {
        s->marks.load[i] = marks.load[page[i].va / LINE % CACHE_MARKS];
        s->marks.store[i] = marks.store[page[i].va / LINE % CACHE_MARKS];
    }
}

static void restore(const struct saved *s)
{
    frame_of_first = s->frame_of_first;
    memcpy(block, s->block, BLOCK);
    for (unsigned i = 0; i < sizeof lines / LINE; i++)
        memcpy(&lines[i * LINE], &s->lines[i * 8], 8);
    for (unsigned i = 0; i < ORACLE_RAM_LINES; i++)
        memcpy(&ram[i * LINE], &s->ram[i * 8], 8);
    for (unsigned i = 0; i < PAGES; i++) {
        marks.load[page[i].va / LINE % CACHE_MARKS] = s->marks.load[i];
        marks.store[page[i].va / LINE % CACHE_MARKS] = s->marks.store[i];
    }
}

static void sequences(const struct oracle *o, unsigned depth)
{
    static struct saved saved[16];
    struct saved *before = &saved[depth];

    save(before);
    for (unsigned i = 0; i < 2 * PAGES; i++) {
        struct oracle next = *o;

        judge(&next, &page[i / 2], i & 1, o->now * 100 + (long)i + 1000);
        if (depth > 1)
            sequences(&next, depth - 1);
        restore(before);
    }
}

static void family(unsigned form, unsigned policy, unsigned ways, unsigned depth)
{
    struct mmu_cache_desc d = { .form = (u8)forms[form].form, .repl = (u8)policies[policy].repl, .ways = (u16)ways, .sets = SETS, .line_bytes = LINE };
    struct oracle o = { .form = forms[form].letter, .policy = policies[policy].letter, .sets = SETS, .ways = ways, .line_bytes = LINE };

    if (mmu_cache_unfit(&d) || cache_bytes(&d) > BLOCK)
        abort();
    memset(block, 0, BLOCK);
    memory = (struct cache_memory){ cache_create(block, &d, 1), lines, ram, sizeof ram };
    cache_bind_marks(memory.cache, &marks);
    for (unsigned i = 0; i < ORACLE_RAM_LINES; i++) {
        memcpy(&ram[i * LINE], &(u64){ i + 1 }, 8);
        o.ram[i] = i + 1;
    }
    sequences(&o, depth);
}

int main(int argc, char **argv)
{
    const unsigned depth = argc == 3 && !strcmp(argv[1], "--depth") ? (unsigned)strtoul(argv[2], NULL, 0) : 4;

    if (depth < 1 || depth > 15)
        return 2;
    for (unsigned form = 0; form < 4; form++) {
        const u64 before = cases;

        for (unsigned policy = 0; policy < 3; policy++)
            for (unsigned ways = 1; ways <= 4; ways *= 2)
                family(form, policy, ways, depth);
        printf("%12llu  form %c\n", (unsigned long long)(cases - before), forms[form].letter);
    }
    printf("%12llu  accesses, %llu of them skippable, %llu differences\n", (unsigned long long)cases, (unsigned long long)skippable,
           (unsigned long long)differences);
    return differences != 0;
}
