/* SPDX-License-Identifier: MIT
 * test_registers.c - the IOMMU's registers: what is stored, in halves too; events and their messages; the queue going round;
 * what caching mode keeps; DMA across pages, outside memory, and to where interrupts live.  (What tables and invalidations do to
 * requests: tests/exhaustive/iommu.) */
#include "pagewalk/iommu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BYTES (16 * 4096u)
#define TE (1u << 31)
#define QIE (1u << 26)

/* root table at 0x1000, context table at 0x2000, three levels at 0x3000 to 0x5000, queue at 0x8000 */
struct fixture { struct iommu *m; u8 *ram; void *block; struct iommu_config cfg; u64 address; u32 data; unsigned messages; };

static const u16 device = 3 << 3;

static void message(void *ctx, u64 addr, u32 data)
{
    struct fixture *f = ctx;

    f->address = addr;
    f->data = data;
    f->messages++;
}

static void poke(struct fixture *f, u64 pa, u64 v) { memcpy(f->ram + pa, &v, 8); }
static u64 peek(const struct fixture *f, u64 pa)
{
    u64 v;
    memcpy(&v, f->ram + pa, 8);
    return v;
}

static u64 get(const struct fixture *f, u32 reg, unsigned bytes)
{
    u64 v = 0xdead;
    assert_true(iommu_read(f->m, reg, bytes, &v));
    return v;
}

static void set(struct fixture *f, u32 reg, unsigned bytes, u64 v) { assert_true(iommu_write(f->m, reg, bytes, v)); }

static void create(struct fixture *f)
{
    free(f->block);
    f->block = aligned_alloc(64, (iommu_bytes(&f->cfg) + 63) & ~(size_t)63);
    f->m = iommu_create(f->block, iommu_bytes(&f->cfg), &f->cfg);
    assert_non_null(f->m);
    set(f, IOMMU_RTADDR, 8, 0x1000);
    set(f, IOMMU_GCMD, 4, 1u << 30);
    set(f, IOMMU_GCMD, 4, TE);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->ram = calloc(1, RAM_BYTES);
    f->cfg = iommu_default(f->ram, RAM_BYTES);
    f->cfg.message = message;
    f->cfg.ctx = f;
    poke(f, 0x1000, 0x2001);
    poke(f, 0x2000 + device * 16, 0x3001);
    poke(f, 0x2008 + device * 16, 0x501);
    poke(f, 0x3000, 0x4003);
    poke(f, 0x4000, 0x5003);
    poke(f, 0x5000, 0x9003);
    poke(f, 0x5008, 0xa003);
    create(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    free(f->block);
    free(f->ram);
    free(f);
    return 0;
}

static bool request(struct fixture *f, u64 iova, enum iommu_kind kind)
{
    struct iommu_result r;
    return iommu_translate(f->m, device, iova, kind, &r);
}

static void configurations_that_are_not(void **state)
{
    struct fixture *f = *state;
    struct iommu_config c;

    for (unsigned i = 0; i < 9; i++) {
        c = f->cfg;
        switch (i) {
        case 0: c.address_bits = 40; break;
        case 1: c.maxphyaddr = 53; break;
        case 2: c.maxphyaddr = 31; break;
        case 3: c.ram_bytes = 4097; break;
        case 4: c.fault_records = 0; break;
        case 5: c.fault_records = 9; break;
        case 6: c.iotlb_sets = 3; break;
        case 7: c.context_ways = 0; break;
        default: c.ram_bytes = 1ull << 49; break;
        }
        assert_int_equal(iommu_bytes(&c), 0);
    }
    assert_null(iommu_create(f->block, 64, &f->cfg));
    c = f->cfg;
    c.ram = NULL;
    assert_null(iommu_create(f->block, iommu_bytes(&f->cfg), &c));
}

static void capabilities(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, IOMMU_VER, 4), 0x10);
    assert_true(get(f, IOMMU_CAP, 8) == (6 | 6 << 8 | 47 << 16 | 0x22ull << 24 | 3ull << 34 | 1ull << 39 | 18ull << 48));
    assert_int_equal(get(f, IOMMU_ECAP, 8), 1 | 2 | 1 << 6 | 1 << 7 | 0xf << 8);
    f->cfg.address_bits = 39;
    f->cfg.caching_mode = true;
    f->cfg.large_1g = f->cfg.pass_through = f->cfg.snoop = false;
    f->cfg.fault_records = 5;
    create(f);
    assert_true(get(f, IOMMU_CAP, 8) == (6 | 1 << 7 | 2 << 8 | 38 << 16 | 0x22ull << 24 | 1ull << 34 | 1ull << 39 | 4ull << 40 | 18ull << 48));
    assert_int_equal(get(f, IOMMU_ECAP, 8), 1 | 2 | 0xf << 8);
    f->cfg.address_bits = 57;
    create(f);
    assert_int_equal(get(f, IOMMU_CAP, 4) >> 8 & 31, 14);
}

