export { createDiscreteGaussian, type DiscreteGaussian, type IntegerNoise } from './discrete-gaussian.ts';
export {
  createDistributedDiscreteGaussian,
  type DistributedDiscreteGaussian,
} from './distributed-discrete-gaussian.ts';
export {
  sampleBernoulli,
  sampleBernoulliDouble,
  sampleBernoulliExp,
  sampleDiscreteGaussian,
  sampleDiscreteLaplace,
  sampleGeometric,
} from './exact-samplers.ts';
export type { Guarantee, Mechanism } from './mechanism.ts';
export { createPoissonSampler, type PoissonSampler } from './poisson-sampler.ts';
