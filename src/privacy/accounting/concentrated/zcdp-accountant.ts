/**
 * The accountant of zero-concentrated differential privacy: two numbers add up, and the conversion takes the best order of
 * a continuum.
 *
 * @module
 */

import { assertInteger, assertNonNegative, assertProbability } from '../../../foundations/numerics/index.ts';
import { type Accountant, assertFixedOrderRelation, isCounted, unsupportedEvent } from '../accountant.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { computeEventCurve } from '../rdp/event-curve.ts';
import { computeTau } from '../rdp/distributed-noise.ts';
import { sensitivityFactor } from '../relation.ts';

/** A (xi, rho) guarantee: Rényi divergence at most xi + rho·alpha at every order. */
export interface Concentration {
  readonly xi: number;
  readonly rho: number;
}

/** An accountant that also states its (xi, rho). */
export interface ZcdpAccountant extends Accountant {
  clone(): ZcdpAccountant;
  concentration(): Concentration;
}

/**
 * Creates an accountant of zCDP [BS16].
 * **Guarantee**: an upper bound, for events that have a finite (xi, rho); sampling has none and is refused.
 */
export function createZcdpAccountant({ relation }: { readonly relation: NeighboringRelation }): ZcdpAccountant {
  return build(relation, { xi: 0, rho: 0 });
}

function build(relation: NeighboringRelation, start: Concentration): ZcdpAccountant {
  let total = start;
  const accountant: ZcdpAccountant = {
    name: 'zcdp',
    relation,
    approximate: false,
    clone: () => build(relation, total),
    concentration: () => total,
    supports: (event) => isCounted(() => concentrate(event, relation)),
    compose(event, count = 1) {
      assertInteger(count, 'count');
      const { xi, rho } = concentrate(event, relation);
      if (count > 0) total = { xi: total.xi + count * xi, rho: total.rho + count * rho };
    },
    epsilon(delta) {
      assertProbability(delta, 'delta');
      return convertToEpsilon(total, delta);
    },
    delta(epsilon) {
      assertNonNegative(epsilon, 'epsilon');
      return convertToDelta(total, epsilon);
    },
    epsilonInterval: (delta) => ({ lower: 0, upper: accountant.epsilon(delta) }),
    deltaInterval: (epsilon) => ({ lower: 0, upper: accountant.delta(epsilon) }),
  };
  return accountant;
}

/** Finds the (xi, rho) of an event. */
function concentrate(event: DpEvent, relation: NeighboringRelation): Concentration {
  const factor = sensitivityFactor(relation);
  switch (event.kind) {
    case 'noOp':
      return { xi: 0, rho: 0 };
    case 'nonPrivate':
      return { xi: 0, rho: Infinity };
    case 'zeroConcentrated':
      return { xi: event.xi, rho: event.rho };
    case 'gaussian':
    case 'matrixFactorization':
    case 'discreteGaussian':
    case 'treeAggregation':
      // Their curves are straight lines through zero.
      return { xi: 0, rho: (computeEventCurve(event, { orders: [2], relation }).rdp[0] as number) / 2 };
    case 'distributedDiscreteGaussian': {
      const { rdp } = computeEventCurve(event, { orders: [2], relation });
      const slope = (factor * event.l2Sensitivity) ** 2 / (2 * event.shares * event.shareVariance);
      // The bound αΔ²/2 + τd of the three, at any order.
      return Number.isFinite(rdp[0] as number)
        ? { xi: computeTau(event.shares, event.shareVariance) * event.dimension, rho: slope }
        : { xi: 0, rho: Infinity };
    }
    case 'exponential':
      // [CR21] section 3: an ε-bounded-range mechanism is ε²/8-zCDP.
      return { xi: 0, rho: event.epsilon ** 2 / 8 };
    case 'laplace':
    case 'discreteLaplace':
    case 'permuteAndFlip':
    case 'randomizedResponse':
    case 'epsilonDelta': {
      const { pureEpsilon, failure } = computeEventCurve(event, { orders: [2], relation });
      if (failure > 0) throw unsupportedEvent('zcdp', event, 'an outright failure has no divergence');
      // [BS16] proposition 4: ε-DP is ε²/2-zCDP.
      return { xi: 0, rho: pureEpsilon ** 2 / 2 };
    }
    case 'fixedOrderEpoch':
      assertFixedOrderRelation(event, relation);
      return concentrate(event.event, relation);
    case 'composed':
      return event.events
        .map((part) => concentrate(part, relation))
        .reduce((sum, part) => ({ xi: sum.xi + part.xi, rho: sum.rho + part.rho }), { xi: 0, rho: 0 });
    case 'selfComposed': {
      const { xi, rho } = concentrate(event.event, relation);
      return event.count === 0 ? { xi: 0, rho: 0 } : { xi: event.count * xi, rho: event.count * rho };
    }
    default:
      throw unsupportedEvent('zcdp', event, 'it is not concentrated; ask rdp or pld');
  }
}

/** Minimises a convex function of the order over (1, ∞), by golden sections of log(α − 1). */
function minimiseOverOrders(f: (alpha: number) => number): number {
  const ratio = (Math.sqrt(5) - 1) / 2;
  let a = -20;
  let b = 40;
  let best = Infinity;
  for (let i = 0; i < 120; i += 1) {
    const x = b - ratio * (b - a);
    const y = a + ratio * (b - a);
    const fx = f(1 + Math.exp(x));
    const fy = f(1 + Math.exp(y));
    best = Math.min(best, fx, fy);
    if (fx <= fy) b = y;
    else a = x;
  }
  return best;
}

function convertToEpsilon({ xi, rho }: Concentration, delta: number): number {
  if (rho === 0 && xi === 0) return 0;
  if (delta === 0 || rho === Infinity) return delta >= 1 ? 0 : Infinity;
  // [CKS20] proposition 12 at every order.
  const bound = minimiseOverOrders(
    (alpha) => xi + rho * alpha + Math.log1p(-1 / alpha) - Math.log(delta * alpha) / (alpha - 1),
  );
  return Math.max(0, bound);
}

function convertToDelta({ xi, rho }: Concentration, epsilon: number): number {
  if (rho === 0 && xi === 0) return 0;
  if (rho === Infinity) return 1;
  const log = minimiseOverOrders(
    (alpha) => (alpha - 1) * (xi + rho * alpha - epsilon + Math.log1p(-1 / alpha)) - Math.log(alpha),
  );
  return Math.min(1, Math.exp(log));
}
