/* SPDX-License-Identifier: MIT
 * mmu.h - the machine: x86-64 address translation as an embeddable library (libpagewalk-machine).
 *
 * A machine has physical memory, CPUs, and for each CPU registers, TLBs and paging-structure caches.  It
 * translates, checks rights, sets accessed and dirty bits in memory, and says what happened.  It knows nothing
 * of processes or mappings.
 *
 * What an embedder does, in this order: mmu_create() in a block of its own; page tables written into RAM (mmu_poke(),
 * or plain stores to the RAM it gave); registers by mmu_set(); then accesses, one way or another:
 *     mmu_translate()            one access, with the whole answer
 *     mmu_load_u64() and so on   the value at an address; a hit is a dozen instructions, inline
 *     mmu_batch()                many accesses, for their faults and counts alone
 *     mmu_walk()                 what an access would do, step by step; changes nothing
 *
 * Threads: a machine is one value without locks; calls on one machine must not overlap, whatever CPU they name.  Two
 *          machines share nothing and may run in two threads.
 * Memory: everything lives in the block given to mmu_create(), which stays the embedder's and must outlive the machine;
 *         so must RAM, the profile, and what is bound (struct mmu_fast, struct mmu_mem).  Nothing is allocated later,
 *         nothing is global, and there is nothing to destroy: free the block.
 * Errors: a guest's fault is a value (struct mmu_result); a bad argument from the embedder is a CHECK (traps);
 *         mmu_create() and the register writes say what they refuse.
 * Invalidation is the guest's duty, as on silicon: a store to a page table is seen by the next walk that reads the
 *         entry and by no cache.  An emulator passes on what the guest executes (INVLPG, INVPCID, MOV CR) and nothing
 *         else: a translation that the guest forgot to invalidate stays.  Nothing reaches another CPU but by calls
 *         that name it.  The embedder's own stores (DMA, loading an image) need no call.
 * Callbacks (mmu_observe(), struct mmu_io) run inside the call that caused them and must not call this machine, but for
 * mmu_walk() and mmu_peek(), which change nothing.
 * Sources: Intel SDM volume 3A chapter 4 ("SDM3 4.x", 2016 numbering), AMD APM volume 2 ("APM2 5.x"). */
#ifndef PAGEWALK_MMU_H
#define PAGEWALK_MMU_H

#include "pagewalk/types.h"

struct mmu;
struct mmu_profile; /* see below */
struct mmu_nested_config; /* nested.h */

/* ---- creating ---------------------------------------------------------------------------------------------- */

enum mmu_vendor { MMU_INTEL, MMU_AMD };

/* Features by their /proc/cpuinfo names; bit numbers of a u32 mask. */
enum mmu_feature {
    MMU_NX = 1u << 0, MMU_PSE36 = 1u << 1, MMU_PGE = 1u << 2, MMU_PCID = 1u << 3, MMU_INVPCID = 1u << 4,
    MMU_SMEP = 1u << 5, MMU_SMAP = 1u << 6, MMU_PKU = 1u << 7, MMU_PKS = 1u << 8, MMU_LA57 = 1u << 9,
    MMU_PDPE1GB = 1u << 10, MMU_PSE = 1u << 11, MMU_PAE = 1u << 12, MMU_PAT = 1u << 13, MMU_LM = 1u << 14,
    MMU_SHSTK = 1u << 15, MMU_SVM = 1u << 16, MMU_TCE = 1u << 17, MMU_INVLPGB = 1u << 18,
};

struct mmu_config {
    unsigned cpus;                     /* 1..64                                                              */
    void *ram;                         /* ram_bytes bytes, zeroed, 4096-aligned; may be a sparse mapping     */
    u64 ram_bytes;                     /* multiple of 4096                                                   */
    unsigned maxphyaddr;               /* 32..52; 0: the profile's                                           */
    enum mmu_vendor vendor;
    u32 features;                      /* mask of enum mmu_feature; profile->features is the usual choice    */
    const struct mmu_profile *profile; /* geometry of TLBs and caches                                        */
    u64 seed;                          /* for profiles with random replacement                               */
    const struct mmu_nested_config *nested; /* guests (nested.h); NULL: none                                 */
};

/* Bytes that mmu_create() needs for this configuration (RAM not included); 0 if the configuration is impossible. */
size_t mmu_bytes(const struct mmu_config *cfg);

