/* SPDX-License-Identifier: MIT
 * segment.h - x86 segments: descriptors, segment registers with their hidden halves, and the checks in front of paging.
 *
 *     selector:offset  --segments-->  linear address  --paging (mmu.h)-->  physical address
 *
 * `struct seg` is the segmentation half of one CPU of a machine: descriptor tables are read from the machine's memory by its
 * linear addresses, the accessed bit is set there, and an access that the segment allows goes on to the MMU.  Protected mode
 * (segments of 16 and 32 bits) and IA-32e mode (compatibility and 64-bit), whichever EFER.LMA and CS.L say.
 *
 * What an embedder does: seg_init() after the machine's registers are set (CR0.PG may be 0: then linear is physical);
 * descriptors written into RAM (seg_encode()); seg_lgdt(), then loads, jumps, calls and accesses.  The struct is the
 * embedder's; it may read every field, and may set ip and sp.  CPL belongs to this half from then on: it is 0 to 3 here, and
 * the MMU's is set from it.  After writing CR0, CR4 or EFER nothing has to be told: they are asked each time.
 *
 * Errors: an exception is a value (struct seg_result), and then nothing has changed but accessed and dirty bits.
 * Not here: real and virtual-8086 mode, task switches (a task gate or TSS as target is #GP, as in IA-32e mode), interrupts.
 *
 * Manuals: Intel SDM volume 3A chapters 3 and 5 ("SDM3 5.x"), volume 2 MOV, JMP, CALL, RET, LLDT, LTR, SWAPGS; AMD APM
 * volume 2 chapter 4.  Where they leave something open:
 *   an access that ends beyond 4 GiB where the limit is 4 GiB      faults (SDM3 5.3 allows both)
 *   a null selector loaded into FS or GS in IA-32e mode            clears the base; null_keeps_base: AMD's way
 *   the accessed bit                                               set after all other checks, by a write of one byte */
#ifndef PAGEWALK_SEGMENT_H
#define PAGEWALK_SEGMENT_H

#include "pagewalk/mmu.h"
#include "pagewalk/types.h"

/* ---- descriptors ---------------------------------------------------------------------------------------------- *
 *
 *   63      56 55 54 53 52 51     48 47 46 45 44 43    40 39            16 15           0
 *   base 31:24  G D/B L AVL lim 19:16 P  DPL   S   type     base 23:0         limit 15:0
 *
 * Rights are kept as they stand there, without the limit in between: */
enum {
    SEG_TYPE = 0x000f, SEG_S = 0x0010, SEG_DPL = 0x0060, SEG_P = 0x0080, SEG_AVL = 0x1000, SEG_L = 0x2000, SEG_DB = 0x4000,
    SEG_G = 0x8000,
    /* Types with S = 1: data, or with SEG_CODE code. */
    SEG_ACCESSED = 1, SEG_WRITABLE = 2, SEG_DOWN = 4, SEG_READABLE = 2, SEG_CONFORMING = 4, SEG_CODE = 8,
    /* Types with S = 0; in IA-32e mode the last two have 64 bits. */
    SEG_TYPE_TSS16 = 1, SEG_TYPE_LDT = 2, SEG_TYPE_GATE16 = 4, SEG_TYPE_TSS = 9, SEG_TYPE_TSS_BUSY = 11, SEG_TYPE_GATE = 12,
};
#define SEG_DPL_LSB 5u

/* Of 8 bytes: limit is that of its last byte; from 1 MiB on it needs SEG_G in rights, and its low 12 bits are lost (ones). */
u64 seg_encode(u32 base, u32 limit, u16 rights);
/* A call gate's low 8 bytes: in IA-32e mode the next 8 hold offset 63:32. */
u64 seg_encode_gate(u16 selector, u32 offset, u8 words, u16 rights);

/* ---- the registers --------------------------------------------------------------------------------------------- */

enum seg_reg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_LDTR, SEG_TR, SEG_REGS };

struct seg_register {
    u64 base;
    u32 limit;               /* offset of the last byte; expand-down: of the last byte that is not inside             */
    u16 selector;            /* the visible half                                                                  */
    u16 rights;
    bool usable;             /* false: a null selector was loaded                                                 */
};

struct seg {
    struct mmu *mmu;
    unsigned cpu;
    u8 cpl;
    bool null_keeps_base;    /* see above                                                                         */
    struct seg_register reg[SEG_REGS];
    struct { u64 base; u16 limit; } gdtr;
    u64 kernel_gs_base;      /* IA32_KERNEL_GS_BASE                                                               */
    u64 ip, sp;
};

