/* SPDX-License-Identifier: MIT
 * dump_tables.c - prints what an address space maps, from an image of physical memory:
 *
 *     dump_tables IMAGE CR3 [la57]
 *
 * IMAGE holds physical memory from address 0 on, CR3 is the root (hexadecimal).  One line for each range of equal rights
 * and page size that is contiguous in virtual and in physical memory: addresses, size of pages, rights (user or
 * supervisor, write, execute), global, protection key, physical address.  Every walk is mmu_walk(), which changes nothing. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "pagewalk/mmu.h"

struct range { u64 va, pa, bytes; unsigned page_lg2; char rights[24]; };

static int fail(const char *what)
{
    fprintf(stderr, "dump_tables: %s\n", what);
    return 1;
}

/* The image, copied on write, rounded up to whole pages. */
static void *map_image(const char *path, u64 *bytes)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= 0)
        return MAP_FAILED;
    *bytes = page_up((u64)st.st_size);
    void *image = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    return image;
}

static void describe(const struct mmu_walk *w, char text[24])
{
    char key[8] = "";
    if (w->pkey)
        snprintf(key, sizeof key, " key %u", w->pkey & 15u);
    snprintf(text, 24, "%s r%c%c%s%s", w->user ? "user" : "kern", w->writable ? 'w' : '-', w->nx ? '-' : 'x',
             w->global ? " global" : "", key);
}

static void print_range(const struct range *r)
{
    static const char *const size[] = { [12] = "4K", [21] = "2M", [30] = "1G" };
    if (r->bytes)
        printf("%016" PRIx64 "-%016" PRIx64 " %s %s -> %" PRIx64 "\n", r->va, r->va + r->bytes, size[r->page_lg2], r->rights, r->pa);
}

/* Adds a page to the range, or begins a new one. */
static void add(struct range *r, const struct mmu_walk *w, u64 va, unsigned page_lg2)
{
    char rights[24];
    describe(w, rights);
    bool joins = r->bytes && va == r->va + r->bytes && w->r.pa == r->pa + r->bytes && page_lg2 == r->page_lg2 &&
                 !strcmp(rights, r->rights);
    if (!joins) {
        print_range(r);
        *r = (struct range){ .va = va, .pa = w->r.pa, .page_lg2 = page_lg2 };
        memcpy(r->rights, rights, sizeof rights);
    }
    r->bytes += (u64)1 << page_lg2;
}

/* What the last entry read covers is skipped as a whole: a page, or everything below an entry that is not present. */
static void dump(const struct mmu *m, unsigned va_bits)
{
    u64 va = 0, half = (u64)1 << (va_bits - 1);
    struct range r = { .bytes = 0 };
    do {
        struct mmu_walk w;
        mmu_walk(m, 0, va, MMU_LOAD, 0, &w);
        const struct mmu_step *last = &w.step[w.steps - 1];
        unsigned lg2 = 12 + 9 * last->level;
        if (last->verdict == MMU_STEP_LEAF) {
            add(&r, &w, va, lg2);
        } else if (last->verdict == MMU_STEP_RESERVED) {
            print_range(&r);
            r.bytes = 0;
            printf("%016" PRIx64 " reserved bit in the entry %#" PRIx64 " at %#" PRIx64 "\n", va, last->entry, last->entry_pa);
        }
        va += (u64)1 << lg2;
        if (va == half)
            va = -half; /* over the addresses that are not canonical */
    } while (va);
    print_range(&r);
}

int main(int argc, char **argv)
{
    bool la57 = argc == 4 && !strcmp(argv[3], "la57");
    if (argc != 3 && !la57)
        return fail("usage: dump_tables IMAGE CR3 [la57]");
    char *end;
    errno = 0;
    u64 cr3 = strtoull(argv[2], &end, 16), bytes = 0;
    if (*end || end == argv[2] || errno)
        return fail("CR3 is a hexadecimal number");
    void *image = map_image(argv[1], &bytes);
    if (image == MAP_FAILED)
        return fail("cannot read the image");

    const struct mmu_profile *cpu = mmu_profile_find("champsim"); /* knows every page size and 5 levels */
    struct mmu_config cfg = { .cpus = 1, .ram = image, .ram_bytes = bytes, .vendor = cpu->vendor,
                              .features = cpu->features, .profile = cpu };
    size_t needed = mmu_bytes(&cfg);
    void *block = aligned_alloc(64, (needed + 63) & ~(size_t)63);
    struct mmu *m = block ? mmu_create(block, needed, &cfg) : NULL;
    if (!m)
        return fail("no machine for such an image");
    mmu_set(m, 0, MMU_CR4, mmu_get(m, 0, MMU_CR4) | 1 << 7); /* PGE: global pages count as such */
    if (la57) { /* paging is turned off and on again, as software must */
        u64 cr0 = mmu_get(m, 0, MMU_CR0);
        mmu_set(m, 0, MMU_CR0, cr0 & 0x7fffffff);
        mmu_set(m, 0, MMU_CR4, mmu_get(m, 0, MMU_CR4) | 1 << 12);
        mmu_set(m, 0, MMU_CR0, cr0);
    }
    if (!mmu_set(m, 0, MMU_CR3, cr3))
        return fail("CR3 has reserved bits set");
    dump(m, la57 ? 57 : 48);
    munmap(image, bytes);
    free(block);
    return 0;
}
