/* SPDX-License-Identifier: MIT
 * num.h - a number of a report: a 64-bit count, or unknown.  Unknown is printed as unknown, never as 0, so every
 * operation here gives unknown when an operand is unknown or when the result does not fit. */
#ifndef PAGEWALK_REPORT_NUM_H
#define PAGEWALK_REPORT_NUM_H

#include "pagewalk/types.h"

struct num { u64 n; bool known; };

#define NUM_UNKNOWN ((struct num){ 0, false })

static inline struct num num_of(u64 n) { return (struct num){ n, true }; }
static inline bool num_positive(struct num a) { return a.known && a.n > 0; }

static inline struct num num_add(struct num a, struct num b)
{
    u64 sum;
    if (!a.known || !b.known || __builtin_add_overflow(a.n, b.n, &sum))
        return NUM_UNKNOWN;
    return num_of(sum);
}

static inline struct num num_sub(struct num a, struct num b)
{
    return a.known && b.known && a.n >= b.n ? num_of(a.n - b.n) : NUM_UNKNOWN;
}

static inline struct num num_mul(struct num a, u64 factor)
{
    u64 product;
    if (!a.known || __builtin_mul_overflow(a.n, factor, &product))
        return NUM_UNKNOWN;
    return num_of(product);
}

/* part / whole; negative when it cannot be said (unknown, or a whole of 0). */
static inline double num_share(struct num part, struct num whole)
{
    return part.known && num_positive(whole) ? (double)part.n / (double)whole.n : -1.0;
}

/* Order for rankings: larger first, unknown last. */
static inline int num_descending(struct num a, struct num b)
{
    if (a.known != b.known)
        return a.known ? -1 : 1;
    return a.n > b.n ? -1 : a.n < b.n;
}

#endif
