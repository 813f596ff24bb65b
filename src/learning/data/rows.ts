/**
 * From the rows of a table to a data set: one column is the label, the others are numbers.
 *
 * @module
 */

import { createDataset, type Dataset } from './dataset.ts';
import { DataError } from './errors.ts';
import { numberLabels } from './labels.ts';

/** A table as readers give it: text, missing cells null. */
export interface TextTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Which columns are what. */
export interface RowsOptions {
  readonly inputShape: readonly number[];
  /** Name of the label's column; `label`, `class`, `target` or `y` where there is one, else the last. */
  readonly label?: string;
  /** Number of classes; 0 for a regression. */
  readonly classes: number;
}

const LABEL_NAMES = ['label', 'class', 'target', 'y'];

/** Finds the column of the label. @throws {DataError} `data/labels-mismatch` when the named one is not there. */
export function findLabelColumn(columns: readonly string[], label?: string): number {
  if (label === undefined) {
    const lower = columns.map((name) => name.toLowerCase());
    const found = LABEL_NAMES.map((name) => lower.indexOf(name)).find((at) => at >= 0);
    return found ?? columns.length - 1;
  }
  const at = columns.indexOf(label);
  if (at < 0) {
    throw new DataError('data/labels-mismatch', `the table has no column "${label}": it has ${columns.join(', ')}`);
  }
  return at;
}

/**
 * Makes a data set of a table's rows.
 * @throws {DataError} `data/shape-mismatch` when the columns do not make an example, `data/not-finite` for a cell that is
 * no number: rows are never left out on sight, for that would depend on the data.
 */
export function datasetFromRows({ columns, rows }: TextTable, { inputShape, label, classes }: RowsOptions): Dataset {
  const labelAt = findLabelColumn(columns, label);
  const width = inputShape.reduce((product, extent) => product * extent, 1);
  if (columns.length - 1 !== width) {
    throw new DataError(
      'data/shape-mismatch',
      `the task takes ${width} numbers an example, the table has ${columns.length - 1} columns beside "${columns[labelAt]}"`,
      { details: { expected: width, actual: columns.length - 1 } },
    );
  }
  const inputs = new Float32Array(rows.length * width);
  const targets: string[] = [];
  for (const [r, row] of rows.entries()) {
    let at = r * width;
    for (const [c, cell] of row.entries()) {
      if (c === labelAt) continue;
      const value = cell === null || cell.trim() === '' ? Number.NaN : Number(cell);
      if (!Number.isFinite(value)) {
        throw new DataError('data/not-finite', `row ${r + 1}, column "${columns[c]}" is not a number`, {
          details: { row: r + 1, column: c },
        });
      }
      inputs[at] = value;
      at += 1;
    }
    targets.push(row[labelAt] ?? '');
  }
  if (classes > 0) {
    return createDataset({ inputs, inputShape, labels: numberLabels(targets, { classes }).labels, classes });
  }
  return createDataset({ inputs, inputShape, labels: Float32Array.from(targets, Number) });
}
