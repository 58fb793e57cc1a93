#!/bin/sh
# SPDX-License-Identifier: MIT
# consumers.sh BUILD - part of `make test-html`: each view for other tools, opened by the tool it is for: flamegraph.pl (in Debian's
# libdevel-nytprof-perl), speedscope (npm, tools/npm, in headless Chromium), KCachegrind (offscreen, asked over D-Bus),
# callgrind_annotate.  And a file that is none of theirs, so that "opened" means something.
sample=$(cd "$(dirname "$0")/../unit/report" && pwd)/gzip.results
npm=$(cd "$(dirname "$0")/../../tools/npm" && pwd)
. "$(dirname "$0")/lib.sh"

"$PW" report -q --folded r.folded --weight minor --speedscope r.json --callgrind r.cg "$sample"; same "written" 0 $?
minor=$(awk '{ n += $NF } END { print n }' r.folded)
printf 'hello\n' > none

# ---- flame graphs -------------------------------------------------------------------------------------------------------------
flamegraph=$(command -v flamegraph.pl || echo /usr/share/perl5/Devel/NYTProf/flamegraph.pl)
if [ -f "$flamegraph" ]; then
    perl "$flamegraph" --countname faults r.folded > r.svg; same "flamegraph.pl" 0 $?
    samples() { sed -n "s/.*<title>$1 (\([0-9,]*\) faults.*/\1/p" r.svg | tr -d , | head -1; }
    same "flamegraph.pl: all of them" "$minor" "$(samples all)"
    same "flamegraph.pl: a function's" "$(awk -F';' '$2 == "longest_match"' r.folded | awk '{ n += $NF } END { print n }')" "$(samples longest_match)"
    perl "$flamegraph" none > none.svg 2> err && bad "flamegraph.pl takes anything" || ok "flamegraph.pl refuses another file"
else
    echo "skip: flamegraph.pl: libdevel-nytprof-perl is missing"
fi

# ---- speedscope ---------------------------------------------------------------------------------------------------------------
modules=$BUILD/npm
mkdir -p "$modules" && cp "$npm"/*.json "$modules" 2> err
if command -v npm > npm.path; then
    [ -d "$modules/node_modules/speedscope" ] ||
        (cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund) > npm.log 2>&1 || echo "npm: $(tail -1 npm.log)"
fi
page=$modules/node_modules/speedscope/dist/release/index.html
# What speedscope shows of a file.
speedscope() {
    python3 - "$1" << 'PY'
import base64, json, sys
name = sys.argv[1]
data = base64.b64encode(open(name, "rb").read()).decode()
open(name + ".js", "w").write("speedscope.loadFileFromBase64(%s, %s)" % (json.dumps(name), json.dumps(data)))
PY
    timeout 60 chromium --headless --no-sandbox --disable-gpu --enable-unsafe-swiftshader --virtual-time-budget=8000 --dump-dom \
        "file://$page#localProfilePath=$PWD/$1.js" > "$1.dom" 2> err
}
if [ ! -f "$page" ] || ! command -v chromium > chromium.path; then
    echo "skip: speedscope: npm or chromium is missing, or the registry was not reached"
else
    speedscope r.json
    same "speedscope: the title" "$(sed -n 's/^cmd: //p' r.cg) - speedscope" "$(sed -n 's/.*<title>\([^<]*\).*/\1/p' r.json.dom)"
    python3 - "$minor" << 'PY' && ok "speedscope: every event with its sum" || bad "speedscope: every event with its sum"
import json, re, sys
shown = re.sub("<[^>]*>", " ", open("r.json.dom").read())
profiles = json.load(open("r.json"))["profiles"]
assert len(profiles) > 10
for p in profiles:
    assert p["name"] in shown and "{:,}".format(p["endValue"]) in shown, p["name"]
PY
    speedscope r.folded
    grep -q '<title>r.folded - speedscope' r.folded.dom && ok "speedscope: folded stacks" || bad "speedscope: folded stacks"
    speedscope none
    grep -q '<title>none - speedscope' none.dom && bad "speedscope takes anything" || ok "speedscope refuses another file"
fi

# ---- callgrind ----------------------------------------------------------------------------------------------------------------
if command -v callgrind_annotate > annotate.path; then
    callgrind_annotate --show=minor r.cg > out 2> err; same "callgrind_annotate" 0 $?
    same "callgrind_annotate: all of them" "$minor" "$(awk '/PROGRAM TOTALS/ { gsub(",", ""); print $1 }' out)"
fi
# kcachegrind FILE: the window's title, whether it knows an event, and a function.  It has as long as it takes to show a window.
cat > ask << 'ASK'
kcachegrind "$1" > kc.log 2>&1 &
pid=$!
call() { dbus-send --session --print-reply=literal --dest="$name" /kcachegrind/MainWindow_1 "$@" 2> err; }
title() { call org.freedesktop.DBus.Properties.Get string:org.qtproject.Qt.QWidget string:windowTitle | sed 's/^ *variant *//'; }
for i in $(seq 60); do
    name=$(dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / org.freedesktop.DBus.ListNames 2> err | grep -o 'org.kde.kcachegrind-[0-9]*')
    [ -n "$name" ] && [ $i -gt "$2" ] && [ -n "$(title)" ] && break
    sleep 0.3
done
echo "title: $(title)"
echo "event: $(call org.kde.kcachegrind.setEventType "string:$3")"
echo "function: $(call org.kde.kcachegrind.setFunction "string:$4")"
kill $pid
ASK
if command -v kcachegrind > kc.path && command -v dbus-run-session > dbus.path && command -v dbus-send > send.path; then
    mkdir -p runtime home && chmod 700 runtime
    ask() { HOME=$PWD/home XDG_RUNTIME_DIR=$PWD/runtime QT_QPA_PLATFORM=offscreen timeout 60 dbus-run-session -- sh ./ask "$@" 2> dbus.err; }
    ask "$PWD/r.cg" 1 minor longest_match > kc.out
    same "KCachegrind: the program" "[$(sed -n 's/^cmd: //p' r.cg)]" "$(sed -n 's/^title: .*r.cg //p' kc.out)"
    same "KCachegrind: an event and a function" 2 "$(grep -c 'boolean true' kc.out)"
    ask "$PWD/r.cg" 1 minors longest_matchh > kc.not
    same "KCachegrind: none of these names" 2 "$(grep -c 'boolean false' kc.not)"
    ask "$PWD/none" 10 minor longest_match > kc.none
    same "KCachegrind shows nothing of another file" "title: " "$(grep ^title kc.none)"
else
    echo "skip: KCachegrind: kcachegrind, dbus-daemon or dbus-bin is missing"
fi
finish
