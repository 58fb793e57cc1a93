/* SPDX-License-Identifier: MIT
 * sites.c - memory from different places, touched in ways whose costs are known.  Used by tests/e2e/heap.sh. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define CALL __attribute__((noinline))
#define USED(p) __asm__ volatile("" : "+r"(p) : : "memory") /* and no call becomes a jump                      */

enum { NODES = 1000, PAGE = 4096, TABLE = 1 << 19, AREA_PAGES = 300 };
struct node { struct node *next; char rest[56]; };

/* A wrapper: whoever calls it wants the memory. */
CALL static void *xmalloc(size_t bytes)
{
    void *p = malloc(bytes);
    if (!p)
        abort();
    return p;
}
CALL static void gap(void)
{
    char *p = memset(malloc(4032), 1, 4032);
    USED(p);
}
CALL static struct node *list(void)
{
    struct node *l = NULL;
    for (int i = 0; i < NODES; i++) {
        struct node *n = xmalloc(sizeof *n);
        n->next = l;
        l = n;
        gap();
    }
    return l;
}
CALL static long *table(void)
{
    long *p = calloc(TABLE, sizeof *p);
    USED(p);
    return p;
}
CALL static char *area(void)
{
    char *p = mmap(NULL, 2 * AREA_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    USED(p);
    return p;
}
CALL static void churn(void)
{
    for (int i = 0; i < 1000; i++) {
        char *p = realloc(strdup("x"), 100);
        p[50] = 1;
        free(p);
    }
}

int main(void)
{
    struct node *l = list();
    long *t = table();
    char *a = area();
    for (int i = 0; i < AREA_PAGES; i++)
        a[i * PAGE] = 1;
    for (int i = 0; i < 200000; i++)
        t[(i * 7919L) & (TABLE - 1)] += i;
    for (int i = 0; i < 100; i++)
        for (struct node *n = l; n; n = n->next)
            n->rest[0]++;
    churn();
    puts("ok");
    return 0;
}
