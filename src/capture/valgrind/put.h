/* SPDX-License-Identifier: GPL-2.0-or-later
 * put.h - the lines of a results file (docs/formats.md).  One file is open at a time. */
#ifndef PAGEWALK_CAP_PUT_H
#define PAGEWALK_CAP_PUT_H

#include "cap.h"
#include "pagewalk/results.h"

Bool put_open(const HChar *path);          /* writes the first line; False: cannot be written                     */
Bool put_close(void);                      /* writes the last; False: not all could be written                    */

void put_count(const HChar *name, ULong n);
void put_count_unknown(const HChar *name);
void put_text(const HChar *name, const HChar *value);

/* A table, then for each row put_begin("row"), its values, put_end(). */
void put_table(const HChar *name, const HChar *const *columns); /* ended by NULL                                    */
void put_begin(const HChar *kind);
void put_string(const HChar *s);
void put_number(ULong n);
void put_unknown(void);
void put_end(void);

/* The file, for parts that are not ours alone (results.h). */
extern const struct pw_out put_out;

/* What something has cost: values for RESULTS_COST_COLUMNS. */
void put_costs(const struct sim_cost *c);

/* Pieces of a line. */
void put_field(const HChar *s);            /* after a TAB, as it is                                               */
void put_escaped(const HChar *s);          /* without a TAB                                                       */
void put_bytes(const HChar *s, SizeT len);

#endif
