/* SPDX-License-Identifier: MIT
 * format.h - numbers, sizes and names as people read them.  Used by the text views. */
#ifndef PAGEWALK_REPORT_FORMAT_H
#define PAGEWALK_REPORT_FORMAT_H

#include "report/num.h"

struct words { char text[48]; };

struct words format_num(struct num n);              /* 1,234,567 | unknown                                       */
struct words format_percent(double share);          /* 12.3 % | <0.1 % | - when negative                          */
struct words format_rate(double share);             /* 1.23 % | <0.01 %: for what is small when all is well       */
struct words format_pages(struct num pages);        /* 4 KiB pages as 12.3 MiB | unknown                          */
struct words format_bytes(struct num bytes);
struct words format_ratio(double x);                /* 2.28 | - when negative                                     */

/* A name made fit for a terminal: control characters and broken UTF-8 become '?', and what is wider than `columns`
 * loses its end (CUT_END) or its beginning (CUT_START), with ".." in its place.  Returns the columns it takes. */
enum cut { CUT_END, CUT_START };
unsigned format_name(char *to, size_t to_bytes, const char *name, unsigned columns, enum cut cut);
unsigned format_columns(const char *utf8);          /* columns of a string that is fit for a terminal             */
/* What stands after the last slash. */
const char *format_basename(const char *path);

#endif
