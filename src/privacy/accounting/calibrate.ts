/**
 * Solving for one parameter so that a target (epsilon, delta) is met.
 *
 * @module
 */

import {
  assertInteger,
  assertNonNegative,
  assertProbability,
  narrowBracket,
} from '../../foundations/numerics/index.ts';
import { createAccountant } from './create-accountant.ts';
import { AccountingError } from './errors.ts';
import type { DpEvent, NeighboringRelation } from './events/event.ts';
import { createPldAccountant } from './pld/pld-accountant.ts';
import { createRdpAccountant } from './rdp/rdp-accountant.ts';

/** The accountants that can calibrate. */
export type CalibrationAccountant = 'rdp' | 'pld';

/** What is asked of a calibration. */
export interface CalibrationTarget {
  readonly epsilon: number;
  readonly delta: number;
  readonly relation: NeighboringRelation;
  readonly accountant: CalibrationAccountant;
}

/** How the parameter acts, and where it is looked for. */
export interface ParameterSearch {
  readonly event: (value: number) => DpEvent;
  /** Whether a larger value costs less (`safer`, as noise does) or more (`costlier`, as a sampling rate does). */
  readonly increasing: 'safer' | 'costlier';
  readonly range: { readonly low: number; readonly high: number };
  /** Where the search begins. */
  readonly start?: number;
}

/**
 * Finds the smallest noise multiplier, rounded up to seven significant digits (five by the pld accountant), at which the
 * events meet the target.
 *
 * **Guarantee**: the accountant's epsilon at the answer is at most `epsilon`.
 * @param options - `event` makes the whole run from a noise multiplier; a larger one must not cost more.
 * @throws {AccountingError} 'accounting/calibration-failed' when none in [1e-3, 1e9] meets it.
 */
export function calibrateNoiseMultiplier({
  event,
  ...target
}: CalibrationTarget & { readonly event: (noiseMultiplier: number) => DpEvent }): number {
  return calibrateParameter({ ...target, event, increasing: 'safer', range: { low: 1e-3, high: 1e9 }, start: 1 });
}

/** Finer differences of a parameter mean nothing; the pld accountant's own grid moves the sixth digit. */
const SIGNIFICANT_DIGITS: Readonly<Record<CalibrationAccountant, number>> = { rdp: 7, pld: 5 };

/**
 * Finds the value of any one real parameter at which the events just meet the target, rounded to the safe side.
 * @throws {AccountingError} 'accounting/calibration-failed' when no value in the range meets it.
 */
export function calibrateParameter(search: CalibrationTarget & ParameterSearch): number {
  const { event, increasing, range, start = Math.sqrt(range.low * range.high), ...target } = search;
  assertNonNegative(target.epsilon, 'epsilon');
  assertProbability(target.delta, 'delta');
  const sign = increasing === 'safer' ? 1 : -1;
  const problem: Problem = { ...target, event: (x) => event(Math.exp(sign * x)) };
  const ends = [sign * Math.log(range.low), sign * Math.log(range.high)].sort((a, b) => a - b) as [number, number];
  const limits = { low: ends[0], high: ends[1], range };
  const guess = Math.min(Math.max(sign * Math.log(start), ends[0]), ends[1]);
  const x =
    target.accountant === 'rdp' ? bracketAndNarrow(problem, { limits, guess }) : solveByPld(problem, { limits, guess });
  return roundToSafety(Math.exp(sign * x), {
    sign,
    digits: SIGNIFICANT_DIGITS[target.accountant],
    range,
    holds: (value) => epsilonOf(event(value), target) <= target.epsilon,
  });
}

/** A calibration in x = ±log(value), where a larger x is always safer and epsilon is close to linear in log-log scale. */
interface Problem extends CalibrationTarget {
  readonly event: (x: number) => DpEvent;
}

interface Limits {
  readonly low: number;
  readonly high: number;
  readonly range: { readonly low: number; readonly high: number };
}

function epsilonOf(event: DpEvent, target: CalibrationTarget): number {
  const accountant = createAccountant(target);
  accountant.compose(event);
  return accountant.epsilon(target.delta);
}

/** Finds x with epsilon(x) ≤ target, to 1e-8 of the crossing. */
function bracketAndNarrow(
  problem: Problem,
  {
    limits,
    guess,
    tolerance = 1e-8,
    stride = Math.LN2,
  }: { readonly limits: Limits; readonly guess: number; readonly tolerance?: number; readonly stride?: number },
): number {
  const excess = (x: number): number => epsilonOf(problem.event(x), problem) - problem.epsilon;
  let high = guess;
  let low = guess;
  let step = stride;
  while (excess(high) > 0) {
    if (high >= limits.high) throw calibrationFailed(problem, limits.range);
    low = high;
    high = Math.min(high + step, limits.high);
    step *= 2;
  }
  if (low === high) {
    step = stride;
    do {
      if (low <= limits.low) return low;
      high = low;
      low = Math.max(low - step, limits.low);
      step *= 2;
    } while (excess(low) <= 0);
  }
  return narrowBracket(excess, { low, high }, { tolerance }).high;
}

