/* SPDX-License-Identifier: MIT
 * explain.c - an access explained: what answered it, every table read with its entry decoded, the rule that decided.
 * Called by machine_cmds.c and touch.c when explaining is on.
 *
 * The machine does not tell which entries it read, so they are looked up before the access, without side effects:
 * the walk from CR3, the walks from each matching paging-structure cache entry, and the cached translations.  The
 * result then says which of them was used.  Where it differs from the walk from CR3, a cached entry was stale. */
#include "interp_internal.h"

#include "base/check.h"

#include <string.h>

#define ENTRY_P (1ull << 0)
#define ENTRY_PS (1ull << 7)
#define ENTRY_ADDRESS 0x000ffffffffff000ull
#define LEVELS 5u
#define PCID_MASK 0xfffull
#define CR4_PCIDE (1ull << 17)

struct chain { struct mmu_psc_view from; struct mmu_step step[LEVELS]; unsigned steps; };
struct before {
    u64 va, pcid;
    enum mmu_kind kind;
    const struct mmu *m;
    const struct mmu_profile *profile;
    struct mmu_walk cold;              /* from CR3                                                             */
    struct chain warm[LEVELS];         /* by level of the cached entry; steps 0: none                          */
    struct mmu_tlb_view tlb[16];       /* cached translations of va in the arrays that this kind looks into    */
    u8 tlb_level[16];
    unsigned tlbs;
};

static unsigned level_lg2(unsigned level) { return PAGE_LG2 + 9 * level; }

static void follow(const struct mmu *m, u64 va, struct chain *c)
{
    u64 table = c->from.table_pa;

    for (unsigned level = c->from.level; level-- > 0;) {
        const u64 pa = table + (va >> level_lg2(level) & 511) * 8;
        struct mmu_step *s = &c->step[c->steps];
        if (!mmu_in_ram(m, pa, 8))
            return;
        *s = (struct mmu_step){ .entry_pa = pa, .entry = mmu_peek(m, pa), .level = (u8)level };
        s->leaf = level == 0 || (level <= 2 && s->entry & ENTRY_PS);
        c->steps++;
        if (!(s->entry & ENTRY_P) || s->leaf)
            return;
        table = s->entry & ENTRY_ADDRESS;
    }
}

static void see_psc(void *ctx, const struct mmu_psc_view *v)
{
    struct before *b = ctx;

    if (v->level == 0 || v->level >= LEVELS || v->pcid != b->pcid || (v->va ^ b->va) >> level_lg2(v->level))
        return;
    b->warm[v->level] = (struct chain){ .from = *v };
    follow(b->m, b->va, &b->warm[v->level]);
}

static const struct mmu_tlb_desc *array_of(const struct mmu_profile *p, const char *name)
{
    for (unsigned i = 0; i < p->tlbs; i++)
        if (strcmp(p->tlb[i].name, name) == 0)
            return &p->tlb[i];
    return NULL;
}

static void see_tlb(void *ctx, const struct mmu_tlb_view *v)
{
    static const u8 port_of[] = { [MMU_LOAD] = MMU_PORT_LOAD, [MMU_STORE] = MMU_PORT_STORE, [MMU_FETCH] = MMU_PORT_I };
    struct before *b = ctx;
    const struct mmu_tlb_desc *array = array_of(b->profile, v->array);

    if ((v->pcid != b->pcid && !v->global) || (v->va ^ b->va) >> v->page_lg2 || b->tlbs == COUNT_OF(b->tlb))
        return;
    if (!array || !(array->ports & port_of[b->kind]))
        return;
    b->tlb_level[b->tlbs] = array->level;
    b->tlb[b->tlbs++] = *v;
}

static void look(const struct interp *in, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags, struct before *b)
{
    const struct mmu *m = in->mmu;

    *b = (struct before){ .va = va, .kind = kind, .m = m, .profile = in->profile };
    if (mmu_get(m, cpu, MMU_CR4) & CR4_PCIDE)
        b->pcid = mmu_get(m, cpu, MMU_CR3) & PCID_MASK;
    mmu_walk(m, cpu, va, kind, flags, &b->cold);
    mmu_each_psc(m, cpu, see_psc, b);
    mmu_each_tlb(m, cpu, see_tlb, b);
}

/* ---- words ------------------------------------------------------------------------------------------------- */

