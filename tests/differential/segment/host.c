/* SPDX-License-Identifier: MIT
 * host.c - the model's side of the comparison of segments: makes the same cases as the guest, plays them on the model, and reads
 * from standard input what the guest told.
 *     segment-compare NAME SEED CASES [--full]
 * A difference has a name only if the model, changed in just the points named, gives the guest's words to the last bit.
 * Ends with "N passed, M failed"; the lines before count the named differences, and show the first without a name. */
#include "case.h"

#include "pagewalk/segment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RAM_BYTES 0x40000u

/* What the emulator may do otherwise. */
enum { NO_LIMITS = 1, NO_CS_ACCESSED = 2, NO_IP_LIMIT = 4, GATE_GP = 8, CALL_ERROR = 16, CONFORMING = 32, WAYS = 64 };
static const char *const names[] = {
    "an access or a fetch is not checked: neither limit nor type, nor whether the selector is null",
    "a far transfer does not set the accessed bit of the code segment's descriptor, nor of a new stack's",
    "a far return or a call through a gate does not compare the new instruction pointer with the limit",
    "a jump through a gate to code that is absent is #GP, not #NP",
    "a call beyond the limit is #GP with the selector, not with 0",
    "a call through a gate to conforming code puts the DPL into CS, not the CPL",
};

static u8 *ram;
static struct mmu *machine;
static uint32_t call_end[2];

static void make_machine(void)
{
    const struct mmu_profile *p = mmu_profile_find("skylake");
    struct mmu_config cfg = { .cpus = 1, .ram_bytes = RAM_BYTES, .maxphyaddr = 40, .vendor = MMU_INTEL, .features = p->features, .profile = p };
    size_t bytes;

    cfg.ram = ram = aligned_alloc(4096, RAM_BYTES);
    memset(ram, 0, RAM_BYTES);
    bytes = (mmu_bytes(&cfg) + 63) & ~(size_t)63;
    machine = mmu_create(aligned_alloc(64, bytes), bytes, &cfg);
    mmu_set(machine, 0, MMU_CR0, 1);
    mmu_set(machine, 0, MMU_EFER, 0);
}

static struct seg_register own(uint32_t selector)
{
    u64 raw;
    struct seg_register d;

    memcpy(&raw, ram + case_entry(selector), sizeof raw);
    d = seg_decode(raw);
    d.selector = (u16)selector;
    return d;
}

static struct seg begin(const struct seg_case *c)
{
    struct seg s = { .mmu = machine, .cpl = c->cpl, .gdtr = { GDT, GDT_LIMIT }, .sp = OUTER_SP, .ip = call_end[c->bytes == 4] };

    mmu_set(machine, 0, MMU_CPL, c->cpl == 3 ? 3 : 0);
    for (unsigned r = SEG_ES; r <= SEG_GS; r++)
        s.reg[r] = own(OWN_DATA(3));
    s.reg[SEG_CS] = own(OWN_CODE(c->cpl));
    s.reg[SEG_SS] = own(OWN_DATA(c->cpl));
    s.reg[SEG_LDTR] = own(OWN_LDT);
    s.reg[SEG_TR] = own(OWN_TSS);
    return s;
}

static bool access(struct seg *s, const struct seg_case *c, int way, struct seg_result *r, struct told *t)
{
    u32 value = 0x76543210;

    if (!seg_load(s, SEG_FS, (u16)c->selector, r))
        return false;
    if (!seg_linear(s, SEG_FS, c->offset, c->bytes, c->write ? MMU_STORE : MMU_LOAD, r)) {
        if (!(way & NO_LIMITS))
            return false;
        r->linear = s->reg[SEG_FS].base + c->offset;
    }
    if (c->write) {
        memcpy(ram + r->linear, &value, c->bytes);
        t->value = case_word((uintptr_t)ram, case_base((uintptr_t)ram, c->selector) + c->offset);
        case_restore((uintptr_t)ram, (u32)r->linear);
    } else {
        memcpy(&t->value, ram + r->linear, c->bytes);
    }
    return true;
}

static bool execute(struct seg *s, const struct seg_case *c, int way, struct seg_result *r, struct told *t)
{
    const struct seg_register ss = s->reg[SEG_SS];
    bool done;

    switch (c->op) {
    case OP_ACCESS: return access(s, c, way, r, t);
    case OP_JUMP: done = seg_jump(s, (u16)c->selector, c->offset, c->bytes, r); break;
    case OP_CALL: done = seg_call(s, (u16)c->selector, c->offset, c->bytes, r); break;
    case OP_RETURN: done = seg_return(s, c->bytes, c->release, r); break;
    default:
        done = seg_load(s, (enum seg_reg)c->reg, (u16)c->selector, r);
        if (done && c->reg == REG_SS && !c->cpl)
            s->reg[SEG_SS] = ss;     /* the guest loads it back                                                    */
        return done;
    }
    if (done && (way & NO_LIMITS || seg_linear(s, SEG_CS, s->ip, 2, MMU_FETCH, r)))
        s->ip += 2;                  /* the INT is executed                                                        */
    else if (done)
        done = false;
    return done;
}

