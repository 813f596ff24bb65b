/**
 * Tables for people.
 *
 * @module
 */

/** Which way a figure may be rounded: a bound only outwards. */
export type Rounding = 'nearest' | 'up' | 'down';

/** Prints a number short enough to read: four significant digits. */
export function formatNumber(value: number, rounding: Rounding = 'nearest'): string {
  if (!Number.isFinite(value)) return value > 0 ? '∞' : String(value);
  if (value === 0 || (Number.isInteger(value) && Math.abs(value) < 1e9)) return String(value);
  const nearest = Number(value.toPrecision(4));
  // One unit of the fourth digit, where rounding to nearest went the wrong way.
  const unit = Number(`1e${Number(Math.abs(value).toExponential(3).split('e')[1]) - 3}`);
  if (rounding === 'up' && nearest < value) return String(Number((nearest + unit).toPrecision(4)));
  if (rounding === 'down' && nearest > value) return String(Number((nearest - unit).toPrecision(4)));
  return String(nearest);
}

/** Lays out rows under a header; numbers to the right. */
export function formatTable(header: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => (typeof cell === 'number' ? formatNumber(cell) : cell)));
  const widths = header.map((title, i) => Math.max(title.length, ...cells.map((row) => (row[i] ?? '').length)));
  const right = header.map((_, i) => rows.every((row) => typeof row[i] === 'number'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, i) => (right[i] === true ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join('  ')
      .trimEnd();
  return [line(header), line(widths.map((width) => '─'.repeat(width))), ...cells.map(line)].join('\n');
}
