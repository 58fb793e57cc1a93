/* SPDX-License-Identifier: MIT
 * test_diff.c - conditions as they are read and judged, and how places of two runs are paired. */
#include "report/diff.h"
#include "report/json_internal.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define EVENTS_OF_LINES "instructions\tloads\tstores\tl1i_miss\tl1d_miss\twalks_i\twalks_d\twalk_reads\twalk_cycles\tminor\tmajor\tcow\n"

static const char before[] =
    "text\targuments\tp\ncount\tinstructions\t1000\ncount\tfaults.minor\t10\ncount\tfaults.major\t0\ncount\tfaults.copied_pages\t0\n"
    "table\tlines\t$object\t$file\t$function\tline\t" EVENTS_OF_LINES
    "row\t/old/p\ta.c\tmain\t1\t600\t1\t1\t0\t0\t0\t0\t0\t50\t4\t0\t0\n"
    "row\t/old/p\ta.c\tmain\t2\t300\t1\t1\t0\t0\t0\t0\t0\t50\t4\t0\t0\n"
    "row\t/old/p\ta.c\tgone\t9\t100\t1\t1\t0\t0\t0\t0\t0\t5\t2\t0\t0\n"
    "table\tmappings\t$name\t$kind\t$perms\tbytes\t" EVENTS_OF_LINES
    "row\t[heap]\theap\trw-p\t4096\t?\t?\t?\t0\t0\t0\t0\t0\t7\t3\t0\t0\n"
    "row\tanon 0x1000\tanon\trw-p\t4096\t?\t?\t?\t0\t0\t0\t0\t0\t1\t1\t0\t0\n"
    "row\tanon 0x9000\tanon\trw-p\t4096\t?\t?\t?\t0\t0\t0\t0\t0\t2\t2\t0\t0\n";
static const char after[] =
    "text\targuments\tp\ncount\tinstructions\t1100\ncount\tfaults.minor\t9\ncount\tfaults.major\t?\ncount\tfaults.copied_pages\t3\n"
    "table\tlines\t$object\t$file\t$function\tline\t" EVENTS_OF_LINES
    "row\t/new/p\ta.c\tmain\t1\t900\t1\t1\t0\t0\t0\t0\t0\t20\t9\t0\t0\n"
    "row\t/new/p\ta.c\tfresh\t5\t200\t1\t1\t0\t0\t0\t0\t0\t6\t0\t0\t0\n"
    "table\tmappings\t$name\t$kind\t$perms\tbytes\t" EVENTS_OF_LINES
    "row\t[heap]\theap\trw-p\t4096\t?\t?\t?\t0\t0\t0\t0\t0\t7\t3\t0\t0\n"
    "row\tanon 0x5000\tanon\trw-p\t4096\t?\t?\t?\t0\t0\t0\t0\t0\t9\t4\t0\t0\n";

static struct diff_side side_of(const char *body, const char *name)
{
    struct report r = report_of(body);
    struct diff_side s = { name, report_document(&r) };

    report_free(&r);
    return s;
}

static struct diff_side a, b;

static int set_up(void **state)
{
    (void)state;
    a = side_of(before, "A");
    b = side_of(after, "B");
    return !a.report || !b.report;
}

static int tear_down(void **state)
{
    (void)state;
    diff_side_free(&a);
    diff_side_free(&b);
    return 0;
}

/* 1 holds, 0 does not, -1 cannot be judged, -2 cannot be read */
static int verdict(const char *text)
{
    struct condition c;
    struct results_error err = { "" };
    int is = !condition_parse(&c, text, &err) ? -2 : !condition_judge(&c, &a, &b, &err) ? -1 : c.holds;

    assert_true((is < 0) == (err.text[0] != 0));
    assert_null(strchr(err.text, '\n'));
    return is;
}

