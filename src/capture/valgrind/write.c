/* SPDX-License-Identifier: GPL-2.0-or-later
 * write.c - the results file (docs/formats.md), written once, when the process ends. */
#include "calls.h"
#include "put.h"
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

static void count_over_exec(const HChar *a, const HChar *b, ULong n)
{
    HChar line[96];
    const HChar *at;
    VG_(snprintf)(line, sizeof line, "\ncount\t%s%s\t", a, b);
    at = VG_(strstr)(before_exec, line);
    put_count_at(a, b, "", n + (at ? (ULong)VG_(strtoll10)(at + VG_(strlen)(line), NULL) : 0));
}

/* ---- events --------------------------------------------------------------------------------------------------- */

#define EVENT_COLUMNS "instructions", "loads", "stores", CAP_COST_COLUMNS, NULL

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

static void mapping_row(void *ctx, const struct sim_mapping *m)
{
    (void)ctx;
    put_begin("row");
    put_string(m->name);
    put_string(m->kind);
    put_string(m->perms);
    put_number(m->bytes);
    put_unknown();
    put_unknown();
    put_unknown();
    put_costs(&m->cost);
    put_end();
}

static void mapping_faults_row(void *ctx, const struct sim_mapping *m)
{
    (void)ctx;
    put_begin("row");
    put_string(m->name);
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        put_number(m->faults[i]);
    put_end();
}

static void write_tables(void)
{
    static const HChar *const lines[] = { "$object", "$file", "$function", "line", EVENT_COLUMNS };
    static const HChar *const mappings[] = { "$name", "$kind", "$perms", "bytes", EVENT_COLUMNS };
    const HChar *faults[MM_FAULT_KINDS + 2] = { "$mapping" };
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        faults[i + 1] = mm_fault_kind_name(i);
    put_table("lines", lines);
    cap_each_line(line_row, NULL);
    put_table("mappings", mappings);
    sim_each_mapping(cap.sim, mapping_row, NULL);
    put_table("faults_by_mapping", faults);
    sim_each_mapping(cap.sim, mapping_faults_row, NULL);
    if (cap.opt.call_paths)
        cap_put_paths();
}

/* ---- the machine ---------------------------------------------------------------------------------------------- */

static void write_arrays(void)
{
    static const HChar *const columns[] = { "$name", "level", "$ports", "$sizes", "entries", "ways", "sets", "$replacement", "$source", NULL };
    static const HChar *const repl[] = { "LRU", "tree-PLRU", "(MRU+1)%3-PLRU4", "NRU", "random" };
    put_table("arrays", columns);
    for (UInt i = 0; i < cap.profile->tlbs; i++) {
        const struct mmu_tlb_desc *t = &cap.profile->tlb[i];
        HChar ports[32] = "", sizes[16] = "";
        VG_(snprintf)(ports, sizeof ports, "%s%s%s", t->ports & MMU_PORT_I ? "I" : "", t->ports & MMU_PORT_LOAD ? "L" : "", t->ports & MMU_PORT_STORE ? "S" : "");
        VG_(snprintf)(sizes, sizeof sizes, "%s%s%s", t->sizes & 1 ? "4K " : "", t->sizes & 2 ? "2M " : "", t->sizes & 4 ? "1G " : "");
        if (sizes[0])
            sizes[VG_(strlen)(sizes) - 1] = 0;
        put_begin("row");
        put_string(t->name);
        put_number(t->level);
        put_string(ports);
        put_string(sizes);
        put_number((ULong)t->ways * t->sets);
        put_number(t->ways);
        put_number(t->sets);
        put_string(repl[t->repl]);
        put_string(t->source);
        put_end();
    }
}

static void write_machine(void)
{
    static const HChar *const side[] = { "i.", "d." }, *const size[] = { "4k", "2m", "1g" }, *const level[] = { "0", "1", "2", "3" };
    struct mmu_stats s;
    const ULong accesses[] = { cap_totals.instructions + cap_totals.crossings,
                               cap_totals.loads + cap_totals.stores - cap_totals.modifies };
    cap_machine_stats(&s);
    for (UInt i = 0; i < MMU_SIDES; i++) {
        /* Accesses that the filter dismissed were hits that never reached the machine. */
        put_count_at("tlb.", side[i], "lookups", s.lookups[i] + accesses[i] - cap.slow[i]);
        for (UInt j = 0; j < MMU_SIZES; j++) {
            put_count_at(i ? "tlb.d." : "tlb.i.", "l1_miss.", size[j], s.l1_miss[i][j]);
            put_count_at(i ? "tlb.d." : "tlb.i.", "stlb_hit.", size[j], s.stlb_hit[i][j]);
            put_count_at("walks.", side[i], size[j], s.walks[i][j]);
        }
        put_count_at("walks.", side[i], "faulted", s.walks_faulted[i]);
    }
    for (UInt l = 0; l < 4; l++) {
        put_count_at("walks.reads.", level[l], "", s.reads[l]);
        put_count_at("walks.psc_hit.", level[l], "", s.psc_hit[l]);
    }
    put_count("walks.rewalks_dirty", s.rewalks_dirty);
    put_count("walks.ad_writes", s.ad_writes);
    put_count("cycles.walk", s.cycles_walk);
    put_count("cycles.stlb", s.cycles_stlb);
    put_count("cycles.base", cap_totals.instructions);
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

static void write_kernel(void)
{
    const struct mm_counters *c = proc_counters(follow_proc(cap.follower));
    struct mm_rss rss;
    mm_rss(follow_proc(cap.follower), &rss);
    count_over_exec("faults.", "minor", c->minor);
    count_over_exec("faults.", "major", c->major);
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        count_over_exec("faults.", mm_fault_kind_name(i), c->faults[i]);
    count_over_exec("faults.", "copied_pages", c->copied_pages);
    count_over_exec("faults.", "zeroed_pages", c->zeroed_pages);
    put_count("faults.tool", 0);
    put_count("rss.anon", rss.anon_pages);
    put_count("rss.file", rss.file_pages);
    put_count("rss.shmem", rss.shmem_pages);
    put_count("rss.peak", rss.peak_rss_pages);
    put_count("rss.tables", rss.table_pages);
    put_count("rss.peak_tables", rss.peak_table_pages);
    put_count("tlb.flush_pages", c->flush_pages);
    put_count("tlb.flush_full", c->flush_full);
    put_count("tlb.shootdown_ipis", c->ipis);
}

static void write_syscalls(void)
{
    static const HChar *const columns[] = { "$name", "calls", "errors", "divergent", NULL };
    static const HChar *const divergences[] = { "$call", "$recorded", "$modelled", "count", NULL };
    const struct follow_count *s = follow_counts(cap.follower);
    const struct cap_divergence *d;
    UInt n;
    put_table("syscalls", columns);
    for (UInt i = 0; i < TRACE_CALLS; i++) {
        if (!s[i].calls)
            continue;
        put_begin("row");
        put_string(trace_call_name(i));
        put_number(s[i].calls);
        put_number(s[i].errors);
        put_number(s[i].divergent);
        put_end();
    }
    n = cap_divergences(&d);
    put_table("divergences", divergences);
    for (UInt i = 0; i < n; i++) {
        put_begin("row");
        put_string(d[i].call);
        put_string(d[i].recorded);
        put_string(d[i].modelled);
        put_number(d[i].count);
        put_end();
    }
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
    write_arrays();
    write_syscalls();
    cap_put_flush_table();
    write_tables();
    cap_write_where();
    if (!put_close())
        VG_(umsg)("pagewalk: cannot write all of %s\n", path);
    VG_(free)(path);
}
