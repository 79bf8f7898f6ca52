// plywood (Turnilo's query library) with its own Druid requester, unmodified: each expression's answer against the same computed row by row.
// usage: node with_plywood.js URL ROWS.jsonl
'use strict';
const fs = require('fs'), assert = require('assert').strict;
const {ply, $, External, Dataset} = require('plywood');
const {druidRequesterFactory} = require('plywood-druid-requester');
const url = new URL(process.argv[2]);
const rows = fs.readFileSync(process.argv[3], 'utf8').trim().split('\n').map(line => JSON.parse(line));
const begin = Date.UTC(2026, 2, 1), end = Date.UTC(2026, 2, 11), day = 86400000;
const requester = druidRequesterFactory({host: url.host, timeout: 120000});
const sum = (list, column) => list.reduce((s, r) => s + (r[column] || 0), 0);
const groups = (list, key) => { const m = new Map(); for (const r of list) { const k = key(r); if (!m.has(k)) m.set(k, []); m.get(k).push(r); } return m; };
const byText = (a, b) => a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1;

const external = (extra) => External.fromJS(Object.assign({
  engine: 'druid', version: '33.0.0', source: 'sales', timeAttribute: '__time', allowSelectQueries: true, context: {timeout: 120000},
  attributes: [{name: '__time', type: 'TIME'}, {name: 'country', type: 'STRING'}, {name: 'product', type: 'STRING'}, {name: 'buyer', type: 'STRING'},
    {name: 'tags', type: 'SET/STRING'}, {name: 'units', type: 'NUMBER'}, {name: 'price', type: 'NUMBER'}],
  filter: $('__time').overlap({start: new Date(begin), end: new Date(end)})}, extra), requester);
const ask = (expression) => expression.compute({sales: external()}).then(v => v.toJS ? v.toJS() : v);
const table = (v) => v.data || v;

