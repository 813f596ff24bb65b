/**
 * Line plots as SVG that takes its colors from the page, so that they are readable in the dark.
 *
 * @module
 */

/** A line of points. */
export interface Line {
  readonly label: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly kind: 'main' | 'limit' | 'reference';
}

interface PlotOptions {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  readonly lines: readonly Line[];
  readonly maxX: number;
  readonly maxY: number;
}

const WIDTH = 560;
const HEIGHT = 300;
const LEFT = 56;
const BOTTOM = 44;
const TOP = 14;
const RIGHT = 16;

/** Steps of 1, 2 or 5 times a power of ten, about five of them. */
function ticksTo(max: number): number[] {
  const rough = max / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) ?? rough;
  const count = Math.floor(max / step + 1e-9);
  return Array.from({ length: count + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Draws lines. */
export function drawPlot({ title, x, y, lines, maxX, maxY }: PlotOptions): string {
  const atX = (value: number): number => LEFT + ((WIDTH - LEFT - RIGHT) * value) / maxX;
  const atY = (value: number): number => HEIGHT - BOTTOM - ((HEIGHT - BOTTOM - TOP) * value) / maxY;
  const grid = [
    ...ticksTo(maxX).map(
      (tick) =>
        `<line class="grid" x1="${atX(tick)}" x2="${atX(tick)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"/>` +
        `<text x="${atX(tick)}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tick}</text>`,
    ),
    ...ticksTo(maxY).map(
      (tick) =>
        `<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${atY(tick)}" y2="${atY(tick)}"/>` +
        `<text x="${LEFT - 8}" y="${atY(tick) + 4}" text-anchor="end">${tick}</text>`,
    ),
  ];
  const paths = lines.map(({ points, kind, label }) => {
    const path = points
      .map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${atX(px).toFixed(1)} ${atY(py).toFixed(1)}`)
      .join('');
    return `<path class="${kind}" d="${path}"><title>${escape(label)}</title></path>`;
  });
  const legend = lines.map(({ label, kind }) => `<span class="key ${kind}"></span>${escape(label)}`).join('&ensp;');
  return (
    `<figure><figcaption>${escape(title)}</figcaption>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${escape(title)}">${grid.join('')}${paths.join('')}` +
    `<text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">${escape(x)}</text>` +
    `<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escape(y)}</text></svg>` +
    `<p class="legend">${legend}</p></figure>`
  );
}
