/* SPDX-License-Identifier: MIT
 * kernel.h - the memory manager: Linux's observable rules as an embeddable library (libpagewalk-kernel).
 *
 * It owns address spaces, page tables (in the machine's memory, in x86 format), frames, the page cache, and the
 * answer to every page fault.  It touches the machine only through struct hw.
 *
 * Threads: one value, no locks; calls on one kernel must not overlap (hw callbacks re-enter as hw.h says).
 * Memory: everything lives in the block given to kernel_create(); when it is full, calls return -MM_ENOMEM and
 *         nothing has changed.
 * Errors: system calls return what Linux returns: a value >= 0, or -MM_Exxx (linux_mm.h).
 * Reference: Linux 6.18 on x86-64; differences of other versions are columns of one table (kver). */
#ifndef PAGEWALK_KERNEL_H
#define PAGEWALK_KERNEL_H

#include "pagewalk/hw.h"
#include "pagewalk/linux_mm.h"
#include "pagewalk/types.h"

struct kernel;
struct proc;    /* a process: name, address space, counters.  Threads of a process share its proc.           */
struct mm_file; /* a file that can be mapped, with its page cache                                             */

/* ---- creating ---------------------------------------------------------------------------------------------- */

enum mm_overcommit { MM_OVERCOMMIT_GUESS, MM_OVERCOMMIT_ALWAYS, MM_OVERCOMMIT_NEVER };
enum mm_thp { MM_THP_NEVER, MM_THP_MADVISE, MM_THP_ALWAYS };

struct kernel_config {
    u32 version;              /* 618 for 6.18, 612, 601; 0: 618                                               */
    u32 fault_around_bytes;   /* power of two; 65536 is Linux's default; 4096 switches it off                 */
    u32 readahead_bytes;      /* of the disk; 131072 is Linux's default; 0: none                              */
    u64 mmap_min_addr;        /* default 65536 on Debian; 4096 upstream                                       */
    u32 max_map_count;        /* default 65530                                                                */
    u64 rlimit_stack_bytes;   /* default 8 MiB                                                                */
    u64 rlimit_data_bytes, rlimit_as_bytes, rlimit_memlock_bytes; /* ~0: unlimited                            */
    enum mm_thp thp;
    enum mm_overcommit overcommit; /* vm.overcommit_memory                                                    */
    u32 overcommit_ratio;     /* percent of memory that mode NEVER commits; default 50                        */
    bool privileged;          /* CAP_SYS_ADMIN, CAP_SYS_RESOURCE: the administrator's reserve, PR_SET_MM       */
    bool anon_names;          /* CONFIG_ANON_VMA_NAME; default on                                             */
    bool memory_failure;      /* CONFIG_MEMORY_FAILURE: poison gives BUS_MCEERR_AR, not BUS_ADRERR; default on */
    u64 swap_bytes;           /* of a swap device, its header page included; 0: none                           */
    u64 totalram_bytes;       /* for overcommit and meminfo; 0: hw->ram_bytes                                 */
    bool soft_dirty;          /* CONFIG_MEM_SOFT_DIRTY                                                        */
    bool contents;            /* frames hold real bytes: zeroed and copied as Linux would (else metadata only) */
    bool no_zero_page;        /* reads of untouched anonymous memory get frames, too (mm_forbids_zeropage())   */
    bool kpti;                /* page-table isolation: programs run on a second top table; default off        */
    bool no_pcid;             /* nopcid: not used even if the CPUs have them                                  */
    bool read_only_file_thp;  /* CONFIG_READ_ONLY_THP_FOR_FS: files nobody writes to may be collapsed         */
};
/* Linux's defaults. */
void kernel_config_init(struct kernel_config *cfg);

/* Virtual size of the block that kernel_create() wants for this much RAM: it is used from the front and touched
 * only as far as used, so give it a sparse mapping. */
size_t kernel_bytes(const struct hw *hw, const struct kernel_config *cfg);
struct kernel *kernel_create(void *block, size_t block_bytes, const struct hw *hw, const struct kernel_config *cfg);

/* ---- processes --------------------------------------------------------------------------------------------- */

/* An empty address space with the standard layout (ASLR off: mmap_base 0x7ffff7fff000; no stack yet).
 * name is copied (15 bytes).  NULL: out of memory. */
struct proc *proc_new(struct kernel *k, const char *name);
const char *proc_name(const struct proc *p);

