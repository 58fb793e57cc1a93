/* SPDX-License-Identifier: MIT
 * test_views.c - the summary, JSON and callgrind of a made-up run (gzip.results) and of runs with little in them. */
#include "report/format.h"
#include "report/places.h"
#include "sample.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char *sample_file; /* argv[1] */

#define LINES_TABLE "table\tlines\t$object\t$file\t$function\tline\tinstructions\twalk_cycles\tminor\tmajor\n"

static struct report sample_report(void)
{
    struct report r;
    struct results_error err;

    if (!report_load(&r, sample_file, NULL, &err))
        fail_msg("%s %s", sample_file, err.text);
    return r;
}

static char *text_of(const struct report *r, unsigned top, unsigned width, bool colour)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    report_text(r, &(struct report_text_options){ top, width, colour }, f);
    fclose(f);
    return text;
}

static json_t *json_of(const struct report *r)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);
    json_error_t err;
    json_t *j;

    assert_true(report_json(r, f));
    fclose(f);
    j = json_loads(text, 0, &err);
    if (!j)
        fail_msg("not JSON: %s", err.text);
    free(text);
    return j;
}

static char *callgrind_of(const struct report *r)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    assert_true(report_callgrind(r, f));
    fclose(f);
    return text;
}

static void assert_has(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in:\n%s", part, text);
}

/* ---- words ----------------------------------------------------------------------------------------------------------- */

static void words(void **state)
{
    char name[64];
    (void)state;

    assert_string_equal(format_num(num_of(0)).text, "0");
    assert_string_equal(format_num(num_of(999)).text, "999");
    assert_string_equal(format_num(num_of(1000)).text, "1,000");
    assert_string_equal(format_num(num_of(~0ull)).text, "18,446,744,073,709,551,615");
    assert_string_equal(format_num(NUM_UNKNOWN).text, "unknown");
    assert_string_equal(format_percent(0.1234).text, "12.3 %");
    assert_string_equal(format_percent(0).text, "0.0 %");
    assert_string_equal(format_percent(0.0000001).text, "<0.1 %");
    assert_string_equal(format_percent(num_share(num_of(1), num_of(0))).text, "-");
    assert_string_equal(format_pages(num_of(1)).text, "4.0 KiB");
    assert_string_equal(format_pages(num_of(1ull << 60)).text, "unknown");
    assert_string_equal(format_bytes(num_of(1023)).text, "1023 bytes");
    assert_int_equal(format_name(name, sizeof name, "h\xc3\xa9llo", 10, CUT_END), 5);
    assert_string_equal(name, "h\xc3\xa9llo");
    assert_int_equal(format_name(name, sizeof name, "h\xc3\xa9llo", 4, CUT_END), 4);
    assert_string_equal(name, "h\xc3\xa9..");
    format_name(name, sizeof name, "h\xc3\xa9llo", 4, CUT_START);
    assert_string_equal(name, "..lo");
    format_name(name, sizeof name, "\x1b[31m\xff\xc2\x9bx\n", 20, CUT_END);
    assert_string_equal(name, "?[31m??x?");
    assert_false(num_add(num_of(~0ull), num_of(1)).known);
    assert_false(num_sub(num_of(1), num_of(2)).known);
}

/* ---- the summary ------------------------------------------------------------------------------------------------------ */

static void summary(void **state)
{
    struct report r = sample_report();
    char *text = text_of(&r, 5, 100, false);
    (void)state;

    assert_has(text, "gzip -9c linux.tar");
    assert_has(text, "exit status 0");
    assert_has(text, "1,234,567,890");
    assert_has(text, "13.5 %   of the cycles, page walks 11.4 %, L2 TLB hits 2.1 %");
    assert_has(text, "anonymous zero-fill 6,200");
    assert_has(text, "35.5 MiB");            /* 9,100 pages */
    assert_has(text, "longest_match [gzip]");
    assert_has(text, "deflate.c:3");
    assert_has(text, "model: -ENOMEM");
    assert_lacks(text, "\033");
    assert_lacks(text, "huge page");         /* a kind that did not occur */
    assert_lacks(text, "unknown");
    free(text);
    text = text_of(&r, 5, 100, true);
    assert_has(text, "\033[1m");
    free(text);
    text = text_of(&r, 1, 100, false);
    assert_has(text, "longest_match");
    assert_lacks(text, "_dl_relocate_object");
    free(text);
    text = text_of(&r, 0, 100, false);
    assert_lacks(text, "by walk cycles");
    free(text);
    report_free(&r);
}

