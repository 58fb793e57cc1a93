// SPDX-License-Identifier: MIT
// data.js - the data block as objects, numbers as people read them, elements by one function.
// null is unknown: it is shown as "unknown", sums with it are unknown, and it is never taken for 0.

const data = JSON.parse(document.getElementById('data').textContent);
const report = data.report;
const events = data.events.map(([name, title, certainty], index) => ({ name, title, certainty, index }));
const eventNamed = (name) => events.find((e) => e.name === name);

// ---- numbers

const group = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const num = (n) => (n === null || n === undefined ? 'unknown' : group.format(n));

function percent(part, whole) {
  if (part === null || part === undefined || !whole) return '-';
  const p = (100 * part) / whole;
  return p > 0 && p < 0.1 ? '<0.1 %' : p.toFixed(1) + ' %';
}

function bytes(n) {
  if (n === null || n === undefined) return 'unknown';
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let u = 0;
  for (; n >= 1024 && u < units.length - 1; u++) n /= 1024;
  return (u ? n.toFixed(1) : n) + ' ' + units[u];
}

const pages = (n) => bytes(n === null || n === undefined ? null : n * 4096);
const add = (a, b) => (a === null || b === null ? null : a + b);
const base = (path) => path.slice(path.lastIndexOf('/') + 1) || path;

// ---- elements

// h('p', {class: 'x', onclick: f}, 'text', child...): text is always text, never markup.
function h(tag, attributes, ...children) {
  const svg = ['svg', 'g', 'rect', 'text', 'title'].includes(tag);
  const e = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith('on')) e.addEventListener(key.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) e.setAttribute(key, value === true ? '' : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined));
  return e;
}

const how = (certainty) => h('span', { class: 'how' }, certainty);
const heading = (text, certainty) => h('h2', {}, text, ' ', certainty ? how(certainty) : null);
const read = (text) => h('p', { class: 'read' }, text);

function eventSelect(label, chosen, change, list) {
  const select = h('select', { onchange: () => change(events[select.value]) },
    (list || events).map((e) => h('option', { value: e.index, selected: e === chosen }, e.title.replace(' (estimated)', ''))));
  return h('label', {}, label, select);
}

// ---- places

// A tree of {name, full, value: [one for each event], children}; functions are joined over the files of an object.
function buildTree() {
  const node = (name, full, parent) => ({ name, full, parent, value: events.map(() => 0), children: [] });
  const root = node(base(report.program.path || 'program'), report.program.arguments || '', null);
  const addTo = (n, values) => values.forEach((v, e) => { n.value[e] = add(n.value[e], v); });
  for (const [objectName, files] of data.lines) {
    const object = node(objectName ? base(objectName) : '(no object)', objectName, root), functions = new Map();
    root.children.push(object);
    for (const [fileName, list] of files) {
      for (const [functionName, lines] of list) {
        let f = functions.get(functionName);
        if (!f) {
          f = node(functionName || '(no name)', functionName, object);
          functions.set(functionName, f);
          object.children.push(f);
        }
        for (const [number, ...values] of lines) {
          const line = node(fileName ? base(fileName) + ':' + (number === null ? '?' : number) : '(no line)', fileName, f);
          line.line = number;
          f.children.push(line);
          for (const n of [line, f, object, root]) addTo(n, values);
        }
      }
    }
  }
  return root;
}

const tree = buildTree();
const allFunctions = tree.children.flatMap((o) => o.children);
const allLines = allFunctions.flatMap((f) => f.children);
const mappings = data.mappings.map(([name, kind, perms, size, ...value]) => ({ name, kind, perms, size, value }));
const depthOf = (n) => (n.parent ? 1 + depthOf(n.parent) : 0);
const describe = (n) => (['all of ', '', '', ''][depthOf(n)] || '') + (n.full && depthOf(n) !== 0 ? n.full + (n.line ? ':' + n.line : '') : n.name);
