/* SPDX-License-Identifier: MIT
 * swap.c - swapping without translation: the fault handler that mpu.h describes.  What moves is the rights of addresses;
 * a page comes to the one frame its address names. */
#include "internal.h"

#include <string.h>

static bool power_of_two(u32 n) { return n && !(n & (n - 1)); }

static u32 page_of(const struct mpu_swap *s, u32 addr) { return (addr - s->window) / s->page_bytes; }
static u32 frames(const struct mpu_swap *s) { return s->ram_bytes / s->page_bytes; }
static u32 frame_of(const struct mpu_swap *s, u32 page) { return page & (frames(s) - 1); }

static void region_off(struct mpu_swap *s, unsigned i)
{
    const struct mpu_want off = { 0 };

    (void)mpu_set_region(s->mpu, s->first_region + i, &off);
    s->covers[i] = MPU_SWAP_NONE;
}

bool mpu_swap_begin(struct mpu_swap *s)
{
    const bool fits = power_of_two(s->window_bytes) && power_of_two(s->ram_bytes) && power_of_two(s->page_bytes) &&
                      s->page_bytes >= GRANULE_BYTES && s->page_bytes <= s->ram_bytes && s->ram_bytes <= s->window_bytes &&
                      !(s->window & (s->window_bytes - 1)) && s->regions && s->first_region + s->regions <= s->mpu->regions;

    if (!fits)
        return false;
    for (u32 f = 0; f < frames(s); f++) {
        s->holds[f] = MPU_SWAP_NONE;
        s->dirty[f] = 0;
    }
    for (unsigned i = 0; i < s->regions; i++)
        region_off(s, i);
    s->next = 0;
    s->accesses = s->faults = s->pages_read = s->pages_written = s->regions_moved = s->first_writes = 0;
    return true;
}

static void write_back(struct mpu_swap *s, u32 frame)
{
    if (!s->dirty[frame])
        return;
    memcpy(s->flash + (size_t)s->holds[frame] * s->page_bytes, s->ram + (size_t)frame * s->page_bytes, s->page_bytes);
    s->dirty[frame] = 0;
    s->pages_written++;
}

/* The pager's region over a page; s->regions: none. */
static unsigned region_over(const struct mpu_swap *s, u32 page)
{
    unsigned i = 0;

    while (i < s->regions && s->covers[i] != page)
        i++;
    return i;
}

/* A region over a page that is in RAM: read-only until it is dirty, so that the first store is seen.  Never executed. */
static void cover(struct mpu_swap *s, u32 page)
{
    const u8 rights = MPU_R | (s->dirty[frame_of(s, page)] ? MPU_W : 0);
    const struct mpu_want want = { .base = s->window + page * s->page_bytes, .bytes = s->page_bytes,
                                   .privileged = rights, .unprivileged = rights };
    unsigned i = region_over(s, page);

    if (i == s->regions) {
        i = s->next;
        s->next = (u8)((i + 1) % s->regions);
    }
    (void)mpu_set_region(s->mpu, s->first_region + i, &want);
    s->covers[i] = page;
}

static void bring_in(struct mpu_swap *s, u32 page)
{
    const u32 frame = frame_of(s, page);

    if (s->holds[frame] != MPU_SWAP_NONE) {
        const unsigned i = region_over(s, s->holds[frame]);

        if (i < s->regions)
            region_off(s, i);
        write_back(s, frame);
    }
    memcpy(s->ram + (size_t)frame * s->page_bytes, s->flash + (size_t)page * s->page_bytes, s->page_bytes);
    s->holds[frame] = page;
    s->pages_read++;
}

/* The MemManage handler: MMFAR says where, the state says why. */
static void handle(struct mpu_swap *s, u32 mmfar, bool store)
{
    const u32 page = page_of(s, mmfar), frame = frame_of(s, page);

    s->faults++;
    if (s->holds[frame] != page)
        bring_in(s, page);
    else if (store && !s->dirty[frame])
        s->first_writes++;
    else
        s->regions_moved++;
    if (store)
        s->dirty[frame] = 1;
    cover(s, page);
}

/* The place in RAM, once the MPU allows the access; NULL: it never will. */
static u8 *reach(struct mpu_swap *s, u32 addr, bool store)
{
    const struct mpu_access a = { .addr = addr, .size_bytes = 1, .by = store ? MPU_BY_STORE : MPU_BY_LOAD,
                                  .unprivileged = true, .priority = MPU_PRIORITY_THREAD };
    const u32 page = page_of(s, addr);
    struct mpu_result r = mpu_access(s->mpu, &a);

    s->accesses++;
    if (r.exception == MPU_MEMMANAGE) {
        handle(s, s->mpu->mmfar, store);
        s->mpu->cfsr &= ~(u32)(CFSR_DACCVIOL | CFSR_MMARVALID);
        r = mpu_access(s->mpu, &a);
    }
    /* Somebody else's region may allow what no region of ours does: then the frame is not the page's, or not to be written. */
    if (r.exception != MPU_NONE || s->holds[frame_of(s, page)] != page || (store && !s->dirty[frame_of(s, page)]))
        return NULL;
    return s->ram + ((addr - s->window) & (s->ram_bytes - 1));
}

bool mpu_swap_load(struct mpu_swap *s, u32 addr, u8 *value)
{
    const u8 *at = reach(s, addr, false);

    if (at)
        *value = *at;
    return at;
}

bool mpu_swap_store(struct mpu_swap *s, u32 addr, u8 value)
{
    u8 *at = reach(s, addr, true);

    if (at)
        *at = value;
    return at;
}

void mpu_swap_sync(struct mpu_swap *s)
{
    for (u32 f = 0; f < frames(s); f++) {
        if (!s->dirty[f])
            continue;
        write_back(s, f);
        if (region_over(s, s->holds[f]) < s->regions)
            cover(s, s->holds[f]); /* read-only again                                                             */
    }
}
