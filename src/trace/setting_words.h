/* SPDX-License-Identifier: MIT
 * setting_words.h - the words for settings that people choose from, and what they stand for: one list for options, recordings,
 * whatif and results. */
#ifndef PAGEWALK_TRACE_SETTING_WORDS_H
#define PAGEWALK_TRACE_SETTING_WORDS_H

#include "pagewalk/types.h"

/* Rows, ended by a NULL word. */
struct setting_word { const char *word; int value; };
extern const struct setting_word thp_words[];      /* enum mm_thp                                                  */
extern const struct setting_word kernel_words[];   /* versions as struct kernel_config has them                    */

/* False: there is no such word. */
bool setting_find(const struct setting_word *words, const char *word, int *value);
const char *setting_word(const struct setting_word *words, int value); /* NULL: none                               */

#endif
