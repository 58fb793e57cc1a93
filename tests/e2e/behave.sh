#!/bin/sh
# behave.sh BUILD - programs that use threads, handle SIGSEGV, fork, exec, map files, grow heaps and stacks.
. "$(dirname "$0")/lib.sh"

same "heap" ok "$($PW run -q -o heap.r -- $PROGS/heap)"
divergences() { awk -F'\t' '$1 == "table" { on = $2 == "divergences" } on && $1 == "row" { n++ } END { print n + 0 }' "$1"; }
same "heap: no divergence" 0 "$(divergences heap.r)"

same "threads: 1 CPU" "$($PROGS/threads)" "$($PW run -q -o one.r -- $PROGS/threads)"
same "threads: 4 CPUs" "$($PROGS/threads)" "$($PW run -q --cpus 4 -o four.r -- $PROGS/threads)"
same "threads counted" 5 "$(count threads four.r)"
same "one CPU needs no IPI" 0 "$(count tlb.shootdown_ipis one.r)"
between "four CPUs: shootdowns" 60 100 "$(count tlb.shootdown_ipis four.r)"

same "SIGSEGV handled" 40 "$($PW run -q -o segv.r -- $PROGS/segv)"
same "invalid faults" 40 "$(count faults.invalid segv.r)"

same "stack" 1 "$($PW run -q -o grow.r -- $PROGS/grow)"
between "stack growths" 100 560 "$(count faults.stack grow.r)"
between "faults with 2 MiB of stack" 500 620 "$(count faults.minor grow.r)"

same "fork" 3 "$($PW run -q -o fork.r -- $PROGS/forks)"
same "child not followed" "1 1" "$(count children fork.r) $(count children_not_followed fork.r)"
rm -f f.r*
same "fork and follow" 3 "$($PW run -q --trace-children -o f.r -- $PROGS/forks)"
same "results of the child" 1 "$(ls f.r.* | wc -l)"
between "copies in the child" 100 130 "$(count faults.cow_copy f.r.*)"
rm -f f.r*
same "exec followed" "0" "$($PW run -q --trace-children -o f.r -- $PROGS/forks /bin/true)"
grep -l '^text	program	/bin/true' f.r.* > /dev/null && ok "exec has results" || bad "exec has results"

for way in lock shrink orphan self leader handlers; do
    same "odd $way" ok "$($PW run -q --trace-children -o odd.$way -- $PROGS/odd $way)"
    same "odd $way: no divergence" 0 "$(divergences odd.$way)"
done
same "odd shrink: one SIGBUS" 1 "$(count faults.invalid odd.shrink)"
between "odd leader: faults of the thread that stayed" 64 400 "$(count faults.minor odd.leader)"
between "odd handlers: faults" 128 400 "$(count faults.minor odd.handlers)"
same "odd handlers: filter on and off" "" "$($PW run -q --trace-children --no-filter -o odd.slow -- $PROGS/odd handlers | cat > /dev/null; diff odd.slow odd.handlers | grep -E '(walks|faults|tlb)[.]')"

# The first thread's end loads a library late, for which the core reads the environment: whatever its size.
late=$(for n in 1 2 3 4; do for k in 1 9 17 41; do
    env -i "PATH=$PATH" "A=$(printf "%${k}s")" $(seq -f V%g= $n) "$PW" run -q -o env.r -- "$PROGS/odd" leader
done; done 2>&1 | sort -u)
same "odd leader: sixteen environments" ok "$late"

# Names of results files are taken as given.
same "a percent sign in a name" ok "$($PW run -q -o 'a%d %s.r' -- $PROGS/heap)"
same "the file has that name" 1 "$(ls 'a%d %s.r' | wc -l)"
finish
