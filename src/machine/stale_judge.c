/* SPDX-License-Identifier: MIT
 * stale_judge.c - a use of cached content whose entries have changed: did it matter?  Called by stale.c.  SDM3 4.10.4.2
 * (when software has to invalidate), 4.10.4.3 (when it need not).
 *
 * The content is compared with what a walk from CR3 finds now.  A cached translation: the same address with the access
 * allowed is the same; rights that grew, other tables with the same page, A and D matter to nobody - but a store that a
 * cached D=1 lets by while D was cleared in memory leaves no trace.  A cached path: the same table is the same; another
 * table or none always matters, for the walk has read, and marked, tables that this path no longer has. */
#include "machine/stale.h"

/* ---- what changed ---------------------------------------------------------------------------------------------- */

#define SOFTWARE ((u64)7 << 9 | (u64)0x7f << 52)      /* ignored: free for software (4.5, tables 4-15 to 4-19)        */
#define NO_MATTER (SOFTWARE | X86_PTE_A | X86_PTE_D)

static u64 entry_now(const struct use *u, u32 level)
{
    const struct access *a = u->a;
    return a->c->mode.paging == PAGING_32 ? phys_read4(a->m, u->o->pa[level]) : phys_read(a->m, u->o->pa[level]);
}

static bool other_root(const struct use *u)
{
    return u->a->c->mode.paging == PAGING_LONG && !u->global && u->o->root != walk_root(u->a->c).table;
}

static bool lost_mark(const struct use *u, u64 now)
{
    u64 lost = u->o->entry[u->o->last] & ~now;
    return !u->path && lost & X86_PTE_D;
}

bool stale_differs(const struct use *u)
{
    const struct origin *o = u->o;
    for (u32 level = o->top;; level--) {
        u64 now = entry_now(u, level), changed = now ^ o->entry[level];
        if (changed & ~NO_MATTER || o->entry[level] & ~now & X86_PTE_A)
            return true;
        if (level == o->last)
            return lost_mark(u, now) || other_root(u);
    }
}

/* The topmost entry of the path that differs from the origin's, first in what matters, else in a lost A. */
static u32 blamed(const struct use *u)
{
    const struct origin *o = u->o;
    u32 marked = o->last;
    for (u32 level = o->last; level <= o->top; level++)
        marked = o->entry[level] & ~entry_now(u, level) & X86_PTE_A ? level : marked;
    for (u32 level = o->top; level >= o->last && level <= o->top; level--)
        if ((entry_now(u, level) ^ o->entry[level]) & ~NO_MATTER)
            return level;
    return marked;
}

/* ---- rules ----------------------------------------------------------------------------------------------------- */

enum why { GONE, ELSEWHERE, RESERVED, RIGHTS, SIZE, UNTRACED, ROOT, TABLE, GROWN, SAME_PAGE, UNAFFECTED, MARKS };
static const struct { bool missing; u8 rule; const char *text; } rules[] = {
    [GONE] = { true, 90, "P was cleared (SDM3 4.10.4.2)" },
    [ELSEWHERE] = { true, 90, "the address has changed (SDM3 4.10.4.2)" },
    [RESERVED] = { true, 90, "reserved bits were set (SDM3 4.10.4.2)" },
    [RIGHTS] = { true, 90, "rights were taken away, and this access needs them (SDM3 4.10.4.2)" },
    [SIZE] = { true, 96, "the page's size has changed, and its address (SDM3 4.10.2.3)" },
    [UNTRACED] = { true, 84, "D was cleared; this store does not set it again (SDM3 4.10.4.3)" },
    [ROOT] = { true, 125, "the PCID has other tables now; its MOV CR3 needs bit 63 = 0 (SDM3 4.10.4.2)" },
    [TABLE] = { true, 108, "the structure cache leads to a table that this path no longer has (SDM3 4.10.4.2)" },
    [GROWN] = { false, 92, "rights have only grown (SDM3 4.10.4.3)" },
    [SAME_PAGE] = { false, 96, "the tables lead to the same page as before (SDM3 4.10.2.3)" },
    [UNAFFECTED] = { false, 90, "this access is allowed by the old rights and the new (SDM3 4.10.4.2)" },
    [MARKS] = { false, 84, "A or D was cleared; it need not be set again (SDM3 4.10.4.3)" },
};

