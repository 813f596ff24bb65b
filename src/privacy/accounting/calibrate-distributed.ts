/**
 * Choosing the grid and the noise of a rounded distributed mechanism from (epsilon, delta), bits and cohort: section 4 of
 * [KLS21] and section 4 of [AKL21].
 *
 * @module
 */

import { narrowBracket } from '../../foundations/numerics/index.ts';
import { AccountingError } from './errors.ts';
import { poissonSampled, roundedDiscreteGaussian, roundedSkellam, selfComposed } from './events/constructors.ts';
import type { DpEvent } from './events/event.ts';
import { createRdpAccountant } from './rdp/rdp-accountant.ts';

/** What is given. */
export interface DistributedNoiseQuestion {
  readonly mechanism: 'discrete-gaussian' | 'skellam';
  readonly epsilon: number;
  readonly delta: number;
  readonly bits: number;
  readonly clients: number;
  readonly dimension: number;
  readonly clipNorm: number;
  readonly beta: number;
  /** Deviations of the noisy sum that have to fit the ring (`k` in the papers). */
  readonly deviations: number;
  /** Flatness of the rotation (`rho` in the papers). */
  readonly flatness?: number;
  readonly rounds: number;
  readonly samplingRate: number;
}

/** What is chosen. */
export interface DistributedNoiseParameters {
  /** Width of a grid step, in units of the vector. */
  readonly gamma: number;
  /** Standard deviation of one client's share, in units of the vector. */
  readonly localStddev: number;
}

/** The orders of the papers' own code, so that its figures can be met. */
const ORDERS = [...Array.from({ length: 127 }, (_, i) => i + 2), 256];

function makeEvent(question: DistributedNoiseQuestion, { gamma, localStddev }: DistributedNoiseParameters): DpEvent {
  const { clients, dimension, clipNorm, beta, rounds, samplingRate } = question;
  const round =
    question.mechanism === 'skellam'
      ? roundedSkellam({ dimension, clipNorm, beta, scale: 1 / gamma, centralStddev: localStddev * Math.sqrt(clients) })
      : roundedDiscreteGaussian({ clients, dimension, clipNorm, gamma, beta, localStddev });
  const sampled = samplingRate === 1 ? round : poissonSampled({ samplingRate, event: round });
  return rounds === 1 ? sampled : selfComposed(sampled, rounds);
}

function solveRising(f: (x: number) => number, start: number): number {
  let low = start;
  let high = start;
  for (let i = 0; f(low) > 0; i += 1) {
    if (i > 200) throw new AccountingError('accounting/calibration-failed', 'no grid meets the target');
    high = low;
    low /= 2;
  }
  for (let i = 0; f(high) <= 0; i += 1) {
    if (i > 200) throw new AccountingError('accounting/calibration-failed', 'no grid meets the target');
    low = high;
    high *= 2;
  }
  return narrowBracket(f, { low, high }, { tolerance: high * 1e-10 }).high;
}

/** Finds the least local deviation that meets the target on a grid. */
function findLocalStddev(question: DistributedNoiseQuestion, gamma: number): number {
  const { epsilon, delta, clipNorm, clients } = question;
  return solveRising(
    (localStddev) => {
      const accountant = createRdpAccountant({ relation: 'zero-out', orders: ORDERS });
      accountant.compose(makeEvent(question, { gamma, localStddev }));
      return epsilon - accountant.epsilon(delta);
    },
    Math.max(clipNorm / Math.sqrt(clients) / epsilon, gamma / 2),
  );
}

/**
 * Finds the finest grid at which `deviations` standard deviations of the noisy sum still fit the ring of 2^bits, and the
 * noise that meets the target there: 2^bits·γ = 2k·√(ρ/d·c²n² + (γ²/4 + σ²)·n), [KLS21] equation 61.
 * @throws {AccountingError} 'accounting/calibration-failed' when the bits are too few.
 */
export function calibrateDistributedNoise(question: DistributedNoiseQuestion): DistributedNoiseParameters {
  const { bits, clients, dimension, clipNorm, deviations, flatness = 1 } = question;
  const range = 2 ** bits;
  const fits = (gamma: number): number => {
    const sigma = findLocalStddev(question, gamma);
    const variance =
      (flatness / dimension) * (clipNorm * clients) ** 2 + (gamma * gamma * 0.25 + sigma * sigma) * clients;
    return range * gamma - 2 * deviations * Math.sqrt(variance);
  };
  const gamma = solveRising(fits, (2 * deviations * clipNorm * clients) / Math.sqrt(dimension) / range);
  return { gamma, localStddev: findLocalStddev(question, gamma) };
}