static void registers_by_halves(void **state)
{
    struct fixture *f = *state;
    u64 v;

    set(f, IOMMU_IVA, 4, 0x12345045);
    set(f, IOMMU_IVA + 4, 4, 0x9abc);
    assert_true(get(f, IOMMU_IVA, 8) == 0x9abc12345045);
    assert_int_equal(get(f, IOMMU_IVA + 4, 4), 0x9abc);
    set(f, IOMMU_IVA, 8, ~(u64)0);
    assert_true(get(f, IOMMU_IVA, 8) == 0xfffffffffffff07f);
    assert_false(iommu_read(f->m, IOMMU_IVA + 4, 8, &v));
    assert_false(iommu_read(f->m, IOMMU_GSTS, 8, &v));
    assert_false(iommu_read(f->m, IOMMU_IVA, 2, &v));
    assert_false(iommu_write(f->m, 0x14c, 4, 1));
    assert_false(iommu_read(f->m, IOMMU_FRCD + 16, 8, &v)); /* there is one record */
    assert_false(iommu_write(f->m, IOMMU_FRCD + 4, 8, 1));
    set(f, IOMMU_CAP, 8, 0);
    assert_int_not_equal(get(f, IOMMU_CAP, 8), 0);
    assert_int_equal(get(f, IOMMU_GCMD, 4), 0);
    assert_int_equal(get(f, IOMMU_GSTS, 4), TE | 1u << 30);
}

/* The lower half is an operand; writing the upper one gives the command. */
static void commands_by_halves(void **state)
{
    struct fixture *f = *state;

    assert_true(request(f, 0, IOMMU_READ));
    poke(f, 0x5000, 0);
    set(f, IOMMU_IOTLB, 4, 0xffffffff);
    assert_true(request(f, 0, IOMMU_READ));
    set(f, IOMMU_IOTLB + 4, 4, 1u << 31 | 1u << 28);
    assert_false(request(f, 0, IOMMU_READ));
    assert_true(get(f, IOMMU_IOTLB, 8) == (1ull << 60 | 1ull << 57));
    set(f, IOMMU_CCMD, 8, 1ull << 63); /* no such granularity */
    assert_int_equal(get(f, IOMMU_CCMD, 8) >> 59 & 3, 0);
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 3ull << 61 | (u64)device << 16 | 5);
    assert_int_equal(get(f, IOMMU_CCMD, 8) >> 59, 3 << 2 | 3);
}

static void the_root_is_taken_at_srtp(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;

    set(f, IOMMU_RTADDR, 8, 0xe000);
    assert_true(request(f, 0, IOMMU_READ));
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 1ull << 61);
    assert_true(request(f, 0, IOMMU_READ)); /* the table is the old one */
    set(f, IOMMU_GCMD, 4, TE | 1u << 30);
    assert_true(request(f, 0, IOMMU_READ)); /* and what is cached stays */
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 1ull << 61);
    assert_false(iommu_translate(f->m, device, 0, IOMMU_READ, &r));
    assert_int_equal(r.reason, IOMMU_ROOT_NOT_PRESENT);
}

