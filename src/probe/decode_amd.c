/* SPDX-License-Identifier: MIT
 * decode_amd.c - TLBs from AMD's CPUID: leaves 80000005h (first level), 80000006h (second), 80000019h (1 GiB pages) and
 * the size multiplier of 80000021h (APM3, appendix E).  Called by decode.c.
 *
 * The leaves describe each page size by itself; where two sizes have equal numbers of entries they are one array.  The
 * associativity of the second level is an encoding of what software may assume, not the geometry: decode.c puts the
 * known one in its place. */
#include "probe/decode_internal.h"

/* ---- fields ----------------------------------------------------------------------------------------------------------- */

struct count { u32 entries, ways; };

#define FULLY 0xff

static struct count first_level(u32 bits) /* [7:0] entries, [15:8] ways; FFh: fully associative */
{
    u32 entries = bits & 0xff, ways = bits >> 8 & 0xff;
    return (struct count){ entries, ways == FULLY ? entries : ways };
}

static struct count second_level(u32 bits) /* [11:0] entries, [15:12] a code */
{
    /* Code 9 points at leaf 8000001Dh, which describes no TLBs: not said. */
    static const u8 ways_of_code[16] = { 0, 1, 2, 3, 4, 6, 8, 0, 16, 0, 32, 48, 64, 96, 128, FULLY };
    u32 entries = bits & 0xfff, ways = ways_of_code[bits >> 12 & 15];
    if (!(bits >> 12 & 15))
        entries = 0; /* disabled */
    return (struct count){ entries, ways == FULLY ? entries : ways };
}

/* ---- arrays: page sizes with equal counts are one --------------------------------------------------------------------- */

static void add_sizes(struct findings *f, u8 level, u8 ports, const struct count size[3], const char *leaf)
{
    u8 done = 0;
    for (u32 i = 0; i < 3; i++) {
        u8 sizes = 0;
        for (u32 j = i; j < 3; j++)
            if (!(done >> j & 1) && size[j].entries == size[i].entries)
                sizes |= (u8)(1u << j);
        if (!(done >> i & 1))
            find_add(f, (struct found){ level, ports, sizes, size[i].entries, size[i].ways, leaf });
        done |= sizes;
    }
}

static void scale(struct count size[3], u32 factor)
{
    for (int i = 0; i < 3; i++)
        size[i].entries *= factor;
}

#define LEAF21_EAX_L2_TLB_SIZE_X32 (1u << 14)

void find_amd(const struct cpuid_dump *d, struct findings *f)
{
    struct cpuid_row l1 = cpuid_get(d, 0x80000005, 0), l2 = cpuid_get(d, 0x80000006, 0), g = cpuid_get(d, 0x80000019, 0);
    /* Zen 5 counts the second level in units of 32; most tools print the raw 128. */
    u32 factor = cpuid_get(d, 0x80000021, 0).eax & LEAF21_EAX_L2_TLB_SIZE_X32 ? 32 : 1;
    struct count i1[3] = { first_level(l1.ebx), first_level(l1.eax), second_level(g.eax) };
    struct count d1[3] = { first_level(l1.ebx >> 16), first_level(l1.eax >> 16), second_level(g.eax >> 16) };
    struct count i2[3] = { second_level(l2.ebx), second_level(l2.eax), second_level(g.ebx) };
    struct count d2[3] = { second_level(l2.ebx >> 16), second_level(l2.eax >> 16), second_level(g.ebx >> 16) };
    bool split = l2.eax >> 16 || l2.ebx >> 16;

    scale(i2, factor);
    scale(d2, factor);
    add_sizes(f, 1, MMU_PORT_I, i1, "CPUID leaves 80000005h and 80000019h");
    add_sizes(f, 1, PORT_D, d1, "CPUID leaves 80000005h and 80000019h");
    /* No data half at all: one array for both, in the lower bits. */
    add_sizes(f, 2, split ? MMU_PORT_I : PORT_U, i2, "CPUID leaves 80000006h and 80000019h");
    if (split)
        add_sizes(f, 2, PORT_D, d2, "CPUID leaves 80000006h and 80000019h");
}
