/* SPDX-License-Identifier: MIT
 * main.c - tracking: random sequences of operations on the host's kernel and on the model, compared after each.
 *   tracking [FIRST [LAST [OPS]]]        seeds FIRST to LAST (1 20), OPS operations each (300)
 *   tracking SEED SEED OPS print         one of them, every operation printed before it is done
 * Each sequence runs in a process of its own.  One that differs twice is shortened and printed with both answers; exit
 * status 1.  A host that lacks userfaultfd or PAGEMAP_SCAN, or of another version than the model knows, is skipped (77). */
#include "tracking.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPS_MAX 2000u
#define FLAGS_EVERY 4u                    /* operations between looks at VmFlags                              */
#define ONCE_MAX 3u                       /* differences that may not come again, and one more a 100 seeds   */

static struct kernel_config config;
static struct op ops[OPS_MAX];

/* ---- the host ------------------------------------------------------------------------------------------------------ */

static bool has_guard_flag(void)
{
    char *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), text[512];
    FILE *f = fopen("/proc/self/smaps", "re");
    bool here = false, found = false;

    if (at == MAP_FAILED || madvise(at, PAGE_BYTES, MM_MADV_GUARD_INSTALL) || !f)
        return false;
    while (fgets(text, sizeof text, f)) {
        unsigned long start, end;
        if (sscanf(text, "%lx-%lx ", &start, &end) == 2)
            here = start <= (uintptr_t)at && (uintptr_t)at < end;
        found = found || (here && !strncmp(text, "VmFlags:", 8) && strstr(text, " gu "));
    }
    fclose(f);
    return found;
}

static bool tells_soft_dirty(void)
{
    char *at = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    u64 word = 0;

    if (at == MAP_FAILED || fd < 0 || pread(fd, &word, sizeof word, (off_t)((uintptr_t)at / PAGE_BYTES * 8)) < 0)
        word = 0;
    close(fd);
    munmap(at, PAGE_BYTES);
    return word >> 55 & 1;
}

static void read_text(const char *path, char *to, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, to, room - 1);

    to[n > 0 ? n : 0] = 0;
    if (fd >= 0)
        close(fd);
}

/* The host's rules as a configuration; or why it cannot be compared. */
static const char *ask_host(void)
{
    struct utsname u;
    unsigned major = 0, minor = 0;
    char thp[64], least[64];
    int fd;

    read_text("/sys/kernel/mm/transparent_hugepage/enabled", thp, sizeof thp);
    read_text("/proc/sys/vm/mmap_min_addr", least, sizeof least);
    kernel_config_init(&config);
    config.mmap_min_addr = strtoull(least, NULL, 10);
    uname(&u);
    if (sscanf(u.release, "%u.%u", &major, &minor) != 2 || major != 6 || minor < 1 || minor > 19)
        return "the host's kernel is not one of 6.1 to 6.19";
    config.version = minor == 18 && has_guard_flag() ? 619 : major * 100 + minor;
    config.thp = strstr(thp, "[always]") ? MM_THP_ALWAYS : strstr(thp, "[madvise]") ? MM_THP_MADVISE : MM_THP_NEVER;
    config.soft_dirty = tells_soft_dirty();
    config.overcommit = MM_OVERCOMMIT_ALWAYS;
    config.memory_failure = access("/proc/sys/vm/memory_failure_recovery", F_OK) == 0;
    fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    if (fd < 0)
        return "userfaultfd is not allowed here";
    close(fd);
    return NULL;
}

/* ---- comparing ----------------------------------------------------------------------------------------------------- */

static void sort_messages(struct seen *s)
{
    for (u32 i = 1; i < s->messages && i < MESSAGES; i++)
        for (u32 k = i; k && s->message[k - 1].slot > s->message[k].slot; k--) {
            struct message t = s->message[k];
            s->message[k] = s->message[k - 1];
            s->message[k - 1] = t;
        }
}

static void print_message(const struct message *m)
{
    printf("    message slot=%u event=%#x flags=%u %#llx %#llx %#llx answer=%lld\n", m->slot, m->event, m->flags,
           (unsigned long long)m->address, (unsigned long long)m->to, (unsigned long long)m->len, (long long)m->answer);
}

static void print_seen(const char *who, const struct seen *s, const struct seen *other)
{
    printf("  %s: result=%lld done=%lld signal=%u code=%u addr=%#llx minor=%u major=%u walk_end=%#llx\n", who,
           (long long)s->result, (long long)s->done, s->signo, s->code, (unsigned long long)s->addr, s->minor, s->major,
           (unsigned long long)s->walk_end);
    for (u32 i = 0; i < s->messages && i < MESSAGES; i++)
        print_message(&s->message[i]);
    for (u32 i = 0; i < s->regions; i++)
        printf("    region %#llx-%#llx %#llx\n", (unsigned long long)s->region[i].start,
               (unsigned long long)s->region[i].end, (unsigned long long)s->region[i].categories);
    for (u32 i = 0; i < s->lines; i++)
        if (s->lines != other->lines || memcmp(&s->line[i], &other->line[i], sizeof s->line[i]))
            printf("    line %llx-%llx %s %s\n", (unsigned long long)s->line[i].start, (unsigned long long)s->line[i].end,
                   s->line[i].perms, s->line[i].flags);
    for (u32 i = 0, shown = 0; i < ARENA_PAGES && shown < 8; i++)
        if (s->page[i] != other->page[i] || s->child[i] != other->child[i]) {
            printf("    page %u: %#x, in the child %#x\n", i, s->page[i], s->child[i]);
            shown++;
        }
}

