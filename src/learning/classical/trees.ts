/**
 * Decision trees as plain tables of numbers: how a row finds its leaf, how trees are grown without data and by the
 * exponential mechanism, and what noisy counts in their leaves say.
 *
 * @module
 */

import { sampleUint32Below, type Rng } from '../../foundations/random/index.ts';
import type { Selection } from '../../privacy/mechanisms/index.ts';
import type { FeatureColumn } from './columns.ts';
import type { Examples } from './examples.ts';

/**
 * A question about a row, or a leaf. Numbers below the threshold go left, and categories that are in the set; whatever was
 * not declared goes right.
 */
export type TreeNode =
  | { readonly kind: 'number'; readonly feature: number; readonly threshold: number; left: number; right: number }
  | {
      readonly kind: 'category';
      readonly feature: number;
      readonly set: readonly boolean[];
      left: number;
      right: number;
    }
  | { readonly kind: 'leaf'; readonly leaf: number };

/** A tree; its root is the first node. */
export interface Tree {
  readonly nodes: readonly TreeNode[];
  readonly leaves: number;
}

/** Says whether a row goes left. */
export function goesLeft(node: Exclude<TreeNode, { kind: 'leaf' }>, values: Float64Array, from: number): boolean {
  const value = values[from + node.feature] as number;
  return node.kind === 'number' ? value < node.threshold : value >= 0 && node.set[value] === true;
}

/** Finds the leaf of a row. */
export function leafOf({ nodes }: Tree, values: Float64Array, from: number): number {
  let node = nodes[0] as TreeNode;
  while (node.kind !== 'leaf') node = nodes[goesLeft(node, values, from) ? node.left : node.right] as TreeNode;
  return node.leaf;
}

/** What of every feature can still occur in a node. */
type Region = readonly (readonly [low: number, high: number] | readonly number[])[];

/**
 * Grows a tree without data: every node asks about a feature by chance, at a threshold that is uniform over what its
 * bounds still allow, or about each value that is still possible with probability one half.
 */
export function growRandomTree(
  features: readonly FeatureColumn[],
  { depth, rng }: { readonly depth: number; readonly rng: Rng },
): Tree {
  const nodes: TreeNode[] = [];
  let leaves = 0;
  const whole: Region = features.map((column) => (column.kind === 'number' ? [-1, 1] : column.values.map((_, i) => i)));
  const grow = (region: Region, level: number): number => {
    const at = nodes.length;
    const open = features.flatMap((column, j) => (column.kind === 'number' || (region[j]?.length ?? 0) > 1 ? [j] : []));
    if (level === depth || open.length === 0) {
      nodes.push({ kind: 'leaf', leaf: leaves });
      leaves += 1;
      return at;
    }
    const feature = open[sampleUint32Below(open.length, rng)] as number;
    const possible = region[feature] as readonly number[];
    const replaced = (own: readonly number[]): Region => region.map((one, j) => (j === feature ? own : one));
    if (features[feature]?.kind === 'number') {
      const [low, high] = possible as readonly [number, number];
      const threshold = low + ((high - low) * (sampleUint32Below(2 ** 20, rng) + 1)) / (2 ** 20 + 1);
      const node = { kind: 'number' as const, feature, threshold, left: 0, right: 0 };
      nodes.push(node);
      node.left = grow(replaced([low, threshold]), level + 1);
      node.right = grow(replaced([threshold, high]), level + 1);
      return at;
    }
    let inside: readonly number[] = [];
    while (inside.length === 0 || inside.length === possible.length) {
      inside = possible.filter(() => sampleUint32Below(2, rng) === 1);
    }
    const set = (features[feature] as { values: readonly string[] }).values.map((_, i) => inside.includes(i));
    const node = { kind: 'category' as const, feature, set, left: 0, right: 0 };
    nodes.push(node);
    node.left = grow(replaced(inside), level + 1);
    node.right = grow(replaced(possible.filter((value) => !inside.includes(value))), level + 1);
    return at;
  };
  grow(whole, 0);
  return { nodes, leaves };
}

/** Cells that the range of a number is cut into; thresholds lie between them. */
const CELLS = 16;

/** Adds up Σ n_c²/n of one side of a split: rows less their Gini impurity. Adding a row changes it by at most 1. */
export function purity(counts: ArrayLike<number>): number {
  let [total, squares] = [0, 0];
  for (let c = 0; c < counts.length; c += 1) {
    const count = counts[c] as number;
    total += count;
    squares += count * count;
  }
  return total === 0 ? 0 : squares / total;
}

type Split = { readonly feature: number; readonly cell: number };

/**
 * Grows a tree by the exponential mechanism, level by level: every node of a level chooses among all thresholds and all
 * values of its own rows by their purity. Nodes of a level have different rows, so that a level costs one choice.
 */