enum proc_fork_flag { PROC_FORK_VM = 1 }; /* share the address space (vfork, CLONE_VM)                        */
/* 0, or -MM_ENOMEM.  pre: parent is current on `cpu` (its TLBs are flushed as dup_mmap does). */
long proc_fork(struct proc *parent, unsigned cpu, const char *name, unsigned flags, struct proc **child);
/* End of the process: its address space is torn down when the last user is gone.  Its counters stay readable
 * until proc_free(). */
void proc_exit(struct proc *p);
void proc_free(struct proc *p);
/* Throw the address space away and start an empty one with the standard layout (the front of execve).  Fault
 * counters go on, as ru_minflt does. */
long proc_exec_begin(struct proc *p, const char *name);
/* Make p the current process of a CPU (context switch: writes CR3).  NULL: idle. */
void proc_run_on(struct kernel *k, unsigned cpu, struct proc *p);
/* The process current on a CPU; NULL: idle. */
struct proc *proc_current(const struct kernel *k, unsigned cpu);
/* With KPTI: a CPU is about to run its program, or its kernel to touch the program's memory; CR3 gets that half's
 * tables.  Traps, interrupts and system calls enter the kernel by themselves.  Without KPTI: nothing happens. */
void kernel_to_user(struct kernel *k, unsigned cpu);
void kernel_from_user(struct kernel *k, unsigned cpu);

/* ---- the layout of a new program (execve) ------------------------------------------------------------------ */

/* Stack: maps [start, end) as the grows-down stack VMA, named [stack]. */
long mm_setup_stack(struct proc *p, u64 start, u64 end);
/* Where brk begins; [heap] appears when it grows. */
long mm_set_brk_start(struct proc *p, u64 start_brk);
/* A special mapping such as [vdso] or [vvar], named as given (static text).  Pages of [vvar*] are not counted in RSS,
 * those of others (touched pages of [vdso]) are file pages there. */
long mm_map_special(struct proc *p, u64 start, u64 len_bytes, int prot, const char *name);
void mm_set_mmap_base(struct proc *p, u64 mmap_base);

/* ---- settings ---------------------------------------------------------------------------------------------- */

/* The files of /sys/kernel/mm that govern huge pages, by their names there: "transparent_hugepage/enabled",
 * "transparent_hugepage/hugepages-64kB/enabled", "hugepages/hugepages-2048kB/nr_hugepages" ...
 * 0, -MM_ENOENT, -MM_EACCES (only to be read) or -MM_EINVAL (not a value of this file). */
long kernel_sys_write(struct kernel *k, const char *file, const char *value);
long kernel_sys_read(struct kernel *k, const char *file, const struct pw_out *out);

/* ---- files ------------------------------------------------------------------------------------------------- */

enum mm_fs { MM_FS_EXT4, MM_FS_TMPFS, MM_FS_HUGETLBFS };
enum mm_tmpfs_huge { MM_TMPFS_NEVER, MM_TMPFS_ALWAYS, MM_TMPFS_WITHIN_SIZE, MM_TMPFS_ADVISE };
struct mm_file_info {
    const char *path;         /* copied                                                                       */
    u64 size_bytes;
    u32 dev_major, dev_minor;
    u64 ino;
    enum mm_fs fs;
    bool cached;              /* every page is already in the page cache                                      */
    bool writable;            /* opened for writing                                                           */
    u8 folio_lg2;             /* log2 of the bytes of its page-cache folios; 12: single pages                 */
    u8 page_lg2;              /* hugetlbfs: log2 of the bytes of its pages, 21 or 30                          */
    u8 huge;                  /* tmpfs: the mount's huge=, enum mm_tmpfs_huge                                 */
    bool memfd;               /* nobody else can open it: its pages go with its last user                     */
};
/* Each call is one open file; files with equal dev and ino share one page cache.  NULL: out of memory. */
struct mm_file *mm_file_open(struct kernel *k, const struct mm_file_info *info);
/* Drop the opener's reference; mappings keep theirs. */
void mm_file_close(struct mm_file *f);
/* 0, or -EINVAL: hugetlbfs has only sizes of whole pages. */
long mm_file_truncate(struct mm_file *f, u64 size_bytes);
/* fallocate(PUNCH_HOLE | KEEP_SIZE): 0 or -MM_Exxx. */
long mm_file_punch(struct mm_file *f, u64 off_bytes, u64 len_bytes);
const char *mm_file_path(const struct mm_file *f);

