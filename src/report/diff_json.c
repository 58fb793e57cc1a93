/* SPDX-License-Identifier: MIT
 * diff_json.c - a comparison as JSON (docs/json.md, "The comparison"). */
#include "report/diff_internal.h"
#include "report/json_internal.h"

#include <inttypes.h>

static json_t *change_value(struct num a, struct num b)
{
    struct delta d = delta_of(a, b);

    if (!d.known || d.n > INT64_MAX)
        return json_null();
    return json_integer(d.less ? -(json_int_t)d.n : (json_int_t)d.n);
}

static json_t *pair(struct num a, struct num b)
{
    json_t *o = json_object();

    json_put(o, "a", a);
    json_put(o, "b", b);
    json_object_set_new(o, "change", change_value(a, b));
    return o;
}

static json_t *side(const struct diff_side *s)
{
    json_t *o = json_object();

    json_put_text(o, "file", s->file);
    json_object_set(o, "program", json_object_get(s->report, "program"));
    json_object_set(o, "exit", json_object_get(s->report, "exit"));
    return o;
}

static json_t *totals(const struct diff *d)
{
    json_t *list = json_array();

    for (const struct total *t = diff_totals; t->name; t++) {
        json_t *o = pair(diff_number(d->a.report, t->name), diff_number(d->b.report, t->name));
        json_put_text(o, "name", t->name);
        json_put_text(o, "certainty", t->certainty);
        json_array_append_new(list, o);
    }
    return list;
}

static json_t *known_string(const char *s) { return *s ? json_of_text(s) : json_null(); }

static json_t *places(const struct diff *d, int which)
{
    struct changes c = diff_places(&d->a, &d->b, which);
    json_t *list = c.failed ? NULL : json_array();

    changes_rank(&c, EV_WALK_CYCLES);
    for (size_t i = 0; list && i < c.n; i++) {
        json_t *o = json_object();
        if (which == CHANGES_FUNCTIONS) {
            json_object_set_new(o, "object", known_string(c.at[i].object));
            json_object_set_new(o, "function", known_string(c.at[i].name));
        } else {
            json_object_set_new(o, "name", known_string(c.at[i].name));
            json_object_set_new(o, "kind", known_string(c.at[i].kind));
            json_object_set_new(o, "perms", known_string(c.at[i].perms));
        }
        for (int e = 0; e < EVENT_COLUMNS; e++)
            json_object_set_new(o, event_info[e].name, pair(c.at[i].a[e], c.at[i].b[e]));
        json_array_append_new(list, o);
    }
    changes_free(&c);
    return list;
}

/* Counts stay integers; limits may be fractions. */
static json_t *number(long double x)
{
    json_int_t n = x > -9e18L && x < 9e18L ? (json_int_t)x : 0;
    return (long double)n == x ? json_integer(n) : json_real((double)x);
}

static json_t *conditions(const struct diff *d)
{
    json_t *list = json_array();

    for (size_t i = 0; i < d->conditions; i++) {
        const struct condition *c = &d->condition[i];
        json_t *o = json_object();
        json_put_text(o, "condition", c->text);
        json_object_set_new(o, "holds", json_boolean(c->holds));
        json_object_set_new(o, "a", c->a_known ? number(c->a) : json_null());
        json_object_set_new(o, "b", number(c->b));
        json_object_set_new(o, "limit", number(c->limit));
        json_array_append_new(list, o);
    }
    return list;
}

bool diff_json(const struct diff *d, FILE *out)
{
    json_t *o = json_object(), *functions = places(d, CHANGES_FUNCTIONS), *mappings = places(d, CHANGES_MAPPINGS);
    bool whole = functions && mappings;

    json_object_set_new(o, "format", json_integer(1));
    json_object_set_new(o, "a", side(&d->a));
    json_object_set_new(o, "b", side(&d->b));
    json_object_set_new(o, "certainty", json_object());
    for (int e = 0; e < EVENT_COLUMNS; e++)
        json_put_text(json_object_get(o, "certainty"), event_info[e].name, event_info[e].certainty);
    json_object_set_new(o, "totals", totals(d));
    json_object_set_new(o, "functions", functions);
    json_object_set_new(o, "mappings", mappings);
    json_object_set_new(o, "conditions", conditions(d));
    whole = whole && !json_dumpf(o, out, JSON_INDENT(2)) && fputc('\n', out) != EOF && !fflush(out);
    json_decref(o);
    return whole && !ferror(out);
}
