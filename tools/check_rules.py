#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# check_rules.py - docs/rules.md against the tree: every rule of the machine, 1 to 125, stands in exactly one row; each file
# it names exists in one of the machines' rooms or arch; each test it names is a function that its file runs; a rule without code or
# without a test says why; a rule that the missing-invalidation checker reports names its code.  The kernel's rules, K1 on,
# name files of src/kernel and its tests in the same way.  Called by tools/test.sh.  One line for each thing that is wrong; exit status 1 then.
import glob
import os
import re
import sys

RULES = range(1, 126)
LATER = range(126, 153)  # of machines beside the MMU: a row where there is one
ROOMS = ('src/machine', 'arch', 'src/mpu', 'src/segment', 'src/iommu', 'src/cache')
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
wrong = []
seen = {}


def numbers(cell):
    """'59-62' or '91, 92' or '7'"""
    for part in cell.split(','):
        first, _, last = part.strip().partition('-')
        yield from range(int(first), int(last or first) + 1)


def excused(rule, code):
    """Not modelled, not observable, not the machine's; or what the architecture leaves open and we never do."""
    return code.startswith(('not ', '(')) or rule.startswith('(')


def check_code(rule, row):
    for name in filter(None, (n.strip() for n in row['code'].split(','))):
        if not any(os.path.exists(os.path.join(d, name)) for d in ROOMS):
            wrong.append(f'rule {rule}: no file {name} in {", ".join(ROOMS)}')


def check_tests(rule, row):
    for name in filter(None, (n.strip() for n in row['test'].split(','))):
        file, _, function = name.partition('.')
        paths = [p for p in glob.glob(f'tests/unit/*/test_{file}.c') if '/kernel/' not in p]
        if not paths:
            wrong.append(f'rule {rule}: no test file test_{file}.c')
        elif not any(re.search(rf'(cmocka_unit_test|TEST)\({function}\)', open(p).read()) for p in paths):
            wrong.append(f'rule {rule}: {", ".join(paths)} runs no test {function}')


def kernel_test(name):
    """A unit test, a golden scenario, or a program of its own: does it exist?"""
    if name.startswith('golden '):
        return os.path.exists(f'tests/golden/{name[7:]}.pw')
    if name in ('mmfuzz', 'views', 'oom'):
        return any(os.path.exists(p) for p in (f'tests/differential/{name}', f'tests/differential/{name}.c', f'tests/{name}'))
    file, _, function = name.partition('.')
    path = f'tests/unit/kernel/test_{file}.c'
    return os.path.exists(path) and re.search(rf'(cmocka_unit_test|\bT|TEST)\({function}\)', open(path).read())


def check_kernel_rule(cells, expected):
    if cells[1] != f'K{expected}':
        wrong.append(f'rule {cells[1]}: K{expected} should stand here')
    for name in cells[3].split(', '):
        if not os.path.exists(f'src/kernel/{name}'):
            wrong.append(f'rule {cells[1]}: no file {name} in src/kernel')
    for name in cells[4].split(', '):
        if not kernel_test(name):
            wrong.append(f'rule {cells[1]}: no test {name}')


kernel_rules = 0
for line in open('docs/rules.md'):
    cells = [c.strip() for c in line.strip().split('|')]
    if len(cells) == 6 and re.match(r'K\d', cells[1]):
        kernel_rules += 1
        check_kernel_rule(cells, kernel_rules)
    if len(cells) != 6 or not re.match(r'\d', cells[1]):
        continue
    row = {'rule': cells[2], 'code': cells[3], 'test': cells[4]}
    for n in numbers(cells[1]):
        if n in seen:
            wrong.append(f'rule {n}: twice')
        seen[n] = row
    check_tests(cells[1], row)
    if excused(row['rule'], row['code']):
        continue
    check_code(cells[1], row)
    if not row['code']:
        wrong.append(f'rule {cells[1]}: names no code')
    if not row['test']:
        wrong.append(f'rule {cells[1]}: names no test')

for n in re.findall(r'\{ (?:true|false), (\d+), "', open('src/machine/stale_judge.c').read()):
    if 'stale_judge.c' not in seen.get(int(n), {'code': ''})['code']:
        wrong.append(f'rule {n}: reported by stale_judge.c, which its row does not name')

wrong += [f'rule {n}: missing' for n in RULES if n not in seen]
wrong += [f'rule {n}: there is none' for n in seen if n not in RULES and n not in LATER]
for w in wrong:
    print('rules:', w)
if not wrong:
    print(f'rules: {len(seen)} of the machine and {kernel_rules} of the kernel in docs/rules.md, all files and tests named exist')
sys.exit(bool(wrong))
