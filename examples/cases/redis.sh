#!/bin/sh
# SPDX-License-Identifier: MIT
# redis.sh - Redis saves a snapshot from a forked child while clients write: what is copied, with and without huge pages (redis.md).
. "$(dirname "$0")/lib.sh"
needs redis-server redis-server
needs redis-benchmark redis-tools
keys=40000 writes=4000
cli() { redis-cli -s "$folder/socket" "$@"; }
sets() { redis-benchmark -q -s "$folder/socket" -t set -r $keys -d 256 "$@" >/dev/null 2>&1; }

# serve RESULTS THP MALLOC_CONF
serve() {
    mkdir "$1.data"
    MALLOC_CONF=$3 "$PAGEWALK" run --trace-children --thp "$2" -o "$1" --json "$1.json" -- redis-server --port 0 --unixsocket "$folder/socket" \
        --save "" --dir "$folder/$1.data" --disable-thp no >"$1.out" 2>"$1.txt" &
    server=$!
    for i in $(seq 200); do [ "$(cli ping 2>&1)" = PONG ] && break; sleep 0.2; done
    sets -c 4 -P 32 -n $((3 * keys))
    cli config set rdb-key-save-delay 200 >/dev/null   # the child takes its time, as it does with a large data set
    cli bgsave >/dev/null
    sets -c 1 -P 8 -n $writes
    cli config set rdb-key-save-delay 0 >/dev/null
    while cli info persistence | grep -q 'rdb_bgsave_in_progress:1'; do sleep 0.5; done
    cli shutdown nosave
    wait $server
}
serve small never thp:never
serve huge madvise thp:always

of() { number "$1" copy_on_write.forks.0."$2"; }
pages() { "$PAGEWALK" report -q --json - "$1" | python3 -c 'import json, sys
print(sum(l["first"] for l in json.load(sys.stdin)["copy_on_write"]["lines"] if l["page_bytes"] == int(sys.argv[1])))' "$2"; }
faults() { number "$1" faults.by_kind."$2"; }

heading "Redis, $keys keys, BGSAVE under $writes writes"
row "huge pages used: never" "" "$(faults small huge)" 0 0
row "huge pages used: thp:always" "all" "$(faults huge huge)" 1 100
row "copied, never: pages of 4 KiB" "4 KiB a write" "$(pages small 4096)" 1500 6000
row "copied, thp:always: pages of 4 KiB" "" "$(pages huge 4096)" 1500 6000
row "copied, thp:always: pages of 2 MiB" "2 MiB a write" "$(pages huge 2097152)" 0 0
row "copied of what was shared, never, percent" "" "$(percent "$(of small parent_first)" "$(of small shared_pages)")" 40 95
row "copied of what was shared, thp:always, percent" "nearly 100" "$(percent "$(of huge parent_first)" "$(of huge shared_pages)")" 25 95
says small "parent first"
says huge "parent first"
says huge "of 2.0 MiB"
over
