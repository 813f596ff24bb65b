/**
 * The accountant of privacy loss distributions, with bounds on both sides.
 *
 * @module
 */

import { assertInteger, assertNonNegative, assertProbability } from '../../../foundations/numerics/index.ts';
import { type Accountant, assertFixedOrderRelation, type Interval, isCounted } from '../accountant.ts';
import type { DpEvent, NeighboringRelation } from '../events/event.ts';
import { encodeEvent } from '../events/json.ts';
import { expandBandedMatrixFactorization } from '../events/expand.ts';
import { findLossModel, type LossModel } from './loss-model.ts';
import { type Charge, solveDelta, type SolvedEpsilon, solveEpsilon } from './solve.ts';

/** How exact an answer has to be: the width of the interval for epsilon, and for delta relative to it. */
export interface PldTolerance {
  readonly epsilon?: number;
  readonly delta?: number;
}

/** How a PLD accountant is set up. */
export interface PldAccountantOptions {
  readonly relation: NeighboringRelation;
  readonly tolerance?: PldTolerance;
  /** A grid's width to use as it is: then only upper bounds on epsilon are computed. For repeated questions that differ little. */
  readonly step?: number | undefined;
}

/** An accountant that also says how fine a grid an answer took. */
export interface PldAccountant extends Accountant {
  clone(): PldAccountant;
  /** Bounds epsilon at a delta; `step` is the grid's width, undefined where a closed form was enough. */
  solve(delta: number): SolvedEpsilon;
}

/** One event of the composition and how often it was applied. */
interface Entry {
  readonly event: DpEvent;
  readonly count: number;
}

/** Default width of an epsilon interval; for small epsilons the same share of it. */
const EPSILON_TOLERANCE = 5e-4;
/** Default width of a delta interval, relative. */
const DELTA_TOLERANCE = 1e-3;

/**
 * Creates an accountant that composes privacy loss distributions [SMM19] [KJH20], discretised from above by connecting
 * the dots [DGKKM22] and from below by merging outcomes, on a grid fine enough for the tolerance asked for.
 *
 * **Guarantee**: `epsilon` and `delta` are upper bounds for adaptive composition, rounding errors of the transform
 * included; the `…Interval` forms add a lower bound on what the same events can cost, 0 where an event is only dominated.
 */
export function createPldAccountant({ relation, tolerance = {}, step }: PldAccountantOptions): PldAccountant {
  return build({ relation, tolerance, step, models: new Map() }, new Map(), false);
}

interface Shared {
  readonly relation: NeighboringRelation;
  readonly tolerance: PldTolerance;
  readonly step: number | undefined;
  readonly models: Map<string, LossModel>;
}

function build(shared: Shared, start: ReadonlyMap<string, Entry>, startNonPrivate: boolean): PldAccountant {
  const { relation, tolerance } = shared;
  let entries = new Map(start);
  let nonPrivate = startNonPrivate;

  const modelOf = (key: string, { event, count }: Entry): LossModel => {
    const name = `${count} × ${key}`;
    const model = shared.models.get(name) ?? findLossModel(event, { relation, count });
    shared.models.set(name, model);
    return model;
  };

  /** Adds an event with everything inside it; the maps are replaced only when all of it is supported. */
  const add = (into: { entries: Map<string, Entry>; nonPrivate: boolean }, event: DpEvent, count: number): void => {
    if (count === 0) {
      check(event);
      return;
    }
    switch (event.kind) {
      case 'noOp':
        return;
      case 'nonPrivate':
        into.nonPrivate = true;
        return;
      case 'composed':
        for (const part of event.events) add(into, part, count);
        return;
      case 'selfComposed':
        add(into, event.event, count * event.count);
        return;
      case 'fixedOrderEpoch':
        assertFixedOrderRelation(event, relation);
        add(into, event.event, count);
        return;
      case 'bandedMatrixFactorization':
        add(into, expandBandedMatrixFactorization(event), count);
        return;
      default: {
        const key = encodeEvent(event);
        const entry = { event, count: count + (into.entries.get(key)?.count ?? 0) };
        modelOf(key, entry);
        into.entries.set(key, entry);
      }
    }
  };
  const check = (event: DpEvent): void => add({ entries: new Map(), nonPrivate: false }, event, 1);

  const charges = (): Charge[] =>
    [...entries].map(([key, entry]) => ({ model: modelOf(key, entry), count: entry.count }));

  const accountant: PldAccountant = {
    name: 'pld',
    relation,
    approximate: false,
    clone: () => build(shared, entries, nonPrivate),
    supports: (event) => isCounted(() => check(event)),
    compose(event, count = 1) {
      assertInteger(count, 'count');
      const into = { entries: new Map(entries), nonPrivate };
      add(into, event, count);
      ({ entries, nonPrivate } = into);
    },
    solve(delta) {
      assertProbability(delta, 'delta');
      if (nonPrivate && delta < 1) return { lower: Infinity, upper: Infinity };
      return solveEpsilon(charges(), delta, { tolerance: tolerance.epsilon ?? EPSILON_TOLERANCE, step: shared.step });
    },
    epsilonInterval(delta) {
      const { lower, upper } = accountant.solve(delta);
      return { lower, upper };
    },
    deltaInterval(epsilon): Interval {
      assertNonNegative(epsilon, 'epsilon');
      if (nonPrivate) return { lower: 1, upper: 1 };
      return solveDelta(charges(), epsilon, tolerance.delta ?? DELTA_TOLERANCE);
    },
    epsilon: (delta) => accountant.epsilonInterval(delta).upper,
    delta: (epsilon) => accountant.deltaInterval(epsilon).upper,
  };
  return accountant;
}
