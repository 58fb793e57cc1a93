/* SPDX-License-Identifier: MIT
 * stale_text.c - a report of the missing-invalidation checker as two lines of text.  Called by whoever shows reports: the
 * scenario interpreter, the capture tool. */
#include "base/text.h"
#include "pagewalk/mmu.h"

static const char *const kind_name[] = { [MMU_LOAD] = "load", [MMU_STORE] = "store", [MMU_FETCH] = "fetch" };
static const char *const level_name[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

static void put_cpu(struct text *t, unsigned cpu)
{
    text_str(t, "cpu");
    text_dec(t, cpu);
}

/* "cpu1: store to 0x..., by what L1D holds: rights were taken away... [rule 90]" */
static void put_use(struct text *t, const struct mmu_stale *s)
{
    text_str(t, s->missing ? "flush missing: " : "flush not needed: ");
    put_cpu(t, s->cpu);
    text_char(t, ' ');
    text_str(t, kind_name[s->kind]);
    text_str(t, " at ");
    text_0x(t, s->va);
    text_str(t, s->cache_level ? " by a cached " : " by ");
    text_str(t, s->cache_level ? level_name[s->cache_level] : s->array);
    text_str(t, ": ");
    text_str(t, s->why);
    text_str(t, " [rule ");
    text_dec(t, s->rule);
    text_char(t, ']');
}

/* "PTE at 0x4008 was 0x10067, is 0x0, stored by cpu0, line 7" */
static void put_change(struct text *t, const struct mmu_stale *s)
{
    bool root = s->level == MMU_STALE_ROOT;
    text_str(t, root ? "CR3 named" : level_name[s->level]);
    if (!root) {
        text_str(t, " at ");
        text_0x(t, s->entry_pa);
        text_str(t, " was");
    }
    text_char(t, ' ');
    text_0x(t, s->was);
    text_str(t, root ? ", now " : ", is ");
    text_0x(t, s->now);
    if (!s->by.serial) {
        text_str(t, ", nobody said by whom");
        return;
    }
    text_str(t, root ? ", loaded by " : ", stored by ");
    if (s->by.cpu != MMU_NO_CPU) {
        put_cpu(t, s->by.cpu);
        text_str(t, s->by.who[0] ? ", " : "");
    }
    text_str(t, s->by.who);
}

/* "missing: INVLPG 0x... on cpu1" */
static void put_needed(struct text *t, const struct mmu_stale *s)
{
    text_str(t, "; missing on ");
    put_cpu(t, s->cpu);
    if (s->level == MMU_STALE_ROOT) {
        text_str(t, ": MOV CR3 with bit 63 = 0, or INVPCID 1, for PCID ");
        text_0x(t, s->pcid);
        return;
    }
    text_str(t, s->cache_level ? ": INVLPG of any address" : ": INVLPG ");
    if (!s->cache_level)
        text_0x(t, s->va & ~PAGE_MASK_LOW);
    text_str(t, s->global ? ", or CR4.PGE turned" : ", or MOV CR3");
    if (s->pcid) {
        text_str(t, ", for PCID ");
        text_0x(t, s->pcid);
    }
}

void mmu_stale_put(const struct mmu_stale *s, const char *before_each_line, const struct pw_out *out)
{
    struct text t = { 0 };
    text_str(&t, before_each_line);
    put_use(&t, s);
    text_char(&t, '\n');
    text_emit(&t, out);
    text_str(&t, before_each_line);
    text_str(&t, "  ");
    put_change(&t, s);
    if (s->missing)
        put_needed(&t, s);
    text_char(&t, '\n');
    text_emit(&t, out);
}
