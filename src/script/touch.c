/* SPDX-License-Identifier: MIT
 * touch.c - a process's reads, writes and fetches, and the copies a system call makes.  Called by proc_cmds.c.
 *
 * Bytes are touched page by page, each page's part one access, in ascending order; the first signal ends the command.
 * The answer counts the faults the process took meanwhile. */
#include "interp_internal.h"

struct tally { u64 minor, major; };

static struct tally tally_of(const struct process *p)
{
    const struct mm_counters *c = proc_counters(p->p);

    return (struct tally){ c->minor, c->major };
}

static void put_faults(struct text *t, const struct process *p, struct tally before)
{
    const struct tally now = tally_of(p);

    text_str(t, " faults=");
    text_dec(t, now.minor - before.minor);
    if (now.major != before.major) {
        text_str(t, " major=");
        text_dec(t, now.major - before.major);
    }
}

static const char *signal_text(const struct sim_outcome *o)
{
    static const struct { u8 signo, code; const char *text; } rows[] = {
        { MM_SIGSEGV, MM_SEGV_MAPERR, "SIGSEGV MAPERR " }, { MM_SIGSEGV, MM_SEGV_ACCERR, "SIGSEGV ACCERR " },
        { MM_SIGSEGV, MM_SEGV_PKUERR, "SIGSEGV PKUERR " }, { MM_SIGSEGV, MM_SI_KERNEL, "SIGSEGV KERNEL " },
        { MM_SIGBUS, MM_BUS_ADRERR, "SIGBUS ADRERR " },    { MM_SIGBUS, MM_BUS_MCEERR_AR, "SIGBUS MCEERR_AR " },
        { MM_SIGKILL, 0, "SIGKILL " },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].signo == o->signo && (rows[i].code == o->code || o->signo == MM_SIGKILL))
            return rows[i].text;
    return o->signo == MM_SIGBUS ? "SIGBUS " : "SIGSEGV ";
}

static const u8 vector_of[] = { [MMU_FAULT_PF] = 14, [MMU_FAULT_GP] = 13, [MMU_FAULT_SS] = 12 };

/* As the session does it, but told step by step: translate, trap, retry. */
static void explained_touch(struct interp *in, unsigned cpu, u64 va, enum mmu_kind kind, struct sim_outcome *out)
{
    struct mm_trap_result res;
    struct mmu_result r;

    *out = (struct sim_outcome){ 0 };
    while (kernel_to_user(in->kernel, cpu), explained_access(in, cpu, va, 1, kind, 0, &r) != MMU_OK) {
        struct hw_trap trap;
        explain_begin(in);
        if (r.status == MMU_EXIT) {
            text_str(&in->t, "the host gives the page");
            line_end(in);
            sim_guest_exited(in->sim, cpu);
            continue;
        }
        put_fault(&in->t, &r, r.va);
        line_end(in);
        trap = (struct hw_trap){ .vector = vector_of[r.status], .user = true, .error = r.error, .cr2 = r.va };
        kernel_trap(in->kernel, cpu, &trap, &res);
        if (!res.resume) {
            *out = (struct sim_outcome){ .signo = res.signo, .code = res.code, .addr = res.addr, .waits = res.waits };
            return;
        }
    }
}

static void touch_page(struct interp *in, unsigned cpu, u64 va, u32 size, enum mmu_kind kind, struct sim_outcome *out)
{
    if (in->options.explain)
        explained_touch(in, cpu, va, kind, out);
    else
        sim_access(in->sim, cpu, va, size, kind, NULL, out);
}

/* VA [LEN] at word 2. */
static bool need_range(struct interp *in, const struct words *w, u64 *va, u64 *len)
{
    *len = 1;
    if (!need_number(in, w, 2, va) || (w->n > 3 && !need_number(in, w, 3, len)))
        return false;
    if (w->n > 4)
        return fail(in, "one word too many:", &w->w[4]);
    if (*len < 1 || *len > in->options.len_max_bytes || *va + (*len - 1) < *va)
        return fail(in, "no such range", NULL);
    return true;
}

static bool touch(struct interp *in, struct process *p, const struct words *w, enum mmu_kind kind)
{
    struct sim_outcome out = { 0 };
    struct tally before;
    u64 va, len;

    if (!need_range(in, w, &va, &len))
        return false;
    put_on_cpu(in, p);
    before = tally_of(p);
    while (len && !out.signo && !out.waits) {
        const u64 room = PAGE_BYTES - (va & PAGE_MASK_LOW), part = len < room ? len : room;
        touch_page(in, p->cpu, va, (u32)part, kind, &out);
        va += part;
        len -= part;
    }
    if (out.signo || out.waits) {
        text_str(&in->t, out.waits ? "waits " : signal_text(&out));
        text_0x(&in->t, out.addr);
    } else {
        text_str(&in->t, "ok");
    }
    put_faults(&in->t, p, before);
    line_end(in);
    return true;
}

bool cmd_read(struct interp *in, struct process *p, const struct words *w) { return touch(in, p, w, MMU_LOAD); }

bool cmd_write(struct interp *in, struct process *p, const struct words *w) { return touch(in, p, w, MMU_STORE); }

bool cmd_exec(struct interp *in, struct process *p, const struct words *w)
{
    if (w->n > 3)
        return fail(in, "exec takes an address only", NULL);
    return touch(in, p, w, MMU_FETCH);
}

static bool copy(struct interp *in, struct process *p, const struct words *w, bool write)
{
    struct tally before;
    u64 va, len, done;

    if (!need_range(in, w, &va, &len))
        return false;
    put_on_cpu(in, p);
    before = tally_of(p);
    done = sim_kernel_access(in->sim, p->cpu, va, len, write, NULL);
    text_str(&in->t, "ok bytes=");
    text_dec(&in->t, done);
    put_faults(&in->t, p, before);
    line_end(in);
    return true;
}

bool cmd_copy_from(struct interp *in, struct process *p, const struct words *w) { return copy(in, p, w, false); }

bool cmd_copy_to(struct interp *in, struct process *p, const struct words *w) { return copy(in, p, w, true); }