/* As a loader leaves it, at CPL 0: in IA-32e mode a flat CS of 64 bits and null data segments, else flat segments of 32 bits;
 * no tables. */
void seg_init(struct seg *s, struct mmu *m, unsigned cpu);
bool seg_in_long_mode(const struct seg *s); /* EFER.LMA                                                            */
bool seg_in_64bit(const struct seg *s);     /* and CS.L                                                            */

/* ---- results ---------------------------------------------------------------------------------------------------- */

enum seg_vector { SEG_OK = 0, SEG_UD = 6, SEG_TS_FAULT = 10, SEG_NP_FAULT = 11, SEG_SS_FAULT = 12, SEG_GP_FAULT = 13, SEG_PF_FAULT = 14 };

struct seg_result {
    u8 vector;               /* enum seg_vector: the exception; SEG_OK: done                                      */
    u32 error;               /* its error code; a selector without its RPL, or 0                                  */
    u64 linear;              /* of an access that its segment allows                                              */
    struct mmu_result mmu;   /* of the last translation; what a #PF is about                                      */
    const char *rule;        /* what decided, with its section: static text                                       */
};

/* All calls below: true: done.  false: r->vector says why not. */

/* ---- tables and loads --------------------------------------------------------------------------------------------- */

bool seg_lgdt(struct seg *s, u64 base, u16 limit, struct seg_result *r);
bool seg_lldt(struct seg *s, u16 selector, struct seg_result *r);
bool seg_ltr(struct seg *s, u16 selector, struct seg_result *r);
/* MOV, POP, LDS and kin to ES, SS, DS, FS or GS.  pre: not CS. */
bool seg_load(struct seg *s, enum seg_reg reg, u16 selector, struct seg_result *r);

/* ---- far transfers: CS, and what else the privilege rules change ----------------------------------------------------- */

/* JMP and CALL to selector:offset, code or a call gate; operand_bytes is 2, 4 or 8 (what is pushed, and how much of offset
 * counts).  seg_call() pushes s->ip, which is the return address; a gate to more privilege takes its stack from the TSS. */
bool seg_jump(struct seg *s, u16 selector, u64 offset, unsigned operand_bytes, struct seg_result *r);
bool seg_call(struct seg *s, u16 selector, u64 offset, unsigned operand_bytes, struct seg_result *r);
/* RET, with `release_bytes` of parameters.  To less privilege, segments too privileged for it become null. */
bool seg_return(struct seg *s, unsigned operand_bytes, u16 release_bytes, struct seg_result *r);

/* ---- accesses -------------------------------------------------------------------------------------------------------- */

/* Does the segment allow it, and where is it?  r->linear.  pre: size_bytes is 1 to 4096; MMU_FETCH goes with SEG_CS. */
bool seg_linear(const struct seg *s, enum seg_reg reg, u64 offset, u32 size_bytes, enum mmu_kind kind, struct seg_result *r);
/* The same, and then the MMU's answer: r->mmu. */
bool seg_access(struct seg *s, enum seg_reg reg, u64 offset, u32 size_bytes, enum mmu_kind kind, struct seg_result *r);

/* ---- what 64-bit mode keeps --------------------------------------------------------------------------------------------- */

/* WRMSR of IA32_FS_BASE, IA32_GS_BASE (SEG_FS, SEG_GS) and IA32_KERNEL_GS_BASE (SEG_REGS): CPL 0, canonical. */
bool seg_write_base(struct seg *s, enum seg_reg reg, u64 base, struct seg_result *r);
bool seg_swapgs(struct seg *s, struct seg_result *r);

/* ---- in words ------------------------------------------------------------------------------------------------------------- */

extern const char *const seg_reg_names[SEG_REGS]; /* "es", "cs" ...                                               */
/* A register's hidden half as a line, without its end: "code base 0x0 limit 0xffffffff dpl 0 32-bit readable". */
void seg_show(const struct seg_register *d, bool long_mode, const struct pw_out *out);
/* The same of 8 bytes in a table, which may be a gate: "call-gate to 0x8 offset 0x5000 params 1 dpl 3". */
void seg_show_entry(u64 descriptor, bool long_mode, const struct pw_out *out);
/* The hidden half that 8 bytes give. */
struct seg_register seg_decode(u64 descriptor);
/* Reads or writes the 8 bytes that a selector names, as a loader would: without checks, or a trace in TLBs and page tables.
 * false: they are outside the table, or not in RAM. */
bool seg_peek(const struct seg *s, u16 selector, u64 *descriptor);
bool seg_poke(const struct seg *s, u16 selector, u64 descriptor);

#endif
