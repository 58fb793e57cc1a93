/* SPDX-License-Identifier: MIT
 * iommu_cmds.h - what the files of `iommu ...` share: iommu_cmds.c (the hardware), dma_cmds.c (the kernel that drives it). */
#ifndef PAGEWALK_SCRIPT_IOMMU_CMDS_H
#define PAGEWALK_SCRIPT_IOMMU_CMDS_H

#include "interp_internal.h"
#include "pagewalk/dma.h"
#include "pagewalk/iommu.h"

#define BUFFERS_MAX 64u

struct buffer { char name[NAME_BYTES]; struct dma_mapping m; };
struct iommu_world {
    struct iommu *iommu;
    struct dma *dma;         /* NULL until `iommu start`                                                          */
    void *block;
    unsigned buffers;
    struct buffer buffer[BUFFERS_MAX];
};

/* "bus:device.function" at word `at`, in hexadecimal.  false: answered with an error. */
bool need_source(struct interp *in, const struct words *w, unsigned at, u16 *out);
void put_source(struct text *t, u16 source);
void put_count(struct text *t, const char *name, u64 v);  /* " name=N"                                            */
void put_address(struct text *t, const char *name, u64 v); /* " name=0x..."                                       */
void dma_drop(struct iommu_world *x);             /* the kernel's half, and what is mapped, goes                   */
command_fn iommu_start_cmd, iommu_attach_cmd, iommu_map_cmd, iommu_unmap_cmd, iommu_buffers_cmd;

#endif