export function growChosenTree(
  { size, width, values, targets }: Examples,
  {
    features,
    classes,
    depth,
    choose,
    rng,
  }: {
    readonly features: readonly FeatureColumn[];
    readonly classes: number;
    readonly depth: number;
    readonly choose: Selection<'exponential'>;
    readonly rng: Rng;
  },
): Tree {
  const cells = features.map((column) => (column.kind === 'number' ? CELLS : column.values.length));
  // Between numbers one threshold fewer than cells; a category against the others, once where there are but two.
  const splits: Split[] = cells.flatMap((count, feature) => {
    const last = features[feature]?.kind === 'number' ? count - 1 : count === 2 ? 1 : count;
    return Array.from({ length: last }, (_, cell) => ({ feature, cell }));
  });
  const nodes: TreeNode[] = [];
  let level: { at: number; rows: Uint32Array }[] = [{ at: 0, rows: Uint32Array.from({ length: size }, (_, i) => i) }];
  nodes.push({ kind: 'leaf', leaf: 0 });
  for (let current = 0; current < depth; current += 1) {
    const next: typeof level = [];
    for (const { at, rows } of level) {
      const scores = scoreSplits(rows, { width, values, targets, features, cells, splits, classes });
      const { feature, cell } = splits[choose.select(scores, rng)] as Split;
      const column = features[feature] as FeatureColumn;
      const [left, right] = [nodes.length, nodes.length + 1];
      const node: Exclude<TreeNode, { kind: 'leaf' }> =
        column.kind === 'number'
          ? { kind: 'number', feature, threshold: -1 + (2 * (cell + 1)) / CELLS, left, right }
          : { kind: 'category', feature, set: column.values.map((_, i) => i === cell), left, right };
      nodes[at] = node;
      nodes.push({ kind: 'leaf', leaf: 0 }, { kind: 'leaf', leaf: 0 });
      const isLeft = (row: number): boolean => goesLeft(node, values, row * width);
      next.push({ at: left, rows: rows.filter(isLeft) }, { at: right, rows: rows.filter((row) => !isLeft(row)) });
    }
    level = next;
  }
  level.forEach(({ at }, leaf) => {
    nodes[at] = { kind: 'leaf', leaf };
  });
  return { nodes, leaves: level.length };
}

/** The purity of both sides of every split, on the rows of one node. A row of no declared class or value counts nowhere. */
function scoreSplits(
  rows: Uint32Array,
  {
    width,
    values,
    targets,
    features,
    cells,
    splits,
    classes,
  }: Pick<Examples, 'width' | 'values' | 'targets'> & {
    readonly features: readonly FeatureColumn[];
    readonly cells: readonly number[];
    readonly splits: readonly Split[];
    readonly classes: number;
  },
): Float64Array {
  const counts = cells.map((count) => new Float64Array(count * classes));
  const total = new Float64Array(classes);
  for (const row of rows) {
    const label = targets[row] as number;
    if (label < 0) continue;
    total[label] = (total[label] as number) + 1;
    for (let j = 0; j < width; j += 1) {
      const value = values[row * width + j] as number;
      const isNumber = features[j]?.kind === 'number';
      const cell = isNumber ? Math.min(CELLS - 1, Math.floor(((value + 1) / 2) * CELLS)) : value;
      const own = counts[j] as Float64Array;
      if (cell >= 0) own[cell * classes + label] = (own[cell * classes + label] as number) + 1;
    }
  }
  const left = new Float64Array(classes);
  return Float64Array.from(splits, ({ feature, cell }, i) => {
    const isNumber = features[feature]?.kind === 'number';
    const own = counts[feature] as Float64Array;
    // Thresholds of a number come in ascending order: what is below one is below the next.
    if (!isNumber || splits[i - 1]?.feature !== feature) left.fill(0);
    for (let c = 0; c < classes; c += 1) left[c] = (left[c] as number) + (own[cell * classes + c] as number);
    return purity(left) + purity(total.map((count, c) => count - (left[c] as number)));
  });
}

/**
 * Shares of classes in every leaf from noisy counts, each drawn to those of its parent with the weight of the noise, and
 * the root's to even shares: what the noise drowns says what is known above it. Post-processing.
 * @param counts - leaves × classes.
 * @returns leaves × classes.
 */
export function sharesOfLeaves(
  { nodes, leaves }: Tree,
  counts: Float64Array,
  { classes, weight }: { readonly classes: number; readonly weight: number },
): Float64Array {
  const totals = nodes.map(() => new Float64Array(classes));
  // Children come after their parents: one way up, and one way down.
  for (let at = nodes.length - 1; at >= 0; at -= 1) {
    const node = nodes[at] as TreeNode;
    const own = totals[at] as Float64Array;
    for (let c = 0; c < classes; c += 1) {
      own[c] =
        node.kind === 'leaf'
          ? (counts[node.leaf * classes + c] as number)
          : (totals[node.left]?.[c] as number) + (totals[node.right]?.[c] as number);
    }
  }
  const shares = new Float64Array(leaves * classes);
  const visit = (at: number, above: Float64Array): void => {
    const kept = (totals[at] as Float64Array).map((count) => Math.max(0, count));
    const total = kept.reduce((sum, count) => sum + count, 0);
    const own = kept.map((count, c) => (count + weight * (above[c] as number)) / (total + weight));
    const node = nodes[at] as TreeNode;
    if (node.kind === 'leaf') shares.set(own, node.leaf * classes);
    else {
      visit(node.left, own);
      visit(node.right, own);
    }
  };
  visit(0, new Float64Array(classes).fill(1 / classes));
  return shares;
}
