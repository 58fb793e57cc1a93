/* SPDX-License-Identifier: MIT
 * walk.h - reading the paging structures: pure, changes neither memory nor caches.  Called by translate.c (which then
 * acts) and explain.c (which then tells).  SDM3 4.3 to 4.5, 4.7: the first entry that is not present or has a
 * reserved bit ends the walk, not present before reserved; rights are judged only after a leaf was reached.
 *
 * One walker for all tables: x86-64's, a guest's (whose entries' addresses are translated first, guest.h), EPT, NPT, and the
 * IOMMU's.  Which one it is, is a constant where a loop is inlined. */
#ifndef PAGEWALK_MACHINE_WALK_H
#define PAGEWALK_MACHINE_WALK_H

#include "arch/ept.h"
#include "arch/x86_pte.h"
#include "machine/phys.h"

/* A verdict beside those of enum mmu_step_verdict: the entry of level `last` was not read, its gpa has no translation. */
#define WALK_EXIT 0xffu

struct walk {
    u64 pa[MAX_LEVELS], entry[MAX_LEVELS]; /* by level; levels top down to last were read                         */
    u64 all, any;      /* AND and OR of the entries on the path                                                   */
    u64 above;         /* AND without the leaf (verdict LEAF only)                                                */
    u8 top, last;
    u8 verdict;        /* enum mmu_step_verdict of the last entry                                                 */
    bool no_read;      /* the PDPTE register is not present: no entry was read                                    */
};

static inline u32 walk_reads(const struct walk *w)
{
    return w->no_read ? 0 : w->top - w->last + (w->verdict != WALK_EXIT);
}

/* Where a walk begins: the root, or the table that a paging-structure cache names. */
struct walk_start { u64 table; u64 all, any; u8 level; };

static inline u64 rights_to_all(u64 rights) { return rights << 1 & (X86_PTE_RW | X86_PTE_US); }
static inline u64 rights_to_any(u64 rights) { return rights >> 2 << 63; }
static inline u32 path_rights(u64 all, u64 any)
{
    return (u32)(all >> 1 & (R_RW | R_US)) | (u32)(any >> 63) << 2;
}

/* SDM3 28.2.3.1, beside reserved bits: W, or X without execute-only pages, and no R; memory types 2, 3 and 7. */
static inline bool ept_misconfigured(const struct mode *mode, u64 e, bool leaf)
{
    return (e & mode->needs_read && !(e & EPT_R)) || (leaf && 0x8c >> (e >> EPT_MT_SHIFT & 7) & 1);
}

enum format { FORMAT_X86, FORMAT_EPT };
#define EPT_USUAL_LEAF (EPT_R | EPT_MT_WB) /* P of x86-64 is R of EPT, where tables are meant                        */

/* Judges one entry; the walk goes on when the verdict is MMU_STEP_NEXT. */
static inline __attribute__((always_inline)) enum mmu_step_verdict walk_judge_as(const struct mode *mode, u64 e, u32 level, enum format format)
{
    if (!(e & mode->present))
        return MMU_STEP_NOT_PRESENT;
    bool leaf = e & mode->leaf[level];
    if (e & mode->mbz[level][leaf] || (format == FORMAT_EPT && ept_misconfigured(mode, e, leaf)))
        return MMU_STEP_RESERVED;
    return leaf ? MMU_STEP_LEAF : MMU_STEP_NEXT;
}

static inline enum mmu_step_verdict walk_judge(const struct mode *mode, u64 e, u32 level)
{
    return walk_judge_as(mode, e, level, FORMAT_X86);
}

/* The rights of a walk that ended at a level. */
static inline void walk_ended(struct walk *w, u64 all, u64 any, u32 top, u32 last, u32 verdict)
{
    bool leaf = verdict == MMU_STEP_LEAF; /* else its bits mean nothing */
    w->above = all;
    w->all = leaf ? all & w->entry[last] : all;
    w->any = leaf ? any | w->entry[last] : any;
    w->top = (u8)top;
    w->last = (u8)last;
    w->verdict = (u8)verdict;
    w->no_read = false;
}

/* One level of walk_down() on the common path; the level is a constant where this is called.  False: the entry is unusual,
 * or not in RAM. */
static inline __attribute__((always_inline)) bool walk_step(const struct mmu *m, const struct mode *mode, u64 va, u32 level, u64 *table,
                                                            struct walk *w, enum format format)
{
    u64 pa = *table + (va >> (12 + 9 * level) & 511) * 8, e;
    if (RARE(pa >= m->ram_bytes))
        return false;
    __builtin_memcpy(&e, m->ram + pa, sizeof e);
    w->pa[level] = pa;
    w->entry[level] = e;
    if (RARE((e & mode->usual[level]) != (format == FORMAT_EPT && !level ? EPT_USUAL_LEAF : X86_PTE_P)))
        return false;
    *table = e & mode->addr_mask;
    return true;
}

