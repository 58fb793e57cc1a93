// SPDX-License-Identifier: MIT
// flame.js - who called whom (--call-paths): a flame graph with the first caller on top.  A cell is as wide as its share of the
// chosen counter, with all that it called.  A click or Enter shows one cell as the whole; Escape goes back.

const FLAME = { width: 1232, row: 19, least: 1.5 };

// {name, object, parent, own, all, children}: calls of one function from several lines of another are one node.
function buildCalls(paths) {
  const make = (name, object, parent) => ({ name, object, parent, own: paths.events.map(() => 0), all: null, children: [], by: new Map() });
  const root = make(base(report.program.path || 'program'), '', null);
  const nodes = paths.frames.map(() => null);
  paths.frames.forEach(([parent, f, ...cost], i) => {
    const up = parent < 0 ? root : nodes[parent], [name, object] = f < 0 ? ['(smaller ones)', ''] : paths.functions[f];
    let n = up.by.get(f);
    if (!n) {
      n = make(name || (object ? `(no name) ${base(object)}` : '(no name)'), object, up);
      n.smaller = f < 0;
      up.by.set(f, n);
      up.children.push(n);
    }
    nodes[i] = n;
    cost.forEach((c, e) => { n.own[e] += c; });
  });
  const sum = (n) => { n.all = n.own.slice(); n.children.forEach((c) => { sum(c); c.all.forEach((v, e) => { n.all[e] += v; }); }); };
  sum(root);
  return root;
}

function flameView(panel) {
  const paths = data.paths, root = buildCalls(paths), known = paths.events.map((e) => events[e]);
  let at = Math.max(0, known.findIndex((e) => e.name === 'walk_cycles')), whole = root, wanted = '';
  if (!root.all[at]) at = Math.max(0, root.all.findIndex((v) => v > 0));
  const path = h('p', { class: 'path' }), tip = h('p', { class: 'tip', 'aria-live': 'polite' });
  const svg = h('svg', { role: 'group', 'aria-label': 'Costs by call path' });
  const certainty = how(known[at].certainty);
  const found = h('span', { class: 'sub' });
  const fits = (n) => !wanted || (n.name + ' ' + n.object).toLowerCase().includes(wanted);

  function show(n) {
    const others = known.map((e, i) => [e, n.all[i]]).filter(([e, v], i) => i !== at && v).slice(0, 8).map(([e, v]) => `${e.name} ${num(v)}`).join(', ');
    tip.replaceChildren(h('b', { class: 'mono' }, n.name), n.object ? h('span', {}, ' ' + n.object) : '', h('br'),
      `${num(n.all[at])} of ${known[at].title.toLowerCase()}, ${percent(n.all[at], root.all[at])} of the program, ${num(n.own[at])} of them its own; `, h('span', {}, others));
  }

  const colourOf = (n) => { let k = 0; for (const c of n.object) k = (k * 31 + c.charCodeAt(0)) % 7; return n.smaller || n === root ? 'kx' : `k${k}`; };

  function cell(n, x, y, width) {
    const go = () => { whole = n === whole && n.parent ? n.parent : n; draw(); svg.querySelector('.cell').focus({ preventScroll: true }); };
    const room = Math.floor((width - 8) / 7), text = n.name.length <= room ? n.name : n.name.slice(0, Math.max(0, room - 2)) + '..';
    const dim = fits(n) ? '' : ' dim';
    return [h('rect', { x, y, width, height: FLAME.row, class: `cell ${colourOf(n)}${dim}`, tabindex: 0, role: 'button', 'aria-label': `${n.name}: ${num(n.all[at])}, ${percent(n.all[at], root.all[at])}`,
      onclick: go, onmouseenter: () => show(n), onfocus: () => show(n), onkeydown: (k) => { if (k.key === 'Enter' || k.key === ' ') { k.preventDefault(); go(); } } }),
      room > 3 ? h('text', { x: x + 4, y: y + 14, class: dim ? 'dim' : null }, text) : null];
  }

  function draw() {
    const out = [], scale = FLAME.width / Math.max(1, whole.all[at]), chain = [];
    let rows = 1;
    const put = (n, x, depth) => {
      const width = n.all[at] * scale;
      if (width < FLAME.least) return;
      out.push(...cell(n, x, depth * FLAME.row, width));
      rows = Math.max(rows, depth + 1);
      let left = x;
      n.children.slice().sort((a, b) => b.all[at] - a.all[at]).forEach((c) => { put(c, left, depth + 1); left += c.all[at] * scale; });
    };
    if (whole.all[at]) put(whole, 0, 0);
    else out.push(h('text', { x: 20, y: 40, class: 'ink' }, 'Nothing of this here.'));
    svg.setAttribute('viewBox', `0 0 ${FLAME.width} ${Math.max(3, rows) * FLAME.row + 2}`);
    svg.replaceChildren(...out.filter(Boolean));
    for (let n = whole; n; n = n.parent) chain.unshift(n);
    const far = chain.length > 8 ? [chain[0], null, ...chain.slice(-6)] : chain;
    path.replaceChildren(...far.flatMap((n, i) => [i ? ' › ' : '', !n ? '…' : n === whole ? n.name : h('button', { onclick: () => { whole = n; draw(); } }, n.name)]));
    found.textContent = wanted ? `${percent(share(root), root.all[at])} in or below what is found` : '';
    show(whole);
  }

  // What the found functions cost with all they called, nothing twice.
  const share = (n) => (n !== root && fits(n) ? n.all[at] : n.children.reduce((s, c) => s + share(c), 0));

  svg.addEventListener('keydown', (k) => {
    const cells = [...svg.querySelectorAll('.cell')], i = cells.indexOf(document.activeElement);
    if (k.key === 'Escape' && whole.parent) { whole = whole.parent; draw(); svg.querySelector('.cell').focus({ preventScroll: true }); }
    else if (k.key === 'ArrowDown' || k.key === 'ArrowRight') { k.preventDefault(); (cells[i + 1] || cells[0]).focus(); }
    else if (k.key === 'ArrowUp' || k.key === 'ArrowLeft') { k.preventDefault(); (cells[i - 1] || cells[cells.length - 1]).focus(); }
  });
  const select = h('select', { onchange: () => { at = Number(select.value); certainty.textContent = known[at].certainty; draw(); } },
    known.map((e, i) => h('option', { value: i, selected: i === at }, e.title.replace(' (estimated)', ''))));
  panel.append(h('h2', {}, 'Who called whom ', certainty),
    read('Read from top to bottom: each function stands under the one that called it, as wide as its share of the chosen counter with all it called; what is not covered from below is its own. ' +
      'Colours tell objects apart. Click a cell to make it the whole, Escape or the path above the picture goes back.'),
    h('div', { class: 'bar' }, h('label', {}, 'Counter', select),
      h('label', {}, 'Find', h('input', { type: 'search', placeholder: 'function or object', oninput: (i) => { wanted = i.target.value.toLowerCase(); draw(); } })), found),
    path, tip, svg);
  draw();
}
