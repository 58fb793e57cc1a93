/* SPDX-License-Identifier: MIT
 * internal.h - what the files of this room share.
 *
 * Every check that can fail comes before the first change: find, judge, then commit. */
#ifndef PAGEWALK_SEGMENT_INTERNAL_H
#define PAGEWALK_SEGMENT_INTERNAL_H

#include "pagewalk/segment.h"

#define SELECTOR_RPL 3u
#define SELECTOR_LDT 4u

static inline unsigned rpl_of(u16 selector) { return selector & SELECTOR_RPL; }
static inline bool is_null(u16 selector) { return (selector & ~SELECTOR_RPL) == 0; }
static inline unsigned dpl_of(u16 rights) { return (rights & SEG_DPL) >> SEG_DPL_LSB; }
static inline bool is_code(u16 rights) { return (rights & (SEG_S | SEG_CODE)) == (SEG_S | SEG_CODE); }
static inline bool is_conforming(u16 rights) { return rights & SEG_CONFORMING; }
static inline bool is_writable_data(u16 rights) { return (rights & (SEG_S | SEG_CODE | SEG_WRITABLE)) == (SEG_S | SEG_WRITABLE); }
static inline bool is_readable(u16 rights) { return !(rights & SEG_CODE) || rights & SEG_READABLE; }

/* Always false: an exception, and why. */
bool seg_fault(struct seg_result *r, enum seg_vector vector, u32 error, const char *rule);
/* The same for what a translation said. */
bool seg_mmu_fault(struct seg_result *r);
bool seg_done(struct seg_result *r, const char *rule);
bool seg_canonical(const struct seg *s, u64 va);

/* ---- memory.c: the machine's memory by linear addresses, for tables and stacks ---------------------------------- */

u8 seg_load_byte(const struct mmu *m, u64 pa);
void seg_store_byte(struct mmu *m, u64 pa, u8 value);
/* 1 to 8 bytes, as a supervisor whatever the CPL. */
bool seg_read_table(struct seg *s, u64 linear, unsigned bytes, u64 *value, struct seg_result *r);

/* Slots of a stack that are pushed or popped; each is looked at before any is used. */
#define SLOTS_MAX 36u
struct seg_slots { unsigned n, bytes; u64 linear[SLOTS_MAX]; u64 value[SLOTS_MAX]; };
/* Where slot i of n lies from sp up (pop) or down (push). */
bool seg_look_slots(struct seg *s, u64 sp, bool push, struct seg_slots *slots, struct seg_result *r);
bool seg_read_slots(struct seg *s, struct seg_slots *slots, struct seg_result *r);
void seg_write_slots(struct seg *s, const struct seg_slots *slots);
u64 seg_move_sp(const struct seg *s, u64 sp, s64 by);

/* ---- table.c ------------------------------------------------------------------------------------------------------ */

/* A descriptor that was found, and where. */
struct seg_found { struct seg_register d; u64 raw; u64 linear; };
/* Reads what the selector names.  Outside its table: `vector` with the selector as error code. */
bool seg_find(struct seg *s, u16 selector, enum seg_vector vector, struct seg_found *f, struct seg_result *r);
/* The upper half of a system descriptor in IA-32e mode: base 63:32, or offset 63:32 of a gate. */
bool seg_find_upper(struct seg *s, u16 selector, const struct seg_found *f, u32 *upper, struct seg_result *r);
/* Sets its accessed bit, in memory and in f. */
bool seg_mark_accessed(struct seg *s, struct seg_found *f, struct seg_result *r);
/* Byte 5 of a descriptor: the TSS is busy. */
bool seg_mark_busy(struct seg *s, struct seg_found *f, struct seg_result *r);

/* ---- load.c ------------------------------------------------------------------------------------------------------- */

/* What a stack segment needs at privilege cpl; not_there is the vector of the first checks. */
bool seg_judge_stack(const struct seg_found *f, u16 selector, unsigned cpl, enum seg_vector not_there, struct seg_result *r);
void seg_make_null(struct seg *s, enum seg_reg reg, u16 selector);

/* ---- transfer.c, gate.c ---------------------------------------------------------------------------------------------- */

void seg_set_cpl(struct seg *s, unsigned cpl);
/* CS := the code segment found, at privilege cpl. */
void seg_enter(struct seg *s, const struct seg_found *f, u16 selector, unsigned cpl, u64 ip);
/* Is ip inside the code segment (64-bit: canonical)? */
bool seg_judge_ip(const struct seg *s, const struct seg_register *cs, u64 ip, struct seg_result *r);
/* L = D = 1 means nothing in IA-32e mode. */
bool seg_judge_size(const struct seg *s, u16 rights, u16 selector, struct seg_result *r);
bool seg_through_gate(struct seg *s, u16 selector, struct seg_found *gate, bool call, struct seg_result *r);

#endif
