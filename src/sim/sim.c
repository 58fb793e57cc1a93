/* SPDX-License-Identifier: MIT
 * sim.c - creating a session: carves machine, kernel and arena from the embedder's block and joins them.
 * Called by the embedder.  After sim_create() every CPU runs at CPL 3 if there is a kernel, at CPL 0 if not. */
#include "sim_internal.h"

#include "base/check.h"

#include <string.h>

static size_t align_up(size_t n, size_t to) { return (n + to - 1) & ~(to - 1); }

/* Where the parts stand in the block. */
struct layout { size_t machine_at, machine_bytes, kernel_at, kernel_bytes, arena_at, bytes; };

static size_t arena_bytes(const struct sim_config *cfg)
{
    return (size_t)SIM_SITE_COSTS * sizeof(struct sim_cost) + SIM_ROW_SLOTS * sizeof(u16) + SIM_ROWS * sizeof(u64) +
           SIM_ROWS * sizeof(struct sim_mapping) + twin_bytes(cfg->machine.profile, cfg->machine.cpus) + flush_check_bytes(cfg) +
           timeline_bytes() + where_bytes() + caches_bytes(cfg) + 4096;
}

static bool lay_out(const struct sim_config *cfg, struct layout *l)
{
    const struct mmu_config machine = guest_machine(cfg);
    const struct hw shape = { .cpus = machine.cpus, .ram = machine.ram, .ram_bytes = guest_ram_bytes(cfg) };

    l->machine_at = align_up(sizeof(struct sim), 4096);
    l->machine_bytes = mmu_bytes(&machine);
    if (!l->machine_bytes || (machine.ram_bytes && !shape.ram_bytes) || (cfg->guest && cfg->check_flush))
        return false;
    l->kernel_at = align_up(l->machine_at + l->machine_bytes, 4096);
    l->kernel_bytes = cfg->no_kernel ? 0 : kernel_bytes(&shape, &cfg->kernel);
    if (!cfg->no_kernel && !l->kernel_bytes)
        return false;
    l->arena_at = align_up(l->kernel_at + l->kernel_bytes, 4096);
    l->bytes = l->arena_at + arena_bytes(cfg);
    return true;
}

size_t sim_bytes(const struct sim_config *cfg)
{
    struct layout l;

    return lay_out(cfg, &l) ? l.bytes : 0;
}

void *sim_alloc(struct sim *s, size_t bytes, size_t align)
{
    u8 *at = (u8 *)align_up((uintptr_t)s->arena, align);

    if (at > s->arena_end || bytes > (size_t)(s->arena_end - at))
        return NULL;
    s->arena = at + bytes;
    return at;
}

static bool start_kernel(struct sim *s, u8 *block, size_t bytes, const struct sim_config *cfg)
{
    s->kernel = kernel_create(block, bytes, &s->hw, &cfg->kernel);
    if (!s->kernel)
        return false;
    kernel_on_fault(s->kernel, sim_fault_seen, s);
    kernel_on_shootdown(s->kernel, sim_shootdown_seen, s);
    s->kpti = cfg->kernel.kpti;
    for (unsigned cpu = 0; cpu < s->cpus; cpu++)
        CHECK(mmu_set(s->mmu, cpu, MMU_CPL, 3));
    return true;
}

struct sim *sim_create(void *block, size_t block_bytes, const struct sim_config *cfg)
{
    struct layout l;
    struct sim *s = block;
    u8 *base = block;
    const struct mmu_config machine = guest_machine(cfg);

    if (!lay_out(cfg, &l) || block_bytes < l.bytes)
        return NULL;
    memset(s, 0, sizeof *s);
    s->profile = cfg->machine.profile;
    s->cpus = cfg->machine.cpus;
    s->next_close = ~(u64)0;
    s->arena = base + l.arena_at;
    s->arena_end = base + l.bytes;
    s->mmu = mmu_create(base + l.machine_at, l.machine_bytes, &machine);
    if (!s->mmu)
        return NULL;
    s->row_slot = sim_alloc(s, SIM_ROW_SLOTS * sizeof *s->row_slot, 64);
    s->row_hash = sim_alloc(s, SIM_ROWS * sizeof *s->row_hash, 64);
    s->row = sim_alloc(s, SIM_ROWS * sizeof *s->row, 64);
    sim_bind_hw(s, &machine, guest_ram_bytes(cfg));
    if (cfg->guest && !guest_begin(s, cfg))
        return NULL;
    if (cfg->check_flush && !flush_check_begin(s, cfg))
        return NULL;
    if (!cfg->no_kernel && !start_kernel(s, base + l.kernel_at, l.kernel_bytes, cfg))
        return NULL;
    return s;
}

struct mmu *sim_mmu(struct sim *s) { return s->mmu; }

struct kernel *sim_kernel(struct sim *s) { return s->kernel; }

void sim_set_now(struct sim *s, u64 now_ns)
{
    if (now_ns <= s->now_ns)
        return;
    s->now_ns = now_ns;
    if (s->kernel)
        kernel_tick(s->kernel);
}

/* The twin begins with empty TLBs, so the machine's are emptied first: CR4.PGE flipped twice drops every entry of
 * every PCID (SDM3 4.10.4.1); a CPU without PGE has neither global entries nor PCIDs, and MOV CR3 does. */
static void empty_tlbs(struct sim *s)
{
    for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
        const u64 cr4 = mmu_get(s->mmu, cpu, MMU_CR4), pge = 1u << 7;
        if (mmu_set(s->mmu, cpu, MMU_CR4, cr4 ^ pge))
            CHECK(mmu_set(s->mmu, cpu, MMU_CR4, cr4));
        else
            CHECK(mmu_set(s->mmu, cpu, MMU_CR3, mmu_get(s->mmu, cpu, MMU_CR3)));
    }
}

bool sim_check_begin(struct sim *s)
{
    struct mmu_observer observer;
    void *block;

    if (s->twin)
        return true;
    if (s->host.kind)
        return false;
    block = sim_alloc(s, twin_bytes(s->profile, s->cpus), 64);
    if (!block)
        return false;
    empty_tlbs(s);
    s->twin = twin_create(block, s->profile, s->cpus);
    twin_observer(s->twin, &observer);
    mmu_observe(s->mmu, &observer);
    return true;
}

void sim_check_result(const struct sim *s, struct sim_check *out)
{
    memset(out, 0, sizeof *out);
    if (s->twin)
        twin_result(s->twin, out);
}
