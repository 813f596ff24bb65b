/**
 * A preparation: two passes over the rows of a table. The first checks cells and collects what anonymisation and private
 * statistics need; the second writes. Pure: rows, keys, hierarchy files and randomness are handed in.
 *
 * @module
 */

import { composed, type DpEvent } from '../../privacy/accounting/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { PreparationError } from './errors.ts';
import {
  createCategoryCollector,
  createMomentsCollector,
  createQuantileCollector,
  createStatisticCollector,
  type Collector,
} from './private/collectors.ts';
import { createCategoryNoise, createNumberNoise, type CellNoise } from './private/local-noise.ts';
import { createSyntheticPlan, type SyntheticModel, type SyntheticPlan } from './private/synthetic.ts';
import { createCellCheck, type CheckedCell } from './recipe/cells.ts';
import { createHierarchy } from './recipe/hierarchies.ts';
import type { ColumnLineage } from './recipe/lineage.ts';
import { listCharged, type Recipe, type RecipeColumn } from './recipe/schema.ts';
import type { MalformedRow, TableRow } from './rows.ts';
import { anonymize, type Anonymization, type AnonymizationReport } from './tables/anonymize.ts';
import { createClassTableBuilder, type ClassTableBuilder } from './tables/classes.ts';
import type { Criterion } from './tables/criteria.ts';
import type { Hierarchy } from './tables/hierarchy.ts';
import { createTreatment, type Treatment } from './treatments.ts';

/** What a preparation is handed. */
export interface PreparationFields {
  readonly recipe: Recipe;
  /** Columns of the input. */
  readonly columns: readonly string[];
  readonly readFile: (path: string) => string;
  /** The master key of pseudonyms; needed when the recipe names a key file. */
  readonly masterKey?: Uint8Array;
  readonly rng: Rng;
}

/** A column of the release. */
export interface ReleasedColumn {
  readonly name: string;
  readonly type: 'text' | 'number' | 'integer' | 'boolean';
}

/** What a run did; no value of the data beside what was charged for. */
export interface PreparationReport {
  readonly recipe: string;
  readonly purpose: string;
  readonly kept: readonly { readonly column: string; readonly serves: string; readonly treatment: string }[];
  readonly dropped: readonly { readonly column: string; readonly why: string }[];
  readonly rows: {
    readonly read: number;
    readonly malformed: number;
    readonly suppressed: number;
    readonly released: number;
    readonly population: number;
  };
  readonly anonymization?: AnonymizationReport;
  readonly statistics: Readonly<Record<string, unknown>>;
  readonly synthetic?: { readonly rows: number; readonly pairs: readonly string[] };
  readonly notes: readonly string[];
}

/** A preparation under way. Call {@link check} and {@link collect} for every row, {@link decide}, then {@link transform}. */
export interface Preparation {
  readonly released: readonly ReleasedColumn[];
  readonly dropped: PreparationReport['dropped'];
  readonly lineage: readonly ColumnLineage[];
  /** Of the synthetic table; empty where there is none. */
  readonly syntheticLineage: readonly ColumnLineage[];
  /** What the run is to be charged, before it touches data; undefined when nothing is private. */
  readonly event: DpEvent | undefined;
  /** Checks a row's cells; returns them tidied, or what is malformed. */
  check(row: TableRow): (string | null)[] | MalformedRow;
  collect(cells: readonly (string | null)[], line: number): void;
  /** Ends the first pass. */
  decide(): void;
  /** The cells of the release; undefined when the row is suppressed or only part of the population. */
  transform(cells: readonly (string | null)[], line: number): (string | null)[] | undefined;
  /** Rows of the synthetic table. */
  synthesize(): { columns: readonly ReleasedColumn[]; rows: Iterable<(string | null)[]> } | undefined;
  report(rows: { read: number; malformed: number }): PreparationReport;
}

/** What stands for a missing cell among quasi-identifiers and sensitive values. */
const MISSING = '';

/**
 * Plans a preparation.
 * @throws {@link PreparationError} `preparation/missing-column` when the input lacks a column, `preparation/key` when a key
 * is needed and not there, `preparation/hierarchy-invalid`.
 */
