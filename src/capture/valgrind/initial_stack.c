/* SPDX-License-Identifier: GPL-2.0-or-later
 * initial_stack.c - lays the program's first stack out again, as Linux would have.  Called once, by begin.c.
 *
 * Valgrind has put strings, vectors and the stack pointer at other places within their pages than the kernel does, and
 * three variables of the launch into the environment.  Where in its page a stack begins decides how many pages it
 * touches, so both are mended: the same strings, pointers and auxiliary values are written anew from the top down, by
 * the arithmetic of copy_strings() and create_elf_tables() (docs/linux-facts.md, 1):
 *
 *     8 zero bytes | file name | environment | arguments | to 16 | platform | 16 random bytes |
 *     auxiliary vector (23 pairs) | environment pointers, NULL | argument pointers, NULL | argc   <- sp, to 16 */
#include "cap.h"

extern void VG_(set_SP)(ThreadId tid, Addr sp);          /* core */
extern Bool VG_(extend_stack)(ThreadId tid, Addr addr);  /* core */
extern UWord *VG_(client_auxv);                          /* core */

enum { AUX_PAIRS = 23, AT_PLATFORM = 15, AT_RANDOM = 25, AT_EXECFN = 31, RANDOM_BYTES = 16 };

/* What stands on the stack now. */
struct first_stack { UWord argc, *argv, envc, *envp, *aux, aux_pairs; };

/* Bytes that will end at `top`; the last `used` of them are written. */
struct image { HChar *bytes; SizeT size, used; Addr top; };

/* ---- the environment ----------------------------------------------------------------------------------------- */

static Bool begins(const HChar *s, const HChar *with) { return VG_(strncmp)(s, with, VG_(strlen)(with)) == 0; }

/* "LD_PRELOAD=<ours>:rest" becomes "LD_PRELOAD=rest".  True: nothing is left of it. */
static Bool strip_preload(HChar *var)
{
    HChar *value = var + VG_(strlen)("LD_PRELOAD="), *rest;
    if (!begins(var, "LD_PRELOAD=") || !VG_(strstr)(value, "vgpreload_core"))
        return False;
    rest = VG_(strchr)(value, ':');
    if (!rest)
        return True;
    VG_(memmove)(value, rest + 1, VG_(strlen)(rest + 1) + 1);
    return False;
}

/* Variables that only the launch needed. */
static void clean_environment(struct first_stack *s)
{
    UWord kept = 0;
    for (UWord i = 0; i < s->envc; i++) {
        HChar *var = (HChar *)s->envp[i];
        if (!strip_preload(var) && !begins(var, "VALGRIND_LIB=") && !begins(var, "VALGRIND_LAUNCHER="))
            s->envp[kept++] = (UWord)var;
    }
    s->envc = kept;
}

/* A name that was looked up in PATH is what the program sees, not the path that was found.  A script's first word is its
 * interpreter and stays. */
static void name_as_given(struct first_stack *s)
{
    if (cap.opt.name && s->argc && VG_STREQ((const HChar *)s->argv[0], VG_(args_the_exename)))
        s->argv[0] = (UWord)cap.opt.name;
}

static void read_stack(Addr sp, struct first_stack *s)
{
    UWord *w = (UWord *)sp;
    *s = (struct first_stack){ .argc = w[0], .argv = w + 1, .envp = w + 1 + w[0] + 1 };
    while (s->envp[s->envc])
        s->envc++;
    s->aux = s->envp + s->envc + 1;
    while (s->aux[2 * s->aux_pairs])
        s->aux_pairs++;
    clean_environment(s);
    name_as_given(s);
}

/* ---- writing --------------------------------------------------------------------------------------------------- */

static Addr push(struct image *m, const void *bytes, SizeT n)
{
    tl_assert(m->used + n <= m->size);
    m->used += n;
    VG_(memcpy)(m->bytes + m->size - m->used, bytes, n);
    return m->top - m->used;
}

static Addr push_string(struct image *m, UWord s) { return push(m, (const HChar *)s, VG_(strlen)((const HChar *)s) + 1); }

/* The last string is the highest.  The pointers are replaced by the new addresses. */
static void push_strings(struct image *m, UWord *pointer, UWord n)
{
    while (n--)
        pointer[n] = push_string(m, pointer[n]);
}

static UWord *aux_entry(const struct first_stack *s, UWord type)
{
    for (UWord i = 0; i < s->aux_pairs; i++)
        if (s->aux[2 * i] == type)
            return &s->aux[2 * i + 1];
    return NULL;
}

static SizeT strings_bytes(const UWord *pointer, UWord n)
{
    SizeT sum = 0;
    while (n--)
        sum += VG_(strlen)((const HChar *)pointer[n]) + 1;
    return sum;
}

static void push_all_strings(struct image *m, struct first_stack *s)
{
    static const HChar zeros[16];
    UWord *execfn = aux_entry(s, AT_EXECFN), *platform = aux_entry(s, AT_PLATFORM), *random = aux_entry(s, AT_RANDOM);
    push(m, zeros, 8);
    if (execfn)
        *execfn = push_string(m, *execfn);
    push_strings(m, s->envp, s->envc);
    push_strings(m, s->argv, s->argc);
    push(m, zeros, -m->used & 15);
    if (platform)
        *platform = push_string(m, *platform);
    if (random)
        *random = push(m, (const void *)*random, RANDOM_BYTES);
}

/* The core goes on looking at the program's environment (VG_(getenv)): it must look where that stands now. */
static void push_vectors(struct image *m, const struct first_stack *s)
{
    UWord aux[2 * AUX_PAIRS] = { 0 }, zero = 0;
    VG_(memcpy)(aux, s->aux, s->aux_pairs * 2 * sizeof(UWord));
    m->used += -(m->used + sizeof aux + (s->argc + s->envc + 3) * sizeof(UWord)) & 15;
    VG_(client_auxv) = (UWord *)push(m, aux, sizeof aux);
    push(m, &zero, sizeof zero);
    VG_(client_envp) = (HChar **)push(m, s->envp, s->envc * sizeof(UWord));
    push(m, &zero, sizeof zero);
    push(m, s->argv, s->argc * sizeof(UWord));
    push(m, &s->argc, sizeof s->argc);
}

Addr cap_lay_out_stack(ThreadId tid, Addr sp)
{
    const NSegment *seg = VG_(am_find_nsegment)(sp);
    struct first_stack s;
    struct image m = { .top = seg->end + 1 };
    read_stack(sp, &s);
    if (s.aux_pairs >= AUX_PAIRS)
        return sp;               /* more than Linux 6.18 gives: leave it as it is */
    m.size = strings_bytes(s.argv, s.argc) + strings_bytes(s.envp, s.envc) + (s.argc + s.envc) * sizeof(UWord) + 2 * VKI_PATH_MAX;
    m.bytes = VG_(calloc)("pagewalk.stack", m.size, 1);
    push_all_strings(&m, &s);
    push_vectors(&m, &s);
    sp = m.top - m.used;
    if (sp < seg->start && !VG_(extend_stack)(tid, sp))
        VG_(tool_panic)("no room for the program's first stack");
    VG_(memcpy)((void *)sp, m.bytes + m.size - m.used, m.used);
    VG_(free)(m.bytes);
    VG_(set_SP)(tid, sp);
    return sp;
}
