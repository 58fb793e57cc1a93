/* SPDX-License-Identifier: MIT
 * judge.c - see judge.h.  Compared in every case: outcome, error code, exit qualification or EXITINFO1, guest-physical address, CR2,
 * physical address, page size, how many entries of each dimension were read, and every one of them after the access. */
#include "judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MARK_CR2 0x5a5a5a5a5000ull
#define PRINTED 8
#define RAM_BYTES (1ull << 30)

static const struct mmu_tlb_desc tlbs[] = {
    { .name = "L1I", .level = 1, .ports = MMU_PORT_I, .sizes = 7, .ways = 2, .sets = 1 },
    { .name = "L1D", .level = 1, .ports = MMU_PORT_LOAD | MMU_PORT_STORE, .sizes = 7, .ways = 2, .sets = 1 },
};
static const struct mmu_psc_desc pscs[] = {
    { .level = 1, .entries = 4, .ways = 4 }, { .level = 2, .entries = 4, .ways = 4 },
    { .level = 3, .entries = 4, .ways = 4 }, { .level = 4, .entries = 4, .ways = 4 },
};

static void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "nested: the machine refuses %s\n", what);
    exit(1);
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

void judge_create(struct judge *j, const struct nested_cpu *part)
{
    static struct mmu_profile profile = { .name = "nested", .title = "small", .va_bits = 57, .tlbs = 2, .tlb = tlbs, .psc = pscs,
                                          .timing = { .near_lines = 512 } };
    static struct mmu_nested_config nested = { .psc = pscs };
    u32 features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PCID | MMU_INVPCID | MMU_SMEP | MMU_SMAP | MMU_LA57 | MMU_PSE | MMU_PAE |
                   MMU_PAT | MMU_LM | (part->npt ? MMU_SVM | (part->has_1g ? MMU_PDPE1GB : 0u) : MMU_PDPE1GB);
    struct mmu_config config = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = part->maxphyaddr,
                                 .vendor = part->npt ? MMU_AMD : MMU_INTEL, .features = features, .profile = &profile,
                                 .nested = &nested };
    size_t bytes;

    profile.vendor = config.vendor;
    profile.pscs = nested.pscs = j->caches ? 4 : 0;
    nested.gpa_entries = nested.gpa_ways = j->caches ? 16 : 0;
    nested.features = part->npt ? MMU_NPT_GMET | MMU_NPT_ROGPT | MMU_NPT_PML
                                : MMU_EPT_5LEVEL | MMU_EPT_AD | MMU_EPT_MBE | MMU_EPT_PML | (part->execute_only ? MMU_EPT_XO : 0) |
                                  (part->no_2m ? 0 : MMU_EPT_2M) | (part->has_1g ? MMU_EPT_1G : 0) |
                                  (part->info ? MMU_EPT_INFO : 0);
    j->cpu = *part;
    j->ram = mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(j->ram != MAP_FAILED, "memory");
    config.ram = j->ram;
    bytes = (mmu_bytes(&config) + 63) / 64 * 64;
    must(bytes, "the configuration");
    j->mmu = mmu_create(aligned_alloc(64, bytes), bytes, &config);
    must(j->mmu, "to be made");
    j->nested_reads = 0;
}

void judge_destroy(struct judge *j)
{
    free(j->mmu);
    munmap(j->ram, RAM_BYTES);
}

/* ---- contexts --------------------------------------------------------------------------------------------------- */

/* NPT has the host's format, and the host's NXE. */
static void set_host(struct judge *j)
{
    uint64_t cr0 = mmu_get(j->mmu, 0, MMU_CR0), cr4 = mmu_get(j->mmu, 0, MMU_CR4), efer = mmu_get(j->mmu, 0, MMU_EFER);

    must(mmu_set(j->mmu, 0, MMU_CR0, cr0 & ~(1ull << 31)), "CR0.PG=0");
    must(mmu_set(j->mmu, 0, MMU_CR4, (cr4 & ~(1ull << 12)) | (uint64_t)j->cpu.five_levels << 12), "CR4.LA57");
    must(mmu_set(j->mmu, 0, MMU_CR0, cr0), "CR0.PG=1");
    efer = (efer & ~(1ull << 11)) | (uint64_t)j->cpu.nxe << 11 | 1ull << 12;
    must(mmu_set(j->mmu, 0, MMU_EFER, efer), "EFER");
}

