/* SPDX-License-Identifier: MIT
 * cow.c - a program whose copies after fork are known: of 4096 pages the child writes 0 to 99 first, then the parent 0 to 249, then the
 * child 300 to 349; when the child is gone the parent writes 0 to 499 and copies nothing.  Used by where.sh. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, BYTES = 4096 * PAGE };
static char *data;
static int to_parent[2], to_child[2];

static void __attribute__((noinline)) parent_update(int n)
{
    for (int i = 0; i < n; i++)
        data[i * PAGE]++;
}

static void __attribute__((noinline)) child_update(int from, int n)
{
    for (int i = from; i < from + n; i++)
        data[i * PAGE]++;
}

static int child(void)
{
    char c;
    child_update(0, 100);
    if (write(to_parent[1], "x", 1) != 1 || read(to_child[0], &c, 1) != 1)
        return 1;
    child_update(300, 50);
    return 0;
}

int main(void)
{
    char c;
    pid_t p;
    data = aligned_alloc(PAGE, BYTES);
    if (!data || pipe(to_parent) || pipe(to_child))
        return 1;
    memset(data, 1, BYTES);
    p = fork();
    if (!p)
        return child();
    if (p < 0 || read(to_parent[0], &c, 1) != 1)
        return 1;
    parent_update(250);
    if (write(to_child[1], "x", 1) != 1 || wait(NULL) != p)
        return 1;
    parent_update(500);
    return 0;
}
