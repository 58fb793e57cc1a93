/* SPDX-License-Identifier: MIT
 * hostscript.c FILE - a script of the scenario language, done by the kernel this runs on.  Prints the answers that
 * `pagewalk script FILE` prints, so that a plain diff compares the model with the real thing.
 *
 * Each process of the script is a real one that does what it is told through a socket; everything it maps lies in the
 * arena, and only the arena is shown.  Values that no model can know (inode and device numbers) are shown as they are;
 * the caller strips them.  Commands: proc file sys NAME (system calls, fork, exit, read, write, exec, faults, maps,
 * smaps, pagemap, status) and, unless the file says otherwise, nothing else.
 * Exit status: 0; 77 when a command cannot be done here (with a line that says which); 2 for a bad script. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_START 0x100000000000ull
#define ARENA_END 0x200000000000ull
#define PAGE 4096ull
#define PROCS 8
#define PATHS ((char *)(uintptr_t)0x7000000000ull) /* a page that all processes share, for path names              */

enum op { OP_CALL, OP_TOUCH, OP_FORK, OP_EXIT, OP_TOTALS };
struct order { int op, to; long nr; uint64_t a[6]; char kind; };
struct answer { long value; int signo, code; uint64_t addr; long minor, major; };

/* ---- the process that does it ----------------------------------------------------------------------------------- */

static sigjmp_buf back;
static volatile int caught, caught_code;
static volatile uint64_t caught_at;

static void on_signal(int signo, siginfo_t *info, void *ctx)
{
    (void)ctx;
    caught = signo;
    caught_code = info->si_code;
    caught_at = (uint64_t)(uintptr_t)info->si_addr;
    siglongjmp(back, 1);
}

static void touch(volatile char *at, char kind)
{
    if (kind == 'w')
        *at = 1;
    else if (kind == 'r')
        (void)*at;
    else
        ((void (*)(void))(uintptr_t)at)();
}

static void touch_all(const struct order *o, struct answer *r)
{
    volatile uint64_t va = o->a[0] & ~(PAGE - 1);

    if (!sigsetjmp(back, 1)) {
        for (; va < o->a[0] + o->a[1]; va += PAGE)
            touch((volatile char *)(uintptr_t)(va < o->a[0] ? o->a[0] : va), o->kind);
        return;
    }
    if (o->kind == 'x' && caught == SIGILL) /* it was fetched */
        return;
    r->signo = caught;
    r->code = caught_code;
    r->addr = caught_at;
}

static int sockets[PROCS][2];

/* What the process itself will touch is touched before anything is counted. */
static void warm_up(void)
{
    static char page[2 * PAGE];
    struct order o = { .op = OP_TOUCH, .kind = 'w', .a = { (uint64_t)(uintptr_t)page, sizeof page } };
    struct answer r = { 0 };
    struct rusage u;

    touch_all(&o, &r);
    o.kind = 'r';
    touch_all(&o, &r);
    o.a[0] = 8;
    touch_all(&o, &r);
    getrusage(RUSAGE_SELF, &u);
    syscall(SYS_madvise, page, 0, 0);
    *(volatile char *)PATHS;
}

