/* SPDX-License-Identifier: MIT
 * profile_read.c - a profile from its text; see profile.h for the contract and docs/formats.md for the format.
 *
 * One line at a time, by the table of keywords below; a line that means nothing ends the reading with its number.
 * Freestanding: `pagewalk run` reads a file with it, and the capture tool reads the same text again. */
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "machine/cpu.h"
#include "machine/profile_text.h"
#include "machine/psc.h"
#include "machine/tlb.h"

#define ENTRIES_MAX 65536u /* of one array                                                                       */

struct piece { const char *s; size_t len; };

struct reader {
    struct mmu_profile_store *to;
    struct mmu_profile_error *err;
    unsigned line;
    u32 seen;              /* by row of keywords[]                                                                */
    const char **source;   /* of the row above: where its source line goes                                        */
};

/* ---- errors ------------------------------------------------------------------------------------------------------- */

static void error_text(struct mmu_profile_error *err, const struct text *t)
{
    size_t n = t->len < sizeof err->text - 1 ? t->len : sizeof err->text - 1;
    memcpy(err->text, t->buf, n);
    err->text[n] = 0;
}

/* "WHAT 'PIECE' MORE"; the piece is cut and made printable.  Always false. */
static bool wrong(struct reader *r, const char *what, struct piece p, const char *more)
{
    struct text t = { 0 };
    text_str(&t, what);
    if (p.s) {
        text_str(&t, " '");
        for (size_t i = 0; i < p.len && i < 32; i++)
            text_char(&t, p.s[i] > ' ' && p.s[i] < 0x7f ? p.s[i] : p.s[i] == ' ' ? ' ' : '?');
        text_str(&t, p.len > 32 ? "...'" : "'");
    }
    text_str(&t, more);
    r->err->line = r->line;
    error_text(r->err, &t);
    return false;
}

static const struct piece nothing = { NULL, 0 };

/* ---- pieces of a line ----------------------------------------------------------------------------------------------- */

static bool blank(char c) { return c == ' ' || c == '\t'; }

static struct piece piece_of(const char *text)
{
    struct piece p = { text, 0 };
    while (text[p.len])
        p.len++;
    return p;
}

static bool piece_is(struct piece p, const char *text)
{
    size_t i = 0;
    while (i < p.len && text[i] && p.s[i] == text[i])
        i++;
    return i == p.len && !text[i];
}

static struct piece trim(struct piece p)
{
    while (p.len && blank(*p.s))
        p.s++, p.len--;
    while (p.len && blank(p.s[p.len - 1]))
        p.len--;
    return p;
}

/* Takes what stands before the first `end` (a blank: any), and that character, off the front of *rest. */
static struct piece take(struct piece *rest, char end)
{
    struct piece p = { rest->s, 0 };
    while (p.len < rest->len && !(end == ' ' ? blank(p.s[p.len]) : p.s[p.len] == end))
        p.len++;
    size_t used = p.len + (p.len < rest->len);
    *rest = (struct piece){ rest->s + used, rest->len - used };
    return p;
}

static struct piece take_word(struct piece *rest)
{
    *rest = trim(*rest);
    return take(rest, ' ');
}

static bool number(struct piece p, u32 *out)
{
    u64 n = 0;
    for (size_t i = 0; i < p.len; i++) {
        if (p.s[i] < '0' || p.s[i] > '9' || n > 0xffffffff / 10)
            return false;
        n = n * 10 + (u64)(p.s[i] - '0');
    }
    *out = (u32)n;
    return p.len && n <= 0xffffffff;
}

static bool word(const struct profile_word *words, struct piece p, u32 *out)
{
    for (; words->name; words++)
        if (piece_is(p, words->name)) {
            *out = words->value;
            return true;
        }
    return false;
}

/* ---- values ----------------------------------------------------------------------------------------------------------- */

static bool need_number(struct reader *r, const char *what, struct piece p, u32 low, u32 high, u32 *out)
{
    struct text t = { 0 };
    if (number(p, out) && *out >= low && *out <= high)
        return true;
    text_str(&t, what);
    text_str(&t, " is a number from ");
    text_dec(&t, low);
    text_str(&t, " to ");
    text_dec(&t, high);
    text_str(&t, ", not");
    text_char(&t, 0);
    return wrong(r, t.buf, p, "");
}

static bool value(struct reader *r, const struct profile_key *k, struct piece p, u32 *out)
{
    u32 bit;
    if (k->form == FORM_NUMBER)
        return need_number(r, k->key, p, k->low, k->high, out);
    if (k->form == FORM_WORD)
        return word(k->words, p, out) || wrong(r, "unknown word", p, "");
    *out = 0;
    do {
        struct piece one = take(&p, '+');
        if (!word(k->words, one, &bit))
            return wrong(r, "unknown word", one, "");
        *out |= bit;
    } while (p.len);
    return true;
}

