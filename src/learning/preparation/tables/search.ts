/**
 * Optimal full-domain generalisation. Two steps, both exact:
 *
 * 1. **Tagging**, after Flash [KPEK12]: for the monotone part of the privacy models, greedy paths through the untagged
 *    nodes are searched by bisection; a node that passes tags everything above it, one that fails everything below it.
 * 2. **Valuation**: when models and metric are both monotone the optimum is among the lowest passing nodes. Otherwise
 *    every passing node whose lower bound beats the best so far is valued, in an order in which each node's classes are
 *    rolled up from an immediate predecessor; a node whose bound is no better excludes all nodes above it.
 *
 * Ties go to the lowest sum of levels, then to the first in lexicographic order.
 *
 * @module
 */

import { PreparationError } from '../errors.ts';
import { createChecker, findSuppressed, type Checker } from './checker.ts';
import type { Classes, ClassTable } from './classes.ts';
import { bindCriteria, type BoundCriterion, type Criterion } from './criteria.ts';
import type { CodedHierarchy } from './hierarchy.ts';
import { createLattice, type Lattice } from './lattice.ts';
import { bindMetric, compareScores, type BoundMetric, type Metric, type Score } from './metrics.ts';

/** What a search is asked. */
export interface SearchFields {
  readonly hierarchies: readonly CodedHierarchy[];
  readonly criteria: readonly Criterion[];
  readonly metric: Metric;
  /** The share of rows that may be suppressed: at most ⌊limit × rows⌋ are. */
  readonly suppressionLimit: number;
}

/** The optimum, with what the search did. */
export interface Optimum {
  /** The level of each quasi-identifier. */
  readonly levels: readonly number[];
  readonly score: Score;
  readonly suppressedRows: number;
  /** Classes of released rows. */
  readonly classes: number;
  readonly nodes: number;
  readonly checks: number;
}

const UNKNOWN = 0;
const PASSES = 1;
const FAILS = 2;

/**
 * Finds the generalisation that meets all models and loses least.
 * @throws {@link PreparationError} `preparation/impossible-criteria` when none does.
 */
export function findOptimum(table: ClassTable, fields: SearchFields): Optimum {
  const { hierarchies, suppressionLimit } = fields;
  if (!(suppressionLimit >= 0 && suppressionLimit <= 1)) throw new RangeError('"suppressionLimit" must be in [0, 1]');
  const limit = Math.floor(suppressionLimit * table.rows);
  const criteria = bindCriteria(fields.criteria, table);
  const metric = bindMetric(fields.metric, { table, hierarchies });
  const lattice = createLattice(hierarchies.map(({ levels }) => levels));
  const checker = createChecker(table, hierarchies);
  const monotone = monotonePart(criteria, limit);
  const tags = tagNodes({ lattice, checker, criteria: monotone, limit, metric });
  const best = createBest(lattice);
  const search: Search = { lattice, checker, criteria, metric, limit, tags, best };
  const exact = monotone.length === criteria.length && monotone.every((criterion, i) => criterion === criteria[i]);
  if (exact && (metric.ignoresSuppression || limit === 0)) valueLowest(search);
  else valueAll(search);
  if (best.node < 0) {
    throw new PreparationError(
      'preparation/impossible-criteria',
      `no generalisation meets the criteria with at most ${limit} of ${table.rows} rows suppressed: raise suppressionLimit, relax a criterion, or add a level to a hierarchy`,
      { details: { nodes: lattice.nodes, limit } },
    );
  }
  const levels = new Int32Array(lattice.dimensions);
  lattice.decodeInto(best.node, levels);
  const classes = checker.classesAt(levels);
  const { rows, flags } = findSuppressed(classes, { criteria });
  let released = 0;
  for (let i = 0; i < classes.size; i += 1) if (flags[i] === 0 && (classes.counts[i] as number) > 0) released += 1;
  return {
    levels: [...levels],
    score: best.score,
    suppressedRows: rows,
    classes: released,
    nodes: lattice.nodes,
    checks: checker.checks - 1,
  };
}

/**
 * Models that are monotone under the limit. Without suppression all are: each of them holds for the union of two classes
 * for which it holds.
 */
function monotonePart(criteria: readonly BoundCriterion[], limit: number): readonly BoundCriterion[] {
  if (limit === 0) return criteria;
  return criteria.flatMap((criterion) => {
    if (criterion.monotone) return [criterion];
    return criterion.implied === undefined ? [] : [criterion.implied];
  });
}

interface Best {
  node: number;
  score: Score;
  offer(node: number, score: Score): void;
  /** Whether a node with this bound cannot win, nor anything above it. */
  excludes(bound: Score): boolean;
}

