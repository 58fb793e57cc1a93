/* SPDX-License-Identifier: GPL-2.0-or-later
 * wrap.c - system calls that the core would make otherwise than the program means them.  The linker sends the core's
 * references to these functions here (--wrap in meson.build); each changes arguments and goes on to the core's own.
 * An argument changed here is what the kernel gets; the tool's own hooks still see the program's. */
#include "cap.h"

/* As the core's wrappers take them (Valgrind 3.19). */
struct syscall_args { Word number; UWord arg[8]; };
#define BEFORE(name) void name(ThreadId tid, void *layout, struct syscall_args *args, void *status, UWord *flags)
#define CORE(name) __real_vgSysWrap_generic_##name##_before
#define OURS(name) __wrap_vgSysWrap_generic_##name##_before

/* The core lets other threads run while these last.  Two of them at once end in an order that nobody knows, which the
 * model held against the kernel must know; so they are made one after the other then. */
enum { MAY_BLOCK = 2 };
#define ONE_AT_A_TIME(name)                                                    \
    BEFORE(CORE(name));                                                        \
    BEFORE(OURS(name));                                                        \
    BEFORE(OURS(name))                                                         \
    {                                                                          \
        CORE(name)(tid, layout, args, status, flags);                          \
        if (cap.opt.check_kernel)                                              \
            *flags &= ~(UWord)MAY_BLOCK;                                       \
    }
ONE_AT_A_TIME(sys_madvise)
ONE_AT_A_TIME(sys_mlock)
ONE_AT_A_TIME(sys_munlock)

enum { MCL_CURRENT = 1, MCL_FUTURE = 2, MCL_ONFAULT = 4 };

BEFORE(CORE(sys_mlockall));
BEFORE(OURS(sys_mlockall));
BEFORE(CORE(sys_execve));
BEFORE(OURS(sys_execve));

/* Locking everything would bring in all of the simulated memory, as much as the machine has: only what is touched is
 * locked.  The program cannot tell the difference. */
BEFORE(OURS(sys_mlockall))
{
    const UWord known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT, which = MCL_CURRENT | MCL_FUTURE;
    if ((args->arg[0] & which) && !(args->arg[0] & ~known))
        args->arg[0] |= MCL_ONFAULT;
    CORE(sys_mlockall)(tid, layout, args, status, flags);
    if (cap.opt.check_kernel)
        *flags &= ~(UWord)MAY_BLOCK;
}

/* ---- a program that executes itself ---------------------------------------------------------------------------- */

extern Int VG_(cl_exec_fd);                      /* core: the program's file */
extern Bool VG_(extend_stack)(ThreadId tid, Addr addr);

/* "/proc/self/exe" would be the tool. */
static Bool names_itself(Addr path)
{
    HChar own[32];
    VG_(snprintf)(own, sizeof own, "/proc/%d/exe", VG_(getpid)());
    return cap_string_bytes(path) && (VG_STREQ((const HChar *)path, "/proc/self/exe") || VG_STREQ((const HChar *)path, own));
}

/* The core wants the path in the program's memory: below the stack and its red zone nothing is in use. */
BEFORE(OURS(sys_execve))
{
    HChar link[32], path[VKI_PATH_MAX];
    SSizeT n;
    if (names_itself(args->arg[0])) {
        VG_(snprintf)(link, sizeof link, "/proc/self/fd/%d", VG_(cl_exec_fd));
        n = VG_(readlink)(link, path, sizeof path - 1);
        Addr at = VG_(get_SP)(tid) - 128 - (n > 0 ? (Addr)n + 1 : 0);
        if (n > 0 && (VG_(am_is_valid_for_client)(at, (SizeT)n + 1, VKI_PROT_WRITE) || VG_(extend_stack)(tid, at))) {
            path[n] = 0;
            VG_(memcpy)((void *)at, path, (SizeT)n + 1);
            args->arg[0] = at;
        }
    }
    CORE(sys_execve)(tid, layout, args, status, flags);
}
