// SPDX-License-Identifier: MIT
// space.js - the address space: where by when, and regions of 2 MiB to scale.  Both pictures are canvases with a cell that can be
// pointed at or reached with the arrow keys; the line below says what it is.

const hex = (n) => '0x' + n.toString(16);
const REGION = 2 * 1024 * 1024;
const regionAt = new Map((report.regions || []).map((r) => [Math.floor(r.start / REGION), r]));

// A canvas of cells: size() gives columns and rows, paint(context, width) draws it, tell(x, y) says what a cell is.
function cellPicture(label, height, at, paint, tell) {
  const canvas = h('canvas', { tabindex: 0, role: 'img', 'aria-label': label + '; arrows move from cell to cell' }), tip = h('p', { class: 'tip', 'aria-live': 'polite' });
  let cursor = null, width = 0;

  function draw() {
    const ratio = window.devicePixelRatio || 1, c = canvas.getContext('2d');
    width = contentWidth();
    canvas.width = width * ratio;
    canvas.height = height() * ratio;
    canvas.style.width = width + 'px';
    canvas.style.height = height() + 'px';
    c.scale(ratio, ratio);
    c.font = '12px system-ui, "Liberation Sans", sans-serif';
    paint(c, width, cursor);
  }

  function go(cell) {
    if (!cell) return;
    cursor = cell;
    tip.replaceChildren(...tell(cell));
    draw();
  }
  canvas.addEventListener('mousemove', (m) => { const r = canvas.getBoundingClientRect(), cell = at.point(m.clientX - r.x, m.clientY - r.y, width); if (cell && (!cursor || cell.x !== cursor.x || cell.y !== cursor.y)) go(cell); });
  canvas.addEventListener('keydown', (k) => {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[k.key];
    if (step) { k.preventDefault(); go(at.step(cursor, step[0], step[1])); }
  });
  onScheme(draw);
  window.addEventListener('resize', draw);
  draw();
  return { canvas, tip, draw };
}

// The more, the stronger; each tenfold is the same step, so that little is seen beside much.
const shade = (n, most) => (n ? `rgba(${colour('--heat')}, ${(0.12 + 0.88 * (Math.log1p(n) / Math.log1p(most))).toFixed(3)})` : null);

// ---- where by when

