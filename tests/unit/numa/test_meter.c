/* SPDX-License-Identifier: MIT
 * test_meter.c - the meter against arithmetic: tables and page on every combination of two nodes, from either; walks that start
 * below the root, faults, hits; nodes that cannot be. */
#include "pagewalk/numa.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define RAM_BYTES (16ull << 20)
#define HALF (RAM_BYTES / 2)
#define VA 0x40201000ull             /* entry 0 of the root, 1 of each table below it                              */

static u8 *ram;
static struct mmu *m;
static struct numa n;
static struct numa_meter meter;

static void machine(void)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 2, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    size_t bytes;

    cfg.ram = ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    m = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    assert_true(numa_even(&n, 2, RAM_BYTES, 2, 21));
    memset(&meter, 0, sizeof meter);
    numa_observe(&meter, &n, m);
}

static void gone(void)
{
    free(m);
    free(ram);
}

/* Bit i of nodes: where the table of level i is (3 the root); bit 4: the page. */
static u64 table_at(unsigned nodes, unsigned level) { return (nodes >> level & 1 ? HALF : 0) + 0x100000 + 0x1000 * level; }

static void tables(unsigned nodes, bool present)
{
    const u64 page = (nodes >> 4 & 1 ? HALF : 0) + 0x200000;

    mmu_poke(m, table_at(nodes, 3), table_at(nodes, 2) | 7);
    mmu_poke(m, table_at(nodes, 2) + 8, table_at(nodes, 1) | 7);
    mmu_poke(m, table_at(nodes, 1) + 8, table_at(nodes, 0) | 7);
    mmu_poke(m, table_at(nodes, 0) + 8, present ? page | 7 : 0);
    mmu_poke(m, table_at(nodes, 0) + 16, page | 7);
    for (unsigned cpu = 0; cpu < 2; cpu++)
        mmu_set(m, cpu, MMU_CR3, table_at(nodes, 3));
}

static void expect(unsigned cpu, u64 local_reads, u64 remote_reads, u64 local, u64 remote)
{
    const struct numa_counts *c = &meter.counts;

    assert_int_equal(c->reads[cpu][cpu], local_reads);
    assert_int_equal(c->reads[cpu][!cpu], remote_reads);
    assert_int_equal(c->accesses[cpu][cpu], local);
    assert_int_equal(c->accesses[cpu][!cpu], remote);
    assert_int_equal(c->reads[!cpu][0] + c->reads[!cpu][1] + c->accesses[!cpu][0] + c->accesses[!cpu][1], 0);
    assert_int_equal(c->cycles, 240 * (local_reads + local) + 504 * (remote_reads + remote));
    assert_int_equal(c->remote_cycles, 264 * (remote_reads + remote));
}

static void every_placement(void **state)
{
    struct mmu_result r;

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        const unsigned nodes = i >> 1, cpu = i & 1, page = nodes >> 4 & 1;
        unsigned remote = 0;

        for (unsigned level = 0; level < 4; level++)
            remote += (nodes >> level & 1) != cpu;
        machine();
        tables(nodes, true);
        mmu_translate(m, cpu, VA, MMU_LOAD, 0, &r); /* four reads                                                  */
        expect(cpu, 4 - remote, remote, page == cpu, page != cpu);
        mmu_translate(m, cpu, VA + 8, MMU_LOAD, 0, &r); /* a hit                                                   */
        expect(cpu, 4 - remote, remote, 2 * (page == cpu), 2 * (page != cpu));
        remote += (nodes & 1) != cpu;
        mmu_translate(m, cpu, VA + 0x1000, MMU_LOAD, 0, &r); /* the structure cache holds the PDE: one read        */
        assert_int_equal(r.reads, 1);
        expect(cpu, 5 - remote, remote, 3 * (page == cpu), 3 * (page != cpu));
        gone();
    }
}

/* A walk that finds nothing has read, too; no memory is accessed. */
static void a_fault_has_read(void **state)
{
    struct mmu_result r;

    (void)state;
    machine();
    tables(0x9, false);
    assert_int_equal(mmu_translate(m, 1, VA, MMU_STORE, 0, &r), MMU_FAULT_PF);
    expect(1, 2, 2, 0, 0);
    assert_int_equal(mmu_translate(m, 1, 0x800000000000, MMU_LOAD, 0, &r), MMU_FAULT_GP);
    expect(1, 2, 2, 0, 0);
    gone();
}

static char text[1024];
static size_t text_len;
static void put(void *ctx, const char *s, size_t len)
{
    (void)ctx;
    memcpy(text + text_len, s, len);
    text_len += len;
    text[text_len++] = '\n';
    text[text_len] = 0;
}

static void explained(void **state)
{
    struct mmu_result r;

    (void)state;
    machine();
    tables(0x11, true);
    meter.explain = (struct pw_out){ put, NULL };
    text_len = 0;
    mmu_translate(m, 0, VA, MMU_LOAD, 0, &r);
    assert_string_equal(text, "table entry at 0x103000 on node 0, local\n"
                              "table entry at 0x102008 on node 0, local\n"
                              "table entry at 0x101008 on node 0, local\n"
                              "table entry at 0x900008 on node 1, remote from node 0: distance 21\n"
                              "memory at 0xa00000 on node 1, remote from node 0: distance 21\n");
    gone();
}

static void what_nodes_there_are(void **state)
{
    struct numa x;

    (void)state;
    assert_true(numa_even(&x, 3, 100ull << 20, 8, 255));
    assert_int_equal(x.end[0], 32ull << 20);
    assert_int_equal(x.end[1], 64ull << 20);
    assert_int_equal(x.end[2], 100ull << 20);
    assert_int_equal(numa_node(&x, (32ull << 20) - 1), 0);
    assert_int_equal(numa_node(&x, 32ull << 20), 1);
    assert_int_equal(numa_node(&x, 1ull << 40), 2);
    assert_int_equal(x.cpu_node[2], 0);
    assert_int_equal(x.cpu_node[3], 1);
    assert_int_equal(x.cpu_node[7], 2);
    assert_int_equal(numa_cycles(&x, 0, 2), 240 * 255 / 10);
    assert_int_equal(numa_cycles(&x, 1, 1), 240);
    assert_false(numa_even(&x, 0, 1 << 30, 8, 20));
    assert_false(numa_even(&x, 9, 1 << 30, 64, 20));
    assert_false(numa_even(&x, 2, (8 << 20) - 4096, 8, 20));
    assert_false(numa_even(&x, 4, 1 << 30, 3, 20));
    assert_false(numa_even(&x, 2, 1 << 30, 65, 20));
    assert_false(numa_even(&x, 2, 1 << 30, 8, 10));
    assert_false(numa_even(&x, 2, 1 << 30, 8, 256));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_placement), cmocka_unit_test(a_fault_has_read), cmocka_unit_test(explained), cmocka_unit_test(what_nodes_there_are),
    };

    return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
