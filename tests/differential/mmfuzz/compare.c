/* SPDX-License-Identifier: MIT
 * compare.c - one operation, seen twice.  What cannot be compared is named in enum excluded and counted:
 *
 *   Referenced   processors may set the accessed bit for accesses that never happened, and a kernel may age pages in
 *                the background (DAMON)
 *   LazyFree     MADV_FREE takes effect when a batch of the CPU drains, which any task there brings about: the model's
 *                value is a lower bound, the anonymous pages the upper */
#include "mmfuzz.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Pagemap bits 55 to 63; the frame number below them is the host's business. */
#define PAGEMAP_BITS (0x1ffull << 55)
#define PAGEMAP_SOFT_DIRTY (1ull << 55)
#define PAGEMAP_SWAPPED (1ull << 62)

struct text { const char *at, *end; };
struct line { const char *s; u32 n; };

/* ---- saying so ------------------------------------------------------------------------------------------------- */

static bool differ(struct difference *d, const char *what)
{
    snprintf(d->what, sizeof d->what, "%s", what);
    return false;
}

static bool numbers(struct difference *d, const char *what, s64 host, s64 model)
{
    snprintf(d->host, sizeof d->host, "%" PRId64 " (0x%" PRIx64 ")", host, (u64)host);
    snprintf(d->model, sizeof d->model, "%" PRId64 " (0x%" PRIx64 ")", model, (u64)model);
    return differ(d, what);
}

static bool lines(struct difference *d, const char *what, struct line host, struct line model)
{
    snprintf(d->host, sizeof d->host, "%.*s", (int)host.n, host.s);
    snprintf(d->model, sizeof d->model, "%.*s", (int)model.n, model.s);
    return differ(d, what);
}

/* ---- text ------------------------------------------------------------------------------------------------------ */

static bool next_line(struct text *t, struct line *l)
{
    const char *end = memchr(t->at, '\n', (size_t)(t->end - t->at));

    l->s = t->at;
    l->n = (u32)((end ? end : t->end) - t->at);
    t->at = end ? end + 1 : t->end;
    return l->n > 0;
}

static bool starts(struct line l, const char *with)
{
    size_t n = strlen(with);
    return l.n >= n && !memcmp(l.s, with, n);
}

static bool same(struct line a, struct line b) { return a.n == b.n && !memcmp(a.s, b.s, a.n); }

/* "start-end perms offset dev inode   name": a header of maps or smaps. */
static bool is_header(struct line l)
{
    const char *dash = memchr(l.s, '-', l.n < 17 ? l.n : 17);
    return dash && memchr(l.s, ':', l.n < 12 ? l.n : 12) == NULL;
}

/* The performer's own: the program, the shared block; and the page that is no mapping. */
static bool is_ours(struct line l)
{
    static char program[32], block[32];

    if (!program[0]) {
        snprintf(program, sizeof program, "%llx-%llx ", PROGRAM_AT, HEAP_AT);
        snprintf(block, sizeof block, "%llx-%llx ", WIRE_AT, WIRE_AT + page_up(sizeof(struct wire)));
    }
    return starts(l, program) || starts(l, block) || starts(l, "ffffffffff600000-");
}

/* Shared anonymous memory has an inode number that nobody chose. */
static bool same_header(struct line a, struct line b)
{
    const u32 upto_dev = 5;
    const char *da, *db, *na, *nb;

    if (same(a, b))
        return true;
    da = memmem(a.s, a.n, " 00:01 ", upto_dev + 2);
    db = memmem(b.s, b.n, " 00:01 ", upto_dev + 2);
    if (!da || !db || da - a.s != db - b.s || memcmp(a.s, b.s, (size_t)(da - a.s)))
        return false;
    na = memchr(a.s, '/', a.n);
    nb = memchr(b.s, '/', b.n);
    return na && nb && a.s + a.n - na == b.s + b.n - nb && !memcmp(na, nb, (size_t)(a.s + a.n - na));
}

