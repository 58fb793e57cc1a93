/* SPDX-License-Identifier: MIT
 * decode.c - who the processor is, what it can, and the whole profile; see decode.h.  Its TLBs are found by
 * decode_intel.c or decode_amd.c and put together by decode_arrays.c. */
#include "probe/decode_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"

/* ---- who is it? ------------------------------------------------------------------------------------------------------ */

struct identity { enum mmu_vendor vendor; u32 family, model, core; };

enum { CORE_ANY, CORE_ATOM = 0x20, CORE_CORE = 0x40 }; /* leaf 1Ah EAX[31:24]                                    */

static struct identity identify(const struct cpuid_dump *d)
{
    struct cpuid_row zero = cpuid_get(d, 0, 0), one = cpuid_get(d, 1, 0);
    struct identity id = { .family = one.eax >> 8 & 15, .model = one.eax >> 4 & 15 };
    bool amd = zero.ebx == 0x68747541 || zero.ebx == 0x6f677948; /* "Auth"enticAMD, "Hygo"nGenuine */

    id.vendor = amd ? MMU_AMD : MMU_INTEL;
    if (id.family == 15)
        id.family += one.eax >> 20 & 0xff;
    if (id.family == 6 || id.family >= 15)
        id.model |= one.eax >> 12 & 0xf0;
    id.core = d->hybrid ? cpuid_get(d, 0x1a, 0).eax >> 24 : CORE_ANY;
    return id;
}

