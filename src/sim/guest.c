/* SPDX-License-Identifier: MIT
 * guest.c - the session in a virtual machine: its kernel is a guest's, and below it stands a host that gives memory when the guest
 * first touches it (contract: sim.h, "guests").  Called by sim.c and access.c.
 *
 *     RAM:  | the guest's, where gpa = pa | the host's tables |
 *
 * An EPT violation, or nested page fault, means that the host has not given the page yet: it does, and the access is repeated, as
 * KVM does.  Which host frame it is changes nothing that is counted, so each gpa gets the frame of its own number. */
#include "sim_internal.h"

#include "arch/ept.h"
#include "arch/x86_pte.h"
#include "base/check.h"

#define TABLE_LEVELS 4u
#define PAGE_2M_LG2 21u

/* Pages of tables that map so much memory by 4 KiB, whatever pages the host has. */
static u64 table_pages(u64 ram_bytes) { return (ram_bytes >> 21) + (ram_bytes >> 30) + (ram_bytes >> 39) + TABLE_LEVELS; }

u64 guest_ram_bytes(const struct sim_config *cfg)
{
    const u64 all = cfg->machine.ram_bytes, tables = table_pages(all) * PAGE_BYTES, whole = (u64)1 << PAGE_2M_LG2;

    if (!cfg->guest)
        return all;
    return all > tables ? (all - tables) & ~(whole - 1) : 0;
}

struct mmu_config guest_machine(const struct sim_config *cfg)
{
    struct mmu_config machine = cfg->machine;

    if (cfg->guest)
        machine.nested = mmu_nested_usual(machine.vendor);
    if (cfg->guest == MMU_NPT)
        machine.features |= MMU_SVM;
    return machine;
}

/* The host runs with A and D on and tells guests apart by VPID or ASID, so entering and leaving forget nothing. */
bool guest_begin(struct sim *s, const struct sim_config *cfg)
{
    struct mmu_guest g = { .nested = cfg->guest, .tag = 1, .reg = mmu_guest_start() };

    s->host = (struct sim_host){ .root = guest_ram_bytes(cfg), .kind = cfg->guest, .page_lg2 = cfg->host_page_lg2 == PAGE_2M_LG2 ? PAGE_2M_LG2 : PAGE_LG2 };
    s->host.next = s->host.root + PAGE_BYTES;
    s->host.end = cfg->machine.ram_bytes;
    g.root = cfg->guest == MMU_EPT ? s->host.root | EPTP_AD | (TABLE_LEVELS - 1) << EPTP_LEVELS_SHIFT | MMU_WB : s->host.root;
    for (unsigned cpu = 0; cpu < s->cpus; cpu++) {
        if (cfg->guest == MMU_NPT && !mmu_set(s->mmu, cpu, MMU_EFER, mmu_get(s->mmu, cpu, MMU_EFER) | X86_EFER_SVME))
            return false;
        if (mmu_guest_enter(s->mmu, cpu, &g))
            return false;
    }
    return true;
}

static u64 rights(const struct sim_host *h)
{
    return h->kind == MMU_EPT ? EPT_R | EPT_W | EPT_X : X86_PTE_P | X86_PTE_RW | X86_PTE_US;
}

/* The table below an entry, made when there is none. */
static u64 table_below(struct sim *s, u64 entry_pa)
{
    struct sim_host *h = &s->host;

    if (!mmu_peek(s->mmu, entry_pa)) {
        CHECK(h->next < h->end); /* table_pages() has counted it                                                  */
        mmu_poke(s->mmu, entry_pa, h->next | rights(h));
        h->next += PAGE_BYTES;
    }
    return mmu_peek(s->mmu, entry_pa) & X86_PTE_ADDR;
}

void sim_guest_exited(struct sim *s, unsigned cpu)
{
    struct sim_host *h = &s->host;
    const u64 page = mmu_guest_exit(s->mmu, cpu)->gpa >> h->page_lg2 << h->page_lg2;
    const unsigned last = h->page_lg2 == PAGE_2M_LG2;
    const u64 leaf = (last ? EPT_PS : 0) | (h->kind == MMU_EPT ? EPT_MT_WB : 0); /* PS is the same bit in both          */
    u64 table = h->root;

    CHECK(page < h->root);
    for (unsigned level = TABLE_LEVELS - 1; level > last; level--)
        table = table_below(s, table + (page >> (12 + 9 * level) & 511) * 8);
    mmu_poke(s->mmu, table + (page >> (12 + 9 * last) & 511) * 8, page | leaf | rights(h));
    h->pages++;
}

static struct sim_guest counted(const struct sim *s)
{
    struct sim_guest g = { .kind = s->host.kind, .host_page_lg2 = s->host.page_lg2, .host_pages = s->host.pages,
                           .host_table_pages = (s->host.next - s->host.root) / PAGE_BYTES };

    for (unsigned cpu = 0; s->host.kind && cpu < s->cpus; cpu++) {
        const struct mmu_nested_stats *n = mmu_nested_stats(s->mmu, cpu);
        for (unsigned level = 0; level < TABLE_LEVELS; level++) {
            g.reads[level] += n->reads[level];
            g.psc_hit[level] += n->psc_hit[level];
        }
        g.translations += n->translations;
        g.gpa_hit += n->gpa_hit;
        g.splintered += n->splintered;
        g.exits += n->violations;
    }
    return g;
}

struct sim_guest sim_guest(const struct sim *s)
{
    const struct sim_guest *before = &s->host.before;
    struct sim_guest g = counted(s);

    for (unsigned level = 0; level < TABLE_LEVELS; level++) {
        g.reads[level] -= before->reads[level];
        g.psc_hit[level] -= before->psc_hit[level];
    }
    g.translations -= before->translations;
    g.gpa_hit -= before->gpa_hit;
    g.splintered -= before->splintered;
    g.exits -= before->exits;
    return g;
}

void guest_forget_counts(struct sim *s) { s->host.before = counted(s); }

/* ---- what users ask for --------------------------------------------------------------------------------------------- */

static bool same_word(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool sim_guest_word(const char *word, enum sim_guest_wish *to)
{
    static const char *const words[] = { [SIM_GUEST_UNSAID] = "", [SIM_GUEST_EPT] = "ept", [SIM_GUEST_NPT] = "npt",
                                         [SIM_GUEST_ANY] = "any", [SIM_GUEST_NO] = "no" };

    for (unsigned i = 0; i < COUNT_OF(words); i++)
        if (same_word(word ? word : "", words[i])) {
            *to = (enum sim_guest_wish)i;
            return true;
        }
    return false;
}

bool sim_guest_kind(const struct mmu_profile *p, enum sim_guest_wish wish, u8 *kind, const char **why)
{
    const u8 has = p->vendor == MMU_AMD ? MMU_NPT : MMU_EPT;
    const bool wanted = wish == SIM_GUEST_EPT || wish == SIM_GUEST_NPT || wish == SIM_GUEST_ANY;

    *kind = wanted ? has : MMU_NESTED_OFF;
    *why = has == MMU_EPT ? "nested paging (npt) is AMD's, and this CPU is Intel's; --guest=ept, or --cpu of an AMD one"
                          : "EPT is Intel's, and this CPU is AMD's; --guest=npt, or --cpu of an Intel one";
    return !wanted || wish == SIM_GUEST_ANY || wish == (has == MMU_EPT ? SIM_GUEST_EPT : SIM_GUEST_NPT);
}
