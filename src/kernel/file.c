/* SPDX-License-Identifier: MIT
 * file.c - open files and the inodes behind them.  Called by the embedder and by vmas that hold files.
 * Files with equal device and inode number share one page cache, which stays in memory after the last close.  The
 * inode of shared anonymous memory or of a memfd has no name and dies with its last file. */
#include "calls.h"

void file_get(struct mm_file *f) { f->refs++; }

static struct inode **bucket(struct kernel *k, u64 ino) { return &k->inodes[ino % INODE_HASH]; }

static struct inode *inode_find(struct kernel *k, const struct mm_file_info *info)
{
    for (struct inode *i = *bucket(k, info->ino); i; i = i->next)
        if (i->ino == info->ino && i->major == info->dev_major && i->minor == info->dev_minor && !i->anonymous)
            return i;
    return NULL;
}

static const u8 tmpfs_huge[] = {
    [MM_TMPFS_NEVER] = THP_NEVER, [MM_TMPFS_ALWAYS] = THP_ALWAYS, [MM_TMPFS_WITHIN_SIZE] = THP_WITHIN_SIZE,
    [MM_TMPFS_ADVISE] = THP_ADVISE,
};

static struct inode *inode_new(struct kernel *k, const struct mm_file_info *info, bool anonymous)
{
    struct inode *i = heap_alloc(k, sizeof *i);

    if (!i)
        return NULL;
    *i = (struct inode){ .k = k, .ino = info->ino, .major = info->dev_major, .minor = info->dev_minor,
                         .size = info->size_bytes, .fs = (u8)info->fs,
                         .folio_lg2 = info->folio_lg2 < PAGE_LG2 ? PAGE_LG2 : info->folio_lg2,
                         .huge = tmpfs_huge[info->huge & 3], .own_mount = anonymous, .memfd = info->memfd,
                         .huge_lg2 = info->fs == MM_FS_HUGETLBFS ? info->page_lg2 : 0,
                         .anonymous = anonymous, .handle = heap_handle(k, i), .next = *bucket(k, info->ino) };
    *bucket(k, info->ino) = i;
    return i;
}

static void inode_free(struct kernel *k, struct inode *i)
{
    struct inode **l = bucket(k, i->ino);

    if (i->huge_lg2)
        hugetlb_truncate(i, 0);
    cache_remove(i, 0, ~(u64)0 >> PAGE_LG2);
    while (*l != i)
        l = &(*l)->next;
    *l = i->next;
    limits_uncharge(k, i->charged);
    heap_free(k, i, sizeof *i);
}

void file_put(struct kernel *k, struct mm_file *f)
{
    struct inode *i = f->inode;

    if (--f->refs)
        return;
    i->writers -= f->writable;
    heap_free(k, f->path, f->path_bytes);
    heap_free(k, f, sizeof *f);
    if (!--i->opens && i->anonymous)
        inode_free(k, i);
}

static struct mm_file *file_new(struct kernel *k, struct inode *i, const char *path, bool writable)
{
    u32 n = 0;
    struct mm_file *f;

    while (path[n] && n < 4095)
        n++;
    f = heap_alloc(k, sizeof *f);
    if (!f)
        return NULL;
    *f = (struct mm_file){ .inode = i, .refs = 1, .writable = writable, .path_bytes = n + 1 };
    f->path = heap_alloc(k, n + 1);
    if (!f->path) {
        heap_free(k, f, sizeof *f);
        return NULL;
    }
    memcpy(f->path, path, n);
    i->opens++;
    i->writers += writable;
    return f;
}

/* A file without a name that others could open; its inode dies with it.  NULL: no memory. */
struct mm_file *file_new_anonymous(struct kernel *k, const struct mm_file_info *info)
{
    struct inode *i = inode_new(k, info, true);
    struct mm_file *f = i ? file_new(k, i, info->path, info->writable) : NULL;

    if (i && !f)
        inode_free(k, i);
    return f;
}

struct mm_file *mm_file_open(struct kernel *k, const struct mm_file_info *info)
{
    struct inode *i;

    if (info->fs == MM_FS_HUGETLBFS && ((info->page_lg2 != 21 && info->page_lg2 != 30) || !pool_of(k, info->page_lg2)))
        return NULL;
    if (info->memfd)
        return file_new_anonymous(k, info);
    i = inode_find(k, info);
    if (!i)
        i = inode_new(k, info, false);
    if (!i)
        return NULL;
    if (info->size_bytes > i->size)       /* grown by somebody else since */
        i->size = info->size_bytes;
    else if (info->size_bytes < i->size)
        truncate_inode(i, info->size_bytes);
    if (info->cached)
        i->cached_pages = inode_pages(i);
    return file_new(k, i, info->path, info->writable);
}

