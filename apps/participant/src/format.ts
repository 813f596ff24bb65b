/** Numbers as people read them. */

/** A number with three significant digits, without needless zeros. */
export function short(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  return value === 0 ? '0' : Number(value.toPrecision(3)).toLocaleString('en', { maximumSignificantDigits: 3 });
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function bytes(value: number): string {
  if (value < 1000) return `${value} bytes`;
  return value < 1e6 ? `${short(value / 1000)} kB` : `${short(value / 1e6)} MB`;
}

export function percent(value: number): string {
  return `${Number((value * 100).toPrecision(3))} %`;
}

/** δ as "1 in 100,000". */
export function oneIn(value: number): string {
  return `1 in ${Math.round(1 / value).toLocaleString('en')}`;
}

export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}
