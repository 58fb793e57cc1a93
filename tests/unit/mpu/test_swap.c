/* SPDX-License-Identifier: MIT
 * test_swap.c - swapping without translation: random loads and stores in a window larger than RAM are those of plain
 * memory, for every page size and number of regions, and the counts are what a second bookkeeping says. */
#include "pagewalk/mpu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WINDOW 0x60000000u
#define WINDOW_BYTES 8192u
#define RAM_BYTES 2048u

static struct mpu m;
static u8 ram[RAM_BYTES], flash[WINDOW_BYTES], plain[WINDOW_BYTES], dirty[64];
static u32 holds[64];

static struct mpu_swap begin(enum mpu_arch arch, u32 page_bytes, unsigned first, unsigned regions)
{
    const struct mpu_swap s = { .mpu = &m, .window = WINDOW, .window_bytes = WINDOW_BYTES, .ram_bytes = RAM_BYTES, .page_bytes = page_bytes,
                                .first_region = (u8)first, .regions = (u8)regions, .ram = ram, .flash = flash, .holds = holds, .dirty = dirty };

    mpu_init(&m, arch, 8);
    assert_true(mpu_write(&m, MPU_SHCSR, SHCSR_MEMFAULTENA));
    assert_true(mpu_write(&m, MPU_CTRL, CTRL_ENABLE | CTRL_PRIVDEFENA));
    memset(ram, 0xee, sizeof ram);
    for (unsigned i = 0; i < WINDOW_BYTES; i++)
        plain[i] = flash[i] = (u8)(i * 7 + i / 256);
    return s;
}

/* What the pager promises about its regions. */
static void is_valid(const struct mpu_swap *s)
{
    for (unsigned i = 0; i < s->regions; i++) {
        const u32 page = s->covers[i], frame = page & (RAM_BYTES / s->page_bytes - 1);

        if (page == MPU_SWAP_NONE)
            continue;
        assert_int_equal(s->holds[frame], page);
        assert_int_equal(!!(mpu_look(&m, WINDOW + page * s->page_bytes, true, 256).rights & MPU_W), s->dirty[frame]);
        for (unsigned j = 0; j < i; j++)
            assert_int_not_equal(s->covers[j], page);
    }
}

static void random_is_plain_memory(enum mpu_arch arch, u32 page_bytes, unsigned regions)
{
    struct mpu_swap s = begin(arch, page_bytes, 8 - regions, regions);
    u32 in_frame[64];
    u64 reads = 0;

    assert_true(mpu_swap_begin(&s));
    memset(in_frame, 0xff, sizeof in_frame);
    srand(page_bytes + regions);
    for (unsigned i = 0; i < 20000; i++) {
        const u32 at = (u32)(rand() % 4 ? rand() % 600 : rand() % (int)WINDOW_BYTES);
        const u32 page = at / page_bytes, frame = page & (RAM_BYTES / page_bytes - 1);
        u8 value = (u8)rand();

        if (rand() % 3) {
            assert_true(mpu_swap_load(&s, WINDOW + at, &value));
            assert_int_equal(value, plain[at]);
        } else {
            assert_true(mpu_swap_store(&s, WINDOW + at, value));
            plain[at] = value;
        }
        reads += in_frame[frame] != page;
        in_frame[frame] = page;
        if (i % 64 == 0)
            is_valid(&s);
    }
    assert_int_equal(s.accesses, 20000);
    assert_int_equal(s.pages_read, reads);
    assert_int_equal(s.faults, s.pages_read + s.first_writes + s.regions_moved);
    assert_true(s.pages_written && s.pages_written <= s.pages_read + RAM_BYTES / page_bytes);
    assert_int_equal(m.cfsr, 0);
    mpu_swap_sync(&s);
    is_valid(&s);
    assert_memory_equal(flash, plain, WINDOW_BYTES);
}

