/**
 * Synthetic tables from private marginals, after MST [MMS21]: all one-way marginals with Gaussian noise; a spanning tree of
 * pairs chosen by the exponential mechanism for how badly independence describes them; the tree's two-way marginals with
 * Gaussian noise; rows drawn from the tree-shaped distribution that fits what was measured.
 *
 * Guarantee: the composition that {@link SyntheticPlan.event} states, for one row added or removed; sampling and fitting
 * are post-processing.
 *
 * @module
 */

import { composed, type DpEvent, selfComposed } from '../../../privacy/accounting/index.ts';
import { createDiscreteGaussianMechanism, createExponential } from '../../../privacy/mechanisms/index.ts';
import { assertPositive } from '../../../foundations/numerics/index.ts';
import { sampleUint32Below, type Rng } from '../../../foundations/random/index.ts';

/** One attribute: how many values it has. */
export interface Attribute {
  readonly name: string;
  readonly size: number;
}

/** How a synthetic table is made, and what it costs. */
export interface SyntheticPlan {
  readonly event: DpEvent;
  /** Counts one row, given by its value in every attribute. */
  add(values: readonly number[]): void;
  /** Measures, once, and returns a source of rows. */
  fit(rng: Rng): SyntheticModel;
}

/** A fitted distribution. */
export interface SyntheticModel {
  /** Pairs of attributes whose joint distribution was measured. */
  readonly edges: readonly (readonly [number, number])[];
  sample(rng: Rng): number[];
}

/** The largest ρ whose zCDP implies (ε, δ)-DP by [BS16] Proposition 1.3: ρ + 2√(ρ ln(1/δ)) ≤ ε. */
export function rhoOf({ epsilon, delta }: { epsilon: number; delta: number }): number {
  const log = Math.log(1 / delta);
  return (Math.sqrt(log + epsilon) - Math.sqrt(log)) ** 2 * (1 - 1e-9);
}

/**
 * Plans a synthetic table: a third of ρ each for one-way marginals, selection and pairs.
 * @throws {RangeError} when there are fewer than two attributes or a parameter is out of range.
 */
export function createSyntheticPlan({
  attributes,
  epsilon,
  delta,
}: {
  attributes: readonly Attribute[];
  epsilon: number;
  delta: number;
}): SyntheticPlan {
  assertPositive(epsilon, 'epsilon');
  if (!(delta > 0 && delta < 1)) throw new RangeError('"delta" must be in (0, 1)');
  const width = attributes.length;
  if (width < 2) throw new RangeError('"attributes" must be at least two');
  const third = rhoOf({ epsilon, delta }) / 3;
  const choices = width - 1;
  // A vector of d marginals changes in d cells by one: L2 sensitivity √d, of the pairs √(d − 1).
  const sizes = attributes.map(({ size }) => size);
  const single = createNoise(third, { cells: width, dimension: sum(sizes) });
  // Whichever pairs are chosen, they have at most this many cells.
  const pairCells = sum(sizes.flatMap((size, i) => sizes.slice(i + 1).map((other) => size * other)));
  const pairNoise = createNoise(third, { cells: choices, dimension: pairCells });
  // The exponential mechanism of ε is ε²/8-zCDP.
  const chooser = createExponential({ epsilon: Math.sqrt((8 * third) / choices), sensitivity: 1 });
  const ones = attributes.map(({ size }) => new Int32Array(size));
  const pairs: { first: number; second: number; counts: Int32Array }[] = [];
  for (let first = 0; first < width; first += 1) {
    for (let second = first + 1; second < width; second += 1) {
      const size = (attributes[first]?.size ?? 0) * (attributes[second]?.size ?? 0);
      pairs.push({ first, second, counts: new Int32Array(size) });
    }
  }
  return {
    event: composed([single.event, selfComposed(chooser.event(), choices), pairNoise.event]),
    add(values) {
      for (let i = 0; i < width; i += 1) increment(ones[i] as Int32Array, values[i] as number);
      for (const { first, second, counts } of pairs) {
        increment(counts, (values[first] as number) * (attributes[second]?.size ?? 0) + (values[second] as number));
      }
    },
    fit(rng) {
      const noisy = ones.map((counts) => single.add(counts, rng));
      const total = sum(noisy.map((counts) => sum([...counts]))) / width;
      const marginals = noisy.map(normalize);
      const edges = chooseTree(pairs, { marginals, total, width, chooser, rng });
      const joints = edges.map(({ first, second, counts }) => ({
        first,
        second,
        joint: fitJoint(pairNoise.add(counts, rng), {
          rows: marginals[first] as Float64Array,
          columns: marginals[second] as Float64Array,
        }),
      }));
      return createTreeModel(joints, { marginals, attributes });
    },
  };
}

