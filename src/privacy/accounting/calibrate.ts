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

/** The accountants that can calibrate. */
export type CalibrationAccountant = 'rdp' | 'pld';

/** What is asked of a calibration. */
export interface CalibrationTarget {
  readonly epsilon: number;
  readonly delta: number;
  readonly relation: NeighboringRelation;
  readonly accountant: CalibrationAccountant;
}

/** Returns how far epsilon at the target's delta lies above the target, ∞ where there is no guarantee at all. */
function excess(event: DpEvent, target: CalibrationTarget): number {
  const accountant = createAccountant(target);
  accountant.compose(event);
  return accountant.epsilon(target.delta) - target.epsilon;
}

/** Finer differences of a parameter mean nothing. */
const SIGNIFICANT_DIGITS = 7;

/** The width of a cell of the grid of seven significant digits at a value. */
export function calibrationStep(value: number): number {
  return 10 ** (Math.floor(Math.log10(value)) + 1 - SIGNIFICANT_DIGITS);
}

/**
 * Finds the smallest noise multiplier, rounded up to seven significant digits, at which the events meet the target.
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
 * Finds the value of any one real parameter at which the events just meet the target, rounded to the safe side.
 * @throws {AccountingError} 'accounting/calibration-failed' when no value in the range meets it.
 */
export function calibrateParameter({
  event,
  increasing,
  range,
  start = Math.sqrt(range.low * range.high),
  ...target
}: CalibrationTarget & ParameterSearch): number {
  assertNonNegative(target.epsilon, 'epsilon');
  assertProbability(target.delta, 'delta');
  const sign = increasing === 'safer' ? 1 : -1;
  // In x = ±log(value) a larger x is always safer, and epsilon is close to linear in log-log scale.
  const at = (x: number): number => excess(event(Math.exp(sign * x)), target);
  const ends = [sign * Math.log(range.low), sign * Math.log(range.high)].sort((a, b) => a - b) as [number, number];
  let high = Math.min(Math.max(sign * Math.log(start), ends[0]), ends[1]);
  let low = high;
  let step = Math.LN2;
  while (at(high) > 0) {
    if (high >= ends[1]) throw calibrationFailed(target, range);
    low = high;
    high = Math.min(high + step, ends[1]);
    step *= 2;
  }
  step = Math.LN2;
  while (low === high || at(low) <= 0) {
    if (low <= ends[0]) break;
    high = low === high ? high : low;
    low = Math.max(low - step, ends[0]);
    step *= 2;
  }
  const bracket = at(low) <= 0 ? { low, high: low } : narrowBracket(at, { low, high }, { tolerance: 1e-8 });
  return roundToSafety(Math.exp(sign * bracket.high), { sign, holds: (value) => excess(event(value), target) <= 0 });
}

/** Rounds to the first value on the grid, seen from the costly side, at which the target holds. */
function roundToSafety(
  value: number,
  { sign, holds }: { readonly sign: 1 | -1; readonly holds: (value: number) => boolean },
): number {
  const unit = calibrationStep(value);
  const onGrid = (cells: number): number => Number((cells * unit).toPrecision(SIGNIFICANT_DIGITS + 1));
  let cells = sign * Math.ceil((sign * value) / unit);
  for (let tries = 0; tries < 8 && !holds(onGrid(cells)); tries += 1) cells += sign;
  if (!holds(onGrid(cells))) {
    throw new AccountingError('accounting/no-convergence', `no rounding of ${value} meets the target`);
  }
  while (holds(onGrid(cells - sign))) cells -= sign;
  return onGrid(cells);
}

function calibrationFailed(
  target: CalibrationTarget,
  range: { readonly low: number; readonly high: number },
): AccountingError {
  return new AccountingError(
    'accounting/calibration-failed',
    `no value in [${range.low}, ${range.high}] meets epsilon ${target.epsilon} at delta ${target.delta}; raise epsilon or shorten the run`,
    { details: { epsilon: target.epsilon, delta: target.delta } },
  );
}

/**
 * Finds the largest number of repetitions that meets the target; 0 when not even one does.
 * @param options - `event` is one repetition, `limit` the largest number asked about.
 */
export function calibrateCount({
  event,
  limit = 2 ** 40,
  ...target
}: CalibrationTarget & { readonly event: DpEvent; readonly limit?: number }): number {
  assertInteger(limit, 'limit', { min: 1 });
  const meets = (count: number): boolean => {
    const accountant = createAccountant(target);
    accountant.compose(event, count);
    return accountant.epsilon(target.delta) <= target.epsilon;
  };
  let high = 1;
  while (high <= limit && meets(high)) high *= 2;
  let low = Math.floor(high / 2);
  high = Math.min(high, limit + 1);
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    if (meets(middle)) low = middle;
    else high = middle;
  }
  return low;
}
