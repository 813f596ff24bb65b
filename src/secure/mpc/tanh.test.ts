import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { loadSecureModel } from './inference.ts';
import { runLocalSession } from './local-session.ts';
import { approximateTanh } from './tanh.ts';

describe('tanh on shares', () => {
  it('is off by at most 0.005 anywhere', () => {
    for (let x = -8; x <= 8; x += 0.001) expect(Math.abs(approximateTanh(x) - Math.tanh(x))).toBeLessThan(0.005);
  });

  it('is evaluated as its piecewise linear function', async () => {
    const inputs = [-100, -3, -1, -0.2, 0, 0.1, 0.9, 2.5, 50];
    const [, result] = await runLocalSession(
      { parties: 2 },
      async (session) => {
        const layers = [{ kind: 'dense', inputs: 1, outputs: 1 }, { kind: 'tanh' }] as const;
        const weights = session.party === 0 ? [{ weights: [1], bias: [0] }, undefined] : undefined;
        const model = await loadSecureModel(session, layers, { modelOwner: 0, weights });
        return model.predict(session.party === 1 ? inputs : undefined, {
          batch: inputs.length,
          dataOwner: 1,
          open: 'scores',
        });
      },
      createSeededRng('tanh'),
    );
    const { scores } = result as { scores: Float64Array };
    inputs.forEach((x, i) => expect(Math.abs((scores[i] as number) - approximateTanh(x))).toBeLessThan(2e-3));
  });
});
