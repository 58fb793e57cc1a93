/* SPDX-License-Identifier: MIT
 * cpu.c - the engine of the guest: the processor that the emulator pretends to be.  Called by play.c and guest.c.
 *
 * The guest's own memory is mapped as it is, for the supervisor, in slot 0 of every root; one page of it, the stubs of
 * entry.S, a second time for CPL 3.  So the guest runs unchanged under every root and context of a case. */
#include "guest.h"

#define CR0_BASE 0x80000011u /* PG, ET, PE */
#define CR0_WP (1u << 16)
#define CR4_PGE (1u << 7)
#define CR4_PCIDE (1u << 17)
#define EFER_NXE (1u << 11)
#define MSR_EFER 0xc0000080u
#define MSR_FS_BASE 0xc0000100u
#define MSR_PKRS 0x6e1u

#define STUBS_FOR_USER (256ull << 30)
#define MAPPED_GIB 8

struct crossing crossing;
static u64 pml5[512] __attribute__((aligned(4096))), pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096))), pd[MAPPED_GIB][512] __attribute__((aligned(4096)));
static u64 user_pd[512] __attribute__((aligned(4096))), user_pt[512] __attribute__((aligned(4096)));
static u64 gdt[10], idt[130][2];
static u32 tss[26];
static u8 landing_stack[4096] __attribute__((aligned(16)));
static struct engine processor;

enum { SEL_CODE = 8, SEL_DATA = 16, SEL_USER_DATA = 24 | 3, SEL_USER_CODE = 32 | 3, SEL_TSS = 40, SEL_LDT = 56 };

/* ---- instructions ------------------------------------------------------------------------------------------------ */

#define WRITE_CR(n, v) __asm__ volatile("mov %0, %%cr" #n : : "r"((u64)(v)) : "memory")

static u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static void wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static void cpuid(u32 leaf, u32 out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

/* ---- tables of the guest itself ---------------------------------------------------------------------------------- */

static u64 at(const volatile void *p) { return (u64)p; }

static void map_guest(bool la57)
{
    for (u64 i = 0; i < MAPPED_GIB; i++) {
        for (u64 k = 0; k < 512; k++)
            pd[i][k] = i << 30 | k << 21 | 0xe3; /* P, RW, A, D, PS */
        pdpt[i] = at(pd[i]) | 0x23;
    }
    user_pt[0] = at(stubs) | 0x25; /* P, US, A */
    user_pd[0] = at(user_pt) | 0x27;
    pdpt[256] = at(user_pd) | 0x27;
    pml4[0] = at(pdpt) | 0x27;
    pml5[0] = at(pml4) | 0x27;
    processor.root = la57 ? pml5 : pml4;
    processor.la57 = la57;
    WRITE_CR(3, at(processor.root));
}

/* A descriptor of 16 bytes (SDM3 7.2.3, 3.5.2). */
static void system_descriptor(u32 selector, u8 type, u64 base, u32 limit)
{
    u64 *d = &gdt[selector / 8];
    d[0] = limit | (base & 0xffffff) << 16 | (u64)(0x80 | type) << 40 | (base >> 24 & 0xff) << 56;
    d[1] = base >> 32;
}

static void load_segments(void)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) gdtr = { sizeof gdt - 1, at(gdt) },
                                                            idtr = { sizeof idt - 1, at(idt) };
    gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
    gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
    gdt[SEL_USER_DATA / 8] = 0x00cff3000000ffff;
    gdt[SEL_USER_CODE / 8] = 0x00affb000000ffff;
    u64 stack = at(landing_stack + sizeof landing_stack);
    tss[9] = (u32)stack; /* IST1 */
    tss[10] = (u32)(stack >> 32);
    system_descriptor(SEL_TSS, 9, at(tss), sizeof tss - 1);
    for (u64 i = 0; i < 130; i++) {
        u64 gate = at(gates) + 16 * i;
        idt[i][0] = (gate & 0xffff) | SEL_CODE << 16 | 1ull << 32 | 0xeeull << 40 | (gate >> 16 & 0xffff) << 48;
        idt[i][1] = gate >> 32;
    }
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2; mov %w3, %%ss; mov %w3, %%ds; mov %w3, %%es"
                     : : "m"(gdtr), "m"(idtr), "r"(SEL_TSS), "r"(SEL_DATA) : "memory");
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(SEL_CODE) : "rax", "memory");
}

