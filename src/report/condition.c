/* SPDX-License-Identifier: MIT
 * condition.c - what a test demands of a comparison: NAME COMPARISON LIMIT.
 *
 *   faults.cow > 1000             the number of B
 *   instructions > +5%            B's against A's: A + 5 % of A; also +NUMBER, -NUMBER
 *   walks.total != baseline       A's itself
 *
 * Counts below 2^63 are compared exactly: long double has 64 bits for them. */
#include "report/diff_internal.h"
#include "report/results_internal.h"

#include <stdlib.h>
#include <string.h>

static const struct { const char *sign; enum comparison is; } comparisons[] = { /* the longer first */
    { "<=", CMP_LESS_EQUAL }, { ">=", CMP_MORE_EQUAL }, { "==", CMP_EQUAL }, { "!=", CMP_NOT_EQUAL },
    { "<", CMP_LESS }, { ">", CMP_MORE },
};

static const char *skip_blanks(const char *s) { return s + strspn(s, " \t"); }

/* Digits, maybe with a fraction; never a sign, "inf" or hexadecimal. */
static bool read_number(const char **s, long double *n)
{
    size_t len = strspn(*s, "0123456789");
    char digits[64];

    if ((*s)[len] == '.' && (*s)[len + 1] >= '0' && (*s)[len + 1] <= '9')
        len += 1 + strspn(*s + len + 1, "0123456789");
    if (!len || len >= sizeof digits || **s == '.')
        return false;
    snprintf(digits, sizeof digits, "%.*s", (int)len, *s);
    *n = strtold(digits, NULL);
    *s += len;
    return true;
}

static bool read_limit(struct condition *c, const char *s, struct results_error *err)
{
    static const char baseline[] = "baseline";
    long double n = 0;
    int sign;

    if (!strncmp(s, baseline, sizeof baseline - 1)) {
        c->from_baseline = true;
        s = skip_blanks(s + sizeof baseline - 1);
        if (!*s)
            return true;
    }
    sign = *s == '+' ? 1 : *s == '-' ? -1 : 0;
    s = skip_blanks(s + (sign != 0));
    if ((c->from_baseline && !sign) || !read_number(&s, &n))
        return results_refuse(err, "wants a number, +NUMBER, -NUMBER, +PERCENT%% or `baseline` after the comparison, not '%.200s'", s);
    c->from_baseline = c->from_baseline || sign;
    if (*s == '%') {
        if (!sign)
            return results_refuse(err, "has a percentage without a sign: write `+` for so much more than the baseline, `-` for less");
        s++;
        c->percent = sign * n;
    } else {
        c->number = sign ? sign * n : n;
    }
    s = skip_blanks(s);
    return !*s || results_refuse(err, "has '%.200s' after its end; give --fail-if once for each condition", s);
}

bool condition_parse(struct condition *c, const char *text, struct results_error *err)
{
    const char *s = skip_blanks(text), *sign = s + strcspn(s, "<>=!");
    size_t len = (size_t)(sign - s), i;

    *c = (struct condition){ .text = text };
    while (len && (s[len - 1] == ' ' || s[len - 1] == '\t'))
        len--;
    if (!len)
        return results_refuse(err, "does not begin with the name of a number");
    if (len >= sizeof c->name)
        return results_refuse(err, "has too long a name");
    snprintf(c->name, sizeof c->name, "%.*s", (int)len, s);
    for (i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++)
        if (!strncmp(sign, comparisons[i].sign, strlen(comparisons[i].sign)))
            break;
    if (i == sizeof comparisons / sizeof comparisons[0])
        return results_refuse(err, "wants one of < <= > >= == != after '%.200s'", c->name);
    c->comparison = comparisons[i].is;
    return read_limit(c, skip_blanks(sign + strlen(comparisons[i].sign)), err);
}

/* ---- judging ------------------------------------------------------------------------------------------------------------ */

static bool refuse(const struct condition *c, enum found found, const struct diff_side *s, struct results_error *err)
{
    static const char *const why[] = {
        [FOUND] = "", [FOUND_UNKNOWN] = "is unknown", [FOUND_NOTHING] = "is not a number of the report (docs/json.md)",
        [FOUND_NO_NUMBER] = "is not a number" };

    return results_refuse(err, "cannot be judged: %.250s %s in %.250s", c->name, why[found], s->file);
}

static bool compare(long double b, enum comparison is, long double limit)
{
    switch (is) {
    case CMP_LESS: return b < limit;
    case CMP_LESS_EQUAL: return b <= limit;
    case CMP_MORE: return b > limit;
    case CMP_MORE_EQUAL: return b >= limit;
    case CMP_EQUAL: return b == limit;
    case CMP_NOT_EQUAL: return b != limit;
    }
    return false;
}

bool condition_judge(struct condition *c, const struct diff_side *a, const struct diff_side *b, struct results_error *err)
{
    enum found in_a = diff_find(a->report, c->name, &c->a), in_b = diff_find(b->report, c->name, &c->b);

    /* All places that cost anything are in a report; a name that neither knows is more likely mistyped. */
    if (diff_selects_places(c->name) && in_a == FOUND && in_b == FOUND_NOTHING)
        in_b = FOUND, c->b = 0;
    if (diff_selects_places(c->name) && in_b == FOUND && in_a == FOUND_NOTHING)
        in_a = FOUND, c->a = 0;
    if (in_b != FOUND)
        return refuse(c, in_b, b, err);
    c->a_known = in_a == FOUND;
    if (c->from_baseline && !c->a_known)
        return refuse(c, in_a, a, err);
    c->limit = c->from_baseline ? c->a + c->a * c->percent / 100 + c->number : c->number;
    c->holds = compare(c->b, c->comparison, c->limit);
    return true;
}
