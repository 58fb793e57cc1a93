/* SPDX-License-Identifier: MIT
 * show.c - see show.h.  Called by replay.c. */
#include "show.h"

#include <inttypes.h>
#include <stdio.h>

#include "bytes.h"

static const char *const kind_name[KINDS] = {
    [KIND_LOAD] = "load", [KIND_STACK_LOAD] = "load through SS", [KIND_SYSTEM] = "implicit load", [KIND_FETCH] = "fetch",
    [KIND_STORE] = "store", [KIND_STACK_STORE] = "store through SS", [KIND_XCHG] = "xchg", [KIND_XADD] = "xadd",
};
static const char *const op_name[] = {
    [STEP_ACCESS] = "access", [STEP_CONTEXT] = "registers", [STEP_POKE] = "entry", [STEP_MOVE_TABLE] = "table moves",
    [STEP_INVLPG] = "invlpg", [STEP_CR3] = "mov cr3", [STEP_PGE] = "toggle CR4.PGE", [STEP_INVPCID] = "invpcid",
    [STEP_REPAIR] = "repair after #PF", [STEP_WRITE] = "write of register",
};

static void show_context(const struct context *x)
{
    printf("WP %d SMEP %d SMAP %d NXE %d PGE %d PKE %d PKRU %08x PKS %d PKRS %08x", x->wp, x->smep, x->smap, x->nxe,
           x->pge, x->pke, x->pkru, x->pks, x->pkrs);
}

static void show_outcome(const char *who, const struct outcome *o)
{
    printf("    %-8s vector %2u error %02x cr2 %016" PRIx64 " value %016" PRIx64 " memory %" PRIx64 " %" PRIx64
           "\n      entries after:", who, o->raw.vector, o->raw.error, o->raw.cr2, o->raw.value, o->data[0], o->data[1]);
    for (u32 i = 0; i < o->entries; i++)
        printf(" %016" PRIx64, o->entry[i]);
    printf("\n");
}

static void show_step(const struct difference *d, const struct step *s)
{
    const struct path *p = &d->c->path[s->page];
    printf("    %s", op_name[s->op]);
    if (s->op == STEP_ACCESS)
        printf(": %s of %u at %016" PRIx64 ", CPL %u AC %u", kind_name[s->kind], access_len(s->kind, s->size),
               p->va + s->offset, s->cpl, s->ac);
    else if (s->op == STEP_CONTEXT)
        printf(": "), show_context(&s->context);
    else if (s->op == STEP_POKE)
        printf(": page %u level %u becomes %016" PRIx64, s->page, s->level, s->value);
    else if (s->op == STEP_MOVE_TABLE)
        printf(": page %u level %u to %" PRIx64, s->page, s->level, s->value);
    else if (s->op == STEP_INVLPG)
        printf(" %016" PRIx64, p->va);
    else if (s->op == STEP_CR3)
        printf(": %016" PRIx64, d->c->cr3[s->page] | (u64)s->level << 63);
    else if (s->op == STEP_WRITE)
        printf(" %s, bits %016" PRIx64 " change", (const char *[]){ "CR0", "CR3", "CR4", "EFER" }[s->level], s->value);
    else if (s->op == STEP_INVPCID)
        printf(" type %u %016" PRIx64, s->level, p->va);
    printf("\n");
}

void show_difference(const char *way, const struct difference *d, const char *what)
{
    const struct test_case *c = d->c;
    printf("%s: case %" PRIu64 ": %s\n    ", way, c->number, what);
    show_context(&c->context);
    printf(" PCIDE %d CR3 %" PRIx64 "\n", c->context.pcide, c->cr3[0]);
    for (u32 i = 0; i < c->paths; i++) {
        printf("    page %u at %016" PRIx64 ":", i, c->path[i].va);
        for (u32 level = c->levels; level-- > c->path[i].last;)
            printf(" L%u %016" PRIx64, level, c->path[i].entry[level]);
        printf("\n");
    }
    for (const struct step *s = c->step; s <= d->s; s++)
        show_step(d, s);
    printf("    before:       ");
    for (u32 i = 0; i < d->x->want.entries; i++)
        printf(" %016" PRIx64, d->x->before[i]);
    printf("\n");
    show_outcome("manual", &d->x->want);
    show_outcome("model", d->model);
    if (d->got)
        show_outcome("emulator", d->got);
}
