/**
 * The Rényi curve of Poisson sampling around the events that allow it.
 *
 * @module
 */

import { unknownRelation, unsupportedEvent } from '../accountant.ts';
import type { DpEvent, EventOf } from '../events/event.ts';
import {
  computeGeneralSampledRdp,
  computeSymmetricSampledRdp,
  interpolateRdp,
  type RdpAtInteger,
} from './amplification.ts';
import {
  assertWideShares,
  computeSkellamRdp,
  createDistributedDiscreteGaussianCurve,
  expandRoundedDiscreteGaussian,
  expandRoundedSkellam,
} from './distributed-noise.ts';
import { createCurve, type CurveRequest, type EventCurve } from './curve.ts';
import { findEffectiveNoiseMultiplier } from './gaussian-composition.ts';
import { computeReplacedGaussianRdp, computeSampledGaussianRdp } from './sampled-gaussian.ts';

/** How the curve of an inner event is found. */
type ComputeCurve = (event: DpEvent, request: CurveRequest) => EventCurve;

/** The unsampled divergences of a sum with symmetric noise, or undefined for anything else. */
function findSymmetricNoise(event: DpEvent, compute: ComputeCurve): RdpAtInteger | undefined {
  switch (event.kind) {
    case 'distributedDiscreteGaussian':
      assertWideShares(event);
      return createDistributedDiscreteGaussianCurve(event);
    case 'skellam':
      return (order) => computeSkellamRdp(event, order);
    case 'discreteGaussian':
      return (order) => (order * event.sensitivity ** 2) / (2 * event.sigma ** 2);
    case 'laplace':
    case 'discreteLaplace':
      return atIntegers(event, compute);
    default:
      return undefined;
  }
}

/** The divergences of an event at integer orders, each computed once. */
function atIntegers(event: DpEvent, compute: ComputeCurve): RdpAtInteger {
  const known = new Map<number, number>();
  return (order) => {
    const value =
      known.get(order) ?? (compute(event, { orders: [order], relation: 'add-or-remove-one' }).rdp[0] as number);
    known.set(order, value);
    return value;
  };
}

/**
 * Computes the curve of a Poisson-sampled event: exact for Gaussian sums; for other sums with symmetric noise by the
 * binomial bound; for events with a curve of their own by the general bound of [ZW19]. Integer orders, chords between.
 * @throws {AccountingError} as for any event.
 */
export function computePoissonCurve(
  event: EventOf<'poissonSampled'>,
  { orders, relation }: CurveRequest,
  compute: ComputeCurve,
): EventCurve {
  const { samplingRate, event: inner } = event;
  const noiseMultiplier = findEffectiveNoiseMultiplier(inner);
  if (relation === 'replace-one' && noiseMultiplier === undefined) {
    throw unknownRelation(event, relation, 'only sampled Gaussian sums are known there; ask the pld accountant');
  }
  if (samplingRate === 0) return createCurve(orders, () => 0, 0);
  if (noiseMultiplier !== undefined) {
    const compute = relation === 'replace-one' ? computeReplacedGaussianRdp : computeSampledGaussianRdp;
    const rdp = Float64Array.from(orders, (order) => compute({ samplingRate, noiseMultiplier }, order));
    return { rdp, pureEpsilon: Infinity, failure: 0 };
  }
  const { atInteger, pure } = findInnerCurve(event, compute);
  const pureEpsilon = Math.log1p(samplingRate * Math.expm1(pure));
  const rdp = Float64Array.from(orders, (order) => Math.min(pureEpsilon, interpolateRdp(order, atInteger)));
  return { rdp, pureEpsilon, failure: 0 };
}

function findInnerCurve(
  event: EventOf<'poissonSampled'>,
  compute: ComputeCurve,
): { readonly atInteger: RdpAtInteger; readonly pure: number } {
  const { samplingRate: q, event: inner } = event;
  const symmetric = findSymmetricNoise(inner, compute);
  // Under zero-out every event that may be sampled here costs what it costs under add-or-remove-one.
  const whole = compute(inner, { orders: [2], relation: 'add-or-remove-one' });
  if (whole.failure > 0) throw unsupportedEvent('rdp', event, 'an event that may fail outright cannot be sampled here');
  const pure = whole.pureEpsilon;
  if (symmetric !== undefined) return { atInteger: (order) => computeSymmetricSampledRdp(q, order, symmetric), pure };
  const general = findGeneralCurve(event, inner, compute);
  return { atInteger: (order) => computeGeneralSampledRdp(q, order, general), pure };
}

/** The events for which sampling means something and whose own curve bounds both directions at once. */
function findGeneralCurve(event: EventOf<'poissonSampled'>, inner: DpEvent, compute: ComputeCurve): RdpAtInteger {
  switch (inner.kind) {
    // The reference rows' forms of the distributed mechanisms are counted as they are published: by the general theorem.
    case 'roundedDiscreteGaussian': {
      const grid = expandRoundedDiscreteGaussian(inner);
      assertWideShares(grid, event);
      return createDistributedDiscreteGaussianCurve(grid);
    }
    case 'roundedSkellam': {
      const grid = expandRoundedSkellam(inner);
      return (order) => computeSkellamRdp(grid, order);
    }
    case 'zeroConcentrated':
    case 'exponential':
    case 'permuteAndFlip':
    case 'epsilonDelta':
    case 'noOp':
    case 'nonPrivate':
      return atIntegers(inner, compute);
    default:
      throw unsupportedEvent('rdp', event, `Poisson sampling around ${inner.kind} has no bound here`);
  }
}
