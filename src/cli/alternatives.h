/* SPDX-License-Identifier: MIT
 * alternatives.h - the words in which `pagewalk whatif` and `advise` name other settings. */
#ifndef PAGEWALK_CLI_ALTERNATIVES_H
#define PAGEWALK_CLI_ALTERNATIVES_H

#include "trace/whatif.h"

/* "thp=always,cpu=zen4" into *a; word lives as long as it does.  False: said what is wrong. */
bool alternative_parse(const char *command, const char *word, struct alternative *a);
unsigned processors(void);

#endif
