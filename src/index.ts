/**
 * The names a user of Sotto needs first; everything else is behind the rooms' own doors (`sotto/accounting`, …).
 *
 * @module
 */

export { SottoError } from './foundations/numerics/index.ts';
export { createSeededRng, createSystemRng, type Rng } from './foundations/random/index.ts';
export {
  type Accountant,
  calibrateNoiseMultiplier,
  createLedger,
  createRdpAccountant,
  type DpEvent,
} from './privacy/accounting/index.ts';
export { createSecAggAggregator, createSecAggParticipant } from './secure/secagg/index.ts';
export { createEngine, createOptimizer, model } from './learning/models/index.ts';
