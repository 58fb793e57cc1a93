/* SPDX-License-Identifier: MIT
 * rights.c - SDM3 4.6.1 (rights), 4.6.2 (protection keys) and the part of 4.7 that describes the access.  Called by
 * regs.c (tables) and explain.c (the rule's text).  The tables are what accesses consult; both come from one
 * function, so they cannot disagree. */
#include "machine/rights.h"

#include "arch/x86_pte.h"

/* Facts of one access, except the page. */
struct asking {
    enum mmu_kind kind;
    bool user;           /* CPL 3 and not implicit                                                               */
    bool may_use_user;   /* supervisor data access to user pages: SMAP off, or explicit with AC=1                */
    bool wp, smep, nxe;
};

static struct asking asking(const struct registers *r, enum mmu_kind kind, bool implicit, bool cpl3, bool ac)
{
    return (struct asking){
        .kind = kind, .user = cpl3 && !implicit,
        .may_use_user = !(r->cr4 & X86_CR4_SMAP) || (!implicit && ac),
        .wp = r->cr0 & X86_CR0_WP, .smep = r->cr4 & X86_CR4_SMEP, .nxe = r->efer & X86_EFER_NXE,
    };
}

/* 4.6.1 in its order. */
static const char *refused(const struct asking *a, unsigned rights)
{
    bool user_page = rights & R_US, writable = rights & R_RW;
    bool no_execute = a->nxe && rights & R_XD;
    if (a->user && !user_page)
        return "user access to a supervisor page (SDM3 4.6.1)";
    if (a->kind == MMU_FETCH) {
        if (no_execute)
            return "fetch from a page with XD=1 (SDM3 4.6.1)";
        return !a->user && user_page && a->smep ? "SMEP: supervisor fetch from a user page (SDM3 4.6.1)" : NULL;
    }
    if (!a->user && user_page && !a->may_use_user)
        return "SMAP: supervisor data access to a user page (SDM3 4.6.1)";
    if (a->kind == MMU_STORE && !writable) {
        if (a->user)
            return "user write to a read-only page (SDM3 4.6.1)";
        return a->wp ? "supervisor write to a read-only page with CR0.WP=1 (SDM3 4.6.1)" : NULL;
    }
    return NULL;
}

static u16 key_mask(u32 pkr, unsigned bit)
{
    u16 mask = 0;
    for (unsigned k = 0; k < 16; k++)
        mask |= (u16)((pkr >> (2 * k + bit) & 1) << k);
    return mask;
}

/* 4.6.2: PKRU for user pages (CR4.PKE), PKRS for supervisor pages (CR4.PKS); data accesses, IA-32e only. */
static u16 keys_refused(const struct registers *r, u8 paging, const struct asking *a, bool user_page)
{
    u64 enable = user_page ? X86_CR4_PKE : X86_CR4_PKS;
    u32 pkr = user_page ? r->pkru : r->pkrs;
    if (paging != PAGING_LONG || !(r->cr4 & enable) || a->kind == MMU_FETCH)
        return 0;
    u16 mask = key_mask(pkr, 0);
    if (a->kind == MMU_STORE && (a->wp || (a->user && user_page)))
        mask |= key_mask(pkr, 1);
    return mask;
}

/* 4.7: I is reported only where execution can be restricted at all. */
static u8 error_bits(const struct registers *r, const struct asking *a)
{
    bool fetch_known = a->smep || (r->cr4 & X86_CR4_PAE && a->nxe);
    return (u8)((a->kind == MMU_STORE ? PF_W : 0) | (a->user ? PF_U : 0) |
                (a->kind == MMU_FETCH && fetch_known ? PF_I : 0));
}

#define FOR_EACH_ASKING(i) for (unsigned i = 0; i < 24; i++) /* cpl3 x ac x kind x implicit                        */

static struct asking asking_at(const struct registers *r, unsigned i)
{
    return asking(r, (enum mmu_kind)(i % 3), i / 3 & 1, i / 6 & 1, i / 12 & 1);
}

void rights_build_keys(struct rights table[2][2], const struct registers *r, u8 paging)
{
    for (unsigned i = 0; i < 4; i++)
        table[i & 1][i >> 1].key0 = false;
    FOR_EACH_ASKING(i) {
        struct asking a = asking_at(r, i);
        struct rights *t = &table[i / 6 & 1][i / 12 & 1];
        for (unsigned user_page = 0; user_page < 2; user_page++) {
            u16 refused_keys = keys_refused(r, paging, &a, user_page);
            t->keys[i / 3 & 1][user_page][i % 3] = refused_keys;
            t->key0 |= refused_keys & 1;
        }
    }
}

void rights_build(struct rights table[2][2], const struct registers *r, u8 paging)
{
    for (unsigned i = 0; i < 4; i++)
        table[i & 1][i >> 1] = (struct rights){ .key0 = false };
    FOR_EACH_ASKING(i) {
        struct asking a = asking_at(r, i);
        struct rights *t = &table[i / 6 & 1][i / 12 & 1];
        t->error[i / 3 & 1][i % 3] = error_bits(r, &a);
        a.nxe |= r->guards & GUARD_NX;
        a.smep |= (r->guards & GUARD_SMEP) != 0;
        for (unsigned rights = 0; rights < 8; rights++)
            t->allow[i / 3 & 1][rights] |= (u8)(!refused(&a, rights) << i % 3);
    }
    rights_build_keys(table, r, paging);
}

const char *rights_rule(const struct registers *r, u8 paging, enum mmu_kind kind, bool implicit, unsigned rights,
                        unsigned key)
{
    struct asking a = asking(r, kind, implicit, r->cpl == 3, r->ac);
    const char *rule = refused(&a, rights);
    if (rule)
        return rule;
    bool user_page = rights & R_US;
    if (!(keys_refused(r, paging, &a, user_page) >> key & 1))
        return NULL;
    return user_page ? "PKRU forbids the access (SDM3 4.6.2)" : "PKRS forbids the access (SDM3 4.6.2)";
}
