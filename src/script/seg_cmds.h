/* SPDX-License-Identifier: MIT
 * seg_cmds.h - what the files of `seg ...` share. */
#ifndef PAGEWALK_SCRIPT_SEG_CMDS_H
#define PAGEWALK_SCRIPT_SEG_CMDS_H

#include "interp_internal.h"
#include "pagewalk/segment.h"

command_fn seg_describe_cmd, seg_regs_cmd, seg_table_cmd; /* seg_tables.c                                        */

#endif
