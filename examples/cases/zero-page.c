/* SPDX-License-Identifier: MIT
 * zero-page.c - touches memory before it is used, page by page, as a runtime does at its start (JDK-8315923 in miniature).
 *
 *   zero-page store      writes each page once
 *   zero-page add        adds 0 to each page: where a processor has no such instruction it is a load and a store, as on AArch64
 *   zero-page populate   leaves it to madvise(MADV_POPULATE_WRITE), as the JDK has done since */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum { PAGE = 4096, HUGE = 2 << 20, HEAP = 64 << 20 };

static void touch_by_store(volatile char *heap)
{
    for (long at = 0; at < HEAP; at += PAGE)
        heap[at] = 0;
}

static void touch_by_add(volatile char *heap)
{
    for (long at = 0; at < HEAP; at += PAGE) {
        char was = heap[at];
        heap[at] = was;
    }
}

static void touch_by_madvise(volatile char *heap) { madvise((void *)heap, HEAP, MADV_POPULATE_WRITE); }

int main(int argc, char **argv)
{
    static const struct { const char *name; void (*touch)(volatile char *heap); } ways[] = {
        { "store", touch_by_store }, { "add", touch_by_add }, { "populate", touch_by_madvise } };
    char *at = mmap(NULL, HEAP + HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *heap;

    if (argc != 2 || at == MAP_FAILED)
        return 2;
    heap = at + (HUGE - (unsigned long)at % HUGE) % HUGE;
    madvise(heap, HEAP, MADV_HUGEPAGE);
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (!strcmp(argv[1], ways[i].name)) {
            ways[i].touch(heap);
            return 0;
        }
    return 2;
}