/** How close log epsilon has to come to the target's before the rounding takes over. */
const CLOSE = 2e-6;

/**
 * The same with the pld accountant, in a tenth of the time: the Rényi accountant says where to begin, one full answer says
 * how fine a grid is needed there, and a secant runs on that grid with upper bounds alone.
 */
function solveByPld(problem: Problem, { limits, guess }: { readonly limits: Limits; readonly guess: number }): number {
  let x = guess;
  try {
    x = bracketAndNarrow({ ...problem, accountant: 'rdp' }, { limits, guess, tolerance: 1e-3 });
  } catch (error) {
    if (!(error instanceof AccountingError)) throw error;
  }
  const { relation, delta, epsilon: goal } = problem;
  const solveAt = (at: number, step?: number): { readonly upper: number; readonly step?: number } => {
    const accountant = createPldAccountant({ relation, step });
    accountant.compose(problem.event(at));
    return accountant.solve(delta);
  };
  const first = solveAt(x);
  // Without a usable start, or without a grid (closed forms are cheap), bracket instead.
  if (!(first.upper > 0 && first.upper < Infinity && goal > 0) || first.step === undefined) {
    return bracketAndNarrow(problem, { limits, guess: x });
  }
  let gap = Math.log(first.upper / goal);
  let last = { x, gap };
  x += gap / 1.5;
  for (let round = 0; round < 12; round += 1) {
    if (x < limits.low || x > limits.high) break;
    const { upper } = solveAt(x, first.step);
    gap = Math.log(upper / goal);
    if (Math.abs(gap) < CLOSE) return x;
    const slope = (gap - last.gap) / (x - last.x);
    if (!(slope < -1e-3)) break;
    last = { x, gap };
    x -= Math.max(-1, Math.min(1, gap / slope));
  }
  return bracketAndNarrow(problem, { limits, guess: last.x, tolerance: 1e-5, stride: 0.01 });
}

/** Rounds to the first value on a decimal grid, seen from the costly side, at which the target holds. */
function roundToSafety(
  value: number,
  {
    sign,
    digits,
    range,
    holds,
  }: {
    readonly sign: 1 | -1;
    readonly digits: number;
    readonly range: Limits['range'];
    readonly holds: (value: number) => boolean;
  },
): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) + 1 - digits);
  const onGrid = (cells: number): number => Number((cells * unit).toPrecision(digits + 1));
  let cells = sign * Math.ceil((sign * value) / unit - 1e-6);
  const safe = (at: number): boolean => onGrid(at) >= range.low && onGrid(at) <= range.high && holds(onGrid(at));
  let stride = 1;
  let failed = false;
  while (!safe(cells)) {
    failed = true;
    cells += sign * stride;
    stride *= 2;
    if (stride > 2 ** 12) {
      throw new AccountingError('accounting/no-convergence', `no rounding of ${value} meets the target`);
    }
  }
  // A cell back is worth a try; after a failure it was tried.
  while (!failed && safe(cells - sign)) cells -= sign;
  return onGrid(cells);
}

function calibrationFailed(target: CalibrationTarget, range: Limits['range']): AccountingError {
  return new AccountingError(
    'accounting/calibration-failed',
    `no value in [${range.low}, ${range.high}] meets epsilon ${target.epsilon} at delta ${target.delta}; raise epsilon or shorten the run`,
    { details: { epsilon: target.epsilon, delta: target.delta } },
  );
}

/**
 * Finds the largest number of repetitions that meets the target; 0 when not even one does.
 * @param options - `event` is one repetition, or makes the whole run from their number, of which more must not cost less;
 * `limit` is the largest number asked about.
 */
export function calibrateCount({
  event,
  limit = 2 ** 40,
  ...target
}: CalibrationTarget & {
  readonly event: DpEvent | ((count: number) => DpEvent);
  readonly limit?: number;
}): number {
  assertInteger(limit, 'limit', { min: 1 });
  const meets = (count: number, accountant: CalibrationAccountant = target.accountant): boolean => {
    const spent = createAccountant({ ...target, accountant });
    if (typeof event === 'function') spent.compose(event(count));
    else spent.compose(event, count);
    return spent.epsilon(target.delta) <= target.epsilon;
  };
  // What the quick accountant allows the tight one allows too, nearly always; it is asked again in any case.
  const quick =
    target.accountant === 'pld' && createRdpAccountant(target).supports(typeof event === 'function' ? event(1) : event);
  const low = quick ? largestCount((count) => meets(count, 'rdp'), { from: 0, limit }) : 0;
  return largestCount(meets, { from: low > 0 && meets(low) ? low : 0, limit });
}

/** Finds the largest count that meets a condition which fails from some count on, known to hold at `from`. */
function largestCount(
  meets: (count: number) => boolean,
  { from, limit }: { readonly from: number; readonly limit: number },
): number {
  let low = from;
  let stride = Math.max(1, Math.floor(from / 16));
  while (low < limit && meets(Math.min(limit, low + stride))) {
    low = Math.min(limit, low + stride);
    stride *= 2;
  }
  let high = Math.min(limit + 1, low + stride);
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (meets(middle)) low = middle;
    else high = middle;
  }
  return low;
}
