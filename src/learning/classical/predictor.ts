/**
 * What a fitted model says about a row. All of it is post-processing: any number of answers costs nothing more.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import {
  type CategoryColumn,
  createDesign,
  createFeatureReader,
  type NumberColumn,
  type TableRow,
  unscaleNumber,
} from './columns.ts';
import type { ClassicalModel, Tensor } from './estimator.ts';
import { decodeTrees } from './forest.ts';
import { nearestCenter } from './k-means.ts';
import { leafOf } from './trees.ts';
import { pcaUnits } from './pca.ts';

/** What is said about one row. */
export type Prediction =
  | {
      readonly kind: 'class';
      readonly class: string;
      readonly label: number;
      /** In the order of the target's values. */
      readonly probabilities: Float64Array;
    }
  | { readonly kind: 'number'; readonly value: number }
  | {
      readonly kind: 'cluster';
      readonly cluster: number;
      /** To its center, where every column's bounds are a distance of 2 apart. */
      readonly distance: number;
    }
  | { readonly kind: 'components'; readonly values: Float64Array };

/** Answers for rows. Columns that a row lacks count as missing cells. */
export type Predictor = (row: TableRow) => Prediction;

/** Creates what answers for a model. */
export function createPredictor(fitted: ClassicalModel): Predictor {
  const { features } = fitted;
  const read = createFeatureReader(features);
  const values = new Float64Array(features.length);
  const answer = answerOf(fitted);
  return (row) => {
    read(row, values, 0);
    return answer(values);
  };
}

function tensorOf({ tensors }: ClassicalModel, name: string): Tensor {
  return tensors[name] as Tensor;
}

function answerOf(fitted: ClassicalModel): (values: Float64Array) => Prediction {
  switch (fitted.kind) {
    case 'naive-bayes':
      return classifier(fitted, scoreNaiveBayes(fitted));
    case 'logistic-regression':
      return classifier(fitted, scoreLogistic(fitted));
    case 'linear-regression': {
      const score = linearScore(fitted);
      const target = fitted.target as NumberColumn;
      return (values) => ({ kind: 'number', value: unscaleNumber(clampUnit(score(values)), target) });
    }
    case 'k-means': {
      const { data: centers } = tensorOf(fitted, 'centers');
      const dimension = fitted.features.length;
      return (values) => {
        const { index, squaredDistance } = nearestCenter(centers, values, { from: 0, dimension });
        return { kind: 'cluster', cluster: index, distance: Math.sqrt(squaredDistance) };
      };
    }
    case 'pca':
      return projection(fitted);
    case 'decision-tree':
    case 'random-forest':
      return classifier(fitted, scoreTrees(fitted));
    default:
      return assertNever(fitted.kind);
  }
}

function clampUnit(value: number): number {
  return Math.min(1, Math.max(-1, value));
}

function classOf({ target }: ClassicalModel, probabilities: Float64Array): Prediction {
  const label = probabilities.reduce((best, share, c) => (share > (probabilities[best] as number) ? c : best), 0);
  return { kind: 'class', class: (target as CategoryColumn).values[label] as string, label, probabilities };
}

/** Classes by scores that are logarithms up to a constant. */
function classifier(fitted: ClassicalModel, score: (values: Float64Array) => Float64Array) {
  return (values: Float64Array): Prediction => {
    const scores = score(values);
    const best = scores.reduce((a, b) => Math.max(a, b));
    const shares = scores.map((each) => Math.exp(each - best));
    const total = shares.reduce((a, b) => a + b, 0);
    return classOf(
      fitted,
      shares.map((share) => share / total),
    );
  };
}

function scoreNaiveBayes(fitted: ClassicalModel): (values: Float64Array) => Float64Array {
  const { features, tensors } = fitted;
  const { data: prior } = tensorOf(fitted, 'logPrior');
  const { means, variances, logShares } = tensors;
  const numbers = means?.shape[1] ?? 0;
  const cells = logShares?.shape[1] ?? 0;
  return (values) =>
    prior.map((start, label) => {
      let score = start;
      let number = label * numbers;
      let cell = label * cells;
      for (const [j, column] of features.entries()) {
        const value = values[j] as number;
        if (column.kind === 'number') {
          const variance = variances?.data[number] as number;
          score -= (value - (means?.data[number] as number)) ** 2 / (2 * variance) + Math.log(variance) / 2;
          number += 1;
        } else {
          // A value that was not declared says nothing about the class.
          if (value >= 0) score += logShares?.data[cell + value] as number;
          cell += column.values.length;
        }
      }
      return score;
    });
}

