/* SPDX-License-Identifier: MIT
 * json_paths.c - call paths, of the JSON view: a list of frames, in which `parent` is a number of this list.  Without --call-paths:
 * null. */
#include "report/json_internal.h"
#include "report/paths.h"

static json_t *frame(const struct paths *p, const struct path_frame *f)
{
    const struct path_function *function = &p->function[f->function];
    json_t *o = json_object();

    json_put(o, "parent", f->parent == PATH_NONE ? NUM_UNKNOWN : num_of(f->parent));
    json_put_text(o, "object", *function->object ? function->object : NULL);
    json_put_text(o, "file", *function->file ? function->file : NULL);
    json_put_text(o, "function", *function->function ? function->function : NULL);
    json_put(o, "line", num_positive(f->line) ? f->line : NUM_UNKNOWN);
    for (int e = 0; e < EVENT_COLUMNS; e++)
        if (paths_know(p, (enum event)e))
            json_put(o, event_info[e].name, f->own[e]);
    return o;
}

json_t *json_of_paths(const struct results *r)
{
    struct paths p = paths_read(r);
    json_t *list = p.n ? json_array() : json_null();

    for (size_t i = 0; i < p.n; i++)
        json_array_append_new(list, frame(&p, &p.at[i]));
    paths_free(&p);
    return list;
}
