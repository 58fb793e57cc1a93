/* SPDX-License-Identifier: MIT
 * calls.c - one function touches new pages, reached in every way there is: by different callers, after a longjmp out of
 * five calls, from a signal handler on a stack of its own, at the end of a recursion, by another thread's calls.
 * Used by tests/e2e/paths.sh, which knows the lines. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define CALL __attribute__((noinline)) /* and `end` keeps a call at a function's end from becoming a jump */
#define end __asm__ volatile("")

enum { PAGES = 64, PAGE = 4096 };
static jmp_buf env;
static char *big;

CALL static void leaf(int part)
{
    for (int i = 0; i < PAGES; i++)
        big[(part * PAGES + i) * PAGE]++;
    end;
}
CALL static void one(void) { leaf(0); end; }
CALL static void two(void) { leaf(1); leaf(2); end; }
CALL static void jumps(volatile int n)
{
    if (n > 0)
        jumps(n - 1);
    if (n == 0)
        longjmp(env, 1);
    end;
}
CALL static void after(void) { leaf(3); end; }
CALL static void handler(int signo) { leaf(3 + (signo == SIGUSR1)); end; }
CALL static int down(int n)
{
    int r = 0;
    if (n)
        r = 1 + down(n - 1);
    else
        leaf(5);
    end;
    return r;
}
CALL static void *thread(void *p)
{
    char *mine = malloc(100);
    leaf(6);
    __asm__ volatile("" : "+r"(mine) : : "memory");
    free(mine);
    end;
    return p;
}

int main(void)
{
    stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };
    struct sigaction action = { .sa_handler = handler, .sa_flags = SA_ONSTACK };
    pthread_t t;
    big = aligned_alloc(PAGE, 7 * PAGES * PAGE);
    one();
    two();
    for (volatile int i = 0; i < 3; i++)
        if (!setjmp(env))
            jumps(5);
    after();
    sigaltstack(&stack, NULL);
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
    down(3);
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    puts("ok");
    return 0;
}
