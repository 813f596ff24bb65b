/**
 * What every mechanism is: one object that runs, says what it guarantees and issues the event that is charged for a
 * run, so that it cannot run and be accounted for as something else.
 *
 * @module
 */

import type { DpEvent, NeighboringRelation } from '../accounting/index.ts';

/** What a mechanism promises for one run. */
export interface Guarantee {
  /** `pure`: ε-DP. `approximate`: (ε, δ)-DP. `zcdp`: ρ-zCDP. `renyi`: what the accountant computes from the event. */
  readonly measure: 'pure' | 'approximate' | 'zcdp' | 'renyi';
  readonly epsilon?: number;
  readonly delta?: number;
  readonly rho?: number;
  /** The neighbouring relations under which the numbers hold as they stand; the accountant knows the others. */
  readonly relations: readonly NeighboringRelation[];
  /** What must be true of the input; the mechanism enforces what it can see. */
  readonly precondition: string;
  /** Keys of docs/REFERENCES.md, with section. */
  readonly source: string;
}

/** One mechanism. Its own methods run it; every run costs `event()`. */
export interface Mechanism<Kind extends string = string> {
  readonly kind: Kind;
  readonly guarantee: Guarantee;
  /** The event that one run is charged. */
  event(): DpEvent;
}

/**
 * The relations under which the stated numbers of noise on a sum hold. Under replace-one the sensitivity doubles; the
 * accountants count that from the event.
 */
export const ADDITIVE_RELATIONS: readonly NeighboringRelation[] = ['add-or-remove-one', 'zero-out'];
/** What one respondent says about a value of their own: it is replaced, never absent. */
export const LOCAL_RELATIONS: readonly NeighboringRelation[] = ['replace-one'];
