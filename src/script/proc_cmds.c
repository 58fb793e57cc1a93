/* SPDX-License-Identifier: MIT
 * proc_cmds.c - processes: making them, naming them, their life.  Called by interp.c. */
#include "interp_internal.h"

#include "base/check.h"

#include <string.h>


/* ---- names ------------------------------------------------------------------------------------------------- */

struct process *find_process(struct interp *in, struct word w)
{
    for (unsigned i = 0; i < in->processes; i++)
        if (word_is(w, in->process[i].name))
            return &in->process[i];
    return NULL;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("_-./", c));
}

bool good_name(struct interp *in, struct word w)
{
    for (u32 i = 0; i < w.len; i++)
        if (!is_name_char(w.s[i]))
            return fail(in, "a name has letters, digits and _ - . / only, not", &w);
    if (w.len >= NAME_BYTES)
        return fail(in, "a name has at most 31 letters, not", &w);
    return true;
}

void copy_name(char *to, struct word w)
{
    memcpy(to, w.s, w.len);
    to[w.len] = 0;
}

/* A place for a new process of this name: an exited one of the same name is replaced.  NULL: answered. */
static struct process *new_process(struct interp *in, struct word name)
{
    struct process *old = find_process(in, name);

    if (!good_name(in, name))
        return NULL;
    if (is_reserved_name(name)) {
        fail(in, "the name of a command:", &name);
        return NULL;
    }
    if (old && !old->exited) {
        fail(in, "there is a process", &name);
        return NULL;
    }
    if (!old && in->processes == PROCESSES_MAX) {
        fail(in, "too many processes", NULL);
        return NULL;
    }
    return old ? old : &in->process[in->processes];
}

static void add_process(struct interp *in, struct process *at, struct word name, struct proc *p, unsigned cpu)
{
    if (at == &in->process[in->processes])
        in->processes++;
    else
        proc_free(at->p);
    *at = (struct process){ .p = p, .cpu = cpu };
    copy_name(at->name, name);
}

void put_on_cpu(struct interp *in, struct process *p)
{
    check_flush_doing(in, p->cpu);
    if (proc_current(in->kernel, p->cpu) != p->p)
        proc_run_on(in->kernel, p->cpu, p->p);
}

void done_value(struct interp *in, long value)
{
    const char *name;

    text_str(&in->t, "= ");
    if (value >= 0 || value < -4095) {
        if (value)
            text_0x(&in->t, (u64)value);
        else
            text_char(&in->t, '0');
    } else {
        name = mm_errno_name((int)-value);
        text_char(&in->t, '-');
        if (name)
            text_str(&in->t, name);
        else
            text_dec(&in->t, (u64)-value);
    }
    line_end(in);
}

/* ---- top-level commands ------------------------------------------------------------------------------------ */

bool cmd_proc(struct interp *in, const struct words *w)
{
    struct process *at = new_process(in, w->w[1]);
    char name[NAME_BYTES];
    struct proc *p;

    if (!at)
        return false;
    copy_name(name, w->w[1]);
    p = proc_new(in->kernel, name);
    if (!p)
        return fail(in, "the machine has no memory for a process", NULL);
    mm_set_brk_start(p, BRK_START);
    add_process(in, at, w->w[1], p, 0);
    done_ok(in);
    return true;
}

static bool listing(struct interp *in, void (*show)(const struct kernel *k, const struct pw_out *out))
{
    const struct pw_out out = listing_out(in);

    show(in->kernel, &out);
    done_dot(in);
    return true;
}

bool cmd_meminfo(struct interp *in, const struct words *w) { (void)w; return listing(in, kernel_show_meminfo); }

bool cmd_buddyinfo(struct interp *in, const struct words *w) { (void)w; return listing(in, kernel_show_buddyinfo); }

bool cmd_vmstat(struct interp *in, const struct words *w) { (void)w; return listing(in, kernel_show_vmstat); }

bool cmd_swapoff(struct interp *in, const struct words *w) { (void)w; done_value(in, kernel_swapoff(in->kernel)); return true; }
bool cmd_swapon(struct interp *in, const struct words *w) { (void)w; done_value(in, kernel_swapon(in->kernel)); return true; }

bool cmd_check(struct interp *in, const struct words *w)
{
    const char *broken = mm_check(in->kernel);

    (void)w;
    if (broken)
        return fail(in, broken, NULL);
    done_ok(in);
    return true;
}

bool cmd_clock(struct interp *in, const struct words *w)
{
    u64 ns;

    if (!need_number(in, w, 1, &ns))
        return false;
    sim_set_now(in->sim, ns);
    done_ok(in);
    return true;
}

/* ---- NAME COMMAND ------------------------------------------------------------------------------------------ */

static bool fork_as(struct interp *in, struct process *p, const struct words *w, unsigned flags)
{
    struct process *at = new_process(in, w->w[2]);
    char name[NAME_BYTES];
    struct proc *child;
    long value;

    if (!at)
        return false;
    copy_name(name, w->w[2]);
    put_on_cpu(in, p);
    value = proc_fork(p->p, p->cpu, name, flags, &child);
    if (value == 0)
        add_process(in, at, w->w[2], child, p->cpu);
    done_value(in, value);
    return true;
}

