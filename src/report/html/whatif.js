// SPDX-License-Identifier: MIT
// whatif.js - the run under other settings: the table of `pagewalk whatif`, with the range of each change in run time drawn.

function whatifView(panel) {
  const rows = data.whatif.alternatives, known = rows.filter((a) => a.run_time_change_percent), signed = (p) => (p > 0 ? '+' : '') + p.toFixed(1) + ' %';
  const reach = Math.max(1, ...known.flatMap((a) => [a.run_time_change_percent.low, a.run_time_change_percent.high].map(Math.abs))), width = 700, row = 28, at = (p) => 500 + (p / reach) * (width / 2);
  const column = (title, get, show) => ({ title, get: (a) => (a.outcome ? get(a.outcome) : null), show });
  panel.append(heading('Change in run time', 'estimated'),
    read('A bar reaches from the least to the greatest change that the assumptions below allow, the line in it is their middle. To the left of the middle the run would be faster. ' +
      (data.whatif.seconds ? `The run as recorded takes ${data.whatif.seconds} s of CPU time, as was told.` : 'How long the run takes natively was not told (whatif --seconds), so the ranges are wider.')),
    h('svg', { viewBox: `0 0 1232 ${known.length * row + 10}`, role: 'img', 'aria-label': 'Change in run time by setting' }, known.flatMap((a, i) => {
      const c = a.run_time_change_percent, y = i * row;
      return [h('text', { x: 140, y: y + 24, 'text-anchor': 'end', class: 'ink' }, a.settings.slice(0, 20), h('title', {}, a.settings)),
        h('rect', { x: at(c.low), y: y + 9, width: Math.max(1, at(c.high) - at(c.low)), height: row - 8, class: c.high < 0 ? 'k2' : c.low > 0 ? 'k1' : 'k5' }, h('title', {}, `${signed(c.low)} to ${signed(c.high)}`)),
        h('rect', { x: at(c.middle) - 1, y: y + 5, width: 2, height: row, class: 'k0' }), h('text', { x: 870, y: y + 24, class: 'ink' }, `${signed(c.middle)} (${signed(c.low)} to ${signed(c.high)})`)];
    })),
    heading('Counts', 'exact, modelled, estimated'), read('The same run replayed under each setting; counts as in the other views. Populated pages were filled in ahead, without a fault.'),
    sortable([{ title: 'setting', name: true, get: (a) => a.settings }, column('walk cycles', (o) => o.walk_cycles), column('walks', (o) => o.walks), column('faults', (o) => o.faults.minor + o.faults.major),
      column('huge', (o) => o.faults.huge), column('populated', (o) => o.populated), column('copied', (o) => o.copied_pages), column('resident at most', (o) => o.peak_rss_pages, pages),
      column('page tables at most', (o) => o.peak_table_pages, pages), { title: 'run time', get: (a) => (a.run_time_change_percent ? -a.run_time_change_percent.middle : null), show: (v) => (v === null ? 'unknown' : signed(-v)) }],
    rows, 9).element,
    heading('What the change is worked out from', 'estimated'), read('Each factor lies somewhere in its range; measured ones come from pagewalk probe on the machine of the profile.'),
    table(['factor', 'from', 'to', ''], data.whatif.assumed.map((a) => [a.what, String(a.low), String(a.high), a.measured ? 'measured' : 'assumed'])));
}
