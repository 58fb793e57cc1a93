/* SPDX-License-Identifier: MIT
 * mm.h - the objects of the memory manager and what must hold between them.  Included by every file of this room;
 * the functions are in calls.h.
 *
 *   frame       one page of physical memory (metadata only)      kernel.frames[pfn]
 *   mm          an address space                                 procs share it after PROC_FORK_VM
 *   vma         one mapping: [start, end) of an mm               treap by address, threaded by prev and next
 *   anon_vma    identity of a family of anonymous pages          vma->chain lists the ones a vma belongs to
 *   inode       a page cache; mm_file is one open file on it
 *
 * Equations, proved by mm_check():
 *   frame.mapped == number of present entries that map it == length of its reverse map (hugetlb: of the first frame)
 *   frame.refs   == mapped + (in a page cache or the swap cache) + (in an LRU batch) + (pins, each 1024 or, of a folio, 1)
 *   mm.rss[kind] == number of present entries that map frames of that kind
 *   two neighbours in an mm never overlap; free frames + used frames == all frames */
#ifndef PAGEWALK_KERNEL_MM_H
#define PAGEWALK_KERNEL_MM_H

#include <string.h>

#include "arch/x86_pte.h"
#include "base/check.h"
#include "pagewalk/kernel.h"

/* ---- vm_flags, by Linux's names and values ------------------------------------------------------------------- */

enum {
    VM_READ = 0x1, VM_WRITE = 0x2, VM_EXEC = 0x4, VM_SHARED = 0x8,
    VM_MAYREAD = 0x10, VM_MAYWRITE = 0x20, VM_MAYEXEC = 0x40, VM_MAYSHARE = 0x80,
    VM_GROWSDOWN = 0x100, VM_UFFD_MISSING = 0x200, VM_PFNMAP = 0x400, VM_MAYBE_GUARD = 0x800, VM_UFFD_WP = 0x1000,
    VM_LOCKED = 0x2000, VM_IO = 0x4000,
    VM_SEQ_READ = 0x8000, VM_RAND_READ = 0x10000, VM_DONTCOPY = 0x20000, VM_DONTEXPAND = 0x40000,
    VM_LOCKONFAULT = 0x80000, VM_ACCOUNT = 0x100000, VM_NORESERVE = 0x200000, VM_HUGETLB = 0x400000,
    VM_WIPEONFORK = 0x2000000, VM_DONTDUMP = 0x4000000, VM_SOFTDIRTY = 0x8000000, VM_MIXEDMAP = 0x10000000,
    VM_HUGEPAGE = 0x20000000, VM_NOHUGEPAGE = 0x40000000,
};
#define VM_MERGEABLE 0x80000000ull
#define VM_PKEY_SHIFT 32                      /* four bits: the protection key                                 */
#define VM_PKEY (15ull << VM_PKEY_SHIFT)
#define VM_DROPPABLE (1ull << 40)
#define VM_UFFD_MINOR (1ull << 41)
#define VM_SEALED (1ull << 42)
#define VM_POLICY_SHIFT 48                    /* a policy (numa.c), 0: the task's                              */
#define VM_POLICY (0x7ffull << VM_POLICY_SHIFT)
#define VM_ACCESS (VM_READ | VM_WRITE | VM_EXEC)
#define VM_MAYACCESS (VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC)
#define VM_LOCKED_MASK (VM_LOCKED | VM_LOCKONFAULT)
#define VM_SPECIAL (VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP)
#define VM_UFFD (VM_UFFD_MISSING | VM_UFFD_WP | VM_UFFD_MINOR)

#define TASK_SIZE 0x7ffffffff000ull
#define MMAP_BASE 0x7ffff7fff000ull /* address randomisation off, 8 MiB stack limit                          */
#define VSYSCALL 0xffffffffff600000ull     /* the page every process sees, a mapping of none               */
#define MAP32_START 0x40000000ull
#define MAP32_END 0x80000000ull
#define STACK_GUARD_BYTES (256 * PAGE_BYTES)
#define PMD_BYTES (1ull << 21)
#define PTRS_PER_TABLE 512
#define TOP_LEVEL 3

/* ---- page-table entries: what software keeps in bits that hardware ignores ------------------------------------ */

