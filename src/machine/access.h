/* SPDX-License-Identifier: MIT
 * access.h - one access on its way: what translate.c (hits) and miss.c (walks and faults) share. */
#ifndef PAGEWALK_MACHINE_ACCESS_H
#define PAGEWALK_MACHINE_ACCESS_H

#include "arch/x86_pte.h"
#include "machine/cpu.h"

struct access {
    struct mmu *m;
    struct cpu *c;
    unsigned cpu;
    u64 va;
    enum mmu_kind kind;
    bool implicit;
    unsigned flags; /* enum mmu_access_flag                                                                      */
    struct mmu_result *r;
};

static inline enum mmu_side side_of(enum mmu_kind kind)
{
    return kind == MMU_FETCH ? MMU_SIDE_I : MMU_SIDE_D;
}

/* Counters are by page size; 4 MiB counts as 2 MiB. */
static inline enum mmu_size stat_size(u64 data)
{
    u32 size = data_size(data);
    return size == UNIT_4M ? MMU_2M : (enum mmu_size)size;
}

/* All bytes of an operand are known to be canonical before any page is looked at, so #GP and #SS for its last byte come
 * before #PF for its first (measured on an AMD EPYC; docs/differential.md).  Code is fetched as far as it reaches. */
static inline bool operand_leaves_canonical(const struct cpu *c, enum mmu_kind kind, u64 va, u64 last)
{
    return kind != MMU_FETCH && c->mode.paging == PAGING_LONG && canonical(&c->mode, va) && !canonical(&c->mode, last);
}

#define SHADOW_FLAGS ((unsigned)(MMU_SHADOW | MMU_WRUSS))

/* Whose shadow-stack access it is. */
static inline bool shadow_user(const struct cpu *c, unsigned flags)
{
    return flags & MMU_WRUSS || (c->reg.cpl == 3 && !(flags & MMU_IMPLICIT));
}

/* An explicit access of the ordinary kind: what slots stand for. */
static inline bool plain(unsigned flags) { return !(flags & (MMU_IMPLICIT | SHADOW_FLAGS)); }

/* ALLOW_ bits of a translation, by the registers of this moment. */
static inline u32 allow(const struct cpu *c, unsigned flags, u64 data)
{
    u32 rights = (u32)(data & DATA_RIGHTS), key = data_key(data);
    if (RARE(flags & SHADOW_FLAGS))
        return rights_allow_shadow(c->now, shadow_user(c, flags), rights, key, data_shadow(data));
    return rights_allow(c->now, flags & MMU_IMPLICIT, rights, key);
}

static inline bool allowed(const struct access *a, u64 data)
{
    return allow(a->c, a->flags, data) >> a->kind & 1;
}

/* 4.7: the bits of an error code that tell of the access. */
static inline u32 error_of(const struct cpu *c, enum mmu_kind kind, unsigned flags)
{
    if (RARE(flags & SHADOW_FLAGS))
        return PF_SS | (kind == MMU_STORE ? PF_W : 0) | (shadow_user(c, flags) ? PF_U : 0);
    return c->now->error[flags & MMU_IMPLICIT][kind];
}

/* miss.c.  An access is done, and somebody listens. */
void tell(const struct access *a, bool global);

static inline enum mmu_status told(const struct access *a, bool global)
{
    if (RARE(a->m->observer.translated != NULL))
        tell(a, global);
    return (enum mmu_status)a->r->status;
}

/* data: the frame of a unit of 2^lg2 bytes that has va. */
static inline void answer(struct mmu_result *r, u64 va, enum mmu_kind kind, u64 data, u32 lg2, enum mmu_by by,
                          u32 cycles)
{
    u64 offset = ((u64)1 << lg2) - 1;
    *r = (struct mmu_result){
        .va = va, .pa = (data & DATA_PA) + (va & offset), .cycles = cycles, .status = MMU_OK, .by = (u8)by,
        .page_lg2 = unit_lg2[data_size(data)], .kind = (u8)kind, .pieces = 1,
    };
}

/* touch.c.  Steps 2 and 3 for the common miss: small pages alone in a first level as touch.c likes it, and an entry of
 * the second that lets an explicit access through.  False: nothing has changed. */
bool refill(struct mmu *m, struct cpu *c, u64 va, enum mmu_kind kind, struct mmu_result *r);
/* miss.c.  Steps 5 to 8 of translate.c.  stale: the entry whose D=0 sent a store here; NULL after a miss. */
enum mmu_status walk_access(const struct access *a, const u64 *stale);
/* An access of a guest with a nested table and without paging. */
enum mmu_status unpaged_guest(const struct access *a);
/* Step 4: a translation found by `by` refuses the access. */
enum mmu_status refused_hit(const struct access *a, u64 data, enum mmu_by by);
/* Fills the result of a fault. */
enum mmu_status access_fault(const struct access *a, enum mmu_status status, u32 error, enum mmu_by by);

#endif
