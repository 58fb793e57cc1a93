/* SPDX-License-Identifier: MIT
 * interp.c - one line: cut into words, find the command, answer.  Called for each line of a script.
 *
 * The first word is a command or the name of a process.  A command that needs a machine gets the default one. */
#include "interp_internal.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

enum need { NEED_NOTHING, NEED_MACHINE, NEED_KERNEL };

static const struct command {
    const char *name;
    command_fn *fn;
    u8 words_min, words_max; /* with the name                                                                  */
    u8 need;                 /* enum need                                                                      */
    const char *usage;
} commands[] = {
    { "access", cmd_access, 3, 9, NEED_MACHINE, "access [cpuN] r|w|x VA [SIZE] [implicit] [ss] [shadow] [wruss]" },
    { "poke", cmd_poke, 3, 3, NEED_MACHINE, "poke PA VALUE" },
    { "peek", cmd_peek, 2, 2, NEED_MACHINE, "peek PA" },
    { "set", cmd_set, 3, 4, NEED_MACHINE, "set [cpuN] REG VALUE" },
    { "get", cmd_get, 2, 3, NEED_MACHINE, "get [cpuN] REG" },
    { "invlpg", cmd_invlpg, 2, 3, NEED_MACHINE, "invlpg [cpuN] VA" },
    { "invpcid", cmd_invpcid, 4, 5, NEED_MACHINE, "invpcid [cpuN] TYPE PCID VA" },
    { "invlpga", cmd_invlpga, 2, 4, NEED_MACHINE, "invlpga [cpuN] VA [ASID]" },
    { "invlpgb", cmd_invlpgb, 1, WORDS_MAX, NEED_MACHINE,
      "invlpgb [cpuN] [va=VA] [more=N] [stride=4K|2M] [pcid=N] [asid=N] [global] [final] [nested]" },
    { "tlbsync", cmd_tlbsync, 1, 2, NEED_MACHINE, "tlbsync [cpuN]" },
    { "tlb", cmd_tlb, 1, 2, NEED_MACHINE, "tlb [cpuN]" },
    { "psc", cmd_psc, 1, 2, NEED_MACHINE, "psc [cpuN]" },
    { "walk", cmd_walk, 2, 4, NEED_MACHINE, "walk [cpuN] VA [r|w|x]" },
    { "tlbstate", cmd_tlbstate, 1, 2, NEED_KERNEL, "tlbstate [cpuN]" },
    { "stats", cmd_stats, 1, 2, NEED_MACHINE, "stats [cpuN]" },
    { "machine", cmd_machine, 1, WORDS_MAX, NEED_NOTHING,
      "machine [cpus=N] [ram=SIZE] [profile=NAME] [vendor=intel|amd] [maxphyaddr=N] [features=+A,-B]" },
    { "boot", cmd_boot, 1, WORDS_MAX, NEED_NOTHING,
      "boot [kernel=6.18] [thp=never|madvise|always] [ram=SIZE] [cpus=N] [profile=NAME] [...]" },
    { "mpu", cmd_mpu, 2, WORDS_MAX, NEED_NOTHING, "mpu v7m|v8m|v8.1m [regions=N], mpu region|regions|set|get|access|swap|load|store|sync ..." },
    { "iommu", cmd_iommu, 2, WORDS_MAX, NEED_MACHINE,
      "iommu new [bits=39|48|57] [...], iommu set|get|dma|look|iotlb|contexts|faults|stats|start|attach|map|unmap|buffers ..." },
    { "cache", cmd_cache, 2, WORDS_MAX, NEED_NOTHING, "cache new|cpu ..., cache map|space|load|store|memory|flush|lines|stats ..." },
    { "part", cmd_part, 2, WORDS_MAX, NEED_NOTHING, "part new BYTES first|best|worst|next [unit=N] [paged], part start|end|out|in|compact|access|map ..." },
    { "seg", cmd_seg, 2, WORDS_MAX, NEED_MACHINE, "seg new [cpuN], seg lgdt|lldt|ltr|describe|load|jump|call|return|access|set|swapgs|regs|table ..." },
    { "numa", cmd_numa, 2, WORDS_MAX, NEED_MACHINE, "numa new NODES [distance=D] [A-B=D...], numa nodes, numa counts" },
    { "guest", cmd_guest, 2, WORDS_MAX, NEED_MACHINE, "guest tables|map|enter|leave|walk|gpa|stats ..." },
    { "invept", cmd_invept, 2, 4, NEED_MACHINE, "invept [cpuN] TYPE [EPTP]" },
    { "invvpid", cmd_invvpid, 3, 5, NEED_MACHINE, "invvpid [cpuN] TYPE VPID [VA]" },
    { "explain", cmd_explain, 2, 2, NEED_NOTHING, "explain on|off" },
    { "proc", cmd_proc, 2, 2, NEED_KERNEL, "proc NAME" },
    { "file", cmd_file, 3, WORDS_MAX, NEED_KERNEL, 
      "file NAME SIZE [fs=ext4|tmpfs|memfd|hugetlbfs] [huge=WHEN] [page=2M|1G] [folio=SIZE] [cached] [readonly]" },
    { "truncate", cmd_truncate, 3, 3, NEED_KERNEL, "truncate NAME SIZE" },
    { "punch", cmd_punch, 4, 4, NEED_KERNEL, "punch NAME OFFSET LENGTH" },
    { "meminfo", cmd_meminfo, 1, 1, NEED_KERNEL, "meminfo" },
    { "buddyinfo", cmd_buddyinfo, 1, 1, NEED_KERNEL, "buddyinfo" },
    { "swapoff", cmd_swapoff, 1, 1, NEED_KERNEL, "swapoff" },
    { "swapon", cmd_swapon, 1, 1, NEED_KERNEL, "swapon" },
    { "unpin", cmd_unpin, 2, 3, NEED_KERNEL, "unpin PINS [dirty]" },
    { "scatter", cmd_scatter, 2, 2, NEED_KERNEL, "scatter PINS" },
    { "phys_to_virt", cmd_phys_to_virt, 2, 2, NEED_KERNEL, "phys_to_virt PA" },
    { "virt_to_phys", cmd_virt_to_phys, 2, 2, NEED_KERNEL, "virt_to_phys VA" },
    { "vmstat", cmd_vmstat, 1, 1, NEED_KERNEL, "vmstat" },
    { "close", cmd_close, 2, 2, NEED_KERNEL, "close FILE" },
    { "sys", cmd_sys, 2, 3, NEED_KERNEL, "sys FILE [VALUE]" },
    { "khugepaged", cmd_khugepaged, 1, 2, NEED_KERNEL, "khugepaged [SCANS]" },
    { "check", cmd_check, 1, 1, NEED_KERNEL, "check" },
    { "clock", cmd_clock, 2, 2, NEED_KERNEL, "clock NANOSECONDS" },
};

