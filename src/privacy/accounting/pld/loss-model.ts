/**
 * The dominating pairs of every event the PLD accountant knows.
 *
 * @module
 */

import { unknownRelation, unsupportedEvent } from '../accountant.ts';
import type { DpEvent, EventOf, NeighboringRelation } from '../events/event.ts';
import { expandRoundedDiscreteGaussian } from '../rdp/distributed-noise.ts';
import { findEffectiveNoiseMultiplier } from '../rdp/gaussian-composition.ts';
import { sensitivityFactor } from '../relation.ts';
import {
  createBoundedRangePair,
  createGaussianPair,
  createLaplacePair,
  createMixturePair,
  createReplacedGaussianPair,
  createReplacedLaplacePair,
  sampleBoundedPair,
} from './continuous-pairs.ts';
import {
  createDiscreteGaussianPair,
  createDiscreteLaplacePair,
  createPrivacyParametersPair,
  createResponsePair,
  createZeroOutResponsePair,
} from './discrete-pairs.ts';
import { findLatticeStandIn } from './lattice-gaussian.ts';
import { type DominatingPair, samplePair, swapPair } from './pair.ts';
import { createTruncatedPair, createWithoutReplacementPair } from './sampled-pairs.ts';
import { createShufflePair } from './shuffle.ts';

/**
 * What one application of an event looks like: a Gaussian of its own μ, or a dominating pair for each direction ("record
 * present against absent", then the reverse; the same twice when one pair serves both).
 */
export interface LossModel {
  readonly mu?: number;
  readonly directions?: readonly [DominatingPair, DominatingPair];
  /** Bound on the log-ratio by which the pair's probabilities may be off, in one application. */
  readonly slack: number;
  /** False when the pair only dominates: then it says nothing about a lower bound. */
  readonly tight: boolean;
  /** The pure guarantee, ∞ where there is none. */
  readonly pureEpsilon: number;
}

const both = (pair: DominatingPair, pureEpsilon = Infinity, tight = true): LossModel => ({
  directions: [pair, pair],
  slack: 0,
  tight,
  pureEpsilon,
});

const gaussianOf = (noiseMultiplier: number): LossModel => ({
  mu: 1 / noiseMultiplier,
  slack: 0,
  tight: true,
  pureEpsilon: noiseMultiplier === Infinity ? 0 : Infinity,
});

/** What an event is asked under: the relation, and how often it is applied. */
export interface LossRequest {
  readonly relation: NeighboringRelation;
  readonly count: number;
}

/**
 * Finds the loss model of an event that is no composition.
 * @throws {AccountingError} 'accounting/unsupported-event' or 'accounting/unknown-relation'.
 */