#define PTE_SPECIAL (1ull << 9)              /* a frame without counts: the zero page, [vvar]                 */
#define PTE_PROTNONE (1ull << 8)             /* with P=0: present to the kernel, no access for anyone         */
#define PTE_UFFD_WP (1ull << 10)             /* write-protected by userfaultfd                                */
#define PTE_SOFT_DIRTY (1ull << 11)          /* written since clear_refs 4                                    */
#define PTE_PKEY (15ull << X86_PKEY_SHIFT)
/* Not present: swap entries (swap.h), and markers, which say something of a page that is not there.  Markers can be
 * combined. */
#define PTE_MARKER (29ull << 59)
#define PTE_MARK_GUARD (1ull << 1)           /* MADV_GUARD_INSTALL                                            */
#define PTE_MARK_WP (1ull << 2)              /* write-protected by userfaultfd before it was there            */
#define PTE_MARK_POISON (1ull << 3)          /* UFFDIO_POISON                                                 */
#define PTE_GUARD (PTE_MARKER | PTE_MARK_GUARD)
#define PTE_TABLE (X86_PTE_P | X86_PTE_RW | X86_PTE_US | X86_PTE_A | X86_PTE_D)

static inline bool pte_present(u64 e) { return (e & X86_PTE_P) || (e & PTE_PROTNONE); }
static inline bool pte_marker(u64 e) { return !pte_present(e) && e >> 59 == PTE_MARKER >> 59; }
static inline bool pte_none_or_marker(u64 e) { return !e || pte_marker(e); }
/* userfaultfd write-protects the page, whether it is there or not. */
static inline bool pte_wp(u64 e) { return e & (pte_present(e) ? PTE_UFFD_WP : PTE_MARK_WP); }
static inline pfn_t pte_pfn(u64 e) { return pa_to_pfn(e & X86_PTE_ADDR); }
/* A present entry whose frame is counted (not special). */
static inline bool pte_counted(u64 e) { return pte_present(e) && !(e & PTE_SPECIAL); }
/* A 2 MiB leaf at level 1, also when made inaccessible. */
static inline bool pmd_huge(u64 e) { return pte_present(e) && (e & X86_PTE_PS); }
static inline bool pmd_table(u64 e) { return (e & X86_PTE_P) && !(e & X86_PTE_PS); }

/* ---- frames ---------------------------------------------------------------------------------------------------- */

#define ORDERS 11                            /* blocks of 1 .. 1024 frames                                    */
#define HUGE_ORDER 9
#define NO_FRAME 0xffffffffu

enum frame_kind {
    FRAME_TAIL,      /* inside a free block                                                                   */
    FRAME_FREE,      /* first frame of a free block of `order`; in a free list                                */
    FRAME_TABLE, FRAME_ANON, FRAME_FILE, FRAME_SHMEM, FRAME_RESERVED,
    FRAME_HUGETLB,   /* a page of a hugetlb pool: the first frame has the counts, `order` says how large          */
    FRAME_KINDS
};
enum frame_flag {
    FRAME_EXCLUSIVE = 1,   /* anonymous: belongs to one process (PageAnonExclusive)                            */
    FRAME_DIRTY = 2,       /* the page itself is known dirty, whatever the entries say                        */
    FRAME_READAHEAD = 4,   /* page cache: touching it starts the next readahead                                */
    FRAME_PROMISED = 4,    /* hugetlb: freeing it restores its mapping's reservation                           */
    FRAME_LAZYFREE = 8,    /* anonymous: MADV_FREE has taken effect (not swap-backed)                           */
    FRAME_REFERENCED = 32, FRAME_ACTIVE = 64, /* of the head: how often it was looked at (lru_accessed())      */
    FRAME_SWAPCACHE = 128, /* anonymous: on the swap device, too, in slot `index` (swap.c)                     */
    FRAME_HUGE = 16,       /* part of a folio of 2^order frames; its first, aligned, frame is the head          */
};
enum lru_batch { LRU_ON, LRU_ADD, LRU_MLOCK, LRU_LAZYFREE, LRU_BATCHES };

/* rmap of a frame: `map` is the first mapping, `more` the handle of a list of further ones.  A mapping is a page
 * number (36 bits) with the handle of its mm above it. */
