/* SPDX-License-Identifier: MIT
 * model.c - the engine of the host: the machine that is to be proved.  Called by play.c and host.c.
 *
 * Each case is played on the machine of another profile, with the caches of nested translations that are usual; what the processor can
 * comes from the emulator's CPUID.  A load, store or fetch goes where mmu_translate() says. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "pagewalk/nested.h"

enum { MODELS = 64 };
struct nested_engine {
    u8 *ram;
    u64 ram_bytes;
    struct mmu *model[MODELS];
    struct mmu_nested_config nested;
    u32 models;
    bool npt;
};

static void must(bool done, const char *what)
{
    if (done)
        return;
    fprintf(stderr, "nested-compare: %s\n", what);
    exit(2);
}

/* ---- making -------------------------------------------------------------------------------------------------------- */

static u32 nested_features(const struct part *part)
{
    static const u32 row[][2] = { { NESTED_EXECUTE_ONLY, MMU_EPT_XO }, { NESTED_AD, MMU_EPT_AD }, { NESTED_MODES, MMU_EPT_MBE },
                                  { NESTED_1G, MMU_EPT_1G }, { NESTED_2M, MMU_EPT_2M }, { NESTED_INFO, MMU_EPT_INFO }, { NESTED_LOGS, MMU_EPT_PML } };
    u32 features = 0;
    for (u32 i = 0; i < sizeof row / sizeof *row; i++)
        features |= part->features & row[i][0] ? row[i][1] : 0;
    return features;
}

static void add_model(struct nested_engine *e, const struct part *part, const struct mmu_profile *profile)
{
    struct mmu_config config = {
        .cpus = 1, .ram = e->ram, .ram_bytes = e->ram_bytes, .maxphyaddr = part->maxphyaddr,
        .vendor = e->npt ? MMU_AMD : MMU_INTEL, .profile = profile, .seed = e->models, .nested = &e->nested,
        .features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM | MMU_SMEP | MMU_SMAP | MMU_LA57 |
                    (part->features & PART_1G ? MMU_PDPE1GB : 0u) | (e->npt ? MMU_SVM : 0u),
    };
    size_t bytes = (mmu_bytes(&config) + 63) / 64 * 64;
    void *block = bytes ? aligned_alloc(64, bytes) : NULL;
    struct mmu *m = block ? mmu_create(block, bytes, &config) : NULL;
    must(m, "the model cannot be made");
    e->model[e->models++] = m;
}

static void put(void *ctx, u64 pa, u64 value)
{
    struct nested_engine *e = ctx;
    nested_memory(e)[pa / 8] = value;
}

