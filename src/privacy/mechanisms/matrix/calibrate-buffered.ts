/**
 * Finds the parameters of a buffered linear Toeplitz strategy that give the least error for the privacy, by a simplex
 * search (Nelder–Mead) over decays and output scales. No data is involved.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { computeToeplitzSensitivity, type Participation } from './sensitivity.ts';
import { computeBufferedToeplitz, computePrefixVariances, type BufferedLinearToeplitz } from './toeplitz.ts';

/** Parameters found, and their loss: sensitivity² × the greatest variance of a prefix sum under unit noise. */
export interface CalibratedBuffers extends BufferedLinearToeplitz {
  readonly loss: number;
}

/** Scales that stay positive and sum below one, and decays in (0, 1), from free coordinates. */
function readParameters(point: readonly number[]): BufferedLinearToeplitz {
  const buffers = point.length / 2;
  const weights = point.slice(0, buffers).map((x) => Math.exp(Math.min(30, x)));
  const total = 1 + weights.reduce((sum, x) => sum + x, 0);
  return {
    outputScales: weights.map((x) => x / total),
    decays: point.slice(buffers).map((x) => 1 / (1 + Math.exp(-Math.min(30, Math.max(-30, x))))),
  };
}

function computeLoss(parameters: BufferedLinearToeplitz, options: Participation & { readonly steps: number }): number {
  const column = computeBufferedToeplitz(parameters, options.steps);
  const sensitivity = computeToeplitzSensitivity(column, options);
  const variances = computePrefixVariances(column, { steps: options.steps });
  return sensitivity * sensitivity * Math.max(...variances);
}

/**
 * Finds good buffers for a number of steps and a participation.
 * @param options - `buffers`, 1 to 6 (4 by default come within a few percent of the optimum); the steps optimised for are
 * at most 512: longer runs use the parameters found on a scaled-down problem with decays stretched to the true length.
 * @returns parameters for createBufferedStrategy and their loss at the full length.
 * @see [DMPST24]
 */
export function calibrateBufferedToeplitz(
  options: Participation & { readonly steps: number; readonly buffers?: number },
): CalibratedBuffers {
  const { steps, buffers = 4, minSeparation, ...limits } = options;
  assertInteger(steps, 'steps', { min: 1 });
  assertInteger(buffers, 'buffers', { min: 1, max: 6 });
  const participation = { ...limits, minSeparation };
  const scale = Math.min(1, 512 / steps);
  const small = {
    ...limits,
    steps: Math.max(1, Math.round(steps * scale)),
    minSeparation: Math.max(1, Math.round(minSeparation * scale)),
  };
  // Half-lives spread geometrically over the length, scales that fall with them as the optimum's do.
  const start = Array.from({ length: 2 * buffers }, (_, i) => {
    const j = i % buffers;
    const life = small.steps ** ((j + 0.5) / buffers);
    return i < buffers ? -0.5 * j : Math.log(2 * life);
  });
  const coarse = minimise(start, (point) => computeLoss(readParameters(point), small));
  const found =
    scale === 1
      ? coarse
      : minimise(coarse, (point) => computeLoss(readParameters(point), { steps, ...participation }), 60);
  const parameters = readParameters(found);
  return { ...parameters, loss: computeLoss(parameters, { steps, ...participation }) };
}

/** Nelder–Mead with the usual coefficients. */
function minimise(
  start: readonly number[],
  loss: (point: readonly number[]) => number,
  limit = 400,
): readonly number[] {
  const size = start.length;
  let simplex = [start, ...start.map((_, i) => start.map((x, j) => (i === j ? x + 0.5 : x)))].map((point) => ({
    point,
    value: loss(point),
  }));
  const along = (from: readonly number[], to: readonly number[], factor: number) => {
    const point = from.map((x, i) => x + factor * ((to[i] as number) - x));
    return { point, value: loss(point) };
  };
  for (let round = 0; round < limit; round += 1) {
    simplex = simplex.toSorted((a, b) => a.value - b.value);
    const best = simplex[0] as (typeof simplex)[number];
    const worst = simplex[size] as (typeof simplex)[number];
    if (worst.value - best.value < 1e-9 * best.value) break;
    const centre = start.map(
      (_, i) => simplex.slice(0, size).reduce((sum, { point }) => sum + (point[i] as number), 0) / size,
    );
    const reflected = along(centre, worst.point, -1);
    let next = reflected;
    if (reflected.value < best.value) {
      const expanded = along(centre, worst.point, -2);
      if (expanded.value < reflected.value) next = expanded;
    } else if (reflected.value >= (simplex[size - 1] as (typeof simplex)[number]).value) {
      next = along(centre, reflected.value < worst.value ? reflected.point : worst.point, 0.5);
    }
    if (next.value < worst.value) simplex[size] = next;
    else simplex = simplex.map((vertex) => (vertex === best ? vertex : along(best.point, vertex.point, 0.5)));
  }
  return (simplex.toSorted((a, b) => a.value - b.value)[0] as (typeof simplex)[number]).point;
}
