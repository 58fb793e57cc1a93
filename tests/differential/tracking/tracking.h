/* SPDX-License-Identifier: MIT
 * tracking.h - write tracking and user faults, done by the host's kernel and by the model: random operations on one arena,
 * compared after each.
 *   gen.c      what is done            native.c   by the host: the main thread, and a handler thread that answers
 *   answer.c   how faults are answered model.c    by Pagewalk: a process and its thread on a machine of two CPUs
 *   main.c     sequences, comparison, shrinking */
#ifndef PAGEWALK_TESTS_TRACKING_H
#define PAGEWALK_TESTS_TRACKING_H

#include <stdbool.h>
#include <stdio.h>

#include "pagewalk/kernel.h"

#define ARENA 0x200000000000ull
#define ARENA_PAGES 1536u              /* three page tables                                                  */
#define SOURCE 0x200010000000ull       /* what is copied: pages that are there, then as many untouched ones  */
#define SOURCE_PAGES 16u
#define SLOTS 2u                       /* userfaultfds                                                       */
#define FILES 2u                       /* memfds of FILE_PAGES pages                                         */
#define FILE_PAGES 40u
#define REGIONS 48u
#define MESSAGES 24u

enum op_kind {
    OP_READ, OP_WRITE, OP_KERNEL_READ, OP_KERNEL_WRITE, OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MREMAP, OP_MADVISE, OP_FORK,
    OP_OPEN, OP_CLOSE, OP_REGISTER, OP_UNREGISTER, OP_PROTECT, OP_COPY, OP_ZEROPAGE, OP_CONTINUE, OP_POISON, OP_MOVE,
    OP_WAKE, OP_SCAN, OP_CLEAR_REFS, OP_KINDS
};

/* a: address or pages of the arena, by kind; policy: how the handler answers faults of this operation. */
struct op { u8 kind, slot, policy; u64 a[8]; };

struct message { u32 slot, event, flags, unused; u64 address, to, len; s64 answer; };
struct line { u64 start, end; char perms[5]; char flags[96]; };

/* What an operation did. */
struct seen {
    s64 result, done;
    u32 signo, code, minor, major, messages, regions, lines;
    u64 addr, walk_end;
    struct message message[MESSAGES];
    struct mm_page_region region[REGIONS];
    struct line line[64];
    u16 page[ARENA_PAGES];             /* pagemap bits 55 and up                                             */
    u16 child[ARENA_PAGES];            /* of a forked child                                                  */
};

/* A side's means of answering a fault, used by the handler of that side. */
enum fill { FILL_COPY, FILL_ZEROPAGE, FILL_CONTINUE };
struct means {
    s64 (*fill)(void *ctx, unsigned slot, enum fill what, u64 addr, u64 mode);
    s64 (*unprotect)(void *ctx, unsigned slot, u64 addr);
    void (*wake)(void *ctx, unsigned slot, u64 addr);
    void (*unregister)(void *ctx, unsigned slot, u64 addr);
    void *ctx;
};
/* Answers the fault in m; tries counts the faults of this operation so far. */
s64 answer(const struct means *by, const struct message *m, unsigned policy, unsigned tries);

void op_make(u64 *random, struct op *op, bool huge);
void op_print(const struct op *op, FILE *to);

/* Both: begin once in a process of its own. */
const char *native_begin(void);
void native_do(const struct op *op, struct seen *out, bool flags_too);
const char *model_begin(const struct kernel_config *cfg);
void model_do(const struct op *op, struct seen *out, bool flags_too);
const char *model_check(void);

#endif
