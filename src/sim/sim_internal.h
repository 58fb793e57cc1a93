/* SPDX-License-Identifier: MIT
 * sim_internal.h - what the files of src/sim share: the session, its arena, the rows of the mappings.
 *
 *   block:  | struct sim | machine | kernel | arena: costs of sites, rows of mappings, twin |
 *
 * Everything after struct sim is touched only as far as used, so the embedder's sparse mapping stays small. */
#ifndef PAGEWALK_SIM_INTERNAL_H
#define PAGEWALK_SIM_INTERNAL_H

#include "pagewalk/sim.h"
#include "twin.h"

#define SIM_ROWS 4096u        /* mappings told apart; the rest share the last row                              */
#define SIM_ROW_SLOTS 8192u   /* hash slots: a power of two, at least twice SIM_ROWS                           */
#define SIM_CPUS_MAX 64u      /* as mmu_config allows                                                          */
#define SIM_MEMOS 64u         /* a power of two                                                                */
#define SIM_SPANS 64u         /* a power of two                                                                */
/* Tags (mm_tag) of mappings whose use their system call gives away; the rest of the tag numbers them from 1. */
#define SIM_TAG_STACK (1ull << 63)   /* of a thread but the first                                               */
#define SIM_TAG_ARENA (1ull << 62)   /* of the C library's malloc, but the first, which is the heap             */
#define SIM_SITE_COSTS (1u << 20)

/* One answer of a row lookup, found again by where its mapping begins: what has the row's name, or number, and these rights belongs to it. */
#define ROW_NAMED (~(u64)0)
struct row_memo {
    u64 number;               /* tag, or start of an anonymous mapping; ROW_NAMED for named ones              */
    u8 prot;
    bool shared;
    struct sim_mapping *row;  /* NULL: nothing remembered                                                     */
};

/* The mapping that an address was found in, and its row: good for as long as the generation is. */
struct row_span { const struct proc *proc; u64 start, bytes, generation; struct sim_mapping *row; };

/* The host below a guest (guest.c). */
struct sim_host {
    u64 root, next, end;          /* root: the end of the guest's RAM, too; next: the next table                */
    u64 pages;                    /* given                                                                     */
    u8 kind, page_lg2;
    struct sim_guest before;      /* counted before sim_forget_costs()                                         */
};

struct sim {
    struct mmu *mmu;
    struct kernel *kernel;        /* NULL with no_kernel                                                       */
    struct sim_site *payer;       /* who pays for a fault reported now; between accesses: call_site            */
    struct sim_site *call_site;
    struct hw hw;
    u64 now_ns;
    u64 misses_seen[SIM_CPUS_MAX][MMU_SIDES]; /* the machine's first-level misses when last looked at          */
    const struct mmu_profile *profile;
    unsigned cpus;
    bool kpti;                    /* the kernel changes tables between itself and the program                    */

    u8 *arena, *arena_end;        /* what is left of the block                                                 */
    struct twin *twin;            /* NULL until sim_check_begin()                                              */
    struct proc *watched;         /* sim_watch(); NULL: nobody                                                 */
    void (*fault_seen)(void *ctx, u64 va, u64 ip, const struct mm_trap_result *r);
    void *fault_ctx;
    struct timeline *timeline;    /* these two: NULL until somebody was watched                                */
    struct where *where;
    u64 work;                     /* that it has done                                                          */
    u64 next_close;               /* work at which the open interval ends; ~0 while nobody is watched          */
    u32 heat_column;              /* of the open interval                                                      */
    struct sim_caches *caches;    /* caches.c; NULL until sim_caches_begin()                                   */
    struct sim_host host;         /* kind MMU_NESTED_OFF: there is no guest                                    */
    bool check_flush;             /* the checker for missing invalidations is on                               */
    void (*stale_found)(void *ctx, const struct mmu_stale *u);
    void *stale_ctx;
    char doing[32];               /* sim_doing(): what, and on which CPU                                       */
    unsigned doing_cpu;
    struct sim_cost overflow;     /* costs of sites that found the arena full                                  */

    unsigned rows;
    struct row_memo memo[SIM_MEMOS];
    struct row_span span[SIM_SPANS];
    u16 *row_slot;                /* SIM_ROW_SLOTS; 0: empty, else row number + 1                              */
    u64 *row_hash;                /* SIM_ROWS                                                                  */
    struct sim_mapping *row;      /* SIM_ROWS                                                                  */
};

/* Bytes from the arena, zeroed as the block was, aligned to `align`; NULL when it is full. */
void *sim_alloc(struct sim *s, size_t bytes, size_t align);

/* hw_model.c: struct hw on top of the machine; ram_bytes of its memory are the kernel's. */
void sim_bind_hw(struct sim *s, const struct mmu_config *machine, u64 ram_bytes);

/* guest.c */
u64 guest_ram_bytes(const struct sim_config *cfg);                 /* what the kernel gets; 0: not enough         */
struct mmu_config guest_machine(const struct sim_config *cfg);     /* cfg->machine, able to have guests           */
bool guest_begin(struct sim *s, const struct sim_config *cfg);     /* false: this machine cannot                  */
void guest_forget_counts(struct sim *s);

/* flush_check.c */
size_t flush_check_bytes(const struct sim_config *cfg);
bool flush_check_begin(struct sim *s, const struct sim_config *cfg); /* false: no memory                           */
void flush_check_fault(struct sim *s, unsigned cpu, u64 va);
void flush_check_fault_over(struct sim *s);

/* caches.c */
size_t caches_bytes(const struct sim_config *cfg);

/* timeline.c, where.c: of the watched process. */
size_t timeline_bytes(void);
size_t where_bytes(void);
bool where_begin(struct sim *s);                   /* forgets everything; false: no memory                         */
void heat_join_columns(struct sim *s);
void where_translated(struct sim *s, const struct mmu_result *t, bool miss, const struct sim_mapping *row);
void where_faulted(struct sim *s, const struct proc *p, u64 addr, const struct mm_trap_result *t);

/* access.c: kernel_on_fault's and kernel_on_shootdown's receivers, and the kernel's own access to user memory. */
void sim_fault_seen(void *ctx, struct proc *p, u64 addr, const struct mm_trap_result *r);
void sim_shootdown_seen(void *ctx, struct proc *p, u64 start, u64 end, unsigned ipis);
bool sim_touch_user(struct sim *s, unsigned cpu, u64 va, enum mmu_kind kind, struct sim_site *site);

/* mapping.c: the row that an address of p belongs to now.  p may be NULL (no process): the row "(not mapped)". */
struct sim_mapping *sim_row_at(struct sim *s, const struct proc *p, u64 va);
/* The same, asking the kernel in any case. */
struct sim_mapping *sim_row_asked(struct sim *s, const struct proc *p, u64 va, struct row_span *span);
/* The row of what concerns an address space as a whole. */
struct sim_mapping *sim_row_of_all(struct sim *s);

#endif