export function createPreparation(fields: PreparationFields): Preparation {
  const { recipe, columns, rng } = fields;
  const names = Object.keys(recipe.columns);
  const absent = names.filter((name) => !columns.includes(name));
  if (absent.length > 0) {
    throw new PreparationError(
      'preparation/missing-column',
      `the input has no column ${absent.map((name) => `"${name}"`).join(', ')}; it has ${columns.length} columns`,
      { details: { columns: absent } },
    );
  }
  const declared = names.map((name) => recipe.columns[name] as RecipeColumn);
  const places = names.map((name) => columns.indexOf(name));
  const checks = declared.map(createCellCheck);
  const at = new Map(names.map((name, i) => [name, i]));
  const collected = planCollectors(recipe);
  const tables = planAnonymization(fields);
  const treatments = new Map<number, Treatment>();
  const written = names.flatMap((name, i) => (declared[i]?.treatment.kind === 'omit' ? [] : [{ name, i }]));
  let anonymization: Anonymization | undefined;
  let model: SyntheticModel | undefined;
  const statistics: Record<string, unknown> = {};
  let suppressed = 0;
  let released = 0;
  let population = 0;

  const dropped = [
    ...columns.filter((name) => !at.has(name)).map((column) => ({ column, why: 'the recipe names no purpose for it' })),
    ...names
      .filter((_, i) => declared[i]?.treatment.kind === 'omit')
      .map((column) => ({ column, why: 'read for statistics or other columns alone (treatment: omit)' })),
  ];
  const events = [...collected.all.map(({ event }) => event), ...collected.noise.map(({ noise }) => noise.event())];
  if (collected.synthetic !== undefined) events.push(collected.synthetic.plan.event);

  const isReleased = (cells: readonly (string | null)[]): boolean => {
    const rule = recipe.anonymize?.released;
    return rule === undefined || cells[at.get(rule.column) ?? -1] === rule.equals;
  };

  return {
    released: written.map(({ name, i }) => ({ name, type: releasedType(recipe, name, declared[i] as RecipeColumn) })),
    dropped,
    lineage: written.map(({ name, i }) => lineageOf(recipe, name, declared[i] as RecipeColumn)),
    syntheticLineage: (recipe.synthetic?.columns ?? []).map((column) => ({
      column,
      from: [column],
      transformation: `drawn from private marginals, ε = ${recipe.synthetic?.epsilon}, δ = ${recipe.synthetic?.delta}`,
      masking: true,
    })),
    event: events.length === 0 ? undefined : composed(events),
    check(row) {
      const cells: (string | null)[] = [];
      for (let i = 0; i < names.length; i += 1) {
        const checked = (checks[i] as (cell: string | null) => CheckedCell)(row.cells[places[i] as number] ?? null);
        if ('problem' in checked) {
          return {
            kind: 'malformed',
            line: row.line,
            column: names[i] as string,
            problem: checked.problem,
            raw: JSON.stringify(row.cells).slice(0, 1000),
          };
        }
        cells.push(checked.value);
      }
      return cells;
    },
    collect(cells, line) {
      if (tables !== undefined) {
        tables.builder.add(
          {
            quasiIdentifiers: tables.quasi.map((name) => cells[at.get(name) as number] ?? MISSING),
            sensitive: tables.sensitive.map((name) => cells[at.get(name) as number] ?? MISSING),
          },
          { released: isReleased(cells), rowNumber: line },
        );
      }
      for (const { column, collector } of collected.columns)
        collector.add(column === undefined ? null : (cells[at.get(column) as number] ?? null));
      collected.synthetic?.plan.add(collected.synthetic.encode(cells, at));
    },
    decide() {
      if (tables !== undefined && recipe.anonymize !== undefined) {
        anonymization = anonymize(tables.builder.build(), {
          method: recipe.anonymize.method,
          criteria: tables.criteria,
          hierarchies: tables.hierarchies,
          metric: recipe.anonymize.metric as never,
          suppressionLimit: recipe.anonymize.suppressionLimit,
          riskThreshold: recipe.anonymize.riskThreshold,
        });
      }
      const taken = new Map<string, unknown>();
      for (const { collector } of collected.columns) {
        const value = collector.release(rng);
        taken.set(collector.name, value);
        if (recipe.statistics.some(({ name }) => name === collector.name)) statistics[collector.name] = value;
      }
      names.forEach((name, i) => {
        treatments.set(
          i,
          createTreatment(declared[i] as RecipeColumn, {
            name,
            taken,
            noise: collected.noise.find(({ column }) => column === name)?.noise,
            rng,
            ...(fields.masterKey === undefined ? {} : { masterKey: fields.masterKey }),
          }),
        );
      });
      model = collected.synthetic?.plan.fit(rng);
    },
    transform(cells, line) {
      if (!isReleased(cells)) {
        population += 1;
        return undefined;
      }
      const general = anonymization?.transform(
        (tables?.quasi ?? []).map((name) => cells[at.get(name) as number] ?? MISSING),
      );
      if (anonymization !== undefined && general === undefined) {
        suppressed += 1;
        return undefined;
      }
      released += 1;
      return written.map(({ name, i }) => {
        const quasi = tables?.quasi.indexOf(name) ?? -1;
        if (quasi >= 0) return general?.[quasi] || null;
        const { treatment } = declared[i] as RecipeColumn;
        const person = treatment.kind === 'dateShift' ? (cells[at.get(treatment.person) as number] ?? '') : '';
        return apply(treatments.get(i) as Treatment, cells[i] ?? null, { name, line, person });
      });
    },
    synthesize() {
      const plan = collected.synthetic;
      const fitted = model;
      if (plan === undefined || fitted === undefined || recipe.synthetic === undefined) return undefined;
      const { rows } = recipe.synthetic;
      return {
        columns: plan.columns,
        rows: (function* generate() {
          for (let i = 0; i < rows; i += 1) yield plan.decode(fitted.sample(rng));
        })(),
      };
    },
    report: (rows) => ({
      recipe: recipe.recipe,
      purpose: recipe.purpose,
      kept: written.map(({ name, i }) => ({
        column: name,
        serves: declared[i]?.serves ?? '',
        treatment: lineageOf(recipe, name, declared[i] as RecipeColumn).transformation,
      })),
      dropped,
      rows: { ...rows, suppressed, released, population },
      ...(anonymization === undefined ? {} : { anonymization: anonymization.report }),
      statistics,
      ...(model === undefined || recipe.synthetic === undefined
        ? {}
        : {
            synthetic: {
              rows: recipe.synthetic.rows,
              pairs: model.edges.map(([a, b]) => `${recipe.synthetic?.columns[a]} – ${recipe.synthetic?.columns[b]}`),
            },
          }),
      notes: notesOf(recipe),
    }),
  };
}

