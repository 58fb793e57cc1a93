/* SPDX-License-Identifier: MIT
 * answer.c - how the handler answers a fault: the same decisions on both sides. */
#include "tracking.h"

enum { MODE_WP = 2, GIVE_UP = 6 };

s64 answer(const struct means *by, const struct message *m, unsigned policy, unsigned tries)
{
    const u64 at = page_down(m->address);
    s64 r = 0;

    if (tries >= GIVE_UP) {
        by->unregister(by->ctx, m->slot, at);
        by->wake(by->ctx, m->slot, at);
        return -9999;
    }
    if (policy == 3 && tries == 0) {      /* wake without an answer: the fault comes again */
        by->wake(by->ctx, m->slot, at);
        return 0;
    }
    if (m->flags & MM_UFFD_FAULT_WP)
        r = by->unprotect(by->ctx, m->slot, at);
    else if (m->flags & MM_UFFD_FAULT_MINOR)
        r = by->fill(by->ctx, m->slot, FILL_CONTINUE, at, policy == 2 ? MODE_WP : 0);
    else
        r = by->fill(by->ctx, m->slot, policy & 1 ? FILL_ZEROPAGE : FILL_COPY, at, policy == 2 ? MODE_WP : 0);
    if (r < 0 && policy == 2)             /* it was not registered for write protection */
        by->fill(by->ctx, m->slot, m->flags & MM_UFFD_FAULT_MINOR ? FILL_CONTINUE : FILL_COPY, at, 0);
    if (r < 0)
        by->wake(by->ctx, m->slot, at);
    return r;
}
