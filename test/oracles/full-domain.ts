/**
 * A slow full-domain anonymiser straight from the definitions: every node, every row, strings all the way. It shares no
 * code with the search it checks.
 *
 * @module
 */

import type { Criterion } from '../../src/learning/preparation/tables/criteria.ts';
import type { Aggregate, Metric } from '../../src/learning/preparation/tables/metrics.ts';

/** One row of the table: values of the quasi-identifiers, one sensitive value, whether it is released. */
export interface OracleRow {
  readonly quasi: readonly string[];
  readonly sensitive: string;
  readonly released: boolean;
}

/** hierarchies[column]: value → its labels by level. */
export interface OracleFields {
  readonly rows: readonly OracleRow[];
  readonly hierarchies: readonly ReadonlyMap<string, readonly string[]>[];
  /** Hierarchy of the sensitive column. */
  readonly sensitiveHierarchy: ReadonlyMap<string, readonly string[]>;
  readonly criteria: readonly Criterion[];
  readonly metric: Metric;
  readonly suppressionLimit: number;
}

export interface OracleOptimum {
  readonly levels: readonly number[];
  readonly score: readonly number[];
  readonly suppressed: number;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

function* nodes(heights: readonly number[]): Generator<number[]> {
  if (heights.length === 0) {
    yield [];
    return;
  }
  for (let level = 0; level < (heights[0] as number); level += 1) {
    for (const rest of nodes(heights.slice(1))) yield [level, ...rest];
  }
}

/** Finds the optimum by looking at everything; undefined when nothing meets the criteria. */
export function searchExhaustively(fields: OracleFields): OracleOptimum | undefined {
  const { rows, hierarchies } = fields;
  const released = rows.filter((row) => row.released);
  const limit = Math.floor(fields.suppressionLimit * released.length);
  let best: OracleOptimum | undefined;
  for (const levels of nodes(hierarchies.map((map) => [...map.values()][0]?.length ?? 1))) {
    const generalize = (row: OracleRow): string[] =>
      row.quasi.map((value, i) => hierarchies[i]?.get(value)?.[levels[i] as number] as string);
    const groups = [...countBy(rows, (row) => JSON.stringify(generalize(row))).values()];
    const failing = groups.filter(
      (group) =>
        group.some((row) => row.released) &&
        !fields.criteria.every((criterion) => meets(group, criterion, { released, fields })),
    );
    const suppressed = failing.flat().filter((row) => row.released);
    if (suppressed.length > limit) continue;
    const score = scoreOf({ fields, released, suppressed, levels, groups, generalize });
    const sum = (list: readonly number[]): number => list.reduce((a, b) => a + b, 0);
    const better =
      best === undefined ||
      compare(score, best.score) < 0 ||
      (compare(score, best.score) === 0 && sum(levels) < sum(best.levels));
    if (better) best = { levels, score, suppressed: suppressed.length };
  }
  return best;
}

/** Scores closer than rounding are equal. */
export function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < a.length; i += 1) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (Math.abs(x - y) > 1e-9 * Math.max(1, Math.abs(x))) return x - y;
  }
  return 0;
}

function meets(
  group: readonly OracleRow[],
  criterion: Criterion,
  { released, fields }: { released: readonly OracleRow[]; fields: OracleFields },
): boolean {
  const own = group.filter((row) => row.released);
  const shares = (items: readonly OracleRow[]): Map<string, number> =>
    new Map([...countBy(items, (row) => row.sensitive)].map(([value, all]) => [value, all.length / items.length]));
  switch (criterion.kind) {
    case 'kAnonymity':
      return own.length >= criterion.k;
    case 'kMap':
      return group.length >= criterion.k;
    case 'deltaPresence':
      return own.length / group.length >= criterion.min && own.length / group.length <= criterion.max;
    case 'distinctLDiversity':
      return shares(own).size >= criterion.l;
    case 'entropyLDiversity':
      return [...shares(own).values()].reduce((sum, p) => sum - p * Math.log(p), 0) >= Math.log(criterion.l) - 1e-9;
    case 'recursiveLDiversity': {
      const counts = [...countBy(own, (row) => row.sensitive).values()].map((all) => all.length).sort((a, b) => b - a);
      return (
        counts.length >= criterion.l &&
        (counts[0] as number) < criterion.c * counts.slice(criterion.l - 1).reduce((a, b) => a + b, 0)
      );
    }
    case 'tCloseness': {
      const p = shares(own);
      const q = shares(released);
      const values = [...q.keys()].sort();
      const extra = new Map(values.map((value) => [value, (p.get(value) ?? 0) - (q.get(value) ?? 0)]));
      return (
        distance(extra, { kind: criterion.distance.kind, values, hierarchy: fields.sensitiveHierarchy }) <=
        criterion.t + 1e-12
      );
    }
  }
}

