/* SPDX-License-Identifier: MIT
 * case.h - one random case of the comparison of nested paging: a guest's page tables for one page, nested tables for each place
 * they name, registers, and a few accesses.  Made by generate.c from a seed and a number alone, on the bare machine in the emulator
 * and beside the model alike.  Shared by both; freestanding.  struct params and struct layout are baremetal's.
 *
 * Two kinds of memory that no case changes: the hypervisor's own (below 16 MiB), and FIXED, which holds the stubs of the guest's
 * loads and stores and the tables to reach them.  FIXED is mapped to itself for the guest, in slot 0 of everything. */
#ifndef NESTED_CASE_H
#define NESTED_CASE_H

#include <stddef.h>

#include "tests/differential/baremetal/case.h"
#include "tests/exhaustive/nested/oracle.h"

enum nested_params { PARAMS_EPT = 8, PARAMS_NPT = 16 }; /* flags of struct params                                    */

/* What the processor can do beside baremetal's features. */
enum nested_feature { NESTED_EXECUTE_ONLY = 1 << 16, NESTED_AD = 1 << 17, NESTED_MODES = 1 << 18, NESTED_1G = 1 << 19,
                      NESTED_2M = 1 << 20, NESTED_INFO = 1 << 21, NESTED_LOGS = 1 << 22 };

#define FIXED ((u64)16 << 20)
enum fixed_page { FIXED_NESTED_PDPT, FIXED_NESTED_PD, FIXED_PDPT, FIXED_PD, FIXED_PT, FIXED_STUBS, FIXED_PML4, FIXED_PT_32,
                  FIXED_LOG, FIXED_PAGES };
static inline u64 fixed_page(enum fixed_page n) { return FIXED + (u64)n * 4096; }
/* Where the stubs are for CPL 0 and CPL 3. */
static inline u64 stubs_va(int format, bool user)
{
    return format == GUEST_UNPAGED ? fixed_page(FIXED_STUBS) : user ? 4096 : 0;
}

struct nested_step { u8 kind, cpl, ac; u16 offset; u64 value; }; /* kind: ORACLE_READ ...                            */

enum { NESTED_STEPS = 3, NESTED_WORDS = 64 };
struct nested_case {
    u64 number;
    struct nested_cpu cpu;      /* but for CPL and AC                                                                */
    bool host_wp;               /* CR0.WP of the host, which must not matter                                         */
    u64 cr3_low;                /* PWT and PCD                                                                     */
    u64 va, frame;              /* the page, and where in memory it is when everything lets it                       */
    struct { u64 pa, value; } word[NESTED_WORDS]; /* the tables                                                      */
    u32 words, steps;
    struct nested_step step[NESTED_STEPS];
};

void nested_generate(const struct params *p, const struct part *part, const struct layout *l, u64 number, struct nested_case *c);
/* The words of FIXED but for the stubs, in the form that params ask for; calls put for each. */
void nested_fixed(const struct params *p, void (*put)(void *ctx, u64 pa, u64 value), void *ctx);

/* How many bytes an access of this guest takes; a fetch takes more:  movabs $value,%rax;  ud2,  or  mov $value,%eax;  ud2. */
static inline u32 nested_bytes(const struct nested_cpu *c) { return c->format == GUEST_LONG ? 8 : 4; }

#endif
