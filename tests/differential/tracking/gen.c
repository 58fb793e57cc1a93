/* SPDX-License-Identifier: MIT
 * gen.c - random operations.  Pages are taken from a few places of the arena, so that operations meet: the beginnings
 * and ends of its page tables. */
#include "tracking.h"

static u32 next(u64 *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 7;
    *s ^= *s << 17;
    return (u32)(*s >> 20);
}

#define PICK(s, list) (list)[next(s) % (sizeof(list) / sizeof(list)[0])]

static u64 page_at(u64 *s)
{
    static const u16 base[] = { 0, 0, 0, 504, 504, 1020 };
    return PICK(s, base) + next(s) % 20;
}

static u64 length(u64 *s)
{
    static const u16 pages[] = { 1, 1, 1, 2, 3, 5, 8, 20 };
    return PICK(s, pages);
}

static u64 address(u64 page) { return ARENA + page * PAGE_BYTES; }

static void mapping(u64 *s, struct op *op)
{
    static const int prots[] = { 3, 3, 3, 3, 1, 0, 2 };
    op->a[0] = address(page_at(s));
    op->a[1] = length(s) * 4 * PAGE_BYTES;
    op->a[2] = (u64)PICK(s, prots);
    op->a[3] = next(s) % 8;               /* 0-3 private anonymous, 4 shared anonymous, 5 private file, 6, 7 shared */
    op->a[4] = next(s) % FILES;
    op->a[5] = next(s) % 8 * PAGE_BYTES;
    if (next(s) % 4 == 0) {               /* a whole page table's worth, for huge pages */
        op->a[0] = address(next(s) % 3 * 512);
        op->a[1] = 512 * PAGE_BYTES;
        op->a[3] = 0;
    }
    if (op->a[0] + op->a[1] > address(ARENA_PAGES))
        op->a[1] = address(ARENA_PAGES) - op->a[0];
}

/* Splitting a 2 MiB page down to its frames (MADV_FREE of a part, UFFDIO_MOVE of a part) gives pages that hold only
 * zeros back, and the model has no contents: huge pages and moves are for different sequences, FREE for none. */
static void advice(u64 *s, struct op *op, bool huge)
{
    static const u8 advices[] = { MM_MADV_DONTNEED, MM_MADV_DONTNEED, MM_MADV_REMOVE,
        MM_MADV_POPULATE_READ, MM_MADV_POPULATE_WRITE, MM_MADV_GUARD_INSTALL, MM_MADV_GUARD_REMOVE, MM_MADV_HUGEPAGE,
        MM_MADV_HUGEPAGE, MM_MADV_DONTNEED_LOCKED, MM_MADV_NORMAL, MM_MADV_WIPEONFORK };
    op->a[2] = PICK(s, advices);
    if (op->a[2] == MM_MADV_HUGEPAGE && !huge)
        op->a[2] = MM_MADV_DONTNEED;
    if (op->a[2] == MM_MADV_HUGEPAGE && next(s) % 4) {
        op->a[0] = address(next(s) % 3 * 512);
        op->a[1] = 512 * PAGE_BYTES;
    }
}

static void opening(u64 *s, struct op *op)
{
    static const u64 features[] = { 0, MM_UFFD_FEATURE_WP_UNPOPULATED, MM_UFFD_FEATURE_WP_ASYNC, MM_UFFD_FEATURE_WP_ASYNC,
        MM_UFFD_FEATURE_SIGBUS, MM_UFFD_FEATURE_EXACT_ADDRESS, MM_UFFD_FEATURE_EVENT_FORK | MM_UFFD_FEATURE_EVENT_REMAP |
        MM_UFFD_FEATURE_EVENT_REMOVE | MM_UFFD_FEATURE_EVENT_UNMAP, MM_UFFD_FEATURE_EVENT_REMAP, 1ull << 40 };
    op->a[0] = PICK(s, features);
    op->a[1] = next(s) % 6 == 0 ? MM_UFFD_USER_MODE_ONLY : 0;
}

static u64 categories(u64 *s)
{
    static const u64 sets[] = { 0, 0, MM_PAGE_IS_WRITTEN, MM_PAGE_IS_WRITTEN, MM_PAGE_IS_PRESENT, MM_PAGE_IS_WPALLOWED,
        MM_PAGE_IS_PFNZERO, MM_PAGE_IS_HUGE, MM_PAGE_IS_GUARD, MM_PAGE_IS_SWAPPED, MM_PAGE_IS_FILE,
        MM_PAGE_IS_WRITTEN | MM_PAGE_IS_PRESENT, MM_PAGE_IS_PRESENT | MM_PAGE_IS_SWAPPED, 511, 1024 };
    return PICK(s, sets);
}