function heatPicture(panel) {
  const heat = report.heat, left = 190, breakHeight = 5, rowHeight = Math.max(2, Math.min(9, Math.floor(620 / heat.rows.length))), columns = Math.max(1, Math.ceil(report.instructions / heat.column));
  const values = { misses: 'TLB misses (modelled)', touched: 'pages touched for the first time (exact)' }, tables = {}, tops = [];
  let kind = 'misses', y = 4;
  heat.rows.forEach((r, i) => {
    if (i && r.start !== heat.rows[i - 1].start + heat.row_bytes) y += breakHeight;
    tops.push(y);
    y += rowHeight;
  });
  for (const k of Object.keys(values)) {
    const rows = heat.rows.map((r) => new Map(r[k]));
    tables[k] = { rows, most: Math.max(1, ...heat.rows.flatMap((r) => r[k].map((c) => c[1]))) };
  }
  const nameOf = (row) => { const r = regionAt.get(Math.floor(row.start / REGION)); return r ? base(r.mapping || '') : ''; };

  function paint(c, width, cursor) {
    const cell = (width - left) / columns, { rows, most } = tables[kind];
    c.fillStyle = colour('--panel');
    c.fillRect(0, 0, width, y + 22);
    let last = null, free = -20;
    heat.rows.forEach((row, i) => {
      const name = nameOf(row);
      if (name !== last && tops[i] - free >= 12) {
        c.fillStyle = colour('--ink');
        c.fillText(name.slice(0, 28), 6, tops[i] + 10, left - 12);
        free = tops[i];
        last = name;
      }
      for (const [x, n] of rows[i]) {
        const from = Math.round(left + x * cell); // whole pixels: no seams between neighbours
        c.fillStyle = shade(n, most);
        c.fillRect(from, tops[i], Math.max(1, Math.round(left + (x + 1) * cell) - from), rowHeight);
      }
    });
    c.fillStyle = colour('--soft');
    for (let i = 0; i <= 4; i++) {
      const text = short((i / 4) * report.instructions), x = left + ((width - left) * i) / 4;
      c.fillText(text, Math.min(x, width - 4 - c.measureText(text).width), y + 16);
    }
    if (cursor) { c.strokeStyle = colour('--focus'); c.lineWidth = 2; c.strokeRect(left + cursor.x * cell - 1, tops[cursor.y] - 1, Math.max(3, cell + 2), rowHeight + 2); }
  }

  const at = {
    point: (px, py, width) => { const x = Math.floor((px - left) / ((width - left) / columns)), row = tops.findIndex((t) => py >= t && py < t + rowHeight); return x >= 0 && x < columns && row >= 0 ? { x, y: row } : null; },
    step: (from, dx, dy) => (from ? { x: Math.min(columns - 1, Math.max(0, from.x + dx)), y: Math.min(heat.rows.length - 1, Math.max(0, from.y + dy)) } : { x: 0, y: 0 }),
  };
  const tell = (c) => {
    const row = heat.rows[c.y], got = (k) => num(tables[k].rows[c.y].get(c.x) || 0);
    return [h('b', { class: 'mono' }, `${hex(row.start)} to ${hex(row.start + heat.row_bytes)}  ${nameOf(row)}`), h('br'),
      `instructions ${short(c.x * heat.column)} to ${short(Math.min(report.instructions, (c.x + 1) * heat.column))}: TLB misses: ${got('misses')}, pages touched for the first time: ${got('touched')}`];
  };
  const picture = cellPicture('Misses by address and time', () => y + 22, at, paint, tell);
  const select = h('select', { onchange: () => { kind = select.value; picture.draw(); } }, Object.entries(values).map(([k, title]) => h('option', { value: k }, title)));
  panel.append(heading('Where and when', 'exact, modelled'),
    read(`From left to right executed instructions, ${short(heat.column)} a column; from top to bottom addresses, ${bytes(heat.row_bytes)} a row, only those where anything happened: a gap is memory where nothing did. ` +
      'The stronger a cell, the more of the chosen counter; each tenfold is an equal step. A steady band is a working set too large for the TLB, a slope is a pass over memory.'),
    h('div', { class: 'bar' }, h('label', {}, 'Counter', select)), picture.canvas, picture.tip);
}

// ---- regions to scale

const REGION_COUNTERS = [['walk_cycles', 'walk cycles (estimated)'], ['misses', 'TLB misses (modelled)'], ['touched_pages', 'touched pages of 512 (exact)'], ['faults', 'page faults (exact)']];
const worthHuge = (r) => Boolean(r.whole && !r.large && r.walk_cycles);

// Runs of neighbouring regions; each begins a line, and lines are as long as the page is wide.
function regionLines(perLine) {
  const sorted = [...(report.regions || [])].sort((a, b) => a.start - b.start), lines = [];
  sorted.forEach((r, i) => {
    const line = lines[lines.length - 1];
    if (line && r.start === sorted[i - 1].start + REGION && line.length < perLine) line.push(r);
    else lines.push([r]);
  });
  return lines;
}

