/* SPDX-License-Identifier: MIT
 * machine_cmds.c - the commands that act on the machine: registers, memory, accesses, invalidations.
 * Called by interp.c.  On a booted machine memory and most registers belong to the kernel and are refused. */
#include "interp_internal.h"

static const struct flag_name reg_names[] = {
    { "cr0", MMU_CR0 }, { "cr2", MMU_CR2 }, { "cr3", MMU_CR3 }, { "cr4", MMU_CR4 }, { "efer", MMU_EFER },
    { "pkru", MMU_PKRU }, { "pkrs", MMU_PKRS }, { "cpl", MMU_CPL }, { "ac", MMU_AC }, { NULL, 0 },
};
static const struct flag_name kind_names[] = { { "r", MMU_LOAD }, { "w", MMU_STORE }, { "x", MMU_FETCH }, { NULL, 0 } };

static bool need_register(struct interp *in, const struct words *w, unsigned at, enum mmu_reg *out)
{
    u64 reg;

    if (at >= w->n)
        return fail(in, "a register is missing", NULL);
    if (!word_choice(w->w[at], reg_names, &reg))
        return fail(in, "unknown register", &w->w[at]);
    *out = (enum mmu_reg)reg;
    return true;
}

/* Nothing may stand at or behind word `at`. */
static bool need_end(struct interp *in, const struct words *w, unsigned at)
{
    return at >= w->n || fail(in, "one word too many:", &w->w[at]);
}

static bool is_writable(struct interp *in, enum mmu_reg reg, u64 value)
{
    if (reg == MMU_CR2)
        return fail(in, "cr2 is written by page faults only", NULL);
    if (in->kernel && reg != MMU_PKRU && reg != MMU_AC)
        return fail(in, "the kernel owns this machine's registers", NULL);
    if (reg == MMU_CPL && value != 0 && value != 3)
        return fail(in, "cpl is 0 or 3", NULL);
    if (reg == MMU_AC && value > 1)
        return fail(in, "ac is 0 or 1", NULL);
    return true;
}

static void done_gp(struct interp *in)
{
    text_str(&in->t, "#GP");
    line_end(in);
}

bool cmd_set(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    enum mmu_reg reg;
    u64 value;

    if (!take_cpu(in, w, &at, &cpu) || !need_register(in, w, at, &reg) || !need_number(in, w, at + 1, &value) ||
        !need_end(in, w, at + 2) || !is_writable(in, reg, value))
        return false;
    check_flush_doing(in, cpu);
    if (mmu_set(in->mmu, cpu, reg, value))
        done_ok(in);
    else
        done_gp(in);
    return true;
}

static void done_number(struct interp *in, u64 value)
{
    text_0x(&in->t, value);
    line_end(in);
}

bool cmd_get(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    enum mmu_reg reg;

    if (!take_cpu(in, w, &at, &cpu) || !need_register(in, w, at, &reg) || !need_end(in, w, at + 1))
        return false;
    done_number(in, mmu_get(in->mmu, cpu, reg));
    return true;
}

static bool need_pa(struct interp *in, const struct words *w, u64 *pa)
{
    if (!need_number(in, w, 1, pa))
        return false;
    if (*pa & 7)
        return fail(in, "not a multiple of 8:", &w->w[1]);
    if (!mmu_in_ram(in->mmu, *pa, 8))
        return fail(in, "outside RAM:", &w->w[1]);
    return true;
}

bool cmd_poke(struct interp *in, const struct words *w)
{
    u64 pa, value;

    if (!need_pa(in, w, &pa) || !need_number(in, w, 2, &value))
        return false;
    if (in->kernel)
        return fail(in, "the kernel owns this machine's memory", NULL);
    mmu_poke(in->mmu, pa, value);
    done_ok(in);
    return true;
}

bool cmd_peek(struct interp *in, const struct words *w)
{
    u64 pa;

    if (!need_pa(in, w, &pa))
        return false;
    done_number(in, mmu_peek(in->mmu, pa));
    return true;
}

const char *page_name(unsigned page_lg2)
{
    return page_lg2 == 12 ? "4K" : page_lg2 == 21 ? "2M" : page_lg2 == 22 ? "4M" : "1G";
}

