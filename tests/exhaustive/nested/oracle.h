/* SPDX-License-Identifier: MIT
 * oracle.h - an address translated twice, by a guest's tables and by EPT or NPT, straight from the manuals: SDM3 chapter 29
 * ("28.x" in the numbering of 2016) and APM2 15.25.  Called by the drivers of this folder and by the bare-metal comparison.  It shares
 * no header, table or constant with the machine; what the guest's own tables mean it asks ../oracle.h, which is another oracle.
 *
 * What the manuals leave to the processor and the machine has chosen: A and D of the guest's entries are set when all have been read and the
 * access is allowed, in the order of the walk, before the page's own nested translation.
 * Two freedoms are left open, as bits that may or may not be set: A of a guest's entries on an access that does not
 * go through, with D of its leaf when only the last nested translation refuses it; A of nested entries on a nested walk that fails. */
#ifndef EXHAUSTIVE_NESTED_ORACLE_H
#define EXHAUSTIVE_NESTED_ORACLE_H

#include "tests/exhaustive/oracle.h"

enum { GUEST_LONG, GUEST_PAE, GUEST_32, GUEST_UNPAGED };

struct nested_cpu {
    bool npt;               /* NPT; else EPT                                                                        */
    bool five_levels;
    bool has_1g;            /* of the nested tables                                                                 */
    bool no_2m;             /* the same                                                                             */
    unsigned maxphyaddr;
    uint64_t root;          /* physical address of the nested top table                                             */
    bool ad, modes, execute_only; /* EPT: A/D bits on; mode-based execute control on; execute-only supported        */
    bool info;              /* EPT: violations tell the guest's rights in bits 11:9                                 */
    bool nxe;               /* NPT: the host's EFER.NXE                                                             */
    bool gmet, rogpt;       /* NPT: guest-mode execute trap; guest tables may be in read-only pages                 */
    bool logs;              /* page-modification log on; EPT: with ad                                               */
    unsigned log_index;     /* of its next entry; above 511 it is full                                              */
    int format;             /* of the guest's own tables                                                            */
    struct oracle_cpu guest;/* root: guest-physical                                                                 */
    bool pse, pse36;        /* GUEST_32: CR4.PSE, and whether 4 MiB pages reach above 4 GiB                         */
    uint64_t pdpte[4];      /* GUEST_PAE under EPT: as loaded; NPT reads them from memory                           */
    unsigned departs;       /* 0: the manual                                                                        */
};

/* Departures from the manual, each by itself; docs/differential.md tells who has which. */
enum nested_departure {
    DEPARTS_RSVD_WITHOUT_P = 1,  /* reserved bits are reported with P=0, in both dimensions                         */
    DEPARTS_BIT_8_IGNORED = 2,   /* bit 8 of the upper levels is not reserved, in both dimensions                   */
    DEPARTS_1G_SETS_A = 4,       /* A is set in a 1 GiB entry with reserved bits, in both dimensions                */
    DEPARTS_TABLE_NOT_READ = 8,  /* EPT with A/D: an entry of the guest is written, not read and written            */
    DEPARTS_AD_NOT_WRITTEN = 16, /* EPT without A/D: setting A and D in a guest's entry takes no right to write     */
    DEPARTS_BIT_12_IGNORED = 32, /* EPT: bit 12 of a large page is not reserved                                     */
    DEPARTS_PDPTE_A = 64,        /* NPT: A is set in a PDPTE of PAE paging ...                                      */
    DEPARTS_PDPTE_LOW_BITS = 128,/* ... of which bits 8:5 and 2:1 are not reserved                                  */
    DEPARTS_LOG_TO_THE_BYTE = 512, /* the page-modification log has addresses, not pages                            */
    DEPARTS_LOG_FULL_ANYHOW = 1024, /* a full log refuses what sets neither A nor D                                 */
    DEPARTS_PDPTES_LOADED = 256, /* NPT: PDPTEs are loaded when the guest is entered, from CR3's address on         */
};

/* Outcomes beside those of ../oracle.h. */
enum { NESTED_VIOLATION = 8, NESTED_MISCONFIGURATION, NESTED_PAGE_FAULT, NESTED_LOG_FULL };

enum { NESTED_ENTRIES = 64 };
struct nested_answer {
    int outcome;
    uint64_t pa;            /* ORACLE_DONE                                                                          */
    unsigned page_lg2, nested_lg2; /* ORACLE_DONE: the guest's page (without paging, the nested one), and the nested one */
    uint64_t gpa;           /* of the page: ORACLE_DONE; or what a nested fault is about                            */
    uint64_t error;         /* #PF: error code; NESTED_VIOLATION: exit qualification; NESTED_PAGE_FAULT: EXITINFO1  */
    uint64_t error_free;    /* bits of it about which the manual leaves a choice                                    */
    unsigned logged;        /* pages put into the log ...                                                           */
    uint64_t log[8];        /* ... and which                                                                        */
    /* Every entry read, in order; what 8 bytes at `pa` held before, must hold after, and which bits are free.  A place that is
     * read twice is in the list twice, with the same `after`. */
    unsigned entries, guest_entries; /* guest_entries: how many of them are the guest's                             */
    struct { uint64_t pa, before, after, free; } entry[NESTED_ENTRIES];
};

/* ram: physical memory from address 0 on, in 8-byte words; unchanged on return.  pre: every table is inside it. */
void nested_judge(uint64_t *ram, const struct nested_cpu *c, const struct oracle_access *a, struct nested_answer *out);

#endif
