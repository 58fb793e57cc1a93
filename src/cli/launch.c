/* SPDX-License-Identifier: MIT
 * launch.c - runs a program under the capture tool and waits for it.  Called by run.c; the tool's side of the contract
 * is src/capture/valgrind/main.c.
 *
 * The tool is Valgrind's core, so it is started as Valgrind's own launcher would: VALGRIND_LIB names its folder,
 * VALGRIND_LAUNCHER this command.  Options that a user keeps for Valgrind (VALGRIND_OPTS, .valgrindrc) are not ours,
 * hence --command-line-only. */
#include "cli/launch.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what the model should know of this machine --------------------------------------------------------------------- */

static bool first_line(const char *path, char *line, int line_bytes)
{
    FILE *f = fopen(path, "re");
    bool good = f && fgets(line, line_bytes, f);

    if (f)
        fclose(f);
    return good;
}

/* "always [madvise] never": the word in brackets. */
static void transparent_huge_pages(const struct run_options *o, char word[16])
{
    char line[64], *begin, *end;

    snprintf(word, 16, "%s", o->thp ? o->thp : "never");
    if (o->thp)
        return;
    if (!first_line("/sys/kernel/mm/transparent_hugepage/enabled", line, sizeof line))
        return;
    begin = strchr(line, '[');
    end = begin ? strchr(begin, ']') : NULL;
    if (end && end - begin < 16)
        memcpy(word, begin + 1, (size_t)(end - begin - 1)), word[end - begin - 1] = 0;
}

/* As the tool takes it when it is not told (MemTotal of /proc/meminfo). */
static u64 memory_bytes(void)
{
    char line[64];
    return first_line("/proc/meminfo", line, sizeof line) ? page_down(strtoull(line + strcspn(line, "0123456789"), NULL, 10) * 1024) : 8ull << 30;
}

static u64 vm_setting(const char *path, u64 otherwise)
{
    char line[32];
    return first_line(path, line, sizeof line) ? strtoull(line, NULL, 10) : otherwise;
}

static u64 mmap_min_addr(void) { return vm_setting("/proc/sys/vm/mmap_min_addr", 65536); }
static u64 max_map_count(void) { return vm_setting("/proc/sys/vm/max_map_count", 65530); }

/* ---- the results file's name ---------------------------------------------------------------------------------------- */

void results_name(const char *name, pid_t pid, char to[PATH_MAX])
{
    size_t used = 0;

    for (; *name && used < PATH_MAX - 16; name++) {
        if (name[0] == '%' && name[1] == 'p') {
            used += (size_t)snprintf(to + used, 16, "%d", (int)pid);
            name++;
        } else {
            to[used++] = *name;
        }
    }
    to[used] = 0;
}

/* ---- the tool's arguments --------------------------------------------------------------------------------------------- */

#define TOOL_OPTIONS_MAX 28

struct tool_arguments { char *argv[TOOL_OPTIONS_MAX + 1]; unsigned n; };

static void __attribute__((format(printf, 2, 3))) add(struct tool_arguments *a, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (vasprintf(&a->argv[a->n++], format, args) < 0)
        a->argv[a->n - 1] = NULL;
    va_end(args);
}

/* In names of files the tool takes % for the beginning of a variable. */
static void add_results_file(struct tool_arguments *a, const char *results)
{
    char escaped[2 * PATH_MAX], *to = escaped;

    for (; *results && to < escaped + sizeof escaped - 2; results++) {
        if (*results == '%')
            *to++ = '%';
        *to++ = *results;
    }
    *to = 0;
    add(a, "--pw-out=%s.%%p", escaped);
}

