/* SPDX-License-Identifier: MIT
 * lookup.c - a hash table of 64 MiB, filled once and then asked at random: the program of docs/stories/huge-pages.md. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS (1u << 22)

struct slot { uint64_t key, value; };

static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 31)) * 0x7fb5d329728ea185ull;
    return x ^ (x >> 27);
}

static void fill(struct slot *table)
{
    for (uint64_t i = 0; i < SLOTS; i++)
        table[i] = (struct slot){ mix(i), i };
}

static uint64_t ask(const struct slot *table, unsigned questions)
{
    uint64_t sum = 0, x = 1;

    for (unsigned i = 0; i < questions; i++) {
        x = mix(x + i);
        sum += table[x % SLOTS].value;
    }
    return sum;
}

int main(int argc, char **argv)
{
    struct slot *table = malloc(SLOTS * sizeof *table);

    if (!table)
        return 1;
    fill(table);
    printf("%llu\n", (unsigned long long)ask(table, argc > 1 ? (unsigned)atoi(argv[1]) : 1000000));
    free(table);
    return 0;
}
