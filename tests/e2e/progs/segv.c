/* SPDX-License-Identifier: MIT
 * segv.c - handles SIGSEGV as a garbage collector's write barrier does: 40 pages are made read-only, each first write
 * faults, the handler makes its page writable.  Prints how many signals came. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>

static volatile int caught;

static void handler(int sig, siginfo_t *info, void *context)
{
    (void)sig; (void)context;
    caught++;
    mprotect((void *)((uintptr_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
}

int main(void)
{
    struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
    char *p = mmap(NULL, 40 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    sigaction(SIGSEGV, &sa, NULL);
    for (int i = 0; i < 40; i++)
        p[i * 4096] = 1;
    mprotect(p, 40 * 4096, PROT_READ);
    for (int i = 0; i < 40; i++)
        ((volatile char *)p)[i * 4096]++;
    printf("%d\n", caught);
    return 0;
}
