/* SPDX-License-Identifier: MIT
 * help.c - the commands and their help texts.  The manual page (man/pagewalk.1) says the same at length, and
 * completion/pagewalk.bash knows the options: change the three together. */
#include "cli/cli.h"

#include "script/script.h"

static const char help_run[] =
"usage: pagewalk run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
"\n"
"Runs PROGRAM, unmodified, and says what virtual memory did to it: TLB misses, page walks, page faults,\n"
"memory, and which functions, lines and mappings caused them. The summary goes to standard error; the\n"
"program's own input, output and exit status stay its own.\n"
"\n"
"What to simulate\n"
"  --cpu PROFILE       the CPU whose TLBs are modelled (default skylake; `pagewalk cpus` lists them);\n"
"                      host is this machine by its CPUID, host:N its logical CPU N; a file holds a\n"
"                      profile (`pagewalk probe` writes one) or a recorded CPUID dump\n"
"  --cpus N            simulated CPUs, 1 to 64; threads are spread over them (default 1)\n"
"  --ram SIZE          simulated memory, such as 512M or 4G (default: as much as this machine has)\n"
"  --thp WHEN          transparent huge pages: always, madvise or never (default: as on this machine)\n"
"  --record FILE.pw    keep what happens, for `pagewalk replay` and `pagewalk whatif`; with\n"
"                      --trace-children other processes' recordings are FILE.pw.PID\n"
"  --trace-children    follow child processes and programs started by exec; each is reported\n"
"\n"
"What to find out besides\n"
"  --heap              which allocation sites' memory was missed and faulted in\n"
"  --l1                what the first-level caches miss, looked up beside the TLBs\n"
"  --guest[=KIND]      what it would pay inside a virtual machine: ept (Intel), npt (AMD), default any\n"
"  --host-pages SIZE   what the guest's memory is made of, with --guest: 4k (default) or 2m\n"
"  --call-paths[=N]    which calls led to each cost, at most N of them from the start (default 100)\n"
"\n"
"What to write\n"
"  -o, --output FILE   results file (default pagewalk.PID; %p is the process id; /dev/null keeps none);\n"
"                      those of other processes are FILE.PID\n"
"  --json FILE         the whole report as JSON; - is standard output, after the program has ended\n"
"  --callgrind FILE    costs by source line, for callgrind_annotate and KCachegrind\n"
"  --html FILE         pictures and tables in one file for a browser; it needs no network\n"
"  --csv FILE          functions, source lines, mappings and call paths as one table\n"
"  --timeline FILE     faults, misses, walks and memory against executed instructions, as a table\n"
"  --symbol-order FILE functions in the order in which they ran first, as ld.lld takes them\n"
"  --section-order FILE  the same for ld.gold\n"
"  --folded FILE       costs as folded stacks (object;function;line), for flame graphs\n"
"  --speedscope FILE   the same for speedscope, all events\n"
"  --weight EVENT      what folded stacks count, and speedscope shows first (default walk_cycles;\n"
"                      instructions, l1d_miss, minor, cow ...: `pagewalk help diff` lists them)\n"
"  --top N             rows in each ranking of the summary (default 5)\n"
"  -q, --quiet         no summary\n"
"  --keep              keep a results file that cannot be read (for a report of a defect)\n"
"\n"
"To check pagewalk itself\n"
"  --check             compare every translation with a second, naive model (slow)\n"
"  --check-flush       say where the modelled kernel failed to invalidate a cached translation (slow)\n"
"  --check-kernel      compare memory calls, signals, mappings and pages with the kernel this runs on\n"
"  --no-filter         send every access to the model (slow; the numbers must be the same)\n"
"\n"
"Exit status: the program's own; 128+N when signal N killed it; 125 a failure of pagewalk; 126 the\n"
"program cannot be executed; 127 it was not found.\n";

