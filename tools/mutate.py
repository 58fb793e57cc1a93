#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""mutate.py LIST [GROUP...] - breaks the code on purpose, one small change at a time, and looks whether a test notices.
Called by `make mutate` for each list in tools/mutants; with GROUPs, only for mutants of these groups.

A list is text.  Blank lines separate paragraphs, `#` begins a comment line.  The first paragraph says how to test:
    build DIRECTORY/TARGET...     what ninja must make before the tests below it, up to the next `build`
    test COMMAND...               run in the build folder; {tree} is the copy of the sources; quick ones first
Each further paragraph is a mutant: the rule group, the file, the text that must stand there exactly once, and what
takes its place (either may have several lines, each with its mark; without `+`, the text is cut out):
    GROUP: FILE
    - text
    + replacement
    = why no test can tell        (only when that is so: then a test that notices is the surprise)

The sources are copied into build-mutate, one copy a worker; the tree itself is never touched.  A mutant is killed when
a test fails, crashes or takes too long.  A text that is not there, or a mutant that does not compile, is an error:
the list is out of date.  Exit status 1 when a mutant survived, or died against expectation; 2 for errors."""

import os
import queue
import shutil
import subprocess
import sys
import threading
import time

WORKERS = min(2, os.cpu_count() or 1)
TEST_SECONDS = 120
SKIPPED = 77  # a test that cannot run here says so with this status
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Mutant:
    def __init__(self, line):
        self.line, self.group, self.file = line, "", ""
        self.old, self.new, self.reason = [], [], []

    def name(self):
        return f"{self.group}: {self.file}:{self.where}: {' '.join(' '.join(self.old).split())[:70]}"


def fail(text):
    sys.exit(f"mutate: {text}")


def read_list(path):
    """The test plan [(targets, commands)] and the mutants."""
    plan, mutants, current, first = [], [], None, True
    for number, line in enumerate(open(path, encoding="utf-8"), 1):
        line = line.rstrip("\n")
        if line.startswith("#"):
            continue
        if not line.strip():
            first, current = first and not plan, None
        elif first:
            verb, *words = line.split()
            if verb == "build":
                plan.append((words, []))
            elif verb == "test" and plan:
                plan[-1][1].append(words)
            else:
                fail(f"{path}:{number}: expected build or test")
        elif current is None:
            current = Mutant(number)
            group, colon, file = line.partition(":")
            if not colon:
                fail(f"{path}:{number}: expected GROUP: FILE")
            current.group, current.file = group.strip(), file.strip()
            mutants.append(current)
        elif line[:1] in "-+=" and (line[1:2] in ("", " ")):
            {"-": current.old, "+": current.new, "=": current.reason}[line[0]].append(line[2:])
        else:
            fail(f"{path}:{number}: expected -, + or =")
    return plan, mutants


def check_texts(path, mutants):
    """Every text stands in its file exactly once; says where."""
    wrong = 0
    for m in mutants:
        try:
            text = open(os.path.join(ROOT, m.file), encoding="utf-8").read()
        except OSError:
            text = ""
        old = "\n".join(m.old)
        found = text.count(old) if old else 0
        if found != 1:
            wrong += 1
            print(f"{path}:{m.line}: the text stands {found} times in {m.file}, must be once: {old}")
        m.where = text[:text.find(old)].count("\n") + 1
        m.mutated = text.replace(old, "\n".join(m.new))
    if wrong:
        fail(f"{wrong} of {len(mutants)} mutants do not fit the sources any more")


class Worker:
    """A copy of the sources with a build folder in it."""

    def __init__(self, number):
        self.tree = os.path.join(ROOT, "build-mutate", str(number))
        self.build = os.path.join(self.tree, "build")

    def prepare(self):
        """Files that are the same keep their time, so that a second run builds little."""
        for here, folders, files in os.walk(ROOT):
            folders[:] = [f for f in folders if not (here == ROOT and f.startswith("build")) and f != ".git"]
            there = os.path.join(self.tree, os.path.relpath(here, ROOT))
            os.makedirs(there, exist_ok=True)
            for name in files:
                self.copy(os.path.join(here, name), os.path.join(there, name))
        if not os.path.exists(os.path.join(self.build, "build.ninja")):
            self.must(["meson", "setup", "--buildtype=plain", "-Doptimization=2", self.build, self.tree])

    @staticmethod
    def copy(source, target):
        try:
            if os.path.islink(source):
                if not os.path.lexists(target):
                    os.symlink(os.readlink(source), target)
                return
            if os.path.exists(target) and open(source, "rb").read() == open(target, "rb").read():
                return
            shutil.copyfile(source, target)
            shutil.copymode(source, target)
        except FileNotFoundError:  # gone since it was listed
            pass

    def must(self, command):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command[:3])}...:\n{done.stdout[-3000:]}")

    def passes(self, command):
        """Runs one test."""
        command = [w.replace("{tree}", self.tree) for w in command]
        try:
            done = subprocess.run(command, cwd=self.build, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL, timeout=TEST_SECONDS)
            return done.returncode in (0, SKIPPED)
        except subprocess.TimeoutExpired:
            return False

    def killer(self, plan):
        """The first test that fails, or None."""
        for targets, commands in plan:
            self.must(["ninja", "-C", self.build, "-j1", *targets])
            for command in commands:
                if not self.passes(command):
                    return " ".join(os.path.basename(w) for w in command)
        return None

    def judge(self, m, plan):
        path = os.path.join(self.tree, m.file)
        original = open(path, encoding="utf-8").read()
        try:
            open(path, "w", encoding="utf-8").write(m.mutated)
            return self.killer(plan)
        finally:
            open(path, "w", encoding="utf-8").write(original)


def verdict(m, killer):
    if m.reason:
        return "SURPRISE" if killer else "legal"
    return "killed" if killer else "SURVIVED"


def run(mutants, plan):
    """Counts by verdict."""
    todo, counts, errors, lock = queue.Queue(), {}, [], threading.Lock()
    for m in mutants:
        todo.put(m)

    def work(number):
        worker = Worker(number)
        try:
            worker.prepare()
            killer = worker.killer(plan) if number == 0 else None
            if killer:
                raise RuntimeError(f"the tests do not pass without a mutation: {killer}")
            while not errors:
                m = todo.get_nowait()
                begun = time.monotonic()
                killer = worker.judge(m, plan)
                with lock:
                    said = verdict(m, killer)
                    counts[said] = counts.get(said, 0) + 1
                    note = f" by {killer}" if killer else f": {' '.join(m.reason)}" if m.reason else ""
                    print(f"{said:8} {m.name()}{note} ({time.monotonic() - begun:.0f} s)", flush=True)
        except queue.Empty:
            pass
        except (RuntimeError, OSError) as e:
            errors.append(str(e))

    threads = [threading.Thread(target=work, args=(i,)) for i in range(min(WORKERS, len(mutants)))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        fail("\n".join(errors))
    return counts


def main():
    if len(sys.argv) < 2:
        fail("usage: mutate.py LIST [GROUP...]")
    path, groups = sys.argv[1], sys.argv[2:]
    plan, mutants = read_list(path)
    check_texts(path, mutants)
    mutants = [m for m in mutants if not groups or m.group in groups]
    if not mutants:
        fail(f"no mutant of {' '.join(groups)} in {path}")
    begun = time.monotonic()
    counts = run(mutants, plan)
    legal, surprise = counts.get("legal", 0), counts.get("SURPRISE", 0)
    print(f"{os.path.basename(path)}: {len(mutants)} mutants, {counts.get('killed', 0)} killed, "
          f"{counts.get('SURVIVED', 0)} survived, {legal} legal behaviour"
          f"{f', {surprise} listed as legal but killed' if surprise else ''}; {time.monotonic() - begun:.0f} s")
    sys.exit(1 if counts.get("SURVIVED") or surprise else 0)


if __name__ == "__main__":
    main()
