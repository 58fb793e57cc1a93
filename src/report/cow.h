/* SPDX-License-Identifier: MIT
 * cow.h - copy-on-write after fork: who copied which of the shared pages first, parent or child, and at which lines. */
#ifndef PAGEWALK_REPORT_COW_H
#define PAGEWALK_REPORT_COW_H

#include "report/report.h"

struct cow_fork {
    struct num child, instructions;     /* process id; when                                                       */
    struct num shared_pages;            /* anonymous pages at the fork                                            */
    struct num parent_first, child_first, both, still_shared; /* pages; both: the second writer kept the page     */
    struct num parent_bytes, child_bytes;
    const char *file;                   /* of the child's results; NULL: not known, and so what needs them        */
};
/* A line that copied.  Pages that the other process had copied before count as second. */
struct cow_place { bool child; const char *object, *file, *function; struct num line; u64 first, second, bytes, page_bytes; };
struct cow {
    struct cow_fork *fork;
    size_t forks;
    struct cow_place *place;            /* most pages first                                                       */
    size_t places;
    struct results **held;              /* the children's: strings are theirs                                     */
    size_t helds;
    bool failed;                        /* no memory                                                              */
};

/* The forks of the main program. */
void cow_load(const struct report *r, struct cow *c);
void cow_free(struct cow *c);

#endif
