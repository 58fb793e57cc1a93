/* SPDX-License-Identifier: MIT
 * profile.c - the CPU profile a user asked for, by name, as `host` or as a file; says what is wrong with it. */
#include "cli/cli.h"

#include "probe/resolve.h"

static const char *profile_name(const void *ctx, unsigned i)
{
    const struct mmu_profile *p = mmu_profile_at(i);
    (void)ctx;
    return p ? p->name : NULL;
}

static void unknown(const char *command, const char *word)
{
    const char *near = suggest(word, profile_name, NULL);

    if (near)
        fprintf(stderr, "pagewalk %s: unknown CPU profile '%s'; did you mean '%s'? `pagewalk cpus` lists them\n", command, word, near);
    else
        fprintf(stderr, "pagewalk %s: unknown CPU profile '%s'; `pagewalk cpus` lists them\n", command, word);
}

const struct mmu_profile *find_profile(const char *command, const char *word)
{
    const struct mmu_profile *p = NULL;
    struct resolve_error err;

    switch (profile_resolve(word, &p, &err)) {
    case RESOLVED:
        return p;
    case RESOLVE_UNKNOWN_NAME:
        unknown(command, word);
        return NULL;
    default:
        fprintf(stderr, "pagewalk %s: %s\n", command, err.text);
        return NULL;
    }
}

/* A built-in profile goes by its name; any other is spelled out, so that the tool needs no file and no child of the
 * program can lose it. */
const char *profile_for_tool(const char *command, const char *word)
{
    const struct mmu_profile *p = find_profile(command, word);
    const char *text;

    if (!p || profile_is_built_in(p))
        return p ? p->name : NULL;
    text = profile_text(p);
    profile_release(p);
    if (!text)
        fprintf(stderr, "pagewalk %s: out of memory\n", command);
    return text;
}
