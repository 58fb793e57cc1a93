# SPDX-License-Identifier: MIT
# preforked.py - a server that loads its modules and data, then forks workers that serve from them.
#
#   preforked.py collect   the workers' garbage collector runs, as it does after enough allocations
#   preforked.py freeze    gc.freeze() before the fork: it leaves alone what was there then
#   preforked.py off       no collector in the workers
import gc
import os
import sys

WORKERS, ROWS = 2, 20000

gc.disable()
data = [{"id": i, "name": "row %d" % i, "tags": [i, i + 1]} for i in range(ROWS)]
if sys.argv[1] == "freeze":
    gc.freeze()
for _ in range(WORKERS):
    if os.fork() == 0:
        total = sum(row["id"] for row in data[::100])   # what a request reads: one row in a hundred
        if sys.argv[1] != "off":
            gc.enable()
            gc.collect()
        os._exit(total == 0)
for _ in range(WORKERS):
    os.wait()
