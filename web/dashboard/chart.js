'use strict';
// Line and bar charts on a canvas. series: [{name, points: [[x, y], ...]}]; x is ms for lines, a label for bars.
const COLOURS = ['#0b6fa4', '#d97706', '#1b7f4b', '#8e44ad', '#c0392b', '#2aa198', '#7f8c8d', '#b58900', '#3949ab', '#ad1457'];

function compact(n) {
  const a = Math.abs(n);
  if (a >= 1e9) return (n / 1e9).toFixed(a >= 1e10 ? 0 : 1) + ' G';
  if (a >= 1e6) return (n / 1e6).toFixed(a >= 1e7 ? 0 : 1) + ' M';
  if (a >= 1e4) return (n / 1e3).toFixed(a >= 1e5 ? 0 : 1) + ' k';
  return Number.isInteger(n) ? String(n) : n.toFixed(a < 10 ? 2 : 1);
}

function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map(m => m * power).find(v => v >= value);
}

function prepare(canvas) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = Number(canvas.getAttribute('height'));
  canvas.style.height = height + 'px';
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) { canvas.height = Math.round(height * ratio); canvas.setAttribute('height', height); canvas.height = Math.round(height * ratio); }
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  g.clearRect(0, 0, width, height);
  const style = getComputedStyle(document.documentElement);
  g.font = '12px system-ui, sans-serif';
  return {g, width, height, line: style.getPropertyValue('--line'), soft: style.getPropertyValue('--soft')};
}

function grid({g, width, height, line, soft}, top, box) {
  g.strokeStyle = line; g.fillStyle = soft; g.lineWidth = 1; g.textAlign = 'right'; g.textBaseline = 'middle';
  for (let i = 0; i <= 4; i++) {
    const y = box.y + box.h - box.h * i / 4;
    g.beginPath(); g.moveTo(box.x, y + .5); g.lineTo(width, y + .5); g.stroke();
    g.fillText(compact(top * i / 4), box.x - 6, y);
  }
}

function lineChart(canvas, series, from, to) {
  const c = prepare(canvas), box = {x: 54, y: 8, w: c.width - 62, h: c.height - 34};
  const top = niceTop(Math.max(0, ...series.flatMap(s => s.points.map(p => p[1] ?? 0))));
  grid(c, top, box);
  const g = c.g, x = t => box.x + box.w * (t - from) / Math.max(1, to - from), y = v => box.y + box.h - box.h * v / top;
  g.textAlign = 'center'; g.textBaseline = 'top'; g.fillStyle = c.soft;
  const days = to - from > 2 * 86400e3;
  for (let i = 0; i <= 4; i++) {
    const t = new Date(from + (to - from) * i / 4).toISOString();
    g.fillText(days ? t.slice(0, 10) : t.slice(11, 19), Math.min(Math.max(x(from + (to - from) * i / 4), box.x + 24), c.width - 28), box.y + box.h + 8);
  }
  series.forEach((s, i) => {
    g.beginPath(); g.strokeStyle = COLOURS[i % COLOURS.length]; g.lineWidth = 1.6;
    s.points.forEach((p, k) => k ? g.lineTo(x(p[0]), y(p[1] ?? 0)) : g.moveTo(x(p[0]), y(p[1] ?? 0)));
    g.stroke();
    if (series.length === 1 && s.points.length) {
      g.lineTo(x(s.points[s.points.length - 1][0]), y(0)); g.lineTo(x(s.points[0][0]), y(0)); g.closePath();
      g.globalAlpha = .15; g.fillStyle = COLOURS[0]; g.fill(); g.globalAlpha = 1;
    }
  });
}

function barChart(canvas, bars) {
  const c = prepare(canvas), box = {x: 54, y: 8, w: c.width - 62, h: c.height - 44};
  const top = niceTop(Math.max(0, ...bars.map(b => b[1] ?? 0)));
  grid(c, top, box);
  const g = c.g, step = box.w / Math.max(1, bars.length), wide = Math.max(1, Math.min(60, step * .7));
  g.textAlign = 'center'; g.textBaseline = 'top';
  bars.forEach((b, i) => {
    const h = Math.max(0, box.h * (b[1] ?? 0) / top), mid = box.x + step * (i + .5);
    g.fillStyle = COLOURS[0]; g.fillRect(mid - wide / 2, box.y + box.h - h, wide, h);
    if (step > 34) {
      g.fillStyle = c.soft;
      const most = Math.floor(step / 7), text = String(b[0] ?? 'null');
      g.fillText(text.length > most ? text.slice(0, most - 1) + '…' : text, mid, box.y + box.h + 8);
    }
  });
}
