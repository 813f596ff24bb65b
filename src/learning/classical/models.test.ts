/** The models against closed forms where the noise is next to nothing, and what they cost. */
import { describe, expect, it } from 'vitest';

import { computeSymmetricEigen } from '../../foundations/numerics/index.ts';
import { createSeededRng, sampleUint32Below } from '../../foundations/random/index.ts';
import { createAccountant } from '../../privacy/accounting/index.ts';
import type { CategoryColumn, NumberColumn } from './columns.ts';
import type { Estimator, FitOptions } from './estimator.ts';
import { createDecisionTree, createRandomForest } from './forest.ts';
import { createKMeans, spreadCenters } from './k-means.ts';
import { createLinearRegression } from './linear-regression.ts';
import { createLogisticRegression } from './logistic-regression.ts';
import { createNaiveBayes } from './naive-bayes.ts';
import { createPca } from './pca.ts';
import { createPredictor, readLinearTerms } from './predictor.ts';
import { createScore } from './score.ts';

const x: NumberColumn = { kind: 'number', name: 'x', lower: -2, upper: 4 };
const y: NumberColumn = { kind: 'number', name: 'y', lower: 10, upper: 20 };
const color: CategoryColumn = { kind: 'category', name: 'color', values: ['red', 'green', 'blue'] };
const label: CategoryColumn = { kind: 'category', name: 'label', values: ['no', 'yes'] };
const amount: NumberColumn = { kind: 'number', name: 'amount', lower: -50, upper: 150 };
/** So much that the least noise there is remains: a thousandth of a row. */
const exact = { epsilon: 1e6, delta: 1e-6, accountant: 'rdp' } as const;

const rng = createSeededRng('table');
const uniform = (): number => (sampleUint32Below(2 ** 24, rng) + 0.5) / 2 ** 24;
const table = Array.from({ length: 2000 }, () => {
  const row = {
    x: -2 + 6 * uniform(),
    y: 10 + 10 * uniform(),
    color: color.values[sampleUint32Below(3, rng)] as string,
  };
  const score = row.x - 0.5 * (row.y - 15) + (row.color === 'red' ? 2 : 0) - 1;
  return {
    ...row,
    label: uniform() < 1 / (1 + Math.exp(-score)) ? 'yes' : 'no',
    amount: 20 + 8 * row.x - 3 * (row.y - 15) + 10 * (uniform() - 0.5),
  };
});

/** Solves a positive definite system by Gaussian elimination. */
function eliminate(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  const [a, b] = [matrix.slice(), right.slice()];
  for (let k = 0; k < size; k += 1) {
    for (let i = 0; i < size; i += 1) {
      if (i === k) continue;
      const factor = (a[size * i + k] as number) / (a[size * k + k] as number);
      for (let j = k; j < size; j += 1)
        a[size * i + j] = (a[size * i + j] as number) - factor * (a[size * k + j] as number);
      b[i] = (b[i] as number) - factor * (b[k] as number);
    }
  }
  return b.map((value, k) => value / (a[size * k + k] as number));
}

const estimators: Readonly<Record<string, (privacy: Omit<FitOptions, 'features'>) => Estimator>> = {
  'naive-bayes': (privacy) => createNaiveBayes({ features: [x, color], target: label, ...privacy }),
  'linear-regression': (privacy) => createLinearRegression({ features: [x, y], target: amount, ...privacy }),
  'logistic-regression': (privacy) =>
    createLogisticRegression({ features: [x, color], target: label, steps: 10, ...privacy }),
  'k-means': (privacy) => createKMeans({ features: [x, y], clusters: 3, ...privacy }),
  pca: (privacy) => createPca({ features: [x, y], components: 1, ...privacy }),
  'decision-tree': (privacy) => createDecisionTree({ features: [x, color], target: label, ...privacy }),
  'random-forest': (privacy) =>
    createRandomForest({ features: [x, color], target: label, trees: 4, depth: 3, ...privacy }),
};