static void store(const struct profile_key *k, void *row, u32 v)
{
    u8 *at = (u8 *)row + k->offset;
    if (k->bytes == 1)
        *at = (u8)v;
    else
        *(u16 *)(void *)at = (u16)v;
}

/* All keys of the table but optional ones, each once, in any order. */
static bool keys(struct reader *r, const struct profile_key *table, struct piece rest, void *row)
{
    u32 seen = 0, v;

    for (struct piece p = take_word(&rest); p.len; p = take_word(&rest)) {
        struct piece key = take(&p, '=');
        unsigned i = 0;
        while (table[i].key && !piece_is(key, table[i].key))
            i++;
        if (!table[i].key)
            return wrong(r, "unknown key", key, "");
        if (seen >> i & 1)
            return wrong(r, "twice on one line:", key, "");
        if (!value(r, &table[i], p, &v))
            return false;
        store(&table[i], row, v);
        seen |= 1u << i;
    }
    for (unsigned i = 0; table[i].key; i++)
        if (!(seen >> i & 1) && !table[i].optional)
            return wrong(r, "the line lacks", piece_of(table[i].key), "");
    return true;
}

/* ---- lines ------------------------------------------------------------------------------------------------------------ */

static bool keep(struct reader *r, struct piece p, const char **to)
{
    if (sizeof r->to->chars - r->to->chars_used <= p.len)
        return wrong(r, "the profile's names and sources are too long together", nothing, "");
    *to = mmu_profile_keep(r->to, p.s, p.len);
    return true;
}

static bool take_name(struct reader *r, struct piece rest)
{
    for (size_t i = 0; i < rest.len; i++)
        if (blank(rest.s[i]))
            return wrong(r, "a name is one word, not", rest, "");
    return keep(r, rest, &r->to->profile.name);
}

static bool take_title(struct reader *r, struct piece rest) { return keep(r, rest, &r->to->profile.title); }
static bool take_notes(struct reader *r, struct piece rest) { return keep(r, rest, &r->to->profile.notes); }

static bool take_vendor(struct reader *r, struct piece rest)
{
    u32 v;
    if (!word(profile_vendors, rest, &v))
        return wrong(r, "vendor is intel or amd, not", rest, "");
    r->to->profile.vendor = (enum mmu_vendor)v;
    return true;
}

static bool take_physical(struct reader *r, struct piece rest)
{
    u32 v;
    if (!need_number(r, "physical_bits", rest, 32, 52, &v))
        return false;
    r->to->profile.maxphyaddr = (u8)v;
    return true;
}

static bool take_virtual(struct reader *r, struct piece rest)
{
    if (!piece_is(rest, "48") && !piece_is(rest, "57"))
        return wrong(r, "virtual_bits is 48 or 57, not", rest, "");
    r->to->profile.va_bits = rest.s[0] == '4' ? 48 : 57;
    return true;
}

static bool take_features(struct reader *r, struct piece rest)
{
    u32 bit;
    for (struct piece p = take_word(&rest); p.len; p = take_word(&rest)) {
        if (!word(profile_features, p, &bit))
            return wrong(r, "unknown feature", p, "");
        r->to->profile.features |= bit;
    }
    return true;
}

static bool take_tlb(struct reader *r, struct piece rest)
{
    struct mmu_tlb_desc t = { .source = "not given" }, *kept;
    struct piece name = take_word(&rest);

    if (!keys(r, profile_tlb_keys, rest, &t) || !keep(r, name, &t.name))
        return false;
    if (!assoc_possible(t.ways, t.sets, MMU_LRU))
        return wrong(r, "sets is a power of two", nothing, "");
    if (!assoc_possible(t.ways, t.sets, (enum mmu_repl)t.repl))
        return wrong(r, "this replacement policy cannot have so many ways", nothing, "");
    if (t.pcids > 16 && t.pcids != MMU_PCIDS_NONE)
        return wrong(r, "an array keeps 1 to 16 PCIDs, or none: 255", nothing, "");
    if ((u32)t.ways * t.sets > ENTRIES_MAX)
        return wrong(r, "an array has at most 65536 entries", nothing, "");
    kept = mmu_profile_add_tlb(r->to, &t);
    if (!kept)
        return wrong(r, "more arrays than a profile can have", nothing, "");
    r->source = &kept->source;
    return true;
}

static bool take_psc(struct reader *r, struct piece rest)
{
    struct mmu_psc_desc c = { .source = "not given" }, *kept;
    struct piece level = take_word(&rest);
    u32 v;

    if (!word(profile_levels, level, &v))
        return wrong(r, "a structure cache holds PDE, PDPTE, PML4E or PML5E, not", level, "");
    c.level = (u8)v;
    if (!keys(r, profile_psc_keys, rest, &c))
        return false;
    if (!psc_possible(&c))
        return wrong(r, "a structure cache's entries are its ways times a power of two", nothing, "");
    kept = mmu_profile_add_psc(r->to, &c);
    if (!kept)
        return wrong(r, "more structure caches than a profile can have", nothing, "");
    r->source = &kept->source;
    return true;
}

