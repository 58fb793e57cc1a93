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

static Long raw_syscall6(Long nr, UWord a, UWord b, UWord c, Long d, Long e, Long f)
{
    register Long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    Long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

static Bool map_over(void *start, SizeT len_bytes, Long flags, Long fd)
{
    const UWord prot = VKI_PROT_READ | VKI_PROT_WRITE | VKI_PROT_EXEC;
    return raw_syscall6(__NR_mmap, (UWord)start, len_bytes, prot, VKI_MAP_FIXED | flags, fd, 0) == (Long)start;
}

Bool cap_make_sparse(void *start, SizeT len_bytes)
{
    return map_over(start, len_bytes, VKI_MAP_PRIVATE | VKI_MAP_ANONYMOUS | VKI_MAP_NORESERVE, -1);
}

Bool cap_map_shared(void *start, SizeT len_bytes, Int fd) { return map_over(start, len_bytes, VKI_MAP_SHARED, fd); }

enum { FUTEX_WAIT_SHARED = 0, FUTEX_WAKE_SHARED = 1 };

void cap_futex_wait(const u32 *word, u32 value)
{
    struct { Long seconds, nanoseconds; } tenth = { 0, 100000000 };
    raw_syscall6(__NR_futex, (UWord)word, FUTEX_WAIT_SHARED, value, (Long)&tenth, 0, 0);
}

void cap_futex_wake(const u32 *word) { raw_syscall6(__NR_futex, (UWord)word, FUTEX_WAKE_SHARED, 1, 0, 0, 0); }

int memcmp(const void *a, const void *b, unsigned long n);
int memcmp(const void *a, const void *b, unsigned long n) { return VG_(memcmp)(a, b, n); }
