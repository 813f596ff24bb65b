/**
 * A strategy as the mechanism runs it: C and C⁻¹ applied to a stream of vectors with bounded state, and their figures.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { computeBandedSensitivity, computeToeplitzSensitivity, type Participation } from './sensitivity.ts';
import {
  computeBufferedToeplitz,
  computeColumnNorms,
  computeOptimalToeplitz,
  computePrefixVariances,
  type BufferedLinearToeplitz,
} from './toeplitz.ts';

/** Turns one vector of a stream into the next vector of another, in place. */
export type StreamMap = (values: Float64Array) => void;

/** A square lower-triangular strategy for a known number of steps. */
export interface MatrixStrategy {
  readonly kind: 'toeplitz' | 'banded' | 'buffered';
  readonly steps: number;
  /** Non-zero entries of a column: `steps` unless banded. */
  readonly bands: number;
  /** Vectors of state that a stream keeps. */
  readonly buffers: number;
  /** Greatest L2 norm of a column: the sensitivity to a single participation. */
  readonly columnNorm: number;
  sensitivity(participation: Participation): number;
  /** Variance of the noise on the prefix sum after each step, for unit noise on the strategy's rows. */
  prefixVariances(): Float64Array;
  /** C·x, row by row. Its rounding error is at most `forwardRounding` · 2^−53 · max|x|. */
  createForward(dimension: number): StreamMap;
  readonly forwardRounding: number;
  /** C⁻¹·u, row by row. */
  createInverse(dimension: number): StreamMap;
}

/** The last vectors of a stream, newest first. */
function createHistory(length: number, dimension: number) {
  const slots = Array.from({ length }, () => new Float64Array(dimension));
  let newest = 0;
  return {
    /** The vector pushed `age` steps before the coming one, age ≥ 1. */
    get: (age: number) => slots[(newest + age - 1) % length] as Float64Array,
    push(values: Float64Array) {
      if (length === 0) return;
      newest = (newest + length - 1) % length;
      (slots[newest] as Float64Array).set(values);
    },
  };
}

function createColumnStrategy(
  kind: 'toeplitz' | 'banded',
  column: Float64Array,
  { steps, normalized }: { steps: number; normalized: boolean },
): MatrixStrategy {
  const bands = column.length;
  const norms = computeColumnNorms(column, steps);
  const scales = normalized ? norms : undefined;
  const finalNorms = normalized ? norms.map(() => 1) : norms;
  const gain = column.reduce((sum, x) => sum + Math.abs(x), 0) / (normalized ? (norms[steps - 1] as number) : 1);

  return {
    kind,
    steps,
    bands,
    buffers: bands - 1,
    columnNorm: Math.max(...finalNorms),
    forwardRounding: gain * (bands + 2),
    sensitivity(participation) {
      if (!normalized) return computeToeplitzSensitivity(column, { steps, ...participation });
      return computeBandedSensitivity(finalNorms, { bands, ...participation });
    },
    prefixVariances: () => computePrefixVariances(column, { steps, columnNorms: scales }),
    createForward(dimension) {
      const history = createHistory(bands - 1, dimension);
      let step = 0;
      return (values) => {
        if (scales !== undefined) {
          const scale = scales[step] as number;
          for (let i = 0; i < dimension; i += 1) values[i] = (values[i] as number) / scale;
        }
        const own = values.slice();
        for (let i = 0; i < dimension; i += 1) values[i] = (values[i] as number) * (column[0] as number);
        for (let age = 1; age <= Math.min(step, bands - 1); age += 1)
          addScaledInto(values, history.get(age), column[age] as number);
        history.push(own);
        step += 1;
      };
    },
    createInverse(dimension) {
      const history = createHistory(bands - 1, dimension);
      let step = 0;
      return (values) => {
        for (let age = 1; age <= Math.min(step, bands - 1); age += 1)
          addScaledInto(values, history.get(age), -(column[age] as number));
        for (let i = 0; i < dimension; i += 1) values[i] = (values[i] as number) / (column[0] as number);
        history.push(values);
        const scale = scales === undefined ? 1 : (scales[step] as number);
        for (let i = 0; i < dimension; i += 1) values[i] = (values[i] as number) * scale;
        step += 1;
      };
    },
  };
}

