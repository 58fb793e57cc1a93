/* SPDX-License-Identifier: MIT
 * part_cmds.c - `part ...`: base, limit and contiguous partitions (pagewalk/partition.h).  Called by interp.c.  Like the MPU it
 * is a machine of its own. */
#include "interp_internal.h"

#include "base/check.h"
#include "pagewalk/partition.h"

#include <stdlib.h>

#define BYTES_MAX (1ull << 40)

void part_drop(struct interp *in)
{
    free(in->part);
    in->part = NULL;
}

static bool part_new(struct interp *in, const struct words *w)
{
    static const struct flag_name fits[] = { { "first", PART_FIRST }, { "best", PART_BEST }, { "worst", PART_WORST }, { "next", PART_NEXT }, { NULL, 0 } };
    u64 bytes, fit, unit = 1;
    bool paged = false;
    struct word value;

    if (!need_number(in, w, 2, &bytes))
        return false;
    if (!bytes || bytes > BYTES_MAX)
        return fail(in, "memory has 1 byte to 1T, not", &w->w[2]);
    if (!word_choice(w->w[3], fits, &fit))
        return fail(in, "first, best, worst or next, not", &w->w[3]);
    for (unsigned i = 4; i < w->n; i++) {
        if (word_is(w->w[i], "paged"))
            paged = true;
        else if (!word_value(w->w[i], "unit", &value) || !word_number(value, &unit) || !unit || unit > bytes)
            return fail(in, "unit=N or paged, not", &w->w[i]);
    }
    if (!in->part && !(in->part = malloc(sizeof *in->part)))
        return fail(in, "no memory", NULL);
    part_init(in->part, bytes, unit, (enum part_fit)fit, paged);
    done_ok(in);
    return true;
}

/* The process's number at word 2.  false: answered with an error. */
static bool take_process(struct interp *in, const struct words *w, unsigned *n)
{
    u64 v = 0;

    if (!need_number(in, w, 2, &v))
        return false;
    if (v >= PART_PROCESSES_MAX)
        return fail(in, "processes are 0 to 255, not", &w->w[2]);
    *n = (unsigned)v;
    return true;
}

static void put_field(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_dec(t, v);
}

static void put_place(struct interp *in, unsigned n)
{
    in->t.len = 0;
    text_str(&in->t, "ok");
    if (!in->part->paged) {
        text_str(&in->t, " base=");
        text_0x(&in->t, in->part->process[n].base);
    }
    text_str(&in->t, " limit=");
    text_0x(&in->t, in->part->process[n].limit);
    line_end(in);
}

static void put_no_hole(struct interp *in)
{
    in->t.len = 0;
    text_str(&in->t, "no hole:");
    put_field(&in->t, "free", part_free_bytes(in->part));
    put_field(&in->t, "largest", part_largest_hole(in->part));
    put_field(&in->t, "holes", part_holes(in->part));
    line_end(in);
}

/* With --explain: every hole, and what the rule says of it. */
static void explain_holes(struct interp *in)
{
    const struct part *p = in->part;
    u64 begin = 0;

    if (!in->options.explain || p->paged)
        return;
    for (unsigned at = 0; at <= p->in_memory; at++) {
        const u64 end = at < p->in_memory ? p->process[p->order[at]].base : p->bytes;

        if (end > begin) {
            explain_begin(in);
            text_str(&in->t, "hole at ");
            text_0x(&in->t, begin);
            text_str(&in->t, ", ");
            text_dec(&in->t, end - begin);
            text_str(&in->t, p->fit == PART_NEXT && begin <= p->next && p->next < end ? " bytes; the last search ended here" : " bytes");
            line_end(in);
        }
        if (at < p->in_memory)
            begin = end + p->process[p->order[at]].limit;
    }
}

static bool part_start_cmd(struct interp *in, const struct words *w)
{
    unsigned n = 0;
    u64 bytes = 0;

    if (!take_process(in, w, &n) || !need_number(in, w, 3, &bytes))
        return false;
    if (in->part->process[n].limit || !bytes || bytes > BYTES_MAX)
        return fail(in, in->part->process[n].limit ? "there is a process" : "a process has 1 byte to 1T, not", &w->w[in->part->process[n].limit ? 2 : 3]);
    explain_holes(in);
    if (part_start(in->part, n, bytes))
        put_place(in, n);
    else
        put_no_hole(in);
    return true;
}

