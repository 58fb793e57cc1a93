/* SPDX-License-Identifier: MIT
 * iommu.h - the machine's IOMMU: what Intel's VT-d does with the addresses of devices, in legacy mode.
 *
 * A device names an address when it reads or writes memory by itself (DMA).  With translation on, the address is looked up
 * by who asks: the requester's bus selects an entry of the root table, its device and function one of a context table, and
 * that names a domain and its page table, which the walker of src/machine walks as it does a processor's:
 *
 *     requester  bus:device.function        I/O virtual address  ....|  9  |  9  |  9  |  9  |   12   |
 *                 |        |                                            |     |     |     |       |
 *     RTADDR -> root[] -> context[] -> domain, table ----------------> [ ]-> [ ]-> [ ]-> [ ]-> frame + offset
 *
 * What was found is kept in the context cache (by requester) and in the IOTLB (by domain), until software invalidates it;
 * a request that fails is answered with an abort and recorded, with its reason, in a fault recording register.
 *
 * As with mmu.h: everything lives in the caller's block, nothing is allocated later, calls on one IOMMU must not overlap, a
 * bad argument of the embedder is a CHECK.  A device's fault is a value.
 *
 * Source: Intel Virtualization Technology for Directed I/O, Architecture Specification ("VT-d"), chapters 3, 6, 7, 9, 11 of
 * revision 3.3.  Not there: scalable mode and PASIDs, first-level tables, device TLBs, page requests, interrupt remapping,
 * advanced fault logs, protected memory ranges, accessed and dirty bits of second-level entries (ignored, as without SLADS). */
#ifndef PAGEWALK_IOMMU_H
#define PAGEWALK_IOMMU_H

#include "pagewalk/types.h"

struct iommu;

/* ---- creating ---------------------------------------------------------------------------------------------------- */

struct iommu_config {
    void *ram;                       /* what devices reach, usually the machine's: ram_bytes bytes                */
    u64 ram_bytes;                   /* a multiple of 4096                                                        */
    u8 address_bits;                 /* 39 or 48 or 57: widest I/O virtual address; all narrower ones exist, too   */
    u8 maxphyaddr;                   /* 32 to 52                                                                  */
    bool large_2m, large_1g;         /* CAP.SLLPS                                                                 */
    bool caching_mode;               /* CAP.CM: what is not present or wrong is cached, too, as emulations ask for */
    bool pass_through;               /* ECAP.PT                                                                   */
    bool snoop;                      /* ECAP.SC: bit 11 of a leaf may be set                                       */
    u8 fault_records;                /* 1 to 8: CAP.NFR + 1                                                       */
    u8 iotlb_ways, context_ways;     /* at least 1; replaced is the least recently used                            */
    u16 iotlb_sets, context_sets;    /* powers of two                                                             */
    /* An interrupt message: of an event, or a device's write to 0xfeexxxxx.  NULL: nobody listens.               */
    void (*message)(void *ctx, u64 addr, u32 data);
    void *ctx;
};

/* Everything there is, 48 bits wide, one fault record, an IOTLB of 16 x 4 and a context cache of 8 x 4; for this RAM. */
struct iommu_config iommu_default(void *ram, u64 ram_bytes);
/* Bytes of the block; 0: there is no such IOMMU. */
size_t iommu_bytes(const struct iommu_config *cfg);
/* As after reset: translation off, caches empty.  block is aligned to 64.  NULL: too small, or no such IOMMU. */
struct iommu *iommu_create(void *block, size_t block_bytes, const struct iommu_config *cfg);

/* ---- registers, as software sees them ----------------------------------------------------------------------------- */

/* Offsets; those of IVA, IOTLB and FRCD are told by ECAP.IRO and CAP.FRO.  FRCD(n) is at IOMMU_FRCD + 16 n. */
enum iommu_reg {
    IOMMU_VER = 0x00, IOMMU_CAP = 0x08, IOMMU_ECAP = 0x10, IOMMU_GCMD = 0x18, IOMMU_GSTS = 0x1c, IOMMU_RTADDR = 0x20,
    IOMMU_CCMD = 0x28, IOMMU_FSTS = 0x34, IOMMU_FECTL = 0x38, IOMMU_FEDATA = 0x3c, IOMMU_FEADDR = 0x40, IOMMU_FEUADDR = 0x44,
    IOMMU_IQH = 0x80, IOMMU_IQT = 0x88, IOMMU_IQA = 0x90, IOMMU_ICS = 0x9c, IOMMU_IECTL = 0xa0, IOMMU_IEDATA = 0xa4,
    IOMMU_IEADDR = 0xa8, IOMMU_IEUADDR = 0xac, IOMMU_IQERCD = 0xb0, IOMMU_IVA = 0xf0, IOMMU_IOTLB = 0xf8, IOMMU_FRCD = 0x220,
};

/* A whole register, or (4 bytes) a half of one of 8.  What a command does is done when the call returns.  The
 * upper halves of CCMD and IOTLB have the bit that commands.  false: there is no such register; nothing has changed. */
bool iommu_write(struct iommu *m, u32 reg, unsigned bytes, u64 value);
bool iommu_read(const struct iommu *m, u32 reg, unsigned bytes, u64 *value);

/* ---- requests ------------------------------------------------------------------------------------------------------ */

enum iommu_kind { IOMMU_READ, IOMMU_WRITE };

/* A requester: bus, device, function. */
static inline u16 iommu_source(unsigned bus, unsigned device, unsigned function) { return (u16)(bus << 8 | device << 3 | function); }