/* Accessed bits as they were, but for data segments that an instruction names. */
static void forget_accessed(const struct seg_case *c)
{
    if (c->op < OP_JUMP)
        return;
    for (unsigned i = 0; i < 16; i++)
        memcpy(ram + GDT + 8 * i + 4, &c->gdt[i][1], 4);
    for (unsigned i = 0; i < 8; i++)
        memcpy(ram + LDT + 8 * i + 4, &c->ldt[i][1], 4);
}

/* Which code segment a return or a gate leads to; 0: neither, or not one of the case's. */
static uint32_t target_of(const struct seg_case *c)
{
    uint32_t selector = c->op == OP_RETURN ? c->words[1] : c->op == OP_CALL ? c->selector : 0;

    if (c->op == OP_CALL && selector < 0x80 && (selector & 4 ? selector < 0x44 : 1)) {
        const uint32_t *entry = selector & 4 ? c->ldt[selector >> 3] : c->gdt[selector >> 3];
        selector = (entry[1] & 0x1700) == 0x0400 ? entry[0] >> 16 : 0;
    }
    return selector >= 4 && (selector & 4 ? selector < 0x40 : selector < 0x80) ? selector : 0;
}

/* Its limit: bits 15:0, 19:16 and G. */
static u64 set_limit(uint32_t selector, u64 bits)
{
    const u64 mask = 0x008f00000000ffffull;
    u64 raw, old;

    memcpy(&raw, ram + case_entry(selector), sizeof raw);
    old = raw & mask;
    raw = (raw & ~mask) | bits;
    memcpy(ram + case_entry(selector), &raw, sizeof raw);
    return old;
}

/* CS gets the DPL for its RPL.  Where that is 0, the guest takes the interrupt's frame for one without a stack. */
static void take_dpl(const struct seg_case *c, const struct seg *s, struct told *t)
{
    const uint32_t dpl = (s->reg[SEG_CS].rights & SEG_DPL) >> SEG_DPL_LSB, frame[2] = { t->sp, t->ss };

    if ((c->selector & ~3u) == (t->cs & ~3u) || dpl == c->cpl)
        return;                      /* without a gate                                                             */
    t->cs = (t->cs & ~3u) | dpl;
    if (dpl)
        return;
    t->ss = OWN_DATA(0);
    t->sp = INNER_SP - sizeof frame;
    memcpy(ram + t->sp, frame, sizeof frame);
}

static void play(const struct seg_case *c, int way, struct told *t)
{
    const uint32_t unlimited = way & NO_IP_LIMIT ? target_of(c) : 0;
    u64 limit = 0;
    struct seg_result r = { 0 };
    struct seg s;
    bool done;

    case_set((uintptr_t)ram, c);
    s = begin(c);
    if (unlimited)
        limit = set_limit(unlimited, 0x008f00000000ffffull);
    *t = (struct told){ 0 };
    done = execute(&s, c, way, &r, t);
    if (unlimited)
        set_limit(unlimited, limit);
    if (way & NO_CS_ACCESSED)
        forget_accessed(c);
    t->vector = done ? 0x40 : r.vector;
    t->error = done ? 0 : r.error;
    if (way & GATE_GP && c->op == OP_JUMP && t->vector == SEG_NP_FAULT && (c->selector & ~3u) != r.error)
        t->vector = SEG_GP_FAULT;
    if (way & CALL_ERROR && c->op == OP_CALL && t->vector == SEG_GP_FAULT && strstr(r.rule, "instruction pointer"))
        t->error = c->selector & ~3u;
    t->cs = s.reg[SEG_CS].selector;
    t->ip = t->cs != OWN_CODE(c->cpl) ? (u32)s.ip : 0;
    t->ss = s.reg[SEG_SS].selector;
    t->sp = (u32)s.sp;
    t->ds_es = s.reg[SEG_DS].selector | (u32)s.reg[SEG_ES].selector << 16;
    t->fs_gs = s.reg[SEG_FS].selector | (u32)s.reg[SEG_GS].selector << 16;
    if (way & CONFORMING && done && c->op == OP_CALL && s.reg[SEG_CS].rights & SEG_CONFORMING)
        take_dpl(c, &s, t);
    t->stack = case_digest_stack((uintptr_t)ram, t->ss, t->sp);
    t->tables = case_digest_tables((uintptr_t)ram);
}

