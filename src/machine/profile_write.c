/* SPDX-License-Identifier: MIT
 * profile_write.c - a profile as text; see profile.h.  Called by `pagewalk probe`, by `pagewalk run` for the capture
 * tool, and by tests.  What it writes, profile_read.c reads back to an equal profile. */
#include "base/text.h"
#include "machine/profile_text.h"

struct writer { struct text t; const struct pw_out *out; };

static void line_end(struct writer *w)
{
    text_char(&w->t, '\n');
    text_emit(&w->t, w->out);
}

/* Text of any length; what would end the line becomes a blank. */
static void put_prose(struct writer *w, const char *s)
{
    for (; *s; s++) {
        if (w->t.len == sizeof w->t.buf)
            text_emit(&w->t, w->out);
        text_char(&w->t, (u8)*s < ' ' || *s == 0x7f ? ' ' : *s);
    }
}

static void prose_line(struct writer *w, const char *keyword, const char *s)
{
    if (!s || !*s)
        return;
    text_str(&w->t, keyword);
    text_char(&w->t, ' ');
    put_prose(w, s);
    line_end(w);
}

static void number_line(struct writer *w, const char *keyword, u64 n)
{
    text_str(&w->t, keyword);
    text_char(&w->t, ' ');
    text_dec(&w->t, n);
    line_end(w);
}

static void put_words(struct writer *w, const struct profile_word *words, u32 mask, char between)
{
    bool first = true;
    for (; words->name; words++)
        if (mask & words->value) {
            if (!first)
                text_char(&w->t, between);
            text_str(&w->t, words->name);
            first = false;
        }
}

static const char *word_of(const struct profile_word *words, u32 value)
{
    while (words->name && words->value != value)
        words++;
    return words->name ? words->name : "?";
}

static void put_row(struct writer *w, const struct profile_key *keys, const void *row, const char *source)
{
    for (const struct profile_key *k = keys; k->key; k++) {
        u32 value = profile_get(k, row);
        if (k->optional && !value)
            continue;
        text_char(&w->t, ' ');
        text_str(&w->t, k->key);
        text_char(&w->t, '=');
        if (k->form == FORM_NUMBER)
            text_dec(&w->t, value);
        else if (k->form == FORM_WORD)
            text_str(&w->t, word_of(k->words, value));
        else
            put_words(w, k->words, value, '+');
    }
    line_end(w);
    prose_line(w, "  source", source);
}

void mmu_profile_write(const struct mmu_profile *p, const struct pw_out *out)
{
    struct writer w = { .out = out };

    text_str(&w.t, PROFILE_FIRST_LINE);
    line_end(&w);
    prose_line(&w, "name", p->name);
    prose_line(&w, "title", p->title);
    prose_line(&w, "vendor", word_of(profile_vendors, p->vendor));
    number_line(&w, "physical_bits", p->maxphyaddr);
    number_line(&w, "virtual_bits", p->va_bits);
    text_str(&w.t, "features ");
    put_words(&w, profile_features, p->features, ' ');
    line_end(&w);
    for (unsigned i = 0; i < p->tlbs; i++) {
        text_str(&w.t, "tlb ");
        put_prose(&w, p->tlb[i].name);
        put_row(&w, profile_tlb_keys, &p->tlb[i], p->tlb[i].source);
    }
    for (unsigned i = 0; i < p->pscs; i++) {
        text_str(&w.t, "psc ");
        text_str(&w.t, word_of(profile_levels, p->psc[i].level));
        put_row(&w, profile_psc_keys, &p->psc[i], p->psc[i].source);
    }
    for (unsigned i = 0; i < p->caches; i++) {
        text_str(&w.t, "cache ");
        put_prose(&w, p->cache[i].name);
        put_row(&w, profile_cache_keys, &p->cache[i], p->cache[i].source);
    }
    text_str(&w.t, "timing");
    put_row(&w, profile_timing_keys, &p->timing, p->timing.source);
    if (p->timing.costs.source) {
        text_str(&w.t, "costs");
        put_row(&w, profile_costs_keys, &p->timing.costs, p->timing.costs.source);
    }
    prose_line(&w, "notes", p->notes);
}
