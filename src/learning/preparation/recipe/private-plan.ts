/**
 * What a recipe takes from its data privately: the collectors, local noise and synthetic table that it asks for, each with
 * the event that is charged.
 *
 * @module
 */

import {
  createCategoryCollector,
  createMomentsCollector,
  createQuantileCollector,
  createStatisticCollector,
  type Collector,
} from '../private/collectors.ts';
import { createCategoryNoise, createNumberNoise, type CellNoise } from '../private/local-noise.ts';
import { createSyntheticPlan, type SyntheticPlan } from '../private/synthetic.ts';
import type { ReleasedColumn } from '../rows.ts';
import type { Recipe, RecipeColumn } from './schema.ts';

/** Everything a recipe takes privately. */
export interface PrivatePlan {
  readonly all: readonly Collector[];
  readonly columns: readonly { readonly column: string | undefined; readonly collector: Collector }[];
  readonly noise: readonly { readonly column: string; readonly noise: CellNoise }[];
  readonly synthetic: PlannedSynthesis | undefined;
}

/** A synthetic table: how rows become values of attributes, and back. */
export interface PlannedSynthesis {
  readonly plan: SyntheticPlan;
  readonly columns: readonly ReleasedColumn[];
  encode(cells: readonly (string | null)[], at: ReadonlyMap<string, number>): number[];
  decode(values: readonly number[]): (string | null)[];
}

/** Plans what a recipe takes privately. */
export function planPrivate(recipe: Recipe): PrivatePlan {
  const columns: { column: string | undefined; collector: Collector }[] = [];
  const noise: { column: string; noise: CellNoise }[] = [];
  for (const [column, declared] of Object.entries(recipe.columns)) {
    const { treatment, bounds, categories } = declared;
    if (treatment.kind === 'standardize') {
      const range = { lower: declared.min as number, upper: declared.max as number };
      columns.push({
        column,
        collector: createMomentsCollector({
          name: `columns.${column}.standardize`,
          epsilon: treatment.epsilon,
          ...range,
        }),
      });
    }
    if (bounds !== undefined) {
      const { epsilon, lower, upper } = bounds.private;
      const collector = createQuantileCollector({
        name: `columns.${column}.bounds`,
        epsilon,
        quantiles: [0.01, 0.99],
        lower,
        upper,
      });
      columns.push({ column, collector });
    }
    if (categories !== undefined && !Array.isArray(categories)) {
      const { epsilon, delta } = categories.private;
      columns.push({
        column,
        collector: createCategoryCollector({ name: `columns.${column}.categories`, epsilon, delta }),
      });
    }
    if (treatment.kind === 'noise') noise.push({ column, noise: planNoise(declared, treatment) });
  }
  for (const spec of recipe.statistics) {
    const declared = 'column' in spec ? recipe.columns[spec.column] : undefined;
    const collector = createStatisticCollector(spec, {
      ...(declared?.min !== undefined && declared.max !== undefined
        ? { range: { lower: declared.min, upper: declared.max } }
        : {}),
      ...(declared === undefined ? {} : { categories: categoriesOf(declared), text: declared.type === 'text' }),
    });
    columns.push({ column: 'column' in spec ? spec.column : undefined, collector });
  }
  return { all: columns.map(({ collector }) => collector), columns, noise, synthetic: planSynthesis(recipe) };
}

function planNoise(column: RecipeColumn, { epsilon, clamp }: { epsilon: number; clamp: boolean }): CellNoise {
  if (column.type === 'integer' || column.type === 'number') {
    return createNumberNoise({
      min: column.min as number,
      max: column.max as number,
      epsilon,
      clamp,
      integer: column.type === 'integer',
    });
  }
  return createCategoryNoise({ categories: categoriesOf(column), epsilon });
}

function categoriesOf(column: RecipeColumn): readonly string[] {
  if (column.type === 'boolean') return ['false', 'true'];
  return Array.isArray(column.categories) ? column.categories : [];
}

function planSynthesis(recipe: Recipe): PlannedSynthesis | undefined {
  const { synthetic } = recipe;
  if (synthetic === undefined) return undefined;
  const { bins } = synthetic;
  const parts = synthetic.columns.map((name) => ({ name, declared: recipe.columns[name] as RecipeColumn }));
  const isNumber = ({ type }: RecipeColumn): boolean => type === 'integer' || type === 'number';
  // The last value of every attribute stands for a missing cell.
  const sizes = parts.map(({ declared }) => (isNumber(declared) ? bins : categoriesOf(declared).length) + 1);
  const plan = createSyntheticPlan({
    attributes: parts.map(({ name }, i) => ({ name, size: sizes[i] as number })),
    epsilon: synthetic.epsilon,
    delta: synthetic.delta,
  });
  return {
    plan,
    columns: parts.map(({ name, declared }) => ({ name, type: isNumber(declared) ? 'number' : 'text' })),
    encode: (cells, at) =>
      parts.map(({ name, declared }, i) => {
        const cell = cells[at.get(name) as number] ?? null;
        const missing = (sizes[i] as number) - 1;
        if (cell === null) return missing;
        if (!isNumber(declared)) return Math.max(0, categoriesOf(declared).indexOf(cell));
        const share = (Number(cell) - (declared.min as number)) / ((declared.max as number) - (declared.min as number));
        return Math.min(bins - 1, Math.max(0, Math.floor(share * bins)));
      }),
    decode: (values) =>
      parts.map(({ declared }, i) => {
        const value = values[i] as number;
        if (value === (sizes[i] as number) - 1) return null;
        if (!isNumber(declared)) return categoriesOf(declared)[value] as string;
        const middle =
          (declared.min as number) + ((value + 0.5) / bins) * ((declared.max as number) - (declared.min as number));
        return String(declared.type === 'integer' ? Math.round(middle) : Number(middle.toPrecision(12)));
      }),
  };
}
