/* SPDX-License-Identifier: MIT
 * controls.c - prctl, protection keys, limits, overcommit, max_map_count, process_madvise and membarrier: each call made on
 * the host's kernel and in the model, answers compared.  Each group runs in a process of its own, because much of it
 * cannot be undone.  Exit status 77 when the host's version is not the model's. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pagewalk/sim.h"

#define A 0x200000000000ull
#define PG PAGE_BYTES
#define AT(a) ((void *)(uintptr_t)(a))
#define RW (PROT_READ | PROT_WRITE)
#define FIX (MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

static struct kernel_config config;
static struct sim *sim;
static struct proc *p;
static unsigned differences, calls;

/* ---- both sides ------------------------------------------------------------------------------------------------ */

static long host(long r) { return r == -1 ? -errno : r; }

static void same(const char *what, long real, long model)
{
    calls++;
    if (real == model)
        return;
    differences++;
    printf("%s: host %ld, model %ld\n", what, real, model);
}

/* The host's call and the model's; the macro's arguments are evaluated in this order. */
#define SAME(host_call, model_call) \
    do { long real_ = host((long)(host_call)); same(#host_call, real_, (long)(model_call)); } while (0)
/* The same call on both, by system call number and by function. */
#define PRCTL(o, a2, a3, a4, a5) \
    SAME(syscall(SYS_prctl, o, (u64)(a2), (u64)(a3), (u64)(a4), (u64)(a5)), mm_prctl(p, o, a2, a3, a4, a5))
#define MAP(a, pages, prot, flags) \
    SAME(mmap(AT(a), (pages) * PG, prot, flags, -1, 0), mm_mmap(p, a, (pages) * PG, prot, flags, NULL, 0))
/* Where it goes does not matter, only whether. */
#define MAY_MAP(bytes, prot, flags) \
    SAME(mmap(NULL, bytes, prot, flags, -1, 0) == MAP_FAILED ? -1 : 0, \
         mm_mmap(p, 0, bytes, prot, flags, NULL, 0) < 0 ? -MM_ENOMEM : 0)
#define PROTECT(a, pages, prot) SAME(mprotect(AT(a), (pages) * PG, prot), mm_mprotect(p, a, (pages) * PG, prot))

static void *sparse(size_t bytes)
{
    return mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static void start_model(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 1, .ram_bytes = 256ull << 20, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features & ~(u32)MMU_PKU, .profile = cpu, .seed = 1 },
                              .kernel = config };
    size_t bytes;

    cfg.machine.ram = sparse(cfg.machine.ram_bytes);
    bytes = sim_bytes(&cfg);
    sim = sim_create(sparse(bytes), bytes, &cfg);
    if (!sim)
        exit(125);
    p = proc_new(sim_kernel(sim), "p");
    proc_run_on(sim_kernel(sim), 0, p);
}

/* A number of /proc/self/status, in kB. */
static u64 status_kb(const char *name)
{
    char text[256];
    unsigned long kb = 0;
    FILE *f = fopen("/proc/self/status", "re");

    while (f && fgets(text, sizeof text, f))
        if (!strncmp(text, name, strlen(name)))
            sscanf(text + strlen(name), ": %lu", &kb);
    if (f)
        fclose(f);
    return kb;
}

/* ---- the groups ------------------------------------------------------------------------------------------------ */

static void thp_disable(void)
{
    static const u64 flags[] = { 0, 1, 2, 3 };

    PRCTL(MM_PR_GET_THP_DISABLE, 0, 0, 0, 0);
    for (u64 on = 0; on < 3; on++)
        for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
            PRCTL(MM_PR_SET_THP_DISABLE, on, flags[i], 0, 0);
            PRCTL(MM_PR_GET_THP_DISABLE, 0, 0, 0, 0);
        }
    PRCTL(MM_PR_SET_THP_DISABLE, 1, 0, 1, 0);
    PRCTL(MM_PR_SET_THP_DISABLE, 1, 0, 0, 1);
    for (int arg = 0; arg < 4; arg++)
        PRCTL(MM_PR_GET_THP_DISABLE, arg == 0, arg == 1, arg == 2, arg == 3);
}

