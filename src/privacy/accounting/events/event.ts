/**
 * Events: what was done to the data, as plain frozen facts. How it is counted is the accountants' business. The algebra
 * is that of Google's DpEvent, so that their code can recheck ours; kinds of our own are marked. The meaning of a kind
 * never changes; new meanings get new kinds.
 *
 * **Convention, one for every accountant.** A noise multiplier is the noise's scale over the sensitivity of the query
 * to one record under add-or-remove-one (for a clipped sum: the clip norm). Zero-out has the same sensitivity;
 * replace-one has twice that (the record leaves, another comes), and the accountants double it. The one kind that exists
 * under replace-one alone, `sampledWithoutReplacement`, states its inner noise over the replace-one sensitivity.
 *
 * @module
 */

/** Which two data sets count as neighbours. `zero-out` replaces a record by one that contributes nothing. */
export type NeighboringRelation = 'add-or-remove-one' | 'replace-one' | 'zero-out';

/** An operation that costs nothing. */
export interface NoOpEvent {
  readonly kind: 'noOp';
}

/** An operation without any guarantee: epsilon is infinite. */
export interface NonPrivateEvent {
  readonly kind: 'nonPrivate';
}

/** An operation nobody has a description for: every accountant refuses it. */
export interface UnsupportedEvent {
  readonly kind: 'unsupported';
}

/** A sum plus continuous Gaussian noise of standard deviation `noiseMultiplier` × L2 sensitivity. */
export interface GaussianEvent {
  readonly kind: 'gaussian';
  readonly noiseMultiplier: number;
}

/** A sum plus Laplace noise of scale `noiseMultiplier` × L1 sensitivity. */
export interface LaplaceEvent {
  readonly kind: 'laplace';
  readonly noiseMultiplier: number;
}

/** An integer sum of integer L1 sensitivity plus noise with probability proportional to exp(−noiseParameter·|x|). */
export interface DiscreteLaplaceEvent {
  readonly kind: 'discreteLaplace';
  readonly noiseParameter: number;
  readonly sensitivity: number;
}

/**
 * An integer vector plus noise with probability proportional to exp(−|z|²/2σ²) on the integers, per coordinate.
 * `dimension` null: unknown, accountants assume the worst.
 */
export interface DiscreteGaussianEvent {
  readonly kind: 'discreteGaussian';
  readonly sigma: number;
  readonly sensitivity: number;
  readonly dimension: number | null;
}

/** Anything with a (xi, rho)-zCDP guarantee: Rényi divergence at most xi + rho·alpha at every order alpha. */
export interface ZeroConcentratedEvent {
  readonly kind: 'zeroConcentrated';
  readonly rho: number;
  readonly xi: number;
}

/** Anything with an (epsilon, delta) guarantee under the relation it is charged for. */
export interface EpsilonDeltaEvent {
  readonly kind: 'epsilonDelta';
  readonly epsilon: number;
  readonly delta: number;
}

/** k-ary randomized response: with probability `noiseParameter` a uniform bucket, else the true one. */
export interface RandomizedResponseEvent {
  readonly kind: 'randomizedResponse';
  readonly noiseParameter: number;
  readonly buckets: number;
}

/** An epsilon-bounded-range mechanism, such as the exponential mechanism with exponent epsilon·score/(2·sensitivity). */
export interface ExponentialEvent {
  readonly kind: 'exponential';
  readonly epsilon: number;
}

/** The permute-and-flip mechanism with parameter epsilon. */
export interface PermuteAndFlipEvent {
  readonly kind: 'permuteAndFlip';
  readonly epsilon: number;
}

/** Gaussian noise on a query whose sensitivity is itself random: sensitivities[i] with probabilities[i]. */
export interface MixtureOfGaussiansEvent {
  readonly kind: 'mixtureOfGaussians';
  readonly noiseStddev: number;
  readonly sensitivities: readonly number[];
  readonly probabilities: readonly number[];
}

/** Poisson sampling, then a uniform choice of `truncatedBatchSize` records when more came, then a Gaussian sum. */
export interface TruncatedPoissonGaussianEvent {
  readonly kind: 'truncatedPoissonGaussian';
  readonly datasetSize: number;
  readonly samplingRate: number;
  readonly truncatedBatchSize: number;
  readonly noiseMultiplier: number;
}

/** Tree aggregation in which every record occurs in one leaf of one tree; `stepCounts` leaves in each tree. */
export interface TreeAggregationEvent {
  readonly kind: 'treeAggregation';
  readonly noiseMultiplier: number;
  readonly stepCounts: number | readonly number[];
}

/**
 * Ours. The sum, per coordinate, of `shares` independent discrete Gaussians of parameter `shareVariance`, on an integer
 * vector of `dimension` coordinates with the given sensitivities (grid units, after all rounding).
 */
export interface DistributedDiscreteGaussianEvent {
  readonly kind: 'distributedDiscreteGaussian';
  readonly shares: number;
  readonly shareVariance: number;
  readonly l2Sensitivity: number;
  readonly l1Sensitivity: number | null;
  readonly dimension: number;
}

