/* SPDX-License-Identifier: GPL-2.0-or-later
 * plan.h - what a superblock will need, found before its code is emitted.  plan.c fills it, instrument.c uses it. */
#ifndef PAGEWALK_CAP_PLAN_H
#define PAGEWALK_CAP_PLAN_H

#include "cap.h"

enum { MAX_ACCESSES = 1024, MAX_INSNS = 512, MAX_REGIONS = 512 };

struct planned {                 /* an access                                                                 */
    Int stmt;                    /* checked in front of this statement, unless its group's first is           */
    IRExpr *va;
    IRExpr *guard;               /* NULL: always                                                              */
    UShort size_bytes;
    UChar kind;
    UInt insn;                   /* index into plan.insn                                                      */
    Bool ip_set;                 /* the thread's state names this instruction                                 */
    IRTemp root;                 /* va = root + offset, where known; else IRTemp_INVALID                      */
    Long offset;
    UInt fetches;                /* fetch checks before it, region it is in: a group spans neither            */
    UInt region;
    UInt group;                  /* accesses of the group this one begins (1: alone); 0: inside one           */
    Long low, high;              /* of the group, from root                                                   */
};

struct plan {
    UInt accesses, insns, regions, fetches;
    struct planned access[MAX_ACCESSES];
    struct cap_insn insn[MAX_INSNS];
    struct cap_region region[MAX_REGIONS];
};
extern struct plan plan;

/* Fills plan for the block that begins at `start`; ip_at: where a thread's state has the instruction pointer.  Returns the
 * first statement after the preamble. */
Int plan_block(IRSB *sb, Addr start, Int ip_at);

static inline Addr page_of(Addr a) { return a & ~(Addr)PAGE_MASK_LOW; }

#endif
