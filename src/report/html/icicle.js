// SPDX-License-Identifier: MIT
// icicle.js - where a counter comes from: four columns, program, object, function and source line; a cell is as high as its share
// of the cell on its left.  A click or Enter shows one cell as the whole; Escape goes back.

const ICICLE = { width: 1232, height: 640, top: 24, least: 3, first: 150 };

function icicleView(panel) {
  let event = eventNamed('walk_cycles'), whole = tree, wanted = '';
  if (!tree.value[event.index]) event = eventNamed('instructions');
  const path = h('p', { class: 'path' });
  const tip = h('p', { class: 'tip', 'aria-live': 'polite' });
  const svg = h('svg', { viewBox: `0 0 ${ICICLE.width} ${ICICLE.height}`, role: 'group', 'aria-label': 'Costs by object, function and source line' });
  const value = (n) => n.value[event.index] || 0;

  function show(n) {
    tip.replaceChildren(h('b', { class: 'mono' }, describe(n)), h('br'),
      `${num(n.value[event.index])} of ${event.title.toLowerCase()}, ${percent(n.value[event.index], tree.value[event.index])} of the program; `,
      h('span', {}, events.filter((e) => e !== event && n.value[e.index]).slice(0, 8).map((e) => `${e.name} ${num(n.value[e.index])}`).join(', ')));
  }

  const matches = (n) => !wanted || describe(n).toLowerCase().includes(wanted) || (n.parent && n.parent.parent && matches(n.parent)) ||
    n.children.some((c) => c.name.toLowerCase().includes(wanted) || c.children.some((l) => l.name.toLowerCase().includes(wanted)));

  function cell(n, x, y, width, height, colour) {
    const label = height >= 13 ? Math.floor((width - 12) / 7.3) : 0, share = percent(value(n), value(tree));
    const words = n.name.length + share.length + 2 <= label ? n.name + '  ' + share : n.name.length <= label ? n.name : n.name.slice(0, Math.max(0, label - 2)) + (label > 2 ? '..' : '');
    const go = () => { whole = n.children.length ? n : n.parent; draw(); svg.querySelector('.cell').focus({ preventScroll: true }); };
    return [h('rect', { x, y, width, height, class: `cell ${colour}${matches(n) ? '' : ' dim'}`, tabindex: 0, role: 'button', onclick: go, onmouseenter: () => show(n),
      'aria-label': `${n.name}: ${num(n.value[event.index])}, ${share}`, onfocus: () => show(n), onkeydown: (k) => { if (k.key === 'Enter' || k.key === ' ') { k.preventDefault(); go(); } } }),
      label > 2 ? h('text', { x: x + 6, y: y + Math.min(height / 2 + 4, 16), class: matches(n) ? null : 'dim' }, words) : null];
  }

  // Where a column begins, and its width: the whole needs less than its parts.
  function place(depth, columns) {
    const first = columns > 1 ? ICICLE.first : ICICLE.width, other = (ICICLE.width - first) / Math.max(1, columns - 1);
    return depth ? [first + (depth - 1) * other, other] : [0, first];
  }

  // The cells of n's children; those too low to be seen are one grey cell at the end.
  function column(out, n, depth, y, height, colour, columns) {
    const [left, width] = place(depth, columns);
    const list = n.children.filter(value).sort((a, b) => value(b) - value(a));
    let rest = 0, smaller = 0, at = y;
    list.forEach((c, i) => {
      const cellHeight = (height * value(c)) / value(n), k = colour || `k${i % 7}`;
      if (cellHeight < ICICLE.least) { rest += cellHeight; smaller++; return; }
      out.push(...cell(c, left, at, width, cellHeight, k));
      column(out, c, depth + 1, at, cellHeight, k, columns);
      at += cellHeight;
    });
    if (rest < 1) return;
    const words = `${num(smaller)} smaller ones  ${percent((rest / height) * value(n), value(tree))}`;
    out.push(h('rect', { x: left, y: at, width: ICICLE.width - left, height: rest, class: 'kx' }, h('title', {}, words)));
    if (rest >= 13) out.push(h('text', { x: left + 6, y: at + Math.min(rest / 2 + 4, 16) }, words));
  }

  function draw() {
    const first = depthOf(whole), heads = ['program', 'object', 'function', 'source line'].slice(first), out = [];
    const height = ICICLE.height - ICICLE.top;
    heads.forEach((text, i) => out.push(h('text', { x: place(i, heads.length)[0] + 6, y: 16, class: 'soft' }, text)));
    if (value(whole)) {
      out.push(...cell(whole, 0, ICICLE.top, place(0, heads.length)[1], height, first ? 'k0' : 'kx'));
      column(out, whole, 1, ICICLE.top, height, first ? 'k0' : '', heads.length);
    } else {
      out.push(h('text', { x: 20, y: 60, class: 'ink' }, tree.value[event.index] === null ? 'This counter is not known for every line.' : 'Nothing of this here.'));
    }
    svg.replaceChildren(...out.filter(Boolean));
    const chain = [];
    for (let n = whole; n; n = n.parent) chain.unshift(n);
    path.replaceChildren(...chain.flatMap((n, i) => [i ? ' › ' : '', n === whole ? n.name : h('button', { onclick: () => { whole = n; draw(); } }, n.name)]));
    show(whole);
  }

  svg.addEventListener('keydown', (k) => {
    const cells = [...svg.querySelectorAll('.cell')], at = cells.indexOf(document.activeElement);
    if (k.key === 'Escape' && whole.parent) { whole = whole.parent; draw(); svg.querySelector('.cell').focus({ preventScroll: true }); }
    else if (k.key === 'ArrowDown' || k.key === 'ArrowRight') { k.preventDefault(); (cells[at + 1] || cells[0]).focus(); }
    else if (k.key === 'ArrowUp' || k.key === 'ArrowLeft') { k.preventDefault(); (cells[at - 1] || cells[cells.length - 1]).focus(); }
  });
  const certainty = how(event.certainty);
  panel.append(h('h2', {}, 'Where it comes from ', certainty),
    read('Each cell is as high as its share of the chosen counter; read from left to right: program, object, function, source line. Click a cell to make it the whole, ' +
      'Escape or the path above the picture goes back. Grey: what is too small to draw.'),
    h('div', { class: 'bar' }, eventSelect('Counter', event, (e) => { event = e; certainty.textContent = e.certainty; draw(); }),
      h('label', {}, 'Find', h('input', { type: 'search', placeholder: 'function, file or object', oninput: (i) => { wanted = i.target.value.toLowerCase(); draw(); } }))),
    path, svg, tip);
  draw();
  return { zoom: (n) => { whole = n; draw(); } };
}
