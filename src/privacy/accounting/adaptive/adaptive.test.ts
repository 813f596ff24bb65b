import { describe, expect, it } from 'vitest';

import { gaussian, laplace, poissonSampled } from '../events/constructors.ts';
import { createRdpAccountant } from '../rdp/rdp-accountant.ts';
import { createPldAccountant } from '../pld/pld-accountant.ts';
import { computePrivacyCurve, computeTradeOff } from '../trade-off.ts';
import { computeGaussianDelta } from '../analytic-gaussian.ts';
import { normalCdf, normalQuantile } from '../../../foundations/numerics/index.ts';
import { createPrivacyFilter } from './filter.ts';
import { createPrivacyOdometer } from './odometer.ts';

const step = poissonSampled({ samplingRate: 0.05, event: gaussian({ noiseMultiplier: 2 }) });

describe('privacy filter', () => {
  it('admits exactly what converts to the target at its one order', () => {
    const filter = createPrivacyFilter({ epsilon: 2, delta: 1e-5, relation: 'zero-out', typical: step });
    let admitted = 0;
    while (filter.admits(step)) {
      filter.admit(step);
      admitted += 1;
    }
    const spent = (count: number): number => {
      const accountant = createRdpAccountant({ relation: 'zero-out', orders: [filter.order] });
      accountant.compose(step, count);
      return accountant.epsilon(1e-5);
    };
    expect(admitted).toBeGreaterThan(50);
    expect(spent(admitted)).toBeLessThanOrEqual(2 + 1e-12);
    expect(spent(admitted + 1)).toBeGreaterThan(2);
    expect(() => filter.admit(step)).toThrow(expect.objectContaining({ code: 'accounting/budget-exceeded' }));
    expect(filter.spent()).toBeLessThanOrEqual(filter.allowance);
  });

  it('loses little against an accountant that knows the plan', () => {
    const filter = createPrivacyFilter({ epsilon: 2, delta: 1e-5, relation: 'zero-out', typical: step });
    const accountant = createRdpAccountant({ relation: 'zero-out' });
    let planned = 0;
    for (; accountant.epsilon(1e-5) <= 2; planned += 1) accountant.compose(step);
    let admitted = 0;
    for (; filter.admits(step); admitted += 1) filter.admit(step);
    expect(admitted).toBeGreaterThanOrEqual(Math.floor(planned * 0.98) - 1);
  });

  it('admits nothing it cannot convert, and takes other kinds of events', () => {
    const none = createPrivacyFilter({ epsilon: 0.001, delta: 1e-9, relation: 'zero-out', order: 2 });
    expect(none.allowance).toBe(0);
    expect(none.admits(gaussian({ noiseMultiplier: 100 }))).toBe(false);
    expect(none.admits(gaussian({ noiseMultiplier: 100 }), 0)).toBe(true);
    const mixed = createPrivacyFilter({ epsilon: 3, delta: 1e-6, relation: 'zero-out' });
    mixed.admit(laplace({ noiseMultiplier: 4 }), 2);
    mixed.admit(gaussian({ noiseMultiplier: 5 }));
    expect(mixed.spent()).toBeGreaterThan(0);
  });
});

describe('privacy odometer', () => {
  it('reads zero, then rises by rungs, never below what was spent', () => {
    const odometer = createPrivacyOdometer({ delta: 1e-5, relation: 'zero-out' });
    expect(odometer.reading()).toBe(0);
    let before = 0;
    const accountant = createRdpAccountant({ relation: 'zero-out' });
    for (let i = 0; i < 200; i += 1) {
      odometer.record(step);
      accountant.compose(step);
      expect(odometer.reading()).toBeGreaterThanOrEqual(before);
      expect(odometer.reading()).toBeGreaterThanOrEqual(accountant.epsilon(1e-5) * 0.999);
      before = odometer.reading();
    }
    expect(before).toBeLessThan(10);
    odometer.record(gaussian({ noiseMultiplier: 0.001 }));
    expect(odometer.reading()).toBe(Infinity);
  });
});

describe('trade-off', () => {
  it('is that of the Gaussian for a Gaussian, and nobody tests better', () => {
    const accountant = createPldAccountant({ relation: 'zero-out' });
    accountant.compose(gaussian({ noiseMultiplier: 1 }));
    const epsilons = Array.from({ length: 400 }, (_, i) => i * 0.025);
    const points = computePrivacyCurve(accountant, epsilons);
    points.forEach(({ epsilon, delta }) => expect(delta.upper).toBeCloseTo(computeGaussianDelta(1, epsilon), 10));
    for (const { falsePositiveRate, falseNegativeRate } of computeTradeOff(
      points,
      [0, 0.001, 0.01, 0.1, 0.5, 0.9, 1],
    )) {
      const exact =
        falsePositiveRate === 0
          ? 1
          : falsePositiveRate === 1
            ? 0
            : normalCdf(normalQuantile(1 - falsePositiveRate) - 1);
      expect(falseNegativeRate).toBeLessThanOrEqual(exact + 1e-9);
      expect(falseNegativeRate).toBeGreaterThan(exact - 2e-3);
    }
  });
});
