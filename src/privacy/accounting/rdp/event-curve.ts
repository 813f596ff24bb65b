/**
 * The Rényi curve of every event the RDP accountant knows.
 *
 * @module
 */

import { assertNever } from '../../../foundations/numerics/index.ts';
import { assertFixedOrderRelation, unknownRelation, unsupportedEvent } from '../accountant.ts';
import type { DpEvent, EventOf } from '../events/event.ts';
import { expandBandedMatrixFactorization } from '../events/expand.ts';
import { sensitivityFactor } from '../relation.ts';
import {
  computeBoundedRangeRdp,
  computeDiscreteLaplaceRdp,
  computeLaplaceRdp,
  computePureRdp,
  computeReplaceOneResponseRdp,
  computeZeroOutResponseRdp,
} from './closed-forms.ts';
import {
  assertWideShares,
  computeSkellamRdp,
  createDistributedDiscreteGaussianCurve,
  expandRoundedDiscreteGaussian,
  expandRoundedSkellam,
} from './distributed-noise.ts';
import { interpolateRdp } from './amplification.ts';
import { createCurve as curve, type CurveRequest, type EventCurve, sumCurves } from './curve.ts';
import { computePoissonCurve } from './poisson-curve.ts';
import { findEffectiveNoiseMultiplier } from './gaussian-composition.ts';
import { computeRepeatAndSelectRdp } from './tuning.ts';
import { createWithoutReplacementCurve } from './without-replacement.ts';

/**
 * Computes the curve of an event.
 * @throws {AccountingError} 'accounting/unsupported-event' or 'accounting/unknown-relation'.
 */
export function computeEventCurve(event: DpEvent, request: CurveRequest): EventCurve {
  const { orders, relation } = request;
  const factor = sensitivityFactor(relation);
  switch (event.kind) {
    case 'noOp':
      return curve(orders, () => 0, 0);
    case 'nonPrivate':
      return curve(orders, () => Infinity);
    case 'unsupported':
      throw unsupportedEvent('rdp', event, 'it is declared unsupported');
    case 'gaussian':
    case 'matrixFactorization': {
      const multiplier = (findEffectiveNoiseMultiplier(event) as number) / factor;
      return curve(orders, (order) => order / (2 * multiplier * multiplier));
    }
    case 'laplace': {
      const epsilon = factor / event.noiseMultiplier;
      return epsilon === Infinity
        ? curve(orders, () => Infinity)
        : curve(orders, (order) => computeLaplaceRdp(epsilon, order), epsilon);
    }
    case 'discreteLaplace': {
      const sensitivity = factor * event.sensitivity;
      return curve(
        orders,
        (order) => computeDiscreteLaplaceRdp({ ...event, sensitivity }, order),
        event.noiseParameter * sensitivity,
      );
    }
    case 'discreteGaussian':
      return curve(orders, (order) => (order * (factor * event.sensitivity) ** 2) / (2 * event.sigma ** 2));
    case 'zeroConcentrated':
      return curve(orders, (order) => event.xi + event.rho * order);
    case 'epsilonDelta':
      return {
        ...curve(orders, (order) => computePureRdp(event.epsilon, order), event.epsilon),
        failure: -Math.log1p(-event.delta),
      };
    case 'randomizedResponse':
      return computeResponseCurve(event, request);
    case 'exponential':
      return curve(orders, (order) => computeBoundedRangeRdp(event.epsilon, order), event.epsilon);
    case 'permuteAndFlip':
      return curve(orders, (order) => computeLaplaceRdp(event.epsilon, order), event.epsilon);
    case 'treeAggregation':
      return computeTreeCurve(event, request);
    case 'distributedDiscreteGaussian':
      assertWideShares(event);
      return curve(orders, createDistributedDiscreteGaussianCurve(event, factor));
    case 'skellam':
      return curve(orders, (order) => interpolateRdp(order, (k) => computeSkellamRdp(event, k, factor)));
    case 'roundedDiscreteGaussian':
      return computeEventCurve(expandRoundedDiscreteGaussian(event), request);
    case 'roundedSkellam':
      return computeEventCurve(expandRoundedSkellam(event), request);
    case 'bandedMatrixFactorization':
      return computeEventCurve(expandBandedMatrixFactorization(event), request);
    case 'poissonSampled':
      return computePoissonCurve(event, request, computeEventCurve);
    case 'sampledWithoutReplacement':
      return computeWithoutReplacementCurve(event, request);
    case 'fixedOrderEpoch':
      assertFixedOrderRelation(event, relation);
      return computeEventCurve(event.event, request);
    case 'repeatAndSelect':
      return computeTuningCurve(event, request);
    case 'composed':
      return sumCurves(
        event.events.map((part) => [computeEventCurve(part, request), 1] as const),
        orders.length,
      );
    case 'selfComposed':
      return sumCurves([[computeEventCurve(event.event, request), event.count]], orders.length);
    case 'mixtureOfGaussians':
    case 'truncatedPoissonGaussian':
    case 'shuffledReports':
      throw unsupportedEvent('rdp', event, 'ask the pld accountant');
    default:
      return assertNever(event, 'event');
  }
}

