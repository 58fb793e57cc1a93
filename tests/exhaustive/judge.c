/* SPDX-License-Identifier: MIT
 * judge.c - see judge.h.  Compared in every case: outcome, error code, CR2 (untouched when there is no #PF),
 * physical address, page size, and every entry on the path after the access; then the entries are put back. */
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
    static struct mmu_profile profile = { .name = "exhaustive", .title = "small", .va_bits = 57, .tlbs = 2,
                                          .tlb = tlbs, .psc = pscs, .timing = { .near_lines = 512 } };
    u32 features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_PKU | MMU_PKS |
                   MMU_LA57 | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM | MMU_SHSTK | (part->has_1g ? MMU_PDPE1GB : 0);
    struct mmu_config config = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = part->maxphyaddr,
                                 .vendor = part->amd ? MMU_AMD : MMU_INTEL, .features = features,
                                 .profile = &profile };
    size_t bytes;

    profile.vendor = config.vendor;
    profile.pscs = j->no_structure_caches ? 0 : 4;
    j->cpu = *part;
    j->ram = aligned_alloc(4096, RAM_BYTES);
    must(j->ram, "memory");
    memset(j->ram, 0, RAM_BYTES);
    config.ram = j->ram;
    bytes = (mmu_bytes(&config) + 63) / 64 * 64;
    must(bytes, "the configuration");
    j->mmu = mmu_create(aligned_alloc(64, bytes), bytes, &config);
    must(j->mmu, "to be made");
    j->cr2 = MARK_CR2;
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

void judge_flush(struct judge *j)
{
    must(mmu_invpcid(j->mmu, 0, 2, 0, 0), "INVPCID");
    j->tag = 0;
}

/* A write of what a register holds would only cost time; CR3 alone is written for what the write does. */
static void set(struct judge *j, enum mmu_reg reg, uint64_t value, const char *name)
{
    if (mmu_get(j->mmu, 0, reg) != value)
        must(mmu_set(j->mmu, 0, reg, value), name);
}

void judge_privilege(struct judge *j, unsigned cpl, unsigned ac)
{
    set(j, MMU_CPL, cpl, "CPL");
    set(j, MMU_AC, ac, "AC");
    j->cpu.cpl = cpl;
    j->cpu.ac = ac;
}

