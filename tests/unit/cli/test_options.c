/* SPDX-License-Identifier: MIT
 * test_options.c - the command line: which words are options, sizes, numbers, suggestions. */
#include "cli/cli.h"
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define WORDS_MAX 32

static int parse_run(struct run_options *o, char *words)
{
    static char *argv[WORDS_MAX + 1];
    int argc = 0;

    for (char *w = strtok(words, " "); w; w = strtok(NULL, " "))
        argv[argc++] = w;
    argv[argc] = NULL;
    return parse_run_options(argc, argv, o);
}

/* A string that getopt may permute. */
#define RUN(o, words) parse_run(o, (char[]){ words })

static void defaults(void **state)
{
    struct run_options o;
    (void)state;

    assert_int_equal(RUN(&o, "run prog"), 0);
    assert_string_equal(o.profile, "skylake");
    assert_int_equal(o.cpus, 1);
    assert_int_equal(o.view.top, 5);
    assert_true(o.filter);
    assert_false(o.check || o.check_flush || o.keep || o.trace_children || o.view.quiet);
    assert_null(o.results);
    assert_null(o.view.file[VIEW_JSON]);
    assert_true(o.ram_bytes == 0);
    assert_string_equal(o.program[0], "prog");
}

static void the_program_ends_the_options(void **state)
{
    struct run_options o;
    (void)state;

    assert_int_equal(RUN(&o, "run -q prog -q --json x"), 0);
    assert_true(o.view.quiet);
    assert_null(o.view.file[VIEW_JSON]);
    assert_string_equal(o.program[0], "prog");
    assert_string_equal(o.program[1], "-q");
    assert_int_equal(RUN(&o, "run -- --prog -- a"), 0);
    assert_string_equal(o.program[0], "--prog");
    assert_string_equal(o.program[1], "--");
}

static void every_option(void **state)
{
    struct run_options o;
    (void)state;

    assert_int_equal(RUN(&o, "run -o f --json=- --callgrind g --cpu zen3 --cpus 4 --top 9 --ram 2G --check --check-flush --no-filter --keep --trace-children p"), 0);
    assert_string_equal(o.results, "f");
    assert_string_equal(o.view.file[VIEW_JSON], "-");
    assert_string_equal(o.view.file[VIEW_CALLGRIND], "g");
    assert_string_equal(o.profile, "zen3");
    assert_int_equal(o.cpus, 4);
    assert_int_equal(o.view.top, 9);
    assert_true(o.ram_bytes == 2ull << 30);
    assert_true(o.check && o.check_flush && o.keep && o.trace_children && !o.filter);
}

static void refused(void **state)
{
    struct run_options o;
    struct report_options r;
    (void)state;

    assert_int_equal(RUN(&o, "run"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --heap --call-paths=9 p"), 0);
    assert_true(o.heap && o.call_paths == 9);
    assert_int_equal(RUN(&o, "run --heap --record f p"), 0);
    assert_int_equal(RUN(&o, "run --call-paths=1001 p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --cpus 65 p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --cpus 4x p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --ram 1M p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --ram -4G p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --ram 99999999T p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --cpu nosuch p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run -o - p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --json - --callgrind - p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run -o x --callgrind x p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --json"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --csv x --folded x p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --weight walks p"), STATUS_OURS);
    assert_int_equal(RUN(&o, "run --weight faults --folded f --csv c --speedscope s p"), 0);
    assert_int_equal(o.view.weight, EV_FAULTS);
    assert_int_equal(RUN(&o, "run --help"), STATUS_HELP);
    assert_int_equal(parse_report_options(1, (char *[]){ "report", NULL }, &r), STATUS_OURS);
    assert_int_equal(parse_report_options(3, (char *[]){ "report", "a", "b", NULL }, &r), STATUS_OURS);
    assert_int_equal(parse_report_options(3, (char *[]){ "report", "a", "--cpus", NULL }, &r), STATUS_OURS);
    assert_int_equal(parse_report_options(3, (char *[]){ "report", "a", "-q", NULL }, &r), 0);
    assert_string_equal(r.file, "a");
    assert_true(r.view.quiet);
}

static void sizes(void **state)
{
    u64 n;
    (void)state;

    assert_true(parse_size("4096", &n) && n == 4096);
    assert_true(parse_size("0x10k", &n) && n == 16384);
    assert_true(parse_size("3M", &n) && n == 3 << 20);
    assert_true(parse_size("1T", &n) && n == 1ull << 40);
    assert_false(parse_size("", &n) || parse_size("M", &n) || parse_size("1MB", &n) || parse_size("1X", &n));
    assert_false(parse_size(" 1", &n) || parse_size("+1", &n) || parse_size("18446744073709551616", &n));
    assert_false(parse_size("18014398509481984K", &n)); /* 2^64 */
}

static const char *fruit(const void *ctx, unsigned i)
{
    static const char *const names[] = { "apple", "pear", "plum", NULL };
    (void)ctx;
    return names[i];
}

static void suggestions(void **state)
{
    (void)state;
    assert_string_equal(suggest("aple", fruit, NULL), "apple");
    assert_string_equal(suggest("paer", fruit, NULL), "pear");
    assert_null(suggest("watermelon", fruit, NULL));
    assert_null(suggest("a-word-that-is-longer-than-any-name-could-be", fruit, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults), cmocka_unit_test(the_program_ends_the_options), cmocka_unit_test(every_option),
        cmocka_unit_test(refused), cmocka_unit_test(sizes), cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
