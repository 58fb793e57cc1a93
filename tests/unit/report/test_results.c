/* SPDX-License-Identifier: MIT
 * test_results.c - the reader of results files: what it keeps, and that it refuses everything else in one sentence. */
#include "report/amend.h"
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#define TABLE "table\tt\t$name\tn\n"

static struct results *good(const char *body)
{
    return report_of(body).results;
}

/* The error of a body that must be refused, after the first line and with a proper closing line. */
static const char *refusal(const char *body)
{
    static struct results_error err;
    char whole[4096];
    struct results *r;

    snprintf(whole, sizeof whole, "%s%s", FIRST_LINE, body);
    r = parse(seal(whole, strlen(whole)), &err);
    assert_null(r);
    assert_null(strchr(err.text, '\n'));
    return err.text;
}

static void assert_says(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" does not say \"%s\"", text, part);
}

/* ---- what is kept -------------------------------------------------------------------------------------------------- */

static void values(void **state)
{
    struct results *r = good("text\tprogram\ta%09b%25%7F\ncount\tn\t18446744073709551615\ncount\tu\t?\n"
                             TABLE "row\tx\t5\nrow\t\t?\ncount\tafter\t7\n");
    const struct results_table *t = results_table(r, "t");
    (void)state;

    assert_string_equal(results_text(r, "program"), "a\tb%\x7f");
    assert_true(results_count(r, "n").known && results_count(r, "n").n == ~0ull);
    assert_false(results_count(r, "u").known);
    assert_false(results_count(r, "missing").known);
    assert_null(results_text(r, "missing"));
    assert_null(results_table(r, "missing"));
    assert_int_equal(table_rows(t), 2);
    assert_string_equal(table_text(t, 0, table_column(t, "$name")), "x");
    assert_string_equal(table_text(t, 1, table_column(t, "$name")), "");
    assert_true(table_num(t, 0, table_column(t, "n")).n == 5);
    assert_false(table_num(t, 1, table_column(t, "n")).known);
    assert_int_equal(table_column(t, "name"), -1);
    assert_false(table_num(t, 0, -1).known);
    assert_string_equal(table_text(t, 0, -1), "");
    assert_true(results_count(r, "after").n == 7);
    results_free(r);
}

static void unknown_names_are_ignored(void **state)
{
    struct report r = report_of("text\tfuture\tx\ncount\tfuture.count\t1\ntable\tfuture_table\tone\nrow\t1\ncount\tinstructions\t9\n");
    (void)state;

    assert_true(r.summary.instructions.known && r.summary.instructions.n == 9);
    assert_false(r.summary.loads.known);
    results_free(r.results);
}

static void a_huge_line(void **state)
{
    size_t n = 5u << 20;
    char *body = malloc(n + 100);
    struct results_error err;
    struct results *r;
    int used = sprintf(body, FIRST_LINE "text\tprogram\t");
    (void)state;

    memset(body + used, 'x', n);
    body[used + (int)n] = '\n';
    r = parse(seal(body, (size_t)used + n + 1), &err);
    assert_non_null(r);
    assert_int_equal(strlen(results_text(r, "program")), n);
    results_free(r);
    free(body);
}

/* ---- what is refused ------------------------------------------------------------------------------------------------ */

static void bodies(void **state)
{
    static const struct { const char *body, *says; } bad[] = {
        { "count\tn\t18446744073709551616\n", "64 bits" }, { "count\tn\t-1\n", "not a number" },
        { "count\tn\t1x\n", "not a number" },              { "count\tn\t\n", "not a number" },
        { "count\tn\t 1\n", "not a number" },              { "count\tn\t1\r\n", "not a number" },
        { "count\tn\n", "count line" },                    { "count\tn\t1\t2\n", "count line" },
        { "count\t\t1\n", "name is missing" },             { "count\n", "name is missing" },
        { "count\ta b\t1\n", "not a name" },               { "text\tn\n", "text line" },
        { "text\tn\ta\tb\n", "text line" },                { "text\tn\t%\n", "hex" },
        { "text\tn\t%0\n", "hex" },                        { "text\tn\t%0g\n", "hex" },
        { "text\tn\t%0a\n", "hex" },                       { "text\tn\t%00\n", "hex" },
        { "text\tn\ta\x01z\n", "control" },                { "text\tn\ta\x7fz\n", "control" },
        { "count\tn\t1\ncount\tn\t1\n", "stands twice" },  { "text\tn\t1\ntext\tm\t1\ntext\tn\t1\n", "stands twice" },
        { TABLE TABLE, "stands twice" },                   { "table\tt\ta\ta\n", "stands twice" },
        { "table\tt\n", "no columns" },                    { "table\tt\t\n", "name is missing" },
        { TABLE "row\tx\n", "1 values and not 2" },        { TABLE "row\tx\t1\t2\n", "more than 2" },
        { TABLE "row\tx\ty\n", "not a number" },           { "row\t1\n", "outside a table" },
        { TABLE "count\tn\t1\nrow\tx\t1\n", "outside a table" },
        { "\n", "no kind of line" },                       { "counts\tn\t1\n", "no kind of line" },
        { "end\t1\t00000000\n", "no kind of line" },
    };
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_says(refusal(bad[i].body), bad[i].says);
}

static void too_many_columns(void **state)
{
    char body[2048] = "table\tt";
    (void)state;

    for (int i = 0; i < 65; i++)
        sprintf(body + strlen(body), "\tc%d", i);
    strcat(body, "\n");
    assert_says(refusal(body), "more than 64 columns");
}

