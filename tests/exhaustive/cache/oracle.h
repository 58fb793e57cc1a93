/* SPDX-License-Identifier: MIT
 * oracle.h - a cache as a list of lines, said once more without anything of src/cache: every line is looked at for every
 * access, sets are found by division, the order of uses by the time each line was used. */
#ifndef PAGEWALK_TESTS_CACHE_ORACLE_H
#define PAGEWALK_TESTS_CACHE_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define ORACLE_LINES 64
#define ORACLE_RAM_LINES 32

struct oracle_line { bool valid, dirty; uint64_t by, pa, value; long used; }; /* by: the address compared; value: its bytes */
struct oracle {
    char form;                         /* p: PIPT, v: VIPT, o: VIPT, one copy, V: VIVT                            */
    char policy;                       /* l: LRU, t: tree, n: one bit a way                                      */
    unsigned sets, ways, line_bytes;
    long now;
    struct oracle_line line[ORACLE_LINES]; /* [set * ways + way]                                                 */
    bool bit[ORACLE_LINES];            /* n: used lately; t: by set * ways + node, node 1 the root               */
    uint64_t ram[ORACLE_RAM_LINES];    /* one value a line                                                       */
};
struct oracle_answer { bool hit, moved, synonym, homonym, written_back; unsigned set, way; uint64_t value; };

struct oracle_answer oracle_access(struct oracle *o, uint64_t va, uint64_t pa, const uint64_t *store);

#endif
