/* SPDX-License-Identifier: MIT
 * hw.h - the seam: all that the kernel may ask of the hardware, and all that hardware may ask of the kernel.
 *
 * Nothing here names a TLB, a VMA or a translation result.  Behind it stands the model today (src/sim/hw_model.c)
 * and could stand a real MMU tomorrow.  The kernel includes this header and arch/ data, never mmu.h.
 *
 * All calls are made with `cpu` being the CPU on which the kernel is running (or a target, where named). */
#ifndef PAGEWALK_HW_H
#define PAGEWALK_HW_H

#include "pagewalk/types.h"

enum hw_reg { HW_CR0, HW_CR2, HW_CR3, HW_CR4, HW_EFER, HW_PKRU };
enum hw_touch { HW_READ, HW_WRITE };

struct hw {
    void *ctx;
    unsigned cpus;
    u8 *ram;        /* the direct map: physical address pa is at ram + pa.  Page tables live here.            */
    u64 ram_bytes;
    bool no_1g_pages; /* these CPUs have no pages of 1 GiB                                                     */
    u64 cr4_allowed; /* CR4 bits that these CPUs accept, as CPUID would tell; 0: unknown, only PAE is set      */
    bool has_invpcid; /* these CPUs have the INVPCID instruction                                               */

    u64 (*read_reg)(void *ctx, unsigned cpu, enum hw_reg reg);
    void (*write_reg)(void *ctx, unsigned cpu, enum hw_reg reg, u64 value); /* a #GP here is a kernel bug     */
    void (*invlpg)(void *ctx, unsigned cpu, u64 va);
    void (*invpcid)(void *ctx, unsigned cpu, u64 type, u64 pcid, u64 va);
    /* Ask another CPU to run kernel_ipi(kernel, target).  Returns when it has acknowledged. */
    void (*send_ipi)(void *ctx, unsigned cpu, unsigned target);
    /* One load or store of user memory by the kernel (copy_to_user and the like): a supervisor access with AC=1
     * through the MMU.  Faults reach kernel_trap() before this returns.  false: the access could not be made
     * (EFAULT). */
    bool (*touch_user)(void *ctx, unsigned cpu, u64 va, enum hw_touch kind);
    u64 (*now_ns)(void *ctx); /* the virtual clock; only moves forward                                         */
    /* NULL, or told of every store to a page-table entry, after it was made. */
    void (*pte_stored)(void *ctx, u64 pa, u64 old_value, u64 new_value);
};

/* What a trap brings: x86 vector, error code, and CR2 for #PF.  user: it interrupted CPL 3. */
struct hw_trap {
    u8 vector;      /* 12 #SS, 13 #GP, 14 #PF                                                                  */
    bool user;
    u32 error;
    u64 cr2;
};

#endif