struct part cpu_part(void)
{
    static const struct { u8 leaf, reg, bit; u32 feature; } row[] = {
        { 7, 1, 7, PART_SMEP }, { 7, 1, 20, PART_SMAP }, { 7, 2, 3, PART_PKU }, { 7, 2, 31, PART_PKS },
        { 1, 2, 17, PART_PCID }, { 7, 1, 10, PART_INVPCID }, { 7, 2, 16, PART_LA57 }, { 0x81, 3, 26, PART_1G },
    };
    struct part part = { .features = 0, .maxphyaddr = 36 };
    u32 r[4], last, last_extended;
    cpuid(0, r);
    last = r[0];
    cpuid(0x80000000, r);
    last_extended = r[0];
    for (u32 i = 0; i < sizeof row / sizeof *row; i++) {
        u32 leaf = row[i].leaf == 0x81 ? 0x80000001 : row[i].leaf;
        if (leaf > (leaf >> 31 ? last_extended : last))
            continue;
        cpuid(leaf, r);
        part.features |= r[row[i].reg] >> row[i].bit & 1 ? row[i].feature : 0;
    }
    if (last_extended >= 0x80000008) {
        cpuid(0x80000008, r);
        part.maxphyaddr = r[0] & 0xff;
    }
    return part;
}

struct engine *cpu_start(const struct part *part, bool la57)
{
    map_guest(la57);
    load_segments();
    processor.has_pks = part->features & PART_PKS;
    processor.has_pku = part->features & PART_PKU;
    return &processor;
}

/* ---- engine.h ---------------------------------------------------------------------------------------------------- */

volatile u8 *engine_bytes(struct engine *e, u64 pa)
{
    (void)e;
    return (volatile u8 *)pa;
}

const u64 *engine_memory(struct engine *e)
{
    u64 zero;
    (void)e;
    __asm__("xor %k0, %k0" : "=r"(zero)); /* address 0, which the compiler must not take for "no object" */
    return (const u64 *)zero;
}

static u64 cr4_of(const struct engine *e, const struct context *x)
{
    return 1u << 5 | (u64)e->la57 << 12 | (u64)x->pge << 7 | (u64)x->smep << 20 | (u64)x->smap << 21 |
           (u64)x->pke << 22 | (u64)x->pks << 24 | (u64)x->pcide << 17;
}

void engine_context(struct engine *e, const struct context *to)
{
    u64 cr4 = cr4_of(e, to);
    WRITE_CR(0, CR0_BASE | (to->wp ? CR0_WP : 0));
    if (e->has_pku && to->pkru != e->pkru) { /* WRPKRU needs CR4.PKE */
        WRITE_CR(4, cr4 | 1u << 22);
        __asm__ volatile("wrpkru" : : "a"(to->pkru), "c"(0), "d"(0) : "memory");
        e->pkru = to->pkru;
    }
    WRITE_CR(4, cr4);
    if (e->has_pks && to->pkrs != e->pkrs) {
        wrmsr(MSR_PKRS, to->pkrs);
        e->pkrs = to->pkrs;
    }
    if (to->nxe != e->nxe || !e->nxe_known) {
        wrmsr(MSR_EFER, 0x500 | (to->nxe ? EFER_NXE : 0));
        e->nxe = to->nxe;
        e->nxe_known = true;
    }
    e->cr4 = cr4;
}

static u64 *root_of(u64 cr3)
{
    return (u64 *)(cr3 & 0x000ffffffffff000);
}

