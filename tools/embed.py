#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""embed.py OUTPUT FILE... - the page of the HTML report as a C header: the style sheets (.css) and the scripts (.js), each joined
in order, and the hash of each as a Content-Security-Policy names it.  Licences (LICENSE) go before the scripts, as comments.
Called by meson, which needs Python itself."""
import base64
import hashlib
import sys


def array(name, data):
    rows = [",".join(map(str, data[i : i + 32])) for i in range(0, len(data), 32)]
    return "static const unsigned char %s[] = {\n%s\n};\n" % (name, ",\n".join(rows))


def policy_hash(data):
    return "sha256-" + base64.b64encode(hashlib.sha256(data).digest()).decode()


def joined(files, ending):
    return b"".join(open(f, "rb").read() + b"\n" for f in files if f.endswith(ending))


def main(output, *files):
    css = joined(files, ".css")
    licences = b"".join(b"/*! " + open(f, "rb").read() + b"*/\n" for f in files if f.endswith("LICENSE"))
    js = licences + b"'use strict';\n" + joined(files, ".js")
    for what, data in (("style", css), ("script", js)):
        # The parser would end the element there, and a browser hashes what it parsed: no CR, no end tag.
        if b"</" + what.encode() in data.lower() or b"\r" in data or b"<!--" in data:
            sys.exit("embed.py: the %s cannot stand in HTML as it is" % what)
    with open(output, "w") as out:
        out.write("/* made by tools/embed.py */\n")
        out.write('#define HTML_STYLE_HASH "%s"\n#define HTML_SCRIPT_HASH "%s"\n' % (policy_hash(css), policy_hash(js)))
        out.write(array("html_style", css) + array("html_script", js))


main(*sys.argv[1:])
