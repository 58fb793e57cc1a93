#!/bin/sh
# SPDX-License-Identifier: MIT
# thirty.sh BUILD [WAY...] - touches memory in known ways, natively and in the model, and compares the minor faults.
#
# Native is the truth: ru_minflt of the process and its children.  Modelled: faults.minor of their results files.  What
# is compared is the difference from way 0, which does nothing, so that the start of the process cancels.  Prints a
# table and "N passed, N failed".
. "$(dirname "$0")/lib.sh"
shift
case $(uname -r) in 6.18.*) ;; *)
    echo "skip: the model is of Linux 6.18, and this kernel, $(uname -r), may count differently" && exit 77 ;;
esac
THIRTY=$WORK/thirty
copy "$DIFF/thirty" "$THIRTY"
chmod +x "$THIRTY"
dd if=/dev/zero of="$WORK/data" bs=4096 count=256 2>/dev/null

modelled() {
    rm -rf "$WORK/out"
    mkdir "$WORK/out"
    "$PW" run -q --trace-children -o "$WORK/out/r" -- "$THIRTY" "$1" "$WORK/data" >/dev/null 2>"$WORK/errors" || return 1
    sum faults.minor "$WORK"/out/r*
}

[ $# -gt 0 ] || set -- $("$THIRTY" list)
native_0=$(native_faults "$THIRTY" nothing "$WORK/data") || { echo "thirty.sh: the native run failed" >&2; exit 1; }
model_0=$(modelled nothing) || { echo "thirty.sh: pagewalk run failed:" >&2; cat "$WORK/errors" >&2; exit 1; }
printf '%-28s %8s %8s %8s\n' "way" "native" "model" "verdict"
printf '%-28s %8s %8s %8s\n' "(start and end of process)" "$native_0" "$model_0" "-"
passed=0
failed=0
for way; do
    [ "$way" = nothing ] && continue
    native=$(native_faults "$THIRTY" "$way" "$WORK/data")
    model=$(modelled "$way")
    if [ -z "$native" ] || [ -z "$model" ]; then
        native=${native:-?} model=${model:-?} verdict=FAILED
    else
        native=$((native - native_0)) model=$((model - model_0)) verdict=FAILED
        [ "$native" = "$model" ] && verdict=ok
    fi
    if [ "$verdict" = ok ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    printf '%-28s %8s %8s %8s\n' "$way" "$native" "$model" "$verdict"
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
