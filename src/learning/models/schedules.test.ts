import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { createWeightAverage } from './averaging.ts';
import { createSchedule, type ScheduleConfig } from './schedules.ts';

function factors(config: ScheduleConfig, totalSteps: number): number[] {
  const schedule = createSchedule(config, { totalSteps });
  return Array.from({ length: totalSteps }, (_, step) => schedule(step));
}

describe('schedules', () => {
  it('rise over the warm-up, then fall to the final factor at the last step', () => {
    expect(factors({ kind: 'constant', warmupSteps: 3 }, 5)).toEqual([0.25, 0.5, 0.75, 1, 1]);
    expect(factors({ kind: 'linear', finalFactor: 0.5 }, 3)).toEqual([1, 0.75, 0.5]);
    expect(factors({ kind: 'exponential', finalFactor: 0.25 }, 3)).toEqual([1, 0.5, 0.25]);
    expect(factors({ kind: 'steps', milestones: [1, 3], factor: 0.5 }, 4)).toEqual([1, 0.5, 0.5, 0.25]);
    const cosine = factors({ kind: 'cosine' }, 3);
    expect(cosine[0]).toBe(1);
    expect(cosine[1]).toBeCloseTo(0.5, 15);
    expect(cosine[2]).toBe(0);
  });

  it('stay within [0, 1] at every step, also after the last', () => {
    const kind = fc.constantFrom<ScheduleConfig>(
      { kind: 'constant', warmupSteps: 7 },
      { kind: 'linear' },
      { kind: 'cosine', warmupSteps: 2, finalFactor: 0.1 },
      { kind: 'exponential', finalFactor: 0.01 },
      { kind: 'steps', milestones: [2] },
    );
    fc.assert(
      fc.property(
        kind,
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 0, max: 100 }),
        (config, totalSteps, step) => {
          const factor = createSchedule(config, { totalSteps })(step);
          expect(factor).toBeGreaterThanOrEqual(0);
          expect(factor).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  it('refuse settings out of range', () => {
    expect(() => createSchedule({ kind: 'linear', finalFactor: 2 }, { totalSteps: 3 })).toThrow(
      '"schedule.finalFactor"',
    );
    expect(() => createSchedule({ kind: 'constant' }, { totalSteps: 0 })).toThrow('"totalSteps"');
  });
});

describe('createWeightAverage', () => {
  it('takes the first parameters whole and weighs later ones by min(decay, (1 + t) / (10 + t))', () => {
    const average = createWeightAverage({ decay: 0.15 }, 1);
    average.update(Float32Array.of(8));
    expect(average.value()[0]).toBe(8);
    average.update(Float32Array.of(0));
    expect(average.value()[0]).toBe(Math.fround(8 * 0.15));
    const early = createWeightAverage({ decay: 0.999 }, 1);
    early.update(Float32Array.of(11));
    early.update(Float32Array.of(0));
    expect(early.value()[0]).toBe(2);
  });

  it('keeps a constant vector and goes on from a loaded state', () => {
    const one = createWeightAverage({ decay: 0.9 }, 2);
    const two = createWeightAverage({ decay: 0.9 }, 2);
    for (let step = 0; step < 5; step += 1) {
      one.update(Float32Array.of(0.1, step));
      if (step === 2) two.load(one.state());
      if (step > 2) two.update(Float32Array.of(0.1, step));
    }
    expect(one.value()[0]).toBe(Math.fround(0.1));
    expect(two.value()).toEqual(one.value());
    expect(() => two.load({ steps: 1, average: new Float64Array(3) })).toThrow('"state.average" must have 2 entries');
    expect(() => createWeightAverage({ decay: 1 }, 2)).toThrow('"decay" must be below 1');
  });
});
