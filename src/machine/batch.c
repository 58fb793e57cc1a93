/* SPDX-License-Identifier: MIT
 * batch.c - many accesses at once (contract: mmu_batch() in mmu.h).
 *
 * What must hold: everything is as if mmu_translate() had been called for each record.  One by one, with two short
 * cuts: a record of the page, kind and flags of the one before it hits the entry used last and changes nothing but the
 * count of look-ups; others try mmu_touch() first. */
#include "machine/batch.h"

#include "machine/access.h"

#define RECORD_PAGE(r) ((r) >> PAGE_LG2) /* kind, flags and page number */

static size_t one_by_one(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    struct mmu_result r;
    for (size_t i = 0; i < n; i++) {
        u64 va = mmu_record_va(record[i]);
        enum mmu_kind kind = mmu_record_kind(record[i]);
        unsigned flags = mmu_record_flags(record[i]);
        if (!flags && mmu_touch(m, cpu, va, kind))
            continue;
        if (mmu_translate(m, cpu, va, kind, flags, &r) != MMU_OK) {
            *fault = r;
            return i;
        }
    }
    return n;
}

/* How many records from the first on ask for the very same page in the same way. */
static size_t same_page(const u64 *record, size_t n)
{
    size_t i = 1;
    while (i < n && RECORD_PAGE(record[i]) == RECORD_PAGE(record[0]))
        i++;
    return i;
}

/* Long mode and nobody watching: then records that repeat a page need no look. */
static size_t page_by_page(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    for (size_t i = 0; i < n;) {
        if (!one_by_one(m, cpu, record + i, 1, fault))
            return i;
        size_t same = same_page(record + i, n - i);
        m->cpu[cpu].stats.lookups[side_of(mmu_record_kind(record[i]))] += same - 1;
        i += same;
    }
    return n;
}

size_t mmu_batch(struct mmu *m, unsigned cpu, const u64 *record, size_t n, struct mmu_result *fault)
{
    CHECK(cpu < m->cpus);
    if (m->observer.translated || m->cpu[cpu].mode.paging != PAGING_LONG)
        return one_by_one(m, cpu, record, n, fault);
    return page_by_page(m, cpu, record, n, fault);
}

enum batch_isa batch_best(void) { return BATCH_PLAIN; }
void batch_use(struct mmu *m, enum batch_isa isa) { (void)m; (void)isa; }
