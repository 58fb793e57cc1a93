/* SPDX-License-Identifier: MIT
 * create.c - a machine in the embedder's block, and small public calls about the whole.  Called by the embedder.
 * Everything is carved here; nothing is allocated later. */
#include "machine/batch.h"
#include "machine/cpu.h"
#include "machine/fast.h"
#include "machine/guest.h"
#include "machine/phys.h"
#include "machine/regs.h"
#include "machine/stale.h"

#include <string.h>

#include "arch/x86_pte.h"

#define MAX_CPUS 64u

static unsigned maxphyaddr(const struct mmu_config *cfg)
{
    return cfg->maxphyaddr ? cfg->maxphyaddr : cfg->profile->maxphyaddr;
}

static bool profile_possible(const struct mmu_profile *p)
{
    for (u32 i = 0; i < p->pscs; i++)
        if (!psc_possible(&p->psc[i]))
            return false;
    return tlb_possible(p);
}

static bool nested_possible(const struct mmu_nested_config *n)
{
    for (u32 i = 0; n && i < n->pscs; i++)
        if (!psc_possible(&n->psc[i]))
            return false;
    return !n || !n->gpa_entries || (n->gpa_ways && n->gpa_entries % n->gpa_ways == 0 &&
                                     assoc_possible(n->gpa_ways, n->gpa_entries / n->gpa_ways, MMU_LRU));
}

static bool possible(const struct mmu_config *cfg)
{
    u32 needed = MMU_LM | MMU_PAE; /* the machine starts in long mode */
    if (!cfg->profile || !cfg->cpus || cfg->cpus > MAX_CPUS || cfg->vendor > MMU_AMD)
        return false;
    if (maxphyaddr(cfg) < 32 || maxphyaddr(cfg) > 52 || (cfg->features & needed) != needed)
        return false;
    if (cfg->ram_bytes % PAGE_BYTES || cfg->ram_bytes > (u64)1 << maxphyaddr(cfg))
        return false;
    return profile_possible(cfg->profile) && nested_possible(cfg->nested);
}

static void start_registers(struct mmu *m, struct cpu *c)
{
    u64 nxe = part_has(&m->part, MMU_NX) ? X86_EFER_NXE : 0;
    c->reg = (struct registers){ .cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_WP, .cr4 = X86_CR4_PAE,
                                 .efer = X86_EFER_LME | X86_EFER_LMA | nxe };
    regs_changed(m, c);
}

static void carve_nested(struct carve *c, struct cpu *cpu, const struct mmu_nested_config *cfg)
{
    struct nested *n = carve(c, sizeof *n), made = { .config = cfg };
    if (cfg->gpa_entries)
        assoc_create(&made.gpa, c, cfg->gpa_ways, cfg->gpa_entries / cfg->gpa_ways, MMU_LINEAR, MMU_LRU, 0);
    psc_create(&made.psc, c, cfg->psc, cfg->pscs);
    if (!c->base)
        return;
    *n = made;
    cpu->nested = n;
}

static void carve_cpu(struct mmu *m, struct carve *c, struct cpu *cpu, const struct mmu_config *cfg, unsigned index)
{
    u32 near = near_sets(&cfg->profile->timing);
    u64 (*line)[4] = carve(c, near * sizeof *line);
    if (c->base) {
        memset(cpu, 0, sizeof *cpu);
        memset(line, 0, near * sizeof *line);
        cpu->near = (struct near_lines){ line, near - 1 };
        cpu->own = cpu->contexts = 1 << 0; /* the host */
    }
    tlb_create(cpu, c, cfg->profile, cfg->seed + index);
    psc_create(c->base ? &cpu->psc : NULL, c, cfg->profile->psc, cfg->profile->pscs);
    if (cfg->nested)
        carve_nested(c, cpu, cfg->nested);
    if (c->base)
        start_registers(m, cpu);
}

/* Lays everything out; with no base it only counts. */
static struct mmu *carve_machine(struct carve *c, const struct mmu_config *cfg)
{
    struct mmu *m = carve(c, sizeof *m);
    struct cpu *cpu = carve(c, cfg->cpus * sizeof *cpu);
    struct batch *batch = carve(c, sizeof *batch);
    if (c->base)
        *m = (struct mmu){
            .ram = cfg->ram, .ram_bytes = cfg->ram_bytes, .cpus = cfg->cpus, .cpu = cpu, .profile = cfg->profile,
            .part = { cfg->features, (u8)maxphyaddr(cfg), (u8)cfg->vendor }, .timing = cfg->profile->timing,
            .policy = policy_default(cfg->vendor), .batch = batch,
        };
    if (c->base)
        batch_create(batch);
    for (unsigned i = 0; i < cfg->cpus; i++)
        carve_cpu(m, c, c->base ? &cpu[i] : NULL, cfg, i);
    return m;
}

size_t mmu_bytes(const struct mmu_config *cfg)
{
    struct carve count = { NULL, 0 };
    if (!possible(cfg))
        return 0;
    carve_machine(&count, cfg);
    return count.used_bytes;
}

struct mmu *mmu_create(void *block, size_t block_bytes, const struct mmu_config *cfg)
{
    size_t needed = mmu_bytes(cfg);
    struct carve c = { block, 0 };
    if (!needed || block_bytes < needed || !block || (!cfg->ram && cfg->ram_bytes))
        return NULL;
    return carve_machine(&c, cfg);
}

bool mmu_in_ram(const struct mmu *m, u64 pa, u64 len_bytes)
{
    return len_bytes <= m->ram_bytes && pa <= m->ram_bytes - len_bytes;
}

u64 mmu_peek(const struct mmu *m, u64 pa)
{
    CHECK(pa % 8 == 0 && mmu_in_ram(m, pa, 8));
    return phys_read(m, pa);
}

void mmu_poke(struct mmu *m, u64 pa, u64 value)
{
    CHECK(pa % 8 == 0 && mmu_in_ram(m, pa, 8));
    mmu_check_flush_stored(m, pa, phys_read(m, pa), value);
    phys_write(m, pa, value);
}

const struct mmu_stats *mmu_stats(const struct mmu *m, unsigned cpu)
{
    CHECK(cpu < m->cpus);
    return &m->cpu[cpu].stats;
}

void mmu_observe(struct mmu *m, const struct mmu_observer *o)
{
    m->observer = o ? *o : (struct mmu_observer){ NULL, NULL, NULL };
    stale_listen(m);
}
