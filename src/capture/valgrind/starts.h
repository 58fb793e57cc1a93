/* SPDX-License-Identifier: GPL-2.0-or-later
 * starts.h - the order in which functions ran first, and what that did to pages: what starts.c has seen. */
#ifndef PAGEWALK_CAP_STARTS_H
#define PAGEWALK_CAP_STARTS_H

#include "cap.h"

struct cap_start {               /* a function, in the order of first execution                                  */
    struct cap_start *next;      /* VgHashNode                                                                   */
    UWord key;
    const HChar *object, *function, *symbol; /* interned; symbol: as the linker knows it                         */
    ULong work;                  /* instructions executed before                                                 */
    ULong pages, faults, mapped_pages, wasted_pages; /* code pages it was the first to use; by its fetches          */
    Addr low, high;              /* of what ran of it                                                            */
    struct cap_start *later;     /* the next in the order                                                        */
};

/* A block is about to run for the first time. */
void cap_code_new(Addr start, const VexGuestExtents *extents);
/* A fault on code, by the instruction at ip. */
void cap_code_faulted(Addr va, Addr ip, ULong mapped_pages);
void cap_forget_starts(void);
/* The first function, with what was wasted counted up to now. */
const struct cap_start *cap_starts(void);

/* starts.c: pages of [start, end) that are mapped now and were never touched. */
UInt cap_wasted_pages(Addr start, Addr end, UInt *mapped);
/* write_starts.c */
void cap_write_starts(void);

#endif
