/* SPDX-License-Identifier: MIT
 * test_words.c - numbers, flags and cutting of the scenario language.
 * Would catch: an overflow taken for a number, a suffix lost, a name matched by its beginning only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "script/words.h"

static struct word word(const char *s) { return (struct word){ s, (u32)strlen(s) }; }

static void numbers(void **state)
{
    static const struct { const char *text; bool ok; u64 value; } rows[] = {
        { "0", true, 0 }, { "10", true, 10 }, { "0x10", true, 16 }, { "0XfF", true, 255 }, { "4K", true, 4096 },
        { "0x2M", true, 2u << 20 }, { "1G", true, 1u << 30 }, { "007", true, 7 },
        { "18446744073709551615", true, ~(u64)0 }, { "18446744073709551616", false, 0 },
        { "0xffffffffffffffff", true, ~(u64)0 }, { "0x10000000000000000", false, 0 },
        { "17179869183G", true, 0xffffffffc0000000 }, { "17179869184G", false, 0 },
        { "", false, 0 }, { "0x", false, 0 }, { "K", false, 0 }, { "0xK", false, 0 }, { "-1", false, 0 },
        { "1k", false, 0 }, { "12x", false, 0 }, { "0xg", false, 0 }, { "1KK", false, 0 }, { "a", false, 0 },
    };
    u64 v;
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(word_number(word(rows[i].text), &v), rows[i].ok);
        if (rows[i].ok)
            assert_int_equal(v, rows[i].value);
    }
}

static void cutting(void **state)
{
    static const char line[] = " one\ttwo \r three# four # five";
    static const char many[] = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
    struct words w;
    (void)state;

    assert_true(words_cut(line, sizeof line - 1, &w));
    assert_int_equal(w.n, 4);
    assert_true(word_is(w.w[2], "three#"));
    assert_false(word_is(w.w[0], "on"));
    assert_false(word_is(w.w[0], "ones"));
    assert_true(words_cut("", 0, &w));
    assert_int_equal(w.n, 0);
    assert_false(words_cut(many, sizeof many - 1, &w));
    assert_true(words_cut(many, sizeof many - 4, &w));
    assert_int_equal(w.n, 16);
    assert_true(words_cut("a\0b", 3, &w)); /* a zero byte is a byte of a word                                   */
    assert_int_equal(w.w[0].len, 3);
    assert_false(word_is(w.w[0], "a"));
}

static void flags(void **state)
{
    static const struct flag_name names[] = { { "read", 1 }, { "write", 2 }, { NULL, 0 } };
    struct word bad;
    u64 v;
    (void)state;

    assert_true(word_flags(word("read|write"), names, &v, &bad));
    assert_int_equal(v, 3);
    assert_true(word_flags(word("none"), names, &v, &bad));
    assert_int_equal(v, 0);
    assert_true(word_flags(word("read|0x10"), names, &v, &bad));
    assert_int_equal(v, 0x11);
    assert_false(word_flags(word("read|rea"), names, &v, &bad));
    assert_true(word_is(bad, "rea"));
    assert_false(word_flags(word("read|"), names, &v, &bad));
    assert_false(word_flags(word("|"), names, &v, &bad));
}

static void options(void **state)
{
    struct word value;
    unsigned cpu;
    (void)state;

    assert_true(word_value(word("ram=4M"), "ram", &value));
    assert_true(word_is(value, "4M"));
    assert_true(word_value(word("ram="), "ram", &value));
    assert_int_equal(value.len, 0);
    assert_false(word_value(word("ram"), "ram", &value));
    assert_false(word_value(word("rams=1"), "ram", &value));
    assert_true(word_cpu(word("cpu12"), &cpu));
    assert_int_equal(cpu, 12);
    assert_false(word_cpu(word("cpu"), &cpu));
    assert_false(word_cpu(word("cpu99999999999"), &cpu));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers), cmocka_unit_test(cutting), cmocka_unit_test(flags), cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
