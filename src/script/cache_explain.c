/* SPDX-License-Identifier: MIT
 * cache_explain.c - an access to the cache of `cache ...`, step by step.  Called by cache_cmds.c. */
#include "cache_cmds.h"

#include "base/check.h"

static bool index_is_virtual(const struct cache_world *w) { return w->d.form != MMU_PIPT; }
static u32 lg2(u64 n) { return (u32)__builtin_ctzll(n); }

static void put_bits(struct text *t, u32 high, u32 low)
{
    if (high < low) {
        text_str(t, "no bits");
        return;
    }
    text_str(t, high == low ? "bit " : "bits ");
    text_dec(t, high);
    if (high == low)
        return;
    text_char(t, ':');
    text_dec(t, low);
}

static u32 set_of(const struct cache_world *w, u64 addr) { return (u32)(addr / w->d.line_bytes) & (w->d.sets - 1u); }

static void put_index(struct interp *in, u64 va, u64 pa)
{
    const struct cache_world *w = in->cache;
    const u32 low = lg2(w->d.line_bytes), high = low + lg2(w->d.sets);

    explain_begin(in);
    text_str(&in->t, "index: ");
    put_bits(&in->t, high - 1, low);
    text_str(&in->t, index_is_virtual(w) ? " of the virtual address: set " : " of the physical address, after the TLB: set ");
    text_dec(&in->t, set_of(w, index_is_virtual(w) ? va : pa));
    if (index_is_virtual(w) && high > PAGE_LG2) {
        text_str(&in->t, "; ");
        put_bits(&in->t, high - 1, PAGE_LG2);
        text_str(&in->t, " of it from the page number: colour ");
        text_dec(&in->t, cache_colour(&w->d, va));
        text_str(&in->t, ", the frame's is ");
        text_dec(&in->t, cache_colour(&w->d, pa));
    } else if (index_is_virtual(w)) {
        text_str(&in->t, "; they lie in the page, so the physical address has the same");
    }
    line_end(in);
}

struct in_set { struct interp *in; u32 set; u64 wanted; unsigned seen; };

static void put_way(void *ctx, const struct cache_line *l)
{
    struct in_set *s = ctx;
    struct text *t = &s->in->t;

    if (l->set != s->set)
        return;
    text_str(t, s->seen++ ? ", way " : "way ");
    text_dec(t, l->way);
    text_char(t, ' ');
    text_0x(t, l->tag_addr);
    text_str(t, l->tag_addr == s->wanted ? " is it" : "");
}

static void put_tags(struct interp *in, u64 va, u64 pa)
{
    const struct cache_world *w = in->cache;
    const bool virtual_tag = w->d.form == MMU_VIVT;
    struct in_set s = { in, set_of(w, index_is_virtual(w) ? va : pa), (virtual_tag ? va : pa) & ~(u64)(w->d.line_bytes - 1u), 0 };

    explain_begin(in);
    text_str(&in->t, virtual_tag ? "tag: virtual " : "tag: the TLB has said physical ");
    text_0x(&in->t, s.wanted);
    text_str(&in->t, "; in the set: ");
    cache_each_line(w->m.cache, put_way, &s);
    if (!s.seen)
        text_str(&in->t, "nothing");
    line_end(in);
}

void cache_explain_look(struct interp *in, u64 va, u64 pa)
{
    if (!in->options.explain)
        return;
    put_index(in, va, pa);
    put_tags(in, va, pa);
}

static void say(struct interp *in, const char *text, u64 addr)
{
    explain_begin(in);
    text_str(&in->t, text);
    text_0x(&in->t, addr);
    line_end(in);
}

void cache_explain_result(struct interp *in, u64 pa, const struct cache_result *r)
{
    const u64 line = pa & ~(u64)(in->cache->d.line_bytes - 1u);

    if (!in->options.explain)
        return;
    if (r->written_back)
        say(in, "the victim was dirty: its bytes go to memory at ", r->victim_pa);
    if (r->moved)
        say(in, "the line stood in another set that its address inside the page allows: it is taken from there, not from memory at ", line);
    else if (!r->hit)
        say(in, "the line comes from memory at ", line);
    if (r->synonym)
        say(in, "another copy of it stays in the cache under another address; stores to one do not reach the other: ", line);
    if (r->homonym)
        say(in, "the tags agree, but this address means another line now; the bytes are wrong for ", line);
}