static bool take_cache(struct reader *r, struct piece rest)
{
    struct mmu_cache_desc c = { .source = "not given" }, *kept;
    struct piece name = take_word(&rest);

    if (!keys(r, profile_cache_keys, rest, &c) || !keep(r, name, &c.name))
        return false;
    if (mmu_cache_unfit(&c))
        return wrong(r, mmu_cache_unfit(&c), nothing, "");
    kept = mmu_profile_add_cache(r->to, &c);
    if (!kept)
        return wrong(r, "a profile has one cache for fetches and one for data", nothing, "");
    r->source = &kept->source;
    return true;
}

static bool take_timing(struct reader *r, struct piece rest)
{
    r->to->profile.timing.source = "not given";
    r->source = &r->to->profile.timing.source;
    return keys(r, profile_timing_keys, rest, &r->to->profile.timing);
}

static bool take_costs(struct reader *r, struct piece rest)
{
    struct mmu_costs *c = &r->to->profile.timing.costs;
    c->source = "not given";
    r->source = &c->source;
    return keys(r, profile_costs_keys, rest, c);
}

static bool take_source(struct reader *r, struct piece rest)
{
    const char **to = r->source;
    if (!to)
        return wrong(r, "a source belongs under a tlb, psc, cache, timing or costs line", nothing, "");
    r->source = NULL;
    return keep(r, rest, to);
}

static const struct keyword {
    const char *name;
    bool (*take)(struct reader *r, struct piece rest);
    bool needed, repeats;
} keywords[] = {
    { "name", take_name, true, false },
    { "title", take_title, false, false },
    { "vendor", take_vendor, true, false },
    { "physical_bits", take_physical, true, false },
    { "virtual_bits", take_virtual, true, false },
    { "features", take_features, true, false },
    { "tlb", take_tlb, true, true },
    { "psc", take_psc, false, true },
    { "cache", take_cache, false, true },
    { "timing", take_timing, true, false },
    { "costs", take_costs, false, false },
    { "source", take_source, false, true },
    { "notes", take_notes, false, false },
};

static bool take_line(struct reader *r, struct piece line)
{
    struct piece first;
    u32 i = 0;

    for (size_t c = 0; c < line.len; c++)
        if ((u8)line.s[c] < ' ' && line.s[c] != '\t')
            return wrong(r, "the line holds bytes that are not text", nothing, "");
    first = take_word(&line);
    line = trim(line);
    if (!first.len || *first.s == '#')
        return true;
    while (i < COUNT_OF(keywords) && !piece_is(first, keywords[i].name))
        i++;
    if (i == COUNT_OF(keywords))
        return wrong(r, "unknown keyword", first, "");
    if (!line.len)
        return wrong(r, "nothing follows", first, "");
    if (!keywords[i].repeats && r->seen >> i & 1)
        return wrong(r, "a second", first, " line");
    r->seen |= 1u << i;
    return keywords[i].take(r, line);
}

/* ---- the whole ---------------------------------------------------------------------------------------------------------- */

bool mmu_profile_is_text(const char *text, size_t len_bytes)
{
    size_t n = sizeof PROFILE_FIRST_LINE - 1;
    return len_bytes >= n && !memcmp(text, PROFILE_FIRST_LINE, n) &&
           (len_bytes == n || text[n] == '\n' || (text[n] == '\r' && len_bytes > n + 1 && text[n + 1] == '\n'));
}

static bool whole(struct reader *r)
{
    const char *why;
    for (u32 i = 0; i < COUNT_OF(keywords); i++)
        if (keywords[i].needed && !(r->seen >> i & 1))
            return wrong(r, "the profile ends without a", piece_of(keywords[i].name), " line");
    why = mmu_profile_unfit(&r->to->profile);
    return why ? wrong(r, why, nothing, "") : true;
}

bool mmu_profile_read(struct mmu_profile_store *to, const char *text, size_t len_bytes, struct mmu_profile_error *err)
{
    struct reader r = { .to = to, .err = err, .line = 1 };
    struct piece rest = { text, len_bytes };

    mmu_profile_begin(to);
    if (!mmu_profile_is_text(text, len_bytes))
        return wrong(&r, "not a CPU profile: the first line is not", piece_of(PROFILE_FIRST_LINE), "");
    if (len_bytes > MMU_PROFILE_TEXT_MAX)
        return wrong(&r, "a profile is at most 65536 bytes long", nothing, "");
    take(&rest, '\n');
    while (rest.len) {
        struct piece line = take(&rest, '\n');
        r.line++;
        if (line.len && line.s[line.len - 1] == '\r')
            line.len--;
        if (!take_line(&r, line))
            return false;
    }
    if (!to->profile.title)
        to->profile.title = to->profile.name;
    return whole(&r);
}
