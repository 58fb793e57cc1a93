/* SPDX-License-Identifier: GPL-2.0-or-later
 * cap.h - what the files of the capture tool share.
 *
 * The tool is Valgrind's core with our instrumentation: the program runs inside it, and the machine and the kernel
 * are linked in.  main.c starts and ends it; instrument.c adds the checks to the program's code; access.c answers
 * them; begin.c models execve; syscalls.c follows the memory system calls, wrap.c changes a
 * few of them; files.c knows what is mapped; lines.c turns
 * instructions into functions and lines; calls.h has who called whom, heap.h whose memory it was; write.c writes the results file. */
#ifndef PAGEWALK_CAP_H
#define PAGEWALK_CAP_H

#include "pub_tool_basics.h"
#include "pub_tool_vki.h"
#include "pub_tool_vkiscnums.h"
#include "pub_tool_aspacemgr.h"
#include "pub_tool_clientstate.h"
#include "pub_tool_debuginfo.h"
#include "pub_tool_hashtable.h"
#include "pub_tool_libcassert.h"
#include "pub_tool_libcbase.h"
#include "pub_tool_libcfile.h"
#include "pub_tool_libcprint.h"
#include "pub_tool_libcproc.h"
#include "pub_tool_machine.h"
#include "pub_tool_mallocfree.h"
#include "pub_tool_options.h"
#include "pub_tool_threadstate.h"
#include "pub_tool_tooliface.h"

#include "pagewalk/profile.h"
#include "pagewalk/sim.h"
#include "pagewalk/trace.h"

/* ---- the tool's state: one process, one of each ------------------------------------------------------------ */

struct cap_options {
    const HChar *out;       /* results file; %p is the process id                                             */
    const HChar *profile;
    Int cpus;
    ULong ram_bytes;        /* 0: as much as this machine has                                                 */
    const HChar *record_file; /* of the whole run: for the launcher of a program that execve starts         */
    Int record_fd;          /* of the ring (src/trace/ring.h); -1: none                                       */
    Bool record, check, check_flush, check_kernel, filter, follow;
    const HChar *name;      /* as the user wrote the program's name; its path was looked up                   */
    const HChar *thp;
    ULong mmap_min_addr, max_map_count;
    Bool heap;              /* costs by allocation site                                                       */
    Bool l1;                /* first-level caches                                                             */
    const HChar *guest;     /* a virtual machine: sim_guest_word()                                            */
    Int host_page_lg2;      /* of its memory                                                                  */
    Int call_paths;         /* how many calls a path has at most; 0: no paths                                 */
};

struct cap_state {
    struct cap_options opt;
    struct sim *sim;
    struct mmu *mmu;
    struct kernel *kernel;
    struct follower *follower;     /* does on the model what the program does                                 */
    Addr call_ip;                  /* the system call instruction for which the kernel works now              */
    UInt call_path;                /* how the program got there                                               */
    ThreadId tid;                  /* the thread that runs                                                    */
    UInt cpu;                      /* its simulated CPU                                                       */
    UInt threads;                  /* ever started                                                            */
    UInt alive;                    /* threads now                                                             */
    Bool running;                  /* execve has been modelled                                                */
    Bool in_block;                 /* the model answers an access of the program                              */
    Bool mending;                  /* events now are because the model lacked something                       */
    Bool write_results;            /* false in a forked child that is not followed                            */
    ULong slow[MMU_SIDES];         /* accesses that reached the model                                         */
    ULong kernel_pages;
    ULong children;
    Addr entry;             /* where the program itself begins                                               */
    UInt exit_status;
    Bool exiting;                  /* exit or exit_group was called; without it, a signal ends the program     */
    const struct mmu_profile *profile;
};
extern struct cap_state cap;
extern struct mmu_marks cap_marks; /* what instrumented code compares with                                    */
enum { CAP_CLOCK_AT = 0, CAP_COUNTERS_AT = 8, CAP_LOG_AT = 16 }; /* in a thread's shadow registers: main.c                        */
enum { CAP_CLOCK_STEP = 32 };                   /* numbers that the clock moves on with an instruction           */

/* ---- code: blocks as instrumented ---------------------------------------------------------------------------- */

