/* SPDX-License-Identifier: MIT
 * text_guest.c - what the host's tables added (`run --guest`).  Part of the text view; nothing without --guest. */
#include "report/text_internal.h"

#include <string.h>

static struct num of(const struct text_view *v, const char *name) { return results_count(v->report->results, name); }

static void host_entries(struct text_view *v)
{
    static const char *const level[] = { "last", "1", "2", "3" };
    const struct num n[] = { of(v, "guest.reads.0"), of(v, "guest.reads.1"), of(v, "guest.reads.2"), of(v, "guest.reads.3") };
    struct num all = num_of(0);

    for (int l = 0; l < 4; l++)
        all = num_add(all, n[l]);
    text_label(v, "host entries read", "");
    text_number(v, all);
    text_detail(v, "%s a walk", format_ratio(num_share(all, v->sum->walks)).text);
    for (int l = 0; l < 4; l++)
        if (num_positive(n[l]))
            text_detail(v, l ? "level %s %s" : "%s level %s", level[l], format_num(n[l]).text);
    text_end(v);
}

void text_guest(struct text_view *v)
{
    const char *kind = results_text(v->report->results, "guest.kind");
    const struct num hits = of(v, "guest.gpa_hit"), asked = of(v, "guest.translations"), bytes = of(v, "guest.host_page_bytes");

    if (!kind)
        return;
    text_section(v, "Guest", "modelled");
    text_number(v, asked);
    text_detail(v, "guest addresses translated (%s, host pages of %s)", strcmp(kind, "npt") ? "EPT" : "NPT", bytes.n > 4096 ? "2 MiB" : "4 KiB");
    text_end(v);
    text_label(v, "from the cache", "");
    text_number(v, hits);
    text_detail(v, "%s", format_percent(num_share(hits, asked)).text);
    text_end(v);
    host_entries(v);
    text_label(v, "exits", "");
    text_number(v, of(v, "guest.exits"));
    text_detail(v, "the host gave memory");
    text_detail(v, "host tables %s", format_pages(of(v, "guest.host_table_pages")).text);
    if (num_positive(of(v, "guest.splintered")))
        text_detail(v, "large pages kept in pieces %s times", format_num(of(v, "guest.splintered")).text);
    text_end(v);
}
