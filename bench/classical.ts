/**
 * What classical models are worth at ε = 0.1, 1 and 10 against the same fit with next to no noise: accuracy, R², mean
 * squared distance and share of variance on rows that were not fitted, over five seeds. On the Adult table where it is
 * present, and on an invented one. `npm run bench:classical` prints a table and writes bench/results/classical.json.
 *
 * @module
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import {
  createDecisionTree,
  createKMeans,
  createLinearRegression,
  createLogisticRegression,
  createNaiveBayes,
  createPca,
  createRandomForest,
  createScore,
  type Estimator,
  type FitOptions,
  type NumberColumn,
  type TableRow,
} from 'sotto/classical';
import { createSeededRng, sampleUint32Below } from 'sotto/random';

import { adultFit } from '../test/support/adult-fit.ts';
import { describeMachine } from './machine.ts';

const SEEDS = 5;
const EPSILONS = [0.1, 1, 10, 1e6];
const DELTA = 1e-6;

interface Row {
  readonly table: string;
  readonly model: string;
  readonly measure: string;
  /** 1e6 stands for next to no noise. */
  readonly epsilon: number;
  readonly mean: number;
  readonly least: number;
  readonly most: number;
  readonly secondsFit: number;
}

type Create = (privacy: Omit<FitOptions, 'features'>) => Estimator;

const results: Row[] = [];
async function measure(
  table: string,
  models: Readonly<Record<string, Create>>,
  { train, test }: { readonly train: readonly TableRow[]; readonly test: readonly TableRow[] },
  epsilons: readonly number[] = EPSILONS,
): Promise<void> {
  for (const [model, create] of Object.entries(models)) {
    for (const epsilon of epsilons) {
      const estimator = create({ epsilon, delta: DELTA, accountant: epsilon > 100 ? 'rdp' : 'pld' });
      const values: number[] = [];
      let measured = '';
      let seconds = 0;
      for (let seed = 0; seed < SEEDS; seed += 1) {
        const started = performance.now();
        const fitted = await estimator.fit(train, createSeededRng(`classical/${seed}`));
        seconds += (performance.now() - started) / 1000 / SEEDS;
        const score = createScore(fitted);
        for (const row of test) score.add(row);
        const { measure: name, value } = score.result();
        values.push(value);
        measured = name;
      }
      const round = (value: number): number => Math.round(value * 1e4) / 1e4;
      const row: Row = {
        table,
        model,
        measure: measured,
        epsilon,
        mean: round(values.reduce((a, b) => a + b, 0) / SEEDS),
        least: round(Math.min(...values)),
        most: round(Math.max(...values)),
        secondsFit: Math.round(seconds * 100) / 100,
      };
      results.push(row);
      console.log(
        `${table.padEnd(10)} ${model.padEnd(20)} ε = ${String(epsilon).padEnd(8)} ${measured.padEnd(10)} ${row.mean.toFixed(4)} (${row.least.toFixed(4)} to ${row.most.toFixed(4)})  ${row.secondsFit} s`,
      );
    }
  }
}

if (adultFit === undefined) console.log('the Adult table is not present: its rows are left out');
else {
  const { age, categories, salary } = adultFit;
  const options = { features: [age, ...categories], target: salary };
  await measure(
    'Adult',
    {
      'naive-bayes': (privacy) => createNaiveBayes({ ...options, ...privacy }),
      'logistic-regression': (privacy) => createLogisticRegression({ ...options, ...privacy }),
      'decision-tree': (privacy) => createDecisionTree({ ...options, ...privacy }),
      'random-forest': (privacy) => createRandomForest({ ...options, ...privacy }),
      'linear-regression': (privacy) =>
        createLinearRegression({ features: [...categories, salary], target: age, ...privacy }),
    },
    adultFit,
  );
  // Without noise more steps and no clipping come to the likelihood's own optimum.
  const toTheEnd = { steps: 400, clipNorm: 1 };
  await measure(
    'Adult',
    { 'logistic, 400 steps': (privacy) => createLogisticRegression({ ...options, ...toTheEnd, ...privacy }) },
    adultFit,
    [1, 10, 1e6],
  );
}

/** Four groups in four dimensions, a class and an amount that follow from them: 10,000 rows to fit, 5,000 to measure. */
function invent(): { train: readonly TableRow[]; test: readonly TableRow[] } {
  const rng = createSeededRng('classical/invented');
  const uniform = (): number => (sampleUint32Below(2 ** 24, rng) + 0.5) / 2 ** 24;
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const groups = [
    [2, 2, 6, 5],
    [8, 3, 2, 4],
    [3, 8, 3, 6],
    [7, 7, 8, 5],
  ];
  const rows = Array.from({ length: 15_000 }, () => {
    const [a, b, c, d] = (groups[sampleUint32Below(4, rng)] as number[]).map((center) => center + 0.7 * normal());
    const [x, y, z, w] = [a, b, c, d] as [number, number, number, number];
    const logit = 0.9 * (x - 5) - 0.7 * (z - 5) + 0.3 * (w - 5);
    return {
      x,
      y,
      z,
      w,
      amount: 100 + 12 * x - 7 * y + 3 * w + 10 * normal(),
      label: uniform() < 1 / (1 + Math.exp(-logit)) ? 'yes' : 'no',
    };
  });
  return { train: rows.slice(5000), test: rows.slice(0, 5000) };
}

const features: NumberColumn[] = ['x', 'y', 'z', 'w'].map((name) => ({ kind: 'number', name, lower: 0, upper: 10 }));
const label = { kind: 'category' as const, name: 'label', values: ['no', 'yes'] };
const amount = { kind: 'number' as const, name: 'amount', lower: 0, upper: 250 };
await measure(
  'invented',
  {
    'naive-bayes': (privacy) => createNaiveBayes({ features, target: label, ...privacy }),
    'logistic-regression': (privacy) => createLogisticRegression({ features, target: label, ...privacy }),
    'decision-tree': (privacy) => createDecisionTree({ features, target: label, ...privacy }),
    'random-forest': (privacy) => createRandomForest({ features, target: label, ...privacy }),
    'linear-regression': (privacy) => createLinearRegression({ features, target: amount, ...privacy }),
    'k-means': (privacy) => createKMeans({ features, clusters: 4, ...privacy }),
    pca: (privacy) => createPca({ features, components: 2, ...privacy }),
  },
  invent(),
);

const path = join(fileURLToPath(new URL('..', import.meta.url)), 'bench/results/classical.json');
writeFileSync(
  path,
  `${JSON.stringify({ machine: describeMachine(), delta: DELTA, seeds: SEEDS, results }, null, 2)}\n`,
);
