/* SPDX-License-Identifier: MIT
 * results.h - a results file in memory (docs/formats.md).
 *
 * results_read() and results_parse() refuse whatever is not a whole, unchanged results file, with one sentence that
 * says what is wrong and what to do; they never crash, whatever the bytes.  What they accept is kept by name: a name
 * that is missing reads as unknown (NULL, NUM_UNKNOWN), a name that nobody asks for is ignored. */
#ifndef PAGEWALK_REPORT_RESULTS_H
#define PAGEWALK_REPORT_RESULTS_H

#include "report/num.h"

struct results;
struct results_table;

struct results_error { char text[768]; }; /* one sentence without the file's name, printable as it is        */

/* Told from time to time how far the reading has come; NULL: nobody wants to know. */
struct results_progress {
    void (*seen)(void *ctx, unsigned percent);
    void *ctx;
};

/* NULL: refused, *err says why. */
struct results *results_read(const char *path, const struct results_progress *progress, struct results_error *err);
/* Takes bytes (from malloc, at least len_bytes + 1 long) whether it succeeds or not. */
struct results *results_parse(char *bytes, size_t len_bytes, const struct results_progress *progress,
                              struct results_error *err);
void results_free(struct results *r);

const char *results_text(const struct results *r, const char *name);
void results_each_text(const struct results *r, void (*see)(void *ctx, const char *name, const char *value), void *ctx);
struct num results_count(const struct results *r, const char *name);
/* Counts whose names begin with prefix, in the file's order. */
void results_each_count(const struct results *r, const char *prefix,
                        void (*see)(void *ctx, const char *name, struct num n), void *ctx);

/* NULL: the file has no such table. */
const struct results_table *results_table(const struct results *r, const char *name);
size_t table_rows(const struct results_table *t);   /* 0 for NULL                                            */
/* A column's number, or -1.  A name with $ in front asks for a column of strings, without for one of numbers. */
int table_column(const struct results_table *t, const char *name);
/* column -1 reads as unknown: "" and NUM_UNKNOWN.  The column's type must be the one asked for. */
const char *table_text(const struct results_table *t, size_t row, int column);
struct num table_num(const struct results_table *t, size_t row, int column);
/* Walk over the columns: name (with its $) of column i, NULL past the last. */
const char *table_column_name(const struct results_table *t, unsigned i);

#endif
