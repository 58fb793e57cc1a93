/* SPDX-License-Identifier: MIT
 * nested.h - guests: a second page table under the guest's own.  Beside mmu.h, in the same library.
 *
 * A hypervisor gives a guest its memory by a table of its own: Intel's EPT or AMD's nested paging (NPT).  What the guest calls a
 * physical address (here: gpa) is translated once more, to where the bytes really are.  So is the address of every entry of
 * the guest's page tables: a walk of 4 levels over 4 levels reads up to 24 entries.
 *
 *     guest table level 3     level 2     level 1     level 0     the page
 *     nested 4 reads, 1       4, 1        4, 1        4, 1        4           = 24
 *
 * What an embedder does: a machine with mmu_config.nested set; nested tables in RAM; mmu_guest_enter(); then the calls of mmu.h are
 * the guest's: mmu_set() writes the guest's registers, mmu_translate() and the others are its accesses, mmu_invlpg() is its
 * INVLPG.  Page tables of the guest stand in RAM where its gpas lead; mmu_peek(), mmu_poke() take physical addresses as ever.
 * mmu_guest_leave() gives the CPU back to the host.  A machine without nested set, and a host, pay nothing for all this.
 *
 * Exits are values, as a guest's faults are: MMU_EXIT from mmu_translate() (or false from mmu_set(), when it loads PDPTEs of PAE
 * paging), and mmu_guest_exit() tells the rest.  The CPU still stands in the guest then, with nothing of the access done; the
 * embedder corrects the tables and tries again, or leaves.
 *
 * One access of a guest with paging on and a nested table:
 *   1  a TLB has the translation (a "combined mapping": from va to the host's address, with the rights of both tables)
 *   2  for each entry of the guest's table, from where a structure cache begins: the entry's gpa is translated; refused: exit.
 *      EPT: a read; with EPT's A and D on it counts as a write too.  NPT: a write of a user, with ROGPT a read.
 *      Then the entry is judged: not present, reserved: the guest's #PF
 *   3  the guest's rights: #PF
 *   4  A and D that are missing in the guest's entries are written.  Where 2 was a read, it takes the right to write there;
 *      refused: exit, and none of them has been written
 *   5  the page's gpa is translated, for the access itself; refused: exit
 *   6  kept: structure caches, TLBs, in pieces of the smaller of both pages ("splintering")
 * Each nested translation that is not refused sets A and D in nested entries (EPT: if on) and logs the page where D was 0, if
 * logging is on.  A nested translation that is refused sets nothing.  A cached nested translation that refuses is walked
 * again from the root, so rights that have grown in memory never cause an exit.
 *
 * Paging off in the guest: va is the gpa, 5 alone.
 *
 * Sources: Intel SDM volume 3C chapter 28 ("SDM3 28.x", 2016 numbering), APM volume 2 15.25. */
#ifndef PAGEWALK_NESTED_H
#define PAGEWALK_NESTED_H

#include "pagewalk/mmu.h"

/* ---- what the processor can -------------------------------------------------------------------------------- */

enum mmu_nested_feature { /* EPT's are bits of IA32_VMX_EPT_VPID_CAP and of controls, NPT's of CPUID 8000000Ah   */
    MMU_EPT_XO = 1u << 0,       /* execute-only pages                                                         */
    MMU_EPT_2M = 1u << 1, MMU_EPT_1G = 1u << 2,
    MMU_EPT_5LEVEL = 1u << 3,
    MMU_EPT_AD = 1u << 4,       /* accessed and dirty bits                                                    */
    MMU_EPT_INFO = 1u << 5,     /* bits 11:9 of the exit qualification                                        */
    MMU_EPT_MBE = 1u << 6,      /* mode-based execute                                                         */
    MMU_EPT_PML = 1u << 7,      /* page-modification log; needs AD                                            */
    MMU_NPT_GMET = 1u << 8,     /* guest-mode execute trap                                                    */
    MMU_NPT_ROGPT = 1u << 9,    /* guest tables in read-only pages                                            */
    MMU_NPT_PML = 1u << 10,
};

