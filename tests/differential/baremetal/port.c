/* SPDX-License-Identifier: MIT
 * port.c - see port.h; and what the compiler may call in an image without a libc. */
#include "port.h"

static void put(char c)
{
    __asm__ volatile("outb %0, $0xe9" : : "a"(c));
}

void put_line(char kind, const u64 *words, u32 n)
{
    put(kind);
    for (u32 i = 0; i < n; i++) {
        int shift = 60;
        put(' ');
        while (shift && !(words[i] >> shift))
            shift -= 4;
        for (; shift >= 0; shift -= 4)
            put("0123456789abcdef"[words[i] >> shift & 15]);
    }
    put('\n');
}

void *memcpy(void *to, const void *from, unsigned long n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int c, unsigned long n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
    return start;
}
