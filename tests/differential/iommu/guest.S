/* SPDX-License-Identifier: MIT
 * guest.S - the bare-metal image on q35, started by QEMU as a multiboot kernel: 32-bit protected mode without paging, one
 * interrupt (the local APIC's timer, which ends HLT). */
    .section .multiboot, "a"
    .align 4
    .long 0x1badb002, 0, -0x1badb002

    .text
    .global start
start:
    cli
    mov $stack_top, %esp
    mov $timer, %eax
    mov %ax, idt + 0x40 * 8
    shr $16, %eax
    mov %ax, idt + 0x40 * 8 + 6
    movw %cs, idt + 0x40 * 8 + 2
    movw $0x8e00, idt + 0x40 * 8 + 4
    lidt idt_pointer
    call guest_main
1:  hlt
    jmp 1b

timer:
    push %eax
    movl $0, 0xfee000b0
    pop %eax
    iret

    .data
    .align 8
idt:
    .fill 256 * 8, 1, 0
idt_pointer:
    .word 256 * 8 - 1
    .long idt
    .bss
    .align 16
    .fill 65536, 1, 0
stack_top:
    .section .note.GNU-stack, "", @progbits
