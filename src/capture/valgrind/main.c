/* SPDX-License-Identifier: GPL-2.0-or-later
 * main.c - the capture tool's beginning and end: options, the session, Valgrind's events.
 *
 * Started by `pagewalk run` (src/cli/launch.c), which sets VALGRIND_LIB to this tool's folder and VALGRIND_LAUNCHER to
 * itself.  Threads run one at a time; each is placed on a simulated CPU. */
#include "calls.h"
#include "forks.h"
#include "starts.h"
#include "heap.h"
#include "l1.h"

struct cap_state cap;

static struct mmu_stats counted_before[64]; /* per CPU: what was counted before this process began             */

/* ---- options ------------------------------------------------------------------------------------------------- */

static Bool option(const HChar *arg)
{
    const HChar *number = NULL;
    if VG_STR_CLO(arg, "--pw-out", cap.opt.out) {}
    else if VG_STR_CLO(arg, "--pw-profile", cap.opt.profile) {}
    else if VG_BINT_CLO(arg, "--pw-cpus", cap.opt.cpus, 1, 64) {}
    else if VG_STR_CLO(arg, "--pw-ram", number) { cap.opt.ram_bytes = (ULong)VG_(strtoll10)(number, NULL); }
    else if VG_BOOL_CLO(arg, "--pw-check", cap.opt.check) {}
    else if VG_BOOL_CLO(arg, "--pw-check-kernel", cap.opt.check_kernel) {}
    else if VG_BOOL_CLO(arg, "--pw-check-flush", cap.opt.check_flush) {}
    else if VG_BOOL_CLO(arg, "--pw-filter", cap.opt.filter) {}
    else if VG_BOOL_CLO(arg, "--pw-follow", cap.opt.follow) {}
    else if VG_STR_CLO(arg, "--pw-name", cap.opt.name) {}
    else if VG_STR_CLO(arg, "--pw-thp", cap.opt.thp) {}
    else if VG_STR_CLO(arg, "--pw-record-file", cap.opt.record_file) {}
    else if VG_INT_CLO(arg, "--pw-record", cap.opt.record_fd) { cap.opt.record = cap.opt.record_fd >= 0; }
    else if VG_STR_CLO(arg, "--pw-max-map-count", number) { cap.opt.max_map_count = (ULong)VG_(strtoll10)(number, NULL); }
    else if VG_STR_CLO(arg, "--pw-mmap-min-addr", number) { cap.opt.mmap_min_addr = (ULong)VG_(strtoll10)(number, NULL); }
    else if VG_BOOL_CLO(arg, "--pw-heap", cap.opt.heap) {}
    else if VG_BOOL_CLO(arg, "--pw-l1", cap.opt.l1) {}
    else if VG_STR_CLO(arg, "--pw-guest", cap.opt.guest) {}
    else if VG_BINT_CLO(arg, "--pw-host-page-lg2", cap.opt.host_page_lg2, PAGE_LG2, 21) {}
    else if VG_BINT_CLO(arg, "--pw-call-paths", cap.opt.call_paths, 0, PATH_DEPTH_MAX) {}
    else return False;
    return True;
}

static void usage(void)
{
    VG_(printf)("    (started by `pagewalk run`; see pagewalk(1))\n");
}

static void debug_usage(void) { VG_(printf)("    (none)\n"); }

/* ---- the session --------------------------------------------------------------------------------------------- */

static ULong physical_memory(void)
{
    HChar buf[256];
    Int fd = VG_(fd_open)("/proc/meminfo", VKI_O_RDONLY, 0), n = fd < 0 ? 0 : VG_(read)(fd, buf, sizeof buf - 1);
    const HChar *at;
    if (fd >= 0)
        VG_(close)(fd);
    buf[n > 0 ? n : 0] = 0;
    at = VG_(strstr)(buf, "MemTotal:");
    if (!at)
        return 8ull << 30;
    for (at += 9; *at == ' '; at++)
        ;
    return (ULong)VG_(strtoll10)(at, NULL) * 1024;
}

/* Address space for the simulated memory; pages come as they are touched. */
static void *sparse(ULong bytes)
{
    void *p = bytes ? VG_(am_shadow_alloc)(page_up(bytes)) : NULL;
    return p && cap_make_sparse(p, page_up(bytes)) ? p : NULL;
}

static enum mm_thp thp(const HChar *name)
{
    return VG_STREQ(name, "always") ? MM_THP_ALWAYS : VG_STREQ(name, "madvise") ? MM_THP_MADVISE : MM_THP_NEVER;
}

static void cannot_begin(const HChar *why)
{
    VG_(printf)("pagewalk: %s\n", why);
    VG_(exit)(125);
}