function distance(
  extra: ReadonlyMap<string, number>,
  {
    kind,
    values,
    hierarchy,
  }: {
    kind: 'equal' | 'ordered' | 'hierarchical';
    values: readonly string[];
    hierarchy: ReadonlyMap<string, readonly string[]>;
  },
): number {
  switch (kind) {
    case 'equal':
      return values.reduce((sum, value) => sum + Math.abs(extra.get(value) ?? 0), 0) / 2;
    case 'ordered': {
      let carried = 0;
      let work = 0;
      for (const value of values) {
        carried += extra.get(value) ?? 0;
        work += Math.abs(carried);
      }
      return values.length < 2 ? 0 : work / (values.length - 1);
    }
    case 'hierarchical': {
      const height = (hierarchy.get(values[0] as string)?.length ?? 1) - 1;
      let cost = 0;
      let nodesBelow = values.map((value) => ({ value, label: value, extra: extra.get(value) ?? 0 }));
      for (let level = 1; level <= height; level += 1) {
        const groups = countBy(nodesBelow, ({ value }) => hierarchy.get(value)?.[level] as string);
        nodesBelow = [...groups].map(([label, children]) => {
          const over = children.reduce((sum, child) => sum + Math.max(0, child.extra), 0);
          const under = children.reduce((sum, child) => sum + Math.max(0, -child.extra), 0);
          cost += (level / height) * Math.min(over, under);
          return { value: children[0]?.value as string, label, extra: over - under };
        });
      }
      return cost;
    }
  }
}

function scoreOf({
  fields,
  released,
  suppressed,
  levels,
  groups,
  generalize,
}: {
  fields: OracleFields;
  released: readonly OracleRow[];
  suppressed: readonly OracleRow[];
  levels: readonly number[];
  groups: readonly (readonly OracleRow[])[];
  generalize: (row: OracleRow) => string[];
}): readonly number[] {
  const { metric, hierarchies } = fields;
  const lost = new Set('suppression' in metric && metric.suppression === 'ignored' ? [] : suppressed);
  const columns = hierarchies.map((_, i) => i);
  switch (metric.kind) {
    case 'discernibility':
      return [
        groups.reduce((sum, group) => {
          const own = group.filter((row) => row.released);
          return sum + (own.some((row) => lost.has(row)) ? own.length * released.length : own.length ** 2);
        }, 0),
      ];
    case 'averageClassSize': {
      const kept = groups.filter((group) => group.some((row) => row.released && !lost.has(row)));
      return [released.length / (kept.length + (lost.size > 0 ? 1 : 0))];
    }
    case 'entropy':
      return aggregate(
        columns.map((i) => {
          const merged = countBy(released, (row) => generalize(row)[i] as string);
          const original = countBy(released, (row) => row.quasi[i] as string);
          const plain = released.reduce(
            (sum, row) =>
              sum -
              Math.log2(
                (original.get(row.quasi[i] as string)?.length ?? 0) /
                  (merged.get(generalize(row)[i] as string)?.length ?? 1),
              ),
            0,
          );
          const gone = countBy([...lost], (row) => generalize(row)[i] as string);
          const extra = [...lost].reduce(
            (sum, row) => sum - Math.log2((gone.get(generalize(row)[i] as string)?.length ?? 0) / lost.size),
            0,
          );
          return plain + extra;
        }),
        metric.aggregate ?? 'sum',
      );
    case 'loss':
      return aggregate(
        columns.map((i) => {
          const domain = [...(hierarchies[i]?.values() ?? [])];
          const share = (row: OracleRow, level: number): number =>
            domain.filter((labels) => labels[level] === hierarchies[i]?.get(row.quasi[i] as string)?.[level]).length /
            domain.length;
          const sum = released.reduce((total, row) => total + (lost.has(row) ? 1 : share(row, levels[i] as number)), 0);
          const least = released.reduce((total, row) => total + share(row, 0), 0);
          return released.length === least ? 0 : (sum - least) / (released.length - least);
        }),
        metric.aggregate ?? 'geometricMean',
      );
    case 'precision':
      return aggregate(
        columns.map((i) => {
          const height = ([...(hierarchies[i]?.values() ?? [])][0]?.length ?? 1) - 1;
          const share = height === 0 ? 0 : (levels[i] as number) / height;
          return ((released.length - lost.size) * share + lost.size) / released.length;
        }),
        metric.aggregate ?? 'arithmeticMean',
      );
  }
}

function aggregate(values: readonly number[], kind: Aggregate): readonly number[] {
  const sum = values.reduce((a, b) => a + b, 0);
  switch (kind) {
    case 'sum':
      return [sum];
    case 'arithmeticMean':
      return [sum / values.length];
    case 'geometricMean':
      return [Math.exp(values.reduce((a, b) => a + Math.log1p(b), 0) / values.length) - 1];
    case 'max':
      return [Math.max(...values)];
    case 'rank':
      return [...values].sort((a, b) => b - a);
  }
}
