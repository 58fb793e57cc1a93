#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coverage.py BUILD ROOM NAMED - what the tests that ran in BUILD reached of src/ROOM: lines and branches by file.
Called by coverage.sh.  Counts come from gcov; a header's are summed over all that include it, function by function.

NAMED lists what may stay unreached, by the text of its line, with the reason:
    FILE: line|branch: TEXT that the line contains (once in the file, or everywhere with `*` for the file)
    = reason
Exit status 1 when a line or a branch is unreached and not named, when fewer than 95 in 100 branches of the room were
taken, or when a name fits nothing that is unreached."""

import gzip
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BRANCHES_WANTED = 95.0


class Name:
    def __init__(self, file, kind, text):
        self.file, self.kind, self.text, self.reason, self.used = file, kind, text, "", 0

    def fits(self, file, kind, source):
        return self.kind == kind and self.file in ("*", file) and self.text in source


def read_names(path):
    names = []
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if not line or line.startswith("#"):
            continue
        if line.startswith("= ") and names:
            names[-1].reason += line[2:]
            continue
        parts = line.split(": ", 2)
        if len(parts) != 3 or parts[1] not in ("line", "branch"):
            sys.exit(f"coverage: {path}:{number}: expected FILE: line|branch: TEXT")
        names.append(Name(*parts))
    for n in names:
        if not n.reason:
            sys.exit(f"coverage: {path}: no reason for {n.file}: {n.text}")
    return names


def reports(build, room):
    """gcov's findings about every object file that ran, and about those of the room that no test even links."""
    files = {os.path.join(here, f) for here, _, files in os.walk(build) for f in files}
    data = sorted(f for f in files if f.endswith(".gcda"))
    if not data:
        sys.exit(f"coverage: nothing has run in {build}")
    data += sorted(f for f in files if f.endswith(".gcno") and f"src_{room}_" in f and f[:-4] + "gcda" not in files)
    with tempfile.TemporaryDirectory() as where:
        for number, path in enumerate(data):
            into = os.path.join(where, str(number))
            os.mkdir(into)
            subprocess.run(["gcov", "--json-format", "--branch-probabilities", os.path.abspath(path)], cwd=into,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            for report in os.listdir(into):
                with gzip.open(os.path.join(into, report), "rt", encoding="utf-8") as f:
                    yield json.load(f)


def gather(build, room):
    """{file: {line: [count, {(function, index): count}]}} for the files of the room."""
    found = {}
    for report in reports(build, room):
        for f in report["files"]:
            path = os.path.normpath(os.path.join(report["current_working_directory"], f["file"]))
            file = os.path.relpath(path, ROOT)
            if not file.startswith(f"src/{room}/"):
                continue
            lines = found.setdefault(file, {})
            for line in f["lines"]:
                entry = lines.setdefault(line["line_number"], [0, {}])
                entry[0] += line["count"]
                for i, branch in enumerate(line["branches"]):
                    key = (line.get("function_name", ""), i)
                    entry[1][key] = entry[1].get(key, 0) + branch["count"]
    return found


def named(names, file, kind, source):
    """All names that fit are in use."""
    fitting = [n for n in names if n.fits(file, kind, source)]
    for n in fitting:
        n.used += 1
    return bool(fitting)


def judge(found, names):
    """Prints the table and what is unreached and not named; (branches, taken, unnamed)."""
    all_branches = all_taken = unnamed = 0
    print(f"{'file':34} {'lines':>12} {'branches':>14}")
    for file in sorted(found):
        source = open(os.path.join(ROOT, file), encoding="utf-8").read().split("\n")
        lines = found[file]
        reached = sum(1 for count, _ in lines.values() if count)
        branches = sum(len(b) for _, b in lines.values())
        taken = sum(1 for _, b in lines.values() for n in b.values() if n)
        all_branches += branches
        all_taken += taken
        share = f"{100 * taken / branches:5.1f} %" if branches else "     -"
        print(f"{file:34} {reached:5}/{len(lines):<6} {taken:5}/{branches:<5} {share}")
        for number in sorted(lines):
            count, by = lines[number]
            text = source[number - 1].strip()
            missing = sum(1 for n in by.values() if not n)
            if not count and not named(names, file, "line", text):
                unnamed += 1
                print(f"    {file}:{number}: never reached: {text}")
            elif count and missing and not named(names, file, "branch", text):
                unnamed += 1
                print(f"    {file}:{number}: {missing} of {len(by)} branches never taken: {text}")
    return all_branches, all_taken, unnamed


def main():
    if len(sys.argv) != 4:
        sys.exit("usage: coverage.py BUILD ROOM NAMED")
    build, room, path = sys.argv[1:]
    names = read_names(path)
    branches, taken, unnamed = judge(gather(build, room), names)
    idle = [n for n in names if not n.used]
    for n in idle:
        print(f"    {path}: nothing unreached any more: {n.file}: {n.kind}: {n.text}")
    share = 100 * taken / branches if branches else 0.0
    print(f"coverage of src/{room}: {share:.1f} % of {branches} branches; every line and branch reached or named: "
          f"{'yes' if not unnamed and not idle else f'no, {unnamed} unnamed, {len(idle)} names idle'}")
    sys.exit(0 if not unnamed and not idle and share >= BRANCHES_WANTED else 1)


if __name__ == "__main__":
    main()
