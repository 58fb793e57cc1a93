/* SPDX-License-Identifier: MIT
 * guest.h - between guest.c, cpu.c and entry.S. */
#ifndef BAREMETAL_GUEST_H
#define BAREMETAL_GUEST_H

#include "engine.h"

struct engine {
    u64 *root;                  /* the guest's own                                                                   */
    u64 cr4;                    /* as the context says                                                               */
    u32 pkru, pkrs;             /* what the registers hold                                                           */
    bool nxe, nxe_known, la57, has_pku, has_pks;
};

/* What entry.S loads and stores; the order is its own. */
struct crossing {
    u64 rip, cs, rflags, rsp, ss, rax, rsi, rdi;
    u64 vector, error, cr2;
    u64 inside;                 /* 1 while an access is on its way                                                   */
};
extern struct crossing crossing;
extern const char stubs[], gates[];
void run_access(void);
void guest_main(void);
void guest_lost(u64 rip);       /* a fault that is not an access's: says so and stops                                */

struct part cpu_part(void);
struct engine *cpu_start(const struct part *part, bool la57);

#endif
