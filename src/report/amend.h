/* SPDX-License-Identifier: MIT
 * amend.h - puts into a results file how the process ended and where its recording is.
 *
 * A process cannot say which signal killed it, nor its tool; only its parent learns that.  So `pagewalk run` fills it
 * in after waiting for the program. */
#ifndef PAGEWALK_REPORT_AMEND_H
#define PAGEWALK_REPORT_AMEND_H

#include "report/results.h"

/* exit.kind, exit.value and recording of docs/formats.md; recording: NULL: none. */
struct process_end { const char *kind; u64 value; const char *recording; };

/* Writes the results file `from` to `to` with this end in it.  False: *err says why, and `to` is as it was unless the
 * disk filled up.  err->text begins like those of results_read(), about `from` or (unwritable) about `to`. */
bool results_amend_end(const char *from, const char *to, const struct process_end *end, struct results_error *err);

#endif
