/** Numbers, bytes and times as people read them. */

const integer = new Intl.NumberFormat('en');

export const formatCount = (value: number): string => integer.format(value);

export function formatEpsilon(value: number | null): string {
  if (value === null) return 'none';
  if (value === 0) return '0';
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(2);
}

export function formatDelta(value: number | null): string {
  if (value === null) return '–';
  const exponent = Math.floor(Math.log10(value));
  const mantissa = value / 10 ** exponent;
  const power = Array.from(String(-exponent), (digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]).join('');
  return Math.abs(mantissa - 1) < 1e-9 ? `10⁻${power}` : `${mantissa.toPrecision(2)}·10⁻${power}`;
}

export const formatPercent = (value: number | null, digits = 2): string =>
  value === null ? '–' : `${(value * 100).toFixed(digits)} %`;

export function formatBytes(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(2)} GB`;
  if (bytes >= 1e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  if (bytes >= 1e3) return `${Math.round(bytes / 1e3)} kB`;
  return `${Math.round(bytes)} B`;
}

export function formatSeconds(seconds: number): string {
  if (seconds < 0.995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export function formatTime(iso: string | null): string {
  if (iso === null) return '–';
  const date = new Date(iso);
  return Number.isNaN(date.getTime())
    ? '–'
    : date.toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
}

export const shortHash = (hash: string): string => (hash === '' ? '–' : `${hash.slice(0, 8)}…${hash.slice(-6)}`);

export const plural = (count: number, word: string): string => `${formatCount(count)} ${word}${count === 1 ? '' : 's'}`;
