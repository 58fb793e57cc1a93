/* SPDX-License-Identifier: MIT
 * boot.c - `machine` and `boot`: options into a configuration, memory for it, a fresh session.
 *
 * Both commands share one table of options.  The old machine goes only when the new one stands. */
#include "interp_internal.h"

#include "base/check.h"

#include <string.h>
#include <sys/mman.h>

#define NEWEST_MINOR 19u                /* 6.19, the newest row of src/kernel/kver.c                                */
#define RAM_DEFAULT (64ull << 20)

/* What the options say, before profile defaults are filled in. */
struct wish {
    bool boot;
    u64 cpus, ram_bytes, maxphyaddr;
    bool no_nested_caches;
    u8 guest, host_page_lg2;     /* as in struct sim_config                                                   */
    const struct mmu_profile *profile;
    bool vendor_given;
    enum mmu_vendor vendor;
    u32 features_on, features_off;
    struct kernel_config kernel;
};

static const struct flag_name feature_names[] = {
    { "nx", MMU_NX }, { "pse36", MMU_PSE36 }, { "pge", MMU_PGE }, { "pcid", MMU_PCID }, { "invpcid", MMU_INVPCID },
    { "smep", MMU_SMEP }, { "smap", MMU_SMAP }, { "pku", MMU_PKU }, { "pks", MMU_PKS }, { "la57", MMU_LA57 },
    { "pdpe1gb", MMU_PDPE1GB }, { "pse", MMU_PSE }, { "pae", MMU_PAE }, { "pat", MMU_PAT }, { "lm", MMU_LM },
    { "shstk", MMU_SHSTK }, { "svm", MMU_SVM }, { "tce", MMU_TCE }, { "invlpgb", MMU_INVLPGB },
    { NULL, 0 },
};
static const struct flag_name vendor_names[] = { { "intel", MMU_INTEL }, { "amd", MMU_AMD }, { NULL, 0 } };
static const struct flag_name thp_names[] = {
    { "never", MM_THP_NEVER }, { "madvise", MM_THP_MADVISE }, { "always", MM_THP_ALWAYS }, { NULL, 0 }
};
static const struct flag_name overcommit_names[] = {
    { "guess", MM_OVERCOMMIT_GUESS }, { "always", MM_OVERCOMMIT_ALWAYS }, { "never", MM_OVERCOMMIT_NEVER },
    { "0", MM_OVERCOMMIT_GUESS },     { "1", MM_OVERCOMMIT_ALWAYS },      { "2", MM_OVERCOMMIT_NEVER },
    { NULL, 0 },
};
static const struct flag_name switch_names[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };

static bool opt_cpus(struct interp *in, struct wish *w, struct word v)
{
    if (!word_number(v, &w->cpus) || w->cpus < 1 || w->cpus > 64)
        return fail(in, "cpus is 1 to 64, not", &v);
    return true;
}

static bool opt_ram(struct interp *in, struct wish *w, struct word v)
{
    if (!word_number(v, &w->ram_bytes) || w->ram_bytes < PAGE_BYTES || w->ram_bytes & PAGE_MASK_LOW)
        return fail(in, "ram is a multiple of 4K, not", &v);
    if (w->ram_bytes > in->options.ram_max_bytes)
        return fail(in, "too much memory:", &v);
    return true;
}

static bool other_profile(struct interp *in, struct wish *w, struct word v)
{
    const char *why = NULL;
    char name[256];

    if (!in->options.find_profile || !v.len || v.len >= sizeof name)
        return fail(in, "unknown profile", &v);
    memcpy(name, v.s, v.len);
    name[v.len] = 0;
    w->profile = in->options.find_profile(in->options.find_profile_ctx, name, &why);
    return w->profile ? true : why ? fail(in, why, NULL) : fail(in, "unknown profile", &v);
}

static bool opt_profile(struct interp *in, struct wish *w, struct word v)
{
    for (unsigned i = 0; mmu_profile_at(i); i++)
        if (word_is(v, mmu_profile_at(i)->name)) {
            w->profile = mmu_profile_at(i);
            return true;
        }
    return other_profile(in, w, v);
}

static bool opt_vendor(struct interp *in, struct wish *w, struct word v)
{
    u64 vendor;

    if (!word_choice(v, vendor_names, &vendor))
        return fail(in, "vendor is intel or amd, not", &v);
    w->vendor = (enum mmu_vendor)vendor;
    w->vendor_given = true;
    return true;
}

