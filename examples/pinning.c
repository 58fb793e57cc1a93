/* SPDX-License-Identifier: MIT
 * pinning.c - why a buffer that a device writes into must be pinned.  A device knows physical addresses only: it keeps
 * writing to the frames it was given, whoever they belong to by then.  Three things go wrong without a pin, and not with it,
 * each checked by what the memory holds afterwards:
 *   unmapped   the program gives the buffer back; another process gets the frames, and finds the device's bytes in them
 *   forked     the program forks and writes; copy-on-write moves it to another frame, the device's bytes go to the old one
 *   shared     the fork came first: the page to be read is the child's too, and moves with the program's next write */
#include "guest.h"

#define BUFFER 0x100000000ull
#define PAGES 16u
#define BYTES (PAGES * PAGE_BYTES)
#define FROM_DEVICE 0xd0d0d0d0d0d0d0d0ull

struct transfer { struct mm_sg sg[PAGES]; u64 elements; pfn_t page[PAGES]; bool pinned; };

/* The device is told where the buffer is.  A driver that does not pin finds the frames and lets go of them at once. */
static void start_transfer(struct guest *g, struct transfer *t, bool pin)
{
    if (mm_pin(g->p, BUFFER, PAGES, MM_FOLL_WRITE | MM_FOLL_LONGTERM, t->page) != PAGES)
        guest_die("the buffer cannot be pinned", BUFFER);
    t->elements = mm_sg_from_pages(t->page, PAGES, 0, BYTES, t->sg, PAGES);
    t->pinned = pin;
    if (!pin)
        mm_unpin(g->k, t->page, PAGES, false);
}

/* The device writes: through no page table. */
static void device_writes(struct guest *g, const struct transfer *t)
{
    for (u64 i = 0; i < t->elements; i++)
        for (u64 at = 0; at < t->sg[i].len_bytes; at += sizeof(u64)) {
            const u64 v = FROM_DEVICE;
            memcpy(g->ram + kernel_virt_to_phys(g->k, kernel_phys_to_virt(g->k, t->sg[i].pa + at)), &v, sizeof v);
        }
}

static void end_transfer(struct guest *g, struct transfer *t)
{
    if (t->pinned)
        mm_unpin(g->k, t->page, PAGES, true);
}

/* Words of the buffer, as the process now running sees it, that hold the device's bytes. */
static u64 words_from_device(struct guest *g)
{
    u64 n = 0;

    for (u64 at = BUFFER; at < BUFFER + BYTES; at += sizeof(u64))
        n += guest_load(g, at) == FROM_DEVICE;
    return n;
}

static void fill(struct guest *g, u64 value)
{
    for (u64 at = BUFFER; at < BUFFER + BYTES; at += sizeof(u64))
        guest_store(g, at, value);
}

/* The buffer is given back while the device still writes; how much of it does another process find in its memory? */
static u64 unmapped(struct guest *g, bool pin)
{
    struct transfer t;
    struct proc *other;

    start_transfer(g, &t, pin);
    if (mm_munmap(g->p, BUFFER, BYTES))
        guest_die("munmap fails", BUFFER);
    other = proc_new(g->k, "other");
    proc_run_on(g->k, 0, other);
    g->p = other;
    guest_map(g, BUFFER, BYTES);
    fill(g, 7);
    device_writes(g, &t);
    end_transfer(g, &t);
    return words_from_device(g);
}

static struct proc *fork_child(struct guest *g)
{
    struct proc *child;

    if (proc_fork(g->p, 0, "child", 0, &child))
        guest_die("fork fails", 0);
    return child;
}

/* The program forks and writes to its buffer; how much of what the device writes then does it miss? */
static u64 forked(struct guest *g, bool pin)
{
    struct transfer t;

    start_transfer(g, &t, pin);
    fork_child(g);
    fill(g, 7);
    device_writes(g, &t);
    end_transfer(g, &t);
    return BYTES / sizeof(u64) - words_from_device(g);
}

/* The same when the buffer is shared with a child already; with a pin it is copied before the device is told. */
static u64 shared(struct guest *g, bool pin)
{
    struct transfer t;

    fork_child(g);
    if (!pin) {                          /* the frames as a look into the tables finds them: the child's as well   */
        for (u64 i = 0; i < PAGES; i++)
            t.page[i] = pa_to_pfn((u64)(guest_touch(g, BUFFER + i * PAGE_BYTES, MMU_LOAD) - g->ram));
        t.elements = mm_sg_from_pages(t.page, PAGES, 0, BYTES, t.sg, PAGES);
        t.pinned = false;
    } else {
        start_transfer(g, &t, true);
    }
    fill(g, 7);
    device_writes(g, &t);
    end_transfer(g, &t);
    return BYTES / sizeof(u64) - words_from_device(g);
}

static u64 run(u64 (*what)(struct guest *g, bool pin), bool pin)
{
    struct kernel_config kernel;
    struct guest g = { 0 };
    u64 wrong;

    kernel_config_init(&kernel);
    guest_start(&g, 64ull << 20, &kernel);
    guest_map(&g, BUFFER, BYTES);
    fill(&g, 1);
    wrong = what(&g, pin);
    if (mm_check(g.k))
        guest_die(mm_check(g.k), 0);
    return wrong;
}

static const struct { const char *name, *harm; u64 (*what)(struct guest *g, bool pin); } cases[] = {
    { "unmapped", "words of another process overwritten", unmapped },
    { "forked", "words from the device lost", forked },
    { "shared", "words from the device lost", shared },
};

int main(void)
{
    bool safe = true;

    printf("a buffer of %u pages, %llu words\n", PAGES, (unsigned long long)(BYTES / sizeof(u64)));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        u64 without = run(cases[i].what, false), with = run(cases[i].what, true);
        printf("%-9s %5llu without a pin, %llu with: %s\n", cases[i].name, (unsigned long long)without,
               (unsigned long long)with, cases[i].harm);
        safe = safe && without && !with;
    }
    printf(safe ? "what was pinned stayed right\n" : "pinning did not help\n");
    return !safe;
}
