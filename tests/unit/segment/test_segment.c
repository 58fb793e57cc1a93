/* SPDX-License-Identifier: MIT
 * test_segment.c - segments where they meet paging, and what the enumeration (tests/exhaustive/segment) leaves out: page faults on
 * tables, accessed bits and stacks; system registers; what 64-bit mode keeps. */
#include "pagewalk/segment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BYTES 0x40000
#define GDT 0x1ffcull                /* entry 0 lies across two pages, no entry is aligned                          */

static u8 *ram;
static struct mmu *m;
static struct seg s;
static struct seg_result r;

/* 4-level paging that maps the first 256 KiB as they are, user, by pages of 4 KiB: entry n at 0x13000 + 8n. */
static int begin(void **state)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features | MMU_LA57, .profile = p };
    size_t bytes;

    (void)state;
    cfg.ram = ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    for (u64 i = 0; i < 3; i++)
        mmu_poke(m, 0x10000 + 0x1000 * i, (0x11000 + 0x1000 * i) | 7);
    mmu_poke(m, 0x10000 + 8 * 511, 0x11007); /* the same once more, above the hole                                */
    for (u64 i = 0; i < 64; i++)
        mmu_poke(m, 0x13000 + 8 * i, i << 12 | 7);
    mmu_set(m, 0, MMU_CR3, 0x10000);
    seg_init(&s, m, 0);
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(m);
    free(ram);
    return 0;
}

static void protect(u64 page, u64 bits)
{
    mmu_poke(m, 0x13000 + 8 * page, page << 12 | bits);
    mmu_invlpg(m, 0, page << 12);
}

static void describe(u16 selector, u64 value) { assert_true(seg_poke(&s, selector, value)); }

static u16 rights(unsigned type, unsigned dpl) { return (u16)(SEG_P | SEG_S | SEG_DB | dpl << SEG_DPL_LSB | type); }

/* Code of each size and two data segments that everybody may use. */
static void tables(void)
{
    assert_true(seg_lgdt(&s, GDT, 0x7f, &r));
    describe(0x08, seg_encode(0, 0xffffffff, (u16)((rights(SEG_CODE | SEG_READABLE, 0) & ~SEG_DB) | SEG_L | SEG_G)));
    describe(0x10, seg_encode(0, 0xffffffff, rights(SEG_CODE | SEG_READABLE, 0) | SEG_G));
    describe(0x18, seg_encode(0, 0xffffffff, rights(SEG_WRITABLE, 3) | SEG_G));
    describe(0x20, seg_encode(0x5000, 0xfff, rights(SEG_WRITABLE, 3)));
}

#define FAULTS(call, v, e) do { assert_false(call); assert_int_equal(r.vector, v); assert_int_equal(r.error, e); } while (0)

/* Entry 4 lies at 0x201c; with the second table entry 1 lies at 0x1ffc. */
static void a_descriptor_may_fault(void **state)
{
    (void)state;
    tables();
    protect(2, 0);
    FAULTS(seg_load(&s, SEG_DS, 0x20, &r), SEG_PF_FAULT, 0);
    assert_int_equal(r.mmu.va, 0x201c);
    assert_int_equal(mmu_get(m, 0, MMU_CR2), 0x201c);
    assert_false(s.reg[SEG_DS].usable);
    assert_true(seg_lgdt(&s, 0x1ff4, 0x7f, &r));
    FAULTS(seg_load(&s, SEG_DS, 0x08, &r), SEG_PF_FAULT, 0); /* its first half is there                             */
    assert_int_equal(r.mmu.va, 0x2000);
}

/* Tables are read by a supervisor at every CPL; the accessed bit is a write, and CR0.WP counts. */
static void the_accessed_bit_is_a_write(void **state)
{
    u64 raw;

    (void)state;
    tables();
    protect(2, 1); /* supervisor, read-only */
    s.cpl = 3;
    mmu_set(m, 0, MMU_CPL, 3);
    FAULTS(seg_load(&s, SEG_DS, 0x23, &r), SEG_PF_FAULT, 3);
    assert_true(seg_peek(&s, 0x20, &raw));
    assert_int_equal(raw >> 40 & 1, 0);
    protect(2, 3);
    assert_true(seg_load(&s, SEG_DS, 0x23, &r));
    assert_true(seg_peek(&s, 0x20, &raw));
    assert_int_equal(raw >> 40 & 1, 1);
    protect(2, 1);
    assert_true(seg_load(&s, SEG_DS, 0x23, &r)); /* nothing to write any more                                      */
    assert_int_equal(s.reg[SEG_DS].rights & SEG_ACCESSED, 1);
}

