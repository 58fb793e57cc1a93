#!/bin/sh
# SPDX-License-Identifier: MIT
# check.sh EMBED DUMP_TABLES - both examples run and say what they should.  The dumper gets an image made here: tables
# written entry by entry with dd.
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
failed=0

expect() { # NAME: compares $work/seen with standard input
    cat > "$work/want"
    if cmp -s "$work/want" "$work/seen"; then
        echo "ok   $1"
    else
        echo "FAIL $1"; diff "$work/want" "$work/seen"; failed=1
    fi
}

"$1" > "$work/seen" 2>&1 || { echo "FAIL embed: status $?"; failed=1; }
expect embed <<'END'
loaded 0x11223344
store to a read-only page: #PF, error code 0x7, CR2 0x401000
before INVLPG: 1
after INVLPG: 0
walks 3, entries read 13, page faults 1
END

# entry ADDRESS VALUE: 8 bytes, the lowest first; both hexadecimal, VALUE with 16 digits.
entry() {
    bytes=$(echo "$2" | sed 's/\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)\(..\)/\8 \7 \6 \5 \4 \3 \2 \1/')
    for b in $bytes; do printf "\\$(printf %03o "0x$b")"; done | dd of="$work/image" bs=8 seek=$((0x$1 / 8)) conv=notrunc 2>/dev/null
}
dd if=/dev/zero of="$work/image" bs=4096 count=8 2>/dev/null
entry 1000 0000000000002007    # PML4[0]
entry 1ff8 0000000000005007    # PML4[511]
entry 2000 0000000000003007    # PDPT: a PD,
entry 2008 80000000400000e7    #   and a page of 1 GiB, not executable
entry 3000 0000000000004007    # PD: a table,
entry 3008 0000000000200083    #   a supervisor page of 2 MiB
entry 3010 0000000000402083    #   and one with a reserved bit
entry 4008 0000000000010005    # PT: two read-only pages,
entry 4010 0000000000011005
entry 4018 0000000000012007    #   one to write
entry 4020 0800000000013007    #   and one with a key
entry 5ff8 0000000000006003    # upper half: a PD for the last GiB
entry 6000 0000000000000183    # global, 2 MiB
"$2" "$work/image" 1000 > "$work/seen" 2>&1 || { echo "FAIL dump_tables: status $?"; failed=1; }
expect dump_tables <<'END'
0000000000001000-0000000000003000 4K user r-x -> 10000
0000000000003000-0000000000004000 4K user rwx -> 12000
0000000000004000-0000000000005000 4K user rwx key 1 -> 13000
0000000000200000-0000000000400000 2M kern rwx -> 200000
0000000000400000 reserved bit in the entry 0x402083 at 0x3010
0000000040000000-0000000080000000 1G user rw- -> 40000000
ffffffffc0000000-ffffffffc0200000 2M kern rwx global -> 0
END
"$2" "$work/image" xyz > "$work/seen" 2>&1
[ $? -eq 1 ] && grep -q "CR3 is a hexadecimal number" "$work/seen" && echo "ok   bad CR3" || { echo "FAIL bad CR3"; failed=1; }
"$2" "$work/none" 1000 > "$work/seen" 2>&1
[ $? -eq 1 ] && grep -q "cannot read the image" "$work/seen" && echo "ok   no image" || { echo "FAIL no image"; failed=1; }
exit $failed
