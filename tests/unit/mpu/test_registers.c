/* SPDX-License-Identifier: MIT
 * test_registers.c - the MPU's registers: what is stored, selected, ignored; regions set by what they are to do; what the
 * explanations and the list of regions say.  (What regions do to accesses: tests/exhaustive/mpu.) */
#include "pagewalk/mpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static u32 get(const struct mpu *m, u32 reg)
{
    u32 v = 0xdead;

    assert_true(mpu_read(m, reg, &v));
    return v;
}

static void after_reset_all_is_zero(void **state)
{
    static const u32 zero[] = { MPU_CTRL, MPU_RNR, MPU_RBAR, MPU_RASR, MPU_SHPR1, MPU_SHCSR, MPU_CFSR, MPU_HFSR, MPU_MMFAR, MPU_BFAR };
    struct mpu m;

    (void)state;
    memset(&m, 0xff, sizeof m);
    mpu_init(&m, MPU_V7M, 8);
    for (unsigned i = 0; i < sizeof zero / sizeof *zero; i++)
        assert_int_equal(get(&m, zero[i]), 0);
    assert_int_equal(get(&m, MPU_TYPE), 0x800);
    assert_true(mpu_write(&m, MPU_TYPE, 0));
    assert_int_equal(get(&m, MPU_TYPE), 0x800);
}

static void v7_valid_selects_the_region(void **state)
{
    struct mpu m;

    (void)state;
    mpu_init(&m, MPU_V7M, 8);
    assert_true(mpu_write(&m, MPU_RBAR, 0x20000013)); /* VALID, REGION 3                                          */
    assert_int_equal(get(&m, MPU_RNR), 3);
    assert_int_equal(get(&m, MPU_RBAR), 0x20000003);
    assert_int_equal(m.region[3].rbar, 0x20000000);
    assert_true(mpu_write(&m, MPU_RBAR, 0x20001005)); /* not VALID: RNR's                                         */
    assert_int_equal(get(&m, MPU_RBAR), 0x20001003);
    assert_int_equal(m.region[5].rbar, 0);
    assert_true(mpu_write(&m, MPU_RBAR, 0x2000001c)); /* region 12 of 8: ignored                                  */
    assert_int_equal(get(&m, MPU_RBAR), 0x20001003);
    assert_true(mpu_write(&m, MPU_RASR, 0xffffffff));
    assert_int_equal(get(&m, MPU_RASR), 0x173fff3f);
    assert_true(mpu_write(&m, MPU_RNR, 8));
    assert_int_equal(get(&m, MPU_RNR), 3);
    assert_true(mpu_write(&m, MPU_RBAR + 8, 0x30000000)); /* an alias is the same register on v7-M                */
    assert_int_equal(m.region[3].rbar, 0x30000000);
}

static void v8_aliases_are_the_group_of_four(void **state)
{
    struct mpu m;

    (void)state;
    mpu_init(&m, MPU_V8M, 16);
    assert_true(mpu_write(&m, MPU_RNR, 6));
    assert_true(mpu_write(&m, MPU_RBAR, 0x2000001f));
    assert_true(mpu_write(&m, MPU_RLAR, 0x200000ff));
    assert_int_equal(m.region[6].rbar, 0x2000001f);
    assert_int_equal(m.region[6].attr, 0x200000ef); /* bit 4 is v8.1-M's                                          */
    assert_true(mpu_write(&m, MPU_RBAR + 8, 0x11)); /* RBAR_A1: region 5                                          */
    assert_true(mpu_write(&m, MPU_RLAR + 24, 0x21)); /* RLAR_A3: region 7                                         */
    assert_int_equal(m.region[5].rbar, 0x11);
    assert_int_equal(m.region[7].attr, 0x21);
    assert_int_equal(get(&m, MPU_RLAR + 24), 0x21);
    assert_int_equal(get(&m, MPU_RBAR), 0x2000001f);
    assert_true(mpu_write(&m, MPU_MAIR1, 0x44));
    assert_true(mpu_write(&m, MPU_MAIR0, 0x33));
    assert_int_equal(get(&m, MPU_MAIR1), 0x44);
    assert_int_equal(get(&m, MPU_MAIR0), 0x33);
    mpu_init(&m, MPU_V8_1M, 16);
    assert_true(mpu_write(&m, MPU_RLAR, 0x200000ff));
    assert_int_equal(get(&m, MPU_RLAR), 0x200000ff);
}