function createBest(lattice: Lattice): Best {
  const heightOf = (node: number): number => {
    let sum = 0;
    for (let column = 0; column < lattice.dimensions; column += 1) sum += lattice.levelOf(node, column);
    return sum;
  };
  const best: Best = {
    node: -1,
    score: [],
    offer(node, score) {
      if (best.node >= 0) {
        const order = compareScores(score, best.score) || heightOf(node) - heightOf(best.node) || node - best.node;
        if (order >= 0) return;
      }
      best.node = node;
      best.score = score;
    },
    // Equal bounds are kept: the node may tie and stand lower.
    excludes: (bound) => best.node >= 0 && compareScores(bound, best.score) > 0,
  };
  return best;
}

interface Search {
  readonly lattice: Lattice;
  readonly checker: Checker;
  readonly criteria: readonly BoundCriterion[];
  readonly metric: BoundMetric;
  readonly limit: number;
  readonly tags: Uint8Array;
  readonly best: Best;
}

function tagNodes({
  lattice,
  checker,
  criteria,
  limit,
  metric,
}: {
  lattice: Lattice;
  checker: Checker;
  criteria: readonly BoundCriterion[];
  limit: number;
  metric: BoundMetric;
}): Uint8Array {
  const tags = new Uint8Array(lattice.nodes);
  if (criteria.length === 0) return tags.fill(PASSES);
  const levels = new Int32Array(lattice.dimensions);
  const check = (node: number): void => {
    lattice.decodeInto(node, levels);
    const classes = checker.classesAt(levels, { keep: true });
    const passes = findSuppressed(classes, { criteria, limit }).rows <= limit;
    spread(lattice, { tags, node, tag: passes ? PASSES : FAILS });
  };
  for (const start of nodesByHeight(lattice)) {
    if (tags[start] !== UNKNOWN) continue;
    const path = greedyPath(lattice, { start, tags, metric });
    let low = 0;
    let high = path.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const node = path[middle] as number;
      if (tags[node] === UNKNOWN) check(node);
      if (tags[node] === PASSES) high = middle - 1;
      else low = middle + 1;
    }
  }
  return tags;
}

/** All nodes, the lowest sum of levels first. */
function nodesByHeight(lattice: Lattice): Int32Array {
  const heights = new Int32Array(lattice.nodes);
  let top = 0;
  for (let node = 0; node < lattice.nodes; node += 1) {
    let sum = 0;
    for (let column = 0; column < lattice.dimensions; column += 1) sum += lattice.levelOf(node, column);
    heights[node] = sum;
    top = Math.max(top, sum);
  }
  const starts = new Int32Array(top + 2);
  for (const height of heights) starts[height + 1] = (starts[height + 1] as number) + 1;
  for (let i = 1; i < starts.length; i += 1) starts[i] = (starts[i] as number) + (starts[i - 1] as number);
  const order = new Int32Array(lattice.nodes);
  heights.forEach((height, node) => {
    order[starts[height] as number] = node;
    starts[height] = (starts[height] as number) + 1;
  });
  return order;
}

/** Upwards through untagged nodes, each time to the one that promises to lose least. */
function greedyPath(
  lattice: Lattice,
  { start, tags, metric }: { start: number; tags: Uint8Array; metric: BoundMetric },
): number[] {
  const path = [start];
  const levels = new Int32Array(lattice.dimensions);
  for (let node = start; ; node = path.at(-1) as number) {
    lattice.decodeInto(node, levels);
    let next = -1;
    let promise: Score = [];
    for (let column = 0; column < lattice.dimensions; column += 1) {
      if ((levels[column] as number) + 1 >= (lattice.levels[column] as number)) continue;
      const above = node + (lattice.strides[column] as number);
      if (tags[above] !== UNKNOWN) continue;
      levels[column] = (levels[column] as number) + 1;
      const score = metric.boundOf?.(levels) ?? [(levels[column] as number) / (lattice.levels[column] as number)];
      levels[column] = (levels[column] as number) - 1;
      if (next < 0 || compareScores(score, promise) < 0) {
        next = above;
        promise = score;
      }
    }
    if (next < 0) return path;
    path.push(next);
  }
}

/** Predictive tagging: a pass holds for everything above, a failure for everything below. */
function spread(lattice: Lattice, { tags, node, tag }: { tags: Uint8Array; node: number; tag: number }): void {
  const open = [node];
  tags[node] = tag;
  while (open.length > 0) {
    const at = open.pop() as number;
    for (let column = 0; column < lattice.dimensions; column += 1) {
      const level = lattice.levelOf(at, column);
      const end = tag === PASSES ? (lattice.levels[column] as number) - 1 : 0;
      if (level === end) continue;
      const neighbor = at + (tag === PASSES ? 1 : -1) * (lattice.strides[column] as number);
      if (tags[neighbor] !== UNKNOWN) continue;
      tags[neighbor] = tag;
      open.push(neighbor);
    }
  }
}

