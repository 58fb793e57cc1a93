/* SPDX-License-Identifier: GPL-2.0-or-later
 * write.c - the results file (docs/formats.md), written once, when the process ends. */
#include "cap.h"
#include "base/crc32.h"
#include "pub_tool_xarray.h"

static struct {
    Int fd;
    u32 crc;
    ULong lines;
    SizeT used;
    Bool failed;
    HChar buf[65536];
} w;

/* ---- lines of text -------------------------------------------------------------------------------------------- */

static void flush(void)
{
    SizeT done = 0;
    while (done < w.used && !w.failed) {
        Int n = VG_(write)(w.fd, w.buf + done, (Int)(w.used - done));
        w.failed = n <= 0;
        done += n > 0 ? (SizeT)n : 0;
    }
    w.used = 0;
}

static void put(const HChar *s, SizeT len)
{
    w.crc = crc32_add(w.crc, s, len);
    for (; len; len--) {
        if (w.used == sizeof w.buf)
            flush();
        w.buf[w.used++] = *s++;
    }
}

static void field(const HChar *s)
{
    put("\t", 1);
    put(s, VG_(strlen)(s));
}

static void escaped(const HChar *s)
{
    for (; *s; s++) {
        HChar hex[4];
        if ((UChar)*s >= 0x20 && *s != 0x7f && *s != '%') {
            put(s, 1);
            continue;
        }
        VG_(snprintf)(hex, sizeof hex, "%%%02X", (UInt)(UChar)*s);
        put(hex, 3);
    }
}

static void string(const HChar *s)
{
    put("\t", 1);
    escaped(s);
}

static void number(ULong n)
{
    HChar text[24];
    VG_(snprintf)(text, sizeof text, "%llu", n);
    field(text);
}

static void unknown(void) { field("?"); }
static void begin_line(const HChar *kind) { put(kind, VG_(strlen)(kind)); }

static void end_line(void)
{
    put("\n", 1);
    w.lines++;
}

static void text(const HChar *name, const HChar *value)
{
    begin_line("text");
    field(name);
    string(value);
    end_line();
}

static void count(const HChar *name, ULong n)
{
    begin_line("count");
    field(name);
    number(n);
    end_line();
}

static void count_unknown(const HChar *name)
{
    begin_line("count");
    field(name);
    unknown();
    end_line();
}

static void count_at(const HChar *a, const HChar *b, const HChar *c, ULong n)
{
    HChar name[96];
    VG_(snprintf)(name, sizeof name, "%s%s%s", a, b, c);
    count(name, n);
}

static void table(const HChar *name, const HChar *const *columns)
{
    begin_line("table");
    field(name);
    for (; *columns; columns++)
        field(*columns);
    end_line();
}

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
    count_at(a, b, "", n + (at ? (ULong)VG_(strtoll10)(at + VG_(strlen)(line), NULL) : 0));
}

/* ---- events --------------------------------------------------------------------------------------------------- */

#define EVENT_COLUMNS "instructions", "loads", "stores", "l1i_miss", "l1d_miss", "walks_i", "walks_d", "walk_reads", \
                      "walk_cycles", "minor", "major", "cow", NULL

static void costs(const struct sim_cost *c)
{
    const ULong v[] = { c->l1i_miss, c->l1d_miss, c->walks_i, c->walks_d, c->walk_reads, c->walk_cycles, c->minor, c->major, c->cow };
    for (UInt i = 0; i < sizeof v / sizeof v[0]; i++)
        number(v[i]);
}

static void line_row(void *ctx, const struct cap_line *l)
{
    (void)ctx;
    begin_line("row");
    string(l->object);
    string(l->file);
    string(l->function);
    number(l->line);
    number(l->instructions);
    number(l->loads);
    number(l->stores);
    costs(&l->cost);
    end_line();
}

static void mapping_row(void *ctx, const struct sim_mapping *m)
{
    (void)ctx;
    begin_line("row");
    string(m->name);
    string(m->kind);
    string(m->perms);
    number(m->bytes);
    unknown();
    unknown();
    unknown();
    costs(&m->cost);
    end_line();
}

static void mapping_faults_row(void *ctx, const struct sim_mapping *m)
{
    (void)ctx;
    begin_line("row");
    string(m->name);
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        number(m->faults[i]);
    end_line();
}