static void what_is_not_there(void **state)
{
    struct mpu m;
    u32 v;

    (void)state;
    mpu_init(&m, MPU_V7M, 0);
    assert_false(mpu_write(&m, MPU_RBAR, 0));
    assert_false(mpu_read(&m, MPU_RASR, &v));
    assert_true(mpu_write(&m, MPU_CTRL, 7));
    assert_int_equal(get(&m, MPU_CTRL), 0);
    mpu_init(&m, MPU_V7M, 8);
    assert_false(mpu_write(&m, MPU_MAIR0, 0));
    assert_false(mpu_read(&m, MPU_MAIR1, &v));
    assert_false(mpu_write(&m, MPU_RBAR + 1, 0));
    assert_false(mpu_write(&m, MPU_RBAR + 32, 0));
    assert_false(mpu_write(&m, 0xe000ed00, 0));
    assert_true(mpu_write(&m, MPU_CTRL, 0xff));
    assert_int_equal(get(&m, MPU_CTRL), 7);
    assert_true(mpu_write(&m, MPU_SHCSR, 0xffffffff));
    assert_int_equal(get(&m, MPU_SHCSR), 0x30000);
    assert_true(mpu_write(&m, MPU_SHPR1, 0xffffffff));
    assert_int_equal(get(&m, MPU_SHPR1), 0xffff);
}

static void status_is_cleared_by_ones(void **state)
{
    struct mpu m;

    (void)state;
    mpu_init(&m, MPU_V7M, 8);
    m.cfsr = 0x8282;
    m.hfsr = HFSR_FORCED | 2;
    assert_true(mpu_write(&m, MPU_CFSR, 0x80));
    assert_int_equal(get(&m, MPU_CFSR), 0x8202);
    assert_true(mpu_write(&m, MPU_HFSR, HFSR_FORCED));
    assert_int_equal(get(&m, MPU_HFSR), 2);
    assert_true(mpu_write(&m, MPU_MMFAR, 5) && mpu_write(&m, MPU_BFAR, 6));
    assert_int_equal(get(&m, MPU_MMFAR), 5);
    assert_int_equal(get(&m, MPU_BFAR), 6);
}

