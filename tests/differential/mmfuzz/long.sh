#!/bin/sh
# SPDX-License-Identifier: MIT
# long.sh BUILD [SEEDS [OPS [OPTION...]]] - `make mmfuzz`: the lock-step fuzzer for long, ten million operations unless
# told otherwise, with what was measured on the way: processor time beside wall-clock time, and the host's load.
build=${1:?usage: long.sh BUILD [SEEDS [OPS [OPTION...]]]}
seeds=${2:-1-5000} ops=${3:-2000}
shift; [ $# -gt 0 ] && shift; [ $# -gt 0 ] && shift
here=$build/tests/differential/mmfuzz
echo "$(nproc) processors, load $(cut -d' ' -f1-3 /proc/loadavg) before"
"$here/mmfuzz" --seeds "$seeds" --ops "$ops" "$@" "$here/performer" "${TMPDIR:-/var/tmp}"
status=$?
echo "load $(cut -d' ' -f1-3 /proc/loadavg) after"
[ $status -eq 77 ] || exit $status
