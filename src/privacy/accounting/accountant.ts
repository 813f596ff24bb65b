/**
 * What every accountant offers: compose events, then ask for epsilon at a delta or delta at an epsilon. An accountant
 * says no to an event it has no sound bound for, before anything is composed.
 *
 * @module
 */

import { AccountingError } from './errors.ts';
import { encodeEvent } from './events/json.ts';
import type { DpEvent, NeighboringRelation } from './events/event.ts';

/** The accountants by name. */
export type AccountantName = 'rdp' | 'pld' | 'zcdp' | 'gdp';

/** A guarantee with the span in which the true value lies; `lower` is 0 where an accountant proves only an upper bound. */
export interface Interval {
  readonly lower: number;
  readonly upper: number;
}

/**
 * Counts what a sequence of events costs.
 * **Guarantee**: `epsilon` and `delta` are upper bounds for the adaptive composition of everything composed, under the
 * accountant's relation. Not covered: anything that was done and not composed.
 */
export interface Accountant {
  readonly name: AccountantName;
  readonly relation: NeighboringRelation;
  /** True when the figures are an approximation and no bound. */
  readonly approximate: boolean;
  /** Tells whether an event, with everything inside it, can be counted. */
  supports(event: DpEvent): boolean;
  /**
   * Adds `count` applications of an event.
   * @throws {AccountingError} 'accounting/unsupported-event' or 'accounting/unknown-relation'; nothing is added then.
   */
  compose(event: DpEvent, count?: number): void;
  /** Returns an independent accountant with the same composed events, sharing what was computed. */
  clone(): Accountant;
  /** Returns the epsilon spent at a delta in [0, 1], rounded up. */
  epsilon(delta: number): number;
  /** Returns the delta spent at an epsilon ≥ 0, rounded up. */
  delta(epsilon: number): number;
  /** Returns both bounds on the epsilon spent at a delta. */
  epsilonInterval(delta: number): Interval;
  /** Returns both bounds on the delta spent at an epsilon. */
  deltaInterval(epsilon: number): Interval;
}

/** The refusal of an event, naming it and why. */
export function unsupportedEvent(accountant: string, event: DpEvent, why: string): AccountingError {
  return new AccountingError(
    'accounting/unsupported-event',
    `the ${accountant} accountant refuses ${encodeEvent(event)}: ${why}`,
    {
      details: { kind: event.kind, accountant },
    },
  );
}

/** The refusal of an event under a relation that means nothing for it. */
export function unknownRelation(event: DpEvent, relation: NeighboringRelation, why: string): AccountingError {
  return new AccountingError('accounting/unknown-relation', `${encodeEvent(event)} under ${relation}: ${why}`, {
    details: { kind: event.kind, relation },
  });
}

/** Tells whether an event can be counted by counting it: what is asked cannot then disagree with what is done. */
export function isCounted(count: () => unknown): boolean {
  try {
    count();
    return true;
  } catch (error) {
    if (error instanceof AccountingError) return false;
    throw error;
  }
}

/** @throws {AccountingError} 'accounting/unknown-relation' for batches in a fixed order under add-or-remove-one. */
export function assertFixedOrderRelation(event: DpEvent, relation: NeighboringRelation): void {
  if (relation !== 'add-or-remove-one') return;
  throw unknownRelation(
    event,
    relation,
    'one record more or less moves every later batch; use zero-out or replace-one',
  );
}