/** Whether a passing node stands on no passing node. */
function isLowest({ lattice, tags }: Search, node: number): boolean {
  for (let column = 0; column < lattice.dimensions; column += 1) {
    if (lattice.levelOf(node, column) > 0 && tags[node - (lattice.strides[column] as number)] === PASSES) return false;
  }
  return true;
}

function valueLowest(search: Search): void {
  const { lattice, tags, best, metric, checker, criteria } = search;
  const levels = new Int32Array(lattice.dimensions);
  for (let node = 0; node < lattice.nodes; node += 1) {
    if (tags[node] !== PASSES || !isLowest(search, node)) continue;
    lattice.decodeInto(node, levels);
    const bound = metric.boundOf?.(levels);
    if (bound !== undefined) {
      if (best.excludes(bound)) continue;
      // Nothing is suppressed, or suppression changes nothing: the bound is the value.
      best.offer(node, bound);
      continue;
    }
    const classes = checker.classesAt(levels);
    best.offer(node, metric.value(classes, { levels, suppressed: findSuppressed(classes, { criteria }).flags }));
  }
}

/** How many of the most promising lowest nodes are valued first, so that bounds bite from the start. */
const PROBES = 24;

function probe(search: Search): void {
  const { lattice, tags, metric, checker } = search;
  const levels = new Int32Array(lattice.dimensions);
  const candidates: { node: number; bound: Score }[] = [];
  for (let node = 0; node < lattice.nodes; node += 1) {
    if (tags[node] !== PASSES || !isLowest(search, node)) continue;
    lattice.decodeInto(node, levels);
    candidates.push({ node, bound: metric.boundOf?.(levels) ?? [0] });
  }
  candidates.sort((a, b) => compareScores(a.bound, b.bound) || a.node - b.node);
  for (const { node } of candidates.slice(0, PROBES)) {
    lattice.decodeInto(node, levels);
    valueNode(search, { node, levels, classes: checker.classesAt(levels) });
  }
}

function valueNode(
  search: Search,
  { node, levels, classes }: { node: number; levels: Int32Array; classes: Classes },
): void {
  const { rows, flags } = findSuppressed(classes, search);
  if (rows > search.limit) return;
  search.best.offer(node, search.metric.value(classes, { levels, suppressed: rows === 0 ? undefined : flags }));
}

function valueAll(search: Search): void {
  probe(search);
  const { lattice, tags, metric, checker, best } = search;
  const excluded = new Uint8Array(lattice.nodes);
  const levels = new Int32Array(lattice.dimensions);
  // held[d]: classes with the columns up to d at the node's levels or below, the later ones at level 0.
  const held: ({ level: number; classes: Classes } | undefined)[] = Array.from({ length: lattice.dimensions });
  const previous = new Int32Array(lattice.dimensions).fill(-1);
  const classesOf = (): Classes => {
    const at = new Int32Array(lattice.dimensions);
    let below: Classes | undefined;
    for (let column = 0; column < lattice.dimensions; column += 1) {
      const level = levels[column] as number;
      at[column] = level;
      const here = held[column];
      if (here !== undefined && here.level === level) {
        below = here.classes;
        continue;
      }
      const from = here?.classes ?? below;
      if (from === undefined && level === 0) continue;
      let classes = level === 0 ? below : undefined;
      classes ??= from === undefined ? checker.classesAt(at) : checker.rollFrom(from, at);
      held[column] = { level, classes };
      below = classes;
    }
    return below ?? checker.classesAt(levels);
  };
  for (let node = 0; node < lattice.nodes; node += 1) {
    if (isAboveExcluded(lattice, { excluded, node })) {
      excluded[node] = 1;
      continue;
    }
    if (tags[node] !== PASSES) continue;
    lattice.decodeInto(node, levels);
    const early = metric.boundOf?.(levels);
    if (early !== undefined && best.excludes(early)) {
      excluded[node] = 1;
      continue;
    }
    // What is held beyond the first column that changed belongs to another branch.
    const changed = previous.findIndex((level, column) => level !== levels[column]);
    for (let column = changed + 1; column < lattice.dimensions; column += 1) held[column] = undefined;
    previous.set(levels);
    const classes = classesOf();
    if (best.excludes(metric.boundOfClasses(classes, levels))) {
      excluded[node] = 1;
      continue;
    }
    valueNode(search, { node, levels, classes });
  }
}

function isAboveExcluded(lattice: Lattice, { excluded, node }: { excluded: Uint8Array; node: number }): boolean {
  for (let column = 0; column < lattice.dimensions; column += 1) {
    if (lattice.levelOf(node, column) > 0 && excluded[node - (lattice.strides[column] as number)] === 1) return true;
  }
  return false;
}
