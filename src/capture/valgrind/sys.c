/* SPDX-License-Identifier: GPL-2.0-or-later
 * sys.c - what Valgrind's tool interface lacks: a plain system call (for calls that look and change nothing, such as
 * fstatfs), address space without a claim on memory, and memcmp, which the compiler may call for. */
#include "cap.h"

Long cap_raw_syscall(Long nr, UWord a, UWord b, UWord c)
{
    Long result;
    __asm__ volatile("syscall" : "=a"(result) : "0"(nr), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
    return result;
}

Bool cap_make_sparse(void *start, SizeT len_bytes)
{
    register Long flags __asm__("r10") = VKI_MAP_FIXED | VKI_MAP_PRIVATE | VKI_MAP_ANONYMOUS | VKI_MAP_NORESERVE;
    register Long fd __asm__("r8") = -1, offset __asm__("r9") = 0;
    Long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((Long)__NR_mmap), "D"(start), "S"(len_bytes),
                       "d"((Long)(VKI_PROT_READ | VKI_PROT_WRITE | VKI_PROT_EXEC)), "r"(flags), "r"(fd), "r"(offset)
                     : "rcx", "r11", "memory");
    return result == (Long)start;
}

int memcmp(const void *a, const void *b, unsigned long n);
int memcmp(const void *a, const void *b, unsigned long n) { return VG_(memcmp)(a, b, n); }