static void a_fault_sends_a_message(void **state)
{
    struct fixture *f = *state;

    set(f, IOMMU_FEADDR, 4, 0xfee00003);
    set(f, IOMMU_FEUADDR, 4, 1);
    set(f, IOMMU_FEDATA, 4, 0x41);
    assert_false(request(f, 0x2000, IOMMU_WRITE)); /* masked after reset: pending */
    assert_int_equal(f->messages, 0);
    assert_int_equal(get(f, IOMMU_FECTL, 4), 3u << 30);
    set(f, IOMMU_FECTL, 4, 0);
    assert_int_equal(f->messages, 1);
    assert_true(f->address == 0x1fee00000 && f->data == 0x41);
    assert_int_equal(get(f, IOMMU_FECTL, 4), 0);
    assert_false(request(f, 0x2000, IOMMU_WRITE)); /* the first is not serviced: no other event */
    set(f, IOMMU_FRCD + 8, 8, 1ull << 63);
    assert_int_equal(get(f, IOMMU_FSTS, 4), 0);
    assert_false(request(f, 0x2000, IOMMU_WRITE));
    assert_int_equal(f->messages, 2);
    set(f, IOMMU_FRCD + 8, 8, 1ull << 63);
    set(f, IOMMU_FECTL, 4, 1u << 31);
    assert_false(request(f, 0x2000, IOMMU_WRITE));
    set(f, IOMMU_FRCD + 12, 4, 1u << 31); /* serviced while masked: nothing is pending any more */
    set(f, IOMMU_FECTL, 4, 0);
    assert_int_equal(f->messages, 2);
    assert_int_equal(iommu_stats(f->m)->messages, 2);
}

static void put_descriptor(struct fixture *f, unsigned n, u64 low, u64 high)
{
    poke(f, 0x8000 + n * 16, low);
    poke(f, 0x8008 + n * 16, high);
}

static void queue_on(struct fixture *f)
{
    set(f, IOMMU_IQA, 8, 0x8000);
    set(f, IOMMU_IQT, 8, 0);
    set(f, IOMMU_GCMD, 4, TE | QIE);
}

static void the_queue_goes_round(void **state)
{
    struct fixture *f = *state;

    queue_on(f);
    for (unsigned n = 0; n < 600; n++) {
        put_descriptor(f, n % 256, 5 | 1 << 5 | (u64)n << 32, 0xb000);
        set(f, IOMMU_IQT, 8, (n + 1) % 256 * 16);
        assert_int_equal(get(f, IOMMU_IQH, 8), (n + 1) % 256 * 16);
        assert_int_equal((u32)peek(f, 0xb000), n);
    }
    set(f, IOMMU_GCMD, 4, TE);
    assert_int_equal(get(f, IOMMU_IQH, 8), 0);
    assert_int_equal(get(f, IOMMU_GSTS, 4), TE | 1u << 30);
}

static void a_wait_may_interrupt(void **state)
{
    struct fixture *f = *state;

    set(f, IOMMU_IEADDR, 4, 0xfee01000);
    set(f, IOMMU_IEDATA, 4, 0x42);
    queue_on(f);
    put_descriptor(f, 0, 5 | 1 << 4, 0);
    put_descriptor(f, 1, 5 | 1 << 4, 0);
    set(f, IOMMU_IQT, 8, 16);
    assert_int_equal(get(f, IOMMU_ICS, 4), 1);
    assert_int_equal(get(f, IOMMU_IECTL, 4), 3u << 30);
    set(f, IOMMU_IECTL, 4, 0);
    assert_true(f->messages == 1 && f->address == 0xfee01000 && f->data == 0x42);
    set(f, IOMMU_IQT, 8, 32); /* IWC is still set: no second event */
    assert_int_equal(f->messages, 1);
    set(f, IOMMU_IECTL, 4, 1u << 31);
    set(f, IOMMU_ICS, 4, 1);
    set(f, IOMMU_IQT, 8, 16); /* round once more: garbage at 2 is a type that is not there */
    assert_int_equal(get(f, IOMMU_IQERCD, 8), 3);
    put_descriptor(f, 2, 5 | 1 << 4, 0);
    set(f, IOMMU_FSTS, 4, 1 << 4);
    set(f, IOMMU_IQT, 8, 48);
    assert_int_equal(get(f, IOMMU_IECTL, 4), 3u << 30);
    set(f, IOMMU_ICS, 4, 1); /* serviced while masked */
    set(f, IOMMU_IECTL, 4, 0);
    assert_int_equal(f->messages, 1);
}

