/* SPDX-License-Identifier: MIT
 * oracle.h - what a processor may answer when its caches may be stale: SDM3 4.10, APM2 5.5.3.  Called by the drivers
 * of this folder.  It includes no header, table or constant of the project, on purpose: whatever it shares with the
 * machine it could not find wrong.
 *
 * It keeps, for one linear address and each CPU, every translation and every structure-cache entry that the CPU *may*
 * hold: all that a walk, speculative or not, could have built from the paging structures at any moment since, less
 * what an invalidation must have removed.  An answer is permitted when some cached translation, or a walk of memory
 * from the root or from some structure-cache entry, gives it.
 *
 * Registers that play no part in what is cached stand still: CR0.WP=1, EFER.NXE=1, CR4.PKE=1, PKS=0, four levels. */
#ifndef STALENESS_ORACLE_H
#define STALENESS_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_CPUS 2
#define ORACLE_HELD 64

enum { ORACLE_LOAD, ORACLE_STORE, ORACLE_FETCH };

struct held_page {     /* 4.10.2.2                                                                                 */
    uint16_t pcid;
    uint8_t page_lg2, key;
    bool global, writable, user, execute_disable, dirty;
    uint64_t frame;
};
struct held_table {    /* 4.10.3.1: the entry of `level` on the path of the address                                 */
    uint16_t pcid;
    uint8_t level;
    bool writable, user, execute_disable;
    uint64_t table;
};

struct oracle_cpu {
    uint64_t root;
    uint16_t pcid;
    bool pge, smep, smap, ac;
    uint32_t pkru;
    unsigned pages, tables;
    struct held_page page[ORACLE_HELD];
    struct held_table table[ORACLE_HELD];
};

struct oracle {
    const uint64_t *ram;   /* from physical address 0                                                              */
    bool amd;
    unsigned maxphyaddr;
    uint64_t va;           /* the address that is followed                                                         */
    struct oracle_cpu cpu[ORACLE_CPUS];
};

/* One permitted answer. */
struct permitted {
    bool fault;
    uint32_t error;        /* of a fault                                                                           */
    uint64_t pa;
    unsigned entries;      /* a walk: the entries it reads ...                                                     */
    uint64_t entry_pa[4];  /* ... which must have A afterwards, and after a store, the last one D                  */
};
#define ORACLE_PERMITTED (4 * ORACLE_HELD)

/* Nothing is cached.  Then settle. */
void oracle_start(struct oracle *o);
/* To be called after every store to the tables and every change below: whatever any CPU could cache now, it may. */
void oracle_settle(struct oracle *o);

void oracle_invlpg(struct oracle *o, unsigned cpu, uint64_t va);
void oracle_invpcid(struct oracle *o, unsigned cpu, unsigned type, uint16_t pcid, uint64_t va);
/* keep: bit 63 of the value. */
void oracle_mov_cr3(struct oracle *o, unsigned cpu, uint64_t root, uint16_t pcid, bool keep);
void oracle_pge(struct oracle *o, unsigned cpu, bool pge);
void oracle_smep(struct oracle *o, unsigned cpu, bool smep);
/* A page fault on o->va was raised. */
void oracle_faulted(struct oracle *o, unsigned cpu);

/* All permitted answers to an access to o->va; their number. */
unsigned oracle_access(const struct oracle *o, unsigned cpu, int kind, bool user, struct permitted out[ORACLE_PERMITTED]);
/* What a CPU without any cache answers. */
void oracle_uncached(const struct oracle *o, unsigned cpu, int kind, bool user, struct permitted *out);

#endif
