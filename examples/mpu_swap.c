/* SPDX-License-Identifier: MIT
 * mpu_swap.c - a microcontroller without an MMU sorts 32 KiB in 8 KiB of RAM: the rest lies in a flash image, and the memory
 * protection unit says which pages are here.  Shows faults against page size and proves the result to the last byte.
 *
 *     cc mpu_swap.c -lpagewalk-machine && ./a.out */
#include "pagewalk/mpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 0x60000000u
#define WINDOW_BYTES (32u << 10)
#define RAM_BYTES (8u << 10)
#define NUMBERS (WINDOW_BYTES / 4)

static struct mpu mpu;
static struct mpu_swap swapper;
static u8 ram[RAM_BYTES], flash[WINDOW_BYTES], dirty[RAM_BYTES / 32];
static u32 holds[RAM_BYTES / 32], wanted[NUMBERS];

static u32 get(u32 i)
{
    u8 b[4];

    for (u32 k = 0; k < 4; k++)
        if (!mpu_swap_load(&swapper, WINDOW + 4 * i + k, &b[k]))
            abort();
    return b[0] | (u32)b[1] << 8 | (u32)b[2] << 16 | (u32)b[3] << 24;
}

static void put(u32 i, u32 value)
{
    for (u32 k = 0; k < 4; k++)
        if (!mpu_swap_store(&swapper, WINDOW + 4 * i + k, (u8)(value >> 8 * k)))
            abort();
}

/* Quicksort of [from, to). */
static void sort(u32 from, u32 to)
{
    while (to - from > 1) {
        const u32 pivot = get(from + (to - 1 - from) / 2);
        u32 low = from, high = to - 1;

        for (;; low++, high--) {
            u32 a, b;

            while ((a = get(low)) < pivot)
                low++;
            while ((b = get(high)) > pivot)
                high--;
            if (low >= high)
                break;
            put(low, b);
            put(high, a);
        }
        sort(from, high + 1);
        from = high + 1;
    }
}

static int ascending(const void *a, const void *b)
{
    const u32 x = *(const u32 *)a, y = *(const u32 *)b;

    return (x > y) - (x < y);
}

/* The device leaves the factory with these numbers in flash. */
static void numbers(void)
{
    u32 x = 2463534242u;

    for (u32 i = 0; i < NUMBERS; i++) {
        x ^= x << 13, x ^= x >> 17, x ^= x << 5;
        wanted[i] = x;
        for (u32 k = 0; k < 4; k++)
            flash[4 * i + k] = (u8)(x >> 8 * k);
    }
    qsort(wanted, NUMBERS, sizeof *wanted, ascending);
}

static bool flash_is_sorted(void)
{
    for (u32 i = 0; i < NUMBERS; i++)
        for (u32 k = 0; k < 4; k++)
            if (flash[4 * i + k] != (u8)(wanted[i] >> 8 * k))
                return false;
    return true;
}

static bool run(u32 page_bytes, unsigned regions)
{
    numbers();
    mpu_init(&mpu, MPU_V7M, 8);
    mpu_write(&mpu, MPU_SHCSR, SHCSR_MEMFAULTENA);
    mpu_write(&mpu, MPU_CTRL, CTRL_ENABLE | CTRL_PRIVDEFENA);
    swapper = (struct mpu_swap){ .mpu = &mpu, .window = WINDOW, .window_bytes = WINDOW_BYTES, .ram_bytes = RAM_BYTES, .page_bytes = page_bytes,
                                 .first_region = (u8)(8 - regions), .regions = (u8)regions, .ram = ram, .flash = flash, .holds = holds, .dirty = dirty };
    if (!mpu_swap_begin(&swapper))
        return false;
    sort(0, NUMBERS);
    mpu_swap_sync(&swapper);
    printf("%5u %8u %9llu %8llu %8llu %8llu %8llu   %7llu %7llu\n", page_bytes, regions, (unsigned long long)swapper.faults,
           (unsigned long long)swapper.pages_read, (unsigned long long)swapper.pages_written, (unsigned long long)swapper.first_writes,
           (unsigned long long)swapper.regions_moved, (unsigned long long)(swapper.pages_read * page_bytes >> 10),
           (unsigned long long)(swapper.pages_written * page_bytes >> 10));
    return flash_is_sorted();
}

int main(void)
{
    puts(" page  regions    faults     read  written  first w.    moved   KiB read written");
    for (unsigned regions = 2; regions <= 6; regions += 4)
        for (u32 page = 64; page <= RAM_BYTES; page *= 2)
            if (!run(page, regions)) {
                puts("the flash image is not what it should be");
                return 1;
            }
    printf("%u bytes sorted in %u bytes of RAM, every byte right each time\n", WINDOW_BYTES, RAM_BYTES);
    return 0;
}