struct frame {
    u32 refs;
    u32 mapped;
    union {
        u64 map;                          /* used frames                                                     */
        struct { u32 next, prev; } free;  /* free lists, and lists of frames about to be freed               */
    };
    u32 more;       /* of a level-1 table: list of tables deposited for its 2 MiB pages                        */
    u32 inode;      /* handle of the page cache that holds it; 0: none                                         */
    u32 index;      /* its page number there; with FRAME_SWAPCACHE its slot                                    */
    u8 kind, flags;
    u8 order;       /* of the free block or of the folio                                                       */
    u8 lru;         /* enum lru_batch it waits in (low 2 bits), CPU of the batch above                         */
};
_Static_assert(sizeof(struct frame) == 32, "two per cache line");

/* A page of a file, shared memory included; of a pool's pages those in a file's cache. */
static inline bool frame_of_file(const struct frame *f)
{
    return f->kind == FRAME_HUGETLB ? f->inode != 0 : f->kind != FRAME_ANON;
}

struct rmap_node { u64 map; u32 next; u32 pad; };

/* ---- address spaces --------------------------------------------------------------------------------------------- */

/* Freed when no vma is attached.  A fork child's has the parent's as `parent`; the first of a family is its own. */
struct anon_vma {
    struct anon_vma *parent;
    u32 vmas;       /* chain entries that name it                                                              */
    u32 children;   /* anon_vmas whose parent it is, itself included for the first of a family                 */
    u32 active;     /* vmas whose ->anon_vma it is                                                             */
};
struct avc { struct anon_vma *av; struct avc *next; };

struct vma {
    u64 start, end, pgoff, flags;
    struct mm *mm;
    struct anon_vma *anon_vma;
    struct avc *chain;                    /* oldest first; more than one after a fork                        */
    struct mm_file *file;
    struct resv_map *resv;                /* private hugetlb: the owner's used reservations, shared by its parts */
    const char *name;                     /* special mappings                                                 */
    struct mm_uffd *uffd;                 /* registered with it: flags has some of VM_UFFD                    */
    struct anon_name *anon_name;          /* PR_SET_VMA_ANON_NAME; NULL: none                                 */
    u64 tag;
    struct vma *up, *left, *right;        /* treap: start ascends, prio is a heap                             */
    struct vma *prev, *next;
    u64 gap;                              /* free bytes below start, down to the previous vma                 */
    u64 max_gap;                          /* largest gap in this subtree                                      */
    u64 indexed;                          /* start, as vma_index.c knows it                                   */
    struct vma *file_next, **file_link;   /* vmas of one inode                                                */
    u32 prio;
    bool resv_lost;                       /* the owner took a page away: faults are SIGBUS                     */
};

static inline unsigned vma_pkey(const struct vma *v) { return v->flags >> VM_PKEY_SHIFT & 15; }

/* vma_index.c: a tree for each 4 TiB of the 47-bit address space. */
#define VMA_INDEX_LG2 30                  /* pages of a tree                                                      */
#define VMA_INDEX_TREES (1u << (47 - PAGE_LG2 - VMA_INDEX_LG2))
struct vma_index {
    u32 root[VMA_INDEX_TREES];            /* a handle of a node                                                   */
    u8 levels[VMA_INDEX_TREES];           /* 0: no mapping there                                                  */
    bool lost;                            /* there was no memory for it: the treap serves                         */
};

enum rss_kind { RSS_ANON, RSS_FILE, RSS_SHMEM, RSS_KINDS };

