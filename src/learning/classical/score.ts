/**
 * How well a model does on public rows.
 *
 * @module
 */

import { assertNever } from '../../foundations/numerics/index.ts';
import {
  createCategoryReader,
  createFeatureReader,
  type NumberColumn,
  scaleNumber,
  type TableRow,
  unscaleNumber,
} from './columns.ts';
import type { ClassicalModel } from './estimator.ts';
import { pcaUnits } from './pca.ts';
import { createPredictor } from './predictor.ts';

/** A model's score on rows whose content is public: it is no part of what was promised. */
export interface Score {
  /**
   * `accuracy`: share of rows whose class is right. `r2`: 1 − squared errors ÷ squared differences from the rows' own
   * mean. `inertia`: mean squared distance to the nearest center, in scaled units. `explained`: share of the rows' squared
   * differences from the model's means that its components keep.
   */
  readonly measure: 'accuracy' | 'r2' | 'inertia' | 'explained';
  readonly value: number;
  readonly rows: number;
}

/** Scores a model row by row: add public rows, then ask. NaN where there is nothing to be divided by. */
export function createScore(fitted: ClassicalModel): { add(row: TableRow): void; result(): Score } {
  const predict = createPredictor(fitted);
  const { kind, target, features } = fitted;
  let rows = 0;
  switch (kind) {
    case 'naive-bayes':
    case 'logistic-regression':
    case 'decision-tree':
    case 'random-forest': {
      if (target?.kind !== 'category') throw new RangeError('a classifier has a column of classes');
      const read = createCategoryReader(target);
      let right = 0;
      return {
        add(row) {
          rows += 1;
          const answer = predict(row);
          if (answer.kind === 'class' && answer.label === read(row[target.name])) right += 1;
        },
        result: () => ({ measure: 'accuracy', value: right / rows, rows }),
      };
    }
    case 'linear-regression': {
      const column = target as NumberColumn;
      let [sum, squares, errors] = [0, 0, 0];
      return {
        add(row) {
          rows += 1;
          const answer = predict(row);
          // Rows are told in the units of the bounds: what lies beyond them is at them.
          const truth = scaleNumber(row[column.name], column);
          const error = answer.kind === 'number' ? unscaleNumber(truth, column) - answer.value : 0;
          sum += truth;
          squares += truth * truth;
          errors += (error / ((column.upper - column.lower) / 2)) ** 2;
        },
        result: () => ({ measure: 'r2', value: 1 - errors / (squares - (sum * sum) / rows), rows }),
      };
    }
    case 'k-means': {
      let squares = 0;
      return {
        add(row) {
          rows += 1;
          const answer = predict(row);
          if (answer.kind === 'cluster') squares += answer.distance ** 2;
        },
        result: () => ({ measure: 'inertia', value: squares / rows, rows }),
      };
    }
    case 'pca': {
      const read = createFeatureReader(features);
      const halves = pcaUnits(features as readonly NumberColumn[], fitted.settings.scaling as 'bounds' | 'none');
      const means = fitted.tensors.means?.data as Float64Array;
      const values = new Float64Array(features.length);
      let [kept, all] = [0, 0];
      return {
        add(row) {
          rows += 1;
          read(row, values, 0);
          const answer = predict(row);
          if (answer.kind === 'components') kept += answer.values.reduce((square, value) => square + value * value, 0);
          values.forEach((value, j) => (all += (value * (halves[j] as number) - (means[j] as number)) ** 2));
        },
        result: () => ({ measure: 'explained', value: kept / all, rows }),
      };
    }
    default:
      return assertNever(kind);
  }
}
