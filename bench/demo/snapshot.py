# SPDX-License-Identifier: MIT
"""snapshot.py - a server in miniature: it builds its data, forks a child that holds a snapshot of it (as in-memory
databases do to save themselves), and then does nothing but READ.  Run by demo.sh under pagewalk."""
import os
import sys

RECORDS = 400_000
# Objects made one after the other lie side by side; a step that shares no factor with the count visits them scattered.
STEP = 162_497

data = ["record %d" % i for i in range(RECORDS)]
gate_read, gate_write = os.pipe()
if os.fork() == 0:
    os.close(gate_write)
    os.read(gate_read, 1)  # keeps the snapshot until the parent has finished
    os._exit(0)

longest = 0
at = 0
for _ in range(RECORDS):
    at = (at + STEP) % RECORDS
    longest = max(longest, len(data[at]))
os.close(gate_write)
os.wait()
print("read %d records and wrote none; the longest has %d letters" % (RECORDS, longest))
sys.stdout.flush()
os._exit(0)
