/* SPDX-License-Identifier: MIT
 * test_dma.c - the kernel's DMA mappings on an IOMMU: bytes arrive, devices are kept apart, I/O addresses are found, aligned and
 * given again, strict and deferred unmapping, pages of 2 MiB, caching mode, and whatever fails leaves nothing behind. */
#include "examples/guest.h"
#include "kernel/mm.h"
#include "pagewalk/dma.h"
#include "pagewalk/iommu.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define BUFFER 0x100000000ull
#define PAGES 16u
#define MS 1000000ull

struct fixture { struct guest g; struct iommu *m; void *block; struct dma dma; pfn_t page[4096], more[4096]; u64 frames, tables; };

static const u16 nic = 3 << 3, disk = 5 << 3;

static bool read_register(void *ctx, u32 reg, unsigned bytes, u64 *value) { return iommu_read(ctx, reg, bytes, value); }
static bool write_register(void *ctx, u32 reg, unsigned bytes, u64 value) { return iommu_write(ctx, reg, bytes, value); }

static void start(struct fixture *f, enum dma_mode mode, bool caching_mode)
{
    struct kernel_config kernel;
    struct iommu_config cfg;

    memset(f, 0, sizeof *f);
    kernel_config_init(&kernel);
    kernel.thp = MM_THP_ALWAYS;
    guest_start(&f->g, 64ull << 20, &kernel);
    cfg = iommu_default(f->g.ram, 64ull << 20);
    cfg.caching_mode = caching_mode;
    f->block = guest_memory(iommu_bytes(&cfg));
    f->m = iommu_create(f->block, iommu_bytes(&cfg), &cfg);
    guest_map(&f->g, BUFFER, PAGES * PAGE_BYTES);
    for (u64 at = 0; at < PAGES * PAGE_BYTES; at += PAGE_BYTES)
        guest_store(&f->g, BUFFER + at, at);
    f->frames = f->g.k->free_frames;
    f->tables = f->g.k->kind_frames[FRAME_RESERVED];
    const struct dma_port port = { f->m, read_register, write_register };
    assert_int_equal(dma_start(&f->dma, f->g.k, &port, mode), 0);
    assert_int_equal(dma_attach(&f->dma, nic), 0);
}

/* All that was mapped is gone: so are pins and tables. */
static void stop(struct fixture *f)
{
    dma_stop(&f->dma);
    assert_int_equal(f->g.k->pins, 0);
    assert_int_equal(f->g.k->free_frames, f->frames);
    assert_null(mm_check(f->g.k));
}

static struct dma_mapping map(struct fixture *f, u16 source, u64 addr, u64 bytes, enum dma_direction way, pfn_t *page)
{
    struct dma_mapping m;

    assert_int_equal(dma_map(&f->dma, source, f->g.p, addr, bytes, way, page, &m), 0);
    return m;
}

static bool dma_write(struct fixture *f, u16 source, u64 at, u64 v)
{
    struct iommu_result r;
    return iommu_dma_write(f->m, source, at, &v, sizeof v, &r) == sizeof v;
}

static bool dma_read(struct fixture *f, u16 source, u64 at, u64 *v)
{
    struct iommu_result r;
    return iommu_dma_read(f->m, source, at, v, sizeof *v, &r) == sizeof *v;
}

static struct fixture fixture;

static void bytes_go_where_the_program_looks(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping m;
    u64 v;

    (void)state;
    start(f, DMA_STRICT, false);
    m = map(f, nic, BUFFER + 0x800, 3 * PAGE_BYTES, DMA_BOTH, f->page);
    assert_int_equal(m.pages, 4);
    assert_true(m.iova == 0xffffc800);
    assert_int_equal(f->g.k->pins, 4);
    assert_true(dma_write(f, nic, m.iova, 42) && dma_write(f, nic, m.iova + 0x27f8, 43));
    assert_int_equal(guest_load(&f->g, BUFFER + 0x800), 42);
    assert_int_equal(guest_load(&f->g, BUFFER + 0x2ff8), 43);
    guest_store(&f->g, BUFFER + 0x1000, 44);
    assert_true(dma_read(f, nic, m.iova + 0x800, &v) && v == 44);
    assert_false(dma_write(f, nic, m.iova - 0x1000, 1));
    assert_false(dma_write(f, nic, 0x1000, 1));
    assert_false(dma_write(f, disk, m.iova, 1)); /* no domain, nothing */
    dma_unmap(&f->dma, &m);
    assert_false(dma_write(f, nic, m.iova, 1));
    assert_int_equal(f->dma.stats.page_flushes, 1);
    stop(f);
}

