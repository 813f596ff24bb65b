/**
 * Anonymisation of a table, from its classes: the optimal full-domain generalisation or Mondrian, what it costs in
 * utility, what risk remains, and the function that rewrites rows.
 *
 * @module
 */

import { findSuppressed } from './checker.ts';
import type { Classes, ClassTable } from './classes.ts';
import { bindCriteria, type Criterion } from './criteria.ts';
import { codeHierarchy, type CodedHierarchy, type Hierarchy } from './hierarchy.ts';
import { bindMetric, type Metric, type Score } from './metrics.ts';
import { partitionMondrian } from './mondrian.ts';
import { computeRisks, type Risks } from './risks.ts';
import { createRollUp } from './roll-up.ts';
import { findOptimum } from './search.ts';

/** How a table is to be anonymised. */
export interface AnonymizationFields {
  readonly criteria: readonly Criterion[];
  /** By quasi-identifier. `mondrian` can do without. */
  readonly hierarchies: Readonly<Record<string, Hierarchy>>;
  readonly method?: 'optimal' | 'mondrian';
  readonly metric?: Metric;
  readonly suppressionLimit?: number;
  /** A row is at risk when its risk is above. */
  readonly riskThreshold?: number;
}

/** What was done, in figures that tell nothing of a single row. */
export interface AnonymizationReport {
  readonly method: 'optimal' | 'mondrian';
  readonly quasiIdentifiers: readonly string[];
  readonly criteria: readonly Readonly<Record<string, unknown>>[];
  /** Level of each quasi-identifier, for `optimal`. */
  readonly levels?: Readonly<Record<string, number>>;
  readonly metric?: Readonly<Record<string, unknown>>;
  readonly score?: Score;
  readonly utility: Readonly<Record<string, number>>;
  readonly rows: number;
  readonly suppressedRows: number;
  readonly classes: number;
  readonly risks: { readonly before: Risks; readonly after: Risks };
  readonly search?: { readonly nodes: number; readonly checks: number };
  readonly warning: string;
}

/** An anonymisation that has been found. */
export interface Anonymization {
  readonly report: AnonymizationReport;
  /** The generalised values of a row's quasi-identifiers; undefined when the row is suppressed. */
  transform(quasiIdentifiers: readonly string[]): readonly string[] | undefined;
}

const WARNING =
  'k-anonymity and its relatives bound linking within this one release; somebody with other knowledge may still learn about people. Differential privacy is the guarantee.';

/**
 * Finds an anonymisation.
 * @throws {@link PreparationError} when a hierarchy leaves a value uncovered or the criteria cannot be met.
 */
export function anonymize(table: ClassTable, fields: AnonymizationFields): Anonymization {
  return (fields.method ?? 'optimal') === 'mondrian'
    ? anonymizeLocally(table, fields)
    : anonymizeGlobally(table, fields);
}

function codeAll(table: ClassTable, hierarchies: Readonly<Record<string, Hierarchy>>): (CodedHierarchy | undefined)[] {
  return table.quasiIdentifiers.map((name, column) => {
    const hierarchy = hierarchies[name];
    if (hierarchy === undefined) return undefined;
    const values = table.dictionaries[column]?.values ?? [];
    return codeHierarchy(hierarchy, { name, values, rowOf: (code) => table.firstRowOf(column, code) });
  });
}

function anonymizeGlobally(table: ClassTable, fields: AnonymizationFields): Anonymization {
  const metric = fields.metric ?? { kind: 'loss' };
  const hierarchies = codeAll(table, fields.hierarchies).map(
    // Without a hierarchy a column stays as it is.
    (hierarchy, column) =>
      hierarchy ??
      codeHierarchy(
        { levels: 1, generalize: (value) => value },
        { name: table.quasiIdentifiers[column] as string, values: table.dictionaries[column]?.values ?? [] },
      ),
  );
  const optimum = findOptimum(table, {
    hierarchies,
    criteria: fields.criteria,
    metric,
    suppressionLimit: fields.suppressionLimit ?? 0,
  });
  const levels = Int32Array.from(optimum.levels);
  const classes = createRollUp(table, hierarchies).roll(table.base, levels);
  const criteria = bindCriteria(fields.criteria, table);
  const { flags } = findSuppressed(classes, { criteria });
  const kept = keepReleased(classes, flags);
  const lookup = createClassLookup(table, { hierarchies, levels, classes });
  return {
    report: {
      method: 'optimal',
      quasiIdentifiers: table.quasiIdentifiers,
      criteria: fields.criteria.map(describeCriterion),
      levels: Object.fromEntries(table.quasiIdentifiers.map((name, i) => [name, optimum.levels[i] as number])),
      metric: { ...metric },
      score: optimum.score,
      utility: utilityOf(table, { hierarchies, classes, flags, levels }),
      rows: table.rows,
      suppressedRows: optimum.suppressedRows,
      classes: optimum.classes,
      risks: risksOf(table, kept, fields.riskThreshold),
      search: { nodes: optimum.nodes, checks: optimum.checks },
      warning: WARNING,
    },
    transform(values) {
      const at = lookup(values);
      if (at === undefined || flags[at] !== 0) return undefined;
      return hierarchies.map(({ codes, labels }, column) => {
        const level = levels[column] as number;
        const code = table.dictionaries[column]?.find(values[column] as string) as number;
        return (labels[level] as readonly string[])[codes[level]?.[code] as number] as string;
      });
    },
  };
}