static struct mmu_guest_regs guest_registers(const struct nested_cpu *c)
{
    const struct oracle_cpu *g = &c->guest;
    bool paged = c->format != GUEST_UNPAGED, pae = c->format == GUEST_LONG || c->format == GUEST_PAE;
    return (struct mmu_guest_regs){
        .cr0 = (uint64_t)paged << 31 | 1 | (uint64_t)g->wp << 16, .cr3 = g->root, .cpl = (u8)g->cpl, .ac = (u8)g->ac,
        .cr4 = (uint64_t)pae << 5 | (uint64_t)c->pse << 4 | (uint64_t)g->la57 << 12 | (uint64_t)g->smep << 20 |
               (uint64_t)g->smap << 21,
        .efer = (c->format == GUEST_LONG ? 0x500 : 0) | (uint64_t)g->nxe << 11 | (c->npt ? 1ull << 12 : 0),
    };
}

static u32 controls_of(const struct nested_cpu *c)
{
    return (c->modes ? MMU_GUEST_MBE : 0u) | (c->logs ? MMU_GUEST_PML : 0u) | (c->gmet ? MMU_GUEST_GMET : 0u) |
           (c->rogpt ? MMU_GUEST_ROGPT : 0u);
}

static void enter_as(struct judge *j, uint64_t cr2)
{
    struct mmu_guest g = { .tag = 1, .nested = j->cpu.npt ? MMU_NPT : MMU_EPT, .tlb_control = j->cpu.npt ? MMU_TLB_FLUSH_ALL : 0,
                           .root = j->cpu.root | (j->cpu.npt ? 0 : 6 | nested_top(j) << 3 | (u64)j->cpu.ad << 6),
                           .pml = j->log, .pml_index = (u16)j->cpu.log_index, .controls = controls_of(&j->cpu), .reg = guest_registers(&j->cpu) };
    const char *why;

    for (unsigned i = 0; i < 4; i++)
        g.pdpte[i] = j->cpu.pdpte[i];
    g.reg.cr2 = cr2;
    if (mmu_in_guest(j->mmu, 0))
        mmu_guest_leave(j->mmu, 0, NULL);
    if (j->cpu.npt)
        set_host(j);
    why = mmu_guest_enter(j->mmu, 0, &g);
    if (why)
        fprintf(stderr, "nested: %s\n", why);
    must(!why, "to enter the guest");
}

/* NPT has a tag for everything; entering again with TLB_CONTROL drops it. */
static void forget_all(struct judge *j)
{
    if (j->cpu.npt)
        enter_as(j, j->cr2);
    else
        must(mmu_invept(j->mmu, 0, 2, 0) == MMU_VM_SUCCEED && mmu_invvpid(j->mmu, 0, 2, 0, 0) == MMU_VM_SUCCEED, "INVEPT");
}

static uint64_t nested_reads(const struct judge *j)
{
    const uint64_t *reads = mmu_nested_stats(j->mmu, 0)->reads;
    return reads[0] + reads[1] + reads[2] + reads[3] + reads[4];
}

