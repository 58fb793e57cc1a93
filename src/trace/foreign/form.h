/* SPDX-License-Identifier: MIT
 * form.h - what foreign.c and the readers of the forms share: a form is a row, a reader turns one record after the other into
 * accesses. */
#ifndef PAGEWALK_TRACE_FOREIGN_FORM_H
#define PAGEWALK_TRACE_FOREIGN_FORM_H

#include "pagewalk/mmu.h"
#include "trace/foreign/foreign.h"
#include "trace/foreign/stream.h"

enum { FORM_NOTES = 8, FORM_RECORD_MAX = 8, FORM_THREADS = 1024 };

/* What a trace can tell at all. */
enum { TELLS_FETCHES = 1, TELLS_DATA = 2 };

struct form {
    const char *name;
    bool (*is)(const u8 *bytes, size_t n);     /* its beginning, up to STREAM_PEEK bytes, could be that of such a trace  */
    bool (*next)(struct foreign *t);           /* takes a record, puts its accesses; false: the last was before, or wrong */
    const char *cut;                           /* what ought to have stood at the end, if something does: how to say so   */
    unsigned tells;
    const char *note;                          /* NULL: none                                                              */
};
extern const struct form form_lackey, form_pinatrace, form_drmemtrace, form_champsim;

struct foreign {
    const struct form *form;
    struct stream *s;
    struct foreign_access queue[FORM_RECORD_MAX + 1];
    u32 queued, given;                         /* of queue                                                                */
    bool over, ended;                          /* no more records; what ends such traces was there                        */
    unsigned tells;                            /* as form->tells, or less: this one says so itself                        */
    u64 line;                                  /* of text, from 1                                                         */
    u64 ip;                                    /* of the instruction that accesses belong to; next_ip: where it ends      */
    u64 next_ip;
    u32 thread, threads;
    u64 thread_id[FORM_THREADS];
    struct foreign_count fact[FOREIGN_FACTS];
    char *program, *arguments;
    const char *note[FORM_NOTES];
    char error[sizeof ((struct foreign_error *)0)->text];
};

/* An access of the current instruction, or the instruction's fetch. */
void foreign_put(struct foreign *t, enum mmu_kind kind, u64 va, u32 bytes);
/* A store that loads, too. */
void foreign_put_modify(struct foreign *t, u64 va, u32 bytes);
/* Who makes the accesses from now on. */
void foreign_thread(struct foreign *t, u64 id);
void foreign_note_once(struct foreign *t, const char *note);
/* Nothing after this can be trusted.  Returns false. */
bool __attribute__((format(printf, 2, 3))) foreign_wrong(struct foreign *t, const char *format, ...);

/* ---- text -------------------------------------------------------------------------------------------------------- */

struct piece { const char *at, *end; };
/* The next line; false: there is none, or it is not whole, which has been said. */
bool foreign_line(struct foreign *t, struct piece *line);
/* A line that is none of this form: says so.  Returns false. */
bool foreign_wrong_line(struct foreign *t, struct piece line, const char *expected);
/* Takes a number; false: there is none, or it has more than 64 bits. */
bool take_hex(struct piece *p, u64 *n);
bool take_dec(struct piece *p, u64 *n);
bool take_word(struct piece *p, const char *word);

/* ---- bytes: little-endian ------------------------------------------------------------------------------------------ */

static inline u16 get16(const u8 *p) { return (u16)(p[0] | p[1] << 8); }
static inline u64 get64(const u8 *p)
{
    u64 v = 0;
    for (int i = 7; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

#endif
