/* SPDX-License-Identifier: GPL-2.0-or-later
 * sys.c - what Valgrind's tool interface lacks: a plain system call (for calls that look and change nothing, such as
 * fstatfs), and memcmp, which the compiler may call for. */
#include "cap.h"

Long cap_raw_syscall(Long nr, UWord a, UWord b, UWord c)
{
    Long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

int memcmp(const void *a, const void *b, unsigned long n);
int memcmp(const void *a, const void *b, unsigned long n) { return VG_(memcmp)(a, b, n); }