static const char help_replay[] =
"usage: pagewalk replay [OPTION...] FILE\n"
"\n"
"Runs the recording FILE (see `pagewalk help run`) again, without the program. Without options the\n"
"counts are those of the run; with options, what they would have been. FILE may also be a trace of Valgrind's\n"
"lackey, Pin's pinatrace, DynamoRIO's drmemtrace or ChampSim, plain or packed (gzip, bzip2, xz, zstd, zip):\n"
"it has no mappings, so what it accesses is taken for anonymous memory.\n"
"\n"
"What to change\n"
"  --cpu PROFILE       the CPU whose TLBs are modelled, as `pagewalk run --cpu`\n"
"  --cpus N            simulated CPUs, 1 to 64\n"
"  --thp WHEN          transparent huge pages: always, madvise or never\n"
"  --kernel VERSION    6.18, 6.12 or 6.1\n"
"  --fault-around SIZE of file mappings, from 4K (none) to 2M (Linux: 64K)\n"
"  --ram SIZE          simulated memory\n"
"  --guest[=KIND]      inside a virtual machine: ept (Intel), npt (AMD), any; no: not in one\n"
"  --host-pages SIZE   what the guest's memory is made of: 4k or 2m\n"
"  --pages SIZE        4k: no huge pages; 2m: wherever they fit (as --thp always); 1g: whole GiB of memory\n"
"  --format FORM       of a trace: lackey, pinatrace, drmemtrace, champsim (default: told by its content)\n"
"\n"
"What to write\n"
"  -o, --output FILE   a results file, as `pagewalk run` writes it (default: none)\n"
"  --json FILE, --callgrind FILE, --html FILE, --csv FILE, --folded FILE, --speedscope FILE, --weight EVENT,\n"
"  --top N, -q         as for `pagewalk report`\n"
"\n"
"Exit status: 0; 125 when the recording is cut off or wrong (what came before is replayed), cannot be read, or an output\n"
"cannot be written.\n";

static const char help_whatif[] =
"usage: pagewalk whatif [OPTION...] FILE [--] SETTING[,SETTING...]...\n"
"\n"
"Replays the recording FILE (see `pagewalk help run`; the results of that run will do) as it was and under other settings, side by\n"
"side on this machine's processors, and shows a row for each. Settings joined by commas make one row.\n"
"\n"
"  cpu=PROFILE         another CPU's TLBs                 cpus=N             simulated CPUs\n"
"  thp=WHEN            always, madvise, never             pages=4k|2m|1g     no huge pages, or wherever they fit; 1g: of hugetlbfs\n"
"  kernel=VERSION      6.18, 6.12, 6.1                    fault-around=SIZE  of file mappings; 0: none\n"
"  guest=ept|npt       inside a virtual machine           host-pages=4k|2m   what its memory is made of\n"
"  populate=MAPPING    filled when it is mapped, as by MAP_POPULATE\n"
"  hugepage=MAPPING    as if the program had called madvise(MADV_HUGEPAGE); implies thp=madvise\n"
"  MAPPING is a name in the report's list of mappings, the last part of a file's path, or anon for all memory\n"
"  without a name.\n"
"\n"
"  --json FILE         the same as JSON; - is standard output, then no table is printed\n"
"  --html FILE         the report of the run with this table in it, for a browser\n"
"  --seconds TIME      CPU time that the run as recorded takes natively: the estimate is then much nearer\n"
"  --costs PROFILE     what faults, zeroing and memory cost, from a profile that `pagewalk probe` measured\n"
"                      (default: that of the recording, if it was made with such a one)\n"
"  --without FILE.pw   take off what this recording holds: the same program, stopped earlier\n"
"  -j, --jobs N        replays at a time (default: processors of this machine)\n"
"  -q, --quiet         no table\n"
"\n"
"The change in run time is estimated from the counts, with every factor anywhere in a range (25 % about a measured\n"
"one): 0.4 to 1.5 cycles an instruction, memory apart; 20 to 400 cycles for which the load after a walk waits for\n"
"memory; 40 to 100 % of both seen, less where loads overlap; 1000 to 4000 cycles a fault, 30 to 80 % of that a\n"
"populated page; 100 to 400 to zero and 200 to 800 to copy 4 KiB; 1000 to 5000 a shootdown. A page that populate=\n"
"fills in is no fault. docs/accuracy.md holds predictions beside measured times.\n"
"\n"
"Exit status: 0; 125 when a replay failed or the recording is cut off.\n";

