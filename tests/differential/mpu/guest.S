/* SPDX-License-Identifier: MIT
 * guest.S - vectors, the accesses themselves, and the fault handlers of the bare-metal image.  A fault's handler takes
 * the status, and goes on behind the access. */
    .syntax unified
    .thumb

    .section .vectors, "a"
    .word stack_top
    .word start + 1
    .word fault + 1                 @ NMI
    .word fault + 1                 @ HardFault
    .word fault + 1                 @ MemManage
    .word fault + 1                 @ BusFault
    .word fault + 1                 @ UsageFault
    .word fault + 1                 @ SecureFault
    .word 0, 0, 0
    .word back_to_privileged + 1    @ SVCall
    .word 0, 0
    .word fault + 1, fault + 1

    .text
    .global start
    .thumb_func
start:
    bl guest_main
1:  b 1b

@ void access(addr, which, value): which is op * 8 + unprivileged * 4 + log2(size)
    .global access
    .thumb_func
access:
    push {r4-r7, lr}
    adr r3, table
    ldr r3, [r3, r1, lsl #2]
    bx r3
    .align 2
table:
    .word rb + 1, rh + 1, rw + 1, 0, rbt + 1, rht + 1, rwt + 1, 0
    .word wb + 1, wh + 1, ww + 1, 0, wbt + 1, wht + 1, wwt + 1, 0
    .word 0, xp + 1, 0, 0, 0, xu + 1, 0, 0
    .macro act name, insn
    .thumb_func
\name: \insn r2, [r0]
    b resume
    .endm
    act rb, ldrb
    act rh, ldrh
    act rw, ldr
    act rbt, ldrbt
    act rht, ldrht
    act rwt, ldrt
    act wb, strb
    act wh, strh
    act ww, str
    act wbt, strbt
    act wht, strht
    act wwt, strt
    .thumb_func
xp: orr r0, r0, #1
    blx r0
    b resume
    .thumb_func
xu: orr r0, r0, #1
    movs r3, #1
    msr control, r3
    isb
    blx r0
    svc 0
    .thumb_func
resume:
    pop {r4-r7, pc}

    .thumb_func
back_to_privileged:
    movs r0, #0
    msr control, r0
    isb
    bx lr

    .thumb_func
fault:
    movs r0, #0
    msr control, r0
    mrs r0, ipsr
    ldr r1, =seen_exception
    str r0, [r1]
    ldr r1, =resume + 1
    bic r1, r1, #1
    str r1, [sp, #24]
    bx lr

@ int semihosting(op, argument)
    .global semihosting
    .thumb_func
semihosting:
    bkpt 0xab
    bx lr
