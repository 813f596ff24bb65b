/**
 * The Adult table with its hierarchies and the optima that ARX finds, for tests and benchmarks of anonymisation.
 *
 * @module
 */

import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

import {
  type ClassTable,
  codeHierarchy,
  type CodedHierarchy,
  createClassTableBuilder,
  type Criterion,
  type Hierarchy,
  hierarchyFromRows,
  type Metric,
  parseHierarchyRows,
} from '../../src/learning/preparation/index.ts';

const folder = new URL('../../../shared/data/adult/', import.meta.url);
export const present = existsSync(folder);
if (!present) console.log('skipped: vectors not present');

export interface Case {
  readonly criteria: readonly string[];
  readonly sensitive?: boolean;
  readonly metric: Metric;
  readonly limit: number;
  readonly score: readonly number[] | null;
  readonly levels: readonly number[] | null;
}
export const vectors = JSON.parse(readFileSync(new URL('../vectors/arx/adult.json', import.meta.url), 'utf8')) as {
  optima: readonly Case[];
  averageClassSizes: readonly { levels: number[]; value: number }[];
};

export interface Adult {
  readonly names: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly hierarchies: Readonly<Record<string, Hierarchy>>;
  load(sensitive: readonly string[]): { table: ClassTable; hierarchies: CodedHierarchy[] };
}

function readAdult(): Adult {
  const [names = [], ...rows] = gunzipSync(readFileSync(new URL('adult.csv.gz', folder)))
    .toString()
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(';'));
  const hierarchies = Object.fromEntries(
    names.map((name) => [
      name,
      hierarchyFromRows(parseHierarchyRows(readFileSync(new URL(`hierarchies/${name}.csv`, folder), 'utf8'))),
    ]),
  );
  return {
    names,
    rows,
    hierarchies,
    load(sensitive) {
      const quasi = names.filter((name) => !sensitive.includes(name));
      const builder = createClassTableBuilder({ quasiIdentifiers: quasi, sensitive });
      const at = quasi.map((name) => names.indexOf(name));
      const sensitiveAt = sensitive.map((name) => names.indexOf(name));
      for (const row of rows) {
        builder.add({
          quasiIdentifiers: at.map((i) => row[i] as string),
          sensitive: sensitiveAt.map((i) => row[i] as string),
        });
      }
      const table = builder.build();
      const coded = quasi.map((name, i) =>
        codeHierarchy(hierarchies[name] as Hierarchy, { name, values: table.dictionaries[i]?.values ?? [] }),
      );
      return { table, hierarchies: coded };
    },
  };
}

/** The table; undefined where it is not present. */
export const adult = present ? readAdult() : undefined;

/** Reads a criterion as the vectors name it, such as `k5` or `ordered0.2`. */
export function parseCriterion(text: string): Criterion {
  const [, name = '', number = ''] = /^([a-z]+)([\d.]+)$/.exec(text) ?? [];
  const column = 'occupation';
  const value = Number(number);
  switch (name) {
    case 'k':
      return { kind: 'kAnonymity', k: value };
    case 'entropy':
      return { kind: 'entropyLDiversity', column, l: value };
    case 'equal':
    case 'ordered':
      return { kind: 'tCloseness', column, t: value, distance: { kind: name } };
    case 'hierarchical':
      return {
        kind: 'tCloseness',
        column,
        t: value,
        distance: { kind: name, hierarchy: (adult as Adult).hierarchies.occupation as Hierarchy },
      };
    default:
      throw new RangeError(text);
  }
}