function regionPicture(panel) {
  const left = 190, size = 16, gap = 6, perLine = 64, lines = regionLines(perLine), most = {};
  let counter = 'walk_cycles', worth = false;
  for (const [k] of REGION_COUNTERS) most[k] = Math.max(1, ...lines.flat().map((r) => r[k] || 0));

  function paint(c, width, cursor) {
    const cell = Math.min(size, (width - left) / perLine);
    c.fillStyle = colour('--panel');
    c.fillRect(0, 0, width, lines.length * (size + gap));
    lines.forEach((line, y) => {
      const top = y * (size + gap) + gap / 2;
      c.fillStyle = colour('--soft');
      c.fillText(`${hex(line[0].start)}  ${base(line[0].mapping || '')}`.slice(0, 30), 6, top + 12, left - 12);
      line.forEach((r, x) => {
        c.strokeStyle = colour('--rule');
        c.lineWidth = 1;
        c.strokeRect(left + x * cell + 0.5, top + 0.5, cell - 1, size - 1);
        const fill = worth && !worthHuge(r) ? null : shade(r[counter], most[counter]);
        if (fill) { c.fillStyle = fill; c.fillRect(left + x * cell + 1, top + 1, cell - 2, size - 2); }
      });
    });
    if (cursor) { c.strokeStyle = colour('--focus'); c.lineWidth = 2; c.strokeRect(left + cursor.x * cell, cursor.y * (size + gap) + gap / 2, cell, size); }
  }

  const at = {
    point: (px, py, width) => { const x = Math.floor((px - left) / Math.min(size, (width - left) / perLine)), y = Math.floor(py / (size + gap)); return lines[y] && lines[y][x] ? { x, y } : null; },
    step: (from, dx, dy) => {
      if (!from) return { x: 0, y: 0 };
      const y = Math.min(lines.length - 1, Math.max(0, from.y + dy));
      return { x: Math.min(lines[y].length - 1, Math.max(0, from.x + dx)), y };
    },
  };
  const tell = ({ x, y }) => {
    const r = lines[y][x], what = r.large ? 'on pages of 2 MiB or more already' : !r.whole ? 'no huge page could be here: not one private anonymous mapping' : r.walk_cycles ? 'a huge page could be here' : 'a huge page could be here, and would save nothing';
    return [h('b', { class: 'mono' }, `${hex(r.start)} to ${hex(r.start + REGION)}  ${r.mapping || ''}`), h('br'),
      `walk cycles: ${num(r.walk_cycles)}, TLB misses: ${num(r.misses)}, pages touched: ${num(r.touched_pages)} of 512, faults: ${num(r.faults)}; `, h('span', {}, what)];
  };
  const picture = cellPicture('Regions of 2 MiB by address', () => lines.length * (size + gap), at, paint, tell);
  const select = h('select', { onchange: () => { counter = select.value; picture.draw(); } }, REGION_COUNTERS.map(([k, title]) => h('option', { value: k }, title)));
  const only = h('button', { class: 'plain', 'aria-pressed': 'false', onclick: () => { worth = !worth; only.setAttribute('aria-pressed', worth); picture.draw(); } }, 'only those worth a huge page');
  const t = sortable([
    { title: 'region', name: true, get: (r) => r.start, show: hex }, { title: 'mapping', name: true, get: (r) => r.mapping || '', show: (v) => base(v || '(none)'), hint: (r) => r.mapping },
    ...[['walk cycles', 'walk_cycles'], ['walks', 'walks'], ['misses', 'misses'], ['touched pages', 'touched_pages'], ['faults', 'faults']].map(([title, k]) => ({ title, get: (r) => r[k], heat: most[k] || Math.max(1, ...lines.flat().map((r) => r[k] || 0)) })),
    { title: 'huge page', get: (r) => (worthHuge(r) ? 2 : r.large ? 1 : 0), show: (v) => ['no', 'has one', 'worth it'][v] }], report.regions, 2, { text: (r) => `${hex(r.start)} ${r.mapping}`, placeholder: 'address or mapping' });
  panel.append(heading('Regions of 2 MiB, to scale', 'exact, modelled, estimated'),
    read('A square is 2 MiB of address space, what one huge page would map; neighbours in memory are neighbours here, and a new line begins where addresses do not follow each other (or after 64). ' +
      'The stronger a square, the more of the chosen counter.'), h('div', { class: 'bar' }, h('label', {}, 'Counter', select), only), picture.canvas, picture.tip,
    heading('Regions', 'exact, modelled, estimated'), read('"worth it": one private anonymous mapping has all of the region, it is on small pages, and walks for it cost something. The pages not touched are what a huge page would cost in memory.'),
    h('div', { class: 'bar' }, t.find, t.count), t.element);
}

function spaceView(panel) {
  if (report.heat && report.heat.rows.length) heatPicture(panel);
  if (report.regions && report.regions.length) regionPicture(panel);
}