/* A built-in profile's name, or a whole profile spelled out. */
static const struct mmu_profile *profile_of(const HChar *text)
{
    static struct mmu_profile_store spelled;
    struct mmu_profile_error err;
    if (!mmu_profile_is_text(text, VG_(strlen)(text)))
        return mmu_profile_find(text);
    return mmu_profile_read(&spelled, text, VG_(strlen)(text), &err) ? &spelled.profile : NULL;
}

static void fold_cost(void *ctx, struct sim_site *s)
{
    (void)ctx;
    cap_path_pay(cap.call_path, s);
    cap_fold_cost(s);
}

void cap_fold_call_site(void)
{
    struct sim_site *s = follow_call_site(cap.follower);
    if (s->ip)
        fold_cost(NULL, s);
}

static void begin_following(void)
{
    static const struct follow_hooks hooks = { .mend = cap_check_mend };
    const HChar *name = VG_(basename)(VG_(args_the_exename));
    cap.follower = follow_create(VG_(malloc)("pagewalk.follower", follow_bytes()), cap.sim, &hooks);
    follow_on_fold(cap.follower, fold_cost, NULL);
    cap_event(&(struct trace_event){ .type = TRACE_PROC, .text = name, .text_bytes = (UInt)VG_(strlen)(name) });
}

static void fault_seen(void *ctx, u64 va, u64 ip, const struct mm_trap_result *r)
{
    struct mm_vma_view v;
    (void)ctx;
    if (r->kind == MM_FAULT_COW_COPY && r->copied_pages)
        cap_copied(va, (ULong)r->copied_pages << PAGE_LG2, ip);
    if (r->kind == MM_FAULT_FILE_READ && mm_find_vma(follow_proc(cap.follower), va, &v) && v.start <= va && (v.prot & MM_PROT_EXEC))
        cap_code_faulted(va, ip, r->mapped_pages);
}

static void take_guest(struct sim_config *cfg)
{
    enum sim_guest_wish wish;
    const HChar *why = "no such guest";
    if (!sim_guest_word(cap.opt.guest, &wish) || !sim_guest_kind(cap.profile, wish, &cfg->guest, &why))
        cannot_begin(why);
    cfg->host_page_lg2 = (UChar)cap.opt.host_page_lg2;
}

static void begin_session(void)
{
    struct sim_config cfg = { 0 };
    SizeT bytes;
    void *block;
    cap.profile = profile_of(cap.opt.profile);
    if (!cap.profile)
        cannot_begin("no such CPU profile; `pagewalk cpus` lists them");
    cfg.machine.cpus = (unsigned)cap.opt.cpus;
    cfg.machine.ram_bytes = (cap.opt.ram_bytes ? cap.opt.ram_bytes : physical_memory()) & ~(PAGE_BYTES - 1);
    cfg.machine.vendor = cap.profile->vendor;
    cfg.machine.features = cap.profile->features;
    cfg.machine.profile = cap.profile;
    cfg.machine.ram = sparse(cfg.machine.ram_bytes);
    cfg.check_flush = cap.opt.check_flush;
    take_guest(&cfg);
    kernel_config_init(&cfg.kernel);
    cfg.kernel.thp = thp(cap.opt.thp);
    cfg.kernel.mmap_min_addr = cap.opt.mmap_min_addr;
    cfg.kernel.max_map_count = (u32)cap.opt.max_map_count;
    if (cap.opt.check_kernel)
        cfg.kernel.version = cap_host_version();
    bytes = sim_bytes(&cfg);
    block = sparse(bytes);
    if (!cfg.machine.ram || !block || !(cap.sim = sim_create(block, bytes, &cfg)))
        cannot_begin("no room for the simulated memory; try --ram with a smaller size");
    cap.mmu = sim_mmu(cap.sim);
    cap.kernel = sim_kernel(cap.sim);
    begin_following();
    if (cap.opt.check && !sim_check_begin(cap.sim))
        cannot_begin("no room for the twin of --check; try --ram with a smaller size");
    cap_l1_begin();
    sim_watch(cap.sim, follow_proc(cap.follower));
    sim_on_fault(cap.sim, fault_seen, NULL);
    cap_check_flushes();
}

static void subtract(struct mmu_stats *s, const struct mmu_stats *before)
{
    u64 *a = (u64 *)s;
    const u64 *b = (const u64 *)before;
    for (UInt i = 0; i < sizeof *s / sizeof *a; i++)
        a[i] -= b[i];
}

static void add(struct mmu_stats *s, const struct mmu_stats *more)
{
    u64 *a = (u64 *)s;
    const u64 *b = (const u64 *)more;
    for (UInt i = 0; i < sizeof *s / sizeof *a; i++)
        a[i] += b[i];
}

void cap_machine_stats(struct mmu_stats *sum)
{
    *sum = (struct mmu_stats){ 0 };
    for (Int c = 0; c < cap.opt.cpus; c++) {
        struct mmu_stats s = *mmu_stats(cap.mmu, (unsigned)c);
        subtract(&s, &counted_before[c]);
        add(sum, &s);
    }
}