static void directions_and_devices(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping to, from;
    u64 v;

    (void)state;
    start(f, DMA_STRICT, false);
    assert_int_equal(dma_attach(&f->dma, nic), -MM_EINVAL);
    assert_int_equal(dma_attach(&f->dma, disk), 0);
    to = map(f, nic, BUFFER, PAGE_BYTES, DMA_TO_DEVICE, f->page);
    from = map(f, disk, BUFFER + PAGE_BYTES, PAGE_BYTES, DMA_FROM_DEVICE, f->more);
    assert_true(to.iova == 0xfffff000 && from.iova == 0xfffff000); /* the same address in two domains                */
    assert_true(dma_read(f, nic, to.iova, &v) && v == 0);
    assert_false(dma_write(f, nic, to.iova, 1));
    assert_true(dma_write(f, disk, from.iova, 7));
    assert_false(dma_read(f, disk, from.iova, &v));
    assert_int_equal(guest_load(&f->g, BUFFER), 0);
    assert_int_equal(guest_load(&f->g, BUFFER + PAGE_BYTES), 7);
    dma_unmap(&f->dma, &to);
    assert_true(dma_write(f, disk, from.iova, 8)); /* the other's mapping stays */
    dma_unmap(&f->dma, &from);
    for (u16 n = 0; f->dma.domains < DMA_DOMAINS_MAX; n++)
        assert_int_equal(dma_attach(&f->dma, (u16)(0x4000 + n * 0x100)), 0);
    assert_int_equal(dma_attach(&f->dma, 0x1234), -MM_ENOSPC);
    stop(f);
}

static void addresses_are_aligned_and_given_again(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping a, b, c;

    (void)state;
    start(f, DMA_STRICT, false);
    a = map(f, nic, BUFFER, PAGE_BYTES, DMA_BOTH, f->page);
    b = map(f, nic, BUFFER, 5 * PAGE_BYTES, DMA_BOTH, f->page + 16); /* rounded to 8 pages                         */
    c = map(f, nic, BUFFER, PAGE_BYTES, DMA_BOTH, f->page + 32);
    assert_true(a.iova == 0xfffff000 && b.iova == 0xffff0000 && c.iova == 0xffffe000);
    dma_unmap(&f->dma, &b);
    b = map(f, nic, BUFFER, 8 * PAGE_BYTES, DMA_BOTH, f->page + 16);
    assert_true(b.iova == 0xffff0000);
    dma_unmap(&f->dma, &a);
    dma_unmap(&f->dma, &b);
    dma_unmap(&f->dma, &c);
    assert_int_equal(f->dma.domain[0].ranges, 0);
    stop(f);
}

/* 64 MiB are not enough pages for the addresses to end; the ranges are taken by hand. */
static void the_interrupts_addresses_stay_free(void **state)
{
    struct fixture *f = &fixture;
    struct dma_domain *o;
    struct dma_mapping m;

    (void)state;
    start(f, DMA_STRICT, false);
    o = &f->dma.domain[0];
    o->range[o->ranges++] = (struct dma_range){ 0xfee80, 0x100000, false };
    m = map(f, nic, BUFFER, PAGE_BYTES, DMA_BOTH, f->page);
    assert_true(m.iova == 0xfedff000);
    dma_unmap(&f->dma, &m);
    o->range[0].first = 1;
    assert_int_equal(dma_map(&f->dma, nic, f->g.p, BUFFER, PAGE_BYTES, DMA_BOTH, f->page, &m), -MM_ENOSPC); /* page 0 is nobody's */
    o->range[0].first = 2;
    m = map(f, nic, BUFFER, PAGE_BYTES, DMA_BOTH, f->page);
    assert_true(m.iova == 0x1000);
    dma_unmap(&f->dma, &m);
    o->ranges = 0;
    stop(f);
}

