/* SPDX-License-Identifier: MIT
 * threads.c - four threads touch 64 pages each, then one changes the protection of all of them: every CPU that runs the
 * program must be told (shootdown).  Prints the sum, so that the work cannot be dropped. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { THREADS = 4, PAGES = 64 };
static char *area;

static void *touch(void *arg)
{
    long me = (long)arg, sum = 0;
    for (int round = 0; round < 200; round++)
        for (int i = 0; i < PAGES; i++)
            sum += area[(me * PAGES + i) * 4096]++;
    return (void *)sum;
}

int main(void)
{
    pthread_t t[THREADS];
    long total = 0;
    area = mmap(NULL, THREADS * PAGES * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(area, 1, THREADS * PAGES * 4096);   /* so that the threads take no faults of their own */
    for (long i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, touch, (void *)i);
    for (int i = 0; i < THREADS; i++) {
        void *sum;
        pthread_join(t[i], &sum);
        total += (long)sum;
    }
    for (int i = 0; i < 10; i++) {
        mprotect(area, THREADS * PAGES * 4096, PROT_READ);
        mprotect(area, THREADS * PAGES * 4096, PROT_READ | PROT_WRITE);
    }
    printf("%ld\n", total);
    return 0;
}