static void queue_errors(void **state)
{
    struct fixture *f = *state;

    set(f, IOMMU_FECTL, 4, 0);
    queue_on(f);
    set(f, IOMMU_IQT, 8, 4096); /* beyond one page of descriptors */
    assert_int_equal(get(f, IOMMU_IQERCD, 8), 1);
    assert_int_equal(get(f, IOMMU_FSTS, 4), 1 << 4);
    assert_int_equal(f->messages, 1);
    put_descriptor(f, 0, 2 | 1 << 4, 0);
    set(f, IOMMU_IQT, 8, 16); /* the queue stands until IQE is cleared */
    assert_int_equal(get(f, IOMMU_IQH, 8), 0);
    set(f, IOMMU_FSTS, 4, 1 << 4);
    set(f, IOMMU_IQT, 8, 16);
    assert_int_equal(get(f, IOMMU_IQH, 8), 16);
    set(f, IOMMU_GCMD, 4, TE);
    set(f, IOMMU_IQA, 8, 0x8000 | 1 << 11); /* descriptors of 32 bytes */
    set(f, IOMMU_GCMD, 4, TE | QIE);
    assert_int_equal(get(f, IOMMU_IQERCD, 8), 5);
    set(f, IOMMU_GCMD, 4, TE);
    set(f, IOMMU_FSTS, 4, 1 << 4);
    set(f, IOMMU_IQA, 8, RAM_BYTES);
    set(f, IOMMU_GCMD, 4, TE | QIE);
    assert_int_equal(get(f, IOMMU_IQERCD, 8), 2);
    assert_int_equal(get(f, IOMMU_IQH, 8), 0);
}

/* With the queue on, the registers give no command. */
static void registers_give_way_to_the_queue(void **state)
{
    struct fixture *f = *state;

    assert_true(request(f, 0, IOMMU_READ));
    poke(f, 0x5000, 0);
    poke(f, 0x2000 + device * 16, 0);
    queue_on(f);
    set(f, IOMMU_IOTLB, 8, 1ull << 63 | 1ull << 60);
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 1ull << 61);
    assert_true(request(f, 0, IOMMU_READ));
    put_descriptor(f, 0, 1 | 1 << 4, 0);
    set(f, IOMMU_IQT, 8, 16);
    assert_false(request(f, 0, IOMMU_READ));
}