function apply(
  treatment: Treatment,
  cell: string | null,
  { name, line, person }: { name: string; line: number; person: string },
): string | null {
  try {
    return treatment(cell, person);
  } catch (error) {
    if (!(error instanceof PreparationError)) throw error;
    throw new PreparationError(error.code, `row ${line}, column "${name}": ${error.message}`, {
      cause: error,
      details: { line, column: name },
    });
  }
}

interface Collected {
  readonly all: readonly Collector[];
  readonly columns: readonly { readonly column: string | undefined; readonly collector: Collector }[];
  readonly noise: readonly { readonly column: string; readonly noise: CellNoise }[];
  readonly synthetic: PlannedSynthesis | undefined;
}

interface PlannedSynthesis {
  readonly plan: SyntheticPlan;
  readonly columns: readonly ReleasedColumn[];
  encode(cells: readonly (string | null)[], at: ReadonlyMap<string, number>): number[];
  decode(values: readonly number[]): (string | null)[];
}

function planCollectors(recipe: Recipe): Collected {
  const columns: { column: string | undefined; collector: Collector }[] = [];
  const noise: { column: string; noise: CellNoise }[] = [];
  for (const [column, declared] of Object.entries(recipe.columns)) {
    const { treatment, bounds, categories } = declared;
    if (treatment.kind === 'standardize') {
      const range = { lower: declared.min as number, upper: declared.max as number };
      columns.push({
        column,
        collector: createMomentsCollector({
          name: `columns.${column}.standardize`,
          epsilon: treatment.epsilon,
          ...range,
        }),
      });
    }
    if (bounds !== undefined) {
      const { epsilon, lower, upper } = bounds.private;
      const collector = createQuantileCollector({
        name: `columns.${column}.bounds`,
        epsilon,
        quantiles: [0.01, 0.99],
        lower,
        upper,
      });
      columns.push({ column, collector });
    }
    if (categories !== undefined && !Array.isArray(categories)) {
      const { epsilon, delta } = categories.private;
      columns.push({
        column,
        collector: createCategoryCollector({ name: `columns.${column}.categories`, epsilon, delta }),
      });
    }
    if (treatment.kind === 'noise') noise.push({ column, noise: planNoise(declared, treatment) });
  }
  for (const spec of recipe.statistics) {
    const declared = 'column' in spec ? recipe.columns[spec.column] : undefined;
    const collector = createStatisticCollector(spec, {
      ...(declared?.min !== undefined && declared.max !== undefined
        ? { range: { lower: declared.min, upper: declared.max } }
        : {}),
      ...(declared === undefined ? {} : { categories: categoriesOf(declared), text: declared.type === 'text' }),
    });
    columns.push({ column: 'column' in spec ? spec.column : undefined, collector });
  }
  return { all: columns.map(({ collector }) => collector), columns, noise, synthetic: planSynthesis(recipe) };
}

