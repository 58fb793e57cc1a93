/* SPDX-License-Identifier: MIT
 * trace.h - what a program did to its address space, as events; and the follower, which does the same on the model.
 *
 * A front end turns what it sees into events.  While the program runs they go straight to the follower; a recording
 * keeps them (docs/formats.md), and replaying it hands the same events to another follower with other settings.  So the
 * one code follows live programs and recordings.
 *
 * An event says what the host did, with every fact the model needs and cannot know: which file is behind a descriptor, how
 * long it is, where the host put a mapping.  Results are compared; where the model would have answered otherwise, the
 * host's answer is adopted and the difference reported.
 *
 * Threads: one value, no locks.  Addresses are the program's, in bytes; sizes in bytes unless the name says pages. */
#ifndef PAGEWALK_TRACE_H
#define PAGEWALK_TRACE_H

#include "pagewalk/kernel.h"

/* The words of each type of event, in order.  Types are numbers in files: only ever add at the end. */
enum trace_type {
    TRACE_NONE,
    TRACE_PROC,        /* -; text: the program's name.  The first event                                        */
    TRACE_FILE,        /* file, size, inode, enum mm_fs, writable, cached, device major, minor; text: path     */
    TRACE_FILE_CLOSE,  /* file                                                                                 */
    TRACE_FILE_SIZE,   /* file, size                                                                           */
    TRACE_MAP,         /* start, bytes, prot, flags, offset, file or TRACE_NO_FILE: a mapping that is there    */
    TRACE_PROTECT,     /* start, bytes, prot: rights that a mapping has                                        */
    TRACE_STACK,       /* start, end of the first stack                                                        */
    TRACE_BRK,         /* where the heap begins                                                                */
    TRACE_SPECIAL,     /* start, bytes, prot; text: name                                                       */
    TRACE_RUN,         /* -: execve is over but for its faults                                                 */
    TRACE_CPU,         /* the CPU on which things happen from now on                                           */
    TRACE_TOUCH,       /* address, bytes, write, instruction: the kernel's access to user memory               */
    TRACE_CALL,        /* instruction, enum trace_call, result, six arguments, file or TRACE_NO_FILE,
                          refusal, zero device, and for shmat: start, bytes, writable of what was attached     */
    TRACE_FORK,        /* PROC_FORK_VM or 0                                                                    */
    TRACE_CHILD,       /* process id of the child last forked                                                  */
    TRACE_CHILD_END,   /* process id                                                                           */
    TRACE_CHILD_LOST,  /* -: the child last forked never came to be                                            */
    TRACE_LINE,        /* instruction, line; text: object, file, function, ended by 0 each                     */
    TRACE_FORGET,      /* -: addresses mean other lines from now on                                            */
    TRACE_BORN,        /* -: the child last forked is followed from now on, and counted from 0                 */
    TRACE_TYPES
};
#define TRACE_WORDS 16u
#define TRACE_NO_FILE (~(u64)0)
#define TRACE_FILES 4096u       /* files open at once: their numbers are below                                     */

struct trace_event {
    u32 type;                   /* enum trace_type                                                                 */
    u32 text_bytes;             /* of text, without a 0 at its end                                                 */
    u64 word[TRACE_WORDS];
    const char *text;           /* the giver's; NULL: none                                                         */
};
/* How many words events of a type have; 0 also for types that do not exist. */
unsigned trace_words(u32 type);

/* Numbers in files: only ever add at the end. */
enum trace_call {
    TRACE_MMAP, TRACE_MUNMAP, TRACE_MPROTECT, TRACE_BRK_CALL, TRACE_MREMAP, TRACE_MADVISE, TRACE_MLOCK, TRACE_MLOCK2, TRACE_MUNLOCK,
    TRACE_MLOCKALL, TRACE_MUNLOCKALL, TRACE_MSYNC, TRACE_MINCORE, TRACE_SHMAT, TRACE_SHMDT, TRACE_PKEY_MPROTECT, TRACE_CALLS
};
const char *trace_call_name(u32 call);
unsigned trace_call_args(u32 call);

/* ---- the follower ---------------------------------------------------------------------------------------------- */

struct sim;
struct sim_outcome;
struct sim_site;
struct proc;
struct follower;

struct follow_hooks {
    void *ctx;
    /* The model would send the signal of *out for an access that the host made: if the host's mapping explains it, make
     * the model's so (by events) and return true: the access is made again. */
    bool (*mend)(void *ctx, const struct sim_outcome *out);
};

size_t follow_bytes(void);
struct follower *follow_create(void *block, struct sim *s, const struct follow_hooks *hooks);
/* False: the event cannot be (a number out of range, a mapping that the model refuses). */
bool follow(struct follower *f, const struct trace_event *e);

/* An access of the program; false: a signal is on its way. */
bool follow_access(struct follower *f, u64 va, u32 size_bytes, int kind, struct sim_site *site);
/* The fork last followed was this process's beginning: its child is followed from now on. */
bool follow_child(struct follower *f);

/* What the program could have asked for: every mapping of this name is populated when it is made, or gets
 * MADV_HUGEPAGE, or, as far as it holds whole GiB, pages of 1 GiB (MAP_HUGETLB; the kernel needs a pool of them).  A name is a file's path or its last part, "[heap]", "anon 0xADDRESS" as the mappings of a results file
 * are called, or "anon" for all without a name.  Copied; NULL: none. */
enum follow_wish { FOLLOW_POPULATE, FOLLOW_HUGEPAGE, FOLLOW_GIGANTIC, FOLLOW_WISHES };
void follow_wish(struct follower *f, enum follow_wish wish, const char *name);

/* What FOLLOW_POPULATE has filled in so far: the kernel counts it as faults, though none was taken. */
struct follow_populated { u64 pages, faults[MM_FAULT_KINDS]; };
void follow_populated(const struct follower *f, struct follow_populated *out);

struct proc *follow_proc(const struct follower *f);
/* Who pays for what the kernel does. */
struct sim_site *follow_call_site(struct follower *f);
/* Called before that place changes its instruction: its costs so far are the old one's.  NULL: nobody. */
void follow_on_fold(struct follower *f, void (*fold)(void *ctx, struct sim_site *s), void *ctx);

struct follow_count { u64 calls, errors, divergent; };
const struct follow_count *follow_counts(const struct follower *f); /* TRACE_CALLS of them                         */

/* Where the model's answer was not the host's; call: as strace(1) would write it.  The same difference (call and both
 * answers) is one row; after FOLLOW_DIFFERENCES different ones the rest are counted in the last row, "(others)". */
#define FOLLOW_DIFFERENCES 256u
struct follow_difference { char call[160], recorded[80], modelled[80]; u64 count; };
struct follow_differences { u32 rows; struct follow_difference row[FOLLOW_DIFFERENCES]; };
const struct follow_differences *follow_differences(const struct follower *f);
/* Counts one that somebody else has found; what is longer than its field is cut. */
void follow_note(struct follower *f, const char *call, const char *recorded, const char *modelled);

/* Counts and differences begin anew. */
void follow_forget_counts(struct follower *f);

#endif
