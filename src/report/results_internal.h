/* SPDX-License-Identifier: MIT
 * results_internal.h - how a results file is held; shared by frame.c (is it whole?), parse.c
 * (fills it) and results.c (answers from it).
 *
 * Every string points into bytes, where the parser has unescaped and terminated it in place. */
#ifndef PAGEWALK_REPORT_RESULTS_INTERNAL_H
#define PAGEWALK_REPORT_RESULTS_INTERNAL_H

#include "report/results.h"

#define TABLE_COLUMNS_MAX 64

struct named_text { const char *name, *value; };
struct named_count { const char *name; struct num n; };

union cell { u64 n; const char *text; };

struct results_table {
    const char *name;
    const char *column[TABLE_COLUMNS_MAX]; /* with the $ of columns of strings                                */
    unsigned columns;
    size_t rows, rows_max;
    union cell *cell;                      /* rows * columns                                                  */
    u8 *unknown;                           /* rows * columns: 1 where the file says ?                         */
};

struct results {
    char *bytes;
    struct named_text *text;
    struct named_count *count;
    struct results_table *table;
    size_t texts, texts_max, counts, counts_max, tables, tables_max;
};

/* The whole file and a zero byte after it, from malloc; NULL: *err says why not. */
char *results_bytes(const char *path, size_t *len_bytes, struct results_error *err);
/* Writes the sentence into *err and gives false. */
bool __attribute__((format(printf, 2, 3))) results_refuse(struct results_error *err, const char *format, ...);
bool results_u64(const char *digits, u64 *n);
/* Proves the frame; *body_end is where the closing line begins, *lines how many stand before it.  Terminates the
 * closing line in place; the body stays as it is.  pre: bytes[len_bytes] is writable. */
bool results_frame(char *bytes, size_t len_bytes, char **body_end, size_t *lines, struct results_error *err);

#endif
