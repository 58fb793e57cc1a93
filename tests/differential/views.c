/* SPDX-License-Identifier: MIT
 * views.c - the files of /proc that the model prints, against the host's own.  One scene is done on both sides; then
 *   numa_maps, smaps and pagemap of the arena      equal, to the byte (device, inode and node numbers apart)
 *   status, statm and smaps_rollup                 every line there, in order and layout; each number grew by as much
 *   meminfo, vmstat and buddyinfo                  the model's lines are lines of the host's, in its order and layout
 * Layout: what is not digits, and how wide the field of each number is.  Linked static, so that nothing but the scene
 * faults.  Exit status 77 when the host's version is not the model's. */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pagewalk/sim.h"

#define A 0x200000000000ull
#define PG PAGE_BYTES
#define PAGES 64
#define AT(a) ((void *)(uintptr_t)(a))
#define RW (PROT_READ | PROT_WRITE)

static struct sim *sim;
static struct kernel *k;
static struct proc *p;
static unsigned differences, compared;

struct text { size_t len; char s[1 << 17]; };
static struct text before[2], after[2], mine, hosts;

/* ---- the scene, on both sides ------------------------------------------------------------------------------------ */

struct step { enum { MAP, MEMFD, STORE, LOAD, PROTECT, LOCK, FREE } what; u8 page, pages, arg; };
static const struct step scene[] = {
    { MAP, 0, 16, MAP_PRIVATE }, { STORE, 0, 8, 0 }, { LOAD, 8, 3, 0 },
    { MAP, 20, 8, MAP_SHARED }, { STORE, 20, 4, 0 }, { LOAD, 24, 2, 0 },
    { MEMFD, 32, 8, MAP_SHARED }, { STORE, 32, 3, 0 }, { LOAD, 35, 1, 0 },
    { MEMFD, 42, 4, MAP_PRIVATE }, { LOAD, 42, 2, 0 }, { STORE, 43, 2, 0 },
    { MAP, 50, 6, MAP_PRIVATE }, { LOCK, 51, 3, 0 },
    { PROTECT, 2, 3, PROT_READ }, { FREE, 12, 2, 0 },
};

static void expect(bool ok, const char *what)
{
    if (ok)
        return;
    printf("views: %s failed\n", what);
    exit(1);
}

static void on_host(const struct step *s)
{
    u8 *at = AT(A + s->page * PG);
    size_t bytes = s->pages * PG;
    int fd = -1;

    switch (s->what) {
    case MEMFD:
        fd = memfd_create("a view", 0);
        expect(!ftruncate(fd, 16 * PG), "memfd");
        /* fall through */
    case MAP:
        expect(mmap(at, bytes, RW, s->arg | (fd < 0 ? MAP_ANONYMOUS : 0) | MAP_FIXED, fd, 0) == at, "mmap");
        if (fd >= 0)
            close(fd);
        break;
    case STORE: case LOAD:
        for (unsigned i = 0; i < s->pages; i++)
            if (s->what == STORE)
                *(volatile u8 *)(at + i * PG) = 1;
            else
                (void)*(volatile u8 *)(at + i * PG);
        break;
    case PROTECT: expect(!mprotect(at, bytes, s->arg), "mprotect"); break;
    case LOCK: expect(!mlock(at, bytes), "mlock"); break;
    case FREE: expect(!munmap(at, bytes), "munmap"); break;
    }
}

