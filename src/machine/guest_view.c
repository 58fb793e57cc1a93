/* SPDX-License-Identifier: MIT
 * guest_view.c - what there is to see of guests: the processor's caches by vendor, counters, the last exit, cached nested
 * translations, memory types.  Called by embedders, listings and tests; changes nothing. */
#include "machine/guest.h"

/* No vendor publishes these.  AMD: a nested TLB of 16 entries and a shared walk cache are from Bhargava et al., "Accelerating
 * Two-Dimensional Page Walks for Virtualized Systems", ASPLOS 2008 (Family 10h). */
static const struct mmu_psc_desc usual_psc[] = {
    { 1, 32, 4, "guess: as the guest's" }, { 2, 4, 4, "guess: as the guest's" }, { 3, 2, 2, "guess: as the guest's" },
};

static const struct mmu_nested_config usual[] = {
    [MMU_INTEL] = {
        .features = MMU_EPT_XO | MMU_EPT_2M | MMU_EPT_1G | MMU_EPT_5LEVEL | MMU_EPT_AD | MMU_EPT_INFO | MMU_EPT_MBE | MMU_EPT_PML,
        .gpa_entries = 16, .gpa_ways = 16, .pscs = COUNT_OF(usual_psc), .psc = usual_psc,
        .source = "features: IA32_VMX_EPT_VPID_CAP of current server parts; sizes: guess",
    },
    [MMU_AMD] = {
        .features = MMU_NPT_GMET | MMU_NPT_ROGPT | MMU_NPT_PML,
        .gpa_entries = 16, .gpa_ways = 16, .pscs = COUNT_OF(usual_psc), .psc = usual_psc,
        .source = "features: APM2 15.25; nested TLB: ASPLOS 2008; structure caches: guess",
    },
};

const struct mmu_nested_config *mmu_nested_usual(enum mmu_vendor vendor)
{
    return vendor <= MMU_AMD ? &usual[vendor] : NULL;
}

const struct mmu_guest_exit *mmu_guest_exit(const struct mmu *m, unsigned cpu)
{
    static const struct mmu_guest_exit none = { .reason = MMU_EXIT_NONE };
    CHECK(cpu < m->cpus);
    return m->cpu[cpu].nested ? &m->cpu[cpu].nested->exit : &none;
}

void mmu_guest_record(struct mmu *m, unsigned cpu, struct mmu_guest_walk *w)
{
    CHECK(cpu < m->cpus && m->cpu[cpu].nested);
    m->cpu[cpu].nested->record = w;
}

const struct mmu_nested_stats *mmu_nested_stats(const struct mmu *m, unsigned cpu)
{
    CHECK(cpu < m->cpus);
    return m->cpu[cpu].nested ? &m->cpu[cpu].nested->stats : NULL;
}

/* ---- cached nested translations -------------------------------------------------------------------------------------- */

static struct mmu_gpa_view view(const struct mmu *m, const struct nested *n, u64 tag, u64 data)
{
    u64 key = n->table.key[(tag & TAG_CONTEXT) >> TAG_CONTEXT_SHIFT];
    bool amd = m->part.vendor == MMU_AMD;
    return (struct mmu_gpa_view){
        .gpa = tag_va(tag), .pa = data & DATA_PA, .root = amd ? 0 : key << PAGE_LG2, .asid = amd ? (u16)key : 0,
        .page_lg2 = unit_lg2[data_size(data)], .readable = (data & N_R) != 0, .writable = (data & N_W) != 0,
        .executable = (data & N_X) != 0, .executable_user = (data & N_XU) != 0, .dirty = (data & N_D) != 0,
    };
}

void mmu_each_gpa(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_gpa_view *v), void *ctx)
{
    CHECK(cpu < m->cpus);
    const struct nested *n = m->cpu[cpu].nested;
    size_t entries = n && n->gpa.ways ? ((size_t)n->gpa.set_mask + 1) * n->gpa.ways : 0;
    for (size_t at = 0; at < entries; at++) {
        struct mmu_gpa_view v;
        if (!n->gpa.tag[at])
            continue;
        v = view(m, n, n->gpa.tag[at], n->gpa.data[at]);
        see(ctx, &v);
    }
}

/* ---- memory type ------------------------------------------------------------------------------------------------------- */

/* SDM3 table 11-7, of which EPT's type takes the place of the MTRR's: rows EPT, columns PAT. */
static const u8 combined[8][8] = {
    [MMU_UC] = { [MMU_UC] = MMU_UC, [MMU_WC] = MMU_WC, [MMU_WT] = MMU_UC, [MMU_WP] = MMU_UC, [MMU_WB] = MMU_UC, [MMU_UC_MINUS] = MMU_UC },
    [MMU_WC] = { [MMU_UC] = MMU_UC, [MMU_WC] = MMU_WC, [MMU_WT] = MMU_UC, [MMU_WP] = MMU_UC, [MMU_WB] = MMU_WC, [MMU_UC_MINUS] = MMU_WC },
    [MMU_WT] = { [MMU_UC] = MMU_UC, [MMU_WC] = MMU_WC, [MMU_WT] = MMU_WT, [MMU_WP] = MMU_WP, [MMU_WB] = MMU_WT, [MMU_UC_MINUS] = MMU_UC },
    [MMU_WP] = { [MMU_UC] = MMU_UC, [MMU_WC] = MMU_WC, [MMU_WT] = MMU_WT, [MMU_WP] = MMU_WP, [MMU_WB] = MMU_WP, [MMU_UC_MINUS] = MMU_WC },
    [MMU_WB] = { [MMU_UC] = MMU_UC, [MMU_WC] = MMU_WC, [MMU_WT] = MMU_WT, [MMU_WP] = MMU_WP, [MMU_WB] = MMU_WB, [MMU_UC_MINUS] = MMU_UC },
};

enum mmu_memtype mmu_ept_memtype(u64 ept_leaf, enum mmu_memtype pat)
{
    u32 type = ept_leaf >> EPT_MT_SHIFT & 7;
    return (enum mmu_memtype)(ept_leaf & EPT_IPAT ? type : combined[type][pat & 7]);
}