export function findLossModel(event: DpEvent, request: LossRequest): LossModel {
  const { relation } = request;
  const factor = sensitivityFactor(relation);
  switch (event.kind) {
    case 'gaussian':
    case 'matrixFactorization':
      return gaussianOf((findEffectiveNoiseMultiplier(event) as number) / factor);
    case 'laplace':
      return both(createLaplacePair(event.noiseMultiplier / factor), factor / event.noiseMultiplier);
    case 'permuteAndFlip':
      // Its loss is that of the Laplace mechanism with the same epsilon ([MS20] proposition 5 and dp_accounting).
      if (event.epsilon === 0) return gaussianOf(Infinity);
      return both(createLaplacePair(1 / event.epsilon), event.epsilon, false);
    case 'discreteLaplace':
      return both(
        createDiscreteLaplacePair(event.noiseParameter, factor * event.sensitivity),
        factor * event.noiseParameter * event.sensitivity,
      );
    case 'discreteGaussian':
      return findDiscreteGaussianModel(event, request);
    case 'distributedDiscreteGaussian': {
      const { noiseMultiplier, slack } = findLatticeStandIn(event, { count: request.count, whole: event });
      return { ...gaussianOf(noiseMultiplier / factor), slack, tight: false };
    }
    case 'roundedDiscreteGaussian':
      return findLossModel(expandRoundedDiscreteGaussian(event), request);
    case 'epsilonDelta':
      return both(createPrivacyParametersPair(event.epsilon, event.delta), event.delta > 0 ? Infinity : event.epsilon);
    case 'exponential':
      if (event.epsilon === 0) return gaussianOf(Infinity);
      return both(createBoundedRangePair(event.epsilon), event.epsilon, false);
    case 'randomizedResponse':
      return findResponseModel(event, relation);
    case 'mixtureOfGaussians':
      if (relation === 'replace-one') {
        throw unknownRelation(event, relation, 'a mixture states its sensitivities for a record that comes or goes');
      }
      return findMixtureModel(createMixturePair(event));
    case 'truncatedPoissonGaussian':
      return findTruncatedModel(event, relation);
    case 'treeAggregation': {
      if (relation !== 'zero-out') throw unknownRelation(event, relation, 'the leaves have fixed places; use zero-out');
      const steps = typeof event.stepCounts === 'number' ? event.stepCounts : Math.max(...event.stepCounts);
      return gaussianOf(event.noiseMultiplier / Math.sqrt(Math.ceil(Math.log2(steps + 1))));
    }
    case 'shuffledReports':
      if (relation !== 'replace-one') {
        throw unknownRelation(event, relation, 'how many reports were shuffled is public; use replace-one');
      }
      return both(createShufflePair(event), event.epsilon0, false);
    case 'poissonSampled':
      return findPoissonModel(event, request);
    case 'sampledWithoutReplacement':
      return findWithoutReplacementModel(event, relation);
    case 'zeroConcentrated':
    case 'repeatAndSelect':
    case 'skellam':
    case 'roundedSkellam':
      throw unsupportedEvent('pld', event, 'only its Rényi divergences are known; ask the rdp accountant');
    default:
      throw unsupportedEvent('pld', event, 'it has no privacy loss distribution');
  }
}

/** The two directions of a pair whose sides differ. */
function findMixtureModel(pair: DominatingPair): LossModel {
  return { directions: [pair, swapPair(pair)], slack: 0, tight: true, pureEpsilon: Infinity };
}

function findResponseModel(event: EventOf<'randomizedResponse'>, relation: NeighboringRelation): LossModel {
  const { noiseParameter: p, buckets: k } = event;
  if (relation === 'add-or-remove-one') {
    throw unknownRelation(event, relation, 'a respondent who leaves sends no answer; use replace-one or zero-out');
  }
  if (relation === 'replace-one') {
    return both(createResponsePair(event), k === 1 || p === 1 ? 0 : p === 0 ? Infinity : Math.log1p((k * (1 - p)) / p));
  }
  const pair = createZeroOutResponsePair(event);
  const pureEpsilon = k === 1 || p === 1 ? 0 : Math.max(Math.log(k * (1 - p) + p), -Math.log(p));
  return { directions: [pair, swapPair(pair)], slack: 0, tight: true, pureEpsilon };
}

function findDiscreteGaussianModel(event: EventOf<'discreteGaussian'>, request: LossRequest): LossModel {
  const factor = sensitivityFactor(request.relation);
  const sensitivity = factor * event.sensitivity;
  if (sensitivity === 0) return gaussianOf(Infinity);
  if (event.dimension === 1 && Number.isInteger(sensitivity) && event.sigma < 1e4) {
    return both(createDiscreteGaussianPair(event.sigma, sensitivity));
  }
  const { noiseMultiplier, slack } = findLatticeStandIn(event, { count: request.count, whole: event });
  return { ...gaussianOf(noiseMultiplier / factor), slack, tight: false };
}

function findTruncatedModel(event: EventOf<'truncatedPoissonGaussian'>, relation: NeighboringRelation): LossModel {
  const { samplingRate, noiseMultiplier } = event;
  if (samplingRate === 0) return gaussianOf(Infinity);
  if (noiseMultiplier === 0) return gaussianOf(0);
  const plain =
    relation === 'replace-one'
      ? createReplacedGaussianPair(noiseMultiplier, samplingRate)
      : samplePair(createGaussianPair(noiseMultiplier), samplingRate);
  const directions = [plain, relation === 'replace-one' ? plain : swapPair(plain)] as const;
  return {
    directions: [createTruncatedPair(event, directions[0]), createTruncatedPair(event, directions[1])],
    slack: 0,
    tight: false,
    pureEpsilon: Infinity,
  };
}