/* The next line that is not ours, or that ends the text. */
static bool next_maps(struct text *t, struct line *l)
{
    while (next_line(t, l))
        if (!is_ours(*l))
            return true;
    return false;
}

static bool same_maps(struct text host, struct text model, struct difference *d)
{
    struct line h, m;

    for (;;) {
        bool more_h = next_maps(&host, &h), more_m = next_maps(&model, &m);
        if (!more_h && !more_m)
            return true;
        if (!more_h || !more_m || !same_header(h, m))
            return lines(d, "maps", h, m);
    }
}

/* ---- smaps ----------------------------------------------------------------------------------------------------- */

/* The next line that counts; mappings of ours are passed over whole. */
static bool next_smaps(struct text *t, struct line *l, bool *skipping)
{
    while (next_line(t, l)) {
        if (is_header(*l))
            *skipping = is_ours(*l);
        if (!*skipping && !starts(*l, "ProtectionKey:"))
            return true;
    }
    return false;
}

static u64 kb(struct line l)
{
    const char *colon = memchr(l.s, ':', l.n);
    return colon ? strtoull(colon + 1, NULL, 10) : 0;
}

/* VmFlags without "sd", for a host that tells nothing by it. */
static bool same_flags(struct line h, struct line m)
{
    char a[160], b[160], *sd;

    if (h.n >= sizeof a || m.n >= sizeof b)
        return false;
    memcpy(a, h.s, h.n);
    memcpy(b, m.s, m.n);
    a[h.n] = b[m.n] = 0;
    sd = strstr(a, " sd ");
    if (sd)
        memmove(sd, sd + 3, strlen(sd + 3) + 1);
    return !strcmp(a, b);
}

static bool excused(struct line h, struct line m, struct tally *t, bool soft_dirty)
{
    if (starts(h, "Referenced:") && starts(m, "Referenced:"))
        return ++t->excluded[EXCLUDED_REFERENCED];
    if (starts(h, "LazyFree:") && starts(m, "LazyFree:") && kb(h) >= kb(m))
        return ++t->excluded[EXCLUDED_LAZYFREE];
    return !soft_dirty && starts(h, "VmFlags:") && same_flags(h, m);
}

static bool same_smaps(struct text host, struct text model, bool soft_dirty, struct tally *t, struct difference *d)
{
    bool skip_h = false, skip_m = false;
    struct line h, m, in = { "", 0 };

    for (;;) {
        bool more_h = next_smaps(&host, &h, &skip_h), more_m = next_smaps(&model, &m, &skip_m);
        if (!more_h && !more_m)
            return true;
        if (more_h && more_m && is_header(h))
            in = h;
        if (more_h && more_m && (same(h, m) || (is_header(h) && same_header(h, m)) || excused(h, m, t, soft_dirty)))
            continue;
        lines(d, "smaps", h, m);
        d->addr = strtoull(in.s, NULL, 16);
        return false;
    }
}

/* ---- pages ----------------------------------------------------------------------------------------------------- */

static u64 page_of(const struct command *c, u32 n)
{
    for (u32 i = 0; i < c->spans; i++) {
        if (n < c->span[i].pages)
            return (c->span[i].page + n) << PAGE_LG2;
        n -= (u32)c->span[i].pages;
    }
    return 0;
}

/* After MADV_PAGEOUT a page of the range may be as it was, gone, or swapped out. */
static bool in_set(const struct command *c, u64 addr, u64 host)
{
    return c->op.kind == OP_MADVISE && c->op.a[2] == MM_MADV_PAGEOUT && addr >= c->op.a[0] &&
           addr - c->op.a[0] < c->op.a[1] && (!host || (host & PAGEMAP_SWAPPED));
}

