import { type Html, html as markup } from '../../chaos/report/html.js';
import { countTicks, type Ticks } from '../../chaos/report/scales.js';
import { type Plot } from '../benchmark.js';
import { type Spread } from '../statistics.js';
import { figure } from './wording.js';

const width = 860;
const panelHeight = 300;
/** Around the bars: the axis on the left, title and legend above, the groups' names below. */
const margin = { left: 84, right: 15, top: 62, bottom: 44 } as const;
const plotted = {
  width: width - margin.left - margin.right,
  height: panelHeight - margin.top - margin.bottom,
} as const;
/** Colours that differ in print, and for readers who do not see red and green. */
const colors = ['#1f5fd6', '#f0a202', '#7a8594', '#12946d', '#b5477f', '#4cb5e8'] as const;

/** One SVG for a benchmark: its plots below each other. */
export function plotsSvg(plots: readonly Plot[]): string {
  const height = panelHeight * plots.length;
  const panels = plots.map(
    (plot, i) => markup`<g transform="translate(0 ${i * panelHeight})">${panel(plot)}</g>\n`,
  );
  const svg = markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="12" fill="#222">
<rect width="100%" height="100%" fill="#fff"/>
${panels}</svg>
`;
  return svg.text;
}

function panel({ title, unit, by, groups, series }: Plot): Html {
  const most = Math.max(0, ...series.flatMap(({ values }) => values.map((value) => value?.max ?? 0)));
  // The axis of counts knows no steps below 1: what is small is drawn a thousand times as large.
  const scale = most < 10 ? 1000 : 1;
  const ticks = countTicks(most * scale);
  const y = (value: number) => round(margin.top + plotted.height * (1 - (value * scale) / ticks.end));
  const valuesOf = (i: number) => series.map(({ values }) => values[i] ?? null);
  return markup`
<text x="${margin.left}" y="20" font-size="14" font-weight="600">${title}</text>
${legend(series.map(({ name }) => name))}
${axis(ticks, scale, unit)}
${groups.map((name, i) => group({ name, i, of: groups.length, values: valuesOf(i), y }))}
<text x="${margin.left + plotted.width / 2}" y="${panelHeight - 8}" text-anchor="middle" fill="#555">${by}</text>`;
}

function legend(names: readonly string[]): Html {
  let x: number = margin.left;
  const entries = names.map((name, i) => {
    const at = round(x);
    x += 26 + name.length * 6.6;
    return markup`<rect x="${at}" y="32" width="11" height="11" fill="${colorOf(i)}"/><text x="${at + 16}" y="42">${name}</text>`;
  });
  return markup`${entries}`;
}

function axis(ticks: Ticks, scale: number, unit: string): Html {
  const marks = ticks.at.map((at) => {
    const y = round(margin.top + plotted.height * (1 - at / ticks.end));
    const label = (at / scale).toLocaleString('en');
    return markup`<path d="M${margin.left} ${y}H${width - margin.right}" stroke="#ddd"/><text x="${margin.left - 6}" y="${y + 4}" text-anchor="end" fill="#555">${label}</text>\n`;
  });
  return markup`<text x="4" y="42" fill="#555">${unit}</text>\n${marks}`;
}

interface Group {
  readonly name: string;
  readonly i: number;
  readonly of: number;
  readonly values: readonly (Spread | null)[];
  readonly y: (value: number) => number;
}

function group({ name, i, of, values, y }: Group): Html {
  const room = plotted.width / of;
  const left = margin.left + i * room;
  const barWidth = Math.min(60, (room * 0.86) / values.length);
  const start = left + (room - barWidth * values.length) / 2;
  const bars = values.flatMap((value, k) =>
    value === null ? [] : [bar(value, { x: start + k * barWidth, width: barWidth, fill: colorOf(k), y })],
  );
  return markup`<text x="${round(left + room / 2)}" y="${panelHeight - 26}" text-anchor="middle">${name}</text>\n${bars}`;
}

interface BarPlace {
  readonly x: number;
  readonly width: number;
  readonly fill: string;
  readonly y: (value: number) => number;
}

function bar({ median, min, max }: Spread, { x, width, fill, y }: BarPlace): Html {
  const middle = round(x + width / 2);
  const top = y(median);
  const body = markup`<rect x="${round(x + 1)}" y="${top}" width="${round(width - 2)}" height="${round(y(0) - top)}" fill="${fill}"/>`;
  const span = markup`<path d="M${middle} ${y(min)}V${y(max)}" stroke="#222"/>`;
  return markup`${body}${span}<text x="${middle}" y="${round(y(max) - 4)}" text-anchor="middle" font-size="10">${figure(median)}</text>\n`;
}

const colorOf = (i: number) => colors[i % colors.length] ?? colors[0];
const round = (value: number) => Math.round(value * 10) / 10;
