/* SPDX-License-Identifier: MIT
 * boot.S - the boot sector: loads the rest of the image from the disk it came from, turns long mode on (with five levels
 * when the parameters ask for it), and calls guest_main().  SDM3 9.8.5.
 *
 *   7C00h  this sector      7E00h  parameters, then code and data      70000h..73FFFh  first page tables: 1 GiB, as is */
#define PARAMS_FLAGS (0x7e00 + 48) /* flags in struct params */
#define TOP 0x70000

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
1:  movb $0x42, %ah                 /* INT 13h, extended read: 64 sectors at a time, segment by segment */
    movw $packet, %si
    int $0x13
    jc failed
    addw $64, packet_lba
    addw $0x800, packet_segment
    decw blocks
    jnz 1b

    inb $0x92, %al                  /* A20 */
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    movb $0xff, %al                 /* no interrupts, ever */
    outb %al, $0x21
    outb %al, $0xa1
    lgdtl gdt_pointer
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
    movl $TOP, %edi                 /* PML4, PDPT, PD; then PML5 */
    xorl %eax, %eax
    movl $4096, %ecx
    rep stosl
    movl $(TOP + 0x1007), TOP
    movl $(TOP + 0x2007), TOP + 0x1000
    movl $(TOP + 0x0007), TOP + 0x3000
    movl $(TOP + 0x2000), %edi
    movl $0x83, %eax
1:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    cmpl $(TOP + 0x3000), %edi
    jb 1b
    movl $0x20, %eax                /* CR4.PAE */
    movl $TOP, %ebx
    testb $1, PARAMS_FLAGS
    jz 2f
    orl $0x1000, %eax               /* CR4.LA57 */
    movl $(TOP + 0x3000), %ebx
2:  movl %eax, %cr4
    movl %ebx, %cr3
    movl $0xc0000080, %ecx          /* EFER: LME, NXE */
    rdmsr
    orl $0x900, %eax
    wrmsr
    movl $0x80010001, %eax          /* CR0: PG, WP, PE */
    movl %eax, %cr0
    ljmpl $0x18, $long_mode

    .code64
long_mode:
    movl $boot_stack_end, %esp
    movl $image_end, %edi
    movl $bss_end, %ecx
    subl %edi, %ecx
    xorl %eax, %eax
    rep stosb
    call guest_main
1:  hlt
    jmp 1b

    .balign 8
packet:
    .word 16, 64, 0
packet_segment:
    .word 0x7e0
packet_lba:
    .quad 1
blocks:
    .word 6                         /* 192 KiB */
gdt:
    .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00af9b000000ffff
gdt_pointer:
    .word 31
    .long gdt
    .org 510
    .word 0xaa55

    .bss
    .balign 16
    .skip 16384
boot_stack_end:
    .section .note.GNU-stack, "", @progbits