static bool opt_nested(struct interp *in, struct wish *w, struct word v)
{
    w->no_nested_caches = word_is(v, "bare");
    return w->no_nested_caches || word_is(v, "usual") || fail(in, "nested is usual or bare, not", &v);
}

static bool opt_guest(struct interp *in, struct wish *w, struct word v)
{
    w->guest = word_is(v, "ept") ? MMU_EPT : word_is(v, "npt") ? MMU_NPT : MMU_NESTED_OFF;
    return w->guest || fail(in, "guest is ept or npt, not", &v);
}

static bool opt_host_pages(struct interp *in, struct wish *w, struct word v)
{
    w->host_page_lg2 = word_is(v, "2M") ? 21 : PAGE_LG2;
    return w->host_page_lg2 == 21 || word_is(v, "4K") || fail(in, "host_pages is 4K or 2M, not", &v);
}

static bool opt_maxphyaddr(struct interp *in, struct wish *w, struct word v)
{
    if (!word_number(v, &w->maxphyaddr) || w->maxphyaddr < 32 || w->maxphyaddr > 52)
        return fail(in, "maxphyaddr is 32 to 52, not", &v);
    return true;
}

static bool opt_features(struct interp *in, struct wish *w, struct word v)
{
    const char *c = v.s, *end = v.s + v.len;

    for (;;) {
        const char *comma = memchr(c, ',', (size_t)(end - c));
        const struct word part = { c, (u32)((comma ? comma : end) - c) };
        u64 bit;
        if (part.len < 2 || (part.s[0] != '+' && part.s[0] != '-') ||
            !word_choice((struct word){ part.s + 1, part.len - 1 }, feature_names, &bit))
            return fail(in, "a feature is +NAME or -NAME, not", &part);
        *(part.s[0] == '+' ? &w->features_on : &w->features_off) |= (u32)bit;
        *(part.s[0] == '+' ? &w->features_off : &w->features_on) &= ~(u32)bit;
        if (!comma)
            return true;
        c = comma + 1;
    }
}

static bool opt_kernel(struct interp *in, struct wish *w, struct word v)
{
    const char *c = v.s + 2, *end = v.s + v.len;
    u32 minor = 0;

    for (; v.len >= 3 && v.len <= 4 && c < end && *c >= '0' && *c <= '9'; c++)
        minor = minor * 10 + (u32)(*c - '0');
    if (c != end || v.s[0] != '6' || v.s[1] != '.' || v.s[2] == '0' || minor > NEWEST_MINOR)
        return fail(in, "this kernel version is not modelled:", &v);
    w->kernel.version = 600 + minor;
    return true;
}

static bool opt_thp(struct interp *in, struct wish *w, struct word v)
{
    u64 thp;

    if (!word_choice(v, thp_names, &thp))
        return fail(in, "thp is never, madvise or always, not", &v);
    w->kernel.thp = (enum mm_thp)thp;
    return true;
}

static bool opt_swap(struct interp *in, struct wish *w, struct word v)
{
    if (!word_number(v, &w->kernel.swap_bytes))
        return fail(in, "not a size:", &v);
    if (w->kernel.swap_bytes > in->options.ram_max_bytes || w->kernel.swap_bytes >> 44)
        return fail(in, "too large a swap device:", &v);
    return true;
}

static bool opt_kpti(struct interp *in, struct wish *w, struct word v)
{
    u64 on;

    if (!word_choice(v, switch_names, &on))
        return fail(in, "kpti is on or off, not", &v);
    w->kernel.kpti = on;
    return true;
}

static bool opt_pcid(struct interp *in, struct wish *w, struct word v)
{
    u64 on;

    if (!word_choice(v, switch_names, &on))
        return fail(in, "pcid is on or off, not", &v);
    w->kernel.no_pcid = !on;
    return true;
}

static bool opt_fault_around(struct interp *in, struct wish *w, struct word v)
{
    u64 n;

    if (!word_number(v, &n) || n < PAGE_BYTES || n > (2u << 20) || (n & (n - 1)))
        return fail(in, "fault_around is a power of two from 4K to 2M, not", &v);
    w->kernel.fault_around_bytes = (u32)n;
    return true;
}

static bool opt_readahead(struct interp *in, struct wish *w, struct word v)
{
    u64 n;

    if (!word_number(v, &n) || n >> 31 || (n & PAGE_MASK_LOW))
        return fail(in, "readahead is a multiple of 4K, not", &v);
    w->kernel.readahead_bytes = (u32)n;
    return true;
}

