/* SPDX-License-Identifier: MIT
 * layout.c - where in physical memory the tables and pages of the cases lie; see case.h.  Called by guest.c, replay.c and
 * paths.c. */
#include "case.h"

#define GIB ((u64)1 << 30)
#define UNIT ((u64)2 << 20)
#define GUEST_END ((u64)32 << 20)
#define SLICES (DATA_FRAMES + CODE_FRAMES + TABLE_FRAMES)

bool layout_is_ram(const struct layout *l, u64 pa)
{
    return (pa >= GUEST_END && pa < l->low_end) || (pa >= 4 * GIB && pa < l->high_end);
}

/* A page of one of the equal parts, neither at the beginning nor at the end of its 2 MiB. */
static u64 frame_in_slice(const struct params *p, u32 slice)
{
    u64 low_units = (p->low_end - GUEST_END) / UNIT;
    u64 high_units = p->high_end > 4 * GIB ? (p->high_end - 4 * GIB) / UNIT : 0;
    u64 units = (low_units + high_units) / SLICES, noise = (p->seed + slice + 1) * 0x9e3779b97f4a7c15ull;
    u64 unit = slice * units + (noise >> 40) % units;
    u64 base = unit < low_units ? GUEST_END + unit * UNIT : 4 * GIB + (unit - low_units) * UNIT;
    return base + (1 + (noise >> 20) % 508) * 4096;
}

void layout_make(const struct params *p, struct layout *l)
{
    u32 n = 0;
    *l = (struct layout){ .low_end = p->low_end, .high_end = p->high_end };
#define NEXT_FRAME() frame_in_slice(p, (n++ * 37 + 11) % SLICES)
    for (u32 i = 0; i < DATA_FRAMES; i++)
        l->data[i] = NEXT_FRAME();
    for (u32 i = 0; i < CODE_FRAMES; i++)
        l->code[i] = NEXT_FRAME();
    for (u32 i = 0; i < TABLE_FRAMES; i++)
        l->table[i] = NEXT_FRAME();
    for (u64 pa = GIB; pa < 16 * GIB && l->edges < EDGES; pa += GIB)
        if (layout_is_ram(l, pa - 4096) && layout_is_ram(l, pa))
            l->edge[l->edges++] = pa;
}
