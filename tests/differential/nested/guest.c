/* SPDX-License-Identifier: MIT
 * guest.c - plays the cases on the emulated processor and tells by port E9h, in lines of words in base 16:
 *
 *   H <maxphyaddr> <features>                      once, first
 *   D <case> <step> <outcome> <error> <address> <linear> <value> <logged> <log> <data> <entries...>
 *                                                  an access that the manual does not permit, with everything it left; ends its
 *                                                  case.  With PARAMS_FULL: every access
 *   B <case> <digest>                              the last case of a block, and the digest of all accesses in it
 *   F <accesses> <outcomes 0 to 15...>             once, last: how many accesses, and of which outcome
 *   X <vector> <error> <rip>                       the hypervisor itself went wrong
 *
 * Called by boot.S of baremetal. */
#include "cpu.h"

#include "tests/differential/baremetal/port.h"

__attribute__((section(".params"), used)) static volatile struct params params = { .magic = PARAMS_MAGIC };

enum { OUTCOMES = 16 };
struct run {
    u64 digest, accesses, outcome[OUTCOMES];
    bool full;
};

void hypervisor_lost(const struct saved_fault *f)
{
    put_line('X', (u64[]){ f->vector, f->error, f->rip }, 3);
    for (;;)
        __asm__ volatile("hlt");
}

static bool accessed(void *ctx, const struct nested_case *c, u32 step, const struct nested_expected *x, const struct nested_seen *got)
{
    struct run *r = ctx;
    bool ok = nested_permitted(x, got);

    r->accesses++;
    r->outcome[got->raw.outcome % OUTCOMES]++;
    r->digest = nested_digest(r->digest, x, got);
    if (r->full || !ok) {
        u64 words[TOLD_WORDS + NESTED_ENTRIES] = { c->number, step, got->raw.outcome, got->raw.error, got->raw.address, got->raw.linear,
                                          got->raw.value, got->raw.logged, got->raw.log, got->data };
        for (u32 i = 0; i < got->entries; i++)
            words[TOLD_WORDS + i] = got->entry[i];
        put_line('D', words, TOLD_WORDS + got->entries);
    }
    return ok;
}

void guest_main(void)
{
    struct params p = params;
    static struct layout layout;
    static struct nested_case c;
    static struct run run;
    struct nested_listener listener = { accessed, &run };
    u64 last[1 + OUTCOMES];

    run.full = p.flags & PARAMS_FULL;
    cpu_start(&p);
    struct part part = cpu_part(&p);
    put_line('H', (u64[]){ part.maxphyaddr, part.features }, 2);
    layout_make(&p, &layout);
    for (u64 n = p.first; n < p.first + p.count; n++) {
        nested_generate(&p, &part, &layout, n, &c);
        nested_play(NULL, &c, &listener);
        if ((n + 1) % p.block == 0 || n + 1 == p.first + p.count) {
            put_line('B', (u64[]){ n, run.digest }, 2);
            run.digest = 0;
        }
    }
    last[0] = run.accesses;
    for (u32 i = 0; i < OUTCOMES; i++)
        last[1 + i] = run.outcome[i];
    put_line('F', last, 1 + OUTCOMES);
}
