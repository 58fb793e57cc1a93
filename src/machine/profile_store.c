/* SPDX-License-Identifier: MIT
 * profile_store.c - building a profile piece by piece, and whether a machine can be made from it; see profile.h.
 * Called by the reader of profile texts, and by whoever makes a profile from what it finds out. */
#include <string.h>

#include "machine/cpu.h"
#include "machine/psc.h"
#include "machine/tlb.h"
#include "pagewalk/profile.h"

void mmu_profile_begin(struct mmu_profile_store *s)
{
    memset(s, 0, sizeof *s);
    s->profile.tlb = s->tlb;
    s->profile.psc = s->psc;
    s->profile.cache = s->cache;
}

const char *mmu_profile_keep(struct mmu_profile_store *s, const char *text, size_t len_bytes)
{
    size_t room = sizeof s->chars - s->chars_used, n = len_bytes < room ? len_bytes : room ? room - 1 : 0;
    char *at = &s->chars[s->chars_used];

    if (!room)
        return "";
    memcpy(at, text, n);
    at[n] = 0;
    s->chars_used += (u32)n + 1;
    return at;
}

struct mmu_tlb_desc *mmu_profile_add_tlb(struct mmu_profile_store *s, const struct mmu_tlb_desc *t)
{
    if (s->profile.tlbs == MMU_PROFILE_TLBS)
        return NULL;
    s->tlb[s->profile.tlbs] = *t;
    return &s->tlb[s->profile.tlbs++];
}

struct mmu_psc_desc *mmu_profile_add_psc(struct mmu_profile_store *s, const struct mmu_psc_desc *c)
{
    if (s->profile.pscs == MMU_PROFILE_PSCS)
        return NULL;
    s->psc[s->profile.pscs] = *c;
    return &s->psc[s->profile.pscs++];
}

struct mmu_cache_desc *mmu_profile_add_cache(struct mmu_profile_store *s, const struct mmu_cache_desc *c)
{
    if (s->profile.caches == MMU_PROFILE_CACHES || (s->profile.caches && s->cache[0].side == c->side))
        return NULL;
    s->cache[s->profile.caches] = *c;
    return &s->cache[s->profile.caches++];
}

const char *mmu_cache_unfit(const struct mmu_cache_desc *c)
{
    const u32 line = c->line_bytes;

    if (c->side >= MMU_SIDES || c->form > MMU_VIVT)
        return "a cache is for instructions or data, and pipt, vipt, vipt_one or vivt";
    if (line < 16 || line > PAGE_BYTES || line & (line - 1))
        return "a cache line has 16 to 4096 bytes, a power of two";
    if (!assoc_possible(c->ways, c->sets, MMU_LRU))
        return "a cache has 1 to 255 ways, and sets a power of two";
    return assoc_possible(c->ways, c->sets, (enum mmu_repl)c->repl) ? NULL : "a cache's replacement policy cannot have so many ways";
}

static bool first_level_has(const struct mmu_profile *p, u32 port)
{
    for (u32 i = 0; i < p->tlbs; i++)
        if (p->tlb[i].level == 1 && p->tlb[i].ports & port && p->tlb[i].sizes & 1u << MMU_4K)
            return true;
    return false;
}

const char *mmu_profile_unfit(const struct mmu_profile *p)
{
    static const struct { u32 port; const char *why; } ports[] = {
        { MMU_PORT_I, "no first-level array holds 4K pages for fetches" },
        { MMU_PORT_LOAD, "no first-level array holds 4K pages for loads" },
        { MMU_PORT_STORE, "no first-level array holds 4K pages for stores" },
    };

    if ((p->features & (MMU_LM | MMU_PAE)) != (MMU_LM | MMU_PAE))
        return "the features lack lm or pae";
    if (p->maxphyaddr < 32 || p->maxphyaddr > 52)
        return "physical addresses have 32 to 52 bits";
    if (p->va_bits == 57 && !(p->features & MMU_LA57))
        return "virtual addresses of 57 bits need the feature la57";
    for (u32 i = 0; i < COUNT_OF(ports); i++)
        if (!first_level_has(p, ports[i].port))
            return ports[i].why;
    for (u32 i = 0; i < p->pscs; i++)
        if (!psc_possible(&p->psc[i]))
            return "a structure cache has impossible ways";
    for (u32 i = 0; i < p->caches; i++)
        if (mmu_cache_unfit(&p->cache[i]))
            return mmu_cache_unfit(&p->cache[i]);
    return tlb_possible(p) ? NULL : "more than two arrays of one level hold the same pages, or an array is impossible";
}