static void serve(int me)
{
    static char stack[65536];
    struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };
    stack_t alt = { .ss_sp = stack, .ss_size = sizeof stack };
    struct order o;
    static long minor, major;

    memset(stack, 1, sizeof stack);
    sigaltstack(&alt, NULL);
    sigaction(SIGSEGV, &sa, NULL);
    sigaction(SIGBUS, &sa, NULL);
    sigaction(SIGILL, &sa, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    warm_up();
    for (;;) {
        struct rusage before, after;
        struct answer r = { 0 };
        if (read(sockets[me][1], &o, sizeof o) != sizeof o || o.op == OP_EXIT)
            _exit(0);
        if (o.op == OP_FORK) {
            r.value = fork();
            if (r.value == 0) {
                me = o.to;
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                /* the first write of this stack and data is not the script's */
                memset(stack, 2, sizeof stack);
                warm_up();
                minor = major = 0;
                continue;
            }
            memset(stack, 1, sizeof stack);
            warm_up();
        } else {
            getrusage(RUSAGE_SELF, &before);
            if (o.op == OP_CALL) {
                r.value = syscall(o.nr, o.a[0], o.a[1], o.a[2], o.a[3], o.a[4], o.a[5]);
                r.value = r.value == -1 ? -errno : r.value;
            } else if (o.op == OP_TOUCH) {
                touch_all(&o, &r);
            }
            getrusage(RUSAGE_SELF, &after);
            minor += r.minor = after.ru_minflt - before.ru_minflt;
            major += r.major = after.ru_majflt - before.ru_majflt;
            if (o.op == OP_TOTALS) {
                r.minor = minor;
                r.major = major;
            }
        }
        if (write(sockets[me][1], &r, sizeof r) != sizeof r)
            _exit(0);
    }
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static char *word[20];
static int words;

static void cut(char *line)
{
    words = 0;
    line[strcspn(line, "#\n")] = 0;
    for (char *w = strtok(line, " \t"); w && words < 20; w = strtok(NULL, " \t"))
        word[words++] = w;
}

static void give_up(int status, const char *why, const char *what)
{
    fflush(stdout);
    fprintf(stderr, "hostscript: %s %s\n", why, what);
    exit(status);
}

struct name { const char *name; uint64_t value; };
static const struct name prots[] = { { "read", 1 }, { "write", 2 }, { "exec", 4 }, { NULL, 0 } };
static const struct name maps[] = {
    { "shared", MAP_SHARED }, { "private", MAP_PRIVATE }, { "fixed", MAP_FIXED }, { "anonymous", MAP_ANONYMOUS },
    { "locked", MAP_LOCKED }, { "noreserve", MAP_NORESERVE }, { "populate", MAP_POPULATE }, { "hugetlb", MAP_HUGETLB },
    { "shared_validate", MAP_SHARED_VALIDATE }, { "growsdown", MAP_GROWSDOWN }, { "stack", MAP_STACK },
    { "huge_2mb", 21u << 26 }, { "huge_1gb", 30u << 26 }, { "fixed_noreplace", 0x100000 }, { NULL, 0 },
};
static const struct name moves[] = { { "maymove", 1 }, { "fixed", 2 }, { "dontunmap", 4 }, { NULL, 0 } };
static const struct name advices[] = {
    { "normal", 0 }, { "random", 1 }, { "sequential", 2 }, { "willneed", 3 }, { "dontneed", 4 }, { "free", 8 },
    { "remove", 9 }, { "dontfork", 10 }, { "dofork", 11 }, { "mergeable", 12 }, { "unmergeable", 13 },
    { "hugepage", 14 }, { "nohugepage", 15 }, { "dontdump", 16 }, { "dodump", 17 }, { "wipeonfork", 18 },
    { "keeponfork", 19 }, { "cold", 20 }, { "pageout", 21 }, { "populate_read", 22 }, { "populate_write", 23 },
    { "dontneed_locked", 24 }, { "collapse", 25 }, { "guard_install", 102 }, { "guard_remove", 103 }, { NULL, 0 },
};
static const struct name syncs[] = { { "async", 1 }, { "invalidate", 2 }, { "sync", 4 }, { NULL, 0 } };
static const struct name locks[] = { { "current", 1 }, { "future", 2 }, { "onfault", 4 }, { NULL, 0 } };
static const struct name locks2[] = { { "onfault", 1 }, { NULL, 0 } };
static const struct name none[] = { { NULL, 0 } };

static uint64_t number(const char *s, const struct name *names)
{
    uint64_t sum = 0;
    char part[64];

    while (*s) {
        size_t n = strcspn(s, "|");
        char *end;
        const struct name *k = names;
        snprintf(part, sizeof part, "%.*s", (int)n, s);
        while (k->name && strcmp(k->name, part))
            k++;
        if (k->name) {
            sum |= k->value;
        } else if (strcmp(part, "none")) {
            uint64_t v = strtoull(part, &end, 0);
            v <<= *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
            if (end == part)
                give_up(2, "what is", part);
            sum |= v;
        }
        s += n + (s[n] == '|');
    }
    return sum;
}

static const struct call { const char *name; long nr; const struct name *names[6]; } calls[] = {
    { "mmap", SYS_mmap, { none, none, prots, maps, NULL, none } },
    { "munmap", SYS_munmap, { none, none } },
    { "mprotect", SYS_mprotect, { none, none, prots } },
    { "mremap", SYS_mremap, { none, none, none, moves, none } },
    { "madvise", SYS_madvise, { none, none, advices } },
    { "mlock", SYS_mlock, { none, none } },
    { "mlock2", SYS_mlock2, { none, none, locks2 } },
    { "munlock", SYS_munlock, { none, none } },
    { "mlockall", SYS_mlockall, { locks } },
    { "munlockall", SYS_munlockall, { NULL } },
    { "msync", SYS_msync, { none, none, syncs } },
    { "mseal", 462, { none, none, none } },
};

/* ---- processes and files ---------------------------------------------------------------------------------------- */

static struct { char name[32]; pid_t pid; } procs[PROCS];
static int nr_procs;
static struct { char name[32]; int fd; } files[16];
static int nr_files;

static struct answer tell(int p, struct order *o)
{
    struct answer r = { 0 };

    if (write(sockets[p][0], o, sizeof *o) != sizeof *o || read(sockets[p][0], &r, sizeof r) != sizeof r)
        give_up(2, "lost the process", procs[p].name);
    return r;
}

static int add_proc(const char *name)
{
    int p = nr_procs++;

    if (p >= PROCS)
        give_up(2, "too many processes:", name);
    snprintf(procs[p].name, sizeof procs[p].name, "%s", name);
    return p;
}

static int find_proc(const char *name)
{
    for (int p = nr_procs; p-- > 0; )
        if (!strcmp(procs[p].name, name) && procs[p].pid)
            return p;
    return -1;
}

static void cmd_proc(void)
{
    int p = add_proc(word[1]);

    fflush(stdout);
    procs[p].pid = fork();
    if (!procs[p].pid)
        serve(p);
    puts("ok");
}

static const char *option(const char *key)
{
    for (int i = 3; i < words; i++)
        if (!strncmp(word[i], key, strlen(key)) && word[i][strlen(key)] == '=')
            return word[i] + strlen(key) + 1;
    return NULL;
}

/* Zeros written in chunks of a folio's size make folios of that size, clean once they are on the disk. */
static void fill(int fd, uint64_t size, uint64_t folio)
{
    char *zeros = calloc(1, folio);

    for (uint64_t at = 0; at < size; at += folio)
        if (pwrite(fd, zeros, size - at < folio ? size - at : folio, (off_t)at) < 0)
            give_up(77, "cannot fill a file", "");
    free(zeros);
    if (fsync(fd))
        give_up(77, "cannot sync a file", "");
}

/* Where files of a kind are made: PAGEWALK_TMPFS, _EXT4, _HUGETLBFS name folders. */
static void cmd_file(void)
{
    const char *fs = option("fs"), *page = option("page"), *huge = option("huge"), *folio = option("folio"), *dir = NULL;
    char path[256];
    int fd;

    fs = fs ? fs : "ext4";
    if (!strcmp(fs, "memfd")) {
        fd = memfd_create(word[1], page ? MFD_HUGETLB | (number(page, none) >> 30 ? 30u << 26 : 21u << 26) : 0);
    } else {
        char name[64];
        snprintf(name, sizeof name, "PAGEWALK_%s%s%s", !strcmp(fs, "tmpfs") ? "TMPFS" : !strcmp(fs, "ext4") ? "EXT4" :
                 "HUGETLBFS", huge ? "_" : "", huge ? huge : "");
        dir = getenv(name);
        if (!dir)
            give_up(77, "no folder for such a file in", name);
        snprintf(path, sizeof path, "%s/pagewalk.%d.%s", dir, (int)getpid(), word[1]);
        fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
        unlink(path);
    }
    if (fd < 0 || ftruncate(fd, (off_t)number(word[2], none)))
        give_up(77, "cannot make the file", word[1]);
    if (!strcmp(word[words - 1], "cached"))
        fill(fd, number(word[2], none), folio ? number(folio, none) : PAGE);
    snprintf(files[nr_files].name, sizeof files[0].name, "%s", word[1]);
    files[nr_files++].fd = fd;
    puts("ok");
}

/* The script's file as a descriptor of the process. */
static int fd_in(int p, const char *name)
{
    for (int i = 0; i < nr_files; i++) {
        char path[64];
        struct order o = { .op = OP_CALL, .nr = SYS_openat, .a = { (uint64_t)AT_FDCWD, 0, O_RDWR } };
        if (strcmp(files[i].name, name))
            continue;
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getpid(), files[i].fd);
        strcpy(PATHS, path);
        o.a[1] = (uint64_t)(uintptr_t)PATHS;
        return (int)tell(p, &o).value;
    }
    give_up(2, "no file is called", name);
    return -1;
}

