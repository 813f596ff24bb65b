/**
 * The exponential mechanism: one of several candidates, the better the likelier, sampled exactly from rational weights.
 * [MT07]
 *
 * @module
 */

import { exponential } from '../../accounting/index.ts';
import {
  addRational,
  assertPositive,
  compareRational,
  divideRational,
  multiplyRational,
  type Rational,
  toRational,
} from '../../../foundations/numerics/index.ts';
import type { Rng } from '../../../foundations/random/index.ts';
import { ADDITIVE_RELATIONS, LOCAL_RELATIONS, type Mechanism } from '../mechanism.ts';
import { sampleExponentialWeights } from '../samplers/weighted-choice.ts';

/** Chooses one of several scored candidates. */
export interface Selection<Kind extends string> extends Mechanism<Kind> {
  /** Returns the index of a candidate. Scores are the candidates' utilities: higher is better. */
  select(scores: ArrayLike<number>, rng: Rng): number;
}

/** Parameters of a selection. */
export interface SelectionOptions {
  readonly epsilon: number;
  /** How much one record changes any candidate's score. */
  readonly sensitivity: number;
  /** Whether a record moves all scores in the same direction; halves the noise. False by default. */
  readonly monotonic?: boolean;
}

/** γ_i = ε·(max − score_i)/(2·sensitivity), exactly, from doubles; without the 2 when monotonic. */
export function exponentsOf(
  scores: ArrayLike<number>,
  { epsilon, sensitivity, monotonic = false }: SelectionOptions,
): readonly Rational[] {
  if (scores.length === 0) throw new RangeError('"scores" must not be empty');
  const exact = Array.from(scores, (score) => toRational(score, 'score'));
  const best = exact.reduce((a, b) => (compareRational(a, b) < 0 ? b : a));
  const rate = divideRational(
    toRational(epsilon),
    multiplyRational(toRational(sensitivity), toRational(monotonic ? 1n : 2n)),
  );
  return exact.map((score) => {
    const gap = addRational(best, { numerator: -score.numerator, denominator: score.denominator });
    return multiplyRational(gap, rate);
  });
}

/** @throws {RangeError} when epsilon or sensitivity is out of range. */
export function assertSelection({ epsilon, sensitivity }: SelectionOptions): void {
  assertPositive(epsilon, 'epsilon');
  assertPositive(sensitivity, 'sensitivity');
}

/**
 * Creates the exponential mechanism: P(i) ∝ exp(ε·score_i/(2·sensitivity)).
 * Guarantee: ε-DP, and the stronger bounded range of ε that the accountants use; exact.
 * Precondition: one record changes every score by at most `sensitivity`; the candidates do not depend on the data.
 * @throws {RangeError} when a parameter is out of range, there is no candidate, or a score is not finite.
 * @see [MT07] theorem 6; [DR19] for the bounded range
 */
export function createExponential(options: SelectionOptions): Selection<'exponential'> {
  assertSelection(options);
  const { epsilon, sensitivity } = options;
  return {
    kind: 'exponential',
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: ADDITIVE_RELATIONS,
      precondition: `scores of sensitivity at most ${sensitivity}; candidates fixed in advance`,
      source: '[MT07] theorem 6, [DR19]',
    },
    event: () => exponential({ epsilon }),
    select: (scores, rng) =>
      sampleExponentialWeights(
        exponentsOf(scores, options).map((gamma) => ({ count: 1n, gamma })),
        rng,
      ),
  };
}

/** A tree of categories: a leaf is a category, a list is a group. */
export type Hierarchy = string | readonly Hierarchy[];

/**
 * Computes distances between the leaves of a hierarchy: the height of the smallest group that holds both, in levels.
 * @throws {RangeError} when a category occurs twice.
 */
export function computeHierarchyDistances(hierarchy: Hierarchy): {
  readonly categories: readonly string[];
  readonly distances: readonly (readonly number[])[];
} {
  const categories: string[] = [];
  const paths: (readonly number[])[] = [];
  let depth = 0;
  const visit = (node: Hierarchy, path: readonly number[]): void => {
    if (typeof node === 'string') {
      if (categories.includes(node)) throw new RangeError(`category "${node}" occurs twice`);
      categories.push(node);
      paths.push(path);
      depth = Math.max(depth, path.length);
    } else node.forEach((child, i) => visit(child, [...path, i]));
  };
  visit(hierarchy, []);
  const distances = paths.map((a, i) =>
    paths.map((b, j) => {
      if (i === j) return 0;
      let shared = 0;
      while (shared < a.length && a[shared] === b[shared]) shared += 1;
      return depth - shared;
    }),
  );
  return { categories, distances };
}

/** Reports a category, near ones likelier than far ones. */
export interface CategoricalExponential extends Mechanism<'categorical-exponential'> {
  release(category: string, rng: Rng): string;
}

/**
 * Creates the exponential mechanism on one record's category: P(b | a) ∝ exp(−ε·distance(a, b)/(2·greatest distance)).
 * Guarantee: ε-DP under replace-one for the record (a local mechanism); exact.
 * @param options - `categories` and their symmetric `distances` ≥ 0, zero on the diagonal; computeHierarchyDistances makes
 * them from a tree.
 * @throws {RangeError} when a distance is missing or negative; from a release, when the category is unknown.
 * @see [MT07] theorem 6
 */
export function createCategoricalExponential({
  epsilon,
  categories,
  distances,
}: {
  readonly epsilon: number;
  readonly categories: readonly string[];
  readonly distances: readonly (readonly number[])[];
}): CategoricalExponential {
  const sensitivity = Math.max(...distances.flat());
  assertSelection({ epsilon, sensitivity });
  categories.forEach((_, i) =>
    categories.forEach((__, j) => {
      const distance = distances[i]?.[j];
      if (distance === undefined || !(distance >= 0) || distance !== distances[j]?.[i] || (i === j && distance !== 0)) {
        throw new RangeError(`"distances" must be a symmetric matrix of numbers ≥ 0, zero on the diagonal`);
      }
    }),
  );
  return {
    kind: 'categorical-exponential',
    guarantee: {
      measure: 'pure',
      epsilon,
      relations: LOCAL_RELATIONS,
      precondition: 'one category of one record',
      source: '[MT07] theorem 6',
    },
    event: () => exponential({ epsilon }),
    release(category, rng) {
      const row = distances[categories.indexOf(category)];
      if (row === undefined) throw new RangeError('the category is not one of the declared ones');
      const gammas = exponentsOf(
        row.map((distance) => -distance),
        { epsilon, sensitivity },
      );
      return categories[
        sampleExponentialWeights(
          gammas.map((gamma) => ({ count: 1n, gamma })),
          rng,
        )
      ] as string;
    },
  };
}