/** Finds the class of a row under the chosen levels: the class of its base class. */
function createClassLookup(
  table: ClassTable,
  { hierarchies, levels, classes }: { hierarchies: readonly CodedHierarchy[]; levels: Int32Array; classes: Classes },
): (values: readonly string[]) => number | undefined {
  const width = hierarchies.length;
  const keyOf = (base: number): string => {
    let key = '';
    for (let column = 0; column < width; column += 1) {
      const map = hierarchies[column]?.codes[levels[column] as number] as Int32Array;
      key += `${map[table.codes[base * width + column] as number] as number},`;
    }
    return key;
  };
  const byKey = new Map<string, number>();
  for (let i = 0; i < classes.size; i += 1) byKey.set(keyOf(classes.representatives[i] as number), i);
  const classOf = new Int32Array(table.base.size);
  for (let base = 0; base < table.base.size; base += 1) classOf[base] = byKey.get(keyOf(base)) as number;
  return (values) => {
    const base = table.findClass(values);
    return base === undefined ? undefined : classOf[base];
  };
}

function anonymizeLocally(table: ClassTable, fields: AnonymizationFields): Anonymization {
  const hierarchies = codeAll(table, fields.hierarchies);
  const { boxOf, labels, sizes, populations } = partitionMondrian(table, { criteria: fields.criteria, hierarchies });
  const released = sizes.reduce((count, size) => count + (size > 0 ? 1 : 0), 0);
  const squares = sizes.reduce((sum, size) => sum + size * size, 0);
  return {
    report: {
      method: 'mondrian',
      quasiIdentifiers: table.quasiIdentifiers,
      criteria: fields.criteria.map(describeCriterion),
      utility: { discernibility: squares, averageClassSize: table.rows / released },
      rows: table.rows,
      suppressedRows: 0,
      classes: released,
      risks: risksOf(table, { counts: sizes, populations }, fields.riskThreshold),
      warning: WARNING,
    },
    transform(values) {
      const base = table.findClass(values);
      return base === undefined ? undefined : labels[boxOf[base] as number];
    },
  };
}

function keepReleased(classes: Classes, flags: Uint8Array): { counts: Int32Array; populations: Int32Array } {
  return {
    counts: classes.counts.filter((_, i) => flags[i] === 0),
    populations: classes.populations.filter((_, i) => flags[i] === 0),
  };
}

function risksOf(
  table: ClassTable,
  after: { counts: Int32Array; populations: Int32Array },
  threshold: number | undefined,
): { before: Risks; after: Risks } {
  const sampled = table.base.populations !== table.base.counts;
  const options = threshold === undefined ? {} : { threshold };
  return {
    before: computeRisks(table.base.counts, {
      ...options,
      ...(sampled ? { populations: table.base.populations } : {}),
    }),
    after: computeRisks(after.counts, { ...options, ...(sampled ? { populations: after.populations } : {}) }),
  };
}

function utilityOf(
  table: ClassTable,
  {
    hierarchies,
    classes,
    flags,
    levels,
  }: { hierarchies: readonly CodedHierarchy[]; classes: Classes; flags: Uint8Array; levels: Int32Array },
): Record<string, number> {
  const metrics: Readonly<Record<string, Metric>> = {
    discernibility: { kind: 'discernibility' },
    averageClassSize: { kind: 'averageClassSize' },
    entropy: { kind: 'entropy' },
    loss: { kind: 'loss', aggregate: 'arithmeticMean' },
    precision: { kind: 'precision' },
  };
  return Object.fromEntries(
    Object.entries(metrics).map(([name, metric]) => [
      name,
      bindMetric(metric, { table, hierarchies }).value(classes, { levels, suppressed: flags })[0] as number,
    ]),
  );
}

function describeCriterion(criterion: Criterion): Readonly<Record<string, unknown>> {
  return criterion.kind === 'tCloseness' ? { ...criterion, distance: criterion.distance.kind } : { ...criterion };
}
