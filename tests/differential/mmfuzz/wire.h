/* SPDX-License-Identifier: MIT
 * wire.h - what the fuzzer and its performer share: one block of memory, mapped by both.
 *
 *   fuzzer     invents operations, does them in the model, writes commands     (gen.c, model.c, run.c)
 *   performer  a tiny program with an address space of its own that does the commands on the host kernel, looks at
 *              /proc/self after each and writes records                          (performer.c)
 *
 * Commands travel in batches; while one half of the block is performed the other is filled.  The fuzzer knows what
 * each command will need to record, because the model has done it already, and gives it that much room.
 * The performer has no libc: this header needs nothing but types.h. */
#ifndef PAGEWALK_MMFUZZ_WIRE_H
#define PAGEWALK_MMFUZZ_WIRE_H

#include "pagewalk/types.h"

/* The performer's own memory: its program ends where the heap of a scenario begins, so that both heaps are the same. */
#define HEAP_AT 0x555555555000ull
#define PROGRAM_BYTES 0x1a000ull
#define PROGRAM_AT (HEAP_AT - PROGRAM_BYTES)
#define WIRE_AT 0x555540000000ull

enum { BATCH = 64, SPANS = 48, TASKS = 4, VECTOR_PAGES = 2048, DATA_BYTES = 1280 << 10 };

/* Descriptors the performer is born with; files follow FD_FILE in the order of struct setup. */
enum { FD_WIRE = 3, FD_SELF, FD_ZERO, FD_SINK, FD_FILE = 10, FD_MAPS = 30, FD_PAGEMAP, FD_SMAPS, FD_PIDFD };

enum op_kind {
    OP_READ, OP_WRITE, OP_FETCH,          /* a[0]: address                                                     */
    OP_COPY_TO, OP_COPY_FROM,             /* a[0] address, a[1] length: the kernel writes, reads user memory   */
    OP_MMAP,                              /* a[4]: index of the file, NO_FILE: none                            */
    OP_MUNMAP, OP_MPROTECT, OP_MREMAP, OP_BRK, OP_MADVISE, OP_MLOCK, OP_MLOCK2, OP_MUNLOCK, OP_MLOCKALL,
    OP_MUNLOCKALL, OP_MINCORE, OP_MSYNC, OP_MSEAL,
    OP_TRUNCATE,                          /* a[0] file, a[1] size                                              */
    OP_PUNCH,                             /* a[0] file, a[1] offset, a[2] length                               */
    OP_FORK, OP_THREAD,                   /* a[0]: the child's slot; a thread shares the address space only    */
    OP_PRCTL,                             /* a[0] option and up to four arguments                              */
    OP_NAME,                              /* PR_SET_VMA_ANON_NAME: a[0] address, a[1] length, a[2]: 0 none, 1, 2  */
    OP_SETRLIMIT,                         /* a[0] resource, a[1] bytes without the performer's own             */
    OP_PKEY_ALLOC, OP_PKEY_FREE, OP_PKEY_MPROTECT,
    OP_PROCESS_MADVISE,                   /* of itself: a[0] address, a[1] length, a[2] advice                 */
    OP_MEMBARRIER,
    OP_EXIT,                              /* a[0]: the slot that goes on                                       */
    OP_EXEC,
    OP_LOOK,                              /* nothing: what another process's operations did to this one        */
    OP_KINDS
};
#define NO_FILE (~(u64)0)

struct op { u8 kind, actor; u64 a[6]; };
struct span { u64 page, pages; };

enum look { LOOK_SMAPS = 1, LOOK_CORE = 2 };
struct command {
    struct op op;
    u32 look, spans;
    u32 at, room;         /* where in data[] the record may be written                                          */
    struct span span[SPANS];
};
/* data[at]: maps text, pagemap words (8-aligned), smaps text, one byte a page of mincore. */
struct record {
    s64 result;           /* a value, or -errno                                                                */
    u32 minor, major;
    u32 signo, code;
    u32 maps_bytes, smaps_bytes, words, vector_bytes, core_bytes;
};
struct half {
    u32 count;
    struct command command[BATCH];
    struct record record[BATCH];
    u8 data[DATA_BYTES];
};

/* The rlimits to begin with; ~0: unlimited.  The performer adds its own memory where it counts.  That is never locked,
 * but while mlockall(MCL_CURRENT) runs it counts too, so the limit is raised for that long. */
struct setup { u64 rlimit_stack, rlimit_data, rlimit_as, rlimit_memlock; };

struct wire {
    u32 published, done;  /* batches; done is the futex on which the fuzzer waits, published the performer's      */
    u32 turn;             /* futex: the slot that performs                                                     */
    u32 next;             /* command of the current batch                                                      */
    u32 leaving;          /* pid of a task whose end must be awaited; 0: none                                  */
    u32 execing;          /* the performer was replaced by itself in the middle of a command                    */
    u32 pid[TASKS];
    struct setup setup;
    struct half half[2];
};

#endif
