/* SPDX-License-Identifier: MIT
 * check.h - assertions of the freestanding halves.  CHECK is always on: a broken invariant of our own ends the
 * program at once (a trap instruction; the debugger or the embedder's handler shows where).  DEBUG_CHECK is for
 * development builds (-DPW_DEBUG). */
#ifndef PAGEWALK_BASE_CHECK_H
#define PAGEWALK_BASE_CHECK_H

#define CHECK(cond) ((cond) ? (void)0 : __builtin_trap())
#ifdef PW_DEBUG
#define DEBUG_CHECK(cond) CHECK(cond)
#else
#define DEBUG_CHECK(cond) ((void)0)
#endif

#define RARE(x) __builtin_expect(!!(x), 0)
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

#endif
