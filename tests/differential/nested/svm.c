/* SPDX-License-Identifier: MIT
 * svm.c - AMD's way into a guest: APM2 chapter 15, appendix B.  Every exception of the guest is an exit, so it needs no descriptor
 * tables; an access that goes through ends with #UD.  Called by cpu.c. */
#include "cpu.h"

#define EFER_SVME (1u << 12)
#define MSR_VM_CR 0xc0010114u
#define MSR_VM_HSAVE_PA 0xc0010117u

/* Offsets in the VMCB. */
enum {
    EXCEPTIONS = 0x08, INTERCEPTS_3 = 0x0c, INTERCEPTS_4 = 0x10, ASID = 0x58, TLB_CONTROL = 0x5c, EXITCODE = 0x70, EXITINFO1 = 0x78,
    EXITINFO2 = 0x80, NP_ENABLE = 0x90, N_CR3 = 0xb0, STATE_ES = 0x400, STATE_CS = 0x410, STATE_SS = 0x420, STATE_DS = 0x430,
    STATE_TR = 0x490, STATE_CPL = 0x4cb, STATE_EFER = 0x4d0, STATE_CR4 = 0x548, STATE_CR3 = 0x550, STATE_CR0 = 0x558,
    STATE_DR7 = 0x560, STATE_DR6 = 0x568, STATE_RFLAGS = 0x570, STATE_RIP = 0x578, STATE_RSP = 0x5d8, STATE_RAX = 0x5f8,
    STATE_CR2 = 0x640, STATE_PAT = 0x668,
};
enum { VMEXIT_EXCEPTION = 0x40, VMEXIT_NPF = 0x400 };

void svm_run(u64 vmcb);

static volatile u8 *const vmcb = cpu_pages[0];

static void put64(u32 offset, u64 v) { *(volatile u64 *)(vmcb + offset) = v; }
static void put32(u32 offset, u32 v) { *(volatile u32 *)(vmcb + offset) = v; }
static u64 get64(u32 offset) { return *(volatile u64 *)(vmcb + offset); }

static void put_segment(u32 offset, u16 selector, u16 attributes)
{
    *(volatile u16 *)(vmcb + offset) = selector;
    *(volatile u16 *)(vmcb + offset + 2) = attributes;
    put32(offset + 4, ~0u);
    put64(offset + 8, 0);
}

static const char *start(void)
{
    u32 a = 0x80000001, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c >> 2 & 1))
        return "no SVM";
    a = 0x8000000a;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(d & 1))
        return "no nested paging";
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, at(cpu_pages[1]));
    put32(EXCEPTIONS, ~0u);
    put32(INTERCEPTS_3, 1u << 24 | 1u << 31); /* HLT, shutdown */
    put32(INTERCEPTS_4, 1 | 2);               /* VMRUN, VMMCALL */
    put32(ASID, 1);
    put64(NP_ENABLE, 1);
    put64(STATE_DR6, 0xffff0ff0);
    put64(STATE_DR7, 0x400);
    put64(STATE_PAT, 0x0007040600070406);
    return NULL;
}

static u32 features(void) { return NESTED_AD | NESTED_2M | NESTED_1G; }

static void tell(struct nested_raw *out)
{
    static const u8 outcome_of[32] = { [6] = ORACLE_DONE, [12] = ORACLE_SS, [13] = ORACLE_GP, [14] = ORACLE_PF };
    u64 code = get64(EXITCODE);

    if (code == VMEXIT_NPF) {
        *out = (struct nested_raw){ .outcome = NESTED_PAGE_FAULT, .error = get64(EXITINFO1), .address = get64(EXITINFO2) };
    } else if (code == VMEXIT_EXCEPTION + 6 || (code >= VMEXIT_EXCEPTION + 12 && code <= VMEXIT_EXCEPTION + 14)) {
        *out = (struct nested_raw){ .outcome = outcome_of[code - VMEXIT_EXCEPTION] };
        if (out->outcome == ORACLE_PF) {
            out->error = get64(EXITINFO1);
            out->address = get64(EXITINFO2);
        }
    } else {
        *out = (struct nested_raw){ .outcome = NESTED_LOST, .error = code };
    }
}

static void run(const struct nested_cpu *c, const struct start *s, struct nested_raw *out)
{
    put_segment(STATE_CS, s->user ? 0x23 : 8, (s->is_64 ? 0xa00 : 0xc00) | (s->user ? 0xfb : 0x9b));
    put_segment(STATE_SS, s->user ? 0x1b : 16, s->user ? 0xcf3 : 0xc93);
    put_segment(STATE_DS, s->user ? 0x1b : 16, s->user ? 0xcf3 : 0xc93);
    put_segment(STATE_ES, s->user ? 0x1b : 16, s->user ? 0xcf3 : 0xc93);
    vmcb[STATE_CPL] = s->user ? 3 : 0;
    put64(STATE_EFER, s->efer | EFER_SVME);
    put64(STATE_CR0, s->cr0);
    put64(STATE_CR3, s->cr3);
    put64(STATE_CR4, s->cr4);
    put64(STATE_RFLAGS, s->rflags);
    put64(STATE_RIP, s->rip);
    put64(STATE_RSP, 0);
    put64(STATE_RAX, 0);
    put64(N_CR3, c->root);
    vmcb[TLB_CONTROL] = 1; /* everything */
    svm_run(at(vmcb));
    crossing.rax = get64(STATE_RAX);
    tell(out);
}

const struct way_in svm = { start, run, features };
