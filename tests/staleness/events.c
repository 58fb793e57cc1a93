/* SPDX-License-Identifier: MIT
 * events.c - invalidations, done to the machine and told to the oracle; see world.h.  SDM3 4.10.4.1. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CR4 (1ull << 5 | 1ull << 7 | 1ull << 17 | 1ull << 22) /* PAE, PGE, PCIDE, PKE */
#define CR4_PGE (1ull << 7)
#define CR4_SMEP (1ull << 20)
#define KEEP (1ull << 63)
#define PKRU (3u << 2)

static void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "staleness: the machine refuses %s\n", what);
    exit(1);
}

static void invlpg(struct world *w, unsigned cpu, uint64_t va)
{
    mmu_invlpg(w->m, cpu, va);
    oracle_invlpg(&w->o, cpu, va);
    oracle_settle(&w->o);
}

static void invpcid(struct world *w, unsigned cpu, unsigned type, unsigned pcid, uint64_t va)
{
    must(mmu_invpcid(w->m, cpu, type, pcid, va), "INVPCID");
    oracle_invpcid(&w->o, cpu, type, (uint16_t)pcid, va);
    oracle_settle(&w->o);
}

static void mov_cr3(struct world *w, unsigned cpu, unsigned pcid, bool keep)
{
    must(mmu_set(w->m, cpu, MMU_CR3, FIRST(3) | pcid | (keep ? KEEP : 0)), "CR3");
    oracle_mov_cr3(&w->o, cpu, FIRST(3), (uint16_t)pcid, keep);
    oracle_settle(&w->o);
}

static void mov_cr4(struct world *w, unsigned cpu, uint64_t cr4)
{
    must(mmu_set(w->m, cpu, MMU_CR4, cr4), "CR4");
    oracle_pge(&w->o, cpu, cr4 & CR4_PGE);
    oracle_smep(&w->o, cpu, cr4 & CR4_SMEP);
    oracle_settle(&w->o);
}

static void nothing(struct world *w, unsigned cpu) { (void)w, (void)cpu; }
static void invlpg_same(struct world *w, unsigned cpu) { invlpg(w, cpu, VA ^ 0xfff); }
static void invlpg_beside(struct world *w, unsigned cpu) { invlpg(w, cpu, neighbour(w)); }
static void invlpg_far(struct world *w, unsigned cpu) { invlpg(w, cpu, FAR_VA); }
static void invlpg_bad(struct world *w, unsigned cpu) { mmu_invlpg(w->m, cpu, VA | 1ull << 63); } /* a NOP */
static void address_same(struct world *w, unsigned cpu) { invpcid(w, cpu, 0, PCID_HERE, VA); }
static void address_beside(struct world *w, unsigned cpu) { invpcid(w, cpu, 0, PCID_HERE, neighbour(w)); }
static void address_there(struct world *w, unsigned cpu) { invpcid(w, cpu, 0, PCID_THERE, VA); }
static void single_same(struct world *w, unsigned cpu) { invpcid(w, cpu, 1, PCID_HERE, 0); }
static void single_there(struct world *w, unsigned cpu) { invpcid(w, cpu, 1, PCID_THERE, 0); }
static void all_global(struct world *w, unsigned cpu) { invpcid(w, cpu, 2, 0, 0); }
static void all_nonglobal(struct world *w, unsigned cpu) { invpcid(w, cpu, 3, 0, 0); }
static void cr3_same(struct world *w, unsigned cpu) { mov_cr3(w, cpu, PCID_HERE, false); }
static void cr3_same_keep(struct world *w, unsigned cpu) { mov_cr3(w, cpu, PCID_HERE, true); }

/* Away and back; the middle is where the other PCID may cache. */
static void cr3_away(struct world *w, unsigned cpu, bool keep_there, bool keep_here)
{
    mov_cr3(w, cpu, PCID_THERE, keep_there);
    mov_cr3(w, cpu, PCID_HERE, keep_here);
}

