/* SPDX-License-Identifier: MIT
 * rights.h - may this access be made?  SDM3 4.6 as a bitmap over the normalised rights of a page, one for each
 * kind of access, rebuilt when a register changes.  Rights are judged on every access, TLB hit or not, with the
 * registers of that moment: CR0.WP, SMEP, SMAP, AC, PKRU, PKRS and CPL are no part of a cached translation. */
#ifndef PAGEWALK_MACHINE_RIGHTS_H
#define PAGEWALK_MACHINE_RIGHTS_H

#include "machine/mode.h"

enum { R_RW = 1, R_US = 2, R_XD = 4 }; /* normalised rights: AND, AND, OR over the path (4.6)                     */

enum { ALLOW_LOAD = 1 << MMU_LOAD, ALLOW_STORE = 1 << MMU_STORE, ALLOW_FETCH = 1 << MMU_FETCH };

/* The answers for one CPL and AC.  First index: the access is implicit (MMU_IMPLICIT). */
struct rights {
    u8 allow[2][8];     /* [implicit][rights of the page]: ALLOW_ bits of the kinds that 4.6.1 lets through      */
    u8 error[2][3];     /* [implicit][kind]: error-code bits that describe the access (4.7): W, U, I             */
    u16 keys[2][2][3];  /* [implicit][user page][kind]: bit k: key k forbids the access (4.6.2)                  */
    bool key0;          /* key 0, which nearly every page has, forbids something                                */
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
    return r->keys[implicit][rights >> 1 & 1][kind] >> key & 1u;
}

/* ALLOW_ bits of the kinds of access that a page with these rights and this key lets through. */
static inline unsigned rights_allow(const struct rights *r, bool implicit, unsigned rights, unsigned key)
{
    unsigned allow = r->allow[implicit][rights];
    if (key || r->key0)
        allow &= ~((r->keys[implicit][rights >> 1 & 1][MMU_LOAD] >> key & 1u) << MMU_LOAD |
                   (r->keys[implicit][rights >> 1 & 1][MMU_STORE] >> key & 1u) << MMU_STORE);
    return allow;
}

/* Shadow-stack accesses (SDM3 4.6, APM2 5.7): to shadow-stack pages of their own mode alone; not subject to SMAP.  They
 * need CR4.CET=1, which needs CR0.WP=1, so that a key's WD counts for all of them. */
static inline unsigned rights_allow_shadow(const struct rights *r, bool user, unsigned rights, unsigned key, bool shadow)
{
    unsigned user_page = rights >> 1 & 1;
    if (!shadow || user != user_page)
        return 0;
    return (unsigned)(ALLOW_LOAD | ALLOW_STORE) & ~((r->keys[0][user_page][MMU_LOAD] >> key & 1u) << MMU_LOAD |
                                                    (r->keys[0][user_page][MMU_STORE] >> key & 1u) << MMU_STORE);
}

#endif
