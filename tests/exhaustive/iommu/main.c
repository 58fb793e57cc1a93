/* SPDX-License-Identifier: MIT
 * main.c - every combination of attributes of root, context and page-table entries, widths and accesses; fault records;
 * invalidations by register and by queue: the IOMMU and the oracle must agree.
 *     iommu-exhaustive [--random N]
 * Prints what was compared; stops at the tenth difference; exit status 1 when there was one. */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

u64 cases, differences;

static u64 random_state = 88172645463325252ull;
uint32_t rnd(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 16);
}

struct iommu_config machine_config(unsigned address_bits, unsigned maxphyaddr, unsigned features)
{
    struct iommu_config c = iommu_default(NULL, 0);

    c.address_bits = (u8)address_bits;
    c.maxphyaddr = (u8)maxphyaddr;
    c.large_2m = features & 1;
    c.large_1g = features & 2;
    c.pass_through = features & 4;
    c.snoop = features & 8;
    c.iotlb_ways = c.context_ways = 1;
    c.iotlb_sets = c.context_sets = 1;
    return c;
}

void machine_new(struct machine *x, const struct iommu_config *cfg)
{
    struct iommu_config c = *cfg;

    memset(x->ram, 0, sizeof x->ram);
    c.ram = x->ram;
    c.ram_bytes = sizeof x->ram;
    x->m = iommu_create(x->block, sizeof x->block, &c);
    if (!x->m)
        exit(2);
    x->in = (struct oracle_in){ .ram = (const uint8_t *)x->ram, .ram_bytes = sizeof x->ram, .address_bits = c.address_bits,
                                .maxphyaddr = c.maxphyaddr, .large_2m = c.large_2m, .large_1g = c.large_1g,
                                .pass_through = c.pass_through, .snoop = c.snoop };
    machine_root(x, 0, true);
}

void machine_root(struct machine *x, uint64_t rtaddr, bool enabled)
{
    iommu_write(x->m, IOMMU_RTADDR, 8, rtaddr);
    iommu_write(x->m, IOMMU_GCMD, 4, 1u << 30 | (enabled ? 1u << 31 : 0));
    x->in.rtaddr = rtaddr;
    x->in.enabled = enabled;
}

void machine_context(struct machine *x, unsigned source, unsigned levels, uint64_t low_more)
{
    uint64_t *e = x->ram + CONTEXT_PAGE * 512 + source * 2;

    x->ram[0] = CONTEXT_PAGE * 4096 | 1;
    e[0] = TABLE_PAGE(levels - 1) * 4096 | 1 | low_more;
    e[1] = (levels - 2) | 7 << 8;
    x->in.source = source;
}

void machine_forget(struct machine *x)
{
    iommu_write(x->m, IOMMU_CCMD, 8, 1ull << 63 | 1ull << 61);
    iommu_write(x->m, IOMMU_IOTLB, 8, 1ull << 63 | 1ull << 60);
}

void told(const struct machine *x, const char *what, u64 want, u64 got)
{
    printf("%s: oracle %llx, model %llx\n    %s 0x%llx by 0x%x, %d bits, memory %d bits, features %d%d%d%d, rtaddr %llx\n", what,
           (unsigned long long)want, (unsigned long long)got, x->in.write ? "write" : "read", (unsigned long long)x->in.iova, x->in.source,
           x->in.address_bits, x->in.maxphyaddr, x->in.large_2m, x->in.large_1g, x->in.pass_through, x->in.snoop,
           (unsigned long long)x->in.rtaddr);
    for (unsigned i = 0; i < 7 * 512; i++)
        if (x->ram[i])
            printf("    %05x: %llx\n", i * 8, (unsigned long long)x->ram[i]);
    if (++differences == 10)
        exit(1);
}

static void compare(struct machine *x, const struct oracle_out *want, bool warm)
{
    struct iommu_result r;
    const bool ok = iommu_translate(x->m, (u16)x->in.source, x->in.iova, x->in.write ? IOMMU_WRITE : IOMMU_READ, &r);

    cases++;
    if (r.reason != want->reason || ok != !want->reason)
        told(x, warm ? "reason, warm" : "reason", (u64)want->reason, r.reason);
    if (!want->reason && !want->interrupt && r.pa != want->pa)
        told(x, "address", want->pa, r.pa);
    if (r.page_lg2 != want->page_lg2 && !want->reason)
        told(x, "page size", (u64)want->page_lg2, r.page_lg2);
    if (!warm && r.reads != want->entries)
        told(x, "entries read", (u64)want->entries, r.reads);
    if (warm && want->page_lg2 && !want->reason && (r.by != IOMMU_BY_IOTLB || r.reads))
        told(x, "hit", IOMMU_BY_IOTLB, r.by);
    if (!warm && r.recorded != (want->reason && !want->quiet))
        told(x, "recorded", !want->quiet, r.recorded);
}

/* The other kind of access, with what this one left in the caches. */
static void compare_other(struct machine *x)
{
    struct oracle_out want;
    struct iommu_result r;

    x->in.write = !x->in.write;
    want = oracle(&x->in);
    iommu_translate(x->m, (u16)x->in.source, x->in.iova, x->in.write ? IOMMU_WRITE : IOMMU_READ, &r);
    cases++;
    if (r.reason != want.reason)
        told(x, "reason, after the other access", (u64)want.reason, r.reason);
    if (!want.reason && !want.interrupt && r.pa != want.pa)
        told(x, "address, after the other access", want.pa, r.pa);
    x->in.write = !x->in.write;
}

void judge(struct machine *x)
{
    const struct oracle_out want = oracle(&x->in);

    machine_forget(x);
    iommu_write(x->m, IOMMU_FRCD + 8, 8, 1ull << 63);
    compare(x, &want, false);
    compare(x, &want, true);
    compare_other(x);
}

int main(int argc, char **argv)
{
    const u64 random = argc == 3 && !strcmp(argv[1], "--random") ? strtoull(argv[2], NULL, 0) : 300000;
    u64 before = 0;

#define FAMILY(text, call) do { call; printf("%12llu  %s\n", (unsigned long long)(cases - before), text); before = cases; } while (0)
    FAMILY("rights and kinds of entry on every path", rights_of_paths(1));
    FAMILY("every bit of every entry by itself", single_bits());
    FAMILY("root entries", root_entries());
    FAMILY("context entries", context_entries());
    FAMILY("addresses and widths", addresses());
    FAMILY("random tables", random_tables(random));
    FAMILY("fault records", fault_logs(random / 10));
    FAMILY("invalidations", invalidations());
    FAMILY("the invalidation queue", queues());
    printf("%12llu  cases, %llu differences\n", (unsigned long long)cases, (unsigned long long)differences);
    return differences != 0;
}
