/* SPDX-License-Identifier: MIT
 * numa.c - where pages come to lie by first touch and by policy, on the host's kernel and in the model: random calls and touches from
 * CPUs of every node, the answers and the node of each page compared (move_pages(2) tells).  The model gets the host's nodes,
 * distances and CPUs.  Exit status 77, and one `skip:` line, where the host has one node.
 *     numa [SEED [ROUNDS]]
 * Not compared: a task's interleaving, which other allocations of the kernel move on. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "pagewalk/sim.h"

#define A 0x200000000000ull
#define PAGES 24u
#define PG PAGE_BYTES
#define AT(a) ((void *)(uintptr_t)(a))
#define RW (PROT_READ | PROT_WRITE)
#define FIX (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)

static struct sim *sim;
static struct proc *p;
static struct mm_nodes nodes;
static unsigned cpus[64], cpu_count; /* the host's CPUs that are used; their numbers in the model are 0, 1, ...       */
static unsigned differences, compared;

/* ---- the host -------------------------------------------------------------------------------------------------------- */

static bool read_line(const char *format, unsigned n, char *line, int bytes)
{
    char path[128];
    FILE *f;
    bool ok;

    snprintf(path, sizeof path, format, n);
    f = fopen(path, "r");
    ok = f && fgets(line, bytes, f);
    if (f)
        fclose(f);
    return ok;
}

/* "0-1,4": each CPU of the node, as far as the model has CPUs. */
static void take_cpus(unsigned node, char *list)
{
    for (char *part; (part = strsep(&list, ",\n")); ) {
        unsigned first, last;
        const int n = sscanf(part, "%u-%u", &first, &last);

        for (unsigned cpu = first; n > 0 && cpu <= (n == 2 ? last : first) && cpu_count < 8; cpu++) {
            nodes.cpu_node[cpu_count] = (u8)node;
            cpus[cpu_count++] = cpu;
        }
    }
}

static bool host_nodes(void)
{
    char line[512];

    for (unsigned i = 0; i < MM_NODES_MAX && read_line("/sys/devices/system/node/node%u/distance", i, line, sizeof line); i++) {
        char *at = line;
        nodes.nodes = i + 1;
        for (unsigned j = 0; j < MM_NODES_MAX; j++)
            nodes.distance[i][j] = (u8)strtoul(at, &at, 10);
        if (read_line("/sys/devices/system/node/node%u/cpulist", i, line, sizeof line))
            take_cpus(i, line);
    }
    return nodes.nodes > 1 && cpu_count;
}

static void run_on(unsigned cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpus[cpu], &set);
    if (sched_setaffinity(0, sizeof set, &set)) {
        perror("numa: sched_setaffinity");
        exit(2);
    }
    for (unsigned i = 0; i < cpu_count; i++)
        proc_run_on(sim_kernel(sim), i, NULL);
    proc_run_on(sim_kernel(sim), cpu, p);
}

/* ---- the model --------------------------------------------------------------------------------------------------------- */

static void *sparse(size_t bytes)
{
    return mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static u32 host_version(void)
{
    unsigned major = 6, minor = 18;
    struct utsname u;

    if (!uname(&u))
        sscanf(u.release, "%u.%u", &major, &minor);
    return major * 100 + minor;
}

static void start_model(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = cpu_count, .ram_bytes = nodes.nodes * (64ull << 20), .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features, .profile = cpu, .seed = 1 } };
    size_t bytes;

    kernel_config_init(&cfg.kernel);
    cfg.kernel.version = host_version();
    cfg.machine.ram = sparse(cfg.machine.ram_bytes);
    bytes = sim_bytes(&cfg);
    sim = sim_create(sparse(bytes), bytes, &cfg);
    for (unsigned i = 0; i < nodes.nodes; i++)
        nodes.end[i] = (i + 1) * (64ull << 20);
    if (!sim || !kernel_set_nodes(sim_kernel(sim), &nodes)) {
        fprintf(stderr, "numa: the model takes no such nodes\n");
        exit(2);
    }
    p = proc_new(sim_kernel(sim), "numa");
    mm_set_mempolicy(p, MM_MPOL_DEFAULT, 0);
}

