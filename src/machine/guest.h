/* SPDX-License-Identifier: MIT
 * guest.h - guests and the tables below theirs: what a CPU keeps for them, and one access of a guest on its way.  The contract is
 * pagewalk/nested.h.
 *
 *   guest_enter.c    entering and leaving, contexts
 *   guest_access.c   where a walk of the guest's tables meets the nested ones: entries, A and D, the page
 *   nested_mode.c    EPT and NPT as masks        nested_walk.c  one nested translation
 *   nested_exit.c    what an exit reports        guest_inval.c  INVEPT, INVVPID, INVLPGA's ASIDs
 *
 * Contexts: tags have room for seven guests at a time (tlb.h).  A guest's context stands for its VPID and EP4TA, or its ASID;
 * nested translations and nested structure caches are tagged by EP4TA or ASID alone, numbered on their own.  Who was entered
 * longest ago goes, with all that is cached for it.  A context's key has VPID or ASID in bits 15:0 and on Intel the frame of
 * the table above; a table's key is that frame, or the ASID.
 *
 * What must hold: c->nested_on is true just while the CPU is in a guest with a nested table, and then c->nested is valid;
 * c->own names the contexts of the VPID or ASID in force, c->contexts those that may have translations. */
#ifndef PAGEWALK_MACHINE_GUEST_H
#define PAGEWALK_MACHINE_GUEST_H

#include "machine/cpu.h"
#include "machine/walk.h"
#include "pagewalk/nested.h"

#define CONTEXTS 8u /* with the host's                                                                           */

/* Which of the numbers 1 to 7 stands for what. */
struct slots { u64 key[CONTEXTS]; u8 order[CONTEXTS - 1]; u8 used; }; /* order: entered last first                */

struct nested {
    /* ---- of the guest in force ---- */
    struct mode mode;              /* the nested table's format                                                   */
    u64 root;                      /* its first table                                                             */
    u64 accessed, dirty;           /* bits of an entry; 0: A and D are off                                        */
    u64 space;                     /* tags of nested translations and nested structure caches                     */
    u8 kind;                       /* enum mmu_nested                                                             */
    u8 gpa_lg2;                    /* width of a gpa                                                              */
    bool tables_written;           /* reading an entry of the guest's tables takes the right to write it          */
    bool mbe, gmet, logs;
    u16 pml_index, tag;
    u64 pml;
    /* ---- of the CPU ---- */
    bool in_guest;
    struct registers host;         /* while in a guest                                                            */
    u64 host_pdpte[4];
    struct slots context, table;   /* numbers of TAG_CONTEXT: for TLBs and the guest's structure caches; for nested ones */
    struct assoc gpa;              /* the cache of nested translations                                            */
    u32 live[MMU_SIZES];           /* its entries by size                                                         */
    struct pscs psc;
    struct mmu_guest_exit exit;
    struct mmu_nested_stats stats;
    struct mmu_guest_walk *record; /* where walks leave what they read, or NULL                                   */
    const struct mmu_nested_config *config;
};

/* What a nested table allows, normalised over its levels; EPT has no U. */
enum { N_R = 1, N_W = 2, N_X = 4, N_XU = 8, N_U = 16, N_RIGHTS = 31, N_D = 32 /* a store changes nothing there */ };

/* One nested translation. */
enum ask { ASK_ENTRY, ASK_MARK, ASK_PAGE, ASK_PDPTES }; /* read an entry of the guest's, write its A or D, the access itself */
struct nested_ask {
    u64 gpa;
    enum ask what;
    u8 level;                      /* of the guest's entry; MMU_GUEST_PAGE                                        */
    u8 need, not;                  /* N_ bits: all of these, and none of those                                    */
};
struct nested_page { u64 pa; u32 rights; u8 size; }; /* pa: of the gpa; size: enum mmu_size                        */

/* Entries read and what they cost, ESTIMATED. */
struct cost { u32 reads, cycles; };

/* Whether TLBs can hold a combined translation: what it allows may depend on more than a datum says. */
enum keep { KEEP_NOT, KEEP_FETCH, KEEP }; /* FETCH: a page that may not be read; in arrays for fetches alone       */

#define NO_LEVEL 0xffu

/* An access of a guest.  live NULL: it changes nothing and begins at the roots (mmu_walk()). */
struct guest_access {
    const struct mmu *m;
    const struct cpu *c;
    struct cpu *live;
    struct mmu_guest_walk *steps;  /* or NULL: nobody wants to know them                                           */
    u64 va;
    enum mmu_kind kind;
    unsigned flags;
    struct cost *cost;
    u64 data;                      /* of the guest's leaf, as in tlb.h                                             */
    u64 gpa[MAX_LEVELS];           /* of the entries read                                                          */
    u8 host_level;                 /* the walk began here, at a table whose host address a structure cache had; else NO_LEVEL */
    u32 known, writable;           /* bit by level: gpa[] is right; the entry may be written, which changes nothing below */
    u8 keep;                       /* enum keep, after guest_page()                                               */
    u32 marked;                    /* nested entries that got A or D                                               */
    u16 would_log;                 /* live NULL: pages that would be in the log by now                              */
    const char *rule;              /* why it ended in an exit                                                      */
    struct mmu_guest_exit exit;
};

/* nested_mode.c */
void nested_mode_ept(struct mode *mode, const struct part *part, u32 features, u32 levels, bool mbe);

/* nested_walk.c.  false: g->exit and g->rule say why. */
bool nested_translate(struct guest_access *g, const struct nested_ask *ask, struct nested_page *p);
void nested_forget(struct nested *n, u64 gpa);           /* one address, for the guest's table                     */
void nested_forget_table(struct nested *n, u32 number);  /* everything tagged with a number                        */
void nested_forget_all(struct nested *n);

/* nested_exit.c.  Fill g->exit, count, and forget what an EPT violation forgets. */
void nested_refused(struct guest_access *g, const struct nested_ask *ask, const struct walk *w);
void nested_log_full(struct guest_access *g, const struct nested_ask *ask);

/* guest_enter.c */
#define GUEST_NO_TABLE ((u64)1 << 40) /* as the frame of a table: a guest on the host's physical memory            */
bool guest_eptp_fits(const struct mmu *m, const struct cpu *c, u64 eptp);
u32 guest_table_number(const struct cpu *c, u64 key);    /* 0: nothing is cached for it                           */
u8 guest_contexts(const struct cpu *c, u16 tag);         /* of a VPID or ASID; 0: the host, too                   */

/* guest_access.c, beside guest_entry() of walk.h. */
/* May every entry that lacks A or D be written?  level is where the walk began. */
bool guest_may_mark(struct guest_access *g, const struct walk *w);
/* The page under a guest's leaf.  data: the guest's translation in, the combined one out; *unit: the smaller page's size. */
bool guest_page(struct guest_access *g, u64 *data, u32 *unit);
/* What a guest's walk finds, without paging: the page of va itself. */
bool guest_unpaged(struct guest_access *g, struct nested_page *p);

static inline struct guest_access guest_begin(const struct mmu *m, const struct cpu *c, struct cpu *live, u64 va, enum mmu_kind kind,
                                              unsigned flags, struct cost *cost)
{
    return (struct guest_access){ .m = m, .c = c, .live = live, .va = va, .kind = kind, .flags = flags, .cost = cost,
                                    .host_level = NO_LEVEL };
}

#endif
