/* SPDX-License-Identifier: MIT
 * test_profile_text.c - profiles as text: what is written reads back equal, what is wrong is named with its line, and
 * no text yields a profile that the machine refuses. */
#include "pagewalk/profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX 32768

struct written { size_t len; char text[TEXT_MAX]; };

static void put(void *ctx, const char *text, size_t len_bytes)
{
    struct written *w = ctx;
    assert_true(w->len + len_bytes < sizeof w->text);
    memcpy(w->text + w->len, text, len_bytes);
    w->len += len_bytes;
}

static void write_profile(const struct mmu_profile *p, struct written *w)
{
    struct pw_out out = { put, w };
    w->len = 0;
    mmu_profile_write(p, &out);
    w->text[w->len] = 0;
}

static void same_text(const char *a, const char *b) { assert_string_equal(a ? a : "(null)", b ? b : "(null)"); }

static void same_profile(const struct mmu_profile *a, const struct mmu_profile *b)
{
    struct mmu_profile x = *a, y = *b;

    same_text(a->name, b->name);
    same_text(a->title, b->title);
    same_text(a->notes, b->notes);
    same_text(a->timing.source, b->timing.source);
    assert_int_equal(a->tlbs, b->tlbs);
    assert_int_equal(a->pscs, b->pscs);
    for (unsigned i = 0; i < a->tlbs; i++) {
        struct mmu_tlb_desc s = a->tlb[i], t = b->tlb[i];
        same_text(s.name, t.name);
        same_text(s.source, t.source);
        s.name = t.name = s.source = t.source = NULL;
        assert_memory_equal(&s, &t, sizeof s);
    }
    for (unsigned i = 0; i < a->pscs; i++) {
        same_text(a->psc[i].source, b->psc[i].source);
        assert_int_equal(a->psc[i].level, b->psc[i].level);
        assert_int_equal(a->psc[i].entries, b->psc[i].entries);
        assert_int_equal(a->psc[i].ways, b->psc[i].ways);
    }
    assert_int_equal(a->caches, b->caches);
    for (unsigned i = 0; i < a->caches; i++) {
        struct mmu_cache_desc c = a->cache[i], d = b->cache[i];
        same_text(c.name, d.name);
        same_text(c.source, d.source);
        c.name = d.name = c.source = d.source = NULL;
        assert_memory_equal(&c, &d, sizeof c);
    }
    /* What is left are plain numbers: a new field that the text forgets is found here. */
    x.name = x.title = x.notes = x.timing.source = y.name = y.title = y.notes = y.timing.source = NULL;
    x.tlb = y.tlb = NULL;
    x.psc = y.psc = NULL;
    x.cache = y.cache = NULL;
    assert_memory_equal(&x, &y, sizeof x);
}

static void round_trip(void **state)
{
    struct mmu_profile_store *s = malloc(sizeof *s);
    struct mmu_profile_error err;
    struct written w;
    (void)state;

    for (unsigned i = 0; mmu_profile_at(i); i++) {
        assert_null(mmu_profile_unfit(mmu_profile_at(i)));
        write_profile(mmu_profile_at(i), &w);
        assert_true(mmu_profile_is_text(w.text, w.len));
        if (!mmu_profile_read(s, w.text, w.len, &err))
            fail_msg("%s, line %u: %s", mmu_profile_at(i)->name, err.line, err.text);
        same_profile(mmu_profile_at(i), &s->profile);
    }
    free(s);
}

/* Every feature that the machine knows has a name here: features are consecutive bits. */
static void features_have_names(void **state)
{
    u32 all = 0;
    (void)state;
    for (unsigned i = 0; mmu_profile_at(i); i++)
        all |= mmu_profile_at(i)->features;
    for (unsigned bit = 0; bit < 32; bit++)
        if (all >> bit & 1)
            assert_non_null(mmu_feature_name(bit));
    assert_null(mmu_feature_name(31));
    assert_null(mmu_feature_name(99));
}

/* ---- what is wrong -------------------------------------------------------------------------------------------------- */

static const char good[] =
    "pagewalk-profile 1\n"
    "# a comment\n"
    "name small\n"
    "vendor intel\n"
    "physical_bits 46\n"
    "virtual_bits 48\n"
    "features lm pae nx\n"
    "tlb L1I level=1 for=fetch pages=4K ways=8 sets=8 index=linear replacement=lru\n"
    "tlb L1D level=1 for=load+store pages=4K+2M ways=4 sets=16 index=linear replacement=plru\n"
    "  source measured\n"
    "psc PDE entries=32 ways=4\n"
    "timing stlb_hit=7 walk_base=9 read_near=4 read_far=40 near_lines=512\n"
    "notes none\n";

