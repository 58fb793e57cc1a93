/* SPDX-License-Identifier: MIT
 * readahead.c - which pages a fault on a page that is not in memory reads from the disk.  Called by filemap.c.
 * MADV_RANDOM: the page alone.  MADV_SEQUENTIAL: the window from it on.  Code (6.16): from it on too, inside the
 * mapping.  Else the window around it, until 100 misses in a row made that look useless.  The page at the last quarter
 * of the window carries a mark; touching it starts the next window.  The window is kernel_config.readahead_bytes. */
#include "calls.h"

#define LOTS_OF_MISSES 100

static u64 window_pages(const struct mm_file *f) { return f->inode->k->cfg.readahead_bytes >> PAGE_LG2; }

static bool read_window(struct mm_file *f, u64 start, u64 size, u64 async_size)
{
    struct inode *i = f->inode;
    u64 end = inode_pages(i);

    f->ra.start = start;
    f->ra.size = size;
    f->ra.async = async_size;
    for (u64 n = start; n < start + size && n < end; n++) {
        struct frame *page;
        if (cache_has(i, n))
            continue;
        page = cache_add(i, n);
        if (!page)
            return false;
        if (async_size && n == start + size - async_size)
            page->flags |= FRAME_READAHEAD;
    }
    return true;
}

/* The window of a mapping of code does not leave the mapping. */
static bool read_code(struct mm_file *f, const struct vma *v, u64 index, u64 window)
{
    u64 end = v->pgoff + ((v->end - v->start) >> PAGE_LG2);

    return read_window(f, index, end - index < window ? end - index : window, 0);
}

/* The page at index is missing.  false: no memory. */
bool readahead_miss(struct mm_file *f, const struct vma *v, u64 index)
{
    u64 window = window_pages(f), start = index > window / 2 ? index - window / 2 : 0;
    bool ok = true;

    if ((v->flags & VM_RAND_READ) || !window) {
        ;
    } else if (v->flags & VM_SEQ_READ) {
        ok = read_window(f, index, window, index ? 0 : window / 2);
    } else {
        if (f->ra.misses < LOTS_OF_MISSES * 10)
            f->ra.misses++;
        if (f->ra.misses > LOTS_OF_MISSES)
            ;
        else if ((v->flags & VM_EXEC) && f->inode->k->q.exec_readahead)
            ok = read_code(f, v, index, window);
        else
            ok = read_window(f, start, window, window / 4);
    }
    return ok && (cache_peek(f->inode, index) || cache_add(f->inode, index));
}

static u64 next_size(u64 size, u64 window)
{
    if (size < window / 16)
        return 4 * size;
    return size <= window / 2 ? 2 * size : window;
}

/* The page at index was touched and is in memory. */
void readahead_hit(struct mm_file *f, const struct vma *v, struct frame *page, u64 index)
{
    const u64 window = window_pages(f);

    if (v->flags & VM_RAND_READ)
        return;
    if (f->ra.misses)
        f->ra.misses--;
    if (!(page->flags & FRAME_READAHEAD))
        return;
    page->flags &= (u8)~FRAME_READAHEAD;
    if (f->ra.size && index == f->ra.start + f->ra.size - f->ra.async) {
        u64 size = next_size(f->ra.size, window);
        read_window(f, f->ra.start + f->ra.size, size, size);
    } else {
        u64 next = index + 1;
        while (next - index <= window && cache_has(f->inode, next))
            next++;
        u64 size = next_size(next - index + 1, window);
        read_window(f, next, size, size);
    }
}