/**
 * How much the evidence of all trees together weighs, in trees that stand for themselves: trees ask about the same few
 * features, so that the sum of what they say counts much of it twice, and their mean dilutes it.
 */
const FOREST_WEIGHT = 2;

/** A tree's shares as they are; of several trees the evidence beyond what is known of all rows, added up. */
function scoreTrees(fitted: ClassicalModel): (values: Float64Array) => Float64Array {
  const { trees, shares } = decodeTrees(fitted);
  const prior = tensorOf(fitted, 'prior').data.map((share) => Math.log(share));
  const weight = Math.min(FOREST_WEIGHT, trees.length) / trees.length;
  return (values) => {
    const evidence = new Float64Array(prior.length);
    for (const tree of trees) {
      const start = leafOf(tree, values, 0) * prior.length;
      for (let c = 0; c < prior.length; c += 1) {
        evidence[c] = (evidence[c] as number) + Math.log(shares[start + c] as number) - (prior[c] as number);
      }
    }
    return prior.map((known, c) => known + weight * (evidence[c] as number));
  };
}

function linearScore(fitted: ClassicalModel, output = 0): (values: Float64Array) => number {
  const { width, expandInto } = createDesign(fitted.features);
  const { data, shape } = tensorOf(fitted, 'weights');
  const outputs = shape[1] ?? 1;
  const row = new Float64Array(width);
  return (values) => {
    expandInto(values, 0, row);
    let sum = 0;
    for (let j = 0; j < width; j += 1) sum += (row[j] as number) * (data[j * outputs + output] as number);
    return sum;
  };
}

function scoreLogistic(fitted: ClassicalModel): (values: Float64Array) => Float64Array {
  const outputs = tensorOf(fitted, 'weights').shape[1] as number;
  const scores = Array.from({ length: outputs }, (_, output) => linearScore(fitted, output));
  return (values) => {
    const logits = scores.map((score) => score(values));
    // Two classes have one logit, that of the second.
    return Float64Array.from(outputs === 1 ? [0, ...logits] : logits);
  };
}

function projection(fitted: ClassicalModel): (values: Float64Array) => Prediction {
  const { features, settings } = fitted;
  const halves = pcaUnits(features as readonly NumberColumn[], settings.scaling as 'bounds' | 'none');
  const { data: means } = tensorOf(fitted, 'means');
  const { data, shape } = tensorOf(fitted, 'components');
  const [components = 0, width = 0] = shape;
  return (values) => ({
    kind: 'components',
    values: Float64Array.from({ length: components }, (_, k) => {
      let sum = 0;
      for (let j = 0; j < width; j += 1) {
        sum += (data[k * width + j] as number) * ((values[j] as number) * (halves[j] as number) - (means[j] as number));
      }
      return sum;
    }),
  });
}

/** A model's linear terms in the units of its columns, for people. */
export interface LinearTerms {
  readonly intercept: number;
  readonly terms: readonly { readonly column: string; readonly value?: string; readonly weight: number }[];
}

/**
 * Reads a linear regression, or the logit of a logistic regression of two classes, in the units of its columns.
 * @throws {RangeError} for a model of another kind.
 */
export function readLinearTerms(fitted: ClassicalModel): LinearTerms {
  const { features, kind, target, tensors } = fitted;
  const { weights } = tensors;
  if (weights === undefined || (weights.shape[1] ?? 1) !== 1) {
    throw new RangeError(`a ${kind} of these classes has no single line of terms`);
  }
  const { offsets, width } = createDesign(features);
  // A regression's answer is in [−1, 1]; a logit has no unit.
  const unit = target?.kind === 'number' ? (target.upper - target.lower) / 2 : 1;
  let intercept = (weights.data[width - 1] as number) * unit;
  if (target?.kind === 'number') intercept += (target.upper + target.lower) / 2;
  const terms = features.flatMap((column, i): LinearTerms['terms'] => {
    const at = offsets[i] as number;
    if (column.kind === 'category') {
      return column.values.map((value, v) => ({
        column: column.name,
        value,
        weight: (weights.data[at + v] as number) * unit,
      }));
    }
    const weight = ((weights.data[at] as number) * unit * 2) / (column.upper - column.lower);
    intercept -= (weight * (column.upper + column.lower)) / 2;
    return [{ column: column.name, weight }];
  });
  return { intercept, terms };
}