static const struct model_row { u8 vendor, family_low, family_high, low, high, core; bool known; const char *profile; } models[] = {
#define INTEL MMU_INTEL
#define AMD MMU_AMD
#define MODEL(vendor, family_low, family_high, low, high, core, profile) \
    { vendor, family_low, family_high, low, high, CORE_##core, true, profile },
#define NEAREST(vendor, family_low, family_high, low, high, core, profile) \
    { vendor, family_low, family_high, low, high, CORE_##core, false, profile },
#include "arch/cpu_models.def"
};

static const struct model_row *model_of(const struct identity *id)
{
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        const struct model_row *m = &models[i];
        if (m->vendor == id->vendor && id->family >= m->family_low && id->family <= m->family_high && id->model >= m->low &&
            id->model <= m->high && (m->core == CORE_ANY || m->core == id->core))
            return m;
    }
    return &models[COUNT_OF(models) - 1];
}

const struct mmu_profile *decode_nearest(const struct cpuid_dump *d)
{
    struct identity id = identify(d);
    return mmu_profile_find(model_of(&id)->profile);
}

/* ---- registers and bits ------------------------------------------------------------------------------------------------ */

enum { EAX, EBX, ECX, EDX };
static const struct { u32 leaf; u8 reg, bit; u32 feature; } feature_bits[] = {
    { 1, EDX, 3, MMU_PSE },        { 1, EDX, 6, MMU_PAE },        { 1, EDX, 13, MMU_PGE },     { 1, EDX, 16, MMU_PAT },
    { 1, EDX, 17, MMU_PSE36 },     { 1, ECX, 17, MMU_PCID },      { 7, EBX, 7, MMU_SMEP },     { 7, EBX, 10, MMU_INVPCID },
    { 7, EBX, 20, MMU_SMAP },      { 7, ECX, 3, MMU_PKU },        { 7, ECX, 16, MMU_LA57 },    { 7, ECX, 31, MMU_PKS },
    { 7, ECX, 7, MMU_SHSTK },      { 0x80000001, ECX, 2, MMU_SVM }, { 0x80000001, ECX, 17, MMU_TCE },
    { 0x80000008, EBX, 3, MMU_INVLPGB },
    { 0x80000001, EDX, 20, MMU_NX }, { 0x80000001, EDX, 26, MMU_PDPE1GB }, { 0x80000001, EDX, 29, MMU_LM },
};

static u32 features_of(const struct cpuid_dump *d)
{
    u32 features = 0;
    for (size_t i = 0; i < COUNT_OF(feature_bits); i++) {
        struct cpuid_row r = cpuid_get(d, feature_bits[i].leaf, 0);
        u32 reg[4] = { r.eax, r.ebx, r.ecx, r.edx };
        if (reg[feature_bits[i].reg] >> feature_bits[i].bit & 1)
            features |= feature_bits[i].feature;
    }
    return features;
}

/* ---- names ------------------------------------------------------------------------------------------------------------ */

static const char *keep(struct mmu_profile_store *s, const char *text) { return mmu_profile_keep(s, text, strlen(text)); }

/* Blanks at the ends and in rows go: brand strings are padded. */
static void squeeze(char *text)
{
    char *to = text;
    for (const char *from = text; *from; from++)
        if (*from != ' ' || (to > text && to[-1] != ' '))
            *to++ = *from;
    while (to > text && to[-1] == ' ')
        to--;
    *to = 0;
}

static void put_title(const struct cpuid_dump *d, const struct identity *id, struct mmu_profile_store *to)
{
    char brand[49] = "", title[96];

    for (u32 i = 0; i < 3; i++) {
        struct cpuid_row r = cpuid_get(d, 0x80000002 + i, 0);
        u32 reg[4] = { r.eax, r.ebx, r.ecx, r.edx };
        memcpy(brand + 16 * i, reg, 16);
    }
    for (char *c = brand; c < brand + 48 && *c; c++)
        *c = *c >= ' ' && *c < 0x7f ? *c : ' ';
    squeeze(brand);
    snprintf(title, sizeof title, "%s (family %02Xh, model %02Xh)", brand[0] ? brand : id->vendor == MMU_AMD ? "AMD processor" :
             "Intel processor", id->family, id->model);
    to->profile.title = keep(to, title);
}

/* ---- notes -------------------------------------------------------------------------------------------------------------------- */

#define LEAF1_ECX_HYPERVISOR (1u << 31)

struct notes { size_t used; char text[1024]; };

static void __attribute__((format(printf, 2, 3))) note(struct notes *n, const char *format, ...)
{
    va_list args;
    int more;

    if (n->used && n->used < sizeof n->text - 1)
        n->text[n->used++] = ' ';
    va_start(args, format);
    more = vsnprintf(n->text + n->used, sizeof n->text - n->used, format, args);
    va_end(args);
    n->used += more < 0 ? 0 : (size_t)more < sizeof n->text - n->used ? (size_t)more : sizeof n->text - n->used - 1;
}

static void note_hybrid(const struct cpuid_dump *d, const struct identity *id, struct notes *n)
{
    const char *kind = id->core == CORE_ATOM ? "an efficiency core" : id->core == CORE_CORE ? "a performance core" : "of unknown kind";

    note(n, "A hybrid processor: this is logical CPU %d, %s.", d->cpu, kind);
    if (d->other_cpu >= 0)
        note(n, "The other kind of core: --cpu host:%d.", d->other_cpu);
}

static void put_notes(const struct cpuid_dump *d, const struct identity *id, const struct findings *f, struct mmu_profile_store *to)
{
    const struct model_row *m = model_of(id);
    bool hypervisor = cpuid_get(d, 1, 0).ecx & LEAF1_ECX_HYPERVISOR;
    struct notes n = { 0, "" };

    note(&n, m->known ? "What CPUID does not say is taken from the profile %s." :
         "This model is not known here; what CPUID does not say is taken from the profile %s.", m->profile);
    if (f->remark)
        note(&n, "%s", f->remark);
    if (!f->n)
        note(&n, "CPUID describes no TLB%s: all arrays are assumed. `pagewalk probe` measures them.", hypervisor ? " (a hypervisor may hide them)" : "");
    else if (hypervisor)
        note(&n, "CPUID was answered by a hypervisor, which may hide or invent leaves; `pagewalk probe` measures.");
    if (d->hybrid)
        note_hybrid(d, id, &n);
    to->profile.notes = keep(to, n.text);
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------ */

void find_add(struct findings *f, struct found row)
{
    if (f->n < FOUND_MAX && row.entries && row.entries <= 65536 && row.sizes)
        f->row[f->n++] = row;
}

static u8 bits(u32 said, u32 low, u32 high, u8 instead) { return said >= low && said <= high ? (u8)said : instead; }

void decode_profile(const struct cpuid_dump *d, const char *name, struct mmu_profile_store *to)
{
    struct identity id = identify(d);
    const struct mmu_profile *near = mmu_profile_find(model_of(&id)->profile);
    struct findings f = { .n = 0 };

    mmu_profile_begin(to);
    to->profile = *near; /* every field that nothing below sets */
    to->profile.tlb = to->tlb;
    to->profile.psc = to->psc;
    to->profile.cache = to->cache;
    to->profile.tlbs = to->profile.pscs = to->profile.caches = 0;
    to->profile.vendor = id.vendor;
    to->profile.name = keep(to, name);
    to->profile.features = features_of(d) | MMU_LM | MMU_PAE; /* whatever the dump lacks, a machine needs these */
    to->profile.maxphyaddr = bits(cpuid_get(d, 0x80000008, 0).eax & 0xff, 32, 52, near->maxphyaddr);
    to->profile.va_bits = to->profile.features & MMU_LA57 ? 57 : 48;
    put_title(d, &id, to);
    (id.vendor == MMU_AMD ? find_amd : find_intel)(d, &f);
    put_notes(d, &id, &f, to);
    for (unsigned i = 0; i < f.n; i++)
        put_found(&f.row[i], near, to);
    put_missing(near, to);
    if (mmu_profile_unfit(&to->profile)) { /* arrays that cannot be one machine: the nearest's are at least consistent */
        to->profile.tlbs = 0;
        put_missing(near, to);
    }
    put_caches(d, near, to);
    put_rest(near, to);
}
