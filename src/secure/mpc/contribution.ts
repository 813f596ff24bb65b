/**
 * What a party brings to a secure sum: a number, a vector, or a table with named columns; flattened to one vector whose
 * layout all parties must share.
 *
 * @module
 */

import { MpcError } from './errors.ts';

/** A table: columns by name, each a number or a vector. */
export type Table = Readonly<Record<string, number | ArrayLike<number>>>;

/** What one party brings. */
export type Contribution = number | ArrayLike<number> | Table;

/** What the sum of such contributions looks like. */
export type SumOf<C extends Contribution> = C extends number
  ? number
  : C extends ArrayLike<number>
    ? Float64Array
    : { readonly [K in keyof C]: C[K] extends number ? number : Float64Array };

/** A contribution as a vector, and the way back. */
export interface Layout {
  /** Text that is equal for all parties whose contributions can be added. */
  readonly signature: string;
  readonly values: Float64Array;
  restore(values: Float64Array): number | Float64Array | Readonly<Record<string, number | Float64Array>>;
}

function isVector(value: unknown): value is ArrayLike<number> {
  return Array.isArray(value) || ArrayBuffer.isView(value);
}

/**
 * Flattens a contribution; the columns of a table in the order of their names.
 * @throws {MpcError} `mpc/shape-mismatch` when it is empty or holds something else than numbers.
 */
export function layOut(contribution: Contribution): Layout {
  if (typeof contribution === 'number') {
    return { signature: 'number', values: Float64Array.of(contribution), restore: (values) => values[0] as number };
  }
  if (isVector(contribution)) {
    if (contribution.length === 0) throw new MpcError('mpc/shape-mismatch', 'a contribution must have entries');
    return {
      signature: `vector ${contribution.length}`,
      values: contribution instanceof Float64Array ? contribution : Float64Array.from(contribution),
      restore: (values) => values,
    };
  }
  const table = contribution as Table;
  const names = Object.keys(table).sort();
  const columns = names.map((name) => {
    const column = table[name];
    if (typeof column === 'number') return { name, scalar: true, values: Float64Array.of(column) };
    if (isVector(column)) return { name, scalar: false, values: Float64Array.from(column) };
    throw new MpcError('mpc/shape-mismatch', `column ${JSON.stringify(name)} is neither a number nor a vector`);
  });
  const length = columns.reduce((sum, { values }) => sum + values.length, 0);
  if (length === 0) throw new MpcError('mpc/shape-mismatch', 'a contribution must have entries');
  const joined = new Float64Array(length);
  let at = 0;
  for (const { values } of columns) {
    joined.set(values, at);
    at += values.length;
  }
  return {
    signature: `table ${JSON.stringify(columns.map(({ name, scalar, values }) => [name, scalar ? null : values.length]))}`,
    values: joined,
    restore(values) {
      let from = 0;
      return Object.fromEntries(
        columns.map(({ name, scalar, values: { length: size } }) => {
          const part = values.slice(from, from + size);
          from += size;
          return [name, scalar ? (part[0] as number) : part];
        }),
      );
    },
  };
}
