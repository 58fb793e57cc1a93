/* SPDX-License-Identifier: MIT
 * embed.c - the machine inside another program: a block for the machine, RAM with page tables in it, accesses, a fault,
 * an invalidation, counters.  Everything it uses is in <pagewalk/mmu.h>; link with libpagewalk-machine. */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "pagewalk/mmu.h"

enum { P = 1, RW = 2, US = 4 };                  /* bits of a page-table entry */
static alignas(4096) unsigned char ram[1 << 20]; /* 1 MiB of physical memory   */

/* Maps the page of va to a frame: four tables at 0x1000, 0x2000, 0x3000, 0x4000, one below the other. */
static void map(struct mmu *m, u64 va, u64 frame, u64 rights)
{
    for (unsigned level = 3; level > 0; level--)
        mmu_poke(m, 0x1000 * (4 - level) + (va >> (12 + 9 * level) & 511) * 8, 0x1000 * (5 - level) | P | RW | US);
    mmu_poke(m, 0x4000 + (va >> 12 & 511) * 8, frame | rights);
}

int main(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = sizeof ram, .vendor = cpu->vendor,
                              .features = cpu->features, .profile = cpu };
    size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    struct mmu *m = mmu_create(block, bytes, &cfg);
    static struct mmu_mem mem;
    u64 va = 0x400000, value = 0;
    if (!m)
        return 1;

    map(m, va, 0x10000, P | RW | US);
    map(m, va + 4096, 0x11000, P | US);          /* read-only */
    mmu_set(m, 0, MMU_CR3, 0x1000);
    mmu_set(m, 0, MMU_CPL, 3);
    mmu_mem_bind(&mem, m, 0, NULL);

    mmu_store_u64(&mem, va + 4088, 0x1122334455667788);
    mmu_load_u64(&mem, va + 4092, &value);       /* half of it, and half of the next page */
    printf("loaded %#llx\n", (unsigned long long)value);
    if (!mmu_store_u64(&mem, va + 4096, 1))
        printf("store to a read-only page: #PF, error code %#x, CR2 %#llx\n", mem.fault.error,
               (unsigned long long)mmu_get(m, 0, MMU_CR2));

    mmu_store_u64(&mem, va, 1);
    map(m, va, 0x12000, P | RW | US);            /* another frame; the TLB does not know */
    mmu_load_u64(&mem, va, &value);
    printf("before INVLPG: %llu\n", (unsigned long long)value);
    mmu_invlpg(m, 0, va);
    mmu_load_u64(&mem, va, &value);
    printf("after INVLPG: %llu\n", (unsigned long long)value);

    const struct mmu_stats *s = mmu_stats(m, 0);
    printf("walks %llu, entries read %llu, page faults %llu\n", (unsigned long long)s->walks[MMU_SIDE_D][MMU_4K],
           (unsigned long long)(s->reads[0] + s->reads[1] + s->reads[2] + s->reads[3]), (unsigned long long)s->pf);
    free(block);
    return 0;
}
