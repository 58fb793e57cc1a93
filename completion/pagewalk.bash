# SPDX-License-Identifier: MIT
# Bash completion of pagewalk.  The options are those of src/cli/help.c.

_pagewalk_options() {
    case $1 in
    run) echo '--cpu --cpus --ram --thp --record --trace-children --heap --l1 --guest --host-pages --call-paths -o --output --json --callgrind --html --csv --timeline --symbol-order --section-order --folded --speedscope --weight --top -q --quiet --keep --check --check-flush --check-kernel --no-filter --help' ;;
    replay) echo '--cpu --cpus --guest --host-pages --thp --kernel --fault-around --ram --pages --format -o --output --json --callgrind --html --csv --folded --speedscope --weight --top -q --quiet --help' ;;
    whatif) echo '--json --html --seconds --costs --without -j --jobs -q --quiet --help' ;;
    advise) echo '--json --seconds --costs --without -j --jobs -q --quiet --help' ;;
    report) echo '--json --callgrind --html --csv --timeline --symbol-order --section-order --folded --speedscope --weight --top -q --quiet --help' ;;
    sweep) echo '--list --missing --help' ;;
    merge) echo '--csv --jsonl --sqlite --help' ;;
    diff) echo '--fail-if --baseline --by --json --top -q --quiet --help' ;;
    cpus) echo '--json --help' ;;
    probe) echo '-o --output --quick --help' ;;
    script) echo '--strict --explain --check-flush --cpu --help' ;;
    esac
}

# What --cpu takes: the built-in profiles, this machine, files.
_pagewalk_profiles() {
    compgen -W "host $("${COMP_WORDS[0]}" cpus --json 2>/dev/null | sed -n 's/^      "name": "\(.*\)",$/\1/p')" -- "$1"
    compgen -f -- "$1"
}

# The word that is the program of `run`: the first that is neither an option nor an option's value; 0: not yet.
_pagewalk_program_index() {
    local i
    for ((i = 2; i < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
        --) echo $((i + 1)); return ;;
        --cpu | --cpus | --ram | --thp | -o | --output | --json | --callgrind | --html | --csv | --timeline | --symbol-order | --section-order | --folded | --speedscope | --weight | --top | --record) [[ ${COMP_WORDS[i + 1]} == = ]] && ((i++)); ((i++)) ;;
        -*) ;;
        *) echo "$i"; return ;;
        esac
    done
    echo 0
}

_pagewalk() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} program
    COMPREPLY=()
    # With --option=value bash gives the = as a word of its own.
    [[ $cur == = ]] && cur=
    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD - 2]}
    if ((COMP_CWORD == 1)); then
        COMPREPLY=($(compgen -W 'run replay whatif advise sweep merge report diff cpus probe script help --help --version' -- "$cur"))
        return
    fi
    if [[ $command == run ]]; then
        program=$(_pagewalk_program_index)
        if ((program && program < COMP_CWORD)); then
            # From here on it is the program's own command line.
            if declare -F _command_offset >/dev/null; then
                _command_offset "$program"
            else
                COMPREPLY=($(compgen -f -- "$cur"))
            fi
            return
        fi
    fi
    case $prev in
    --cpu)
        COMPREPLY=($(_pagewalk_profiles "$cur"))
        return ;;
    --json | --jsonl | --sqlite | --callgrind | --html | --csv | --timeline | --symbol-order | --section-order | --folded | --speedscope | --baseline | --record | -o | --output)
        COMPREPLY=($(compgen -f -- "$cur"))
        return ;;
    --thp)
        COMPREPLY=($(compgen -W 'always madvise never' -- "$cur"))
        return ;;
    --pages)
        COMPREPLY=($(compgen -W '4k 2m 1g' -- "$cur"))
        return ;;
    --format)
        COMPREPLY=($(compgen -W 'lackey pinatrace drmemtrace champsim' -- "$cur"))
        return ;;
    --kernel)
        COMPREPLY=($(compgen -W '6.18 6.12 6.1' -- "$cur"))
        return ;;
    --by | --weight)
        COMPREPLY=($(compgen -W 'instructions loads stores l1i_miss l1d_miss walks_i walks_d walk_reads walk_cycles minor major cow zeroed shootdowns faults' -- "$cur"))
        return ;;
    --cpus | --ram | --top | --fail-if | --fault-around | --jobs | -j) return ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$(_pagewalk_options "$command")" -- "$cur"))
        return
    fi
    case $command in
    run) COMPREPLY=($(compgen -c -- "$cur")) ;;
    cpus) COMPREPLY=($(_pagewalk_profiles "$cur")) ;;
    whatif)
        COMPREPLY=($(compgen -W 'cpu= cpus= thp=always thp=madvise thp=never pages=1g pages=2m pages=4k kernel=6.12 kernel=6.1 fault-around= populate= hugepage=' -- "$cur"))
        COMPREPLY+=($(compgen -f -- "$cur")) ;;
    help) COMPREPLY=($(compgen -W 'run replay whatif advise sweep merge report diff cpus probe script help' -- "$cur")) ;;
    *) COMPREPLY=($(compgen -f -- "$cur")) ;;
    esac
} && complete -o filenames -F _pagewalk pagewalk