struct mmu_nested_config {
    u32 features;                      /* mask of enum mmu_nested_feature                                     */
    u16 gpa_entries, gpa_ways;         /* cache of nested translations (guest-physical mappings), of all page sizes, LRU;
                                          entries 0: none                                                     */
    u8 pscs;                           /* caches of the nested tables' entries, as a profile has them for the guest's:
                                          level 1 = entries that point to a table of the last level ...       */
    const struct mmu_psc_desc *psc;
    const char *source;
};
/* What a processor of this vendor has, as far as is known. */
const struct mmu_nested_config *mmu_nested_usual(enum mmu_vendor vendor);

/* ---- entering and leaving ---------------------------------------------------------------------------------- */

enum mmu_nested { MMU_NESTED_OFF, MMU_EPT, MMU_NPT }; /* OFF: a guest on the host's physical memory (shadow paging)      */

enum mmu_guest_control {
    MMU_GUEST_MBE = 1u << 0,    /* EPT: bit 2 lets supervisor-mode addresses execute, bit 10 user-mode ones     */
    MMU_GUEST_PML = 1u << 1,
    MMU_GUEST_GMET = 1u << 2,   /* NPT: at CPL 0, U=1 pages do not execute, and U=0 pages are accessible        */
    MMU_GUEST_ROGPT = 1u << 3,
};
enum mmu_tlb_control { MMU_TLB_KEEP = 0, MMU_TLB_FLUSH_ALL = 1, MMU_TLB_FLUSH_ASID = 3, MMU_TLB_FLUSH_NONGLOBAL = 7 };

struct mmu_guest_regs { u64 cr0, cr2, cr3, cr4, efer; u32 pkru, pkrs; u8 cpl, ac; };
struct mmu_guest {
    u8 nested;                  /* enum mmu_nested: EPT on Intel, NPT on AMD                                   */
    u64 root;                   /* EPTP: memory type 0 or 6 in 2:0, levels less 1 in 5:3, A/D in 6, address; or nCR3 */
    u16 tag;                    /* VPID, 0: none (entering and leaving forget linear and combined mappings of VPID 0);
                                   or ASID, not 0                                                             */
    u32 controls;               /* mask of enum mmu_guest_control                                              */
    u8 tlb_control;             /* AMD: enum mmu_tlb_control                                                   */
    u16 pml_index;              /* of the next entry; counts down from 511; above that the log is full         */
    u64 pml;                    /* address of the log, 4096-aligned                                           */
    struct mmu_guest_regs reg;
    u64 pdpte[4];               /* EPT and PAE paging: the PDPTEs that the VMCS holds                          */
};

/* The registers with which a CPU starts (mmu_create()): a guest in long mode. */
struct mmu_guest_regs mmu_guest_start(void);

/* VM entry (VMLAUNCH, VMRUN).  NPT has the format of the host's tables at this moment; the host must be in long mode then, with
 * EFER.SVME=1.  Guests are not entered while the checker of missing invalidations is on.
 * NULL: the CPU is in the guest.  Else why the entry fails, and nothing has changed. */
const char *mmu_guest_enter(struct mmu *m, unsigned cpu, const struct mmu_guest *g);
/* VM exit: the host's registers are back.  saved (or NULL): reg and pml_index as the guest leaves them.  pre: in a guest. */
void mmu_guest_leave(struct mmu *m, unsigned cpu, struct mmu_guest *saved);
bool mmu_in_guest(const struct mmu *m, unsigned cpu);

/* ---- exits ------------------------------------------------------------------------------------------------- */

