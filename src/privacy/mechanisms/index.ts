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
export { createRappor, type Rappor, type RapporOptions, type RapporRespondent } from './local/rappor.ts';

export { createPoissonSampler, type PoissonSampler } from './sampling/poisson-sampler.ts';
