/* SPDX-License-Identifier: MIT
 * oracle.h - what x86 segmentation does, said once more from the manual's instruction pages (SDM volume 2: MOV, JMP, CALL, RET;
 * volume 3 chapter 5), without anything of src/segment.  A world goes in; what the instruction makes of it comes out.  Paging
 * is not here: linear addresses below MEMORY are memory, where tables and stacks lie; above it there are zeros, and stores are lost. */
#ifndef PAGEWALK_TESTS_SEGMENT_ORACLE_H
#define PAGEWALK_TESTS_SEGMENT_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY 0x400

/* Order of the segment registers' numbers in instructions. */
enum { ES, CS, SS, DS, FS, GS, LDTR, TR, REGISTERS };

struct hidden {
    bool null;
    unsigned selector;
    uint64_t base;
    uint64_t limit;
    unsigned access;                 /* byte 5 of the descriptor                                                  */
    unsigned flags;                  /* the upper half of byte 6: AVL, L, D/B, G                                   */
};

struct world {
    char mode;                       /* p: protected mode, c: compatibility mode, l: 64-bit mode                   */
    unsigned cpl;
    struct hidden reg[REGISTERS];
    uint64_t gdt_base;
    unsigned gdt_limit;
    uint64_t ip, sp;
    uint8_t memory[MEMORY];
};

struct verdict { int vector; unsigned error; uint64_t linear; }; /* vector 0: done                                 */

/* Each changes the world as the instruction does; after an exception it is as it was. */
struct verdict oracle_load(struct world *w, int reg, unsigned selector);
struct verdict oracle_far(struct world *w, bool call, unsigned selector, uint64_t offset, int operand_bytes);
struct verdict oracle_return(struct world *w, int operand_bytes, unsigned release);
struct verdict oracle_access(const struct world *w, int reg, uint64_t offset, unsigned size, char what);

#endif