static void in_model(const struct step *s)
{
    const u64 at = A + s->page * PG, bytes = s->pages * PG;
    struct mm_file *f = NULL;
    struct sim_outcome done;

    switch (s->what) {
    case MEMFD:
        f = mm_file_open(k, &(struct mm_file_info){ .path = "/memfd:a view (deleted)", .size_bytes = 16 * PG, .dev_minor = 1,
                                                    .ino = 1000 + s->page, .fs = MM_FS_TMPFS, .writable = true, .memfd = true });
        /* fall through */
    case MAP:
        expect(mm_mmap(p, at, bytes, RW, s->arg | (f ? 0 : MAP_ANONYMOUS) | MAP_FIXED, f, 0) == (long)at, "the model's mmap");
        if (f)
            mm_file_close(f);
        break;
    case STORE: case LOAD:
        for (unsigned i = 0; i < s->pages; i++)
            sim_access(sim, 0, at + i * PG, 1, s->what == STORE ? MMU_STORE : MMU_LOAD, NULL, &done);
        break;
    case PROTECT: expect(!mm_mprotect(p, at, bytes, s->arg), "the model's mprotect"); break;
    case LOCK: expect(!mm_mlock2(p, at, bytes, 0), "the model's mlock"); break;
    case FREE: expect(!mm_munmap(p, at, bytes), "the model's munmap"); break;
    }
}

static void play(void)
{
    for (size_t i = 0; i < sizeof scene / sizeof scene[0]; i++) {
        on_host(&scene[i]);
        in_model(&scene[i]);
    }
}

static void clear_away(void)
{
    on_host(&(struct step){ FREE, 0, PAGES, 0 });
    in_model(&(struct step){ FREE, 0, PAGES, 0 });
}

/* ---- texts -------------------------------------------------------------------------------------------------------- */

static void put(void *to, const char *s, size_t len)
{
    struct text *t = to;

    expect(t->len + len < sizeof t->s, "a text that fits");
    memcpy(t->s + t->len, s, len);
    t->len += len;
    t->s[t->len] = 0;
}

static void read_host(const char *file, struct text *t)
{
    int fd = open(file, O_RDONLY);
    ssize_t n;

    t->len = 0;
    while (fd >= 0 && (n = read(fd, t->s + t->len, sizeof t->s - 1 - t->len)) > 0)
        t->len += (size_t)n;
    t->s[t->len] = 0;
    if (fd >= 0)
        close(fd);
}

static void show_proc(void (*show)(const struct proc *, const struct pw_out *), struct text *t)
{
    t->len = 0;
    show(p, &(struct pw_out){ put, t });
}

static void show_system(void (*show)(const struct kernel *, const struct pw_out *), struct text *t)
{
    t->len = 0;
    show(k, &(struct pw_out){ put, t });
}

/* The next line of *s in `line`; false: there is none. */
static bool next_line(const char **s, char *line, size_t room)
{
    const char *end = strchr(*s, '\n');
    size_t n = end ? (size_t)(end - *s) : 0;

    if (!end || n >= room)
        return false;
    memcpy(line, *s, n);
    line[n] = 0;
    *s = end + 1;
    return true;
}

static void differ(const char *file, const char *host, const char *model)
{
    differences++;
    printf("%s\n  host  '%s'\n  model '%s'\n", file, host, model);
}

/* A line without the values of its numbers: a number after two blanks or more is its field's width. */
static void layout(const char *line, char *to)
{
    const char *name = strchr(line, '[');

    if (name) {                           /* begins with addresses: the name's column is the layout */
        sprintf(to, "%td%s", name - line, name);
        return;
    }
    while (*line) {
        size_t blanks = strspn(line, " "), digits = strspn(line + blanks, "0123456789");
        if (!digits) {
            *to++ = *line++;
            continue;
        }
        to += blanks > 1 ? sprintf(to, "<%zu>", blanks + digits) : sprintf(to, "%s<>", blanks ? " " : "");
        line += blanks + digits;
    }
    *to = 0;
}

/* ---- comparisons --------------------------------------------------------------------------------------------------- */

/* Every line of the model is a line of the host's, in this order.  all: and the other way round. */
static void same_layout(const char *file, const struct text *host, const struct text *model, bool all)
{
    const char *h = host->s, *m = model->s;
    char a[4096], b[4096], la[8192], lb[8192];

    while (next_line(&m, b, sizeof b)) {
        bool found = false;
        layout(b, lb);
        while (!found && next_line(&h, a, sizeof a)) {
            layout(a, la);
            found = !strcmp(la, lb);
            if (!found && all)
                break;
        }
        compared++;
        if (found)
            continue;
        differ(file, all ? a : "no such line, or elsewhere", b);
        return;
    }
    if (all && *h)
        differ(file, h, "no more lines");
}

