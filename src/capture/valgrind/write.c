/* SPDX-License-Identifier: GPL-2.0-or-later
 * write.c - the results file (docs/formats.md), written once, when the process ends. */
#include "calls.h"
#include "heap.h"
#include "l1.h"
#include "put.h"
#include "starts.h"
#include "pub_tool_xarray.h"

/* ---- before execve --------------------------------------------------------------------------------------------- *
 * A process keeps its fault counters over execve (ru_minflt goes on).  The image before has left its results under this
 * process's own name; they are read when the new one begins. */

static HChar before_exec[16384];

void cap_read_results_before_exec(void)
{
    HChar *path = VG_(expand_file_name)("--pw-out", cap.opt.out);
    Int fd = VG_(fd_open)(path, VKI_O_RDONLY, 0), n = fd < 0 ? 0 : VG_(read)(fd, before_exec, sizeof before_exec - 1);
    before_exec[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        VG_(close)(fd);
    VG_(free)(path);
}

void cap_forget_results_before_exec(void) { before_exec[0] = 0; }

static u64 faults_before_exec(const char *name)
{
    HChar line[96];
    const HChar *at;
    VG_(snprintf)(line, sizeof line, "\ncount\tfaults.%s\t", name);
    at = VG_(strstr)(before_exec, line);
    return at ? (u64)VG_(strtoll10)(at + VG_(strlen)(line), NULL) : 0;
}

static u64 count_before_exec(void *ctx, const char *name)
{
    (void)ctx;
    return faults_before_exec(name);
}

/* ---- who ------------------------------------------------------------------------------------------------------ */

static void line_row(void *ctx, const struct cap_line *l)
{
    (void)ctx;
    put_begin("row");
    put_string(l->object);
    put_string(l->file);
    put_string(l->function);
    put_number(l->line);
    put_number(l->instructions);
    put_number(l->loads);
    put_number(l->stores);
    put_costs(&l->cost);
    put_end();
}

static void write_tables(void)
{
    results_put_lines_begin(&put_out);
    cap_each_line(line_row, NULL);
    results_put_mappings(&put_out, cap.sim);
    if (cap.opt.call_paths)
        cap_put_paths();
    if (cap.opt.heap)
        cap_put_heap(cap_totals.loads + cap_totals.stores - cap_totals.modifies);
}

/* ---- the machine and the kernel ------------------------------------------------------------------------------- */

static void write_machine(void)
{
    struct mmu_stats s;
    /* Accesses that the filter dismissed were hits that never reached the machine. */
    const u64 skipped[] = { cap_totals.instructions + cap_totals.crossings - cap.slow[MMU_SIDE_I],
                            cap_totals.loads + cap_totals.stores - cap_totals.modifies - cap.slow[MMU_SIDE_D] };
    const struct sim_guest guest = sim_guest(cap.sim);
    cap_machine_stats(&s);
    results_count_guest(&s, &guest);
    results_put_machine(&put_out, &s, skipped);
    results_put_guest(&put_out, &guest);
    put_count("cycles.base", cap_totals.instructions);
    cap_l1_put();
}

/* A replay knows this image only. */
static void write_before_exec(void)
{
    static const HChar *const others[] = { "minor", "major", "copied_pages", "zeroed_pages" };
    HChar name[64];
    for (UInt i = 0; before_exec[0] && i < MM_FAULT_KINDS + 4; i++) {
        const HChar *of = i < MM_FAULT_KINDS ? mm_fault_kind_name((enum mm_fault_kind)i) : others[i - MM_FAULT_KINDS];
        VG_(snprintf)(name, sizeof name, "before_exec.%s", of);
        if (faults_before_exec(of))
            put_count(name, faults_before_exec(of));
    }
}

static void write_kernel(void)
{
    write_before_exec();
    results_put_faults(&put_out, follow_proc(cap.follower), count_before_exec, NULL);
    put_count("faults.tool", 0);
    results_put_kernel(&put_out, follow_proc(cap.follower));
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

/* As a shell would take it: in single quotes unless it is plain. */
static void quoted(const HChar *arg)
{
    const HChar *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%";
    Bool is_plain = *arg != 0;
    for (const HChar *s = arg; *s; s++)
        is_plain = is_plain && VG_(strchr)(plain, *s);
    if (is_plain) {
        put_escaped(arg);
        return;
    }
    put_bytes("'", 1);
    for (; *arg; arg++) {
        HChar one[2] = { *arg, 0 };
        put_escaped(*arg == '\'' ? "'\\''" : one);
    }
    put_bytes("'", 1);
}

static void write_arguments(void)
{
    put_begin("text");
    put_field("arguments");
    put_bytes("\t", 1);
    quoted(VG_(args_the_exename));
    for (Word i = 0; i < VG_(sizeXA)(VG_(args_for_client)); i++) {
        put_bytes(" ", 1);
        quoted(*(HChar **)VG_(indexXA)(VG_(args_for_client), i));
    }
    put_end();
}

static void write_program(void)
{
    put_text("program", VG_(args_the_exename));
    put_text("profile", cap.profile->name);
    put_text("profile.title", cap.profile->title);
    put_text("kernel", "6.18");
    put_text("tool", PAGEWALK_VERSION);
    put_text("exit.kind", cap.exiting ? "exited" : "signalled");
    if (cap.exiting)
        put_count("exit.value", cap.exit_status);
    else
        put_count_unknown("exit.value"); /* only the parent learns which signal; `pagewalk run` fills it in */
    put_count("pid", (ULong)VG_(getpid)());
    put_count("parent", (ULong)VG_(getppid)());
    put_count("instructions", cap_totals.instructions);
    put_count("loads", cap_totals.loads);
    put_count("stores", cap_totals.stores);
    put_count("modifies", cap_totals.modifies);
    put_count("fetches", cap_totals.instructions + cap_totals.crossings);
    put_count("kernel_accesses", cap.kernel_pages);
    put_count("threads", cap.threads);
    put_count("cpus", (ULong)cap.opt.cpus);
    put_count("children", cap.children);
    put_count("children_not_followed", cap.opt.follow ? 0 : cap.children);
    if (cap.opt.check) {
        struct sim_check check;
        sim_check_result(cap.sim, &check);
        put_count("check.accesses", check.accesses);
        put_count("check.differences", check.differences);
    }
    cap_put_flush_counts();
    cap_put_kernel_check();
}

void cap_write_results(void)
{
    HChar *path = VG_(expand_file_name)("--pw-out", cap.opt.out);
    cap_fold_all();
    if (!put_open(path)) {
        VG_(umsg)("pagewalk: cannot write %s\n", path);
        return;
    }
    write_program();
    write_machine();
    write_kernel();
    write_arguments();          /* may be long: what cap_read_results_before_exec() looks for comes first */
    results_put_arrays(&put_out, cap.profile);
    if (cap.opt.l1)
        results_put_cache_arrays(&put_out, cap.profile);
    results_put_syscalls(&put_out, cap.follower);
    results_put_divergences(&put_out, cap.follower);
    cap_put_flush_table();
    write_tables();
    cap_write_where();
    cap_write_forks();
    cap_write_starts();
    if (!put_close())
        VG_(umsg)("pagewalk: cannot write all of %s\n", path);
    VG_(free)(path);
}
