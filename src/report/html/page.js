// SPDX-License-Identifier: MIT
// page.js - the summary, the faults, and the page itself: tabs, keys, what is drawn when.  A view is drawn when it is first opened.

// ---- summary

const shareBar = (parts, label) => {
  const total = parts.reduce((n, p) => n + (p[1] || 0), 0);
  let x = 0;
  const rects = parts.map(([name, n, colour]) => {
    const width = total ? (1232 * (n || 0)) / total : 0, r = [h('rect', { x, y: 0, width, height: 30, class: colour }, h('title', {}, `${name}: ${num(n)}`))];
    if (width > 120) r.push(h('text', { x: x + 8, y: 20 }, `${name} ${percent(n, total)}`.slice(0, Math.floor(width / 7))));
    x += width;
    return r;
  });
  return [h('svg', { viewBox: '0 0 1232 30', role: 'img', 'aria-label': label }, rects),
    h('p', { class: 'legend' }, parts.map(([name, n, colour]) => h('span', {}, h('i', { class: colour }), `${name}: ${num(n)} (${percent(n, total)})`)))];
};

const table = (head, rows) => h('div', { class: 'scroll' }, h('table', {}, h('thead', {}, h('tr', {}, head.map((c) => h('th', { scope: 'col' }, c)))),
  h('tbody', {}, rows.map((r) => h('tr', {}, r.map((c) => h('td', {}, c)))))));
const card = (value, what, certainty) => h('div', { class: 'card' }, h('b', {}, value), h('span', {}, what, ' ', how(certainty)));

function tlbTable() {
  const rows = [['L1 instructions', 'l1i'], ['L1 data', 'l1d'], ['L2 instructions', 'stlb_instruction'], ['L2 data', 'stlb_data']];
  return table(['TLB', 'accesses', 'misses', 'of them', '4K', '2M', '1G'], rows.map(([title, key]) => {
    const t = report.tlb[key], sizes = t.misses_by_size || {};
    return [title, num(t.accesses), num(t.misses), percent(t.misses, t.accesses), num(sizes['4k']), num(sizes['2m']), num(sizes['1g'])];
  }));
}

function cacheTable() {
  const i = report.caches.instruction, d = report.caches.data;
  const rows = [['instructions', i.fetches, i.fetches_missed], ['loads', d.loads, d.loads_missed], ['stores', d.stores, d.stores_missed]];
  return table(['L1 cache', 'accesses', 'missed', 'of them'], rows.map(([title, n, missed]) => [title, num(n), num(missed), percent(missed, n)]));
}

function walkTable() {
  const w = report.walks, levels = [['PTE', 'pte'], ['PDE', 'pde'], ['PDPTE', 'pdpte'], ['PML4E', 'pml4e']];
  return table(['entry read', 'reads', 'walks begun here by a cache'], levels.map(([title, key]) =>
    [title, num((w.reads_by_level || {})[key]), num((w.structure_cache_hits_by_level || {})[key])]));
}