/* Reasons of faults, VT-d 7.1.3 with its names of the conditions. */
enum iommu_reason {
    IOMMU_NO_FAULT = 0,
    IOMMU_ROOT_NOT_PRESENT = 0x1,    /* LRT.2                                                                     */
    IOMMU_CONTEXT_NOT_PRESENT = 0x2, /* LCT.2                                                                     */
    IOMMU_CONTEXT_INVALID = 0x3,     /* LCT.4: no such width or translation type, or its table is not in memory    */
    IOMMU_BEYOND_WIDTH = 0x4,        /* LGN.1: an address that the domain's width or the IOMMU has not             */
    IOMMU_NO_WRITE = 0x5,            /* LGN.2                                                                     */
    IOMMU_NO_READ = 0x6,             /* LGN.3                                                                     */
    IOMMU_TABLE_OUTSIDE = 0x7,       /* LSL.1: a table is not in memory                                            */
    IOMMU_ROOT_OUTSIDE = 0x8,        /* LRT.1                                                                     */
    IOMMU_CONTEXT_OUTSIDE = 0x9,     /* LCT.1                                                                     */
    IOMMU_ROOT_RESERVED = 0xa,       /* LRT.3                                                                     */
    IOMMU_CONTEXT_RESERVED = 0xb,    /* LCT.3                                                                     */
    IOMMU_ENTRY_RESERVED = 0xc,      /* LSL.2                                                                     */
    IOMMU_TO_INTERRUPTS = 0xe,       /* LGN.4: the frame lies at 0xfeexxxxx                                        */
    IOMMU_BAD_ROOT_MODE = 0x30,      /* RTA.1: RTADDR.TTM names a mode that is not there                           */
};
const char *iommu_reason_text(enum iommu_reason reason);

enum iommu_by {
    IOMMU_BY_OFF,                    /* translation is off                                                        */
    IOMMU_BY_PASS,                   /* a context entry lets the device's addresses through                        */
    IOMMU_BY_INTERRUPT,              /* a write to 0xfeexxxxx is an interrupt                                     */
    IOMMU_BY_CONTEXT,                /* nothing behind the root and context entries was looked at                  */
    IOMMU_BY_IOTLB, IOMMU_BY_WALK,
};

struct iommu_result {
    u64 iova, pa;                    /* pa: valid without a fault, and not of interrupts                           */
    u16 source, domain;              /* domain: when a context entry was found                                     */
    u8 reason;                       /* enum iommu_reason                                                          */
    u8 by;                           /* enum iommu_by                                                              */
    u8 page_lg2;                     /* of a translated page: 12, 21 or 30                                         */
    u8 reads;                        /* entries of root, context and page tables read                              */
    bool context_hit;                /* the context cache had the entry                                           */
    bool recorded;                   /* the fault is in a fault recording register                                  */
};

struct iommu_step { u64 pa, entry; u8 level, verdict; /* enum mmu_step_verdict */ };
/* What a request would meet now; nothing changes.  steps counts the page-table entries read. */
struct iommu_look {
    struct iommu_result r;
    u64 root_pa, root[2], context_pa, context[2]; /* read if their counters below say so                          */
    bool root_read, context_read;    /* from memory; otherwise context is the cache's                              */
    bool quiet;                      /* FPD: the fault is not to be recorded                                       */
    u8 rights;                       /* of the path or the IOTLB's entry: bit 0 read, bit 1 write                  */
    u8 levels, steps;
    struct iommu_step step[5];
};
void iommu_look(const struct iommu *m, u16 source, u64 iova, enum iommu_kind kind, struct iommu_look *out);
/* The look in lines: every entry read, decoded, and the rule that decided. */
void iommu_explain(const struct iommu_look *l, enum iommu_kind kind, const struct pw_out *out);

/* One request within a 4 KiB page: fills caches, records a fault.  false: it is refused. */
bool iommu_translate(struct iommu *m, u16 source, u64 iova, enum iommu_kind kind, struct iommu_result *r);

/* DMA: any length, a request for each 4 KiB page it touches.  Outside RAM reads give ones and writes are lost.  Returns the
 * bytes done: all of them, or those in front of the page that was refused, whose result r then holds. */
u64 iommu_dma_read(struct iommu *m, u16 source, u64 iova, void *to, u64 bytes, struct iommu_result *r);
u64 iommu_dma_write(struct iommu *m, u16 source, u64 iova, const void *from, u64 bytes, struct iommu_result *r);

/* ---- seeing -------------------------------------------------------------------------------------------------------- */

struct iommu_stats {                 /* since creation                                                             */
    u64 requests, context_hits, context_misses, iotlb_hits, iotlb_misses;
    u64 reads;                       /* entries of root, context and page tables                                   */
    u64 faults;                      /* requests refused                                                          */
    u64 recorded, collapsed, lost;   /* of these: recorded; not, for one of the same requester is pending; overflow  */
    u64 invalidations;               /* commands and descriptors that dropped something or could have               */
    u64 bytes_read, bytes_written;   /* by DMA                                                                     */
    u64 messages;
};
const struct iommu_stats *iommu_stats(const struct iommu *m);

/* Entry n of the IOTLB, counted from 0 over those that are full.  false: there are no more. */
struct iommu_kept { u64 iova, pa; u16 domain; u8 page_lg2, rights, reason; /* reason: a refusal kept in caching mode */ };
bool iommu_iotlb(const struct iommu *m, unsigned n, struct iommu_kept *out);
/* The same of the context cache. */
struct iommu_kept_context { u16 source, domain; u64 entry[2]; u8 reason; };
bool iommu_contexts(const struct iommu *m, unsigned n, struct iommu_kept_context *out);

#endif