struct mm {
    struct kernel *k;
    struct mm *next, **link;              /* all address spaces                                               */
    u32 users, handle;
    pfn_t top;
    struct vma *root, *first;
    struct vma_index index;
    struct vma *found[16];                /* vma_find()'s last answers, by address                            */
    u32 map_count, peak_map_count, rand;
    u64 rss[RSS_KINDS], tables;
    u64 swapped;                          /* its swap entries                                                  */
    u64 hugetlb;                          /* pages mapped from hugetlb pools                                   */
    u64 peak_rss, peak_tables, peak_vm;
    u64 total_vm, exec_vm, stack_vm, data_vm, locked_vm;
    s64 locked_stale;                     /* of locked_vm: what MREMAP_DONTUNMAP left over                    */
    u64 start_brk, brk, start_stack, mmap_base, def_flags;
    u64 cpus;                             /* mm_cpumask: CPUs whose TLBs may hold translations of it           */
    u64 ctx_id;                           /* no other address space ever has the same                         */
    u64 tlb_gen;                          /* flushes so far                                                   */
    u64 trim_due_ns;                      /* when `cpus` is next cleared of CPUs that left long ago             */
    struct { u64 as, data, stack, memlock; } limit; /* RLIMITs, bytes                                         */
    u64 place[MM_PR_SET_MM_PLACES];       /* what PR_SET_MM was told                                          */
    u16 pkeys;                            /* protection keys allocated                                        */
    u16 barriers;                         /* membarrier registrations                                         */
    u8 exec_key;                          /* the execute-only key; 0: none                                    */
    u8 thp_disable, mdwe;                 /* as prctl(2) tells them                                           */
    struct mm *scan_next;                 /* khugepaged's list                                                */
    bool scanned;                         /* it is in that list                                               */
    bool has_pinned;                      /* pages were pinned through it, once (MMF_HAS_PINNED)                */
};

/* ---- userfaultfd -------------------------------------------------------------------------------------------------- */

/* A process that waits for the answer to its fault; in its userfaultfd's list. */
struct uffd_wait {
    struct mm_uffd *uffd;                 /* NULL: it does not wait                                           */
    struct proc *next;
    struct hw_trap trap;                  /* handled again when it is woken                                   */
    struct mm_uffd_msg msg;
    bool inside;                          /* its trap or system call is still running, and tries again itself */
    bool read;                            /* the message was                                                  */
    u8 waits;                             /* of this fault, this one included                                 */
};

struct uffd_event { struct uffd_event *next; struct mm_uffd *uffd; struct mm_uffd_msg msg; };

struct mm_uffd {
    struct kernel *k;
    struct mm *mm;                        /* NULL: it has ended                                               */
    struct mm_uffd *next, **link;         /* all of them                                                      */
    u64 features;                         /* 0 until UFFDIO_API                                               */
    int flags;
    struct proc *waiting;                 /* oldest first                                                     */
    struct uffd_event *events;            /* unread, oldest first; while there are any, mappings are changing  */
};

struct proc {
    struct kernel *k;
    struct mm *mm;                        /* NULL after proc_exit()                                           */
    char name[16];
    struct mm_counters counters;
    u64 adopt, adopted_choice;            /* ADOPT_NONE: choose                                               */
    u64 tag;
    struct mm_rss last;                   /* as it was at exit; before that only the peak of earlier programs  */
    u32 pkru;                             /* while it runs the register of its CPU counts                     */
    u16 policy;                           /* set_mempolicy(2); 0: local (numa.c)                              */
    u8 interleaved;                       /* the node it took last                                            */
    struct uffd_wait wait;                /* a fault that waits for userfaultfd's answer                      */
};
#define ADOPT_NONE (~(u64)0)

/* ---- files ------------------------------------------------------------------------------------------------------ */

#define RADIX_LG2 6
/* Sets of page numbers as sorted ranges that do not touch. */
struct region { struct region *next; u64 from, to; };
struct resv_map { struct region *first; u32 refs; };

struct radix_node { u32 used; u32 slot[1u << RADIX_LG2]; }; /* leaf: frame numbers (0: none); above: handles   */

struct inode {
    struct kernel *k;
    struct inode *next;                   /* hash chain                                                       */
    u64 ino, size;
    u32 major, minor;
    u32 handle, opens, writers;           /* mm_files that name it; of these writable                         */
    u32 root;                             /* radix handle                                                     */
    u8 height, fs, folio_lg2;
    u8 huge;                              /* tmpfs: the mount's huge=, enum thp_when                          */
    bool own_mount, memfd;                /* shared anonymous memory, memfd: shmem_enabled says               */
    u8 huge_lg2;                          /* hugetlb: bytes of its pages; the cache counts in them; 0: not one */
    bool anonymous;                       /* shared anonymous memory, dies with its last file                 */
    u64 cached_pages;                     /* pages below are in memory, those without a frame too             */
    u64 pages, charged;                   /* in the cache; pages of commit charge (shared anonymous memory)   */
    struct resv_map resv;                 /* hugetlb: pages that are in the cache or reserved for it           */
    struct vma *vmas;
};

