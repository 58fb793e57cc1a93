/* SPDX-License-Identifier: MIT
 * phys.h - reading and writing page-table entries in physical memory.  Called by walk.h, translate.c, explain.c.
 * Outside RAM a read gives all ones, as a bus with nobody on it does, and a write is lost.  The embedder (and the
 * kernel above it) stores to the same memory; nothing is cached here. */
#ifndef PAGEWALK_MACHINE_PHYS_H
#define PAGEWALK_MACHINE_PHYS_H

#include "base/check.h"
#include "machine/cpu.h"

static inline u64 phys_read(const struct mmu *m, u64 pa)
{
    u64 v;
    if (RARE(pa >= m->ram_bytes))
        return ~(u64)0;
    __builtin_memcpy(&v, m->ram + pa, sizeof v);
    return v;
}

static inline void phys_write(const struct mmu *m, u64 pa, u64 value)
{
    if (pa < m->ram_bytes)
        __builtin_memcpy(m->ram + pa, &value, sizeof value);
}

/* 32-bit paging's entries. */
static inline u64 phys_read4(const struct mmu *m, u64 pa)
{
    u32 v;
    if (pa >= m->ram_bytes)
        return ~(u32)0;
    __builtin_memcpy(&v, m->ram + pa, sizeof v);
    return v;
}

static inline void phys_write4(const struct mmu *m, u64 pa, u64 value)
{
    u32 v = (u32)value;
    if (pa < m->ram_bytes)
        __builtin_memcpy(m->ram + pa, &v, sizeof v);
}

#endif
