/* SPDX-License-Identifier: MIT
 * json_internal.h - what the files of the JSON view share: json_values.c (numbers, strings, lists), json_machine.c,
 * json_kernel.c, and json.c, which puts the document together.
 *
 * Every function gives a new reference; jansson's setters take it over.  When memory runs out jansson hands NULL on,
 * and json.c finds the document incomplete. */
#ifndef PAGEWALK_REPORT_JSON_INTERNAL_H
#define PAGEWALK_REPORT_JSON_INTERNAL_H

#include "report/report.h"

#include <jansson.h>

json_t *json_of_num(struct num n);             /* null when unknown                                              */
json_t *json_of_text(const char *s);           /* any bytes; null for NULL                                       */
json_t *json_of_share(double x);               /* null when negative                                             */
json_t *json_group(const char *certainty);     /* an object that says how sure it is                             */
void json_put(json_t *o, const char *key, struct num n);
void json_put_text(json_t *o, const char *key, const char *s);
void json_put_key(json_t *o, const char *key, json_t *value); /* key: any bytes                                  */

/* The rows of a table as a list of objects; columns whose names begin with $ are strings. */
struct json_key { const char *key, *column; };
json_t *json_of_table(const struct results_table *t, const struct json_key *keys, size_t n);

json_t *json_of_tlb(const struct summary *s);
json_t *json_of_walks(const struct summary *s);
json_t *json_of_guest(const struct results *r);      /* json_guest.c; null: no --guest                          */
json_t *json_of_caches(const struct results *r);     /* json_caches.c; null: without --l1                       */

json_t *json_of_faults(const struct results *r, const struct summary *s);
json_t *json_of_rss(const struct summary *s);
json_t *json_of_page_tables(const struct summary *s);
json_t *json_of_map_count(const struct summary *s);
json_t *json_of_shootdowns(const struct summary *s);
json_t *json_of_syscalls(const struct results *r, const struct summary *s);
json_t *json_of_divergences(const struct results *r, const struct summary *s);
json_t *json_of_check(const struct summary *s); /* null when the run did not check; the same below                */
json_t *json_of_check_kernel(const struct summary *s);
json_t *json_of_check_flush(const struct results *r, const struct summary *s);

/* json_where.c; null: the file has none. */
json_t *json_of_timeline(const struct results *r);
json_t *json_of_regions(const struct results *r);
json_t *json_of_allocations(const struct results *r);
json_t *json_of_paths(const struct results *r);      /* json_paths.c                                            */
json_t *json_of_heat(const struct results *r);
json_t *json_of_cow(const struct report *r);
json_t *json_of_startup(const struct results *r);
json_t *json_of_trace(const struct results *r, const struct summary *s); /* trace.c                               */

json_t *report_document(const struct report *r); /* the whole report (docs/json.md); NULL: no memory              */

#endif