function planNoise(column: RecipeColumn, { epsilon, clamp }: { epsilon: number; clamp: boolean }): CellNoise {
  if (column.type === 'integer' || column.type === 'number') {
    return createNumberNoise({
      min: column.min as number,
      max: column.max as number,
      epsilon,
      clamp,
      integer: column.type === 'integer',
    });
  }
  return createCategoryNoise({ categories: categoriesOf(column), epsilon });
}

function categoriesOf(column: RecipeColumn): readonly string[] {
  if (column.type === 'boolean') return ['false', 'true'];
  return Array.isArray(column.categories) ? column.categories : [];
}

function planSynthesis(recipe: Recipe): PlannedSynthesis | undefined {
  const { synthetic } = recipe;
  if (synthetic === undefined) return undefined;
  const { bins } = synthetic;
  const parts = synthetic.columns.map((name) => ({ name, declared: recipe.columns[name] as RecipeColumn }));
  const isNumber = ({ type }: RecipeColumn): boolean => type === 'integer' || type === 'number';
  // The last value of every attribute stands for a missing cell.
  const sizes = parts.map(({ declared }) => (isNumber(declared) ? bins : categoriesOf(declared).length) + 1);
  const plan = createSyntheticPlan({
    attributes: parts.map(({ name }, i) => ({ name, size: sizes[i] as number })),
    epsilon: synthetic.epsilon,
    delta: synthetic.delta,
  });
  return {
    plan,
    columns: parts.map(({ name, declared }) => ({ name, type: isNumber(declared) ? 'number' : 'text' })),
    encode: (cells, at) =>
      parts.map(({ name, declared }, i) => {
        const cell = cells[at.get(name) as number] ?? null;
        const missing = (sizes[i] as number) - 1;
        if (cell === null) return missing;
        if (!isNumber(declared)) return Math.max(0, categoriesOf(declared).indexOf(cell));
        const share = (Number(cell) - (declared.min as number)) / ((declared.max as number) - (declared.min as number));
        return Math.min(bins - 1, Math.max(0, Math.floor(share * bins)));
      }),
    decode: (values) =>
      parts.map(({ declared }, i) => {
        const value = values[i] as number;
        if (value === (sizes[i] as number) - 1) return null;
        if (!isNumber(declared)) return categoriesOf(declared)[value] as string;
        const middle =
          (declared.min as number) + ((value + 0.5) / bins) * ((declared.max as number) - (declared.min as number));
        return String(declared.type === 'integer' ? Math.round(middle) : Number(middle.toPrecision(12)));
      }),
  };
}

interface PlannedTables {
  readonly builder: ClassTableBuilder;
  readonly quasi: readonly string[];
  readonly sensitive: readonly string[];
  readonly hierarchies: Readonly<Record<string, Hierarchy>>;
  readonly criteria: readonly Criterion[];
}

