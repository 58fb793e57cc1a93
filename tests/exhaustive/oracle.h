/* SPDX-License-Identifier: MIT
 * oracle.h - x86-64 long-mode translation written straight from the manual, to judge the machine by.  Called by the
 * drivers of this folder.  It includes no header, table or constant of the project, on purpose: whatever it shares
 * with the machine it could not find wrong. */
#ifndef EXHAUSTIVE_ORACLE_H
#define EXHAUSTIVE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_cpu {
    bool amd;              /* bit 8 of PML4E and PML5E must be zero                                                */
    bool has_1g;           /* CPUID.80000001H:EDX.Page1GB                                                          */
    unsigned maxphyaddr;
    bool la57, wp, smep, smap, nxe, pke, pks;
    uint32_t pkru, pkrs;
    unsigned cpl, ac;
    uint64_t root;         /* physical address of the top table                                                    */
};

enum { ORACLE_READ, ORACLE_WRITE, ORACLE_FETCH };
enum { ORACLE_DONE, ORACLE_PF, ORACLE_GP, ORACLE_SS };

struct oracle_access { uint64_t va; int kind; bool implicit, stack; };

struct oracle_answer {
    int outcome;           /* ORACLE_DONE ...                                                                      */
    uint64_t pa;           /* ORACLE_DONE                                                                          */
    unsigned page_lg2;     /* ORACLE_DONE                                                                          */
    uint32_t error;        /* ORACLE_PF                                                                            */
    uint32_t error_free;   /* error-code bits about which the manual leaves a choice                               */
    int entries;           /* how many entries were read ...                                                       */
    uint64_t entry_pa[5];  /* ... where they are ...                                                               */
    uint64_t after[5];     /* ... and what they hold afterwards                                                    */
};

/* ram: physical memory from address 0 on, in 8-byte words.  pre: every table a present, not reserved entry names is
 * inside it. */
void oracle_translate(const uint64_t *ram, const struct oracle_cpu *c, const struct oracle_access *a,
                      struct oracle_answer *out);

#endif
