/* SPDX-License-Identifier: MIT
 * setting_words.c - see setting_words.h. */
#include "trace/setting_words.h"

#include "pagewalk/kernel.h"

#include <string.h>

const struct setting_word thp_words[] = { { "always", MM_THP_ALWAYS }, { "madvise", MM_THP_MADVISE }, { "never", MM_THP_NEVER }, { NULL, 0 } };
const struct setting_word kernel_words[] = { { "6.18", 618 }, { "6.12", 612 }, { "6.1", 601 }, { NULL, 0 } };

bool setting_find(const struct setting_word *words, const char *word, int *value)
{
    for (; words->word; words++)
        if (!strcmp(word, words->word)) {
            *value = words->value;
            return true;
        }
    return false;
}

const char *setting_word(const struct setting_word *words, int value)
{
    while (words->word && words->value != value)
        words++;
    return words->word;
}
