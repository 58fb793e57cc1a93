/* SPDX-License-Identifier: MIT
 * progress.h - one line on standard error while something takes more than a second, cleared afterwards; only when
 * standard error is a terminal.  One thing at a time: begin and end do not nest. */
#ifndef PAGEWALK_CLI_PROGRESS_H
#define PAGEWALK_CLI_PROGRESS_H

void progress_begin(const char *what);              /* "reading results"                                        */
void progress_seen(void *ctx, unsigned percent);    /* optional; ctx is not looked at                           */
void progress_end(void);

#endif