enum mmu_exit_reason { /* the architecture's numbers */
    MMU_EXIT_NONE = 0, MMU_EXIT_EPT_VIOLATION = 48, MMU_EXIT_EPT_MISCONFIG = 49, MMU_EXIT_PML_FULL = 62,
    MMU_EXIT_NPF = 0x400, MMU_EXIT_NPT_PML_FULL = 0x407,
};
struct mmu_guest_exit {
    u32 reason;           /* of the last call that ended in an exit                                          */
    u64 info;             /* EPT violation: the exit qualification; NPF: EXITINFO1; else 0                   */
    u64 gpa;              /* the address that was being translated, to the byte (of 8 or 4 for entries)      */
    u64 va;               /* guest-linear address; 0 when info bit 7 (EPT) is 0                              */
    u8 level;             /* of the nested entry that ended the walk                                         */
    u8 for_level;         /* of the guest's entry at gpa; MMU_GUEST_PAGE: the page itself                    */
};
#define MMU_GUEST_PAGE 5u /* as a level: the access itself, not an entry of the guest's tables                 */
const struct mmu_guest_exit *mmu_guest_exit(const struct mmu *m, unsigned cpu);

/* EPT exit qualification (SDM3 table 27-7) */
enum { MMU_EPTQ_READ = 1 << 0, MMU_EPTQ_WRITE = 1 << 1, MMU_EPTQ_FETCH = 1 << 2, /* 0 and 1: entry of a guest table, with
                                  EPT's A and D on, or its A or D being written                                */
       MMU_EPTQ_R = 1 << 3, MMU_EPTQ_W = 1 << 4, MMU_EPTQ_X = 1 << 5, MMU_EPTQ_XU = 1 << 6, /* AND over the entries read;
                                  XU: bit 10's, with mode-based execute, else 0                               */
       MMU_EPTQ_LINEAR = 1 << 7, /* 0: PDPTEs loaded by a register write                                       */
       MMU_EPTQ_FINAL = 1 << 8,  /* 0: an entry of a guest table                                               */
       MMU_EPTQ_USER = 1 << 9, MMU_EPTQ_WRITABLE = 1 << 10, MMU_EPTQ_NX = 1 << 11 }; /* the guest's rights on the page: with
                                  MMU_EPT_INFO and both bits before, else 0                                   */
/* EXITINFO1: bits 4:0 as an error code of #PF (U always), and */
#define MMU_NPF_FINAL ((u64)1 << 32)
#define MMU_NPF_TABLE ((u64)1 << 33)

/* ---- walks, step by step ----------------------------------------------------------------------------------- */

/* mmu_walk() in a guest, with every entry read of both tables in order.  Changes nothing; begins at the roots. */
struct mmu_nested_step {
    u64 gpa;              /* nested: what it translates; else where the guest's entry is                     */
    u64 entry_pa, entry;
    u8 nested;            /* 1: an entry of the nested table                                                 */
    u8 level;             /* of the entry in its own table                                                   */
    u8 for_level;         /* nested: the level of the guest's entry that is looked for; MMU_GUEST_PAGE       */
    u8 verdict;           /* enum mmu_step_verdict                                                           */
};
#define MMU_NESTED_STEPS 60u /* 5 levels under 5: 35; and each entry of the guest's translated again for its A or D */
struct mmu_guest_walk {
    struct mmu_walk w;    /* its steps are the guest's entries; r.status may be MMU_EXIT; w.rule tells of either table */
    struct mmu_guest_exit exit;
    u64 gpa;              /* of va, when the guest's table has a page for it and allows the access            */
    struct mmu_nested_step step[MMU_NESTED_STEPS];
    u8 steps;
    u8 nested_lg2;        /* size of the nested page under it (status MMU_OK)                                 */
};
void mmu_guest_walk(const struct mmu *m, unsigned cpu, u64 va, enum mmu_kind kind, unsigned flags, struct mmu_guest_walk *w);
/* From now on each walk of a guest on this CPU, as accesses make them, leaves in *w what it read: step, steps, gpa, exit, w.r, and
 * w.rule if it ended in an exit.  The gpa of an entry that a structure cache led to is told as 0; steps that do not fit are left out.
 * NULL: no more.  pre: nested is in the config. */
