'use strict';
const $ = id => document.getElementById(id);
const number = new Intl.NumberFormat('en-US');
let tables = [], before = null;

async function ask(query) {
  const answer = await fetch('/druid/v2', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: typeof query === 'string' ? query : JSON.stringify(query)});
  const text = await answer.text();
  let body;
  try { body = JSON.parse(text); } catch (e) { throw new Error('the answer broke off: ' + text.slice(-200)); }
  if (!answer.ok) throw new Error((body.error ?? answer.status) + ': ' + (body.errorMessage ?? text));
  return body;
}

function bytes(n) {
  for (const [unit, size] of [['GiB', 2 ** 30], ['MiB', 2 ** 20], ['KiB', 2 ** 10]]) if (n >= size) return (n / size).toFixed(1) + ' ' + unit;
  return n + ' B';
}

function fillRows(body, rows) {
  body.replaceChildren(...rows.map(cells => {
    const tr = document.createElement('tr');
    for (const cell of cells) {
      const td = document.createElement('td'), [text, name] = Array.isArray(cell) ? cell : [cell, ''];
      td.textContent = text; if (name) td.className = name;
      tr.append(td);
    }
    return tr;
  }));
}

function fillOptions(select, names, keep) {
  const chosen = keep ?? select.value;
  if ([...select.options].map(o => o.value).join('\n') === names.map(n => n[0]).join('\n')) return;
  select.replaceChildren(...names.map(([value, text]) => new Option(text, value)));
  if (names.some(n => n[0] === chosen)) select.value = chosen;
}

async function refreshTables() {
  const state = await (await fetch('/api/tables')).json();
  $('version').textContent = state.version;
  const seconds = before ? (state.now - before.now) / 1000 : 0, rates = {};
  for (const t of state.tables) {
    const old = before?.tables.find(o => o.name === t.name);
    rates[t.name] = old && seconds > 0 ? Math.max(0, (t.events - old.events) / seconds) : 0;
  }
  if (!before || seconds > .5) before = state;
  tables = state.tables;
  const time = t => t === undefined ? '' : new Date(t).toISOString().replace('T', ' ').slice(0, 19);
  fillRows($('tables').tBodies[0], tables.map(t => [t.name, [number.format(t.events), 'n'], [number.format(t.rows), 'n'], [number.format(t.liveRows), 'n'],
    [t.segments, 'n'], [bytes(t.frozenBytes), 'n'], [bytes(t.liveBytes), 'n'], [number.format(Math.round(rates[t.name])), 'n'], time(t.minTime), time(t.maxTime)]));
  $('rate').textContent = number.format(Math.round(Object.values(rates).reduce((a, b) => a + b, 0)));
  $('events').textContent = number.format(tables.reduce((a, t) => a + t.events, 0));
  const newest = Math.max(...tables.map(t => t.maxTime ?? -Infinity));
  $('fresh').textContent = !isFinite(newest) ? '–' : state.now - newest < 60000 ? Math.max(0, (state.now - newest) / 1000).toFixed(1) + ' s ago' : new Date(newest).toISOString().slice(0, 16).replace('T', ' ');
  fillOptions($('source'), tables.map(t => [t.name, t.name]));
}

async function refreshSupervisors() {
  const ids = await (await fetch('/druid/indexer/v1/supervisor')).json();
  const rows = [];
  let lag = 0;
  for (const id of ids) {
    const at = '/druid/indexer/v1/supervisor/' + encodeURIComponent(id);
    const [status, stats] = await Promise.all([fetch(at + '/status').then(r => r.json()), fetch(at + '/stats').then(r => r.json())]);
    const p = status.payload ?? {}, totals = {processed: 0, unparseable: 0, thrownAway: 0};
    for (const group of Object.values(stats)) for (const task of Object.values(group)) for (const k of Object.keys(totals)) totals[k] += task?.totals?.buildSegments?.[k] ?? 0;
    lag += p.aggregateLag ?? 0;
    rows.push([id, [p.detailedState ?? p.state ?? '', p.healthy === false ? 'bad' : ''], p.stream ?? '', [p.partitions ?? '', 'n'], [number.format(p.aggregateLag ?? 0), 'n'],
      [number.format(totals.processed), 'n'], [number.format(totals.unparseable), 'n'], [number.format(totals.thrownAway), 'n']]);
  }
  fillRows($('supervisors').tBodies[0], rows);
  $('lag').textContent = ids.length ? number.format(lag) : '–';
}

