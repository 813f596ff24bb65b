/**
 * Privacy models of tables: what every class of a release must meet. A class that does not is suppressed whole.
 *
 * | model | a class passes when | source |
 * |---|---|---|
 * | k-anonymity | it has at least k rows | [Swe02] |
 * | k-map | the population has at least k rows of it | [Swe02] |
 * | l-diversity | its sensitive values are l distinct ones; have entropy ≥ log l; the commonest is rarer than c times all from the l-th on | [MKGV07] |
 * | t-closeness | its sensitive distribution is within t of the table's, by earth mover's distance | [LLV07] |
 * | δ-presence | the share of its population that is in the table lies in [min, max] | [NAC07] |
 *
 * These are syntactic: they bound linking and inference from one release. They are no guarantee against an adversary
 * with other knowledge; differential privacy is.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import { PreparationError } from '../errors.ts';
import type { Classes, ClassTable, Histograms } from './classes.ts';
import { createCloseness, type Distance } from './closeness.ts';

/** One privacy model; sensitive columns are named. */
export type Criterion =
  | { readonly kind: 'kAnonymity'; readonly k: number }
  | { readonly kind: 'kMap'; readonly k: number }
  | { readonly kind: 'distinctLDiversity'; readonly column: string; readonly l: number }
  | { readonly kind: 'entropyLDiversity'; readonly column: string; readonly l: number }
  | { readonly kind: 'recursiveLDiversity'; readonly column: string; readonly c: number; readonly l: number }
  | { readonly kind: 'tCloseness'; readonly column: string; readonly t: number; readonly distance: Distance }
  | { readonly kind: 'deltaPresence'; readonly min: number; readonly max: number };

/** A model bound to a table. */
export interface BoundCriterion {
  readonly criterion: Criterion;
  /** Whether merging a class that passes with any other gives one that passes. */
  readonly monotone: boolean;
  passes(classes: Classes, at: number): boolean;
  /** The monotone model that this one implies, for models that are not monotone themselves. */
  readonly implied?: BoundCriterion;
}

/**
 * Binds models to a table.
 * @throws {@link PreparationError} `preparation/impossible-criteria` when no release of this table can meet a model,
 * `preparation/missing-column` when its sensitive column is not among the table's.
 */
export function bindCriteria(criteria: readonly Criterion[], table: ClassTable): readonly BoundCriterion[] {
  if (criteria.length === 0) {
    throw new PreparationError(
      'preparation/impossible-criteria',
      'at least one privacy model is needed, such as kAnonymity',
    );
  }
  return criteria.map((criterion) => bind(criterion, table));
}

function bind(criterion: Criterion, table: ClassTable): BoundCriterion {
  switch (criterion.kind) {
    case 'kAnonymity': {
      assertInteger(criterion.k, 'k', { min: 1 });
      if (criterion.k > table.rows) throw impossible(`${criterion.k}-anonymity of a table of ${table.rows} rows`);
      return { criterion, monotone: true, passes: ({ counts }, at) => (counts[at] as number) >= criterion.k };
    }
    case 'kMap': {
      assertInteger(criterion.k, 'k', { min: 1 });
      const population = table.base.populations.reduce((sum, count) => sum + count, 0);
      if (criterion.k > population) throw impossible(`${criterion.k}-map in a population of ${population} rows`);
      return { criterion, monotone: true, passes: ({ populations }, at) => (populations[at] as number) >= criterion.k };
    }
    case 'deltaPresence': {
      const { min, max } = criterion;
      if (!(min >= 0 && min <= max && max <= 1)) throw new RangeError('"min" and "max" must satisfy 0 ≤ min ≤ max ≤ 1');
      return {
        criterion,
        monotone: false,
        passes: ({ counts, populations }, at) => {
          const presence = (counts[at] as number) / (populations[at] as number);
          return presence >= min && presence <= max;
        },
      };
    }
    case 'distinctLDiversity':
    case 'entropyLDiversity':
    case 'recursiveLDiversity':
      return bindDiversity(criterion, table);
    case 'tCloseness': {
      if (!(criterion.t >= 0)) throw new RangeError('"t" must be ≥ 0');
      const column = findSensitive(criterion.column, table);
      const closeness = createCloseness(table, { column, distance: criterion.distance });
      return {
        criterion,
        monotone: false,
        passes: ({ sensitive }, at) => closeness(sensitive[column] as Histograms, at) <= criterion.t,
      };
    }
  }
}

type Diversity = Extract<Criterion, { l: number }>;

function bindDiversity(criterion: Diversity, table: ClassTable): BoundCriterion {
  const { l } = criterion;
  if (!(l >= 1)) throw new RangeError('"l" must be ≥ 1');
  const column = findSensitive(criterion.column, table);
  const present = table.sensitiveDictionaries[column]?.values.length ?? 0;
  if (l > present) {
    throw impossible(`${l}-diversity of "${criterion.column}", which has ${present} distinct values,`);
  }
  const least = Math.ceil(l);
  const distinct: BoundCriterion = {
    criterion: { kind: 'distinctLDiversity', column: criterion.column, l: least },
    monotone: true,
    passes: ({ sensitive }, at) => distinctOf(sensitive[column] as Histograms, at) >= least,
  };
  switch (criterion.kind) {
    case 'distinctLDiversity':
      return { ...distinct, criterion };
    case 'entropyLDiversity': {
      const wanted = Math.log2(l);
      return {
        criterion,
        monotone: false,
        // The tolerance covers the rounding of the sum: l equal shares must pass.
        passes: ({ sensitive, counts }, at) =>
          entropyOf(sensitive[column] as Histograms, { at, total: counts[at] as number }) >= wanted - 1e-12,
        implied: distinct,
      };
    }
    case 'recursiveLDiversity': {
      assertInteger(l, 'l', { min: 1 });
      if (!(criterion.c > 0)) throw new RangeError('"c" must be > 0');
      return {
        criterion,
        monotone: false,
        passes: ({ sensitive }, at) => isRecursivelyDiverse(sensitive[column] as Histograms, at, criterion),
        implied: distinct,
      };
    }
  }
}

function distinctOf({ offsets }: Histograms, at: number): number {
  return (offsets[at + 1] as number) - (offsets[at] as number);
}

function entropyOf({ offsets, counts }: Histograms, { at, total }: { at: number; total: number }): number {
  let entropy = 0;
  for (let entry = offsets[at] as number; entry < (offsets[at + 1] as number); entry += 1) {
    const share = (counts[entry] as number) / total;
    entropy -= share * Math.log2(share);
  }
  return entropy;
}

/** [MKGV07] Definition 4.3: r1 < c (r_l + … + r_m), where r_i is the i-th largest count. */
function isRecursivelyDiverse(
  { offsets, counts }: Histograms,
  at: number,
  { c, l }: { c: number; l: number },
): boolean {
  const start = offsets[at] as number;
  const end = offsets[at + 1] as number;
  if (end - start < l) return false;
  const sorted = counts.slice(start, end).sort();
  let rest = 0;
  for (let i = 0; i <= sorted.length - l; i += 1) rest += sorted[i] as number;
  return (sorted.at(-1) as number) < c * rest;
}

function findSensitive(name: string, table: ClassTable): number {
  const column = table.sensitiveColumns.indexOf(name);
  if (column < 0) {
    throw new PreparationError(
      'preparation/missing-column',
      `"${name}" is not among the sensitive columns of the table`,
      {
        details: { column: name },
      },
    );
  }
  return column;
}

function impossible(what: string): PreparationError {
  return new PreparationError('preparation/impossible-criteria', `${what} cannot be met by any generalisation`);
}
