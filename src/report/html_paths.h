/* SPDX-License-Identifier: MIT
 * html_paths.h - the call paths of a run as the HTML report wants them. */
#ifndef PAGEWALK_REPORT_HTML_PATHS_H
#define PAGEWALK_REPORT_HTML_PATHS_H

#include "report/results.h"

#include <jansson.h>

json_t *html_paths(const struct results *r); /* NULL: the run kept none, or no memory                            */

#endif
