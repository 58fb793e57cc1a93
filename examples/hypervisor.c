/* SPDX-License-Identifier: MIT
 * hypervisor.c - a guest whose memory is given when it first touches it: each EPT violation says which page is missing, the
 * hypervisor puts one of its own there, and the guest's access is made again.  Then what such a guest pays for a walk.
 *
 *     guest address  --the guest's tables-->  guest-physical address  --EPT-->  the hypervisor's page
 *
 *     cc hypervisor.c -lpagewalk-machine && ./a.out */
#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>

#include "pagewalk/nested.h"

enum { P = 1, RW = 2, US = 4 };                  /* bits of the guest's entries */
enum { R = 1, W = 2, X = 4, WB = MMU_WB << 3 };  /* bits of EPT's entries       */
#define EPT_ROOT 0x1000ull
#define GUEST_ROOT 0x1000ull                     /* guest-physical: four tables, one below the other */
#define VA 0x400000ull

static alignas(4096) unsigned char ram[1 << 20];
static u64 unused = 0x2000;                      /* the hypervisor's pages from here on are free */

static u64 new_page(void)
{
    unused += PAGE_BYTES;
    return unused - PAGE_BYTES;
}

/* A page of the hypervisor's under the page of gpa.  Returns it. */
static u64 give(struct mmu *m, u64 gpa)
{
    u64 table = EPT_ROOT;

    for (unsigned level = 3; level > 0; level--) {
        const u64 at = table + (gpa >> (12 + 9 * level) & 511) * 8;
        if (!mmu_peek(m, at))
            mmu_poke(m, at, new_page() | R | W | X);
        table = mmu_peek(m, at) & ~(u64)4095;
    }
    const u64 page = new_page();
    mmu_poke(m, table + (gpa >> 12 & 511) * 8, page | R | W | X | WB);
    return page;
}

/* The guest's operating system: eight pages at VA.  Its tables must be somewhere, so they are given at once. */
static void boot(struct mmu *m)
{
    u64 table = give(m, GUEST_ROOT);

    for (unsigned level = 3; level > 0; level--) {
        const u64 below = GUEST_ROOT + (4 - level) * PAGE_BYTES;
        mmu_poke(m, table + (VA >> (12 + 9 * level) & 511) * 8, below | P | RW | US);
        table = give(m, below);
    }
    for (u64 i = 0; i < 8; i++)
        mmu_poke(m, table + ((VA >> 12 & 511) + i) * 8, (0x100000 + i * PAGE_BYTES) | P | RW | US);
}

/* An access of the guest, with what the hypervisor does about it. */
static unsigned touch(struct mmu *m, u64 va, enum mmu_kind kind)
{
    struct mmu_result r;

    while (mmu_translate(m, 0, va, kind, 0, &r) == MMU_EXIT) {
        const struct mmu_guest_exit *e = mmu_guest_exit(m, 0);
        const u64 page = give(m, e->gpa);
        printf("exit %u, qualification %#llx: guest address %#llx, guest-physical %#llx; now at %#llx\n", e->reason,
               (unsigned long long)e->info, (unsigned long long)va, (unsigned long long)e->gpa, (unsigned long long)page);
    }
    return r.reads;
}

int main(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = sizeof ram, .vendor = cpu->vendor, .features = cpu->features,
                              .profile = cpu, .nested = mmu_nested_usual(cpu->vendor) };
    struct mmu_guest guest = { .nested = MMU_EPT, .root = EPT_ROOT | MMU_WB | 3 << 3, .tag = 1, .reg = mmu_guest_start() };
    size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    void *block = aligned_alloc(64, bytes);
    struct mmu *m = mmu_create(block, bytes, &cfg);
    struct mmu_guest_walk walk;
    const char *why;

    if (!m)
        return 1;
    boot(m);
    guest.reg.cr3 = GUEST_ROOT;
    if ((why = mmu_guest_enter(m, 0, &guest))) {
        printf("no entry: %s\n", why);
        return 1;
    }
    for (u64 i = 0; i < 8; i += 3)
        touch(m, VA + i * PAGE_BYTES, MMU_STORE);

    mmu_guest_walk(m, 0, VA, MMU_LOAD, 0, &walk);
    printf("a walk from both roots reads %u entries\n", walk.steps);
    mmu_invvpid(m, 0, 2, 0, 0);
    mmu_invept(m, 0, 2, 0);
    printf("the processor, with nothing cached: %u\n", touch(m, VA, MMU_LOAD));
    printf("the page three further, by its structure caches: %u\n", touch(m, VA + 3 * PAGE_BYTES, MMU_LOAD));
    mmu_invlpg(m, 0, VA);
    printf("after the guest's INVLPG, which leaves what EPT said: %u\n", touch(m, VA, MMU_LOAD));
    mmu_guest_leave(m, 0, NULL);
    printf("violations %llu, entries of EPT read %llu\n", (unsigned long long)mmu_nested_stats(m, 0)->violations,
           (unsigned long long)(mmu_nested_stats(m, 0)->reads[0] + mmu_nested_stats(m, 0)->reads[1] +
                                mmu_nested_stats(m, 0)->reads[2] + mmu_nested_stats(m, 0)->reads[3]));
    free(block);
    return 0;
}
