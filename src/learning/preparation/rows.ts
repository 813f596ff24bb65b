/**
 * Rows as preparation sees them: cells of text, in the order of the columns, with the line they came from.
 *
 * @module
 */

/** One row. A missing cell is null. */
export interface TableRow {
  readonly kind: 'row';
  /** Line of the file the row starts on, or number of the row where a format has no lines; from 1. */
  readonly line: number;
  readonly cells: readonly (string | null)[];
}

/** Something that is no row. */
export interface MalformedRow {
  readonly kind: 'malformed';
  readonly line: number;
  /** Name of the column, or place in the line where there is none. */
  readonly column: string;
  readonly problem: string;
  /** What stands there, cut at 1,000 characters: for the quarantine file alone. */
  readonly raw: string;
}

/** What a reader yields. */
export type TableItem = TableRow | MalformedRow;

/** A column of a release. */
export interface ReleasedColumn {
  readonly name: string;
  readonly type: 'text' | 'number' | 'integer' | 'boolean';
}