async function refreshHealth() {
  const answer = await fetch('/status/health');
  $('health').textContent = answer.ok ? 'healthy' : 'unhealthy';
  $('health').className = answer.ok ? 'good' : 'bad';
}

async function refreshDimensions() {
  const source = $('source').value;
  if (!source) return;
  const found = await (await fetch('/druid/v2/datasources/' + encodeURIComponent(source) + '?interval=1970/2200')).json();
  fillOptions($('split'), [['', 'nothing'], ...found.dimensions.sort().map(d => [d, d])]);
}

async function refreshLive() {
  const source = $('source').value, table = tables.find(t => t.name === source);
  if (!table || document.hidden) return;
  const span = Number($('span').value) * 1000, step = span > 600000 ? 'minute' : 'second', width = step === 'second' ? 1000 : 60000;
  const now = Date.now(), recent = table.maxTime === undefined || table.maxTime > now - span;
  const to = Math.floor((recent ? now : table.maxTime + width) / width) * width, from = to - span;
  const count = (await hasCount(source)) ? {type: 'longSum', name: 'n', fieldName: 'count'} : {type: 'count', name: 'n'};
  const common = {dataSource: source, intervals: [new Date(from).toISOString() + '/' + new Date(to).toISOString()], aggregations: [count]};
  const split = $('split').value, filler = () => { const m = new Map(); for (let t = from; t < to; t += width) m.set(t, 0); return m; };
  const perSecond = n => (n ?? 0) * 1000 / width;
  let series;
  if (!split) {
    const points = filler();
    for (const r of await ask({queryType: 'timeseries', granularity: step, ...common})) points.set(Date.parse(r.timestamp), perSecond(r.result.n));
    series = [{name: 'events per second', points: [...points].filter(p => p[0] >= from)}];
  } else {
    const top = await ask({queryType: 'topN', granularity: 'all', dimension: split, metric: 'n', threshold: 6, ...common});
    const names = (top[0]?.result ?? []).map(r => r[split]);
    const rows = await ask({queryType: 'groupBy', granularity: step, dimensions: [split], filter: {type: 'in', dimension: split, values: names}, ...common});
    const byName = new Map(names.map(n => [n, filler()]));
    for (const r of rows) byName.get(r.event[split])?.set(Date.parse(r.timestamp), perSecond(r.event.n));
    series = names.map(n => ({name: n ?? 'null', points: [...byName.get(n)]}));
  }
  lineChart($('live'), series, from, to);
  $('legend').replaceChildren(...series.map((s, i) => { const e = document.createElement('span'), dot = document.createElement('i'); dot.style.background = COLOURS[i % COLOURS.length]; e.append(dot, s.name); return e; }));
}

const countColumns = new Map();
async function hasCount(source) {
  if (!countColumns.has(source)) {
    const found = await (await fetch('/druid/v2/datasources/' + encodeURIComponent(source) + '?interval=1970/2200')).json();
    if (!found.dimensions.length && !found.metrics.length) return false;
    countColumns.set(source, found.metrics.includes('count'));
  }
  return countColumns.get(source);
}

// An answer of any query type as columns and rows.
function flatten(answer) {
  const rows = [];
  for (const entry of Array.isArray(answer) ? answer : [answer]) {
    if (entry?.events) for (const e of entry.events) rows.push(Array.isArray(e) ? Object.fromEntries(e.map((v, i) => [entry.columns[i], v])) : e);
    else if (Array.isArray(entry?.result)) for (const r of entry.result) rows.push({timestamp: entry.timestamp, ...r});
    else if (entry?.result || entry?.event) rows.push({timestamp: entry.timestamp, ...(entry.result ?? entry.event)});
    else rows.push(Array.isArray(entry) ? Object.fromEntries(entry.map((v, i) => [i, v])) : entry);
  }
  return {columns: [...new Set(rows.flatMap(r => Object.keys(r)))], rows};
}