/* What the model is told. */
Bool cap_event(const struct trace_event *e)
{
    Bool done = UNLIKELY(cap.opt.heap) ? cap_heap_event(e) : follow(cap.follower, e);
    cap_record_event(e);
    return done;
}

Bool cap_event1(UInt type, UWord word) { return cap_event(&(struct trace_event){ .type = type, .word = { word } }); }

void cap_start_counting_anew(void)
{
    cap_fold_all();
    cap_forget_lines();
    cap_forget_path_costs();
    if (cap.opt.heap)
        cap_heap_forget_costs();
    cap_totals = (struct cap_totals){ 0 };
    for (Int c = 0; c < cap.opt.cpus; c++)
        counted_before[c] = *mmu_stats(cap.mmu, (unsigned)c);
    cap_l1_forget();
    cap.slow[0] = cap.slow[1] = 0;
    cap.kernel_pages = cap.children = 0;
    cap.threads = cap.alive = 1; /* only the thread that forked lives on in the child */
    sim_forget_costs(cap.sim);
    cap_watch();
    cap_forget_starts();
    follow_forget_counts(cap.follower);
    cap_forget_flushes();
    cap_forget_kernel_check();
    cap_forget_results_before_exec();
}

/* Threads are placed in the order of their creation; Valgrind's numbers are used again. */
enum { MAX_THREADS = 4096 };
static UChar cpu_of[MAX_THREADS];
static struct { Addr ip; UInt path; } call_of[MAX_THREADS]; /* the system call each was last in               */

/* ---- events -------------------------------------------------------------------------------------------------- */

void cap_switch_to(ThreadId tid)
{
    UInt cpu = tid < MAX_THREADS ? cpu_of[tid] : 0;
    cap.tid = tid;
    if (LIKELY(cpu == cap.cpu) || !cap.running)
        return;
    cap_heap_sampling = 0;
    mmu_bind_marks(cap.mmu, cap.cpu, NULL);
    cap.cpu = cpu;
    cap_event1(TRACE_CPU, cpu);
    mmu_bind_marks(cap.mmu, cpu, &cap_marks);
    cap_l1_switch();
}

/* Instrumented code keeps two words in the thread's shadow registers, which it reaches with one instruction each: the
 * last number left at a mark, and where the counters are.  Returning from a signal handler restores shadow registers, and
 * threads have their own; numbers must go on growing all the same. */
static struct { ULong clock, *counters; } in_shadow = { 1, cap_counter };
enum { CHECKS_MAX = 4096 };   /* of a block: one that a fault ended may have left that many numbers unsaid       */
static ULong passed_over, to_pass_over, work_before; /* numbers that no instruction took; work of the parent         */

ULong cap_work(void)
{
    ULong clock;
    if (cap.tid == VG_INVALID_THREADID)
        return 0;
    VG_(get_shadow_regs_area)(cap.tid, (UChar *)&clock, 1, CAP_CLOCK_AT, sizeof clock);
    return (clock - passed_over) / CAP_CLOCK_STEP - work_before;
}

void cap_watch(void)
{
    work_before = 0;
    work_before = cap_work();
    sim_watch(cap.sim, follow_proc(cap.follower));
}

static void thread_runs(ThreadId tid, ULong blocks_dispatched)
{
    (void)blocks_dispatched;
    if (UNLIKELY(!cap.running))
        cap_begin(tid);
    cap_switch_to(tid);
    passed_over += to_pass_over;
    to_pass_over = 0;
    VG_(set_shadow_regs_area)(tid, 1, 0, sizeof in_shadow, (const UChar *)&in_shadow);
    cap_record_runs();
    if (cap_calls_wanted())
        cap_calls_thread_runs(tid);
    if (cap.opt.heap)
        cap_heap_sample_now();
}

static void thread_stops(ThreadId tid, ULong blocks_dispatched)
{
    (void)blocks_dispatched;
    VG_(get_shadow_regs_area)(tid, (UChar *)&in_shadow.clock, 1, CAP_CLOCK_AT, sizeof in_shadow.clock);
    in_shadow.clock += CHECKS_MAX;
    cap_record_stops();
    to_pass_over += CHECKS_MAX;
    if (cap_calls_wanted())
        cap_calls_thread_stops(tid);
}

/* A call that waits ends after other threads ran and made calls of their own. */
static void in_call_of(ThreadId tid)
{
    Addr ip = tid < MAX_THREADS ? call_of[tid].ip : 0;
    UInt path = tid < MAX_THREADS ? call_of[tid].path : 0;
    cap_switch_to(tid);
    sim_worked(cap.sim, cap_work());
    cap.call_ip = ip;
    if (path == cap.call_path && !cap.opt.heap)
        return;
    cap_fold_call_site();
    cap.call_path = path;
}

