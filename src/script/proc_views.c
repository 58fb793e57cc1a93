/* SPDX-License-Identifier: MIT
 * proc_views.c - what can be seen of a process: fault counts, and the files of /proc/PID.  Called by proc_cmds.c. */
#include "interp_internal.h"

#define PAGEMAP_MAX_PAGES (1u << 20)

bool cmd_faults(struct interp *in, struct process *p, const struct words *w)
{
    const struct mm_counters *c = proc_counters(p->p);
    struct text *t = &in->t;

    (void)w;
    text_str(t, "minor=");
    text_dec(t, c->minor);
    text_str(t, " major=");
    text_dec(t, c->major);
    text_str(t, " cow=");
    text_dec(t, c->copied_pages);
    line_end(in);
    return true;
}

bool cmd_flushes(struct interp *in, struct process *p, const struct words *w)
{
    const struct mm_counters *c = proc_counters(p->p);
    struct mm_tlb tlb;
    const struct { const char *name; u64 n; } shown[] = {
        { "pages=", c->flush_pages }, { " full=", c->flush_full }, { " ipis=", c->ipis }, { " acks=", c->acks },
        { " spared=", c->lazy_skips },
    };

    (void)w;
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        text_str(&in->t, shown[i].name);
        text_dec(&in->t, shown[i].n);
    }
    mm_tlb(p->p, &tlb);
    text_str(&in->t, " mm=");
    text_dec(&in->t, tlb.id);
    text_str(&in->t, " generation=");
    text_dec(&in->t, tlb.generation);
    text_str(&in->t, " cpus=");
    text_0x(&in->t, tlb.cpus);
    line_end(in);
    return true;
}

static bool listing(struct interp *in, const struct process *p, void (*show)(const struct proc *p, const struct pw_out *out))
{
    const struct pw_out out = listing_out(in);

    show(p->p, &out);
    done_dot(in);
    return true;
}

#define LISTING(name) \
    bool cmd_##name(struct interp *in, struct process *p, const struct words *w) { (void)w; return listing(in, p, mm_show_##name); }
LISTING(maps)
LISTING(smaps)
LISTING(smaps_rollup)
LISTING(status)
LISTING(statm)
LISTING(numa_maps)

bool cmd_pagemap(struct interp *in, struct process *p, const struct words *w)
{
    u64 va, len;

    if (!need_number(in, w, 2, &va) || !need_number(in, w, 3, &len))
        return false;
    if (len > in->options.len_max_bytes || va + len < va || page_up(va + len) < va || (page_up(va + len) - page_down(va)) >> PAGE_LG2 > PAGEMAP_MAX_PAGES)
        return fail(in, "no such range, or more than 4G", NULL);
    for (u64 at = page_down(va); len && at < page_up(va + len); at += PAGE_BYTES) {
        text_0x(&in->t, mm_pagemap(p->p, at));
        line_end(in);
    }
    done_dot(in);
    return true;
}
