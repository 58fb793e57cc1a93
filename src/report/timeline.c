/* SPDX-License-Identifier: MIT
 * timeline.c - counters against executed instructions as a table for spreadsheets (RFC 4180): a row for each interval. */
#include "report/timeline.h"

const struct timeline_column timeline_column[TIMELINE_COLUMNS] = {
    { "end", "end" }, { "minor", "minor" }, { "major", "major" }, { "copied", "copied_pages" }, { "zeroed", "zeroed_pages" },
    { "l1i_miss", "l1i_miss" }, { "l1d_miss", "l1d_miss" }, { "walks_i", "walks_i" }, { "walks_d", "walks_d" },
    { "walk_cycles", "walk_cycles" }, { "anon", "anon_pages" }, { "file", "file_pages" }, { "shmem", "shmem_pages" },
    { "tables", "table_pages" },
};

bool report_timeline(const struct report *r, FILE *out)
{
    const struct results_table *t = results_table(r->results, "timeline");

    for (size_t i = 0; i < TIMELINE_COLUMNS; i++)
        fprintf(out, "%s%s", i ? "," : "", timeline_column[i].name);
    fputs("\r\n", out);
    for (size_t row = 0; row < table_rows(t); row++) {
        for (size_t i = 0; i < TIMELINE_COLUMNS; i++) {
            struct num n = table_num(t, row, table_column(t, timeline_column[i].column));
            fputs(i ? "," : "", out);
            if (n.known)
                fprintf(out, "%llu", (unsigned long long)n.n);
        }
        fputs("\r\n", out);
    }
    return !fflush(out) && !ferror(out);
}
