/* SPDX-License-Identifier: MIT
 * cpu.h - between guest.c, cpu.c (the host's side of the bare machine), svm.c, vmx.c and entry.S. */
#ifndef NESTED_CPU_H
#define NESTED_CPU_H

#include "play.h"

/* A guest's registers that VMRUN and VMLAUNCH leave to software; entry.S loads and stores them. */
struct crossing { u64 rax, rsi, rdi; };
extern struct crossing crossing;
extern const char stubs[], stubs_end[], gates[];

struct saved_fault { u64 vector, error, rip; };
void hypervisor_lost(const struct saved_fault *f); /* a fault of our own: says so and stops                          */
void guest_main(void);

struct part cpu_part(const struct params *p);
void cpu_start(const struct params *p);

/* What a guest is to begin with. */
struct start {
    u64 rip, cr0, cr3, cr4, efer, rflags;
    bool user, is_64;
};
struct way_in {
    const char *(*start)(void); /* turns it on; NULL, or why that cannot be                                          */
    void (*run)(const struct nested_cpu *c, const struct start *s, struct nested_raw *out);
    u32 (*features)(void);      /* mask of enum nested_feature                                                       */
};
extern const struct way_in svm, vmx;

/* ---- instructions ------------------------------------------------------------------------------------------------ */

#define WRITE_CR(n, v) __asm__ volatile("mov %0, %%cr" #n : : "r"((u64)(v)) : "memory")
#define READ_CR(n, to) __asm__ volatile("mov %%cr" #n ", %0" : "=r"(to))

#define MSR_EFER 0xc0000080u
#define EFER_NXE (1u << 11)

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)v), "d"((u32)(v >> 32)) : "memory");
}

static inline u64 at(const volatile void *p) { return (u64)p; }

/* Selectors, and where the host's own things are. */
enum { SEL_CODE = 8, SEL_DATA = 16, SEL_TSS = 24 };
struct table_pointer { u16 limit; u64 base; } __attribute__((packed));
extern struct table_pointer gdt_at, idt_at;
u64 tss_at(void);
/* Room for the processor's own structures. */
extern u8 cpu_pages[8][4096];

#endif
