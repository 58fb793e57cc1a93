/* SPDX-License-Identifier: MIT
 * spread.c - a program whom huge pages help: touches 64 MiB of anonymous memory in an order that no TLB likes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define BYTES (64ul << 20)

int main(void)
{
    char *raw = mmap(NULL, BYTES + (2ul << 20), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long x = 1, sum = 0;

    if (raw == MAP_FAILED)
        return 1;
    for (int i = 0; i < 400000; i++) {
        x = x * 6364136223846793005ul + 1442695040888963407ul;
        sum += (unsigned long)++raw[(x >> 20) % BYTES];
    }
    printf("%lu\n", sum);
    return 0;
}