static const struct { u8 bit; bool leaf_only; char name[6]; } entry_bits[] = {
    { 3, false, " PWT" }, { 4, false, " PCD" }, { 5, false, " A" }, { 6, true, " D" }, { 8, true, " G" }, { 63, false, " XD" },
};

void put_entry_bits(struct text *t, u64 entry, bool leaf, unsigned level)
{
    if (!(entry & ENTRY_P)) {
        text_str(t, " not present");
        return;
    }
    text_str(t, entry & 2 ? " P RW" : " P RO");
    text_str(t, entry & 4 ? " US" : " SU");
    for (size_t i = 0; i < COUNT_OF(entry_bits); i++)
        if (entry >> entry_bits[i].bit & 1 && (leaf || !entry_bits[i].leaf_only))
            text_str(t, entry_bits[i].name);
    text_str(t, leaf && level ? " PS" : "");
    if (leaf && entry >> 59 & 15) {
        text_str(t, " key=");
        text_dec(t, entry >> 59 & 15);
    }
    text_str(t, leaf ? " -> page " : " -> table ");
    text_0x(t, entry & ENTRY_ADDRESS & ~(leaf ? (1ull << level_lg2(level)) - 1 : 0));
}

static void tell_access(struct interp *in, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags)
{
    static const char *const kinds[] = { "load from ", "store to ", "fetch from " };
    struct text *t = &in->t;

    explain_begin(in);
    text_str(t, kinds[kind]);
    text_0x(t, va);
    text_str(t, mmu_get(in->mmu, cpu, MMU_CPL) ? ", CPL 3" : ", CPL 0");
    text_str(t, mmu_get(in->mmu, cpu, MMU_AC) ? ", AC 1" : "");
    text_str(t, flags & MMU_IMPLICIT ? ", implicit supervisor access" : "");
    text_str(t, flags & MMU_SHADOW ? ", shadow-stack access" : flags & MMU_WRUSS ? ", user shadow-stack store of WRUSS" : "");
    line_end(in);
}

static void tell_steps(struct interp *in, const struct mmu_step *step, unsigned steps)
{
    struct text *t = &in->t;

    for (unsigned i = 0; i < steps; i++) {
        explain_begin(in);
        text_char(t, 'L');
        text_dec(t, step[i].level);
        text_char(t, ' ');
        text_str(t, entry_name(step[i].level));
        text_str(t, " at ");
        text_0x(t, step[i].entry_pa);
        text_str(t, " = ");
        text_0x(t, step[i].entry);
        text_char(t, ':');
        put_entry_bits(t, step[i].entry, step[i].leaf, step[i].level);
        line_end(in);
    }
}

/* The entries of one level that hold the page. */
static void tell_entries(struct interp *in, const struct before *b, unsigned level)
{
    struct text *t = &in->t;

    for (unsigned i = 0; i < b->tlbs; i++) {
        const struct mmu_tlb_view *v = &b->tlb[i];
        if (b->tlb_level[i] != level)
            continue;
        explain_begin(in);
        text_str(t, v->array);
        text_str(t, " set ");
        text_dec(t, v->set);
        text_str(t, " way ");
        text_dec(t, v->way);
        text_str(t, " holds ");
        text_str(t, page_name(v->page_lg2));
        text_str(t, " page ");
        text_0x(t, v->va);
        text_str(t, " -> ");
        text_0x(t, v->pa);
        text_str(t, v->user ? ", user r" : ", supervisor r");
        text_char(t, v->writable ? 'w' : '-');
        text_char(t, v->nx ? '-' : 'x');
        text_str(t, v->dirty ? ", dirty" : ", clean");
        text_str(t, v->global ? ", global" : "");
        line_end(in);
    }
}

/* Why the tables are read: nothing cached, or a cached translation that does not settle the access. */
static const char *why_walk(const struct before *b)
{
    if (!b->tlbs)
        return "TLB miss; ";
    return b->kind == MMU_STORE && b->tlb[0].writable && !b->tlb[0].dirty ? "the cached D=0 does not do for a store; "
                                                                          : "the cached rights do not do; ";
}

