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
    *s = (struct replay_settings){ .cpus = o->cpus, .ram_bytes = o->ram_bytes, .thp = o->thp, .kernel_version = (u32)o->kernel_version, .fault_around_bytes = (u32)o->fault_around_bytes,
                                    .form = o->form, .page_lg2 = o->page_lg2 };
    if (o->profile && !(s->profile = find_profile(command, o->profile)))
        return false;
    s->host_page_lg2 = o->host_page_lg2;
    sim_guest_word(o->guest, &s->guest);
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

/* Takes text, n bytes and one more. */
static bool show(const struct replay_options *o, char *text, size_t n)
{
    struct results_error err;
    struct report report;
    bool good = !o->results || write_file(o->results, text, n);

    if (!report_parse(&report, o->file, text, n, &err)) {
        say("the replay of %s: its results: %s", o->file, err.text);
        return false;
    }
    good = output_views(&report, &o->view, stdout) && good;
    report_free(&report);
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