void judge_context(struct judge *j, const struct oracle_cpu *c)
{
    uint64_t cr0 = 1ull << 31 | 1 | (uint64_t)c->wp << 16;
    uint64_t cr4 = 1ull << 5 | (uint64_t)c->la57 << 12 | (uint64_t)c->smep << 20 | (uint64_t)c->smap << 21 |
                   (uint64_t)c->pke << 22 | (uint64_t)c->cet << 23 | (uint64_t)c->pks << 24;
    uint64_t efer = 1ull << 8 | 1ull << 10 | (uint64_t)c->nxe << 11;
    struct oracle_cpu part = j->cpu;

    set_levels(j, c->la57);
    if (j->cpu.cet && !c->cet)
        set(j, MMU_CR4, cr4, "CR4"); /* CR4.CET needs CR0.WP: it goes first, and comes last */
    set(j, MMU_CR0, cr0, "CR0");
    set(j, MMU_CR4, cr4, "CR4");
    set(j, MMU_EFER, efer, "EFER");
    set(j, MMU_PKRU, c->pkru, "PKRU");
    set(j, MMU_PKRS, c->pkrs, "PKRS");
    j->cpu = *c;
    judge_privilege(j, c->cpl, c->ac);
    j->cpu.amd = part.amd;
    j->cpu.has_1g = part.has_1g;
    j->cpu.maxphyaddr = part.maxphyaddr;
    j->cpu.root = TABLE_PA(c->la57 ? 4 : 3);
    must(mmu_set(j->mmu, 0, MMU_CR3, j->cpu.root), "CR3");
    j->tag = 0;
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
        judge_flush(j);
    return j->tag++;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static const char *const outcome_name[] = { "done", "#PF", "#GP", "#SS" };
static const char *const kind_name[] = { "read", "write", "fetch" };

/* What was asked and expected, in one place for comparing and telling. */
struct question {
    const struct oracle_access *access;
    const struct oracle_path *path;
    struct oracle_answer want;
    const uint64_t *also;  /* NULL, or by entry: bits set on behalf of another place on the path                   */
};

/* What an entry of the path must hold afterwards. */
static inline uint64_t after(const struct question *q, int i)
{
    uint64_t here = q->path->entry[i] | q->want.set_in_all;
    return here | (i == q->path->entries - 1 ? q->want.set_in_leaf : 0) | (q->also ? q->also[i] : 0);
}

static __attribute__((cold, noinline)) void complain(struct judge *j, const struct question *q,
                                                     const struct mmu_result *got, const char *what)
{
    const struct oracle_cpu *c = &j->cpu;
    const struct oracle_access *a = q->access;

    if (j->differences++ >= PRINTED)
        return;
    printf("DIFFERENCE in %s: %s%s%s%s of 0x%016llx at CPL %u AC %u, %s, M=%u%s%s, wp %d smep %d smap %d nxe %d cet %d "
           "pke %d pkru %08x pks %d pkrs %08x\n",
           what, a->implicit ? "implicit " : "", a->stack ? "stack " : "",
           a->wruss ? "WRUSS " : a->shadow ? "shadow-stack " : "", kind_name[a->kind],
           (unsigned long long)a->va, c->cpl, c->ac, c->amd ? "AMD" : "Intel", c->maxphyaddr, c->la57 ? " LA57" : "",
           c->has_1g ? "" : " no-1G", c->wp, c->smep, c->smap, c->nxe, c->cet, c->pke, c->pkru, c->pks, c->pkrs);
    for (int i = 0; i < q->path->entries; i++)
        printf("    entry at 0x%04llx: 0x%016llx, expected 0x%016llx afterwards, is 0x%016llx\n",
               (unsigned long long)q->path->entry_pa[i], (unsigned long long)q->path->entry[i],
               (unsigned long long)after(q, i), (unsigned long long)j->ram[q->path->entry_pa[i] / 8]);
    printf("    expected %s error 0x%x pa 0x%llx size 2^%u\n    got      %s error 0x%x pa 0x%llx size 2^%u, CR2 0x%llx\n",
           outcome_name[q->want.outcome], q->want.error, (unsigned long long)q->want.pa, q->path->page_lg2,
           outcome_name[got->status & 3], got->error, (unsigned long long)got->pa, got->page_lg2,
           (unsigned long long)mmu_get(j->mmu, 0, MMU_CR2));
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* NULL, or what is different between the answer and the oracle's. */
static const char *compare(const struct question *q, const struct mmu_result *got)
{
    static const unsigned char outcome_of[] = { [MMU_OK] = ORACLE_DONE, [MMU_FAULT_PF] = ORACLE_PF,
                                                [MMU_FAULT_GP] = ORACLE_GP, [MMU_FAULT_SS] = ORACLE_SS };
    if (outcome_of[got->status & 3] != q->want.outcome)
        return "outcome";
    if (q->want.outcome == ORACLE_PF && ((got->error ^ q->want.error) & ~q->want.error_free))
        return "error code";
    if (q->want.outcome == ORACLE_DONE && got->pa != q->want.pa)
        return "physical address";
    if (q->want.outcome == ORACLE_DONE && got->page_lg2 != q->path->page_lg2)
        return "page size";
    return NULL;
}

/* An entry that stands on the path twice ends up with what both places do to it. */
static void merge_twins(const struct question *q, uint64_t also[5])
{
    const struct oracle_path *path = q->path;
    for (int i = 0; i < path->entries; i++)
        for (int k = also[i] = 0; k < path->entries; k++)
            if (path->entry_pa[k] == path->entry_pa[i])
                also[i] |= after(q, k);
}

/* mmu_walk() must say the same and touch nothing. */
static void judge_walk(struct judge *j, const struct question *q, enum mmu_kind kind, unsigned flags)
{
    struct mmu_walk walk;
    mmu_walk(j->mmu, 0, q->access->va, kind, flags, &walk);
    const char *what = compare(q, &walk.r);
    for (int i = 0; i < q->path->entries; i++)
        if (j->ram[q->path->entry_pa[i] / 8] != q->path->entry[i])
            what = "memory after mmu_walk";
    if (mmu_get(j->mmu, 0, MMU_CR2) != j->cr2)
        what = "CR2 after mmu_walk";
    if (what)
        complain(j, q, &walk.r, what);
}

void judge_access(struct judge *j, const struct oracle_access *a, const struct oracle_path *path)
{
    static const enum mmu_kind kind_of[] = { [ORACLE_READ] = MMU_LOAD, [ORACLE_WRITE] = MMU_STORE,
                                             [ORACLE_FETCH] = MMU_FETCH };
    unsigned flags = (a->implicit ? MMU_IMPLICIT : 0) | (a->stack ? MMU_SS : 0) |
                     (a->shadow ? a->wruss ? MMU_WRUSS : MMU_SHADOW : 0);
    struct question q = { .access = a, .path = path };
    struct mmu_result got;

    uint64_t also[5], differs = 0;

    oracle_judge(&j->cpu, a, path, &q.want);
    if (j->tables_may_meet) {
        merge_twins(&q, also);
        q.also = also;
    }
    if (j->walk_too)
        judge_walk(j, &q, kind_of[a->kind], flags);
    mmu_translate(j->mmu, 0, a->va, kind_of[a->kind], flags, &got);
    const char *what = compare(&q, &got);
    for (int i = 0; i < path->entries; i++)
        differs |= j->ram[path->entry_pa[i] / 8] ^ after(&q, i);
    if (differs)
        what = what ? what : "A and D bits";
    j->cr2 = q.want.outcome == ORACLE_PF ? a->va : j->cr2;
    if (mmu_get(j->mmu, 0, MMU_CR2) != j->cr2)
        what = what ? what : "CR2";
    if (what) {
        complain(j, &q, &got, what);
        j->cr2 = mmu_get(j->mmu, 0, MMU_CR2);
    }
    for (int i = 0; i < path->entries; i++)
        j->ram[path->entry_pa[i] / 8] = path->entry[i];
    j->cases++;
}

void judge_case(struct judge *j, const struct oracle_access *a)
{
    struct oracle_path path;
    oracle_walk(j->ram, &j->cpu, a->va, &path);
    judge_access(j, a, &path);
}
