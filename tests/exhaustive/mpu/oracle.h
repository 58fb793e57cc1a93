/* SPDX-License-Identifier: MIT
 * oracle.h - what an Arm MPU does with an access, said once more from the manuals (DDI 0403, DDI 0553), by the byte and without
 * anything of src/mpu: register values go in, the exception and the status registers come out. */
#ifndef PAGEWALK_TESTS_MPU_ORACLE_H
#define PAGEWALK_TESTS_MPU_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_in {
    int version;                     /* 7, 8 or 81                                                                */
    unsigned regions;
    uint32_t ctrl, rbar[16], attr[16]; /* attr: RASR or RLAR                                                      */
    uint32_t shpr1, shcsr, cfsr, hfsr, mmfar, bfar; /* as they are before                                        */
    uint32_t addr;
    unsigned size;
    char what;                       /* r, w, x; s, u: stacking, unstacking; l: lazy state; v: vector            */
    bool unprivileged;
    int priority;
};
struct oracle_out { int exception; /* 0, 3, 4, 5; -1: lockup */ uint32_t cfsr, hfsr, mmfar, bfar; };

struct oracle_out oracle(const struct oracle_in *in);

#endif
