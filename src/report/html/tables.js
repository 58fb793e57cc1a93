// SPDX-License-Identifier: MIT
// tables.js - a sortable table, and the views that are made of it: functions and lines, mappings, faults, system calls, processes.

const ROWS = 100;

// columns: {title, get(row), show(value, row), name: bool (text, to the left), hint}.  Largest first; unknown last.
function sortable(columns, rows, sortBy, options) {
  const o = options || {};
  let by = sortBy, down = !columns[by].name, wanted = '', limit = ROWS;
  const body = h('tbody'), head = h('tr'), more = h('button', { class: 'plain', onclick: () => { limit *= 4; draw(); } }), count = h('span', { class: 'sub' });

  function compare(a, b) {
    const x = columns[by].get(a), y = columns[by].get(b);
    if (x === y) return 0;
    if (x === null || x === undefined) return 1;
    if (y === null || y === undefined) return -1;
    return (x < y ? -1 : 1) * (down ? -1 : 1);
  }

  function put(c, row) {
    const value = c.get(row), text = c.show ? c.show(value, row) : c.name ? value : num(value);
    const td = h('td', { class: c.name ? 'name' : value ? null : 'none', title: c.hint ? c.hint(row) : null }, text);
    if (c.heat && value) td.style.backgroundColor = `rgba(var(--heat), ${(0.06 + 0.44 * Math.min(1, value / c.heat)).toFixed(3)})`;
    return td;
  }

  function draw() {
    const shown = rows.filter((r) => !wanted || o.text(r).toLowerCase().includes(wanted)).sort(compare);
    head.replaceChildren(...columns.map((c, i) => h('th', { class: c.name ? 'name' : null, scope: 'col', 'aria-sort': i === by ? (down ? 'descending' : 'ascending') : null },
      h('button', { title: c.about || null, onclick: () => { down = i === by ? !down : !c.name; by = i; draw(); } }, c.title + (i === by ? (down ? ' ▾' : ' ▴') : '')))));
    body.replaceChildren(...shown.slice(0, limit).map((r) => {
      const tr = h('tr', {}, columns.map((c) => put(c, r)));
      if (o.open) { tr.tabIndex = 0; tr.addEventListener('keydown', (k) => { if (k.key === 'Enter') o.open(r); }); tr.addEventListener('click', () => o.open(r)); }
      return tr;
    }));
    more.hidden = shown.length <= limit;
    more.textContent = `Show more (${num(shown.length - limit)} left)`;
    count.textContent = `${num(Math.min(limit, shown.length))} of ${num(rows.length)}`;
  }

  const find = o.text ? h('label', {}, 'Find', h('input', { type: 'search', placeholder: o.placeholder || 'name', oninput: (i) => { wanted = i.target.value.toLowerCase(); limit = ROWS; draw(); } })) : null;
  draw();
  return { find, count, element: h('div', {}, h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, head), body)), h('p', {}, more)) };
}

const eventColumns = (rows, names) => names.map(eventNamed).map((e) => ({
  title: e.name, about: `${e.title} (${e.certainty})`, get: (r) => r.value[e.index],
  heat: Math.max(0, ...rows.map((r) => r.value[e.index] || 0)) }));

// ---- functions and lines

function codeView(panel, icicle) {
  // What most readers look for comes first: the table is wider than many windows.
  const first = ['walk_cycles', 'minor', 'major', 'cow'], names = [...first, ...events.map((e) => e.name).filter((n) => !first.includes(n))], place = h('div');
  const kinds = {
    Functions: () => sortable([
      { title: 'function', name: true, get: (r) => r.name, hint: describe }, { title: 'object', name: true, get: (r) => r.parent.name, hint: (r) => r.parent.full },
      ...eventColumns(allFunctions, names)], allFunctions, 2,
    { text: (r) => r.name + ' ' + r.parent.full, open: icicle, placeholder: 'function or object' }),
    'Source lines': () => sortable([
      { title: 'line', name: true, get: (r) => r.name, hint: describe }, { title: 'function', name: true, get: (r) => r.parent.name },
      ...eventColumns(allLines, names)], allLines, 2,
    { text: (r) => r.name + ' ' + r.parent.name + ' ' + r.full, open: (r) => icicle(r.parent), placeholder: 'file:line or function' }),
  };
  const buttons = Object.keys(kinds).map((k) => h('button', { class: 'plain', onclick: () => choose(k) }, k));
  function choose(kind) {
    const t = kinds[kind]();
    buttons.forEach((b) => b.setAttribute('aria-pressed', b.textContent === kind));
    place.replaceChildren(h('div', { class: 'bar' }, buttons, t.find, t.count), t.element);
  }
  panel.append(heading('Functions and source lines', 'exact, modelled, estimated'),
    read('One row for each place that was executed, or that cost anything. A click on a column sorts by it, a click on a row shows the place in the picture; the stronger a number is coloured, the nearer it is to the ' +
      'largest of its column. Misses and walks are modelled, cycles estimated, the rest counted.'), place);
  choose('Functions');
}

