/* SPDX-License-Identifier: MIT
 * report.h - one run to be shown: a results file, those of its child processes, and the views of them.
 * Called by the command (src/cli). */
#ifndef PAGEWALK_REPORT_REPORT_H
#define PAGEWALK_REPORT_REPORT_H

#include "report/places.h"
#include "report/summary.h"

#include <stdio.h>

/* Another process of the run: only what the table of processes shows. */
struct report_process { char *file, *program, *arguments, *exit_kind; struct summary summary; };

struct report {
    const char *file;                   /* the caller's                                                         */
    struct results *results;
    struct summary summary;             /* its strings are of results                                           */
    struct report_process *process;     /* sorted by process id                                                 */
    size_t processes;
    size_t processes_refused;           /* FILE.PID that could not be read                                      */
    char refused_file[512];             /* the first of them                                                    */
    struct results_error refused;
    struct json_t *whatif;              /* the table of `pagewalk whatif`, the giver's, for the HTML file; NULL: none */
};

/* Reads FILE, and FILE.PID for each process that was followed.  False: *err says why FILE was refused. */
bool report_load(struct report *r, const char *file, const struct results_progress *progress, struct results_error *err);
/* The same of a results file in memory (taken, as results_parse() does), of one process. */
bool report_parse(struct report *r, const char *name, char *bytes, size_t len_bytes, struct results_error *err);
void report_free(struct report *r);

/* Calls see() for each FILE.PID beside FILE that begins as a results file. */
void report_each_process_file(const char *file, void (*see)(void *ctx, const char *path, u64 pid), void *ctx);

struct report_text_options {
    unsigned top;                       /* rows of each ranking; 0: none                                        */
    unsigned width;                     /* columns; 80 at least                                                 */
    bool colour;
};
void report_text(const struct report *r, const struct report_text_options *o, FILE *out);

/* False: no memory, or the stream has an error. */
bool report_json(const struct report *r, FILE *out);
bool report_callgrind(const struct report *r, FILE *out);
bool report_html(const struct report *r, FILE *out);
bool report_csv(const struct report *r, FILE *out);
/* Counters against executed instructions, as CSV. */
bool report_timeline(const struct report *r, FILE *out);
/* Functions in the order in which they ran first: for ld.lld, and for ld.gold. */
bool report_symbol_order(const struct report *r, FILE *out);
bool report_section_order(const struct report *r, FILE *out);
bool report_folded(const struct report *r, enum event weight, FILE *out);
/* Every event is in it; weight is the one shown first, EV_FAULTS as EV_MINOR. */
bool report_speedscope(const struct report *r, enum event weight, FILE *out);

#endif