struct nested_engine *model_start(const struct params *p, const struct part *part)
{
    struct nested_engine *e = calloc(1, sizeof *e);
    must(e, "no memory");
    e->npt = p->flags & PARAMS_NPT;
    e->ram_bytes = p->high_end ? p->high_end : p->low_end;
    e->ram = mmap(NULL, e->ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(e->ram != MAP_FAILED, "no memory");
    e->nested = *mmu_nested_usual(e->npt ? MMU_AMD : MMU_INTEL);
    e->nested.features = e->npt ? 0 : nested_features(part);
    for (u32 i = 0; i < MODELS && mmu_profile_at(i); i++)
        add_model(e, part, mmu_profile_at(i));
    nested_fixed(p, put, e);
    return e;
}

/* ---- play.h -------------------------------------------------------------------------------------------------------- */

u64 *nested_memory(struct nested_engine *e) { return (u64 *)e->ram; }

/* The nested tables of AMD have the host's format and obey its NXE. */
static void set_host(struct mmu *m, const struct nested_case *c)
{
    u64 cr0 = 0x80000011 | (u64)c->host_wp << 16, cr4 = 1u << 5 | (u64)c->cpu.five_levels << 12;
    bool done = true;
    if (mmu_get(m, 0, MMU_CR4) != cr4)
        done = mmu_set(m, 0, MMU_CR0, cr0 & ~(1ull << 31)) && mmu_set(m, 0, MMU_CR4, cr4);
    must(done && mmu_set(m, 0, MMU_CR0, cr0) && mmu_set(m, 0, MMU_EFER, 0x500 | (u64)c->cpu.nxe << 11 | 1u << 12),
         "the model refuses the host's registers");
}

static void enter(struct mmu *m, const struct nested_case *c, const struct nested_cpu *cpu)
{
    const struct oracle_cpu *g = &cpu->guest;
    struct mmu_guest guest = {
        .nested = cpu->npt ? MMU_NPT : MMU_EPT, .tag = 1, .tlb_control = cpu->npt ? MMU_TLB_FLUSH_ALL : 0,
        .root = cpu->root | (cpu->npt ? 0 : 6 | (cpu->five_levels ? 4u : 3u) << 3 | (u64)cpu->ad << 6),
        .controls = (cpu->modes ? MMU_GUEST_MBE : 0) | (cpu->logs ? MMU_GUEST_PML : 0),
        .pml = fixed_page(FIXED_LOG), .pml_index = (u16)cpu->log_index,
        .reg = { .cr0 = nested_cr0(cpu), .cr3 = g->root | c->cr3_low, .cr4 = nested_cr4(cpu),
                 .efer = nested_efer(cpu) | (cpu->npt ? 1u << 12 : 0), .cpl = (u8)g->cpl, .ac = (u8)g->ac },
    };
    for (u32 i = 0; i < 4; i++)
        guest.pdpte[i] = cpu->pdpte[i];
    if (cpu->npt)
        set_host(m, c);
    const char *why = mmu_guest_enter(m, 0, &guest);
    must(!why, why);
    must(cpu->npt || (mmu_invept(m, 0, 2, 0) == MMU_VM_SUCCEED && mmu_invvpid(m, 0, 2, 0, 0) == MMU_VM_SUCCEED),
         "the model refuses INVEPT");
}

static void tell(const struct mmu *m, const struct mmu_result *r, struct nested_raw *out)
{
    const struct mmu_guest_exit *exit = mmu_guest_exit(m, 0);
    switch (r->status) {
    case MMU_OK: *out = (struct nested_raw){ .outcome = ORACLE_DONE }; return;
    case MMU_FAULT_PF: *out = (struct nested_raw){ .outcome = ORACLE_PF, .error = r->error, .address = mmu_get(m, 0, MMU_CR2) }; return;
    case MMU_FAULT_GP: *out = (struct nested_raw){ .outcome = ORACLE_GP }; return;
    case MMU_FAULT_SS: *out = (struct nested_raw){ .outcome = ORACLE_SS }; return;
    case MMU_EXIT: break;
    default: *out = (struct nested_raw){ .outcome = NESTED_LOST, .error = r->status }; return;
    }
    switch (exit->reason) {
    case MMU_EXIT_EPT_VIOLATION:
        *out = (struct nested_raw){ .outcome = NESTED_VIOLATION, .error = exit->info, .address = exit->gpa, .linear = exit->va };
        return;
    case MMU_EXIT_EPT_MISCONFIG: *out = (struct nested_raw){ .outcome = NESTED_MISCONFIGURATION, .address = exit->gpa }; return;
    case MMU_EXIT_PML_FULL: *out = (struct nested_raw){ .outcome = NESTED_LOG_FULL }; return;
    case MMU_EXIT_NPF: *out = (struct nested_raw){ .outcome = NESTED_PAGE_FAULT, .error = exit->info, .address = exit->gpa }; return;
    default: *out = (struct nested_raw){ .outcome = NESTED_LOST, .error = exit->reason };
    }
}

void nested_access(struct nested_engine *e, const struct nested_case *c, const struct nested_cpu *cpu, const struct nested_step *s,
                   struct nested_raw *out)
{
    static const enum mmu_kind kind_of[] = { [ORACLE_READ] = MMU_LOAD, [ORACLE_WRITE] = MMU_STORE, [ORACLE_FETCH] = MMU_FETCH };
    struct mmu *m = e->model[c->number % e->models];
    struct mmu_guest saved;
    struct mmu_result r;
    u64 *at;

    enter(m, c, cpu);
    mmu_translate(m, 0, c->va + s->offset, kind_of[s->kind], 0, &r);
    tell(m, &r, out);
    mmu_guest_leave(m, 0, &saved);
    if (cpu->logs)
        nested_tell_log(e, cpu->log_index, saved.pml_index, out);
    if (r.status != MMU_OK)
        return;
    must(r.pa < e->ram_bytes, "the model leads out of memory");
    at = &nested_memory(e)[r.pa / 8];
    if (s->kind == ORACLE_WRITE)
        at[0] = (at[0] ^ nested_narrow(cpu, at[0])) | nested_narrow(cpu, nested_operand(s));
    else if (s->kind == ORACLE_READ)
        out->value = nested_narrow(cpu, at[0]);
    else
        out->value = cpu->format == GUEST_LONG ? at[0] >> 16 | at[1] << 48 : nested_narrow(cpu, at[0] >> 8);
}
