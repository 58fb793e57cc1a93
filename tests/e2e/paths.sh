#!/bin/sh
# SPDX-License-Identifier: MIT
# paths.sh BUILD - --call-paths: every way to reach a function is a path of its own, and paths cost what lines cost.
. "$(dirname "$0")/lib.sh"
unset MALLOC_PERTURB_ # meson sets it: malloc would itself touch all it gives

# The sums of the cost columns of a table.
sums() { awk -F'\t' -v t="$1" '$1 == "table" { on = $2 == t; delete c; for (i = 3; i <= NF; i++) c[$i] = i - 1 }
    on && $1 == "row" { for (k in c) if (k ~ /miss|walk|minor|major|cow|zeroed|shootdown/) n[k] += $c[k] } END { for (k in n) print k, n[k] }' "$2" | sort; }
# Paths as FUNCTION<FUNCTION<... from the last call back to main, with their minor faults, where those are many.
paths() { awk -F'\t' '$1 == "table" { t = $2; n = 0; if (t == "paths") for (i = 3; i <= NF; i++) if ($i == "minor") minor = i - 1 }
    t == "path_functions" && $1 == "row" { f[++n] = $4 }
    t == "paths" && $1 == "row" { n++; up[n] = $2; fn[n] = $3; if ($minor < 20) next; s = f[$3]
        for (q = $2; q && f[fn[q]] !~ /below main|start_thread|clone/; q = up[q]) s = s "<" f[fn[q]]; print s, $minor }' "$1"; }

same "runs" ok "$("$PW" run -q --call-paths -o r -- "$PROGS/calls")"
for w in with without; do "$PW" run -q $([ $w = without ] || echo --call-paths) -o $w -- "$PROGS/heap" >/dev/null; done
counted() { awk -F'\t' '$1 == "table" { on = $2 !~ /^path/ } $1 == "row" && on || $1 == "count"' "$1" | grep -v -E '^(count	p|end)'; }
same "the run's counts stay the same" "" "$(counted without >a; counted with >b; diff a b | head -4)"
same "paths sum to lines" "$(sums lines r)" "$(sums paths r)"
want='leaf<after<main 64
leaf<down<down<down<down<main 64
leaf<handler<raise<main 64
leaf<one<main 64
leaf<thread 64
leaf<two<main 128'
same "every way is a path" "$want" "$(paths r | grep ^leaf | sed -e 's/raise.*<main/raise<main/' -e 's/[.]isra[.]0//g' -e 's/ 63$/ 64/' | sort)"


# Stacks and heaps of threads are rows of their own.
kinds() { awk -F'\t' '$1 == "table" { on = $2 == "mappings" } on && $1 == "row" && $3 ~ /^(heap|stack)$/ { print $3, $2 }' "$1" | sort; }
same "stack and heap of each thread" "heap [heap] heap [malloc arena 1] stack [stack] stack [thread stack 1]" "$(kinds r | tr '\n' ' ' | sed 's/ $//')"
"$PW" run -q --cpus 4 --call-paths -o t -- "$PROGS/threads" >/dev/null; same "four threads" 4 "$(kinds t | grep -c 'thread stack')"

# What zeroing and shootdowns cost belongs to somebody, too.
same "threads: paths sum to lines" "$(sums lines t)" "$(sums paths t)"
same "zeroed pages by mapping" "zeroed $(count faults.zeroed_pages t)" "$(sums mappings t | grep zeroed)"
same "shootdowns by line" "shootdowns $(count tlb.shootdown_ipis t)" "$(sums lines t | grep shootdowns)"
same "shootdowns by mapping" "shootdowns $(count tlb.shootdown_ipis t)" "$(sums mappings t | grep shootdowns)"
between "there are some" 4 1000 "$(count tlb.shootdown_ipis t)"
same "all of them by one caller" "mprotect" "$("$PW" report -q --csv - t | awk -F, '$1 == "function" && $(NF-1) + 0 > 0 { print $4 }')"

# The views: who called whom, and the same sums.
total() { sums lines "$1" | awk -v e="$2" '$1 == e { print $2 }'; }
"$PW" report -q --folded r.folded --speedscope r.json --callgrind r.cg --html r.html r; same "views" 0 $?
same "folded: sum" "$(total r walk_cycles)" "$(awk '{ n += $NF } END { print n }' r.folded)"
same "folded: a path" 1 "$("$PW" report --folded - --weight minor r | grep -c ';main;two;leaf 128$')"
same "folded: what paths do not know is by line" 1 "$("$PW" report --folded - --weight stores r | grep -c '^calls;leaf;calls.c:21 ')"
if command -v callgrind_annotate >/dev/null; then
    same "callgrind: main and all it called, once" "448" "$(callgrind_annotate --inclusive=yes --threshold=100 --show=minor --sort=minor r.cg | sed -n 's/^ *\([0-9,]*\) .*:leaf \[.*/\1/p' | tr -d ,)"
    same "callgrind: nothing has more than all" 0 "$(callgrind_annotate --inclusive=yes --threshold=100 --show=minor r.cg | grep -v TOTALS | grep -v annotated | grep -c '([1-9][0-9][0-9]\.')"
else
    echo "skip: callgrind_annotate is missing"
fi
same "CSV: a path" 128 "$("$PW" report -q --csv - r | tr -d '\r' | awk -F, '/^path,/ && /;main;two;leaf$/ { print $19 }')"
"$PW" report --top 3 r >text; same "text: a path, of faults and of zeroing" 2 "$(grep -c '^ *128 .*  leaf < two < main' text)"
same "text: paths by what there was" 4 "$(grep -c '^Call paths by' text)"
"$PW" report -q --json r.full r
python3 - "$(total r minor)" <<'PY' && ok "speedscope and HTML as Python reads them" || bad "speedscope and HTML as Python reads them"
import json, re, sys
s = json.load(open("r.json"))
frames = [f["name"] for f in s["shared"]["frames"]]
p = next(p for p in s["profiles"] if p["name"].startswith("minor"))
assert sum(p["weights"]) == p["endValue"] == int(sys.argv[1])
stacks = {";".join(frames[f] for f in stack): w for stack, w in zip(p["samples"], p["weights"])}
assert any(k.endswith("main;two;leaf") and w == 128 for k, w in stacks.items())
data = json.loads(re.search(r'id="data">(.*?)</script>', open("r.html").read(), re.S)[1])
paths, minor = data["paths"], [data["events"][e][0] for e in data["paths"]["events"]].index("minor")
assert sum(f[2 + minor] for f in paths["frames"]) == int(sys.argv[1])
full = json.load(open("r.full"))["paths"]
assert sum(f["minor"] for f in full) == int(sys.argv[1])
way = lambda f: ("" if f["parent"] is None else way(full[f["parent"]]) + ";") + (f["function"] or "?")
assert any(way(f).endswith("main;two;leaf") and f["minor"] == 128 for f in full)
assert all(f[0] < i for i, f in enumerate(paths["frames"]))
PY

"$PW" run -q --call-paths=5 -o five -- "$PROGS/calls" >/dev/null; same "five calls" 0 $?
same "deeper ones are cut" "leaf<down<main 64" "$(paths five | sed 's/[.]isra[.]0//g' | grep 'leaf<down')"
same "and lose nothing" "$(sums lines five)" "$(sums paths five)"
"$PW" run --call-paths=0 -- true 2>err; same "no calls at all" 125 $?
same "is explained" 1 "$(grep -c 'from 1 to 1000' err)"
"$PW" run -q --trace-children --call-paths -o f -- "$PROGS/forks" >/dev/null; same "forks" 0 $?
for child in f f.*; do same "sums of $child" "$(sums lines "$child")" "$(sums paths "$child")"; done
finish
