/* SPDX-License-Identifier: MIT
 * guest_cmds.c - guests: `guest ...`, `invept`, `invvpid` (docs/scenario-language.md).  Called by interp.c.
 *
 * The nested tables are built by `guest map`, in pages that follow the root; what a script pokes there itself counts as well. */
#include "interp_internal.h"

#include "arch/ept.h"
#include "arch/x86_pte.h"
#include "base/check.h"

#include <string.h>

static const struct flag_name kinds[] = { { "ept", MMU_EPT }, { "npt", MMU_NPT }, { "off", MMU_NESTED_OFF }, { NULL, 0 } };
static const struct flag_name access_kinds[] = { { "r", MMU_LOAD }, { "w", MMU_STORE }, { "x", MMU_FETCH }, { NULL, 0 } };

/* Not on a machine whose registers a kernel owns. */
static bool bare(struct interp *in) { return !in->kernel || fail(in, "the kernel owns this machine", NULL); }

/* ---- nested tables ------------------------------------------------------------------------------------------------- */

/* guest tables ept|npt ROOT */
static bool guest_tables(struct interp *in, const struct words *w)
{
    u64 kind, root;

    if (w->n != 4 || !word_choice(w->w[2], kinds, &kind) || kind == MMU_NESTED_OFF)
        return fail(in, "guest tables ept|npt ROOT", NULL);
    if (!need_number(in, w, 3, &root))
        return false;
    if (root & PAGE_MASK_LOW || !mmu_in_ram(in->mmu, root, PAGE_BYTES))
        return fail(in, "no page of RAM:", &w->w[3]);
    in->guest_root = root;
    in->guest_next = root + PAGE_BYTES;
    in->guest_npt = kind == MMU_NPT;
    done_ok(in);
    return true;
}

static u64 entry_rights(const struct interp *in, const char *r, const char *w, const char *x)
{
    if (!in->guest_npt)
        return (r ? EPT_R : 0) | (w ? EPT_W : 0) | (x ? EPT_X : 0);
    return X86_PTE_P | X86_PTE_US | (w ? X86_PTE_RW : 0) | (x ? 0 : X86_PTE_XD);
}

static u64 leaf_of(const struct interp *in, struct word rights, u64 pa, u64 level)
{
    const char *r = memchr(rights.s, 'r', rights.len), *w = memchr(rights.s, 'w', rights.len), *x = memchr(rights.s, 'x', rights.len);

    return pa | entry_rights(in, r, w, x) | (level ? EPT_PS : 0) | (in->guest_npt ? 0 : EPT_MT_WB); /* PS is the same bit in both */
}

/* guest map GPA PA [4K|2M|1G] [rwx] */
static bool guest_map(struct interp *in, const struct words *w)
{
    static const struct flag_name sizes[] = { { "4K", 0 }, { "2M", 1 }, { "1G", 2 }, { NULL, 0 } };
    struct word rights = { "rwx", 3 };
    u64 gpa, pa, leaf = 0, table = in->guest_root, at;
    unsigned next = 4;

    if (!in->guest_root)
        return fail(in, "guest tables first", NULL);
    if (!need_number(in, w, 2, &gpa) || !need_number(in, w, 3, &pa))
        return false;
    next += next < w->n && word_choice(w->w[next], sizes, &leaf);
    if (next < w->n)
        rights = w->w[next++];
    if (next < w->n || (gpa | pa) & ((1ull << (12 + 9 * leaf)) - 1) || gpa >> 48)
        return fail(in, "guest map GPA PA [4K|2M|1G] [rwx], both addresses a multiple of the size", NULL);
    for (unsigned level = 3; level > leaf; level--) {
        at = table + (gpa >> (12 + 9 * level) & 511) * 8;
        if (!mmu_peek(in->mmu, at)) {
            if (!mmu_in_ram(in->mmu, in->guest_next, PAGE_BYTES))
                return fail(in, "no RAM is left behind the root for tables", NULL);
            mmu_poke(in->mmu, at, in->guest_next | entry_rights(in, "r", "w", "x"));
            in->guest_next += PAGE_BYTES;
        }
        table = mmu_peek(in->mmu, at) & X86_PTE_ADDR;
        if (!mmu_in_ram(in->mmu, table, PAGE_BYTES))
            return fail(in, "an entry above leads out of RAM", NULL);
    }
    mmu_poke(in->mmu, table + (gpa >> (12 + 9 * leaf) & 511) * 8, leaf_of(in, rights, pa, leaf));
    done_ok(in);
    return true;
}

