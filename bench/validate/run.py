#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""run.py BUILD [--write] [--rounds N] [PROGRAM...] - `make validate`: is what `pagewalk whatif` predicts what happens?

Programs that differ in how much huge pages help them run natively with huge pages off (PR_SET_THP_DISABLE) and on
(glibc.malloc.hugetlb=1), in turn, and tell the CPU time of their two phases: touching memory first, and steady work.  Each is
recorded as well, with small pages, up to the end of the first phase and to the end of a shorter steady one; `pagewalk whatif
thp=always` predicts the change of each phase from the recordings, with the costs that `pagewalk probe` finds on this machine.
Printed: predicted beside measured, the rank correlation, the mean absolute error, wrong signs; --write puts it into
docs/accuracy.md.  Exit status 0: measured; whether the aims were met is said, not enforced: the machine may be busy."""
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROUNDS = 7
PR_SET_THP_DISABLE = 41
# Heaps grow in large pieces, so that a huge page finds room in them; the same in all runs.
TUNABLES = "glibc.malloc.top_pad=67108864"
SIGN_PERCENT = 5.0
AIM_CORRELATION, AIM_ERROR = 0.9, 5.0

SQL_ROWS = 400000
SQL_BUILD = """PRAGMA temp_store = memory;
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, note TEXT);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
  INSERT INTO orders SELECT i, i * 7919 %% 40009, 'note ' || i || ' of an order' FROM n;
CREATE INDEX orders_customer ON orders(customer);
"""
SQL_STEADY = """WITH RECURSIVE n(i, r) AS (SELECT 1, 20 UNION ALL SELECT i + 1, r * 16807 %% 2147483647 FROM n WHERE i < %d)
  SELECT count(*), sum(length(note)) FROM n JOIN orders ON orders.id = 1 + r %% %d;