/* A machine in the given block (aligned to 64).  Every CPU starts in long mode, 4-level: CR0=PE|PG|WP, CR4=PAE,
 * EFER=LME|LMA|NXE, CR3=0, CPL 0, AC 0.  NULL if the block is too small or the configuration impossible. */
struct mmu *mmu_create(void *block, size_t block_bytes, const struct mmu_config *cfg);

/* ---- registers --------------------------------------------------------------------------------------------- */

enum mmu_reg { MMU_CR0, MMU_CR2, MMU_CR3, MMU_CR4, MMU_EFER, MMU_PKRU, MMU_PKRS, MMU_CPL, MMU_AC };

u64 mmu_get(const struct mmu *m, unsigned cpu, enum mmu_reg reg);

/* Write a register as MOV CR / WRMSR / WRPKRU would at CPL 0, with the architecture's checks and invalidations.
 * false: #GP, and nothing has changed.  CR2 takes any value; CPL is 0 or 3; AC is 0 or 1.  A CR3 value with
 * bit 63 set while CR4.PCIDE=1 keeps the new PCID's entries (SDM3 4.10.4.1) and is stored without bit 63. */
bool mmu_set(struct mmu *m, unsigned cpu, enum mmu_reg reg, u64 value);

/* ---- accesses ---------------------------------------------------------------------------------------------- */

enum mmu_kind { MMU_LOAD, MMU_STORE, MMU_FETCH }; /* a read-modify-write is one MMU_STORE (SDM3 4.7: W/R=1)   */
enum mmu_access_flag {
    MMU_IMPLICIT = 1, /* implicit supervisor access (GDT, IDT, TSS): supervisor even at CPL 3 (SDM3 4.6.1)    */
    MMU_SS = 2,       /* through SS: a non-canonical address gives #SS, not #GP                               */
    MMU_SHADOW = 4,   /* a shadow-stack load or store (CALL, RET, SAVEPREVSSP...), at CPL 3 a user's, below and implicit
                         a supervisor's; while CR4.CET=0: #UD                                                 */
    MMU_WRUSS = 8,    /* what WRUSS does: a user shadow-stack store at CPL 0; at CPL 3: #GP                   */
};
enum mmu_status { MMU_OK, MMU_FAULT_PF, MMU_FAULT_GP, MMU_FAULT_SS, MMU_FAULT_UD,
                  MMU_EXIT }; /* a guest's alone: its hypervisor's tables refuse (nested.h)                          */
enum mmu_by { MMU_BY_L1, MMU_BY_STLB, MMU_BY_WALK };

struct mmu_result {
    u64 va;       /* address of this piece                                                                    */
    u64 pa;       /* physical address of va; valid when status is MMU_OK                                      */
    u32 error;    /* #PF error code when status is MMU_FAULT_PF; CR2 has been set to va                       */
    u32 cycles;   /* ESTIMATED extra cycles of this translation: second-level hit or walk (profile's timing)  */
    u8 status;    /* enum mmu_status                                                                          */
    u8 by;        /* enum mmu_by: what answered; a fault found by a walk says MMU_BY_WALK                     */
    u8 page_lg2;  /* 12, 21, 22 or 30: size of the page (OK only)                                             */
    u8 reads;     /* page-table entries read by the walk                                                      */
    u8 psc_level; /* level of the first entry read, plus 1, when a paging-structure cache shortened the walk; else 0 */
    u8 kind;      /* enum mmu_kind                                                                            */
    u8 wrote_ad;  /* entries whose A or D the walk set in memory                                              */
    u8 pieces;    /* mmu_access(): 2 when the access crossed a page, else 1                                   */
};

/* Translate one access that lies in one page (the embedder splits; va .. is only looked at by page).  Goes
 * through TLBs and caches with the current CPL, AC and registers; sets A and D; fills caches; updates
 * replacement; writes CR2 on #PF.  Returns r->status. */
enum mmu_status mmu_translate(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags,
                              struct mmu_result *r);

/* The short way for front ends: when an explicit access to va's page hits the first level, is allowed and changes
 * nothing in memory, does all that mmu_translate() would (replacement, slots, counters) and returns true.  Else, and
 * always while an observer is set, changes nothing and returns false: call mmu_translate(). */
bool mmu_touch(struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind);

