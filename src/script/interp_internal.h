/* SPDX-License-Identifier: MIT
 * interp_internal.h - what the files of the interpreter share.
 *
 * A command is a function that gets the line's words and answers: with done_*() when it worked, else with fail().
 * It decides first and acts then, so that an error changes nothing. */
#ifndef PAGEWALK_SCRIPT_INTERP_INTERNAL_H
#define PAGEWALK_SCRIPT_INTERP_INTERNAL_H

#include "base/text.h"
#include "interp.h"
#include "pagewalk/sim.h"
#include "words.h"

#define PROCESSES_MAX 1024u
#define FILES_MAX 1024u
#define UFFDS_MAX 256u
#define PINS_MAX 64u
#define NAME_BYTES 32u
/* Where the heap begins: behind a one-page program at the usual place of a PIE without ASLR. */
#define BRK_START 0x555555555000ull

struct process { char name[NAME_BYTES]; struct proc *p; unsigned cpu; bool exited; };
struct file { char name[NAME_BYTES]; struct mm_file *f; };
struct uffd { char name[NAME_BYTES]; struct mm_uffd *u; };
struct pins { char name[NAME_BYTES]; pfn_t *page; u64 pages, offset_bytes, len_bytes; };

struct interp {
    struct interp_options options;
    const struct pw_out *out;
    struct text t;               /* the line being built                                                       */
    struct pw_out explain_out;   /* the kernel's explanations: indented lines                                  */
    bool mid_line;               /* a listing's text so far does not end with a newline                        */

    struct sim *sim;             /* NULL until the first machine                                               */
    struct mmu *mmu;
    struct kernel *kernel;       /* NULL on a machine without one                                              */
    const struct mmu_profile *profile;
    void *block, *ram;
    size_t block_bytes;
    u64 ram_bytes;
    unsigned cpus;
    struct mpu_world *mpu;       /* mpu_cmds.c; NULL until `mpu`                                               */
    struct iommu_world *iommu;   /* iommu_cmds.c; NULL until `iommu new`                                       */
    struct part *part;           /* part_cmds.c; NULL until `part new`                                         */
    struct cache_world *cache;   /* cache_cmds.c; NULL until `cache new`                                       */
    struct numa_world *numa;     /* numa_cmds.c; of this machine; NULL until `numa new`                        */
    struct seg *seg;             /* seg_cmds.c; of this machine; NULL until `seg new`                          */
    u64 guest_root, guest_next;  /* guest_cmds.c: nested tables of this machine, where the next one goes; 0: none */
    bool guest_npt;
    u64 line;                    /* number of the line being done, from 1                                      */
    struct word doing;           /* its command                                                                */
    struct mmu_stale_counts stale; /* what --check-flush found on machines that are gone                       */

    unsigned processes, files, uffds, pin_sets;
    u64 uffd_children;           /* userfaultfds that fork made                                                */
    u64 inodes;
    struct process process[PROCESSES_MAX];
    struct file file[FILES_MAX];
    struct uffd uffd[UFFDS_MAX];
    struct pins pins[PINS_MAX];
};

/* ---- answers (interp.c) ------------------------------------------------------------------------------------ */

void line_end(struct interp *in);                 /* sends in->t as a line                                      */
void done_ok(struct interp *in);                  /* "ok"                                                       */
void done_dot(struct interp *in);                 /* "."; ends a listing                                        */
/* "error: TEXT", then " 'WORD'" when w is not NULL.  Always false. */
bool fail(struct interp *in, const char *text, const struct word *w);
/* Where the libraries' listings go. */
struct pw_out listing_out(struct interp *in);
/* An explaining line: what was put into in->t, behind two blanks. */
void explain_begin(struct interp *in);

/* The optional "cpuN" at word *at; moves *at behind it.  false: answered with an error. */
bool take_cpu(struct interp *in, const struct words *w, unsigned *at, unsigned *cpu);
/* The number at word `at`.  false: answered with an error. */
bool need_number(struct interp *in, const struct words *w, unsigned at, u64 *out);

/* ---- machines (boot.c) ------------------------------------------------------------------------------------- */

bool machine_default(struct interp *in);          /* the machine a script has that names none                    */
void machine_drop(struct interp *in);

/* ---- --check-flush (check_flush.c) --------------------------------------------------------------------------- */

void check_flush_begin(struct interp *in);        /* the machine is new                                          */
void check_flush_end(struct interp *in);          /* it goes                                                     */
void check_flush_line(struct interp *in, struct word doing);
void check_flush_doing(struct interp *in, unsigned cpu); /* this line stores on this CPU                          */

