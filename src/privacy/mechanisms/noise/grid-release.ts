/**
 * How a real-valued mechanism releases: snap to the grid, add integer noise, scale back. Everything between the two
 * scalings is integer arithmetic held exactly by doubles.
 *
 * @module
 */

import type { Rng } from '../../../foundations/random/index.ts';
import type { IntegerNoise } from '../samplers/integer-noise.ts';
import { snapToGrid } from './grid.ts';

/** Reals in, multiples of `granularity` out. */
export interface GridRelease {
  /** A power of two; every released value is a multiple of it. */
  readonly granularity: number;
  /** Releases one value. */
  release(value: number, rng: Rng): number;
  /** Releases a vector in place. */
  releaseInto(values: Float64Array, rng: Rng): void;
}

/** Makes the release of a noise in grid steps for vectors of `dimension` entries. */
export function createGridRelease({
  granularity,
  dimension,
  noise,
}: {
  granularity: number;
  dimension: number;
  noise: IntegerNoise;
}): GridRelease {
  return {
    granularity,
    release(value, rng) {
      if (dimension !== 1) throw new RangeError(`the mechanism releases vectors of ${dimension} entries`);
      const steps = snapToGrid(value, granularity);
      return (steps + noise.sample(rng)) * granularity;
    },
    releaseInto(values, rng) {
      if (values.length !== dimension) {
        throw new RangeError(`"values" must have ${dimension} entries, got ${values.length}`);
      }
      // All values are snapped, and so checked, before randomness is drawn.
      const steps = values.map((value) => snapToGrid(value, granularity));
      const draws = new Int32Array(dimension);
      noise.sampleInto(draws, rng);
      for (let i = 0; i < dimension; i += 1) values[i] = ((steps[i] as number) + (draws[i] as number)) * granularity;
      draws.fill(0);
    },
  };
}
