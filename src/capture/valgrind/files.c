/* SPDX-License-Identifier: GPL-2.0-or-later
 * files.c - which file is behind a descriptor or a mapping, as the kernel half wants to know it.
 *
 * A descriptor's file is opened once in the model and kept until the descriptor is closed or replaced, because Linux
 * merges mappings only of the same open file.  Page-cache state: the programs and libraries of a run are taken to be in
 * the page cache (a warm start); `--json` says so. */
#include "cap.h"

enum { MAX_FDS = 1024 };
static struct mm_file *by_fd[MAX_FDS];

enum { NR_fcntl = 72, NR_statfs = 137, NR_fstatfs = 138, F_GETFL = 3, O_ACCMODE = 3, O_PATH = 010000000 };
#define TMPFS_MAGIC 0x01021994

static enum mm_fs filesystem(Long result, const ULong *statfs)
{
    return result >= 0 && statfs[0] == TMPFS_MAGIC ? MM_FS_TMPFS : MM_FS_EXT4;
}

static struct mm_file *open_in_model(const HChar *path, const struct vg_stat *st, enum mm_fs fs, Bool writable)
{
    struct mm_file_info info = {
        .path = path, .size_bytes = (ULong)st->size, .ino = st->ino, .fs = fs, .writable = writable,
        .cached = fs != MM_FS_TMPFS || st->blocks * 512 >= (ULong)st->size, /* tmpfs: what was written exists    */
        .dev_major = (UInt)(((st->dev >> 8) & 0xfff) | ((st->dev >> 32) & ~0xffful)),
        .dev_minor = (UInt)((st->dev & 0xff) | ((st->dev >> 12) & ~0xfful)),
        .folio_lg2 = PAGE_LG2,
    };
    return mm_file_open(cap.kernel, &info);
}

struct mm_file *cap_file_of_fd(Int fd)
{
    HChar link[64], path[4096];
    ULong statfs[16] = { 0 };
    struct vg_stat st;
    SSizeT n;
    if (fd < 0)
        return NULL;
    if (fd < MAX_FDS && by_fd[fd])
        return by_fd[fd];
    if (VG_(fstat)(fd, &st) != 0)
        return NULL;
    VG_(snprintf)(link, sizeof link, "/proc/self/fd/%d", fd);
    n = VG_(readlink)(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    Long fs = cap_raw_syscall(NR_fstatfs, (UWord)fd, (UWord)statfs, 0);
    Bool writable = (cap_raw_syscall(NR_fcntl, (UWord)fd, F_GETFL, 0) & O_ACCMODE) != 0;
    struct mm_file *f = open_in_model(path, &st, filesystem(fs, statfs), writable);
    if (fd < MAX_FDS)
        by_fd[fd] = f;
    return f;
}

void cap_fd_changed(Int fd)
{
    if (fd < 0 || fd >= MAX_FDS || !by_fd[fd])
        return;
    mm_file_close(by_fd[fd]);
    by_fd[fd] = NULL;
}

long cap_fd_refused(Int fd)
{
    struct vg_stat st;
    if (fd < 0 || VG_(fstat)(fd, &st) != 0)
        return -MM_EBADF;
    Long flags = cap_raw_syscall(NR_fcntl, (UWord)fd, F_GETFL, 0);
    if ((flags & O_PATH) != 0)
        return -MM_EBADF;
    if ((flags & O_ACCMODE) == VKI_O_WRONLY)
        return -MM_EACCES;
    return VKI_S_ISDIR(st.mode) || VKI_S_ISFIFO(st.mode) || VKI_S_ISSOCK(st.mode) ? -MM_ENODEV : 0;
}

Bool cap_fd_is_zero(Int fd)
{
    struct vg_stat st;
    return VG_(fstat)(fd, &st) == 0 && VKI_S_ISCHR(st.mode) && st.rdev == ((1 << 8) | 5);
}

void cap_path_resized(const HChar *path)
{
    struct vg_stat st;
    ULong statfs[16] = { 0 };
    if (sr_isError(VG_(stat)(path, &st)))
        return;
    /* The present size is that of the inode: every open file of it has it now. */
    struct mm_file *f = open_in_model(path, &st, filesystem(cap_raw_syscall(NR_statfs, (UWord)path, (UWord)statfs, 0), statfs), False);
    if (!f)
        return;
    mm_file_truncate(f, (ULong)st.size);
    mm_file_close(f);
}

void cap_file_resized(Int fd)
{
    struct vg_stat st;
    if (fd >= 0 && fd < MAX_FDS && by_fd[fd] && VG_(fstat)(fd, &st) == 0)
        mm_file_truncate(by_fd[fd], (ULong)st.size);
}

struct mm_file *cap_file_of_segment(const NSegment *seg)
{
    const HChar *path = VG_(am_get_filename)(seg);
    ULong statfs[16] = { 0 };
    struct vg_stat st;
    if (!path || sr_isError(VG_(stat)(path, &st)))
        return NULL;
    return open_in_model(path, &st, filesystem(cap_raw_syscall(NR_statfs, (UWord)path, (UWord)statfs, 0), statfs), seg->hasW);
}

Bool cap_refresh_file_size(Addr va)
{
    const NSegment *seg = VG_(am_find_nsegment)(va);
    struct mm_vma_view vma;
    struct mm_file *f;
    if (!seg || seg->kind != SkFileC || !mm_find_vma(cap.proc, va, &vma) || vma.start > va || !vma.file)
        return False;
    f = cap_file_of_segment(seg);
    if (!f)
        return False;
    /* Opening gave the page cache of this inode its present size: a real SIGBUS stays one. */
    struct vg_stat st;
    if (!sr_isError(VG_(stat)(mm_file_path(f), &st)))
        mm_file_truncate(f, (ULong)st.size);
    mm_file_close(f);
    return vma.off_bytes + (page_down(va) - vma.start) < (ULong)st.size;
}

static Int segment_prot(const NSegment *seg)
{
    return (seg->hasR ? MM_PROT_READ : 0) | (seg->hasW ? MM_PROT_WRITE : 0) | (seg->hasX ? MM_PROT_EXEC : 0);
}

/* A shared mapping cannot be told from a private one here; private is what such surprises have been. */
static Bool map_piece(const NSegment *seg, Addr start, Addr end)
{
    struct mm_file *f = seg->kind == SkFileC ? cap_file_of_segment(seg) : NULL;
    Int flags = MM_MAP_PRIVATE | MM_MAP_FIXED | (f ? 0 : MM_MAP_ANONYMOUS);
    ULong off = f ? (ULong)seg->offset + (start - seg->start) : 0;
    Bool ok = mm_mmap(cap.proc, start, end - start, segment_prot(seg), flags, f, off) == (long)start;
    if (f)
        mm_file_close(f);
    return ok;
}

Bool cap_adopt_segment(Addr va)
{
    const NSegment *seg = VG_(am_find_nsegment)(va);
    struct mm_vma_view vma;
    if (!seg || (seg->kind != SkAnonC && seg->kind != SkFileC && seg->kind != SkShmC))
        return False;
    if (mm_find_vma(cap.proc, va, &vma) && vma.start <= va) {
        if (vma.prot == segment_prot(seg))
            return False;
        Addr start = vma.start > seg->start ? vma.start : seg->start;
        Addr end = vma.end < seg->end + 1 ? vma.end : seg->end + 1;
        return mm_mprotect(cap.proc, start, end - start, segment_prot(seg)) == 0;
    }
    return map_piece(seg, page_down(va), page_down(va) + PAGE_BYTES);
}
