/* SPDX-License-Identifier: MIT
 * views.c - the listings of the machine: tlb, psc, walk, stats.  Called by interp.c.  Nothing here changes anything. */
#include "interp_internal.h"

#include "base/check.h"

const char *entry_name(unsigned level)
{
    static const char *const names[] = { "PTE", "PDE", "PDPTE", "PML4E", "PML5E" };

    return level < COUNT_OF(names) ? names[level] : "?";
}

static void put_field(struct text *t, const char *name, u64 v)
{
    text_str(t, name);
    text_0x(t, v);
}

/* "usr wx", "sup r-": who may, then what. */
static void put_rights(struct text *t, bool user, bool writable, bool nx)
{
    text_str(t, user ? " rights=user:r" : " rights=supervisor:r");
    text_char(t, writable ? 'w' : '-');
    text_char(t, nx ? '-' : 'x');
}

static void see_tlb(void *ctx, const struct mmu_tlb_view *v)
{
    struct interp *in = ctx;
    struct text *t = &in->t;

    text_str(t, v->array);
    text_str(t, " set=");
    text_dec(t, v->set);
    text_str(t, " way=");
    text_dec(t, v->way);
    put_field(t, " va=", v->va);
    put_field(t, " pa=", v->pa);
    text_str(t, " page=");
    text_str(t, page_name(v->page_lg2));
    put_field(t, " pcid=", v->pcid);
    put_rights(t, v->user, v->writable, v->nx);
    text_str(t, v->dirty ? " dirty" : "");
    text_str(t, v->global ? " global" : "");
    text_str(t, v->shadow ? " shadow" : "");
    if (v->pkey) {
        text_str(t, " pkey=");
        text_dec(t, v->pkey);
    }
    line_end(in);
}

static bool need_only_cpu(struct interp *in, const struct words *w, unsigned *cpu)
{
    unsigned at = 1;

    return take_cpu(in, w, &at, cpu) && (at == w->n || fail(in, "not a CPU:", &w->w[at]));
}

bool cmd_tlb(struct interp *in, const struct words *w)
{
    unsigned cpu;

    if (!need_only_cpu(in, w, &cpu))
        return false;
    mmu_each_tlb(in->mmu, cpu, see_tlb, in);
    done_dot(in);
    return true;
}

static void see_psc(void *ctx, const struct mmu_psc_view *v)
{
    struct interp *in = ctx;
    struct text *t = &in->t;

    text_str(t, entry_name(v->level));
    put_field(t, " va=", v->va);
    put_field(t, " table=", v->table_pa);
    put_field(t, " pcid=", v->pcid);
    put_rights(t, v->user, v->writable, v->nx);
    line_end(in);
}

bool cmd_psc(struct interp *in, const struct words *w)
{
    unsigned cpu;

    if (!need_only_cpu(in, w, &cpu))
        return false;
    mmu_each_psc(in->mmu, cpu, see_psc, in);
    done_dot(in);
    return true;
}

bool cmd_tlbstate(struct interp *in, const struct words *w)
{
    const struct pw_out out = listing_out(in);
    unsigned cpu;

    if (!need_only_cpu(in, w, &cpu))
        return false;
    kernel_show_tlbstate(in->kernel, cpu, &out);
    done_dot(in);
    return true;
}

static void put_step(struct interp *in, const struct mmu_step *s)
{
    struct text *t = &in->t;

    text_str(t, entry_name(s->level));
    put_field(t, " at=", s->entry_pa);
    put_field(t, " value=", s->entry);
    put_entry_bits(t, s->entry, s->leaf, s->level);
    if (s->verdict == MMU_STEP_RESERVED)
        text_str(t, " reserved bits set");
    line_end(in);
}

bool cmd_walk(struct interp *in, const struct words *w)
{
    static const struct flag_name kinds[] = { { "r", MMU_LOAD }, { "w", MMU_STORE }, { "x", MMU_FETCH }, { NULL, 0 } };
    unsigned at = 1, cpu;
    u64 va, kind = MMU_LOAD;
    struct mmu_walk walk;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &va))
        return false;
    if (at + 1 < w->n && (!word_choice(w->w[at + 1], kinds, &kind) || at + 2 < w->n))
        return fail(in, "a walk is for r, w or x, not", &w->w[w->n - 1]);
    mmu_walk(in->mmu, cpu, va, (enum mmu_kind)kind, 0, &walk);
    for (unsigned i = 0; i < walk.steps; i++)
        put_step(in, &walk.step[i]);
    if (walk.r.status == MMU_OK) {
        put_field(&in->t, "ok pa=", walk.r.pa);
        text_str(&in->t, " page=");
        text_str(&in->t, page_name(walk.r.page_lg2));
        put_rights(&in->t, walk.user, walk.writable, walk.nx);
    } else {
        put_fault(&in->t, &walk.r, va);
    }
    line_end(in);
    if (walk.rule) {
        text_str(&in->t, "rule: ");
        text_str(&in->t, walk.rule);
        line_end(in);
    }
    done_dot(in);
    return true;
}

static void stat_line(struct interp *in, const char *name, const char *sub, const char *subsub, u64 v)
{
    text_str(&in->t, name);
    text_str(&in->t, sub);
    text_str(&in->t, subsub);
    text_char(&in->t, ' ');
    text_dec(&in->t, v);
    line_end(in);
}

static const char *const side_names[MMU_SIDES] = { ".i", ".d" };
static const char *const size_names[MMU_SIZES] = { ".4k", ".2m", ".1g" };
static const char *const level_names[5] = { ".0", ".1", ".2", ".3", ".4" };

bool cmd_stats(struct interp *in, const struct words *w)
{
    const struct mmu_stats *s;
    unsigned cpu;

    if (!need_only_cpu(in, w, &cpu))
        return false;
    s = mmu_stats(in->mmu, cpu);
    for (unsigned side = 0; side < MMU_SIDES; side++) {
        stat_line(in, "lookups", side_names[side], "", s->lookups[side]);
        for (unsigned z = 0; z < MMU_SIZES; z++) {
            stat_line(in, "l1_miss", side_names[side], size_names[z], s->l1_miss[side][z]);
            stat_line(in, "stlb_hit", side_names[side], size_names[z], s->stlb_hit[side][z]);
            stat_line(in, "walks", side_names[side], size_names[z], s->walks[side][z]);
        }
        stat_line(in, "walks_faulted", side_names[side], "", s->walks_faulted[side]);
    }
    stat_line(in, "rewalks_dirty", "", "", s->rewalks_dirty);
    for (unsigned l = 0; l < COUNT_OF(level_names); l++) {
        stat_line(in, "reads", level_names[l], "", s->reads[l]);
        stat_line(in, "psc_hit", level_names[l], "", s->psc_hit[l]);
    }
    const struct { const char *name; u64 value; } rest[] = {
        { "ad_writes", s->ad_writes }, { "cycles_stlb", s->cycles_stlb }, { "cycles_walk", s->cycles_walk },
        { "pf", s->pf }, { "gp", s->gp }, { "ss", s->ss }, { "invlpg", s->invlpg }, { "invpcid", s->invpcid },
        { "cr3_writes", s->cr3_writes }, { "flushes_full", s->flushes_full },
        { "invlpga", s->invlpga }, { "invlpgb", s->invlpgb }, { "tlbsync", s->tlbsync },
    };
    for (size_t i = 0; i < COUNT_OF(rest); i++)
        stat_line(in, rest[i].name, "", "", rest[i].value);
    done_dot(in);
    return true;
}
