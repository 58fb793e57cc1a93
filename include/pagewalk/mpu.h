/* SPDX-License-Identifier: MIT
 * mpu.h - protection without translation: the memory protection unit of Arm's M profile, v7-M, v8-M and v8.1-M.
 *
 * `struct mpu` is one processor's MPU with the fault registers that belong to it.  It holds no memory: it says of an
 * access whether it may be made and, if not, which exception follows and what the status registers then hold.  The
 * struct is the caller's; mpu_init() makes it what it is after reset, and whoever writes a field instead of a register
 * must keep to what mpu_write() would have stored.  Addresses are physical: nothing here translates.
 *
 * Manuals: Armv7-M Architecture Reference Manual (DDI 0403) B3.5, Armv8-M (DDI 0553) B10; names are Arm's.
 *
 * What the manuals leave open, and what is done here:
 *   a v7-M region of less than 32 bytes (SIZE below 4)        never matches
 *   base bits below a v7-M region's size                      ignored (as Cortex-M silicon does)
 *   SRD of a region below 256 bytes                           ignored
 *   AP = 100 (v7-M)                                           no access
 *   a region number beyond DREGION in RNR                     the write is ignored
 *   status when the processor locks up                        MMFSR and MMFAR tell the fault, HFSR does not change
 *   an unaligned access                                       byte by byte; MMFAR is the first byte refused */
#ifndef PAGEWALK_MPU_H
#define PAGEWALK_MPU_H

#include "pagewalk/types.h"

#define MPU_REGIONS_MAX 16u

enum mpu_arch { MPU_V7M, MPU_V8M, MPU_V8_1M };

/* Rights of a place, for one privilege. */
enum { MPU_R = 1, MPU_W = 2, MPU_X = 4 };

/* Registers by their address in the system control space. */
#define MPU_TYPE 0xe000ed90u
#define MPU_CTRL 0xe000ed94u
#define MPU_RNR 0xe000ed98u
#define MPU_RBAR 0xe000ed9cu
#define MPU_RASR 0xe000eda0u /* v7-M                                                                            */
#define MPU_RLAR 0xe000eda0u /* v8-M; the aliases _A1 to _A3 of RBAR and RASR or RLAR follow, 8 bytes apart       */
#define MPU_MAIR0 0xe000edc0u
#define MPU_MAIR1 0xe000edc4u
#define MPU_SHPR1 0xe000ed18u /* priorities: [7:0] MemManage, [15:8] BusFault                                     */
#define MPU_SHCSR 0xe000ed24u
#define MPU_CFSR 0xe000ed28u
#define MPU_HFSR 0xe000ed2cu
#define MPU_MMFAR 0xe000ed34u
#define MPU_BFAR 0xe000ed38u

#define CTRL_ENABLE 1u
#define CTRL_HFNMIENA 2u
#define CTRL_PRIVDEFENA 4u
#define SHCSR_MEMFAULTENA (1u << 16)
#define SHCSR_BUSFAULTENA (1u << 17)
/* CFSR: MMFSR is its lowest byte, BFSR the next. */
#define CFSR_IACCVIOL (1u << 0)
#define CFSR_DACCVIOL (1u << 1)
#define CFSR_MUNSTKERR (1u << 3)
#define CFSR_MSTKERR (1u << 4)
#define CFSR_MLSPERR (1u << 5)
#define CFSR_MMARVALID (1u << 7)
#define CFSR_PRECISERR (1u << 9)
#define CFSR_BFARVALID (1u << 15)
#define HFSR_FORCED (1u << 30)

struct mpu_region {
    u32 rbar;                /* v7-M: the base, VALID and REGION zero                                             */
    u32 attr;                /* RASR of v7-M, RLAR of v8-M                                                        */
};

struct mpu {
    u8 arch;                 /* enum mpu_arch                                                                     */
    u8 regions;              /* TYPE.DREGION: 0, 8 or 16                                                          */
    u8 rnr;
    u8 ctrl;
    struct mpu_region region[MPU_REGIONS_MAX];
    u32 mair[2];             /* v8-M; memory types decide nothing here                                            */
    u32 shpr1, shcsr;        /* only the bytes and bits named above                                               */
    u32 cfsr, hfsr, mmfar, bfar;
};

/* As after reset: off, all registers zero.  pre: regions is 0, 8 or 16. */
void mpu_init(struct mpu *m, enum mpu_arch arch, unsigned regions);

/* A register, written or read by privileged code.  false: there is no such register here; nothing has changed.
 * CFSR and HFSR are cleared by ones.  Bits that do not exist read as zero. */
bool mpu_write(struct mpu *m, u32 reg, u32 value);
bool mpu_read(const struct mpu *m, u32 reg, u32 *value);

/* ---- regions by what they are to do ------------------------------------------------------------------------- */

struct mpu_want {
    u32 base, bytes;         /* bytes = 0: the region is off                                                      */
    u8 privileged;           /* MPU_R, MPU_W: what privileged code may do                                         */
    u8 unprivileged;
    bool execute;            /* with a right to read, fetches too                                                 */
    bool privileged_never;   /* v8.1-M's PXN: privileged code may not execute it                                  */
    u8 srd;                  /* v7-M: subregions that are switched off                                            */
};
enum mpu_refused { MPU_WANT_OK, MPU_WANT_NUMBER, MPU_WANT_SIZE, MPU_WANT_BASE, MPU_WANT_RIGHTS, MPU_WANT_SRD, MPU_WANT_PXN };
/* Sets region n so.  Anything but MPU_WANT_OK: this MPU cannot express it, and nothing has changed. */
enum mpu_refused mpu_set_region(struct mpu *m, unsigned n, const struct mpu_want *want);
const char *mpu_refused_text(enum mpu_refused why);

