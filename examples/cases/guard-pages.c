/* SPDX-License-Identifier: MIT
 * guard-pages.c - stacks for fibers, each with a guard page below it, in one reservation.
 *
 *   guard-pages mprotect N   the guard is made inaccessible: each stack needs two mappings
 *   guard-pages madvise N    the guard is a guard region (MADV_GUARD_INSTALL, Linux 6.13): mappings stay one
 *
 * Prints how many stacks there came to be; stops at the first that cannot be made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

enum { PAGE = 4096, STACK = 16 * PAGE };

int main(int argc, char **argv)
{
    long wanted = argc == 3 ? atol(argv[2]) : 0, made = 0;
    int guard_regions = wanted && !strcmp(argv[1], "madvise");
    char *stacks = mmap(NULL, (size_t)wanted * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (!wanted || stacks == MAP_FAILED)
        return 2;
    for (; made < wanted; made++) {
        char *guard = stacks + made * STACK;
        if (guard_regions ? madvise(guard, PAGE, MADV_GUARD_INSTALL) : mprotect(guard, PAGE, PROT_NONE)) {
            perror(argv[1]);
            break;
        }
    }
    printf("%ld\n", made);
    return 0;
}
