/* SPDX-License-Identifier: MIT
 * cpu.c - the bare machine as a hypervisor: its own tables and descriptors, and the engine of play.h on the processor that the
 * emulator pretends to be.  Called by guest.c and play.c. */
#include "cpu.h"

#define MAPPED_GIB 8
#define CR0_BASE 0x80000011u /* PG, ET, PE */

struct nested_engine { u8 none; };

static u64 pml5[512] __attribute__((aligned(4096))), pml4[512] __attribute__((aligned(4096)));
static u64 pdpt[512] __attribute__((aligned(4096))), pd[MAPPED_GIB][512] __attribute__((aligned(4096)));
static u64 gdt[5], idt[32][2];
static u32 tss[26];
u8 cpu_pages[8][4096] __attribute__((aligned(4096)));
struct table_pointer gdt_at = { sizeof gdt - 1, 0 }, idt_at = { sizeof idt - 1, 0 };
static const struct way_in *way;

u64 tss_at(void) { return at(tss); }

static void map_all(bool la57)
{
    for (u64 i = 0; i < MAPPED_GIB; i++) {
        for (u64 k = 0; k < 512; k++)
            pd[i][k] = i << 30 | k << 21 | 0xe3; /* P, RW, A, D, PS */
        pdpt[i] = at(pd[i]) | 0x23;
    }
    pml4[0] = at(pdpt) | 0x23;
    pml5[0] = at(pml4) | 0x23;
    WRITE_CR(3, at(la57 ? pml5 : pml4));
}

static void load_tables(void)
{
    gdt_at.base = at(gdt);
    idt_at.base = at(idt);
    gdt[SEL_CODE / 8] = 0x00af9b000000ffff;
    gdt[SEL_DATA / 8] = 0x00cf93000000ffff;
    gdt[SEL_TSS / 8] = (sizeof tss - 1) | (at(tss) & 0xffffff) << 16 | (u64)0x89 << 40 | (at(tss) >> 24 & 0xff) << 56;
    gdt[SEL_TSS / 8 + 1] = at(tss) >> 32;
    for (u64 i = 0; i < 32; i++) {
        u64 gate = at(gates) + 16 * i;
        idt[i][0] = (gate & 0xffff) | SEL_CODE << 16 | 0x8eull << 40 | (gate >> 16 & 0xffff) << 48;
        idt[i][1] = gate >> 32;
    }
    __asm__ volatile("lgdt %0; lidt %1; ltr %w2; mov %w3, %%ss; mov %w3, %%ds; mov %w3, %%es; mov %w3, %%fs; mov %w3, %%gs"
                     : : "m"(gdt_at), "m"(idt_at), "r"(SEL_TSS), "r"(SEL_DATA) : "memory");
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(SEL_CODE) : "rax", "memory");
}

static void put(void *ctx, u64 pa, u64 value)
{
    (void)ctx;
    *(volatile u64 *)pa = value;
}

void cpu_start(const struct params *p)
{
    const char *why;
    map_all(p->flags & PARAMS_LA57);
    load_tables();
    way = p->flags & PARAMS_NPT ? &svm : &vmx;
    why = way->start();
    if (why)
        hypervisor_lost(&(struct saved_fault){ .rip = at(why) });
    for (u64 i = 0; i < FIXED_PAGES * 512; i++)
        ((volatile u64 *)FIXED)[i] = 0;
    nested_fixed(p, put, NULL);
    for (u64 i = 0; i < (u64)(stubs_end - stubs); i++)
        ((volatile u8 *)fixed_page(FIXED_STUBS))[i] = (u8)stubs[i];
}

struct part cpu_part(const struct params *p)
{
    static const struct { u32 leaf; u8 reg, bit; u32 feature; } row[] = {
        { 7, 1, 7, PART_SMEP }, { 7, 1, 20, PART_SMAP }, { 7, 2, 16, PART_LA57 }, { 0x80000001, 3, 26, PART_1G },
    };
    struct part part = { .features = way->features() };
    u32 r[4];
    (void)p;
    for (u32 i = 0; i < sizeof row / sizeof *row; i++) {
        __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(row[i].leaf), "c"(0));
        part.features |= r[row[i].reg] >> row[i].bit & 1 ? row[i].feature : 0;
    }
    __asm__ volatile("cpuid" : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3]) : "a"(0x80000008), "c"(0));
    part.maxphyaddr = r[0] & 0xff;
    return part;
}

/* ---- play.h -------------------------------------------------------------------------------------------------------- */

u64 *nested_memory(struct nested_engine *e)
{
    u64 zero;
    (void)e;
    __asm__("xor %k0, %k0" : "=r"(zero)); /* address 0, which the compiler must not take for "no object" */
    return (u64 *)zero;
}

void nested_access(struct nested_engine *e, const struct nested_case *c, const struct nested_cpu *cpu, const struct nested_step *s,
                   struct nested_raw *out)
{
    const struct oracle_cpu *g = &cpu->guest;
    u64 va = c->va + s->offset, efer = rdmsr(MSR_EFER);
    bool user = g->cpl == 3;
    struct start start = {
        .rip = s->kind == ORACLE_FETCH ? va : stubs_va(cpu->format, user) + 16u * s->kind, .user = user,
        .is_64 = cpu->format == GUEST_LONG, .cr0 = nested_cr0(cpu), .cr3 = g->root | c->cr3_low, .cr4 = nested_cr4(cpu),
        .efer = nested_efer(cpu), .rflags = 2 | (u64)g->ac << 18,
    };

    (void)e;
    crossing = (struct crossing){ .rsi = nested_operand(s), .rdi = va };
    if (cpu->npt) {
        WRITE_CR(0, CR0_BASE | 1u << 5 | (u64)c->host_wp << 16);
        wrmsr(MSR_EFER, (efer & ~(u64)EFER_NXE) | (cpu->nxe ? EFER_NXE : 0));
    }
    *out = (struct nested_raw){ .outcome = NESTED_LOST };
    __asm__ volatile("" : : : "memory");
    way->run(cpu, &start, out);
    __asm__ volatile("" : : : "memory");
    if (out->outcome == ORACLE_DONE && s->kind != ORACLE_WRITE)
        out->value = nested_narrow(cpu, crossing.rax);
}