static const struct { const char *line, *instead; unsigned at; const char *says; } bad[] = {
    { "pagewalk-profile 1", "pagewalk-profile 2", 1, "not a CPU profile" },
    { "name small", "name two words", 3, "one word" },
    { "name small", "name", 3, "nothing follows 'name'" },
    { "name small", "nome small", 3, "unknown keyword 'nome'" },
    { "vendor intel", "vendor cyrix", 4, "'cyrix'" },
    { "vendor intel", "name again", 4, "second 'name'" },
    { "vendor intel", "vendor intel\x01", 4, "not text" },
    { "physical_bits 46", "physical_bits 53", 5, "from 32 to 52, not '53'" },
    { "physical_bits 46", "physical_bits 4294967342", 5, "from 32 to 52" },
    { "physical_bits 46", "physical_bits 46x", 5, "from 32 to 52" },
    { "physical_bits 46", "physical_bits 4294967299", 5, "from 32 to 52" },
    { "virtual_bits 48", "virtual_bits 47", 6, "48 or 57" },
    { "virtual_bits 48", "virtual_bits 57", 13, "la57" },
    { "features lm pae nx", "features lm pae nxx", 7, "unknown feature 'nxx'" },
    { "features lm pae nx", "features lm", 13, "lack lm or pae" },
    { "level=1 for=fetch", "level=3 for=fetch", 8, "level is a number from 1 to 2, not '3'" },
    { "level=1 for=fetch", "for=fetch", 8, "lacks 'level'" },
    { "level=1 for=fetch", "level=1 level=1 for=fetch", 8, "twice" },
    { "level=1 for=fetch", "level=1 for=fetsch", 8, "unknown word 'fetsch'" },
    { "level=1 for=fetch", "level=1 for=", 8, "unknown word" },
    { "level=1 for=fetch", "level=1 for=load", 13, "for fetches" },
    { "level=1 for=load+store", "level=1 for=load", 13, "for stores" },
    { "ways=8 sets=8", "ways=8 sets=9", 8, "power of two" },
    { "ways=8 sets=8", "ways=8 sets=0", 8, "from 1 to 32768" },
    { "ways=8 sets=8", "ways=255 sets=1024", 8, "at most 65536 entries" },
    { "ways=8 sets=8", "ways=256 sets=8", 8, "from 1 to 255" },
    { "ways=4 sets=16", "ways=3 sets=16", 9, "so many ways" },
    { "index=linear replacement=lru", "index=linear replacement=lru bits=3", 8, "unknown key 'bits'" },
    { "index=linear replacement=lru", "index=linear replacement=mru", 8, "unknown word 'mru'" },
    { "index=linear replacement=lru", "index=linear replacement=lru pcids=17", 8, "1 to 16 PCIDs" },
    { "  source measured", "  source a\n  source b", 11, "a source belongs" },
    { "psc PDE", "psc PTE", 11, "'PTE'" },
    { "entries=32 ways=4", "entries=33 ways=4", 11, "power of two" },
    { "near_lines=512", "near_lines=70000", 12, "from 0 to 65535" },
    { "timing", "# timing", 13, "ends without a 'timing' line" },
};

static void errors_name_the_line(void **state)
{
    struct mmu_profile_store *s = malloc(sizeof *s);
    struct mmu_profile_error err;
    char text[sizeof good + 100];
    (void)state;

    assert_true(mmu_profile_read(s, good, sizeof good - 1, &err));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *at = strstr(good, bad[i].line);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - good), good, bad[i].instead, at + strlen(bad[i].line));
        if (mmu_profile_read(s, text, strlen(text), &err))
            fail_msg("accepted: %s", bad[i].instead);
        if (!strstr(err.text, bad[i].says) || err.line != bad[i].at)
            fail_msg("%s: line %u: %s", bad[i].instead, err.line, err.text);
    }
    free(s);
}

static void small_things(void **state)
{
    struct mmu_profile_store *s = malloc(sizeof *s);
    struct mmu_profile_error err;
    char text[sizeof good + 64], *big = malloc(MMU_PROFILE_TEXT_MAX + 2);
    size_t n = 0;
    (void)state;

    assert_true(mmu_profile_read(s, good, sizeof good - 1, &err));
    same_text(s->profile.title, "small"); /* the name stands in */
    same_text(s->tlb[0].source, "not given");
    same_text(s->tlb[1].source, "measured");
    for (const char *c = good; *c; c++) { /* line ends of another system, no last one */
        if (*c == '\n')
            text[n++] = '\r';
        text[n++] = *c;
    }
    assert_true(mmu_profile_read(s, text, n - 1, &err));
    same_text(s->profile.notes, "none");
    assert_false(mmu_profile_read(s, "", 0, &err));
    assert_false(mmu_profile_is_text("pagewalk-profile 12", 19));
    memset(big, '\n', MMU_PROFILE_TEXT_MAX + 1);
    memcpy(big, good, sizeof good - 1);
    assert_true(mmu_profile_read(s, big, MMU_PROFILE_TEXT_MAX, &err));
    assert_false(mmu_profile_read(s, big, MMU_PROFILE_TEXT_MAX + 1, &err));
    free(big);
    free(s);
}