/* All, ended by NULL; NULL: no memory. */
static char **tool_arguments(const struct capture_tool *t, const struct run_options *o, const char *path, const char *results, int ring_fd)
{
    struct tool_arguments a = { .n = 0 };
    char thp[16], folder[PATH_MAX], **argv;
    unsigned args = 0, n;

    transparent_huge_pages(o, thp);
    add(&a, "%s", strrchr(t->path, '/') + 1);
    add(&a, "--tool=pagewalk"); /* the core preloads vgpreload_NAME.so where it exists; we have none             */
    add(&a, "--command-line-only=yes");
    add(&a, "-q");
    add(&a, "--vgdb=no");
    add_results_file(&a, results);
    add(&a, "--pw-profile=%s", o->profile);
    add(&a, "--pw-cpus=%u", o->cpus);
    if (o->ram_bytes)
        add(&a, "--pw-ram=%llu", (unsigned long long)o->ram_bytes);
    add(&a, "--pw-check=%s", o->check ? "yes" : "no");
    add(&a, "--pw-check-flush=%s", o->check_flush ? "yes" : "no");
    add(&a, "--pw-check-kernel=%s", o->check_kernel ? "yes" : "no");
    /* The twin and the checker must see what the filter would skip. */
    add(&a, "--pw-filter=%s", o->filter && !o->check && !o->check_flush ? "yes" : "no");
    add(&a, "--trace-children=%s", o->trace_children ? "yes" : "no");
    add(&a, "--pw-follow=%s", o->trace_children ? "yes" : "no");
    if (o->call_paths)
        add(&a, "--pw-call-paths=%u", o->call_paths);
    if (o->heap)
        add(&a, "--pw-heap=yes");
    if (o->l1)
        add(&a, "--pw-l1=yes");
    if (o->guest)
        add(&a, "--pw-guest=%s", o->guest);
    if (o->host_page_lg2)
        add(&a, "--pw-host-page-lg2=%u", o->host_page_lg2);
    add(&a, "--pw-name=%s", o->program[0]);
    add(&a, "--pw-thp=%s", thp);
    add(&a, "--pw-mmap-min-addr=%llu", (unsigned long long)mmap_min_addr());
    add(&a, "--pw-max-map-count=%llu", (unsigned long long)max_map_count());
    if (ring_fd >= 0)
        add(&a, "--pw-record=%d", ring_fd);
    if (ring_fd >= 0 && (o->record[0] == '/' || getcwd(folder, sizeof folder)))
        add(&a, "--pw-record-file=%s%s%s", o->record[0] == '/' ? "" : folder, o->record[0] == '/' ? "" : "/", o->record);
    add(&a, "--");
    while (o->program[args])
        args++;
    argv = malloc((a.n + args + 1) * sizeof *argv);
    for (n = 0; argv && n < a.n; n++)
        argv[n] = a.argv[n];
    for (unsigned i = 0; argv && i < args; i++)
        argv[n + i] = i ? o->program[i] : (char *)path;
    if (argv)
        argv[n + args] = NULL;
    return argv;
}

static bool tool_environment(const struct capture_tool *t)
{
    return !setenv("VALGRIND_LIB", t->folder, 1) && !setenv("VALGRIND_LAUNCHER", t->launcher, 1);
}

/* ---- signals ---------------------------------------------------------------------------------------------------------- */

static const int passed_on[] = { SIGTERM, SIGHUP }, ignored[] = { SIGINT, SIGQUIT };
static volatile sig_atomic_t child;
static struct sigaction old_passed[2], old_ignored[2];

static void pass_on(int signal)
{
    if (child > 0)
        kill(child, signal);
}

static void take_signals(void)
{
    struct sigaction pass = { .sa_handler = pass_on, .sa_flags = SA_RESTART }, ignore = { .sa_handler = SIG_IGN };

    for (int i = 0; i < 2; i++) {
        sigaction(passed_on[i], NULL, &old_passed[i]);
        if (old_passed[i].sa_handler != SIG_IGN)     /* nohup(1) stays in force                                   */
            sigaction(passed_on[i], &pass, NULL);
        sigaction(ignored[i], &ignore, &old_ignored[i]);
    }
}

static void give_signals_back(void)
{
    for (int i = 0; i < 2; i++) {
        sigaction(passed_on[i], &old_passed[i], NULL);
        sigaction(ignored[i], &old_ignored[i], NULL);
    }
}

/* ---- running ---------------------------------------------------------------------------------------------------------- */

struct start { const struct capture_tool *tool; const struct run_options *options; const char *path, *results; int ring_fd; };

static void become_tool(const struct start *s, const sigset_t *mask, int failed)
{
    char results[PATH_MAX], **argv;
    int err;

    results_name(s->results, getpid(), results);
    argv = tool_arguments(s->tool, s->options, s->path, results, s->ring_fd);
    give_signals_back();
    sigprocmask(SIG_SETMASK, mask, NULL);
    if (argv && tool_environment(s->tool))
        execv(s->tool->path, argv);
    err = errno;
    if (write(failed, &err, sizeof err) != sizeof err)
        _exit(STATUS_OURS - 1);
    _exit(STATUS_OURS);
}

