/**
 * Maxima by tournament: neighbours are compared, the larger one goes on, lanes that belong to it go along. A row of n
 * needs n − 1 comparisons in ⌈log₂ n⌉ steps.
 *
 * @module
 */

import type { MpcContext } from './context.ts';
import { selectLarger } from './signs.ts';

/** Plays the entries of every row off against each other; lanes[0] decides. @returns one entry a row and lane. */
export async function playTournament(
  context: MpcContext,

  lanes: readonly BigUint64Array[],
  rows: number,
  columns: number,
): Promise<readonly BigUint64Array[]> {
  let current = lanes;
  let width = columns;
  while (width > 1) {
    const pairs = Math.floor(width / 2);
    const take = (lane: BigUint64Array, offset: number, step: number, count: number) => {
      const out = new BigUint64Array(rows * count);
      for (let r = 0; r < rows; r += 1)
        for (let i = 0; i < count; i += 1) out[r * count + i] = lane[r * width + offset + i * step] as bigint;
      return out;
    };
    const winners = await selectLarger(
      context,
      current.map((lane) => take(lane, 0, 2, pairs)),
      current.map((lane) => take(lane, 1, 2, pairs)),
    );
    const next = pairs + (width % 2);
    current = winners.map((lane, l) => {
      const out = new BigUint64Array(rows * next);
      for (let r = 0; r < rows; r += 1) {
        out.set(lane.subarray(r * pairs, (r + 1) * pairs), r * next);
        if (width % 2 === 1) out[r * next + pairs] = (current[l] as BigUint64Array)[r * width + width - 1] as bigint;
      }
      return out;
    });
    width = next;
  }
  return current;
}
