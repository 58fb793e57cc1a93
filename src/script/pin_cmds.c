/* SPDX-License-Identifier: MIT
 * pin_cmds.c - pages that a device uses: pinning them, what the device is told, the direct map.  Called by interp.c and
 * proc_cmds.c.  A set of pinned pages has a name, until it is unpinned or the machine goes. */
#include "interp_internal.h"

#include <stdlib.h>

#define PIN_PAGES_MAX 65536u

static struct pins *find_pins(struct interp *in, struct word w)
{
    for (unsigned i = 0; i < in->pin_sets; i++)
        if (word_is(w, in->pins[i].name))
            return &in->pins[i];
    return NULL;
}

void pins_drop(struct interp *in)
{
    while (in->pin_sets)
        free(in->pins[--in->pin_sets].page);
}

static const struct flag_name pin_flags[] = { { "write", MM_FOLL_WRITE }, { "longterm", MM_FOLL_LONGTERM }, { "none", 0 }, { NULL, 0 } };

bool cmd_pin(struct interp *in, struct process *p, const struct words *w)
{
    u64 va, len, flags = 0, pages;
    struct pins *at = &in->pins[in->pin_sets];
    struct word bad;
    long r;

    if (!good_name(in, w->w[2]) || !need_number(in, w, 3, &va) || !need_number(in, w, 4, &len))
        return false;
    if (w->n > 5 && !word_flags(w->w[5], pin_flags, &flags, &bad))
        return fail(in, "pin has no flag", &bad);
    if (find_pins(in, w->w[2]) || in->pin_sets == PINS_MAX)
        return fail(in, in->pin_sets == PINS_MAX ? "too many sets of pinned pages" : "there are pinned pages called", &w->w[2]);
    pages = (page_up((va & PAGE_MASK_LOW) + len)) >> PAGE_LG2;
    if (!len || len > (u64)PIN_PAGES_MAX << PAGE_LG2 || pages > PIN_PAGES_MAX)
        return fail(in, "at least a byte and at most 256M can be pinned at once", NULL);
    at->page = calloc(pages, sizeof *at->page);
    if (!at->page)
        return fail(in, "no memory", NULL);
    put_on_cpu(in, p);
    r = mm_pin(p->p, va, pages, (unsigned)flags, at->page);
    if (r > 0) {
        copy_name(at->name, w->w[2]);
        at->pages = (u64)r;
        at->offset_bytes = va & PAGE_MASK_LOW;
        at->len_bytes = (u64)r < pages ? ((u64)r << PAGE_LG2) - at->offset_bytes : len;
        in->pin_sets++;
    } else {
        free(at->page);
    }
    done_value(in, r);
    return true;
}

bool cmd_unpin(struct interp *in, const struct words *w)
{
    static const struct flag_name dirt[] = { { "dirty", 1 }, { NULL, 0 } };
    struct pins *at = find_pins(in, w->w[1]);
    u64 dirty = 0;

    if (!at)
        return fail(in, "no pinned pages are called", &w->w[1]);
    if (w->n > 2 && !word_choice(w->w[2], dirt, &dirty))
        return fail(in, "dirty or nothing, not", &w->w[2]);
    mm_unpin(in->kernel, at->page, at->pages, dirty);
    free(at->page);
    *at = in->pins[--in->pin_sets];
    done_ok(in);
    return true;
}

bool cmd_scatter(struct interp *in, const struct words *w)
{
    const struct pins *at = find_pins(in, w->w[1]);
    struct mm_sg *sg;
    u64 n;

    if (!at)
        return fail(in, "no pinned pages are called", &w->w[1]);
    sg = calloc(at->pages, sizeof *sg);
    if (!sg)
        return fail(in, "no memory", NULL);
    n = mm_sg_from_pages(at->page, at->pages, at->offset_bytes, at->len_bytes, sg, at->pages);
    for (u64 i = 0; i < n; i++) {
        text_str(&in->t, "pa=");
        text_0x(&in->t, sg[i].pa);
        text_str(&in->t, " len=");
        text_0x(&in->t, sg[i].len_bytes);
        line_end(in);
    }
    free(sg);
    done_dot(in);
    return true;
}

/* ---- the direct map -------------------------------------------------------------------------------------------------- */

bool cmd_phys_to_virt(struct interp *in, const struct words *w)
{
    u64 pa;

    if (!need_number(in, w, 1, &pa))
        return false;
    if (pa >= in->ram_bytes)
        return fail(in, "no memory has the address", &w->w[1]);
    text_0x(&in->t, kernel_phys_to_virt(in->kernel, pa));
    line_end(in);
    return true;
}

bool cmd_virt_to_phys(struct interp *in, const struct words *w)
{
    const u64 base = kernel_phys_to_virt(in->kernel, 0);
    u64 va;

    if (!need_number(in, w, 1, &va))
        return false;
    if (va < base || va - base >= in->ram_bytes)
        return fail(in, "not an address of the direct map:", &w->w[1]);
    text_0x(&in->t, kernel_virt_to_phys(in->kernel, va));
    line_end(in);
    return true;
}