function showChart({columns, rows}) {
  const metric = columns.find(c => c !== 'timestamp' && c !== '__time' && rows.some(r => typeof r[c] === 'number'));
  const label = columns.find(c => c !== 'timestamp' && rows.every(r => r[c] === null || typeof r[c] === 'string'));
  const times = rows.map(r => Date.parse(r.timestamp));
  const canvas = $('chart');
  canvas.hidden = !metric || rows.length < 2;
  if (canvas.hidden) return;
  if (!label && new Set(times).size === rows.length) lineChart(canvas, [{name: metric, points: rows.map((r, i) => [times[i], r[metric]])}], times[0], times[times.length - 1]);
  else barChart(canvas, rows.slice(0, 60).map(r => [label ? r[label] : r.timestamp, r[metric]]));
}

async function runQuery() {
  $('run').disabled = true; $('error').hidden = true; $('timing').textContent = '';
  const start = performance.now();
  try {
    const answer = await ask($('query').value), ms = performance.now() - start, table = flatten(answer), head = document.createElement('tr');
    const numeric = new Set(table.columns.filter(c => table.rows.every(r => r[c] === null || r[c] === undefined || typeof r[c] === 'number')));
    for (const c of table.columns) { const th = document.createElement('th'); th.textContent = c; if (numeric.has(c)) th.className = 'n'; head.append(th); }
    $('result').tHead.replaceChildren(head);
    fillRows($('result').tBodies[0], table.rows.slice(0, 1000).map(r => table.columns.map(c => r[c] === null || r[c] === undefined ? ['null', 'null'] :
      [typeof r[c] === 'object' ? JSON.stringify(r[c]) : String(r[c]), numeric.has(c) ? 'n' : ''])));
    $('timing').textContent = number.format(table.rows.length) + ' rows in ' + ms.toFixed(1) + ' ms' + (table.rows.length > 1000 ? ', the first 1,000 shown' : '');
    showChart(table);
  } catch (e) {
    $('error').textContent = e.message; $('error').hidden = false; $('chart').hidden = true;
    $('result').tHead.replaceChildren(); $('result').tBodies[0].replaceChildren();
  }
  $('run').disabled = false;
}

function examples(source, dimension) {
  const iv = ['1970/2200'], n = [{type: 'count', name: 'rows'}];
  return [
    ['timeseries by minute', {queryType: 'timeseries', dataSource: source, granularity: 'minute', intervals: iv, aggregations: n, context: {skipEmptyBuckets: true}}],
    ['topN', {queryType: 'topN', dataSource: source, dimension, metric: 'rows', threshold: 10, granularity: 'all', intervals: iv, aggregations: n}],
    ['groupBy', {queryType: 'groupBy', dataSource: source, dimensions: [dimension], granularity: 'hour', intervals: iv, aggregations: n, limitSpec: {type: 'default', limit: 50, columns: [{dimension: 'rows', direction: 'descending', dimensionOrder: 'numeric'}]}}],
    ['scan, newest rows', {queryType: 'scan', dataSource: source, order: 'descending', limit: 20, columns: [], intervals: iv}],
    ['timeBoundary', {queryType: 'timeBoundary', dataSource: source}],
    ['segmentMetadata', {queryType: 'segmentMetadata', dataSource: source, merge: true}],
  ];
}

function refreshExamples() {
  const source = $('source').value || 'shop', dimension = $('split').options[1]?.value ?? 'country';
  const list = examples(source, dimension);
  fillOptions($('example'), list.map(([name], i) => [String(i), name]));
  const show = () => { $('query').value = JSON.stringify(examples($('source').value || 'shop', $('split').options[1]?.value ?? 'country')[Number($('example').value)][1], null, 2); };
  $('example').onchange = show;
  show();
}

async function every(ms, work) {
  for (;;) {
    try { await work(); } catch (e) { $('health').textContent = 'no answer'; $('health').className = 'bad'; }
    await new Promise(done => setTimeout(done, ms));
  }
}

$('run').onclick = runQuery;
$('query').addEventListener('keydown', e => { if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) runQuery(); });
$('source').onchange = async () => { await refreshDimensions(); refreshExamples(); refreshLive(); };
$('span').onchange = $('split').onchange = refreshLive;
(async () => {
  try { await refreshTables(); await refreshDimensions(); } catch (e) { /* the loops below say it */ }
  refreshExamples();
  every(1000, refreshTables); every(2000, refreshSupervisors); every(2000, refreshHealth); every(1000, refreshLive); every(10000, refreshDimensions);
})();
