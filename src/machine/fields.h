/* SPDX-License-Identifier: MIT
 * fields.h - the rows of an entry's format (arch/x86_pte_fields.def and its like) as masks: including the rows in a function that has
 * level, form, f and mask collects in mask the bits that some row claims.  Included by what builds modes. */
#ifndef PAGEWALK_MACHINE_FIELDS_H
#define PAGEWALK_MACHINE_FIELDS_H

#include "pagewalk/types.h"

enum form { T = 1, L = 2, B = T | L }; /* of an entry: it points to a table, it maps a page                             */

static inline u64 bits(unsigned low, unsigned high)
{
    return high < low ? 0 : (~(u64)0 >> (63 - (high - low))) << low;
}

#define FIELD(name, low, high, first, last, forms, condition, meaning) \
    if (level >= (first) && level <= (last) && ((forms) & form) && (condition)) \
        mask |= bits(low, high);

#endif