static void tell_walk(struct interp *in, unsigned cpu, const struct before *b, const struct mmu_result *r)
{
    struct text *t = &in->t;
    const struct chain *warm = r->psc_level && r->psc_level < LEVELS ? &b->warm[r->psc_level] : NULL;

    explain_begin(in);
    if (warm && warm->steps) {
        text_str(t, why_walk(b));
        text_str(t, "the structure cache holds the ");
        text_str(t, entry_name(warm->from.level));
        text_str(t, ": walk from the table at ");
        text_0x(t, warm->from.table_pa);
        line_end(in);
        tell_steps(in, warm->step, warm->steps);
    } else {
        text_str(t, why_walk(b));
        text_str(t, "walk from CR3 ");
        text_0x(t, mmu_get(in->mmu, cpu, MMU_CR3));
        line_end(in);
        tell_steps(in, b->cold.step, b->cold.steps);
    }
    if (r->wrote_ad) {
        explain_begin(in);
        text_str(t, "the walk sets A or D in ");
        text_dec(t, r->wrote_ad);
        text_str(t, r->wrote_ad == 1 ? " entry" : " entries");
        line_end(in);
    }
}

static void tell_rule(struct interp *in, const struct before *b, const struct mmu_result *r)
{
    const struct mmu_result *cold = &b->cold.r;
    const bool as_cold = cold->status == r->status &&
                         (r->status == MMU_OK ? cold->pa == r->pa : r->status != MMU_FAULT_PF || cold->error == r->error);
    struct text *t = &in->t;

    explain_begin(in);
    if (as_cold) {
        text_str(t, "rule: ");
        text_str(t, b->cold.rule ? b->cold.rule : "none");
    } else {
        text_str(t, "stale: a walk now would give ");
        if (cold->status == MMU_OK) {
            text_str(t, "pa=");
            text_0x(t, cold->pa);
        } else {
            put_fault(t, cold, r->va);
        }
        text_str(t, "; what is cached may be used until it is invalidated [SDM3 4.10.2.3]");
    }
    line_end(in);
}

/* An access of a guest: what its walk read of both tables, as it was read. */
static enum mmu_status explained_in_guest(struct interp *in, unsigned cpu, const struct before *b, unsigned flags, struct mmu_result *r)
{
    struct mmu_guest_walk both = { .steps = 0 };

    mmu_guest_record(in->mmu, cpu, &both);
    mmu_translate(in->mmu, cpu, b->va, b->kind, flags, r);
    mmu_guest_record(in->mmu, cpu, NULL);
    tell_entries(in, b, b->tlbs ? b->tlb_level[0] : 1);
    tell_guest_steps(in, &both);
    explain_begin(in);
    text_str(&in->t, "rule: ");
    text_str(&in->t, r->status == MMU_EXIT && both.w.rule ? both.w.rule : b->cold.rule ? b->cold.rule : "none");
    line_end(in);
    return (enum mmu_status)r->status;
}

static enum mmu_status explained_piece(struct interp *in, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags,
                                       struct mmu_result *r)
{
    struct before b;

    look(in, cpu, va, kind, flags, &b);
    tell_access(in, cpu, va, kind, flags);
    if (mmu_in_guest(in->mmu, cpu))
        return explained_in_guest(in, cpu, &b, flags, r);
    mmu_translate(in->mmu, cpu, va, kind, flags, r);
    if (r->status == MMU_OK || r->status == MMU_FAULT_PF) {
        tell_entries(in, &b, b.tlbs ? b.tlb_level[0] : 1);
        if (r->by == MMU_BY_WALK)
            tell_walk(in, cpu, &b, r);
    }
    tell_rule(in, &b, r);
    return (enum mmu_status)r->status;
}

static bool canonical(const struct interp *in, unsigned cpu, u64 va)
{
    struct mmu_walk walk;
    mmu_walk(in->mmu, cpu, va, MMU_LOAD, 0, &walk);
    return walk.r.status != MMU_FAULT_GP;
}

enum mmu_status explained_access(struct interp *in, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind,
                                 unsigned flags, struct mmu_result *r)
{
    const u64 second = page_down(va + size_bytes - 1);
    struct mmu_result r2;

    if (kind != MMU_FETCH && second > va && canonical(in, cpu, va) && !canonical(in, cpu, second))
        va = second; /* all bytes of an operand are judged before any page is looked at (mmu_access()) */
    if (explained_piece(in, cpu, va, kind, flags, r) != MMU_OK || second == page_down(va))
        return (enum mmu_status)r->status;
    if (explained_piece(in, cpu, second, kind, flags, &r2) != MMU_OK)
        *r = r2;
    r->pieces = 2;
    return (enum mmu_status)r->status;
}
