/* SPDX-License-Identifier: MIT
 * foreign.c - tells which form a trace has and hands out its accesses one by one (foreign.h).  Called by replay_foreign.c.
 *
 * A load and the store that follows it, by the same instruction of the same bytes, are one access, a read-modify-write: the
 * processor asks for write rights at once (SDM3 4.7).  So the last load is kept back until it is known what comes next. */
#include "trace/foreign/form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct form *const forms[] = { &form_lackey, &form_pinatrace, &form_drmemtrace, &form_champsim };
enum { FORMS = sizeof forms / sizeof forms[0] };

/* ---- what readers tell ---------------------------------------------------------------------------------------------- */

static void put(struct foreign *t, struct foreign_access a)
{
    const struct foreign_access *last = t->queued ? &t->queue[t->queued - 1] : NULL;
    if (a.kind == MMU_STORE && last && last->kind == MMU_LOAD && last->ip == a.ip && last->va == a.va && last->bytes == a.bytes) {
        a.modify = true;
        t->queued--;
    }
    t->queue[t->queued++] = a;
}

void foreign_put(struct foreign *t, enum mmu_kind kind, u64 va, u32 bytes)
{
    put(t, (struct foreign_access){ t->ip, va, bytes, t->thread, (u8)kind, false });
}

void foreign_put_modify(struct foreign *t, u64 va, u32 bytes)
{
    put(t, (struct foreign_access){ t->ip, va, bytes, t->thread, MMU_STORE, true });
}

/* There are few; those past the table's end share its last place. */
void foreign_thread(struct foreign *t, u64 id)
{
    u32 i = 0;
    while (i < t->threads && t->thread_id[i] != id)
        i++;
    if (i == t->threads && i < FORM_THREADS)
        t->thread_id[t->threads++] = id;
    t->thread = i < FORM_THREADS ? i : FORM_THREADS - 1;
    t->fact[FOREIGN_THREADS] = (struct foreign_count){ t->threads, i < FORM_THREADS };
}

void foreign_note_once(struct foreign *t, const char *note)
{
    for (int i = 0; i < FORM_NOTES; i++) {
        if (t->note[i] == note)
            return;
        if (!t->note[i]) {
            t->note[i] = note;
            return;
        }
    }
}

bool foreign_wrong(struct foreign *t, const char *format, ...)
{
    va_list args;
    if (t->error[0])
        return false;
    va_start(args, format);
    vsnprintf(t->error, sizeof t->error, format, args);
    va_end(args);
    return false;
}

/* ---- handing out ------------------------------------------------------------------------------------------------------ */

/* A fetch is counted for each page, as in a live run. */
static void count(struct foreign *t, const struct foreign_access *a)
{
    const u64 pages = 1 + ((a->va & PAGE_MASK_LOW) + a->bytes > PAGE_BYTES);
    t->fact[FOREIGN_FETCHES].n += a->kind == MMU_FETCH ? pages : 0;
    t->fact[FOREIGN_LOADS].n += a->kind == MMU_LOAD || a->modify;
    t->fact[FOREIGN_STORES].n += a->kind == MMU_STORE;
    t->fact[FOREIGN_MODIFIES].n += a->modify;
}

static bool ready(const struct foreign *t)
{
    const u32 n = t->queued - t->given;
    return n > 1 || (n == 1 && (t->over || t->queue[t->given].kind != MMU_LOAD));
}

bool foreign_next(struct foreign *t, struct foreign_access *to)
{
    while (!ready(t)) {
        if (t->over)
            return false;
        if (t->given) {
            memmove(t->queue, t->queue + t->given, (t->queued - t->given) * sizeof t->queue[0]);
            t->queued -= t->given;
            t->given = 0;
        }
        t->over = !t->form->next(t);
    }
    *to = t->queue[t->given++];
    count(t, to);
    return true;
}

