#!/bin/sh
# SPDX-License-Identifier: MIT
# cli_docs.sh PAGEWALK - help, manual page, completion and docs/json.md know the same options and keys.
set -u
pagewalk=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
failures=0
keys=$(mktemp)
complain() { echo "FAILED: $*"; failures=$((failures + 1)); }

for command in run replay whatif advise report diff cpus probe script; do
    for option in $("$pagewalk" help $command | grep -o -- '--[a-z][a-z0-9-]*' | sort -u); do
        sed 's/\\-/-/g' "$root/man/pagewalk.1" | grep -q -- "$option" || complain "$option of $command is not in the manual page"
        sed -n "/^    $command) echo/p" "$root/completion/pagewalk.bash" | grep -q -- "$option\\( \\|'\\)" ||
            [ "$command $option" = 'cpus --cpu' ] || complain "$option of $command is not completed"
    done
done
"$pagewalk" report -q --json - "$root/tests/unit/report/gzip.results" | grep -o '"[a-z_0-9]*":' | tr -d '":' | sort -u >keys.$$
while read -r key; do
    case $key in 4k | 2m | 1g | certainty) continue ;; esac
    grep -q "\`$key\`" "$root/docs/json.md" || complain "$key is not in docs/json.md"
done <keys.$$
rm -f keys.$$

if command -v bash >/dev/null; then
    got=$(bash -c '. "$0"; COMP_WORDS=(pagewalk run --tr); COMP_CWORD=2; _pagewalk; echo "${COMPREPLY[*]}"' "$root/completion/pagewalk.bash")
    [ "$got" = --trace-children ] || complain "completion of 'run --tr' gives '$got'"
    got=$(bash -c '. "$0"; COMP_WORDS=(pagewalk run --cpu zen3 -- ls --js); COMP_CWORD=6; _pagewalk; echo "${COMPREPLY[*]}"' "$root/completion/pagewalk.bash")
    [ "$got" = '' ] || complain "completion gives options of pagewalk to the program: '$got'"
fi
[ $failures -eq 0 ] && echo 'all passed'
