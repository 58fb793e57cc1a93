/* SPDX-License-Identifier: MIT
 * test_formats.c - names that could break a table or a stack, and unknown numbers, in the views for other tools. */
#include "sample.h"

#include <jansson.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static const char body[] =
    "table\tlines\t$object\t$file\t$function\tline\tinstructions\twalk_cycles\tminor\tmajor\n"
    "row\t/a/o,1\ta%0Ab.c\tf;g(\"x\")\t7\t5\t11\t0\t0\n"
    "row\t/a/o,1\t\t\t?\t?\t4\t1\t0\n";

static struct report r;
static int set_up(void **state) { (void)state; r = report_of(body); return 0; }
static int tear_down(void **state) { (void)state; report_free(&r); return 0; }

static char *text_of(bool (*view)(const struct report *r, enum event weight, FILE *out), enum event weight)
{
    char *text;
    size_t len;
    FILE *f = open_memstream(&text, &len);

    assert_true(view(&r, weight, f));
    fclose(f);
    return text;
}

static bool csv(const struct report *report, enum event weight, FILE *out) { (void)weight; return report_csv(report, out); }

static void csv_quotes(void **state)
{
    char *text = text_of(csv, EV_WALK_CYCLES);
    (void)state;

    assert_non_null(strstr(text, "\r\nline,\"/a/o,1\",\"a\nb.c\",\"f;g(\"\"x\"\")\",7,,,,,5,,,,,,,,11,0,0,,,,\r\n"));
    assert_non_null(strstr(text, "\r\nline,\"/a/o,1\",,,,,,,,,,,,,,,,4,1,0,,,,\r\n"));
    free(text);
}

static void stacks_keep_to_their_line(void **state)
{
    char *text = text_of(report_folded, EV_WALK_CYCLES);
    (void)state;

    assert_string_equal(text, "o,1;??? 4\no,1;f:g(\"x\");a?b.c:7 11\n");
    free(text);
    text = text_of(report_folded, EV_INSTRUCTIONS); /* unknown is not there                                       */
    assert_string_equal(text, "o,1;f:g(\"x\");a?b.c:7 5\n");
    free(text);
    text = text_of(report_folded, EV_LOADS);
    assert_string_equal(text, "");
    free(text);
}

static void speedscope_has_each_event_once(void **state)
{
    char *text = text_of(report_speedscope, EV_FAULTS);
    json_t *o = json_loads(text, 0, NULL), *profiles = json_object_get(o, "profiles"), *active;
    (void)state;

    assert_int_equal(json_array_size(profiles), 3); /* instructions, walk_cycles, minor                           */
    active = json_array_get(profiles, (size_t)json_integer_value(json_object_get(o, "activeProfileIndex")));
    assert_int_equal(strncmp(json_string_value(json_object_get(active, "name")), "minor", 5), 0);
    assert_int_equal(json_array_size(json_object_get(json_object_get(o, "shared"), "frames")), 4);
    json_decref(o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(csv_quotes), cmocka_unit_test(stacks_keep_to_their_line), cmocka_unit_test(speedscope_has_each_event_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