static void caching_mode_keeps_what_is_wrong(void **state)
{
    struct fixture *f = *state;
    struct iommu_kept_context c;
    struct iommu_result r;
    struct iommu_kept e;

    f->cfg.caching_mode = true;
    create(f);
    assert_false(request(f, 0x2000, IOMMU_WRITE));
    poke(f, 0x5010, 0xb003);
    assert_false(iommu_translate(f->m, device, 0x2000, IOMMU_READ, &r)); /* what is not present is kept for both      */
    assert_true(r.reason == IOMMU_NO_READ && r.by == IOMMU_BY_IOTLB);
    assert_false(iommu_translate(f->m, device, 0x2000, IOMMU_WRITE, &r));
    assert_int_equal(r.reason, IOMMU_NO_WRITE);
    assert_true(iommu_iotlb(f->m, 0, &e) && e.reason == IOMMU_NO_READ && !e.rights && e.domain == 5);
    set(f, IOMMU_IVA, 8, 0x2000);
    set(f, IOMMU_IOTLB, 8, 1ull << 63 | 3ull << 60 | 5ull << 32);
    assert_int_equal(get(f, IOMMU_IOTLB, 8) >> 57, 3 << 3 | 3);
    assert_true(request(f, 0x2000, IOMMU_WRITE));
    poke(f, 0x5018, 0xb801); /* read-only: the refused write is not kept, a read goes through and is               */
    assert_false(iommu_translate(f->m, device, 0x3000, IOMMU_WRITE, &r));
    assert_true(request(f, 0x3000, IOMMU_READ));
    poke(f, 0x5020, 1ull << 51 | 3);
    assert_false(request(f, 0x4000, IOMMU_READ));
    poke(f, 0x5020, 0xb003);
    assert_false(iommu_translate(f->m, device, 0x4000, IOMMU_READ, &r));
    assert_int_equal(r.reason, IOMMU_ENTRY_RESERVED);
    poke(f, 0x2008 + (device + 1) * 16, 0x501); /* a domain, but not present */
    assert_false(iommu_translate(f->m, device + 1, 0, IOMMU_READ, &r));
    poke(f, 0x2000 + (device + 1) * 16, 0x3001);
    assert_false(iommu_translate(f->m, device + 1, 0, IOMMU_READ, &r));
    assert_true(r.context_hit && r.reason == IOMMU_CONTEXT_NOT_PRESENT);
    assert_true(iommu_contexts(f->m, 0, &c) && iommu_contexts(f->m, 1, &c) && !iommu_contexts(f->m, 2, &c));
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 3ull << 61 | (u64)(device + 1) << 16 | 5); /* it is domain 0's until it is present */
    assert_false(iommu_translate(f->m, device + 1, 0, IOMMU_READ, &r));
    set(f, IOMMU_CCMD, 8, 1ull << 63 | 3ull << 61 | (u64)(device + 1) << 16);
    assert_true(iommu_translate(f->m, device + 1, 0, IOMMU_READ, &r));
}

static void what_is_used_least_goes(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;

    f->cfg.iotlb_ways = 2;
    f->cfg.iotlb_sets = 1;
    create(f);
    poke(f, 0x5010, 0xb003);
    assert_true(request(f, 0x0000, IOMMU_READ));
    assert_true(request(f, 0x1000, IOMMU_READ));
    assert_true(request(f, 0x0000, IOMMU_READ));
    assert_true(request(f, 0x2000, IOMMU_READ)); /* in the place of 0x1000 */
    assert_true(iommu_translate(f->m, device, 0x0000, IOMMU_READ, &r) && r.by == IOMMU_BY_IOTLB);
    assert_true(iommu_translate(f->m, device, 0x1000, IOMMU_READ, &r) && r.by == IOMMU_BY_WALK);
    assert_int_equal(iommu_stats(f->m)->iotlb_hits, 2);
    assert_int_equal(iommu_stats(f->m)->iotlb_misses, 4);
    assert_int_equal(iommu_stats(f->m)->context_hits, 5);
    assert_int_equal(iommu_stats(f->m)->context_misses, 1);
    assert_int_equal(iommu_stats(f->m)->reads, 2 + 4 * 3);
}

/* The context entry is right, whatever the request behind it. */
static void a_refused_request_leaves_its_context(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;

    assert_false(iommu_translate(f->m, device, 1ull << 39, IOMMU_READ, &r));
    assert_true(r.reason == IOMMU_BEYOND_WIDTH && !r.context_hit && r.domain == 5);
    assert_false(iommu_translate(f->m, device, 1ull << 39, IOMMU_READ, &r));
    assert_true(r.reason == IOMMU_BEYOND_WIDTH && r.context_hit);
}

