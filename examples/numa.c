/* SPDX-License-Identifier: MIT
 * numa.c - where should page tables lie?  A program's pages are interleaved over two nodes, a thread on each reads all of them; its
 * tables lie on one node, or each CPU has a copy of its own (as Mitosis does, Achermann et al., ASPLOS 2020).
 *
 *     cc numa.c -lpagewalk-machine && ./a.out */
#include "pagewalk/numa.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BYTES (64ull << 20)
#define HALF (RAM_BYTES / 2)
#define PAGES 4096u                  /* 16 MiB, which no TLB holds                                                  */
#define READS 200000u

static u8 *ram;

/* Tables from `at` on for PAGES pages at 0, each on the node that its number says. */
static void tables(struct mmu *m, u64 at)
{
    mmu_poke(m, at, (at + 0x1000) | 7);
    mmu_poke(m, at + 0x1000, (at + 0x2000) | 7);
    for (u64 i = 0; i < PAGES / 512; i++)
        mmu_poke(m, at + 0x2000 + 8 * i, (at + 0x3000 + 0x1000 * i) | 7);
    for (u64 i = 0; i < PAGES; i++)
        mmu_poke(m, at + 0x3000 + 8 * i, ((i & 1 ? HALF : 0) + 0x1000000 + 0x1000 * (i / 2)) | 0x67);
}

static void run(const char *name, u64 root0, u64 root1)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 2, .ram = ram, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    const size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    struct mmu *m = mmu_create(block, bytes, &cfg);
    static struct numa_meter meter;
    struct mmu_result r;
    struct numa nodes;
    u32 x = 2463534242u;

    numa_even(&nodes, 2, RAM_BYTES, 2, 21);
    tables(m, root0);
    tables(m, root1);
    mmu_set(m, 0, MMU_CR3, root0);
    mmu_set(m, 1, MMU_CR3, root1);
    numa_observe(&meter, &nodes, m);
    for (u32 i = 0; i < 2 * READS; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        mmu_translate(m, i & 1, (u64)(x % PAGES) << PAGE_LG2, MMU_LOAD, 0, &r);
    }
    printf("%-22s", name);
    for (unsigned cpu = 0; cpu < 2; cpu++) {
        const u64 *a = meter.counts.accesses[cpu], *t = meter.counts.reads[cpu];
        printf("  %5.1f %% %8llu %6.1f %%", 100.0 * (double)a[!cpu] / (double)(a[0] + a[1]), (unsigned long long)(t[0] + t[1]),
               100.0 * (double)t[!cpu] / (double)(t[0] + t[1]));
    }
    printf("  %7.1f\n", (double)meter.counts.remote_cycles / (2 * READS));
    free(block);
}

int main(void)
{
    ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    puts("                        CPU of node 0               CPU of node 1            remote");
    puts("                        pages    table reads        pages    table reads     cycles");
    puts("                        remote            remote    remote            remote  an access");
    run("tables on node 0", 0x100000, 0x100000);
    run("tables on node 1", HALF + 0x100000, HALF + 0x100000);
    run("a copy on each", 0x100000, HALF + 0x100000);
    free(ram);
    return 0;
}