"""


class Program:
    """size: MiB or objects; steps: of the native run; recorded: of the recording."""

    def __init__(self, name, what, size, steps, recorded):
        self.name, self.what, self.size, self.steps, self.recorded = name, what, size, steps, recorded

    def command(self, work, steps):
        return [os.path.join(work.build, "bench", "validate", "validate-programs"), self.name, str(self.size), str(steps)]

    def phases(self, output):
        first, end = (int(word) for word in output.split()[:2])
        return first / 1e9, (end - first) / 1e9


class Python(Program):
    def command(self, work, steps):
        return ["/usr/bin/python3", "-S", "-E", os.path.join(HERE, "lookups.py"), str(self.size), str(steps)]


class Sqlite(Program):
    """The shell's timer tells each statement's CPU time; the last statement is the steady phase."""

    def command(self, work, steps):
        path = os.path.join(work.dir, "sqlite-%d.sql" % steps)
        with open(path, "w", encoding="ascii") as sql:
            sql.write(".timer on\n" + SQL_BUILD % self.size + (SQL_STEADY % (steps, self.size) if steps else ""))
        return ["sqlite3", ":memory:", ".read " + path]

    def phases(self, output):
        times = [line.split() for line in output.splitlines() if line.startswith("Run Time:")]
        seconds = [float(t[5]) + float(t[7]) for t in times]
        return sum(seconds[:-1]), seconds[-1]


PROGRAMS = [
    Program("chase", "pointer chase over 1 GiB", 1024, 4000000, 1000000),
    Program("gups", "random updates of 1 GiB", 1024, 40000000, 4000000),
    Program("hash-join", "hash join, 256 MiB table", 256, 10000000, 1000000),
    Program("b-tree", "B-tree lookups, 512 MiB", 512, 3000000, 300000),
    Program("transpose", "transpose of 8192 x 8192, 1 GiB", 1024, 8192, 800),
    Program("sort", "qsort of 32 MiB", 32, 1, 1),
    Program("alloc", "malloc and free, 512 MiB", 512, 2000000, 300000),
    Python("cpython", "CPython, lookups among objects", 1000000, 2000000, 300000),
    Sqlite("sqlite3", "sqlite3, lookups by key", SQL_ROWS, 600000, 60000),
]


class Work:
    def __init__(self, build, directory):
        self.build, self.dir = build, directory
        self.pagewalk = os.path.join(build, "pagewalk")
        self.profile = os.path.join(directory, "host.profile")


def fail(text):
    sys.exit("validate: " + text)


def progress(text):
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K" + text)
        sys.stderr.flush()


# ---- native runs -------------------------------------------------------------------------------------------------------------

def environment(huge):
    env = dict(os.environ, GLIBC_TUNABLES=TUNABLES + (":glibc.malloc.hugetlb=1" if huge else ""), PYTHONMALLOC="malloc", PYTHONHASHSEED="0")
    env.pop("MALLOC_PERTURB_", None)
    return env


def no_huge_pages():
    if ctypes.CDLL(None).prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0):
        os._exit(126)


def native(work, program, huge, steps):
    done = subprocess.run(program.command(work, steps), env=environment(huge), stdout=subprocess.PIPE, check=False,
                          text=True, preexec_fn=None if huge else no_huge_pages)
    if done.returncode:
        fail("%s does not run here" % program.name)
    return program.phases(done.stdout)


def measure(work, programs, rounds):
    """{name: (off, on)}, each two lists of seconds: the first phase's and the steady one's."""
    seen = {p.name: (([], []), ([], [])) for p in programs}
    for number in range(rounds):
        for program in programs:
            for huge in (number % 2 == 1, number % 2 == 0):
                progress("round %d of %d: %s" % (number + 1, rounds, program.name))
                native(work, program, huge, 0)   # warms up: the kernel gives the next run the memory that this one gives back
                times = native(work, program, huge, program.steps)
                for phase in (0, 1):
                    seen[program.name][huge][phase].append(times[phase])
    return seen


# ---- predictions -------------------------------------------------------------------------------------------------------------

def record(work, program, steps):
    path = os.path.join(work.dir, "%s-%d.pw" % (program.name, steps))
    subprocess.run([work.pagewalk, "run", "-q", "--cpu", work.profile, "-o", "/dev/null", "--record", path, "--", *program.command(work, steps)],
                   env=environment(False), stdout=subprocess.DEVNULL, check=True)
    return path


def whatif(work, recording, *options):
    out = subprocess.run([work.pagewalk, "whatif", "--json", "-", *options, recording, "thp=always"], stdout=subprocess.PIPE, check=True)
    return json.loads(out.stdout)["alternatives"][1]["run_time_change_percent"]


def predict(work, program, off):
    """Of the two phases: the change predicted when the time with small pages is known, and when it is not."""
    progress("recording " + program.name)
    start, whole = record(work, program, 0), record(work, program, program.recorded)
    seconds = (statistics.median(off[0]), statistics.median(off[1]) * program.recorded / program.steps)
    runs = ((start,), (whole, "--without", start))
    told = [whatif(work, *run, "--seconds", "%.9f" % t) for run, t in zip(runs, seconds)]
    untold = [whatif(work, *run) for run in runs]
    os.remove(start)
    os.remove(whole)
    return told, untold


# ---- the table ---------------------------------------------------------------------------------------------------------------

def change(off, on):
    return 100 * (statistics.median(on) / statistics.median(off) - 1)


def spread(times):
    """Half the distance between the quartiles, in percent of the median."""
    quartiles = statistics.quantiles(times, n=4)
    return 50 * (quartiles[2] - quartiles[0]) / statistics.median(times)


def ranks(values):
    order = sorted(range(len(values)), key=lambda i: values[i])
    rank = [0.0] * len(values)
    for place, i in enumerate(order):
        rank[i] = place
    return rank


def correlation(a, b):
    a, b = ranks(a), ranks(b)
    mean = statistics.mean(a)
    top = sum((x - mean) * (y - mean) for x, y in zip(a, b))
    bottom = sum((x - mean) ** 2 for x in a)
    return top / bottom if bottom else float("nan")


def summary(phase, pairs):
    predicted, measured = [p for p, _ in pairs], [m for _, m in pairs]
    wrong = [m for p, m in pairs if abs(m) > SIGN_PERCENT and p * m <= 0]
    error = statistics.mean(abs(p - m) for p, m in pairs)
    rank = correlation(predicted, measured)
    return "| %s | %.2f | %.1f points | %d of %d | %s |" % (phase, rank, error, len(wrong), sum(abs(m) > SIGN_PERCENT for m in measured),
                                                        "met" if rank >= AIM_CORRELATION and error <= AIM_ERROR and not wrong else "**not met**")


def report(programs, seen, predictions):
    lines = []
    pairs = {"first touch": ([], []), "steady": ([], [])}
    for phase, name in enumerate(pairs):
        lines += ["", "%s:" % name.capitalize(), "",
                  "| program | small pages | huge pages | measured change | predicted (range) | error | predicted, time not known (range) |",
                  "|---|---|---|---|---|---|---|"]
        for program in programs:
            off, on = (seen[program.name][huge][phase] for huge in (0, 1))
            real, (told, untold) = change(off, on), (kind[phase] for kind in predictions[program.name])
            lines.append("| %s | %.3f s (%.0f %%) | %.3f s (%.0f %%) | %+.1f %% | %+.1f %% (%+.1f to %+.1f) | %.1f | %+.1f %% (%+.1f to %+.1f) |" % (
                program.what, statistics.median(off), spread(off), statistics.median(on), spread(on), real, told["middle"], told["low"],
                told["high"], abs(told["middle"] - real), untold["middle"], untold["low"], untold["high"]))
            pairs[name][0].append((told["middle"], real))
            pairs[name][1].append((untold["middle"], real))
    lines += ["", "| phase | rank correlation (aim 0.9) | mean absolute error (aim 5 points) | wrong signs among changes over 5 % (aim 0) | aims |",
              "|---|---|---|---|---|"]
    for name, (told, untold) in pairs.items():
        lines += [summary(name, told), summary(name + ", time not known", untold)]
    lines.append(summary("both", pairs["first touch"][0] + pairs["steady"][0]))
    return "\n".join(lines)


def machine(work, rounds):
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), "unknown")
    with open(work.profile, encoding="ascii") as profile:
        found = [line.strip() for line in profile if line.startswith(("timing", "costs"))]
    return "Measured %s on %s, %d CPUs, Linux %s, median of %d rounds; in brackets half the distance of the quartiles. `pagewalk probe`: `%s`." % (
        time.strftime("%Y-%m-%d", time.gmtime()), model, os.cpu_count(), os.uname().release, rounds, "`; `".join(found))


def write(text):
    path = os.path.join(HERE, "..", "..", "docs", "accuracy.md")
    begin, end = "<!-- tables by make validate -->", "<!-- end of the tables of make validate -->"
    with open(path, encoding="utf-8") as doc:
        old = doc.read()
    front, rest = old.split(begin)
    with open(path, "w", encoding="utf-8") as doc:
        doc.write(front + begin + "\n" + text + "\n" + end + rest.split(end)[1])


def main():
    arguments = sys.argv[1:]
    if not arguments:
        fail("usage: run.py BUILD [--write] [--rounds N] [PROGRAM...]")
    build, rounds, wanted, put = os.path.abspath(arguments.pop(0)), ROUNDS, [], False
    while arguments:
        word = arguments.pop(0)
        if word == "--write":
            put = True
        elif word == "--rounds" and arguments:
            rounds = int(arguments.pop(0))
        else:
            wanted.append(word)
    programs = [p for p in PROGRAMS if not wanted or p.name in wanted]
    with tempfile.TemporaryDirectory(prefix="pagewalk-validate.") as directory:
        work = Work(build, directory)
        for program in programs:
            if not shutil.which(program.command(work, 0)[0]):
                print("skip: %s: %s is missing" % (program.name, program.command(work, 0)[0]))
        programs = [p for p in programs if shutil.which(p.command(work, 0)[0])]
        subprocess.run([work.pagewalk, "probe", "-o", work.profile], stdout=subprocess.DEVNULL, check=True)
        seen = measure(work, programs, rounds)
        predictions = {p.name: predict(work, p, seen[p.name][0]) for p in programs}
        progress("")
        text = machine(work, rounds) + "\n" + report(programs, seen, predictions)
    print(text)
    if put:
        write(text)


main()
