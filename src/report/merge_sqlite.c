/* SPDX-License-Identifier: MIT
 * merge_sqlite.c - a joined table (merge.h) as the table `results` of an SQLite database.  Written in one transaction: what was
 * there before stays until the new table is whole. */
#include "report/merge.h"

#include <sqlite3.h>
#include <stdlib.h>

enum { WHY = 256 };

/* The statement with its columns; NULL: no memory.  To be freed with sqlite3_free(). */
static char *create_statement(const struct merge *m)
{
    sqlite3_str *s = sqlite3_str_new(NULL);
    sqlite3_str_appendall(s, "CREATE TABLE results(file TEXT");
    for (u32 i = 0; i < m->columns; i++)
        sqlite3_str_appendf(s, ", \"%w\"", m->column[i]);
    sqlite3_str_appendall(s, ")");
    return sqlite3_str_finish(s);
}

static char *insert_statement(const struct merge *m)
{
    sqlite3_str *s = sqlite3_str_new(NULL);
    sqlite3_str_appendall(s, "INSERT INTO results VALUES(?");
    for (u32 i = 0; i < m->columns; i++)
        sqlite3_str_appendall(s, ",?");
    sqlite3_str_appendall(s, ")");
    return sqlite3_str_finish(s);
}

static bool run(sqlite3 *db, const char *sql) { return sql && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK; }

/* SQLite's integers have 63 bits and a sign: a count beyond is written as its digits. */
static void bind(sqlite3_stmt *insert, int at, const struct merge_cell *c)
{
    char digits[24];
    if (c && c->text)
        sqlite3_bind_text(insert, at, c->text, -1, SQLITE_TRANSIENT);
    else if (!c || !c->n.known)
        sqlite3_bind_null(insert, at);
    else if (!(c->n.n >> 63))
        sqlite3_bind_int64(insert, at, (sqlite3_int64)c->n.n);
    else
        sqlite3_bind_text(insert, at, sqlite3_snprintf(sizeof digits, digits, "%llu", (unsigned long long)c->n.n), -1, SQLITE_TRANSIENT);
}

static bool insert_rows(sqlite3 *db, const struct merge *m)
{
    char *sql = insert_statement(m);
    sqlite3_stmt *insert = NULL;
    bool good = sql && sqlite3_prepare_v2(db, sql, -1, &insert, NULL) == SQLITE_OK;
    for (size_t row = 0; good && row < m->rows; row++) {
        sqlite3_bind_text(insert, 1, m->row[row].file, -1, SQLITE_TRANSIENT);
        for (u32 i = 0; i < m->columns; i++)
            bind(insert, (int)i + 2, merge_cell(&m->row[row], i));
        good = sqlite3_step(insert) == SQLITE_DONE && sqlite3_reset(insert) == SQLITE_OK;
    }
    sqlite3_finalize(insert);
    sqlite3_free(sql);
    return good;
}

bool merge_sqlite(const struct merge *m, const char *path, char *why)
{
    char *create = create_statement(m);
    sqlite3 *db = NULL;
    bool good = sqlite3_open(path, &db) == SQLITE_OK && run(db, "BEGIN IMMEDIATE") && run(db, "DROP TABLE IF EXISTS results") && run(db, create) &&
                insert_rows(db, m) && run(db, "COMMIT");
    if (!good)
        sqlite3_snprintf(WHY, why, "%s", db ? sqlite3_errmsg(db) : "not enough memory");
    sqlite3_free(create);
    sqlite3_close(db);
    return good;
}
