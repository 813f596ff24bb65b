/**
 * Decision trees and random forests: a structure that is chosen privately or without data, and noisy counts of classes in
 * the leaves.
 *
 * @module
 */

import { selfComposed } from '../../privacy/accounting/index.ts';
import { createExponential } from '../../privacy/mechanisms/index.ts';
import type { CategoryColumn } from './columns.ts';
import {
  type ClassicalModel,
  createEstimator,
  type Estimator,
  type FitOptions,
  multiplierOf,
  type NoisePlan,
  type Tensor,
} from './estimator.ts';
import type { Examples } from './examples.ts';
import { createPrivateSum, type PrivateSum } from './private-sum.ts';
import { growChosenTree, growRandomTree, leafOf, sharesOfLeaves, type Tree, type TreeNode } from './trees.ts';

/** Share of ρ for the choices of a tree; the rest is for the counts in its leaves. */
const STRUCTURE_SHARE = 0.5;
/** Scores are doubles of counts below 2^26: their rounding is far below this. */
const SCORE_SENSITIVITY = 1 + 2 ** -20;

type TreeOptions = FitOptions & { readonly target: CategoryColumn; readonly depth?: number };

function assertCount(value: number, name: string, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max) {
    throw new RangeError(`"${name}" must be an integer in [1, ${max}], got ${value}`);
  }
}

/**
 * Creates an estimator of one decision tree, whose splits are chosen by the exponential mechanism for their Gini purity:
 * all thresholds between sixteenths of a number's bounds and all values of a category, one against the others.
 *
 * Guarantee: (ε, δ) under the relation asked for: one choice of bounded range a level, for its nodes have different rows,
 * and one discrete Gaussian sum for the leaves; exact.
 * @param options - `target`: the column of classes; `depth`, 4 by default.
 * @throws {RangeError} when a column has no bounds or values.
 * @see [FS10] for trees by the exponential mechanism; purity in place of information gain: its sensitivity is 1
 */
export function createDecisionTree(options: TreeOptions): Estimator<'decision-tree'> {
  const { features, target, person, relation, depth = 4 } = options;
  assertCount(depth, 'depth', 12);
  const classes = target.values.length;
  const maxRows = person?.maxRows ?? 1;
  return createEstimator({
    kind: 'decision-tree',
    options,
    target,
    source: '[CKS20] theorem 14, [MT07], [DR19], [FS10]',
    plan(scale): NoisePlan {
      // The choice of ε is ε²/8-zCDP, the whole of scale s has ρ = 1/(2s²).
      const epsilon = (2 / scale) * Math.sqrt(STRUCTURE_SHARE / depth);
      // A sum's event counts the relation by itself, that of a choice does not: who is replaced takes rows out and puts in
      // as many, each of which changes the scores of its own node.
      const changes = (relation === 'replace-one' ? 2 : 1) * maxRows;
      const choose = createExponential({ epsilon, sensitivity: changes * SCORE_SENSITIVITY });
      const sum = createPrivateSum({
        dimension: 2 ** depth * classes,
        norm: 1,
        noiseMultiplier: multiplierOf(scale, 1 - STRUCTURE_SHARE),
        maxRows,
      });
      return {
        events: [selfComposed(choose.event(), depth), sum.event()],
        fit(examples, rng) {
          const tree = growChosenTree(examples, { features, classes, depth, choose, rng: rng.fork('structure') });
          return {
            settings: { depth, trees: 1 },
            tensors: measure([tree], examples, { sum, classes, rng: rng.fork('leaves') }),
          };
        },
      };
    },
  });
}

/**
 * Creates an estimator of a forest of trees that are grown without data: all of the budget goes to the leaves. Every row
 * counts in every tree; the noise of each grows with the root of their number and falls by as much again when the trees'
 * evidence is averaged, so that more trees cost nothing.
 *
 * Guarantee: (ε, δ) under the relation asked for, by one discrete Gaussian sum; exact.
 * @param options - `target`: the column of classes; `trees`, 32 by default; `depth`, 6 by default.
 * @throws {RangeError} when a column has no bounds or values.
 * @see [FI17] for forests whose structure is free of data
 */
export function createRandomForest(options: TreeOptions & { readonly trees?: number }): Estimator<'random-forest'> {
  const { features, target, person, depth = 6, trees = 32 } = options;
  assertCount(depth, 'depth', 12);
  assertCount(trees, 'trees', 1024);
  const classes = target.values.length;
  return createEstimator({
    kind: 'random-forest',
    options,
    target,
    source: '[CKS20] theorem 14, [FI17]',
    plan(noiseMultiplier): NoisePlan {
      const sum = createPrivateSum({
        dimension: trees * 2 ** depth * classes,
        norm: Math.sqrt(trees),
        noiseMultiplier,
        maxRows: person?.maxRows ?? 1,
      });
      return {
        events: [sum.event()],
        fit(examples, rng) {
          const structure = rng.fork('structure');
          const grown = Array.from({ length: trees }, () => growRandomTree(features, { depth, rng: structure }));
          return {
            settings: { depth, trees },
            tensors: measure(grown, examples, { sum, classes, rng: rng.fork('leaves') }),
          };
        },
      };
    },
  });
}