static bool opt_map_count(struct interp *in, struct wish *w, struct word v)
{
    u64 n;

    if (!word_number(v, &n) || n > 0x7fffffff)
        return fail(in, "not a count:", &v);
    w->kernel.max_map_count = (u32)n;
    return true;
}

static bool opt_overcommit(struct interp *in, struct wish *w, struct word v)
{
    u64 mode;

    if (!word_choice(v, overcommit_names, &mode))
        return fail(in, "overcommit is guess, always or never, not", &v);
    w->kernel.overcommit = (enum mm_overcommit)mode;
    return true;
}

static bool opt_ratio(struct interp *in, struct wish *w, struct word v)
{
    u64 n;

    if (!word_number(v, &n) || n > 1000)
        return fail(in, "overcommit_ratio is a percentage, not", &v);
    w->kernel.overcommit_ratio = (u32)n;
    return true;
}

static bool opt_switch(struct interp *in, bool *out, struct word v)
{
    u64 on;

    if (!word_choice(v, switch_names, &on))
        return fail(in, "on or off, not", &v);
    *out = on;
    return true;
}

static bool opt_soft_dirty(struct interp *in, struct wish *w, struct word v)
{
    return opt_switch(in, &w->kernel.soft_dirty, v);
}
static bool opt_anon_names(struct interp *in, struct wish *w, struct word v)
{
    return opt_switch(in, &w->kernel.anon_names, v);
}
static bool opt_privileged(struct interp *in, struct wish *w, struct word v)
{
    return opt_switch(in, &w->kernel.privileged, v);
}

static bool opt_size(struct interp *in, u64 *out, struct word v)
{
    return word_number(v, out) || (word_is(v, "unlimited") && (*out = ~(u64)0)) || fail(in, "not a size:", &v);
}

static bool opt_min_addr(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.mmap_min_addr, v);
}
static bool opt_totalram(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.totalram_bytes, v);
}
static bool opt_stack(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.rlimit_stack_bytes, v);
}
static bool opt_data(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.rlimit_data_bytes, v);
}
static bool opt_as(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.rlimit_as_bytes, v);
}
static bool opt_memlock(struct interp *in, struct wish *w, struct word v)
{
    return opt_size(in, &w->kernel.rlimit_memlock_bytes, v);
}

static const struct option_row {
    const char *key;
    bool boot_only;
    bool (*take)(struct interp *in, struct wish *w, struct word v);
} option_rows[] = {
    { "cpus", false, opt_cpus },
    { "ram", false, opt_ram },
    { "profile", false, opt_profile },
    { "vendor", false, opt_vendor },
    { "maxphyaddr", false, opt_maxphyaddr },
    { "nested", false, opt_nested },
    { "guest", true, opt_guest },
    { "host_pages", true, opt_host_pages },
    { "features", false, opt_features },
    { "kernel", true, opt_kernel },
    { "thp", true, opt_thp },
    { "swap", true, opt_swap },
    { "kpti", true, opt_kpti },
    { "pcid", true, opt_pcid },
    { "fault_around", true, opt_fault_around },
    { "readahead", true, opt_readahead },
    { "max_map_count", true, opt_map_count },
    { "mmap_min_addr", true, opt_min_addr },
    { "totalram", true, opt_totalram },
    { "rlimit_stack", true, opt_stack },
    { "rlimit_data", true, opt_data },
    { "rlimit_as", true, opt_as },
    { "rlimit_memlock", true, opt_memlock },
    { "overcommit", true, opt_overcommit },
    { "overcommit_ratio", true, opt_ratio },
    { "soft_dirty", true, opt_soft_dirty },
    { "anon_names", true, opt_anon_names },
    { "privileged", true, opt_privileged },
};

static bool take_option(struct interp *in, struct wish *wish, struct word word)
{
    struct word value;

    for (size_t i = 0; i < COUNT_OF(option_rows); i++)
        if (word_value(word, option_rows[i].key, &value)) {
            if (option_rows[i].boot_only && !wish->boot)
                return fail(in, "an option of boot, not of machine:", &word);
            return option_rows[i].take(in, wish, value);
        }
    return fail(in, "unknown option", &word);
}

/* The features that are usual, and no cache of nested translations or entries: walks of full length. */
static const struct mmu_nested_config *nested_without_caches(enum mmu_vendor vendor)
{
    static struct mmu_nested_config none[2]; /* by vendor; always the same */

    none[vendor] = *mmu_nested_usual(vendor);
    none[vendor].gpa_entries = 0;
    none[vendor].pscs = 0;
    return &none[vendor];
}