/* Where va is, if an explicit access of this kind would hit the first level in long mode and be let through; changes
 * nothing.  For caches that are looked up beside the TLB (cache.h). */
bool mmu_first_level(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, u64 *pa);

/* mmu_translate() for size_bytes (>= 1) starting at va, which may cross into the next page: the first half that fails,
 * else the first half's result. */
enum mmu_status mmu_access(struct mmu *m, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind, unsigned flags,
                           struct mmu_result *r);

/* For embedders that split an access themselves: the page that is looked at first.  That of va, unless the operand begins
 * canonical and ends not: then its end's, whose #GP or #SS comes before any fault of the pages in front of it. */
u64 mmu_first_page(const struct mmu *m, unsigned cpu, u64 va, u32 size_bytes, enum mmu_kind kind);

/* ---- many accesses at once ----------------------------------------------------------------------------------- *
 * A record is one access that lies in one page:
 *
 *     63  62  61   60         59                                              0
 *     kind    SS   IMPLICIT   address; bit 59 stands for the bits above it, too
 *
 * kind is enum mmu_kind (3 is not allowed), bits 61:60 are those two of enum mmu_access_flag.  An address whose bits 63:59 differ,
 * which no mode knows, has no record; an access that crosses a page is two records. */
#define MMU_RECORD_FLAGS_SHIFT 60
#define MMU_RECORD_KIND_SHIFT 62

static inline u64 mmu_record(u64 va, enum mmu_kind kind, unsigned flags)
{
    return (va & (((u64)1 << 60) - 1)) | (u64)flags << MMU_RECORD_FLAGS_SHIFT | (u64)kind << MMU_RECORD_KIND_SHIFT;
}

static inline u64 mmu_record_va(u64 record) { return (u64)((s64)(record << 4) >> 4); }
static inline enum mmu_kind mmu_record_kind(u64 record) { return (enum mmu_kind)(record >> MMU_RECORD_KIND_SHIFT); }
static inline unsigned mmu_record_flags(u64 record) { return record >> MMU_RECORD_FLAGS_SHIFT & 3; }

/* Does the records in order, each as mmu_translate() would, to the last counter and bit of every cache and of memory;
 * only their results are not told, and slots (below) may be empty afterwards.  Stops at the first that faults, with its
 * result in *fault.  Returns how many went through: n, or the number of the one that faulted.  To go on after handling
 * a fault, call again from that record.  Page tables and registers must not change meanwhile. */
size_t mmu_batch(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault);

/* A walk that changes nothing: no TLB, no A/D, no CR2.  Fills steps from the root down. */
struct mmu_step {
    u64 entry_pa, entry;   /* where the entry is and what it holds                                            */
    u8 level;              /* 0 = last                                                                        */
    u8 leaf;               /* 1: this entry maps the page                                                     */
    u8 verdict;            /* enum mmu_step_verdict                                                           */
};
enum mmu_step_verdict { MMU_STEP_NEXT, MMU_STEP_LEAF, MMU_STEP_NOT_PRESENT, MMU_STEP_RESERVED };
struct mmu_walk {
    struct mmu_result r;   /* what an access of that kind would give with cold caches                         */
    struct mmu_step step[5];
    u8 steps;
    u8 user, writable, nx, global, pkey; /* combined rights over the path (valid when a leaf was reached)     */
    u8 shadow;             /* CR4.CET=1 and a shadow-stack page: R/W=0 and D=1 in the leaf, R/W=1 above        */
    const char *rule;      /* the rule that decided, with its section: static text                            */
};
void mmu_walk(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags, struct mmu_walk *w);

/* ---- physical memory --------------------------------------------------------------------------------------- */

/* 8 aligned bytes.  pre: mmu_in_ram(m, pa, 8) and pa % 8 == 0. */
bool mmu_in_ram(const struct mmu *m, u64 pa, u64 len_bytes);
u64 mmu_peek(const struct mmu *m, u64 pa);
void mmu_poke(struct mmu *m, u64 pa, u64 value);

/* ---- invalidation (SDM3 4.10.4) ---------------------------------------------------------------------------- */

void mmu_invlpg(struct mmu *m, unsigned cpu, u64 va);
/* false: #GP (type above 3, PCID rules, non-canonical address for type 0); nothing has changed. */
bool mmu_invpcid(struct mmu *m, unsigned cpu, u64 type, u64 pcid, u64 va);

