// SPDX-License-Identifier: MIT
// time.js - the view of counters against executed instructions, drawn with uPlot.  A chart is a canvas, so it takes its colours from
// the style sheet when it is drawn, and is drawn again when the reader's setting changes.

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const onScheme = (draw) => matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
const contentWidth = () => Math.max(320, Math.min(1232, document.querySelector('main').clientWidth - 48));

// 1.5 M: three figures at most.
function short(n) {
  if (n === null || n === undefined) return 'unknown';
  const units = ['', ' k', ' M', ' G', ' T'];
  let u = 0, x = n;
  for (; Math.abs(x) >= 1000 && u < units.length - 1; u++) x /= 1000;
  return (x && Math.abs(x) < 100 && !Number.isInteger(x) ? Number(x.toPrecision(3)) : Math.round(x)) + units[u];
}

// A list for each chart: title, how sure, how to read it, and lines of [name, numbers, number as text].
function timeCharts() {
  const t = report.timeline, length = t.end.map((e, i) => e - (i ? t.end[i - 1] : 0));
  const each = (f) => t.end.map((_, i) => f(i)), none = (n) => n === null || n === undefined;
  const sum = (...lists) => each((i) => lists.reduce((a, l) => (none(a) || none(l[i]) ? null : a + l[i]), 0));
  const rate = (list) => each((i) => (none(list[i]) || !length[i] ? null : (1000 * list[i]) / length[i]));
  const memory = (list) => each((i) => (none(list[i]) ? null : list[i] * 4096)), rates = (n) => (n === null ? '-' : short(n));
  const size = (n) => (n === null ? '-' : bytes(n));
  size.steps = Array.from({ length: 40 }, (_, i) => 2 ** (i + 10)); // so that marks stand at round sizes
  return [
    ['Resident memory', 'exact', 'How much was in memory at the end of each interval, by kind; page tables come on top.',
      [['anonymous', memory(t.anon_pages), size], ['file', memory(t.file_pages), size], ['shared', memory(t.shmem_pages), size], ['page tables', memory(t.table_pages), size]]],
    ['Page faults', 'exact', 'Faults in each interval: first touches, copies and reads of files. Peaks after the start are memory that comes new, or comes back.',
      [['faults', sum(t.minor, t.major), rates], ['pages zeroed', t.zeroed_pages, rates], ['pages copied', t.copied_pages, rates]]],
    ['Cycles in page walks per 1,000 instructions', 'estimated', 'What translation costs at this time of the run: 100 means a tenth of a cycle for each instruction.',
      [['walk cycles', rate(t.walk_cycles), rates]]],
    ['First-level TLB misses per 1,000 instructions', 'modelled', 'Misses that the second level answered, and those that walked.',
      [['data', rate(t.l1d_miss), rates], ['instructions', rate(t.l1i_miss), rates], ['walks', rate(sum(t.walks_i, t.walks_d)), rates]]],
  ];
}

function timeView(panel) {
  const t = report.timeline, charts = timeCharts(), sync = uPlot.sync('time');
  const places = charts.map(([title]) => h('div', { class: 'chart', tabindex: 0, role: 'group', 'aria-label': title + ' against executed instructions; arrows move the cursor, plus and minus zoom' }));
  let drawn = [];

  function draw() {
    drawn.forEach((u) => u.destroy());
    const axis = { stroke: colour('--soft'), grid: { stroke: colour('--rule'), width: 1 }, ticks: { stroke: colour('--rule'), width: 1 } };
    drawn = charts.map(([, , , lines], c) => new uPlot({
      width: contentWidth(), height: 210, cursor: { sync: { key: 'time' }, y: false }, scales: { x: { time: false }, y: { range: (u, low, high) => [0, high > 0 ? high * 1.05 : 1] } },
      axes: [{ ...axis, values: (u, ticks) => ticks.map(short) }, { ...axis, size: 84, incrs: lines[0][2].steps, values: (u, ticks) => ticks.map((n) => (n === null ? '' : lines[0][2](n))) }],
      series: [{ label: 'instructions', value: (u, n) => (n === null ? '-' : short(n)) }, ...lines.map(([label, , value], i) => ({
        label, value: (u, n) => value(n), stroke: colour('--l' + i), width: 1.5, fill: lines.length === 1 ? colour('--l0') + '30' : undefined, paths: uPlot.paths.stepped({ align: -1 }), points: { show: false } }))],
    }, [t.end, ...lines.map((l) => l[1])], places[c]));
  }

  // The cursor of all charts moves together; zooming is of all, too.
  function key(k, u) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[k.key], zoom = { '+': 0.5, '-': 2 }[k.key], x = u.scales.x, end = t.end[t.end.length - 1];
    const at = u.cursor.idx === null || u.cursor.idx === undefined ? 0 : u.cursor.idx;
    if (step) u.setCursor({ left: u.valToPos(t.end[Math.min(t.end.length - 1, Math.max(0, at + step * (k.shiftKey ? 20 : 1)))], 'x'), top: 10 }, true, true);
    else if (zoom) { const half = ((x.max - x.min) * zoom) / 2, middle = Math.min(Math.max(t.end[at], half), Math.max(half, end - half)); drawn.forEach((d) => d.setScale('x', { min: Math.max(0, middle - half), max: Math.min(end, middle + half) })); }
    else if (k.key === 'Escape') drawn.forEach((d) => d.setScale('x', { min: t.end[0], max: end }));
    else return;
    k.preventDefault();
  }

  panel.append(read(`Time is counted in executed instructions: the ${num(t.end.length)} intervals are ${num(t.interval)} instructions long (the last is what is left). Point at a chart to read its numbers below it; ` +
    'drag to zoom, double-click to see all again; with the keyboard arrows move (with Shift faster), plus and minus zoom, Esc shows all.'),
  ...charts.flatMap(([title, certainty, about], i) => [heading(title, certainty), read(about), places[i]]));
  places.forEach((p, i) => p.addEventListener('keydown', (k) => key(k, drawn[i])));
  draw();
  onScheme(draw);
  window.addEventListener('resize', () => drawn.forEach((u) => u.setSize({ width: contentWidth(), height: 210 })));
  return sync;
}
