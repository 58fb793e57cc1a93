/* SPDX-License-Identifier: MIT
 * main.c - every shape of a long-mode walk in every context, machine against oracle.
 *     exhaustive              a sample that takes seconds: every single-bit, address and self-map case, and about one
 *                             in 100 of the walk shapes and contexts
 *     exhaustive --full       all of them (`make exhaustive`)
 *     exhaustive --every N    about one in N of the walk shapes and contexts
 * Ends with the number of cases and differences, and processor time; exit status 1 if there was a difference. */
#include "families.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    unsigned every = 100;
    struct judge judge = { .cases = 0 };

    if (argc == 2 && !strcmp(argv[1], "--full"))
        every = 1;
    else if (argc == 3 && !strcmp(argv[1], "--every") && atoi(argv[2]) > 0)
        every = (unsigned)atoi(argv[2]);
    else if (argc != 1) {
        fprintf(stderr, "usage: exhaustive [--full | --every N]\n");
        return 2;
    }
    judge.walk_too = judge.tables_may_meet = true;
    single_bit_cases(&judge);
    address_cases(&judge);
    self_map_cases(&judge);
    judge.tables_may_meet = false;
    judge.walk_too = every > 1;
    walk_cases(&judge, every);
    printf("exhaustive: %llu cases, %llu differences, %.1f s\n", (unsigned long long)judge.cases,
           (unsigned long long)judge.differences, (double)clock() / CLOCKS_PER_SEC);
    return judge.differences ? 1 : 0;
}
