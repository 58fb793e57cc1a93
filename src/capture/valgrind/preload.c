/* SPDX-License-Identifier: GPL-2.0-or-later
 * preload.c - Valgrind's core insists on preloading a library of this name into the program.  Ours is empty, and
 * begin.c takes it out of the environment before the program's first instruction, so it is never loaded. */
extern const char pagewalk_preload[];
const char pagewalk_preload[] = "pagewalk";
