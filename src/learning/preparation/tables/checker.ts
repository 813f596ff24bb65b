/**
 * Checks one generalisation: its classes by roll-up from the smallest finer ones at hand, which of them fail the privacy
 * models, and what the release would lose.
 *
 * @module
 */

import type { Classes, ClassTable } from './classes.ts';
import type { BoundCriterion } from './criteria.ts';
import type { CodedHierarchy } from './hierarchy.ts';
import { createRollUp } from './roll-up.ts';

/** Classes kept for later roll-ups hold at most this many entries in all: 100 MB. */
const MAX_KEPT = 2 ** 22;

/** Checks generalisations of one table. */
export interface Checker {
  /** How many times classes were formed. */
  readonly checks: number;
  /** The classes under `levels`; `keep` remembers them for coarser ones. */
  classesAt(levels: Int32Array, options?: { keep?: boolean }): Classes;
  /** Rolls classes up that the caller holds. */
  rollFrom(classes: Classes, levels: Int32Array): Classes;
}

/** Creates a checker. */
export function createChecker(table: ClassTable, hierarchies: readonly CodedHierarchy[]): Checker {
  const rollUp = createRollUp(table, hierarchies);
  const kept: { levels: Int32Array; classes: Classes }[] = [];
  let entries = 0;
  let checks = 0;
  return {
    get checks() {
      return checks;
    },
    classesAt(levels, { keep = false } = {}) {
      checks += 1;
      let from = table.base;
      for (const { levels: lower, classes } of kept) {
        if (classes.size < from.size && isBelow(lower, levels)) from = classes;
      }
      const classes = rollUp.roll(from, levels);
      const size = sizeOf(classes);
      // Only what is much smaller than what it came from is worth a place.
      if (keep && entries + size <= MAX_KEPT && kept.length < 512 && classes.size * 5 < from.size * 4) {
        kept.push({ levels: levels.slice(), classes });
        entries += size;
      }
      return classes;
    },
    rollFrom(classes, levels) {
      checks += 1;
      return rollUp.roll(classes, levels);
    },
  };
}

function sizeOf({ size, sensitive }: Classes): number {
  return sensitive.reduce((sum, { values }) => sum + values.length, size);
}

function isBelow(lower: Int32Array, upper: Int32Array): boolean {
  for (let i = 0; i < lower.length; i += 1) if ((lower[i] as number) > (upper[i] as number)) return false;
  return true;
}

/** The rows of classes that fail a model, and a flag for each such class. */
export function findSuppressed(
  classes: Classes,
  { criteria, limit = Number.POSITIVE_INFINITY }: { criteria: readonly BoundCriterion[]; limit?: number },
): { rows: number; flags: Uint8Array } {
  const flags = new Uint8Array(classes.size);
  let rows = 0;
  for (let i = 0; i < classes.size && rows <= limit; i += 1) {
    const count = classes.counts[i] as number;
    if (count === 0) continue;
    for (const criterion of criteria) {
      if (criterion.passes(classes, i)) continue;
      flags[i] = 1;
      rows += count;
      break;
    }
  }
  return { rows, flags };
}