struct cap_site {          /* an access or a fetch whose check says more than the address                      */
    Addr ip;
    union {
        ULong executed;    /* conditional accesses only: the others are counted by region                     */
        Addr fetched;      /* fetches only: the address                                                       */
    };
    UShort size_bytes;
    UChar kind;            /* enum mmu_kind                                                                   */
    UChar conditional;
    UChar group;           /* first of a group: how many sites share its check; else 0 or 1                   */
    Int from_first;        /* bytes from the address of the group's first access                              */
};

struct cap_insn {          /* what one instruction does each time its region runs                             */
    Addr ip;
    UChar instructions, loads, stores, modifies, crossings;
};

struct cap_region {        /* code between two side exits: runs as a whole                                    */
    UInt first_insn, end_insn;
};

struct cap_block {
    struct cap_block *next;  /* VgHashNode                                                                    */
    UWord key;             /* original address                                                                */
    UInt regions, insns, sites;
    Addr low, high;        /* instructions lie in [low, high)                                                 */
    struct cap_region *region;
    ULong *executed;       /* by region                                                                       */
    struct cap_insn *insn;
    struct cap_site *site;
};

IRSB *cap_instrument(VgCallbackClosure *closure, IRSB *in, const VexGuestLayout *layout, const VexGuestExtents *extents,
                     const VexArchInfo *host, IRType guest_word, IRType host_word);
void cap_discard_block(Addr orig, VexGuestExtents extents);
/* Move the counts of every block that touches [start, end) to their lines, because their names are about to go. */
void cap_fold_range(Addr start, SizeT len_bytes);
void cap_fold_all(void);
void cap_fold_cost(struct sim_site *s);
void cap_fold_call_site(void);
struct cap_block *cap_block_new(Addr orig, UInt regions, UInt insns, UInt sites);
/* Counters lie together, so that generated code reaches them from one address. */
extern ULong cap_counter[];

/* ---- sites.c: who has cost something -------------------------------------------------------------------------- */

/* Valid until the next call. */
struct sim_site *cap_site_at(Addr ip);
void cap_fold_sites(Addr start, Addr last);

/* ---- access.c: the model's answers --------------------------------------------------------------------------- */

/* The function for a plain access of this kind and size, made by the instruction that the thread is at; NULL: there is
 * none. */
void *cap_plain_access(UChar kind, UInt size_bytes);
VG_REGPARM(2) void cap_access(Addr va, struct cap_site *site);
VG_REGPARM(1) void cap_fetch(struct cap_site *site);
VG_REGPARM(2) void cap_group(Addr va, struct cap_site *site); /* the accesses that share a check, in order      */
VG_REGPARM(2) void cap_access_conditional(Addr va, struct cap_site *site);
/* The kernel reads or writes user memory for the running thread. */
void cap_kernel_touch(Addr va, SizeT len_bytes, Bool write);
/* The kernel reads a string; one that leaves the program's memory is read as far as that. */
void cap_kernel_touch_string(Addr va);
/* With its 0; 0: it does not lie in the program's memory. */
SizeT cap_string_bytes(Addr va);

/* ---- record.c: what goes into the ring too; nothing without --record ----------------------------------------------- */

struct ring_slot;
Bool cap_record_begin(Int fd);
void cap_record_event(const struct trace_event *e);
void cap_record_end(void);
void cap_record_fault(void);
void cap_record_before_fork(void); /* after the event                                                            */
void cap_record_forked(void);      /* the parent: until the child has a reader of its own                        */
void cap_record_in_child(void);
/* A block with these slots: the word that says it runs. */
u64 cap_record_block(const struct ring_slot *slot, UInt slots);
void cap_record_room(void);
UWord cap_record_limit_bytes(void);
/* The thread that acts begins, ends its turn. */
void cap_record_runs(void);
void cap_record_stops(void);

/* ---- the rest ------------------------------------------------------------------------------------------------ */

/* What happened, told to the model (trace.h).  False: the model refuses. */
Bool cap_event(const struct trace_event *e);
Bool cap_event1(UInt type, UWord word);
bool cap_mend(void *ctx, const struct sim_outcome *out);
void cap_begin(ThreadId tid);
/* From here on it is this thread that acts: on its CPU, and in its system call. */
void cap_switch_to(ThreadId tid);
void cap_enter_syscall(ThreadId tid);
void cap_leave_syscall(ThreadId tid);
/* initial_stack.c: as Linux would have laid it out; returns the stack pointer. */
Addr cap_lay_out_stack(ThreadId tid, Addr sp);
/* A system call that natively would have been answered by the vDSO. */
void cap_clock_read(void);
void cap_pre_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs);
void cap_post_syscall(ThreadId tid, UInt nr, UWord *args, UInt nargs, SysRes res);
void cap_before_fork(ThreadId tid);
void cap_fork_in_parent(ThreadId tid);
void cap_fork_in_child(ThreadId tid);