const char *by_name(unsigned by) { return by == MMU_BY_L1 ? "l1" : by == MMU_BY_STLB ? "stlb" : "walk"; }

void put_fault(struct text *t, const struct mmu_result *r, u64 cr2)
{
    static const char *const names[] = { [MMU_FAULT_GP] = "#GP", [MMU_FAULT_SS] = "#SS", [MMU_FAULT_UD] = "#UD", [MMU_EXIT] = "exit" };

    if (r->status != MMU_FAULT_PF) {
        text_str(t, names[r->status]);
        return;
    }
    text_str(t, "#PF err=");
    text_0x(t, r->error);
    text_str(t, " cr2=");
    text_0x(t, cr2);
}

static void put_access(struct text *t, const struct mmu_result *r)
{
    text_str(t, "ok pa=");
    text_0x(t, r->pa);
    text_str(t, " page=");
    text_str(t, page_name(r->page_lg2));
    text_str(t, " by=");
    text_str(t, by_name(r->by));
    text_str(t, " reads=");
    text_dec(t, r->reads);
}

/* What follows the kind and the address of an access: [SIZE] [implicit] [ss] [shadow] [wruss]. */
static bool access_rest(struct interp *in, const struct words *w, unsigned at, enum mmu_kind kind, u64 *size, unsigned *flags)
{
    static const struct flag_name names[] = { { "implicit", MMU_IMPLICIT }, { "ss", MMU_SS }, { "shadow", MMU_SHADOW },
                                              { "wruss", MMU_WRUSS }, { NULL, 0 } };
    u64 flag;

    *size = 1;
    *flags = 0;
    if (at < w->n && word_number(w->w[at], size))
        at++;
    if (*size < 1 || *size > PAGE_BYTES)
        return fail(in, "the size of an access is 1 to 4096", NULL);
    for (; at < w->n; at++) {
        if (!word_choice(w->w[at], names, &flag))
            return fail(in, "an access has no", &w->w[at]);
        *flags |= (unsigned)flag;
    }
    if (*flags & MMU_SHADOW && kind == MMU_FETCH)
        return fail(in, "no code is fetched from a shadow stack", NULL);
    if (*flags & MMU_WRUSS && kind != MMU_STORE)
        return fail(in, "wruss writes", NULL);
    return true;
}

bool cmd_access(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu, flags;
    u64 kind, va, size;
    struct mmu_result r;

    if (!take_cpu(in, w, &at, &cpu))
        return false;
    if (!word_choice(w->w[at], kind_names, &kind))
        return fail(in, "an access is r, w or x, not", &w->w[at]);
    if (!need_number(in, w, at + 1, &va) || !access_rest(in, w, at + 2, (enum mmu_kind)kind, &size, &flags))
        return false;
    if (in->options.explain)
        explained_access(in, cpu, va, (u32)size, (enum mmu_kind)kind, flags, &r);
    else
        mmu_access(in->mmu, cpu, va, (u32)size, (enum mmu_kind)kind, flags, &r);
    if (r.status == MMU_OK)
        put_access(&in->t, &r);
    else if (r.status == MMU_EXIT)
        put_exit(&in->t, mmu_guest_exit(in->mmu, cpu));
    else
        put_fault(&in->t, &r, r.va);
    line_end(in);
    return true;
}

bool cmd_invlpg(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    u64 va;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &va) || !need_end(in, w, at + 1))
        return false;
    mmu_invlpg(in->mmu, cpu, va);
    done_ok(in);
    return true;
}

bool cmd_invpcid(struct interp *in, const struct words *w)
{
    unsigned at = 1, cpu;
    u64 type, pcid, va;

    if (!take_cpu(in, w, &at, &cpu) || !need_number(in, w, at, &type) || !need_number(in, w, at + 1, &pcid) ||
        !need_number(in, w, at + 2, &va) || !need_end(in, w, at + 3))
        return false;
    if (mmu_invpcid(in->mmu, cpu, type, pcid, va))
        done_ok(in);
    else
        done_gp(in);
    return true;
}
