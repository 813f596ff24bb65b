/**
 * Sources of integer noise: what the batched samplers share. A source knows no sensitivity, so it promises no privacy;
 * mechanisms do.
 *
 * @module
 */

import { drawNoiseInto, type NoiseTable, type PendingDraw } from '../../../foundations/kernels/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';

/** A source of integer noise. Each call keys a ChaCha20 stream of its own with 32 bytes of `rng`. */
export interface IntegerNoise {
  /** Draws one number. */
  sample(rng: Rng): number;
  /** Overwrites every entry with a draw of its own. */
  sampleInto(out: Int32Array, rng: Rng): void;
  /** Adds a draw of its own to every entry, modulo 2^32 as an Int32Array does (a ring sum stays a ring sum). */
  addInto(values: Int32Array, rng: Rng): void;
}

/** Makes the source that follows a table. */
export function createTableNoise(
  table: NoiseTable,
  decide: (pending: PendingDraw, rng: Rng) => number | undefined,
): IntegerNoise {
  const draw = (out: Int32Array, add: boolean, rng: Rng): void => {
    if (out.length === 0) return;
    drawNoiseInto(out, table, { key: rng.bytes(32), decide: (pending) => decide(pending, rng), add });
  };
  return {
    sample(rng) {
      const one = new Int32Array(1);
      draw(one, false, rng);
      return one[0] as number;
    },
    sampleInto: (out, rng) => draw(out, false, rng),
    addInto: (values, rng) => draw(values, true, rng),
  };
}

/** The source whose draw is the sum of `count` independent draws of another. */
export function createSummedNoise(part: IntegerNoise, count: number): IntegerNoise {
  if (count === 1) return part;
  const addInto = (values: Int32Array, rng: Rng): void => {
    for (let i = 0; i < count; i += 1) part.addInto(values, rng);
  };
  return {
    sample(rng) {
      const one = new Int32Array(1);
      addInto(one, rng);
      return one[0] as number;
    },
    sampleInto(out, rng) {
      out.fill(0);
      addInto(out, rng);
    },
    addInto,
  };
}
