/* SPDX-License-Identifier: MIT
 * alternatives.h - the words in which `pagewalk whatif` and `advise` name other settings. */
#ifndef PAGEWALK_CLI_ALTERNATIVES_H
#define PAGEWALK_CLI_ALTERNATIVES_H

#include "trace/whatif.h"

/* "thp=always,cpu=zen4" into *a; word is copied.  False: said what is wrong. */
bool alternative_parse(const char *command, const char *word, struct alternative *a);
void alternatives_forget(struct alternative *a, unsigned n);     /* what parsing allocated                            */
unsigned processors(void);

#endif
