/**
 * Earth mover's distances between the sensitive distribution of a class and that of the table, with the three ground
 * distances of [LLV07] §5: equal (total variation), ordered, hierarchical.
 *
 * @module
 */

import { PreparationError } from '../errors.ts';
import type { ClassTable, Histograms } from './classes.ts';
import { codeHierarchy, type Hierarchy } from './hierarchy.ts';

/** How far sensitive values are from one another. */
export type Distance =
  | { readonly kind: 'equal' }
  /** Neighbours in `order` are 1/(m − 1) apart; by default numbers by size, else text by code unit. */
  | { readonly kind: 'ordered'; readonly order?: readonly string[] }
  /** Values that meet at level l of H are l/H apart. */
  | { readonly kind: 'hierarchical'; readonly hierarchy: Hierarchy };

/** The distance of class `at`. */
export type Closeness = (histograms: Histograms, at: number) => number;

/** Creates the distance function of one sensitive column of a table. */
export function createCloseness(
  table: ClassTable,
  { column, distance }: { column: number; distance: Distance },
): Closeness {
  const values = table.sensitiveDictionaries[column]?.values ?? [];
  const reference = new Float64Array(values.length);
  const whole = table.base.sensitive[column] as Histograms;
  whole.values.forEach((value, entry) => {
    reference[value] = (reference[value] as number) + (whole.counts[entry] as number) / table.rows;
  });
  switch (distance.kind) {
    case 'equal':
      return (histograms, at) => equalDistance(histograms, at, reference);
    case 'ordered':
      return createOrdered(reference, orderOf(values, distance.order, table.sensitiveColumns[column] as string));
    case 'hierarchical':
      return createHierarchical(reference, values, {
        hierarchy: distance.hierarchy,
        name: table.sensitiveColumns[column] as string,
      });
  }
}

function totalOf({ offsets, counts }: Histograms, at: number): number {
  let total = 0;
  for (let entry = offsets[at] as number; entry < (offsets[at + 1] as number); entry += 1)
    total += counts[entry] as number;
  return total;
}

function equalDistance(histograms: Histograms, at: number, reference: Float64Array): number {
  const { offsets, values, counts } = histograms;
  const total = totalOf(histograms, at);
  let sum = 1;
  for (let entry = offsets[at] as number; entry < (offsets[at + 1] as number); entry += 1) {
    const expected = reference[values[entry] as number] as number;
    sum += Math.abs((counts[entry] as number) / total - expected) - expected;
  }
  return sum / 2;
}

function createOrdered(reference: Float64Array, order: Int32Array): Closeness {
  const own = new Float64Array(reference.length);
  return (histograms, at) => {
    spreadInto(own, histograms, at);
    let carried = 0;
    let work = 0;
    for (let i = 0; i < order.length; i += 1) {
      const value = order[i] as number;
      carried += (own[value] as number) - (reference[value] as number);
      work += Math.abs(carried);
    }
    return order.length < 2 ? 0 : work / (order.length - 1);
  };
}

function spreadInto(own: Float64Array, histograms: Histograms, at: number): void {
  const { offsets, values, counts } = histograms;
  const total = totalOf(histograms, at);
  own.fill(0);
  for (let entry = offsets[at] as number; entry < (offsets[at + 1] as number); entry += 1) {
    own[values[entry] as number] = (counts[entry] as number) / total;
  }
}

function orderOf(values: readonly string[], order: readonly string[] | undefined, name: string): Int32Array {
  if (order === undefined) {
    const numeric = values.every((value) => value.trim() !== '' && Number.isFinite(Number(value)));
    const compare = (a: number, b: number): number => {
      const [x, y] = [values[a] as string, values[b] as string];
      if (numeric) return Number(x) - Number(y);
      if (x === y) return 0;
      return x < y ? -1 : 1;
    };
    return Int32Array.from(values.map((_, i) => i).toSorted(compare));
  }
  const places = new Map(order.map((value, i) => [value, i]));
  const missing = values.filter((value) => !places.has(value)).length;
  if (missing > 0) {
    throw new PreparationError(
      'preparation/hierarchy-gap',
      `column "${name}": the given order lacks ${missing} of its values`,
      {
        details: { column: name, values: missing },
      },
    );
  }
  return Int32Array.from(
    values
      .map((_, i) => i)
      .toSorted((a, b) => (places.get(values[a] as string) ?? 0) - (places.get(values[b] as string) ?? 0)),
  );
}

/** [LLV07] §5.2: at every inner node the smaller of what its children have too much and too little is moved across it. */
function createHierarchical(
  reference: Float64Array,
  values: readonly string[],
  { hierarchy, name }: { hierarchy: Hierarchy; name: string },
): Closeness {
  const coded = codeHierarchy(hierarchy, { name, values });
  const height = coded.levels - 1;
  if ((coded.labels[height] as readonly string[]).length > 1) {
    throw new PreparationError(
      'preparation/hierarchy-invalid',
      `column "${name}": the hierarchy must end in one value for all`,
    );
  }
  const own = new Float64Array(values.length);
  // parents[l][node of level l − 1] is its node of level l.
  const parents = coded.codes.map((codes, level) => {
    const finer = coded.codes[level - 1];
    if (finer === undefined) return new Int32Array(0);
    const map = new Int32Array((coded.labels[level - 1] as readonly string[]).length);
    finer.forEach((child, code) => {
      map[child] = codes[code] as number;
    });
    return map;
  });
  const extra = coded.labels.map((labels) => new Float64Array(labels.length));
  const excess = coded.labels.map((labels) => new Float64Array(labels.length));
  const lack = coded.labels.map((labels) => new Float64Array(labels.length));
  const leaves = coded.codes[0] as Int32Array;
  return (histograms, at) => {
    spreadInto(own, histograms, at);
    for (let code = 0; code < own.length; code += 1) {
      (extra[0] as Float64Array)[leaves[code] as number] = (own[code] as number) - (reference[code] as number);
    }
    let cost = 0;
    for (let level = 1; level <= height; level += 1) {
      const over = excess[level] as Float64Array;
      const under = lack[level] as Float64Array;
      over.fill(0);
      under.fill(0);
      const below = extra[level - 1] as Float64Array;
      const parent = parents[level] as Int32Array;
      for (let child = 0; child < below.length; child += 1) {
        const node = parent[child] as number;
        const value = below[child] as number;
        if (value > 0) over[node] = (over[node] as number) + value;
        else under[node] = (under[node] as number) - value;
      }
      const here = extra[level] as Float64Array;
      for (let node = 0; node < here.length; node += 1) {
        cost += (level / height) * Math.min(over[node] as number, under[node] as number);
        here[node] = (over[node] as number) - (under[node] as number);
      }
    }
    return cost;
  };
}