bool foreign_whole(const struct foreign *t, struct foreign_error *err)
{
    const unsigned long long at = stream_at(t->s);
    const bool none = !(t->fact[FOREIGN_FETCHES].n | t->fact[FOREIGN_LOADS].n | t->fact[FOREIGN_STORES].n);
    const char *torn = stream_torn(t->s);
    const char *cut = t->form->cut && !t->ended ? t->form->cut : NULL;
    if (torn[0])
        snprintf(err->text, sizeof err->text, "cannot be unpacked after byte %llu of the trace: %s", at, torn);
    else if (t->error[0])
        memcpy(err->text, t->error, sizeof err->text);
    else if (cut && t->line)
        snprintf(err->text, sizeof err->text, "ends after line %llu without %s: it is cut off", (unsigned long long)t->line, cut);
    else if (cut)
        snprintf(err->text, sizeof err->text, "ends after byte %llu without %s: it is cut off", at, cut);
    else if (none)
        snprintf(err->text, sizeof err->text, "holds no accesses");
    else
        return true;
    return false;
}

/* ---- opening ------------------------------------------------------------------------------------------------------------ */

static const struct form *form_called(const char *name)
{
    for (int i = 0; i < FORMS; i++)
        if (!strcmp(forms[i]->name, name))
            return forms[i];
    return NULL;
}

static const struct form *form_of(const u8 *bytes, size_t n)
{
    for (int i = 0; i < FORMS; i++)
        if (forms[i]->is(bytes, n))
            return forms[i];
    return NULL;
}

static void begin(struct foreign *t)
{
    static const struct { enum foreign_fact fact; unsigned told_with; } told[] = {
        { FOREIGN_INSTRUCTIONS, TELLS_FETCHES }, { FOREIGN_FETCHES, TELLS_FETCHES }, { FOREIGN_LOADS, TELLS_DATA }, { FOREIGN_STORES, TELLS_DATA },
        { FOREIGN_MODIFIES, TELLS_DATA },
    };
    t->tells = t->form->tells;
    t->fact[FOREIGN_RECORDS].known = true;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
        t->fact[told[i].fact].known = t->tells & told[i].told_with;
    if (t->form->note)
        foreign_note_once(t, t->form->note);
}

struct foreign *foreign_open(const char *path, const char *form, struct foreign_error *err)
{
    struct foreign *t = calloc(1, sizeof *t);
    const u8 *bytes;
    size_t n;
    if (!t || !(t->s = stream_open(path, err->text))) {
        if (!t)
            snprintf(err->text, sizeof err->text, "cannot be read: not enough memory");
        free(t);
        return NULL;
    }
    n = stream_left(t->s, STREAM_PEEK);
    bytes = stream_see(t->s, n);
    t->form = form ? form_called(form) : form_of(bytes, n);
    if (t->form) {
        begin(t);
        return t;
    }
    if (form)
        snprintf(err->text, sizeof err->text, "cannot be read as '%.32s': the forms are lackey, pinatrace, drmemtrace and champsim", form);
    else if (stream_torn(t->s)[0])
        snprintf(err->text, sizeof err->text, "cannot be unpacked after byte %zu: %s", n, stream_torn(t->s));
    else
        snprintf(err->text, sizeof err->text, n ? "is neither a recording of this version of pagewalk nor a trace of a form known here" : "is empty");
    foreign_close(t);
    return NULL;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------- */

unsigned foreign_progress(const struct foreign *t) { return stream_progress(t->s); }
const char *foreign_form(const struct foreign *t) { return t->form->name; }
const char *foreign_program(const struct foreign *t) { return t->program; }
const char *foreign_arguments(const struct foreign *t) { return t->arguments; }
struct foreign_count foreign_fact(const struct foreign *t, enum foreign_fact fact) { return t->fact[fact]; }
const char *foreign_note(const struct foreign *t, unsigned i) { return i < FORM_NOTES ? t->note[i] : NULL; }

void foreign_close(struct foreign *t)
{
    if (!t)
        return;
    stream_close(t->s);
    free(t->program);
    free(t->arguments);
    free(t);
}
