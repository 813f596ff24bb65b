import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import {
  combineRobustly,
  computeControlDelta,
  computeStalenessWeight,
  type ContributionLayout,
  createServerOptimizer,
  decodeSparse,
  encodeSparse,
  keepLargestInto,
  layoutNorm,
  localStepInto,
  moveClipNorm,
  packContribution,
  type StrategyConfig,
  unpackSum,
} from './index.ts';

const updates = [Float64Array.of(1, -2), Float64Array.of(3, 0.5)];

/** Two steps of a strategy from (10, 20), with the two updates above as means. */
function run(config: StrategyConfig): number[] {
  const parameters = Float64Array.of(10, 20);
  const server = createServerOptimizer(config, 2);
  for (const update of updates) server.step(parameters, { update, participation: 1 });
  return [...parameters];
}

describe('strategies, against steps computed by hand', () => {
  it('FedAvg and FedProx add the mean', () => {
    expect(run({ kind: 'fedAvg', serverLearningRate: 0.5 })).toEqual([12, 19.25]);
    expect(run({ kind: 'fedProx', serverLearningRate: 1, mu: 3 })).toEqual([14, 18.5]);
  });

  it('FedAvgM gathers it in a momentum', () => {
    // v₁ = Δ₁, v₂ = ½Δ₁ + Δ₂ = (3.5, −0.5)
    expect(run({ kind: 'fedAvgM', serverLearningRate: 1, momentum: 0.5 })).toEqual([14.5, 17.5]);
  });

  it('FedAdagrad, FedAdam and FedYogi follow algorithm 2, without bias correction', () => {
    const by = (v1: number[], v2: number[], [m1, m2]: number[][]): number[] =>
      [0, 1].map(
        (i) =>
          (i === 0 ? 10 : 20) +
          (0.1 * (m1?.[i] ?? 0)) / (Math.sqrt(v1[i] ?? 0) + 0.5) +
          (0.1 * (m2?.[i] ?? 0)) / (Math.sqrt(v2[i] ?? 0) + 0.5),
      );
    const close = (got: number[], wanted: number[]): void =>
      got.forEach((value, i) => expect(value).toBeCloseTo(wanted[i] as number, 12));
    const base = { serverLearningRate: 0.1, tau: 0.5 };
    // v₀ = τ² = ¼; squares of the updates: (1, 4) and (9, ¼).
    close(
      run({ kind: 'fedAdagrad', ...base, beta1: 0 }),
      by(
        [1.25, 4.25],
        [10.25, 4.5],
        [
          [1, -2],
          [3, 0.5],
        ],
      ),
    );
    // m₁ = ½Δ₁, m₂ = ¼Δ₁ + ½Δ₂; v = ¾v + ¼Δ².
    const moments = [
      [0.5, -1],
      [1.75, -0.25],
    ];
    close(
      run({ kind: 'fedAdam', ...base, beta1: 0.5, beta2: 0.75 }),
      by([0.4375, 1.1875], [2.578125, 0.953125], moments),
    );
    // v ← v − ¼Δ²·sign(v − Δ²).
    close(run({ kind: 'fedYogi', ...base, beta1: 0.5, beta2: 0.75 }), by([0.5, 1.25], [2.75, 1.1875], moments));
  });

  it('SCAFFOLD moves the control by the share of those who took part', () => {
    const server = createServerOptimizer({ kind: 'scaffold', serverLearningRate: 1, controlScale: 1 }, 2);
    const parameters = Float64Array.of(0, 0);
    server.step(parameters, {
      update: Float64Array.of(1, 2),
      controlDelta: Float64Array.of(4, -8),
      participation: 0.25,
    });
    expect([...parameters]).toEqual([1, 2]);
    expect([...(server.control ?? [])]).toEqual([1, -2]);
    // y − x = −ηK·mean(g): the control becomes the mean gradient when it was zero.
    const update = Float64Array.of(-0.1 * 5 * 3, 0.1 * 5 * 2);
    const delta = computeControlDelta(update, { control: Float64Array.of(0, 0), steps: 5, learningRate: 0.1 });
    expect(delta[0]).toBeCloseTo(3, 12);
    expect(delta[1]).toBeCloseTo(-2, 12);
  });

  it('restores what it stored, and refuses the state of another', () => {
    const config: StrategyConfig = { kind: 'fedAvgM', serverLearningRate: 1, momentum: 0.9 };
    const first = createServerOptimizer(config, 2);
    const parameters = Float64Array.of(0, 0);
    first.step(parameters, { update: updates[0] as Float64Array, participation: 1 });
    const second = createServerOptimizer(config, 2);
    second.load(first.state());
    const [a, b] = [parameters.slice(), parameters.slice()];
    first.step(a, { update: updates[1] as Float64Array, participation: 1 });
    second.step(b, { update: updates[1] as Float64Array, participation: 1 });
    expect(a).toEqual(b);
    const other = createServerOptimizer({ kind: 'fedAvg', serverLearningRate: 1 }, 2);
    expect(() => other.load(first.state())).toThrow(/state/);
  });

  it('a local step descends, is pulled back by FedProx and corrected by SCAFFOLD', () => {
    const parameters = Float64Array.of(1, 1);
    const step = { gradient: Float64Array.of(2, -1), anchor: Float64Array.of(0, 2) };
    localStepInto(parameters, step, { learningRate: 0.5 });
    expect([...parameters]).toEqual([0, 1.5]);
    const prox = Float64Array.of(1, 1);
    localStepInto(prox, { ...step, correction: Float64Array.of(1, 1) }, { learningRate: 0.5, mu: 2 });
    expect([...prox]).toEqual([1 - 0.5 * (2 + 2 + 1), 1 - 0.5 * (-1 - 2 + 1)]);
  });
});

