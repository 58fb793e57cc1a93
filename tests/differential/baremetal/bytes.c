/* SPDX-License-Identifier: MIT
 * bytes.c - see bytes.h.  Called by play.c, expect.c and model.c. */
#include "bytes.h"

void bytes_read(struct engine *e, const struct place *p, u8 *out)
{
    volatile u8 *first = engine_bytes(e, p->pa[0]), *second = engine_bytes(e, p->pa[1]);
    for (u32 i = 0; i < p->len; i++)
        out[i] = i < p->split ? first[i] : second[i - p->split];
}

void bytes_write(struct engine *e, const struct place *p, const u8 *in)
{
    volatile u8 *first = engine_bytes(e, p->pa[0]), *second = engine_bytes(e, p->pa[1]);
    for (u32 i = 0; i < p->len; i++)
        *(i < p->split ? first + i : second + (i - p->split)) = in[i];
}

u64 bytes_join(const u8 *bytes, u32 n)
{
    u64 v = 0;
    for (u32 i = n; i-- > 0;)
        v = v << 8 | bytes[i];
    return v;
}

u32 access_len(u8 kind, u8 size)
{
    return kind == KIND_FETCH ? CODE_BYTES : size;
}

void make_bytes(u8 kind, u64 noise, u8 out[CODE_BYTES])
{
    for (u32 i = 0; i < CODE_BYTES; i++)
        out[i] = (u8)(noise >> 8 * (i & 7));
    if (kind == KIND_FETCH) { /* movabs $value,%rax; int $0x81 */
        out[0] = 0x48;
        out[1] = 0xb8;
        out[10] = 0xcd;
        out[11] = TRAP_DONE;
    } else if (kind == KIND_SYSTEM) { /* a descriptor: present, DPL 3, data, writable, accessed; any base */
        out[5] = 0xf3;
        out[6] = 0xcf;
    }
}

u64 value_of(u8 kind, u8 size, const u8 *bytes)
{
    switch (kind) {
    case KIND_STORE:
    case KIND_STACK_STORE: return 0;
    case KIND_FETCH: return bytes_join(bytes + 2, 8);
    case KIND_SYSTEM: return bytes_join(bytes + 2, 3) | (u64)bytes[7] << 24; /* the base */
    default: return bytes_join(bytes, size);
    }
}

void stored_by(u8 kind, u8 size, u64 found, u64 operand, u8 out[CODE_BYTES])
{
    u64 v = kind == KIND_XADD ? found + operand : operand;
    for (u32 i = 0; i < size; i++)
        out[i] = (u8)(v >> 8 * i);
}
