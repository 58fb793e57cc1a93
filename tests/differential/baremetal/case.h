/* SPDX-License-Identifier: MIT
 * case.h - one random case of the bare-metal comparison: page tables, registers and a few steps.  Made by generate.c
 * from a seed and a number alone, so that the guest in the emulator and the host beside the model make the same one.
 * Shared by both; freestanding.  Level 0 is the last level.  Slot 0 of every root is the guest's own. */
#ifndef BAREMETAL_CASE_H
#define BAREMETAL_CASE_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- what the processor can do (from CPUID, told by the guest in its first line) --------------------------------- */

enum part_feature {
    PART_1G = 1, PART_SMEP = 2, PART_SMAP = 4, PART_PKU = 8, PART_PKS = 16, PART_PCID = 32, PART_INVPCID = 64,
    PART_LA57 = 128,
};
struct part { u32 features, maxphyaddr; };

/* ---- physical memory --------------------------------------------------------------------------------------------- *
 *   0 .. 32 MiB                         the guest itself
 *   32 MiB .. low_end, 4 GiB .. high_end  one frame of the pools in each of 64 equal slices
 *   n GiB and the page before it          pages at the edges of large pages
 * Data, code and table frames are apart, so that an emulator that translates code need not throw it away. */
enum { DATA_FRAMES = 24, CODE_FRAMES = 8, TABLE_FRAMES = 32, EDGES = 4 };
struct layout {
    u64 data[DATA_FRAMES], code[CODE_FRAMES], table[TABLE_FRAMES]; /* the page after a data or code frame is free   */
    u64 edge[EDGES];                                               /* n GiB                                         */
    u32 edges;
    u64 low_end, high_end;
};

/* What the host writes into the image, after its boot sector. */
#define PARAMS_MAGIC 0x31304c454d455242ull
#define PARAMS_OFFSET 512
enum params_flag { PARAMS_LA57 = 1, PARAMS_FULL = 2, PARAMS_TAME = 4 };
struct params {
    u64 magic, seed, first, count;
    u64 low_end, high_end;      /* RAM that may be used: below 4 GiB, and from 4 GiB (0: none)                       */
    u32 flags, block;           /* PARAMS_FULL: a record for every access; PARAMS_TAME: no write sets a reserved
                                   bit of CR3 or CR4; block: how many cases one digest covers                        */
};
void layout_make(const struct params *p, struct layout *l);
bool layout_is_ram(const struct layout *l, u64 pa);

/* ---- a case ------------------------------------------------------------------------------------------------------ */

struct context { bool wp, smep, smap, nxe, pke, pks, pge, pcide; u32 pkru, pkrs; }; /* pcide: the same all through a case */

/* KIND_STACK_*: through RBP, so through SS.  KIND_SYSTEM: `mov %eax,%fs` reads a descriptor of the LDT, which is an
 * implicit supervisor access (SDM3 4.6). */
enum kind {
    KIND_LOAD, KIND_STACK_LOAD, KIND_SYSTEM, KIND_FETCH, KIND_STORE, KIND_STACK_STORE, KIND_XCHG, KIND_XADD, KINDS,
};
static inline bool kind_writes(u8 kind) { return kind >= KIND_STORE; }

enum step_op {
    STEP_ACCESS, STEP_CONTEXT, STEP_POKE, STEP_MOVE_TABLE, STEP_INVLPG, STEP_PGE, STEP_INVPCID,
    STEP_CR3,                   /* page: whose root and PCID; level 1: bit 63, keeps that PCID's entries             */
    STEP_WRITE,                 /* a control register or EFER: #GP or not; level: enum written.  Is then undone      */
    STEP_REPAIR,                /* only if the access before gave #PF: a path that allows all, and no invalidation   */
};
struct step {
    u8 op, page;                /* page: which path                                                                  */
    u8 kind, size, cpl, ac;     /* STEP_ACCESS                                                                       */
    u8 level;                   /* STEP_POKE, STEP_MOVE_TABLE; STEP_INVPCID: the type; and as said above             */
    u16 offset;                 /* STEP_ACCESS                                                                       */
    u64 value;                  /* STEP_ACCESS: seeds its bytes; STEP_POKE: the entry; STEP_MOVE_TABLE: the frame;
                                   STEP_WRITE: bits that change                                                      */
    struct context context;     /* STEP_CONTEXT                                                                      */
};

enum written { WRITE_CR0, WRITE_CR3, WRITE_CR4, WRITE_EFER, WRITTEN };

enum { MAX_STEPS = 24, PATHS = 2, LEVELS = 5 };
struct path {
    u64 va;                     /* of the page                                                                       */
    u64 table[LEVELS];          /* physical address by level; from the top to `last`                                 */
    u64 entry[LEVELS];          /* what stands there at first                                                        */
    u64 frame[2];               /* where the page is at first, and where a STEP_POKE may move it                     */
    u8 last;                    /* level of the leaf                                                                 */
};
struct test_case {
    u64 number;
    u64 cr3[PATHS];             /* by path: root and PWT, PCD or PCID; the same but when spaces                      */
    struct context context;
    struct path path[PATHS];    /* the second is the next page or a neighbour, and may share tables; or ...          */
    bool spaces;                /* ... the same address under another root                                           */
    struct step step[MAX_STEPS];
    u8 paths, steps, levels;
};

void generate(const struct params *p, const struct part *part, const struct layout *l, u64 number,
              struct test_case *c);

static inline u64 entry_pa(const struct path *p, u32 level)
{
    return p->table[level] + (p->va >> (12 + 9 * level) & 511) * 8;
}

static inline bool is_canonical(u64 va, u32 levels)
{
    u64 upper = va >> (11 + 9 * levels);
    return upper == 0 || upper == ~(u64)0 >> (11 + 9 * levels);
}

/* What is fetched:  movabs $value,%rax;  int $0x81. */
enum { CODE_BYTES = 12, TRAP_DONE = 0x81 };

#endif
