/* SPDX-License-Identifier: MIT
 * port.h - how a guest of the bare-metal comparisons tells something: lines of words in base 16, by port E9h. */
#ifndef BAREMETAL_PORT_H
#define BAREMETAL_PORT_H

#include "case.h"

void put_line(char kind, const u64 *words, u32 n);

#endif