/* ---- entering and leaving ------------------------------------------------------------------------------------------- */

static const struct { const char *key; u8 bytes; size_t at; } numbers[] = {
#define NUMBER(key, type, member) { key, sizeof(type), offsetof(struct mmu_guest, member) }
    NUMBER("root", u64, root), NUMBER("vpid", u16, tag), NUMBER("asid", u16, tag), NUMBER("pml", u64, pml), NUMBER("index", u16, pml_index),
    NUMBER("cr0", u64, reg.cr0), NUMBER("cr3", u64, reg.cr3), NUMBER("cr4", u64, reg.cr4), NUMBER("efer", u64, reg.efer), NUMBER("cpl", u8, reg.cpl),
#undef NUMBER
};
static const struct flag_name controls[] = { { "mbe", MMU_GUEST_MBE }, { "log", MMU_GUEST_PML }, { "gmet", MMU_GUEST_GMET },
                                             { "rogpt", MMU_GUEST_ROGPT }, { NULL, 0 } };
static const struct flag_name flushes[] = { { "flush=all", MMU_TLB_FLUSH_ALL }, { "flush=asid", MMU_TLB_FLUSH_ASID },
                                            { "flush=nonglobal", MMU_TLB_FLUSH_NONGLOBAL }, { NULL, 0 } };

static bool take_number(struct interp *in, struct word word, struct mmu_guest *g, bool *taken)
{
    struct word value;
    u64 n;

    *taken = false;
    for (size_t i = 0; i < COUNT_OF(numbers) && !*taken; i++)
        if (word_value(word, numbers[i].key, &value)) {
            if (!word_number(value, &n) || (numbers[i].bytes < 8 && n >> 8 * numbers[i].bytes))
                return fail(in, "not possible:", &word);
            memcpy((u8 *)g + numbers[i].at, &n, numbers[i].bytes); /* least byte first */
            *taken = true;
        }
    return true;
}

static bool take_word(struct interp *in, struct word word, struct mmu_guest *g, bool *ad)
{
    bool taken;
    u64 flag;

    if (!take_number(in, word, g, &taken))
        return false;
    if (taken)
        return true;
    if (word_is(word, "ad"))
        *ad = true;
    else if (word_choice(word, controls, &flag))
        g->controls |= (u32)flag;
    else if (word_choice(word, flushes, &flag))
        g->tlb_control = (u8)flag;
    else
        return fail(in, "guest enter has no", &word);
    return true;
}

/* guest enter [cpuN] ept|npt|off [...] */
static bool guest_enter(struct interp *in, const struct words *w)
{
    struct mmu_guest g = { .tag = 1, .pml_index = 511, .root = in->guest_root, .reg = mmu_guest_start() };
    unsigned at = 2, cpu;
    bool ad = false;
    const char *why;
    u64 kind;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    if (at >= w->n || !word_choice(w->w[at], kinds, &kind))
        return fail(in, "guest enter [cpuN] ept|npt|off [...]", NULL);
    g.nested = (u8)kind;
    while (++at < w->n)
        if (!take_word(in, w->w[at], &g, &ad))
            return false;
    if (kind == MMU_EPT && !(g.root & PAGE_MASK_LOW)) /* a bare address: 4 levels, WB */
        g.root |= 3u << EPTP_LEVELS_SHIFT | MMU_WB | (ad ? EPTP_AD : 0);
    why = mmu_guest_enter(in->mmu, cpu, &g);
    text_str(&in->t, why ? "refused: " : "ok");
    text_str(&in->t, why ? why : "");
    line_end(in);
    return true;
}