struct mm_file {
    struct inode *inode;
    u32 refs;                             /* the opener's and one for each vma                                */
    bool writable;
    struct { u64 start, size, async; u32 misses; } ra; /* readahead window, in pages                          */
    char *path;
    u32 path_bytes;
};

/* ---- the kernel ------------------------------------------------------------------------------------------------- */

struct heap { u8 *base; u64 used, limit; u32 free[66]; u64 live; };

#define BATCH_PAGES 31
#define MAX_CPUS 64
#define DYN_ASIDS 6                          /* Linux's TLB_NR_DYN_ASIDS                                        */
/* What the TLBs of a CPU know under one of its address-space numbers (Linux's tlb_context). */
struct tlb_ctx { u64 ctx_id, tlb_gen; };
struct cpu {
    struct proc *proc;
    struct mm *loaded;                    /* whose tables CR3 has; NULL: the kernel's own                     */
    struct tlb_ctx ctx[DYN_ASIDS];
    u8 asid, next_asid;                   /* in CR3; the next to be given away                                 */
    u8 user_flush;                        /* KPTI: numbers whose user PCID is to be flushed before its next use  */
    bool lazy;                            /* nobody runs; `loaded` is kept                                    */
    bool user_tables;                     /* KPTI: CR3 has the program's tables                               */
    u64 kept, flushed;                    /* loads of CR3 that kept translations, or dropped them              */
    struct { u32 n, frame[BATCH_PAGES]; } batch[LRU_BATCHES];
};

/* Differences between kernel versions; kver.c has a row for each. */
struct quirks {
    u32 version;
    bool populate_whole;      /* 6.9: MADV_POPULATE_* ends at the first hole, and is not done mapping by mapping */
    bool merge_unfaulted;     /* 6.16: a faulted range merges with an unfaulted neighbour                      */
    bool exec_readahead;      /* 6.16: readahead of code stays inside its mapping                              */
    bool mremap_checks_first; /* 6.17: source checked before the target is unmapped; several vmas move at once */
    bool whole_folios;        /* 6.18: faults map whole large folios                                           */
    bool tail_needs_table;    /* 6.18: fault-around gives up when its first folio ends the file and there is no
                                 page table yet (tmpfs excepted)                                               */
    bool stack_nohuge;        /* 6.7: MAP_STACK sets VM_NOHUGEPAGE                                             */
    bool thp_align;           /* 6.7: anonymous maps of 2 MiB multiples are aligned                            */
    bool uncharge_unfaulted;  /* 6.7: mprotect to read-only uncharges untouched anonymous memory               */
    bool guard_regions, guard_files; /* 6.13, 6.15                                                             */
    bool guard_flag;          /* 6.19: VM_MAYBE_GUARD, ignored in merges                                       */
    bool huge_zero_cow_huge;  /* 6.13: write to the huge zero page allocates a huge page                       */
    bool pt_reclaim;          /* 6.14: MADV_DONTNEED frees page tables that became empty                       */
    bool unmap_drains;        /* up to 6.17: unmapping drains the LRU batches first                            */
    u8 batch_pages;           /* LRU batch: 31, 15 before 6.9                                                  */
    bool dontunmap_counts;    /* 6.15: MREMAP_DONTUNMAP of locked memory leaves both places in locked_vm      */
    bool mseal;               /* 6.10                                                                          */
    bool interleave_wide;     /* 6.7: all bits of a page's offset count in interleaving; before, the low 32              */
    bool vma_lock;            /* 6.4: a fault is first tried under its mapping's lock, and that try does not count */
    bool mdwe, mdwe_no_inherit; /* 6.3, 6.6                                                                    */
    bool advise_self;         /* 6.12: process_madvise of the caller itself needs no CAP_SYS_NICE               */
    bool advise_self_any;     /* 6.13: process_madvise gives the caller itself any advice                      */
    bool thp_except_advised;  /* 6.18: PR_THP_DISABLE_EXCEPT_ADVISED                                           */
    bool sticky_flags;        /* 6.19: a merged mapping is soft-dirty if one of its parts was                   */
    bool stale_cpumask;       /* 6.14: a CPU stays in mm_cpumask when it switches away                         */
    bool gather_pairs;        /* 6.9: the gather keeps room for two words, page and count                      */
    bool barrier_asks;        /* 6.3: membarrier tells what was registered                                      */
    bool mmap_gathers_first;  /* 6.12: what MAP_FIXED replaces is cut off before RLIMIT_AS is looked at         */
    bool uffd_wp_many;        /* 6.3: write protection over several mappings in one call                        */
    bool uffd_continue_wp;    /* 6.4: UFFDIO_CONTINUE can write-protect                                          */
    bool uffd_prepares_first; /* 6.9: a fill that is then refused has made its mapping's family already         */
    bool uffd_checks_source;  /* UFFDIO_COPY looks at the source's range first: seen in 6.18, not in 6.12       */
    bool exec_key_early;      /* 6.10: mmap takes the key of execute-only memory before it looks for an address    */
    bool scan_guards;         /* 6.15: PAGEMAP_SCAN knows guard regions                                         */
    bool uffd_poison, uffd_async, uffd_move, uffd_own_only; /* 6.6, 6.7, 6.8; 6.17: unregister only through the same */
};