describe.each(Object.entries(estimators))('%s', (kind, create) => {
  it.each([
    { epsilon: 0.1, relation: 'add-or-remove-one', accountant: 'pld' },
    { epsilon: 10, relation: 'replace-one', accountant: 'rdp' },
  ] as const)(
    'costs what was asked, and no less: ε = $epsilon, $relation, $accountant',
    ({ epsilon, relation, accountant }) => {
      const estimator = create({ epsilon, delta: 1e-6, relation, accountant });
      const judge = createAccountant({ relation, accountant });
      judge.compose(estimator.event());
      const spent = judge.epsilon(1e-6);
      expect(spent).toBeLessThanOrEqual(epsilon);
      expect(spent).toBeGreaterThan(0.999 * epsilon);
      expect(estimator.kind).toBe(kind);
    },
  );

  it('answers, whatever a row holds, from whatever it was fitted to', async () => {
    const estimator = create({ epsilon: 1, delta: 1e-6, accountant: 'rdp' });
    const odd = { x: Number.NaN, y: 'none', color: 'unknown', label: 'perhaps', amount: Infinity };
    const one = { ...table[0], label: 'yes' };
    for (const rows of [[], [odd], [{}], Array.from({ length: 50 }, () => one)]) {
      const fitted = await estimator.fit(rows, createSeededRng('odd'));
      for (const { data } of Object.values(fitted.tensors))
        expect(data.every((value) => Number.isFinite(value))).toBe(true);
      const predict = createPredictor(fitted);
      for (const row of [odd, {}, one]) {
        const answer = predict(row);
        const told =
          answer.kind === 'class'
            ? answer.probabilities
            : answer.kind === 'components'
              ? answer.values
              : [answer.kind === 'number' ? answer.value : answer.distance];
        expect(Array.from(told).every((value) => Number.isFinite(value))).toBe(true);
      }
    }
  });

  it('is the same to the last bit whatever the order of rows: sums are exact', async () => {
    // Next to no noise has the finest grid: nothing is rounded away.
    const estimator = create(exact);
    const [one, other] = await Promise.all(
      [table, table.toReversed()].map((rows) => estimator.fit(rows, createSeededRng('order'))),
    );
    expect(one?.tensors).toEqual(other?.tensors);
  });

  it('refuses columns without bounds or values, and privacy without end', () => {
    expect(() => create({ epsilon: 0, delta: 1e-6 })).toThrow(/"epsilon"/);
    expect(() => create({ epsilon: 1, delta: 0 })).toThrow(/"delta"/);
    expect(() => create({ epsilon: 1, delta: 1e-6, person: { column: 'id', maxRows: 0 } })).toThrow(/maxRows/);
  });
});

describe('bounds', () => {
  it('are declared, one below the other', () => {
    const options = { target: label, epsilon: 1, delta: 1e-6 };
    for (const column of [
      { kind: 'number', name: 'x' } as unknown as NumberColumn,
      { ...x, lower: 4 },
      { ...x, upper: Infinity },
    ]) {
      expect(() => createNaiveBayes({ ...options, features: [column] })).toThrow(/column "x".*known without the data/);
    }
    expect(() => createNaiveBayes({ ...options, features: [{ ...color, values: ['a', 'a'] }] })).toThrow(
      /different values/,
    );
    expect(() => createNaiveBayes({ ...options, features: [] })).toThrow(/at least one column/);
    expect(() => createNaiveBayes({ ...options, features: [label] })).toThrow(/named twice/);
    expect(() => createPca({ ...exact, features: [color as unknown as NumberColumn], components: 1 })).toThrow(
      /numbers alone/,
    );
    expect(() => createKMeans({ ...exact, features: [x], clusters: 0 })).toThrow(/clusters/);
  });
});

describe('linear regression', () => {
  it('is least squares where there is next to no noise', async () => {
    const fitted = await createLinearRegression({ features: [x, y], target: amount, ...exact }).fit(
      table,
      createSeededRng('ols'),
    );
    const { intercept, terms } = readLinearTerms(fitted);
    // Normal equations in the columns' own units.
    const gram = new Float64Array(9);
    const right = new Float64Array(3);
    for (const row of table) {
      const z = [row.x, row.y, 1];
      z.forEach((a, i) => {
        right[i] = (right[i] as number) + a * row.amount;
        z.forEach((b, j) => (gram[3 * i + j] = (gram[3 * i + j] as number) + a * b));
      });
    }
    const [bx = 0, by = 0, b0 = 0] = eliminate(gram, right);
    // Noise of a thousandth of a row on sums of some hundred: a few parts in 10^5 of the weights.
    expect(Math.abs((terms[0]?.weight as number) - bx)).toBeLessThan(2e-3);
    expect(Math.abs((terms[1]?.weight as number) - by)).toBeLessThan(2e-3);
    expect(Math.abs(intercept - b0)).toBeLessThan(3e-2);
    const score = createScore(fitted);
    for (const row of table) score.add(row);
    expect(score.result()).toMatchObject({ measure: 'r2', rows: 2000 });
    expect(score.result().value).toBeGreaterThan(0.95);
  });

  it('refuses more numbers than a matrix is made of', () => {
    const values = Array.from({ length: 600 }, (_, i) => `${i}`);
    expect(() => createLinearRegression({ features: [{ ...color, values }], target: amount, ...exact })).toThrow(
      /at most 512/,
    );
  });
});

