/* SPDX-License-Identifier: MIT
 * partitions.c - external fragmentation: processes of random size and lifetime come to one memory under each rule of placement,
 * with compaction, and with paging.  Each rule gets the same processes in the same order.
 *
 *     cc partitions.c -lpagewalk-machine && ./a.out */
#include "pagewalk/partition.h"

#include <stdio.h>

#define MEMORY (1u << 20)
#define PROCESSES 100u
#define STEPS 200000u

static u32 state;
static u32 draw(u32 below)
{
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state % below;
}

static void run(const char *name, enum part_fit fit, u64 unit, bool paged, bool compact)
{
    static struct part p;
    u64 wanted = 0, used = 0, holes = 0, rounded = 0;

    part_init(&p, MEMORY, unit, fit, paged);
    state = 2463534242u;
    for (u32 i = 0; i < STEPS; i++) {
        const u32 n = draw(PROCESSES), bytes = 1024 + draw(64 << 10);

        if (p.process[n].limit) {
            (void)part_end(&p, n);
        } else {
            wanted++;
            if (compact && part_largest_hole(&p) < bytes && part_free_bytes(&p) >= bytes)
                part_compact(&p);
            (void)part_start(&p, n, bytes);
        }
        used += p.used;
        rounded += p.used - p.asked;
        holes += paged ? 0 : part_holes(&p);
    }
    printf("%-22s %7.2f %% %11.2f %% %8.1f %% %8.2f %% %7.1f %10llu\n", name, 100.0 * (double)p.failed / (double)wanted,
           100.0 * (double)p.failed_fragmented / (double)wanted, 100.0 * (double)used / STEPS / MEMORY, 100.0 * (double)rounded / STEPS / MEMORY,
           (double)holes / STEPS, (unsigned long long)(p.moved_bytes >> 20));
}

int main(void)
{
    puts("                        refused  though free      used   rounded   holes  MiB moved");
    run("first fit", PART_FIRST, 1, false, false);
    run("best fit", PART_BEST, 1, false, false);
    run("worst fit", PART_WORST, 1, false, false);
    run("next fit", PART_NEXT, 1, false, false);
    run("first fit, compaction", PART_FIRST, 1, false, true);
    run("paging, 4 KiB", PART_FIRST, 4096, true, false);
    return 0;
}