static void mdwe(void)
{
    MAP(A, 4, RW, FIX);
    MAP(A + 8 * PG, 1, RW | PROT_EXEC, FIX);
    PRCTL(MM_PR_GET_MDWE, 0, 0, 0, 0);
    PRCTL(MM_PR_GET_MDWE, 1, 0, 0, 0);
    for (u64 bits = 0; bits < 6; bits += 2)
        PRCTL(MM_PR_SET_MDWE, bits, 0, 0, 0);
    PRCTL(MM_PR_SET_MDWE, 1, 1, 0, 0);
    PRCTL(MM_PR_SET_MDWE, 1, 0, 0, 0);
    for (u64 bits = 0; bits < 5; bits++)
        PRCTL(MM_PR_SET_MDWE, bits, 0, 0, 0);
    PRCTL(MM_PR_GET_MDWE, 0, 0, 0, 0);
    for (int prot = 0; prot < 8; prot++)
        MAP(A + 16 * PG, 1, prot, FIX);
    for (int from = 0; from < 2; from++)
        for (int prot = 0; prot < 8; prot++)
            PROTECT(A + (u64)from * 8 * PG, 1, prot);
    MAP(A + 1, 1, RW | PROT_EXEC, FIX);
    MAP(A, 0, RW | PROT_EXEC, FIX);
}

/* Below all that the program has, wherever it was loaded: the model's has nothing. */
static void set_mm(void)
{
    const u64 low = 0x100000;

    if (config.privileged) {
        printf("skip: PR_SET_MM succeeds here, and then goes by the program's own layout, which the model has not\n");
        return;
    }
    mm_set_brk_start(p, A);
    MAP(low, 4, RW, FIX);
    for (int what = 0; what < 15; what++)
        if (what != 12 && what != 13 && what != 14) /* those take other arguments                              */
            PRCTL(MM_PR_SET_MM, (u64)what, low, 0, 0);
    PRCTL(MM_PR_SET_MM, MM_PR_SET_MM_BRK, low, 1, 0);
    PRCTL(MM_PR_SET_MM, MM_PR_SET_MM_BRK, low, 0, 1);
}

/* A host with protection keys differs: those are compared only where it has none. */
static void keys(void)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char text[4096];
    bool has = false;

    while (f && fgets(text, sizeof text, f))
        has = has || strstr(text, " ospke");
    if (f)
        fclose(f);
    if (has) {
        printf("skip: this processor has protection keys, which the model of this test has not\n");
        return;
    }
    MAP(A, 4, RW, FIX);
    SAME(syscall(SYS_pkey_alloc, 0, 0), mm_pkey_alloc(p, 0, 0));
    SAME(syscall(SYS_pkey_alloc, 0, 0), mm_pkey_alloc(p, 0, 0));
    SAME(syscall(SYS_pkey_alloc, 1, 0), mm_pkey_alloc(p, 1, 0));
    SAME(syscall(SYS_pkey_alloc, 0, 4), mm_pkey_alloc(p, 0, 4));
    for (int key = -2; key < 3; key++) {
        SAME(syscall(SYS_pkey_free, key), mm_pkey_free(p, key));
        SAME(syscall(SYS_pkey_mprotect, A, PG, RW, key), mm_pkey_mprotect(p, A, PG, RW, key));
        SAME(syscall(SYS_pkey_mprotect, A + 1, PG, RW, key), mm_pkey_mprotect(p, A + 1, PG, RW, key));
        SAME(syscall(SYS_pkey_mprotect, A, 0, RW, key), mm_pkey_mprotect(p, A, 0, RW, key));
        SAME(syscall(SYS_pkey_mprotect, A + 64 * PG, PG, RW, key), mm_pkey_mprotect(p, A + 64 * PG, PG, RW, key));
    }
}

static void names(void)
{
    MAP(A, 4, RW, FIX);
    SAME(syscall(SYS_prctl, 0x53564d41, 0, A, PG, "x"), mm_set_vma_name(p, A, PG, "x"));
    SAME(syscall(SYS_prctl, 0x53564d41, 0, A, PG, "x[y"), mm_set_vma_name(p, A, PG, "x[y"));
    SAME(syscall(SYS_prctl, 0x53564d41, 0, A + 1, PG, "x"), mm_set_vma_name(p, A + 1, PG, "x"));
    SAME(syscall(SYS_prctl, 0x53564d41, 0, A + 64 * PG, PG, "x"), mm_set_vma_name(p, A + 64 * PG, PG, "x"));
    SAME(syscall(SYS_prctl, 0x53564d41, 0, A, 4 * PG, NULL), mm_set_vma_name(p, A, 4 * PG, NULL));
}

#define ADVISE(fd, target, n, advice, flags) \
    SAME(syscall(SYS_process_madvise, fd, iov, n, advice, flags), mm_process_madvise(p, target, iov, n, advice, flags))