static bool do_fork(struct interp *in, struct process *p, const struct words *w) { return fork_as(in, p, w, 0); }

static bool do_thread(struct interp *in, struct process *p, const struct words *w)
{
    return fork_as(in, p, w, PROC_FORK_VM);
}

static void leave_cpu(struct interp *in, struct process *p)
{
    for (unsigned cpu = 0; cpu < in->cpus; cpu++)
        if (proc_current(in->kernel, cpu) == p->p)
            proc_run_on(in->kernel, cpu, NULL);
}

static bool do_exit(struct interp *in, struct process *p, const struct words *w)
{
    (void)w;
    leave_cpu(in, p);
    proc_exit(p->p);
    p->exited = true;
    done_value(in, 0);
    return true;
}

static bool do_execve(struct interp *in, struct process *p, const struct words *w)
{
    char name[NAME_BYTES];
    long value;

    if (w->n > 2 && !good_name(in, w->w[2]))
        return false;
    copy_name(name, w->w[w->n > 2 ? 2 : 0]);
    put_on_cpu(in, p);
    value = proc_exec_begin(p->p, name);
    if (value == 0)
        mm_set_brk_start(p->p, BRK_START);
    done_value(in, value);
    return true;
}

static bool do_on(struct interp *in, struct process *p, const struct words *w)
{
    unsigned cpu;

    if (!word_cpu(w->w[2], &cpu) || cpu >= in->cpus)
        return fail(in, "this machine has no", &w->w[2]);
    if (cpu != p->cpu)
        leave_cpu(in, p);
    p->cpu = cpu;
    put_on_cpu(in, p);
    done_ok(in);
    return true;
}

static bool do_stack(struct interp *in, struct process *p, const struct words *w)
{
    u64 start, end;

    if (!need_number(in, w, 2, &start) || !need_number(in, w, 3, &end))
        return false;
    if (start >= end || (start | end) & PAGE_MASK_LOW || end > 0x7ffffffff000ull)
        return fail(in, "no such range for a stack", NULL);
    put_on_cpu(in, p);
    done_value(in, mm_setup_stack(p->p, start, end));
    return true;
}

static const struct {
    const char *name;
    process_fn *fn;
    u8 words_min, words_max; /* with NAME and the command                                                      */
} process_commands[] = {
    { "read", cmd_read, 3, 4 },       { "write", cmd_write, 3, 4 },           { "exec", cmd_exec, 3, 4 },
    { "fork", do_fork, 3, 3 },        { "thread", do_thread, 3, 3 },          { "exit", do_exit, 2, 3 },
    { "execve", do_execve, 2, 3 },    { "on", do_on, 3, 3 },                  { "stack", do_stack, 4, 4 },
    { "flushes", cmd_flushes, 2, 2 },
    { "faults", cmd_faults, 2, 2 },   { "maps", cmd_maps, 2, 2 },             { "smaps", cmd_smaps, 2, 2 },
    { "pin", cmd_pin, 5, 6 },
    { "smaps_rollup", cmd_smaps_rollup, 2, 2 }, { "statm", cmd_statm, 2, 2 }, { "numa_maps", cmd_numa_maps, 2, 2 },
    { "status", cmd_status, 2, 2 },   { "pagemap", cmd_pagemap, 4, 4 },       { "copy_from", cmd_copy_from, 3, 4 },
    { "copy_to", cmd_copy_to, 3, 4 },   { "userfaultfd", cmd_userfaultfd, 3, 4 }, { "uffd", cmd_uffd, 4, 8 },
    { "clear_refs", cmd_clear_refs, 3, 3 }, { "pagemap_scan", cmd_pagemap_scan, 4, WORDS_MAX },
    { "prctl", cmd_prctl, 3, 7 },     { "set_vma_name", cmd_set_vma_name, 5, 5 },
    { "setrlimit", cmd_setrlimit, 4, 4 }, { "wrpkru", cmd_wrpkru, 3, 3 }, { "rdpkru", cmd_rdpkru, 2, 2 },
    { "process_madvise", cmd_process_madvise, 4, WORDS_MAX },
};

bool cmd_process(struct interp *in, struct process *p, const struct words *w)
{
    if (w->n < 2)
        return fail(in, "what shall it do:", &w->w[0]);
    if (p->exited && !word_is(w->w[1], "faults"))
        return fail(in, "this process has exited:", &w->w[0]);
    for (size_t i = 0; i < COUNT_OF(process_commands); i++)
        if (word_is(w->w[1], process_commands[i].name)) {
            if (w->n < process_commands[i].words_min || w->n > process_commands[i].words_max)
                return fail(in, "a wrong number of words for", &w->w[1]);
            return process_commands[i].fn(in, p, w);
        }
    return cmd_syscall(in, p, w);
}