static bool guest_leave(struct interp *in, const struct words *w)
{
    unsigned at = 2, cpu;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    if (at < w->n || !mmu_in_guest(in->mmu, cpu))
        return fail(in, "the CPU is in no guest", NULL);
    mmu_guest_leave(in->mmu, cpu, NULL);
    done_ok(in);
    return true;
}

/* ---- exits ------------------------------------------------------------------------------------------------------------ */

void put_exit(struct text *t, const struct mmu_guest_exit *e)
{
    static const struct { u32 reason; const char *name; } names[] = {
        { MMU_EXIT_EPT_VIOLATION, "EPT violation" }, { MMU_EXIT_EPT_MISCONFIG, "EPT misconfiguration" }, { MMU_EXIT_PML_FULL, "log full" },
        { MMU_EXIT_NPF, "#NPF" }, { MMU_EXIT_NPT_PML_FULL, "log full" },
    };

    text_str(t, "exit");
    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (names[i].reason == e->reason) {
            text_char(t, ' ');
            text_str(t, names[i].name);
        }
    text_str(t, " info=");
    text_0x(t, e->info);
    text_str(t, " gpa=");
    text_0x(t, e->gpa);
}

/* ---- walks ------------------------------------------------------------------------------------------------------------ */

static void put_nested_bits(struct text *t, u64 e, bool ept)
{
    static const struct { u64 bit; char name[4]; } bits[] = { { EPT_R, " R" }, { EPT_W, " W" }, { EPT_X, " X" }, { EPT_A, " A" }, { EPT_D, " D" }, { EPT_XU, " XU" } };

    if (!ept) {
        put_entry_bits(t, e, false, 0);
        return;
    }
    for (size_t i = 0; i < COUNT_OF(bits); i++)
        text_str(t, e & bits[i].bit ? bits[i].name : "");
    text_str(t, e & (EPT_R | EPT_W | EPT_X) ? " -> " : " not present -> ");
    text_0x(t, e & X86_PTE_ADDR);
}

void tell_guest_steps(struct interp *in, const struct mmu_guest_walk *g)
{
    const bool ept = in->profile->vendor == MMU_INTEL;
    struct text *t = &in->t;

    for (unsigned i = 0; i < g->steps; i++) {
        const struct mmu_nested_step *s = &g->step[i];
        explain_begin(in);
        text_str(t, s->nested ? "  nested L" : "guest L");
        text_dec(t, s->level);
        text_str(t, " at ");
        text_0x(t, s->entry_pa);
        text_str(t, " = ");
        text_0x(t, s->entry);
        text_char(t, ':');
        if (s->nested)
            put_nested_bits(t, s->entry, ept);
        else
            put_entry_bits(t, s->entry, s->verdict == MMU_STEP_LEAF, s->level);
        if (s->nested && s->level == 3) {
            text_str(t, s->for_level == MMU_GUEST_PAGE ? ", for the page at gpa " : ", for the guest's entry at gpa ");
            text_0x(t, s->gpa);
        }
        line_end(in);
    }
}

/* guest walk [cpuN] VA [r|w|x] */
static bool guest_walk(struct interp *in, const struct words *w)
{
    struct mmu_guest_walk g;
    unsigned at = 2, cpu;
    u64 va, kind = MMU_LOAD;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &va))
        return false;
    if (at + 1 < w->n && !word_choice(w->w[at + 1], access_kinds, &kind))
        return fail(in, "a walk is for r, w or x, not", &w->w[at + 1]);
    mmu_guest_walk(in->mmu, cpu, va, (enum mmu_kind)kind, 0, &g);
    tell_guest_steps(in, &g);
    if (g.w.r.status == MMU_EXIT) {
        put_exit(&in->t, &g.exit);
    } else if (g.w.r.status != MMU_OK) {
        put_fault(&in->t, &g.w.r, va);
    } else {
        text_str(&in->t, "gpa=");
        text_0x(&in->t, g.gpa);
        text_str(&in->t, " pa=");
        text_0x(&in->t, g.w.r.pa);
    }
    text_str(&in->t, " reads=");
    text_dec(&in->t, g.w.r.reads);
    line_end(in);
    return true;
}

