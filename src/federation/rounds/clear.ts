/**
 * Aggregation in the clear, for tasks whose trust model lets the coordinator see contributions: one stage, one message
 * a participant. A sum keeps no contribution; a robust rule has to, until the stage closes.
 *
 * @module
 */

import { createRing, decodeRing, encodeRing, packBits, unpackBits } from '../../foundations/vector/index.ts';
import { combineRobustly, decodeSparse, encodeSparse } from '../aggregation/index.ts';
import type { Aggregator } from './aggregator.ts';
import { RoundsError } from './errors.ts';
import type { TaskPlan } from './plan-types.ts';

/** Encodes grid integers: the largest alone, packed to the plan's bits, or int32 little-endian for sums of gradients. */
export function encodeClear(contribution: Int32Array, { update, bitWidth }: TaskPlan): Uint8Array {
  if (update?.keep !== undefined) return encodeSparse(contribution);
  if (update !== undefined) {
    const ring = createRing({ bitWidth });
    return packBits(encodeRing(contribution, ring), ring);
  }
  const bytes = new Uint8Array(contribution.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < contribution.length; i += 1) view.setInt32(i * 4, contribution[i] as number, true);
  return bytes;
}

/** Decodes what {@link encodeClear} wrote. @throws RangeError or a typed error when it is something else. */
function decodeClear(bytes: Uint8Array, { update, bitWidth, entries }: TaskPlan): Int32Array {
  if (update?.keep !== undefined)
    return decodeSparse(bytes, { entries, most: update.keep + entries - update.layout.dimension });
  if (update !== undefined) {
    const ring = createRing({ bitWidth });
    return Int32Array.from(decodeRing(unpackBits(bytes, ring, entries), ring));
  }
  if (bytes.length !== entries * 4) throw new RangeError('a contribution has the wrong length');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const values = new Int32Array(entries);
  for (let i = 0; i < entries; i += 1) values[i] = view.getInt32(i * 4, true);
  return values;
}

/**
 * Adds sums of gradients as they came. A message begins where its frame lets it: its bytes are moved to where words begin,
 * since reading words from anywhere takes four times as long.
 */
function createClearAdder(entries: number): (sum: Float64Array, bytes: Uint8Array) => void {
  const words = new Int32Array(entries);
  const place = new Uint8Array(words.buffer);
  return (sum, bytes) => {
    place.set(bytes);
    for (let i = 0; i < entries; i += 1) sum[i] = (sum[i] as number) + (words[i] as number);
  };
}

/** Words are little-endian on the wire; where they are not in memory, they are read one by one. */
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** Creates the aggregator. */
export function createClearAggregator({ plan, cohort }: { plan: TaskPlan; cohort: readonly string[] }): Aggregator {
  const { entries, aggregation, quantizationScale, update } = plan;
  const rule = aggregation.kind === 'clear' && aggregation.combine.kind !== 'sum' ? aggregation.combine : undefined;
  const sum = new Float64Array(entries);
  const isPlain = IS_LITTLE_ENDIAN && rule === undefined && update === undefined;
  let addClearInto: ReturnType<typeof createClearAdder> | undefined;
  const held: Int32Array[] = [];
  const contributors: string[] = [];
  const missing = new Set(cohort);
  return {
    stage: 'input',
    get pending() {
      return [...missing];
    },
    receive(from, payload) {
      if (!missing.has(from)) throw refused(from, 'a contribution is not awaited');
      if (isPlain && payload.length === entries * 4) {
        addClearInto ??= createClearAdder(entries);
        addClearInto(sum, payload);
      } else {
        let contribution: Int32Array;
        try {
          contribution = decodeClear(payload, plan);
        } catch {
          throw refused(from, 'a contribution is not what the plan says');
        }
        if (rule === undefined) {
          for (let i = 0; i < entries; i += 1) sum[i] = (sum[i] as number) + (contribution[i] as number);
        } else held.push(contribution);
      }
      contributors.push(from);
      missing.delete(from);
    },
    advance() {
      const dropouts = [...missing];
      // Under a private draw nobody learns that nobody came: noise alone is released.
      if (contributors.length === 0 && update?.drawRate === undefined) {
        throw new RoundsError('rounds/aborted', 'nobody contributed', { details: { participants: cohort } });
      }
      if (rule !== undefined && held.length > 0) {
        const combined = combineRobustly(held, rule, { clipSteps: quantizationScale });
        // In place of a mean: what follows divides by the number of contributors. A bounded sum stays one of integers.
        const scaled = combined.map((value) => value * contributors.length);
        sum.set(rule.kind === 'normBound' ? scaled.map((value) => Math.round(value)) : scaled);
      }
      return { kind: 'result', sum, contributors, dropouts };
    },
  };
}

function refused(from: string, rule: string): RoundsError {
  return new RoundsError('rounds/unexpected-message', rule, { details: { participants: [from] } });
}
