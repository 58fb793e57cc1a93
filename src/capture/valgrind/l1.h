/* SPDX-License-Identifier: GPL-2.0-or-later
 * l1.h - --l1: each access to the first-level caches, too.  instrument.c emits the checks, l1.c answers them. */
#ifndef PAGEWALK_CAP_L1_H
#define PAGEWALK_CAP_L1_H

#include "cap.h"

extern struct cache_marks cap_lines[MMU_SIDES];   /* what instrumented code compares with                           */

void cap_l1_begin(void);
UInt cap_l1_line_bytes(enum mmu_side side);
/* The marks are this CPU's from now on. */
void cap_l1_switch(void);
/* Not marked: an access of `what` bytes of a kind, made just now. */
static inline UWord cap_l1_what(UInt size_bytes, UChar kind) { return (UWord)size_bytes << 2 | kind; }
VG_REGPARM(2) void cap_l1_access(Addr va, UWord what);
/* Counting begins anew. */
void cap_l1_forget(void);
void cap_l1_put(void);

#endif