static void segment_first_then_page(void **state)
{
    (void)state;
    tables();
    assert_true(seg_jump(&s, 0x10, 0x100, 4, &r)); /* compatibility mode */
    assert_false(seg_in_64bit(&s));
    assert_true(seg_load(&s, SEG_DS, 0x20, &r));
    assert_true(seg_access(&s, SEG_DS, 0xffe, 2, MMU_STORE, &r));
    assert_int_equal(r.linear, 0x5ffe);
    assert_int_equal(r.mmu.pa, 0x5ffe);
    protect(5, 0);
    FAULTS(seg_access(&s, SEG_DS, 0xfff, 2, MMU_STORE, &r), SEG_GP_FAULT, 0); /* the limit comes first              */
    FAULTS(seg_access(&s, SEG_DS, 0x123, 2, MMU_STORE, &r), SEG_PF_FAULT, 2);
    assert_int_equal(mmu_get(m, 0, MMU_CR2), 0x5123);
}

/* A segment may lie across the end of the 4 GiB: linear addresses go on at 0. */
static void linear_addresses_go_round(void **state)
{
    (void)state;
    tables();
    mmu_set(m, 0, MMU_CR0, 1); /* no paging: the end of the 4 GiB has no page here */
    assert_true(seg_jump(&s, 0x10, 0, 4, &r));
    describe(0x28, seg_encode(0xfffffffe, 0xff, rights(SEG_WRITABLE, 0)));
    assert_true(seg_load(&s, SEG_ES, 0x28, &r));
    assert_true(seg_access(&s, SEG_ES, 0, 4, MMU_LOAD, &r));
    assert_int_equal(r.linear, 0xfffffffe);
    assert_int_equal(r.mmu.pieces, 2);
    assert_true(seg_access(&s, SEG_ES, 6, 4, MMU_LOAD, &r));
    assert_int_equal(r.linear, 4);
}

/* With paging the second part has a page of its own. */
static void round_the_end_by_pages(void **state)
{
    (void)state;
    tables();
    mmu_poke(m, 0x11000 + 8 * 3, 0x12007); /* the last page below 4 GiB                                            */
    mmu_poke(m, 0x12000 + 8 * 511, 0x14007);
    mmu_poke(m, 0x14000 + 8 * 511, 0x6007);
    assert_true(seg_jump(&s, 0x10, 0, 4, &r));
    describe(0x28, seg_encode(0xfffffffe, 0xff, rights(SEG_WRITABLE, 0)));
    assert_true(seg_load(&s, SEG_ES, 0x28, &r));
    assert_true(seg_access(&s, SEG_ES, 0, 4, MMU_LOAD, &r));
    assert_int_equal(r.mmu.pa, 0x6ffe);
    protect(0, 0);
    FAULTS(seg_access(&s, SEG_ES, 0, 4, MMU_LOAD, &r), SEG_PF_FAULT, 0);
    assert_int_equal(r.mmu.va, 0);
}

/* CPL 1 and 2 are the MMU's supervisor; a return to 3 makes it the user. */
static void privilege_reaches_the_mmu(void **state)
{
    static const u64 frame[] = { 0x400, 0x33, 0x4f00, 0x1b };

    (void)state;
    tables();
    describe(0x30, seg_encode(0, 0xffffffff, (u16)((rights(SEG_CODE, 3) & ~SEG_DB) | SEG_L | SEG_G)));
    memcpy(ram + 0x4000, frame, sizeof frame);
    s.sp = 0x4000;
    assert_true(seg_load(&s, SEG_DS, 0x10, &r));
    assert_true(seg_load(&s, SEG_ES, 0x18, &r));
    assert_true(seg_return(&s, 8, 0, &r));
    assert_int_equal(s.cpl, 3);
    assert_int_equal(mmu_get(m, 0, MMU_CPL), 3);
    assert_int_equal(s.sp, 0x4f00);
    assert_false(s.reg[SEG_DS].usable); /* DPL 0 */
    assert_true(s.reg[SEG_ES].usable);
    protect(7, 3);
    FAULTS(seg_access(&s, SEG_DS, 0x7000, 8, MMU_LOAD, &r), SEG_PF_FAULT, 5);
    FAULTS(seg_lgdt(&s, 0, 0, &r), SEG_GP_FAULT, 0);
    FAULTS(seg_lldt(&s, 0, &r), SEG_GP_FAULT, 0);
    FAULTS(seg_ltr(&s, 0x28, &r), SEG_GP_FAULT, 0);
    FAULTS(seg_swapgs(&s, &r), SEG_GP_FAULT, 0);
    FAULTS(seg_write_base(&s, SEG_FS, 0, &r), SEG_GP_FAULT, 0);
}

