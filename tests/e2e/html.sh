#!/bin/sh
# SPDX-License-Identifier: MIT
# html.sh BUILD [FOLDER] - the HTML report as a file: its size, its policy, that no name can leave the data.  With FOLDER
# (`make test-html`) it is used in headless Chromium too, and the screenshots are kept there.
sample=$(cd "$(dirname "$0")/../unit/report" && pwd)/gzip.results
browser=$(cd "$(dirname "$0")" && pwd)/html_browser.py
[ -z "${2:-}" ] || { mkdir -p "$2" && shots=$(cd "$2" && pwd); }
. "$(dirname "$0")/lib.sh"

"$PW" report -q --html gzip.html "$sample"; same "written" 0 $?
between "size in bytes" 10000 200000 "$(wc -c <gzip.html)"
same "asks for nothing" 0 "$(grep -ciE 'src=|href=|@import|url\(|fetch\(|XMLHttp' gzip.html)"
python3 - <<'PY' && ok "policy and data" || bad "policy and data"
import base64, hashlib, json, re
page = open("gzip.html", "rb").read()
policy = re.search(rb'Content-Security-Policy" content="([^"]*)"', page)[1].decode()
for element in (b"style", b"script"):
    text = re.search(rb"<%s>(.*?)</%s>" % (element, element), page, re.S)[1]
    assert "%s-src 'sha256-%s'" % (element.decode(), base64.b64encode(hashlib.sha256(text).digest()).decode()) in policy, element
assert "default-src 'none'" in policy and "unsafe" not in policy
block = re.search(rb'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1]
data = json.loads(block)
assert data["report"]["faults"]["minor"] == 8133 and len(data["events"]) == 14
assert sum(len(l) for _, files in data["lines"] for _, functions in files for _, l in functions) == 6
PY

# A program, a function and a file that would like to be markup.
name='</script><script>alert(1)</script><b a="'
"$PW" report -q --json r.json "$sample"
sed "s,/usr/bin/gzip,$(printf '%s' "$name" | sed 's,/,\\\\/,g')," "$sample" | sed '$d' >body
python3 - <<'PY'
import zlib
body = open("body", "rb").read()
open("evil", "wb").write(body + b"end\t%d\t%08x\n" % (body.count(b"\n"), zlib.crc32(body)))
PY
"$PW" report -q --html evil.html evil; same "a strange name" 0 $?
same "ends no element" 2 "$(grep -o '</script>' evil.html | wc -l)"
same "begins none" 2 "$(grep -o '<script' evil.html | wc -l)"

if [ -n "${shots:-}" ]; then
    chromium=$(command -v chromium) || { echo "skip: the HTML report in a browser: chromium is missing"; finish; }
    "$PW" run -q --trace-children --call-paths -o cc.results --html cc.html -- "${CC:-cc}" -O2 -c -o /dev/null -x c - <<C
#include <stdio.h>
int main(void) { return puts("x"); }
C
    between "a run of cc, in bytes" 50000 3000000 "$(wc -c <cc.html)"
    "$PW" run -q --record gzip.pw -o whatif.results -- gzip -c "$PW" >/dev/null
    "$PW" whatif -q --html whatif.html gzip.pw -- thp=always cpu=zen4 guest=ept; same "what if" 0 $?
    for page in gzip cc evil whatif; do
        python3 "$browser" "$chromium" $page.html "$shots/$page" >browser.log || failed=1
        sed "s,^\(ok  \|FAIL\) ,&$page: ," browser.log
    done
    echo "screenshots: $shots"
fi
finish