static const char help_advise[] =
"usage: pagewalk advise [OPTION...] FILE\n"
"\n"
"Tries what could help the program recorded in FILE (see `pagewalk help whatif`) - huge pages for\n"
"all memory or for the mappings that cost most, populating what is faulted in page by page - and says in at most\n"
"five sentences what would, by how much, and what it costs; or that nothing would.\n"
"\n"
"  --json FILE         the same as JSON; - is standard output, then no text is printed\n"
"  --seconds TIME, --costs PROFILE, --without FILE.pw, -q   as for whatif\n"
"  -j, --jobs N        replays at a time (default: processors of this machine)\n"
"\n"
"Exit status: 0; 125 when a replay failed or the recording is cut off.\n";

static const char help_sweep[] =
"usage: pagewalk sweep [--list | --missing] FILE\n"
"\n"
"Lists a replay for each recording under each combination of settings that FILE names, one shell command a\n"
"line, each complete in itself: for GNU parallel, a Slurm array, or anything else that runs commands.\n"
"`pagewalk merge` joins their results. Without an option it says how many there are.\n"
"\n"
"  recording gcc.pw traces/*.xz     what `pagewalk replay` takes; patterns are matched\n"
"  cpu skylake zen4                 one or more values of each of these:\n"
"  thp never always                 cpu, cpus, thp, kernel, fault-around, pages, ram, guest, host-pages\n"
"  results sweep.results            the folder for results (default: sweep.results)\n"
"\n"
"Words with blanks stand in double quotes; # begins a comment; paths are from FILE's folder.\n"
"\n"
"  --list              the commands\n"
"  --missing           those of them whose results are not there, or not whole\n"
"\n"
"Exit status: 0, or 125 when FILE cannot be read or is wrong.\n";

static const char help_merge[] =
"usage: pagewalk merge [OPTION...] FILE...\n"
"\n"
"Joins results files (of `pagewalk replay -o`, `run -o`) into one table: a row each, a column for each text and\n"
"count that any of them has, named as in docs/formats.md. What one does not have is unknown there, not 0.\n"
"\n"
"  --csv FILE          for spreadsheets; unknown: empty (the default, on standard output)\n"
"  --jsonl FILE        JSON Lines, an object a row; unknown: null\n"
"  --sqlite FILE       the table `results` of an SQLite database, in place of one that is there; unknown: NULL\n"
"\n"
"Exit status: 0; 125 when a file cannot be read (the others are joined) or the table cannot be written.\n";

static const char help_report[] =
"usage: pagewalk report [OPTION...] FILE\n"
"\n"
"Shows the results file FILE of an earlier run again, with those of its other processes (FILE.PID).\n"
"\n"
"  --json FILE         the whole report as JSON; - is standard output, then no summary is printed\n"
"  --callgrind FILE    costs by source line, for callgrind_annotate and KCachegrind\n"
"  --html FILE         pictures and tables in one file for a browser; it needs no network\n"
"  --csv FILE          functions, source lines, mappings and call paths as one table\n"
"  --timeline FILE     faults, misses, walks and memory against executed instructions, as a table\n"
"  --symbol-order FILE functions in the order in which they ran first, as ld.lld takes them\n"
"  --section-order FILE  the same for ld.gold\n"
"  --folded FILE       costs as folded stacks (object;function;line), for flame graphs\n"
"  --speedscope FILE   the same for speedscope, all events\n"
"  --weight EVENT      what folded stacks count, and speedscope shows first (default walk_cycles;\n"
"                      instructions, l1d_miss, minor, cow ...: `pagewalk help diff` lists them)\n"
"  --top N             rows in each ranking of the summary (default 5)\n"
"  -q, --quiet         no summary\n"
"\n"
"Exit status: 0, or 125 when FILE cannot be read or an output cannot be written.\n";

static const char help_diff[] =
"usage: pagewalk diff [OPTION...] A B\n"
"       pagewalk diff [OPTION...] --baseline A B\n"
"\n"
"Compares two runs: totals, then functions and mappings by the size of their change from A to B. Each is a\n"
"results file or a JSON report. The counts have no noise, so a test can state conditions about them.\n"
"\n"
"  --fail-if CONDITION exit with 1 when this holds; may be given many times. CONDITION is NAME, one of\n"
"                      < <= > >= == !=, and a limit for B's number: 1000; +5% or -200 (against A's);\n"
"                      baseline (A's own). NAME is a number's path in the JSON report, such as\n"
"                      faults.minor or walks.cycles.walk, faults.cow, or functions[main].walk_cycles\n"
"  --baseline A        the same as A in front of B\n"
"  --by EVENT          rank by this event only: instructions, loads, stores, l1i_miss, l1d_miss,\n"
"                      walks_i, walks_d, walk_reads, walk_cycles, minor, major, cow,\n"
"                      zeroed, shootdowns, faults (default: walk_cycles, then faults)\n"
"  --json FILE         the comparison as JSON; - is standard output, then no text is printed\n"
"  --top N             rows in each ranking (default 10)\n"
"  -q, --quiet         only the conditions that hold, on standard error\n"
"\n"
"Exit status: 0; 1 when a condition holds; 125 when a file cannot be read or a condition not be judged.\n";