static void lines_fit(void **state)
{
    struct report r = sample_report();
    (void)state;

    for (unsigned width = 80; width <= 132; width += 4) {
        char *text = text_of(&r, 10, width, false);
        unsigned n = 0;
        for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), n++) {
            if (format_columns(line) > width)
                fail_msg("%u columns, not %u: %s", format_columns(line), width, line);
            if (*line && line[strlen(line) - 1] == ' ')
                fail_msg("blank at the end: \"%s\"", line);
        }
        free(text);
    }
    report_free(&r);
}

static void nothing_known(void **state)
{
    struct report r = report_of("text\tprogram\t/bin/x\n");
    char *text = text_of(&r, 5, 100, false);
    (void)state;

    assert_has(text, "/bin/x");
    assert_has(text, "unknown exit");
    assert_has(text, "unknown   of the cycles");
    assert_has(text, "unknown");
    assert_lacks(text, " 0");
    free(text);
    report_free(&r);
}

static void quiet_programs_have_short_summaries(void **state)
{
    struct report r = report_of("text\tprogram\t/bin/x\ncount\twalks.i.4k\t0\ncount\twalks.i.2m\t0\ncount\twalks.i.1g\t0\ncount\twalks.i.faulted\t0\n"
                                "count\twalks.d.4k\t0\ncount\twalks.d.2m\t0\ncount\twalks.d.1g\t0\ncount\twalks.d.faulted\t0\ncount\tfaults.minor\t0\ncount\tfaults.major\t0\n");
    char *text = text_of(&r, 5, 100, false);
    (void)state;

    assert_lacks(text, "entries read");
    assert_lacks(text, "by kind");
    free(text);
    report_free(&r);
}

static void names_cannot_command_the_terminal(void **state)
{
    struct report r = report_of("text\tprogram\t/bin/%1B[31mx\ntext\tkernel\t%1B[2J\ntext\tprofile\t%07\n"
                                "table\tsyscalls\t$name\tcalls\nrow\tm%1Bp\t1\n"
                                "table\tdivergences\t$call\t$recorded\t$modelled\tcount\nrow\tm%0D()\t%1B\t%1B\t1\n"
                                "table\tmappings\t$name\t$perms\tminor\tmajor\nrow\t%1Bname\t%1Bp\t1\t0\n"
                                LINES_TABLE "row\t%1Bo\t%1Bf\t%1Bg\t1\t1\t1\t1\t1\n");
    char *text = text_of(&r, 5, 100, false);
    (void)state;

    for (const char *c = text; *c; c++)
        assert_true(*c == '\n' || (unsigned char)*c >= ' ');
    assert_has(text, "?name");
    assert_has(text, "?g");
    free(text);
    report_free(&r);
}

/* ---- places ------------------------------------------------------------------------------------------------------------ */

