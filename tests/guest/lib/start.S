// SPDX-License-Identifier: Apache-2.0
/*
 * Entry, exception vectors and secondary entry of a bare-metal guest. The image
 * carries the arm64 boot header, so that squib loads it as it loads a kernel.
 */
    .section .head, "ax"
    .globl _start
_start:
    b       primary
    .word   0
    .quad   0                   // text_offset
    .quad   _image_size
    .quad   0xa                 // flags: little endian, 4K, anywhere
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .word   0

    .text
primary:
    mov     x19, x0             // device tree
    adrp    x1, __bss_start
    add     x1, x1, :lo12:__bss_start
    adrp    x2, __bss_end
    add     x2, x2, :lo12:__bss_end
1:  cmp     x1, x2
    b.hs    2f
    str     xzr, [x1], #8
    b       1b
2:  bl      cpu_init
    mov     x0, x19
    bl      guest_main
    b       guest_off

// PSCI CPU_ON comes here with the function to call in x0.
    .globl secondary
secondary:
    mov     x19, x0
    bl      cpu_init
    blr     x19
3:  wfi
    b       3b

// SP, vectors and FP for this CPU; keeps x19.
cpu_init:
    mrs     x1, mpidr_el1
    ubfx    x2, x1, #8, #8
    and     x1, x1, #15
    add     x1, x1, x2, lsl #4  // index
    adrp    x2, stacks_end
    add     x2, x2, :lo12:stacks_end
    sub     x2, x2, x1, lsl #14
    mov     sp, x2
    adrp    x2, vectors
    add     x2, x2, :lo12:vectors
    msr     vbar_el1, x2
    mov     x2, #3 << 20
    msr     cpacr_el1, x2
    isb
    ret

// See guest.h. SP_EL1 is at the exception what it was at the ERET.
    .globl el0_run, el0_back
el0_run:
    stp     x29, x30, [sp, #-96]!
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    msr     elr_el1, x0
    msr     sp_el0, x1
    msr     spsr_el1, x2
    mov     x0, x3
    eret
el0_back:
    ldp     x19, x20, [sp, #16]
    ldp     x21, x22, [sp, #32]
    ldp     x23, x24, [sp, #48]
    ldp     x25, x26, [sp, #64]
    ldp     x27, x28, [sp, #80]
    ldp     x29, x30, [sp], #96
    ret

    .macro vector kind
    .balign 128
    sub     sp, sp, #272
    stp     x0, x1, [sp]
    mov     x0, #\kind
    b       vector_common
    .endm

    .balign 2048
    .globl vectors
vectors:
    vector 0
    vector 1
    vector 2
    vector 3
    vector 4
    vector 5
    vector 6
    vector 7
    vector 8
    vector 9
    vector 10
    vector 11
    vector 12
    vector 13
    vector 14
    vector 15

vector_common:
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x1, elr_el1
    stp     x30, x1, [sp, #240]
    mrs     x1, spsr_el1
    str     x1, [sp, #256]
    mov     x1, sp
    bl      guest_trap
    ldr     x1, [sp, #256]
    msr     spsr_el1, x1
    ldp     x30, x1, [sp, #240]
    msr     elr_el1, x1
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp]
    add     sp, sp, #272
    eret

    .bss
    .balign 16
    .skip   32 * 16384
stacks_end:
    .section .note.GNU-stack, "", %progbits
