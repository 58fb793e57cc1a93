/* SPDX-License-Identifier: MIT
 * test_numa.c - which node pages and tables come from: every mode, set of nodes and CPU against an oracle that says it in one
 * sentence each; what is refused; inheritance, splits, the views; a node that is full. */
#include "bench.h"

#define A 0x10000000ull
#define PG PAGE_BYTES
#define NODES 4
#define NODE_BYTES (16ull << 20)
#define RW (MM_PROT_READ | MM_PROT_WRITE)
#define ANON (MM_MAP_PRIVATE | MM_MAP_ANONYMOUS | MM_MAP_FIXED)

static struct bench b;

/* A ring: neighbours are nearer than what lies across. */
static const u8 distance[NODES][NODES] = { { 10, 20, 30, 20 }, { 20, 10, 20, 30 }, { 30, 20, 10, 20 }, { 20, 30, 20, 10 } };

static struct mm_nodes nodes(void)
{
    struct mm_nodes n = { .nodes = NODES };

    for (unsigned i = 0; i < NODES; i++) {
        n.end[i] = (i + 1) * NODE_BYTES;
        n.cpu_node[i] = (u8)i;
        memcpy(n.distance[i], distance[i], NODES);
    }
    return n;
}

static int begin(void **state)
{
    struct kernel_config cfg;
    const struct mm_nodes n = nodes();

    (void)state;
    kernel_config_init(&cfg);
    bench_start(&b, NODES, NODES * NODE_BYTES, &cfg, 0);
    proc_free(b.p);
    assert_true(kernel_set_nodes(b.k, &n));
    b.p = proc_new(b.k, "a");
    proc_run_on(b.k, 0, b.p);
    return 0;
}

static int end(void **state)
{
    (void)state;
    bench_check(&b);
    bench_stop(&b);
    return 0;
}

static void run_on(unsigned cpu)
{
    for (unsigned i = 0; i < NODES; i++)
        proc_run_on(b.k, i, NULL);
    proc_run_on(b.k, cpu, b.p);
}

static void map(u64 pages) { assert_int_equal(mm_mmap(b.p, A, pages * PG, RW, ANON, NULL, 0), A); }
static long node(u64 page) { return mm_node_of(b.p, A + page * PG); }

static long touched(unsigned cpu, u64 page)
{
    assert_true(bench_on(&b, cpu, A + page * PG, 'w') >= 0);
    return node(page);
}

static void first_touch(void **state)
{
    (void)state;
    map(8);
    for (unsigned cpu = 0; cpu < NODES; cpu++) {
        run_on(cpu);
        assert_int_equal(node(cpu), -MM_EFAULT);
        assert_int_equal(touched(cpu, cpu), cpu);
    }
    run_on(0);
    assert_int_equal(touched(0, 2), 2); /* it stays where it was touched first                                     */
}

/* ---- the oracle --------------------------------------------------------------------------------------------------- */

static int nearest(unsigned set, unsigned cpu)
{
    int best = -1;

    for (int i = 0; i < NODES; i++)
        if (set >> i & 1 && (best < 0 || distance[cpu][i] < distance[cpu][best]))
            best = i;
    return best;
}

static int nth(unsigned set, unsigned n)
{
    int list[NODES], members = 0;

    for (int i = 0; i < NODES; i++)
        if (set >> i & 1)
            list[members++] = i;
    return list[n % (unsigned)members];
}

/* -1: the call is refused. */
static int oracle(int mode, unsigned set, unsigned cpu, unsigned page)
{
    if (mode == MM_MPOL_DEFAULT || mode == MM_MPOL_LOCAL)
        return set ? -1 : (int)cpu;
    if (mode == MM_MPOL_PREFERRED)
        return set ? nth(set, 0) : (int)cpu;
    if (!set)
        return -1;
    if (mode == MM_MPOL_INTERLEAVE)
        return nth(set, page);
    return nearest(set, cpu);
}

static void every_policy_of_a_mapping(void **state)
{
    (void)state;
    for (int mode = MM_MPOL_DEFAULT; mode <= MM_MPOL_PREFERRED_MANY; mode++)
        for (unsigned set = 0; set < 16; set++)
            for (unsigned cpu = 0; cpu < NODES; cpu++) {
                run_on(cpu);
                map(8);
                if (mm_mbind(b.p, A, 8 * PG, mode, set, 0)) {
                    assert_int_equal(oracle(mode, set, cpu, 0), -1);
                    continue;
                }
                for (unsigned page = 0; page < 8; page++)
                    assert_int_equal(touched(cpu, 7 - page), oracle(mode, set, cpu, (unsigned)(A / PG) + 7 - page));
                assert_int_equal(mm_munmap(b.p, A, 8 * PG), 0);
            }
}

