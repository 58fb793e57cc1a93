/* SPDX-License-Identifier: MIT
 * vmx.c - Intel's way into a guest: SDM3 chapters 23 to 27, appendix B.  Every exception of the guest is an exit, so it needs no
 * descriptor tables; an access that goes through ends with #UD.  No VPID; INVEPT before every entry.  Called by cpu.c. */
#include "cpu.h"

#define CR4_VMXE (1u << 13)
#define MSR_FEATURE_CONTROL 0x3au
#define MSR_VMX_BASIC 0x480u
#define MSR_VMX_PIN 0x481u
#define MSR_VMX_PROC 0x482u
#define MSR_VMX_EXIT 0x483u
#define MSR_VMX_ENTRY 0x484u
#define MSR_VMX_PROC2 0x48bu
#define MSR_VMX_EPT 0x48cu

enum field {
    PIN = 0x4000, PROC = 0x4002, EXCEPTIONS = 0x4004, EXIT = 0x400c, ENTRY = 0x4012, PROC2 = 0x401e, EPTP = 0x201a, LINK = 0x2800,
    GUEST_EFER = 0x2806, GUEST_PDPTE = 0x280a, HOST_EFER = 0x2c02, GUEST_PHYSICAL = 0x2400, INSTRUCTION_ERROR = 0x4400, REASON = 0x4402,
    INTERRUPTION = 0x4404, INTERRUPTION_ERROR = 0x4406, QUALIFICATION = 0x6400, GUEST_LINEAR = 0x640a,
    GUEST_SELECTOR = 0x800, GUEST_LIMIT = 0x4800, GUEST_RIGHTS = 0x4814, GUEST_BASE = 0x6806, /* by segment, each 2 more */
    GUEST_GDTR_LIMIT = 0x4810, GUEST_IDTR_LIMIT = 0x4812, GUEST_CR0 = 0x6800, GUEST_CR3 = 0x6802, GUEST_CR4 = 0x6804,
    GUEST_DR7 = 0x681a, GUEST_RSP = 0x681c, GUEST_RIP = 0x681e, GUEST_RFLAGS = 0x6820,
    HOST_SELECTOR = 0xc00, HOST_CR0 = 0x6c00, HOST_CR3 = 0x6c02, HOST_CR4 = 0x6c04, HOST_TR_BASE = 0x6c0a, HOST_GDTR_BASE = 0x6c0c,
    HOST_IDTR_BASE = 0x6c0e, HOST_RIP = 0x6c16, LOG_ADDRESS = 0x200e, LOG_INDEX = 0x812,
};
enum segment { ES, CS, SS, DS, FS, GS, LDTR, TR, SEGMENTS };
enum { PROC_HLT = 1 << 7, PROC2_EPT = 1 << 1, PROC2_UNRESTRICTED = 1 << 7, PROC2_LOG = 1 << 17, PROC2_MODES = 1 << 22 };
enum { EXIT_HOST_64 = 1 << 9, EXIT_SAVE_EFER = 1 << 20,
       EXIT_LOAD_EFER = 1 << 21, ENTRY_GUEST_64 = 1 << 9, ENTRY_LOAD_EFER = 1 << 15 };
enum { REASON_EXCEPTION = 0, REASON_VIOLATION = 48, REASON_MISCONFIGURATION = 49, REASON_LOG_FULL = 62 };

u64 vmx_run(bool launched);
extern const char vmx_exited[];

static bool launched;

static void write(u64 field, u64 v)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "r"(v) : "cc", "memory");
}

static u64 read(u64 field)
{
    u64 v = 0;
    __asm__ volatile("vmread %1, %0" : "=r"(v) : "r"(field) : "cc", "memory");
    return v;
}

/* The wanted bits and those that must be 1 (SDM3 A.2). */
static void write_controls(u64 field, u32 msr, u32 wanted)
{
    u64 allowed = rdmsr(msr);
    write(field, (wanted | (u32)allowed) & (u32)(allowed >> 32));
}

static u32 features(void)
{
    u64 ept = rdmsr(MSR_VMX_EPT);
    return (ept & 1 ? NESTED_EXECUTE_ONLY : 0) | (ept >> 16 & 1 ? NESTED_2M : 0) | (ept >> 17 & 1 ? NESTED_1G : 0) |
           (ept >> 21 & 1 ? NESTED_AD : 0) | (ept >> 22 & 1 ? NESTED_INFO : 0) |
           (rdmsr(MSR_VMX_PROC2) >> (32 + 22) & 1 ? NESTED_MODES : 0) |
           (rdmsr(MSR_VMX_PROC2) >> (32 + 17) & 1 ? NESTED_LOGS : 0);
}

static void host_state(void)
{
    u64 cr0, cr3, cr4;
    for (u32 i = 0; i < 6; i++)
        write(HOST_SELECTOR + 2 * i, i == CS ? SEL_CODE : SEL_DATA);
    write(HOST_SELECTOR + 12, SEL_TSS);
    READ_CR(0, cr0);
    READ_CR(3, cr3);
    READ_CR(4, cr4);
    write(HOST_CR0, cr0);
    write(HOST_CR3, cr3);
    write(HOST_CR4, cr4);
    write(HOST_EFER, rdmsr(MSR_EFER));
    write(HOST_TR_BASE, tss_at());
    write(HOST_GDTR_BASE, gdt_at.base);
    write(HOST_IDTR_BASE, idt_at.base);
    write(HOST_RIP, at(vmx_exited));
}

