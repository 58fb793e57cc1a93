/* SPDX-License-Identifier: MIT
 * shrink.c - fewer and simpler operations that end in the same kind of difference.  Halves, quarters ... of the list are
 * left out as long as that works; then arguments are made plainer.  Every attempt is a whole run with a new performer. */
#include "mmfuzz.h"

#include <stdlib.h>
#include <string.h>

struct list { struct op *op; u32 n; };

/* Does this list end like the original?  Then it becomes the shorter of the two: up to the difference. */
static bool fails(struct run *r, struct list *l, const char *what)
{
    r->given = l->op;
    r->given_ops = l->n;
    return run_both(r) == DIFFERENT && !strcmp(r->diff.what, what);
}

/* What was performed up to the difference, as the new list. */
static void take(struct run *r, struct list *l)
{
    l->n = r->diff.at + 1 < r->done_ops ? r->diff.at + 1 : r->done_ops;
    memcpy(l->op, r->done, l->n * sizeof *l->op);
}

static void leave_out(struct run *r, struct list *l, struct list *try, const char *what)
{
    for (u32 chunk = l->n / 2; chunk; chunk /= 2)
        for (u32 at = 0; at < l->n; ) {
            u32 n = chunk < l->n - at ? chunk : l->n - at;
            memcpy(try->op, l->op, at * sizeof *l->op);
            memcpy(try->op + at, l->op + at + n, (l->n - at - n) * sizeof *l->op);
            try->n = l->n - n;
            if (fails(r, try, what))
                take(r, l);
            else
                at += n;
        }
}

/* One way to make one argument plainer; false: it is so already. */
static bool plainer(struct op *op, u32 way)
{
    struct op old = *op;

    switch (way) {
    case 0: op->a[1] = op->a[1] > PAGE_BYTES ? PAGE_BYTES : op->a[1]; break;
    case 1: op->a[1] = page_up(op->a[1] / 2); break;
    case 2: op->a[1] = op->a[1] > PAGE_BYTES ? page_up(op->a[1]) - PAGE_BYTES : op->a[1]; break;
    case 3: op->a[0] = page_down(op->a[0]); break;
    case 4: op->a[3] &= op->kind == OP_MMAP ? 0x3full : ~(u64)0; break;
    case 5: op->a[5] = op->kind == OP_MMAP ? 0 : op->a[5]; break;
    case 6: op->a[2] = op->kind == OP_MREMAP ? op->a[1] : op->a[2]; break;
    case 7: op->a[2] = op->kind == OP_MMAP || op->kind == OP_MPROTECT ? 3 : op->a[2]; break;
    default: break;
    }
    if (way >= 8 && op->kind == OP_MMAP)
        op->a[3] &= ~(1ull << way);       /* one flag of MAP_GROWSDOWN .. MAP_FIXED_NOREPLACE */
    return memcmp(&old, op, sizeof old) != 0;
}

#define WAYS 21u

static void simplify(struct run *r, struct list *l, struct list *try, const char *what)
{
    for (u32 i = 0; i < l->n; i++)
        for (u32 way = 0; way < WAYS && i < l->n; way++) {
            memcpy(try->op, l->op, l->n * sizeof *l->op);
            try->n = l->n;
            if (plainer(&try->op[i], way) && fails(r, try, what))
                take(r, l);
        }
}

/* pre: *r differed.  Afterwards r->done is the shrunk list and r->diff its difference. */
void shrink(struct run *r)
{
    const size_t bytes = (r->done_ops + 1) * sizeof(struct op);
    struct list l = { malloc(bytes), 0 }, try = { malloc(bytes), 0 };
    char what[sizeof r->diff.what];

    memcpy(what, r->diff.what, sizeof what);
    if (l.op && try.op) {
        take(r, &l);
        if (fails(r, &l, what)) {
            for (u32 before = l.n + 1; l.n < before; ) {
                before = l.n;
                leave_out(r, &l, &try, what);
                simplify(r, &l, &try, what);
            }
            fails(r, &l, what);           /* leaves r->done and r->diff as they belong together */
        }
    }
    r->given = NULL;
    free(l.op);
    free(try.op);
}
