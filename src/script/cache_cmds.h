/* SPDX-License-Identifier: MIT
 * cache_cmds.h - the world of `cache ...`, shared by cache_cmds.c and cache_explain.c: one cache with its bytes, memory, and
 * the few page mappings that stand for page tables and TLB. */
#ifndef PAGEWALK_SCRIPT_CACHE_CMDS_H
#define PAGEWALK_SCRIPT_CACHE_CMDS_H

#include "interp_internal.h"

#include "pagewalk/cache.h"

#define CACHE_MAPS 256u

struct cache_world {
    struct mmu_cache_desc d;
    struct cache_memory m;
    void *block;
    struct { u64 space, page, frame; } map[CACHE_MAPS]; /* addresses of the first bytes                             */
    unsigned maps;
    u64 space;               /* of addresses: whose mappings hold now                                            */
    bool coloured;           /* pages get frames of their colour alone                                           */
};

/* With --explain: what an access looks at, before it is made; and what came of it. */
void cache_explain_look(struct interp *in, u64 va, u64 pa);
void cache_explain_result(struct interp *in, u64 pa, const struct cache_result *r);

#endif
