/**
 * The events' constructors. Each checks its fields and returns plain frozen data; field meanings stand with the types.
 *
 * @module
 */

import { AccountingError } from '../errors.ts';
import type { DpEvent, EventOf } from './event.ts';
import { createEvent, isEvent } from './schema.ts';

/** The fields of an event, where those that have a fallback may be left out. */
type Fields<Kind extends DpEvent['kind'], Optional extends string = never> = Omit<EventOf<Kind>, 'kind' | Optional> &
  Partial<Pick<EventOf<Kind>, Optional & keyof EventOf<Kind>>>;

function assertEvent(event: DpEvent, title: string): void {
  if (!isEvent(event)) {
    throw new AccountingError('accounting/invalid-event', `"${title}" must be made by one of the event constructors`);
  }
}

/** Makes the event of an operation that costs nothing. */
export function noOp(): EventOf<'noOp'> {
  return createEvent('noOp', {});
}

/** Makes the event of an operation without any guarantee. */
export function nonPrivate(): EventOf<'nonPrivate'> {
  return createEvent('nonPrivate', {});
}

/** Makes an event that every accountant refuses. */
export function unsupported(): EventOf<'unsupported'> {
  return createEvent('unsupported', {});
}

/** Makes the event of a Gaussian sum. */
export function gaussian(fields: Fields<'gaussian'>): EventOf<'gaussian'> {
  return createEvent('gaussian', { ...fields });
}

/** Makes the event of a Laplace sum. */
export function laplace(fields: Fields<'laplace'>): EventOf<'laplace'> {
  return createEvent('laplace', { ...fields });
}

/** Makes the event of a discrete Laplace sum. */
export function discreteLaplace(fields: Fields<'discreteLaplace'>): EventOf<'discreteLaplace'> {
  return createEvent('discreteLaplace', { ...fields });
}

/** Makes the event of a discrete Gaussian sum. */
export function discreteGaussian(
  fields: Fields<'discreteGaussian', 'sensitivity' | 'dimension'>,
): EventOf<'discreteGaussian'> {
  return createEvent('discreteGaussian', { sensitivity: 1, dimension: null, ...fields });
}

/** Makes the event of a (xi, rho)-zCDP mechanism. */
export function zeroConcentrated(fields: Fields<'zeroConcentrated', 'xi'>): EventOf<'zeroConcentrated'> {
  return createEvent('zeroConcentrated', { xi: 0, ...fields });
}

/** Makes the event of an (epsilon, delta) mechanism. */
export function epsilonDelta(fields: Fields<'epsilonDelta'>): EventOf<'epsilonDelta'> {
  return createEvent('epsilonDelta', { ...fields });
}

/** Makes the event of one k-ary randomized response. */
export function randomizedResponse(fields: Fields<'randomizedResponse'>): EventOf<'randomizedResponse'> {
  return createEvent('randomizedResponse', { ...fields });
}

/** Makes the event of an exponential mechanism. */
export function exponential(fields: Fields<'exponential'>): EventOf<'exponential'> {
  return createEvent('exponential', { ...fields });
}

/** Makes the event of a permute-and-flip mechanism. */
export function permuteAndFlip(fields: Fields<'permuteAndFlip'>): EventOf<'permuteAndFlip'> {
  return createEvent('permuteAndFlip', { ...fields });
}

/** Makes the event of a Gaussian mechanism whose sensitivity is random. */
export function mixtureOfGaussians(fields: Fields<'mixtureOfGaussians'>): EventOf<'mixtureOfGaussians'> {
  return createEvent('mixtureOfGaussians', { ...fields });
}

/** Makes the event of a Gaussian sum over a truncated Poisson sample. */
export function truncatedPoissonGaussian(
  fields: Fields<'truncatedPoissonGaussian'>,
): EventOf<'truncatedPoissonGaussian'> {
  return createEvent('truncatedPoissonGaussian', { ...fields });
}

