/* SPDX-License-Identifier: MIT
 * trim.c - a server's rounds: each makes and frees many small blocks while a few in between live on, so that free memory lies
 * below the top of the heap, where free() cannot give it back.
 *
 *   trim ROUNDS         only that
 *   trim ROUNDS trim    malloc_trim(0) after each round */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 12000, BYTES = 1000, KEPT_OF = 100 };

static void work_in_round(char **block)
{
    for (int i = 0; i < BLOCKS; i++)
        if (!block[i])
            memset(block[i] = malloc(BYTES), i, BYTES);
    for (int i = 0; i < BLOCKS; i++)
        if (i % KEPT_OF) {
            free(block[i]);
            block[i] = NULL;
        }
}

int main(int argc, char **argv)
{
    static char *block[BLOCKS];
    int rounds = argc > 1 ? atoi(argv[1]) : 0;

    for (int i = 0; i < rounds; i++) {
        work_in_round(block);
        if (argc > 2)
            malloc_trim(0);
    }
    return rounds ? 0 : 2;
}
