/* SPDX-License-Identifier: MIT
 * entry.S - into one access and out of it again.  run_access() enters, by IRETQ, the stub of an access at CPL 0 or 3 (or,
 * for a fetch, the address itself); whatever happens then, a fault or `int $0x81`, ends at `landing`, which returns
 * to the caller of run_access().  Called by cpu.c.  What must hold: struct crossing of cpu.c. */
#define RIP 0
#define CS 8
#define RFLAGS 16
#define RSP 24
#define SS 32
#define RAX 40
#define RSI 48
#define RDI 56
#define VECTOR 64
#define ERROR 72
#define CR2 80
#define INSIDE 88

    .text
    .globl run_access
run_access:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, saved_rsp
    movq $1, crossing + INSIDE
    push crossing + SS
    push crossing + RSP
    push crossing + RFLAGS
    push crossing + CS
    push crossing + RIP
    mov crossing + RAX, %rax
    mov crossing + RSI, %rsi
    mov crossing + RDI, %rdi
    mov %rdi, %rbp
    iretq

landing: /* vector, error code, and what the processor pushed */
    mov %rax, crossing + RAX
    mov %rsi, crossing + RSI
    pop crossing + VECTOR
    pop crossing + ERROR
    mov %cr2, %rax
    mov %rax, crossing + CR2
    cmpq $0, crossing + INSIDE
    je lost
    movq $0, crossing + INSIDE
    mov saved_rsp, %rsp
    pushq $2
    popfq
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

lost: /* a fault of the guest itself */
    pop %rdi
    call guest_lost

    /* One gate of 16 bytes for each vector; these push an error code: 8, 10 to 14, 17. */
    .balign 16
    .globl gates
gates:
    .set vector, 0
    .rept 130
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .else
    pushq $0
    .endif
    pushq $vector
    jmp landing
    .set vector, vector + 1
    .endr

    /* The page of the accesses, 16 bytes each (the last is longer); also mapped for CPL 3.  Data address in RDI and RBP,
     * operand in RSI; a register's new value in RDI. */
    .macro access code:vararg
    .balign 16
    \code
    int $0x81
    .endm
    .section .stubs, "ax"
    .balign 4096
    .globl stubs
stubs:
    access movzbl (%rdi), %eax
    access movzwl (%rdi), %eax
    access movl (%rdi), %eax
    access movq (%rdi), %rax
    access movb %sil, (%rdi)
    access movw %si, (%rdi)
    access movl %esi, (%rdi)
    access movq %rsi, (%rdi)
    access movq (%rbp), %rax
    access movq %rsi, (%rbp)
    access xchgq %rsi, (%rdi)
    access xaddq %rsi, (%rdi)
    access movl %eax, %fs
    access movq %rdi, %cr0
    access movq %rdi, %cr3
    access movq %rdi, %cr4
    .balign 16
    movl $0xc0000080, %ecx          /* EFER */
    movq %rdi, %rax
    movq %rdi, %rdx
    shrq $32, %rdx
    wrmsr
    int $0x81

    .bss
saved_rsp:
    .quad 0
    .section .note.GNU-stack, "", @progbits
