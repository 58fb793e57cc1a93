/* SPDX-License-Identifier: MIT
 * parse.c - the reader of results files (docs/formats.md).  Called by results_read() and the fuzz target.
 *
 * First frame.c proves the frame (first line, closing line, number of lines, checksum), then each line is taken apart
 * in place.  After the checksum only a defect of the writer or a forged file can be wrong, but nothing is trusted. */
#include "report/results.h"
#include "report/results_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRESS_LINES 16384

struct parser {
    struct results *r;
    char *at, *end;              /* what is left of the body                                                  */
    size_t line, lines;          /* number of the current line, from 1; lines in the body                     */
    struct results_table *open;  /* the table that rows belong to; NULL: none                                 */
    struct results_error *err;
};

/* ---- refusing -------------------------------------------------------------------------------------------------- */

/* A piece of the file for a message: short, and nothing that a terminal would obey. */
struct quoted { char text[48]; };
static struct quoted quote(const char *s)
{
    struct quoted q;
    size_t n = 0;

    for (; s[n] && n < sizeof q.text - 4; n++)
        q.text[n] = (unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x7f ? s[n] : '?';
    memcpy(q.text + n, s[n] ? "..." : "", s[n] ? 4 : 1);
    return q;
}

static bool __attribute__((format(printf, 2, 3))) damaged(struct parser *p, const char *format, ...)
{
    char what[256];
    va_list args;

    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return results_refuse(p->err, "is damaged at line %zu (%s); run the program again to make a new one", p->line, what);
}

static bool no_memory(struct parser *p) { return results_refuse(p->err, "cannot be read: not enough memory"); }

/* ---- fields ---------------------------------------------------------------------------------------------------- */

/* Cuts the next field off the line at *line; NULL when there is none. */
static char *next_field(char **line)
{
    char *field = *line, *tab;

    if (!field)
        return NULL;
    tab = strchr(field, '\t');
    if (tab)
        *tab = 0;
    *line = tab ? tab + 1 : NULL;
    return field;
}

static bool is_control(unsigned char c) { return c < 0x20 || c == 0x7f; }

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* %XX back to bytes, in place.  A string of the file never holds a zero byte. */
static bool unescape(struct parser *p, char *s)
{
    char *to = s;

    for (; *s; s++) {
        if (is_control((unsigned char)*s))
            return damaged(p, "a control character stands in a string");
        if (*s != '%') {
            *to++ = *s;
            continue;
        }
        int high = hex_digit(s[1]), low = high < 0 ? -1 : hex_digit(s[2]);
        if (low < 0 || high * 16 + low == 0)
            return damaged(p, "a %% in a string is not followed by two hex digits that make a character");
        *to++ = (char)(high * 16 + low);
        s += 2;
    }
    *to = 0;
    return true;
}

static bool number(struct parser *p, const char *field, struct num *n)
{
    *n = NUM_UNKNOWN;
    if (!strcmp(field, "?"))
        return true;
    n->known = true;
    return results_u64(field, &n->n) || damaged(p, "\"%s\" is not a number of at most 64 bits", quote(field).text);
}

static bool good_name(struct parser *p, const char *name)
{
    if (!name || !*name)
        return damaged(p, "a name is missing");
    for (const char *c = name; *c; c++)
        if (is_control((unsigned char)*c) || *c == ' ')
            return damaged(p, "\"%s\" is not a name", quote(name).text);
    return true;
}

/* Room for one more item in a growing array. */
static bool grow(struct parser *p, void *array, size_t used, size_t *max, size_t item_bytes)
{
    void **items = array, *more;
    size_t want = *max ? *max * 2 : 16;

    if (used < *max)
        return true;
    more = realloc(*items, want * item_bytes);
    if (!more)
        return no_memory(p);
    *items = more;
    *max = want;
    return true;
}

/* ---- kinds of line --------------------------------------------------------------------------------------------- */

static bool text_line(struct parser *p, char *rest)
{
    struct results *r = p->r;
    char *name = next_field(&rest), *value = next_field(&rest);

    if (!good_name(p, name))
        return false;
    if (!value || rest)
        return damaged(p, "a text line has a name and one value");
    if (!unescape(p, value) || !grow(p, &r->text, r->texts, &r->texts_max, sizeof *r->text))
        return false;
    r->text[r->texts++] = (struct named_text){ name, value };
    return true;
}

static bool count_line(struct parser *p, char *rest)
{
    struct results *r = p->r;
    char *name = next_field(&rest), *value = next_field(&rest);
    struct num n;

    if (!good_name(p, name))
        return false;
    if (!value || rest)
        return damaged(p, "a count line has a name and one number");
    if (!number(p, value, &n) || !grow(p, &r->count, r->counts, &r->counts_max, sizeof *r->count))
        return false;
    r->count[r->counts++] = (struct named_count){ name, n };
    return true;
}

static bool table_line(struct parser *p, char *rest)
{
    struct results *r = p->r;
    struct results_table t = { .name = next_field(&rest) };
    char *column;

    if (!good_name(p, t.name))
        return false;
    while ((column = next_field(&rest))) {
        if (!good_name(p, column))
            return false;
        if (table_column(&t, column) >= 0)
            return damaged(p, "column \"%s\" stands twice", quote(column).text);
        if (t.columns == TABLE_COLUMNS_MAX)
            return damaged(p, "a table has more than %d columns", TABLE_COLUMNS_MAX);
        t.column[t.columns++] = column;
    }
    if (!t.columns)
        return damaged(p, "a table has no columns");
    if (!grow(p, &r->table, r->tables, &r->tables_max, sizeof *r->table))
        return false;
    r->table[r->tables++] = t;
    p->open = &r->table[r->tables - 1];
    return true;
}

static bool table_room(struct parser *p, struct results_table *t)
{
    size_t want = t->rows_max ? t->rows_max * 2 : 8;
    void *cell, *unknown;

    if (t->rows < t->rows_max)
        return true;
    cell = realloc(t->cell, want * t->columns * sizeof *t->cell);
    if (cell)
        t->cell = cell;
    unknown = realloc(t->unknown, want * t->columns);
    if (unknown)
        t->unknown = unknown;
    t->rows_max = cell && unknown ? want : t->rows_max;
    return (cell && unknown) || no_memory(p);
}

static bool row_line(struct parser *p, char *rest)
{
    struct results_table *t = p->open;
    struct num n;
    size_t at;

    if (!t)
        return damaged(p, "a row stands outside a table");
    if (!table_room(p, t))
        return false;
    at = t->rows * t->columns;
    for (unsigned c = 0; c < t->columns; c++, at++) {
        char *field = next_field(&rest);
        if (!field)
            return damaged(p, "a row of table %s has %u values and not %u", quote(t->name).text, c, t->columns);
        t->unknown[at] = 0;
        t->cell[at].text = field;
        if (t->column[c][0] == '$') {
            if (!unescape(p, field))
                return false;
            continue;
        }
        if (!number(p, field, &n))
            return false;
        t->cell[at].n = n.n;
        t->unknown[at] = !n.known;
    }
    if (rest)
        return damaged(p, "a row of table %s has more than %u values", quote(t->name).text, t->columns);
    t->rows++;
    return true;
}

static bool parse_line(struct parser *p, char *line)
{
    static const struct { const char *word; bool (*parse)(struct parser *, char *rest); bool keeps_table; } kinds[] = {
        { "row", row_line, true }, { "count", count_line, false }, { "text", text_line, false }, { "table", table_line, true },
    };
    char *word = next_field(&line);

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(word, kinds[i].word))
            continue;
        if (!kinds[i].keeps_table)
            p->open = NULL;
        return kinds[i].parse(p, line);
    }
    return damaged(p, "\"%s\" begins no kind of line", quote(word).text);
}