function addScaledInto(target: Float64Array, source: Float64Array, factor: number): void {
  for (let i = 0; i < target.length; i += 1) target[i] = (target[i] as number) + factor * (source[i] as number);
}

/** Creates the optimal Toeplitz strategy for prefix sums; its state is the whole history. [FHU22] */
export function createToeplitzStrategy({ steps }: { readonly steps: number }): MatrixStrategy {
  return createColumnStrategy('toeplitz', computeOptimalToeplitz(steps), { steps, normalized: false });
}

/**
 * Creates a banded Toeplitz strategy: the optimal one cut to `bands` coefficients. With `normalized` (the default) every
 * column has norm one, so that k participations at least `bands` steps apart cost √k.
 * @see [CGMRT23]
 */
export function createBandedStrategy({
  steps,
  bands,
  normalized = true,
}: {
  readonly steps: number;
  readonly bands: number;
  readonly normalized?: boolean;
}): MatrixStrategy {
  assertInteger(bands, 'bands', { min: 1, max: steps });
  return createColumnStrategy('banded', computeOptimalToeplitz(bands), { steps, normalized });
}

/**
 * Creates a buffered linear Toeplitz strategy (BLT): state of one vector a buffer, near the optimum with few of them.
 * @param options - `outputScales` ≥ 0 with a sum of at most 1 and `decays` in [0, 1), so that the coefficients do not
 * increase; calibrateBufferedToeplitz finds good ones.
 * @throws {RangeError} when a parameter is out of range.
 * @see [DMPST24]
 */
export function createBufferedStrategy({
  steps,
  outputScales,
  decays,
}: BufferedLinearToeplitz & { readonly steps: number }): MatrixStrategy {
  if (outputScales.length !== decays.length) throw new RangeError('"outputScales" and "decays" must be equally long');
  const sum = outputScales.reduce((total, x) => total + x, 0);
  if (!outputScales.every((x) => x >= 0) || !(sum <= 1) || !decays.every((x) => x >= 0 && x < 1)) {
    throw new RangeError('"outputScales" must be ≥ 0 with a sum ≤ 1 and "decays" in [0, 1)');
  }
  const column = computeBufferedToeplitz({ outputScales, decays }, steps);
  const norms = computeColumnNorms(column, steps);
  /** Both directions keep buffers s_j ← θ_j·s_j + x of what C reads: x itself, or the vectors already solved for. */
  const create = (sign: 1 | -1) => (dimension: number) => {
    const buffers = decays.map(() => new Float64Array(dimension));
    return (values: Float64Array) => {
      for (let i = 0; i < dimension; i += 1) {
        const own = values[i] as number;
        let total = own;
        for (let j = 0; j < buffers.length; j += 1) {
          total += sign * (outputScales[j] as number) * ((buffers[j] as Float64Array)[i] as number);
        }
        values[i] = total;
        const kept = sign === 1 ? own : total;
        for (let j = 0; j < buffers.length; j += 1) {
          const buffer = buffers[j] as Float64Array;
          buffer[i] = (decays[j] as number) * (buffer[i] as number) + kept;
        }
      }
    };
  };
  return {
    kind: 'buffered',
    steps,
    bands: steps,
    buffers: decays.length,
    columnNorm: norms[0] as number,
    forwardRounding: boundBufferRounding({ outputScales, decays }, steps),
    sensitivity: (participation) => computeToeplitzSensitivity(column, { steps, ...participation }),
    prefixVariances: () => computePrefixVariances(column, { steps }),
    createForward: create(1),
    createInverse: create(-1),
  };
}

/**
 * With L = min(steps, 1/(1 − θ)) a buffer is at most L·max|x|; each step adds two roundings of it, which live L steps, so
 * it errs by at most 2·L²; the output reads every buffer with a product and a sum.
 */
function boundBufferRounding({ outputScales, decays }: BufferedLinearToeplitz, steps: number): number {
  let total = 2 * (decays.length + 1);
  decays.forEach((decay, j) => {
    const life = Math.min(steps, 1 / (1 - decay));
    total += (outputScales[j] as number) * (2 * life * life + (decays.length + 3) * life);
  });
  return total;
}
