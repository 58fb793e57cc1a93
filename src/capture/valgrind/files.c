/* SPDX-License-Identifier: GPL-2.0-or-later
 * files.c - which file is behind a descriptor or a mapping, as the kernel half wants to know it.
 *
 * A descriptor's file has a number (trace.h) until the descriptor is closed or replaced, because Linux merges mappings
 * only of the same open file.  Page-cache state: the programs and libraries of a run are taken to be in
 * the page cache (a warm start); `--json` says so. */
#include "cap.h"

enum { MAX_FDS = 1024 };
static UInt by_fd[MAX_FDS];            /* number + 1; 0: not known                                                */
static Bool in_use[TRACE_FILES];

enum { NR_fcntl = 72, NR_statfs = 137, NR_fstatfs = 138, F_GETFL = 3, O_ACCMODE = 3, O_PATH = 010000000 };
#define TMPFS_MAGIC 0x01021994

static enum mm_fs filesystem(Long result, const ULong *statfs)
{
    return result >= 0 && statfs[0] == TMPFS_MAGIC ? MM_FS_TMPFS : MM_FS_EXT4;
}

static u64 free_number(void)
{
    for (UInt i = 0; i < TRACE_FILES; i++)
        if (!in_use[i])
            return i;
    return TRACE_NO_FILE;
}

/* A number to be closed, or TRACE_NO_FILE. */
static u64 open_file(const HChar *path, const struct vg_stat *st, enum mm_fs fs, Bool writable)
{
    struct trace_event e = {
        .type = TRACE_FILE, .text = path, .text_bytes = (UInt)VG_(strlen)(path),
        .word = { free_number(), (ULong)st->size, st->ino, fs, writable,
                  fs != MM_FS_TMPFS || st->blocks * 512 >= (ULong)st->size, /* cached; tmpfs: what was written exists    */
                  ((st->dev >> 8) & 0xfff) | ((st->dev >> 32) & ~0xffful), (st->dev & 0xff) | ((st->dev >> 12) & ~0xfful) },
    };
    if (e.word[0] == TRACE_NO_FILE || !cap_event(&e))
        return TRACE_NO_FILE;
    in_use[e.word[0]] = True;
    return e.word[0];
}

static void close_file(u64 number)
{
    if (number == TRACE_NO_FILE)
        return;
    in_use[number] = False;
    cap_event1(TRACE_FILE_CLOSE, number);
}

static void resize_file(u64 number, Long size)
{
    cap_event(&(struct trace_event){ .type = TRACE_FILE_SIZE, .word = { number, (u64)size } });
}

u64 cap_file_of_fd(Int fd)
{
    HChar link[64], path[4096];
    ULong statfs[16] = { 0 };
    struct vg_stat st;
    SSizeT n;
    if (fd < 0)
        return TRACE_NO_FILE;
    if (fd < MAX_FDS && by_fd[fd])
        return by_fd[fd] - 1;
    if (VG_(fstat)(fd, &st) != 0)
        return TRACE_NO_FILE;
    VG_(snprintf)(link, sizeof link, "/proc/self/fd/%d", fd);
    n = VG_(readlink)(link, path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    Long fs = cap_raw_syscall(NR_fstatfs, (UWord)fd, (UWord)statfs, 0);
    Bool writable = (cap_raw_syscall(NR_fcntl, (UWord)fd, F_GETFL, 0) & O_ACCMODE) != 0;
    u64 f = open_file(path, &st, filesystem(fs, statfs), writable);
    if (fd < MAX_FDS)
        by_fd[fd] = f == TRACE_NO_FILE ? 0 : (UInt)f + 1;
    return f;
}

void cap_fd_changed(Int fd)
{
    if (fd < 0 || fd >= MAX_FDS || !by_fd[fd])
        return;
    close_file(by_fd[fd] - 1);
    by_fd[fd] = 0;
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
    u64 f = open_file(path, &st, filesystem(cap_raw_syscall(NR_statfs, (UWord)path, (UWord)statfs, 0), statfs), False);
    if (f == TRACE_NO_FILE)
        return;
    resize_file(f, st.size);
    close_file(f);
}

void cap_file_resized(Int fd)
{
    struct vg_stat st;
    if (fd >= 0 && fd < MAX_FDS && by_fd[fd] && VG_(fstat)(fd, &st) == 0)
        resize_file(by_fd[fd] - 1, st.size);
}

/* A number to be closed. */
static u64 file_of_segment(const NSegment *seg)
{
    const HChar *path = VG_(am_get_filename)(seg);
    ULong statfs[16] = { 0 };
    struct vg_stat st;
    if (!path || sr_isError(VG_(stat)(path, &st)))
        return TRACE_NO_FILE;
    return open_file(path, &st, filesystem(cap_raw_syscall(NR_statfs, (UWord)path, (UWord)statfs, 0), statfs), seg->hasW);
}

Bool cap_refresh_file_size(Addr va)
{
    const NSegment *seg = VG_(am_find_nsegment)(va);
    struct mm_vma_view vma;
    u64 f;
    if (!seg || seg->kind != SkFileC || !mm_find_vma(follow_proc(cap.follower), va, &vma) || vma.start > va || !vma.file)
        return False;
    f = file_of_segment(seg);
    if (f == TRACE_NO_FILE)
        return False;
    /* Opening gave the page cache of this inode its present size: a real SIGBUS stays one. */
    struct vg_stat st;
    if (!sr_isError(VG_(stat)(VG_(am_get_filename)(seg), &st)))
        resize_file(f, st.size);
    close_file(f);
    return vma.off_bytes + (page_down(va) - vma.start) < (ULong)st.size;
}

static Int segment_prot(const NSegment *seg)
{
    return (seg->hasR ? MM_PROT_READ : 0) | (seg->hasW ? MM_PROT_WRITE : 0) | (seg->hasX ? MM_PROT_EXEC : 0);
}

/* A shared mapping cannot be told from a private one here; private is what such surprises have been. */
Bool cap_map_piece(const NSegment *seg, Addr start, Addr end)
{
    u64 f = seg->kind == SkFileC ? file_of_segment(seg) : TRACE_NO_FILE;
    UWord flags = MM_MAP_PRIVATE | (f != TRACE_NO_FILE ? 0 : MM_MAP_ANONYMOUS);
    ULong off = f != TRACE_NO_FILE ? (ULong)seg->offset + (start - seg->start) : 0;
    Bool ok = cap_event(&(struct trace_event){ .type = TRACE_MAP, .word = { start, end - start, (UWord)segment_prot(seg), flags, off, f } });
    close_file(f);
    return ok;
}

Bool cap_adopt_segment(Addr va)
{
    const NSegment *seg = VG_(am_find_nsegment)(va);
    struct mm_vma_view vma;
    if (!seg || (seg->kind != SkAnonC && seg->kind != SkFileC && seg->kind != SkShmC))
        return False;
    if (mm_find_vma(follow_proc(cap.follower), va, &vma) && vma.start <= va) {
        if (vma.prot == segment_prot(seg))
            return False;
        Addr start = vma.start > seg->start ? vma.start : seg->start;
        Addr end = vma.end < seg->end + 1 ? vma.end : seg->end + 1;
        return cap_event(&(struct trace_event){ .type = TRACE_PROTECT, .word = { start, end - start, (UWord)segment_prot(seg) } });
    }
    return cap_map_piece(seg, page_down(va), page_down(va) + PAGE_BYTES);
}