const checks = {
  'a total of everything': async () => {
    const got = table(await ask(ply().apply('sales', $('sales')).apply('n', '$sales.count()').apply('units', '$sales.sum($units)').apply('ratio', '$sales.sum($units) / $sales.count()')))[0];
    assert.equal(got.n, rows.length);
    assert.equal(got.units, sum(rows, 'units'));
    assert.equal(got.ratio, sum(rows, 'units') / rows.length);
  },
  'a split on one dimension is a topN': async () => {
    const got = table(await ask($('sales').split('$product', 'product').apply('units', '$sales.sum($units)').sort('$units', 'descending').limit(6)));
    const want = [...groups(rows, r => r.product)].map(([product, g]) => ({product, units: sum(g, 'units')})).sort((a, b) => b.units - a.units || byText(a.product, b.product)).slice(0, 6);
    assert.deepEqual(got.map(r => ({product: r.product, units: r.units})), want);
  },
  'a split on time in a zone with a change to summer time': async () => {
    const got = table(await ask($('sales').split($('__time').timeBucket('P1D', 'America/New_York'), 'day').apply('n', '$sales.count()').sort('$day', 'ascending')));
    const local = new Intl.DateTimeFormat('en-CA', {timeZone: 'America/New_York', year: 'numeric', month: '2-digit', day: '2-digit'});
    const want = [...groups(rows, r => local.format(new Date(r.t)))].sort((a, b) => byText(a[0], b[0])).map(([, g]) => g.length);
    assert.deepEqual(got.map(r => r.n), want);
  },
  'a split on two dimensions is a groupBy': async () => {
    const got = table(await ask($('sales').filter('$units > 1').split({c: '$country', p: '$product'}).apply('n', '$sales.count()').sort('$n', 'descending').limit(4)));
    const want = [...groups(rows.filter(r => r.units > 1), r => r.country + '|' + r.product)].map(([, g]) => g.length).sort((a, b) => b - a).slice(0, 4);
    assert.deepEqual(got.map(r => r.n), want);
  },
  'a nested split asks once for every parent': async () => {
    const got = table(await ask($('sales').split('$country', 'country').apply('n', '$sales.count()').sort('$n', 'descending').limit(3)
      .apply('top', $('sales').split('$product', 'product').apply('n', '$sales.count()').sort('$n', 'descending').limit(2))));
    const countries = groups(rows, r => r.country);
    assert.deepEqual(got.map(r => r.n), [...countries.values()].map(g => g.length).sort((a, b) => b - a).slice(0, 3));
    for (let i = 0; i < 3; i++) {
      const products = [...groups(countries.get(got[i].country), r => r.product)].map(([, g]) => g.length).sort((a, b) => b - a).slice(0, 2);
      assert.deepEqual(table(got[i].top).map(r => r.n), products);
    }
  },
  'filters of every kind': async () => {
    const cases = [["$country == 'Italy'", r => r.country === 'Italy'], ["$country != 'Italy'", r => r.country !== 'Italy' && r.country !== null], ['$country == null', r => r.country === null],
      ["$country.in(['Italy','Norway'])", r => ['Italy', 'Norway'].includes(r.country)], ["$product.match('^p0[12]$')", r => /^p0[12]$/.test(r.product)],
      ["$country.contains('an')", r => r.country && r.country.includes('an')], ["$country.contains('AN','ignoreCase')", r => r.country && r.country.toLowerCase().includes('an')],
      ["$units < 5 and $price == 10", r => r.units !== null && r.units < 5 && r.price === 10], ["$tags == 'sale'", r => (r.tags || []).includes('sale')],
      ["$country == 'Italy' or $product == 'p03'", r => r.country === 'Italy' || r.product === 'p03']];
    for (const [text, hit] of cases) {
      const got = await ask($('sales').filter(text).count());
      assert.equal(got, rows.filter(hit).length, text);
    }
  },
  'filtered aggregates compare with the day before': async () => {
    const inside = (from) => rows.filter(r => r.t >= from && r.t < from + day);
    const at = (from) => $('sales').filter($('__time').overlap({start: new Date(from), end: new Date(from + day)}));
    const got = table(await ask(ply().apply('now', at(begin + 3 * day).sum('$units')).apply('before', at(begin + 2 * day).sum('$units'))))[0];
    assert.deepEqual([got.now, got.before], [sum(inside(begin + 3 * day), 'units'), sum(inside(begin + 2 * day), 'units')]);
  },
  'distinct values and quantities': async () => {
    const got = table(await ask(ply().apply('buyers', '$sales.countDistinct($buyer)').apply('most', '$sales.max($units)').apply('least', '$sales.min($price)').apply('mean', '$sales.average($price)')))[0];
    const buyers = new Set(rows.map(r => r.buyer)).size;
    assert.ok(Math.abs(got.buyers - buyers) < 0.06 * buyers, `${got.buyers} buyers`);
    assert.deepEqual([got.most, got.least], [5, 0.5]);
    assert.ok(Math.abs(got.mean - sum(rows, 'price') / rows.length) < 1e-9);
  },
  'number buckets, substrings and parts of a time': async () => {
    let got = table(await ask($('sales').split('$price.numberBucket(10)', 'p').apply('n', '$sales.count()').sort('$p', 'ascending')));
    assert.deepEqual(got.map(r => r.n), [...groups(rows, r => Math.floor(r.price / 10))].sort((a, b) => a[0] - b[0]).map(([, g]) => g.length));
    got = table(await ask($('sales').split('$product.substr(1,1)', 's').apply('n', '$sales.count()').sort('$s', 'ascending')));
    assert.deepEqual(got.map(r => [r.s, r.n]), [...groups(rows, r => r.product[1])].sort((a, b) => byText(a[0], b[0])).map(([k, g]) => [k, g.length]));
    got = table(await ask($('sales').split("$__time.timePart('HOUR_OF_DAY','Etc/UTC')", 'h').apply('n', '$sales.count()').sort('$h', 'ascending').limit(24)));
    assert.deepEqual(got.map(r => [Number(r.h), r.n]), [...groups(rows, r => new Date(r.t).getUTCHours())].sort((a, b) => a[0] - b[0]).map(([k, g]) => [k, g.length]));
  },
  'raw rows': async () => {
    const got = table(await ask($('sales').filter("$country == 'Norway'").select('__time', 'product', 'units').limit(5)));
    const want = rows.filter(r => r.country === 'Norway');
    assert.equal(got.length, 5);
    for (const r of got) { assert.ok(want.some(w => w.t === new Date(r.__time.value || r.__time).getTime() && w.product === r.product && w.units === r.units)); }
  },
  'it finds the columns by itself': async () => {
    const known = await External.fromJS({engine: 'druid', version: '33.0.0', source: 'sales', timeAttribute: '__time'}, requester).introspect();
    const types = Object.fromEntries(known.attributes.map(a => [a.name, a.type]));
    assert.deepEqual(types, {__time: 'TIME', country: 'STRING', product: 'STRING', buyer: 'STRING', tags: 'SET/STRING', units: 'NUMBER', price: 'NUMBER'});
  },
  'an unknown data source is an error': async () => {
    await assert.rejects($('sales').split('$country', 'country').apply('n', '$sales.count()').limit(3).compute({sales: external({source: 'nothing'})}), /No such datasource|nothing/);
  },
};

(async () => {
  let passed = 0, failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try { await check(); passed++; } catch (e) { failed++; console.log(`FAIL plywood: ${name}: ${e.message.slice(0, 900)}`); }
  }
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed ? 1 : 0);
})();