/* ---- accesses ------------------------------------------------------------------------------------------------- */

enum mpu_by { MPU_BY_LOAD, MPU_BY_STORE, MPU_BY_FETCH, MPU_BY_STACKING, MPU_BY_UNSTACKING, MPU_BY_LAZY_FP, MPU_BY_VECTOR };

/* Execution priority: 256 with nothing active, 0 to 255 by handlers, BASEPRI and PRIMASK; HardFault and FAULTMASK -1, NMI -2. */
enum { MPU_PRIORITY_THREAD = 256, MPU_PRIORITY_HARDFAULT = -1, MPU_PRIORITY_NMI = -2 };

struct mpu_access {
    u32 addr;
    u8 size_bytes;           /* 1, 2, 4 or 8; a fetch reads 2                                                     */
    u8 by;                   /* enum mpu_by                                                                       */
    bool unprivileged;
    s32 priority;
};

/* What decided. */
enum mpu_rule {
    MPU_RULE_OFF,            /* ENABLE = 0: the default memory map                                                */
    MPU_RULE_NEGATIVE,       /* priority below 0 and HFNMIENA = 0: as if off                                      */
    MPU_RULE_VECTOR,         /* vectors are read by the default memory map                                        */
    MPU_RULE_PPB,            /* the private peripheral bus is outside the MPU's reach                             */
    MPU_RULE_REGION, MPU_RULE_BACKGROUND, MPU_RULE_NO_REGION,
    MPU_RULE_OVERLAP,        /* v8-M: two regions hold the address                                                */
};

enum mpu_exception { MPU_NONE = 0, MPU_HARDFAULT = 3, MPU_MEMMANAGE = 4, MPU_BUSFAULT = 5, MPU_LOCKUP = 255 };

struct mpu_result {
    u8 exception;            /* enum mpu_exception; MPU_NONE: the access may be made                              */
    u8 rule;                 /* enum mpu_rule                                                                     */
    u8 region;               /* with MPU_RULE_REGION                                                              */
    u8 rights;               /* of the place for this privilege                                                   */
    u32 addr;                /* of the byte that decided                                                          */
};

/* What holds at one address; changes nothing. */
struct mpu_result mpu_look(const struct mpu *m, u32 addr, bool unprivileged, s32 priority);
/* Judges an access; a refused one sets the status registers as the processor does. */
struct mpu_result mpu_access(struct mpu *m, const struct mpu_access *a);

/* Why, in lines: each region looked at, what decided, the exception and the registers. */
void mpu_explain(const struct mpu *m, const struct mpu_access *a, const struct mpu_result *r, const struct pw_out *out);
/* Region n as a line, without its end: "2 0x20001000-0x20001fff privileged rw unprivileged r- never executed". */
void mpu_show_region(const struct mpu *m, unsigned n, const struct pw_out *out);

/* ---- swapping without translation ------------------------------------------------------------------------------ *
 *
 * A window of addresses larger than RAM, on a board whose RAM answers throughout the window because the upper address
 * bits are not decoded.  Nothing translates, so a page has one place: the frame its low address bits name.  The MPU
 * tells which of the pages that share a frame is in it: regions cover pages that are, everything else faults, and the
 * handler writes the old page to the flash image, reads the wanted one, and moves a region.
 *
 *     window  | 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 |     RAM  | 0 | 1 |      page n lies in frame n mod 2, or in flash
 *
 * Invariant: a region of the pager covers a page only while that page is in its frame; it is writable only when the
 * frame is dirty. */
struct mpu_swap {
    struct mpu *mpu;         /* set by the caller: all down to flash                                              */
    u32 window, window_bytes;/* powers of two, window aligned to its size                                         */
    u32 ram_bytes;           /* a power of two, at least a page                                                   */
    u32 page_bytes;          /* a power of two, at least 32                                                       */
    u8 first_region, regions;/* the regions the pager may use; at least one                                       */
    u8 *ram, *flash;         /* ram_bytes and window_bytes                                                        */
    u32 *holds;              /* page in each frame: ram_bytes / page_bytes entries, written by mpu_swap_begin()    */
    u8 *dirty;               /* the same number                                                                   */

    u32 covers[MPU_REGIONS_MAX]; /* page under each of the pager's regions, or MPU_SWAP_NONE                      */
    u8 next;                 /* the region to take next: round and round                                          */
    u64 accesses, faults;
    u64 pages_read, pages_written; /* from and to the flash image                                                 */
    u64 regions_moved;       /* faults on pages that were in RAM without a region                                 */
    u64 first_writes;        /* faults of first stores into a page that came in read-only                         */
};
#define MPU_SWAP_NONE (~(u32)0)

/* false: sizes do not fit each other, or the MPU has no such regions.  Switches the pager's regions off. */
bool mpu_swap_begin(struct mpu_swap *s);
/* One byte at an address of the window, by an unprivileged load or store: the MPU is asked, faults are handled, and the
 * access is made in RAM.  pre: begun; the MPU is on; the address is in the window.  false: the MPU's fault is not one
 * of the pager's (the MPU is off, another region is in the way); nothing was read or written. */
bool mpu_swap_load(struct mpu_swap *s, u32 addr, u8 *value);
bool mpu_swap_store(struct mpu_swap *s, u32 addr, u8 value);
/* Writes back what is dirty: afterwards the flash image is the window's contents. */
void mpu_swap_sync(struct mpu_swap *s);

#endif
