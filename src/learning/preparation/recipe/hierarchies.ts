/**
 * Hierarchies as a recipe describes them.
 *
 * @module
 */

import {
  ANY,
  buildDates,
  buildIntervals,
  buildPrefixes,
  hierarchyFromRows,
  parseHierarchyRows,
  type Hierarchy,
} from '../tables/hierarchy.ts';
import type { HierarchySpec } from './schema.ts';

/**
 * Makes a hierarchy.
 * @param options - `readFile` gives the text of a hierarchy file.
 * @throws {@link PreparationError} `preparation/hierarchy-invalid`.
 */
export function createHierarchy(
  spec: HierarchySpec,
  { name, readFile }: { name: string; readFile: (path: string) => string },
): Hierarchy {
  switch (spec.kind) {
    case 'file':
      return hierarchyFromRows(parseHierarchyRows(readFile(spec.path), { separator: spec.separator }), {
        name: spec.path,
      });
    case 'rows':
      return hierarchyFromRows(spec.rows, { name: `hierarchy of "${name}"` });
    case 'intervals':
      return buildIntervals(spec);
    case 'prefixes':
      return buildPrefixes({
        length: spec.length,
        mask: spec.mask,
        alphabetSize: spec.alphabetSize,
        ...(spec.steps === undefined ? {} : { steps: spec.steps }),
      });
    case 'dates':
      return buildDates({ steps: spec.steps });
    case 'suppress':
      return { levels: 2, generalize: (value, level) => (level === 0 ? value : ANY) };
  }
}