function summaryView(panel) {
  const w = report.walks, c = w.cycles, f = report.faults, share = c.translation_share;
  panel.append(h('div', { class: 'cards' },
    card(share === null ? 'unknown' : percent(share, 1), 'of the cycles translate addresses', 'estimated'), card(num(c.walk), 'cycles in page walks', 'estimated'),
    card(num(w.total), 'page walks', 'modelled'), card(num(report.instructions), 'instructions', 'exact'), card(num(f.total), 'page faults', 'exact'),
    card(num(f.copied_pages), 'pages copied', 'exact'), card(pages(report.rss.peak_pages), 'resident at most', 'exact'), card(pages(report.page_tables.peak_pages), 'of page tables at most', 'exact')),
  heading('Cycles', 'estimated'),
  read('One cycle for each instruction is the yardstick; beside it stand the cycles of second-level TLB hits and of page walks, from the timing of the modelled CPU. The two to the right are what address translation adds.'),
  ...shareBar([['instructions', c.base, 'k0'], ['L2 TLB hits', c.stlb_hit, 'k6'], ['page walks', c.walk, 'k1']], 'Cycles by cause'),
  h('div', { class: 'two' }, h('section', {}, heading('TLBs', 'modelled'), read('How many translations were asked for and not found. A miss in the first level asks the second (L2); a miss there walks. By the size of the page found in the end.'), tlbTable()),
    h('section', {}, heading('Page walks', 'modelled'), read('Page-table entries that walks read, last level first, and where paging-structure caches let them begin: the lower, the cheaper.'), walkTable())),
  ...(report.caches ? [heading('First-level caches', 'modelled'), read('Asked beside the TLBs. An access that needs two lines counts once, and as missed if one was missing; the program\'s own accesses alone.'), cacheTable()] : []),
  heading('Resident memory at the end', 'exact'), read('Pages in memory when the program ended: its own (anonymous), of files, and shared.'),
  ...shareBar([['anonymous pages', report.rss.anon_pages, 'k2'], ['file pages', report.rss.file_pages, 'k3'], ['shared pages', report.rss.shmem_pages, 'k4']], 'Resident pages by kind'));
  if (report.program.children_not_followed)
    panel.append(h('p', { class: 'warn' }, `Not in these numbers: ${num(report.program.children_not_followed)} child processes; pagewalk run --trace-children follows them.`));
}

// ---- faults

const FAULTS = {
  anonymous: 'first touch of private memory: a page filled with zeros', zero_page: 'a read of untouched memory: the shared page of zeros', file_read: 'a page of a file, in memory already or read',
  file_copy: 'first write to a private page of a file: copied', shared_write: 'first write to a shared page of a file', shmem: 'shared memory', cow_copy: 'first write to a page that others share, or to the page of zeros: copied',
  cow_reuse: 'such a write when nobody else had the page any more: kept', stack: 'the stack grew', huge: 'a huge page', spurious: 'the entry was right already', invalid: 'no such memory, or no right to it: a signal',
};

function faultsView(panel) {
  const kinds = Object.entries(report.faults.by_kind || {}).sort((a, b) => (b[1] || 0) - (a[1] || 0)), most = Math.max(1, ...kinds.map((k) => k[1] || 0)), row = 28;
  panel.append(heading('Page faults by kind', 'exact'), read(`A bar is as long as the kind is frequent; all faults together: ${num(report.faults.total)}, of them ${num(report.faults.major)} major (had to wait for a disk).`),
    h('svg', { viewBox: `0 0 1232 ${kinds.length * row + 10}`, role: 'img', 'aria-label': 'Page faults by kind' }, kinds.flatMap(([kind, n], i) => [
      h('text', { x: 130, y: i * row + 24, 'text-anchor': 'end', class: 'ink' }, kind),
      h('rect', { x: 140, y: i * row + 9, width: (360 * (n || 0)) / most, height: row - 8, class: 'k0' }),
      h('text', { x: 148 + (360 * (n || 0)) / most, y: i * row + 24, class: 'ink' }, num(n)),
      h('text', { x: 600, y: i * row + 24, class: 'soft' }, FAULTS[kind] || '')])));
  const by = report.faults.by_mapping || [], used = kinds.filter(([k]) => by.some((m) => m.by_kind[k])).map(([k]) => k);
  const sum = (m) => used.reduce((n, k) => n + (m.by_kind[k] || 0), 0);
  if (by.length) {
    const t = sortable([{ title: 'mapping', name: true, get: (m) => m.mapping || '', show: (v) => base(v), hint: (m) => m.mapping }, { title: 'all', get: sum },
      ...used.map((k) => ({ title: k, get: (m) => m.by_kind[k], heat: Math.max(1, ...by.map((m) => m.by_kind[k] || 0)) }))], by, 1, { text: (m) => m.mapping || '' });
    panel.append(heading('By mapping', 'exact'), read('Which memory the faults were on; the stronger the colour, the nearer to the most of its kind.'), h('div', { class: 'bar' }, t.find, t.count), t.element);
  }
  copiesTables(panel);
  startupTable(panel);
}