/* A task interleaves by what it takes, one after the other; its tables count. */
static void every_policy_of_a_task(void **state)
{
    (void)state;
    for (int mode = MM_MPOL_DEFAULT; mode <= MM_MPOL_PREFERRED_MANY; mode++)
        for (unsigned set = 0; set < 16; set++)
            for (unsigned cpu = 0; cpu < NODES; cpu++) {
                run_on(cpu);
                map(8);
                bench_on(&b, cpu, A + 7 * PG, 'w'); /* the tables are there                                       */
                if (mm_set_mempolicy(b.p, mode, set)) {
                    assert_int_equal(oracle(mode, set, cpu, 0), -1);
                    continue;
                }
                for (unsigned page = 0; page < 7; page++)
                    assert_int_equal(touched(cpu, page), oracle(mode, set, cpu, page));
                assert_int_equal(mm_set_mempolicy(b.p, MM_MPOL_DEFAULT, 0), 0);
                assert_int_equal(mm_munmap(b.p, A, 8 * PG), 0);
            }
}

/* The table's own place, seen in the entry that leads to it. */
static long table_node(u64 va)
{
    const u64 cr3 = b.regs[0][HW_CR3] & ~0xfffull;
    u64 table = cr3;

    for (unsigned level = 3; level > 0; level--)
        table = ((const u64 *)(const void *)(b.hw.ram + table))[va >> (12 + 9 * level) & 511] & 0xffffffffff000ull;
    return (long)(table / NODE_BYTES);
}

static void tables_follow_the_task(void **state)
{
    (void)state;
    map(4);
    assert_int_equal(mm_mbind(b.p, A, 4 * PG, MM_MPOL_BIND, 1 << 3, 0), 0);
    assert_int_equal(touched(0, 0), 3);
    assert_int_equal(table_node(A), 0); /* not the mapping's policy                                                 */
    assert_int_equal(mm_set_mempolicy(b.p, MM_MPOL_BIND, 1 << 2), 0);
    assert_int_equal(mm_mmap(b.p, A + (1ull << 30), PG, RW, ANON, NULL, 0), A + (1ull << 30));
    bench_write(&b, A + (1ull << 30));
    assert_int_equal(table_node(A + (1ull << 30)), 2);
}

static void refusals(void **state)
{
    (void)state;
    map(4);
    assert_int_equal(mm_mbind(b.p, A + 1, PG, MM_MPOL_BIND, 1, 0), -MM_EINVAL);
    assert_int_equal(mm_mbind(b.p, A, PG, 6, 1, 0), -MM_EINVAL);
    assert_int_equal(mm_mbind(b.p, A, PG, -1, 1, 0), -MM_EINVAL);
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_BIND, 0x30, 0), -MM_EINVAL); /* no such nodes                    */
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_BIND, 1, 2), -MM_EINVAL);
    assert_int_equal(mm_mbind(b.p, A, 0, MM_MPOL_BIND, 1, 0), 0);
    assert_int_equal(mm_mbind(b.p, A, 5 * PG, MM_MPOL_BIND, 1, 0), -MM_EFAULT);
    assert_int_equal(mm_mbind(b.p, A, -PG, MM_MPOL_BIND, 1, 0), -MM_EINVAL);
    bench_write(&b, A);
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_BIND, 2, MM_MPOL_MF_STRICT), -MM_EIO);
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_BIND, 3, MM_MPOL_MF_STRICT), 0);
    assert_int_equal(mm_mbind(b.p, A, 5 * PG, MM_MPOL_BIND, 2, MM_MPOL_MF_STRICT), -MM_EIO); /* before the hole      */
    assert_int_equal(mm_mbind(b.p, A - PG, 2 * PG, MM_MPOL_BIND, 2, MM_MPOL_MF_STRICT), -MM_EFAULT);
    bench_write(&b, A + 3 * PG);
    assert_int_equal(mm_mbind(b.p, A + PG, 4 * PG, MM_MPOL_BIND, 2, MM_MPOL_MF_STRICT), -MM_EFAULT); /* the hole behind a mapping */
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_LOCAL, 0, MM_MPOL_MF_STRICT), -MM_EIO); /* on none of no nodes     */
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_PREFERRED, 3, MM_MPOL_MF_STRICT), 0);
    assert_int_equal(mm_mbind(b.p, A, PG, MM_MPOL_DEFAULT, 0, MM_MPOL_MF_STRICT), 0);
    assert_int_equal(mm_mbind(b.p, A - 2 * PG, 8 * PG, MM_MPOL_DEFAULT, 0, 0), 0); /* holes do not matter then      */
    assert_int_equal(mm_mbind(b.p, A + 4 * PG, PG, MM_MPOL_DEFAULT, 0, 0), -MM_EFAULT);
    assert_int_equal(mm_set_mempolicy(b.p, 6, 1), -MM_EINVAL);
    assert_int_equal(mm_set_mempolicy(b.p, MM_MPOL_BIND, 1ull << 40), -MM_EINVAL);
}