/* AMD's (APM3), each MMU_OK or the fault, having changed nothing then.
 * INVLPGA: INVLPG for ASID 0, which is the host's; of another ASID every PCID's entries (nested.h).  #UD while EFER.SVME=0. */
enum mmu_status mmu_invlpga(struct mmu *m, unsigned cpu, u64 va, u32 asid);
/* INVLPGB with its registers: rax is the address (63:12) and what is named; ecx the number of pages more (15:0) and a
 * stride of 2 MiB (31); edx the ASID (15:0) and the PCID (27:16).  What is not named is any.  Acts on this CPU at once;
 * on the others at this CPU's next TLBSYNC, at the latest.  #UD without the feature; #GP for reserved bits, more pages
 * than the processor takes (7), a PCID without CR4.PCIDE, a stride of 2 MiB where pages have 4. */
enum mmu_invlpgb { MMU_INVLPGB_VA = 1, MMU_INVLPGB_PCID = 2, MMU_INVLPGB_ASID = 4, MMU_INVLPGB_GLOBAL = 8,
                   MMU_INVLPGB_FINAL = 16, /* keep what structure caches hold                                 */
                   MMU_INVLPGB_NESTED = 32 };
enum mmu_status mmu_invlpgb(struct mmu *m, unsigned cpu, u64 rax, u32 ecx, u32 edx);
enum mmu_status mmu_tlbsync(struct mmu *m, unsigned cpu);

/* ---- the fast path ----------------------------------------------------------------------------------------- *
 * A front end may skip mmu_translate() for an access whose page is in a slot: a slot exists only while the
 * translation is the most recently used entry of its set in its first-level array and the access is allowed
 * under the current registers (and, for a store, the page is known dirty), so a skipped access would change
 * nothing.  Slots are indexed by low bits of the page number: as many as mmu_fast_mask() says, which depends on the
 * profile and the kind (the sets of the first level, so that a new most recently used page takes the slot of the one
 * before).  A slot holds the address of the page's first
 * byte, or MMU_SLOT_EMPTY, which is no canonical address.  So one subtraction and one comparison,
 *     va - slot[kind][(va >> 12) & mask] <= 4096 - size_bytes        (unsigned)
 * is true just when the access lies in the slot's page as a whole.  mmu_translate() keeps the slots; every
 * invalidation, register write and CPU switch drops what it
 * must.  Skipped accesses are hits in the first level and cost 0 cycles; the embedder counts them.
 *
 * Bind one block to a CPU with mmu_bind_fast(); binding clears the block.  NULL unbinds.  Do not share one
 * block between CPUs at a time. */
#define MMU_SLOTS 64
#define MMU_SLOT_EMPTY ((u64)1 << 63) /* in slot 0: plus 4096, so that no address matches the slot it looks into  */
struct mmu_fast {
    u64 slot[3][MMU_SLOTS]; /* by enum mmu_kind, then page number & mmu_fast_mask()                            */
};
u32 mmu_fast_mask(const struct mmu *m, enum mmu_kind kind); /* a power of two less one, below MMU_SLOTS          */
void mmu_bind_fast(struct mmu *m, unsigned cpu, struct mmu_fast *fast);

/* ---- loads, stores and fetches, inline --------------------------------------------------------------------------- *
 * The memory as programs on one CPU see it: values of 1, 2, 4 or 8 bytes, least byte first, at virtual addresses, aligned or
 * not, across pages too.  true: done.  false: the access faulted, mem->fault says how, and nothing was loaded or stored.
 * A hit that changes nothing is settled by a comparison here and is not in the counters (as skipped accesses above);
 * everything else goes through mmu_translate().  The CPU's slots are taken by this; mmu_bind_fast() on the same CPU ends it.
 * Physical addresses outside RAM go to the embedder's devices; without such calls loads give all ones and stores are
 * lost.  An access that crosses from one page into the next asks for each part by itself. */
