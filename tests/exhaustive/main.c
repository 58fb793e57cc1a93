/* SPDX-License-Identifier: MIT
 * main.c - every shape of a long-mode walk in every context, machine against oracle.
 *     exhaustive              a sample that takes seconds: every single-bit, address and self-map case, and each 211th
 *                             of the walk shapes
 *     exhaustive --full       all of them
 *     exhaustive --every N    each Nth of the walk shapes
 * Ends with the number of cases and differences; exit status 1 if there was a difference. */
#include "families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    unsigned every = 211;
    struct judge judge = { .cases = 0 };
    struct timespec from, to;

    if (argc == 2 && !strcmp(argv[1], "--full"))
        every = 1;
    else if (argc == 3 && !strcmp(argv[1], "--every") && atoi(argv[2]) > 0)
        every = (unsigned)atoi(argv[2]);
    else if (argc != 1) {
        fprintf(stderr, "usage: exhaustive [--full | --every N]\n");
        return 2;
    }
    clock_gettime(CLOCK_MONOTONIC, &from);
    judge.walk_too = judge.tables_may_meet = true;
    single_bit_cases(&judge);
    address_cases(&judge);
    self_map_cases(&judge);
    judge.tables_may_meet = false;
    judge.walk_too = every > 100;
    walk_cases(&judge, every);
    clock_gettime(CLOCK_MONOTONIC, &to);
    printf("exhaustive: %llu cases, %llu differences, %.1f s\n", (unsigned long long)judge.cases,
           (unsigned long long)judge.differences,
           (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    return judge.differences ? 1 : 0;
}
