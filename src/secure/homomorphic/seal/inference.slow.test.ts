import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../../foundations/random/index.ts';
import { fitActivation } from './activation.ts';
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
  it.each([
    [5, 3],
    [16, 16],
    [100, 64],
    [1500, 2],
  ])('evaluates a linear model of %i inputs and %i outputs', async (inputs, outputs) => {
    const inference = await createEncryptedInference({ inputs, outputs });
    const keys = inference.createKeys();
    const weights = layer(inputs, outputs);
    const model = inference.prepare([weights]);
    const input = Float64Array.from({ length: inputs }, () => rng.uint32() / 2 ** 32);
    const answer = model.evaluate(inference.encrypt(input, keys.publicKey), keys.evaluationKeys);
    expect(difference(inference.decrypt(answer, keys.secretKey), evaluateInClear([weights], input))).toBeLessThan(1e-3);
    inference.close();
  });

  it.each(['quadratic', 'oddCubic'] as const)(
    'evaluates a network with a hidden layer and a %s activation',
    async (kind) => {
      const activation =
        kind === 'quadratic'
          ? fitActivation((x) => Math.max(0, x), { kind, range: 4 })
          : fitActivation(Math.tanh, { kind, range: 3 });
      const inference = await createEncryptedInference({ inputs: 60, outputs: 10, hidden: { units: 16, activation } });
      const keys = inference.createKeys();
      const layers = [layer(60, 16), layer(16, 10)];
      const input = Float64Array.from({ length: 60 }, () => rng.uint32() / 2 ** 32);
      const answer = inference.prepare(layers).evaluate(inference.encrypt(input, keys.publicKey), keys.evaluationKeys);
      expect(
        difference(inference.decrypt(answer, keys.secretKey), evaluateInClear(layers, input, activation)),
      ).toBeLessThan(5e-3);
      inference.close();
    },
  );
});
