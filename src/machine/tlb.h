/* SPDX-License-Identifier: MIT
 * tlb.h - one TLB array of a CPU, and the ports through which accesses see the arrays.  Called by translate.c (look
 * up, fill) and invalidate.c.  SDM3 4.10.2.
 *
 * A tag names a page and its address space; a datum is the translation.
 *
 *   tag   63  61   60    59 58  57     56        45 44                  0
 *         context  valid G  unit       PCID (0: G)  page number in units
 *   data  63..52     51                        12  11 10 9   8    5  4  3  2  1  0
 *         0          physical address of the unit  RO size   pkey    G  D  XD US RW
 *
 * context: 0 the host, else a guest (nested.h): what VPID and EP4TA, or ASID, tell apart, in the three bits there are.
 * RO: the leaf alone withholds R/W, the entries above grant it; with D=1 that is a shadow-stack page (4.6).
 * unit is the size of the piece this entry covers, size the size of the page it belongs to.  They differ when a
 * page is kept in an array that has no entries of its size: then a piece of the largest size that the array has
 * is kept (4.10.2.3: "the processor may use several entries for one page").  First levels do so always, second
 * levels where policy.h says so.  A guest's page on smaller nested pages is kept in pieces of those.
 *
 * Which array: of the arrays of one level that serve the port and have the unit, the one numbered
 * (unit number >> lg2(sets of the first)) mod (how many there are), in the profile's order.
 *
 * What must hold: level.active is right; live[unit] counts the valid entries of each unit, globals those with G,
 * pieces those whose unit is not their size; a global entry's tag has PCID 0 and
 * TAG_GLOBAL. */
#ifndef PAGEWALK_MACHINE_TLB_H
#define PAGEWALK_MACHINE_TLB_H

#include "machine/assoc.h"
#include "pagewalk/mmu.h"

/* Sizes as tags know them: enum mmu_size, and the 4 MiB page of 32-bit paging, which lives where 2 MiB pages do. */
enum { UNIT_4M = MMU_SIZES, UNITS };
#define UNIT_NONE 0xff

static const u8 unit_lg2[UNITS] = { 12, 21, 30, 22 };

#define TAG_NUMBER (((u64)1 << 45) - 1)
#define TAG_PCID_SHIFT 45
#define TAG_PCID ((u64)0xfff << TAG_PCID_SHIFT)
#define TAG_UNIT_SHIFT 57
#define TAG_VALID ((u64)1 << 60)
#define TAG_GLOBAL ((u64)1 << 59)
#define TAG_CONTEXT_SHIFT 61
#define TAG_CONTEXT ((u64)7 << TAG_CONTEXT_SHIFT)
#define TAG_SPACE (TAG_PCID | TAG_GLOBAL | TAG_VALID | TAG_CONTEXT)

#define DATA_RIGHTS 7ull       /* R_RW, R_US, R_XD                                                                */
#define DATA_D ((u64)1 << 3)
#define DATA_G ((u64)1 << 4)
#define DATA_KEY_SHIFT 5
#define DATA_SIZE_SHIFT 9
#define DATA_LEAF_RO_BIT 11
#define DATA_LEAF_RO ((u64)1 << DATA_LEAF_RO_BIT)
#define DATA_PA 0x000ffffffffff000ull

/* The runner-up of a set in a tree-PLRU array: the way touched last in the half of the tree where the most recently
 * used way is not, and the pages that slots would hold for it (fast.h).  Touching it changes nothing but the root of
 * the tree. */
#define PAIR_NONE (~(u64)0)
struct pair { u64 page[2]; u8 way; };   /* page: for loads or fetches, for stores; PAIR_NONE or an empty slot's value */

struct tlb {
    struct assoc a;
    struct pair *pair;               /* [sets]; NULL: this array has none                                         */
    u64 *used, *made;                /* [sets][ways] numbers left by the front end, [sets] those made (marks.h); NULL */
    u32 live[UNITS];
    u32 globals, pieces;
    u16 recent[16];                  /* PCIDs that may have entries here, the one loaded last first (desc->pcids)  */
    u8 recents;                      /* how many                                                                  */
    u8 kinds;                        /* bit k: first level of enum mmu_kind k; 0 for second-level arrays          */
    const struct mmu_tlb_desc *desc;
};

/* One place to look: an array, for pages of one unit, with what a look-up needs of the array side by side. */
struct probe {
    struct tlb *t;
    const u64 *tag, *data;
    const u8 *mru;
    u64 number_mask, unit_tag;      /* of an address; the unit as it stands in a tag                              */
    u32 set_mask;
    u16 ways;
    u8 unit, lg2, fold;
    u8 pick_shift, pick_mask, pick; /* of two arrays with one unit: this one has the pages with this bit         */
    bool hashed;
};

#define MAX_PROBES (2 * UNITS)
struct level {
    struct probe probe[MAX_PROBES];  /* units from small to large                                                */
    u8 probes;
    u8 active;                       /* bit i: probe[i].t holds entries of the unit; the others need no look      */
    u8 unit_for[UNITS];              /* a page (or piece) of this size is kept as this unit; UNIT_NONE: not       */
    u8 first_for[UNITS];             /* by unit: the first probe that holds it                                    */
};
struct port { struct level l1, l2; };

