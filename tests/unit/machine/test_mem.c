/* SPDX-License-Identifier: MIT
 * test_mem.c - the inline loads, stores and fetches of mmu.h.  As a property: two equal machines, one through struct
 * mmu_mem, the other by mmu_translate() for each part of each access and plain copies; values, faults, memory and the
 * contents of the TLBs must be equal, and the counters but for skipped look-ups.  Would catch a slot that stays after its
 * reason has gone or leads to another frame, a store that writes half before its second half faults, and a pointer
 * where there is no RAM. */
#include "box.h"

#define STEPS 60000u
#define PAGES 400u
#define BASE 0x400000000000ull
#define LARGE 0x410000000000ull
#define FRAMES 0x200000ull /* data lies above the tables */

struct pair { struct box fast, slow; struct mmu_mem mem; u64 seed, asked, went_in; };

static u32 pick(struct pair *p, u32 n)
{
    return (u32)((box_random(&p->seed) >> 32) * n >> 32);
}

/* Outside RAM there is a device that answers with its address. */
static u64 device_load(void *ctx, u64 pa, unsigned size_bytes)
{
    (void)ctx;
    return pa * 0x0101010101010101ull + size_bytes;
}

static void device_store(void *ctx, u64 pa, unsigned size_bytes, u64 value)
{
    u64 *sum = ctx;
    u64 kept = size_bytes == 8 ? value : value & (((u64)1 << 8 * size_bytes) - 1);
    *sum = *sum * 31 + pa + size_bytes + kept;
}

/* ---- the plain way: every part of an access translated, then copied ---------------------------------------------- */

struct part { u64 pa; unsigned bytes; };

static bool slow_parts(struct pair *p, u64 va, enum mmu_kind kind, unsigned size, struct part part[2], struct mmu_result *r)
{
    unsigned left = 4096 - (unsigned)(va & 4095), first = size < left ? size : left;
    part[1].bytes = 0;
    if (mmu_translate(p->slow.m, 0, va, kind, 0, r) != MMU_OK)
        return false;
    part[0] = (struct part){ r->pa, first };
    if (first == size)
        return true;
    if (mmu_translate(p->slow.m, 0, va + first, kind, 0, r) != MMU_OK)
        return false;
    part[1] = (struct part){ r->pa, size - first };
    return true;
}

static u64 slow_load(struct pair *p, const struct part part[2])
{
    u64 value = 0;
    for (unsigned i = 0, at = 0; i < 2 && part[i].bytes; at += part[i].bytes, i++) {
        u64 piece = device_load(NULL, part[i].pa, part[i].bytes);
        if (mmu_in_ram(p->slow.m, part[i].pa, part[i].bytes))
            memcpy(&piece, (u8 *)p->slow.cfg.ram + part[i].pa, part[i].bytes);
        memcpy((u8 *)&value + at, &piece, part[i].bytes);
    }
    return value;
}

static void slow_store(struct pair *p, const struct part part[2], u64 value, u64 *device)
{
    for (unsigned i = 0; i < 2 && part[i].bytes; i++) {
        if (mmu_in_ram(p->slow.m, part[i].pa, part[i].bytes))
            memcpy((u8 *)p->slow.cfg.ram + part[i].pa, &value, part[i].bytes);
        else
            device_store(device, part[i].pa, part[i].bytes, value);
        value = part[i].bytes == 8 ? 0 : value >> 8 * part[i].bytes;
    }
}

/* ---- one access on both ---------------------------------------------------------------------------------------- */

static bool fast_load(struct mmu_mem *mem, u64 va, enum mmu_kind kind, unsigned size, u64 *out)
{
    u8 a; u16 b; u32 c;
    bool ok, fetch = kind == MMU_FETCH;
    switch (size) {
    case 1: ok = fetch ? mmu_fetch_u8(mem, va, &a) : mmu_load_u8(mem, va, &a); *out = ok ? a : 0; return ok;
    case 2: ok = fetch ? mmu_fetch_u16(mem, va, &b) : mmu_load_u16(mem, va, &b); *out = ok ? b : 0; return ok;
    case 4: ok = fetch ? mmu_fetch_u32(mem, va, &c) : mmu_load_u32(mem, va, &c); *out = ok ? c : 0; return ok;
    default: return fetch ? mmu_fetch_u64(mem, va, out) : mmu_load_u64(mem, va, out);
    }
}

