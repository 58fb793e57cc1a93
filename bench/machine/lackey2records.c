/* SPDX-License-Identifier: MIT
 * lackey2records.c - the data accesses of a `valgrind --tool=lackey --trace-mem=yes` trace (standard input) as 8-byte
 * records of mmu_batch() (standard output), at most N of them.  A load is MMU_LOAD, a store or a modification MMU_STORE; an
 * access that crosses a page becomes two. */
#include <stdio.h>
#include <stdlib.h>

#include "pagewalk/mmu.h"

int main(int argc, char **argv)
{
    unsigned long most = argc == 2 ? strtoul(argv[1], NULL, 10) : 0, n = 0;
    char line[256], what;
    unsigned long long at;
    unsigned size;
    if (!most) {
        fputs("usage: lackey2records N < TRACE > RECORDS\n", stderr);
        return 2;
    }
    while (n < most && fgets(line, sizeof line, stdin)) {
        if (sscanf(line, " %c %llx,%u", &what, &at, &size) != 3 || (what != 'L' && what != 'S' && what != 'M') || !size)
            continue;
        enum mmu_kind kind = what == 'L' ? MMU_LOAD : MMU_STORE;
        u64 last = page_down(at + size - 1);
        u64 record[2] = { mmu_record(at, kind, 0), mmu_record(last, kind, 0) };
        size_t pieces = page_down(at) == last ? 1 : 2;
        if (fwrite(record, 8, pieces, stdout) != pieces)
            return 1;
        n += pieces;
    }
    return n ? 0 : 1;
}
