/* SPDX-License-Identifier: GPL-2.0-or-later
 * write_forks.c - copy-on-write after fork, as tables of the results file.  Called by write.c. */
#include "forks.h"
#include "put.h"

static void write_forks(void)
{
    static const HChar *const columns[] = { "number", "child", "instructions", "ns", "shared_pages", NULL };
    const struct cap_fork *f;
    UInt n = cap_forks(&f);
    put_table("forks", columns);
    for (UInt i = 0; i < n; i++) {
        const ULong v[] = { f[i].number, (ULong)f[i].child, f[i].work, f[i].ns, f[i].shared_pages };
        put_begin("row");
        for (UInt c = 0; c < sizeof v / sizeof v[0]; c++)
            put_number(v[c]);
        put_end();
    }
}

static void write_copies(void)
{
    static const HChar *const columns[] = { "first_fork", "last_fork", "start", "pages", "page_bytes", "first_ns", "last_ns", "$object", "$file",
                                            "$function", "line", NULL };
    const struct cap_copy *c;
    UInt n = cap_copies(&c);
    put_table("copies", columns);
    for (UInt i = 0; i < n; i++) {
        const ULong v[] = { c[i].first_fork, c[i].last_fork, c[i].start, c[i].pages, c[i].page_bytes, c[i].first_ns, c[i].last_ns };
        put_begin("row");
        for (UInt k = 0; k < sizeof v / sizeof v[0]; k++)
            put_number(v[k]);
        put_string(c[i].line ? c[i].line->object : "");
        put_string(c[i].line ? c[i].line->file : "");
        put_string(c[i].line ? c[i].line->function : "");
        put_number(c[i].line ? c[i].line->line : 0);
        put_end();
    }
}

void cap_write_forks(void)
{
    const struct cap_birth *b = cap_birth();
    if (b) {
        put_count("fork.ns", b->ns);
        put_count("fork.shared_pages", b->shared_pages);
    }
    write_forks();
    write_copies();
}
