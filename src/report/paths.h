/* SPDX-License-Identifier: MIT
 * paths.h - the call paths of a run with --call-paths: a tree of frames.  Used by the views that show who called whom. */
#ifndef PAGEWALK_REPORT_PATHS_H
#define PAGEWALK_REPORT_PATHS_H

#include "report/places.h"

#define PATH_NONE (~0u)

struct path_function { const char *object, *file, *function; };
/* A function as it was reached by one path; those above it stand before it. */
struct path_frame {
    unsigned parent;                /* PATH_NONE: the first of its path                                        */
    unsigned function;
    struct num line;                /* of the call, in the parent's function                                   */
    struct num own[EVENTS];         /* unknown for what paths do not count                                     */
    struct num all[EVENTS];         /* with the frames below it                                                */
};
struct paths {
    struct path_function *function;
    struct path_frame *at;
    size_t functions, n;            /* n 0: the run kept none                                                   */
    bool failed;                    /* no memory                                                               */
};

struct paths paths_read(const struct results *r);
void paths_free(struct paths *p);
/* Does this run know it by path? */
bool paths_know(const struct paths *p, enum event e);
struct num paths_total(const struct paths *p, enum event e);
/* The frames of a path, from this one to its first; how many. */
#define PATH_FRAMES_MAX 2048u   /* a path has at most 1000 calls                                               */
unsigned path_chain(const struct paths *p, unsigned frame, unsigned chain[PATH_FRAMES_MAX]);
const char *path_function_name(const struct path_function *f);

#endif
