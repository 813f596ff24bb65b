/**
 * Privacy filters: budgets for analysts who choose what to run next after seeing what came out. An accountant counts a
 * sequence of mechanisms fixed beforehand; when the *parameters* depend on earlier outputs, only a filter that decides at
 * one fixed order keeps the guarantee ([FZ21] theorem 3.1, arXiv 2008.11193 v4; [Lec21]).
 *
 * @module
 */

import { assertInteger, assertNonNegative } from '../../../foundations/numerics/index.ts';
import { AccountingError } from '../errors.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { computeEventCurve } from '../rdp/event-curve.ts';

/** A budget of Rényi divergence at one order. */
export interface PrivacyFilter {
  readonly order: number;
  /** The divergence allowed in all. */
  readonly allowance: number;
  /** The divergence admitted so far. */
  spent(): number;
  /** Tells whether an event would still be admitted. */
  admits(event: DpEvent, count?: number): boolean;
  /**
   * Takes an event before it is run.
   * @throws {AccountingError} 'accounting/budget-exceeded' when it does not fit; nothing is taken then.
   */
  admit(event: DpEvent, count?: number): void;
}

/** A target for everything admitted. */
export interface FilterOptions {
  readonly epsilon: number;
  readonly delta: number;
  readonly relation: NeighboringRelation;
  /** The order to decide at, fixed for good. By default the one that admits most of `typical`, or of a Gaussian. */
  readonly order?: number;
  /** An event of the kind that will be run. */
  readonly typical?: DpEvent | undefined;
}

/** The divergence at an order that [CKS20] proposition 12 turns into exactly (epsilon, delta); may be negative. */
export function computeRenyiAllowance({
  epsilon,
  delta,
  order,
}: {
  readonly epsilon: number;
  readonly delta: number;
  readonly order: number;
}): number {
  return epsilon - Math.log1p(-1 / order) + Math.log(delta * order) / (order - 1);
}

const CANDIDATES = Array.from({ length: 400 }, (_, i) => 1 + 10 ** (-1.5 + i * 0.0115));

/**
 * Creates a filter.
 * **Guarantee**: whatever is admitted, in whatever way events were chosen from earlier outputs, is (epsilon, delta)-DP as
 * a whole, under the relation.
 */
export function createPrivacyFilter({ epsilon, delta, relation, order, typical }: FilterOptions): PrivacyFilter {
  assertNonNegative(epsilon, 'epsilon');
  if (!(delta > 0 && delta < 1)) throw new RangeError(`"delta" must be a number in (0, 1), got ${delta}`);
  const at = order ?? chooseOrder({ epsilon, delta, relation, typical });
  if (!(at > 1 && at < Infinity)) throw new RangeError(`"order" must be a finite number > 1, got ${at}`);
  const allowance = Math.max(0, computeRenyiAllowance({ epsilon, delta, order: at }));
  let spent = 0;
  const costOf = (event: DpEvent, count: number): number => {
    assertInteger(count, 'count');
    const { rdp, failure } = computeEventCurve(event, { orders: [at], relation });
    // An outright failure is no divergence.
    return count === 0 ? 0 : failure > 0 ? Infinity : count * (rdp[0] as number);
  };
  const filter: PrivacyFilter = {
    order: at,
    allowance,
    spent: () => spent,
    admits: (event, count = 1) => spent + costOf(event, count) <= allowance,
    admit(event, count = 1) {
      const after = spent + costOf(event, count);
      if (!(after <= allowance)) {
        throw new AccountingError(
          'accounting/budget-exceeded',
          `this event would bring the divergence at order ${at} to ${after} of ${allowance}; nothing was run`,
          { details: { order: at, after, allowance } },
        );
      }
      spent = after;
    },
  };
  return filter;
}

function chooseOrder({ epsilon, delta, relation, typical }: Omit<FilterOptions, 'order'>): number {
  const orders = CANDIDATES;
  const costs =
    typical === undefined ? Float64Array.from(orders) : computeEventCurve(typical, { orders, relation }).rdp;
  let best = { order: 2, times: -Infinity };
  orders.forEach((order, i) => {
    const times = computeRenyiAllowance({ epsilon, delta, order }) / (costs[i] as number);
    if (times > best.times) best = { order, times };
  });
  return best.order;
}