/* The child writes errno into the pipe when execve fails; when it succeeds the pipe closes empty. */
static bool started(const struct capture_tool *t, int failed)
{
    int err;
    ssize_t n;

    while ((n = read(failed, &err, sizeof err)) < 0 && errno == EINTR)
        ;
    if (n == sizeof err)
        say("cannot start the capture tool %s: %s", t->path, strerror(err));
    return n != sizeof err;
}

/* What a replay has to know of this run (docs/formats.md). */
static void record_settings(const struct run_options *o, char *to, size_t room)
{
    char thp[16], *end = to + room;

    transparent_huge_pages(o, thp);
    if (o->guest)
        to += snprintf(to, room, "guest\t%s\nhost_page_lg2\t%u\n", o->guest, o->host_page_lg2 ? o->host_page_lg2 : PAGE_LG2);
    to += snprintf(to, (size_t)(end - to), "cpus\t%u\nram\t%llu\nthp\t%s\nmmap_min_addr\t%llu\nmax_map_count\t%llu\nprofile\t", o->cpus,
                   (unsigned long long)(o->ram_bytes ? o->ram_bytes : memory_bytes()), thp, (unsigned long long)mmap_min_addr(), (unsigned long long)max_map_count());
    /* A profile may be a whole text: its lines are kept apart by form feeds. */
    for (const char *p = o->profile; *p && to < end - 2; p++)
        *to++ = *p == '\n' ? '\f' : *p;
    *to++ = '\n';
    *to = 0;
}

bool launch(const struct capture_tool *t, const struct run_options *o, const char *path, const char *results, struct launched *l)
{
    struct start start = { t, o, path, results, -1 };
    char settings[65536];
    sigset_t all, mask;
    int failed[2];
    bool good;

    if (!recording_open(&l->recording, o->record))
        return false;
    start.ring_fd = l->recording.ring_fd;
    if (pipe2(failed, O_CLOEXEC)) {
        say("cannot start the capture tool: %s", strerror(errno));
        return false;
    }
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &mask);
    take_signals();
    l->pid = fork();
    if (l->pid == 0)
        become_tool(&start, &mask, failed[1]);
    child = l->pid;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(failed[1]);
    if (l->pid < 0)
        say("cannot start the capture tool: %s", strerror(errno));
    good = l->pid > 0 && started(t, failed[0]);
    close(failed[0]);
    if (o->record)
        record_settings(o, settings, sizeof settings);
    if (good)
        l->record_failed = !recording_start(&l->recording, settings);
    while (l->pid > 0 && waitpid(l->pid, &l->wait_status, 0) < 0 && errno == EINTR)
        ;
    l->record_failed = (good && !recording_wait(&l->recording)) || l->record_failed;
    child = 0;
    give_signals_back();
    return good;
}

/* ---- followed children -------------------------------------------------------------------------------------------------- */

bool is_followed_child(int argc, char **argv)
{
    for (int i = 1; i < argc && argv[i][0] == '-'; i++)
        if (!strncmp(argv[i], "--pw-", 5))
            return true;
    return false;
}

/* It has the tool's options, but a name of its own and, if the run is recorded, a ring: that of the options has another reader. */
static void change_options(char **argv)
{
    static char record[32];
    const char *file = NULL;
    char **to = argv, **slot = NULL;

    for (bool options = true; *argv; argv++) {
        options = options && (to == argv || **argv == '-');
        if (options && !strncmp(*argv, "--pw-record-file=", 17))
            file = *argv + 17;
        if (!options || (strncmp(*argv, "--pw-name=", 10) && strncmp(*argv, "--pw-record=", 12)))
            *to++ = *argv;
        else if (!slot)
            slot = to++;
    }
    *to = NULL;
    snprintf(record, sizeof record, "--pw-record=%d", file && slot ? recording_follow(file) : -1);
    if (slot)
        *slot = record;
}

int run_followed_child(char **argv)
{
    struct capture_tool t;

    change_options(argv);
    if (!find_capture_tool(&t))
        return STATUS_OURS;
    if (tool_environment(&t))
        execv(t.path, argv);
    say("cannot start the capture tool %s: %s", t.path, strerror(errno));
    return STATUS_OURS;
}
