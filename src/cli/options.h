/* SPDX-License-Identifier: MIT
 * options.h - the options of `pagewalk run` and `pagewalk report`. */
#ifndef PAGEWALK_CLI_OPTIONS_H
#define PAGEWALK_CLI_OPTIONS_H

#include "pagewalk/types.h"

#include "report/places.h"

enum view { VIEW_JSON, VIEW_CALLGRIND, VIEW_HTML, VIEW_CSV, VIEW_FOLDED, VIEW_SPEEDSCOPE, VIEW_TIMELINE, VIEW_SYMBOL_ORDER, VIEW_SECTION_ORDER, VIEWS };

struct view_options {
    const char *file[VIEWS];          /* a file, "-" for standard output, NULL: not wanted                        */
    enum event weight;                /* of folded stacks; speedscope's first                                     */
    unsigned top;
    bool quiet;
};

struct run_options {
    struct view_options view;
    const char *results;              /* NULL: pagewalk.PID                                                       */
    const char *profile;              /* a built-in one's name, or a whole profile as text                        */
    unsigned cpus;
    const char *record;               /* a recording to write; NULL: none                                         */
    u64 ram_bytes;                    /* 0: as much as this machine has                                           */
    const char *thp;                  /* transparent huge pages; NULL: as this machine has them                   */
    unsigned call_paths;              /* how many calls a path has at most; 0: no paths                          */
    bool heap;                        /* costs by allocation site                                                */
    bool l1;                          /* first-level caches                                                      */
    const char *guest;                /* ept, npt or any; NULL: no guest                                         */
    unsigned host_page_lg2;           /* 12 or 21; 0: not said                                                   */
    bool trace_children, check, check_flush, check_kernel, filter, keep;
    char **program;                   /* the program and its arguments, ended by NULL                             */
};

struct report_options { struct view_options view; const char *file; };

struct replay_options {
    struct view_options view;
    const char *file, *results;       /* the recording; a results file to write, NULL: none                       */
    const char *profile;              /* as run_options; NULL: as recorded, as all that is 0 or NULL               */
    int thp, kernel_version;          /* enum mm_thp, -1: as recorded; 618, 612, 601, 0: 618                       */
    const char *form;                 /* of another tool's trace; NULL: by its content                            */
    const char *guest;                /* ept, npt, any or no                                                     */
    unsigned host_page_lg2;           /* 12 or 21                                                                */
    unsigned cpus, page_lg2;          /* page_lg2: 30, or 0; of such a trace's memory                               */
    u64 ram_bytes, fault_around_bytes;
};

/* 0, or the status to exit with: everything wrong has been said, and STATUS_HELP means that help was asked for. */
#define STATUS_HELP (-1)
int parse_run_options(int argc, char **argv, struct run_options *o);
int parse_replay_options(int argc, char **argv, struct replay_options *o);
int parse_report_options(int argc, char **argv, struct report_options *o);
/* The event of this name, or -1 after saying that there is none. */
int find_event(const char *command, const char *name);

#endif
