import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

import { createOptimizer, type OptimizerConfig } from './optimizers.ts';

interface Vector {
  readonly name: string;
  readonly options: Readonly<Record<string, number | boolean>>;
  readonly parametersAfterStep: readonly (readonly number[])[];
}
const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/learning/optimisers.json', import.meta.url), 'utf8'),
) as { initialParameters: number[]; gradients: number[][]; optimisers: Vector[] };

function numbers(options: Vector['options'], ...names: string[]): Record<string, number> {
  return Object.fromEntries(names.filter((name) => name in options).map((name) => [name, Number(options[name])]));
}

/** Our configuration of a reference entry. */
function configOf({ name, options }: Vector): OptimizerConfig | undefined {
  const learningRate = Number(options.lr);
  const betas = numbers(options, 'beta1', 'beta2', 'epsilon');
  if (name.startsWith('sgd')) return { kind: 'sgd', learningRate, ...numbers(options, 'weightDecay') };
  if (name === 'momentum') return { kind: 'momentum', learningRate, ...numbers(options, 'momentum') };
  if (name === 'nesterov') return { kind: 'nesterov', learningRate, ...numbers(options, 'momentum') };
  if (name === 'adamw') return { kind: 'adamw', learningRate, ...betas, ...numbers(options, 'weightDecay') };
  if (name.startsWith('adagrad')) {
    return { kind: 'adagrad', learningRate, ...numbers(options, 'epsilon', 'initialAccumulator') };
  }
  if (name.startsWith('adam')) {
    const amsgrad = options.amsgrad === true;
    return { kind: 'adam', learningRate, ...betas, ...numbers(options, 'weightDecay'), amsgrad };
  }
  if (name.startsWith('yogi')) {
    const biasCorrection = name === 'yogi-bias-corrected';
    return { kind: 'yogi', learningRate, ...betas, ...numbers(options, 'initialAccumulator'), biasCorrection };
  }
  return undefined;
}

const cases = vectors.optimisers.flatMap((vector) => {
  const config = configOf(vector);
  return config === undefined ? [] : [{ name: vector.name, vector, config }];
});

/** Largest |a − b| / |b|. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  return Math.max(...expected.map((value, i) => Math.abs((actual[i] ?? Number.NaN) - value) / Math.abs(value)));
}

describe('optimizers', () => {
  it('are all in the reference but LAMB', () => {
    expect(new Set(cases.map(({ config }) => config.kind))).toEqual(
      new Set(['sgd', 'momentum', 'nesterov', 'adam', 'adamw', 'adagrad', 'yogi']),
    );
    expect(cases).toHaveLength(12);
  });

  it.each(cases)('follow the reference trajectory: $name', ({ vector, config }) => {
    const wide = Float64Array.from(vectors.initialParameters);
    const narrow = Float32Array.from(vectors.initialParameters);
    const inWide = createOptimizer(config, wide.length);
    const inNarrow = createOptimizer(config, narrow.length);
    for (const [step, gradient] of vectors.gradients.entries()) {
      const expected = vector.parametersAfterStep[step] ?? [];
      inWide.step(wide, Float64Array.from(gradient));
      inNarrow.step(narrow, Float64Array.from(gradient));
      expect(relativeError(wide, expected)).toBeLessThan(1e-12);
      expect(relativeError(narrow, expected)).toBeLessThan(1e-5);
    }
  });

  it('LAMB moves each tensor by its own length along its Adam direction', () => {
    const parameters = Float64Array.from([3, 4, 0, 0, 1]);
    const spans = [
      { offset: 0, length: 2 },
      { offset: 2, length: 2 },
      { offset: 4, length: 1 },
    ];
    const optimizer = createOptimizer({ kind: 'lamb', learningRate: 0.1, epsilon: 1e-12 }, 5, { spans });
    optimizer.step(parameters, Float64Array.from([2, -7, 5, -5, 0]));
    // The first Adam direction is the sign of the gradient: length √2, scaled to ‖(3, 4)‖ = 5; the zero tensor takes
    // the direction itself; the tensor without a gradient stays.
    const unit = 5 / Math.SQRT2;
    const expected = [3 - 0.1 * unit, 4 + 0.1 * unit, -0.1, 0.1, 1];
    for (const [i, value] of expected.entries()) expect(Math.abs((parameters[i] ?? 0) - value)).toBeLessThan(1e-11);
  });

  it('LAMB adds weight decay to the direction before it is scaled', () => {
    const parameters = Float64Array.from([2]);
    const optimizer = createOptimizer({ kind: 'lamb', learningRate: 0.5, weightDecay: 0.25, epsilon: 1e-12 }, 1);
    optimizer.step(parameters, Float64Array.from([1]));
    // Direction 1 + 0.25 · 2 = 1.5, scaled to length 2: one step of 0.5 · 2.
    expect(parameters[0]).toBeCloseTo(1, 11);
  });

  it('go on from a loaded state as if never interrupted', () => {
    const kinds: OptimizerConfig[] = [...cases.map(({ config }) => config), { kind: 'lamb', learningRate: 0.01 }];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.integer({ min: 0, max: 4 }), (config, interruption) => {
        const whole = Float32Array.from(vectors.initialParameters);
        const parts = whole.slice();
        const one = createOptimizer(config, 8);
        let two = createOptimizer(config, 8);
        for (const [step, gradient] of vectors.gradients.entries()) {
          if (step === interruption) {
            const state = two.state();
            two = createOptimizer(config, 8);
            two.load(state);
            for (const slot of Object.values(state.slots)) slot.fill(Number.NaN);
          }
          const options = { learningRateFactor: 1 / (step + 1) };
          one.step(whole, Float64Array.from(gradient), options);
          two.step(parts, Float64Array.from(gradient), options);
        }
        expect(parts).toEqual(whole);
      }),
    );
  });

  it('refuse what does not fit before anything changes', () => {
    const optimizer = createOptimizer({ kind: 'momentum', learningRate: 0.1 }, 2);
    const parameters = Float32Array.of(1, 2);
    expect(() => optimizer.step(parameters, Float64Array.of(1, Number.NaN))).toThrow('"gradient[1]" must be finite');
    expect(() => optimizer.step(parameters, Float64Array.of(1))).toThrow('must have 2 entries, got 2 and 1');
    expect([...parameters]).toEqual([1, 2]);
    expect(optimizer.state().steps).toBe(0);
    expect(() => optimizer.load(createOptimizer({ kind: 'sgd', learningRate: 1 }, 2).state())).toThrow('"state.kind"');
    expect(() => optimizer.load(createOptimizer({ kind: 'momentum', learningRate: 1 }, 3).state())).toThrow(
      '"state.slots.velocity" must have 2 entries, got 3',
    );
    expect(() => createOptimizer({ kind: 'adam', learningRate: -1 }, 2)).toThrow('"optimizer.learningRate"');
    expect(() => createOptimizer({ kind: 'sgd', learningRate: 1, momentum: 0.9 } as never, 2)).toThrow(RangeError);
    const gap = [{ offset: 1, length: 1 }];
    expect(() => createOptimizer({ kind: 'lamb', learningRate: 1 }, 2, { spans: gap })).toThrow('"spans"');
  });
});