static const struct command *find_command(struct word w)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (word_is(w, commands[i].name))
            return &commands[i];
    return NULL;
}

bool is_reserved_name(struct word w) { return find_command(w) != NULL; }

/* ---- answers ----------------------------------------------------------------------------------------------- */

void line_end(struct interp *in)
{
    if (in->t.len == sizeof in->t.buf)
        in->t.len--; /* cut, but still a line                                                                  */
    text_char(&in->t, '\n');
    text_emit(&in->t, in->out);
}

void done_ok(struct interp *in) { in->out->put(in->out->ctx, "ok\n", 3); }

void done_dot(struct interp *in)
{
    if (in->mid_line)
        in->out->put(in->out->ctx, "\n", 1);
    in->mid_line = false;
    in->out->put(in->out->ctx, ".\n", 2);
}

/* A word of the input as part of an answer: what is not printable, or too long, must not spoil the answer's line. */
static void put_word(struct text *t, struct word w)
{
    const u32 shown = w.len < 64 ? w.len : 64;

    for (u32 i = 0; i < shown; i++)
        text_char(t, w.s[i] >= ' ' && w.s[i] <= '~' ? w.s[i] : '?');
    if (shown < w.len)
        text_str(t, "...");
}

bool fail(struct interp *in, const char *text, const struct word *w)
{
    in->t.len = 0;
    text_str(&in->t, "error: ");
    text_str(&in->t, text);
    if (w) {
        text_str(&in->t, " '");
        put_word(&in->t, *w);
        text_char(&in->t, '\'');
    }
    line_end(in);
    return false;
}