static void advise(void)
{
    static struct mm_iov iov[1100] = { { A, PG }, { A + PG, PG }, { A + 64 * PG, PG } };
    static const int advices[] = { 0, 1, 4, 8, 10, 14, 15, 20, 21, 22, 23, 25, 99, 102, 103 };
    struct proc *child;
    int own = (int)syscall(SYS_pidfd_open, getpid(), 0), other;
    pid_t pid = fork();

    if (pid == 0) {
        pause();
        _exit(0);
    }
    other = (int)syscall(SYS_pidfd_open, pid, 0);
    MAP(A, 4, RW, FIX);
    if (proc_fork(p, 0, "child", 0, &child))
        exit(125);
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
        ADVISE(own, p, 2, advices[i], 0);
        ADVISE(own, p, 3, advices[i], 0);
    }
    ADVISE(own, p, 2, MM_MADV_DONTNEED, 1);
    ADVISE(own, p, 0, MM_MADV_DONTNEED, 0);
    ADVISE(own, p, 1024, MM_MADV_DONTNEED, 0);
    ADVISE(own, p, 1025, MM_MADV_DONTNEED, 0);
    iov[1].start++;
    ADVISE(own, p, 2, MM_MADV_DONTNEED, 0);
    iov[1] = (struct mm_iov){ A, ~(u64)0 };
    ADVISE(own, p, 2, MM_MADV_DONTNEED, 0);
    iov[1] = (struct mm_iov){ 0x7ffffffff000ull, PG };
    ADVISE(own, p, 2, MM_MADV_DONTNEED, 0);
    iov[1] = (struct mm_iov){ A + PG, PG };
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i] != MM_MADV_COLD && advices[i] != MM_MADV_PAGEOUT && advices[i] != 3 && advices[i] != 25)
            ADVISE(other, child, 2, advices[i], 0); /* the child has no such mapping: what may be advised differs */
    kill(pid, 9);
    waitpid(pid, NULL, 0);
}

static void barriers(void)
{
    static const int commands[] = { 0, 8, 32, 128, 1, 2, 3, 512, 16, 8, 512, 4, 2, 64, 32, 512, 256, 128, 512, 5, 1024, -1 };

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
        for (unsigned flags = 0; flags < 3; flags++)
            SAME(syscall(SYS_membarrier, commands[i], flags, 0), mm_membarrier(p, commands[i], flags));
}

static void limit(int resource, u64 real, u64 model)
{
    struct rlimit r = { real, RLIM_INFINITY };

    getrlimit(resource, &r);
    r.rlim_cur = real;
    SAME(setrlimit(resource, &r), mm_setrlimit(p, resource, model));
}

/* What the program has itself counts on the host.  CAP_IPC_LOCK would lift RLIMIT_MEMLOCK. */
static void limits(void)
{
    if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) {
        printf("skip: this process cannot become an ordinary user\n");
        return;
    }
    MAP(A, 4, PROT_NONE, FIX);
    limit(RLIMIT_AS, (status_kb("VmSize") << 10) + 8 * PG, 12 * PG);
    MAP(A + 8 * PG, 8, PROT_NONE, FIX);
    MAP(A + 32 * PG, 1, PROT_READ, FIX);
    MAP(A + 8 * PG, 8, RW, FIX);
    limit(RLIMIT_AS, RLIM_INFINITY, ~(u64)0);
    limit(RLIMIT_DATA, (status_kb("VmData") << 10) + 4 * PG, 12 * PG);
    MAP(A + 64 * PG, 4, RW, FIX);
    MAP(A + 96 * PG, 1, RW, FIX);
    MAP(A + 96 * PG, 1, PROT_READ, FIX);
    PROTECT(A + 96 * PG, 1, RW);
    SAME(mmap(AT(A + 128 * PG), PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
         mm_mmap(p, A + 128 * PG, PG, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, NULL, 0));
    limit(RLIMIT_DATA, RLIM_INFINITY, ~(u64)0);
    limit(RLIMIT_MEMLOCK, 2 * PG, 2 * PG);
    SAME(mlock(AT(A + 64 * PG), PG), mm_mlock2(p, A + 64 * PG, PG, 0));
    SAME(mlock(AT(A + 64 * PG), 3 * PG), mm_mlock2(p, A + 64 * PG, 3 * PG, 0));
    SAME(mlock(AT(A + 64 * PG), 2 * PG), mm_mlock2(p, A + 64 * PG, 2 * PG, 0));
    MAP(A + 160 * PG, 1, RW, FIX | MAP_LOCKED);
    SAME(munlock(AT(A + 64 * PG), 4 * PG), mm_munlock(p, A + 64 * PG, 4 * PG));
    limit(RLIMIT_MEMLOCK, 0, 0);
    SAME(mlock(AT(A + 64 * PG), PG), mm_mlock2(p, A + 64 * PG, PG, 0));
    MAP(A + 160 * PG, 1, RW, FIX | MAP_LOCKED);
    SAME(mlockall(MCL_FUTURE), mm_mlockall(p, 2));
}