void judge_context(struct judge *j, const struct nested_cpu *c)
{
    struct nested_cpu part = j->cpu;

    j->cpu = *c;
    j->cpu.npt = part.npt;
    j->cpu.has_1g = part.has_1g;
    j->cpu.no_2m = part.no_2m;
    j->cpu.execute_only = part.execute_only;
    j->cpu.info = part.info;
    j->cpu.maxphyaddr = j->cpu.guest.maxphyaddr = part.maxphyaddr;
    j->cpu.guest.amd = part.npt;
    j->cpu.guest.has_1g = !part.npt || part.has_1g;
    j->cpu.pse36 = true;
    judge_lay_out(j);
    j->cpu.guest.root = j->place[c->format == GUEST_LONG ? guest_top(j) : c->format == GUEST_PAE ? 2 : 1].gpa;
    judge_plain(j);
    j->cr2 = MARK_CR2;
    enter_as(j, j->cr2);
    forget_all(j);
    j->nested_reads = nested_reads(j);
    j->logged = mmu_nested_stats(j->mmu, 0)->logged;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static const char *outcome_name(int outcome)
{
    static const char *const name[] = { [ORACLE_DONE] = "done", [ORACLE_PF] = "#PF", [ORACLE_GP] = "#GP", [ORACLE_SS] = "#SS",
                                        [NESTED_VIOLATION] = "EPT violation", [NESTED_MISCONFIGURATION] = "EPT misconfiguration",
                                        [NESTED_PAGE_FAULT] = "nested page fault", [NESTED_LOG_FULL] = "log full" };
    return outcome >= 0 && outcome <= NESTED_LOG_FULL && name[outcome] ? name[outcome] : "?";
}

static int outcome_of(const struct judge *j, u8 status)
{
    switch (status) {
    case MMU_OK: return ORACLE_DONE;
    case MMU_FAULT_PF: return ORACLE_PF;
    case MMU_FAULT_GP: return ORACLE_GP;
    case MMU_FAULT_SS: return ORACLE_SS;
    case MMU_EXIT: break;
    default: return -1;
    }
    switch (mmu_guest_exit(j->mmu, 0)->reason) {
    case MMU_EXIT_EPT_VIOLATION: return NESTED_VIOLATION;
    case MMU_EXIT_EPT_MISCONFIG: return NESTED_MISCONFIGURATION;
    case MMU_EXIT_NPF: return NESTED_PAGE_FAULT;
    case MMU_EXIT_PML_FULL: return j->cpu.npt ? -1 : NESTED_LOG_FULL;
    case MMU_EXIT_NPT_PML_FULL: return j->cpu.npt ? NESTED_LOG_FULL : -1;
    default: return -1;
    }
}

struct question { const struct oracle_access *a; const struct nested_answer *want; };

static __attribute__((cold, noinline)) void complain(struct judge *j, const struct question *q, const struct mmu_result *got,
                                                     const struct mmu_guest_exit *exit, const char *what)
{
    const struct oracle_cpu *g = &j->cpu.guest;
    const struct nested_answer *want = q->want;

    if (j->differences++ >= PRINTED)
        return;
    printf("DIFFERENCE in %s: %s of 0x%llx at CPL %u AC %u, %s%s, guest %s%s wp %d smep %d smap %d nxe %d, a/d %d modes %d xo %d "
           "host nxe %d\n", what, (const char *[]){ "read", "write", "fetch" }[q->a->kind], (unsigned long long)q->a->va, g->cpl,
           g->ac, j->cpu.npt ? "NPT" : "EPT", j->cpu.five_levels ? " 5 levels" : "",
           (const char *[]){ "long mode", "PAE", "32-bit", "unpaged" }[j->cpu.format], g->la57 ? " LA57" : "", g->wp, g->smep,
           g->smap, g->nxe, j->cpu.ad, j->cpu.modes, j->cpu.execute_only, j->cpu.nxe);
    for (unsigned i = 0; i < want->entries; i++)
        printf("    entry at 0x%08llx: 0x%016llx, expected 0x%016llx afterwards (0x%llx free), is 0x%016llx\n",
               (unsigned long long)want->entry[i].pa, (unsigned long long)want->entry[i].before,
               (unsigned long long)want->entry[i].after, (unsigned long long)want->entry[i].free,
               (unsigned long long)j->ram[want->entry[i].pa / 8]);
    printf("    expected %s 0x%llx gpa 0x%llx pa 0x%llx size 2^%u\n", outcome_name(want->outcome), (unsigned long long)want->error,
           (unsigned long long)want->gpa, (unsigned long long)want->pa, want->page_lg2);
    printf("    got      %s 0x%llx gpa 0x%llx pa 0x%llx size 2^%u error 0x%x, guest reads %u, CR2 0x%llx\n",
           outcome_name(outcome_of(j, got->status)), (unsigned long long)exit->info, (unsigned long long)exit->gpa,
           (unsigned long long)got->pa, got->page_lg2, got->error, got->reads, (unsigned long long)mmu_get(j->mmu, 0, MMU_CR2));
}

/* ---- comparing -------------------------------------------------------------------------------------------------- */

/* NULL, or what is different between the answer and the oracle's. */
static const char *compare(const struct judge *j, const struct question *q, const struct mmu_result *got,
                           const struct mmu_guest_exit *exit)
{
    const struct nested_answer *want = q->want;

    if (outcome_of(j, got->status) != want->outcome)
        return "outcome";
    if (want->outcome == ORACLE_DONE)
        return got->pa != want->pa ? "physical address" : got->page_lg2 != want->page_lg2 ? "page size" : NULL;
    if (want->outcome == ORACLE_PF)
        return (got->error ^ want->error) & ~want->error_free ? "error code" : NULL;
    if (want->outcome < NESTED_VIOLATION)
        return NULL;
    if ((exit->info ^ want->error) & ~want->error_free)
        return "qualification";
    if (exit->gpa != want->gpa)
        return "guest-physical address";
    return exit->va != (want->outcome == NESTED_VIOLATION ? q->a->va : exit->va) ? "linear address" : NULL;
}

/* mmu_guest_walk() must say the same, entry by entry, and touch nothing. */
static void judge_walk(struct judge *j, const struct question *q, enum mmu_kind kind)
{
    static struct mmu_guest_walk walk;
    const struct nested_answer *want = q->want;
    const char *what;

    mmu_guest_walk(j->mmu, 0, q->a->va, kind, 0, &walk);
    what = walk.w.r.status == MMU_EXIT ? NULL : compare(j, q, &walk.w.r, &walk.exit);
    if (walk.w.r.status == MMU_EXIT && (want->outcome < NESTED_VIOLATION || walk.exit.gpa != want->gpa ||
                                         (walk.exit.info ^ want->error) & ~want->error_free))
        what = "the exit of mmu_guest_walk";
    if (walk.steps != want->entries)
        what = "steps of mmu_guest_walk";
    if (want->outcome == ORACLE_DONE && (walk.nested_lg2 != want->nested_lg2 || walk.gpa != want->gpa))
        what = "nested page of mmu_guest_walk";
    for (unsigned i = 0; i < want->entries && !what; i++) {
        if ((walk.step[i].entry_pa & ~7ull) != want->entry[i].pa)
            what = "a step of mmu_guest_walk";
        if (j->ram[want->entry[i].pa / 8] != want->entry[i].before)
            what = "memory after mmu_guest_walk";
    }
    if (mmu_get(j->mmu, 0, MMU_CR2) != j->cr2)
        what = "CR2 after mmu_guest_walk";
    if (what)
        complain(j, q, &walk.w.r, &walk.exit, what);
}

/* With caches, what is translated twice in one access may be read in part. */
static bool reads_differ(const struct judge *j, const struct nested_answer *want, const struct mmu_result *got)
{
    return !j->caches && (got->reads != want->entries || nested_reads(j) - j->nested_reads != want->entries - want->guest_entries);
}

static void forget(struct judge *j, uint64_t va)
{
    if (j->caches)
        forget_all(j);
    else
        mmu_invlpg(j->mmu, 0, va);
}

/* The log is looked at where something was put into it, or should have been; its index then starts anew. */
static bool log_differs(struct judge *j, const struct nested_answer *want)
{
    uint64_t logged = mmu_nested_stats(j->mmu, 0)->logged;
    struct mmu_guest saved;
    bool differs;

    if (logged == j->logged && !want->logged)
        return false;
    mmu_guest_leave(j->mmu, 0, &saved);
    differs = logged - j->logged != want->logged || saved.pml_index != (u16)(j->cpu.log_index - want->logged);
    for (unsigned i = 0; i < want->logged; i++)
        differs |= j->ram[j->log / 8 + j->cpu.log_index - i] != want->log[i];
    enter_as(j, saved.reg.cr2);
    j->logged = logged;
    return differs;
}

/* The same access again, by what the caches now hold: the same answer. */
static void judge_again(struct judge *j, const struct question *q, enum mmu_kind kind)
{
    struct mmu_result got;
    const char *what;

    mmu_translate(j->mmu, 0, q->a->va, kind, 0, &got);
    what = compare(j, q, &got, mmu_guest_exit(j->mmu, 0));
    if (what)
        complain(j, q, &got, mmu_guest_exit(j->mmu, 0), what);
}

void judge_case(struct judge *j, const struct oracle_access *a)
{
    static const enum mmu_kind kind_of[] = { [ORACLE_READ] = MMU_LOAD, [ORACLE_WRITE] = MMU_STORE, [ORACLE_FETCH] = MMU_FETCH };
    static struct nested_answer want;
    struct question q = { a, &want };
    const struct mmu_guest_exit *exit = mmu_guest_exit(j->mmu, 0);
    struct mmu_result got;
    uint64_t differs = 0;
    const char *what;

    nested_judge(j->ram, &j->cpu, a, &want);
    if (j->walk_too)
        judge_walk(j, &q, kind_of[a->kind]);
    mmu_translate(j->mmu, 0, a->va, kind_of[a->kind], 0, &got);
    what = compare(j, &q, &got, exit);
    for (unsigned i = 0; i < want.entries; i++)
        differs |= (j->ram[want.entry[i].pa / 8] ^ want.entry[i].after) & ~want.entry[i].free;
    if (differs)
        what = what ? what : "A and D bits";
    if (reads_differ(j, &want, &got))
        what = what ? what : "reads";
    if (log_differs(j, &want))
        what = what ? what : "the log";
    j->cr2 = want.outcome == ORACLE_PF ? a->va : j->cr2;
    if (mmu_get(j->mmu, 0, MMU_CR2) != j->cr2)
        what = what ? what : "CR2";
    if (what) {
        complain(j, &q, &got, exit, what);
        j->cr2 = mmu_get(j->mmu, 0, MMU_CR2);
    }
    if (j->caches)
        judge_again(j, &q, kind_of[a->kind]);
    for (unsigned i = want.entries; i-- > 0;)
        j->ram[want.entry[i].pa / 8] = want.entry[i].before;
    if (got.status == MMU_OK || j->caches)
        forget(j, a->va);
    j->nested_reads = nested_reads(j);
    j->cases++;
}

void judge_kinds(struct judge *j)
{
    struct oracle_access a = { .va = j->va | 0x9a8 };
    for (a.kind = ORACLE_READ; a.kind <= ORACLE_FETCH; a.kind++)
        judge_case(j, &a);
}