void cap_enter_syscall(ThreadId tid)
{
    if (tid < MAX_THREADS) {
        call_of[tid].ip = VG_(get_IP)(tid);
        call_of[tid].path = cap.opt.call_paths ? cap_path_here() : 0;
    }
    in_call_of(tid);
}

void cap_leave_syscall(ThreadId tid) { in_call_of(tid); }

static void thread_created(ThreadId tid, ThreadId child)
{
    (void)tid;
    if (child < MAX_THREADS)
        cpu_of[child] = (UChar)(cap.threads % (UInt)cap.opt.cpus);
    cap_calls_thread_begins(child);
    cap_alloc_thread_begins(child);
    cap.threads++;
    cap.alive++;
}

static void thread_ended(ThreadId tid)
{
    (void)tid;
    cap.alive--;
}

/* What the core announces so that a tool may check it, and the kernel does not look at. */
static Bool only_named(const HChar *what)
{
    return VG_STREQ(what, "msync(start)") || VG_STREQ(what, "set_robust_list(head)");
}

static void kernel_reads(CorePart part, ThreadId tid, const HChar *what, Addr a, SizeT size)
{
    if (part != Vg_CoreSysCall || only_named(what))
        return;
    in_call_of(tid);
    cap_kernel_touch(a, size, False);
}

static void kernel_reads_string(CorePart part, ThreadId tid, const HChar *what, Addr a)
{
    (void)what;
    if (part != Vg_CoreSysCall)
        return;
    in_call_of(tid);
    cap_kernel_touch_string(a);
}

static void kernel_wrote(CorePart part, ThreadId tid, Addr a, SizeT size)
{
    if (part != Vg_CoreSysCall && part != Vg_CoreSignal)
        return;
    in_call_of(tid);
    cap_kernel_touch(a, size, True);
}

static void signal_frame(Addr a, SizeT len, ThreadId tid)
{
    cap_switch_to(tid);
    cap_kernel_touch(a, len, True);
}

static void signal_comes(ThreadId tid, Int signo, Bool alt_stack)
{
    cap_check_kernel_signal(tid, signo);
    if (cap_calls_wanted())
        cap_calls_signal(tid, signo, alt_stack);
}

static void ended(Int exit_code)
{
    (void)exit_code;             /* Valgrind gives 0 in forked children; the system call had the truth */
    cap_check_kernel_end();
    if (cap.write_results && cap.running)
        cap_write_results();
    cap_tell_lines();
    cap_record_end();
}

static void after_options(void)
{
    /* The core would merge blocks, and run the second half of some `a && b` for nothing: up to 0.5 % more instructions than
     * the program executes (docs/decisions/0016). */
    VG_(clo_vex_control).guest_chase = False;
    if (cap.opt.record && !cap_record_begin(cap.opt.record_fd))
        cannot_begin("no room for --record");
    cap_read_results_before_exec();
    begin_session();
    VG_(track_pre_deliver_signal)(signal_comes);
    if (cap_calls_wanted())
        VG_(track_post_deliver_signal)(cap_calls_signal_over);
    VG_(atfork)(cap_before_fork, cap_fork_in_parent, cap_fork_in_child);
}

static void before_options(void)
{
    VG_(details_name)("pagewalk");
    VG_(details_version)(PAGEWALK_VERSION);
    VG_(details_description)("what virtual memory does to a program");
    VG_(details_copyright_author)("Copyright (C) 2026, and GNU GPL'd, by the Pagewalk authors.");
    VG_(details_bug_reports_to)("the Pagewalk issue tracker");
    VG_(details_avg_translation_sizeB)(400);
    cap.opt = (struct cap_options){ .out = "pagewalk.%p", .profile = "skylake", .cpus = 1, .filter = True, .thp = "madvise", .record_fd = -1,
                                    .mmap_min_addr = 65536, .max_map_count = 65530 };
    cap.write_results = True;

    VG_(basic_tool_funcs)(after_options, cap_instrument, ended);
    VG_(needs_superblock_discards)(cap_discard_block);
    VG_(needs_command_line_options)(option, usage, debug_usage);
    VG_(needs_syscall_wrapper)(cap_pre_syscall, cap_post_syscall);
    VG_(track_start_client_code)(thread_runs);
    VG_(track_stop_client_code)(thread_stops);
    VG_(track_pre_thread_ll_create)(thread_created);
    VG_(track_pre_thread_ll_exit)(thread_ended);
    VG_(track_pre_mem_read)(kernel_reads);
    VG_(track_pre_mem_read_asciiz)(kernel_reads_string);
    VG_(track_post_mem_write)(kernel_wrote);
    VG_(track_new_mem_stack_signal)(signal_frame);
}

VG_DETERMINE_INTERFACE_VERSION(before_options)
