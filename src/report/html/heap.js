// SPDX-License-Identifier: MIT
// heap.js - allocation sites (--heap): whose blocks were missed, and how well they fill the pages they touch.

function heapView(panel) {
  const sites = report.allocations.map((s) => ({ ...s, rate: s.accesses ? s.l1d_miss / s.accesses : null, fill: s.pages_touched ? s.pages_used / s.pages_touched : null }));
  const most = (key) => Math.max(1, ...sites.map((s) => s[key] || 0)), place = (s) => (s.file ? `${base(s.file)}:${num(s.line)}` : s.object ? base(s.object) : '');
  const column = (title, key, show) => ({ title, get: (s) => s[key], show, heat: ['walk_cycles', 'l1d_miss', 'minor', 'cow'].includes(key) ? most(key) : 0 });
  const t = sortable([
    { title: 'site', name: true, get: (s) => s.function || '(no name)', hint: (s) => `${s.function || ''} ${s.file || ''} ${s.object || ''}` },
    { title: 'at', name: true, get: place, hint: (s) => s.file || s.object }, { title: 'by', name: true, get: (s) => s.how },
    column('walk cycles', 'walk_cycles'), column('L1 misses', 'l1d_miss'), column('accesses', 'accesses'),
    { title: 'misses per access', get: (s) => s.rate, show: (v) => percent(v, 1) },
    column('blocks', 'blocks'), column('bytes in all', 'bytes', bytes), column('at most', 'peak_bytes', bytes), column('pages touched', 'pages_touched'), column('pages used', 'pages_used'),
    { title: 'filled', get: (s) => s.fill, show: (v) => (v === null ? '-' : percent(v, 1)) }, column('faults', 'minor'), column('copied', 'cow')],
  sites, 3, { text: (s) => `${s.how} ${s.function} ${s.file} ${s.object}`, placeholder: 'function, file or object' });
  panel.append(heading('Allocation sites', 'exact; accesses and cycles estimated'),
    read('Each miss, walk, fault and copy of data belongs to the block it was made in, and the block to the place that asked for it: the first caller that is no wrapper of an allocator. ' +
      'Pages used: as many as the bytes on the touched pages would fill. Where far fewer are used than touched, blocks that are used together lie apart. Accesses are sampled.'),
    h('div', { class: 'bar' }, t.find, t.count), t.element);
}