function increment(counts: Int32Array, at: number): void {
  counts[at] = (counts[at] as number) + 1;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Gaussian noise on a vector of integers in which one row changes `cells` entries by one. */
function createNoise(
  rho: number,
  { cells, dimension }: { cells: number; dimension: number },
): { event: DpEvent; add(counts: Int32Array, rng: Rng): Float64Array } {
  const fields = { l2Sensitivity: Math.sqrt(cells), noiseMultiplier: Math.sqrt(1 / (2 * rho)) };
  // Charged as one vector, drawn entry by entry: the noise of an entry is the same.
  const entry = createDiscreteGaussianMechanism(fields);
  const whole = createDiscreteGaussianMechanism({ ...fields, dimension });
  return {
    event: whole.event(),
    add: (counts, rng) => Float64Array.from(counts, (count) => entry.release(count, rng)),
  };
}

/** Counts as a distribution: below zero is nothing. */
function normalize(counts: Float64Array): Float64Array {
  const kept = counts.map((count) => Math.max(0, count));
  const sum = kept.reduce((a, b) => a + b, 0);
  return sum > 0 ? kept.map((count) => count / sum) : kept.map(() => 1 / kept.length);
}

interface Pair {
  readonly first: number;
  readonly second: number;
  readonly counts: Int32Array;
}

/** A spanning tree, edge by edge, each chosen among those that join two parts. */
function chooseTree(
  pairs: readonly Pair[],
  {
    marginals,
    total,
    width,
    chooser,
    rng,
  }: {
    marginals: readonly Float64Array[];
    total: number;
    width: number;
    chooser: { select(scores: ArrayLike<number>, rng: Rng): number };
    rng: Rng;
  },
): Pair[] {
  const scores = pairs.map(({ first, second, counts }) => {
    const rows = marginals[first] as Float64Array;
    const columns = marginals[second] as Float64Array;
    let distance = 0;
    for (let i = 0; i < rows.length; i += 1) {
      for (let j = 0; j < columns.length; j += 1) {
        const expected = total * (rows[i] as number) * (columns[j] as number);
        distance += Math.abs((counts[i * columns.length + j] as number) - expected);
      }
    }
    return distance;
  });
  const part = Array.from({ length: width }, (_, i) => i);
  const chosen: Pair[] = [];
  while (chosen.length < width - 1) {
    const open = pairs.flatMap(({ first, second }, i) => (part[first] === part[second] ? [] : [i]));
    const pick = open[
      chooser.select(
        open.map((i) => scores[i] as number),
        rng,
      )
    ] as number;
    const pair = pairs[pick] as Pair;
    const [from, to] = [part[pair.second] as number, part[pair.first] as number];
    part.forEach((own, i) => {
      if (own === from) part[i] = to;
    });
    chosen.push(pair);
  }
  return chosen;
}

/** The joint distribution nearest to what was measured that has the given marginals: iterative proportional fitting. */
function fitJoint(
  measured: Float64Array,
  { rows, columns }: { rows: Float64Array; columns: Float64Array },
): Float64Array {
  const base = normalize(measured);
  // A little of independence, so that no row or column of the table is empty.
  const joint = base.map((value, at) => {
    const i = Math.floor(at / columns.length);
    return 0.999 * value + 0.001 * (rows[i] as number) * (columns[at % columns.length] as number);
  });
  for (let round = 0; round < 50; round += 1) {
    for (let i = 0; i < rows.length; i += 1)
      scaleLine(joint, { start: i * columns.length, step: 1, length: columns.length, target: rows[i] as number });
    for (let j = 0; j < columns.length; j += 1)
      scaleLine(joint, { start: j, step: columns.length, length: rows.length, target: columns[j] as number });
  }
  return joint;
}

function scaleLine(
  joint: Float64Array,
  { start, step, length, target }: { start: number; step: number; length: number; target: number },
): void {
  let sum = 0;
  for (let i = 0; i < length; i += 1) sum += joint[start + i * step] as number;
  if (sum <= 0) return;
  for (let i = 0; i < length; i += 1) joint[start + i * step] = ((joint[start + i * step] as number) * target) / sum;
}

function createTreeModel(
  joints: readonly { first: number; second: number; joint: Float64Array }[],
  { marginals, attributes }: { marginals: readonly Float64Array[]; attributes: readonly Attribute[] },
): SyntheticModel {
  // From the root outwards: each attribute given its parent.
  const order: { attribute: number; parent: number; table: (parentValue: number) => Float64Array }[] = [];
  const placed = new Set([0]);
  while (placed.size < attributes.length) {
    for (const { first, second, joint } of joints) {
      if (placed.has(first) === placed.has(second)) continue;
      const [parent, attribute] = placed.has(first) ? [first, second] : [second, first];
      const columns = attributes[second]?.size ?? 0;
      const size = attributes[attribute]?.size ?? 0;
      const rows = Array.from({ length: attributes[parent]?.size ?? 0 }, (_, value) =>
        normalize(
          Float64Array.from({ length: size }, (_unused, own) =>
            parent === first ? (joint[value * columns + own] as number) : (joint[own * columns + value] as number),
          ),
        ),
      );
      order.push({ attribute, parent, table: (value) => rows[value] as Float64Array });
      placed.add(attribute);
    }
  }
  return {
    edges: joints.map(({ first, second }) => [first, second] as const),
    sample(rng) {
      const values = Array.from({ length: attributes.length }, () => 0);
      values[0] = draw(marginals[0] as Float64Array, rng);
      for (const { attribute, parent, table } of order) values[attribute] = draw(table(values[parent] as number), rng);
      return values;
    },
  };
}

/** Post-processing: a draw from doubles is good enough. */
function draw(distribution: Float64Array, rng: Rng): number {
  let rest = sampleUint32Below(2 ** 32, rng) / 2 ** 32;
  for (let i = 0; i < distribution.length; i += 1) {
    rest -= distribution[i] as number;
    if (rest < 0) return i;
  }
  return distribution.findLastIndex((share) => share > 0);
}
