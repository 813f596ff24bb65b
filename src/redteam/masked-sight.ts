/**
 * What a coordinator sees of one participant under masks: a round of secure aggregation with the real protocol, and the vector in
 * the first participant's message.
 *
 * @module
 */

import { sha256, utf8 } from '../foundations/crypto/index.ts';
import { logGamma, normalCdf } from '../foundations/numerics/index.ts';
import type { Rng } from '../foundations/random/index.ts';
import { createRing, decodeRing, unpackBits } from '../foundations/vector/index.ts';
import { createSecAggAggregator, createSecAggParticipant, type SecAggConfig } from '../secure/secagg/index.ts';

/** A round seen by its coordinator. */
export interface MaskedSight {
  /** The first participant's masked vector, its ring elements read as signed numbers. */
  readonly received: Float64Array;
  /** The sum of everybody, which the coordinator is meant to learn. */
  readonly sum: Float64Array;
  /** Length of the first participant's message. */
  readonly sizeBytes: number;
}

/** Bytes of a masked input's frame, ahead of the packed vector. */
const FRAME_BYTES = 28;

/**
 * Runs one round in this process.
 * @param inputs - ring elements of each participant; the same number of each.
 * @param options - `threshold` and `maxCorrupt` as in a task.
 */
export function watchMaskedRound(
  inputs: readonly Uint32Array[],
  { bitWidth, threshold, maxCorrupt }: { bitWidth: number; threshold: number; maxCorrupt: number },
  rng: Rng,
): MaskedSight {
  const ring = createRing({ bitWidth });
  const entries = (inputs[0]?.length ?? 0) / ring.limbs;
  const ids = inputs.map((_, i) => `party-${i}`);
  const config: SecAggConfig = {
    taskId: 'a round to look at',
    round: 0,
    attempt: 0,
    bitWidth,
    entries,
    threshold,
    maxCorrupt,
    configDigest: sha256(utf8('a round to look at')),
    adversary: 'honest-but-curious',
  };
  const parties = ids.map((id, i) => {
    const party = createSecAggParticipant({ id, config, rng: rng.fork(id) });
    party.setInput(inputs[i] as Uint32Array);
    return party;
  });
  const aggregator = createSecAggAggregator({ cohort: ids, config });
  for (const party of parties) aggregator.receive(party.id, party.start());
  let message = new Uint8Array();
  for (;;) {
    const step = aggregator.advance();
    if (step.kind === 'result') {
      const packed = message.subarray(FRAME_BYTES);
      // Behind the vector stand the protocol's own entries.
      const all = unpackBits(packed, ring, Math.floor((packed.length * 8) / bitWidth));
      const read = (residues: Uint32Array): Float64Array => decodeRing(residues, ring).slice(0, entries);
      return { received: read(all), sum: read(step.sum), sizeBytes: message.length };
    }
    for (const [id, sent] of step.messages) {
      const answer = parties[ids.indexOf(id)]?.handle(sent) ?? null;
      if (answer === null) continue;
      if (id === ids[0] && step.stage === 'maskedInput') message = Uint8Array.from(answer);
      aggregator.receive(id, answer);
    }
  }
}

/** Pearson's test that a vector is uniform in its ring. */
export interface Uniformity {
  readonly statistic: number;
  readonly degrees: number;
  /** Chance that a uniform vector looks so uneven or more. */
  readonly pValue: number;
}

/**
 * Tests whether ring elements are uniform by their upper bits: a plain update fills a narrow part of the ring, a masked one all
 * of it. χ² over a power of two of cells that expect at least five entries each.
 * @param values - ring elements as signed numbers.
 * @throws {RangeError} for fewer than ten entries.
 */
export function testUniformity(values: Float64Array, { bitWidth }: { bitWidth: number }): Uniformity {
  if (values.length < 10) throw new RangeError(`uniformity is tested on at least 10 entries, got ${values.length}`);
  const bits = Math.min(8, bitWidth, Math.floor(Math.log2(values.length / 5)));
  const counts = new Float64Array(2 ** bits);
  for (const value of values) {
    const cell = Math.floor(value / 2 ** (bitWidth - bits)) + counts.length / 2;
    counts[cell] = (counts[cell] as number) + 1;
  }
  const expected = values.length / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  const degrees = counts.length - 1;
  return { statistic, degrees, pValue: chiSquareTail(statistic, degrees) };
}

/** P(χ² ≥ x) for odd degrees of freedom, a finite sum; degrees here are 2^k − 1. [AS64] 26.4.4 */
function chiSquareTail(x: number, degrees: number): number {
  if (x <= 0) return 1;
  const root = Math.sqrt(x);
  let tail = 2 * normalCdf(-root);
  // 2 φ(√x) Σ x^(r − 1/2) / (1·3·5…(2r − 1)), r = 1…(degrees − 1)/2.
  for (let r = 1; r <= (degrees - 1) / 2; r += 1) {
    const logOdd = logGamma(2 * r + 1) - logGamma(r + 1) - r * Math.LN2;
    tail += Math.exp(Math.LN2 - x / 2 - Math.log(2 * Math.PI) / 2 + (r - 0.5) * Math.log(x) - logOdd);
  }
  return Math.min(1, tail);
}