static void put_listing(void *ctx, const char *text, size_t len_bytes)
{
    struct interp *in = ctx;

    if (len_bytes)
        in->mid_line = text[len_bytes - 1] != '\n';
    in->out->put(in->out->ctx, text, len_bytes);
}

struct pw_out listing_out(struct interp *in) { return (struct pw_out){ put_listing, in }; }

void explain_begin(struct interp *in)
{
    in->t.len = 0;
    text_str(&in->t, "  ");
}

static void put_explanation(void *ctx, const char *text, size_t len_bytes)
{
    struct interp *in = ctx;

    while (len_bytes && text[len_bytes - 1] == '\n')
        len_bytes--;
    in->out->put(in->out->ctx, "  ", 2);
    in->out->put(in->out->ctx, text, len_bytes);
    in->out->put(in->out->ctx, "\n", 1);
}

/* ---- arguments --------------------------------------------------------------------------------------------- */

bool take_cpu(struct interp *in, const struct words *w, unsigned *at, unsigned *cpu)
{
    *cpu = 0;
    if (*at >= w->n || !word_cpu(w->w[*at], cpu))
        return true;
    if (*cpu >= in->cpus)
        return fail(in, "this machine has no", &w->w[*at]);
    ++*at;
    return true;
}

bool need_number(struct interp *in, const struct words *w, unsigned at, u64 *out)
{
    if (at >= w->n)
        return fail(in, "a number is missing", NULL);
    if (!word_number(w->w[at], out))
        return fail(in, "not a number:", &w->w[at]);
    return true;
}

/* ---- a line ------------------------------------------------------------------------------------------------ */

static bool usage(struct interp *in, const char *text)
{
    in->t.len = 0;
    text_str(&in->t, "error: usage: ");
    text_str(&in->t, text);
    line_end(in);
    return false;
}

static bool run_command(struct interp *in, const struct command *c, const struct words *w)
{
    if (w->n < c->words_min || w->n > c->words_max)
        return usage(in, c->usage);
    if (c->need == NEED_MACHINE && !in->sim && !machine_default(in))
        return false;
    if (c->need == NEED_KERNEL && !in->kernel)
        return fail(in, "no kernel runs on this machine: boot one first", NULL);
    return c->fn(in, w);
}

bool interp_line(struct interp *in, const char *line, size_t len_bytes)
{
    struct words w;
    const struct command *c;
    struct process *p;

    in->line++;
    if (!words_cut(line, len_bytes, &w))
        return fail(in, "too many words", NULL);
    if (!w.n)
        return true;
    c = find_command(w.w[0]);
    check_flush_line(in, w.w[!c && w.n > 1]);
    if (c)
        return run_command(in, c, &w);
    p = find_process(in, w.w[0]);
    if (p)
        return cmd_process(in, p, &w);
    return fail(in, "neither a command nor a process:", &w.w[0]);
}

bool cmd_explain(struct interp *in, const struct words *w)
{
    static const struct flag_name states[] = { { "off", 0 }, { "on", 1 }, { NULL, 0 } };
    u64 on;

    if (!word_choice(w->w[1], states, &on))
        return fail(in, "on or off, not", &w->w[1]);
    in->options.explain = on;
    if (in->kernel)
        kernel_explain(in->kernel, on ? &in->explain_out : NULL);
    numa_explain(in);
    done_ok(in);
    return true;
}

struct interp *interp_new(const struct interp_options *options, const struct pw_out *out)
{
    struct interp *in = calloc(1, sizeof *in);

    if (!in)
        return NULL;
    in->options = *options;
    if (!in->options.ram_max_bytes)
        in->options.ram_max_bytes = 1ull << 40;
    if (!in->options.len_max_bytes)
        in->options.len_max_bytes = ~(u64)0;
    in->out = out;
    in->explain_out = (struct pw_out){ put_explanation, in };
    return in;
}

void interp_free(struct interp *in)
{
    if (in) {
        machine_drop(in);
        mpu_drop(in);
        part_drop(in);
        cache_drop(in);
    }
    free(in);
}