/* truncate, punch, close: the script's own descriptor. */
static void cmd_change(void)
{
    int i = 0, r;

    while (i < nr_files && strcmp(files[i].name, word[1]))
        i++;
    if (i == nr_files)
        give_up(2, "no file is called", word[1]);
    if (!strcmp(word[0], "close")) {
        r = close(files[i].fd);
        files[i] = files[--nr_files];
    } else if (!strcmp(word[0], "truncate")) {
        r = ftruncate(files[i].fd, (off_t)number(word[2], none));
    } else {
        r = fallocate(files[i].fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)number(word[2], none),
                      (off_t)number(word[3], none));
    }
    if (r)
        printf("= -%s\n", strerrorname_np(errno));
    else
        puts(word[0][0] == 'p' ? "= 0" : "ok");
}

static const char *errno_name(long e)
{
    return strerrorname_np((int)e) ? strerrorname_np((int)e) : "?";
}

static void put_value(long v)
{
    if (v < 0 && v > -4096)
        printf("= -%s\n", errno_name(-v));
    else if (!v)
        puts("= 0");
    else
        printf("= 0x%lx\n", v);
}

static void cmd_call(int p, const struct call *c)
{
    struct order o = { .op = OP_CALL, .nr = c->nr };
    int fd = -1;

    if (c->nr == SYS_mmap)
        o.a[4] = (uint64_t)(int64_t)-1;
    for (int i = 0; i < 6 && i + 2 < words; i++) {
        if (c->names[i])
            o.a[i] = number(word[i + 2], c->names[i]);
        else if (c->nr == SYS_mmap)
            o.a[i] = (uint64_t)(fd = fd_in(p, word[i + 2]));
    }
    put_value(tell(p, &o).value);
    if (fd >= 0) {
        struct order done = { .op = OP_CALL, .nr = SYS_close, .a = { (uint64_t)fd } };
        tell(p, &done);
    }
}

