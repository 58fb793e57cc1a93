/* SPDX-License-Identifier: MIT
 * trace.c - what the trace of another tool does not say (docs/formats.md), in words.  Called by text.c and json.c. */
#include "report/json_internal.h"
#include "report/text_internal.h"

static const struct results_table *notes_of(const struct results *r) { return results_table(r, "trace_notes"); }
static const char *note(const struct results_table *t, size_t i) { return table_text(t, i, table_column(t, "$note")); }

void text_trace(struct text_view *v)
{
    const struct summary *s = v->sum;
    const struct results_table *t = notes_of(v->report->results);
    char name[512];

    if (!s->trace_form)
        return;
    format_name(name, sizeof name, s->recording ? s->recording : "unknown", 60, CUT_START);
    screen_printf(&v->screen, DIM, "from %s, a trace of %s with %s records", name, s->trace_form, format_num(s->trace_records).text);
    if (num_positive(s->trace_left_out))
        screen_printf(&v->screen, WARN, "; %s accesses left out", format_num(s->trace_left_out).text);
    text_end(v);
    for (size_t i = 0; i < table_rows(t); i++) {
        format_name(name, sizeof name, note(t, i), sizeof name, CUT_END);
        screen_printf(&v->screen, DIM, "  %s", name);
        text_end(v);
    }
}

json_t *json_of_trace(const struct results *r, const struct summary *s)
{
    const struct results_table *t = notes_of(r);
    json_t *o, *notes;

    if (!s->trace_form)
        return json_null();
    o = json_group("exact");
    notes = json_array();
    json_put_text(o, "form", s->trace_form);
    json_put(o, "records", s->trace_records);
    json_put(o, "left_out", s->trace_left_out);
    for (size_t i = 0; i < table_rows(t); i++)
        json_array_append_new(notes, json_of_text(note(t, i)));
    json_object_set_new(o, "notes", notes);
    return o;
}