function planAnonymization({ recipe, readFile }: PreparationFields): PlannedTables | undefined {
  const { anonymize: wanted } = recipe;
  if (wanted === undefined) return undefined;
  const quasi = Object.keys(wanted.quasiIdentifiers);
  const sensitive = [
    ...new Set(wanted.criteria.flatMap((criterion) => ('column' in criterion ? [criterion.column] : []))),
  ];
  const hierarchies = Object.fromEntries(
    Object.entries(wanted.quasiIdentifiers).flatMap(([name, spec]) =>
      spec === null ? [] : [[name, createHierarchy(spec, { name, readFile })] as const],
    ),
  );
  const criteria = wanted.criteria.map((criterion): Criterion => {
    if (criterion.kind !== 'tCloseness') return criterion;
    const { distance } = criterion;
    if (distance.kind === 'hierarchical') {
      return {
        ...criterion,
        distance: {
          kind: 'hierarchical',
          hierarchy: createHierarchy(distance.hierarchy, { name: criterion.column, readFile }),
        },
      };
    }
    if (distance.kind === 'equal') return { ...criterion, distance };
    return {
      ...criterion,
      distance: { kind: 'ordered', ...(distance.order === undefined ? {} : { order: distance.order }) },
    };
  });
  return {
    builder: createClassTableBuilder({ quasiIdentifiers: quasi, sensitive }),
    quasi,
    sensitive,
    hierarchies,
    criteria,
  };
}

function releasedType(recipe: Recipe, name: string, column: RecipeColumn): ReleasedColumn['type'] {
  if (recipe.anonymize?.quasiIdentifiers[name] !== undefined && recipe.anonymize.quasiIdentifiers[name] !== null)
    return 'text';
  const { kind } = column.treatment;
  if (kind === 'token' || kind === 'formatPreserving') return 'text';
  if (column.type === 'number' || kind === 'standardize') return 'number';
  if (column.type === 'integer') return kind === 'noise' || kind === 'keep' ? 'integer' : 'number';
  return column.type === 'boolean' ? 'boolean' : 'text';
}

function lineageOf(recipe: Recipe, name: string, column: RecipeColumn): ColumnLineage {
  const { treatment } = column;
  if (recipe.anonymize?.quasiIdentifiers[name] !== undefined) {
    return {
      column: name,
      from: [name],
      transformation: 'generalised with the other quasi-identifiers',
      masking: true,
    };
  }
  switch (treatment.kind) {
    case 'keep': {
      if (column.bounds !== undefined)
        return { column: name, from: [name], transformation: 'clamped to private bounds', masking: false };
      if (column.categories !== undefined && !Array.isArray(column.categories)) {
        return {
          column: name,
          from: [name],
          transformation: 'categories outside the private list joined',
          masking: false,
        };
      }
      return { column: name, from: [name], transformation: 'kept as it is', masking: false };
    }
    case 'omit':
      return { column: name, from: [], transformation: 'not written', masking: true };
    case 'token':
      return {
        column: name,
        from: [name],
        transformation: `keyed token for the purpose "${treatment.purpose}": stays personal data`,
        masking: true,
      };
    case 'formatPreserving':
      return {
        column: name,
        from: [name],
        transformation: `FF1 for the purpose "${treatment.purpose}": stays personal data`,
        masking: true,
      };
    case 'dateShift':
      return {
        column: name,
        from: [name, treatment.person],
        transformation: 'shifted by a secret number of days for each person: stays personal data',
        masking: true,
      };
    case 'pii':
      return {
        column: name,
        from: [name],
        transformation: `personal data in the text: ${treatment.operator.kind}`,
        masking: true,
      };
    case 'noise':
      return {
        column: name,
        from: [name],
        transformation: `local noise, ε = ${treatment.epsilon} a row`,
        masking: true,
      };
    case 'standardize':
      return {
        column: name,
        from: [name],
        transformation: 'standardised with private mean and deviation',
        masking: false,
      };
  }
}

function notesOf(recipe: Recipe): string[] {
  const kinds = new Set(Object.values(recipe.columns).map(({ treatment }) => treatment.kind));
  const notes: string[] = [];
  if (kinds.has('token') || kinds.has('formatPreserving') || kinds.has('dateShift')) {
    notes.push(
      'Pseudonyms stay personal data (GDPR Art. 4(5)): whoever holds the key can redo them. Keep the key apart from the data.',
    );
  }
  if (kinds.has('pii'))
    notes.push('Names and places in text are found by lists and rules, with gaps: see docs/preparation.md.');
  const rows = Object.values(recipe.columns).filter(({ treatment }) => treatment.kind !== 'omit');
  if (rows.some(({ treatment }) => treatment.kind !== 'noise') && listCharged(recipe).length > 0) {
    notes.push(
      'The budget covers the statistics and the noised columns. Rows that are written with other columns are not differentially private.',
    );
  }
  return notes;
}
