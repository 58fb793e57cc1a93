/* SPDX-License-Identifier: MIT
 * types.h - the words every room shares.  Freestanding: needs nothing but the compiler's own headers.
 *
 * Units come last in a name: _bytes, _pages, _cycles, _lg2.  `end` is exclusive, `last` inclusive.
 * Level 0 is the last level of a page table, always. */
#ifndef PAGEWALK_TYPES_H
#define PAGEWALK_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

/* A frame number: physical address >> 12.  A struct, so that a forgotten shift does not compile. */
typedef struct { u64 n; } pfn_t;
#define PFN_NONE ((pfn_t){ ~(u64)0 })

#define PAGE_LG2 12
#define PAGE_BYTES 4096ull
#define PAGE_MASK_LOW 0xfffull

static inline u64 pfn_to_pa(pfn_t f) { return f.n << PAGE_LG2; }
static inline pfn_t pa_to_pfn(u64 pa) { return (pfn_t){ pa >> PAGE_LG2 }; }
static inline bool pfn_is_none(pfn_t f) { return f.n == ~(u64)0; }
static inline bool pfn_eq(pfn_t a, pfn_t b) { return a.n == b.n; }
static inline u64 page_down(u64 a) { return a & ~PAGE_MASK_LOW; }
static inline u64 page_up(u64 a) { return (a + PAGE_MASK_LOW) & ~PAGE_MASK_LOW; }

/* Where text goes: the libraries format lines, the embedder prints them.  `text` is not terminated. */
struct pw_out {
    void (*put)(void *ctx, const char *text, size_t len_bytes);
    void *ctx;
};

#endif