/* ---- system calls (arguments in the order of the system call) ---------------------------------------------- */

/* The process must be current on a CPU whenever its translations may be cached there (proc_run_on). */
long mm_mmap(struct proc *p, u64 addr, u64 len, int prot, int flags, struct mm_file *file, u64 off_bytes);
long mm_munmap(struct proc *p, u64 addr, u64 len);
long mm_mprotect(struct proc *p, u64 addr, u64 len, int prot);
long mm_mremap(struct proc *p, u64 addr, u64 old_len, u64 new_len, int flags, u64 new_addr);
long mm_brk(struct proc *p, u64 addr);           /* returns the break, as the kernel does: never an error      */
long mm_madvise(struct proc *p, u64 addr, u64 len, int advice);
long mm_mlock2(struct proc *p, u64 addr, u64 len, int flags);
long mm_munlock(struct proc *p, u64 addr, u64 len);
long mm_mlockall(struct proc *p, int flags);
long mm_munlockall(struct proc *p);
long mm_mincore(struct proc *p, u64 addr, u64 len, u8 *vec); /* vec: the embedder's, one byte a page            */
long mm_msync(struct proc *p, u64 addr, u64 len, int flags);
long mm_mseal(struct proc *p, u64 addr, u64 len, u64 flags);

/* Protection keys; all -MM_EINVAL unless the CPUs have them (hw.cr4_allowed).  PKRU belongs to the process: the
 * program's RDPKRU and WRPKRU are these. */
long mm_pkey_alloc(struct proc *p, u64 flags, u64 rights);
long mm_pkey_free(struct proc *p, int key);
long mm_pkey_mprotect(struct proc *p, u64 addr, u64 len, int prot, int key); /* -1: as mprotect                */
u32 mm_pkru(const struct proc *p);
void mm_set_pkru(struct proc *p, u32 value);

/* MM_PR_*; other options are -MM_EINVAL. */
long mm_prctl(struct proc *p, int option, u64 arg2, u64 arg3, u64 arg4, u64 arg5);
/* prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME); NULL takes the name away.  The name is copied. */
long mm_set_vma_name(struct proc *p, u64 addr, u64 len, const char *name);
long mm_setrlimit(struct proc *p, int resource, u64 bytes); /* MM_RLIMIT_*, the soft limit                     */
struct mm_iov { u64 start, len_bytes; };
long mm_process_madvise(struct proc *caller, struct proc *target, const struct mm_iov *iov, u64 n, int advice,
                        u64 flags);
long mm_membarrier(struct proc *p, int cmd, unsigned flags);

/* ---- NUMA -------------------------------------------------------------------------------------------------- *
 * Frames are taken from the node of the CPU that touches a page first, or as a policy says; page tables too, by the
 * task's policy.  Nodes are stretches of memory, one behind the other. */
#define MM_NODES_MAX 8u
struct mm_nodes {
    unsigned nodes;
    u64 end[MM_NODES_MAX];    /* where each ends; multiples of 4 MiB, the last is the end of RAM               */
    u8 cpu_node[64];
    u8 distance[MM_NODES_MAX][MM_NODES_MAX]; /* to itself the least                                            */
};
/* Before the first process.  false: these are no nodes of this machine; nothing has changed. */
bool kernel_set_nodes(struct kernel *k, const struct mm_nodes *n);
/* MM_MPOL_*; bit n of nodes is node n.  Pages that are there stay: MPOL_MF_MOVE and weights are -MM_EINVAL. */
long mm_mbind(struct proc *p, u64 addr, u64 len, int mode, u64 nodes, unsigned flags);
long mm_set_mempolicy(struct proc *p, int mode, u64 nodes);
/* The node of the page at addr, or -MM_EFAULT when none is there (get_mempolicy would bring one in). */
long mm_node_of(const struct proc *p, u64 addr);

/* Where a recorded program got another address than this kernel would choose: the next mm_mmap or mm_mremap of p
 * that has to choose an address takes this one (if it is free; else -MM_EEXIST, and nothing has changed).
 * One call only.  mm_adopted_choice() is what the kernel would have chosen itself. */
void mm_adopt_address(struct proc *p, u64 addr);
u64 mm_adopted_choice(const struct proc *p); /* ~0: it would have refused, or no address was adopted yet       */

/* ---- faults ------------------------------------------------------------------------------------------------ */

