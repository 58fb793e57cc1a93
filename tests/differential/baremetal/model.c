/* SPDX-License-Identifier: MIT
 * model.c - the engine of the host: the machine that is to be proved.  Called by play.c and replay.c.
 *
 * Each case is played on the machine of another profile, so that all geometries take part; what the processor can do
 * comes from the emulator's CPUID.  A load, store or fetch goes where mmu_translate() says, byte for byte. */
#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bytes.h"

#include "pagewalk/mmu.h"

enum { MODELS = 64 };

struct engine {
    u8 *ram;
    u64 ram_bytes;
    struct mmu *model[MODELS], *now;
    u32 models;
    bool la57, has_pku, has_pks;
};

static void die(const char *what)
{
    fprintf(stderr, "baremetal: %s\n", what);
    exit(2);
}

static void must(bool done, const char *what)
{
    if (!done)
        die(what);
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static u32 mmu_features(const struct part *part)
{
    static const u32 row[][2] = {
        { PART_1G, MMU_PDPE1GB }, { PART_SMEP, MMU_SMEP }, { PART_SMAP, MMU_SMAP }, { PART_PKU, MMU_PKU },
        { PART_PKS, MMU_PKS }, { PART_PCID, MMU_PCID }, { PART_INVPCID, MMU_INVPCID }, { PART_LA57, MMU_LA57 },
    };
    u32 features = MMU_NX | MMU_PSE36 | MMU_PGE | MMU_PSE | MMU_PAE | MMU_PAT | MMU_LM;
    for (u32 i = 0; i < sizeof row / sizeof *row; i++)
        features |= part->features & row[i][0] ? row[i][1] : 0;
    return features;
}

static void go_to_five_levels(struct mmu *m)
{
    u64 cr0 = mmu_get(m, 0, MMU_CR0);
    must(mmu_set(m, 0, MMU_CR0, cr0 & ~(1ull << 31)) &&
         mmu_set(m, 0, MMU_CR4, mmu_get(m, 0, MMU_CR4) | 1u << 12) && mmu_set(m, 0, MMU_CR0, cr0),
         "the model refuses CR4.LA57");
}

static void add_model(struct engine *e, const struct part *part, const struct mmu_profile *profile)
{
    struct mmu_config config = {
        .cpus = 1, .ram = e->ram, .ram_bytes = e->ram_bytes, .maxphyaddr = part->maxphyaddr, .vendor = MMU_INTEL,
        .features = mmu_features(part), .profile = profile, .seed = e->models,
    };
    size_t bytes = (mmu_bytes(&config) + 63) / 64 * 64;
    void *block = bytes ? aligned_alloc(64, bytes) : NULL;
    struct mmu *m = block ? mmu_create(block, bytes, &config) : NULL;
    must(m, "the model cannot be made");
    if (e->la57)
        go_to_five_levels(m);
    e->model[e->models++] = m;
}

struct engine *model_create(const struct part *part, const struct params *p)
{
    struct engine *e = calloc(1, sizeof *e);
    must(e, "no memory");
    e->ram_bytes = p->high_end ? p->high_end : p->low_end;
    e->ram = mmap(NULL, e->ram_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    must(e->ram != MAP_FAILED, "no memory");
    e->la57 = p->flags & PARAMS_LA57;
    e->has_pku = part->features & PART_PKU;
    e->has_pks = part->features & PART_PKS;
    for (u32 i = 0; i < MODELS && mmu_profile_at(i); i++)
        add_model(e, part, mmu_profile_at(i));
    e->now = e->model[0];
    return e;
}

void model_destroy(struct engine *e)
{
    for (u32 i = 0; i < e->models; i++)
        free(e->model[i]);
    munmap(e->ram, e->ram_bytes);
    free(e);
}

/* ---- engine.h ---------------------------------------------------------------------------------------------------- */

volatile u8 *engine_bytes(struct engine *e, u64 pa)
{
    must(pa < e->ram_bytes, "a case uses memory that is not there");
    return e->ram + pa;
}

const u64 *engine_memory(struct engine *e)
{
    return (const u64 *)e->ram;
}

void engine_context(struct engine *e, const struct context *to)
{
    u64 cr0 = 0x80000011 | (u64)to->wp << 16, efer = 0x500 | (u64)to->nxe << 11;
    u64 cr4 = 1u << 5 | (u64)e->la57 << 12 | (u64)to->pge << 7 | (u64)to->smep << 20 | (u64)to->smap << 21 |
              (u64)to->pke << 22 | (u64)to->pks << 24 | (u64)to->pcide << 17;
    must(mmu_set(e->now, 0, MMU_CR0, cr0) && mmu_set(e->now, 0, MMU_CR4, cr4) && mmu_set(e->now, 0, MMU_EFER, efer) &&
         (!e->has_pku || mmu_set(e->now, 0, MMU_PKRU, to->pkru)) &&
         (!e->has_pks || mmu_set(e->now, 0, MMU_PKRS, to->pkrs)),
         "the model refuses a context");
}

void engine_begin(struct engine *e, const struct test_case *c)
{
    e->now = e->model[c->number % e->models];
    engine_context(e, &c->context);
    engine_cr3(e, c->cr3[0], false);
}

void engine_end(struct engine *e, const struct test_case *c)
{
    (void)c;
    engine_cr3(e, 0, false);
    must(mmu_set(e->now, 0, MMU_CR4, mmu_get(e->now, 0, MMU_CR4) & ~(1ull << 7 | 1ull << 17)), "the model refuses CR4");
}

void engine_cr3(struct engine *e, u64 cr3, bool keep)
{
    must(mmu_set(e->now, 0, MMU_CR3, cr3 | (u64)keep << 63), "the model refuses CR3");
}

u32 engine_write(struct engine *e, u32 which, u64 value)
{
    static const enum mmu_reg reg[WRITTEN] = { MMU_CR0, MMU_CR3, MMU_CR4, MMU_EFER };
    return mmu_set(e->now, 0, reg[which], value) ? 0 : 13;
}

void engine_toggle_pge(struct engine *e)
{
    u64 cr4 = mmu_get(e->now, 0, MMU_CR4);
    must(mmu_set(e->now, 0, MMU_CR4, cr4 ^ 1u << 7) && mmu_set(e->now, 0, MMU_CR4, cr4), "the model refuses CR4.PGE");
}

void engine_invlpg(struct engine *e, u64 va)
{
    mmu_invlpg(e->now, 0, va);
}

void engine_invpcid(struct engine *e, u32 type, u64 pcid, u64 va)
{
    must(mmu_invpcid(e->now, 0, type, pcid, va), "the model refuses INVPCID");
}

/* By mmu_access(), which tells the first byte's place; the second page's is then asked for. */
static bool translate(struct engine *e, const struct request *q, struct place *at, struct raw *out)
{
    static const u8 vector_of[] = { [MMU_OK] = 0, [MMU_FAULT_PF] = 14, [MMU_FAULT_GP] = 13, [MMU_FAULT_SS] = 12 };
    enum mmu_kind kind = q->kind == KIND_FETCH ? MMU_FETCH : kind_writes(q->kind) ? MMU_STORE : MMU_LOAD;
    bool stack = q->kind == KIND_STACK_LOAD || q->kind == KIND_STACK_STORE;
    unsigned flags = (q->kind == KIND_SYSTEM ? MMU_IMPLICIT : 0) | (stack ? MMU_SS : 0);
    u32 room = 4096 - (u32)(q->va & 4095), len = access_len(q->kind, q->size);
    struct mmu_result r;
    enum mmu_status status = mmu_access(e->now, 0, q->va, len, kind, flags, &r);

    out->vector = vector_of[status];
    out->error = status == MMU_FAULT_PF ? r.error : 0;
    if (status != MMU_OK)
        return false;
    *at = (struct place){ .pa = { r.pa, 0 }, .split = len < room ? len : room, .len = len };
    if (len > room) {
        must(mmu_translate(e->now, 0, q->va + room, kind, flags, &r) == MMU_OK, "the model refuses what it has allowed");
        at->pa[1] = r.pa;
    }
    return true;
}

void engine_access(struct engine *e, const struct request *q, struct raw *out)
{
    struct place at;
    u8 bytes[CODE_BYTES], stored[CODE_BYTES];

    *out = (struct raw){ .vector = 0 };
    must(mmu_set(e->now, 0, MMU_CR2, CR2_MARK) && mmu_set(e->now, 0, MMU_CPL, q->cpl) &&
         mmu_set(e->now, 0, MMU_AC, q->ac), "the model refuses CPL or AC");
    if (translate(e, q, &at, out)) {
        bytes_read(e, &at, bytes);
        out->value = value_of(q->kind, q->size, bytes);
        if (kind_writes(q->kind)) {
            stored_by(q->kind, q->size, out->value, q->value, stored);
            bytes_write(e, &at, stored);
        }
    }
    out->cr2 = mmu_get(e->now, 0, MMU_CR2);
    must(mmu_set(e->now, 0, MMU_CPL, 0), "the model refuses CPL 0");
}
