/* SPDX-License-Identifier: MIT
 * text_cow.c - copy-on-write after fork: what was shared, who copied first, what stayed shared, which lines copied.  Part of the
 * text view; silent when nothing that a fork left shared was copied. */
#include "report/cow.h"
#include "report/text_internal.h"

/* Forks and copies of the lot. */
static void total(struct text_view *v, const struct cow *c)
{
    struct num shared = num_of(0), parent = num_of(0), child = num_of(0), both = num_of(0), still = num_of(0);

    for (size_t i = 0; i < c->forks; i++) {
        shared = num_add(shared, c->fork[i].shared_pages);
        parent = num_add(parent, c->fork[i].parent_bytes);
        child = num_add(child, c->fork[i].child_bytes);
        both = num_add(both, c->fork[i].both);
        still = num_add(still, c->fork[i].still_shared);
    }
    text_label(v, "parent first", "");
    text_words(v, format_bytes(parent));
    text_detail(v, "copied by the parent of %s shared at %s fork%s", format_pages(shared).text, format_num(num_of(c->forks)).text, c->forks == 1 ? "" : "s");
    text_end(v);
    text_label(v, "child first", "");
    text_words(v, format_bytes(child));
    if (child.known) {
        text_detail(v, "copied by the child");
        text_detail(v, "%s written by both: the second keeps the page", format_pages(both).text);
    } else {
        text_detail(v, "no results of every child as it was forked; --trace-children gives them");
    }
    text_end(v);
    text_label(v, "stayed shared", "");
    text_words(v, format_pages(still));
    text_end(v);
}

/* "3,144 of 4.0 KiB, 0 of 2.0 MiB": since Linux 5.8 a huge page that is written after a fork is split, and pieces of it are copied. */
static void page_sizes(struct text_view *v, const struct cow *c)
{
    static const u64 sizes[] = { 4096, 2u << 20, 1u << 30 };

    text_label(v, "pages copied", "");
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        u64 n = 0;
        for (size_t i = 0; i < c->places; i++)
            n += c->place[i].page_bytes == sizes[s] ? c->place[i].first : 0;
        if (n || s < 2)
            text_detail(v, "%s of %s", format_num(num_of(n)).text, format_bytes(num_of(sizes[s])).text);
    }
    text_end(v);
}

static void put_place(struct text_view *v, const struct cow_place *p)
{
    char name[1024], shown[1024];

    if (*p->file && num_positive(p->line))
        snprintf(name, sizeof name, "%s  %s:%llu", *p->function ? p->function : "???", format_basename(p->file), (unsigned long long)p->line.n);
    else
        snprintf(name, sizeof name, "%s [%s]", *p->function ? p->function : "???", *p->object ? format_basename(p->object) : "???");
    text_label(v, p->child ? "child" : "parent", "");
    text_words(v, format_bytes(num_of(p->bytes)));
    format_name(shown, sizeof shown, name, 60, CUT_END);
    text_detail(v, "%s", shown);
    if (p->page_bytes != PAGE_BYTES)
        text_detail(v, "pages of %s", format_bytes(num_of(p->page_bytes)).text);
    if (p->second)
        text_detail(v, "%s pages more kept: the %s was first", format_num(num_of(p->second)).text, p->child ? "parent" : "child");
    text_end(v);
}

void text_cow(struct text_view *v)
{
    struct cow c;

    cow_load(v->report, &c);
    if (v->top && !c.failed && c.places) {
        text_section(v, "Copied after fork", "exact");
        text_end(v);
        total(v, &c);
        page_sizes(v, &c);
        for (size_t i = 0; i < c.places && i < v->top; i++)
            put_place(v, &c.place[i]);
    }
    cow_free(&c);
}