static void fill_config(const struct wish *w, struct sim_config *cfg)
{
    const enum mmu_vendor vendor = w->vendor_given ? w->vendor : w->profile->vendor;

    *cfg = (struct sim_config){
        .machine = {
            .cpus = (unsigned)w->cpus, .ram_bytes = w->ram_bytes, .maxphyaddr = (unsigned)w->maxphyaddr,
            .vendor = vendor,
            .nested = w->no_nested_caches ? nested_without_caches(vendor) : mmu_nested_usual(vendor),
            .features = (w->profile->features | w->features_on) & ~w->features_off,
            .profile = w->profile, .seed = 1,
        },
        .kernel = w->kernel,
        .no_kernel = !w->boot, .guest = w->guest, .host_page_lg2 = w->host_page_lg2,
    };
}

static void *sparse(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

void machine_drop(struct interp *in)
{
    check_flush_end(in);
    pins_drop(in);
    iommu_drop(in);
    seg_drop(in);
    numa_drop(in);
    if (in->block)
        munmap(in->block, in->block_bytes);
    if (in->ram)
        munmap(in->ram, in->ram_bytes);
    in->guest_root = 0;
    in->sim = NULL;
    in->mmu = NULL;
    in->kernel = NULL;
    in->block = in->ram = NULL;
    in->processes = in->files = in->uffds = 0;
}

static bool refused(struct interp *in, void *ram, u64 ram_bytes, void *block, size_t block_bytes, const char *why)
{
    if (block)
        munmap(block, block_bytes);
    if (ram)
        munmap(ram, ram_bytes);
    return fail(in, why, NULL);
}

static bool start(struct interp *in, const struct wish *wish)
{
    struct sim_config cfg;
    struct sim *sim;
    size_t bytes;
    void *block;

    fill_config(wish, &cfg);
    cfg.check_flush = in->options.check_flush;
    cfg.machine.ram = sparse(cfg.machine.ram_bytes);
    if (!cfg.machine.ram)
        return fail(in, "the host has no memory for this machine", NULL);
    bytes = sim_bytes(&cfg);
    block = bytes ? sparse(bytes) : NULL;
    if (!block)
        return refused(in, cfg.machine.ram, cfg.machine.ram_bytes, NULL, 0,
                       bytes ? "the host has no memory for this machine" : "no such machine can be made");
    sim = sim_create(block, bytes, &cfg);
    if (!sim)
        return refused(in, cfg.machine.ram, cfg.machine.ram_bytes, block, bytes,
                       wish->boot ? "no such machine and kernel can be made" : "no such machine can be made");
    machine_drop(in);
    in->sim = sim;
    in->mmu = sim_mmu(sim);
    in->kernel = sim_kernel(sim);
    in->profile = wish->profile;
    in->block = block;
    in->block_bytes = bytes;
    in->ram = cfg.machine.ram;
    in->ram_bytes = cfg.machine.ram_bytes;
    in->cpus = cfg.machine.cpus;
    check_flush_begin(in);
    if (in->kernel && in->options.explain)
        kernel_explain(in->kernel, &in->explain_out);
    return true;
}

static void wish_defaults(struct interp *in, struct wish *w, bool boot)
{
    *w = (struct wish){ .boot = boot, .cpus = 1, .maxphyaddr = 46, .profile = in->options.profile };
    if (!w->profile)
        w->profile = mmu_profile_find("skylake");
    w->ram_bytes = in->options.ram_max_bytes < RAM_DEFAULT ? in->options.ram_max_bytes : RAM_DEFAULT;
    kernel_config_init(&w->kernel);
}

bool machine_default(struct interp *in)
{
    struct wish wish;

    wish_defaults(in, &wish, false);
    return start(in, &wish);
}

static bool start_by_words(struct interp *in, const struct words *w, bool boot)
{
    struct wish wish;

    wish_defaults(in, &wish, boot);
    for (unsigned i = 1; i < w->n; i++)
        if (!take_option(in, &wish, w->w[i]))
            return false;
    if (!start(in, &wish))
        return false;
    done_ok(in);
    return true;
}

bool cmd_machine(struct interp *in, const struct words *w) { return start_by_words(in, w, false); }

bool cmd_boot(struct interp *in, const struct words *w) { return start_by_words(in, w, true); }
