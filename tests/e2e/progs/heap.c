/* SPDX-License-Identifier: MIT
 * heap.c - grows and shrinks the heap with brk and mmap, moves a mapping with mremap, maps a file and writes to it
 * privately.  Every step's result is checked; prints "ok". */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MUST(cond) do { if (!(cond)) { printf("failed: %s\n", #cond); return 1; } } while (0)

int main(void)
{
    char *brk0 = sbrk(0), *p, *q;
    int fd = open("heap.tmp", O_RDWR | O_CREAT | O_TRUNC, 0600);
    MUST(fd >= 0 && unlink("heap.tmp") == 0 && ftruncate(fd, 20 * 4096) == 0);
    MUST(sbrk(50 * 4096) == brk0);
    memset(brk0, 1, 50 * 4096);
    MUST(brk(brk0 + 4096) == 0 && sbrk(40 * 4096) != (void *)-1);
    MUST(brk0[8192 * 2] == 0);
    p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MUST(p != MAP_FAILED);
    memset(p, 2, 16 * 4096);
    q = mremap(p, 16 * 4096, 64 * 4096, MREMAP_MAYMOVE);
    MUST(q != MAP_FAILED && q[15 * 4096] == 2 && q[63 * 4096] == 0);
    MUST(madvise(q, 8 * 4096, MADV_DONTNEED) == 0 && q[0] == 0);
    p = mmap(NULL, 20 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    MUST(p != MAP_FAILED && p[0] == 0);
    p[4096] = 7;
    MUST(munmap(p + 4096, 4096) == 0);
    free(malloc(300000));
    puts("ok");
    return 0;
}
