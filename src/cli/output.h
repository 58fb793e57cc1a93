/* SPDX-License-Identifier: MIT
 * output.h - the files that the command writes. */
#ifndef PAGEWALK_CLI_OUTPUT_H
#define PAGEWALK_CLI_OUTPUT_H

#include "cli/options.h"
#include "report/report.h"

#include <jansson.h>

/* Whether this file could be written now; leaves nothing behind.  False: said why.  NULL and "-" pass. */
bool output_check(const char *file);
/* The summary and the files that were asked for.  False: said why. */
bool output_views(const struct report *r, const struct view_options *v, FILE *summary);
/* output_check() for the files of the views. */
bool output_check_views(const struct view_options *v);

/* report_load() with a progress line on a terminal; says what was refused. */
bool load_report(struct report *r, const char *file);
/* Takes j.  False: said why. */
bool output_json(const char *file, json_t *j);

#endif