static void guesses(void)
{
    const u64 all = page_up(config.totalram_bytes);

    MAY_MAP(all - 64 * PG, RW, ANON);
    MAY_MAP(all + 64 * PG, RW, ANON);
    MAY_MAP(all + 64 * PG, RW, ANON | MAP_NORESERVE);
    MAY_MAP(all + 64 * PG, PROT_READ, ANON);
    MAY_MAP(all + 64 * PG, RW, MAP_SHARED | MAP_ANONYMOUS);
}

/* How many mappings there can be: alternating rights keep them apart. */
static void counts(void)
{
    const u64 area = 2 * 66000 * PG;
    static char text[65536];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC); /* nothing can be mapped later                    */
    long real = 0, other = 0, model = 0, r = 0;     /* the [vsyscall] line is no mapping, and may be missing  */
    struct mm_rss rss;

    for (u64 at = A; at < A + area && mmap(AT(at), PG, at / PG & 1 ? PROT_NONE : PROT_READ, FIX, -1, 0) != MAP_FAILED;)
        at += PG;
    r = -errno;
    for (ssize_t n; (n = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < n; i++) {
            real += text[i] == '\n';
            other += text[i] == '[' && i + 9 < n && !strncmp(text + i, "[vsyscall]", 10);
        }
    close(fd);
    for (u64 at = A; model >= 0; at += PG)
        model = mm_mmap(p, at, PG, at / PG & 1 ? PROT_NONE : PROT_READ, FIX, NULL, 0);
    mm_rss(p, &rss);
    same("mmap beyond max_map_count", r, model);
    same("mappings when it refuses", real - other, rss.map_count);
    SAME(mprotect(AT(A), PG, PROT_NONE), mm_mprotect(p, A, PG, PROT_NONE));
    SAME(munmap(AT(A + 8 * PG), PG), mm_munmap(p, A + 8 * PG, PG));
}

/* ---- all ------------------------------------------------------------------------------------------------------- */

static u64 number_in(const char *path, u64 otherwise)
{
    char text[64] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);

    if (fd >= 0)
        close(fd);
    return n > 0 ? strtoull(text, NULL, 10) : otherwise;
}

static const char *ask_host(void)
{
    struct utsname u;
    struct sysinfo s;
    unsigned major = 0, minor = 0;
    void *at = sparse(PG);

    kernel_config_init(&config);
    uname(&u);
    if (sscanf(u.release, "%u.%u", &major, &minor) != 2 || major != 6 || minor < 1 || minor > 19)
        return "the host's kernel is not one of 6.1 to 6.19";
    if (number_in("/proc/sys/vm/overcommit_memory", 0) != 0)
        return "vm.overcommit_memory is not 0";
    sysinfo(&s);
    config.version = major * 100 + minor;
    config.totalram_bytes = (s.totalram + s.totalswap) * s.mem_unit;
    config.max_map_count = (u32)number_in("/proc/sys/vm/max_map_count", 65530);
    config.mmap_min_addr = number_in("/proc/sys/vm/mmap_min_addr", 65536);
    config.anon_names = prctl(0x53564d41, 0, at, PG, "try") == 0;
    config.privileged = prctl(35, 99, at, 0, 0) < 0 && errno == EINVAL;
    return NULL;
}

int main(void)
{
    static const struct { const char *name; void (*run)(void); } groups[] = {
        { "THP_DISABLE", thp_disable }, { "MDWE", mdwe }, { "PR_SET_MM", set_mm }, { "keys", keys }, { "names", names },
        { "process_madvise", advise }, { "membarrier", barriers }, { "limits", limits }, { "overcommit", guesses },
        { "max_map_count", counts },
    };
    const char *why = ask_host();
    bool failed = false;

    if (why) {
        printf("skip: %s\n", why);
        return 77;
    }
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        int status;
        pid_t pid;
        fflush(stdout);
        pid = fork();
        if (pid == 0) {
            start_model();
            groups[i].run();
            printf("%s: %u calls, %u differences\n", groups[i].name, calls, differences);
            fflush(stdout);
            _exit(differences != 0);
        }
        failed = pid < 0 || waitpid(pid, &status, 0) != pid || status || failed;
    }
    return failed;
}
