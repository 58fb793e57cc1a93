# SPDX-License-Identifier: MIT
# lookups.py OBJECTS STEPS - a CPython workload for `make validate`: objects in a dictionary, then lookups of random ones.
# Prints the CPU time at the end of each phase in nanoseconds, as programs.c does.
import sys
import time

objects, steps = int(sys.argv[1]), int(sys.argv[2])


class Account:
    __slots__ = ("number", "balance", "owner")

    def __init__(self, number):
        self.number = number
        self.balance = number * 3.5
        self.owner = "owner %d" % number


accounts = {number * 7919: Account(number) for number in range(objects)}
first = time.process_time_ns()
seed, total = 20, 0.0
for _ in range(steps):
    seed = seed * 16807 % 2147483647
    account = accounts[seed % objects * 7919]
    account.balance += 1
    total += account.balance + len(account.owner)
print(first, time.process_time_ns(), total)