static void cr3_other(struct world *w, unsigned cpu) { cr3_away(w, cpu, false, true); }
static void cr3_other_keep(struct world *w, unsigned cpu) { cr3_away(w, cpu, true, true); }
static void cr3_and_back(struct world *w, unsigned cpu) { cr3_away(w, cpu, true, false); }

static void pge(struct world *w, unsigned cpu)
{
    mov_cr4(w, cpu, CR4 & ~CR4_PGE);
    mov_cr4(w, cpu, CR4);
}

static void smep(struct world *w, unsigned cpu)
{
    mov_cr4(w, cpu, CR4 | CR4_SMEP);
    mov_cr4(w, cpu, CR4);
}

const struct invalidation invalidations[] = {
    { "none", nothing },
    { "INVLPG of the page", invlpg_same },
    { "INVLPG of the page beside", invlpg_beside },
    { "INVLPG far away", invlpg_far },
    { "INVLPG, not canonical", invlpg_bad },
    { "INVPCID 0, the page", address_same },
    { "INVPCID 0, the page beside", address_beside },
    { "INVPCID 0, the page, another PCID", address_there },
    { "INVPCID 1", single_same },
    { "INVPCID 1, another PCID", single_there },
    { "INVPCID 2", all_global },
    { "INVPCID 3", all_nonglobal },
    { "MOV CR3", cr3_same },
    { "MOV CR3, bit 63", cr3_same_keep },
    { "MOV CR3 to another PCID, back with bit 63", cr3_other },
    { "MOV CR3 to another PCID and back, both with bit 63", cr3_other_keep },
    { "MOV CR3 to another PCID with bit 63, back without", cr3_and_back },
    { "CR4.PGE off and on", pge },
    { "CR4.SMEP on and off", smep },
};
const unsigned invalidations_len = sizeof invalidations / sizeof *invalidations;

void world_create(struct world *w, const char *profile)
{
    const struct mmu_profile *p = mmu_profile_find(profile);
    must(p, "the profile's name");
    struct mmu_config config = { .cpus = ORACLE_CPUS, .ram_bytes = WORLD_RAM, .maxphyaddr = 46, .vendor = p->vendor,
                                 .features = p->features | MMU_PCID | MMU_INVPCID | MMU_PKU | MMU_PGE | MMU_SMEP |
                                             MMU_NX | MMU_PDPE1GB, .profile = p, .seed = 1 };
    size_t bytes = mmu_bytes(&config);
    *w = (struct world){ .profile = p };
    w->ram = aligned_alloc(4096, WORLD_RAM);
    must(w->ram && bytes, "the configuration");
    memset(w->ram, 0, WORLD_RAM);
    config.ram = w->ram;
    w->m = mmu_create(aligned_alloc(64, (bytes + 63) / 64 * 64), bytes, &config);
    must(w->m, "to be made");
    w->o = (struct oracle){ .ram = w->ram, .amd = p->vendor == MMU_AMD, .maxphyaddr = 46, .va = VA };
    for (unsigned cpu = 0; cpu < ORACLE_CPUS; cpu++) {
        must(mmu_set(w->m, cpu, MMU_CR4, CR4), "CR4");
        must(mmu_set(w->m, cpu, MMU_PKRU, PKRU), "PKRU");
        must(mmu_set(w->m, cpu, MMU_CR3, FIRST(3) | PCID_HERE), "CR3");
        w->o.cpu[cpu].root = FIRST(3);
        w->o.cpu[cpu].pcid = PCID_HERE;
        w->o.cpu[cpu].pge = true;
        w->o.cpu[cpu].pkru = PKRU;
    }
}

void world_destroy(struct world *w)
{
    free(w->m);
    free(w->ram);
}

void world_reset(struct world *w)
{
    for (unsigned cpu = 0; cpu < ORACLE_CPUS; cpu++)
        must(mmu_invpcid(w->m, cpu, 2, 0, 0), "INVPCID");
    oracle_start(&w->o);
}
