/* SPDX-License-Identifier: MIT
 * walkers.c - the walk alone, tables in the host's caches: the machine's walker, which serves every mode and vendor by masks,
 * beside one written by hand for 4-level paging on one part.  Both find the entry, judge presence and reserved bits, combine
 * rights and say what may be accessed; neither touches TLBs, A or D.  Called by bench.c. */
#include "walkers.h"
#include "clock.h"

#include <stdio.h>
#include <stdlib.h>

#include "arch/x86_pte.h"
#include "machine/access.h"
#include "machine/walk.h"
#include "streams.h"

#define RAM_BYTES (1ull << 20)
#define WALKS 4000000u
#define PAGES 8192u /* 32 MiB: 16 page tables, 64 KiB of entries */
#define ROUNDS_MOST 101

struct answer { u64 pa; u32 error, allow; };

/* ---- by hand: 4-level paging, MAXPHYADDR 46, NXE=1, no keys, user mode --------------------------------------------- */

#define RESERVED (((((u64)1 << 52) - 1) >> 46) << 46)

__attribute__((noinline)) static bool by_hand(const u8 *ram, u64 ram_bytes, u64 cr3, u64 va, u32 access, struct answer *a)
{
    u64 table = cr3, all = ~(u64)0, any = 0, e = 0;
    unsigned shift = 39;
    for (;; shift -= 9) {
        u64 at = table + (va >> shift & 511) * 8;
        e = ~(u64)0;
        if (at < ram_bytes)
            __builtin_memcpy(&e, ram + at, 8);
        if (!(e & X86_PTE_P)) {
            a->error = access;
            return false;
        }
        bool leaf = shift == 12 || (shift < 39 && e & X86_PTE_PS);
        u64 reserved = RESERVED | (leaf && shift > 12 ? (((u64)1 << shift) - 1) & ~(u64)0x1fff : 0) | (shift == 39 ? X86_PTE_PS : 0);
        if (e & reserved) {
            a->error = access | PF_P | PF_RSVD;
            return false;
        }
        all &= e;
        any |= e;
        if (leaf)
            break;
        table = e & X86_PTE_ADDR;
    }
    bool refused = !(all & X86_PTE_US) || (access & PF_W && !(all & X86_PTE_RW)) || (access & PF_I && any & X86_PTE_XD);
    if (refused) {
        a->error = access | PF_P;
        return false;
    }
    u64 offset = ((u64)1 << shift) - 1;
    a->pa = (e & X86_PTE_ADDR & ~offset) | (va & offset);
    a->error = 0;
    return true;
}

/* ---- the machine's ------------------------------------------------------------------------------------------------- */

__attribute__((noinline)) static bool by_machine(const struct mmu *m, const struct cpu *c, u64 va, enum mmu_kind kind,
                                                 struct answer *a)
{
    struct walk w;
    struct walk_start root = walk_root(c);
    walk_down(m, &c->mode, va, &root, &w);
    if (w.verdict != MMU_STEP_LEAF) {
        a->error = c->now->error[0][kind] | (w.verdict == MMU_STEP_RESERVED ? PF_P | PF_RSVD : 0);
        return false;
    }
    u64 data = walk_data(c, va, &w);
    if (!(allow(c, 0, data) >> kind & 1)) {
        a->error = c->now->error[0][kind] | PF_P;
        return false;
    }
    a->pa = (data & DATA_PA) | (va & PAGE_MASK_LOW);
    a->error = 0;
    return true;
}

/* ---- measuring ------------------------------------------------------------------------------------------------------ */

static u64 walk_all(const struct mmu *m, const u8 *ram, const u64 *record, bool machine)
{
    const struct cpu *c = &m->cpu[0];
    u64 sum = 0;
    for (u32 i = 0; i < WALKS; i++) {
        u64 r = record[i % PAGES], va = mmu_record_va(r);
        bool store = mmu_record_kind(r) == MMU_STORE;
        struct answer a;
        bool ok = machine ? by_machine(m, c, va, store ? MMU_STORE : MMU_LOAD, &a)
                          : by_hand(ram, RAM_BYTES, c->reg.cr3, va, PF_U | (store ? PF_W : 0), &a);
        sum += ok ? a.pa : a.error;
    }
    return sum;
}

static struct mmu *machine_on(u8 *ram)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram = ram, .ram_bytes = RAM_BYTES, .vendor = cpu->vendor,
                              .features = cpu->features, .maxphyaddr = 46, .profile = cpu };
    size_t bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    struct mmu *m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    mmu_set(m, 0, MMU_CPL, 3);
    return m;
}

void measure_walkers(int rounds)
{
    static double hand[ROUNDS_MOST], machine[ROUNDS_MOST], ratio[ROUNDS_MOST];
    struct stream s = { .name = "walks" };
    u8 *ram = aligned_alloc(4096, RAM_BYTES);
    stream_pages(&s, PAGES);
    if (!stream_tables(&s, ram, RAM_BYTES)) {
        fputs("bench: the tables of the walks do not fit\n", stderr);
        exit(1);
    }
    struct mmu *m = machine_on(ram);
    u64 want = 0, got = 0;
    for (int r = 0; r < rounds; r++) {
        double start = now_ns();
        want = walk_all(m, ram, s.record, false);
        double middle = now_ns();
        got = walk_all(m, ram, s.record, true);
        hand[r] = (middle - start) / WALKS;
        machine[r] = (now_ns() - middle) / WALKS;
        ratio[r] = machine[r] / hand[r];
    }
    if (want != got) {
        fputs("bench: the two walkers disagree\n", stderr);
        exit(1);
    }
    qsort(hand, (size_t)rounds, sizeof *hand, by_size);
    qsort(machine, (size_t)rounds, sizeof *machine, by_size);
    qsort(ratio, (size_t)rounds, sizeof *ratio, by_size);
    printf("\n| a walk of four levels | by hand | the machine's | ratio (spread) | aim |\n|---|---|---|---|---|\n");
    printf("| tables in cache, %u pages in random order | %.1f ns | %.1f ns | **%.2f** (%.0f %%) | 1.5 |\n", PAGES, hand[rounds / 2],
           machine[rounds / 2], ratio[rounds / 2], 100 * (ratio[rounds - 1] - ratio[0]) / ratio[rounds / 2]);
    free(s.record);
    free(ram);
}
