/**
 * Dictionary codes: the distinct strings of a column as integers 0, 1, 2… in order of appearance.
 *
 * @module
 */

/** A growing list of distinct strings. */
export interface Dictionary {
  readonly values: readonly string[];
  /** The code of a value; a new one when the value is new. */
  encode(value: string): number;
  /** The code of a value that must be there already, or undefined. */
  find(value: string): number | undefined;
}

/** Creates an empty dictionary, or one that starts with `initial`. */
export function createDictionary(initial: readonly string[] = []): Dictionary {
  const values: string[] = [];
  const codes = new Map<string, number>();
  function encode(value: string): number {
    const known = codes.get(value);
    if (known !== undefined) return known;
    codes.set(value, values.length);
    values.push(value);
    return values.length - 1;
  }
  for (const value of initial) encode(value);
  return { values, encode, find: (value) => codes.get(value) };
}
