/* SPDX-License-Identifier: MIT
 * guest.c - plays the cases on the emulated processor and tells by port E9h, in lines of words in base 16:
 *
 *   H <maxphyaddr> <features>                      once, first
 *   D <case> <step> <vector> <error> <cr2> <value> <data> <data> <entries...>
 *                                                  an access that the manual does not permit, with everything it left;
 *                                                  ends its case.  With PARAMS_FULL: every access
 *   B <case> <digest>                              the last case of a block, and the digest of all accesses in it
 *   F <accesses> <free> <set>                      once, last: accesses; A and D bits that were free; those that were set
 *   X <vector> <error> <cr2> <rip>                 the guest itself went wrong
 *
 * Called by boot.S. */
#include "guest.h"
#include "play.h"
#include "port.h"

__attribute__((section(".params"), used)) static volatile struct params params = { .magic = PARAMS_MAGIC };

struct run {
    u64 digest, accesses, free, set;
    bool full;
};

void guest_lost(u64 rip)
{
    put_line('X', (u64[]){ crossing.vector, crossing.error, crossing.cr2, rip }, 4);
    for (;;)
        __asm__ volatile("hlt");
}

static void record(u64 number, u32 step, const struct outcome *got)
{
    u64 words[8 + MAX_SEEN] = { number, step, got->raw.vector, got->raw.error, got->raw.cr2, got->raw.value,
                                got->data[0], got->data[1] };
    for (u32 i = 0; i < got->entries; i++)
        words[8 + i] = got->entry[i];
    put_line('D', words, 8 + got->entries);
}

static bool accessed(void *ctx, const struct test_case *c, u32 step, const struct expectation *x,
                     const struct outcome *got)
{
    struct run *r = ctx;
    bool ok = permitted(x, got);
    r->accesses++;
    r->digest = digest(r->digest, x, got);
    for (u32 i = 0; i < got->entries; i++) {
        r->free += x->free[i] != 0;
        r->set += (got->entry[i] & ~x->before[i] & x->free[i]) != 0;
    }
    if (r->full || !ok)
        record(c->number, step, got);
    return ok;
}

void guest_main(void)
{
    struct params p = params;
    struct part part = cpu_part();
    static struct layout layout;
    static struct test_case c;
    struct run run = { .full = p.flags & PARAMS_FULL };
    struct listener listener = { .accessed = accessed, .ctx = &run };
    struct engine *e = cpu_start(&part, p.flags & PARAMS_LA57);

    put_line('H', (u64[]){ part.maxphyaddr, part.features }, 2);
    layout_make(&p, &layout);
    for (u64 n = p.first; n < p.first + p.count; n++) {
        generate(&p, &part, &layout, n, &c);
        play(e, &part, &c, &listener);
        if ((n + 1) % p.block == 0 || n + 1 == p.first + p.count) {
            put_line('B', (u64[]){ n, run.digest }, 2);
            run.digest = 0;
        }
    }
    put_line('F', (u64[]){ run.accesses, run.free, run.set }, 3);
}
