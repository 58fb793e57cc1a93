/* SPDX-License-Identifier: MIT
 * guest.S - the boot sector, the way into a case and the way out of it.  SDM3 9.8 (protected mode), 6.12 (what an interrupt
 * pushes).
 *
 * Into a case: guest_run() builds what IRET takes and goes to case_entry at the case's privilege, with EAX, EBX, ECX as the
 * instruction needs them.  Out of it: each vector has a stub that pushes its number (and 0 where the processor pushes no error
 * code); all save the segment registers and give the frame to guest_told(). */
    .section .boot, "ax"
    .code16
    .globl boot
boot:
    cli
    cld
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    movb $0x42, %ah                 /* INT 13h, extended read */
    movw $packet, %si
    int $0x13
    jc failed
    inb $0x92, %al                  /* A20 */
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    movb $0xff, %al                 /* no interrupts, ever */
    outb %al, $0x21
    outb %al, $0xa1
    lgdtl boot_gdt_pointer
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $protected
failed:
    movb $'!', %al
    outb %al, $0xe9
1:  hlt
    jmp 1b

    .code32
protected:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movl $0x90000, %esp
    movl $image_end, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb
    call guest_main
1:  hlt
    jmp 1b

    .balign 4
packet:
    .word 16, 64
    .word 0, 0x7e0
    .quad 1
boot_gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
boot_gdt_pointer:
    .word 23
    .long boot_gdt
    .org 510
    .word 0xaa55

    .text
/* void guest_run(const uint32_t *frame): EIP, CS, EFLAGS, ESP, SS of IRET, 20 bytes, then EAX, EBX, ECX. */
    .globl guest_run
guest_run:
    pushl %ebp
    pushl %ebx
    pushl %esi
    pushl %edi
    movl 20(%esp), %esi
    movl %esp, main_sp
    movl 20(%esi), %eax
    movl 24(%esi), %ebx
    movl 28(%esi), %ecx
    movl $0x88, %edx
    testl $3, 4(%esi)
    jz 1f
    pushl 16(%esi)
    pushl 12(%esi)
    pushl 8(%esi)
    pushl 4(%esi)
    pushl 0(%esi)
    iret
1:  movl 12(%esi), %esp             /* privilege 0: no change of stack */
    jmp *0(%esi)

/* Stubs: 16 bytes each, for vectors 0 to 31. */
    .balign 16
    .globl stubs
stubs:
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21)
    .else
    pushl $0
    .endif
    pushl $vector
    jmp out
    .set vector, vector + 1
    .endr
    .balign 16
    .globl stub_done
stub_done:
    pushl $0
    pushl $0x40
out:
    pushl %ds
    pushl %es
    pushl %fs
    pushl %gs
    pushl %ecx                      /* what was read */
    movl $0x88, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %esp, %ecx
    movl %eax, %ss
    movl main_sp, %esp
    cld
    pushl %ecx
    call guest_told
    addl $4, %esp
    popl %edi
    popl %esi
    popl %ebx
    popl %ebp
    ret

/* The instructions.  Each ends with INT 40h, but where it leads somewhere else. */
    .macro case_code name:req, code:vararg
    .globl \name
\name:
    \code
    int $0x40
    .endm
    case_code load_es, movl %eax, %es
    case_code load_ss, movl %eax, %ss
    case_code load_ds, movl %eax, %ds
    case_code load_fs, movl %eax, %fs
    case_code load_gs, movl %eax, %gs
    .globl load_ss_0
load_ss_0:                          /* and back: at privilege 0 the INT would use it */
    movl %eax, %ss
    movl %edx, %ss
    int $0x40
    .macro access_code name:req, code:vararg
    .globl \name
\name:
    movl %eax, %fs
    \code
    int $0x40
    .endm
    access_code read_1, movzbl %fs:(%ebx), %ecx
    access_code read_2, movzwl %fs:(%ebx), %ecx
    access_code read_4, movl %fs:(%ebx), %ecx
    access_code write_1, movb %cl, %fs:(%ebx)
    access_code write_2, movw %cx, %fs:(%ebx)
    access_code write_4, movl %ecx, %fs:(%ebx)
    case_code jump_2, ljmpw *(%ebx)
    case_code jump_4, ljmpl *(%ebx)
    case_code call_2, lcallw *(%ebx)
    case_code call_4, lcalll *(%ebx)
    .globl call_2_end, call_4_end   /* where they return to: in front of the INT */
    .set call_2_end, call_4 - 2
    .set call_4_end, return_2 - 2
    .globl return_2
return_2:
    .byte 0x66, 0xca
    .globl return_2_release
return_2_release:
    .word 0
    int $0x40
    .globl return_4
return_4:
    .byte 0xca
    .globl return_4_release
return_4_release:
    .word 0
    int $0x40

/* Loads GDTR, IDTR, the segment registers, LDTR and TR from the tables guest.c has made. */
    .globl guest_tables
guest_tables:
    lgdt gdt_pointer
    lidt idt_pointer
    movl $0x88, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    ljmpl $0x80, $1f
1:  movl $0xc8, %eax
    lldt %ax
    movl $0xc0, %eax
    ltr %ax
    ret
    .balign 4
gdt_pointer:
    .word 0xcf
    .long 0x1000
idt_pointer:
    .word 8 * 65 - 1
    .long idt

    .bss
    .balign 4
main_sp:
    .skip 4
    .section .note.GNU-stack, "", @progbits