static void write_tables(void)
{
    static const HChar *const lines[] = { "$object", "$file", "$function", "line", EVENT_COLUMNS };
    static const HChar *const mappings[] = { "$name", "$kind", "$perms", "bytes", EVENT_COLUMNS };
    const HChar *faults[MM_FAULT_KINDS + 2] = { "$mapping" };
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        faults[i + 1] = mm_fault_kind_name(i);
    table("lines", lines);
    cap_each_line(line_row, NULL);
    table("mappings", mappings);
    sim_each_mapping(cap.sim, mapping_row, NULL);
    table("faults_by_mapping", faults);
    sim_each_mapping(cap.sim, mapping_faults_row, NULL);
}

/* ---- the machine ---------------------------------------------------------------------------------------------- */

static void write_arrays(void)
{
    static const HChar *const columns[] = { "$name", "level", "$ports", "$sizes", "entries", "ways", "sets", "$replacement", "$source", NULL };
    static const HChar *const repl[] = { "LRU", "tree-PLRU", "(MRU+1)%3-PLRU4", "NRU", "random" };
    table("arrays", columns);
    for (UInt i = 0; i < cap.profile->tlbs; i++) {
        const struct mmu_tlb_desc *t = &cap.profile->tlb[i];
        HChar ports[32] = "", sizes[16] = "";
        VG_(snprintf)(ports, sizeof ports, "%s%s%s", t->ports & MMU_PORT_I ? "I" : "", t->ports & MMU_PORT_LOAD ? "L" : "", t->ports & MMU_PORT_STORE ? "S" : "");
        VG_(snprintf)(sizes, sizeof sizes, "%s%s%s", t->sizes & 1 ? "4K " : "", t->sizes & 2 ? "2M " : "", t->sizes & 4 ? "1G " : "");
        if (sizes[0])
            sizes[VG_(strlen)(sizes) - 1] = 0;
        begin_line("row");
        string(t->name);
        number(t->level);
        string(ports);
        string(sizes);
        number((ULong)t->ways * t->sets);
        number(t->ways);
        number(t->sets);
        string(repl[t->repl]);
        string(t->source);
        end_line();
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
        count_at("tlb.", side[i], "lookups", s.lookups[i] + accesses[i] - cap.slow[i]);
        for (UInt j = 0; j < MMU_SIZES; j++) {
            count_at(i ? "tlb.d." : "tlb.i.", "l1_miss.", size[j], s.l1_miss[i][j]);
            count_at(i ? "tlb.d." : "tlb.i.", "stlb_hit.", size[j], s.stlb_hit[i][j]);
            count_at("walks.", side[i], size[j], s.walks[i][j]);
        }
        count_at("walks.", side[i], "faulted", s.walks_faulted[i]);
    }
    for (UInt l = 0; l < 4; l++) {
        count_at("walks.reads.", level[l], "", s.reads[l]);
        count_at("walks.psc_hit.", level[l], "", s.psc_hit[l]);
    }
    count("walks.rewalks_dirty", s.rewalks_dirty);
    count("walks.ad_writes", s.ad_writes);
    count("cycles.walk", s.cycles_walk);
    count("cycles.stlb", s.cycles_stlb);
    count("cycles.base", cap_totals.instructions);
}

/* ---- the kernel ------------------------------------------------------------------------------------------------ */

static void write_kernel(void)
{
    const struct mm_counters *c = proc_counters(cap.proc);
    struct mm_rss rss;
    mm_rss(cap.proc, &rss);
    count_over_exec("faults.", "minor", c->minor);
    count_over_exec("faults.", "major", c->major);
    for (UInt i = 0; i < MM_FAULT_KINDS; i++)
        count_over_exec("faults.", mm_fault_kind_name(i), c->faults[i]);
    count_over_exec("faults.", "copied_pages", c->copied_pages);
    count_over_exec("faults.", "zeroed_pages", c->zeroed_pages);
    count("faults.tool", 0);
    count("rss.anon", rss.anon_pages);
    count("rss.file", rss.file_pages);
    count("rss.shmem", rss.shmem_pages);
    count("rss.peak", rss.peak_rss_pages);
    count("rss.tables", rss.table_pages);
    count("rss.peak_tables", rss.peak_table_pages);
    count("tlb.flush_pages", c->flush_pages);
    count("tlb.flush_full", c->flush_full);
    count("tlb.shootdown_ipis", c->ipis);
}

