/**
 * Labels from names: of folders, of files, of a table's column. All participants must number their classes alike, so a
 * number is taken as it stands, and names are numbered in the order of the alphabet only when every class is there.
 *
 * @module
 */

import { DataError } from './errors.ts';

/** Labels with what each number stands for. */
export interface NamedLabels {
  readonly labels: Int32Array;
  /** Name of each class; what a number stands for when labels were numbers. */
  readonly names: readonly string[];
}

/**
 * Numbers the classes.
 * @throws {DataError} `data/label-out-of-range` for a number outside of [0, classes), `data/labels-mismatch` when there are
 * other names than classes.
 */
export function numberLabels(names: readonly string[], { classes }: { classes: number }): NamedLabels {
  if (names.every((name) => /^\s*-?\d+(\.0+)?\s*$/.test(name))) {
    const labels = Int32Array.from(names, Number);
    const at = labels.findIndex((label) => label < 0 || label >= classes);
    if (at >= 0) {
      throw new DataError(
        'data/label-out-of-range',
        `label of example ${at} must be an integer in [0, ${classes - 1}], got ${labels[at]}`,
        { details: { example: at, classes } },
      );
    }
    return { labels, names: Array.from({ length: classes }, (_, i) => String(i)) };
  }
  const known = [...new Set(names.map((name) => name.trim()))].toSorted();
  if (known.length !== classes) {
    throw new DataError(
      'data/labels-mismatch',
      `the task has ${classes} classes, this data names ${known.length}: name them 0 to ${classes - 1}, so that everybody numbers them alike`,
      { details: { classes, found: known.length } },
    );
  }
  return { labels: Int32Array.from(names, (name) => known.indexOf(name.trim())), names: known };
}

/**
 * The label a path gives its file: the folder it lies in, or the number its name begins with.
 * @returns undefined when it gives none.
 */
export function labelOfPath(path: string): string | undefined {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  const file = parts.at(-1) ?? '';
  const folder = parts.at(-2);
  const number = /^(\d{1,4})(?=[._\- ])/.exec(file)?.[1];
  if (folder !== undefined && /^\d+$/.test(folder)) return folder;
  if (parts.length <= 2 && number !== undefined) return number;
  return folder ?? number;
}