/* A gate's pushes are the inner privilege's: the new stack may be a supervisor's page.  When it faults, nothing is left. */
static void an_inner_stack_may_fault(void **state)
{
    struct seg before;

    (void)state;
    tables();
    describe(0x28, seg_encode(0x6000, 0x67, SEG_P | SEG_TYPE_TSS));
    describe(0x30, 0);
    memcpy(ram + 0x6004, &(u64){ 0x8010 }, 8);
    describe(0x40, seg_encode_gate(0x08, 0x1234, 0, (u16)(SEG_P | 3 << SEG_DPL_LSB | SEG_TYPE_GATE)));
    describe(0x48, 0xffff8000);
    assert_true(seg_ltr(&s, 0x28, &r));
    s.cpl = 3;
    mmu_set(m, 0, MMU_CPL, 3);
    s.sp = 0x4000;
    s.ip = 0x777;
    protect(8, 3);
    protect(7, 0);
    before = s;
    FAULTS(seg_call(&s, 0x43, 0, 8, &r), SEG_PF_FAULT, 2); /* pushes at 0x8008, 0x8000, 0x7ff8: a supervisor's      */
    assert_int_equal(r.mmu.va, 0x7ff8);
    assert_memory_equal(&s, &before, sizeof s);
    assert_int_equal(mmu_get(m, 0, MMU_CPL), 3);
    assert_int_equal(mmu_peek(m, 0x8008), 0);
    protect(7, 3);
    assert_true(seg_call(&s, 0x43, 0, 8, &r));
    assert_int_equal(s.cpl, 0);
    assert_int_equal(s.ip, 0xffff800000001234);
    assert_int_equal(s.sp, 0x8010 - 32);
    assert_int_equal(mmu_peek(m, 0x8000), 0x4000);
    assert_int_equal(mmu_peek(m, 0x7ff0), 0x777);
    assert_true(s.reg[SEG_CS].rights & SEG_ACCESSED);
}

/* System descriptors have 16 bytes in IA-32e mode, and a base that must be canonical. */
static void system_registers(void **state)
{
    (void)state;
    tables();
    describe(0x50, seg_encode(0x6000, 0x1f, SEG_P | SEG_TYPE_LDT));
    describe(0x58, 0x8000);
    FAULTS(seg_lldt(&s, 0x50, &r), SEG_GP_FAULT, 0x50);
    describe(0x58, 0xffff8000);
    mmu_poke(m, 0x10000 + 8 * 256, 0x11007);
    assert_true(seg_lldt(&s, 0x53, &r));
    assert_int_equal(s.reg[SEG_LDTR].base, 0xffff800000006000);
    assert_true(seg_poke(&s, 0x0c, seg_encode(0x1000, 0xff, rights(SEG_WRITABLE, 0))));
    assert_int_not_equal(mmu_peek(m, 0x6008), 0);
    assert_true(seg_load(&s, SEG_DS, 0x0c, &r));
    assert_int_equal(s.reg[SEG_DS].base, 0x1000);
    describe(0x14, seg_encode(0x6000, 0x1f, SEG_P | SEG_TYPE_LDT));
    describe(0x1c, 0);
    FAULTS(seg_lldt(&s, 0x14, &r), SEG_GP_FAULT, 0x14);   /* TI                                                    */
    FAULTS(seg_lldt(&s, 0x20, &r), SEG_GP_FAULT, 0x20);   /* not an LDT                                            */
    FAULTS(seg_lldt(&s, 0x78, &r), SEG_GP_FAULT, 0x78);   /* an empty entry                                        */
    describe(0x78, seg_encode(0x6000, 0x1f, SEG_P | SEG_TYPE_LDT));
    FAULTS(seg_lldt(&s, 0x78, &r), SEG_GP_FAULT, 0x78);   /* its second half is outside the table                  */
    describe(0x50, seg_encode(0x6000, 0x1f, SEG_TYPE_LDT));
    FAULTS(seg_lldt(&s, 0x50, &r), SEG_NP_FAULT, 0x50);
    assert_true(s.reg[SEG_LDTR].usable);
    assert_true(seg_lldt(&s, 3, &r));
    FAULTS(seg_load(&s, SEG_DS, 0x0c, &r), SEG_GP_FAULT, 0x0c);
    FAULTS(seg_ltr(&s, 0, &r), SEG_GP_FAULT, 0);
    describe(0x50, seg_encode(0x6000, 0x67, SEG_P | SEG_TYPE_TSS16));
    FAULTS(seg_ltr(&s, 0x50, &r), SEG_GP_FAULT, 0x50);    /* 16 bits: legacy only                                   */
    describe(0x50, seg_encode(0x6000, 0x67, SEG_P | SEG_TYPE_TSS));
    assert_true(seg_ltr(&s, 0x50, &r));
    FAULTS(seg_ltr(&s, 0x50, &r), SEG_GP_FAULT, 0x50);    /* busy now                                               */
    FAULTS(seg_lgdt(&s, 0x800000000000, 7, &r), SEG_GP_FAULT, 0);
}