describe('principal components', () => {
  it('are those of the exact covariance where there is next to no noise', async () => {
    const rows = table.map((row) => ({ ...row, y: 15 + 0.8 * row.x + 0.3 * (row.y - 15) }));
    const { tensors } = await createPca({ features: [x, y], components: 2, ...exact }).fit(
      rows,
      createSeededRng('pca'),
    );
    const mean = ['x', 'y'].map((name) => rows.reduce((sum, row) => sum + row[name as 'x'], 0) / rows.length);
    const covariance = new Float64Array(4);
    for (const row of rows) {
      const z = [row.x - (mean[0] as number), row.y - (mean[1] as number)];
      z.forEach((a, i) =>
        z.forEach((b, j) => (covariance[2 * i + j] = (covariance[2 * i + j] as number) + (a * b) / rows.length)),
      );
    }
    const { values, vectors } = computeSymmetricEigen(covariance, 2);
    // Units: 5.8 is the norm that rows are scaled by; the noise of 2·10^-3 on sums is divided by 2000 rows.
    tensors.variances?.data.forEach((value, i) => expect(Math.abs(value - (values[i] as number))).toBeLessThan(2e-3));
    tensors.components?.data.forEach((value, i) => expect(Math.abs(value - (vectors[i] as number))).toBeLessThan(1e-3));
    // The means are kept around the middle of the bounds.
    expect(Math.abs((tensors.means?.data[0] as number) + 1 - (mean[0] as number))).toBeLessThan(1e-3);
  });
});

describe('naive Bayes', () => {
  it('has the counts, means, variances and shares of the table where there is next to no noise', async () => {
    const { tensors } = await createNaiveBayes({ features: [x, color], target: label, ...exact }).fit(
      table,
      createSeededRng('nb'),
    );
    const classes = ['no', 'yes'].map((name) => table.filter((row) => row.label === name));
    classes.forEach((rows, c) => {
      const share = rows.length / table.length;
      expect(Math.abs(Math.exp(tensors.logPrior?.data[c] as number) - share)).toBeLessThan(1e-5);
      const scaled = rows.map((row) => (row.x + 2) / 3 - 1);
      const mean = scaled.reduce((a, b) => a + b, 0) / rows.length;
      const variance = scaled.reduce((a, b) => a + (b - mean) ** 2, 0) / rows.length;
      expect(Math.abs((tensors.means?.data[c] as number) - mean)).toBeLessThan(1e-4);
      expect(Math.abs((tensors.variances?.data[c] as number) - variance)).toBeLessThan(1e-4);
      color.values.forEach((value, v) => {
        const smoothed = rows.filter((row) => row.color === value).length + share;
        const expected = smoothed / (rows.length + 3 * share);
        expect(Math.abs(Math.exp(tensors.logShares?.data[3 * c + v] as number) - expected)).toBeLessThan(1e-4);
      });
    });
  });
});

