/**
 * The anonymisation that a recipe asks for, with its hierarchies read and an empty table of classes to fill.
 *
 * @module
 */

import { createClassTableBuilder, type ClassTableBuilder } from '../tables/classes.ts';
import type { Criterion } from '../tables/criteria.ts';
import type { Hierarchy } from '../tables/hierarchy.ts';
import { createHierarchy } from './hierarchies.ts';
import type { Recipe } from './schema.ts';

/** An anonymisation before its rows are there. */
export interface PlannedTables {
  readonly builder: ClassTableBuilder;
  readonly quasi: readonly string[];
  readonly sensitive: readonly string[];
  readonly hierarchies: Readonly<Record<string, Hierarchy>>;
  readonly criteria: readonly Criterion[];
}

/** Plans the anonymisation of a recipe; undefined when it asks for none. */
export function planAnonymization(
  { anonymize: wanted }: Pick<Recipe, 'anonymize'>,
  readFile: (path: string) => string,
): PlannedTables | undefined {
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
