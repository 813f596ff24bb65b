/**
 * What a recipe does with each column, in the words of the report and the lineage.
 *
 * @module
 */

import type { ReleasedColumn } from '../rows.ts';
import type { ColumnLineage } from './lineage.ts';
import { listCharged, type Recipe, type RecipeColumn } from './schema.ts';

/** The type of a column as it is written. */
export function releasedType(recipe: Recipe, name: string, column: RecipeColumn): ReleasedColumn['type'] {
  if (recipe.anonymize?.quasiIdentifiers[name] !== undefined && recipe.anonymize.quasiIdentifiers[name] !== null)
    return 'text';
  const { kind } = column.treatment;
  if (kind === 'token' || kind === 'formatPreserving') return 'text';
  if (column.type === 'number' || kind === 'standardize') return 'number';
  if (column.type === 'integer') return kind === 'noise' || kind === 'keep' ? 'integer' : 'number';
  return column.type === 'boolean' ? 'boolean' : 'text';
}

/** Where a column comes from, and what was done to it. */
export function lineageOf(recipe: Recipe, name: string, column: RecipeColumn): ColumnLineage {
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

/** What a reader of the release must know. */
export function notesOf(recipe: Recipe): string[] {
  const kinds = new Set(Object.values(recipe.columns).map(({ treatment }) => treatment.kind));
  const notes: string[] = [];
  if (kinds.has('token') || kinds.has('formatPreserving') || kinds.has('dateShift')) {
    notes.push(
      'Pseudonyms stay personal data (GDPR Art. 4(5)): whoever holds the key can redo them. Keep the key apart from the data.',
    );
  }
  if (kinds.has('pii'))
    notes.push('Names and places in text are found by lists and rules, with gaps: see docs/preparation.md.');
  if (listCharged(recipe).length > 0) {
    notes.push(
      'Row counts, in this report, in the lineage and of what is written, are exact and not covered by the budget: hand on the statistics and the synthetic table by themselves.',
    );
  }
  const rows = Object.values(recipe.columns).filter(({ treatment }) => treatment.kind !== 'omit');
  if (rows.some(({ treatment }) => treatment.kind !== 'noise') && listCharged(recipe).length > 0) {
    notes.push(
      'The budget covers the statistics and the noised columns. Rows that are written with other columns are not differentially private.',
    );
  }
  return notes;
}
