/* SPDX-License-Identifier: MIT
 * numa_cmds.c - `numa ...`: nodes of the machine there is, and what its accesses and walks cost by where they go (pagewalk/numa.h).
 * Called by interp.c.  The kernel of a booted machine places pages on the same nodes. */
#include "interp_internal.h"

#include "base/check.h"
#include "pagewalk/numa.h"

#include <stdlib.h>
#include <string.h>

struct numa_world { struct numa numa; struct numa_meter meter; };

void numa_drop(struct interp *in)
{
    free(in->numa);
    in->numa = NULL;
}

/* With `explain on` and off again. */
void numa_explain(struct interp *in)
{
    if (in->numa)
        in->numa->meter.explain = in->options.explain ? in->explain_out : (struct pw_out){ 0 };
}

/* "A-B=D": both ways. */
static bool take_pair(struct numa *n, struct word w)
{
    const char *dash = memchr(w.s, '-', w.len), *equals = memchr(w.s, '=', w.len), *end = w.s + w.len;
    u64 a, b, d;

    if (!dash || !equals || dash > equals || !word_number((struct word){ w.s, (u32)(dash - w.s) }, &a) ||
        !word_number((struct word){ dash + 1, (u32)(equals - dash - 1) }, &b) || !word_number((struct word){ equals + 1, (u32)(end - equals - 1) }, &d))
        return false;
    if (a >= n->nodes || b >= n->nodes || a == b || d <= NUMA_LOCAL || d > 255)
        return false;
    n->distance[a][b] = n->distance[b][a] = (u8)d;
    return true;
}

static bool tell_kernel(struct interp *in, const struct numa *n)
{
    struct mm_nodes k = { .nodes = n->nodes };

    memcpy(k.end, n->end, sizeof k.end);
    memcpy(k.distance, n->distance, sizeof k.distance);
    memcpy(k.cpu_node, n->cpu_node, sizeof k.cpu_node);
    return kernel_set_nodes(in->kernel, &k);
}

static bool numa_new(struct interp *in, const struct words *w)
{
    u64 nodes = 0, distance = 20;
    struct word value;
    struct numa n;

    if (!need_number(in, w, 2, &nodes))
        return false;
    if (in->numa)
        return fail(in, "this machine has its nodes", NULL);
    if (w->n > 3 && word_value(w->w[3], "distance", &value) && (!word_number(value, &distance) || distance <= NUMA_LOCAL || distance > 255))
        return fail(in, "a distance is 11 to 255, not", &w->w[3]);
    if (nodes > NUMA_NODES_MAX || !numa_even(&n, (unsigned)nodes, in->ram_bytes, in->cpus, (unsigned)distance))
        return fail(in, "nodes are 1 to 8, each with a CPU and 4M of memory; not", &w->w[2]);
    for (unsigned i = 3; i < w->n; i++)
        if (!word_value(w->w[i], "distance", &value) && !take_pair(&n, w->w[i]))
            return fail(in, "distance=D, or A-B=D with two nodes and 11 to 255, not", &w->w[i]);
    if (in->kernel && !tell_kernel(in, &n))
        return fail(in, "the kernel takes nodes before its first process only", NULL);
    if (!(in->numa = calloc(1, sizeof *in->numa)))
        return fail(in, "no memory", NULL);
    in->numa->numa = n;
    numa_observe(&in->numa->meter, &in->numa->numa, in->mmu);
    numa_explain(in);
    done_ok(in);
    return true;
}

static void put_field(struct text *t, const char *name, u64 v)
{
    text_char(t, ' ');
    text_str(t, name);
    text_char(t, '=');
    text_dec(t, v);
}

static bool numa_nodes(struct interp *in, const struct words *w)
{
    const struct numa *n = &in->numa->numa;
    const struct pw_out out = listing_out(in);
    struct text t = { 0 };

    (void)w;
    for (unsigned i = 0; i < n->nodes; i++) {
        text_str(&t, "node ");
        text_dec(&t, i);
        text_str(&t, " memory=");
        text_0x(&t, i ? n->end[i - 1] : 0);
        text_char(&t, '-');
        text_0x(&t, n->end[i] - 1);
        text_str(&t, " cpus");
        for (unsigned cpu = 0; cpu < in->cpus; cpu++)
            if (n->cpu_node[cpu] == i) {
                text_char(&t, ' ');
                text_dec(&t, cpu);
            }
        text_str(&t, " distances");
        for (unsigned j = 0; j < n->nodes; j++) {
            text_char(&t, ' ');
            text_dec(&t, n->distance[i][j]);
        }
        text_char(&t, '\n');
        text_emit(&t, &out);
    }
    done_dot(in);
    return true;
}

/* Of one node's CPUs: on its own memory, on all others'. */
static void put_shares(struct text *t, const char *name, const u64 *by_node, unsigned nodes, unsigned self)
{
    u64 remote = 0;

    for (unsigned i = 0; i < nodes; i++)
        remote += i == self ? 0 : by_node[i];
    text_str(t, name);
    put_field(t, "local", by_node[self]);
    put_field(t, "remote", remote);
}

static bool numa_counts(struct interp *in, const struct words *w)
{
    const struct numa_counts *c = &in->numa->meter.counts;
    const struct pw_out out = listing_out(in);
    const unsigned nodes = in->numa->numa.nodes;
    struct text t = { 0 };

    (void)w;
    for (unsigned i = 0; i < nodes; i++) {
        text_str(&t, "node ");
        text_dec(&t, i);
        put_shares(&t, " accesses", c->accesses[i], nodes, i);
        put_shares(&t, " table reads", c->reads[i], nodes, i);
        text_char(&t, '\n');
        text_emit(&t, &out);
    }
    text_str(&t, "estimated");
    put_field(&t, "cycles", c->cycles);
    put_field(&t, "remote_cycles", c->remote_cycles);
    text_char(&t, '\n');
    text_emit(&t, &out);
    done_dot(in);
    return true;
}

bool cmd_numa(struct interp *in, const struct words *w)
{
    static const struct { const char *name; command_fn *fn; u8 words_min, words_max; const char *usage; } verbs[] = {
        { "new", numa_new, 3, WORDS_MAX, "numa new NODES [distance=D] [A-B=D...]" },
        { "nodes", numa_nodes, 2, 2, "numa nodes" },
        { "counts", numa_counts, 2, 2, "numa counts" },
    };

    for (size_t i = 0; i < COUNT_OF(verbs); i++) {
        if (!word_is(w->w[1], verbs[i].name))
            continue;
        if (w->n < verbs[i].words_min || w->n > verbs[i].words_max)
            return fail(in, verbs[i].usage, NULL);
        return in->numa || i == 0 ? verbs[i].fn(in, w) : fail(in, "this machine has one node: begin with numa new", NULL);
    }
    return fail(in, "new, nodes or counts, not", &w->w[1]);
}
