/* SPDX-License-Identifier: MIT
 * diff_internal.h - names in JSON reports; shared by the files of the comparison. */
#ifndef PAGEWALK_REPORT_DIFF_INTERNAL_H
#define PAGEWALK_REPORT_DIFF_INTERNAL_H

#include "report/diff.h"

#include <jansson.h>

enum found { FOUND, FOUND_UNKNOWN, FOUND_NOTHING, FOUND_NO_NUMBER };
/* What a name of a condition stands for; sums over the places that NAME[...] selects. */
enum found diff_find(const json_t *report, const char *name, long double *number);
/* NAME selects places by [...]: what one side does not have cost nothing there. */
bool diff_selects_places(const char *name);

const char *diff_string(const json_t *o, const char *key);  /* "" when unknown                                    */
struct num diff_num(const json_t *n);                       /* unknown for what is not a count                    */

#endif
