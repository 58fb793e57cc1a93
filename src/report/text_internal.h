/* SPDX-License-Identifier: MIT
 * text_internal.h - what the files of the text view share: text.c (the whole), text_machine.c, text_kernel.c, text_top.c
 * (who caused it), text_processes.c. */
#ifndef PAGEWALK_REPORT_TEXT_INTERNAL_H
#define PAGEWALK_REPORT_TEXT_INTERNAL_H

#include "report/format.h"
#include "report/report.h"
#include "report/screen.h"

struct text_view {
    struct screen screen;
    const struct report *report;
    const struct summary *sum;
    unsigned top;
    unsigned field;    /* column at which main numbers end                                                      */
    const char *certainty; /* still to be put at the right margin of this line; "": nothing                  */
};

/* A title; its certainty stands at the right margin of the first line.  "": none. */
void text_title(struct text_view *v, const char *title, const char *certainty);
/* The same after an empty line. */
void text_section(struct text_view *v, const char *title, const char *certainty);
void text_label(struct text_view *v, const char *text, const char *certainty);   /* begins a line below the title */
void text_end(struct text_view *v);                                              /* of a line                     */
void text_number(struct text_view *v, struct num n);                    /* in the column of main numbers         */
void text_words(struct text_view *v, struct words w);
/* A piece of the list after the main number; pieces wrap to the same column. */
void __attribute__((format(printf, 2, 3))) text_detail(struct text_view *v, const char *format, ...);

void text_trace(struct text_view *v);
void text_work(struct text_view *v);
void text_tlbs(struct text_view *v);
void text_walks(struct text_view *v);
void text_guest(struct text_view *v);
void text_caches(struct text_view *v);
void text_faults(struct text_view *v);
void text_memory(struct text_view *v);
void text_syscalls(struct text_view *v);
void text_upkeep(struct text_view *v);
void text_rankings(struct text_view *v);
void text_others(struct text_view *v);
void text_paths(struct text_view *v);
void text_regions(struct text_view *v);
void text_heap(struct text_view *v);
void text_cow(struct text_view *v);
void text_processes(struct text_view *v);

#endif
