/* SPDX-License-Identifier: MIT
 * speedscope.c - costs by source line for https://www.speedscope.app, in its own format (file-format-schema.json):
 * one sampled profile for each event that cost something, a stack being object, function, line; or, for what a run with
 * --call-paths knows by path, the functions that called each other. */
#include "report/format.h"
#include "report/json_internal.h"
#include "report/paths.h"
#include "report/places.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stack { json_int_t frame[3]; unsigned depth; };
/* What samples are made of: lines, and paths, whose functions are frames from first_function on. */
struct samples { const struct places *places; const struct stack *stack; struct paths paths; json_int_t first_function; };

/* ---- frames ------------------------------------------------------------------------------------------------------------ */

static json_int_t add_frame(json_t *frames, const char *name, const char *file, struct num line)
{
    json_t *o = json_object();

    json_put_text(o, "name", *name ? name : "???");
    if (*file)
        json_put_text(o, "file", file);
    if (*file && num_positive(line))
        json_put(o, "line", line);
    json_array_append_new(frames, o);
    return (json_int_t)json_array_size(frames) - 1;
}

/* places_lines() is sorted by object, file, function and line, so a new frame is needed where one of them changes. */
static void add_stack(json_t *frames, struct stack *s, const struct stack *before, const struct place *p, const struct place *last)
{
    bool object = !last || strcmp(p->object, last->object);
    bool function = object || strcmp(p->file, last->file) || strcmp(p->function, last->function);
    char line[1100];

    s->depth = 2;
    s->frame[0] = object ? add_frame(frames, format_basename(p->object), "", NUM_UNKNOWN) : before->frame[0];
    s->frame[1] = function ? add_frame(frames, p->function, p->file, NUM_UNKNOWN) : before->frame[1];
    if (!*p->file || !num_positive(p->line))
        return;
    snprintf(line, sizeof line, "%.1000s:%llu", format_basename(p->file), (unsigned long long)p->line.n);
    s->frame[s->depth++] = add_frame(frames, line, p->file, p->line);
}

/* ---- profiles ---------------------------------------------------------------------------------------------------------- */

static void add_sample(json_t *samples, json_t *weights, json_t *sample, struct num weight, struct num *end)
{
    json_array_append_new(samples, sample);
    json_array_append_new(weights, json_of_num(weight));
    *end = num_add(*end, weight);
}

static json_t *sample_of_line(const struct stack *stack)
{
    json_t *sample = json_array();

    for (unsigned d = 0; d < stack->depth; d++)
        json_array_append_new(sample, json_integer(stack->frame[d]));
    return sample;
}

static json_t *sample_of_path(const struct samples *s, unsigned frame)
{
    json_t *sample = json_array();

    for (; frame != PATH_NONE; frame = s->paths.at[frame].parent)
        json_array_insert_new(sample, 0, json_integer(s->first_function + s->paths.at[frame].function));
    return sample;
}

static json_t *profile(const struct samples *s, enum event e)
{
    json_t *o = json_object(), *samples = json_array(), *weights = json_array();
    const bool by_path = paths_know(&s->paths, e);
    struct num end = num_of(0);
    char name[128];

    for (size_t i = 0; !by_path && i < s->places->n; i++)
        if (num_positive(s->places->at[i].event[e]))
            add_sample(samples, weights, sample_of_line(&s->stack[i]), s->places->at[i].event[e], &end);
    for (size_t i = 0; by_path && i < s->paths.n; i++)
        if (num_positive(s->paths.at[i].own[e]))
            add_sample(samples, weights, sample_of_path(s, (unsigned)i), s->paths.at[i].own[e], &end);
    const bool says = strstr(event_info[e].title, event_info[e].certainty) != NULL; /* the title itself, how sure it is */
    snprintf(name, sizeof name, "%s: %s%s%s%s", event_info[e].name, event_info[e].title, says ? "" : " (", says ? "" : event_info[e].certainty,
             says ? "" : ")");
    json_put_text(o, "type", "sampled");
    json_put_text(o, "name", name);
    json_put_text(o, "unit", "none");
    json_put(o, "startValue", num_of(0));
    json_put(o, "endValue", end);
    json_object_set_new(o, "samples", samples);
    json_object_set_new(o, "weights", weights);
    return o;
}

static json_t *document(const struct report *r, const struct samples *s, json_t *frames, enum event weight)
{
    const struct places *p = s->places;
    json_t *o = json_object(), *profiles = json_array();
    size_t active = 0;

    for (int e = 0; e < EVENT_COLUMNS; e++) {
        struct num total = num_of(0);
        for (size_t i = 0; i < p->n; i++)
            total = num_add(total, p->at[i].event[e].known ? p->at[i].event[e] : num_of(0));
        if (e == (int)weight)
            active = json_array_size(profiles);
        if (num_positive(total) || e == (int)weight)
            json_array_append_new(profiles, profile(s, (enum event)e));
    }
    json_put_text(o, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_object_set_new(o, "shared", json_pack("{s:o}", "frames", frames));
    json_object_set_new(o, "profiles", profiles);
    json_put_text(o, "name", r->summary.arguments ? r->summary.arguments : r->file);
    json_put(o, "activeProfileIndex", num_of(active));
    json_put_text(o, "exporter", "pagewalk");
    return o;
}

bool report_speedscope(const struct report *r, enum event weight, FILE *out)
{
    struct places p = places_lines(r->results);
    struct stack *stack = calloc(p.n + 1, sizeof *stack);
    json_t *o = NULL, *frames = json_array();
    struct samples s = { .places = &p, .stack = stack, .paths = paths_read(r->results) };
    bool ok = !p.failed && !s.paths.failed && stack;

    weight = weight < EVENT_COLUMNS ? weight : EV_MINOR;
    for (size_t i = 0; ok && i < p.n; i++)
        add_stack(frames, &stack[i], i ? &stack[i - 1] : NULL, &p.at[i], i ? &p.at[i - 1] : NULL);
    s.first_function = (json_int_t)json_array_size(frames);
    for (size_t i = 0; ok && i < s.paths.functions; i++)
        add_frame(frames, path_function_name(&s.paths.function[i]), s.paths.function[i].file, NUM_UNKNOWN);
    if (ok)
        o = document(r, &s, frames, weight);
    else
        json_decref(frames);
    ok = o && !json_dumpf(o, out, JSON_COMPACT) && fputc('\n', out) != EOF && !fflush(out);
    json_decref(o);
    free(stack);
    paths_free(&s.paths);
    places_free(&p);
    return ok && !ferror(out);
}
