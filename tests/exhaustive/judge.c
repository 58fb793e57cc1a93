/* SPDX-License-Identifier: MIT
 * judge.c - see judge.h.  Compared in every case: outcome, error code, CR2 (untouched when there is no #PF),
 * physical address, page size, and every entry on the path after the access. */
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_CR2 0x5a5a5a5a5000ull
#define PRINTED 12

static const struct mmu_tlb_desc tlbs[] = {
    { .name = "L1I", .level = 1, .ports = MMU_PORT_I, .sizes = 7, .ways = 4, .sets = 1 },
    { .name = "L1D", .level = 1, .ports = MMU_PORT_LOAD | MMU_PORT_STORE, .sizes = 7, .ways = 4, .sets = 1 },
};
static const struct mmu_psc_desc pscs[] = {
    { .level = 1, .entries = 4, .ways = 4 }, { .level = 2, .entries = 4, .ways = 4 },
    { .level = 3, .entries = 4, .ways = 4 }, { .level = 4, .entries = 4, .ways = 4 },
};

static void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "exhaustive: the machine refuses %s\n", what);
    exit(1);
}

void judge_create(struct judge *j, const struct oracle_cpu *part)
{
    static struct mmu_profile profile = { .name = "exhaustive", .title = "small", .va_bits = 57, .tlbs = 2, .pscs = 4,
                                          .tlb = tlbs, .psc = pscs };
    u32 features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_PKU | MMU_PKS |
                   MMU_LA57 | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM | (part->has_1g ? MMU_PDPE1GB : 0);
    struct mmu_config config = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = part->maxphyaddr,
                                 .vendor = part->amd ? MMU_AMD : MMU_INTEL, .features = features,
                                 .profile = &profile };
    bool walk_too = j->walk_too, tables_may_meet = j->tables_may_meet;
    uint64_t cases = j->cases, differences = j->differences;
    size_t bytes;

    profile.vendor = config.vendor;
    *j = (struct judge){ .walk_too = walk_too, .tables_may_meet = tables_may_meet, .cases = cases,
                         .differences = differences, .cpu = *part };
    j->ram = aligned_alloc(4096, RAM_BYTES);
    must(j->ram, "memory");
    memset(j->ram, 0, RAM_BYTES);
    config.ram = j->ram;
    bytes = (mmu_bytes(&config) + 63) / 64 * 64;
    must(bytes, "the configuration");
    j->mmu = mmu_create(aligned_alloc(64, bytes), bytes, &config);
    must(j->mmu, "to be made");
    must(mmu_set(j->mmu, 0, MMU_CR2, MARK_CR2), "CR2");
}

void judge_destroy(struct judge *j)
{
    free(j->mmu);
    free(j->ram);
}

static void set_levels(struct judge *j, bool la57)
{
    uint64_t cr0 = mmu_get(j->mmu, 0, MMU_CR0), cr4 = mmu_get(j->mmu, 0, MMU_CR4);
    if ((cr4 >> 12 & 1) == la57)
        return;
    must(mmu_set(j->mmu, 0, MMU_CR0, cr0 & ~(1ull << 31)), "CR0.PG=0");
    must(mmu_set(j->mmu, 0, MMU_CR4, (cr4 & ~(1ull << 12)) | (uint64_t)la57 << 12), "CR4.LA57");
    must(mmu_set(j->mmu, 0, MMU_CR0, cr0), "CR0.PG=1");
}

static void flush(struct judge *j)
{
    must(mmu_set(j->mmu, 0, MMU_CR3, j->cpu.root), "CR3");
    j->tag = 0;
}

void judge_context(struct judge *j, const struct oracle_cpu *c)
{
    uint64_t cr0 = 1ull << 31 | 1 | (uint64_t)c->wp << 16;
    uint64_t cr4 = 1ull << 5 | (uint64_t)c->la57 << 12 | (uint64_t)c->smep << 20 | (uint64_t)c->smap << 21 |
                   (uint64_t)c->pke << 22 | (uint64_t)c->pks << 24;
    uint64_t efer = 1ull << 8 | 1ull << 10 | (uint64_t)c->nxe << 11;
    struct oracle_cpu part = j->cpu;

    set_levels(j, c->la57);
    must(mmu_set(j->mmu, 0, MMU_CR0, cr0), "CR0");
    must(mmu_set(j->mmu, 0, MMU_CR4, cr4), "CR4");
    must(mmu_set(j->mmu, 0, MMU_EFER, efer), "EFER");
    must(mmu_set(j->mmu, 0, MMU_PKRU, c->pkru), "PKRU");
    must(mmu_set(j->mmu, 0, MMU_PKRS, c->pkrs), "PKRS");
    must(mmu_set(j->mmu, 0, MMU_CPL, c->cpl), "CPL");
    must(mmu_set(j->mmu, 0, MMU_AC, c->ac), "AC");
    j->cpu = *c;
    j->cpu.amd = part.amd;
    j->cpu.has_1g = part.has_1g;
    j->cpu.maxphyaddr = part.maxphyaddr;
    j->cpu.root = TABLE_PA(c->la57 ? 4 : 3);
    flush(j);
}

uint64_t judge_va(const struct judge *j, unsigned tag, unsigned offset)
{
    unsigned top = j->cpu.la57 ? 56 : 47;
    uint64_t va = offset;
    for (unsigned level = 0; level < (j->cpu.la57 ? 5u : 4u); level++)
        va |= (uint64_t)judge_index(tag, level) << (12 + 9 * level);
    return va >> top & 1 ? va | ~0ull << top : va;
}