/* ---- commands: words count as given, w->w[0] is the command's name or the process's -------------------------- */

typedef bool command_fn(struct interp *in, const struct words *w);
command_fn cmd_machine, cmd_boot, cmd_explain, cmd_check, cmd_clock;
command_fn cmd_set, cmd_get, cmd_poke, cmd_peek, cmd_access, cmd_invlpg, cmd_invpcid;
command_fn cmd_invlpga, cmd_invlpgb, cmd_tlbsync;
command_fn cmd_tlb, cmd_psc, cmd_walk, cmd_stats, cmd_tlbstate;
command_fn cmd_proc, cmd_file, cmd_truncate, cmd_close, cmd_punch, cmd_meminfo, cmd_buddyinfo, cmd_vmstat, cmd_swapoff, cmd_swapon;
command_fn cmd_sys, cmd_khugepaged;               /* sys_cmds.c                                                  */

typedef bool process_fn(struct interp *in, struct process *p, const struct words *w);
process_fn cmd_process;                           /* proc_cmds.c: what begins with a process's name              */
process_fn cmd_syscall;                           /* syscalls.c                                                  */
extern const struct flag_name advice_names[];
process_fn cmd_userfaultfd, cmd_uffd;             /* uffd_cmds.c                                                 */
process_fn cmd_clear_refs, cmd_pagemap_scan;      /* scan_cmds.c                                                 */
command_fn cmd_unpin, cmd_scatter, cmd_phys_to_virt, cmd_virt_to_phys; /* pin_cmds.c                              */
process_fn cmd_pin;
void pins_drop(struct interp *in);
command_fn cmd_mpu;                               /* mpu_cmds.c                                                  */
void mpu_drop(struct interp *in);
command_fn cmd_iommu;                             /* iommu_cmds.c                                                */
void iommu_drop(struct interp *in);
command_fn cmd_guest, cmd_invept, cmd_invvpid;    /* guest_cmds.c                                                */
void put_exit(struct text *t, const struct mmu_guest_exit *e);
void tell_guest_steps(struct interp *in, const struct mmu_guest_walk *g); /* explaining lines                     */
command_fn cmd_part;                              /* part_cmds.c                                                 */
void part_drop(struct interp *in);
command_fn cmd_cache;                             /* cache_cmds.c                                                */
void cache_drop(struct interp *in);
command_fn cmd_seg;                               /* seg_cmds.c                                                  */
void seg_drop(struct interp *in);
command_fn cmd_numa;                              /* numa_cmds.c                                                 */
void numa_drop(struct interp *in);
void numa_explain(struct interp *in);             /* explaining was switched on or off                           */
process_fn cmd_prctl, cmd_set_vma_name, cmd_setrlimit, cmd_wrpkru, cmd_rdpkru, cmd_process_madvise; /* control_cmds.c */
process_fn cmd_read, cmd_write, cmd_exec, cmd_copy_from, cmd_copy_to; /* touch.c                                 */
process_fn cmd_faults, cmd_flushes, cmd_maps, cmd_smaps, cmd_smaps_rollup, cmd_status, cmd_statm, cmd_numa_maps, cmd_pagemap; /* proc_views.c */

bool is_reserved_name(struct word w);             /* interp.c: the name of a command                             */
/* May it name a process or a file?  false: answered with an error. */
bool good_name(struct interp *in, struct word w);
void copy_name(char *to, struct word w);          /* pre: good_name()                                            */
struct process *find_process(struct interp *in, struct word w);
struct file *find_file(struct interp *in, struct word w);
/* Makes the process current on its CPU. */
void put_on_cpu(struct interp *in, struct process *p);
/* "= 0x..." or "= -ENAME". */
void done_value(struct interp *in, long value);

/* ---- explaining (explain.c) --------------------------------------------------------------------------------- */

/* mmu_access() with every table read and the rule told before it returns. */
enum mmu_status explained_access(struct interp *in, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind,
                                 unsigned flags, struct mmu_result *r);
/* One entry, decoded: " P RW US A D ..." */
void put_entry_bits(struct text *t, u64 entry, bool leaf, unsigned level);
const char *entry_name(unsigned level);           /* "PTE", "PDE", "PDPTE", "PML4E", "PML5E"                     */
const char *page_name(unsigned page_lg2);         /* "4K", "2M", "4M", "1G"                                      */
const char *by_name(unsigned by);                 /* "l1", "stlb", "walk"                                        */
void put_fault(struct text *t, const struct mmu_result *r, u64 cr2); /* "#PF err=0x... cr2=0x...", "#GP", "#SS"  */

#endif