static bool part_in_cmd(struct interp *in, const struct words *w)
{
    unsigned n = 0;

    if (!take_process(in, w, &n))
        return false;
    if (!in->part->process[n].limit || in->part->process[n].base != PART_NONE)
        return fail(in, "no process on disk is called", &w->w[2]);
    explain_holes(in);
    if (part_swap_in(in->part, n))
        put_place(in, n);
    else
        put_no_hole(in);
    return true;
}

static bool part_end_cmd(struct interp *in, const struct words *w)
{
    unsigned n = 0;

    if (!take_process(in, w, &n))
        return false;
    if (!part_end(in->part, n))
        return fail(in, "there is no process", &w->w[2]);
    done_ok(in);
    return true;
}

static bool part_out_cmd(struct interp *in, const struct words *w)
{
    unsigned n = 0;

    if (!take_process(in, w, &n))
        return false;
    if (!part_swap_out(in->part, n))
        return fail(in, "no process in memory is called", &w->w[2]);
    done_ok(in);
    return true;
}

static bool part_compact_cmd(struct interp *in, const struct words *w)
{
    const u64 before = in->part->moved_bytes;

    (void)w;
    part_compact(in->part);
    in->t.len = 0;
    text_str(&in->t, "ok");
    put_field(&in->t, "moved", in->part->moved_bytes - before);
    line_end(in);
    return true;
}

static bool part_access_cmd(struct interp *in, const struct words *w)
{
    const struct part_process *x;
    unsigned n = 0;
    u64 va = 0, pa;

    if (!take_process(in, w, &n) || !need_number(in, w, 3, &va))
        return false;
    x = &in->part->process[n];
    if (!x->limit || in->part->paged)
        return fail(in, in->part->paged ? "with paging a page table translates" : "there is no process", in->part->paged ? NULL : &w->w[2]);
    if (in->options.explain) {
        explain_begin(in);
        text_0x(&in->t, va);
        text_str(&in->t, va < x->limit ? " is below the limit " : " is not below the limit ");
        text_0x(&in->t, x->limit);
        if (va < x->limit && x->base != PART_NONE) {
            text_str(&in->t, ": the base ");
            text_0x(&in->t, x->base);
            text_str(&in->t, " is added");
        }
        line_end(in);
    }
    in->t.len = 0;
    if (part_access(in->part, n, va, &pa)) {
        text_str(&in->t, "ok pa=");
        text_0x(&in->t, pa);
    } else {
        text_str(&in->t, va < x->limit ? "on disk" : "limit fault");
    }
    line_end(in);
    return true;
}

static bool part_map_cmd(struct interp *in, const struct words *w)
{
    const struct part *p = in->part;
    const struct pw_out out = listing_out(in);

    (void)w;
    for (unsigned at = 0; at < p->in_memory && !p->paged; at++) {
        const struct part_process *x = &p->process[p->order[at]];
        struct text t = { 0 };

        text_0x(&t, x->base);
        text_char(&t, '-');
        text_0x(&t, x->base + x->limit - 1);
        put_field(&t, "process", p->order[at]);
        text_char(&t, '\n');
        text_emit(&t, &out);
    }
    in->t.len = 0;
    text_str(&in->t, "memory");
    put_field(&in->t, "free", part_free_bytes(p));
    put_field(&in->t, "largest", part_largest_hole(p));
    put_field(&in->t, "rounded", p->used - p->asked);
    put_field(&in->t, "moved", p->moved_bytes);
    put_field(&in->t, "swapped", p->swapped_bytes);
    line_end(in);
    done_dot(in);
    return true;
}

bool cmd_part(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; const char *usage; } verbs[] = {
        { "new", part_new, 4, 6, "part new BYTES first|best|worst|next [unit=N] [paged]" },
        { "start", part_start_cmd, 4, 4, "part start N BYTES" },
        { "end", part_end_cmd, 3, 3, "part end N" },
        { "out", part_out_cmd, 3, 3, "part out N" },
        { "in", part_in_cmd, 3, 3, "part in N" },
        { "compact", part_compact_cmd, 2, 2, "part compact" },
        { "access", part_access_cmd, 4, 4, "part access N VA" },
        { "map", part_map_cmd, 2, 2, "part map" },
    };

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->part || i == 0 ? verbs[i].fn(in, w) : fail(in, "there are no partitions: begin with part new", NULL);
    }
    return fail(in, "new, start, end, out, in, compact, access or map, not", &w->w[1]);
}
