/* SPDX-License-Identifier: MIT
 * mem.c - loads and stores with their data: what the inline calls of mmu.h leave.  Called by those.
 *
 * What must hold while a struct mmu_mem is bound to a CPU: a slot is full only where host[] beside it leads into RAM.
 * So the machine only empties slots and notes which are in use (fast_put(), touch.c); they are filled here, after an
 * access that went through: then the page is the most recently used of its set and allowed.  A store's parts are all
 * translated before the first byte is written. */
#include "machine/access.h"
#include "machine/fast.h"
#include "machine/phys.h"

#include <string.h>

static void fill(struct mmu_mem *mem, enum mmu_kind kind, const struct mmu_result *r)
{
    u64 i = r->va >> PAGE_LG2 & mem->mask[kind];
    mem->fast.slot[kind][i] = page_down(r->va);
    mem->host[kind][i] = (u64)(uintptr_t)(mem->m->ram + page_down(r->pa)) - page_down(r->va);
}

/* Slots stand for what mmu_translate() would find; without paging, or for an observer, there is nothing to skip, and once
 * the CPU's slots are others, nobody empties these. */
static bool may_fill(const struct mmu_mem *mem, const struct mmu_result *r)
{
    const struct mmu *m = mem->m;
    const struct cpu *c = &m->cpu[mem->cpu];
    return c->mode.paging == PAGING_LONG && c->fast == &mem->fast && !m->observer.translated && mmu_in_ram(m, page_down(r->pa), PAGE_BYTES);
}

/* One access within a page. */
static bool translate(struct mmu_mem *mem, u64 va, enum mmu_kind kind, struct mmu_result *r)
{
    const struct cpu *c = &mem->m->cpu[mem->cpu];
    if (mmu_translate(mem->m, mem->cpu, va, kind, 0, r) != MMU_OK) {
        mem->fault = *r;
        return false;
    }
    if (!may_fill(mem, r))
        return true;
    fill(mem, kind, r);
    if (kind == MMU_STORE && r->page_lg2 == PAGE_LG2 && c->port[MMU_STORE].l1.probe[0].t == c->port[MMU_LOAD].l1.probe[0].t)
        fill(mem, MMU_LOAD, r); /* one array; and what allows a store allows a load */
    return true;
}

static u64 load_physical(const struct mmu_mem *mem, u64 pa, unsigned size_bytes)
{
    u64 value = ~(u64)0;
    if (mmu_in_ram(mem->m, pa, size_bytes))
        memcpy(&value, mem->m->ram + pa, size_bytes);
    else if (mem->io.load)
        value = mem->io.load(mem->io.ctx, pa, size_bytes);
    return value;
}

static void store_physical(const struct mmu_mem *mem, u64 pa, unsigned size_bytes, u64 value)
{
    if (mmu_in_ram(mem->m, pa, size_bytes))
        memcpy(mem->m->ram + pa, &value, size_bytes);
    else if (mem->io.store)
        mem->io.store(mem->io.ctx, pa, size_bytes, value);
}

/* The parts of an access: one, or two when it crosses into the next page. */
struct parts { struct mmu_result r[2]; unsigned bytes[2]; };

static bool translate_parts(struct mmu_mem *mem, u64 va, enum mmu_kind kind, unsigned size_bytes, struct parts *p)
{
    u64 left = PAGE_BYTES - (va & PAGE_MASK_LOW);
    p->bytes[0] = size_bytes <= left ? size_bytes : (unsigned)left;
    p->bytes[1] = size_bytes - p->bytes[0];
    if (p->bytes[1] && operand_leaves_canonical(&mem->m->cpu[mem->cpu], kind, va, va + left))
        return translate(mem, va + left, kind, &p->r[1]); /* #GP */
    return translate(mem, va, kind, &p->r[0]) && (!p->bytes[1] || translate(mem, va + left, kind, &p->r[1]));
}

bool mmu_load_slow(struct mmu_mem *mem, u64 va, void *out, enum mmu_kind kind, unsigned size_bytes)
{
    struct parts p;
    if (!translate_parts(mem, va, kind, size_bytes, &p))
        return false;
    u64 value = load_physical(mem, p.r[0].pa, p.bytes[0]);
    memcpy(out, &value, p.bytes[0]);
    if (p.bytes[1]) {
        value = load_physical(mem, p.r[1].pa, p.bytes[1]);
        memcpy((u8 *)out + p.bytes[0], &value, p.bytes[1]);
    }
    return true;
}

bool mmu_store_slow(struct mmu_mem *mem, u64 va, u64 value, unsigned size_bytes)
{
    struct parts p;
    if (!translate_parts(mem, va, MMU_STORE, size_bytes, &p))
        return false;
    store_physical(mem, p.r[0].pa, p.bytes[0], value);
    if (p.bytes[1])
        store_physical(mem, p.r[1].pa, p.bytes[1], value >> 8 * p.bytes[0]);
    return true;
}

void mmu_mem_bind(struct mmu_mem *mem, struct mmu *m, unsigned cpu, const struct mmu_io *io)
{
    mmu_bind_fast(m, cpu, &mem->fast);
    mem->m = m;
    mem->cpu = cpu;
    mem->io = io ? *io : (struct mmu_io){ NULL, NULL, NULL };
    for (u32 kind = 0; kind < 3; kind++)
        mem->mask[kind] = mmu_fast_mask(m, (enum mmu_kind)kind);
    m->cpu[cpu].mem_bound = true;
}