struct mmu_io {
    void *ctx;
    u64 (*load)(void *ctx, u64 pa, unsigned size_bytes);              /* NULL: all ones                       */
    void (*store)(void *ctx, u64 pa, unsigned size_bytes, u64 value); /* NULL: nowhere                        */
};
struct mmu_mem {                  /* the embedder's; filled by mmu_mem_bind(), read by the lines below             */
    struct mmu_fast fast;         /* which pages hit; kept by the machine                                     */
    u64 host[3][MMU_SLOTS];       /* of a full slot: what to add to an address for a pointer into RAM         */
    u64 mask[3];                  /* mmu_fast_mask()                                                          */
    struct mmu *m;
    unsigned cpu;
    struct mmu_io io;
    struct mmu_result fault;      /* of the last access that gave false                                       */
};
/* io may be NULL.  Bind again after moving the struct. */
void mmu_mem_bind(struct mmu_mem *mem, struct mmu *m, unsigned cpu, const struct mmu_io *io);
bool mmu_load_slow(struct mmu_mem *mem, u64 va, void *out, enum mmu_kind kind, unsigned size_bytes);
bool mmu_store_slow(struct mmu_mem *mem, u64 va, u64 value, unsigned size_bytes);

/* The bytes lie in one page, and it hits. */
static inline __attribute__((always_inline)) bool mmu_mem_hits(const struct mmu_mem *mem, u64 va, enum mmu_kind kind,
                                                               unsigned size_bytes)
{
    u64 offset = va - mem->fast.slot[kind][va >> PAGE_LG2 & mem->mask[kind]];
    return __builtin_expect(offset <= PAGE_BYTES - size_bytes, 1);
}

static inline __attribute__((always_inline)) void *mmu_mem_at(const struct mmu_mem *mem, u64 va, enum mmu_kind kind)
{
    return (void *)(uintptr_t)(va + mem->host[kind][va >> PAGE_LG2 & mem->mask[kind]]);
}

#define MMU_MEM_CALLS(type)                                                                                  \
    static inline bool mmu_load_##type(struct mmu_mem *mem, u64 va, type *out)                               \
    {                                                                                                        \
        if (!mmu_mem_hits(mem, va, MMU_LOAD, sizeof *out))                                                   \
            return mmu_load_slow(mem, va, out, MMU_LOAD, sizeof *out);                                       \
        __builtin_memcpy(out, mmu_mem_at(mem, va, MMU_LOAD), sizeof *out);                                   \
        return true;                                                                                         \
    }                                                                                                        \
    static inline bool mmu_fetch_##type(struct mmu_mem *mem, u64 va, type *out)                              \
    {                                                                                                        \
        if (!mmu_mem_hits(mem, va, MMU_FETCH, sizeof *out))                                                  \
            return mmu_load_slow(mem, va, out, MMU_FETCH, sizeof *out);                                      \
        __builtin_memcpy(out, mmu_mem_at(mem, va, MMU_FETCH), sizeof *out);                                  \
        return true;                                                                                         \
    }                                                                                                        \
    static inline bool mmu_store_##type(struct mmu_mem *mem, u64 va, type value)                             \
    {                                                                                                        \
        if (!mmu_mem_hits(mem, va, MMU_STORE, sizeof value))                                                 \
            return mmu_store_slow(mem, va, value, sizeof value);                                             \
        __builtin_memcpy(mmu_mem_at(mem, va, MMU_STORE), &value, sizeof value);                              \
        return true;                                                                                         \
    }
MMU_MEM_CALLS(u8)
MMU_MEM_CALLS(u16)
MMU_MEM_CALLS(u32)
MMU_MEM_CALLS(u64)
#undef MMU_MEM_CALLS

/* ---- marks ------------------------------------------------------------------------------------------------- *
 * The same for front ends that can leave a note of what they skip: then every first-level hit of user code can be
 * skipped, not only those of the most recently used entries.  A mark says that the page's translation is in the first
 * level and that an explicit access of this kind at CPL 3 is allowed to it; marks of other pages may stand in its place,
 * so a missing mark says nothing.  The front end may skip an access at CPL 3, with no flags, when
 *
 *     va - mark[kind][va >> 12 & (MMU_MARKS - 1)].page <= 4096 - size_bytes        (unsigned)
 *
 * and must then store a number at *used that is larger than every one it stored before on this binding (from 1 on).  The machine
 * reads these numbers before the order of uses matters.  Results, counters (skipped accesses aside) and the contents of
 * every cache are those that mmu_translate() for every access would have given.
 *
 * Writing CPL and AC leaves marks alone; every other register write, invalidation and CPU switch drops what it must.
 * The front end may drop a mark at any time (mmu_unmark).  Binding ends what was bound to the CPU before; NULL unbinds. */
