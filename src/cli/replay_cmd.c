/* SPDX-License-Identifier: MIT
 * replay_cmd.c - `pagewalk replay`: runs a recording again, or another tool's trace, and shows the results as `pagewalk run`
 * does. */
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/replay_settings.h"

#include "pagewalk/mmu.h"
#include "trace/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool replay_settings_of(const char *command, const struct replay_options *o, struct replay_settings *s)
{
    static const struct { const char *name; u32 version; } kernels[] = { { "6.18", 618 }, { "6.12", 612 }, { "6.1", 601 } };
    static const char *const thp[] = { [MM_THP_NEVER] = "never", [MM_THP_MADVISE] = "madvise", [MM_THP_ALWAYS] = "always" };

    *s = (struct replay_settings){ .cpus = o->cpus, .ram_bytes = o->ram_bytes, .thp = -1, .fault_around_bytes = (u32)o->fault_around_bytes,
                                    .form = o->form, .page_lg2 = o->page_lg2 };
    if (o->profile && !(s->profile = find_profile(command, o->profile)))
        return false;
    for (int i = 0; o->thp && i < 3; i++)
        if (!strcmp(o->thp, thp[i]))
            s->thp = i;
    for (int i = 0; o->kernel && i < 3; i++)
        if (!strcmp(o->kernel, kernels[i].name))
            s->kernel_version = kernels[i].version;
    return true;
}

static bool write_file(const char *path, const char *text, size_t n)
{
    FILE *f = fopen(path, "we");
    bool good = f && fwrite(text, 1, n, f) == n;

    if (f)
        good = !fclose(f) && good;
    if (!good)
        say("cannot write %s: %s", path, strerror(errno));
    return good;
}

/* A report is read from a file: one that nobody asked to keep has no name. */
static bool show(const struct replay_options *o, const char *text, size_t n)
{
    char temporary[] = "/tmp/pagewalk.XXXXXX";
    int fd = o->results ? -1 : mkstemp(temporary);
    const char *file = o->results ? o->results : temporary;
    struct report report;
    bool good;

    if (!o->results && fd < 0) {
        say("cannot make a file in /tmp: %s", strerror(errno));
        return false;
    }
    if (fd >= 0)
        close(fd);
    good = write_file(file, text, n) && load_report(&report, file);
    if (good) {
        good = output_views(&report, &o->view, stdout);
        report_free(&report);
    }
    if (!o->results)
        unlink(file);
    return good;
}

static int replay_file(const struct replay_options *o, const struct replay_settings *s)
{
    struct replay_error err;
    struct replay *r = replay_open(o->file, s, &err);
    size_t n;
    char *text = NULL;
    bool good = false, whole = false;

    if (r) {
        progress_begin("replaying");
        replay_run(r, progress_seen, NULL);
        progress_end();
        whole = replay_whole(r, &err);
        if (!whole)
            say("%s; what follows is up to there", err.text);
        text = replay_results(r, &n, &err);
    }
    if (!text)
        say("%s", err.text);
    good = text && show(o, text, n);
    free(text);
    replay_close(r);
    return good && whole ? 0 : STATUS_OURS;
}

int cmd_replay(int argc, char **argv)
{
    struct replay_options o;
    struct replay_settings s;
    int status = parse_replay_options(argc, argv, &o);

    if (status == STATUS_HELP)
        return print_help(command_find("replay"));
    if (status)
        return status;
    for (int i = 0; i < VIEWS; i++)
        o.view.quiet = o.view.quiet || (o.view.file[i] && !strcmp(o.view.file[i], "-"));
    if (!output_check_views(&o.view) || !output_check(o.results) || !replay_settings_of("replay", &o, &s))
        return STATUS_OURS;
    return replay_file(&o, &s);
}