/* One TLB flush on its way to other CPUs. */
struct flush { struct mm *mm; u64 start, end, gen; u8 stride_lg2; bool full, acknowledged; };

/* When a size of transparent huge page is used (/sys/kernel/mm/transparent_hugepage). */
enum thp_when { THP_NEVER, THP_MADVISE, THP_ALWAYS, THP_INHERIT, THP_WITHIN_SIZE, THP_ADVISE, THP_DENY, THP_FORCE };
struct thp_size {
    u8 anon, shmem;                       /* enum thp_when                                                    */
    u64 anon_alloc, anon_fallback, shmem_alloc, shmem_fallback, split;
};
struct thp {
    u8 enabled, defrag, shmem_enabled;    /* enum thp_when; defrag: by the order of its file's words           */
    u8 use_zero_page, scan_defrag;
    u32 max_none, max_swap, max_shared, pages_to_scan, scan_sleep_ms, alloc_sleep_ms;
    u64 collapsed, full_scans, pmd_bytes;
    struct thp_size size[HUGE_ORDER + 1]; /* by order                                                         */
};

/* The hugetlb pages of one size (Linux's hstate).
 * free <= nr; surplus <= nr; what is free beyond resv may be taken without a reservation */
struct pool {
    u8 lg2;
    u32 first;                            /* free pages, linked by frame number                               */
    u64 nr, free, resv, surplus, overcommit;
};
enum { POOL_2M, POOL_1G, POOLS };

/* The swap device (swap.c). */
struct swap_slot { u32 count, frame; };
struct swap {
    struct swap_slot *slot;
    u8 *bytes;                            /* what pages hold; NULL: contents are not kept                      */
    u64 slots, total;                     /* with the header's; that can be used                              */
    u64 used, next, cached;
    u64 in, out;                          /* pages read and written                                            */
    u32 hand;                             /* of reclaim: a frame number                                        */
    bool on;
};

/* The frames of a NUMA node.  Those at and above its frontier were never used. */
struct node {
    u64 start, end, frontier;
    u32 free_list[ORDERS];
    u64 nr_free[ORDERS];                  /* blocks in each list (below the frontier)                          */
    u8 near[MM_NODES_MAX];                /* all nodes, the nearest first                                      */
};

