/* SPDX-License-Identifier: MIT
 * decode_caches.c - first-level caches from CPUID: leaf 4 (Intel, SDM2A), 8000001Dh of the same form and, before that,
 * 80000005h (AMD, APM3 appendix E).  What they do not say, replacement and how synonyms are kept apart, is the nearest
 * profile's.  Called by decode.c. */
#include "probe/decode_internal.h"

#include <stdio.h>
#include <string.h>

struct found_cache { u32 ways, sets, line_bytes; const char *leaf; }; /* ways 0: not said                              */

enum { CACHE_DATA = 1, CACHE_CODE = 2, CACHE_UNIFIED = 3 }; /* EAX[4:0]                                             */
#define SUBS 4

static struct found_cache described(const struct cpuid_dump *d, u32 leaf, u8 side, const char *name)
{
    for (u32 sub = 0; sub < SUBS; sub++) {
        const struct cpuid_row r = cpuid_get(d, leaf, sub);
        const u32 type = r.eax & 31, level = r.eax >> 5 & 7;

        if (level == 1 && (type == CACHE_UNIFIED || type == (side == MMU_SIDE_I ? CACHE_CODE : CACHE_DATA)))
            return (struct found_cache){ (r.ebx >> 22) + 1, r.ecx + 1, (r.ebx & 0xfff) + 1, name };
    }
    return (struct found_cache){ 0 };
}

/* ECX, EDX of 80000005h: [31:24] KiB, [23:16] ways, FFh all of them, [7:0] bytes of a line. */
static struct found_cache in_old_leaf(const struct cpuid_dump *d, u8 side)
{
    const struct cpuid_row r = cpuid_get(d, 0x80000005, 0);
    const u32 said = side == MMU_SIDE_I ? r.edx : r.ecx, line = said & 0xff, lines = line ? (said >> 24) * 1024 / line : 0;
    const u32 ways = (said >> 16 & 0xff) == 0xff ? lines : said >> 16 & 0xff;

    return (struct found_cache){ ways, ways ? lines / ways : 0, line, "CPUID leaf 80000005h" };
}

static struct found_cache find_cache(const struct cpuid_dump *d, enum mmu_vendor vendor, u8 side)
{
    const bool amd = vendor == MMU_AMD;
    const struct found_cache f = described(d, amd ? 0x8000001d : 4, side, amd ? "CPUID leaf 8000001Dh" : "CPUID leaf 4");

    return f.ways || !amd ? f : in_old_leaf(d, side);
}

static void put_cache(const struct found_cache *f, const struct mmu_profile *near, const struct mmu_cache_desc *like, struct mmu_profile_store *to)
{
    struct mmu_cache_desc c = *like;
    char source[512];

    c.ways = (u16)f->ways;
    c.sets = (u16)f->sets;
    c.line_bytes = (u16)f->line_bytes;
    if (f->ways && f->ways == c.ways && f->sets == c.sets && mmu_cache_unfit(&c)) /* as many ways as the policy cannot have */
        c.repl = MMU_LRU;
    if (f->ways != c.ways || f->sets != c.sets || mmu_cache_unfit(&c)) {
        c = *like;
        snprintf(source, sizeof source, "assumed, as %s: %s", near->name, like->source);
    } else {
        snprintf(source, sizeof source, "%s; replacement and form: assumed, as %s", f->leaf, near->name);
    }
    c.source = mmu_profile_keep(to, source, strlen(source));
    mmu_profile_add_cache(to, &c);
}

void put_caches(const struct cpuid_dump *d, const struct mmu_profile *near, struct mmu_profile_store *to)
{
    for (u32 i = 0; i < near->caches; i++) {
        const struct found_cache f = find_cache(d, to->profile.vendor, near->cache[i].side);
        put_cache(&f, near, &near->cache[i], to);
    }
}