static void cmd_touch(int p, char kind)
{
    struct order o = { .op = OP_TOUCH, .kind = kind, .a = { number(word[2], none), words > 3 ? number(word[3], none) : 1 } };
    struct answer r = tell(p, &o);

    if (!r.signo)
        printf("ok");
    else if (r.signo == SIGBUS)
        printf("SIGBUS ADRERR 0x%lx", (unsigned long)r.addr);
    else
        printf("SIGSEGV %s 0x%lx", r.code == 1 ? "MAPERR" : r.code == 2 ? "ACCERR" : "KERNEL", (unsigned long)r.addr);
    printf(" faults=%ld", r.minor);
    if (r.major)
        printf(" major=%ld", r.major);
    puts("");
}

static void cmd_fork(int p)
{
    int c = add_proc(word[2]);
    struct order o = { .op = OP_FORK, .to = c };

    fflush(stdout);
    procs[c].pid = (pid_t)tell(p, &o).value;
    puts("= 0");
}

static void cmd_exit(int p)
{
    struct order o = { .op = OP_EXIT };
    char path[64];

    if (write(sockets[p][0], &o, sizeof o) != sizeof o)
        give_up(2, "lost the process", procs[p].name);
    /* its memory is gone when it is a zombie or gone */
    snprintf(path, sizeof path, "/proc/%d/maps", (int)procs[p].pid);
    for (int i = 0; i < 2000; i++) {
        FILE *f = fopen(path, "r");
        int c = f ? fgetc(f) : EOF;
        if (f)
            fclose(f);
        if (c == EOF)
            break;
        usleep(500);
    }
    usleep(2000);
    procs[p].pid = 0;
    puts("= 0");
}

/* ---- views ------------------------------------------------------------------------------------------------------ */

/* maps, smaps: what belongs to mappings of the arena. */
static void cmd_view(int p, const char *view)
{
    char path[64], line[512];
    bool inside = false, smaps = !strcmp(view, "smaps");
    FILE *f;

    snprintf(path, sizeof path, "/proc/%d/%s", (int)procs[p].pid, view);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) {
        unsigned long start, end;
        if (!strcmp(view, "status")) {
            inside = !strncmp(line, "Hugetlb", 7);
        } else if (sscanf(line, "%lx-%lx ", &start, &end) == 2 && strchr(line, '-')) {
            inside = start >= ARENA_START && end <= ARENA_END;
        } else if (!smaps) {
            inside = false;
        }
        if (inside)
            fputs(line, stdout);
    }
    if (f)
        fclose(f);
    puts(".");
}

static void cmd_pagemap(int p)
{
    uint64_t va = number(word[2], none), n = number(word[3], none) / PAGE, w;
    char path[64];
    int fd;

    snprintf(path, sizeof path, "/proc/%d/pagemap", (int)procs[p].pid);
    fd = open(path, O_RDONLY);
    for (uint64_t i = 0; i < n; i++) {
        if (pread(fd, &w, 8, (off_t)((va / PAGE + i) * 8)) != 8)
            w = 0;
        w &= w >> 63 ? ~((1ull << 55) - 1) : ~0ull;
        printf("0x%lx\n", (unsigned long)w);
    }
    close(fd);
    puts(".");
}

