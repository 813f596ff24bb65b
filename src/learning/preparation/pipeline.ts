/**
 * A preparation: two passes over the rows of a table. The first checks cells and collects what anonymisation and private
 * statistics need; the second writes. Pure: rows, keys, hierarchy files and randomness are handed in.
 *
 * @module
 */

import { composed, type DpEvent } from '../../privacy/accounting/index.ts';
import type { Rng } from '../../foundations/random/index.ts';
import { PreparationError } from './errors.ts';
import { planPrivate } from './recipe/private-plan.ts';
import type { SyntheticModel } from './private/synthetic.ts';
import { createCellCheck, type CheckedCell } from './recipe/cells.ts';
import { lineageOf, notesOf, releasedType } from './recipe/describe.ts';
import type { ColumnLineage } from './recipe/lineage.ts';
import type { Recipe, RecipeColumn } from './recipe/schema.ts';
import type { MalformedRow, ReleasedColumn, TableRow } from './rows.ts';
import { anonymize, type Anonymization, type AnonymizationReport } from './tables/anonymize.ts';
import { planAnonymization } from './recipe/tables-plan.ts';
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
 * @throws {@link PreparationError} `preparation/missing-column` when the input lacks a column,
 * `preparation/duplicate-column` when it has one of them twice, `preparation/key` when a key is needed and not there, `preparation/hierarchy-invalid`.
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
  const twice = names.filter((name) => columns.indexOf(name) !== columns.lastIndexOf(name));
  if (twice.length > 0) {
    throw new PreparationError(
      'preparation/duplicate-column',
      `the input has more than one column ${twice.map((name) => `"${name}"`).join(', ')}: give each a name of its own`,
      { details: { columns: twice } },
    );
  }
  const declared = names.map((name) => recipe.columns[name] as RecipeColumn);
  const places = names.map((name) => columns.indexOf(name));
  const checks = declared.map(createCellCheck);
  const at = new Map(names.map((name, i) => [name, i]));
  const collected = planPrivate(recipe);
  const tables = planAnonymization(recipe, fields.readFile);
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