/* The walk down to a small page, all entries usual.  False: it is another; what w holds means nothing. */
static inline __attribute__((always_inline)) bool walk_usual(const struct mmu *m, const struct mode *mode, u64 va, const struct walk_start *s,
                                                             struct walk *w, enum format format)
{
    u64 table = s->table, all = s->all, any = s->any;
#define LEVEL(level) \
    case level: \
        if (!walk_step(m, mode, va, level, &table, w, format)) \
            return false; \
        all &= w->entry[level]; \
        any |= w->entry[level];
    switch (s->level) {
    LEVEL(4) __attribute__((fallthrough));
    LEVEL(3) __attribute__((fallthrough));
    LEVEL(2) __attribute__((fallthrough));
    LEVEL(1) __attribute__((fallthrough));
    default: break;
    }
#undef LEVEL
    if (!walk_step(m, mode, va, 0, &table, w, format))
        return false;
    walk_ended(w, all, any, s->level, 0, MMU_STEP_LEAF);
    return true;
}

struct guest_access;
/* guest_access.c.  Where the entry of a level is that a guest has at a gpa; false: an exit. */
bool guest_entry(struct guest_access *g, u32 level, u64 gpa, u64 *pa);

/* The walk with all its cases.  guest: NULL, or whose tables these are. */
static inline __attribute__((always_inline)) void walk_levels(const struct mmu *m, const struct mode *mode, u64 va,
                                                              const struct walk_start *s, struct walk *w, enum format format,
                                                              struct guest_access *guest)
{
    u64 table = s->table, all = s->all, any = s->any;
    u32 level = s->level, verdict;
    for (;; level--) {
        w->pa[level] = table + (va >> (12 + 9 * level) & 511) * 8;
        if (guest && !guest_entry(guest, level, w->pa[level], &w->pa[level])) {
            verdict = WALK_EXIT;
            break;
        }
        w->entry[level] = phys_read(m, w->pa[level]);
        verdict = walk_judge_as(mode, w->entry[level], level, format);
        if (verdict != MMU_STEP_NEXT)
            break;
        all &= w->entry[level];
        any |= w->entry[level];
        table = w->entry[level] & mode->addr_mask;
    }
    walk_ended(w, all, any, s->level, level, verdict);
}

static inline void walk_down(const struct mmu *m, const struct mode *mode, u64 va, const struct walk_start *s,
                             struct walk *w)
{
    if (LIKELY(walk_usual(m, mode, va, s, w, FORMAT_X86)))
        return;
    walk_levels(m, mode, va, s, w, FORMAT_X86, NULL);
}

static inline void walk_down_ept(const struct mmu *m, const struct mode *mode, u64 gpa, const struct walk_start *s,
                                 struct walk *w)
{
    if (LIKELY(walk_usual(m, mode, gpa, s, w, FORMAT_EPT)))
        return;
    walk_levels(m, mode, gpa, s, w, FORMAT_EPT, NULL);
}

static inline struct walk_start walk_root(const struct cpu *c)
{
    return (struct walk_start){ .table = c->reg.cr3 & c->mode.addr_mask, .all = ~(u64)0, .any = 0,
                                .level = (u8)(c->mode.levels - 1) };
}

/* From the root, in any paging mode but PAGING_OFF.  guest: as in walk_levels(). */
void walk_any(const struct mmu *m, const struct cpu *c, u64 va, struct walk *w, struct guest_access *guest);
/* From anywhere in a guest's tables of long mode. */
void walk_down_guest(const struct mmu *m, const struct cpu *c, u64 va, const struct walk_start *s, struct walk *w, struct guest_access *guest);

/* DATA_LEAF_RO of a walk with verdict LEAF. */
static inline u64 leaf_alone_readonly(const struct walk *w)
{
    return (w->above & ~w->entry[w->last] & X86_PTE_RW) << (DATA_LEAF_RO_BIT - X86_PTE_RW_BIT);
}

/* The translation that a walk with verdict LEAF found, in the form of tlb.h, for the 4 KiB page of va. */
u64 walk_data_legacy(const struct cpu *c, u64 va, const struct walk *w);

static inline u64 walk_data(const struct cpu *c, u64 va, const struct walk *w)
{
    _Static_assert(MMU_4K == 0 && MMU_2M == 1 && MMU_1G == 2, "a leaf's level is its size");
    u64 e = w->entry[w->last], frame = e & DATA_PA;
    if (RARE(c->mode.paging != PAGING_LONG))
        return walk_data_legacy(c, va, w);
    if (w->last) {
        u64 offset = ((u64)1 << unit_lg2[w->last]) - 1;
        frame = (frame & ~offset) | (va & offset & ~PAGE_MASK_LOW);
    }
    return frame | path_rights(w->all, w->any) | (e & X86_PTE_D ? DATA_D : 0) |
           (c->mode.global && e & X86_PTE_G ? DATA_G : 0) | (e >> X86_PKEY_SHIFT & 15) << DATA_KEY_SHIFT |
           (u64)w->last << DATA_SIZE_SHIFT | leaf_alone_readonly(w);
}

/* The entry of a level with the A and D bits that a successful access sets (4.8); the same when nothing is to do. */
static inline u64 walk_marked(const struct mode *mode, const struct walk *w, u32 level, bool store)
{
    bool pdpte = mode->paging == PAGING_PAE && level == 2; /* 4.4.2: has no A */
    u64 set = (pdpte ? 0 : X86_PTE_A) | (store && level == w->last ? X86_PTE_D : 0);
    return w->entry[level] | set;
}

#endif