// ---- mappings

const KINDS = ['heap', 'stack', 'anon', 'file', 'shared', 'special'];
const kindClass = (kind) => (KINDS.includes(kind) ? 'k' + KINDS.indexOf(kind) : 'kx');

// Every mapping as long as it is large, row after row: addresses are not in the results, so the order is by size within a kind.
function scaleDrawing(tip) {
  const width = 1232, rowHeight = 26, list = mappings.filter((m) => m.size).sort((a, b) => KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) || b.size - a.size);
  const total = list.reduce((n, m) => n + m.size, 0), rows = Math.min(8, Math.max(2, Math.ceil(list.length / 12))), out = [];
  let at = 0;
  for (const m of list) {
    for (let left = (m.size / total) * rows * width; left > 1e-6;) {
      const row = Math.floor(at / width + 1e-9), x = Math.max(0, at - row * width), part = Math.min(left, width - x);
      const show = () => tip.replaceChildren(h('b', { class: 'mono' }, `${m.name || '(no name)'} ${m.perms}`), h('br'),
        `${m.kind}, ${bytes(m.size)} at most mapped; `, h('span', {}, events.filter((e) => m.value[e.index]).map((e) => `${e.name} ${num(m.value[e.index])}`).join(', ')));
      out.push(h('rect', { x, y: row * rowHeight + 3, width: part, height: rowHeight - 6, class: `cell ${kindClass(m.kind)}`, tabindex: part > 2 ? 0 : -1, role: 'img',
        'aria-label': `${m.name}, ${bytes(m.size)}`, onmouseenter: show, onfocus: show }));
      if (part > 60) out.push(h('text', { x: x + 6, y: row * rowHeight + 17 }, (base(m.name) + ' ' + bytes(m.size)).slice(0, Math.floor((part - 10) / 7))));
      at += part;
      left -= part;
    }
  }
  return { total, perRow: total / rows, svg: h('svg', { viewBox: `0 0 ${width} ${rows * rowHeight}`, role: 'group', 'aria-label': 'Mapped memory to scale' }, out) };
}

function mappingsView(panel) {
  const names = events.map((e) => e.name).filter((n) => !['instructions', 'loads', 'stores'].includes(n)), tip = h('p', { class: 'tip', 'aria-live': 'polite' });
  const drawing = scaleDrawing(tip), biggest = Math.max(1, ...mappings.map((m) => m.size || 0));
  const t = sortable([
    { title: 'mapping', name: true, get: (m) => m.name, show: (v) => base(v || '(no name)'), hint: (m) => m.name }, { title: 'kind', name: true, get: (m) => m.kind },
    { title: 'rights', name: true, get: (m) => m.perms }, { title: 'mapped', get: (m) => m.size, show: bytes, heat: biggest }, ...eventColumns(mappings, names)],
  mappings, 4 + names.indexOf('walk_cycles'), { text: (m) => `${m.name} ${m.kind} ${m.perms}`, placeholder: 'name, kind or rights' });
  panel.append(heading('Mapped memory, to scale', 'exact'),
    read(`A mapping is as long as the most that was mapped of it; the rows follow each other like lines of text, and one row is ${bytes(drawing.perRow)} of ${bytes(drawing.total)} in all. ` +
      'Addresses are not in the results, so mappings stand by kind and size. Mapped is not resident: only touched pages use memory.'),
    drawing.svg, tip, h('p', { class: 'legend' }, KINDS.map((k) => h('span', {}, h('i', { class: kindClass(k) }), k))),
    heading('Mappings', 'exact, modelled, estimated'),
    read('What accesses to each mapping cost; a click on a column sorts by it. The heap and each stack have rows of their own.'),
    h('div', { class: 'bar' }, t.find, t.count), t.element);
}

// ---- system calls, processes

