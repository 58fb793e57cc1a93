/* SPDX-License-Identifier: MIT
 * dma_cmds.c - the kernel's half of `iommu ...`: it drives the IOMMU, and maps buffers of processes for devices (pagewalk/dma.h).
 * Called by iommu_cmds.c. */
#include "iommu_cmds.h"

#include <stdlib.h>

#define PAGES_MAX 65536u

static bool read_register(void *ctx, u32 reg, unsigned bytes, u64 *value) { return iommu_read(ctx, reg, bytes, value); }
static bool write_register(void *ctx, u32 reg, unsigned bytes, u64 value) { return iommu_write(ctx, reg, bytes, value); }

void dma_drop(struct iommu_world *x)
{
    while (x->buffers) {
        dma_unmap(x->dma, &x->buffer[--x->buffers].m);
        free(x->buffer[x->buffers].m.page);
    }
    if (x->dma)
        dma_stop(x->dma);
    free(x->dma);
    x->dma = NULL;
}

bool iommu_start_cmd(struct interp *in, const struct words *w)
{
    static const struct flag_name modes[] = { { "strict", DMA_STRICT }, { "deferred", DMA_DEFERRED }, { NULL, 0 } };
    struct iommu_world *x = in->iommu;
    const struct dma_port port = { x->iommu, read_register, write_register };
    u64 mode;
    long r;

    if (!word_choice(w->w[2], modes, &mode))
        return fail(in, "strict or deferred, not", &w->w[2]);
    if (!in->kernel || x->dma)
        return fail(in, x->dma ? "the kernel drives this IOMMU already" : "there is no kernel: begin with boot", NULL);
    x->dma = calloc(1, sizeof *x->dma);
    if (!x->dma)
        return fail(in, "no memory", NULL);
    r = dma_start(x->dma, in->kernel, &port, (enum dma_mode)mode);
    if (r) {
        free(x->dma);
        x->dma = NULL;
    }
    done_value(in, r);
    return true;
}

/* false: answered with an error. */
static bool need_dma(struct interp *in)
{
    return in->iommu->dma || fail(in, "no kernel drives this IOMMU: begin with iommu start", NULL);
}

bool iommu_attach_cmd(struct interp *in, const struct words *w)
{
    u16 source;

    if (!need_dma(in) || !need_source(in, w, 2, &source))
        return false;
    done_value(in, dma_attach(in->iommu->dma, source));
    return true;
}

static struct buffer *find_buffer(struct iommu_world *x, struct word w)
{
    for (unsigned i = 0; i < x->buffers; i++)
        if (word_is(w, x->buffer[i].name))
            return &x->buffer[i];
    return NULL;
}

/* The new buffer's name, and its process.  false: answered with an error. */
static bool map_words(struct interp *in, const struct words *w, struct process **p)
{
    struct iommu_world *x = in->iommu;

    if (!good_name(in, w->w[2]))
        return false;
    if (find_buffer(x, w->w[2]) || x->buffers == BUFFERS_MAX)
        return fail(in, x->buffers == BUFFERS_MAX ? "too many buffers" : "there is a buffer called", &w->w[2]);
    *p = find_process(in, w->w[3]);
    if (!*p || (*p)->exited)
        return fail(in, "no process is called", &w->w[3]);
    return true;
}

/* iommu map NAME PROCESS DEVICE VA LENGTH to|from|both */
bool iommu_map_cmd(struct interp *in, const struct words *w)
{
    static const struct flag_name ways[] = { { "to", DMA_TO_DEVICE }, { "from", DMA_FROM_DEVICE }, { "both", DMA_BOTH }, { NULL, 0 } };
    struct iommu_world *x = in->iommu;
    struct process *p = NULL;
    u64 va, len, way;
    pfn_t *page;
    u16 source;
    long r;

    if (!need_dma(in) || !map_words(in, w, &p) || !need_source(in, w, 4, &source) || !need_number(in, w, 5, &va) || !need_number(in, w, 6, &len))
        return false;
    if (!word_choice(w->w[7], ways, &way))
        return fail(in, "to, from or both, not", &w->w[7]);
    if (!len || len > (u64)(PAGES_MAX - 1) << PAGE_LG2 || len > in->options.len_max_bytes)
        return fail(in, "at least a byte and at most 255M can be mapped at once", NULL);
    page = calloc(PAGES_MAX, sizeof *page);
    if (!page)
        return fail(in, "no memory", NULL);
    put_on_cpu(in, p);
    r = dma_map(x->dma, source, p->p, va, len, (enum dma_direction)way, page, &x->buffer[x->buffers].m);
    if (r) {
        free(page);
        done_value(in, r);
        return true;
    }
    copy_name(x->buffer[x->buffers].name, w->w[2]);
    in->t.len = 0;
    text_str(&in->t, "ok");
    put_address(&in->t, "iova", x->buffer[x->buffers++].m.iova);
    line_end(in);
    return true;
}

bool iommu_unmap_cmd(struct interp *in, const struct words *w)
{
    struct iommu_world *x = in->iommu;
    struct buffer *b;

    if (!need_dma(in))
        return false;
    b = find_buffer(x, w->w[2]);
    if (!b)
        return fail(in, "no buffer is called", &w->w[2]);
    dma_unmap(x->dma, &b->m);
    free(b->m.page);
    *b = x->buffer[--x->buffers];
    done_ok(in);
    return true;
}

bool iommu_buffers_cmd(struct interp *in, const struct words *w)
{
    const struct iommu_world *x = in->iommu;

    (void)w;
    if (!need_dma(in))
        return false;
    for (unsigned i = 0; i < x->buffers; i++) {
        in->t.len = 0;
        text_str(&in->t, x->buffer[i].name);
        text_char(&in->t, ' ');
        put_source(&in->t, x->buffer[i].m.source);
        put_address(&in->t, "iova", x->buffer[i].m.iova);
        put_count(&in->t, "bytes", x->buffer[i].m.len_bytes);
        line_end(in);
    }
    const struct dma_stats *s = &x->dma->stats;
    in->t.len = 0;
    text_str(&in->t, "all");
    put_count(&in->t, "bytes", s->mapped_bytes);
    put_count(&in->t, "stretches", s->stretches);
    put_count(&in->t, "copies_saved", s->copies_saved_bytes);
    put_count(&in->t, "page_flushes", s->page_flushes);
    put_count(&in->t, "domain_flushes", s->domain_flushes);
    put_count(&in->t, "deferred", s->deferred);
    put_count(&in->t, "waiting", x->dma->waiting);
    line_end(in);
    done_dot(in);
    return true;
}
