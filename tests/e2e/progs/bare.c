/* SPDX-License-Identifier: MIT
 * bare.c - a program without a C library, whose every instruction is its own: two tools that count must agree on it. */
enum { PAGES = 40, WORDS = PAGES * 512 };
static long memory[WORDS];

static void leave(long status)
{
    __asm__ volatile("syscall" : : "a"(60L), "D"(status) : "rcx", "r11", "memory");
    __builtin_unreachable();
}

void _start(void);
void _start(void)
{
    volatile long *m = memory;
    for (long i = 0; i < 20000; i++)
        m[i * 521 % WORDS] += i;
    for (long i = 1; i < WORDS; i++)
        m[i] = m[i - 1] ^ i;
    leave(0);
}
