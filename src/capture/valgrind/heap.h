/* SPDX-License-Identifier: GPL-2.0-or-later
 * heap.h - which allocation a piece of memory belongs to (--heap).
 *
 * The program's own allocator runs as ever: nothing is replaced.  alloc.c notices when one of its functions is entered and
 * when it returns, heap.c keeps the blocks, heap_sites.c what those of each place in the program cost. */
#ifndef PAGEWALK_CAP_HEAP_H
#define PAGEWALK_CAP_HEAP_H

#include "cap.h"

/* ---- alloc.c ------------------------------------------------------------------------------------------------------- */

/* Is there an allocation function at ip?  Which, for cap_alloc_enter(); 0: no. */
UInt cap_alloc_function(Addr ip);
VG_REGPARM(1) void cap_alloc_enter(UWord function);
/* calls.c: the call with this sp, which cap_alloc_enter() has flagged, returns. */
void cap_alloc_return(Addr sp);
Bool cap_alloc_inside(void);               /* the running thread is in such a function                               */
void cap_alloc_thread_begins(ThreadId tid);

/* ---- heap.c -------------------------------------------------------------------------------------------------------- */

void cap_heap_add(Addr start, SizeT len_bytes, UInt site);
void cap_heap_remove(Addr start);
/* Whatever lies in the range alone is gone; of a large block the rest stays. */
void cap_heap_unmap(Addr start, SizeT len_bytes);
UInt cap_heap_site(Addr va);               /* 0: in no block                                                         */
/* What large blocks that still live have touched. */
void cap_heap_count_live(void);

/* ---- heap_sites.c -------------------------------------------------------------------------------------------------- */

/* The place outside all allocation functions and their like that wants memory now; how: "malloc", "mmap"... */
UInt cap_heap_place(const HChar *how);
void cap_heap_born(UInt site, SizeT len_bytes);
void cap_heap_died(UInt site, SizeT len_bytes);
/* A small block came to a page (bytes > 0), or went. */
void cap_heap_page(Addr page, UInt site, Int len_bytes);
/* A page of a large block was touched. */
void cap_heap_page_held(Addr page, UInt site, UInt len_bytes);
/* An access of the program, or an event of the kernel, with what it costs. */
Bool cap_heap_access(Addr va, UInt size_bytes, enum mmu_kind kind, struct sim_site *s);
Bool cap_heap_event(const struct trace_event *e);
/* Accesses made inside an allocation function wait for the block they may belong to. */
void cap_heap_settle(void);
void cap_heap_forget_costs(void);
void cap_put_heap(ULong accesses);

/* Accesses are sampled: now and then some follow each other that all come here. */
extern UInt cap_heap_sampling;             /* how many are still wanted                                              */
void cap_heap_sample(Addr va);
void cap_heap_sample_now(void);        /* if it is time                                                           */

#endif