/** Counts rows in the leaves of all trees, with noise, and makes the trees plain tensors. */
function measure(
  trees: readonly Tree[],
  { size, width, values, targets }: Examples,
  {
    sum,
    classes,
    rng,
  }: { readonly sum: PrivateSum; readonly classes: number; readonly rng: Parameters<Estimator['fit']>[1] },
): ClassicalModel['tensors'] {
  const run = sum.start();
  // Trees may have fewer leaves than there is room for: what is left of the room has noise alone.
  const room = sum.dimension / trees.length;
  const vector = new Float64Array(sum.dimension);
  for (let i = 0; i < size; i += 1) {
    const label = targets[i] as number;
    const cells = label < 0 ? [] : trees.map((tree, t) => t * room + leafOf(tree, values, i * width) * classes + label);
    for (const cell of cells) vector[cell] = 1;
    run.add(vector);
    for (const cell of cells) vector[cell] = 0;
  }
  const noisy = run.release(rng);
  const weight = Math.max(1, sum.noiseStddev * LEAF_WEIGHT);
  const shares = trees.map((tree, t) =>
    sharesOfLeaves(tree, noisy.slice(t * room, (t + 1) * room), { classes, weight }),
  );
  return { prior: priorOf(noisy, { classes, weight }), ...encodeTrees(trees, shares, classes) };
}

/** Shares of the classes among all rows, as all leaves together tell them. */
function priorOf(noisy: Float64Array, { classes, weight }: { classes: number; weight: number }): Tensor {
  const totals = new Float64Array(classes);
  noisy.forEach((count, cell) => (totals[cell % classes] = (totals[cell % classes] as number) + count));
  const kept = totals.map((count) => Math.max(0, count) + weight / classes);
  const total = kept.reduce((all, count) => all + count, 0);
  return { shape: [classes], data: kept.map((count) => count / total) };
}

/** How strongly a leaf is drawn to its parent: that of so many noise stddevs. */
const LEAF_WEIGHT = 2;

/** Numbers a node is written as: feature (−1 for a leaf), threshold or set or leaf, left, right. */
const NODE = 4;

function encodeTrees(
  trees: readonly Tree[],
  shares: readonly Float64Array[],
  classes: number,
): ClassicalModel['tensors'] {
  const [nodes, roots, sets, leaves]: [number[], number[], boolean[][], number[]] = [[], [], [], []];
  trees.forEach((tree, t) => {
    const first = nodes.length / NODE;
    const firstLeaf = leaves.length / classes;
    roots.push(first);
    leaves.push(...(shares[t] as Float64Array));
    for (const node of tree.nodes) {
      if (node.kind === 'leaf') nodes.push(-1, firstLeaf + node.leaf, 0, 0);
      else {
        nodes.push(node.feature, node.kind === 'number' ? node.threshold : sets.length);
        nodes.push(first + node.left, first + node.right);
        if (node.kind === 'category') sets.push([...node.set]);
      }
    }
  });
  const columns = Math.max(1, ...sets.map((set) => set.length));
  return {
    roots: { shape: [roots.length], data: Float64Array.from(roots) },
    nodes: { shape: [nodes.length / NODE, NODE], data: Float64Array.from(nodes) },
    sets: {
      shape: [sets.length, columns],
      data: Float64Array.from(
        sets.flatMap((set) => Array.from({ length: columns }, (_, i) => (set[i] === true ? 1 : 0))),
      ),
    },
    leaves: { shape: [leaves.length / classes, classes], data: Float64Array.from(leaves) },
  };
}

/** Reads the trees of a model, with the shares of their leaves. */
export function decodeTrees({ features, tensors }: Pick<ClassicalModel, 'features' | 'tensors'>): {
  readonly trees: readonly Tree[];
  readonly shares: Float64Array;
} {
  const { roots, nodes, sets, leaves } = tensors as Record<
    'roots' | 'nodes' | 'sets' | 'leaves',
    ClassicalModel['tensors'][string]
  >;
  const all: TreeNode[] = Array.from({ length: nodes.shape[0] as number }, (_, i) => {
    const [feature, value, left, right] = nodes.data.subarray(NODE * i, NODE * i + NODE) as unknown as number[];
    if (feature === -1) return { kind: 'leaf', leaf: value as number };
    const ways = { feature: feature as number, left: left as number, right: right as number };
    const column = features[feature as number];
    if (column?.kind === 'number') return { kind: 'number', threshold: value as number, ...ways };
    const start = (value as number) * (sets.shape[1] as number);
    const set = Array.from({ length: column?.values.length ?? 0 }, (_unused, c) => sets.data[start + c] === 1);
    return { kind: 'category', set, ...ways };
  });
  return {
    trees: Array.from(roots.data, (root, t) => ({
      nodes: all.slice(root, roots.data[t + 1]).map((node) => shift(node, -root)),
      leaves: leaves.shape[0] as number,
    })),
    shares: leaves.data,
  };
}

/** A node as it is in a tree of its own; leaves keep their place among those of all trees. */
function shift(node: TreeNode, by: number): TreeNode {
  return node.kind === 'leaf' ? node : { ...node, left: node.left + by, right: node.right + by };
}
