/* SPDX-License-Identifier: MIT
 * rights.h - may this access be made?  SDM3 4.6 as a bitmap over the normalised rights of a page, one for each
 * kind of access, rebuilt when a register changes.  Rights are judged on every access, TLB hit or not, with the
 * registers of that moment: CR0.WP, SMEP, SMAP, AC, PKRU, PKRS and CPL are no part of a cached translation. */
#ifndef PAGEWALK_MACHINE_RIGHTS_H
#define PAGEWALK_MACHINE_RIGHTS_H

#include "machine/mode.h"

enum { R_RW = 1, R_US = 2, R_XD = 4 }; /* normalised rights: AND, AND, OR over the path (4.6)                     */

/* The answers for one CPL and AC.  Second index: the access is implicit (MMU_IMPLICIT). */
struct rights {
    u8 deny[3][2];      /* bit r: an access to a page with rights r is refused                                   */
    u8 error[3][2];     /* error-code bits that describe the access (4.7): W, U, I                               */
    u16 pk[3][2][2];    /* last index: user page.  bit k: key k forbids the access (4.6.2)                       */
};

/* Fills for the four combinations: table[cpl == 3][ac]. */
void rights_build(struct rights table[2][2], const struct registers *reg, u8 paging);
void rights_build_keys(struct rights table[2][2], const struct registers *reg, u8 paging);

/* The rule that refuses the access, as static text for explanations; NULL when it is allowed. */
const char *rights_rule(const struct registers *reg, u8 paging, enum mmu_kind kind, bool implicit, unsigned rights,
                        unsigned key);

/* Nonzero: the protection key forbids it. */
static inline unsigned rights_key_denies(const struct rights *r, enum mmu_kind kind, bool implicit, unsigned rights,
                                         unsigned key)
{
    return r->pk[kind][implicit][rights >> 1 & 1] >> key & 1u;
}

#endif