#define MMU_MARKS 1024
struct mmu_mark { u64 page, *used; };   /* page: address of its first byte, or one that no access to it matches   */
struct mmu_marks { struct mmu_mark mark[3][MMU_MARKS]; u64 nowhere; /* what empty marks point to */ };
void mmu_bind_marks(struct mmu *m, unsigned cpu, struct mmu_marks *marks);
void mmu_unmark(struct mmu_marks *marks, enum mmu_kind kind, u64 va);

/* ---- counters ---------------------------------------------------------------------------------------------- */

enum mmu_size { MMU_4K, MMU_2M, MMU_1G, MMU_SIZES }; /* 4M pages of 32-bit paging count as 2M                  */
enum mmu_side { MMU_SIDE_I, MMU_SIDE_D, MMU_SIDES };
struct mmu_stats { /* of one CPU since creation; accesses skipped by the fast path are not in here             */
    u64 lookups[MMU_SIDES];               /* translations asked of the first level                            */
    u64 l1_miss[MMU_SIDES][MMU_SIZES];    /* by the size of the page finally found                            */
    u64 stlb_hit[MMU_SIDES][MMU_SIZES];
    u64 walks[MMU_SIDES][MMU_SIZES];      /* walks that found a translation                                   */
    u64 walks_faulted[MMU_SIDES];         /* walks that ended in #PF                                          */
    u64 rewalks_dirty;                    /* walks because a cached entry had D=0 and the access was a store
                                             (not counted as misses)                                          */
    u64 reads[5];                         /* page-table entries read, by level                                */
    u64 psc_hit[5];                       /* walks that began below the root thanks to a structure cache, by the
                                             level of the first entry read                                    */
    u64 ad_writes;                        /* entries written to set A or D                                    */
    u64 cycles_stlb, cycles_walk;         /* ESTIMATED                                                        */
    u64 pf, gp, ss;                       /* faults raised                                                    */
    u64 invlpg, invpcid, cr3_writes, flushes_full;
    u64 invlpga, invlpgb, tlbsync;        /* INVLPGB: on the CPU that issued it                               */
};
const struct mmu_stats *mmu_stats(const struct mmu *m, unsigned cpu);

/* Sees every call that reaches mmu_translate(), and every invalidation, as it happens; NULL: nobody.  For twins,
 * recorders and explainers.  The callback must not call back into the machine. */
enum mmu_inv_scope { MMU_INV_PAGE, MMU_INV_PCID, MMU_INV_ALL_NONGLOBAL, MMU_INV_ALL, MMU_INV_PAGE_EVERY,
                     MMU_INV_ARRAY };
struct mmu_observer {
    void *ctx;
    void (*translated)(void *ctx, unsigned cpu, const struct mmu_result *r, u64 pcid, bool global);
    /* PAGE: entries of va for pcid and global ones of any PCID (with_global); PCID: one PCID, no globals unless
     * with_global; ALL_NONGLOBAL; ALL; PAGE_EVERY: as PAGE for every PCID;
     * ARRAY: one PCID, no globals, in the profile's array number va alone, which has no room for more PCIDs. */
    void (*invalidated)(void *ctx, unsigned cpu, enum mmu_inv_scope scope, u64 pcid, u64 va, bool with_global);
};
void mmu_observe(struct mmu *m, const struct mmu_observer *o);

/* ---- missing invalidations ---------------------------------------------------------------------------------- *
 * Whoever changes a page table has to invalidate what CPUs have cached of it, unless the change is of a kind that needs no
 * invalidation.  Software that forgets works most of the time.  With this checker each cached translation and each entry of
 * a structure cache remembers the entries it was built from; when one is used and memory holds something else by then, the
 * use is reported, with the rule that forbids or allows it (docs/rules.md), the store that changed the entry, and what to
 * invalidate where.  A use that does what a walk would do now needs nothing; it is reported as not missing anything.
 * One report for each cached entry and change.
 *
 * Accesses that slots or marks skip are not seen: bind none; slots bound before are unbound.  Off, it costs nothing: no
 * access that hits takes another path, and walks look at one pointer. */
