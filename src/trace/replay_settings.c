/* SPDX-License-Identifier: MIT
 * replay_settings.c - which recording was replayed and with which settings, as lines of its results: a sweep's results are told
 * apart by them (docs/formats.md).  What other lines say already (profile, cpus) is not said again. */
#include "replay_internal.h"
#include "trace/setting_words.h"

#include "pagewalk/results.h"

static void put_bytes(const struct pw_out *out, const char *name, u64 bytes)
{
    if (bytes)
        results_put_count(out, "setting.", name, "", bytes);
}

static void put_word(const struct pw_out *out, const char *name, const char *word)
{
    if (word)
        results_put_text(out, name, word);
}

void replay_put_settings(const struct replay *r, const struct pw_out *out)
{
    static const char *const guest[] = { [SIM_GUEST_EPT] = "ept", [SIM_GUEST_NPT] = "npt", [SIM_GUEST_ANY] = "any", [SIM_GUEST_NO] = "no" };
    const struct replay_settings *s = &r->settings;

    results_put_text(out, "kernel", setting_word(kernel_words, s->kernel_version ? (int)s->kernel_version : kernel_words[0].value));
    results_put_text(out, "recording", r->path);
    put_word(out, "setting.thp", setting_word(thp_words, s->thp));
    put_word(out, "setting.populate", s->wish[FOLLOW_POPULATE]);
    put_word(out, "setting.hugepage", s->wish[FOLLOW_HUGEPAGE]);
    put_bytes(out, "fault_around", s->fault_around_bytes);
    put_bytes(out, "pages", s->page_lg2 ? 1ull << s->page_lg2 : 0);
    put_bytes(out, "ram", s->ram_bytes);
    put_word(out, "setting.guest", guest[s->guest]);
    put_bytes(out, "host_pages", s->host_page_lg2 ? 1ull << s->host_page_lg2 : 0);
}
