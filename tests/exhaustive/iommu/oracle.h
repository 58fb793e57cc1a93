/* SPDX-License-Identifier: MIT
 * oracle.h - what an IOMMU does with one request of a device, said once more from the VT-d specification, without caches and
 * without anything of src/iommu: memory and settings go in, the reason and the address come out. */
#ifndef PAGEWALK_TESTS_IOMMU_ORACLE_H
#define PAGEWALK_TESTS_IOMMU_ORACLE_H

#include <stdbool.h>
#include <stdint.h>

struct oracle_in {
    const uint8_t *ram;
    uint64_t ram_bytes;
    bool enabled;
    uint64_t rtaddr;
    int address_bits, maxphyaddr;
    bool large_2m, large_1g, pass_through, snoop;
    unsigned source;
    uint64_t iova;
    bool write;
};
struct oracle_out { int reason; uint64_t pa; bool quiet, interrupt; int page_lg2, entries; };

struct oracle_out oracle(const struct oracle_in *in);

/* Fault recording: what software would read after a series of refused requests. */
struct oracle_log { int records, next; uint64_t low[8], high[8]; bool pending[8], overflow, any; int index; };
void oracle_fault(struct oracle_log *log, unsigned source, uint64_t iova, bool write, int reason, bool quiet);
void oracle_clear(struct oracle_log *log, int record);

#endif
