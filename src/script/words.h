/* SPDX-License-Identifier: MIT
 * words.h - a line cut into words, and what words can mean: numbers, names, flags joined with '|'. */
#ifndef PAGEWALK_SCRIPT_WORDS_H
#define PAGEWALK_SCRIPT_WORDS_H

#include "pagewalk/types.h"

#define WORDS_MAX 16u

struct word { const char *s; u32 len; };
struct words { unsigned n; struct word w[WORDS_MAX]; };

/* Cuts at blanks; a word that begins with '#' ends the line.  false: more than WORDS_MAX words. */
bool words_cut(const char *line, size_t len_bytes, struct words *out);

bool word_is(struct word w, const char *text);
/* "key=value" with this key: the value goes to *value. */
bool word_value(struct word w, const char *key, struct word *value);
/* Decimal or 0x, up to 64 bits, with an optional K, M or G.  false: not a number. */
bool word_number(struct word w, u64 *out);
/* "cpuN". */
bool word_cpu(struct word w, unsigned *cpu);

/* Names of flags or of choices; ends with a NULL name. */
struct flag_name { const char *name; u64 value; };
/* Names and numbers joined with '|', values or-ed; "none" is 0.  false: *bad is the part that means nothing. */
bool word_flags(struct word w, const struct flag_name *names, u64 *out, struct word *bad);
/* One name.  false: unknown. */
bool word_choice(struct word w, const struct flag_name *names, u64 *out);

#endif
