/**
 * The Rényi accountant.
 *
 * @module
 */

import { assertInteger, assertNonNegative, assertProbability } from '../../../foundations/numerics/index.ts';
import { type Accountant, type Interval, isCounted } from '../accountant.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { encodeEvent } from '../events/json.ts';
import { type ConvertedBound, convertToDelta, convertToEpsilon } from './conversion.ts';
import { type EventCurve, sumCurves } from './curve.ts';
import { computeEventCurve } from './event-curve.ts';
import { DEFAULT_ORDERS } from './orders.ts';

/** How a Rényi accountant is set up. */
export interface RdpAccountantOptions {
  readonly relation: NeighboringRelation;
  /** Orders > 1. Without them the default set is used, and pure guarantees cap the answer. */
  readonly orders?: readonly number[];
}

/** An accountant that also says which order gave an answer. */
export interface RdpAccountant extends Accountant {
  readonly orders: readonly number[];
  clone(): RdpAccountant;
  /** Returns the composed divergences at `orders`. */
  rdp(): Float64Array;
  /** Returns epsilon at a delta and the order that gave it; order 0 when the pure guarantees did. */
  epsilonAndOrder(delta: number): ConvertedBound;
  /** Returns delta at an epsilon and the order that gave it. */
  deltaAndOrder(epsilon: number): ConvertedBound;
}

/**
 * Creates an accountant that adds Rényi divergences order by order [Mir17] and converts by [CKS20] proposition 12.
 *
 * **Guarantee**: an upper bound. With the default orders the answer never exceeds the plain sum of pure epsilons; with
 * orders of the caller's it is the bound of exactly these orders. Events that may fail outright (epsilonDelta) compose
 * their deltas as 1 − Π(1 − δᵢ).
 */
export function createRdpAccountant({ relation, orders = DEFAULT_ORDERS }: RdpAccountantOptions): RdpAccountant {
  if (orders.length === 0 || orders.some((order) => !(order > 1 && order < Infinity))) {
    throw new RangeError('"orders" must be finite numbers > 1');
  }
  return build({ relation, orders, curves: new Map() }, sumCurves([], orders.length));
}

/** What an accountant and its clones share. */
interface Shared {
  readonly relation: NeighboringRelation;
  readonly orders: readonly number[];
  readonly curves: Map<string, EventCurve>;
}

function build(shared: Shared, start: EventCurve): RdpAccountant {
  const { relation, orders, curves } = shared;
  const capped = orders === DEFAULT_ORDERS;
  let total = start;

  const curveOf = (event: DpEvent): EventCurve => {
    const key = encodeEvent(event);
    const curve = curves.get(key) ?? computeEventCurve(event, { orders, relation });
    curves.set(key, curve);
    return curve;
  };

  const accountant: RdpAccountant = {
    name: 'rdp',
    relation,
    approximate: false,
    orders,
    rdp: () => total.rdp.slice(),
    supports: (event) => isCounted(() => curveOf(event)),
    compose(event, count = 1) {
      assertInteger(count, 'count');
      total = sumCurves(
        [
          [total, 1],
          [curveOf(event), count],
        ],
        orders.length,
      );
    },
    clone: () => build(shared, total),
    epsilonAndOrder(delta) {
      assertProbability(delta, 'delta');
      // 1 − (1 − delta') · Π(1 − δᵢ) = delta.
      const left = -Math.expm1(Math.log1p(-delta) + total.failure);
      if (left < 0) return { value: Infinity, order: 0 };
      const bound = convertToEpsilon({ orders, rdp: total.rdp }, left);
      return capped && total.pureEpsilon < bound.value ? { value: total.pureEpsilon, order: 0 } : bound;
    },
    deltaAndOrder(epsilon) {
      assertNonNegative(epsilon, 'epsilon');
      const bound = convertToDelta({ orders, rdp: total.rdp }, epsilon);
      const inner = capped && epsilon >= total.pureEpsilon ? { value: 0, order: 0 } : bound;
      const value = -Math.expm1(Math.log1p(-Math.min(1, inner.value)) - total.failure);
      return { value, order: inner.order };
    },
    epsilon: (delta) => accountant.epsilonAndOrder(delta).value,
    delta: (epsilon) => accountant.deltaAndOrder(epsilon).value,
    epsilonInterval: (delta): Interval => ({ lower: 0, upper: accountant.epsilon(delta) }),
    deltaInterval: (epsilon): Interval => ({ lower: 0, upper: accountant.delta(epsilon) }),
  };
  return accountant;
}
