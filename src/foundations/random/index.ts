export { readEntropy } from './entropy.ts';
export { sampleBigIntBelow, sampleUint32Below, shuffleInto } from './integers.ts';
export { createSeededRng, createSystemRng, type Rng } from './rng.ts';
