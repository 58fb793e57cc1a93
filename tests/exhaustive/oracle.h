/* SPDX-License-Identifier: MIT
 * oracle.h - x86-64 long-mode translation written straight from the manual, to judge the machine by.  Called by the
 * drivers of this folder.  It includes no header, table or constant of the project, on purpose: whatever it shares
 * with the machine it could not find wrong.
 *
 * Two steps, as in the manual: what the paging structures say about an address (4.5), and whether this access may be
 * made and what it leaves behind (4.6 to 4.8).  The first does not depend on the access, so that a driver may ask it
 * once for many accesses to one path. */
#ifndef EXHAUSTIVE_ORACLE_H
#define EXHAUSTIVE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_cpu {
    bool amd;              /* bit 8 of PML4E and PML5E must be zero                                                */
    bool has_1g;           /* CPUID.80000001H:EDX.Page1GB                                                          */
    unsigned maxphyaddr;
    bool la57, wp, smep, smap, nxe, pke, pks, cet; /* cet: CR4.CET, with shadow stacks enabled; needs wp            */
    uint32_t pkru, pkrs;
    unsigned cpl, ac;
    uint64_t root;         /* physical address of the top table                                                    */
};

enum { ORACLE_READ, ORACLE_WRITE, ORACLE_FETCH };
enum { ORACLE_DONE, ORACLE_PF, ORACLE_GP, ORACLE_SS };

struct oracle_access {
    uint64_t va;
    int kind;
    bool implicit, stack;
    bool shadow, wruss;    /* a shadow-stack access, read or write; the one that WRUSS makes.  pre: cet            */
};

enum { ORACLE_LEAF, ORACLE_NOT_PRESENT, ORACLE_RESERVED, ORACLE_NOT_CANONICAL };

struct oracle_path {
    int ends;              /* ORACLE_LEAF ...                                                                      */
    int entries;           /* how many entries were read ...                                                       */
    uint64_t entry_pa[5];  /* ... where they are ...                                                               */
    uint64_t entry[5];     /* ... and what they hold                                                               */
    bool writable, user, execute_disable; /* combined over the entries                                             */
    bool shadow_stack;     /* ORACLE_LEAF: a shadow-stack page                                                     */
    bool unreadable;       /* the last entry could not be read (oracle_walk_through() only)                        */
    unsigned page_lg2;     /* ORACLE_LEAF                                                                          */
    unsigned key;          /* ORACLE_LEAF                                                                          */
    uint64_t frame;        /* ORACLE_LEAF: physical address of the page's first byte                               */
};

struct oracle_answer {
    int outcome;           /* ORACLE_DONE ...                                                                      */
    uint64_t pa;           /* ORACLE_DONE                                                                          */
    uint32_t error;        /* ORACLE_PF                                                                            */
    uint32_t error_free;   /* error-code bits about which the manual leaves a choice                               */
    uint64_t set_in_all;   /* bits that the access sets in every entry read                                        */
    uint64_t set_in_leaf;  /* and in the last one                                                                  */
};

/* ram: physical memory from address 0 on, in 8-byte words.  pre: every table a present, not reserved entry names is
 * inside it.  Of c, what belongs to the access (wp, smep, smap, keys, cpl, ac) plays no part. */
void oracle_walk(const uint64_t *ram, const struct oracle_cpu *c, uint64_t va, struct oracle_path *out);
/* The same, where physical addresses may mean something else to the memory, as in a virtual machine: read() gives the entry at
 * one, or says no, which ends the walk. */
struct oracle_memory {
    const uint64_t *ram;   /* when read is NULL                                                                    */
    bool (*read)(void *ctx, uint64_t pa, uint64_t *entry);
    void *ctx;
};
void oracle_walk_through(const struct oracle_memory *m, const struct oracle_cpu *c, uint64_t va, struct oracle_path *out);
/* a->va: any address on the path's page. */
void oracle_judge(const struct oracle_cpu *c, const struct oracle_access *a, const struct oracle_path *path,
                  struct oracle_answer *out);

#endif
