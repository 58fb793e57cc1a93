/* SPDX-License-Identifier: MIT
 * vtd.h - bits of VT-d's registers, tables and invalidation descriptors, by Intel's names.  Data only: both halves may
 * include it.  VT-d 9.1 (root entry), 9.3 (context entry), 6.5.2 (descriptors), 11.4 (registers). */
#ifndef PAGEWALK_ARCH_VTD_H
#define PAGEWALK_ARCH_VTD_H

#include "pagewalk/types.h"

/* Offsets of the registers. */
enum vtd_offset {
#define REG(name, offset, bytes, writable, cleared) VTD_##name = offset,
#include "arch/vtd_regs.def"
#undef REG
};

/* GCMD and GSTS; SRTP's status is RTPS. */
#define VTD_TE (1u << 31)
#define VTD_SRTP (1u << 30)
#define VTD_QIE (1u << 26)

#define VTD_CAP_CM (1ull << 7)
#define VTD_CAP_SAGAW_SHIFT 8
#define VTD_CAP_MGAW_SHIFT 16
#define VTD_CAP_FRO_SHIFT 24
#define VTD_CAP_SLLPS_SHIFT 34
#define VTD_CAP_PSI (1ull << 39)
#define VTD_CAP_NFR_SHIFT 40
#define VTD_CAP_MAMV_SHIFT 48
#define VTD_CAP_ND_16 6ull            /* domain numbers of 16 bits                                                  */
#define VTD_ECAP_C 1ull               /* tables are read coherently                                                */
#define VTD_ECAP_QI (1ull << 1)
#define VTD_ECAP_PT (1ull << 6)
#define VTD_ECAP_SC (1ull << 7)
#define VTD_ECAP_IRO_SHIFT 8

#define VTD_RTADDR_TTM (3ull << 10)

#define VTD_ROOT_P 1ull
#define VTD_CONTEXT_P 1ull
#define VTD_CONTEXT_FPD 2ull
#define VTD_CONTEXT_TT_SHIFT 2
enum vtd_tt { VTD_TT_TABLE, VTD_TT_DEVICE_TLB, VTD_TT_PASS }; /* 3 is reserved                                        */
#define VTD_CONTEXT_AW 7ull           /* in the upper word: levels less 2                                           */
#define VTD_CONTEXT_DID_SHIFT 8       /* the same: 16 bits                                                          */

#define VTD_SL_R 1ull
#define VTD_SL_W 2ull
#define VTD_SL_PS (1ull << 7)

/* Granularity of an invalidation, in CCMD, IOTLB and the descriptors alike.  What was done is told in the same numbers. */
enum vtd_granularity { VTD_G_RESERVED, VTD_G_GLOBAL, VTD_G_DOMAIN, VTD_G_SELECTIVE /* a device, or pages */ };
#define VTD_CCMD_ICC (1ull << 63)
#define VTD_CCMD_CIRG_SHIFT 61
#define VTD_CCMD_CAIG_SHIFT 59
#define VTD_CCMD_FM_SHIFT 32
#define VTD_CCMD_SID_SHIFT 16
#define VTD_IOTLB_IVT (1ull << 63)
#define VTD_IOTLB_IIRG_SHIFT 60
#define VTD_IOTLB_IAIG_SHIFT 57
#define VTD_IOTLB_DID_SHIFT 32
#define VTD_IVA_AM 0x3full
#define VTD_IVA_IH (1ull << 6)

#define VTD_FSTS_PFO (1u << 0)
#define VTD_FSTS_PPF (1u << 1)
#define VTD_FSTS_IQE (1u << 4)
#define VTD_FSTS_FRI_SHIFT 8
#define VTD_EVENT_IM (1u << 31)       /* FECTL and IECTL                                                            */
#define VTD_EVENT_IP (1u << 30)
#define VTD_ICS_IWC 1u

/* The upper word of a fault record. */
#define VTD_FRCD_F (1ull << 63)
#define VTD_FRCD_T (1ull << 62)       /* it was a read                                                              */
#define VTD_FRCD_FR_SHIFT 32

#define VTD_IQA_QS 7ull
#define VTD_IQA_DW (1ull << 11)
enum vtd_descriptor { VTD_INV_CONTEXT = 1, VTD_INV_IOTLB = 2, VTD_INV_WAIT = 5 };
#define VTD_INV_G_SHIFT 4
#define VTD_INV_DID_SHIFT 16
#define VTD_INV_SID_SHIFT 32
#define VTD_INV_FM_SHIFT 48
#define VTD_WAIT_IF (1ull << 4)
#define VTD_WAIT_SW (1ull << 5)
#define VTD_WAIT_DATA_SHIFT 32
/* IQERCD.IQEI */
enum vtd_queue_error { VTD_IQEI_TAIL = 1, VTD_IQEI_FETCH = 2, VTD_IQEI_TYPE = 3, VTD_IQEI_RESERVED = 4, VTD_IQEI_WIDTH = 5 };

#define VTD_INTERRUPTS 0xfee00000ull  /* a MiB from here on is not memory                                           */

#endif