/* ---- what is cached, what was counted ----------------------------------------------------------------------------------- */

static void see_gpa(void *ctx, const struct mmu_gpa_view *v)
{
    struct interp *in = ctx;
    struct text *t = &in->t;

    text_0x(t, v->gpa);
    text_str(t, " -> ");
    text_0x(t, v->pa);
    text_char(t, ' ');
    text_str(t, page_name(v->page_lg2));
    text_char(t, ' ');
    text_char(t, v->readable ? 'r' : '-');
    text_char(t, v->writable ? 'w' : '-');
    text_char(t, v->executable ? 'x' : '-');
    text_str(t, v->asid ? " asid=" : " root=");
    text_0x(t, v->asid ? v->asid : v->root);
    line_end(in);
}

static bool guest_gpa(struct interp *in, const struct words *w)
{
    unsigned at = 2, cpu;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    mmu_each_gpa(in->mmu, cpu, see_gpa, in);
    done_dot(in);
    return true;
}

static bool guest_stats(struct interp *in, const struct words *w)
{
    unsigned at = 2, cpu;
    const struct mmu_nested_stats *s;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    if (!(s = mmu_nested_stats(in->mmu, cpu)))
        return fail(in, "this machine has no guests", NULL);
    const struct { const char *name; u64 n; } rows[] = {
        { "translations", s->translations }, { "gpa_hit", s->gpa_hit }, { "walks", s->walks },
        { "reads", s->reads[0] + s->reads[1] + s->reads[2] + s->reads[3] + s->reads[4] },
        { "psc_hit", s->psc_hit[0] + s->psc_hit[1] + s->psc_hit[2] + s->psc_hit[3] + s->psc_hit[4] }, { "ad_writes", s->ad_writes },
        { "logged", s->logged }, { "splintered", s->splintered }, { "violations", s->violations }, { "misconfigs", s->misconfigs },
        { "entries", s->entries },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        text_str(&in->t, rows[i].name);
        text_char(&in->t, ' ');
        text_dec(&in->t, rows[i].n);
        line_end(in);
    }
    done_dot(in);
    return true;
}

bool cmd_guest(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; bool changes; } rows[] = {
        { "tables", guest_tables, true }, { "map", guest_map, true }, { "enter", guest_enter, true }, { "leave", guest_leave, true },
        { "walk", guest_walk, false }, { "gpa", guest_gpa, false }, { "stats", guest_stats, false },
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (word_is(w->w[1], rows[i].name))
            return (!rows[i].changes || bare(in)) && rows[i].fn(in, w);
    return fail(in, "guest has no", &w->w[1]);
}

/* ---- INVEPT, INVVPID ------------------------------------------------------------------------------------------------------ */

static bool done_vm(struct interp *in, enum mmu_vm_result r)
{
    static const char *const names[] = { [MMU_VM_SUCCEED] = "ok", [MMU_VM_FAIL] = "VMfail", [MMU_VM_GP] = "#GP", [MMU_VM_UD] = "#UD" };

    text_str(&in->t, names[r]);
    line_end(in);
    return true;
}

/* invept [cpuN] TYPE [EPTP] */
bool cmd_invept(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    u64 type, eptp = in->guest_root | 3u << EPTP_LEVELS_SHIFT | MMU_WB;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &type) || (at + 1 < w->n && !need_number(in, w, at + 1, &eptp)))
        return false;
    return done_vm(in, mmu_invept(in->mmu, cpu, type, eptp));
}

/* invvpid [cpuN] TYPE VPID [VA] */
bool cmd_invvpid(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    u64 type, vpid, va = 0;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &type) || !need_number(in, w, at + 1, &vpid) ||
        (at + 2 < w->n && !need_number(in, w, at + 2, &va)))
        return false;
    return done_vm(in, mmu_invvpid(in->mmu, cpu, type, vpid, va));
}