static void all_sizes(void **state)
{
    (void)state;
    for (u32 page = 32; page <= RAM_BYTES; page *= 2)
        for (unsigned regions = 1; regions <= 8; regions += regions == 1 ? 2 : 5) {
            random_is_plain_memory(MPU_V7M, page, regions);
            random_is_plain_memory(MPU_V8M, page, regions);
        }
}

/* Clean pages are dropped, dirty ones are written; after a sync the next store is seen again. */
static void what_is_written(void **state)
{
    struct mpu_swap s = begin(MPU_V7M, 1024, 2, 3);
    u8 v;

    (void)state;
    assert_true(mpu_swap_begin(&s));
    assert_true(mpu_swap_load(&s, WINDOW, &v));
    assert_true(mpu_swap_load(&s, WINDOW + 2048, &v)); /* the same frame                                           */
    assert_int_equal(s.pages_written, 0);
    assert_true(mpu_swap_store(&s, WINDOW + 2049, 1));
    assert_int_equal(s.first_writes, 1);
    assert_true(mpu_swap_store(&s, WINDOW + 2050, 1));
    assert_int_equal(s.faults, 3);
    mpu_swap_sync(&s);
    assert_int_equal(s.pages_written, 1);
    assert_int_equal(flash[2049], 1);
    assert_true(mpu_swap_store(&s, WINDOW + 2050, 9));
    assert_int_equal(s.first_writes, 2);
    assert_true(mpu_swap_load(&s, WINDOW, &v));
    assert_int_equal(s.pages_written, 2);
    assert_int_equal(flash[2050], 9);
}

static void what_does_not_fit(void **state)
{
    static const struct { u32 window, window_bytes, ram_bytes, page_bytes; u8 first, regions; } rows[] = {
        { WINDOW, 8192, 2048, 16, 0, 1 }, { WINDOW, 8192, 2048, 96, 0, 1 }, { WINDOW, 8192, 2048, 4096, 0, 1 }, { WINDOW, 8192, 3072, 1024, 0, 1 },
        { WINDOW, 2048, 4096, 1024, 0, 1 }, { WINDOW, 12288, 2048, 1024, 0, 1 }, { WINDOW + 4096, 8192, 2048, 1024, 0, 1 },
        { WINDOW, 8192, 2048, 1024, 0, 0 }, { WINDOW, 8192, 2048, 1024, 6, 3 },
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct mpu_swap s = begin(MPU_V7M, rows[i].page_bytes, rows[i].first, rows[i].regions);

        s.window = rows[i].window;
        s.window_bytes = rows[i].window_bytes;
        s.ram_bytes = rows[i].ram_bytes;
        assert_false(mpu_swap_begin(&s));
    }
}

/* Faults that are not the pager's: the access is not made. */
static void others(void **state)
{
    const struct mpu_want all = { .base = WINDOW, .bytes = WINDOW_BYTES, .privileged = MPU_R | MPU_W, .unprivileged = MPU_R | MPU_W };
    struct mpu_swap s = begin(MPU_V7M, 1024, 2, 3);
    u8 v = 0x77;

    (void)state;
    assert_true(mpu_swap_begin(&s));
    m.ctrl = 0;
    assert_false(mpu_swap_load(&s, WINDOW, &v)); /* nothing faults, nothing is there                              */
    assert_int_equal(v, 0x77);
    m.ctrl = CTRL_ENABLE;
    m.shcsr = 0;
    assert_false(mpu_swap_load(&s, WINDOW, &v)); /* a HardFault                                                   */
    m.shcsr = SHCSR_MEMFAULTENA;
    assert_true(mpu_swap_load(&s, WINDOW, &v));
    assert_int_equal(mpu_set_region(&m, 7, &all), MPU_WANT_OK);
    assert_true(mpu_swap_load(&s, WINDOW, &v));
    assert_false(mpu_swap_store(&s, WINDOW, 0x78)); /* allowed, but the pager would not know of it                */
    assert_int_equal(ram[0], plain[0]);
    assert_false(mpu_swap_load(&s, WINDOW + 1024, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sizes),
        cmocka_unit_test(what_is_written),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
