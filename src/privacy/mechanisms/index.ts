export { type Guarantee, type Mechanism } from './mechanism.ts';

export { createBinomial, type Binomial, sampleBinomial } from './samplers/binomial.ts';
export { createDiscreteGaussian, type DiscreteGaussian } from './samplers/discrete-gaussian.ts';
export { createDiscreteLaplace, type DiscreteLaplace } from './samplers/discrete-laplace.ts';
export {
  sampleBernoulli,
  sampleBernoulliDouble,
  sampleBernoulliExp,
  sampleDiscreteGaussian,
  sampleDiscreteLaplace,
  sampleGeometric,
} from './samplers/exact-samplers.ts';
export { type IntegerNoise } from './samplers/integer-noise.ts';
export { createSkellam, samplePoisson, sampleSkellam, type Skellam } from './samplers/skellam.ts';

export {
  createBoundedDomainLaplace,
  createBoundedNoiseLaplace,
  createUniform,
  type ScalarMechanism,
} from './noise/bounded-laplace.ts';
export {
  createDiscreteGaussianMechanism,
  type DiscreteGaussianMechanism,
} from './noise/discrete-gaussian-mechanism.ts';
export { createDiscreteLaplaceMechanism, type DiscreteLaplaceMechanism } from './noise/discrete-laplace-mechanism.ts';
export {
  createDistributedDiscreteGaussian,
  type DistributedDiscreteGaussian,
} from './noise/distributed-discrete-gaussian.ts';
export { createDistributedSkellam, type DistributedSkellam } from './noise/distributed-skellam.ts';
export { createCalibratedGaussian, createGaussian, type Gaussian, type GaussianShape } from './noise/gaussian.ts';
export { type GridRelease } from './noise/grid-release.ts';
export {
  createFoldedLaplace,
  createLaplace,
  createTruncatedLaplace,
  type Laplace,
  type LaplaceOptions,
  type OutputRange,
} from './noise/laplace.ts';
export { createStaircase } from './noise/staircase.ts';
export { createVectorMechanism, type VectorMechanism } from './noise/vector-mechanism.ts';

export {
  type CategoricalExponential,
  computeHierarchyDistances,
  createCategoricalExponential,
  createExponential,
  type Hierarchy,
  type Selection,
  type SelectionOptions,
} from './selection/exponential.ts';
export { createPermuteAndFlip, createReportNoisyMax } from './selection/noisy-max.ts';
export { createSparseVector, type SparseVector, type SparseVectorSession } from './selection/sparse-vector.ts';

export {
  createHadamardResponse,
  createOptimizedLocalHashing,
  createOptimizedUnaryEncoding,
  type FrequencyOracle,
  type HashedReport,
} from './local/frequency-oracles.ts';
export { createRandomizedResponse, type RandomizedResponse } from './local/randomized-response.ts';
export { createLocalVectorMean, type LocalVectorMean, type VectorReport } from './local/vector-mean.ts';
export { createRappor, type Rappor, type RapporOptions, type RapporRespondent } from './local/rappor.ts';

export {
  createCyclicSampler,
  createFixedSizeSampler,
  createShuffledSampler,
  createTruncatedPoissonSampler,
  type EpochSampler,
  type FixedSizeSampler,
  type TruncatedPoissonSampler,
} from './sampling/fixed-samplers.ts';
export { createPoissonSampler, type PoissonSampler } from './sampling/poisson-sampler.ts';

export { type AdaptiveClipping, computeSumNoiseMultiplier, createAdaptiveClipping } from './clipping/adaptive.ts';
export {
  type Clipper,
  type ClipOutcome,
  createAutomaticClipper,
  createFlatClipper,
  createLayerClipper,
  type Gradient,
  type LayerBound,
} from './clipping/clipping.ts';

export { type StatisticNoise } from './statistics/additive-noise.ts';
export {
  type BoundedOptions,
  type Bounds,
  createCount,
  createMean,
  createStandardDeviation,
  createSum,
  createVariance,
  type Statistic,
} from './statistics/bounded-sums.ts';
export {
  createCategoryHistogram,
  createHistogram,
  createHistogramNd,
  createPartitionSelection,
  type Histogram,
  type PartitionSelection,
} from './statistics/histogram.ts';
export { createMedian, createQuantiles, type Quantiles } from './statistics/quantile.ts';

export { type BandedPoissonSampler, createBandedPoissonSampler } from './matrix/banded-sampler.ts';
export { calibrateBufferedToeplitz, type CalibratedBuffers } from './matrix/calibrate-buffered.ts';
export { createMatrixMechanism, type MatrixMechanism, type MatrixRun } from './matrix/matrix-mechanism.ts';
export {
  computeBandedSensitivity,
  computeSensitivityByEnumeration,
  computeToeplitzSensitivity,
  type Participation,
} from './matrix/sensitivity.ts';
export {
  createBandedStrategy,
  createBufferedStrategy,
  createToeplitzStrategy,
  type MatrixStrategy,
} from './matrix/strategy.ts';
export {
  type BufferedLinearToeplitz,
  computeBufferedToeplitz,
  computeOptimalToeplitz,
  computePrefixVariances,
  invertToeplitz,
} from './matrix/toeplitz.ts';
export { createTreeAggregation, type TreeAggregation, type TreeRun } from './matrix/tree.ts';
