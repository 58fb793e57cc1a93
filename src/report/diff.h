/* SPDX-License-Identifier: MIT
 * diff.h - two runs compared: totals, functions, mappings, and conditions that a test states about them.
 * Called by `pagewalk diff` (src/cli/diff_cmd.c).
 *
 * A side is a results file or a JSON report (docs/json.md); both are compared as JSON reports, so a condition names
 * numbers by their keys.  The counts have no noise, so every difference has a cause. */
#ifndef PAGEWALK_REPORT_DIFF_H
#define PAGEWALK_REPORT_DIFF_H

#include "report/places.h"

#include <stdio.h>

struct json_t;

struct diff_side { const char *file; struct json_t *report; };

/* A whole report of the file.  False: *err says why it was refused. */
bool diff_side_read(struct diff_side *s, const char *file, const struct results_progress *progress, struct results_error *err);
void diff_side_free(struct diff_side *s);

/* ---- conditions (condition.c) -------------------------------------------------------------------------------------- */

enum comparison { CMP_LESS, CMP_LESS_EQUAL, CMP_MORE, CMP_MORE_EQUAL, CMP_EQUAL, CMP_NOT_EQUAL };

struct condition {
    const char *text;             /* the caller's: "faults.cow > 1000"                                          */
    char name[256];
    enum comparison comparison;
    bool from_baseline;           /* limit == A's number (+ percent of it) + number                             */
    long double percent, number;
    /* condition_judge(): */
    bool holds;
    long double a, b, limit;
    bool a_known;
};

/* False: *err is one sentence, without the text, that says what is wrong with it. */
bool condition_parse(struct condition *c, const char *text, struct results_error *err);
/* False: the name is not known, or its number is not known. */
bool condition_judge(struct condition *c, const struct diff_side *a, const struct diff_side *b, struct results_error *err);

/* ---- places and totals ------------------------------------------------------------------------------------------------ */

/* What has the same name on both sides.  A place that one side does not have cost nothing there. */
struct change {
    const char *object, *name, *kind, *perms;   /* object: functions only; kind, perms: mappings only; "" unknown   */
    struct num a[EVENTS], b[EVENTS];
};
struct changes { struct change *at; size_t n; bool failed; /* no memory */ };
enum { CHANGES_FUNCTIONS, CHANGES_MAPPINGS };
struct changes diff_places(const struct diff_side *a, const struct diff_side *b, int which);
void changes_free(struct changes *c);
/* Largest change first, whichever its direction; what did not change last. */
void changes_rank(struct changes *c, enum event by);

struct delta { bool known, less; u64 n; };      /* b - a == less ? -n : n                                            */
struct delta delta_of(struct num a, struct num b);

struct total { const char *name, *title, *certainty; };
extern const struct total diff_totals[];        /* ended by a row without a name                                     */
/* The number that a name (docs/json.md, or one of the short names) stands for in a report; unknown when it is null, not a
 * count or not there. */
struct num diff_number(const struct json_t *report, const char *name);

/* ---- views ------------------------------------------------------------------------------------------------------------- */

struct diff {
    struct diff_side a, b;
    struct condition *condition;
    size_t conditions;
};
struct diff_text_options { unsigned top, width; bool colour; int by; /* an event, or -1: walk cycles, then faults */ };
bool diff_text(const struct diff *d, const struct diff_text_options *o, FILE *out);
bool diff_json(const struct diff *d, FILE *out);

#endif
