/**
 * Overlaps: several recognisers often see the same characters. One span survives.
 *
 * @module
 */

import type { PiiSpan } from './entities.ts';

/** Types that a country's own type refines. */
const GENERIC: ReadonlySet<string> = new Set(['PHONE_NUMBER', 'LOCATION', 'DATE_TIME']);

/**
 * Resolves overlaps: the higher score wins, then the longer span, then the earlier one,
 * then a country's own type; spans of one type that merely
 * touch are left as they are. The result is in order of appearance and has no overlaps.
 */
export function resolveOverlaps(spans: readonly PiiSpan[]): PiiSpan[] {
  const ranked = spans.toSorted(
    (a, b) =>
      b.score - a.score ||
      b.end - b.start - (a.end - a.start) ||
      a.start - b.start ||
      Number(GENERIC.has(a.type)) - Number(GENERIC.has(b.type)) ||
      (a.type < b.type ? -1 : Number(a.type > b.type)),
  );
  const kept: PiiSpan[] = [];
  // taken: start → end of what is kept, in order; looked up by bisection.
  for (const span of ranked) {
    const at = firstAtOrAfter(kept, span.start);
    const before = kept[at - 1];
    const after = kept[at];
    if (before !== undefined && before.end > span.start) continue;
    if (after !== undefined && after.start < span.end) continue;
    kept.splice(at, 0, span);
  }
  return kept;
}

function firstAtOrAfter(spans: readonly PiiSpan[], start: number): number {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((spans[middle] as PiiSpan).start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
