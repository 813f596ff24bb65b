/**
 * Neighbouring relations by name, here and in the reference algebra.
 *
 * @module
 */

import { AccountingError } from './errors.ts';
import type { NeighboringRelation } from './events/event.ts';

const JSON_NAMES: Readonly<Record<NeighboringRelation, string>> = {
  'add-or-remove-one': 'ADD_OR_REMOVE_ONE',
  'replace-one': 'REPLACE_ONE',
  'zero-out': 'REPLACE_SPECIAL',
};

/** Every relation, in the order of the documentation. */
export const RELATIONS = Object.keys(JSON_NAMES) as readonly NeighboringRelation[];

/**
 * Reads a relation from our name or from the reference algebra's.
 * @throws {AccountingError} 'accounting/unknown-relation'.
 */
export function parseRelation(value: unknown): NeighboringRelation {
  const found = RELATIONS.find((relation) => relation === value || JSON_NAMES[relation] === value);
  if (found !== undefined) return found;
  throw new AccountingError(
    'accounting/unknown-relation',
    `"relation" must be one of ${RELATIONS.join(', ')}, got ${JSON.stringify(value)}`,
  );
}

/** How many times the add-or-remove-one sensitivity two neighbours may differ by. */
export function sensitivityFactor(relation: NeighboringRelation): 1 | 2 {
  return relation === 'replace-one' ? 2 : 1;
}
