import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { evaluateActivation, fitActivation, foldActivation } from './activation.ts';
import { createCkksCompute } from './compute.ts';
import { createEncryptedInference, evaluateInClear } from './inference.ts';

const rng = createSeededRng('encrypted inference');
const gaussian = () =>
  Math.sqrt(-2 * Math.log((rng.uint32() + 1) / 2 ** 32)) * Math.cos((2 * Math.PI * rng.uint32()) / 2 ** 32);
const layer = (inputs: number, outputs: number) => ({
  inputs,
  outputs,
  weights: Float64Array.from({ length: inputs * outputs }, () => gaussian() / Math.sqrt(inputs)),
  bias: Float64Array.from({ length: outputs }, () => gaussian() / 4),
});
const difference = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));

describe('inference on encrypted input', () => {
  it.each([[784, 10]])('evaluates a linear model of %i inputs and %i outputs', async (inputs, outputs) => {
    const inference = await createEncryptedInference({ inputs, outputs });
    const keys = inference.createKeys();
    const weights = layer(inputs, outputs);
    const model = inference.prepare([weights]);
    const input = Float64Array.from({ length: inputs }, () => rng.uint32() / 2 ** 32);
    const answer = model.evaluate(inference.encrypt(input, keys.publicKey), keys.evaluationKeys);
    expect(difference(inference.decrypt(answer, keys.secretKey), evaluateInClear([weights], input))).toBeLessThan(1e-3);
    inference.close();
  });

  it('evaluates a network with a hidden layer and a quadratic activation', async () => {
    const activation = fitActivation((x) => Math.max(0, x), { kind: 'quadratic', range: 4 });
    const inference = await createEncryptedInference({ inputs: 60, outputs: 10, hidden: { units: 16, activation } });
    const keys = inference.createKeys();
    const layers = [layer(60, 16), layer(16, 10)];
    const input = Float64Array.from({ length: 60 }, () => rng.uint32() / 2 ** 32);
    const answer = inference.prepare(layers).evaluate(inference.encrypt(input, keys.publicKey), keys.evaluationKeys);
    expect(
      difference(inference.decrypt(answer, keys.secretKey), evaluateInClear(layers, input, activation)),
    ).toBeLessThan(5e-3);
    inference.close();
  });

  it('refuses keys of somebody else and layers of another shape', async () => {
    const inference = await createEncryptedInference({ inputs: 4, outputs: 2 });
    const [keys, other] = [inference.createKeys(), inference.createKeys()];
    const model = inference.prepare([layer(4, 2)]);
    const query = inference.encrypt([1, 2, 3, 4], keys.publicKey);
    expect(() => model.evaluate(query, other.evaluationKeys)).toThrow(
      expect.objectContaining({ code: 'homomorphic/wrong-key' }),
    );
    expect(() => inference.decrypt(query, other.secretKey)).toThrow(
      expect.objectContaining({ code: 'homomorphic/wrong-key' }),
    );
    expect(() => inference.prepare([layer(4, 3)])).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    expect(() => inference.encrypt([1], keys.publicKey)).toThrow(
      expect.objectContaining({ code: 'homomorphic/mixed-contexts' }),
    );
    inference.close();
  });
});

describe('polynomial activations', () => {
  it('fit their function and fold into the same polynomial', () => {
    for (const activation of [
      fitActivation((x) => Math.max(0, x), { kind: 'quadratic', range: 4 }),
      fitActivation((x) => -x * x, { kind: 'quadratic', range: 2 }),
      fitActivation(Math.tanh, { kind: 'oddCubic', range: 3 }),
    ]) {
      const { scale, shift, offset, sign, constant } = foldActivation(activation);
      for (const x of [-2, -0.5, 0, 1, 1.9]) {
        const u = scale * x + shift;
        const value = sign * (offset === undefined ? u * u : u * (u * u + offset)) + constant;
        expect(Math.abs(value - evaluateActivation(activation, x))).toBeLessThan(1e-12);
      }
    }
    expect(() => fitActivation(Math.tanh, { kind: 'quadratic', range: 3 })).toThrow(/no quadratic part/);
  });
});

describe('CKKS for computing', () => {
  it('adds, multiplies, rotates, takes dot products and polynomials', async () => {
    const context = await createCkksCompute({ depth: 3, scaleBits: 38, slots: 2048, resultBits: 16 });
    const keys = context.createKeys();
    const powers = Array.from({ length: Math.log2(context.slots) }, (_, i) => 2 ** i);
    const evaluation = context.createEvaluationKeys(keys, [...powers, 5]);
    const [x, y] = [
      [1, -2, 3.5, 0.25],
      [2, 0.5, -1, 4],
    ];
    const [ex, ey] = [context.encrypt(x, keys.publicKey), context.encrypt(y, keys.publicKey)];
    const open = (vector: typeof ex) => context.decrypt(vector, keys.secretKey).slice(0, 4);
    expect(
      difference(
        open(context.add(ex, ey)),
        x.map((v, i) => v + (y[i] as number)),
      ),
    ).toBeLessThan(1e-3);
    expect(
      difference(
        open(context.multiply(ex, ey, evaluation)),
        x.map((v, i) => v * (y[i] as number)),
      ),
    ).toBeLessThan(1e-3);
    expect(difference(open(context.rotate(ex, 1, evaluation)), [-2, 3.5, 0.25, 0])).toBeLessThan(1e-3);
    expect(
      difference(
        open(context.dotPlain(ex, y, evaluation)),
        Array.from({ length: 4 }, () => 2 - 1 - 3.5 + 1),
      ),
    ).toBeLessThan(1e-3);
    expect(
      difference(
        open(context.polynomial(ex, [1, -1, 0.5, 0.25], evaluation)),
        x.map((v) => 1 - v + 0.5 * v * v + 0.25 * v ** 3),
      ),
    ).toBeLessThan(2e-3);
    expect(
      difference(
        open(context.addPlain(context.multiplyPlain(ex, y), y)),
        x.map((v, i) => (v + 1) * (y[i] as number)),
      ),
    ).toBeLessThan(1e-3);
    expect(() => context.rotate(ex, 3, evaluation)).toThrow(
      expect.objectContaining({ code: 'homomorphic/unsupported' }),
    );
    const deep = context.polynomial(ex, [0, 0, 0, 1], evaluation);
    expect(() => context.multiplyPlain(deep, y)).toThrow(/levels and all are used/);
    expect(() => context.add(ex, deep)).toThrow(expect.objectContaining({ code: 'homomorphic/mixed-contexts' }));
    const shape = { rows: 5, columns: 7 };
    const weights = layer(7, 5).weights;
    const vector = [1, -1, 0.5, 2, 0, 3, -0.25];
    const matrixKeys = context.createEvaluationKeys(keys, context.matrixSteps(shape));
    const product = context.matrixVector(
      context.encryptRepeated(vector, shape, keys.publicKey),
      { ...shape, weights },
      matrixKeys,
    );
    const expected = Array.from({ length: 5 }, (_, r) =>
      vector.reduce((sum, v, c) => sum + v * (weights[r * 7 + c] as number), 0),
    );
    expect(difference(context.decrypt(product, keys.secretKey).slice(0, 5), expected)).toBeLessThan(1e-3);
    context.close();
  });
});