static void verdicts(void **state)
{
    static const struct { const char *text; int is; } rows[] = {
        { "instructions > 1099", 1 }, { "instructions > 1100", 0 }, { "instructions >= 1100", 1 }, { "instructions < 1101", 1 },
        { "instructions <= 1099", 0 }, { "instructions == 1100", 1 }, { "instructions != 1100", 0 }, { "  instructions\t>1099.5 ", 1 },
        { "instructions > +9.9%", 1 }, { "instructions > +10%", 0 }, { "instructions >= +10 %", -2 }, { "instructions > +99", 1 },
        { "instructions > + 100", 0 }, { "instructions < baseline", 0 }, { "instructions > baseline", 1 },
        { "instructions == baseline+10%", 1 }, { "instructions == baseline + 100", 1 }, { "faults.minor < -5%", 1 },
        { "faults.minor < -10%", 0 }, { "faults.minor == -1", 1 },
        { "faults.cow > 2", 1 }, { "cow > +5%", 1 }, { "minor == 9", 1 }, /* +5 % of nothing is nothing               */
        { "major > 0", -1 }, { "faults > 0", -1 },                        /* unknown is not 0                         */
        { "functions[main].instructions == 900", 1 }, { "functions[main].instructions == baseline", 1 },
        { "functions[gone].minor < baseline", 1 }, { "functions[fresh].walk_cycles > +0", 1 }, { "functions[nosuch].minor > 0", -1 },
        { "functions[main].nosuch > 0", -1 }, { "mappings[[heap]].minor == 3", 1 }, { "mappings[[heap]].loads > 0", -1 },
        { "things[main].minor > 0", -1 }, { "functions[main] > 0", -1 },
        { "nosuch > 0", -1 }, { "program.arguments > 0", -1 }, { "program > 0", -1 },
        { "", -2 }, { "instructions", -2 }, { "instructions >", -2 }, { "> 5", -2 }, { "instructions = 5", -2 }, { "instructions => 5", -2 },
        { "instructions > 5%", -2 }, { "instructions > five", -2 }, { "instructions > 0x5", -2 }, { "instructions > 1e5", -2 },
        { "instructions > .5", -2 }, { "instructions > 5 && 1 > 0", -2 }, { "instructions > baseline 5", -2 }, { "instructions > baselines", -2 },
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (verdict(rows[i].text) != rows[i].is)
            fail_msg("'%s' is %d, not %d", rows[i].text, verdict(rows[i].text), rows[i].is);
}

static void functions_are_paired_across_folders(void **state)
{
    struct changes c = diff_places(&a, &b, CHANGES_FUNCTIONS);
    (void)state;

    changes_rank(&c, EV_WALK_CYCLES);
    assert_int_equal(c.n, 3);
    assert_string_equal(c.at[0].name, "main");  /* 100 to 20 */
    assert_string_equal(c.at[0].object, "p");
    assert_true(c.at[0].a[EV_WALK_CYCLES].n == 100 && c.at[0].b[EV_WALK_CYCLES].n == 20);
    assert_string_equal(c.at[1].name, "fresh"); /* 0 to 6 */
    assert_true(c.at[1].a[EV_INSTRUCTIONS].known && c.at[1].a[EV_INSTRUCTIONS].n == 0);
    assert_string_equal(c.at[2].name, "gone");  /* 5 to 0 */
    assert_true(delta_of(c.at[2].a[EV_WALK_CYCLES], c.at[2].b[EV_WALK_CYCLES]).less);
    changes_free(&c);
}

static void anonymous_mappings_have_no_address(void **state)
{
    struct changes c = diff_places(&a, &b, CHANGES_MAPPINGS);
    (void)state;

    changes_rank(&c, EV_FAULTS);
    assert_int_equal(c.n, 2);
    assert_string_equal(c.at[0].name, "anon");
    assert_true(c.at[0].a[EV_FAULTS].n == 3 && c.at[0].b[EV_FAULTS].n == 4);
    assert_false(c.at[0].a[EV_LOADS].known);
    changes_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdicts), cmocka_unit_test(functions_are_paired_across_folders),
        cmocka_unit_test(anonymous_mappings_have_no_address),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
