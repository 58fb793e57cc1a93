/* SPDX-License-Identifier: MIT
 * startup.h - the functions of the main program in the order in which they ran first (docs/formats.md, "startup"). */
#ifndef PAGEWALK_REPORT_STARTUP_H
#define PAGEWALK_REPORT_STARTUP_H

#include "report/results.h"

/* Counts are of the function's own fetches; wasted: mapped by its faults, and never used. */
struct startup_function { const char *symbol; struct num instructions, pages, faults, mapped_pages, wasted_pages, bytes; };

/* A walk over them. */
struct startup {
    const struct results_table *t;
    const char *program;
    size_t row;
    int object, symbol, instructions, pages, faults, mapped_pages, wasted_pages, bytes;
};
void startup_begin(struct startup *s, const struct results *r);
bool startup_next(struct startup *s, struct startup_function *f);

/* The program's code at the end; needed: if what ran of each function lay side by side, unknown
 * when too few of the functions have names. */
struct startup_code { size_t functions; struct num mapped_pages, used_pages, needed_pages; };
struct startup_code startup_code(const struct results *r);

#endif
