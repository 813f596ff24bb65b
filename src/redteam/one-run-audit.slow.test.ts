import { describe, expect, it } from 'vitest';

import { createTestRng } from '../../test/statistical/assert.ts';
import { logBinomialUpperTail } from '../foundations/numerics/index.ts';
import { createDataset } from '../learning/data/index.ts';
import {
  compilePlan,
  createDpSgd,
  createEngine,
  createOptimizer,
  dense,
  initializeParameters,
  model,
} from '../learning/models/index.ts';
import { createPldAccountant } from '../privacy/accounting/index.ts';
import { plantGradientCanaries } from './gradient-canaries.ts';
import { auditOneRun, type OneRunAudit } from './one-run-audit.ts';

const RUNS = 40;
const DELTA = 1e-5;
const plan = compilePlan(model([dense({ out: 40 })], { input: [100], loss: 'softmaxCrossEntropy' }));

describe('audits of many correct runs', () => {
  it.each([
    { name: 'every example in every step', samplingRate: 1, noiseMultiplier: 4, steps: 10, share: 0.3 },
    { name: 'sampled examples', samplingRate: 0.2, noiseMultiplier: 1, steps: 10, share: 0.15 },
  ])(
    'refute at most as many as they may, and come near the claim: $name',
    async ({ name, steps, share, ...settings }) => {
      const accountant = createPldAccountant({ relation: 'add-or-remove-one' });
      const audits: OneRunAudit[] = [];
      for (let run = 0; run < RUNS; run += 1) {
        const rng = createTestRng(`audits of many runs/${name}/${run}`);
        const inputs = Float32Array.from({ length: 200 * 100 }, () => rng.uint32() / 2 ** 32);
        const dataset = createDataset({
          inputs,
          inputShape: [100],
          labels: Uint8Array.from({ length: 200 }, (_, i) => i % 40),
        });
        const options = { ...settings, clipNorm: 1, expectedBatchSize: 200 };
        const planted = plantGradientCanaries(
          { engine: createEngine(plan), dataset, canaries: 2000, ...options },
          rng.fork('canaries'),
        );
        const optimizer = planted.watch(createOptimizer({ kind: 'sgd', learningRate: 0.1 }, plan.parameterCount));
        const sgd = createDpSgd({ engine: planted.engine, optimizer, ...options });
        if (run === 0) accountant.compose(sgd.event, steps);
        const parameters = initializeParameters(plan, rng.fork('start'));
        for (let step = 0; step < steps; step += 1) await sgd.step({ parameters, dataset: planted.dataset }, rng);
        const claimed = accountant.epsilon(DELTA);
        audits.push(auditOneRun({ scores: planted.scores(), coins: planted.coins, delta: DELTA, claimed }));
      }
      // Each may be refuted with 5 %: so many or more have a probability of 10^-6 at most.
      const refuted = audits.filter((audit) => audit.refuted).length;
      expect(Math.exp(logBinomialUpperTail(refuted, { trials: RUNS, probability: 0.05 }))).toBeGreaterThan(1e-6);
      const mean = audits.reduce((sum, { epsilonLower }) => sum + epsilonLower / RUNS, 0);
      const claimed = audits[0]?.claimed as number;
      console.log(
        `${name}: claimed ${claimed.toFixed(3)}, shown ${mean.toFixed(3)} on average, refuted ${refuted} of ${RUNS}`,
      );
      expect(mean).toBeGreaterThan(share * claimed);
    },
  );
});
