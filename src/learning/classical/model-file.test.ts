import { describe, expect, it } from 'vitest';

import { createSeededRng } from '../../foundations/random/index.ts';
import { decodeSafetensors, encodeSafetensors, type SafetensorsTensor } from '../models/index.ts';
import type { CategoryColumn, NumberColumn } from './columns.ts';
import { createDecisionTree, createRandomForest } from './forest.ts';
import { createKMeans } from './k-means.ts';
import { createLinearRegression } from './linear-regression.ts';
import { createLogisticRegression } from './logistic-regression.ts';
import { decodeClassicalModel, encodeClassicalModel, isClassicalModel } from './model-file.ts';
import { createNaiveBayes } from './naive-bayes.ts';
import { createPca } from './pca.ts';
import { createPredictor } from './predictor.ts';

const x: NumberColumn = { kind: 'number', name: 'x', lower: 0, upper: 1 };
const y: NumberColumn = { kind: 'number', name: 'y', lower: 0, upper: 1 };
const c: CategoryColumn = { kind: 'category', name: 'c', values: ['a', 'b', 'c'] };
const label: CategoryColumn = { kind: 'category', name: 'label', values: ['no', 'yes'] };
const privacy = { epsilon: 1, delta: 1e-6, accountant: 'rdp' } as const;
const estimators = [
  createNaiveBayes({ ...privacy, features: [x, c], target: label }),
  createNaiveBayes({ ...privacy, features: [c], target: label }),
  createLinearRegression({ ...privacy, features: [x, c], target: y }),
  createLogisticRegression({ ...privacy, features: [x, c], target: label, steps: 2 }),
  createLogisticRegression({ ...privacy, features: [x], target: c, steps: 2 }),
  createKMeans({ ...privacy, features: [x, y], clusters: 2 }),
  createPca({ ...privacy, features: [x, y], components: 1, scaling: 'bounds' }),
  createDecisionTree({ ...privacy, features: [x, c], target: label }),
  createRandomForest({ ...privacy, features: [x, c], target: label, trees: 3, depth: 2 }),
];
const rows = Array.from({ length: 20 }, (_, i) => ({
  x: i / 20,
  y: 0.5,
  c: 'abc'[i % 3] as string,
  label: i < 10 ? 'no' : 'yes',
}));

describe('a model file', () => {
  it.each(estimators.map((estimator, i) => ({ i, kind: estimator.kind, estimator })))(
    'holds a model of kind $kind ($i) whole',
    async ({ estimator }) => {
      const fitted = await estimator.fit(rows, createSeededRng('file'));
      const bytes = encodeClassicalModel(fitted);
      expect(isClassicalModel(bytes)).toBe(true);
      const back = decodeClassicalModel(bytes);
      expect(back).toEqual(fitted);
      expect(encodeClassicalModel(back)).toEqual(bytes);
      for (const row of rows) expect(createPredictor(back)(row)).toEqual(createPredictor(fitted)(row));
    },
  );

  it('is refused when it is another file, or does not hold together', async () => {
    const fitted = await (estimators[7] as (typeof estimators)[number]).fit(rows, createSeededRng('file'));
    const bytes = encodeClassicalModel(fitted);
    const { tensors, metadata } = decodeSafetensors(bytes);
    const changed = (name: string, change: (data: Float64Array) => void): Uint8Array => {
      const copies = new Map(
        [...tensors].map(([key, { shape, data }]) => [key, { shape, data: data.slice() as Float64Array<ArrayBuffer> }]),
      );
      change(copies.get(name)?.data as Float64Array);
      return encodeSafetensors(copies, metadata);
    };
    const refused = (file: Uint8Array, why: RegExp): void => expect(() => decodeClassicalModel(file)).toThrow(why);
    refused(new Uint8Array(3), /refused/);
    refused(encodeSafetensors(new Map(), {}), /no classical model/);
    refused(encodeSafetensors(new Map(), metadata), /lacks the tensor/);
    refused(encodeSafetensors(tensors, { 'sotto.classical': '{}' }), /description/);
    refused(
      changed('leaves', (data) => (data[0] = Number.NaN)),
      /not finite/,
    );
    refused(
      changed('nodes', (data) => (data[2] = 0)),
      /leads nowhere/,
    );
    refused(
      changed('nodes', (data) => (data[3] = 1e9)),
      /leads nowhere/,
    );
    refused(
      changed('nodes', (data) => (data[0] = 7)),
      /asks about what there is not/,
    );
    refused(
      changed('roots', (data) => (data[0] = 1)),
      /roots/,
    );
    const more = new Map<string, SafetensorsTensor>(tensors);
    more.set('extra', { shape: [1], data: Float64Array.of(1) });
    refused(encodeSafetensors(more, metadata), /"extra"/);
  });
});