static void what_64_bit_mode_keeps(void **state)
{
    (void)state;
    tables();
    assert_true(seg_load(&s, SEG_FS, 0x20, &r)); /* a base of 32 bits, by descriptor                               */
    assert_true(seg_access(&s, SEG_FS, 0x10, 8, MMU_LOAD, &r));
    assert_int_equal(r.linear, 0x5010);
    assert_true(seg_access(&s, SEG_FS, 0x1000, 8, MMU_LOAD, &r)); /* no limit                                     */
    assert_true(seg_write_base(&s, SEG_GS, 0xffffff8000003000, &r));
    assert_true(seg_write_base(&s, SEG_REGS, 0x3000, &r));
    FAULTS(seg_write_base(&s, SEG_GS, 0x800000000000, &r), SEG_GP_FAULT, 0);
    assert_true(seg_access(&s, SEG_GS, 8, 8, MMU_LOAD, &r));
    assert_int_equal(r.mmu.pa, 0x3008);
    assert_int_equal(r.linear, 0xffffff8000003008);
    assert_true(seg_swapgs(&s, &r));
    assert_int_equal(s.reg[SEG_GS].base, 0x3000);
    assert_int_equal(s.kernel_gs_base, 0xffffff8000003000);
    assert_true(seg_access(&s, SEG_DS, 0x3000, 8, MMU_STORE, &r)); /* a null DS                                    */
    FAULTS(seg_access(&s, SEG_SS, 0x7ffffffffffd, 8, MMU_LOAD, &r), SEG_SS_FAULT, 0);
    assert_true(seg_load(&s, SEG_FS, 0, &r));
    assert_int_equal(s.reg[SEG_FS].base, 0);
    s.null_keeps_base = true;
    assert_true(seg_load(&s, SEG_GS, 0, &r));
    assert_int_equal(s.reg[SEG_GS].base, 0x3000);
    assert_true(seg_jump(&s, 0x10, 0, 4, &r));
    FAULTS(seg_swapgs(&s, &r), SEG_UD, 0);
    FAULTS(seg_access(&s, SEG_GS, 0, 1, MMU_LOAD, &r), SEG_GP_FAULT, 0); /* compatibility mode: null again         */
}

/* LA57: canonical means 57 bits. */
static void five_levels(void **state)
{
    (void)state;
    mmu_set(m, 0, MMU_CR0, 1);
    assert_true(mmu_set(m, 0, MMU_CR4, 0x1020));
    assert_true(mmu_set(m, 0, MMU_CR0, 0x80000001));
    seg_init(&s, m, 0);
    assert_true(seg_write_base(&s, SEG_FS, 0x800000000000, &r));
    FAULTS(seg_write_base(&s, SEG_FS, 0x100000000000000, &r), SEG_GP_FAULT, 0);
}

static void encodings(void **state)
{
    struct seg_register d;

    (void)state;
    assert_int_equal(seg_encode(0x89abcdef, 0xfffff, rights(SEG_CODE, 2)), 0x894fd8abcdefffff);
    assert_int_equal(seg_encode(0, 0xffffffff, rights(SEG_WRITABLE, 0) | SEG_G), 0x00cf92000000ffff);
    assert_int_equal(seg_encode(0, 0x12345fff, rights(SEG_WRITABLE, 0) | SEG_G), 0x00c1920000002345);
    d = seg_decode(0x89c1f2abcdef2345);
    assert_int_equal(d.base, 0x89abcdef);
    assert_int_equal(d.limit, 0x12345fff);
    assert_int_equal(d.rights, SEG_G | SEG_DB | 0xf2);
    assert_int_equal(seg_encode_gate(0x1b, 0x89abcdef, 5, 0xec), 0x89abec05001bcdef);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_descriptor_may_fault), TEST(the_accessed_bit_is_a_write), TEST(segment_first_then_page), TEST(linear_addresses_go_round),
        TEST(round_the_end_by_pages), TEST(privilege_reaches_the_mmu), TEST(an_inner_stack_may_fault), TEST(system_registers),
        TEST(what_64_bit_mode_keeps), TEST(five_levels), TEST(encodings),
    };

    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