static bool fast_store(struct mmu_mem *mem, u64 va, unsigned size, u64 value)
{
    switch (size) {
    case 1: return mmu_store_u8(mem, va, (u8)value);
    case 2: return mmu_store_u16(mem, va, (u16)value);
    case 4: return mmu_store_u32(mem, va, (u32)value);
    default: return mmu_store_u64(mem, va, value);
    }
}

static u64 random_address(struct pair *p)
{
    u64 at = pick(p, 4) ? pick(p, 4096) : 4088 + pick(p, 9);
    if (!pick(p, 12))
        return LARGE + ((u64)pick(p, 3) << 21) + pick(p, 5) * 4096ull + at;
    if (!pick(p, 300))
        return ((u64)1 << 63) + pick(p, 4096); /* matches no empty slot */
    return BASE + (pick(p, 3) ? pick(p, 12) * 16u : pick(p, PAGES)) * 4096ull + at;
}

static void access_both(struct pair *p, u64 device[2])
{
    u64 va = random_address(p), value = box_random(&p->seed), seen = 0;
    unsigned size = 1u << pick(p, 4);
    for (u32 repeat = 1 + pick(p, 4); repeat; repeat--) {
        enum mmu_kind kind = (enum mmu_kind)pick(p, 3);
        struct part part[2];
        struct mmu_result r;
        bool ok = slow_parts(p, va, kind, size, part, &r), store = kind == MMU_STORE;
        u64 before = mmu_stats(p->fast.m, 0)->lookups[0] + mmu_stats(p->fast.m, 0)->lookups[1];
        p->mem.io.ctx = &device[0];
        bool did = store ? fast_store(&p->mem, va, size, value) : fast_load(&p->mem, va, kind, size, &seen);
        assert_int_equal(did, ok);
        p->asked++;
        p->went_in += before != mmu_stats(p->fast.m, 0)->lookups[0] + mmu_stats(p->fast.m, 0)->lookups[1];
        if (!ok) {
            assert_int_equal(p->mem.fault.va, r.va);
            assert_int_equal(p->mem.fault.status, r.status);
            assert_int_equal(p->mem.fault.error, r.error);
        } else if (store) {
            slow_store(p, part, value, &device[1]);
        } else {
            assert_int_equal(seen, slow_load(p, part));
        }
    }
}

/* ---- what changes between accesses ----------------------------------------------------------------------------- */

static void poke_both(struct pair *p, u64 va, unsigned level, u64 entry)
{
    u64 at = box_entry(&p->fast, va, level);
    assert_int_equal(at, box_entry(&p->slow, va, level));
    mmu_poke(p->fast.m, at, entry);
    mmu_poke(p->slow.m, at, entry);
}

static void random_entry(struct pair *p)
{
    bool large = !pick(p, 10);
    u64 va = large ? LARGE + ((u64)pick(p, 3) << 21) : BASE + pick(p, PAGES) * 4096ull;
    u64 flags = X86_PTE_P | (pick(p, 6) ? X86_PTE_RW : 0) | X86_PTE_US | (pick(p, 10) ? 0 : X86_PTE_XD);
    u64 pa = FRAMES + pick(p, (u32)((BOX_RAM - FRAMES) >> 12)) * 4096ull;
    if (!pick(p, 8))
        pa = BOX_RAM + pick(p, 50) * 4096ull; /* a device */
    if (large)
        poke_both(p, va, 1, (FRAMES << pick(p, 2)) | flags | X86_PTE_PS);
    else
        poke_both(p, va, 0, pick(p, 20) ? pa | flags : 0);
}

static void change(struct pair *p)
{
    u64 va = random_address(p), cr0 = mmu_get(p->fast.m, 0, MMU_CR0) ^ X86_CR0_WP, cpl = pick(p, 2) * 3;
    struct mmu_result r;
    switch (pick(p, 12)) {
    case 0: mmu_set(p->fast.m, 0, MMU_CR3, BOX_ROOT), mmu_set(p->slow.m, 0, MMU_CR3, BOX_ROOT); break;
    case 1: mmu_set(p->fast.m, 0, MMU_CR0, cr0), mmu_set(p->slow.m, 0, MMU_CR0, cr0); break;
    case 2: mmu_set(p->fast.m, 0, MMU_CPL, cpl), mmu_set(p->slow.m, 0, MMU_CPL, cpl); break;
    case 3: /* other calls in between empty slots, and no more */
    case 4:
        mmu_translate(p->fast.m, 0, va, (enum mmu_kind)(cpl / 3), 0, &r);
        mmu_translate(p->slow.m, 0, va, (enum mmu_kind)(cpl / 3), 0, &r);
        break;
    case 5: mmu_mem_bind(&p->mem, p->fast.m, 0, &p->mem.io); break;
    case 6:
    case 7:
        if (!mmu_touch(p->fast.m, 0, va, MMU_LOAD))
            mmu_translate(p->fast.m, 0, va, MMU_LOAD, 0, &r);
        mmu_translate(p->slow.m, 0, va, MMU_LOAD, 0, &r);
        break;
    default: mmu_invlpg(p->fast.m, 0, va), mmu_invlpg(p->slow.m, 0, va); break;
    }
}