void mm_file_close(struct mm_file *f)
{
    if (f)
        file_put(f->inode->k, f);
}

const char *mm_file_path(const struct mm_file *f) { return f->path; }

/* A shared anonymous mapping's file: fixed size, charged at once.  NULL: no memory. */
struct mm_file *shmem_file_new(struct kernel *k, u64 bytes, bool charge)
{
    struct mm_file_info info = { .size_bytes = bytes, .dev_minor = 1, .ino = ++k->next_ino, .fs = MM_FS_TMPFS };
    struct inode *i;
    struct mm_file *f;

    if (charge && !limits_charge(k, bytes >> PAGE_LG2))
        return NULL;
    i = inode_new(k, &info, true);
    if (i)
        i->charged = charge ? bytes >> PAGE_LG2 : 0;
    else if (charge)
        limits_uncharge(k, bytes >> PAGE_LG2);
    f = i ? file_new(k, i, "/dev/zero (deleted)", true) : NULL;
    if (i && !f)
        inode_free(k, i);
    return f;
}

/* ---- truncation ------------------------------------------------------------------------------------------------ */

/* Pages [from, to) of the file leave every address space: private copies too (truncation), or only pages of the
 * cache (hole punch). */
void unmap_file_range(struct inode *i, u64 from, u64 to, unsigned how)
{
    for (struct vma *v = i->vmas, *next; v; v = next) {
        u64 last = v->pgoff + ((v->end - v->start) >> PAGE_LG2);
        next = v->file_next;
        if (to <= v->pgoff || from >= last)
            continue;
        u64 a = from > v->pgoff ? v->start + ((from - v->pgoff) << PAGE_LG2) : v->start;
        u64 b = to < last ? v->start + ((to - v->pgoff) << PAGE_LG2) : v->end;
        zap_single(v, a, b, how);
    }
}

void truncate_inode(struct inode *i, u64 size)
{
    u64 from = (size + PAGE_MASK_LOW) >> PAGE_LG2;
    /* ext4 cuts behind the end even when the end does not move. */
    bool cuts = size < i->size || (size == i->size && i->fs == MM_FS_EXT4);
    struct extent cut = folio_extent(i, from);

    i->size = size;
    if (i->cached_pages > from)
        i->cached_pages = from;
    if (cuts) {
        bool oom = false;
        struct frame *tail = size & PAGE_MASK_LOW ? cache_get(i, from - 1, &oom) : NULL;
        if (tail)                         /* the rest of its last page is zeroed */
            frame_mark_dirty(i->k, tail);
        if (cut.first < from)             /* a large folio is split: its pages leave every address space */
            unmap_file_range(i, cut.first, from, ZAP_CACHE_ONLY);
        unmap_file_range(i, from, ~(u64)0, 0);
        cache_cut(i, from);
        cache_remove(i, from, ~(u64)0 >> PAGE_LG2);
    }
}

/* A page that stays, of which the hole zeroes a part. */
static void zero_part(struct inode *i, u64 index)
{
    bool oom = false;
    struct frame *page = cache_get(i, index, &oom);

    if (page)
        frame_mark_dirty(i->k, page);
}

/* Pages [from, to) leave the cache and every entry that maps them; private copies stay.  pre: cache_settle(). */
void punch_inode(struct inode *i, u64 from, u64 to)
{
    unmap_file_range(i, from, to, ZAP_CACHE_ONLY);
    cache_cut(i, from);
    cache_cut(i, to);
    cache_remove(i, from, to);
}

long mm_file_truncate(struct mm_file *f, u64 size_bytes)
{
    if (f->inode->huge_lg2)
        return hugetlb_truncate(f->inode, size_bytes);
    truncate_inode(f->inode, size_bytes);
    return 0;
}

long mm_file_punch(struct mm_file *f, u64 off_bytes, u64 len_bytes)
{
    struct inode *i = f->inode;
    u64 end = off_bytes + len_bytes, from = page_up(off_bytes) >> PAGE_LG2, to = end >> PAGE_LG2;

    if (!len_bytes || end < off_bytes)
        return -MM_EINVAL;
    if (!f->writable)
        return -MM_EBADF;
    if (i->huge_lg2)
        return hugetlb_punch(i, off_bytes, end);
    if (!cache_settle(i))
        return -MM_ENOMEM;
    if (off_bytes & PAGE_MASK_LOW)
        zero_part(i, off_bytes >> PAGE_LG2);
    if (end & PAGE_MASK_LOW)
        zero_part(i, to);
    if (from < to)
        punch_inode(i, from, to);
    return 0;
}
