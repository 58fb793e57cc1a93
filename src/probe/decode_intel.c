/* SPDX-License-Identifier: MIT
 * decode_intel.c - TLBs from Intel's CPUID: leaf 18h where the processor has one, else the descriptor bytes of leaf 2
 * (SDM2, CPUID).  Called by decode.c. */
#include "probe/decode_internal.h"

/* ---- leaf 18h: one sub-leaf an array -------------------------------------------------------------------------------- */

enum { TYPE_NONE, TYPE_DATA, TYPE_INSTRUCTION, TYPE_UNIFIED, TYPE_LOAD, TYPE_STORE, TYPES };

static const u8 ports_of_type[TYPES] = { 0, PORT_D, MMU_PORT_I, PORT_U, MMU_PORT_LOAD, MMU_PORT_STORE };

static void sub_leaf(const struct cpuid_row *r, struct findings *f)
{
    u32 type = r->edx & 0x1f, level = r->edx >> 5 & 7, ways = r->ebx >> 16, sets = r->ecx;
    u8 sizes = (u8)((r->ebx & 1 ? PAGES_4K : 0) | (r->ebx & 6 ? PAGES_2M : 0) | (r->ebx & 8 ? PAGES_1G : 0));

    /* Type 0 is a hole in the list, not its end: Ice Lake has one in front. */
    if (type == TYPE_NONE || type >= TYPES || level < 1 || level > 2 || !sizes || sets > 65536)
        return;
    find_add(f, (struct found){ (u8)level, ports_of_type[type], sizes, ways * sets, ways, "CPUID leaf 18h" });
}

static void find_leaf18(const struct cpuid_dump *d, struct findings *f)
{
    u32 last = cpuid_get(d, 0x18, 0).eax;
    for (u32 sub = 0; sub <= last && sub < 32; sub++) {
        struct cpuid_row r = cpuid_get(d, 0x18, sub);
        sub_leaf(&r, f);
    }
}

/* ---- leaf 2: a bag of bytes ------------------------------------------------------------------------------------------ */

enum kind { MAIN, MICRO, SECOND };

#define I MMU_PORT_I
#define D PORT_D
#define U PORT_U
#define S4K PAGES_4K
#define S2M PAGES_2M
#define S1G PAGES_1G
#define UNSAID 0
static const struct descriptor { u8 byte, ports, sizes, kind; u16 entries, ways; } descriptors[] = {
#define LEAF2(byte, ports, sizes, entries, ways, kind) { byte, ports, sizes, kind, entries, ways },
#include "arch/cpuid_leaf2.def"
};
#undef I
#undef D
#undef U

#define BYTE_USE_LEAF_18H 0xfe

struct bag { u8 has[256]; };

static void open_bag(const struct cpuid_dump *d, struct bag *b)
{
    struct cpuid_row r = cpuid_get(d, 2, 0);
    u32 reg[4] = { r.eax & ~0xffu, r.ebx, r.ecx, r.edx }; /* AL is a count, not a descriptor */

    *b = (struct bag){ { 0 } };
    for (int i = 0; i < 4; i++)
        for (int byte = 0; byte < 4 && !(reg[i] >> 31); byte++)
            b->has[reg[i] >> (8 * byte) & 0xff] = 1;
}

static u8 micro_sizes(const struct bag *b)
{
    u8 sizes = 0;
    for (unsigned i = 0; i < sizeof descriptors / sizeof *descriptors; i++)
        if (b->has[descriptors[i].byte] && descriptors[i].kind == MICRO)
            sizes |= descriptors[i].sizes;
    return sizes;
}

static void find_leaf2(const struct bag *b, struct findings *f)
{
    u8 micro = micro_sizes(b);

    for (unsigned i = 0; i < sizeof descriptors / sizeof *descriptors; i++) {
        const struct descriptor *k = &descriptors[i];
        bool behind_micro = k->kind == MAIN && k->ports == PORT_D && (k->sizes & micro);
        if (b->has[k->byte])
            find_add(f, (struct found){ k->kind == SECOND || behind_micro ? 2 : 1, k->ports, k->sizes, k->entries, k->ways,
                                        "CPUID leaf 2" });
    }
}

void find_intel(const struct cpuid_dump *d, struct findings *f)
{
    struct bag bag;

    find_leaf18(d, f);
    if (f->n)
        return;
    open_bag(d, &bag);
    find_leaf2(&bag, f);
    if (bag.has[BYTE_USE_LEAF_18H])
        f->remark = "CPUID leaf 2 points to leaf 18h, which is empty: a hypervisor hides it.";
}