enum mm_fault_kind {
    MM_FAULT_ANON,        /* anonymous page filled with zeros                                                 */
    MM_FAULT_ZEROPAGE,    /* read of untouched anonymous memory: the shared zero page                         */
    MM_FAULT_FILE_READ,   /* a page of the page cache mapped, with its neighbours                             */
    MM_FAULT_FILE_COPY,   /* first write to a private file page: copied at once                               */
    MM_FAULT_SHARED_WRITE,/* write to a shared file page (page_mkwrite, dirtying)                             */
    MM_FAULT_SHMEM,       /* shared anonymous memory or tmpfs page allocated or mapped                        */
    MM_FAULT_COW_COPY,    /* write to a shared page: copied (anonymous, file or zero page below)              */
    MM_FAULT_COW_REUSE,   /* write to a page no longer shared: made writable                                  */
    MM_FAULT_STACK,       /* grew the stack (and filled with zeros)                                           */
    MM_FAULT_HUGE,        /* a huge page mapped at once                                                       */
    MM_FAULT_SPURIOUS,    /* nothing was wrong any more                                                       */
    MM_FAULT_INVALID,     /* a signal                                                                         */
    MM_FAULT_SWAP,        /* brought back from the swap device, or found in its cache                         */
    MM_FAULT_KINDS
};
const char *mm_fault_kind_name(enum mm_fault_kind kind); /* "anonymous", "zero_page", "file_read" ...            */

struct mm_trap_result {
    bool resume;             /* retry the access; else the signal below                                       */
    bool waits;              /* neither: the process waits for an answer through userfaultfd (see there)       */
    u8 signo, code;          /* MM_SIGSEGV / MM_SIGBUS and MM_SEGV_* / MM_BUS_ADRERR / MM_SI_KERNEL            */
    u8 kind;                 /* enum mm_fault_kind                                                            */
    u8 pkey;                 /* si_pkey of SEGV_PKUERR                                                        */
    bool major;
    u64 addr;                /* si_addr                                                                       */
    u32 mapped_pages;        /* pages this fault made present (fault-around counts them all)                  */
    u32 copied_pages, zeroed_pages;
};
/* A trap on `cpu` in the process current there.  For a kernel-mode access to user memory (trap->user false) a
 * signal result means EFAULT. */
void kernel_trap(struct kernel *k, unsigned cpu, const struct hw_trap *trap, struct mm_trap_result *out);
/* The inter-processor interrupt that hw->send_ipi asked for. */
void kernel_ipi(struct kernel *k, unsigned cpu);
/* Background work up to hw->now_ns(). */
void kernel_tick(struct kernel *k);
/* swapoff(2): everything comes back to memory; 0, -MM_ENOMEM, or -MM_EINVAL: it is off.  And swapon(2). */
long kernel_swapoff(struct kernel *k);
long kernel_swapon(struct kernel *k);
/* One scan of khugepaged now, whatever the clock says. */
void kernel_khugepaged(struct kernel *k);

/* ---- userfaultfd(2) ---------------------------------------------------------------------------------------- *
 * A fault in a registered range is put to whoever reads the userfaultfd, and the process waits: the trap's result
 * says `waits`.  The receiver of kernel_on_uffd() may answer at once, within the trap, by requests of the userfaultfd and
 * no other call; otherwise the embedder answers later and repeats the access then.  A waiting process that is woken has its fault
 * handled again there and then, as the woken thread would.  A system call that would have to wait while it
 * populates, and is not answered at once, returns -MM_EINTR.
 * Events (fork, remap, remove, unmap) are queued as they happen; the call that causes one does not stop.  While one
 * is unread the mappings count as changing: requests that fill pages return -MM_EAGAIN, as Linux's do while the
 * caller waits.  `caller` makes the request: its CPU, and its memory as the source of a copy. */