/* files.c */
/* Its number in events, or TRACE_NO_FILE. */
u64 cap_file_of_fd(Int fd);
void cap_fd_changed(Int fd);
/* The model gets a mapping of this part of the segment. */
Bool cap_map_piece(const NSegment *seg, Addr start, Addr end);
void cap_file_resized(Int fd);
void cap_path_resized(const HChar *path);
/* What mmap() says to a descriptor of this kind: 0, or -errno. */
long cap_fd_refused(Int fd);
/* The file is /dev/zero: its private mappings are anonymous memory. */
Bool cap_fd_is_zero(Int fd);
/* Make the model's mapping at va what this process really has there.  False: there is nothing. */
Bool cap_adopt_segment(Addr va);
Bool cap_refresh_file_size(Addr va);

/* lines.c: costs by line */
struct cap_line {
    struct cap_line *next; /* VgHashNode                                                                       */
    UWord key;
    const HChar *object, *file, *function; /* interned                                                         */
    UInt line;
    ULong instructions, loads, stores;
    struct sim_cost cost;
};
struct cap_line *cap_line_of(Addr ip);
void cap_tell_lines(void);   /* the recording hears of those that mean something now                          */
void cap_forget_names(void); /* addresses may mean other lines from now on                                      */
struct cap_totals { ULong instructions, loads, stores, modifies, crossings; };
extern struct cap_totals cap_totals;
/* In a forked child: everything counted so far was the parent's. */
void cap_start_counting_anew(void);
void cap_forget_lines(void);
void cap_each_line(void (*see)(void *ctx, const struct cap_line *line), void *ctx);
const HChar *cap_intern(const HChar *s);

/* main.c: instructions executed since the process began, up to the block that runs now */
ULong cap_work(void);
/* From now on, and from 0: in a forked child. */
void cap_watch(void);
/* main.c: the machine's counters of this process, over all CPUs */
void cap_machine_stats(struct mmu_stats *sum);

/* write_where.c: when and where, as tables of the results file */
void cap_write_where(void);
/* write_forks.c: copy-on-write after fork */
void cap_write_forks(void);
/* flushes.c: --check-flush */
void cap_check_flushes(void);
void cap_forget_flushes(void);
void cap_put_flush_counts(void);
void cap_put_flush_table(void);
/* check_kernel.c: --check-kernel, the model held against the host's kernel */
bool cap_check_mend(void *ctx, const struct sim_outcome *out);       /* cap_mend(), and what it could not mend   */
void cap_check_kernel_signal(ThreadId tid, Int signo);
void cap_check_kernel_call(ThreadId tid, UInt nr, const UWord *args, const HChar *memory_call); /* NULL: it is none */
void cap_check_kernel_result(UInt call, const UWord *args);         /* of which results are compared now; NULL: none */
Bool cap_tool_refused(const HChar *modelled);                       /* the kernel itself answers as the model      */
void cap_check_kernel_end(void);
void cap_forget_kernel_check(void);
void cap_put_kernel_check(void);
UInt cap_host_version(void);                                        /* as struct kernel_config says it         */

/* write.c */
void cap_write_results(void);
void cap_read_results_before_exec(void);
void cap_forget_results_before_exec(void);

/* sys.c: the few system calls that Valgrind's tool interface lacks */
/* Map what VG_(am_shadow_alloc) gave again, with the same rights but MAP_NORESERVE: otherwise a fork would have to promise
 * memory for all of it. */
Bool cap_make_sparse(void *start, SizeT len_bytes);
Long cap_raw_syscall(Long nr, UWord a, UWord b, UWord c);
/* A file's memory instead, with the rights of the ring. */
Bool cap_map_shared(void *start, SizeT len_bytes, Int fd);
/* A tenth of a second at most. */
void cap_futex_wait(const u32 *word, u32 value);
void cap_futex_wake(const u32 *word);

#endif
