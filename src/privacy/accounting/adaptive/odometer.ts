/**
 * A privacy odometer: a running epsilon that holds at every moment of an adaptive analysis. It is a ladder of filters with
 * doubling budgets, each with its share of delta; the reading is the lowest rung that still admits everything run so far
 * ([Lec21] section 4). For show: it costs more than a filter fixed beforehand, and it stops nobody.
 *
 * @module
 */

import { assertInteger } from '../../../foundations/numerics/index.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { computeEventCurve } from '../rdp/event-curve.ts';
import { computeRenyiAllowance } from './filter.ts';

/** A running total. */
export interface PrivacyOdometer {
  /** Adds an event that is run. */
  record(event: DpEvent, count?: number): void;
  /** Returns an epsilon that holds, with the delta given, for everything recorded so far; ∞ beyond the last rung. */
  reading(): number;
}

const RUNGS = 24;

/**
 * Creates an odometer.
 * **Guarantee**: at any moment, chosen in any way, everything recorded is (reading, delta)-DP.
 * @param options - `least`: the lowest reading of interest; `delta`: for the whole life of the odometer.
 */
export function createPrivacyOdometer({
  delta,
  relation,
  least = 0.1,
}: {
  readonly delta: number;
  readonly relation: NeighboringRelation;
  readonly least?: number;
}): PrivacyOdometer {
  if (!(delta > 0 && delta < 1)) throw new RangeError(`"delta" must be a number in (0, 1), got ${delta}`);
  // Each rung decides at one order, the best for Gaussian-like costs at its budget.
  const rungs = Array.from({ length: RUNGS }, (_, k) => {
    const epsilon = least * 2 ** (k / 2);
    // The shares 6/(π²·(k+1)²) add up to less than one.
    const share = (delta * 6) / (Math.PI * (k + 1)) ** 2;
    const order =
      1 + (Math.log(1 / share) + Math.sqrt(Math.log(1 / share) ** 2 + epsilon * Math.log(1 / share))) / epsilon;
    return { epsilon, order, allowance: computeRenyiAllowance({ epsilon, delta: share, order }) };
  });
  const orders = rungs.map(({ order }) => order);
  const spent = new Float64Array(RUNGS);
  return {
    record(event, count = 1) {
      assertInteger(count, 'count');
      const { rdp, failure } = computeEventCurve(event, { orders, relation });
      for (let k = 0; k < RUNGS && count > 0; k += 1) {
        spent[k] = (spent[k] as number) + (failure > 0 ? Infinity : count * (rdp[k] as number));
      }
    },
    reading() {
      if (spent.every((value) => value === 0)) return 0;
      return rungs.find(({ allowance }, k) => (spent[k] as number) <= allowance)?.epsilon ?? Infinity;
    },
  };
}