function callsView(panel) {
  const calls = report.syscalls.calls || [], divergences = report.divergences.list || [];
  const plain = (title, name) => ({ title, get: (r) => r[title], name });
  panel.append(heading('Memory system calls', 'exact'), read('How often the program asked the kernel to change its memory, and how often it was refused. "Model differs": the modelled kernel would have given another result; the real one was used.'),
    sortable([plain('name', true), plain('calls'), plain('errors'), { title: 'model differs', get: (r) => r.divergent }], calls, 1).element);
  if (divergences.length)
    panel.append(h('h2', {}, 'Where the model differs'), sortable([plain('call', true), plain('recorded', true), plain('modelled', true), plain('count')], divergences, 3).element);
  panel.append(heading('Invalidations', 'exact'), read('Translations that the kernel had to make the TLBs forget; an interrupt (IPI) tells another CPU to do so.'),
    h('div', { class: 'cards' }, [['pages flushed', report.shootdowns.flushed_pages], ['full flushes', report.shootdowns.full_flushes], ['IPIs', report.shootdowns.ipis]]
      .map(([what, n]) => h('div', { class: 'card' }, h('b', {}, num(n)), h('span', {}, what)))));
}

// ---- copies after fork

function copiesTables(panel) {
  const c = report.copy_on_write, plain = (title, k, show) => ({ title, get: (r) => r[k], show });
  if (!c || !c.lines.length) return;
  panel.append(heading('Copied after fork', 'exact'),
    read('A fork shares all memory with the child until either writes: then that page is copied. Who wrote first made the copy; who came second kept the page. A child without results of its own (see --trace-children) is unknown.'),
    sortable([{ title: 'child', get: (f) => f.child, show: String }, plain('shared', 'shared_pages', pages), plain('parent copied first', 'parent_bytes', bytes), plain('child copied first', 'child_bytes', bytes),
      plain('written by both', 'both', pages), plain('stayed shared', 'still_shared', pages)], c.forks, 1).element,
    sortable([{ title: 'line', name: true, get: (l) => (l.file ? base(l.file) + ':' + (l.line === null ? '?' : l.line) : base(l.object || '(unknown)')), hint: (l) => l.file }, { title: 'function', name: true, get: (l) => l.function || '(no name)' },
      { title: 'who', name: true, get: (l) => l.who }, plain('pages copied', 'first'), plain('bytes', 'bytes', bytes), plain('pages kept', 'second'), plain('page size', 'page_bytes', bytes)], c.lines, 4).element);
}

// ---- start-up

function startupTable(panel) {
  const s = report.startup, rows = data.startup || [];
  if (!s || !rows.length) return;
  const column = (title, i) => ({ title, get: (r) => r[i], heat: Math.max(1, ...rows.map((r) => r[i] || 0)) });
  const t = sortable([{ title: 'order', get: (r) => -r[0], show: (v) => num(-v) }, { title: 'function', name: true, get: (r) => r[1] }, { title: 'ran first at instruction', get: (r) => r[2] },
    column('new pages', 3), column('faults', 4), column('pages mapped', 5), column('of those never used', 6)], rows, 0, { text: (r) => r[1] });
  panel.append(heading('Start-up: code pages in the order of first use', 'exact'),
    read(`Of the program's own code ${pages(s.mapped_pages)} were mapped in the end and ${pages(s.used_pages)} used; laid out in the order of first use about ${pages(s.needed_pages)} would do (unknown where functions have no names). ` +
      'Functions that were the first to use a code page, or took a fault there; a fault maps neighbours, too, and some of those are never used. pagewalk report --symbol-order FILE writes the order as a linker takes it.'),
    h('div', { class: 'bar' }, t.find, t.count), t.element);
}

function processesView(panel) {
  panel.append(h('h2', {}, 'Other processes of this run'), read('Each has a results file of its own: pagewalk report --html FILE shows it like this one.'),
    sortable([{ title: 'program', name: true, get: (p) => p.program.arguments || p.program.path || '' }, { title: 'pid', get: (p) => p.program.pid, show: String },
      { title: 'file', name: true, get: (p) => base(p.file) }, { title: 'instructions', get: (p) => p.instructions }, { title: 'walk cycles', get: (p) => p.walks.cycles.walk },
      { title: 'minor faults', get: (p) => p.minor }, { title: 'peak resident', get: (p) => p.rss.peak_pages, show: pages }], report.processes, 3).element);
}
