/* SPDX-License-Identifier: MIT
 * timeline.h - the columns of the timeline (docs/formats.md, "timeline") and their names in JSON and CSV. */
#ifndef PAGEWALK_REPORT_TIMELINE_H
#define PAGEWALK_REPORT_TIMELINE_H

#include "report/report.h"

#define TIMELINE_COLUMNS 14
struct timeline_column { const char *column, *name; };
extern const struct timeline_column timeline_column[TIMELINE_COLUMNS];

#endif