static bool same_words(const struct command *c, const u64 *h, const u64 *m, u32 n, u64 mask, struct difference *d)
{
    for (u32 i = 0; i < n; i++) {
        if (!((h[i] ^ m[i]) & mask) || in_set(c, page_of(c, i), h[i] & mask))
            continue;
        d->addr = page_of(c, i);
        snprintf(d->host, sizeof d->host, "0x%" PRIx64, h[i] & mask);
        snprintf(d->model, sizeof d->model, "0x%" PRIx64, m[i] & mask);
        return differ(d, "pagemap");
    }
    return true;
}

static bool same_bytes(const u8 *h, const u8 *m, u32 n, u64 (*page)(const struct command *, u32),
                       const struct command *c, const char *what, struct difference *d)
{
    for (u32 i = 0; i < n; i++)
        if ((h[i] & 1) != (m[i] & 1)) {
            d->addr = page(c, i);
            return numbers(d, what, h[i], m[i]);
        }
    return true;
}

static u64 vector_page(const struct command *c, u32 n) { return c->op.a[0] + n * PAGE_BYTES; }

/* ---- all ------------------------------------------------------------------------------------------------------- */

static const u8 *after(const u8 *data, u32 bytes) { return data + bytes; }
static struct text text_of(const u8 *data, u32 bytes)
{
    return (struct text){ (const char *)data, (const char *)data + bytes };
}

static bool same_looks(const struct profile *host, const struct command *c, const struct record *h, const u8 *hd,
                       const struct record *m, const u8 *md, struct tally *t, struct difference *d)
{
    const u64 mask = host->soft_dirty ? PAGEMAP_BITS : PAGEMAP_BITS & ~PAGEMAP_SOFT_DIRTY;

    if (!same_maps(text_of(hd, h->maps_bytes), text_of(md, m->maps_bytes), d))
        return false;
    hd = after(hd, (h->maps_bytes + 7) & ~7u);
    md = after(md, (m->maps_bytes + 7) & ~7u);
    if (h->words != m->words)
        return numbers(d, "pagemap", h->words, m->words);
    if (!same_words(c, (const u64 *)(const void *)hd, (const u64 *)(const void *)md, h->words, mask, d))
        return false;
    if (c->op.kind == OP_MADVISE && c->op.a[2] == MM_MADV_PAGEOUT)
        return true;                      /* the sums of smaps have as many values */
    hd = after(hd, h->words * 8);
    md = after(md, m->words * 8);
    if (!same_smaps(text_of(hd, h->smaps_bytes), text_of(md, m->smaps_bytes), host->soft_dirty, t, d))
        return false;
    hd = after(hd, h->smaps_bytes);
    md = after(md, m->smaps_bytes);
    if (h->core_bytes != m->core_bytes || h->vector_bytes != m->vector_bytes)
        return numbers(d, "mincore", h->core_bytes, m->core_bytes);
    return same_bytes(hd, md, h->core_bytes, page_of, c, "core", d) &&
           same_bytes(hd + h->core_bytes, md + m->core_bytes, c->look & LOOK_CORE ? 0 : h->vector_bytes, vector_page, c,
                      "mincore", d);
}

bool compare(const struct profile *host, const struct command *c, const struct record *h, const u8 *host_data,
             const struct record *m, const u8 *model_data, struct tally *t, struct difference *d)
{
    const bool births = c->op.kind == OP_FORK || c->op.kind == OP_THREAD;

    t->ops++;
    d->addr = 0;
    if (h->signo != m->signo || h->code != m->code)
        return numbers(d, "signal", h->signo * 1000 + h->code, m->signo * 1000 + m->code);
    if (h->result != m->result)
        return numbers(d, "result", h->result, m->result);
    if (c->op.kind == OP_EXIT)
        return true;
    if (!births && h->minor != m->minor)
        return numbers(d, "faults", h->minor, m->minor);
    if (!births && h->major != m->major)
        return numbers(d, "major faults", h->major, m->major);
    return same_looks(host, c, h, host_data, m, model_data, t, d);
}