static void scan(u64 *s, struct op *op)
{
    static const u16 vec[] = { REGIONS, REGIONS, REGIONS, 0, 1, 2, 3 }, most[] = { 0, 0, 0, 1, 2, 5, 100 };
    op->a[0] = address(page_at(s));
    op->a[1] = op->a[0] + length(s) * length(s) * PAGE_BYTES;
    if (next(s) % 3 == 0) {
        op->a[0] = ARENA;
        op->a[1] = address(ARENA_PAGES);
    }
    if (op->a[1] > address(ARENA_PAGES))
        op->a[1] = address(ARENA_PAGES);
    op->a[2] = next(s) % 3 == 0 ? 1 : next(s) % 8 == 0 ? 2 + (next(s) & 1) : 0;
    op->a[3] = categories(s);
    op->a[4] = next(s) % 3 ? 0 : categories(s);
    op->a[5] = next(s) % 3 ? 0 : categories(s);
    op->a[6] = next(s) % 2 ? op->a[3] : 511;
    op->a[7] = (u64)PICK(s, vec) << 32 | PICK(s, most);
}

/* Source of a copy: aligned or not, there or not, of a mapping or not. */
static u64 source(u64 *s)
{
    u64 at = SOURCE + next(s) % (2 * SOURCE_PAGES - 4) * PAGE_BYTES + (next(s) % 4 ? 0 : next(s) % PAGE_BYTES);
    return next(s) % 24 ? at : 0x1000;
}

static u64 mode(u64 *s, unsigned often) { return next(s) % often ? 0 : next(s) % 8; }

void op_make(u64 *s, struct op *op, bool huge)
{
    static const u8 kinds[] = { OP_READ, OP_READ, OP_READ, OP_READ, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE, OP_WRITE,
        OP_KERNEL_READ, OP_KERNEL_WRITE, OP_MMAP, OP_MMAP, OP_MUNMAP, OP_MPROTECT, OP_MREMAP, OP_MADVISE, OP_MADVISE,
        OP_MADVISE, OP_FORK, OP_OPEN, OP_CLOSE, OP_REGISTER, OP_REGISTER, OP_REGISTER, OP_UNREGISTER, OP_PROTECT, OP_PROTECT,
        OP_PROTECT, OP_COPY, OP_COPY, OP_ZEROPAGE, OP_CONTINUE, OP_POISON, OP_MOVE, OP_MOVE, OP_WAKE, OP_SCAN, OP_SCAN,
        OP_SCAN, OP_CLEAR_REFS };
    static const u8 modes[] = { 1, 1, 2, 2, 2, 3, 3, 4, 6, 7, 0, 8 };

    *op = (struct op){ .kind = PICK(s, kinds), .slot = (u8)(next(s) % SLOTS), .policy = (u8)(next(s) % 4) };
    if (op->kind == OP_MOVE && huge)
        op->kind = OP_COPY;
    op->a[0] = address(page_at(s));
    op->a[1] = length(s) * PAGE_BYTES;
    switch ((enum op_kind)op->kind) {
    case OP_READ: case OP_WRITE: case OP_KERNEL_READ: case OP_KERNEL_WRITE: op->a[0] += next(s) % PAGE_BYTES; break;
    case OP_MMAP: mapping(s, op); break;
    case OP_MPROTECT: op->a[2] = next(s) % 4; break;
    case OP_MREMAP:
        op->a[2] = next(s) % 3 ? op->a[1] : length(s) * PAGE_BYTES;
        op->a[3] = MM_MREMAP_MAYMOVE | MM_MREMAP_FIXED | (next(s) % 8 ? 0 : MM_MREMAP_DONTUNMAP);
        op->a[4] = address(page_at(s));
        break;
    case OP_MADVISE: advice(s, op, huge); break;
    case OP_OPEN: opening(s, op); break;
    case OP_REGISTER: op->a[2] = PICK(s, modes); op->a[1] *= next(s) % 3 ? 1 : 20; break;
    case OP_UNREGISTER: op->a[1] *= next(s) % 3 ? 1 : 20; break;
    case OP_PROTECT: op->a[2] = next(s) % 8 ? next(s) % 2 : next(s) % 5; op->a[1] *= next(s) % 3 ? 1 : 20; break;
    case OP_COPY: op->a[2] = source(s); op->a[3] = mode(s, 2); break;
    case OP_MOVE: op->a[2] = address(page_at(s)); op->a[3] = mode(s, 2); break;
    case OP_ZEROPAGE: case OP_CONTINUE: case OP_POISON: op->a[2] = mode(s, 4); break;
    case OP_SCAN: scan(s, op); break;
    case OP_CLEAR_REFS: op->a[0] = next(s) % 7; break;
    default: break;
    }
    if (op->kind >= OP_REGISTER && op->kind <= OP_WAKE && next(s) % 40 == 0)
        op->a[next(s) & 1] ^= next(s) & 0x1800; /* not aligned */
}

void op_print(const struct op *op, FILE *to)
{
    static const char *const names[OP_KINDS] = { "read", "write", "kernel_read", "kernel_write", "mmap", "munmap",
        "mprotect", "mremap", "madvise", "fork", "open", "close", "register", "unregister", "writeprotect", "copy",
        "zeropage", "continue", "poison", "move", "wake", "pagemap_scan", "clear_refs" };

    fprintf(to, "%s slot=%u policy=%u", names[op->kind], op->slot, op->policy);
    for (unsigned i = 0; i < 8; i++)
        fprintf(to, " %#llx", (unsigned long long)op->a[i]);
    fprintf(to, "\n");
}
