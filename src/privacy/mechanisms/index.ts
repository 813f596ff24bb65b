export { createDiscreteGaussian, type DiscreteGaussian } from './samplers/discrete-gaussian.ts';
export { createDiscreteLaplace, type DiscreteLaplace } from './samplers/discrete-laplace.ts';
export type { IntegerNoise } from './samplers/integer-noise.ts';
export {
  createDistributedDiscreteGaussian,
  type DistributedDiscreteGaussian,
} from './noise/distributed-discrete-gaussian.ts';
export {
  sampleBernoulli,
  sampleBernoulliDouble,
  sampleBernoulliExp,
  sampleDiscreteGaussian,
  sampleDiscreteLaplace,
  sampleGeometric,
} from './samplers/exact-samplers.ts';
export type { Guarantee, Mechanism } from './mechanism.ts';
export { createPoissonSampler, type PoissonSampler } from './sampling/poisson-sampler.ts';