/* The number after a label, or the n-th number of the only line. */
static long number_of(const struct text *t, const char *label, unsigned n)
{
    const char *at = *label ? strstr(t->s, label) : t->s;

    if (!at)
        return -1;
    at += strlen(label);
    at += strspn(at, "\t ");
    while (n--) {
        at += strcspn(at, " ");
        at += strspn(at, " ");
    }
    return strtol(at, NULL, 10);
}

static void same_growth(const char *file, const char *label, unsigned n)
{
    long host = number_of(&after[0], label, n) - number_of(&before[0], label, n);
    long model = number_of(&after[1], label, n) - number_of(&before[1], label, n);

    compared++;
    if (host == model)
        return;
    differences++;
    printf("%s %s%u: host %+ld, model %+ld\n", file, label, n, host, model);
}

/* Each labelled line of the model, or each column of a file of one line. */
static void grew_alike(const char *file, bool columns)
{
    const char *m = after[1].s;
    char line[4096];

    for (unsigned n = 0; columns && n < 7; n++)
        same_growth(file, "", n);
    while (!columns && next_line(&m, line, sizeof line)) {
        char *colon = strchr(line, ':');
        /* The peak is taken from the host's inexact counters of each CPU. */
        if (!colon || strchr(line, '[') || !strncmp(line, "VmHWM", 5))
            continue;
        colon[1] = 0;
        same_growth(file, line, 0);
    }
}

static bool in_arena(const char *line)
{
    char *end;
    unsigned long long at = strtoull(line, &end, 16);

    return (*end == '-' || *end == ' ') && end - line >= 8 && at >= A && at < A + PAGES * PG;
}

/* What cannot be equal: device and inode of a mapped file, the number of the memory's node. */
static void forget(char *line)
{
    char *node = strstr(line, " N"), *slash = strchr(line, '/');

    if (node && node[2] >= '0' && node[2] <= '9')
        node[2] = '0';
    if (slash && strchr(line, '-') && slash - line > 45)
        memset(line + 45, '.', (size_t)(slash - line) - 45);
}

/* The lines of the arena's mappings, one after the other. */
static void arena_only(struct text *t)
{
    static struct text out;
    const char *s = t->s;
    char line[4096];
    bool inside = false;

    out.len = 0;
    while (next_line(&s, line, sizeof line)) {
        if (strspn(line, "0123456789abcdef") >= 8)
            inside = in_arena(line);
        if (!inside || !strncmp(line, "ProtectionKey", 13))
            continue;
        forget(line);
        put(&out, line, strlen(line));
        put(&out, "\n", 1);
    }
    *t = out;
}

static void same_arena(const char *file, void (*show)(const struct proc *, const struct pw_out *))
{
    const char *h = hosts.s, *m = mine.s;
    char a[4096], b[4096], path[64];

    snprintf(path, sizeof path, "/proc/self/%s", file);
    read_host(path, &hosts);
    show_proc(show, &mine);
    arena_only(&hosts);
    arena_only(&mine);
    expect(hosts.len > 100, "reading the host's file");
    for (bool go = true; go; ) {
        bool one = next_line(&h, a, sizeof a), other = next_line(&m, b, sizeof b);
        go = one && other;
        compared += go;
        if (one != other || (go && strcmp(a, b)))
            differ(file, one ? a : "no more lines", other ? b : "no more lines");
    }
}

static void same_pagemap(void)
{
    int fd = open("/proc/self/pagemap", O_RDONLY);

    for (u64 at = A; at < A + PAGES * PG; at += PG) {
        u64 host = 0, model = mm_pagemap(p, at);
        expect(pread(fd, &host, 8, (off_t)(at / PG * 8)) == 8, "pagemap");
        host &= ~((1ull << 55) - 1);
        compared++;
        if (host == model)
            continue;
        differences++;
        printf("pagemap of page %d: host %#llx, model %#llx\n", (int)((at - A) / PG), (unsigned long long)host, (unsigned long long)model);
    }
    close(fd);
}

