/* SPDX-License-Identifier: MIT
 * crc32.h - the checksum that closes a results file (IEEE 802.3, as zlib's crc32).  Writer and reader share it. */
#ifndef PAGEWALK_BASE_CRC32_H
#define PAGEWALK_BASE_CRC32_H

#include "pagewalk/types.h"

/* Start with 0; feed the result of the bytes before. */
static inline u32 crc32_add(u32 crc, const void *bytes, size_t len_bytes)
{
    static const u32 nibble[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c };
    const u8 *p = bytes;
    crc = ~crc;
    for (; len_bytes; len_bytes--, p++) {
        crc = nibble[(crc ^ *p) & 15] ^ (crc >> 4);
        crc = nibble[(crc ^ (*p >> 4)) & 15] ^ (crc >> 4);
    }
    return ~crc;
}

#endif