static void zero_bytes(void **state)
{
    static const char body[] = FIRST_LINE "text\tn\ta\0b\n";
    struct results_error err;
    (void)state;

    assert_null(parse(seal(body, sizeof body - 1), &err));
    assert_says(err.text, "zero byte");
    assert_says(err.text, "line 2");
}

static void messages_hold_nothing_a_terminal_obeys(void **state)
{
    const char *text = refusal("count\tn\t\x1b[31mred and very long indeed, longer than a message should ever be\n");
    (void)state;

    assert_null(strchr(text, '\x1b'));
    assert_says(text, "?[31mred");
    assert_says(text, "...");
}

/* ---- the frame ------------------------------------------------------------------------------------------------------ */

static struct sample copy(const char *bytes, size_t len)
{
    struct sample s = { malloc(len + 1), len };
    memcpy(s.bytes, bytes, len);
    return s;
}

static void frames(void **state)
{
    static const struct { const char *bytes, *says; } bad[] = {
        { "", "is empty" }, { "\n", "not a pagewalk results file" }, { "\x7f" "ELF", "not a pagewalk results file" },
        { "pagewalk-results", "cut short" }, { "pagewalk-results x\n", "not a pagewalk results file" },
        { "pagewalk-results 2\n", "another format" }, { "pagewalk-results 11\n", "another format" },
        { FIRST_LINE, "cut short" }, { FIRST_LINE "end\t1\t01234567", "cut short" }, { FIRST_LINE "count\tn\t1\n", "cut short" },
        { FIRST_LINE "end\t1\n", "closing line" }, { FIRST_LINE "end\tx\t01234567\n", "closing line" },
        { FIRST_LINE "end\t2\t01234567\n", "2 lines and has 1" }, { FIRST_LINE "end\t1\t01234567\n", "checksum" },
        { FIRST_LINE "end\t1\t01234567\tx\n", "checksum" },
    };
    struct results_error err;
    (void)state;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_null(parse(copy(bad[i].bytes, strlen(bad[i].bytes)), &err));
        assert_says(err.text, bad[i].says);
    }
}

/* Whatever is cut off or changed is noticed. */
static void cuts_and_changes(void **state)
{
    static const char body[] = FIRST_LINE "text\tprogram\tp%25\ncount\tn\t12\n" TABLE "row\tx\t5\nrow\ty\t?\n";
    struct sample whole = seal(body, sizeof body - 1), part;
    struct results_error err;
    struct results *r;
    (void)state;

    for (size_t n = 0; n < whole.len; n++)
        assert_null(parse(copy(whole.bytes, n), &err));
    for (size_t at = 0; at < whole.len; at++)
        for (int bit = 0; bit < 8; bit++) {
            part = copy(whole.bytes, whole.len);
            part.bytes[at] ^= (char)(1 << bit);
            assert_null(parse(part, &err));
            assert_null(strchr(err.text, '\n'));
        }
    r = parse(whole, &err);
    assert_non_null(r);
    results_free(r);
}

static void from_the_disk(void **state)
{
    struct results_error err;
    (void)state;

    assert_null(results_read("/no/such/file", NULL, &err));
    assert_says(err.text, "cannot be opened: No such file");
    assert_null(results_read("/", NULL, &err));
    assert_says(err.text, "cannot be read");
}

/* Everything stays but how the process ended. */
static void amended(void **state)
{
    static const char body[] = FIRST_LINE "text\texit.kind\tsignalled\ncount\texit.value\t?\n" TABLE "row\tx\t5\ncount\tn\t?\n";
    char from[] = "/tmp/pagewalk-test.XXXXXX", to[sizeof from + 4];
    struct sample s = seal(body, sizeof body - 1);
    int fd = mkstemp(from);
    struct results_error err;
    struct results *r;
    (void)state;

    assert_true(fd >= 0 && write(fd, s.bytes, s.len) == (ssize_t)s.len);
    snprintf(to, sizeof to, "%s.to", from);
    assert_true(results_amend_end(from, to, &(struct process_end){ "exited", 3, "/a b/100%\tx.pw" }, &err));
    r = results_read(to, NULL, &err);
    assert_non_null(r);
    assert_string_equal(results_text(r, "exit.kind"), "exited");
    assert_true(results_count(r, "exit.value").known && results_count(r, "exit.value").n == 3);
    assert_string_equal(results_text(r, "recording"), "/a b/100%\tx.pw");
    assert_int_equal(table_rows(results_table(r, "t")), 1);
    assert_false(results_count(r, "n").known);
    results_free(r);
    assert_false(results_amend_end(from, "/no/such/folder/to", &(struct process_end){ "exited", 3, NULL }, &err));
    assert_says(err.text, "cannot be written");
    assert_true(ftruncate(fd, (off_t)s.len - 1) == 0);
    assert_false(results_amend_end(from, to, &(struct process_end){ "exited", 3, NULL }, &err));
    assert_says(err.text, "cut short");
    close(fd);
    unlink(from);
    unlink(to);
    free(s.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values), cmocka_unit_test(unknown_names_are_ignored), cmocka_unit_test(a_huge_line),
        cmocka_unit_test(bodies), cmocka_unit_test(too_many_columns), cmocka_unit_test(zero_bytes),
        cmocka_unit_test(messages_hold_nothing_a_terminal_obeys), cmocka_unit_test(frames), cmocka_unit_test(cuts_and_changes),
        cmocka_unit_test(from_the_disk), cmocka_unit_test(amended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