/* ---- a name stands once ---------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* items: structs whose first member is the name. */
static bool all_different(struct parser *p, const char *what, const void *items, size_t n, size_t item_bytes)
{
    const char **name = malloc((n + 1) * sizeof *name), *twice = NULL;

    if (!name)
        return no_memory(p);
    for (size_t i = 0; i < n; i++)
        name[i] = *(const char *const *)((const char *)items + i * item_bytes);
    qsort(name, n, sizeof *name, by_name);
    for (size_t i = 1; i < n && !twice; i++)
        if (!strcmp(name[i - 1], name[i]))
            twice = name[i];
    free(name);
    return !twice || results_refuse(p->err, "is damaged: %s \"%s\" stands twice; run the program again to make a new one", what, quote(twice).text);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static bool parse_body(struct parser *p, const struct results_progress *progress)
{
    for (; p->at < p->end; p->line++) {
        char *line = p->at, *newline = memchr(line, '\n', (size_t)(p->end - line));
        *newline = 0;  /* the closing line begins after a newline, so there is one */
        p->at = newline + 1;
        if (memchr(line, 0, (size_t)(newline - line)))
            return damaged(p, "there is a zero byte");
        if (p->line > 1 && !parse_line(p, line))
            return false;
        if (progress && p->line % PROGRESS_LINES == 0)
            progress->seen(progress->ctx, (unsigned)(p->line * 100 / p->lines));
    }
    return all_different(p, "the text", p->r->text, p->r->texts, sizeof *p->r->text) &&
           all_different(p, "the count", p->r->count, p->r->counts, sizeof *p->r->count) &&
           all_different(p, "the table", p->r->table, p->r->tables, sizeof *p->r->table);
}

struct results *results_parse(char *bytes, size_t len_bytes, const struct results_progress *progress,
                              struct results_error *err)
{
    struct parser p = { .at = bytes, .line = 1, .err = err };

    bytes[len_bytes] = 0;
    p.r = calloc(1, sizeof *p.r);
    if (!p.r) {
        free(bytes);
        no_memory(&p);
        return NULL;
    }
    p.r->bytes = bytes;
    if (results_frame(bytes, len_bytes, &p.end, &p.lines, err) && parse_body(&p, progress))
        return p.r;
    results_free(p.r);
    return NULL;
}
