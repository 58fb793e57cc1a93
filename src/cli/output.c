/* SPDX-License-Identifier: MIT
 * output.c - checks before the program runs that files can be written, and writes the views. */
#include "cli/output.h"
#include "cli/cli.h"
#include "cli/progress.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- before -------------------------------------------------------------------------------------------------------- */

static bool cannot_write(const char *file)
{
    say("cannot write %s: %s", file, strerror(errno));
    return false;
}

bool output_check(const char *file)
{
    struct stat st;
    int fd;

    if (!file || !strcmp(file, "-"))
        return true;
    /* Opening a pipe for writing would wait for its reader. */
    if (!stat(file, &st) && S_ISFIFO(st.st_mode))
        return access(file, W_OK) == 0 || cannot_write(file);
    fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        unlink(file);
        return true;
    }
    if (errno == EEXIST)
        fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cannot_write(file);
    close(fd);
    return true;
}

bool output_check_views(const struct view_options *v)
{
    bool good = true;

    for (int i = 0; good && i < VIEWS; i++)
        good = output_check(v->file[i]);
    return good;
}

/* ---- after --------------------------------------------------------------------------------------------------------- */

static bool put_view(const struct report *r, const struct view_options *v, enum view view, FILE *out)
{
    switch (view) {
    case VIEW_JSON: return report_json(r, out);
    case VIEW_CALLGRIND: return report_callgrind(r, out);
    case VIEW_HTML: return report_html(r, out);
    case VIEW_CSV: return report_csv(r, out);
    case VIEW_FOLDED: return report_folded(r, v->weight, out);
    case VIEW_SPEEDSCOPE: return report_speedscope(r, v->weight, out);
    case VIEW_TIMELINE: return report_timeline(r, out);
    case VIEW_SYMBOL_ORDER: return report_symbol_order(r, out);
    case VIEW_SECTION_ORDER: return report_section_order(r, out);
    case VIEWS: break;
    }
    return false;
}

static bool write_view(const struct report *r, const struct view_options *v, enum view view)
{
    const char *file = v->file[view];
    bool standard = file && !strcmp(file, "-"), good;
    FILE *out;

    if (!file)
        return true;
    out = standard ? stdout : fopen(file, "we");
    if (!out)
        return cannot_write(file);
    progress_begin("writing");
    errno = 0;
    good = put_view(r, v, view, out);
    if (!standard)
        good = !fclose(out) && good;
    progress_end();
    if (!good)
        say("cannot write %s: %s", standard ? "standard output" : file, errno ? strerror(errno) : "not enough memory");
    return good;
}

bool output_views(const struct report *r, const struct view_options *v, FILE *summary)
{
    bool good;

    if (!v->quiet)
        report_text(r, &(struct report_text_options){ v->top, columns_of(summary), may_colour(summary) }, summary);
    good = v->quiet || !fflush(summary);
    if (!good)
        say("cannot write the summary: %s", strerror(errno));
    for (int i = 0; i < VIEWS; i++)
        good = write_view(r, v, (enum view)i) && good;
    return good;
}

/* ---- JSON of our own ----------------------------------------------------------------------------------------------- */

bool output_json(const char *file, json_t *j)
{
    bool standard = !strcmp(file, "-"), good;
    FILE *out = standard ? stdout : fopen(file, "we");

    good = out && j && !json_dumpf(j, out, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6)) && fputc('\n', out) != EOF;
    if (out && !standard)
        good = !fclose(out) && good;
    json_decref(j);
    return good || cannot_write(file);
}

/* ---- reading ------------------------------------------------------------------------------------------------------- */

bool load_report(struct report *r, const char *file)
{
    struct results_error err;
    bool good;

    progress_begin("reading results");
    good = report_load(r, file, &(struct results_progress){ progress_seen, NULL }, &err);
    progress_end();
    if (!good)
        say("%s %s", file, err.text);
    else if (r->processes_refused)
        say("%s %s%s", r->refused_file, r->refused.text, r->processes_refused > 1 ? " (and others)" : "");
    return good;
}