/* Reads or writes a file of /sys/kernel/mm. */
static void cmd_sys(void)
{
    char path[256], text[256] = "";
    int fd;
    ssize_t n;

    snprintf(path, sizeof path, "/sys/kernel/mm/%s", word[1]);
    fd = open(path, words > 2 ? O_WRONLY : O_RDONLY);
    if (fd < 0) {
        put_value(-errno);
        return;
    }
    if (words > 2) {
        n = write(fd, word[2], strlen(word[2]));
        if (n < 0)
            put_value(-errno);
        else
            puts("ok");
    } else {
        n = read(fd, text, sizeof text - 1);
        text[n < 0 ? 0 : n] = 0;
        fputs(text, stdout);
    }
    close(fd);
}

#define KHUGEPAGED "/sys/kernel/mm/transparent_hugepage/khugepaged/"

static long setting(const char *file, long value)
{
    char path[128], text[32] = "";
    FILE *f;

    snprintf(path, sizeof path, KHUGEPAGED "%s", file);
    f = fopen(path, value >= 0 ? "r+" : "r");
    if (!f)
        give_up(77, "cannot use", path);
    if (value >= 0)
        fprintf(f, "%ld", value);
    else if (!fgets(text, sizeof text, f))
        give_up(77, "cannot read", path);
    if (fclose(f))
        give_up(77, "cannot write", path);
    return atol(text);
}

/* Let the kernel's thread go through everything, as often as it takes until it finds nothing more to collapse. */
static void cmd_khugepaged(void)
{
    long sleep_ms = setting("scan_sleep_millisecs", -1), pages = setting("pages_to_scan", -1);
    long scans = setting("full_scans", -1), collapsed = setting("pages_collapsed", -1);

    setting("pages_to_scan", 1 << 20);
    setting("scan_sleep_millisecs", 1);
    for (int i = 0; i < 2000 && setting("full_scans", -1) < scans + 6; i++) {
        usleep(1000);
        if (setting("pages_collapsed", -1) != collapsed) {
            collapsed = setting("pages_collapsed", -1);
            scans = setting("full_scans", -1);
        }
    }
    setting("scan_sleep_millisecs", sleep_ms);
    setting("pages_to_scan", pages);
    puts("ok");
}

static void of_process(int p)
{
    const char *what = words > 1 ? word[1] : "";

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (!strcmp(what, calls[i].name)) {
            cmd_call(p, &calls[i]);
            return;
        }
    if (!strcmp(what, "read") || !strcmp(what, "write") || !strcmp(what, "exec")) {
        cmd_touch(p, what[0] == 'e' ? 'x' : what[0]);
    } else if (!strcmp(what, "fork")) {
        cmd_fork(p);
    } else if (!strcmp(what, "exit")) {
        cmd_exit(p);
    } else if (!strcmp(what, "maps") || !strcmp(what, "smaps") || !strcmp(what, "status")) {
        cmd_view(p, what);
    } else if (!strcmp(what, "pagemap")) {
        cmd_pagemap(p);
    } else if (!strcmp(what, "faults")) {
        struct order o = { .op = OP_TOTALS };
        struct answer r = tell(p, &o);
        printf("minor=%ld major=%ld\n", r.minor, r.major);
    } else {
        give_up(77, "not a command that the host can do:", what);
    }
}

int main(int argc, char **argv)
{
    FILE *f = argc == 2 ? fopen(argv[1], "r") : NULL;
    char line[1024];

    if (!f)
        give_up(2, "usage:", "hostscript FILE");
    if (mmap(PATHS, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
        MAP_FAILED)
        return 2;
    for (int i = 0; i < PROCS; i++)
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets[i]))
            return 2;
    signal(SIGCHLD, SIG_DFL);
    while (fgets(line, sizeof line, f)) {
        int p;
        cut(line);
        if (!words)
            continue;
        if (!strcmp(word[0], "boot") || !strcmp(word[0], "check"))
            puts("ok");
        else if (!strcmp(word[0], "proc"))
            cmd_proc();
        else if (!strcmp(word[0], "file"))
            cmd_file();
        else if (!strcmp(word[0], "sys"))
            cmd_sys();
        else if (!strcmp(word[0], "khugepaged"))
            cmd_khugepaged();
        else if (!strcmp(word[0], "truncate") || !strcmp(word[0], "punch") || !strcmp(word[0], "close"))
            cmd_change();
        else if ((p = find_proc(word[0])) >= 0)
            of_process(p);
        else
            give_up(77, "not a command that the host can do:", word[0]);
        fflush(stdout);
    }
    return 0;
}