void mmu_guest_record(struct mmu *m, unsigned cpu, struct mmu_guest_walk *w);

/* ---- the hypervisor's invalidations ------------------------------------------------------------------------- *
 * Whose mappings: linear (VPID, PCID), combined (VPID, PCID, EP4TA: bits 51:12 of EPTP), guest-physical (EP4TA).  The guest's own
 * INVLPG, INVPCID, MOV CR and its #PF touch linear and combined mappings of its VPID and no others; an EPT violation drops the
 * guest-physical mapping and the combined one of its address.  AMD has one tag, the ASID, for everything: nCR3 is no part
 * of it, so a changed nCR3 or nested entry needs TLB_CONTROL or INVLPGA.  mmu_invlpga() takes any ASID.
 * A CPU keeps mappings of the seven pairs (VPID, EP4TA), or ASIDs, entered last. */
enum mmu_vm_result { MMU_VM_SUCCEED, MMU_VM_FAIL, MMU_VM_GP, MMU_VM_UD };
/* Type 1: the EP4TA of eptp (FAIL if it could not be entered); 2: all.  FAIL for other types.  UD: no EPT here. */
enum mmu_vm_result mmu_invept(struct mmu *m, unsigned cpu, u64 type, u64 eptp);
/* desc: VPID in 15:0, the rest must be 0.  Types: 0 address, 1 VPID, 2 all VPIDs but 0, 3 VPID but globals. */
enum mmu_vm_result mmu_invvpid(struct mmu *m, unsigned cpu, u64 type, u64 desc, u64 va);

/* ---- memory type -------------------------------------------------------------------------------------------- */

enum mmu_memtype { MMU_UC = 0, MMU_WC = 1, MMU_WT = 4, MMU_WP = 5, MMU_WB = 6, MMU_UC_MINUS = 7 };
/* SDM3 28.2.6 with CR0.CD=0: by the type of the last EPT entry (bits 5:3), its bit 6 and the guest's PAT type. */
enum mmu_memtype mmu_ept_memtype(u64 ept_leaf, enum mmu_memtype pat);

/* ---- counters and contents ---------------------------------------------------------------------------------- *
 * struct mmu_stats goes on counting in a guest: reads[] and ad_writes are then the guest's entries, cycles both tables', an exit
 * is a walk that faulted.  In struct mmu_result reads are those of both tables, page_lg2 is the guest's page (without paging the
 * nested one), wrote_ad the guest's entries. */
struct mmu_nested_stats {
    u64 translations;     /* nested translations asked for by walks, and by accesses without paging           */
    u64 gpa_hit;          /* of those, the cache of nested translations answered                             */
    u64 walks;            /* of those, walks of the nested table                                             */
    u64 reads[5];         /* nested entries read, by level                                                   */
    u64 psc_hit[5];       /* nested walks shortened by a structure cache, by the level of the first entry read */
    u64 ad_writes;        /* nested entries written to set A or D                                            */
    u64 logged;           /* pages put into the page-modification log                                        */
    u64 splintered;       /* translations kept in pieces smaller than the guest's page                       */
    u64 violations, misconfigs, log_full;
    u64 entries;          /* VM entries                                                                      */
    u64 invept, invvpid;
};
const struct mmu_nested_stats *mmu_nested_stats(const struct mmu *m, unsigned cpu); /* NULL: no nested in the config  */

/* The cached nested translations.  pa is of the gpa's page of 1 << page_lg2 bytes; for EPT user is 1. */
struct mmu_gpa_view { u64 gpa, pa, root; u16 asid; u8 page_lg2, readable, writable, executable, executable_user, dirty; };
void mmu_each_gpa(const struct mmu *m, unsigned cpu, void (*see)(void *ctx, const struct mmu_gpa_view *v), void *ctx);

#endif
