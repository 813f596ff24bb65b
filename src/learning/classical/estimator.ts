/**
 * What every classical model has in common: declared columns, a privacy target that its noise is calibrated for, the event
 * that one fit costs, and the model that comes of it, which is plain data.
 *
 * @module
 */

import { assertPositive } from '../../foundations/numerics/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import {
  calibrateNoiseMultiplier,
  type CalibrationAccountant,
  composed,
  type DpEvent,
  type NeighboringRelation,
} from '../../privacy/accounting/index.ts';
import type { Mechanism } from '../../privacy/mechanisms/index.ts';
import type { CategoryColumn, FeatureColumn, NumberColumn, TableRow } from './columns.ts';
import { type Examples, collectExamples } from './examples.ts';

/** The models there are. */
export type ClassicalKind =
  | 'naive-bayes'
  | 'linear-regression'
  | 'logistic-regression'
  | 'k-means'
  | 'pca'
  | 'decision-tree'
  | 'random-forest';

/** What a fit may cost. */
export interface PrivacyTarget {
  readonly epsilon: number;
  /** In (0, 1): noise is Gaussian. Well below 1 ÷ number of people. */
  readonly delta: number;
  /** Add-or-remove-one by default. */
  readonly relation?: NeighboringRelation;
  /** Which accountant the noise is calibrated by; `pld`, the tighter, by default. */
  readonly accountant?: CalibrationAccountant;
}

/** A person to whom rows belong: all of them together are what is hidden. */
export interface PersonColumn {
  readonly column: string;
  /** Rows of one person that are read: the first so many. Rows without a person count as those of one. */
  readonly maxRows: number;
}

/** What a fit takes. */
export interface FitOptions extends PrivacyTarget {
  readonly features: readonly FeatureColumn[];
  /** Hides a person with all her rows. Left out: one row is hidden, which is enough only where nobody has two. */
  readonly person?: PersonColumn;
}

/** A number or table of numbers of a model, row-major. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** What a model promises about the data it was fitted to. */
export interface ModelPromise {
  readonly epsilon: number;
  readonly delta: number;
  readonly relation: NeighboringRelation;
  readonly privacyUnit: 'example' | 'client';
  /** Rows of one person that were read. */
  readonly maxRows: number;
}

/** A fitted model: plain data, all of it post-processing of noisy sums and choices. */
export interface ClassicalModel {
  readonly kind: ClassicalKind;
  readonly features: readonly FeatureColumn[];
  /** What it predicts; null for k-means and principal components. */
  readonly target: CategoryColumn | NumberColumn | null;
  readonly settings: Readonly<Record<string, string | number>>;
  readonly promise: ModelPromise;
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Rows of a table, however they come. */
export type Rows = Iterable<TableRow> | AsyncIterable<TableRow>;

/** Fits one kind of model to tables of one shape. */
export interface Estimator<Kind extends ClassicalKind = ClassicalKind> extends Mechanism<Kind> {
  readonly features: readonly FeatureColumn[];
  readonly target: CategoryColumn | NumberColumn | null;
  readonly person: PersonColumn | undefined;
  readonly promise: ModelPromise;
  /**
   * Fits a model. Charge `event()` before; {@link fitPrivately} does both.
   * @param rows - read once, kept in memory while fitting.
   * @param rng - private coins.
   */
  fit(rows: Rows, rng: Rng): Promise<ClassicalModel>;
}

/** The noise of a kind of model at one overall scale: the events it costs, and how it is fitted with it. */
export interface NoisePlan {
  readonly events: readonly DpEvent[];
  fit(
    examples: Examples,
    rng: Rng,
  ): Promise<Pick<ClassicalModel, 'settings' | 'tensors'>> | Pick<ClassicalModel, 'settings' | 'tensors'>;
}

/** The noise multiplier of a release that takes `share` of all ρ, where the whole has `scale`. */
export function multiplierOf(scale: number, share: number): number {
  return scale / Math.sqrt(share);
}

function assertOptions({ features, epsilon, delta, person }: FitOptions): void {
  assertPositive(epsilon, 'epsilon');
  if (!(delta > 0 && delta < 1)) throw new RangeError(`"delta" must be in (0, 1), got ${delta}`);
  if (features.length === 0) throw new RangeError('"features" must name at least one column');
  for (const column of features) assertColumn(column);
  if (person !== undefined && !(Number.isInteger(person.maxRows) && person.maxRows >= 1 && person.maxRows <= 2 ** 16)) {
    throw new RangeError(`"person.maxRows" must be an integer in [1, 65536], got ${person.maxRows}`);
  }
}

/** @throws {RangeError} when a column has no bounds or values, which are never taken from the data. */
export function assertColumn(column: FeatureColumn): void {
  if (column.kind === 'category') {
    if (
      !Array.isArray(column.values) ||
      column.values.length < 2 ||
      new Set(column.values).size < column.values.length
    ) {
      throw new RangeError(
        `column "${column.name}": "values" must list at least two different values, declared beforehand`,
      );
    }
    return;
  }
  const { lower, upper } = column;
  if (!(Number.isFinite(lower) && Number.isFinite(upper) && lower < upper)) {
    throw new RangeError(
      `column "${column.name}": "lower" and "upper" must be finite numbers in this order, known without the data, got ${lower} and ${upper}`,
    );
  }
}

/**
 * Creates an estimator from what its noise is at every scale, calibrated so that its events together meet the target.
 * @param options - `plan` makes the noise of a scale: all ρ together are 1/(2·scale²) in noise multipliers.
 * @throws {RangeError} when a column or parameter is out of range.
 * @throws {AccountingError} 'accounting/calibration-failed' when no noise meets the target.
 */
export function createEstimator<Kind extends ClassicalKind>({
  kind,
  options,
  target,
  source,
  plan,
}: {
  readonly kind: Kind;
  readonly options: FitOptions;
  readonly target: CategoryColumn | NumberColumn | null;
  readonly source: string;
  readonly plan: (scale: number) => NoisePlan;
}): Estimator<Kind> {
  assertOptions(options);
  if (target !== null) assertColumn(target);
  const { features, person, epsilon, delta, relation = 'add-or-remove-one', accountant = 'pld' } = options;
  const names = [...features, ...(target === null ? [] : [target])].map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new RangeError(`column "${twice}" is named twice`);
  const eventOf = (noise: NoisePlan): DpEvent =>
    noise.events.length === 1 ? (noise.events[0] as DpEvent) : composed(noise.events);
  const scale = calibrateNoiseMultiplier({
    event: (candidate) => eventOf(plan(candidate)),
    epsilon,
    delta,
    relation,
    accountant,
  });
  const noise = plan(scale);
  const maxRows = person?.maxRows ?? 1;
  const promise: ModelPromise = {
    epsilon,
    delta,
    relation,
    privacyUnit: person === undefined ? 'example' : 'client',
    maxRows,
  };
  return {
    kind,
    guarantee: {
      measure: 'approximate',
      epsilon,
      delta,
      relations: [relation],
      precondition:
        person === undefined
          ? 'nobody has more than one row'
          : `"${person.column}" tells people apart; at most ${maxRows} rows of each are read`,
      source,
    },
    features,
    target,
    person,
    promise,
    event: () => eventOf(noise),
    async fit(rows, rng) {
      const examples = await collectExamples(rows, { features, target, person });
      return { kind, features, target, promise, ...(await noise.fit(examples, rng)) };
    },
  };
}
