/** What the models are worth on the Adult table: bars a little below what bench/classical.ts records. */
import { describe, expect, it } from 'vitest';

import { adultFit } from '../../../test/support/adult-fit.ts';
import { createSeededRng } from '../../foundations/random/index.ts';
import type { Estimator, FitOptions } from './estimator.ts';
import type { CategoryColumn } from './columns.ts';
import { createDecisionTree, createRandomForest } from './forest.ts';
import { createLogisticRegression } from './logistic-regression.ts';
import { createNaiveBayes } from './naive-bayes.ts';
import { createScore } from './score.ts';

type Create = (options: FitOptions & { target: CategoryColumn }) => Estimator;

describe.skipIf(adultFit === undefined)('the Adult table', () => {
  // The larger class is 74.6 % of the rows measured.
  it.each<{ name: string; create: Create; epsilon: number; bar: number }>([
    { name: 'naive Bayes', create: createNaiveBayes, epsilon: 0.1, bar: 0.8 },
    { name: 'naive Bayes', create: createNaiveBayes, epsilon: 1, bar: 0.805 },
    { name: 'logistic regression', create: createLogisticRegression, epsilon: 0.1, bar: 0.8 },
    { name: 'logistic regression', create: createLogisticRegression, epsilon: 1, bar: 0.815 },
    { name: 'a random forest', create: createRandomForest, epsilon: 0.1, bar: 0.77 },
    { name: 'a decision tree', create: createDecisionTree, epsilon: 1, bar: 0.8 },
  ])('is told by $name at ε = $epsilon: more than $bar are right', async ({ create, epsilon, bar }) => {
    const { age, categories, salary, train, test } = adultFit as NonNullable<typeof adultFit>;
    const estimator = create({ features: [age, ...categories], target: salary, epsilon, delta: 1e-6 });
    let sum = 0;
    for (let seed = 0; seed < 5; seed += 1) {
      const score = createScore(await estimator.fit(train, createSeededRng(`adult/${seed}`)));
      for (const row of test) score.add(row);
      sum += score.result().value / 5;
    }
    expect(sum).toBeGreaterThan(bar);
  });
});
