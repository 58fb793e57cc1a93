/* SPDX-License-Identifier: MIT
 * alternatives.c - reads what `pagewalk whatif` is asked for.  Called by whatif_cmd.c. */
#include "cli/alternatives.h"
#include "cli/cli.h"
#include "trace/setting_words.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* False: said what is wrong. */
static bool choose(const char *command, const char *name, const char *value, const struct setting_word *words, int *to)
{
    if (setting_find(words, value, to))
        return true;
    bad_usage(command, "%s= does not know '%s'", name, value);
    return false;
}

static bool set_cpu(const char *command, const char *v, struct replay_settings *s) { return (s->profile = find_profile(command, v)) != NULL; }
static bool set_thp(const char *command, const char *v, struct replay_settings *s) { return choose(command, "thp", v, thp_words, &s->thp); }

static bool set_kernel(const char *command, const char *v, struct replay_settings *s)
{
    int version;
    if (!choose(command, "kernel", v, kernel_words, &version))
        return false;
    s->kernel_version = (u32)version;
    return true;
}

static bool set_cpus(const char *command, const char *v, struct replay_settings *s)
{
    u64 n;
    if (!parse_number(v, 1, CPUS_MAX, &n)) {
        bad_usage(command, "cpus= wants a number from 1 to %d, not '%s'", CPUS_MAX, v);
        return false;
    }
    s->cpus = (unsigned)n;
    return true;
}

/* 0 and 4K: none. */
static bool set_fault_around(const char *command, const char *v, struct replay_settings *s)
{
    u64 n;
    if (!parse_size(v, &n) || n > (2u << 20) || (n & (n - 1))) {
        bad_usage(command, "fault-around= wants 0 or a power of two up to 2M, not '%s'", v);
        return false;
    }
    s->fault_around_bytes = n < PAGE_BYTES ? PAGE_BYTES : (u32)n;
    return true;
}

/* All memory: 2m where a huge page fits, by the policy; 1g where a mapping holds whole GiB, from hugetlbfs, and 2m elsewhere. */
static bool set_pages(const char *command, const char *v, struct replay_settings *s)
{
    static const struct setting_word pages[] = { { "4k", PAGE_LG2 }, { "2m", 21 }, { "1g", 30 }, { NULL, 0 } };
    int lg2;
    if (!choose(command, "pages", v, pages, &lg2))
        return false;
    s->thp = lg2 == PAGE_LG2 ? MM_THP_NEVER : MM_THP_ALWAYS;
    s->page_lg2 = lg2 == 30 ? 30 : 0;
    return true;
}

static bool set_guest(const char *command, const char *v, struct replay_settings *s)
{
    if (sim_guest_word(v, &s->guest))
        return true;
    bad_usage(command, "guest= wants ept, npt, any or no, not '%s'", v);
    return false;
}

static bool set_host_pages(const char *command, const char *v, struct replay_settings *s)
{
    s->host_page_lg2 = *v == '2' ? 21 : PAGE_LG2;
    if (!strcmp(v, "4k") || !strcmp(v, "2m"))
        return true;
    bad_usage(command, "host-pages= wants 4k or 2m, not '%s'", v);
    return false;
}

static bool set_populate(const char *command, const char *v, struct replay_settings *s)
{
    (void)command;
    s->wish[FOLLOW_POPULATE] = v;
    return true;
}

static bool set_hugepage(const char *command, const char *v, struct replay_settings *s)
{
    (void)command;
    s->wish[FOLLOW_HUGEPAGE] = v;
    s->thp = s->thp == MM_THP_ALWAYS ? s->thp : MM_THP_MADVISE;
    return true;
}

static const struct { const char *name; bool (*set)(const char *command, const char *value, struct replay_settings *s); } settings[] = {
    { "cpu", set_cpu },           { "cpus", set_cpus },         { "thp", set_thp },           { "pages", set_pages },
    { "kernel", set_kernel },     { "fault-around", set_fault_around }, { "populate", set_populate }, { "hugepage", set_hugepage },
    { "guest", set_guest },       { "host-pages", set_host_pages },
};
enum { SETTINGS = sizeof settings / sizeof settings[0] };

static const char *setting_name(const void *ctx, unsigned i)
{
    (void)ctx;
    return i < SETTINGS ? settings[i].name : NULL;
}

static bool unknown(const char *command, const char *name)
{
    const char *near = suggest(name, setting_name, NULL);
    if (near)
        bad_usage(command, "there is no setting '%s'; did you mean '%s'?", name, near);
    else
        bad_usage(command, "there is no setting '%s'", name);
    return false;
}

/* word is NAME=VALUE, ended by its own 0. */
static bool set_one(const char *command, char *word, struct replay_settings *s)
{
    char *value = strchr(word, '=');
    if (!value || !value[1]) {
        bad_usage(command, "a setting is NAME=VALUE, not '%s'", word);
        return false;
    }
    *value++ = 0;
    for (unsigned i = 0; i < SETTINGS; i++)
        if (!strcmp(word, settings[i].name))
            return settings[i].set(command, value, s);
    return unknown(command, word);
}

/* The copy: the name as it was said, and behind it the words, which set_one() cuts. */
bool alternative_parse(const char *command, const char *word, struct alternative *a)
{
    const size_t bytes = strlen(word) + 1;
    char *copy = malloc(2 * bytes), *next;
    if (!copy) {
        say("out of memory");
        return false;
    }
    memcpy(copy, word, bytes);
    next = memcpy(copy + bytes, word, bytes);
    *a = (struct alternative){ .name = copy, .words = copy, .settings = { .thp = -1 } };
    while (next) {
        if (!set_one(command, strsep(&next, ","), &a->settings)) {
            free(copy);
            *a = (struct alternative){ 0 };
            return false;
        }
    }
    return true;
}

void alternatives_forget(struct alternative *a, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        free(a[i].words);
}

unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > 64 ? 64 : (unsigned)n;
}