describe('a contribution', () => {
  const layout: ContributionLayout = { dimension: 3, controlScale: 2, signalScale: 0.1, weightScale: 0.2 };

  it('is never longer than its bound, whatever is in it', () => {
    const number = fc.double({ noDefaultInfinity: false });
    fc.assert(
      fc.property(
        fc.array(number, { minLength: 6, maxLength: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        (values, weight, clipNorm) => {
          const packed = packContribution(
            { update: Float64Array.from(values.slice(0, 3)), controlDelta: Float64Array.from(values.slice(3)), weight },
            layout,
            { clipNorm },
          );
          expect(packed.every((value) => Number.isFinite(value))).toBe(true);
          expect(Math.hypot(...packed)).toBeLessThanOrEqual(layoutNorm(layout) * (1 + 2 ** -50));
        },
      ),
    );
    expect(layoutNorm(layout)).toBeCloseTo(Math.sqrt(1 + 0.01 + 0.04), 12);
  });

  it('comes out of the sum as it went in', () => {
    const parts = { update: Float64Array.of(0.1, 0, 0.2), controlDelta: Float64Array.of(0, 0.05, 0), weight: 0.5 };
    const sum = new Float64Array(8);
    for (let i = 0; i < 2; i += 1)
      packContribution(parts, layout, { clipNorm: 1 }).forEach((v, j) => (sum[j] = (sum[j] ?? 0) + v));
    const { update, controlDelta, signal, weight } = unpackSum(sum, layout, { clipNorm: 1 });
    expect(update[2]).toBeCloseTo(0.2, 12);
    expect(controlDelta?.[1]).toBeCloseTo(0.05, 12);
    expect(signal).toBeCloseTo(2, 12);
    expect(weight).toBeCloseTo(1, 12);
  });

  it('moves the clip norm towards the quantile', () => {
    const at = (signal: number): number =>
      moveClipNorm(1, { signal, contributors: 10, quantile: 0.5, learningRate: 0.2 });
    expect(at(10)).toBeCloseTo(Math.exp(-0.1), 12);
    expect(at(-10)).toBeCloseTo(Math.exp(0.1), 12);
    expect(at(0)).toBe(1);
  });
});

describe('robust rules', () => {
  const honest = [1, 2, 3, 4, 5].map((value) => Int32Array.of(value, -value));
  const attacked = [...honest, Int32Array.of(1000, 1000)];

  it('are what their definitions say', () => {
    expect([...combineRobustly(attacked, { kind: 'median' }, { clipSteps: 1 })]).toEqual([3.5, -2.5]);
    expect([...combineRobustly(attacked, { kind: 'trimmedMean', trim: 1 }, { clipSteps: 1 })]).toEqual([3.5, -2.5]);
    // n = 6, f = 1: the three nearest others; 2, 3 and 4 are as near (2 + 2 + 8), and the first of them wins.
    expect([...combineRobustly(attacked, { kind: 'krum', byzantine: 1 }, { clipSteps: 1 })]).toEqual([2, -2]);
    expect([...combineRobustly(attacked, { kind: 'multiKrum', byzantine: 1, keep: 3 }, { clipSteps: 1 })]).toEqual([
      3, -3,
    ]);
    const bounded = combineRobustly([Int32Array.of(30, 40)], { kind: 'normBound', bound: 2 }, { clipSteps: 5 });
    expect(Math.hypot(...bounded)).toBeLessThanOrEqual(10);
    expect([...bounded]).toEqual([5, 7]);
  });

  it('refuse fewer contributions than they need', () => {
    const few = honest.slice(0, 2);
    for (const rule of [{ kind: 'krum', byzantine: 1 } as const, { kind: 'trimmedMean', trim: 1 } as const]) {
      expect(() => combineRobustly(few, rule, { clipSteps: 1 })).toThrow(/at least/);
    }
  });
});

describe('top-k', () => {
  it('sends the largest and keeps the rest for the next round', () => {
    const residual = Float64Array.of(0, 0, 5, 0);
    const values = Float64Array.of(3, -4, 1, 0.5);
    keepLargestInto(values, { keep: 2, residual });
    expect([...values]).toEqual([0, -4, 6, 0]);
    expect([...residual]).toEqual([3, 0, 0, 0.5]);
  });

  it('is read back, and refused when it was changed', () => {
    const bytes = encodeSparse(Int32Array.of(0, -7, 0, 9));
    expect([...decodeSparse(bytes, { entries: 4, most: 2 })]).toEqual([0, -7, 0, 9]);
    const refused = expect.objectContaining({ code: 'aggregation/malformed' });
    expect(() => decodeSparse(bytes, { entries: 4, most: 1 })).toThrow(refused);
    expect(() => decodeSparse(bytes, { entries: 3, most: 2 })).toThrow(refused);
    expect(() => decodeSparse(bytes.subarray(1), { entries: 4, most: 2 })).toThrow(refused);
    expect(() => decodeSparse(new Uint8Array(), { entries: 4, most: 2 })).toThrow(refused);
  });
});

describe('the weight of a late cohort', () => {
  it('is one for nobody else in between, falls with every version, and is a public function', () => {
    expect(computeStalenessWeight(0, { exponent: 0.5 })).toBe(1);
    expect(computeStalenessWeight(3, { exponent: 0.5 })).toBe(0.5);
    expect(computeStalenessWeight(1, { exponent: 1 })).toBe(0.5);
    expect(computeStalenessWeight(7, { exponent: 0 })).toBe(1);
    for (let s = 0; s < 100; s += 1) {
      expect(computeStalenessWeight(s + 1, { exponent: 0.3 })).toBeLessThan(
        computeStalenessWeight(s, { exponent: 0.3 }),
      );
    }
    for (const wrong of [-1, 0.5, Number.NaN]) {
      expect(() => computeStalenessWeight(wrong, { exponent: 0.5 })).toThrow(RangeError);
    }
  });
});
