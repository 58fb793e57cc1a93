#!/bin/sh
# SPDX-License-Identifier: MIT
# where.sh BUILD - when and where, on real programs: the sums of the timeline and of the map are the totals, time ends with the last
# instruction, regions of a large array are worth a huge page, and copies after fork are those that a program is known to make.
. "$(dirname "$0")/lib.sh"

"$PW" run -q -o grow.results --json grow.json --timeline grow.csv -- "$PROGS/grow" >/dev/null 2>&1
"$PW" run -q --trace-children -o cow.results --json cow.json -- "$PROGS/cow"; same "cow ran" 0 $?
python3 - <<'PY' || failed=1
import csv, json, sys
failed = 0


def check(what, good, got=""):
    global failed
    failed += not good
    print(("ok   " if good else "FAIL ") + what + ("" if good else ": %s" % (got,)))


def sums(name, r):
    t, side = r["timeline"], lambda key: r["tlb"][key]["misses"]
    check(name + ": intervals", 1 < len(t["end"]) <= 1001 and t["end"] == sorted(t["end"]), len(t["end"]))
    check(name + ": the last ends with the program", t["end"][-1] == r["instructions"], (t["end"][-1], r["instructions"]))
    check(name + ": equally long", all(e == (i + 1) * t["interval"] for i, e in enumerate(t["end"][:-1])))
    for column, total in (("minor", r["faults"]["minor"]), ("major", r["faults"]["major"]), ("copied_pages", r["faults"]["copied_pages"]), ("l1d_miss", side("l1d")),
                          ("l1i_miss", side("l1i")), ("walk_cycles", r["walks"]["cycles"]["walk"]), ("walks_d", r["walks"]["data"]["total"])):
        check("%s: %s add up" % (name, column), sum(t[column]) == total, (sum(t[column]), total))
    check(name + ": memory at the end", t["anon_pages"][-1] == r["rss"]["anon_pages"] and t["file_pages"][-1] == r["rss"]["file_pages"])
    check(name + ": peak", max(map(sum, zip(t["anon_pages"], t["file_pages"], t["shmem_pages"]))) <= r["rss"]["peak_pages"])
    misses = side("l1d") + side("l1i")
    check(name + ": misses by region", sum(g["misses"] for g in r["regions"]) == misses)
    check(name + ": misses by address and time", sum(n for row in r["heat"]["rows"] for _, n in row["misses"]) == misses)
    touched = sum(g["touched_pages"] for g in r["regions"])
    check(name + ": touched pages", sum(n for row in r["heat"]["rows"] for _, n in row["touched"]) == touched > 50, touched)


grow, cow = json.load(open("grow.json")), json.load(open("cow.json"))
sums("grow", grow)
sums("cow", cow)
rows = list(csv.DictReader(open("grow.csv")))
check("the table is the same", [int(r["walk_cycles"]) for r in rows] == grow["timeline"]["walk_cycles"] and rows[-1]["end"] == str(grow["instructions"]))
worth = [g for g in cow["regions"] if g["whole"] and not g["large"]]
check("seven or eight whole regions in 16 MiB", 7 <= len(worth) <= 8, len(worth))

c = cow["copy_on_write"]
f = c["forks"][0] if c["forks"] else {}
check("one fork", len(c["forks"]) == 1)
check("shared: the 4096 pages and few more", 4096 <= f["shared_pages"] < 4200, f)
check("copied by the parent first: 100 to 249", 150 <= f["parent_first"] < 170, f)
check("by the child first: 0 to 99, 300 to 349", 150 <= f["child_first"] < 170, f)
check("by both: 0 to 99", 100 <= f["both"] < 115, f)
check("nobody: the rest", f["still_shared"] == f["shared_pages"] - f["parent_first"] - f["child_first"])
lines = {}
for l in c["lines"]:
    if l["function"] in ("parent_update", "child_update"):
        a = lines.setdefault((l["who"], l["function"]), [0, 0, 0])
        a[0] += l["first"]
        a[1] += l["second"]
        a[2] += l["bytes"]
check("at which lines", lines == {("parent", "parent_update"): [150, 100, 150 * 4096], ("child", "child_update"): [150, 0, 150 * 4096]}, lines)
sys.exit(failed != 0)
PY
"$PW" report cow.results 2>&1 | grep -q 'stayed shared' && ok "in the summary" || bad "in the summary"
finish