struct mmu_store { u64 serial; u64 old_value, new_value; unsigned cpu; char who[52]; }; /* serial 0: not known    */
#define MMU_NO_CPU (~0u)  /* the store was made from outside                                              */
enum { MMU_STALE_ROOT = 255 };
struct mmu_stale {
    u64 va, pcid;         /* the access that used it                                                          */
    unsigned cpu;
    u8 kind;              /* enum mmu_kind                                                                    */
    u8 cache_level;       /* a structure cache of entries of this level; 0: a TLB                             */
    u8 level;             /* of the entry that has changed; MMU_STALE_ROOT: CR3 names another table           */
    u8 rule;              /* number in docs/rules.md                                                          */
    bool missing, global; /* an invalidation was missing; false: none was needed                              */
    const char *array;    /* of the TLB; NULL: a structure cache                                              */
    const char *why;      /* static text, with its section                                                    */
    u64 entry_pa, was, now; /* the entry when it was cached, and now; of MMU_STALE_ROOT the table             */
    struct mmu_store by;  /* the store that changed it                                                        */
};
size_t mmu_check_flush_bytes(const struct mmu_config *cfg);
/* On from now: drops what is cached.  pre: off; the block is aligned to 64 and lives as long as the machine. */
void mmu_check_flush_begin(struct mmu *m, void *block, size_t block_bytes,
                           void (*found)(void *ctx, const struct mmu_stale *s), void *ctx);
/* Who stores from now on, in a few words (copied), and on which CPU.  No effect while off, as the next. */
void mmu_check_flush_actor(struct mmu *m, unsigned cpu, const char *who);
/* The embedder has stored to a page-table entry in RAM itself; mmu_poke() and MOV CR3 tell it themselves. */
void mmu_check_flush_stored(struct mmu *m, u64 pa, u64 old_value, u64 new_value);
struct mmu_stale_counts { u64 uses, missing, not_needed; };   /* cached entries used; reports of the two kinds */
struct mmu_stale_counts mmu_check_flush_counts(const struct mmu *m);
/* Two lines for people: what was used and why that is wrong or right; who changed it and what was missing. */
void mmu_stale_put(const struct mmu_stale *s, const char *before_each_line, const struct pw_out *out);

/* ---- CPU profiles: geometry as data ------------------------------------------------------------------------ *
 * How a profile's TLB arrays behave:
 *   A first-level miss that hits in the second level is copied to the first; a walk fills the second level, then
 *   the first.  Only arrays of the accessing port are looked at and filled.  A first-level hit does not touch the
 *   second level; neither level includes or excludes the other.
 *   A new entry takes the lowest-numbered empty way, else the policy's victim; a translation that is there already
 *   is updated in place.  Hits and fills touch; look-ups that miss and invalidations leave replacement state alone.
 *   A store that hits an entry with D=0, in either level, walks and fills both levels; no touch before that.
 *   A page is kept in the array that has its size.  If several of one level and port have it, in the one numbered
 *   (page number in its size >> lg2(sets of the first)) mod (how many), in the profile's order.
 *   If none has it: a first level keeps a piece of the largest smaller size it has, tagged and indexed as a page of
 *   that size; a second level does so on AMD profiles, else keeps nothing.  What a second-level hit copies is the
 *   piece.  Invalidating any address of a page drops all its pieces.  page_lg2 is always the page's own size.
 *   Set index: page number in units of the entry's size (4 KiB: va >> 12, 2 MiB: va >> 21, 1 GiB: va >> 30).
 *   NRU: a touch sets the way's bit; when all are set, only that one stays; victim: the lowest way with a clear bit.
 *   Random: splitmix64, drawn when a full set needs a victim; way = high 32 bits * ways >> 32; the stream of array i
 *   of CPU c starts at seed + c + (i + 1) * 0xd1342543de82ef95.
 *   #PF drops the page's entries for the current PCID and global ones (observers conclude it from the status). */

enum mmu_repl { MMU_LRU, MMU_PLRU, MMU_PLRU_3X4, MMU_NRU, MMU_RANDOM }; /* PLRU_3X4 is (MRU+1)%3-PLRU4          */
enum mmu_hash { MMU_LINEAR, MMU_XOR };   /* set = vpn mod sets; set = vpn[k-1:0] ^ vpn[2k-1:k]                  */
enum mmu_port { MMU_PORT_I = 1, MMU_PORT_LOAD = 2, MMU_PORT_STORE = 4 }; /* who looks here                     */