static void write_syscalls(void)
{
    static const HChar *const columns[] = { "$name", "calls", "errors", "divergent", NULL };
    static const HChar *const divergences[] = { "$call", "$recorded", "$modelled", "count", NULL };
    const struct cap_syscall_count *s;
    const struct cap_divergence *d;
    UInt n = cap_syscall_counts(&s);
    table("syscalls", columns);
    for (UInt i = 0; i < n; i++) {
        if (!s[i].calls)
            continue;
        begin_line("row");
        string(s[i].name);
        number(s[i].calls);
        number(s[i].errors);
        number(s[i].divergent);
        end_line();
    }
    n = cap_divergences(&d);
    table("divergences", divergences);
    for (UInt i = 0; i < n; i++) {
        begin_line("row");
        string(d[i].call);
        string(d[i].recorded);
        string(d[i].modelled);
        number(d[i].count);
        end_line();
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
        escaped(arg);
        return;
    }
    put("'", 1);
    for (; *arg; arg++) {
        HChar one[2] = { *arg, 0 };
        escaped(*arg == '\'' ? "'\\''" : one);
    }
    put("'", 1);
}

static void write_arguments(void)
{
    begin_line("text");
    field("arguments");
    put("\t", 1);
    quoted(VG_(args_the_exename));
    for (Word i = 0; i < VG_(sizeXA)(VG_(args_for_client)); i++) {
        put(" ", 1);
        quoted(*(HChar **)VG_(indexXA)(VG_(args_for_client), i));
    }
    end_line();
}

static void write_program(void)
{
    text("program", VG_(args_the_exename));
    text("profile", cap.profile->name);
    text("profile.title", cap.profile->title);
    text("kernel", "6.18");
    text("tool", PAGEWALK_VERSION);
    text("exit.kind", cap.exiting ? "exited" : "signalled");
    if (cap.exiting)
        count("exit.value", cap.exit_status);
    else
        count_unknown("exit.value"); /* only the parent learns which signal; `pagewalk run` fills it in */
    count("pid", (ULong)VG_(getpid)());
    count("parent", (ULong)VG_(getppid)());
    count("instructions", cap_totals.instructions);
    count("loads", cap_totals.loads);
    count("stores", cap_totals.stores);
    count("modifies", cap_totals.modifies);
    count("fetches", cap_totals.instructions + cap_totals.crossings);
    count("kernel_accesses", cap.kernel_pages);
    count("threads", cap.threads);
    count("cpus", (ULong)cap.opt.cpus);
    count("children", cap.children);
    count("children_not_followed", cap.opt.follow ? 0 : cap.children);
    if (cap.opt.check) {
        struct sim_check check;
        sim_check_result(cap.sim, &check);
        count("check.accesses", check.accesses);
        count("check.differences", check.differences);
    }
}

void cap_write_results(void)
{
    HChar *path = VG_(expand_file_name)("--pw-out", cap.opt.out), end[64];
    w.crc = 0;
    w.lines = 0;
    w.failed = False;
    cap_fold_all();
    w.fd = VG_(fd_open)(path, VKI_O_CREAT | VKI_O_TRUNC | VKI_O_WRONLY, 0666);
    if (w.fd < 0) {
        VG_(umsg)("pagewalk: cannot write %s\n", path);
        return;
    }
    put("pagewalk-results 1", 18);
    end_line();
    write_program();
    write_machine();
    write_kernel();
    write_arguments();          /* may be long: what cap_read_results_before_exec() looks for comes first */
    write_arrays();
    write_syscalls();
    write_tables();
    u32 crc = w.crc;
    SizeT n = (SizeT)VG_(snprintf)(end, sizeof end, "end\t%llu\t%08x\n", w.lines, crc);
    put(end, n);
    flush();
    VG_(close)(w.fd);
    if (w.failed)
        VG_(umsg)("pagewalk: cannot write all of %s\n", path);
    VG_(free)(path);
}
