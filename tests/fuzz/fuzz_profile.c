/* SPDX-License-Identifier: MIT
 * fuzz_profile.c - any bytes as what `--cpu FILE` may hold: a profile's text or a recorded CPUID dump.  Whatever comes
 * out must be a profile from which a machine can be made, and its text must read back to the same text. */
#include "pagewalk/profile.h"
#include "probe/decode.h"
#include "probe/resolve.h"

#include <stdlib.h>
#include <string.h>

static struct mmu_profile_store first, second;

static void must_fit(const struct mmu_profile *p)
{
    struct mmu_config cfg = { .cpus = 2, .features = p->features, .profile = p, .vendor = p->vendor };
    if (!mmu_bytes(&cfg))
        abort();
}

static void must_read_back(const struct mmu_profile *p)
{
    struct mmu_profile_error err;
    char *text = profile_text(p), *again;

    if (!text || !mmu_profile_read(&second, text, strlen(text), &err))
        abort();
    again = profile_text(&second.profile);
    if (!again || strcmp(text, again) != 0)
        abort();
    free(text);
    free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mmu_profile_error err;
    struct cpuid_dump dump;

    if (cpuid_is_dump((const char *)data, size)) {
        if (!cpuid_read_dump(&dump, (const char *)data, size, 0))
            return 0;
        decode_profile(&dump, "fuzzed", &first);
    } else if (!mmu_profile_read(&first, (const char *)data, size, &err)) {
        if (!memchr(err.text, 0, sizeof err.text) || !err.text[0] || !err.line)
            abort();
        return 0;
    }
    must_fit(&first.profile);
    must_read_back(&first.profile);
    return 0;
}
