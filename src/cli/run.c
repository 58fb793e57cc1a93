/* SPDX-License-Identifier: MIT
 * run.c - `pagewalk run`: checks what can be checked, runs the program under the capture tool, shows the results.
 *
 * The program's output, input and exit status stay its own: the summary goes to standard error, and the status is the
 * program's, or 128+N when signal N killed it.  Statuses from 125 to 127 are ours. */
#include "cli/cli.h"
#include "cli/launch.h"
#include "cli/output.h"

#include "report/amend.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the results file ------------------------------------------------------------------------------------------------ */

struct results_files {
    char name[PATH_MAX];      /* FILE, absolute, since the program may change its folder; %p still in it              */
    char folder[PATH_MAX];    /* a folder of our own, to be removed; "" when the results are to be kept               */
};

/* Results nobody wants to keep (-o /dev/null) still have to be written somewhere. */
static bool use_own_folder(struct results_files *f)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(f->folder, sizeof f->folder, "%.3000s/pagewalk.XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(f->folder)) {
        say("cannot make a folder for the results in %s: %s", tmp && *tmp ? tmp : "/tmp", strerror(errno));
        f->folder[0] = 0;
        return false;
    }
    snprintf(f->name, sizeof f->name, "%.3500s/results", f->folder);
    return true;
}

static bool choose_results_file(struct results_files *f, const char *wanted)
{
    char folder[PATH_MAX];
    struct stat st;

    f->folder[0] = 0;
    wanted = wanted ? wanted : "pagewalk.%p";
    if (!strcmp(wanted, "/dev/null"))
        return use_own_folder(f);
    if (!stat(wanted, &st) && !S_ISREG(st.st_mode)) {
        say("cannot write results to %s: it is not a regular file", wanted);
        return false;
    }
    if (wanted[0] != '/' && !getcwd(folder, sizeof folder)) {
        say("cannot find the current folder: %s", strerror(errno));
        return false;
    }
    if (snprintf(f->name, sizeof f->name, "%s%s%s", wanted[0] == '/' ? "" : folder, wanted[0] == '/' ? "" : "/", wanted) >= PATH_MAX - 32) {
        say("cannot write results to %s: the name is too long", wanted);
        return false;
    }
    return output_check(f->name);
}

static void remove_file(void *ctx, const char *path, u64 pid)
{
    (void)ctx;
    (void)pid;
    unlink(path);
}

static void remove_own_folder(const struct results_files *f)
{
    if (!f->folder[0])
        return;
    report_each_process_file(f->name, remove_file, NULL);
    unlink(f->name);
    rmdir(f->folder);
}

/* ---- after the program ------------------------------------------------------------------------------------------------- */

static int status_of(int wait_status)
{
    return WIFSIGNALED(wait_status) ? STATUS_SIGNAL + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* SIGKILL cannot be caught, so nothing could write results; any other end without them is a failure of the tool. */
static int no_results(const struct launched *l)
{
    if (WIFSIGNALED(l->wait_status) && WTERMSIG(l->wait_status) == SIGKILL) {
        say("no results: SIGKILL ended the program and the capture tool with it");
        return status_of(l->wait_status);
    }
    if (WIFSIGNALED(l->wait_status))
        say("no results: the capture tool was killed by signal %d (SIG%s)", WTERMSIG(l->wait_status), sigabbrev_np(WTERMSIG(l->wait_status)));
    else
        say("no results: the capture tool ended with status %d and wrote none", WEXITSTATUS(l->wait_status));
    return STATUS_OURS;
}

static int show(const struct run_options *o, const struct results_files *f, const char *file, const struct launched *l)
{
    struct report report;
    bool good;

    if (!load_report(&report, file))
        return STATUS_OURS;
    if (!o->view.quiet && isatty(STDERR_FILENO))
        fputc('\n', stderr);
    good = output_views(&report, &o->view, stderr);
    if (!o->view.quiet && o->record)
        fprintf(stderr, "Recorded in %s; `pagewalk advise %s` says what would help.\n", o->record, o->record);
    if (!o->view.quiet && !f->folder[0])
        fprintf(stderr, "Kept in %s; `pagewalk report` shows it again, --html FILE draws it%s.\n", o->results && strchr(o->results, '/') ? file : strrchr(file, '/') + 1,
                o->record ? "" : "; run with --record for `pagewalk advise`");
    report_free(&report);
    return good ? status_of(l->wait_status) : STATUS_OURS;
}

struct recorded { const char *file; };

static void finish_recording_of(void *ctx, const char *results, u64 pid)
{
    const struct recorded *r = ctx;
    char recording[PATH_MAX];

    recording_name(r->file, (pid_t)pid, recording);
    if (!access(recording, F_OK))
        recording_finish_other(recording, results);
}

/* A program that was started by execve in the place of the first one has a recording of its own by now: it is the run's, as its
 * results are. */
static bool finish_recordings(const struct run_options *o, struct launched *l, const char *file)
{
    char replaced[PATH_MAX];

    if (!o->record || l->record_failed)
        return !l->record_failed;
    report_each_process_file(file, finish_recording_of, &(struct recorded){ o->record });
    recording_name(o->record, l->pid, replaced);
    if (access(replaced, F_OK))
        return recording_finish(&l->recording, file);
    recording_finish_other(replaced, file);
    return !rename(replaced, o->record);
}

/* The tool has written NAME.PID; with the program's end in it, it becomes NAME. */
static int finish(const struct run_options *o, const struct results_files *f, struct launched *l)
{
    struct process_end end = { WIFSIGNALED(l->wait_status) ? "signalled" : "exited",
                               (u64)(WIFSIGNALED(l->wait_status) ? WTERMSIG(l->wait_status) : WEXITSTATUS(l->wait_status)), NULL };
    char written[PATH_MAX + 16], file[PATH_MAX], recording[PATH_MAX];
    struct results_error err;
    int status;

    results_name(f->name, l->pid, file);
    snprintf(written, sizeof written, "%s.%d", file, (int)l->pid);
    if (access(written, F_OK))
        return no_results(l);
    if (!results_amend_end(written, file, &end, &err)) {
        say("%s %s", file, err.text);
        if (!o->keep || rename(written, file))
            unlink(written);
        return STATUS_OURS;
    }
    unlink(written);
    l->record_failed = !finish_recordings(o, l, file);
    if (o->record && !l->record_failed && (end.recording = realpath(o->record, recording)))
        results_amend_end(file, file, &end, &err);
    status = show(o, f, file, l);
    return l->record_failed ? STATUS_OURS : status;
}

int cmd_run(int argc, char **argv)
{
    struct run_options o;
    struct results_files files;
    struct capture_tool tool;
    struct launched launched;
    char path[PATH_MAX];
    int status = parse_run_options(argc, argv, &o);

    if (status == STATUS_HELP)
        return print_help(command_find("run"));
    if (status)
        return status;
    if (!output_check_views(&o.view) || !output_check(o.record) || !find_capture_tool(&tool))
        return STATUS_OURS;
    status = find_program(o.program[0], path);
    if (status)
        return status;
    if (!choose_results_file(&files, o.results))
        return STATUS_OURS;
    fflush(stdout);
    /* What an earlier run left under these names is not of this run. */
    report_each_process_file(files.name, remove_file, NULL);
    status = launch(&tool, &o, path, files.name, &launched) ? finish(&o, &files, &launched) : STATUS_OURS;
    remove_own_folder(&files);
    return status;
}
