/**
 * Plots of a few curves: as characters for the terminal, as SVG for a page. No library, no script.
 *
 * @module
 */

import { formatNumber } from './table.ts';

/** A curve. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** What is plotted, and how. */
export interface Plot {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly logX?: boolean;
  readonly logY?: boolean;
  readonly series: readonly Series[];
}

interface Scale {
  readonly low: number;
  readonly high: number;
  /** Maps a value to [0, 1]. */
  readonly place: (value: number) => number;
  readonly ticks: readonly number[];
}

function createScale(values: readonly number[], log: boolean): Scale {
  const usable = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  let low = Math.min(...usable);
  let high = Math.max(...usable);
  if (!(high > low)) [low, high] = [low * 0.5 - (log ? 0 : 1), high * 2 + 1];
  if (!log && low > 0 && low < high / 2) low = 0;
  const to = (value: number): number => (log ? Math.log10(value) : value);
  const place = (value: number): number => (to(value) - to(low)) / (to(high) - to(low));
  return { low, high, place, ticks: log ? logTicks(low, high) : linearTicks(low, high) };
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * ([1, 2, 5, 10].find((m) => m * unit >= rough) ?? 10);
  const ticks = [];
  for (let i = Math.ceil(low / step); i * step <= high * (1 + 1e-9); i += 1)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

function logTicks(low: number, high: number): number[] {
  const decades = Math.log10(high / low);
  const stride = Math.max(1, Math.ceil(decades / 7));
  const ticks = [];
  for (let e = Math.ceil(Math.log10(low) - 1e-9); 10 ** e <= high * (1 + 1e-9); e += stride)
    ticks.push(Number(`1e${e}`));
  if (ticks.length >= 2) return ticks;
  return [1, 2, 5]
    .flatMap((m) => [m * 10 ** Math.floor(Math.log10(low)), m * 10 ** Math.ceil(Math.log10(low))])
    .filter((x) => x >= low && x <= high);
}

function scalesOf({ series, logX = false, logY = false }: Plot): { readonly x: Scale; readonly y: Scale } {
  const points = series.flatMap((curve) => curve.points);
  return {
    x: createScale(
      points.map(([x]) => x),
      logX,
    ),
    y: createScale(
      points.map(([, y]) => y),
      logY,
    ),
  };
}

const MARKS = ['●', '○', '◆', '◇', '▲'];

/** Draws a plot with characters. */
export function plotInTerminal(
  plot: Plot,
  { width = 72, height = 18 }: { width?: number; height?: number } = {},
): string {
  const { x, y } = scalesOf(plot);
  const labels = y.ticks.map((tick) => formatNumber(tick));
  const margin = Math.max(...labels.map((label) => label.length), 4) + 1;
  const grid = Array.from({ length: height }, () => Array.from({ length: width }, () => ' '));
  plot.series.forEach(({ points }, s) => {
    for (const [px, py] of points) {
      const column = Math.round(x.place(px) * (width - 1));
      const line = Math.round((1 - y.place(py)) * (height - 1));
      const cells = grid[line];
      if (cells !== undefined && column >= 0 && column < width) cells[column] = MARKS[s % MARKS.length] as string;
    }
  });
  const rowOf = (tick: number): number => Math.round((1 - y.place(tick)) * (height - 1));
  const rows = grid.map((cells, line) => {
    const tick = y.ticks.findIndex((value) => rowOf(value) === line);
    const label = tick === -1 ? '' : (labels[tick] as string);
    return `${label.padStart(margin)} ${tick === -1 ? '│' : '┤'}${cells.join('').trimEnd()}`;
  });
  const axis = Array.from({ length: width }, () => '─');
  const below = Array.from({ length: width + 8 }, () => ' ');
  for (const tick of x.ticks) {
    const column = Math.round(x.place(tick) * (width - 1));
    axis[column] = '┬';
    const text = formatNumber(tick);
    const start = Math.max(0, column - Math.floor(text.length / 2));
    if (below.slice(Math.max(0, start - 1), start + text.length).every((cell) => cell === ' ')) {
      for (let i = 0; i < text.length; i += 1) below[start + i] = text.charAt(i);
    }
  }
  const pad = ' '.repeat(margin + 1);
  const legend = plot.series.map(({ name }, s) => `${MARKS[s % MARKS.length]} ${name}`).join('   ');
  return [
    plot.title,
    `${plot.yLabel} ↑`,
    ...rows,
    `${pad}└${axis.join('')}`,
    `${pad} ${below.join('').trimEnd()}`,
    `${pad} ${plot.xLabel} →    ${legend}`,
  ].join('\n');
}

const COLORS = ['#2b6cb0', '#c05621', '#2f855a', '#6b46c1', '#b83280'];
const SIZE = { width: 760, height: 460, left: 84, right: 24, top: 48, bottom: 96 };

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

/** Draws a plot as an SVG document. */
export function plotAsSvg(plot: Plot): string {
  const { x, y } = scalesOf(plot);
  const { width, height, left, right, top, bottom } = SIZE;
  const px = (value: number): number => left + x.place(value) * (width - left - right);
  const py = (value: number): number => height - bottom - y.place(value) * (height - top - bottom);
  const at = (value: number): string => value.toFixed(1);
  const lines: string[] = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(plot.title)}" font-family="system-ui, sans-serif" font-size="13">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${left}" y="26" font-size="16" font-weight="600" fill="#1a202c">${escapeText(plot.title)}</text>`,
  ];
  for (const tick of y.ticks) {
    lines.push(
      `<line x1="${left}" x2="${width - right}" y1="${at(py(tick))}" y2="${at(py(tick))}" stroke="#e2e8f0"/>`,
      `<text x="${left - 8}" y="${at(py(tick) + 4)}" text-anchor="end" fill="#4a5568">${formatNumber(tick)}</text>`,
    );
  }
  for (const tick of x.ticks) {
    lines.push(
      `<line x1="${at(px(tick))}" x2="${at(px(tick))}" y1="${top}" y2="${height - bottom}" stroke="#edf2f7"/>`,
      `<text x="${at(px(tick))}" y="${height - bottom + 20}" text-anchor="middle" fill="#4a5568">${formatNumber(tick)}</text>`,
    );
  }
  lines.push(
    `<text x="${(left + width - right) / 2}" y="${height - bottom + 44}" text-anchor="middle" fill="#1a202c">${escapeText(plot.xLabel)}</text>`,
    `<text transform="translate(20 ${(top + height - bottom) / 2}) rotate(-90)" text-anchor="middle" fill="#1a202c">${escapeText(plot.yLabel)}</text>`,
  );
  plot.series.forEach(({ name, points }, s) => {
    const color = COLORS[s % COLORS.length] as string;
    const path = points
      .filter(([a, b]) => Number.isFinite(px(a)) && Number.isFinite(py(b)))
      .map(([a, b], i) => `${i === 0 ? 'M' : 'L'}${at(px(a))} ${at(py(b))}`)
      .join('');
    const legendX = left + s * ((width - left - right) / plot.series.length);
    lines.push(
      `<path d="${path}" fill="none" stroke="${color}" stroke-width="2"/>`,
      `<line x1="${at(legendX)}" x2="${at(legendX + 18)}" y1="${height - 22}" y2="${height - 22}" stroke="${color}" stroke-width="3"/>`,
      `<text x="${at(legendX + 24)}" y="${height - 18}" fill="#1a202c">${escapeText(name)}</text>`,
    );
  });
  return `${[...lines, '</svg>'].join('\n')}\n`;
}