/* ---- both ------------------------------------------------------------------------------------------------------------------ */

static u32 state;
static u32 draw(u32 below)
{
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return (state >> 3) % below;
}

static void same(unsigned round, const char *what, unsigned n, long host, long model)
{
    compared++;
    if (host == model)
        return;
    if (differences++ < 10)
        printf("round %u, %s %u: host %ld, model %ld\n", round, what, n, host, model);
}

static void map(unsigned round)
{
    same(round, "mmap", 0, mmap(AT(A), PAGES * PG, RW, FIX, -1, 0) == MAP_FAILED ? -errno : 0,
         mm_mmap(p, A, PAGES * PG, RW, FIX, NULL, 0) < 0 ? -1 : 0);
}

/* A mode with nodes that suits it, mostly. */
static int draw_policy(u64 *set)
{
    const int mode = (int)draw(6);

    *set = mode == MM_MPOL_DEFAULT || mode == MM_MPOL_LOCAL ? (draw(8) ? 0 : 1) : draw(8) ? 1 + draw((1u << nodes.nodes) - 1) : 0;
    return mode;
}

static void bind_part(unsigned round)
{
    const u64 from = draw(PAGES), pages = 1 + draw(PAGES - (u32)from + (draw(16) ? 0 : 2));
    const unsigned flags = draw(4) == 0;
    u64 set;
    const int mode = draw_policy(&set);
    const long host = syscall(SYS_mbind, A + from * PG, pages * PG, mode, &set, 64, flags) ? -errno : 0;

    same(round, "mbind, mode", (unsigned)mode, host, mm_mbind(p, A + from * PG, pages * PG, mode, set, flags));
}

static void task_policy(unsigned round)
{
    u64 set;
    const int mode = draw_policy(&set);

    if (mode == MM_MPOL_INTERLEAVE)
        return;
    same(round, "set_mempolicy, mode", (unsigned)mode, syscall(SYS_set_mempolicy, mode, &set, 64) ? -errno : 0, mm_set_mempolicy(p, mode, set));
}

static void touch(unsigned cpu, unsigned page)
{
    struct sim_outcome out;

    *(volatile char *)AT(A + page * PG) = 1;
    sim_access(sim, cpu, A + page * PG, 1, MMU_STORE, NULL, &out);
}

static void compare_pages(unsigned round)
{
    void *at[PAGES];
    int status[PAGES];

    for (unsigned i = 0; i < PAGES; i++)
        at[i] = AT(A + i * PG);
    if (syscall(SYS_move_pages, 0, (unsigned long)PAGES, at, NULL, status, 0)) {
        perror("numa: move_pages");
        exit(2);
    }
    for (unsigned i = 0; i < PAGES; i++) {
        const long model = mm_node_of(p, A + i * PG);
        same(round, "page", i, status[i] < 0 ? -1 : status[i], model < 0 ? -1 : model);
    }
}

int main(int argc, char **argv)
{
    const unsigned rounds = argc > 2 ? (unsigned)atoi(argv[2]) : 500;

    state = argc > 1 ? (u32)atoi(argv[1]) * 2654435761u | 1 : 2463534242u;
    if (!host_nodes()) {
        puts("skip: this host has one NUMA node");
        return 77;
    }
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
    start_model();
    for (unsigned round = 0; round < rounds; round++) {
        run_on(draw(cpu_count));
        map(round);
        for (unsigned i = 0; i < 12; i++) {
            const unsigned cpu = draw(cpu_count), what = draw(6);

            run_on(cpu);
            if (what == 0)
                bind_part(round);
            else if (what == 1)
                task_policy(round);
            else
                touch(cpu, draw(PAGES));
        }
        compare_pages(round);
    }
    printf("numa: %u nodes, %u CPUs: %u answers and pages compared, %u differences\n", nodes.nodes, cpu_count, compared, differences);
    return differences != 0;
}