#define INODE_HASH 256
struct kernel {
    struct hw hw;
    struct kernel_config cfg;
    struct quirks q;
    struct heap heap;
    struct frame *frames;
    u64 nr_frames, free_frames;
    unsigned nodes;
    struct node node[MM_NODES_MAX];       /* by address, together all frames                                   */
    u8 cpu_node[MAX_CPUS];
    const struct fault *placing;          /* the fault that frames are allocated for; NULL: something else     */
    u64 kind_frames[FRAME_KINDS];
    u64 mapped_frames[FRAME_KINDS];       /* mapped at least once (hugetlb: first frames)                      */
    u64 pmd_mapped[FRAME_KINDS];          /* folios with a 2 MiB entry                                         */
    pfn_t idle_top, zero, vdso, huge_zero;
    struct thp thp;
    struct { struct mm *first, *at; u64 address, due_ns; } scan; /* khugepaged: its list and its cursor       */
    struct pool pool[POOLS];
    struct swap swap;
    u64 committed, totalram;
    struct mm *mms;
    u32 index_nodes, index_pages;         /* free ones (vma_index.c); pages of the heap they came from        */
    u64 fail_in;                          /* kernel_fail_allocation()                                         */
    struct inode *inodes[INODE_HASH];
    u64 next_ino;
    struct cpu cpu[MAX_CPUS];
    unsigned this_cpu;                    /* on which the current call runs                                    */
    struct proc *actor;                   /* whose counters pay                                                */
    u64 generation;                       /* of all mappings: mm_generation()                                  */
    struct proc nobody;                   /* pays for what no process asked for (truncation by the embedder)   */
    struct flush flush;
    struct mm_uffd *uffds;
    struct anon_name *names;
    bool pku;                             /* CR4.PKE is set                                                   */
    bool pcid, kpti;                      /* CR4.PCIDE is set; every address space has two top tables          */
    u64 last_ctx_id;
    u64 pins, pins_ever;                  /* of all pages: now, and taken since the start                     */
    u64 faults, major_faults;             /* of all processes, as /proc/vmstat counts                         */
    u64 dirty_bits;                       /* what pte_mkdirty sets: D, and soft-dirty if it is tracked        */
    u64 new_flags;                        /* of every new mapping: VM_SOFTDIRTY, if it is tracked             */
    struct pw_out explain;
    void (*on_fault)(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r);
    void *on_fault_ctx;
    void (*on_shootdown)(void *ctx, struct proc *p, u64 start, u64 end, unsigned ipis);
    void *on_shootdown_ctx;
    void (*on_uffd)(void *ctx, struct mm_uffd *u);
    void *on_uffd_ctx;
};

/* ---- operations in flight ---------------------------------------------------------------------------------------- */

/* Unmapping gathers: entries are cleared first, then one flush, then the frames go. */
struct gather {
    struct mm *mm;
    u64 start, end;
    u32 doomed, slots;                    /* list of frames to free; of the batch's pointers used               */
    struct frame *last;                   /* put last, of a folio: the next one may belong to the same run      */
    bool pair;                            /* that run has more than one page                                  */
    bool ptes, pmds, puds, tables, dirty_files, full_mm;
};

/* One fault on its way through the handler. */
struct fault {
    struct mm *mm;
    struct vma *vma;
    u64 addr;                             /* page-aligned                                                      */
    bool write, grew;
    u8 wait;                              /* enum fault_wait                                                   */
    u8 waits;                             /* for an answer of userfaultfd, so far                             */
    bool marked_wp;                       /* the entry was a marker: the page comes write-protected            */
    const struct hw_trap *trap;           /* NULL: a system call populates                                    */
    struct mm_trap_result *out;
};
/* A fault that has to wait for the disk ... */
enum fault_wait {
    WAIT_RETRIES,    /* lets go of the locks and begins again, as a major one                                  */
    WAIT_RESTARTS,   /* begins again as a fresh, minor one (mlock and MAP_POPULATE)                            */
    WAIT_HOLDS,      /* waits with the locks held (mprotect of locked memory)                                  */
};
enum fault_result { FAULT_DONE, FAULT_OOM, FAULT_SIGBUS, FAULT_SIGSEGV, FAULT_POISON, FAULT_WAIT };

/* What tells mappings apart beside their place, as far as it can be changed in place. */
struct vma_traits { u64 flags; struct mm_uffd *uffd; struct anon_name *anon_name; };

/* What a merge is asked: may [start, end) with these attributes join its neighbours? */
struct merge {
    struct mm *mm;
    u64 start, end, pgoff, flags;
    struct vma *prev, *next;
    struct vma *middle;                   /* the existing vma that contains the range; NULL: new range         */
    struct vma *copied_from;              /* mremap's source                                                   */
    struct anon_vma *anon_vma;
    struct mm_file *file;
    const char *name;
    struct mm_uffd *uffd;
    struct anon_name *anon_name;
    bool left_only;                       /* brk                                                               */
    bool oom;                             /* out: no memory; nothing has changed                               */
};

#endif
