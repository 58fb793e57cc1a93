/* SPDX-License-Identifier: MIT
 * profile_text.h - the words of a profile's text, shared by its reader and its writer so that they cannot differ.
 * docs/formats.md, "CPU profiles", describes the format. */
#ifndef PAGEWALK_MACHINE_PROFILE_TEXT_H
#define PAGEWALK_MACHINE_PROFILE_TEXT_H

#include "pagewalk/profile.h"

#define PROFILE_FIRST_LINE "pagewalk-profile 1"

struct profile_word { const char *name; u32 value; }; /* tables end with a NULL name                            */

/* Hidden: reached without the loader's table of addresses, so that the library needs no symbol for it. */
#define PROFILE_TABLE extern const __attribute__((visibility("hidden")))
PROFILE_TABLE struct profile_word profile_vendors[], profile_features[], profile_ports[], profile_sizes[], profile_hashes[],
    profile_repls[], profile_levels[], profile_sides[], profile_forms[];

/* How a value is written: a number, one word of a table, or words joined by '+' whose values are or-ed. */
enum profile_form { FORM_NUMBER, FORM_WORD, FORM_WORDS };

/* One "key=value" of a line: where it goes and what it may be.  Rows of a table, ended by a NULL key. */
struct profile_key {
    const char *key;
    u16 offset, bytes;
    u8 form;
    u32 low, high;                      /* FORM_NUMBER                                                              */
    const struct profile_word *words;
    bool optional;                      /* 0 when it is not there                                                   */
};
PROFILE_TABLE struct profile_key profile_tlb_keys[], profile_psc_keys[], profile_cache_keys[], profile_timing_keys[],
    profile_costs_keys[];

static inline u32 profile_get(const struct profile_key *k, const void *row)
{
    const u8 *at = (const u8 *)row + k->offset;
    return k->bytes == 1 ? *at : *(const u16 *)(const void *)at;
}

#endif