void engine_begin(struct engine *e, const struct test_case *c)
{
    for (u32 i = 0; i < PATHS; i++)
        root_of(c->cr3[i])[0] = e->root[0];
    engine_context(e, &c->context);
    WRITE_CR(3, c->cr3[0]);
}

void engine_end(struct engine *e, const struct test_case *c)
{
    WRITE_CR(3, at(e->root));
    WRITE_CR(4, e->cr4 & ~(u64)(CR4_PGE | CR4_PCIDE)); /* global entries and all PCIDs, too */
    for (u32 i = 0; i < PATHS; i++)
        root_of(c->cr3[i])[0] = 0;
}

void engine_cr3(struct engine *e, u64 cr3, bool keep)
{
    (void)e;
    WRITE_CR(3, cr3 | (u64)keep << 63);
}

void engine_toggle_pge(struct engine *e)
{
    WRITE_CR(4, e->cr4 ^ CR4_PGE);
    WRITE_CR(4, e->cr4);
}

void engine_invlpg(struct engine *e, u64 va)
{
    (void)e;
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

void engine_invpcid(struct engine *e, u32 type, u64 pcid, u64 va)
{
    struct { u64 pcid, va; } descriptor = { pcid, va };
    (void)e;
    __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"((u64)type) : "memory");
}

enum { STUB_WRITES = 13 }; /* the first of those */

static u32 stub_of(const struct request *q)
{
    u32 size_lg2 = (u32)__builtin_ctz(q->size);
    switch (q->kind) {
    case KIND_LOAD: return size_lg2;
    case KIND_STORE: return 4 + size_lg2;
    case KIND_STACK_LOAD: return 8;
    case KIND_STACK_STORE: return 9;
    case KIND_XCHG: return 10;
    case KIND_XADD: return 11;
    default: return STUB_WRITES - 1;
    }
}

static void load_ldt(u64 base)
{
    system_descriptor(SEL_LDT, 2, base, 7);
    __asm__ volatile("xor %%eax, %%eax; mov %%eax, %%fs; lldt %w0" : : "r"(SEL_LDT) : "eax", "memory");
}

u32 engine_write(struct engine *e, u32 which, u64 value)
{
    crossing = (struct crossing){ .rip = at(stubs) + 16 * (STUB_WRITES + which), .cs = SEL_CODE, .ss = SEL_DATA,
                                  .rflags = 2, .rsp = at(landing_stack) + 1024, .rdi = value };
    run_access();
    e->nxe_known = e->nxe_known && which != WRITE_EFER;
    return crossing.vector == TRAP_DONE ? 0 : (u32)crossing.vector;
}

void engine_access(struct engine *e, const struct request *q, struct raw *out)
{
    bool user = q->cpl == 3, fetch = q->kind == KIND_FETCH, system = q->kind == KIND_SYSTEM;
    u64 page = user ? STUBS_FOR_USER : at(stubs);
    (void)e;
    if (system)
        load_ldt(q->va);
    crossing = (struct crossing){
        .rip = fetch ? q->va : page + 16 * stub_of(q), .cs = user ? SEL_USER_CODE : SEL_CODE,
        .ss = user ? SEL_USER_DATA : SEL_DATA, .rflags = 2 | (u64)q->ac << 18, .rsp = at(landing_stack) + 1024,
        .rax = system ? 7 : 0, /* selector: LDT, entry 0, RPL 3 */
        .rsi = q->value, .rdi = q->va,
    };
    WRITE_CR(2, CR2_MARK);
    run_access();
    out->vector = (u32)crossing.vector;
    out->error = (u32)crossing.error;
    out->cr2 = crossing.cr2;
    out->value = 0;
    if (out->vector != TRAP_DONE)
        return;
    out->vector = 0;
    if (system)
        out->value = rdmsr(MSR_FS_BASE);
    else if (q->kind == KIND_XCHG || q->kind == KIND_XADD)
        out->value = crossing.rsi;
    else if (!kind_writes(q->kind))
        out->value = crossing.rax;
}
