#!/bin/sh
# SPDX-License-Identifier: MIT
# check_output.sh PROGRAM FILE - the example runs and prints what the file holds.
seen=$("$1") || { echo "FAIL $1: status $?"; exit 1; }
[ "$seen" = "$(cat "$2")" ] || { echo "FAIL $1 prints something else than $2:"; printf '%s\n' "$seen" | diff "$2" -; exit 1; }
echo "ok   $1"