static void same_arenas(void)
{
    same_arena("numa_maps", mm_show_numa_maps);
    same_arena("smaps", mm_show_smaps);
    same_arena("maps", mm_show_maps);
    same_pagemap();
}

/* ---- all ----------------------------------------------------------------------------------------------------------- */

static const struct { const char *file; void (*show)(const struct proc *, const struct pw_out *); bool columns, all; } growing[] = {
    { "status", mm_show_status, false, false }, { "statm", mm_show_statm, true, true },
    { "smaps_rollup", mm_show_smaps_rollup, false, true },
};
static const struct { const char *file; void (*show)(const struct kernel *, const struct pw_out *); } systems[] = {
    { "/proc/meminfo", kernel_show_meminfo }, { "/proc/vmstat", kernel_show_vmstat }, { "/proc/buddyinfo", kernel_show_buddyinfo },
};

/* One of the growing files around the scene. */
static void compare_growing(size_t i)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/self/%s", growing[i].file);
    for (int round = 0; round < 2; round++) { /* the first makes everything else of this program resident */
        read_host(path, &before[0]);
        show_proc(growing[i].show, &before[1]);
        play();
        read_host(path, &after[0]);
        show_proc(growing[i].show, &after[1]);
        if (!round)
            clear_away();
    }
    same_layout(growing[i].file, &after[0], &after[1], growing[i].all);
    grew_alike(growing[i].file, growing[i].columns);
    clear_away();
}

/* A child has everything too, and stays until it was looked at. */
static void compare_shared(void)
{
    struct proc *child;
    int gate[2];
    pid_t pid = -1;

    play();
    same_arenas();
    expect(!pipe(gate) && (pid = fork()) >= 0, "fork");
    if (!pid) {
        char c;
        close(gate[1]);
        _exit(read(gate[0], &c, 1) > 0);
    }
    expect(!proc_fork(p, 0, "child", 0, &child), "the model's fork");
    same_arenas();
    close(gate[1]);
    close(gate[0]);
    waitpid(pid, NULL, 0);
    proc_free(child);
    same_arenas();
    clear_away();
}

static void start_model(void)
{
    const struct mmu_profile *cpu = mmu_profile_find("skylake");
    struct sim_config cfg = { .machine = { .cpus = 1, .ram_bytes = 256ull << 20, .maxphyaddr = 46, .vendor = cpu->vendor,
                                           .features = cpu->features & ~(u32)MMU_PKU, .profile = cpu, .seed = 1 } };
    size_t bytes;

    kernel_config_init(&cfg.kernel);
    cfg.machine.ram = mmap(NULL, cfg.machine.ram_bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bytes = sim_bytes(&cfg);
    sim = sim_create(mmap(NULL, bytes, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), bytes, &cfg);
    expect(sim, "the model");
    k = sim_kernel(sim);
    p = proc_new(k, "p");
    proc_run_on(k, 0, p);
}

int main(void)
{
    struct utsname u;
    cpu_set_t one;

    if (uname(&u) || strncmp(u.release, "6.18", 4)) {
        printf("skip: the model is Linux 6.18, this is %s\n", u.release);
        return 77;
    }
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    sched_setaffinity(0, sizeof one, &one);
    start_model();
    for (size_t i = 0; i < sizeof growing / sizeof growing[0]; i++)
        compare_growing(i);
    compare_shared();
    for (size_t i = 0; i < sizeof systems / sizeof systems[0]; i++) {
        read_host(systems[i].file, &hosts);
        show_system(systems[i].show, &mine);
        same_layout(systems[i].file, &hosts, &mine, false);
    }
    expect(!mm_check(k), "mm_check");
    printf("views: %u comparisons with the host's /proc, %u differences\n", compared, differences);
    return differences != 0;
}