function computeResponseCurve(event: EventOf<'randomizedResponse'>, { orders, relation }: CurveRequest): EventCurve {
  const { noiseParameter: p, buckets: k } = event;
  if (relation === 'add-or-remove-one') {
    throw unknownRelation(event, relation, 'a respondent who leaves sends no answer; use replace-one or zero-out');
  }
  if (relation === 'zero-out') {
    const pure = k === 1 ? 0 : Math.max(Math.log(k * (1 - p) + p), -Math.log(p));
    return curve(orders, (order) => computeZeroOutResponseRdp(event, order), pure);
  }
  const pure = k === 1 ? 0 : Math.log1p((k * (1 - p)) / p);
  return curve(orders, (order) => computeReplaceOneResponseRdp(event, order), pure);
}

function computeTreeCurve(event: EventOf<'treeAggregation'>, { orders, relation }: CurveRequest): EventCurve {
  if (relation !== 'zero-out') {
    throw unknownRelation(event, relation, 'the leaves have fixed places; use zero-out');
  }
  const steps = typeof event.stepCounts === 'number' ? event.stepCounts : Math.max(...event.stepCounts);
  // A record is in one leaf and in every node above it: ⌈log₂(steps + 1)⌉ of them ([KMSTTX21] appendix D).
  const depth = Math.ceil(Math.log2(steps + 1));
  return curve(orders, (order) => (order * depth) / (2 * event.noiseMultiplier ** 2));
}

function computeWithoutReplacementCurve(
  event: EventOf<'sampledWithoutReplacement'>,
  { orders, relation }: CurveRequest,
): EventCurve {
  if (relation !== 'replace-one') {
    throw unknownRelation(event, relation, 'a sample of fixed size says how many records there are; use replace-one');
  }
  const noiseMultiplier = findEffectiveNoiseMultiplier(event.event);
  if (noiseMultiplier === undefined) throw unsupportedEvent('rdp', event, 'the event inside must be a Gaussian sum');
  const atInteger = createWithoutReplacementCurve({ fraction: event.sampleSize / event.datasetSize, noiseMultiplier });
  return curve(orders, (order) => interpolateRdp(order, atInteger));
}

function computeTuningCurve(event: EventOf<'repeatAndSelect'>, request: CurveRequest): EventCurve {
  const run = computeEventCurve(event.event, request);
  if (run.failure > 0) throw unsupportedEvent('rdp', event, 'a run that may fail outright cannot be selected over');
  const { orders } = request;
  // A single run is what the mean of one always is.
  if (event.mean === 1 && event.shape !== Infinity) return run;
  return { rdp: computeRepeatAndSelectRdp({ orders, rdp: run.rdp }, event), pureEpsilon: Infinity, failure: 0 };
}