// ---- the page

function header() {
  const p = report.profile, exit = report.exit, ended = exit.kind === null ? 'unknown exit' : exit.kind === 'signalled' ? `killed by signal ${num(exit.value)}` : `exit status ${num(exit.value)}`;
  return h('header', {}, h('h1', {}, report.program.arguments || report.program.path || 'unknown program'),
    h('p', { class: 'sub' }, `on ${p.title || p.name || 'an unknown CPU'} with Linux ${p.kernel || 'unknown'}; threads: ${num(report.program.threads)}, CPUs: ${num(p.cpus)}; ${ended}`));
}

function build() {
  let icicle;
  const toPicture = (n) => { open(1); icicle.zoom(n.children.length ? n : n.parent); };
  const views = [['Summary', summaryView], ['Picture', (p) => { icicle = icicleView(p); }], ['Functions and lines', (p) => codeView(p, toPicture)], ['Mappings', mappingsView], ['Faults', faultsView],
    ...(report.timeline ? [['Time', timeView]] : []), ...(report.regions && report.regions.length ? [['Address space', spaceView]] : []), ['System calls', callsView]];
  if (report.processes.length) views.push([`Processes (${report.processes.length})`, processesView]);
  if (report.allocations) views.push(['Allocations', heapView]);
  if (data.whatif) views.push(['What if', whatifView]);
  if (data.paths) views.push(['Call paths', flameView]);
  const panels = views.map(([name], i) => h('section', { role: 'tabpanel', id: 'view' + i, 'aria-labelledby': 'tab' + i, tabindex: -1, hidden: true }));
  const tabs = views.map(([name], i) => h('button', { role: 'tab', id: 'tab' + i, 'aria-controls': 'view' + i, onclick: () => open(i) }, name)), drawn = new Set();
  const drawView = (i) => { if (!drawn.has(i)) { drawn.add(i); views[i][1](panels[i]); } };

  function open(i) {
    drawView(i);
    panels.forEach((p, k) => { p.hidden = k !== i; });
    tabs.forEach((t, k) => { t.setAttribute('aria-selected', k === i); t.tabIndex = k === i ? 0 : -1; });
  }

  const list = h('div', { role: 'tablist', 'aria-label': 'Views', onkeydown: (k) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[k.key], at = tabs.indexOf(document.activeElement);
    if (step && at >= 0) { const to = (at + step + tabs.length) % tabs.length; open(to); tabs[to].focus(); }
  } }, tabs);
  document.addEventListener('keydown', (k) => {
    if (k.target.matches('input, select') || k.ctrlKey || k.metaKey || k.altKey) return;
    if (k.key >= '1' && k.key <= '9' && Number(k.key) <= views.length) { open(Number(k.key) - 1); tabs[Number(k.key) - 1].focus(); }
    const field = k.key === '/' ? panels.find((p) => !p.hidden).querySelector('input') : null;
    if (field) { k.preventDefault(); field.focus(); }
  });
  window.addEventListener('beforeprint', () => views.forEach((v, i) => drawView(i)));
  document.body.append(header(), h('nav', {}, list), h('main', {}, panels), h('footer', {},
    h('p', {}, h('b', {}, 'exact'), ': counted. ', h('b', {}, 'modelled'), ': with this CPU\'s TLBs. ', h('b', {}, 'estimated'), ': with its timing. Unknown is said, never 0. ' +
      `Made by pagewalk ${report.tool || ''}; nothing here is fetched or sent.`),
    h('p', {}, 'Keys: ', h('kbd', {}, '1'), ' to ', h('kbd', {}, String(Math.min(9, views.length))), ' open a view, ', h('kbd', {}, '/'), ' searches, ', h('kbd', {}, 'Tab'), ' and arrows move, ', h('kbd', {}, 'Enter'), ' opens, ', h('kbd', {}, 'Esc'), ' goes back.')));
  open(0);
}

build();