function findWithoutReplacementModel(
  event: EventOf<'sampledWithoutReplacement'>,
  relation: NeighboringRelation,
): LossModel {
  if (relation !== 'replace-one') {
    throw unknownRelation(event, relation, 'a sample of fixed size says how many records there are; use replace-one');
  }
  const noiseMultiplier = findEffectiveNoiseMultiplier(event.event);
  if (noiseMultiplier === undefined) throw unsupportedEvent('pld', event, 'the event inside must be a Gaussian sum');
  const fraction = event.sampleSize / event.datasetSize;
  if (fraction === 0 || noiseMultiplier === Infinity) return gaussianOf(Infinity);
  if (fraction === 1 || noiseMultiplier === 0) return gaussianOf(noiseMultiplier);
  return both(createWithoutReplacementPair(noiseMultiplier, fraction), Infinity, false);
}

function findPoissonModel(event: EventOf<'poissonSampled'>, request: LossRequest): LossModel {
  const { samplingRate: q, event: inner } = event;
  const { relation } = request;
  if (q === 0) return gaussianOf(Infinity);
  const lattice = findInnerStandIn(event, request);
  const noiseMultiplier = lattice?.noiseMultiplier ?? findEffectiveNoiseMultiplier(inner);
  if (noiseMultiplier !== undefined) {
    const model = findSampledGaussianModel(noiseMultiplier, q, relation);
    return lattice === undefined ? model : { ...model, slack: lattice.slack, tight: false };
  }
  if (relation === 'replace-one') {
    if (inner.kind !== 'laplace') {
      throw unknownRelation(event, relation, 'under replace-one only sampled Gaussian and Laplace sums are known');
    }
    if (inner.noiseMultiplier === 0) return gaussianOf(0);
    return both(createReplacedLaplacePair(inner.noiseMultiplier, q));
  }
  return findSampledModel(event, request);
}

/** The continuous Gaussian that stands in for noise on a lattice. */
function findInnerStandIn(
  event: EventOf<'poissonSampled'>,
  { count }: LossRequest,
): { readonly noiseMultiplier: number; readonly slack: number } | undefined {
  const inner =
    event.event.kind === 'roundedDiscreteGaussian' ? expandRoundedDiscreteGaussian(event.event) : event.event;
  if (inner.kind === 'distributedDiscreteGaussian') return findLatticeStandIn(inner, { count, whole: event });
  if (inner.kind === 'discreteGaussian' && !(inner.dimension === 1 && Number.isInteger(inner.sensitivity))) {
    return findLatticeStandIn(inner, { count, whole: event });
  }
  return undefined;
}

function findSampledGaussianModel(noiseMultiplier: number, q: number, relation: NeighboringRelation): LossModel {
  if (noiseMultiplier === 0 || noiseMultiplier === Infinity) return gaussianOf(noiseMultiplier);
  if (relation === 'replace-one') {
    return q === 1 ? gaussianOf(noiseMultiplier / 2) : both(createReplacedGaussianPair(noiseMultiplier, q));
  }
  if (q === 1) return gaussianOf(noiseMultiplier);
  return findMixtureModel(samplePair(createGaussianPair(noiseMultiplier), q));
}

/** Sampling around a mechanism with pairs of its own. */
function findSampledModel(event: EventOf<'poissonSampled'>, request: LossRequest): LossModel {
  const { samplingRate: q, event: inner } = event;
  switch (inner.kind) {
    case 'laplace':
    case 'discreteLaplace':
    case 'discreteGaussian':
    case 'permuteAndFlip':
    case 'exponential':
    case 'epsilonDelta':
    case 'mixtureOfGaussians':
      break;
    default:
      throw unsupportedEvent('pld', event, `Poisson sampling around ${inner.kind} has no dominating pair here`);
  }
  const model = findLossModel(inner, request);
  if (model.directions === undefined) return model;
  const [remove, add] = model.directions;
  const sample = remove.lattice === undefined ? samplePair : sampleBoundedPair;
  return {
    directions: [sample(remove, q), swapPair(sample(swapPair(add), q))],
    slack: model.slack,
    tight: model.tight,
    pureEpsilon: Math.log1p(q * Math.expm1(model.pureEpsilon)),
  };
}