describe('logistic regression', () => {
  it('ends where the gradient of the likelihood is zero, where there is next to no noise', async () => {
    const estimator = createLogisticRegression({
      features: [x, color],
      target: label,
      steps: 400,
      clipNorm: 1,
      ...exact,
    });
    const fitted = await estimator.fit(table, createSeededRng('logistic'));
    const predict = createPredictor(fitted);
    const gradient = new Float64Array(5);
    for (const row of table) {
      const answer = predict(row);
      if (answer.kind !== 'class') throw new Error('a classifier tells classes');
      const residual = (answer.probabilities[1] as number) - (row.label === 'yes' ? 1 : 0);
      const z = [(row.x + 2) / 3 - 1, ...color.values.map((value) => (row.color === value ? 1 : 0)), 1];
      z.forEach((entry, j) => (gradient[j] = (gradient[j] as number) + (residual * entry) / table.length));
    }
    // Residuals are of the order of 0.3 before training.
    gradient.forEach((entry) => expect(Math.abs(entry)).toBeLessThan(1e-3));
  });

  it('learns three classes too', async () => {
    const estimator = createLogisticRegression({
      features: [x, y],
      target: color,
      epsilon: 10,
      delta: 1e-6,
      accountant: 'rdp',
    });
    const rows = table.map((row) => ({ ...row, color: row.x < 0 ? 'red' : row.x < 2 ? 'green' : 'blue' }));
    const score = createScore(await estimator.fit(rows, createSeededRng('three')));
    for (const row of rows) score.add(row);
    expect(score.result().value).toBeGreaterThan(0.6);
  });
});

describe('k-means', () => {
  it('finds the means of groups that lie apart', async () => {
    const groups = [
      [-1, 11],
      [3, 19],
      [-1, 18],
    ] as const;
    const rows = table.slice(0, 900).map((row, i) => {
      const [gx, gy] = groups[i % 3] as readonly [number, number];
      return { x: gx + 0.1 * row.x, y: gy + 0.02 * (row.y - 15) };
    });
    const { tensors } = await createKMeans({ features: [x, y], clusters: 3, iterations: 10, ...exact }).fit(
      rows,
      createSeededRng('groups'),
    );
    for (let g = 0; g < 3; g += 1) {
      const own = rows.filter((_, i) => i % 3 === g);
      const center = [own.reduce((sum, row) => sum + row.x, 0) / 300, own.reduce((sum, row) => sum + row.y, 0) / 300];
      const scaled = [((center[0] as number) + 2) / 3 - 1, ((center[1] as number) - 10) / 5 - 1];
      const { data } = tensors.centers as { data: Float64Array };
      const distances = [0, 1, 2].map((c) =>
        Math.hypot(
          (data[2 * c] as number) - (scaled[0] as number),
          (data[2 * c + 1] as number) - (scaled[1] as number),
        ),
      );
      expect(Math.min(...distances)).toBeLessThan(1e-3);
    }
  });

  it('starts from centers that lie apart from each other and from the border', () => {
    const centers = spreadCenters({ clusters: 4, dimension: 2 }, createSeededRng('centers'));
    const point = (c: number): number[] => [centers[2 * c] as number, centers[2 * c + 1] as number];
    for (let c = 0; c < 4; c += 1) {
      expect(Math.max(...point(c).map(Math.abs))).toBeLessThan(0.85);
      for (let other = 0; other < c; other += 1) {
        const [a, b] = [point(c), point(other)];
        expect(Math.hypot((a[0] as number) - (b[0] as number), (a[1] as number) - (b[1] as number))).toBeGreaterThan(
          0.5,
        );
      }
    }
  });
});

describe('trees', () => {
  it('ask first about what tells the classes apart, and count their leaves', async () => {
    const rows = table.map((row) => ({ ...row, label: row.color === 'green' && row.x > 1 ? 'yes' : 'no' }));
    const fitted = await createDecisionTree({ features: [x, y, color], target: label, depth: 2, ...exact }).fit(
      rows,
      createSeededRng('tree'),
    );
    const score = createScore(fitted);
    for (const row of rows) score.add(row);
    // The threshold at 1 is one of the sixteenths of the bounds.
    expect(score.result()).toEqual({ measure: 'accuracy', value: 1, rows: 2000 });
  });

  it('of a forest are grown without looking: other data, the same trees', async () => {
    const create = () =>
      createRandomForest({
        features: [x, color],
        target: label,
        trees: 3,
        depth: 3,
        epsilon: 1,
        delta: 1e-6,
        accountant: 'rdp',
      });
    const [one, other] = await Promise.all([
      create().fit(table, createSeededRng('f')),
      create().fit([], createSeededRng('f')),
    ]);
    expect(one.tensors.nodes).toEqual(other.tensors.nodes);
    expect(one.tensors.sets).toEqual(other.tensors.sets);
    expect(one.tensors.leaves).not.toEqual(other.tensors.leaves);
  });
});