static void what_becomes_present_needs_no_invalidation(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;

    assert_false(iommu_translate(f->m, device + 1, 0x2000, IOMMU_READ, &r));
    assert_int_equal(r.reason, IOMMU_CONTEXT_NOT_PRESENT);
    poke(f, 0x2008 + (device + 1) * 16, 0x501);
    poke(f, 0x2000 + (device + 1) * 16, 0x3001);
    assert_false(iommu_translate(f->m, device + 1, 0x2000, IOMMU_READ, &r));
    assert_true(r.reason == IOMMU_NO_READ && !r.context_hit);
    poke(f, 0x5010, 0xb003);
    assert_true(iommu_translate(f->m, device + 1, 0x2000, IOMMU_READ, &r));
}

static void dma_by_pages(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;
    u8 bytes[8192];

    memset(bytes, 0x5a, sizeof bytes);
    assert_int_equal(iommu_dma_write(f->m, device, 0xffe, bytes, 4, &r), 4);
    assert_true(f->ram[0x9ffe] == 0x5a && f->ram[0xa001] == 0x5a && f->ram[0x9ffd] == 0 && f->ram[0xa002] == 0);
    assert_int_equal(iommu_dma_write(f->m, device, 0x1800, bytes, 8192, &r), 0x800); /* stops at 0x2000 */
    assert_true(r.iova == 0x2000 && r.reason == IOMMU_NO_WRITE && r.recorded);
    assert_int_equal(iommu_stats(f->m)->bytes_written, 0x804);
    assert_int_equal(iommu_dma_read(f->m, device, 0xffc, bytes, 8, &r), 8);
    assert_memory_equal(bytes, "\0\0\x5a\x5a\x5a\x5a\0\0", 8);
    poke(f, 0x5010, RAM_BYTES | 3); /* beyond memory: nobody answers */
    assert_int_equal(iommu_dma_read(f->m, device, 0x2000, bytes, 4, &r), 4);
    assert_memory_equal(bytes, "\xff\xff\xff\xff", 4);
    assert_int_equal(iommu_dma_write(f->m, device, 0x2000, bytes, 4, &r), 4);
    assert_int_equal(iommu_stats(f->m)->bytes_read, 12);
}

static void writes_that_are_interrupts(void **state)
{
    struct fixture *f = *state;
    struct iommu_result r;
    const u32 data = 0x4031;

    assert_int_equal(iommu_dma_write(f->m, device, 0xfee01000, &data, 4, &r), 4);
    assert_true(r.by == IOMMU_BY_INTERRUPT && f->messages == 1 && f->address == 0xfee01000 && f->data == 0x4031);
    assert_int_equal(iommu_dma_write(f->m, device, 0xfee01000, &data, 2, &r), 2);
    assert_int_equal(iommu_dma_write(f->m, device, 0xfee01002, &data, 4, &r), 4);
    assert_int_equal(f->messages, 1);
    assert_int_equal(iommu_dma_read(f->m, device, 0xfee01000, (void *)&f->data, 4, &r), 0);
    assert_false(r.recorded);
}

static void every_reason_has_words(void **state)
{
    static const u8 reasons[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0xa, 0xb, 0xc, 0xe, 0x30 };

    (void)state;
    for (size_t i = 0; i < sizeof reasons; i++)
        assert_null(strstr(iommu_reason_text((enum iommu_reason)reasons[i]), "no reason"));
    assert_non_null(strstr(iommu_reason_text((enum iommu_reason)0x77), "no reason"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(configurations_that_are_not), TEST(capabilities), TEST(registers_by_halves), TEST(commands_by_halves),
        TEST(the_root_is_taken_at_srtp), TEST(a_fault_sends_a_message), TEST(the_queue_goes_round), TEST(a_wait_may_interrupt),
        TEST(queue_errors), TEST(registers_give_way_to_the_queue), TEST(caching_mode_keeps_what_is_wrong), TEST(what_is_used_least_goes),
        TEST(a_refused_request_leaves_its_context), TEST(what_becomes_present_needs_no_invalidation),
        TEST(dma_by_pages), TEST(writes_that_are_interrupts), TEST(every_reason_has_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
