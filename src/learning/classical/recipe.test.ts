import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import { columnsOfRecipe, createEstimatorOf, parseFitRecipe } from './recipe.ts';

const base = {
  fit: 'test',
  model: { kind: 'naive-bayes' },
  features: { x: { lower: 0, upper: 1 } },
  target: { label: { values: [0, 1] } },
  privacy: { epsilon: 1, delta: 1e-6, accountant: 'rdp' },
};
const parse = (recipe: object): ReturnType<typeof parseFitRecipe> =>
  parseFitRecipe(stringify(recipe), { path: 'r.yaml' });

describe('a recipe of a fit', () => {
  it('is that of the example', () => {
    const path = new URL('../../../examples/fit/census.yaml', import.meta.url);
    const recipe = parseFitRecipe(readFileSync(path, 'utf8'), { path: 'census.yaml' });
    expect(columnsOfRecipe(recipe)).toContain('salary-class');
    expect(recipe.privacy).toEqual({ epsilon: 1, delta: 1e-6, relation: 'add-or-remove-one', accountant: 'pld' });
    expect(createEstimatorOf(recipe).kind).toBe('naive-bayes');
  });

  it.each([
    { model: { kind: 'naive-bayes' } },
    { model: { kind: 'logistic-regression', steps: 3, clipNorm: 1 } },
    { model: { kind: 'decision-tree', depth: 2 } },
    { model: { kind: 'random-forest', trees: 2 } },
    { model: { kind: 'linear-regression' }, target: { y: { lower: 0, upper: 2 } } },
    { model: { kind: 'k-means', clusters: 2 }, target: undefined },
    { model: { kind: 'pca', components: 1, scaling: 'bounds' }, target: undefined },
  ])('makes the estimator it names: $model.kind', (own) => {
    const estimator = createEstimatorOf(parse({ ...base, ...own, person: { column: 'id', maxRows: 1 } }));
    expect(estimator.kind).toBe(own.model.kind);
    expect(estimator.promise).toMatchObject({ privacyUnit: 'client', maxRows: 1 });
  });

  it.each([
    [{ features: { x: {} } }, /features\.x: needs lower and upper/],
    [{ features: { x: { lower: 1, upper: 0 } } }, /lower below upper/],
    [{ features: { x: { lower: 0, upper: 1, values: ['a', 'b'] } } }, /needs lower and upper/],
    [{ features: {} }, /at least one column/],
    [{ target: undefined }, /target: is missing/],
    [{ target: { label: { lower: 0, upper: 1 } } }, /must list values/],
    [{ target: { x: { values: ['a', 'b'] } } }, /among the features/],
    [{ model: { kind: 'pca', components: 2 } }, /target: is not what pca has/],
    [
      { model: { kind: 'k-means', clusters: 2 }, target: undefined, features: { c: { values: ['a', 'b'] } } },
      /numbers alone/,
    ],
    [{ model: { kind: 'oracle' } }, /model/],
    [{ privacy: { epsilon: 0, delta: 1e-6 } }, /privacy\.epsilon/],
    [{ colour: 1 }, /colour: is not a known key/],
  ])('says what is wrong, and where: %j', (own, why) => {
    expect(() => parse({ ...base, ...own })).toThrow(why);
    expect(() => parse({ ...base, ...own })).toThrow(/^r\.yaml:\d+: .*Next: /);
  });

  it('says of a bound that is missing that alone', () => {
    let told = '';
    try {
      parse({ ...base, features: { x: { lower: 17 } } });
    } catch (error) {
      told = (error as Error).message;
    }
    expect(told).toMatch(/features\.x: needs lower and upper/);
    expect(told.split('\n').length).toBe(1);
  });

  it('names the line of broken YAML', () => {
    expect(() => parseFitRecipe('fit: a\n  b: [', { path: 'r.yaml' })).toThrow(/r\.yaml:\d+: is not YAML/);
  });
});
