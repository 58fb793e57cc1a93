/* SPDX-License-Identifier: MIT
 * grow.c - recursion that needs about 2 MiB of stack. */
#include <stdio.h>

static int deep(int n)
{
    volatile char frame[4000];
    frame[0] = (char)n;
    return n ? deep(n - 1) + frame[0] : 0;
}

int main(void)
{
    printf("%d\n", deep(500) != 0);
    return 0;
}