struct mm_uffd;                 /* an open userfaultfd of one address space                                   */
struct mm_uffd_msg {
    u8 event;                   /* MM_UFFD_EVENT_*                                                            */
    u8 flags;                   /* of a page fault: MM_UFFD_FAULT_*                                           */
    u64 address;                /* page fault; remap: from; remove and unmap: start                           */
    u64 to, len_bytes;          /* remap; remove and unmap: the length                                        */
    struct proc *proc;          /* page fault, with FEATURE_THREAD_ID: who waits                              */
    struct mm_uffd *child;      /* fork: the child's userfaultfd, the reader's to close                       */
};
/* 0 and *out; -MM_EINVAL for unknown flags, -MM_ENOMEM. */
long mm_userfaultfd(struct proc *p, int flags, struct mm_uffd **out);
/* Everything is unregistered, who waits is woken. */
void mm_uffd_close(struct mm_uffd *u);
/* The oldest message; -MM_EAGAIN: none. */
long mm_uffd_read(struct mm_uffd *u, struct mm_uffd_msg *out);
void kernel_on_uffd(struct kernel *k, void (*fn)(void *ctx, struct mm_uffd *u), void *ctx);
/* The process waits for an answer of this userfaultfd; NULL: it does not wait. */
struct mm_uffd *mm_uffd_waiting(const struct proc *p);

/* The requests (ioctl), with the structures' output fields.  *done: bytes done, or the error, as the structure's
 * last field gets it; left alone where Linux leaves it. */
long mm_uffd_api(struct mm_uffd *u, u64 api, u64 *features, u64 *ioctls);
long mm_uffd_register(struct mm_uffd *u, u64 start, u64 len, u64 mode, u64 *ioctls);
long mm_uffd_unregister(struct mm_uffd *u, u64 start, u64 len);
long mm_uffd_wake(struct mm_uffd *u, u64 start, u64 len);
long mm_uffd_copy(struct proc *caller, struct mm_uffd *u, u64 dst, u64 src, u64 len, u64 mode, s64 *done);
long mm_uffd_zeropage(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done);
long mm_uffd_continue(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done);
long mm_uffd_poison(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode, s64 *done);
long mm_uffd_move(struct proc *caller, struct mm_uffd *u, u64 dst, u64 src, u64 len, u64 mode, s64 *done);
long mm_uffd_writeprotect(struct proc *caller, struct mm_uffd *u, u64 start, u64 len, u64 mode);

/* ---- pinning and DMA ---------------------------------------------------------------------------------------- *
 * A device reaches memory by physical address and asks no page table.  A pinned page stays where it is, allocated,
 * whatever becomes of the mapping it was found through; fork gives the child a copy of it at once. */

/* pin_user_pages(): the frames of the pages from addr on; how many, or -MM_EFAULT, -MM_ENOMEM ... when not even the first
 * could be.  Faults them in, in the process's name.  flags: MM_FOLL_*. */
enum { MM_FOLL_WRITE = 1, MM_FOLL_LONGTERM = 0x100 };
long mm_pin(struct proc *p, u64 addr, u64 pages, unsigned flags, pfn_t *out);
/* unpin_user_pages_dirty_lock().  A page that nobody maps any more is freed with its last pin. */
void mm_unpin(struct kernel *k, const pfn_t *page, u64 n, bool dirty);
/* Addresses of Linux's direct map of all memory.  pre: inside RAM; its bytes are at hw.ram + physical address. */
u64 kernel_phys_to_virt(const struct kernel *k, u64 pa);
u64 kernel_virt_to_phys(const struct kernel *k, u64 va);
/* What a device is given: stretches of physical memory.  The number of elements; 0: more than `room`, or fewer pages than
 * bytes. */
struct mm_sg { u64 pa, len_bytes; };
u64 mm_sg_from_pages(const pfn_t *page, u64 n, u64 offset_bytes, u64 len_bytes, struct mm_sg *sg, u64 room);

/* ---- which pages were written ------------------------------------------------------------------------------- */

/* A write to /proc/PID/clear_refs: 1 to 5; 4 clears soft-dirty (kernel_config.soft_dirty). */
long mm_clear_refs(struct proc *p, int what);

/* PAGEMAP_SCAN on /proc/PID/pagemap.  The region vector is the embedder's memory. */
struct mm_page_region { u64 start, end, categories; };
struct mm_scan {
    u64 flags, start, end;      /* MM_SCAN_*                                                                  */
    u64 max_pages;              /* 0: no limit                                                                */
    u64 category_inverted, category_mask, category_anyof_mask, return_mask; /* MM_PAGE_IS_*                   */
    struct mm_page_region *vec; /* NULL: nothing is wanted                                                    */
    u64 vec_len;
    u64 walk_end;               /* out: where the scan stopped                                                */
};
/* The number of regions, or -errno. */
long mm_pagemap_scan(struct proc *p, struct mm_scan *scan);

