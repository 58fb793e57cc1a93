#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""make_traces.py FOLDER - small traces in the published forms of other tools, all of one made-up program.

The program executes 3,000 instructions: it loads from, stores to and modifies memory of 64 pages of heap and 2 of stack; its
first load crosses into the next page where a form has sizes.  Layouts: docs/formats.md, "Other people's traces"."""
import struct
import sys
import zipfile

folder = sys.argv[1]
CODE, HEAP, STACK = 0x401000, 0x4A000000, 0x7FFC12345000


def program():
    """(ip, bytes of the instruction, [(kind, address, bytes)])"""
    yield CODE, 4, [("load", HEAP + 0xFFC, 8)]
    for i in range(1, 3000):
        ip = CODE + 4 * (i % 2000)
        at = HEAP + i * 37 % 64 * 4096 + i % 500 * 8
        kind = ("none", "load", "store", "modify", "both")[i % 5]
        accesses = {
            "none": [],
            "load": [("load", at, 8)],
            "store": [("store", at, 4)],
            "modify": [("load", at, 8), ("store", at, 8)],
            "both": [("load", at, 8), ("store", STACK + i % 2 * 4096, 8)],
        }[kind]
        yield ip, 4, accesses


def lackey():
    lines = ["==77== Lackey, an example Valgrind tool", "==77== Command: ./made-up -x", "==77== Parent PID: 76", "==77== "]
    for ip, size, accesses in program():
        lines.append("I  %08x,%d" % (ip, size))
        if len(accesses) == 2 and accesses[0][1] == accesses[1][1]:
            lines.append(" M %08x,%d" % accesses[0][1:])
        else:
            lines += [" %s %08x,%d" % (kind[0].upper(), at, n) for kind, at, n in accesses]
    lines.append("==77== Exit code:       3")
    return "\n".join(lines).encode() + b"\n"


def pinatrace():
    lines = ["0x%x: %s 0x%x" % (ip, "R" if kind == "load" else "W", at) for ip, _, accesses in program() for kind, at, _ in accesses]
    return "\n".join(lines + ["#eof"]).encode() + b"\n"


def champsim():
    out = b""
    for ip, _, accesses in program():
        reads = [at for kind, at, _ in accesses if kind == "load"]
        writes = [at for kind, at, _ in accesses if kind == "store"]
        out += struct.pack("<QBB2B4B2Q4Q", ip, 0, 0, 0, 0, 0, 0, 0, 0, *(writes + [0, 0])[:2], *(reads + [0] * 4)[:4])
    return out


READ, WRITE, PREFETCH, INSTR, THREAD, PID, HEADER, FOOTER, MARKER, NO_FETCH, ENCODING = 0, 1, 2, 10, 22, 24, 25, 26, 28, 29, 47
VERSION, FILETYPE, X86_64 = 12, 9, 0x40


def entry(kind, size, value):
    return struct.pack("<HHQ", kind, size, value)


def drmemtrace(filetype=X86_64):
    out = [entry(HEADER, 0, 5), entry(MARKER, VERSION, 5), entry(MARKER, FILETYPE, filetype), entry(THREAD, 4, 78), entry(PID, 4, 77)]
    for ip, size, accesses in program():
        out += [entry(ENCODING, 4, 0), entry(INSTR, size, ip)]
        out += [entry(READ if kind == "load" else WRITE, n, at) for kind, at, n in accesses]
    return out + [entry(FOOTER, 0, 0)]


def write(name, data):
    with open(folder + "/" + name, "wb") as f:
        f.write(data)


entries = drmemtrace()
write("made.lackey", lackey())
write("made.pinatrace", pinatrace())
write("made.champsim", champsim())
write("made.drmemtrace", b"".join(entries))
write("filtered.drmemtrace", b"".join(drmemtrace(X86_64 | 0x100)))
write("threads.drmemtrace", b"".join(entries[:-1] + [entry(THREAD, 4, 79), entry(INSTR, 4, CODE), entry(NO_FETCH, 4, CODE), entry(PREFETCH, 1, HEAP)] +
                                     entries[-1:]))
with zipfile.ZipFile(folder + "/made.zip", "w", zipfile.ZIP_DEFLATED) as z:
    for i in range(0, len(entries), 1500):
        z.writestr("chunk.%04d" % (i // 1500), b"".join(entries[i:i + 1500]))
