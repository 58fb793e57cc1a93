/* SPDX-License-Identifier: MIT
 * load.c - gathers a run: the results file of the program and those of its children, FILE.PID (docs/formats.md). */
#include "report/report.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

/* ---- FILE.PID -------------------------------------------------------------------------------------------------- */

static bool begins_as_results(const char *path)
{
    char head[18] = "";
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(head, 1, sizeof head - 1, f) : 0;

    if (f)
        fclose(f);
    return n == 17 && !memcmp(head, "pagewalk-results ", 17);
}

/* The process id in a directory entry "BASE.PID", or 0. */
static u64 pid_of_entry(const char *entry, const char *base)
{
    size_t n = strlen(base);
    char *end;
    u64 pid;

    if (strncmp(entry, base, n) || entry[n] != '.' || entry[n + 1] < '1' || entry[n + 1] > '9')
        return 0;
    pid = strtoull(entry + n + 1, &end, 10);
    return *end || strlen(entry + n + 1) > 10 ? 0 : pid;
}

void report_each_process_file(const char *file, void (*see)(void *ctx, const char *path, u64 pid), void *ctx)
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    char *folder = slash ? strndup(file, slash == file ? 1 : (size_t)(slash - file)) : strdup(".");
    DIR *d = folder && *base ? opendir(folder) : NULL;
    struct dirent *e;

    while (d && (e = readdir(d))) {
        u64 pid = pid_of_entry(e->d_name, base);
        char *path = NULL;
        if (pid && asprintf(&path, "%.*s%s", (int)(base - file), file, e->d_name) > 0 && begins_as_results(path))
            see(ctx, path, pid);
        free(path);
    }
    if (d)
        closedir(d);
    free(folder);
}

/* ---- processes ------------------------------------------------------------------------------------------------- */

static char *copy(const char *s) { return s ? strdup(s) : NULL; }

static bool keep_process(struct report *r, const char *path, const struct results *results)
{
    struct report_process p, *more = realloc(r->process, (r->processes + 1) * sizeof *more);

    if (!more)
        return false;
    r->process = more;
    summarize(results, &p.summary);
    p.file = strdup(path);
    p.program = copy(p.summary.program);
    p.arguments = copy(p.summary.arguments);
    p.exit_kind = copy(p.summary.exit_kind);
    /* The other strings go with the results. */
    p.summary.program = p.program;
    p.summary.arguments = p.arguments;
    p.summary.exit_kind = p.exit_kind;
    p.summary.profile = p.summary.profile_title = p.summary.kernel = p.summary.tool = NULL;
    p.summary.kinds = 0;
    r->process[r->processes++] = p;
    return p.file;
}

static void load_process(void *ctx, const char *path, u64 pid)
{
    struct report *r = ctx;
    struct results_error err;
    struct results *results = results_read(path, NULL, &err);

    if (!results) {
        if (!r->processes_refused++) {
            snprintf(r->refused_file, sizeof r->refused_file, "%s", path);
            r->refused = err;
        }
        return;
    }
    if (results_count(results, "pid").n == pid && pid != r->summary.pid.n && !keep_process(r, path, results))
        r->processes_refused++;
    results_free(results);
}

static int by_pid(const void *a, const void *b)
{
    return -num_descending(((const struct report_process *)a)->summary.pid, ((const struct report_process *)b)->summary.pid);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

bool report_load(struct report *r, const char *file, const struct results_progress *progress, struct results_error *err)
{
    *r = (struct report){ .file = file, .results = results_read(file, progress, err) };
    if (!r->results)
        return false;
    summarize(r->results, &r->summary);
    report_each_process_file(file, load_process, r);
    if (r->processes)
        qsort(r->process, r->processes, sizeof *r->process, by_pid);
    return true;
}

bool report_parse(struct report *r, const char *name, char *bytes, size_t len_bytes, struct results_error *err)
{
    *r = (struct report){ .file = name, .results = results_parse(bytes, len_bytes, NULL, err) };
    if (r->results)
        summarize(r->results, &r->summary);
    return r->results != NULL;
}

void report_free(struct report *r)
{
    for (size_t i = 0; i < r->processes; i++) {
        free(r->process[i].file);
        free(r->process[i].program);
        free(r->process[i].arguments);
        free(r->process[i].exit_kind);
    }
    free(r->process);
    results_free(r->results);
    *r = (struct report){ 0 };
}