unsigned judge_fresh_tag(struct judge *j)
{
    if (j->tag == 512)
        flush(j);
    return j->tag++;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static const char *const outcome_name[] = { "done", "#PF", "#GP", "#SS" };
static const char *const kind_name[] = { "read", "write", "fetch" };

static void complain(struct judge *j, const struct oracle_access *a, const struct oracle_answer *want,
                     const uint64_t *before, const struct mmu_result *got, const char *what)
{
    const struct oracle_cpu *c = &j->cpu;

    if (j->differences++ >= PRINTED)
        return;
    printf("DIFFERENCE in %s: %s%s%s of 0x%016llx at CPL %u AC %u, %s, M=%u%s%s, wp %d smep %d smap %d nxe %d pke %d "
           "pkru %08x pks %d pkrs %08x\n",
           what, a->implicit ? "implicit " : "", a->stack ? "stack " : "", kind_name[a->kind],
           (unsigned long long)a->va, c->cpl, c->ac, c->amd ? "AMD" : "Intel", c->maxphyaddr, c->la57 ? " LA57" : "",
           c->has_1g ? "" : " no-1G", c->wp, c->smep, c->smap, c->nxe, c->pke, c->pkru, c->pks, c->pkrs);
    for (int i = 0; i < want->entries; i++)
        printf("    entry at 0x%04llx: 0x%016llx, expected 0x%016llx afterwards, is 0x%016llx\n",
               (unsigned long long)want->entry_pa[i], (unsigned long long)before[i],
               (unsigned long long)want->after[i], (unsigned long long)j->ram[want->entry_pa[i] / 8]);
    printf("    expected %s error 0x%x pa 0x%llx size 2^%u\n    got      %s error 0x%x pa 0x%llx size 2^%u, CR2 0x%llx\n",
           outcome_name[want->outcome], want->error, (unsigned long long)want->pa, want->page_lg2,
           outcome_name[got->status & 3], got->error, (unsigned long long)got->pa, got->page_lg2,
           (unsigned long long)mmu_get(j->mmu, 0, MMU_CR2));
}

/* NULL, or what is different between the answer and the oracle's. */
static const char *compare(const struct oracle_answer *want, const struct mmu_result *got)
{
    static const unsigned char outcome_of[] = { [MMU_OK] = ORACLE_DONE, [MMU_FAULT_PF] = ORACLE_PF,
                                                [MMU_FAULT_GP] = ORACLE_GP, [MMU_FAULT_SS] = ORACLE_SS };
    if (outcome_of[got->status & 3] != want->outcome)
        return "outcome";
    if (want->outcome == ORACLE_PF && ((got->error ^ want->error) & ~want->error_free))
        return "error code";
    if (want->outcome == ORACLE_DONE && got->pa != want->pa)
        return "physical address";
    if (want->outcome == ORACLE_DONE && got->page_lg2 != want->page_lg2)
        return "page size";
    return NULL;
}

/* An entry that stands on the path twice ends up with what both places do to it. */
static void merge_twins(struct oracle_answer *want)
{
    for (int i = 0; i < want->entries; i++)
        for (int k = 0; k < i; k++)
            if (want->entry_pa[k] == want->entry_pa[i])
                want->after[k] = want->after[i] |= want->after[k];
}

void judge_case(struct judge *j, const struct oracle_access *a)
{
    static const enum mmu_kind kind_of[] = { [ORACLE_READ] = MMU_LOAD, [ORACLE_WRITE] = MMU_STORE,
                                             [ORACLE_FETCH] = MMU_FETCH };
    unsigned flags = (a->implicit ? MMU_IMPLICIT : 0) | (a->stack ? MMU_SS : 0);
    struct oracle_answer want;
    struct mmu_result got;
    uint64_t before[5], cr2;
    const char *what = NULL;

    oracle_translate(j->ram, &j->cpu, a, &want);
    for (int i = 0; i < want.entries; i++)
        before[i] = j->ram[want.entry_pa[i] / 8];
    if (j->tables_may_meet)
        merge_twins(&want);
    if (j->walk_too) {
        struct mmu_walk walk;
        mmu_walk(j->mmu, 0, a->va, kind_of[a->kind], flags, &walk);
        what = compare(&want, &walk.r);
        for (int i = 0; i < want.entries; i++)
            if (j->ram[want.entry_pa[i] / 8] != before[i])
                what = "memory after mmu_walk";
        if (mmu_get(j->mmu, 0, MMU_CR2) != MARK_CR2)
            what = "CR2 after mmu_walk";
        if (what)
            complain(j, a, &want, before, &walk.r, what);
    }
    mmu_translate(j->mmu, 0, a->va, kind_of[a->kind], flags, &got);
    what = compare(&want, &got);
    for (int i = 0; i < want.entries; i++)
        if (j->ram[want.entry_pa[i] / 8] != want.after[i])
            what = what ? what : "A and D bits";
    cr2 = mmu_get(j->mmu, 0, MMU_CR2);
    if (cr2 != (want.outcome == ORACLE_PF ? a->va : MARK_CR2))
        what = what ? what : "CR2";
    if (what)
        complain(j, a, &want, before, &got, what);
    if (cr2 != MARK_CR2)
        must(mmu_set(j->mmu, 0, MMU_CR2, MARK_CR2), "CR2");
    j->cases++;
}