static void add_view(void *ctx, const struct mmu_tlb_view *v)
{
    u64 *sum = ctx;
    *sum = *sum * 0x100000001b3ull ^ v->va ^ v->pa << 7 ^ (u64)v->set << 3 ^ (u64)v->way << 23 ^ (u64)v->dirty << 50;
}

static void run(const struct mmu_profile *profile, u64 seed)
{
    struct pair p = { .seed = seed };
    u64 device[2] = { 0, 0 }, fast = 1, slow = 1;
    box_profile(&p.fast, profile);
    box_make(&p.fast);
    box_profile(&p.slow, profile);
    box_make(&p.slow);
    mmu_mem_bind(&p.mem, p.fast.m, 0, &(struct mmu_io){ &device[0], device_load, device_store });
    for (unsigned i = 0; i < 600; i++)
        random_entry(&p);
    for (unsigned i = 0; i < STEPS; i++) {
        u32 what = pick(&p, 1000);
        if (what < 8)
            change(&p);
        else if (what < 20)
            random_entry(&p);
        else
            access_both(&p, device);
    }
    mmu_each_tlb(p.fast.m, 0, add_view, &fast);
    mmu_each_tlb(p.slow.m, 0, add_view, &slow);
    assert_int_equal(fast, slow);
    assert_int_equal(device[0], device[1]);
    assert_int_equal(mmu_stats(p.fast.m, 0)->pf, mmu_stats(p.slow.m, 0)->pf);
    assert_memory_equal(mmu_stats(p.fast.m, 0)->walks, mmu_stats(p.slow.m, 0)->walks, sizeof(u64) * MMU_SIDES * MMU_SIZES);
    assert_memory_equal(p.fast.cfg.ram, p.slow.cfg.ram, BOX_RAM);
    assert_true(p.went_in * 10 < p.asked * 9); /* some hits were settled inline */
    box_end(&p.fast);
    box_end(&p.slow);
}

static void every_profile(void **state)
{
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++)
        run(mmu_profile_at(i), 50 + i);
}

/* Without devices; and another binding ends this one. */
static void bindings(void **state)
{
    (void)state;
    struct box b;
    struct mmu_mem mem;
    struct mmu_fast slots;
    u64 v = 1;
    u8 byte;
    box_begin(&b, "skylake");
    box_map(&b, BASE, 0, FRAMES, PTE_ALL);
    box_map(&b, BASE + 4096, 0, BOX_RAM, PTE_ALL);
    mmu_mem_bind(&mem, b.m, 0, NULL);
    assert_true(mmu_store_u64(&mem, BASE + 4092, 0x1122334455667788));
    assert_true(mmu_load_u64(&mem, BASE + 4092, &v));
    assert_int_equal(v, 0xffffffff55667788);
    assert_true(mmu_load_u8(&mem, BASE + 4092, &byte));
    assert_int_equal(byte, 0x88);
    assert_false(mmu_load_u8(&mem, BASE + 8192, &byte));
    assert_int_equal(mem.fault.va, BASE + 8192);
    assert_true(mmu_mem_hits(&mem, BASE, MMU_LOAD, 8));
    mmu_bind_fast(b.m, 0, &slots);
    assert_false(mmu_mem_hits(&mem, BASE, MMU_LOAD, 8));
    assert_true(mmu_load_u8(&mem, BASE, &byte)); /* goes on, but skips nothing */
    assert_false(mmu_mem_hits(&mem, BASE, MMU_LOAD, 8));
    box_do(&b, BASE, MMU_LOAD);
    assert_int_equal(slots.slot[MMU_LOAD][0], BASE);
    box_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(bindings), cmocka_unit_test(every_profile) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