/** Makes the event of one epoch of tree aggregation. */
export function treeAggregation(fields: Fields<'treeAggregation'>): EventOf<'treeAggregation'> {
  return createEvent('treeAggregation', { ...fields });
}

/** Makes the event of a sum of discrete Gaussian shares on an integer vector, in grid units. */
export function distributedDiscreteGaussian(
  fields: Fields<'distributedDiscreteGaussian', 'l1Sensitivity'>,
): EventOf<'distributedDiscreteGaussian'> {
  return createEvent('distributedDiscreteGaussian', { l1Sensitivity: null, ...fields });
}

/** Makes the event of Skellam noise on an integer vector, in grid units. */
export function skellam(fields: Fields<'skellam', 'l1Sensitivity'>): EventOf<'skellam'> {
  return createEvent('skellam', { l1Sensitivity: null, ...fields });
}

/** Makes the event of clip, rotate, round conditionally, add discrete Gaussian shares. */
export function roundedDiscreteGaussian(
  fields: Fields<'roundedDiscreteGaussian', 'rounding'>,
): EventOf<'roundedDiscreteGaussian'> {
  return createEvent('roundedDiscreteGaussian', { rounding: true, ...fields });
}

/** Makes the event of clip, rotate, round conditionally, add Skellam shares. */
export function roundedSkellam(fields: Fields<'roundedSkellam', 'rounding'>): EventOf<'roundedSkellam'> {
  return createEvent('roundedSkellam', { rounding: true, ...fields });
}

/** Makes the event of shuffled local reports. */
export function shuffledReports(fields: Fields<'shuffledReports'>): EventOf<'shuffledReports'> {
  return createEvent('shuffledReports', { ...fields });
}

/** Makes the event of a matrix-factorisation mechanism without sampling. */
export function matrixFactorization(fields: Fields<'matrixFactorization'>): EventOf<'matrixFactorization'> {
  return createEvent('matrixFactorization', { ...fields });
}

/** Makes the event of a banded matrix factorisation with sampling inside the groups. */
export function bandedMatrixFactorization(
  fields: Fields<'bandedMatrixFactorization'>,
): EventOf<'bandedMatrixFactorization'> {
  return createEvent('bandedMatrixFactorization', { ...fields });
}

/** Wraps an event in Poisson sampling. */
export function poissonSampled(fields: Fields<'poissonSampled'>): EventOf<'poissonSampled'> {
  assertEvent(fields.event, 'event');
  return createEvent('poissonSampled', { ...fields });
}

/** Wraps an event in sampling of a fixed size. */
export function sampledWithoutReplacement(
  fields: Fields<'sampledWithoutReplacement'>,
): EventOf<'sampledWithoutReplacement'> {
  assertEvent(fields.event, 'event');
  return createEvent('sampledWithoutReplacement', { ...fields });
}

/** Wraps the event of one batch into one pass over shuffled or cyclic batches. */
export function fixedOrderEpoch(fields: Fields<'fixedOrderEpoch'>): EventOf<'fixedOrderEpoch'> {
  assertEvent(fields.event, 'event');
  return createEvent('fixedOrderEpoch', { ...fields });
}

/** Wraps the event of one run into repeat-and-select tuning. */
export function repeatAndSelect(fields: Fields<'repeatAndSelect'>): EventOf<'repeatAndSelect'> {
  assertEvent(fields.event, 'event');
  return createEvent('repeatAndSelect', { ...fields });
}

/** Composes several events, adaptively. */
export function composed(events: readonly DpEvent[]): EventOf<'composed'> {
  events.forEach((event, i) => assertEvent(event, `events[${i}]`));
  return createEvent('composed', { events });
}

/** Composes one event with itself `count` times, adaptively. */
export function selfComposed(event: DpEvent, count: number): EventOf<'selfComposed'> {
  assertEvent(event, 'event');
  return createEvent('selfComposed', { event, count });
}