static void guest_state(void)
{
    for (u32 i = 0; i < SEGMENTS; i++) {
        write(GUEST_LIMIT + 2 * i, i == TR ? 0xffff : ~0u);
        write(GUEST_BASE + 2 * i, 0);
    }
    write(GUEST_RIGHTS + 2 * LDTR, 0x10000);
    write(GUEST_SELECTOR + 2 * TR, SEL_TSS);
    write(GUEST_RIGHTS + 2 * TR, 0x8b);
    write(GUEST_GDTR_LIMIT, 0xffff);
    write(GUEST_IDTR_LIMIT, 0xffff);
    write(LINK, ~(u64)0);
    write(GUEST_DR7, 0x400);
    write(GUEST_RSP, 0);
}

static const char *start(void)
{
    u64 vmxon = at(cpu_pages[0]), vmcs = at(cpu_pages[1]), cr0, cr4;
    u32 a = 1, b, c = 0, d;
    u8 failed;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c >> 5 & 1))
        return "no VMX";
    if (!(rdmsr(MSR_FEATURE_CONTROL) & 1))
        wrmsr(MSR_FEATURE_CONTROL, 5);
    READ_CR(0, cr0);
    READ_CR(4, cr4);
    WRITE_CR(0, cr0 | 1u << 5);
    WRITE_CR(4, cr4 | CR4_VMXE);
    *(u32 *)cpu_pages[0] = *(u32 *)cpu_pages[1] = (u32)rdmsr(MSR_VMX_BASIC);
    __asm__ volatile("vmxon %1; setbe %0" : "=qm"(failed) : "m"(vmxon) : "cc", "memory");
    if (failed)
        return "VMXON fails";
    __asm__ volatile("vmclear %1; vmptrld %1; setbe %0" : "=qm"(failed) : "m"(vmcs) : "cc", "memory");
    if (failed)
        return "VMPTRLD fails";
    write_controls(PIN, MSR_VMX_PIN, 0);
    write_controls(PROC, MSR_VMX_PROC, 1u << 31 | PROC_HLT);
    write_controls(EXIT, MSR_VMX_EXIT, EXIT_HOST_64 | EXIT_SAVE_EFER | EXIT_LOAD_EFER);
    write(EXCEPTIONS, ~0u);
    host_state();
    guest_state();
    return NULL;
}

static void put_segment(enum segment n, u16 selector, u32 rights)
{
    write(GUEST_SELECTOR + 2 * n, selector);
    write(GUEST_RIGHTS + 2 * n, rights);
}

static void tell(struct nested_raw *out)
{
    static const u8 outcome_of[32] = { [6] = ORACLE_DONE, [12] = ORACLE_SS, [13] = ORACLE_GP, [14] = ORACLE_PF };
    u64 reason = read(REASON), vector = read(INTERRUPTION) & 31;

    *out = (struct nested_raw){ .outcome = NESTED_LOST, .error = reason | vector << 32 };
    if (reason == REASON_VIOLATION) {
        *out = (struct nested_raw){ .outcome = NESTED_VIOLATION, .error = read(QUALIFICATION), .address = read(GUEST_PHYSICAL),
                                    .linear = read(GUEST_LINEAR) };
    } else if (reason == REASON_MISCONFIGURATION) {
        *out = (struct nested_raw){ .outcome = NESTED_MISCONFIGURATION, .address = read(GUEST_PHYSICAL) };
    } else if (reason == REASON_LOG_FULL) {
        *out = (struct nested_raw){ .outcome = NESTED_LOG_FULL };
    } else if (reason == REASON_EXCEPTION && (vector == 6 || (vector >= 12 && vector <= 14))) {
        *out = (struct nested_raw){ .outcome = outcome_of[vector] };
        if (vector == 14) {
            out->error = read(INTERRUPTION_ERROR);
            out->address = read(QUALIFICATION);
        }
    }
}

static void run(const struct nested_cpu *c, const struct start *s, struct nested_raw *out)
{
    struct { u64 eptp, zero; } everything = { 0, 0 };

    put_segment(CS, s->user ? 0x23 : 8, (s->is_64 ? 0xa000u : 0xc000u) | (s->user ? 0xfb : 0x9b));
    for (enum segment n = ES; n <= GS; n++)
        if (n != CS)
            put_segment(n, s->user ? 0x1b : 16, s->user ? 0xc0f3 : 0xc093);
    write_controls(ENTRY, MSR_VMX_ENTRY, ENTRY_LOAD_EFER | (s->is_64 ? ENTRY_GUEST_64 : 0));
    write_controls(PROC2, MSR_VMX_PROC2, PROC2_EPT | PROC2_UNRESTRICTED | (c->modes ? PROC2_MODES : 0) | (c->logs ? PROC2_LOG : 0));
    write(LOG_ADDRESS, fixed_page(FIXED_LOG));
    write(LOG_INDEX, c->log_index);
    for (u32 i = 0; c->format == GUEST_PAE && i < 4; i++)
        write(GUEST_PDPTE + 2 * i, c->pdpte[i]);
    write(EPTP, c->root | (c->ad ? 1u << 6 : 0) | (c->five_levels ? 4u << 3 : 3u << 3) | 6);
    write(GUEST_CR0, s->cr0);
    write(GUEST_CR3, s->cr3);
    write(GUEST_CR4, s->cr4 | CR4_VMXE);
    write(GUEST_EFER, s->efer);
    write(GUEST_RFLAGS, s->rflags);
    write(GUEST_RIP, s->rip);
    __asm__ volatile("invept %0, %1" : : "m"(everything), "r"((u64)2) : "cc", "memory");
    if (vmx_run(launched)) {
        *out = (struct nested_raw){ .outcome = NESTED_LOST, .error = read(INSTRUCTION_ERROR) | (u64)1 << 63 };
        return;
    }
    launched = true;
    tell(out);
    if (c->logs)
        nested_tell_log(NULL, c->log_index, (u32)read(LOG_INDEX), out);
}

const struct way_in vmx = { start, run, features };