/** Ours. An integer vector plus Skellam noise of variance `variance` (the sum of all shares), per coordinate. */
export interface SkellamEvent {
  readonly kind: 'skellam';
  readonly variance: number;
  readonly l2Sensitivity: number;
  readonly l1Sensitivity: number | null;
  readonly dimension: number;
}

/**
 * Ours, with the fields of the reference rows: each of `clients` clips one vector to `clipNorm`, divides it by the grid
 * step `gamma`, rotates, rounds conditionally with bias `beta` (0: plain rounding; rounding false: none), and adds its
 * discrete Gaussian share of standard deviation `localStddev`.
 */
export interface RoundedDiscreteGaussianEvent {
  readonly kind: 'roundedDiscreteGaussian';
  readonly clients: number;
  readonly dimension: number;
  readonly clipNorm: number;
  readonly gamma: number;
  readonly beta: number;
  readonly localStddev: number;
  readonly rounding: boolean;
}

/** Ours, with the fields of the reference rows: the same path with Skellam noise; `scale` = 1/gamma. */
export interface RoundedSkellamEvent {
  readonly kind: 'roundedSkellam';
  readonly dimension: number;
  readonly clipNorm: number;
  readonly scale: number;
  readonly beta: number;
  readonly centralStddev: number;
  readonly rounding: boolean;
}

/** Ours. `reports` users each send one output of an epsilon0-DP local randomiser through a shuffler (replace-one). */
export interface ShuffledReportsEvent {
  readonly kind: 'shuffledReports';
  readonly reports: number;
  readonly epsilon0: number;
}

/** Ours. A matrix-factorisation mechanism without sampling: Gaussian noise on C·x, where C has the given sensitivity. */
export interface MatrixFactorizationEvent {
  readonly kind: 'matrixFactorization';
  readonly noiseMultiplier: number;
  readonly sensitivity: number;
}

/** Ours. Banded matrix factorisation, records sampled with `samplingRate` within one of `bands` groups in turn. */
export interface BandedMatrixFactorizationEvent {
  readonly kind: 'bandedMatrixFactorization';
  readonly noiseMultiplier: number;
  readonly iterations: number;
  readonly bands: number;
  readonly samplingRate: number;
}

/** Poisson sampling: every record takes part with probability `samplingRate`, independently. */
export interface PoissonSampledEvent {
  readonly kind: 'poissonSampled';
  readonly samplingRate: number;
  readonly event: DpEvent;
}

/** A uniform sample of fixed size. The inner noise multiplier is over the replace-one sensitivity. */
export interface SampledWithoutReplacementEvent {
  readonly kind: 'sampledWithoutReplacement';
  readonly datasetSize: number;
  readonly sampleSize: number;
  readonly event: DpEvent;
}

/**
 * Ours. One pass over the data in `batches` batches of fixed size, shuffled or in a fixed (cyclic) order: every record
 * is in exactly one. No amplification is claimed. Not defined under add-or-remove-one: one record moves every later batch.
 */
export interface FixedOrderEpochEvent {
  readonly kind: 'fixedOrderEpoch';
  readonly order: 'shuffled' | 'cyclic';
  readonly batches: number;
  readonly event: DpEvent;
}

/** A random number of runs (mean, shape of a truncated negative binomial; shape ∞: Poisson), the best one released. */
export interface RepeatAndSelectEvent {
  readonly kind: 'repeatAndSelect';
  readonly event: DpEvent;
  readonly mean: number;
  readonly shape: number;
}

/** Several mechanisms, adaptively. */
export interface ComposedEvent {
  readonly kind: 'composed';
  readonly events: readonly DpEvent[];
}

/** The same mechanism `count` times, adaptively. */
export interface SelfComposedEvent {
  readonly kind: 'selfComposed';
  readonly event: DpEvent;
  readonly count: number;
}

/** Everything an accountant may be asked about. Plain frozen data: made by the constructors or read from JSON. */
export type DpEvent =
  | NoOpEvent
  | NonPrivateEvent
  | UnsupportedEvent
  | GaussianEvent
  | LaplaceEvent
  | DiscreteLaplaceEvent
  | DiscreteGaussianEvent
  | ZeroConcentratedEvent
  | EpsilonDeltaEvent
  | RandomizedResponseEvent
  | ExponentialEvent
  | PermuteAndFlipEvent
  | MixtureOfGaussiansEvent
  | TruncatedPoissonGaussianEvent
  | TreeAggregationEvent
  | DistributedDiscreteGaussianEvent
  | SkellamEvent
  | RoundedDiscreteGaussianEvent
  | RoundedSkellamEvent
  | ShuffledReportsEvent
  | MatrixFactorizationEvent
  | BandedMatrixFactorizationEvent
  | PoissonSampledEvent
  | SampledWithoutReplacementEvent
  | FixedOrderEpochEvent
  | RepeatAndSelectEvent
  | ComposedEvent
  | SelfComposedEvent;

/** Names one kind of event. */
export type DpEventKind = DpEvent['kind'];

/** The event of a given kind. */
export type EventOf<Kind extends DpEventKind> = Extract<DpEvent, { readonly kind: Kind }>;
