/* SPDX-License-Identifier: MIT
 * internal.h - the state of an IOMMU, and what the files of this room share.
 *
 * What must hold: a tag stands once in its set (assoc.h); context[i] belongs to entry i of the context cache and means
 * nothing while that is empty; FSTS.PPF is the OR of the records' F; the queue's head is below its size. */
#ifndef PAGEWALK_IOMMU_INTERNAL_H
#define PAGEWALK_IOMMU_INTERNAL_H

#include "arch/vtd.h"
#include "machine/assoc.h"
#include "machine/cpu.h"
#include "pagewalk/iommu.h"

#define LEVELS_MIN 3u
#define LEVELS_MAX 5u
#define RECORDS_MAX 8u
#define MASK_LG2_MAX 18ull            /* CAP.MAMV: a page-selective invalidation covers at most 1 GiB              */

enum reg_index {
#define REG(name, offset, bytes, writable, cleared) R_##name,
#include "arch/vtd_regs.def"
#undef REG
    REGISTERS
};

struct context { u64 entry[2]; u16 source; u8 reason; /* caching mode keeps what is wrong, too */ };
struct record { u64 low, high; };

struct iommu {
    struct iommu_config cfg;
    struct mmu memory;               /* for the walker: RAM and its size, nothing else                            */
    struct mode mode[LEVELS_MAX - LEVELS_MIN + 1]; /* second-level tables by number of levels (format.c)           */
    u64 root;                        /* RTADDR as it was at the last SRTP                                         */
    u64 reg[REGISTERS];
    struct record record[RECORDS_MAX];
    u8 next_record;
    struct assoc iotlb, contexts;
    struct context *context;
    struct iommu_stats stats;
};

/* ---- format.c ------------------------------------------------------------------------------------------------------- */

void format_build(struct iommu *m);
static inline unsigned levels_max(const struct iommu *m) { return (m->cfg.address_bits - 12u) / 9; }
static inline const struct mode *format_of(const struct iommu *m, unsigned levels) { return &m->mode[levels - LEVELS_MIN]; }

/* ---- what context entries say ---------------------------------------------------------------------------------------- */

static inline u16 context_domain(const u64 *entry) { return (u16)(entry[1] >> VTD_CONTEXT_DID_SHIFT); }
static inline unsigned context_levels(const u64 *entry) { return (unsigned)(entry[1] & VTD_CONTEXT_AW) + 2; }
static inline enum vtd_tt context_tt(const u64 *entry) { return (enum vtd_tt)(entry[0] >> VTD_CONTEXT_TT_SHIFT & 3); }
/* Of a cached entry: one that is not present belongs to no domain and is kept under number 0 (VT-d 6.1). */
static inline u16 kept_domain(const struct context *c) { return c->reason ? 0 : context_domain(c->entry); }

/* ---- the caches: tags and data ------------------------------------------------------------------------------------------ *
 *
 *     context cache  tag  63..17 0        16..1 requester              0 full
 *     IOTLB          tag  63..19 page number   18..3 domain   2..1 size, a level   0 full
 *                    data 51..12 frame    7..2 reason     1 W     0 R                                                  */
static inline u64 context_tag(u16 source) { return (u64)source << 1 | 1; }
static inline unsigned size_lg2(unsigned level) { return PAGE_LG2 + 9 * level; }
static inline u64 iotlb_tag(u64 iova, u16 domain, unsigned level)
{
    return iova >> size_lg2(level) << 19 | (u64)domain << 3 | (u64)level << 1 | 1;
}
static inline unsigned tag_level(u64 tag) { return tag >> 1 & 3; }
static inline u16 tag_domain(u64 tag) { return (u16)(tag >> 3); }
static inline u64 tag_iova(u64 tag) { return tag >> 19 << size_lg2(tag_level(tag)); }
#define KEPT_RIGHTS (VTD_SL_R | VTD_SL_W)
#define KEPT_REASON_SHIFT 2
#define KEPT_FRAME 0x000ffffffffff000ull

/* The way of an entry, and its set in *set; ASSOC_NONE. */
int context_find(const struct iommu *m, u16 source, u32 *set);
int iotlb_find(const struct iommu *m, u64 iova, u16 domain, unsigned *level, u32 *set);

/* ---- inval.c: forgets what is named, and nothing else ------------------------------------------------------------------- */

struct context_names { enum vtd_granularity g; u16 domain, source; u8 function_mask; };
struct iotlb_names { enum vtd_granularity g; u16 domain; u64 iova; u8 mask_lg2; };
/* false: there is no such granularity, or the mask is too large; nothing has changed. */
bool forget_contexts(struct iommu *m, const struct context_names *n);
bool forget_translations(struct iommu *m, const struct iotlb_names *n);

/* ---- events, faults, the queue --------------------------------------------------------------------------------------------- */

enum event { EVENT_FAULT, EVENT_COMPLETION };
void event_raise(struct iommu *m, enum event e);   /* sent, or pending while masked                             */
void event_unmasked(struct iommu *m, enum event e);
void fault_record(struct iommu *m, const struct iommu_result *r, enum iommu_kind kind, bool *recorded);
void fault_status_changed(struct iommu *m);        /* records or status were cleared                            */
void queue_run(struct iommu *m);
void queue_failed(struct iommu *m, enum vtd_queue_error why);

static inline bool in_interrupts(u64 a) { return a >> 20 == VTD_INTERRUPTS >> 20; }

#endif
