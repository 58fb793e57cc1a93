/* SPDX-License-Identifier: MIT
 * merge.c - joins results files into one table (merge.h), and writes it as CSV and JSON Lines.  Called by `pagewalk merge`.
 * Of each file only the texts and counts are kept: a sweep has thousands of files of some megabytes. */
#include "report/merge.h"
#include "report/csv.h"
#include "report/json_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- joining --------------------------------------------------------------------------------------------------------- */

/* Files of one version name the same things in the same order: so look first where the last file had it. */
static u32 column_called(struct merge *m, const char *name, u32 guess)
{
    char **more;
    if (guess < m->columns && !strcmp(m->column[guess], name))
        return guess;
    for (u32 i = 0; i < m->columns; i++)
        if (!strcmp(m->column[i], name))
            return i;
    more = realloc(m->column, (m->columns + 1) * sizeof *more);
    m->column = more ? more : m->column;
    if (!more || !(m->column[m->columns] = strdup(name))) {
        m->no_memory = true;
        return 0;
    }
    return m->columns++;
}

struct adding { struct merge *m; struct merge_row *row; u32 room; };

static void add_cell(struct adding *a, const char *name, const char *text, struct num n)
{
    struct merge_row *row = a->row;
    const u32 guess = row->cells ? row->cell[row->cells - 1].column + 1 : 0;
    if (row->cells == a->room) {
        const u32 room = a->room ? 2 * a->room : 128;
        struct merge_cell *more = realloc(row->cell, room * sizeof *more);
        if (!more) {
            a->m->no_memory = true;
            return;
        }
        row->cell = more;
        a->room = room;
    }
    row->cell[row->cells] = (struct merge_cell){ column_called(a->m, name, guess), text ? strdup(text) : NULL, n };
    a->m->no_memory = a->m->no_memory || (text && !row->cell[row->cells].text);
    row->cells++;
}

static void see_text(void *ctx, const char *name, const char *value) { add_cell(ctx, name, value, NUM_UNKNOWN); }
static void see_count(void *ctx, const char *name, struct num n) { add_cell(ctx, name, NULL, n); }

bool merge_add(struct merge *m, const char *file, struct results_error *err)
{
    struct results *r = results_read(file, NULL, err);
    struct merge_row *more = r ? realloc(m->row, (m->rows + 1) * sizeof *more) : NULL;
    struct adding a = { .m = m };
    if (!r)
        return false;
    m->row = more ? more : m->row;
    if (more) {
        a.row = &m->row[m->rows++];
        *a.row = (struct merge_row){ .file = strdup(file) };
        results_each_text(r, see_text, &a);
        results_each_count(r, "", see_count, &a);
    }
    m->no_memory = m->no_memory || !more || !a.row->file;
    results_free(r);
    if (m->no_memory)
        snprintf(err->text, sizeof err->text, "cannot be joined: not enough memory");
    return !m->no_memory;
}

const struct merge_cell *merge_cell(const struct merge_row *row, u32 column)
{
    for (u32 i = 0; i < row->cells; i++)
        if (row->cell[(column + i) % row->cells].column == column)
            return &row->cell[(column + i) % row->cells];
    return NULL;
}

void merge_free(struct merge *m)
{
    for (size_t i = 0; i < m->rows; i++) {
        for (u32 c = 0; c < m->row[i].cells; c++)
            free(m->row[i].cell[c].text);
        free(m->row[i].cell);
        free(m->row[i].file);
    }
    for (u32 i = 0; i < m->columns; i++)
        free(m->column[i]);
    free(m->row);
    free(m->column);
    *m = (struct merge){ 0 };
}

/* ---- writing --------------------------------------------------------------------------------------------------------- */

static void put_cell(FILE *out, const struct merge_cell *c)
{
    fputc(',', out);
    if (c && c->text)
        csv_put_text(out, c->text);
    else if (c && c->n.known)
        fprintf(out, "%llu", (unsigned long long)c->n.n);
}

bool merge_csv(const struct merge *m, FILE *out)
{
    fputs("file", out);
    for (u32 i = 0; i < m->columns; i++)
        fputc(',', out), csv_put_text(out, m->column[i]);
    fputs("\r\n", out);
    for (size_t row = 0; row < m->rows; row++) {
        csv_put_text(out, m->row[row].file);
        for (u32 i = 0; i < m->columns; i++)
            put_cell(out, merge_cell(&m->row[row], i));
        fputs("\r\n", out);
    }
    return !fflush(out) && !ferror(out);
}

static json_t *json_of_cell(const struct merge_cell *c) { return !c ? json_null() : c->text ? json_of_text(c->text) : json_of_num(c->n); }

bool merge_jsonl(const struct merge *m, FILE *out)
{
    bool good = true;
    for (size_t row = 0; good && row < m->rows; row++) {
        json_t *o = json_object();
        json_put_text(o, "file", m->row[row].file);
        for (u32 i = 0; i < m->columns; i++)
            json_put_key(o, m->column[i], json_of_cell(merge_cell(&m->row[row], i)));
        good = o && !json_dumpf(o, out, JSON_COMPACT) && fputc('\n', out) != EOF;
        json_decref(o);
    }
    return good && !fflush(out) && !ferror(out);
}
