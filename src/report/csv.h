/* SPDX-License-Identifier: MIT
 * csv.h - a field of a table for spreadsheets (RFC 4180). */
#ifndef PAGEWALK_REPORT_CSV_H
#define PAGEWALK_REPORT_CSV_H

#include <stdio.h>

/* In quotes where it must be. */
void csv_put_text(FILE *out, const char *s);

#endif
