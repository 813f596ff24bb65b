/**
 * How fast a budget is spent, and when it will be gone.
 *
 * @module
 */

/** Epsilon spent at a time. */
export interface SpentSample {
  readonly at: Date;
  readonly epsilon: number;
}

/** A forecast. `exhaustedAt: null`: not at this rate. */
export interface BudgetForecast {
  /** Over the short window, epsilon a day. */
  readonly burnPerDay: number;
  /** Over the long window. */
  readonly slowBurnPerDay: number;
  readonly remaining: number;
  readonly exhaustedAt: Date | null;
}

const HOUR_MS = 3600 * 1000;
const DAY_MS = 24 * HOUR_MS;
/** A burst shows in the short window, a steady leak in the long one. */
export const SHORT_WINDOW_MS = HOUR_MS;
export const LONG_WINDOW_MS = DAY_MS;

/** Epsilon a day over the last `windowMs`, from samples oldest first; 0 with fewer than two of them. */
export function computeBurnRate(
  samples: readonly SpentSample[],
  { at, windowMs }: { readonly at: Date; readonly windowMs: number },
): number {
  const since = at.getTime() - windowMs;
  // The last sample before the window says what was spent when it began.
  const before = samples.findLast((sample) => sample.at.getTime() < since);
  const within = samples.filter((sample) => sample.at.getTime() >= since && sample.at <= at);
  const first = before ?? within[0];
  const last = within.at(-1);
  if (first === undefined || last === undefined || last === first) return 0;
  const startMs = Math.max(first.at.getTime(), since);
  const spanMs = at.getTime() - startMs;
  return spanMs <= 0 ? 0 : (Math.max(0, last.epsilon - first.epsilon) * DAY_MS) / spanMs;
}

/**
 * Forecasts when a budget is exhausted: the remaining epsilon at the faster of the two rates. Epsilon grows less than
 * linearly under composition, so the day is rather too early than too late.
 */
export function forecastExhaustion(
  samples: readonly SpentSample[],
  { at, limit }: { readonly at: Date; readonly limit: number },
): BudgetForecast {
  const burnPerDay = computeBurnRate(samples, { at, windowMs: SHORT_WINDOW_MS });
  const slowBurnPerDay = computeBurnRate(samples, { at, windowMs: LONG_WINDOW_MS });
  const remaining = Math.max(0, limit - (samples.at(-1)?.epsilon ?? 0));
  const rate = Math.max(burnPerDay, slowBurnPerDay);
  if (remaining === 0) return { burnPerDay, slowBurnPerDay, remaining, exhaustedAt: at };
  const days = remaining / rate;
  // Beyond a century nobody plans, and dates end at 8.64e15 ms.
  const exhaustedAt = rate > 0 && days < 36_525 ? new Date(at.getTime() + days * DAY_MS) : null;
  return { burnPerDay, slowBurnPerDay, remaining, exhaustedAt };
}