static void deferred_waits(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping a, b;

    (void)state;
    start(f, DMA_DEFERRED, false);
    a = map(f, nic, BUFFER, PAGE_BYTES, DMA_FROM_DEVICE, f->page);
    assert_true(dma_write(f, nic, a.iova, 1));
    dma_unmap(&f->dma, &a);
    assert_true(dma_write(f, nic, a.iova, 2)); /* the IOTLB was not told */
    b = map(f, nic, BUFFER, PAGE_BYTES, DMA_FROM_DEVICE, f->page);
    assert_true(b.iova != a.iova);             /* and nobody else is given the address                             */
    sim_set_now(f->g.sim, 10 * MS - 1);
    dma_tick(&f->dma);
    assert_true(dma_write(f, nic, a.iova, 3));
    sim_set_now(f->g.sim, 10 * MS);
    dma_tick(&f->dma);
    assert_false(dma_write(f, nic, a.iova, 4));
    assert_true(dma_write(f, nic, b.iova, 5));
    assert_int_equal(f->dma.stats.domain_flushes, 1);
    dma_unmap(&f->dma, &b);
    for (unsigned i = 1; i < DMA_WAITING_MAX; i++) {
        b = map(f, nic, BUFFER, PAGE_BYTES, DMA_FROM_DEVICE, f->page);
        dma_unmap(&f->dma, &b);
    }
    assert_int_equal(f->dma.stats.domain_flushes, 1);
    assert_int_equal(f->dma.waiting, DMA_WAITING_MAX);
    b = map(f, nic, BUFFER, PAGE_BYTES, DMA_FROM_DEVICE, f->page);
    dma_unmap(&f->dma, &b); /* the 257th makes room */
    assert_int_equal(f->dma.stats.domain_flushes, 2);
    assert_int_equal(f->dma.waiting, 1);
    assert_int_equal(f->dma.domain[0].ranges, 1);
    assert_int_equal(f->dma.stats.deferred, DMA_WAITING_MAX + 2);
    stop(f);
}

static void huge_pages_are_one_entry(void **state)
{
    struct fixture *f = &fixture;
    struct iommu_kept e = { 0 };
    struct dma_mapping m;

    (void)state;
    start(f, DMA_STRICT, false);
    guest_map(&f->g, 0x200000000, 4ull << 20);
    guest_store(&f->g, 0x200000000, 1);
    guest_store(&f->g, 0x200200000, 1);
    m = map(f, nic, 0x200000000, 4ull << 20, DMA_FROM_DEVICE, f->page);
    assert_true(dma_write(f, nic, m.iova + 0x212340, 9));
    assert_int_equal(guest_load(&f->g, 0x200212340), 9);
    assert_true(iommu_iotlb(f->m, 0, &e) && e.page_lg2 == 21);
    assert_true(e.iova == m.iova + 0x200000 && e.pa == pfn_to_pa(f->page[512]));
    dma_unmap(&f->dma, &m);
    assert_false(dma_write(f, nic, m.iova + 0x212340, 10));
    mm_munmap(f->g.p, 0x200000000, 4ull << 20);
    /* Where a table of small pages stands, small pages are used. */
    m = map(f, nic, BUFFER, PAGES * PAGE_BYTES, DMA_FROM_DEVICE, f->page);
    dma_unmap(&f->dma, &m);
    guest_map(&f->g, 0x200000000, 2ull << 20);
    guest_store(&f->g, 0x200000000, 1);
    m = map(f, nic, 0x200000000, 2ull << 20, DMA_FROM_DEVICE, f->page);
    assert_true(dma_write(f, nic, m.iova + 0x12340, 11));
    assert_int_equal(guest_load(&f->g, 0x200012340), 11);
    dma_unmap(&f->dma, &m);
    assert_false(dma_write(f, nic, m.iova + 0x12340, 12));
    dma_stop(&f->dma);
    assert_int_equal(f->g.k->kind_frames[FRAME_RESERVED], f->tables);
    assert_null(mm_check(f->g.k));
}

