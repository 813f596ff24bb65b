import { describe, expect, it } from 'vitest';

import { computeGaussianDelta, computeGaussianEpsilon, calibrateAnalyticGaussian } from './analytic-gaussian.ts';
import { calibrateCount, calibrateNoiseMultiplier, calibrateParameter, type CalibrationTarget } from './calibrate.ts';
import { createAccountant } from './create-accountant.ts';
import { gaussian, laplace, poissonSampled, selfComposed } from './events/constructors.ts';
import type { DpEvent } from './events/event.ts';

const run = (noiseMultiplier: number, samplingRate = 0.02, count = 300): DpEvent =>
  selfComposed(poissonSampled({ samplingRate, event: gaussian({ noiseMultiplier }) }), count);

function epsilonOf(event: DpEvent, target: CalibrationTarget): number {
  const accountant = createAccountant(target);
  accountant.compose(event);
  return accountant.epsilon(target.delta);
}

describe('calibration', () => {
  const target = { epsilon: 2, delta: 1e-5, relation: 'add-or-remove-one' } as const;

  it('meets the target, and the next smaller multiplier of seven digits does not', () => {
    const by = { ...target, accountant: 'rdp' } as const;
    for (const epsilon of [0.3, 2, 9]) {
      const wanted = { ...by, epsilon };
      const noiseMultiplier = calibrateNoiseMultiplier({ ...wanted, event: run });
      const unit = 10 ** (Math.floor(Math.log10(noiseMultiplier)) - 6);
      expect(epsilonOf(run(noiseMultiplier), wanted)).toBeLessThanOrEqual(epsilon);
      expect(epsilonOf(run(noiseMultiplier - 1.01 * unit), wanted)).toBeGreaterThan(epsilon);
    }
  });

  it('meets the target by distributions, within a thousandth of what is proved to be needed', () => {
    const by = { ...target, accountant: 'pld' } as const;
    const noiseMultiplier = calibrateNoiseMultiplier({ ...by, event: run });
    expect(epsilonOf(run(noiseMultiplier), by)).toBeLessThanOrEqual(2);
    const accountant = createAccountant(by);
    accountant.compose(run(noiseMultiplier * 0.999));
    expect(accountant.epsilonInterval(1e-5).lower).toBeGreaterThan(2);
    expect(noiseMultiplier).toBeLessThan(calibrateNoiseMultiplier({ ...target, accountant: 'rdp', event: run }));
  });

  it('solves for any one parameter: a sampling rate, a count', () => {
    for (const accountant of ['rdp', 'pld'] as const) {
      const by = { ...target, accountant };
      const samplingRate = calibrateParameter({
        ...by,
        event: (rate) => run(1, rate),
        increasing: 'costlier',
        range: { low: 1e-6, high: 1 },
        start: 0.01,
      });
      expect(epsilonOf(run(1, samplingRate), by)).toBeLessThanOrEqual(2);
      expect(epsilonOf(run(1, samplingRate * 1.002), by)).toBeGreaterThan(2);
      const count = calibrateCount({ ...by, event: run(1, 0.02, 1) });
      expect(epsilonOf(run(1, 0.02, count), by)).toBeLessThanOrEqual(2);
      expect(epsilonOf(run(1, 0.02, count + Math.ceil(count / 100)), by)).toBeGreaterThan(2);
    }
    expect(calibrateCount({ ...target, accountant: 'rdp', event: gaussian({ noiseMultiplier: 0.1 }) })).toBe(0);
  });

  it('takes targets near zero and huge ones', () => {
    for (const accountant of ['rdp', 'pld'] as const) {
      for (const [epsilon, delta] of [
        [1e-3, 1e-6],
        [50, 1e-6],
        [1, 1e-12],
        [1, 0.1],
      ] as const) {
        const by = { epsilon, delta, relation: 'zero-out', accountant } as const;
        const noiseMultiplier = calibrateNoiseMultiplier({ ...by, event: (x) => gaussian({ noiseMultiplier: x }) });
        expect(epsilonOf(gaussian({ noiseMultiplier }), by)).toBeLessThanOrEqual(epsilon);
      }
    }
    const pure = { epsilon: 1, delta: 0, relation: 'zero-out', accountant: 'pld' } as const;
    expect(
      calibrateNoiseMultiplier({ ...pure, event: (x) => selfComposed(laplace({ noiseMultiplier: x }), 3) }),
    ).toBeCloseTo(3, 4);
  });

  it('says so when nothing meets the target', () => {
    const by = { ...target, delta: 0, accountant: 'rdp' } as const;
    expect(() => calibrateNoiseMultiplier({ ...by, event: run })).toThrow(
      expect.objectContaining({ code: 'accounting/calibration-failed' }),
    );
  });
});

describe('analytic Gaussian', () => {
  it('meets 40-digit values in both tails', () => {
    // mpmath 1.3: erfc((ε/μ−μ/2)/√2)/2 − e^ε·erfc((ε/μ+μ/2)/√2)/2
    const exact = [
      [1, 8, 3.650821687421791e-15],
      [0.01, 0.05, 5.481440200746873e-10],
      [5, 20, 0.04732296418851966],
      [1e-3, 0, 0.00039894226377883829],
      [1, 37, 1.476469534442528e-293],
    ] as const;
    for (const [mu, epsilon, delta] of exact) {
      expect(Math.abs(computeGaussianDelta(mu, epsilon) / delta - 1)).toBeLessThan(1e-11);
      if (epsilon > 0) expect(Math.abs(computeGaussianEpsilon(mu, delta) / epsilon - 1)).toBeLessThan(1e-11);
    }
  });

  it('inverts itself', () => {
    for (const epsilon of [0.01, 1, 20]) {
      for (const delta of [1e-12, 1e-5, 0.2]) {
        const stddev = calibrateAnalyticGaussian({ epsilon, delta });
        expect(computeGaussianDelta(1 / stddev, epsilon)).toBeLessThanOrEqual(delta * (1 + 1e-11));
        expect(computeGaussianDelta(1 / (stddev * (1 - 1e-6)), epsilon)).toBeGreaterThan(delta);
      }
    }
    expect(() => calibrateAnalyticGaussian({ epsilon: 1, delta: 0 })).toThrow(RangeError);
  });
});
