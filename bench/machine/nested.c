/* SPDX-License-Identifier: MIT
 * nested.c - what a second table costs the model: misses of a guest beside misses of a host, tables in the caches of the machine
 * that runs this, with everything a walk does; and hits.  EPT, pages of 4 KiB on both sides.  Called by bench.c. */
#include "nested.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arch/ept.h"
#include "arch/x86_pte.h"
#include "pagewalk/nested.h"
#include "streams.h"

#define GUEST_BYTES (1ull << 20)     /* the guest's tables; its pages lie above                                     */
#define RAM_BYTES (2ull << 20)       /* EPT's tables behind them                                                    */
#define FRAMES 0x100000000ull        /* where stream_tables() puts pages                                            */
#define WALKS 1000000u
#define HITS 4000000u
#define PAGES 8192u
#define HOT_PAGES 16u
#define ROUNDS_MOST 101

static u64 get(const u8 *ram, u64 pa)
{
    u64 e;
    memcpy(&e, ram + pa, sizeof e);
    return e;
}

static void put(u8 *ram, u64 pa, u64 e) { memcpy(ram + pa, &e, sizeof e); }

/* gpa = pa from first on, in pages of 4 KiB. */
static void map_identity(u8 *ram, u64 first, u64 bytes)
{
    static u64 next = GUEST_BYTES + PAGE_BYTES;
    const u64 all = EPT_R | EPT_W | EPT_X;
    for (u64 gpa = first; gpa < first + bytes; gpa += PAGE_BYTES) {
        u64 table = GUEST_BYTES;
        for (unsigned level = 3; level > 0; level--) {
            u64 at = table + (gpa >> (12 + 9 * level) & 511) * 8;
            if (!get(ram, at)) {
                put(ram, at, next | all);
                next += PAGE_BYTES;
            }
            table = get(ram, at) & X86_PTE_ADDR;
        }
        put(ram, table + (gpa >> 12 & 511) * 8, gpa | 6 << EPT_MT_SHIFT | all);
    }
}

static struct mmu *machine_on(u8 *ram, const struct mmu_nested_config *nested, bool structure_caches)
{
    static struct mmu_profile profile[2];
    struct mmu_profile *cpu = &profile[structure_caches];
    *cpu = *mmu_profile_find("skylake");
    cpu->pscs = structure_caches ? cpu->pscs : 0;
    struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = RAM_BYTES, .vendor = cpu->vendor, .features = cpu->features,
                              .maxphyaddr = 46, .profile = cpu, .nested = nested };
    size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    return mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
}

static void enter(struct mmu *m)
{
    struct mmu_guest g = { .nested = MMU_EPT, .root = GUEST_BYTES | 3 << EPTP_LEVELS_SHIFT | 6, .tag = 1, .reg = mmu_guest_start() };
    g.reg.cpl = 3;
    const char *why = mmu_guest_enter(m, 0, &g);
    if (why) {
        fprintf(stderr, "bench: %s\n", why);
        exit(1);
    }
}

static u64 hits(struct mmu *m, const u64 *record)
{
    struct mmu_result r;
    u64 sum = 0;
    for (u32 i = 0; i < HITS; i++) {
        mmu_translate(m, 0, mmu_record_va(record[i % HOT_PAGES]), MMU_LOAD, 0, &r);
        sum += r.pa;
    }
    return sum;
}

/* Accesses in an order that leaves next to nothing in the TLBs, with everything a walk does. */
static u64 misses(struct mmu *m, const u64 *record)
{
    struct mmu_result r;
    u64 sum = 0;
    for (u32 i = 0; i < WALKS; i++) {
        mmu_translate(m, 0, mmu_record_va(record[i % PAGES]), MMU_LOAD, 0, &r);
        sum += r.pa;
    }
    return sum;
}

struct row { const char *what, *aim; u64 (*go)(struct mmu *, const u64 *); u32 times; bool caches; };

static void measure(const struct row *row, struct mmu *host, struct mmu *guest, const u64 *record, int rounds)
{
    static double one[ROUNDS_MOST], two[ROUNDS_MOST], ratio[ROUNDS_MOST];
    for (int r = 0; r < rounds; r++) {
        double start = now_ns();
        u64 want = row->go(host, record);
        double middle = now_ns();
        u64 got = row->go(guest, record);
        one[r] = (middle - start) / row->times;
        two[r] = (now_ns() - middle) / row->times;
        ratio[r] = two[r] / one[r];
        if (want != got) {
            fputs("bench: host and guest disagree\n", stderr);
            exit(1);
        }
    }
    double middle = median(ratio, rounds);
    printf("| %s | %.1f ns | %.1f ns | **%.2f** (%.0f %%) | %s |\n", row->what, median(one, rounds), median(two, rounds), middle,
           100 * (ratio[rounds - 1] - ratio[0]) / middle, row->aim);
}

/* With structure caches and a cache of nested translations, or without any. */
static void measure_on(u8 *ram, const u64 *record, bool caches, const struct row *row, int rounds)
{
    struct mmu_nested_config none = *mmu_nested_usual(MMU_INTEL);
    none.gpa_entries = 0;
    none.pscs = 0;
    struct mmu *host = machine_on(ram, NULL, caches), *guest = machine_on(ram, caches ? mmu_nested_usual(MMU_INTEL) : &none, caches);
    mmu_set(host, 0, MMU_CPL, 3);
    enter(guest);
    measure(row, host, guest, record, rounds);
}

void measure_nested(int rounds)
{
    static const struct row rows[] = {
        { "a miss of all TLBs that reads 4 entries, 24 in the guest: no structure caches", "6", misses, WALKS, false },
        { "the same with every cache there is", "6", misses, WALKS, true },
        { "first-level hits", "1", hits, HITS, true },
    };
    struct stream s = { .name = "walks" };
    u8 *ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    stream_pages(&s, PAGES);
    if (!stream_tables(&s, ram, GUEST_BYTES)) {
        fputs("bench: the tables of the guest do not fit\n", stderr);
        exit(1);
    }
    map_identity(ram, 0, GUEST_BYTES);
    map_identity(ram, FRAMES, PAGES * PAGE_BYTES);
    printf("\n| mmu_translate() in a guest, EPT | host | guest | ratio (spread) | aim |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        measure_on(ram, s.record, rows[i].caches, &rows[i], rounds);
    free(s.record);
    free(ram);
}
