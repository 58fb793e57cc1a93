#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""html_browser.py CHROMIUM FILE.html FOLDER - opens an HTML report from disk in headless Chromium and uses it: every view
opens, clicks and keys work, nothing is fetched, the console stays empty.  Screenshots of all views, light and dark, go to
FOLDER.  Speaks the DevTools protocol over pipes, so that nothing but Python and Chromium is needed."""
import base64
import json
import os
import subprocess
import sys
import tempfile
import time

chromium, page, folder = sys.argv[1:4]
failed = 0


def check(what, good, got=""):
    global failed
    failed += not good
    print(("ok   " if good else "FAIL ") + what + ("" if good else ": " + str(got)))


class Browser:
    def __init__(self, profile):
        to_browser, self.to = os.pipe()
        self.back, from_browser = os.pipe()

        def pipes():  # the protocol reads descriptor 3 and writes 4
            a, b = os.dup(to_browser), os.dup(from_browser)
            os.dup2(a, 3), os.dup2(b, 4)

        self.process = subprocess.Popen(
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--user-data-dir=" + profile, "about:blank"],
            preexec_fn=pipes, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_browser), os.close(from_browser)
        self.rest, self.number, self.session, self.events = b"", 0, None, []

    def receive(self):
        while b"\0" not in self.rest:
            more = os.read(self.back, 1 << 20)
            if not more:
                sys.exit("FAIL the browser ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.receive()
            if answer.get("id") == self.number:
                if "error" in answer:
                    sys.exit("FAIL %s: %s" % (method, answer["error"]))
                return answer["result"]
            self.events.append(answer)

    def value(self, script):
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in answer:
            sys.exit("FAIL %s: %s" % (script, answer["exceptionDetails"]))
        return answer["result"].get("value")

    def click(self, script):
        x, y = self.value("(() => { const e = %s; e.scrollIntoView({block: 'center'}); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + Math.min(r.height / 2, 40)]; })()" % script)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key, text=None):
        codes = {"Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "/": 191}
        code = codes.get(key, ord(key[0].upper()))
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def screenshot(self, name):
        shot = self.call("Page.captureScreenshot", format="png")
        with open(os.path.join(folder, name + ".png"), "wb") as out:
            out.write(base64.b64decode(shot["data"]))


def open_page(b):
    start = time.monotonic()
    b.call("Page.navigate", url="file://" + os.path.abspath(page))
    while b.value("document.readyState") != "complete" or not b.value("!!document.querySelector('[role=tab]')"):
        time.sleep(0.02)
        if time.monotonic() - start > 20:
            sys.exit("FAIL the page opens: %s" % [e for e in b.events if e["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")])
    return time.monotonic() - start


def time_view(b, i):
    b.click("document.querySelectorAll('[role=tab]')[%d]" % i)
    charts = "document.querySelectorAll('#view%d .chart')" % i
    legend = "[...%s].map(c => [...c.querySelectorAll('.u-legend .u-value')].map(v => v.textContent).join()).join(';')" % charts
    check("four timelines", b.value(charts + ".length") == 4)
    drawn = "[...document.querySelectorAll('#view%d canvas')].every(c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(v => v))" % i
    check("they are drawn", b.value(drawn))
    b.value(charts + "[0].focus()")
    for _ in range(3):
        b.key("ArrowRight")
    shown = b.value(legend)
    check("an arrow shows the numbers of all", shown.split(";")[0] not in ("", "-,-,-,-,-") and "-,-" not in shown, shown)
    b.key("ArrowRight")
    check("the next arrow other ones", b.value(legend) != shown)
    b.screenshot("time-cursor")


def space_view(b, i):
    b.click("document.querySelectorAll('[role=tab]')[%d]" % i)
    pictures = "document.querySelectorAll('#view%d canvas')" % i
    tips = "[...document.querySelectorAll('#view%d .tip')].map(t => t.textContent)" % i
    check("two pictures of the address space", b.value(pictures + ".length") == 2)
    for k in range(2):
        b.value(pictures + "[%d].focus()" % k)
        b.key("ArrowDown")
        first = b.value(tips)[k]
        check("picture %d: an arrow says what a cell is" % (k + 1), "0x" in first and "misses" in first, first)
        b.key("ArrowDown")
        check("picture %d: the next another" % (k + 1), b.value(tips)[k] != first)
    b.click(pictures + "[1]")
    b.screenshot("regions")
    rows = "document.querySelectorAll('#view%d tbody tr').length" % i
    check("regions in a table", b.value(rows) > 3)


def use(b):
    target = b.call("Target.createTarget", url="about:blank")["targetId"]
    b.session = b.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
    for domain in ("Page", "Runtime", "Log", "Network"):
        b.call(domain + ".enable")
    b.call("Emulation.setDeviceMetricsOverride", width=1360, height=900, deviceScaleFactor=1, mobile=False)
    b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "light"}])
    best = min(open_page(b) for _ in range(3))
    check("opens in under a second (%.2f s, best of 3)" % best, best < 1.0, best)

    tabs = b.value("[...document.querySelectorAll('[role=tab]')].map(t => t.textContent)")
    for scheme in ("light", "dark"):
        b.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for i, name in enumerate(tabs):
            b.click("document.querySelectorAll('[role=tab]')[%d]" % i)
            shown = b.value("[...document.querySelectorAll('[role=tabpanel]')].filter(p => !p.hidden).map(p => p.id + ' ' + (p.textContent.length > 40))")
            check("%s: %s opens" % (scheme, name), shown == ["view%d true" % i], shown)
            check("%s: %s is explained" % (scheme, name), b.value("!!document.querySelector('#view%d p.read, #view%d .cards')" % (i, i)))
            b.value("window.scrollTo(0, 0)")
            b.screenshot("%s-%d" % (scheme, i))

    check("the bars of the summary are drawn", b.value("document.querySelectorAll('#view0 svg rect').length") >= 6)
    b.key("2")
    cells = "document.querySelectorAll('#view1 .cell')"
    check("key 2 opens the picture", b.value("document.getElementById('view1').hidden") is False)
    check("it has cells", b.value(cells + ".length") > 3, b.value(cells + ".length"))
    b.click(cells + "[1]")
    check("a click on a cell makes it the whole", b.value("document.querySelectorAll('#view1 .path button').length") == 1)
    b.screenshot("zoomed")
    b.key("Escape")
    check("Escape goes back", b.value("document.querySelectorAll('#view1 .path button').length") == 0)
    b.key("ArrowDown")
    check("arrows move", b.value("document.activeElement === %s[1]" % cells))
    b.key("Enter", "\r")
    check("Enter opens", b.value("document.querySelectorAll('#view1 .path button').length") == 1)
    b.key("Escape")
    heights = "[...%s].map(c => c.getAttribute('height')).join()" % cells
    before = b.value(heights)
    b.value("(() => { const s = document.querySelector('#view1 select'); s.value = s.value === '0' ? '1' : '0'; s.dispatchEvent(new Event('change')); })()")
    check("another counter is another picture", b.value(heights) != before)

    b.key("3")
    rows = "document.querySelectorAll('#view2 tbody tr')"
    all_rows = b.value(rows + ".length")
    b.key("/")
    check("/ goes to the search field", b.value("document.activeElement.type") == "search")
    b.call("Input.insertText", text=b.value("document.querySelector('#view2 tbody td').textContent"))
    check("the search narrows the table", 0 < b.value(rows + ".length") < all_rows, b.value(rows + ".length"))
    b.call("Input.insertText", text="no such thing")
    check("to nothing, if nothing fits", b.value(rows + ".length") == 0)
    b.click("[...document.querySelectorAll('#view2 .bar button')][1]")
    check("source lines", b.value("document.querySelector('#view2 th').textContent").startswith("line"))
    first = "document.querySelector('#view2 tbody td').textContent"
    before = b.value(first)
    b.click("document.querySelector('#view2 th button')")
    b.click("document.querySelector('#view2 th button')")
    check("a click on a column sorts", b.value("document.querySelector('#view2 th').getAttribute('aria-sort')") == "descending" and b.value(first) != "", before)
    b.click("document.querySelector('#view2 tbody tr')")
    check("a click on a row shows it in the picture", b.value("document.getElementById('view1').hidden") is False)
    check("nothing is wider than the page", b.value("document.documentElement.scrollWidth <= window.innerWidth"))

    if "Time" in tabs:
        time_view(b, tabs.index("Time"))
        space_view(b, tabs.index("Address space"))
    b.value("(() => { const s = document.createElement('script'); s.textContent = 'window.intruder = 1'; document.body.append(s); })()")
    check("the policy keeps other scripts out", b.value("window.intruder") is None)
    noise = [e for e in b.events if e["method"] in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")]
    noise = [e for e in noise if "intruder" not in json.dumps(e) and "Refused to execute inline script" not in json.dumps(e) and "inline script violates" not in json.dumps(e)]
    check("the console stays empty", not noise, noise[:3])
    asked = [e["params"]["request"]["url"] for e in b.events if e["method"] == "Network.requestWillBeSent"]
    check("nothing else is fetched", set(asked) == {"file://" + os.path.abspath(page)}, asked)


os.makedirs(folder, exist_ok=True)
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    browser = Browser(profile)
    try:
        use(browser)
    finally:
        browser.process.terminate()
        browser.process.wait()
sys.exit(failed != 0)