static void functions(void **state)
{
    struct report r = report_of(LINES_TABLE
        "row\to\ta.c\tf\t1\t10\t5\t1\t0\n" "row\to\tinline.h\tf\t9\t30\t7\t2\t1\n" "row\to\ta.c\tf\t2\t20\t?\t0\t0\n"
        "row\tp\tb.c\tf\t1\t1\t100\t0\t0\n" "row\to\ta.c\tf\t1\t4\t1\t0\t0\n");
    struct places f = places_functions(r.results), l = places_lines(r.results);
    (void)state;

    assert_int_equal(f.n, 2);
    places_rank(&f, EV_FAULTS, EV_INSTRUCTIONS);
    assert_string_equal(f.at[0].object, "o");
    assert_string_equal(f.at[0].file, "inline.h");    /* the row with the most instructions */
    assert_true(f.at[0].event[EV_INSTRUCTIONS].n == 64);
    assert_false(f.at[0].event[EV_WALK_CYCLES].known); /* a part of the sum is unknown */
    assert_true(f.at[0].event[EV_FAULTS].n == 4);
    places_rank(&f, EV_WALK_CYCLES, EV_FAULTS);
    assert_string_equal(f.at[0].object, "p");          /* unknown comes last */
    assert_int_equal(l.n, 4);                          /* the line given twice stands once */
    assert_true(l.at[0].line.n == 1 && l.at[0].event[EV_INSTRUCTIONS].n == 14);
    assert_true(places_total(&l, EV_INSTRUCTIONS).n == 65);
    assert_false(places_total(&l, EV_LOADS).known);    /* no such column */
    places_free(&f);
    places_free(&l);
    report_free(&r);
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------- */

static json_t *at(json_t *j, const char *path)
{
    char copy[128];

    snprintf(copy, sizeof copy, "%s", path);
    for (char *key = strtok(copy, "."); key; key = strtok(NULL, "."))
        j = strspn(key, "0123456789") == strlen(key) ? json_array_get(j, (size_t)atoi(key)) : json_object_get(j, key);
    if (!j)
        fail_msg("no %s", path);
    return j;
}

#define ASSERT_INT(j, path, n) assert_int_equal(json_integer_value(at(j, path)), n)
#define ASSERT_STRING(j, path, s) assert_string_equal(json_string_value(at(j, path)), s)

static void json_values(void **state)
{
    static const char *const keys[] = { "format", "program", "exit", "instructions", "loads", "stores", "fetches", "tlb", "walks",
        "faults", "rss", "page_tables", "syscalls", "divergences", "shootdowns", "functions", "lines", "mappings", "profile", "processes" };
    struct report r = sample_report();
    json_t *j = json_of(&r);
    (void)state;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        at(j, keys[i]);
    ASSERT_INT(j, "format", 1);
    ASSERT_INT(j, "instructions", 1234567890);
    ASSERT_STRING(j, "program.path", "/usr/bin/gzip");
    ASSERT_INT(j, "exit.status", 0);
    ASSERT_INT(j, "tlb.l1d.misses", 4691357);
    ASSERT_INT(j, "tlb.l1d.misses_by_size.2m", 357);
    ASSERT_INT(j, "tlb.stlb_data.misses", 345339);
    ASSERT_INT(j, "walks.total", 1246 + 353462);
    ASSERT_INT(j, "walks.reads_by_level.pde", 12345);
    ASSERT_INT(j, "walks.cycles.walk", 162345678);
    ASSERT_STRING(j, "walks.certainty", "modelled");
    ASSERT_STRING(j, "walks.cycles.certainty", "estimated");
    ASSERT_STRING(j, "faults.certainty", "exact");
    ASSERT_INT(j, "faults.minor", 8133);
    ASSERT_INT(j, "faults.by_kind.anonymous", 6200);
    ASSERT_INT(j, "faults.by_mapping.0.by_kind.file_read", 0);
    ASSERT_INT(j, "rss.peak_pages", 9100);
    ASSERT_INT(j, "page_tables.peak_pages", 52);
    ASSERT_INT(j, "syscalls.total", 34);
    ASSERT_INT(j, "divergences.total", 1);
    ASSERT_STRING(j, "divergences.list.0.modelled", "-ENOMEM");
    ASSERT_INT(j, "shootdowns.flushed_pages", 120);
    ASSERT_STRING(j, "functions.0.function", "longest_match");
    ASSERT_INT(j, "functions.0.walk_cycles", 142000000);
    ASSERT_INT(j, "lines.0.line", 3);
    ASSERT_STRING(j, "mappings.0.name", "[heap]");
    assert_true(json_is_null(at(j, "mappings.0.instructions")));
    ASSERT_STRING(j, "profile.arrays.1.replacement", "(MRU+1)%3-PLRU4");
    ASSERT_STRING(j, "certainty.walk_cycles", "estimated");
    assert_true(json_is_null(at(j, "check")));
    assert_true(json_is_null(at(j, "check_flush")));
    json_decref(j);
    report_free(&r);
}

/* --check-flush: what was found is said, and 0 is said, too; without it nothing is. */
static void missing_invalidations(void **state)
{
    static const char counts[] = "count\tcheck_flush.uses\t5000\ncount\tcheck_flush.not_needed\t3\n", none[] = "count\tcheck_flush.missing\t0\n",
        some[] = "count\tcheck_flush.missing\t2\ntable\tflushes\t$use\t$change\trule\tmissing\tcount\n"
                 "row\tneedless\tPTE\t92\t0\t3\nrow\tflush missing: cpu1 store\tPTE at 0x4008 was 0x7\t90\t1\t2\n";
    char body[512];
    (void)state;

    for (int found = 0; found < 2; found++) {
        snprintf(body, sizeof body, "%s%s", counts, found ? some : none);
        struct report r = report_of(body);
        char *text = text_of(&r, 5, 100, false);
        json_t *j = json_of(&r);
        assert_non_null(strstr(text, "5,000   uses of cached entries"));
        assert_int_equal(strstr(text, "0 without the invalidation due") == NULL, found);
        assert_int_equal(strstr(text, "    2 x flush missing: cpu1 store\n      PTE at 0x4008 was 0x7\n") != NULL, found);
        assert_null(strstr(text, "needless"));
        ASSERT_INT(j, "check_flush.missing", found * 2);
        ASSERT_INT(j, "check_flush.not_needed", 3);
        assert_int_equal(json_array_size(at(j, "check_flush.list")), found * 2);
        if (found)
            ASSERT_INT(j, "check_flush.list.1.rule", 90);
        json_decref(j);
        free(text);
        report_free(&r);
    }
    struct report r = sample_report();
    char *text = text_of(&r, 5, 100, false);
    assert_null(strstr(text, "check-flush"));
    free(text);
    report_free(&r);
}

static void json_unknown_and_strange(void **state)
{
    struct report r = report_of("text\tprogram\t\xff\xc3\xa9\ncount\tloads\t18446744073709551615\ncount\tinstructions\t9223372036854775807\n"
                                "count\tfaults.k\xfe\t4\n");
    json_t *j = json_of(&r);
    (void)state;

    ASSERT_STRING(j, "program.path", "\xef\xbf\xbd\xc3\xa9");
    ASSERT_STRING(j, "loads", "18446744073709551615");
    assert_true(json_integer_value(at(j, "instructions")) == INT64_MAX);
    assert_true(json_is_null(at(j, "stores")));
    assert_true(json_is_null(at(j, "faults.minor")));
    ASSERT_INT(j, "faults.by_kind.k\xef\xbf\xbd", 4);
    assert_true(json_is_null(at(j, "rss.peak_pages")));
    assert_true(json_is_null(at(j, "exit.status")));
    assert_true(json_is_null(at(j, "walks.cycles.walk_share")));
    assert_true(json_is_null(at(j, "syscalls.total")));
    assert_int_equal(json_array_size(at(j, "functions")), 0);
    json_decref(j);
    report_free(&r);
}

/* ---- callgrind ----------------------------------------------------------------------------------------------------------- */

/* Every line of numbers has a position and all events; the sums are the totals; a name is defined once. */
static void callgrind(void **state)
{
    struct report r = sample_report();
    char *text = callgrind_of(&r), summary_line[512] = "", totals_line[512] = "";
    unsigned long long sum[EVENT_COLUMNS] = { 0 }, total[EVENT_COLUMNS];
    unsigned defined = 0, lines = 0;
    (void)state;

    assert_true(!strncmp(text, "# callgrind format\nversion: 1\n", 30));
    assert_has(text, "\npositions: line\n");
    assert_has(text, "\nevents: instructions loads stores l1i_miss l1d_miss walks_i walks_d walk_reads walk_cycles minor major cow zeroed shootdowns\n");
    assert_has(text, "\nsummary: 1234568890 345000300 46002200 15 4691040 1204 345322 352660 162345678 8133 2 213 0 0\n");
    assert_has(text, "\nfl=(1) /usr/src/gzip/deflate.c\nfn=(1) deflate\n");
    assert_has(text, "\nob=(3) /usr/lib/x86_64-linux-gnu/libc.so.6\nfl=(3)\n");  /* ??? was defined before */
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strstr(line, "=(") && strchr(line, ' '))
            defined++;
        if (!strncmp(line, "summary:", 8))
            snprintf(summary_line, sizeof summary_line, "%s", line + 8);
        if (!strncmp(line, "totals:", 7))
            snprintf(totals_line, sizeof totals_line, "%s", line + 7);
        if (*line < '0' || *line > '9')
            continue;
        lines++;
        line = strchr(line, ' ');
        for (int e = 0; e < EVENT_COLUMNS; e++)
            sum[e] += strtoull(line, &line, 10);
        assert_int_equal(*line, 0);
    }
    assert_int_equal(lines, 6);
    assert_int_equal(defined, 3 + 3 + 5);
    assert_string_equal(summary_line, totals_line);
    char *at_total = totals_line;
    for (int e = 0; e < EVENT_COLUMNS; e++) {
        total[e] = strtoull(at_total, &at_total, 10);
        assert_true(sum[e] == total[e]);
    }
    free(text);
    report_free(&r);
}

static void callgrind_names_keep_to_their_line(void **state)
{
    struct report r = report_of(LINES_TABLE "row\to\ta%0Ab.c\tf%09g\t?\t1\t?\t0\t0\n");
    char *text = callgrind_of(&r);
    (void)state;

    assert_has(text, "fl=(1) a?b.c\nfn=(1) f?g\n0 1 0 0");
    assert_has(text, "desc: Unknown: walk_cycles");
    free(text);
    report_free(&r);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words), cmocka_unit_test(summary), cmocka_unit_test(lines_fit), cmocka_unit_test(nothing_known),
        cmocka_unit_test(quiet_programs_have_short_summaries), cmocka_unit_test(names_cannot_command_the_terminal),
        cmocka_unit_test(functions), cmocka_unit_test(json_values), cmocka_unit_test(missing_invalidations), cmocka_unit_test(json_unknown_and_strange),
        cmocka_unit_test(callgrind), cmocka_unit_test(callgrind_names_keep_to_their_line),
    };
    sample_file = argc > 1 ? argv[1] : "gzip.results";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
