/* SPDX-License-Identifier: GPL-2.0-or-later
 * lines.c - which function and line an instruction belongs to, and what each line has cost.
 *
 * Rows are interned by (object, file, function, line); a second table remembers the row of each address, so that
 * Valgrind's debug information is asked once an instruction.  Addresses are forgotten when code is unmapped. */
#include "cap.h"

struct address { struct address *next; UWord key; struct cap_line *line; };
struct name { struct name *next; UWord key; HChar text[]; };

static VgHashTable *addresses, *lines, *names;

static UWord hash_text(const HChar *s)
{
    UWord h = 14695981039346656037ul;
    for (; *s; s++)
        h = (h ^ (UChar)*s) * 1099511628211ul;
    return h;
}

static Word names_differ(const void *a, const void *b)
{
    return VG_(strcmp)(((const struct name *)a)->text, ((const struct name *)b)->text);
}

const HChar *cap_intern(const HChar *s)
{
    SizeT len = VG_(strlen)(s);
    struct name *n = VG_(malloc)("pagewalk.name", sizeof *n + len + 1), *old;
    if (!names)
        names = VG_(HT_construct)("pagewalk.names");
    n->key = hash_text(s);
    VG_(memcpy)(n->text, s, len + 1);
    old = VG_(HT_gen_lookup)(names, n, names_differ);
    if (old) {
        VG_(free)(n);
        return old->text;
    }
    VG_(HT_add_node)(names, n);
    return n->text;
}

static Word lines_differ(const void *a, const void *b)
{
    const struct cap_line *x = a, *y = b;
    return !(x->object == y->object && x->file == y->file && x->function == y->function && x->line == y->line);
}

static struct cap_line *line_row(struct cap_line want)
{
    struct cap_line *row;
    if (!lines)
        lines = VG_(HT_construct)("pagewalk.lines");
    want.key = ((UWord)want.function * 31 + (UWord)want.file) * 31 + (UWord)want.object + want.line * 2654435761ul;
    row = VG_(HT_gen_lookup)(lines, &want, lines_differ);
    if (!row) {
        row = VG_(malloc)("pagewalk.line", sizeof *row);
        *row = want;
        VG_(HT_add_node)(lines, row);
    }
    return row;
}

static const HChar *source_file(Addr ip, UInt *line)
{
    const HChar *file, *dir;
    HChar path[1024];
    if (!VG_(get_filename_linenum)(VG_(current_DiEpoch)(), ip, &file, &dir, line))
        return "";
    if (!dir || !*dir || file[0] == '/')
        return cap_intern(file);
    VG_(snprintf)(path, sizeof path, "%s/%s", dir, file);
    return cap_intern(path);
}

/* object, file and function, each with its 0 */
static void tell_line(Addr ip, const struct cap_line *l)
{
    HChar text[3 * 1024];
    struct trace_event e = { .type = TRACE_LINE, .word = { ip, l->line }, .text = text };
    const HChar *const part[] = { l->object, l->file, l->function };
    for (UInt i = 0; i < 3; i++) {
        SizeT n = VG_(strlen)(part[i]);
        n = n < 1023 ? n : 1023;
        VG_(memcpy)(text + e.text_bytes, part[i], n);
        text[e.text_bytes + n] = 0;
        e.text_bytes += (UInt)n + 1;
    }
    cap_record_event(&e);
}

static struct cap_line *look_up(Addr ip)
{
    struct cap_line want = { .object = "", .file = "", .function = "" };
    const HChar *text;
    DiEpoch now = VG_(current_DiEpoch)();
    want.file = source_file(ip, &want.line);
    if (VG_(get_fnname)(now, ip, &text))
        want.function = cap_intern(text);
    if (VG_(get_objname)(now, ip, &text))
        want.object = cap_intern(text);
    return line_row(want);
}

struct cap_line *cap_line_of(Addr ip)
{
    struct address *a;
    if (!addresses)
        addresses = VG_(HT_construct)("pagewalk.addresses");
    a = VG_(HT_lookup)(addresses, ip);
    if (!a) {
        a = VG_(malloc)("pagewalk.address", sizeof *a);
        a->key = ip;
        a->line = look_up(ip);
        VG_(HT_add_node)(addresses, a);
    }
    return a->line;
}

/* Not when they are looked up: that may be in the middle of a block, where the recording takes no events. */
void cap_tell_lines(void)
{
    const struct address *a;
    if (!cap.opt.record || !addresses)
        return;
    VG_(HT_ResetIter)(addresses);
    while ((a = VG_(HT_Next)(addresses)))
        tell_line(a->key, a->line);
}

void cap_forget_names(void)
{
    cap_tell_lines();
    cap_record_event(&(struct trace_event){ .type = TRACE_FORGET });
    if (addresses)
        VG_(HT_destruct)(addresses, VG_(free));
    addresses = NULL;
}

static Int by_name(const void *a, const void *b)
{
    const struct cap_line *x = *(struct cap_line *const *)a, *y = *(struct cap_line *const *)b;
    Int d = VG_(strcmp)(x->object, y->object);
    d = d ? d : VG_(strcmp)(x->file, y->file);
    d = d ? d : VG_(strcmp)(x->function, y->function);
    return d ? d : x->line < y->line ? -1 : x->line > y->line;
}

/* In the order of names, so that equal runs give equal files. */
void cap_each_line(void (*see)(void *ctx, const struct cap_line *line), void *ctx)
{
    UInt n = 0;
    VgHashNode **row = lines ? VG_(HT_to_array)(lines, &n) : NULL;
    if (!row)
        return;
    VG_(ssort)(row, n, sizeof row[0], by_name);
    for (UInt i = 0; i < n; i++)
        see(ctx, (struct cap_line *)row[i]);
    VG_(free)(row);
}

void cap_forget_lines(void)
{
    cap_forget_names();
    if (lines)
        VG_(HT_destruct)(lines, VG_(free));
    lines = NULL;
}