static const char help_cpus[] =
"usage: pagewalk cpus [--json] [PROFILE]\n"
"\n"
"Lists the CPU profiles that `pagewalk run --cpu` takes. With PROFILE (a name, host, or a file), shows\n"
"each of its TLBs and paging-structure caches and where the numbers come from.\n"
"\n"
"  --json              as JSON\n";

static const char help_probe[] =
"usage: pagewalk probe [-o FILE] [--quick]\n"
"\n"
"Measures what this machine's CPUID does not tell, or a hypervisor hides: how many pages the data TLBs of\n"
"both levels reach, their ways, and what a second-level hit and a page walk cost, by the time of loads on\n"
"random tours over pages. Takes a few seconds; shows the curve; writes a profile that `pagewalk run` takes,\n"
"with each number marked measured or not. What the times do not show clearly is said to be not clear.\n"
"\n"
"  -o, --output FILE   the profile (default host.profile; - is standard output, and the rest goes to\n"
"                      standard error; /dev/null keeps none)\n"
"  --quick             fewer repeats\n"
"\n"
"Exit status: 0, or 125 when nothing can be measured or the profile cannot be written.\n";

static const char help_script[] =
"usage: pagewalk script [--strict] [--explain] [--check-flush] [--cpu PROFILE] FILE\n"
"\n"
"Drives a simulated machine and kernel by the commands in FILE, one a line; - is standard input.\n"
"docs/scenario-language.md describes the commands.\n"
"\n"
"  --strict            end at the first error\n"
"  --explain           before each answer, show every step that led to it\n"
"  --check-flush       say where a cached translation was used although its tables had changed, who changed\n"
"                      them, and which invalidation was missing\n"
"  --cpu PROFILE       the CPU of machines that name none (default skylake); as for `pagewalk run`\n"
"\n"
"Exit status: 0; 1 when a command was answered by an error or an invalidation was missing; 125 a failure of\n"
"pagewalk.\n";

static const char help_help[] =
"usage: pagewalk help [COMMAND]\n"
"\n"
"Explains a command, or lists them.\n";

const struct command commands[] = {
    { "run", cmd_run, "run a program and say what virtual memory did to it", help_run },
    { "replay", cmd_replay, "run a recording again, with other settings", help_replay },
    { "whatif", cmd_whatif, "what a recorded run would be under other settings", help_whatif },
    { "advise", cmd_advise, "what would help a recorded run", help_advise },
    { "sweep", cmd_sweep, "list replays of many recordings under many settings", help_sweep },
    { "merge", cmd_merge, "join the results of many runs or replays into one table", help_merge },
    { "report", cmd_report, "show the results of an earlier run again", help_report },
    { "diff", cmd_diff, "compare two runs, and fail when something grew", help_diff },
    { "cpus", cmd_cpus, "list the CPU profiles and where their numbers come from", help_cpus },
    { "probe", cmd_probe, "measure this machine's TLBs and write a profile", help_probe },
    { "script", script_main, "drive a simulated machine and kernel step by step", help_script },
    { "help", cmd_help, "explain a command", help_help },
    { 0 },
};

int print_help(const struct command *c)
{
    if (c) {
        fputs(c->help, stdout);
        return fflush(stdout) ? STATUS_OURS : 0;
    }
    puts("usage: pagewalk COMMAND ...\n\nSays what virtual memory does to a program: TLBs, page walks, page faults, memory.\n");
    for (c = commands; c->name; c++)
        printf("  %-8s %s\n", c->name, c->summary);
    puts("\nTry: pagewalk run -- gzip -k FILE\n`pagewalk help COMMAND` explains one; `pagewalk --version` prints the version.");
    return fflush(stdout) ? STATUS_OURS : 0;
}
