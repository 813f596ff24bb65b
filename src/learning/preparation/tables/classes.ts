/**
 * The rows of a table as classes: rows that agree on all quasi-identifiers are one class with a count and, for every
 * sensitive column, a histogram. A table far larger than memory becomes a class table row by row; a search then never
 * looks at rows again.
 *
 * @module
 */

import { createDictionary, type Dictionary } from './dictionary.ts';

/** Histograms of one sensitive column: those of class i are the entries from `offsets[i]` to `offsets[i + 1]`. */
export interface Histograms {
  readonly offsets: Int32Array;
  readonly values: Int32Array;
  readonly counts: Int32Array;
}

/** Classes under some generalisation. */
export interface Classes {
  readonly size: number;
  /** A base class inside each class: it stands for the class. */
  readonly representatives: Int32Array;
  /** Rows of the released table in each class. */
  readonly counts: Int32Array;
  /** Rows of the population in each class: equal to `counts` (the same array) when there is no wider population. */
  readonly populations: Int32Array;
  readonly sensitive: readonly Histograms[];
}

/** The classes of the table as it is, with the dictionaries of its columns. */
export interface ClassTable {
  readonly quasiIdentifiers: readonly string[];
  readonly sensitiveColumns: readonly string[];
  readonly dictionaries: readonly Dictionary[];
  readonly sensitiveDictionaries: readonly Dictionary[];
  /** Row-major: the codes of class i start at i × number of quasi-identifiers. */
  readonly codes: Int32Array;
  readonly base: Classes;
  /** Released rows. */
  readonly rows: number;
  /** The class of a row, given by the values of its quasi-identifiers; undefined when no such row was added. */
  findClass(quasiIdentifiers: readonly string[]): number | undefined;
  /** The number of the first row in which a value of a quasi-identifier was seen. */
  firstRowOf(column: number, code: number): number;
}

/** Collects rows into a class table. */
export interface ClassTableBuilder {
  /** Adds a row; `released: false` counts it into the population alone. */
  add(
    row: { quasiIdentifiers: readonly string[]; sensitive: readonly string[] },
    options?: { released?: boolean; rowNumber?: number },
  ): void;
  build(): ClassTable;
}

/** Creates a builder for the named columns. */
export function createClassTableBuilder({
  quasiIdentifiers,
  sensitive = [],
}: {
  quasiIdentifiers: readonly string[];
  sensitive?: readonly string[];
}): ClassTableBuilder {
  const width = quasiIdentifiers.length;
  const dictionaries = quasiIdentifiers.map(() => createDictionary());
  const sensitiveDictionaries = sensitive.map(() => createDictionary());
  const firstRows = quasiIdentifiers.map((): number[] => []);
  const codes: number[] = [];
  const counts: number[] = [];
  const populations: number[] = [];
  const histograms: Map<number, number>[][] = sensitive.map(() => []);
  const classes = new Map<string, number>();
  let rows = 0;
  let added = 0;

  // Codes as characters: up to 2^16 values in one, more in a chain; unique because every part ends below 0xffff.
  const keyOf = (at: readonly number[]): string => {
    let key = '';
    for (const code of at) {
      let rest = code;
      while (rest >= 0xffff) {
        key += '\uffff';
        rest -= 0xffff;
      }
      key += String.fromCharCode(rest);
    }
    return key;
  };
  const scratch: number[] = Array.from({ length: width }, () => 0);

  return {
    add({ quasiIdentifiers: values, sensitive: sensitiveValues }, { released = true, rowNumber = added + 1 } = {}) {
      added += 1;
      for (let column = 0; column < width; column += 1) {
        const code = (dictionaries[column] as Dictionary).encode(values[column] as string);
        const firsts = firstRows[column] as number[];
        if (code === firsts.length) firsts.push(rowNumber);
        scratch[column] = code;
      }
      const key = keyOf(scratch);
      let at = classes.get(key);
      if (at === undefined) {
        at = counts.length;
        classes.set(key, at);
        codes.push(...scratch);
        counts.push(0);
        populations.push(0);
        for (const column of histograms) column.push(new Map());
      }
      populations[at] = (populations[at] as number) + 1;
      if (!released) return;
      rows += 1;
      counts[at] = (counts[at] as number) + 1;
      for (let column = 0; column < sensitive.length; column += 1) {
        const code = (sensitiveDictionaries[column] as Dictionary).encode(sensitiveValues[column] as string);
        const histogram = histograms[column]?.[at] as Map<number, number>;
        histogram.set(code, (histogram.get(code) ?? 0) + 1);
      }
    },
    build() {
      const count = Int32Array.from(counts);
      const population = added === rows ? count : Int32Array.from(populations);
      return {
        quasiIdentifiers,
        sensitiveColumns: sensitive,
        dictionaries,
        sensitiveDictionaries,
        codes: Int32Array.from(codes),
        base: {
          size: counts.length,
          representatives: Int32Array.from(counts, (_, i) => i),
          counts: count,
          populations: population,
          sensitive: histograms.map(flatten),
        },
        rows,
        findClass(values) {
          const at: number[] = [];
          for (let column = 0; column < width; column += 1) {
            const code = dictionaries[column]?.find(values[column] as string);
            if (code === undefined) return undefined;
            at.push(code);
          }
          return classes.get(keyOf(at));
        },
        firstRowOf: (column, code) => firstRows[column]?.[code] ?? 0,
      };
    },
  };
}

function flatten(histograms: readonly Map<number, number>[]): Histograms {
  const offsets = new Int32Array(histograms.length + 1);
  histograms.forEach((histogram, i) => {
    offsets[i + 1] = (offsets[i] as number) + histogram.size;
  });
  const total = offsets[histograms.length] as number;
  const values = new Int32Array(total);
  const counts = new Int32Array(total);
  let at = 0;
  for (const histogram of histograms) {
    for (const [value, count] of histogram) {
      values[at] = value;
      counts[at] = count;
      at += 1;
    }
  }
  return { offsets, values, counts };
}