/* What does not fit is refused, and nothing changes. */
static void no_such_nodes(void **state)
{
    struct mm_nodes n = nodes();

    (void)state;
    assert_false(kernel_set_nodes(b.k, &n)); /* a process is there                                                  */
    bench_stop(&b);
    struct kernel_config cfg;
    kernel_config_init(&cfg);
    bench_start(&b, NODES, NODES * NODE_BYTES, &cfg, 0);
    assert_false(kernel_set_nodes(b.k, &n));
    proc_free(b.p);
    n.end[1] += PG;
    assert_false(kernel_set_nodes(b.k, &n));
    n = nodes();
    n.end[3] -= 4 << 20;
    assert_false(kernel_set_nodes(b.k, &n));
    n = nodes();
    n.distance[1][2] = 10;
    assert_false(kernel_set_nodes(b.k, &n));
    n = nodes();
    n.cpu_node[3] = NODES;
    assert_false(kernel_set_nodes(b.k, &n));
    n = nodes();
    n.end[1] = n.end[0];
    assert_false(kernel_set_nodes(b.k, &n));
    b.p = proc_new(b.k, "a");
    proc_run_on(b.k, 0, b.p);
}

static const char *numa_maps(void)
{
    static struct bench_text t;
    const struct pw_out out = { bench_put, &t };

    t.len = 0;
    mm_show_numa_maps(b.p, &out);
    t.buf[t.len] = 0;
    return t.buf;
}

static void splits_merges_and_views(void **state)
{
    struct proc *child;

    (void)state;
    map(6);
    touched(0, 0); /* one identity for all, or they could not join again                                           */
    assert_int_equal(mm_mbind(b.p, A + 2 * PG, 2 * PG, MM_MPOL_INTERLEAVE, 0xb, 0), 0);
    for (unsigned i = 0; i < 6; i++)
        touched(0, i);
    assert_string_equal(numa_maps(), "10000000 default anon=2 dirty=2 active=0 N0=2 kernelpagesize_kB=4\n"
                                     "10002000 interleave:0-1,3 anon=2 dirty=2 active=0 N0=1 N1=1 kernelpagesize_kB=4\n"
                                     "10004000 default anon=2 dirty=2 active=0 N0=2 kernelpagesize_kB=4\n");
    assert_int_equal(mm_mbind(b.p, A, 6 * PG, MM_MPOL_DEFAULT, 0, 0), 0);
    assert_string_equal(numa_maps(), "10000000 default anon=6 dirty=6 active=0 N0=5 N1=1 kernelpagesize_kB=4\n");
    assert_int_equal(mm_mbind(b.p, A + 2 * PG, 4 * PG, MM_MPOL_BIND, 8, 0), 0);
    assert_int_equal(mm_set_mempolicy(b.p, MM_MPOL_PREFERRED_MANY, 6), 0);
    assert_non_null(strstr(numa_maps(), "10000000 prefer (many):1-2 "));
    assert_int_equal(proc_fork(b.p, 0, "child", 0, &child), 0);
    b.p = child; /* has what its parent had                                                                        */
    assert_non_null(strstr(numa_maps(), "10000000 prefer (many):1-2 "));
    assert_non_null(strstr(numa_maps(), "10002000 bind:3 "));
    proc_run_on(b.k, 0, child);
}

/* A full node gives way to the nearest; bound, it ends the process. */
static void a_full_node(void **state)
{
    u64 page = 0;

    (void)state;
    map(3 * NODE_BYTES / PG);
    run_on(2);
    while (touched(2, page) == 2)
        page++;
    assert_int_equal(node(page), 1); /* as near as 3, and the lower number                                          */
    assert_true(page > NODE_BYTES / PG - 64);
    assert_int_equal(mm_mbind(b.p, A, 3 * NODE_BYTES, MM_MPOL_PREFERRED_MANY, 1 << 2, 0), 0);
    assert_int_equal(touched(2, ++page), 1);
    assert_int_equal(mm_mbind(b.p, A, 3 * NODE_BYTES, MM_MPOL_BIND, 1 << 2, 0), 0);
    assert_true(bench_on(&b, 2, A + (page + 1) * PG, 'w') < 0);
    assert_int_equal(mm_munmap(b.p, A, 3 * NODE_BYTES), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(first_touch), TEST(every_policy_of_a_mapping), TEST(every_policy_of_a_task), TEST(tables_follow_the_task), TEST(refusals),
        TEST(no_such_nodes), TEST(splits_merges_and_views), TEST(a_full_node),
    };

    return cmocka_run_group_tests_name("numa", tests, NULL, NULL);
}