/* Linux 6.18 tries for ever to install a guard where a file's page is write-protected (its marker survives the zap). */
static bool never_returns(const struct op *op, const struct seen *last)
{
    if (op->kind != OP_MADVISE || op->a[2] != MM_MADV_GUARD_INSTALL)
        return false;
    for (u64 i = (op->a[0] - ARENA) / PAGE_BYTES; i < (op->a[0] + op->a[1] - ARENA) / PAGE_BYTES && i < ARENA_PAGES; i++)
        if (last->page[i] & 1u << (57 - 55))
            return true;
    return false;
}

enum show { SHOW_NOTHING, SHOW_DIFFERENCE, SHOW_ALL };

/* Runs the sequence; 0: no difference, else the number of the operation that differs. */
static int run(unsigned count, enum show show)
{
    static struct seen native, model;
    const char *why = native_begin();

    if (!why)
        why = model_begin(&config);
    if (why) {
        printf("tracking: %s\n", why);
        exit(125);
    }
    for (unsigned i = 0; i < count; i++) {
        const bool flags_too = i % FLAGS_EVERY == 0;
        if (never_returns(&ops[i], &native))
            continue;
        if (show == SHOW_ALL) {
            op_print(&ops[i], stdout);
            fflush(stdout);
        }
        memset(&native, 0, sizeof native);
        memset(&model, 0, sizeof model);
        native_do(&ops[i], &native, flags_too);
        model_do(&ops[i], &model, flags_too);
        sort_messages(&native);
        sort_messages(&model);
        why = model_check();
        if (!why && !memcmp(&native, &model, sizeof native))
            continue;
        if (show == SHOW_DIFFERENCE)
            op_print(&ops[i], stdout);
        if (why && show)
            printf("  the model's invariant: %s\n", why);
        if (show && !why) {
            print_seen("host", &native, &model);
            print_seen("model", &model, &native);
        }
        return (int)i + 1;
    }
    return 0;
}

/* In a process of its own.  The status is 1 when there is a difference, and 2 if the sequence hung or crashed. */
static int run_apart(unsigned count, enum show show)
{
    int status;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        alarm(20);
        status = run(count, show) != 0;
        fflush(stdout);
        _exit(status);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 2;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

/* Takes operations away as long as the sequence still differs in the same manner. */
static unsigned shorten(unsigned count, int status)
{
    for (unsigned step = count / 2; step; step /= 2)
        for (unsigned at = 0; at + step <= count; ) {
            static struct op saved[OPS_MAX];
            memcpy(saved, ops, sizeof ops);
            memmove(ops + at, ops + at + step, (count - at - step) * sizeof ops[0]);
            if (run_apart(count - step, SHOW_NOTHING) == status) {
                count -= step;
            } else {
                memcpy(ops, saved, sizeof ops);
                at += step;
            }
        }
    return count;
}

int main(int argc, char **argv)
{
    const unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1, last = argc > 2 ? strtoul(argv[2], NULL, 0) : 20;
    unsigned long count = argc > 3 ? strtoul(argv[3], NULL, 0) : 300;
    const char *why = ask_host();
    unsigned once = 0;

    if (why) {
        printf("skip: %s\n", why);
        return 77;
    }
    if (count > OPS_MAX)
        count = OPS_MAX;
    for (unsigned long seed = first; seed <= last; seed++) {
        u64 random = seed * 0x9e3779b97f4a7c15ull + 1;
        int status;
        for (unsigned i = 0; i < count; i++)
            op_make(&random, &ops[i], seed & 1);
        status = run_apart((unsigned)count, argc > 4 ? SHOW_ALL : SHOW_DIFFERENCE);
        if (argc > 4)
            return status;
        if (!status)
            continue;
        if (!run_apart((unsigned)count, SHOW_NOTHING) && once++ < ONCE_MAX + (last - first) / 100)
            continue;                     /* something else took part: khugepaged, for one */
        printf("seed %lu: %s; shortened:\n", seed, status == 1 ? "a difference" : "hung or crashed");
        run_apart(shorten((unsigned)count, status), SHOW_ALL);
        return 1;
    }
    printf("tracking: %lu operations of %lu sequences, no difference", (last - first + 1) * count, last - first + 1);
    printf(once ? " that comes again (%u came once)\n" : "\n", once);
    return 0;
}
