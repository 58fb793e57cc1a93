/* SPDX-License-Identifier: MIT
 * script.h - the entry of `pagewalk script [--strict] [--explain] FILE|-`. */
#ifndef PAGEWALK_SCRIPT_SCRIPT_H
#define PAGEWALK_SCRIPT_SCRIPT_H

/* argv[0] is the command's name.  Returns the exit status: 0, 1 when a line was answered with an error, 125 for bad
 * options, an unreadable file or an output that cannot be written. */
int script_main(int argc, char **argv);

#endif