/* ---- the tables of this moment --------------------------------------------------------------------------------- */

struct outcome { bool ok; u64 data; };

static struct outcome tables_say(struct use *u)
{
    walk_any(u->a->m, u->a->c, u->a->va, &u->now, NULL);
    if (u->now.verdict != MMU_STEP_LEAF)
        return (struct outcome){ false, 0 };
    u64 data = walk_data(u->a->c, u->a->va, &u->now);
    return (struct outcome){ allowed(u->a, data), data };
}

/* Rights as bits of which more allow more. */
static u32 powers(u64 data) { return (u32)(data & DATA_RIGHTS) ^ R_XD; }

static enum why rights_changed(u64 before, u64 now)
{
    if (powers(before) & ~powers(now))
        return UNAFFECTED;
    return powers(now) & ~powers(before) ? GROWN : SAME_PAGE;
}

/* ---- a translation --------------------------------------------------------------------------------------------- */

static enum why translation(struct use *u)
{
    struct outcome now = tables_say(u);
    if (u->now.verdict == MMU_STEP_NOT_PRESENT)
        return GONE;
    if (u->now.verdict == MMU_STEP_RESERVED)
        return RESERVED;
    if ((now.data ^ u->data) & DATA_PA)
        return data_size(now.data) != data_size(u->data) ? SIZE : ELSEWHERE;
    if (!now.ok)
        return RIGHTS;
    if (u->a->kind == MMU_STORE && !(now.data & DATA_D))
        return UNTRACED;
    if (u->now.last != u->o->last || u->now.pa[u->now.last] != u->o->pa[u->o->last])
        return SAME_PAGE;
    u64 changed = u->now.entry[u->now.last] ^ u->o->entry[u->o->last];
    enum why rights = rights_changed(u->data, now.data);
    return rights == SAME_PAGE && !(changed & ~NO_MATTER) ? MARKS : rights;
}

/* ---- a path ---------------------------------------------------------------------------------------------------- */

static enum why path(struct use *u)
{
    const struct origin *o = u->o;
    struct outcome now = tables_say(u);
    u32 level = o->last;
    bool reached = u->now.last < level;
    u64 mask = u->a->c->mode.addr_mask, all = ~(u64)0, any = 0, all_before = all, any_before = any;
    if (!reached || (u->now.entry[level] ^ o->entry[level]) & mask)
        return TABLE;
    if (u->data && allowed(u->a, u->data) && !now.ok)
        return RIGHTS;
    for (u32 l = o->top; l >= level; l--) {
        all &= u->now.entry[l], any |= u->now.entry[l];
        all_before &= o->entry[l], any_before |= o->entry[l];
    }
    enum why rights = rights_changed(path_rights(all_before, any_before), path_rights(all, any));
    return rights == SAME_PAGE && blamed(u) == level && !((u->now.entry[level] ^ o->entry[level]) & ~NO_MATTER) ? MARKS : rights;
}

/* ---- the report ------------------------------------------------------------------------------------------------ */

bool stale_judge(struct use *u, struct mmu_stale *out)
{
    enum why why = u->path ? path(u) : translation(u);
    bool root = other_root(u);
    u32 level = blamed(u);
    if (root && !rules[why].missing)
        return false; /* other tables, the same content: nothing in memory has changed under anybody              */
    why = root ? ROOT : why;
    out->missing = rules[why].missing;
    out->rule = rules[why].rule;
    out->why = rules[why].text;
    out->level = root ? MMU_STALE_ROOT : (u8)level;
    out->entry_pa = root ? log_cr3(u->a->cpu) : u->o->pa[level];
    out->was = root ? u->o->root : u->o->entry[level];
    out->now = root ? walk_root(u->a->c).table : entry_now(u, level);
    return true;
}
