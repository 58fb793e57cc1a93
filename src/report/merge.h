/* SPDX-License-Identifier: MIT
 * merge.h - many results files as one table: a row each, a column for every text and count that any of them has, named as in
 * the file (docs/formats.md), in front of them the column `file`.  What a file does not have, or says is unknown, is
 * unknown. */
#ifndef PAGEWALK_REPORT_MERGE_H
#define PAGEWALK_REPORT_MERGE_H

#include "report/results.h"

#include <stdio.h>

struct merge_cell { u32 column; char *text; struct num n; };   /* text NULL: a number                              */
struct merge_row { char *file; struct merge_cell *cell; u32 cells; };
struct merge {
    char **column;                 /* not with `file`                                                               */
    u32 columns;
    struct merge_row *row;
    size_t rows;
    bool no_memory;
};

/* False: *err says why the file was refused; the table is as it was. */
bool merge_add(struct merge *m, const char *file, struct results_error *err);
/* NULL: this row does not have it. */
const struct merge_cell *merge_cell(const struct merge_row *row, u32 column);
void merge_free(struct merge *m);

/* False: no memory, or the stream has an error. */
bool merge_csv(const struct merge *m, FILE *out);      /* RFC 4180; unknown: empty                                 */
bool merge_jsonl(const struct merge *m, FILE *out);    /* an object a line; unknown: null                          */
/* The table `results` of the database `path`, in place of one that is there; unknown: NULL.  why: at least 256 bytes. */
bool merge_sqlite(const struct merge *m, const char *path, char *why);

#endif
