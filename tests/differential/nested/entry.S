/* SPDX-License-Identifier: MIT
 * entry.S - into the guest and out of it: svm_run(vmcb) by VMRUN; vmx_run(launched) by VMLAUNCH or VMRESUME, which gives 0, or 1 if
 * the entry failed, and begins again at vmx_exited.  Called by svm.c and vmx.c.
 * What must hold: struct crossing of cpu.h.  Other registers of the guest are whatever they are. */
#define RAX 0
#define RSI 8
#define RDI 16
#define HOST_RSP 0x6c14

    .macro save
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm
    .macro restore
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    .endm

    .text
    .globl svm_run
svm_run: /* RAX of the guest is in the VMCB */
    save
    mov %rdi, %rax
    mov crossing + RSI, %rsi
    mov crossing + RDI, %rdi
    vmrun %rax
    mov %rsi, crossing + RSI
    restore
    ret

    .globl vmx_run, vmx_exited
vmx_run:
    save
    mov $HOST_RSP, %eax
    vmwrite %rsp, %rax
    mov %rdi, %rcx
    mov crossing + RAX, %rax
    mov crossing + RSI, %rsi
    mov crossing + RDI, %rdi
    test %ecx, %ecx
    jnz 1f
    vmlaunch
    jmp 2f
1:  vmresume
2:  mov $1, %eax
    restore
    ret
vmx_exited:
    mov %rax, crossing + RAX
    mov %rsi, crossing + RSI
    xor %eax, %eax
    restore
    ret

landing: /* a fault of the hypervisor itself: vector, error code, RIP */
    mov %rsp, %rdi
    cld
    and $~15, %rsp
    call hypervisor_lost

    /* One gate of 16 bytes for each vector; these push an error code: 8, 10 to 14, 17. */
    .balign 16
    .globl gates
gates:
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp landing
    .set vector, vector + 1
    .endr

    /* The guest's accesses, 16 bytes each, by kind: data address in RDI, operand in RSI.  They end with #UD.  In 32-bit mode the
     * same bytes decrement EAX and go on with EAX, ESI and EDI. */
    .section .stubs, "ax"
    .balign 4096
    .globl stubs, stubs_end
stubs:
    mov (%rdi), %rax
    ud2
    .balign 16
    mov %rsi, (%rdi)
    ud2
stubs_end:

    .bss
    .balign 8
    .globl crossing
crossing:
    .skip 24
    .section .note.GNU-stack, "", @progbits