/* An aligned frame at an aligned address is not enough: one page of the 2 MiB lies elsewhere. */
static void almost_huge_is_small(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping m;

    (void)state;
    start(f, DMA_STRICT, false);
    guest_map(&f->g, 0x200000000, 2ull << 20);
    guest_store(&f->g, 0x200000000, 1);
    assert_int_equal(mm_madvise(f->g.p, 0x200005000, PAGE_BYTES, MM_MADV_DONTNEED), 0);
    m = map(f, nic, 0x200000000, 2ull << 20, DMA_FROM_DEVICE, f->page);
    assert_true(f->page[0].n % 512 == 0 && f->page[5].n != f->page[0].n + 5);
    assert_true(dma_write(f, nic, m.iova + 0x5008, 13));
    assert_int_equal(guest_load(&f->g, 0x200005008), 13);
    dma_unmap(&f->dma, &m);
    dma_stop(&f->dma);
    assert_int_equal(f->g.k->kind_frames[FRAME_RESERVED], f->tables);
}

static void caching_mode_is_told(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping m;

    (void)state;
    start(f, DMA_STRICT, true);
    assert_false(dma_write(f, disk, 0xfffff000, 1)); /* kept: no context */
    assert_int_equal(dma_attach(&f->dma, disk), 0);
    assert_false(dma_write(f, disk, 0xfffff000, 1)); /* kept: no page */
    m = map(f, disk, BUFFER, PAGE_BYTES, DMA_FROM_DEVICE, f->page);
    assert_true(dma_write(f, disk, m.iova, 2));
    dma_unmap(&f->dma, &m);
    assert_false(dma_write(f, disk, m.iova, 3));
    stop(f);
}

static void what_fails_leaves_nothing(void **state)
{
    struct fixture *f = &fixture;
    struct dma_mapping m;
    long r = -MM_ENOMEM;

    (void)state;
    start(f, DMA_STRICT, false);
    assert_int_equal(dma_map(&f->dma, disk, f->g.p, BUFFER, PAGE_BYTES, DMA_BOTH, f->page, &m), -MM_EINVAL);
    assert_int_equal(dma_map(&f->dma, nic, f->g.p, BUFFER, 0, DMA_BOTH, f->page, &m), -MM_EINVAL);
    assert_int_equal(dma_map(&f->dma, nic, f->g.p, BUFFER, (PAGES + 1) * PAGE_BYTES, DMA_BOTH, f->page, &m), -MM_EFAULT);
    assert_int_equal(f->g.k->pins, 0);
    assert_int_equal(f->dma.domain[0].ranges, 0);
    for (u64 n = 1; r; n++) { /* each allocation in turn */
        kernel_fail_allocation(f->g.k, n);
        r = dma_map(&f->dma, nic, f->g.p, BUFFER, PAGES * PAGE_BYTES, DMA_BOTH, f->page, &m);
        kernel_fail_allocation(f->g.k, 0);
        assert_true(!r || r == -MM_ENOMEM);
        assert_int_equal(f->g.k->pins, r ? 0 : PAGES);
        assert_int_equal(f->dma.domain[0].ranges, r ? 0 : 1);
    }
    assert_true(dma_write(f, nic, m.iova + 8 * PAGE_BYTES, 1));
    dma_unmap(&f->dma, &m);
    for (u64 n = 1; n < 3; n++) {
        kernel_fail_allocation(f->g.k, n);
        assert_int_equal(dma_attach(&f->dma, 0x4000), -MM_ENOMEM);
        kernel_fail_allocation(f->g.k, 0);
    }
    stop(f);
    const struct dma_port port = { f->m, read_register, write_register };
    for (u64 n = 1; n < 4; n++) {
        kernel_fail_allocation(f->g.k, n);
        assert_int_equal(dma_start(&f->dma, f->g.k, &port, DMA_STRICT), -MM_ENOMEM);
        kernel_fail_allocation(f->g.k, 0);
        assert_int_equal(f->g.k->free_frames, f->frames);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_where_the_program_looks), cmocka_unit_test(directions_and_devices),
        cmocka_unit_test(addresses_are_aligned_and_given_again), cmocka_unit_test(the_interrupts_addresses_stay_free),
        cmocka_unit_test(deferred_waits), cmocka_unit_test(huge_pages_are_one_entry), cmocka_unit_test(almost_huge_is_small), cmocka_unit_test(caching_mode_is_told),
        cmocka_unit_test(what_fails_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