/* Called once for each fault handled, including those of populate and mlock that no trap announced. */
void kernel_on_fault(struct kernel *k, void (*fn)(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r), void *ctx);
/* Called once for each invalidation that other CPUs were interrupted for: on whose account, how many CPUs, and of which range,
 * while its mappings are still there.  end ~0: all of an address space, or one that is not p's. */
void kernel_on_shootdown(struct kernel *k, void (*fn)(void *ctx, struct proc *p, u64 start, u64 end, unsigned ipis), void *ctx);

/* ---- what can be seen -------------------------------------------------------------------------------------- */

struct mm_counters {
    u64 minor, major;                   /* as ru_minflt, ru_majflt                                            */
    u64 faults[MM_FAULT_KINDS];
    u64 copied_pages, zeroed_pages;
    u64 flush_pages, flush_full, ipis;  /* invalidations done for this process, IPIs sent                     */
    u64 acks, lazy_skips;               /* IPIs acknowledged; CPUs spared one: they flush when they come back  */
};
const struct mm_counters *proc_counters(const struct proc *p);

/* How current translations are kept: the number of the address space, the flushes it has seen, the CPUs that may hold
 * translations of it.  All 0 after proc_exit(). */
struct mm_tlb { u64 id, generation, cpus; };
void mm_tlb(const struct proc *p, struct mm_tlb *out);
/* What a CPU's TLBs know, by PCID: text for people. */
void kernel_show_tlbstate(const struct kernel *k, unsigned cpu, const struct pw_out *out);

struct mm_rss { u64 anon_pages, file_pages, shmem_pages, swap_pages, table_pages, total_vm_pages, locked_pages; u64 peak_rss_pages, peak_table_pages; u32 map_count, peak_map_count, max_map_count; };
void mm_rss(const struct proc *p, struct mm_rss *out);

struct mm_vma_view {
    u64 start, end, off_bytes;
    u8 prot;                 /* MM_PROT_*                                                                     */
    bool shared, growsdown, locked;
    const struct mm_file *file; /* NULL: anonymous                                                            */
    const char *name;        /* what /proc/PID/maps shows at the end of the line, or ""                       */
    u64 tag;                 /* the embedder's, see mm_tag                                                    */
};
/* The mapping that contains addr, or the first above it; false: none. */
bool mm_find_vma(const struct proc *p, u64 addr, struct mm_vma_view *out);
/* Moves on whenever what mm_find_vma() answers, for this process or another, may have changed: equal before and after
 * means that nothing has. */
u64 mm_generation(const struct proc *p);
/* A label the embedder gives to mappings made from now on by mm_mmap; never compared in merges (the survivor
 * keeps its own). */
void mm_tag(struct proc *p, u64 tag);

void mm_show_maps(const struct proc *p, const struct pw_out *out);      /* /proc/PID/maps                        */
void mm_show_status(const struct proc *p, const struct pw_out *out);    /* the Vm* and Rss* lines                */
void mm_show_smaps(const struct proc *p, const struct pw_out *out);
void mm_show_smaps_rollup(const struct proc *p, const struct pw_out *out);
void mm_show_statm(const struct proc *p, const struct pw_out *out);
void mm_show_numa_maps(const struct proc *p, const struct pw_out *out); /* one node                             */
/* Of these two the lines that this kernel has numbers for. */
void kernel_show_vmstat(const struct kernel *k, const struct pw_out *out);
void kernel_show_meminfo(const struct kernel *k, const struct pw_out *out);
void kernel_show_buddyinfo(const struct kernel *k, const struct pw_out *out);
/* /proc/PID/pagemap's word for one page, PFN bits zero. */
u64 mm_pagemap(const struct proc *p, u64 addr);
/* The words of so many pages from addr on. */
void mm_pagemap_read(const struct proc *p, u64 addr, u64 *words, u64 pages);
/* "EINVAL" for 22; NULL if unknown. */
const char *mm_errno_name(int err);

/* Proves the invariants; NULL, or static text naming the first that is broken. */
const char *mm_check(const struct kernel *k);

/* For tests: the nth allocation of memory from now on (of frames or of the kernel's own objects) fails, as if there were
 * none; 0: none fails.  And: has it? */
void kernel_fail_allocation(struct kernel *k, u64 nth);
bool kernel_allocation_failed(const struct kernel *k);

/* Explain mode: one line of text for each step of a decision; NULL: off. */
void kernel_explain(struct kernel *k, const struct pw_out *out);

#endif