/* A good text with n lines more. */
static bool read_longer(struct mmu_profile_store *s, const char *line, unsigned n, struct mmu_profile_error *err)
{
    static char text[MMU_PROFILE_TEXT_MAX];
    size_t len = sizeof good - 1, more = strlen(line);
    assert_true(len + n * more < sizeof text);
    memcpy(text, good, len);
    for (; n; n--, len += more)
        memcpy(text + len, line, more);
    return mmu_profile_read(s, text, len, err);
}

static void too_much(void **state)
{
    static const char array[] = "tlb L2 level=2 for=load pages=4K ways=4 sets=4 index=linear replacement=lru\n",
                      cache[] = "psc PDE entries=4 ways=4\n";
    struct mmu_profile_store *s = malloc(sizeof *s);
    struct mmu_profile_error err;
    char long_name[3000], long_source[3000];
    (void)state;
    assert_false(read_longer(s, array, MMU_PROFILE_TLBS - 1, &err));
    assert_non_null(strstr(err.text, "more arrays than a profile can have"));
    assert_false(read_longer(s, cache, MMU_PROFILE_PSCS, &err));
    assert_non_null(strstr(err.text, "more structure caches than a profile can have"));
    snprintf(long_name, sizeof long_name, "tlb %02000d%s", 0, array + 6);
    snprintf(long_source, sizeof long_source, "%s  source %02000d\n", cache, 0);
    assert_false(read_longer(s, long_name, 8, &err));
    assert_non_null(strstr(err.text, "too long together"));
    assert_false(read_longer(s, long_source, 7, &err));
    assert_non_null(strstr(err.text, "too long together"));
    mmu_profile_begin(s);
    while (*mmu_profile_keep(s, "more", 4))
        ;
    assert_int_equal(s->chars_used, sizeof s->chars);
    free(s);
}

/* What no reader gives: a probe's or an embedder's own. */
static void made_by_hand(void **state)
{
    struct mmu_profile p = *mmu_profile_find("skylake");
    struct mmu_tlb_desc tlb[MMU_PROFILE_TLBS];
    struct mmu_psc_desc psc = { .level = 1, .entries = 5, .ways = 2 };
    struct written w;
    char longest[1000];
    (void)state;
    p.maxphyaddr = 31;
    assert_non_null(strstr(mmu_profile_unfit(&p), "32 to 52"));
    p.maxphyaddr = 53;
    assert_non_null(strstr(mmu_profile_unfit(&p), "32 to 52"));
    p.maxphyaddr = 46;
    p.psc = &psc;
    p.pscs = 1;
    assert_non_null(strstr(mmu_profile_unfit(&p), "impossible ways"));
    memset(longest, 'n', sizeof longest);
    longest[20] = '\n';
    longest[21] = 0x7f;
    longest[sizeof longest - 1] = 0;
    memcpy(tlb, p.tlb, p.tlbs * sizeof *tlb);
    tlb[0].repl = 99;
    tlb[0].source = NULL;
    p.tlb = tlb;
    p.title = "";
    p.notes = longest;
    write_profile(&p, &w);
    assert_null(strstr(w.text, "\ntitle"));
    assert_non_null(strstr(w.text, "\nnotes nnnnnnnnnnnnnnnnnnnn  nnn"));
    assert_non_null(strstr(w.text, "replacement=?"));
    assert_true(mmu_profile_is_text("pagewalk-profile 1", 18));
    assert_false(mmu_profile_is_text("pagewalk-profile 1\r", 19));
    assert_false(mmu_profile_is_text("pagewalk-profile 1\rx", 20));
    assert_false(mmu_profile_is_text("pagewalk-profile 1", 17));
}

/* Any change to a good text: refused, or a profile that a machine can be made from. */
static void changed_bytes(void **state)
{
    struct mmu_profile_store *s = malloc(sizeof *s);
    struct mmu_profile_error err;
    u64 seed = 1;
    char text[sizeof good];
    unsigned taken = 0;
    (void)state;

    for (unsigned i = 0; i < 60000; i++) {
        memcpy(text, good, sizeof good);
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            text[(seed >> 33) % (sizeof good - 1)] = (char)(i % 2 ? '0' + (seed >> 20) % 10 : seed >> 20);
        }
        if (!mmu_profile_read(s, text, sizeof good - 1, &err))
            continue;
        taken++;
        struct mmu_config cfg = { .cpus = 1, .features = s->profile.features, .profile = &s->profile, .vendor = s->profile.vendor };
        assert_true(mmu_bytes(&cfg) > 0);
    }
    assert_true(taken > 1000);
    free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(round_trip), cmocka_unit_test(features_have_names),
                                        cmocka_unit_test(errors_name_the_line), cmocka_unit_test(small_things),
                                        cmocka_unit_test(too_much), cmocka_unit_test(made_by_hand),
                                        cmocka_unit_test(changed_bytes) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