static void wanted_regions(void **state)
{
    static const struct { enum mpu_arch arch; unsigned n; struct mpu_want want; enum mpu_refused why; u32 rbar, attr; } rows[] = {
        { MPU_V7M, 8, { .base = 0, .bytes = 32 }, MPU_WANT_NUMBER, 0, 0 },
        { MPU_V7M, 0, { .base = 0x40, .bytes = 32, .privileged = 3, .unprivileged = 3 }, MPU_WANT_OK, 0x40, 0x13000009 },
        { MPU_V7M, 0, { .base = 0x80000000, .bytes = 0x80000000, .privileged = 1, .unprivileged = 1, .execute = true }, MPU_WANT_OK, 0x80000000, 0x0600003d },
        { MPU_V7M, 0, { .base = 0x100, .bytes = 256, .privileged = 3, .srd = 0x81 }, MPU_WANT_OK, 0x100, 0x1100810f },
        { MPU_V7M, 0, { .base = 0x100, .bytes = 128, .privileged = 3, .srd = 0x81 }, MPU_WANT_SRD, 0, 0 },
        { MPU_V7M, 0, { .base = 0x20, .bytes = 64, .privileged = 3 }, MPU_WANT_BASE, 0, 0 },
        { MPU_V7M, 0, { .base = 0, .bytes = 16, .privileged = 3 }, MPU_WANT_SIZE, 0, 0 },
        { MPU_V7M, 0, { .base = 0, .bytes = 96, .privileged = 3 }, MPU_WANT_SIZE, 0, 0 },
        { MPU_V7M, 0, { .base = 0, .bytes = 64, .privileged = 1, .unprivileged = 3 }, MPU_WANT_RIGHTS, 0, 0 },
        { MPU_V7M, 0, { .base = 0, .bytes = 64, .privileged = 3, .privileged_never = true }, MPU_WANT_PXN, 0, 0 },
        { MPU_V8M, 0, { .base = 0x60, .bytes = 96, .privileged = 3, .unprivileged = 3, .execute = true }, MPU_WANT_OK, 0x62, 0xa1 },
        { MPU_V8M, 0, { .base = 0xffffffe0, .bytes = 32, .privileged = 1 }, MPU_WANT_OK, 0xffffffe5, 0xffffffe1 },
        { MPU_V8M, 0, { .base = 0xffffffe0, .bytes = 64, .privileged = 1 }, MPU_WANT_BASE, 0, 0 },
        { MPU_V8M, 0, { .base = 0x10, .bytes = 32, .privileged = 1 }, MPU_WANT_BASE, 0, 0 },
        { MPU_V8M, 0, { .base = 0, .bytes = 48, .privileged = 1 }, MPU_WANT_SIZE, 0, 0 },
        { MPU_V8M, 0, { .base = 0, .bytes = 64, .privileged = 3, .unprivileged = 1 }, MPU_WANT_RIGHTS, 0, 0 },
        { MPU_V8M, 0, { .base = 0, .bytes = 256, .privileged = 3, .srd = 1 }, MPU_WANT_SRD, 0, 0 },
        { MPU_V8M, 0, { .base = 0, .bytes = 64, .privileged = 3, .privileged_never = true }, MPU_WANT_PXN, 0, 0 },
        { MPU_V8_1M, 0, { .base = 0, .bytes = 64, .privileged = 1, .unprivileged = 1, .execute = true, .privileged_never = true }, MPU_WANT_OK, 0x6, 0x31 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mpu m;

        mpu_init(&m, rows[i].arch, 8);
        assert_int_equal(mpu_set_region(&m, rows[i].n, &rows[i].want), rows[i].why);
        assert_int_equal(m.region[0].rbar, rows[i].rbar);
        assert_int_equal(m.region[0].attr, rows[i].attr);
        assert_true(strlen(mpu_refused_text(rows[i].why)) > 10);
    }
}

/* Off keeps the base: only the enable bit decides. */
static void a_region_goes_off(void **state)
{
    const struct mpu_want on = { .base = 0x20000000, .bytes = 64, .privileged = 3, .unprivileged = 3 }, off = { 0 };
    struct mpu m;

    (void)state;
    mpu_init(&m, MPU_V7M, 8);
    assert_int_equal(mpu_set_region(&m, 1, &on), MPU_WANT_OK);
    assert_int_equal(mpu_write(&m, MPU_CTRL, CTRL_ENABLE), true);
    assert_int_equal(mpu_look(&m, 0x20000020, true, 256).rights, MPU_R | MPU_W);
    assert_int_equal(mpu_look(&m, 0x20000020, true, 256).region, 1);
    assert_int_equal(mpu_set_region(&m, 1, &off), MPU_WANT_OK);
    assert_int_equal(mpu_look(&m, 0x20000020, true, 256).rule, MPU_RULE_NO_REGION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_reset_all_is_zero),
        cmocka_unit_test(v7_valid_selects_the_region),
        cmocka_unit_test(v8_aliases_are_the_group_of_four),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(status_is_cleared_by_ones),
        cmocka_unit_test(wanted_regions),
        cmocka_unit_test(a_region_goes_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
