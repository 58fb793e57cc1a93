/* SPDX-License-Identifier: MIT
 * foreign.h - traces that other tools have written, as accesses (docs/formats.md, "Other people's traces").
 *
 * Whatever the bytes, a reader gives what can be trusted and then says what is wrong and where; it never crashes. */
#ifndef PAGEWALK_TRACE_FOREIGN_H
#define PAGEWALK_TRACE_FOREIGN_H

#include "pagewalk/types.h"

struct foreign;
struct foreign_error { char text[512]; };   /* one sentence without the file's name                                */

struct foreign_access {
    u64 ip, va;
    u32 bytes;                   /* 1 where the trace does not say                                                 */
    u32 thread;                  /* 0, 1 ... in the order in which they come                                       */
    u8 kind;                     /* enum mmu_kind                                                                  */
    bool modify;                 /* a store: it loads, too                                                         */
};

/* What a trace says about the run that it is of. */
enum foreign_fact {
    FOREIGN_EXIT, FOREIGN_PID, FOREIGN_PARENT, FOREIGN_INSTRUCTIONS, FOREIGN_LOADS, FOREIGN_STORES, FOREIGN_MODIFIES, FOREIGN_FETCHES,
    FOREIGN_THREADS, FOREIGN_RECORDS, FOREIGN_FACTS
};
struct foreign_count { u64 n; bool known; };

/* form: a name, NULL: told by the content.  NULL: no such trace, *err says why. */
struct foreign *foreign_open(const char *path, const char *form, struct foreign_error *err);
/* False: this was the last. */
bool foreign_next(struct foreign *t, struct foreign_access *to);
unsigned foreign_progress(const struct foreign *t);
/* After the last: false: the trace is cut or damaged, and *err says where. */
bool foreign_whole(const struct foreign *t, struct foreign_error *err);

const char *foreign_form(const struct foreign *t);
const char *foreign_program(const struct foreign *t);     /* NULL: unknown, as in the next line                    */
const char *foreign_arguments(const struct foreign *t);
struct foreign_count foreign_fact(const struct foreign *t, enum foreign_fact fact);
/* Sentences on what this trace does not say, in order; NULL past the last. */
const char *foreign_note(const struct foreign *t, unsigned i);
void foreign_close(struct foreign *t);

#endif
