/* SPDX-License-Identifier: MIT
 * clock.h - the thread's CPU time, and medians, for the machine benchmark. */
#ifndef PAGEWALK_BENCH_MACHINE_CLOCK_H
#define PAGEWALK_BENCH_MACHINE_CLOCK_H

#include <stdlib.h>
#include <time.h>

static inline double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Sorts them. */
static inline double median(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_size);
    return v[n / 2];
}

#endif
