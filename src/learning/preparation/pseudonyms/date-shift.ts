/**
 * Date shifting: all dates of one person move by the same number of days, drawn by key from the person's identifier, so
 * that the distances between them stay. Whoever knows one true date knows them all.
 *
 * @module
 */

import { hmacSha256, utf8 } from '../../../foundations/crypto/index.ts';
import { assertInteger } from '../../../foundations/numerics/index.ts';
import { PreparationError } from '../errors.ts';
import { parseDate } from '../tables/hierarchy.ts';

/** Shifts a date of the person with this identifier. */
export type DateShifter = (date: string, person: string) => string;

/**
 * Creates a shifter of dates `YYYY-MM-DD`, also those that go on with a time.
 * @param key - of one purpose.
 * @param options - shifts are uniform in ±`maxDays`, never 0.
 * @throws {@link PreparationError} `preparation/not-in-domain` when something is no date.
 */
export function createDateShifter(key: Uint8Array, { maxDays = 182 }: { maxDays?: number } = {}): DateShifter {
  assertInteger(maxDays, 'maxDays', { min: 1, max: 36_525 });
  return (date, person) => {
    const day = date.slice(0, 10);
    const parsed = parseDate(day);
    if (parsed === undefined || !/^(?:$|[T ])/.test(date.slice(10))) {
      throw new PreparationError('preparation/not-in-domain', 'a value is no date of the form YYYY-MM-DD');
    }
    const at = new Date(`${day}T00:00:00Z`);
    at.setUTCDate(at.getUTCDate() + shiftOf(key, { person, maxDays }));
    return at.toISOString().slice(0, 10) + date.slice(10);
  };
}

/** The shift of one person: 64 bits modulo 2·maxDays, a bias below 2^−47. */
function shiftOf(key: Uint8Array, { person, maxDays }: { person: string; maxDays: number }): number {
  const digest = hmacSha256(key, utf8(`date-shift/${person}`));
  const drawn = Number(new DataView(digest.buffer, digest.byteOffset).getBigUint64(0) % BigInt(2 * maxDays)) - maxDays;
  return drawn >= 0 ? drawn + 1 : drawn;
}