static inline u64 tag_space(u32 context, u64 pcid)
{
    return TAG_VALID | pcid << TAG_PCID_SHIFT | (u64)context << TAG_CONTEXT_SHIFT;
}

/* Global entries of the context of a space. */
static inline u64 tag_global(u64 space) { return TAG_VALID | TAG_GLOBAL | (space & TAG_CONTEXT); }
static inline u32 tag_unit(u64 tag) { return (u32)(tag >> TAG_UNIT_SHIFT) & 3; }
static inline u64 tag_number(u64 tag) { return tag & TAG_NUMBER; }
static inline u64 tag_va(u64 tag) { return tag_number(tag) << unit_lg2[tag_unit(tag)]; }
static inline u32 data_size(u64 data) { return (u32)(data >> DATA_SIZE_SHIFT) & 3; }
static inline bool data_shadow(u64 data) { return (data & (DATA_LEAF_RO | DATA_D)) == (DATA_LEAF_RO | DATA_D); }
static inline u32 data_key(u64 data) { return (u32)(data >> DATA_KEY_SHIFT) & 15; }

/* va's number in units, without the canonical sign. */
static inline u64 unit_number(u64 va, u32 unit)
{
    return va >> unit_lg2[unit] & (TAG_NUMBER >> (unit_lg2[unit] - 12));
}

static inline u64 tag_make(u64 number, u32 unit, u64 space)
{
    return number | (u64)unit << TAG_UNIT_SHIFT | space;
}

static inline bool probe_picks(const struct probe *p, u64 number)
{
    return (number >> p->pick_shift & p->pick_mask) == p->pick;
}

/* Where a look-up ended. */
struct found { const struct probe *p; u32 set, way; };

static inline u64 found_data(const struct found *f)
{
    return f->p->data[(size_t)f->set * f->p->ways + f->way];
}

static inline int probe_find_hashed(const struct probe *p, u64 tag)
{
    u32 mru = p->mru[0];
    return LIKELY(p->tag[mru] == tag) ? (int)mru : assoc_find_hashed(&p->t->a, tag);
}

static inline int probe_find(const struct probe *p, u32 set, u64 tag)
{
    if (p->hashed)
        return probe_find_hashed(p, tag);
    return ways_find(p->tag + (size_t)set * p->ways, p->ways, tag);
}

/* Looks for va in the arrays of one level; space is the current PCID's (pcid_tag).  An entry of the PCID is
 * preferred to a global one, small units to large ones.  Changes nothing. */
static inline __attribute__((always_inline)) bool level_find(const struct level *l, u64 va, u64 space, struct found *f)
{
    for (u32 left = l->active; left; left &= left - 1) {
        const struct probe *p = &l->probe[__builtin_ctz(left)];
        u64 n = va >> p->lg2 & p->number_mask;
        if (RARE(p->pick_mask) && !probe_picks(p, n))
            continue;
        u32 set = (u32)(n ^ n >> p->fold) & p->set_mask;
        int way = probe_find(p, set, n | p->unit_tag | space);
        if (way < 0 && RARE(p->t->globals))
            way = probe_find(p, set, n | p->unit_tag | tag_global(space));
        if (way >= 0) {
            *f = (struct found){ p, set, (u32)way };
            return true;
        }
    }
    return false;
}

struct cpu;

/* Every array within its policy's limits, a first level for every port, at most two arrays for one page. */
bool tlb_possible(const struct mmu_profile *profile);
/* Carves and links the arrays of a CPU. */
void tlb_create(struct cpu *c, struct carve *carve, const struct mmu_profile *profile, u64 seed);
/* Keeps a translation in a level as the most recently used one: data has the page's frame and size; unit is what
 * the source holds (the page's size after a walk, the entry's unit after a second-level hit).  known: the translation
 * may be there already; false only after a look-up that missed.  Returns the array; NULL: the level keeps none. */
struct tlb *level_fill(struct cpu *c, const struct level *l, u64 va, u64 data, u32 unit, bool known);
/* Where level_fill() of the same has put it, or would find it; false: the level keeps none, or does not have it. */
bool level_where(const struct cpu *c, const struct level *l, u64 va, u64 data, u32 unit, struct tlb **t, u32 *set, u32 *way);
/* Puts an entry into a way, counting what was there out; slots and runners-up are the caller's. */
void tlb_put(struct cpu *c, struct tlb *t, u32 set, u32 way, u64 tag, u64 data);
/* Counts in an entry for a small page that is no piece, put into an empty way by other means. */
void tlb_count_page(struct cpu *c, struct tlb *t);
void tlb_remove(struct cpu *c, struct tlb *t, u32 set, u32 way);
/* Every entry, of whatever unit, that translates va for the space; and global ones of its context. */
void tlb_remove_page(struct cpu *c, u64 va, u64 space, bool with_global);
/* The same for every space of a context. */
void tlb_remove_page_every(struct cpu *c, u64 va, u32 context, bool with_global);
/* Entries e with (tag & mask) == value. */
void tlb_remove_matching(struct cpu *c, u64 mask, u64 value);
/* The same in one array. */
void tlb_remove_in(struct cpu *c, struct tlb *t, u64 mask, u64 value);
void tlb_clear(struct cpu *c);

#endif