static void show_words(const char *who, const struct told *t)
{
    printf("    %-6s vector %x error %x cs %x ip %x ss %x sp %x ds,es %x fs,gs %x tables %x stack %x value %x\n", who, t->vector, t->error, t->cs, t->ip,
           t->ss, t->sp, t->ds_es, t->fs_gs, t->tables, t->stack, t->value);
}

static void show(uint32_t number, const struct seg_case *c, const struct told *guest, const struct told *model)
{
    static const char *const ops[] = { "load", "access", "jump", "call", "return" };

    printf("case %u: cpl %u %s %s selector %x offset %x bytes %u%s words %x %x %x %x release %x tss %x:%x %x:%x\n", number, c->cpl, ops[c->op],
           c->op == OP_LOAD ? seg_reg_names[c->reg] : "", c->selector, c->offset, c->bytes, c->write ? " write" : "", c->words[0], c->words[1],
           c->words[2], c->words[3], c->release, c->ss[1], c->sp[1], c->ss[2], c->sp[2]);
    for (unsigned i = 1; i < 16; i++)
        printf("    %x: %08x%08x%s", i * 8, c->gdt[i][1], c->gdt[i][0], i % 4 ? "" : "\n");
    printf("\n");
    for (unsigned i = 0; i < 8; i++)
        printf("    %x: %08x%08x%s", i * 8 + 4, c->ldt[i][1], c->ldt[i][0], i % 4 == 3 ? "\n" : "");
    show_words("guest", guest);
    show_words("model", model);
}

/* The next line of the guest's; the emulator may say other things. */
static bool next_line(char *line, size_t bytes)
{
    char *start;

    while (fgets(line, (int)bytes, stdin))
        if ((start = strstr(line, "=at")) || (start = strstr(line, "= ")) || (start = strstr(line, "=end"))) {
            memmove(line, start, strlen(start) + 1);
            return strncmp(line, "=end", 4) != 0;
        }
    return false;
}

static bool read_words(uint32_t *words, unsigned n)
{
    char line[512], *at = line + 1;

    if (!next_line(line, sizeof line))
        return false;
    if (!strncmp(line, "=at", 3))
        at = line + 3;
    for (unsigned i = 0; i < n; i++) {
        char *end;
        words[i] = (uint32_t)strtoul(at, &end, 16);
        if (end == at)
            return false;
        at = end;
    }
    return true;
}

int main(int argc, char **argv)
{
    const bool full = argc == 5 && !strcmp(argv[4], "--full");
    uint64_t passed = 0, failed = 0, refused = 0, named[WAYS] = { 0 };
    uint32_t seed, cases;

    if (argc < 4 || (argc > 4 && !full)) {
        fprintf(stderr, "usage: segment-compare NAME SEED CASES [--full]\n");
        return 2;
    }
    seed = (uint32_t)strtoul(argv[2], NULL, 0);
    cases = (uint32_t)strtoul(argv[3], NULL, 0);
    make_machine();
    case_begin((uintptr_t)ram);
    if (!read_words(call_end, 2))
        failed++;
    for (uint32_t n = 0; n < cases && !(n == 0 && failed); n++) {
        struct told guest, model;
        struct seg_case c;
        int way = 0;

        case_make(&c, seed, n);
        if (!read_words((uint32_t *)&guest, TOLD_WORDS)) {
            printf("%s stopped before case %u\n", argv[1], n);
            failed++;
            break;
        }
        refused += guest.vector != 0x40;
        for (; way < WAYS; way++) {
            play(&c, way, &model);
            if (!memcmp(&guest, &model, sizeof guest))
                break;
        }
        if (way < WAYS) {
            passed++;
            for (int k = 0; 1 << k < WAYS; k++)
                named[k] += way >> k & 1;
            continue;
        }
        play(&c, 0, &model);
        if (failed++ < 3 || full)
            show(n, &c, &guest, &model);
    }
    printf("%s: %llu instructions, %llu refused\n", argv[1], (unsigned long long)passed + failed, (unsigned long long)refused);
    for (int k = 0; 1 << k < WAYS; k++)
        if (named[k])
            printf("%s: named difference in %llu cases: %s\n", argv[1], (unsigned long long)named[k], names[k]);
    printf("%llu passed, %llu failed\n", (unsigned long long)passed, (unsigned long long)failed);
    return failed != 0;
}
