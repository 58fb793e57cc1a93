/* SPDX-License-Identifier: MIT
 * screen.h - lines of text with columns and colours, for the text views.
 *
 * Everything that is put is counted, so a line can be filled up to a column.  Styles reach the stream only when
 * colour is on.  Text must be fit for a terminal already (format.h). */
#ifndef PAGEWALK_REPORT_SCREEN_H
#define PAGEWALK_REPORT_SCREEN_H

#include "pagewalk/types.h"

#include <stdio.h>

enum style { PLAIN, BOLD, DIM, WARN, ALARM, GOOD };

struct screen {
    FILE *out;
    unsigned width;    /* columns of a line                                                                      */
    bool colour;
    unsigned column;   /* where the next character goes                                                          */
};

void screen_put(struct screen *s, enum style style, const char *text);
void __attribute__((format(printf, 3, 4))) screen_printf(struct screen *s, enum style style, const char *format, ...);
void screen_to(struct screen *s, unsigned column);        /* blanks; at least nothing                              */
/* Text that ends at a column; when there is no room, after one blank. */
void screen_right(struct screen *s, enum style style, unsigned end_column, const char *text);
void screen_end(struct screen *s);                        /* end of the line                                       */

#endif