struct mmu_tlb_desc {
    const char *name;     /* "L1D", "STLB-1G" ...                                                             */
    u8 level;             /* 1 or 2                                                                           */
    u8 ports;             /* mask of enum mmu_port                                                            */
    u8 sizes;             /* mask: 1 << enum mmu_size                                                         */
    u8 hash, repl;        /* enum mmu_hash, enum mmu_repl                                                     */
    u16 ways;
    u16 sets;             /* entries = ways * sets; a power of two                                            */
    const char *source;   /* where the numbers come from and how sure they are                                */
    u8 pcids;             /* whose entries it keeps while CR4.PCIDE=1: of as many PCIDs, those loaded last, 1 to 16;
                             MMU_PCIDS_NONE: no entry but global ones outlives a MOV CR3; 0: no limit is known */
};
#define MMU_PCIDS_NONE 255u
struct mmu_psc_desc {
    u8 level;             /* level of the ENTRY that is cached: 1 = PDE, 2 = PDPTE, 3 = PML4E, 4 = PML5E       */
    u16 entries, ways;
    const char *source;
};
/* A first-level cache (cache.h).  Which address chooses the set, and which one the tag compares:
 *   PIPT      physical, physical;
 *   VIPT      virtual, physical: looked up beside the TLB; when a way is larger than a page, a physical line may stand in
 *             several sets under several addresses, and each copy goes its own way;
 *   VIPT_ONE  the same, but a miss looks for the line in the other sets it may stand in, and takes it from there;
 *   VIVT      virtual, virtual: no translation at all, and no address space in the tag. */
enum mmu_cache_form { MMU_PIPT, MMU_VIPT, MMU_VIPT_ONE, MMU_VIVT };
struct mmu_cache_desc {
    const char *name;     /* "L1I", "L1D"                                                                     */
    u8 side;              /* enum mmu_side                                                                    */
    u8 form, repl;        /* enum mmu_cache_form, enum mmu_repl                                               */
    u16 ways;
    u16 sets;             /* a power of two                                                                   */
    u16 line_bytes;       /* a power of two from 16 to 4096                                                   */
    const char *source;
};
struct mmu_costs {        /* what else the machine was found to take, for estimates alone; 0: not known        */
    u16 mhz;                     /* of the core while it was measured                                          */
    u16 memory_cycles;           /* a load of a random line of large memory, translation apart                 */
    u16 fault_cycles;            /* a page fault, its page's contents apart                                    */
    u16 zero_cycles, copy_cycles; /* of 4 KiB                                                                  */
    const char *source;
};
struct mmu_timing {       /* all ESTIMATED unless the source says measured                                     */
    u16 stlb_hit_cycles;
    u16 walk_base_cycles;
    u16 read_near_cycles, read_far_cycles; /* a table read whose cache line is among the near_lines last used  */
    u16 near_lines;
    const char *source;
    struct mmu_costs costs;
};
struct mmu_profile {
    const char *name, *title;    /* "skylake", "Intel Skylake (client, 2015)"                                  */
    enum mmu_vendor vendor;
    u8 maxphyaddr, va_bits;
    u32 features;
    u8 tlbs, pscs;
    const struct mmu_tlb_desc *tlb;
    const struct mmu_psc_desc *psc;
    struct mmu_timing timing;
    const char *notes;
    u8 caches;                   /* first level only: at most one for each side; 0: not known                  */
    const struct mmu_cache_desc *cache;
};
const struct mmu_profile *mmu_profile_at(unsigned index);        /* NULL past the last                         */
const struct mmu_profile *mmu_profile_find(const char *name);    /* NULL if unknown                            */

/* ---- looking inside (listings of the scenario language, tests) ---------------------------------------------- */

struct mmu_tlb_view { const char *array; u64 va; u64 pa; u16 set, way; u16 pcid; u8 page_lg2, user, writable, nx, global, dirty, pkey, shadow; };
/* shadow: as in struct mmu_walk.  Calls see() for each valid entry of the CPU, array by array, set by set, way by way. */
void mmu_each_tlb(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_tlb_view *v), void *ctx);
struct mmu_psc_view { u64 va; u64 table_pa; u16 pcid; u8 level, user, writable, nx; };
void mmu_each_psc(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_psc_view *v), void *ctx);

#endif
