/**
 * Alert rules as pure functions: an observation in, alerts out. Every rule has a default; a limit can be moved, a rule
 * cannot be switched off silently: what is off is listed.
 *
 * @module
 */

import type { Observation } from './observation.ts';

/** Codes of alerts; stable. */
export const ALERT_CODES = [
  'budget-spent',
  'budget-exhausted',
  'budget-burning',
  'noise-below-policy',
  'cohort-below-minimum',
  'dropouts',
  'rounds-aborting',
  'refusal-storm',
  'split-view',
  'clock-skew',
  'ledger-behind-log',
  'log-behind-ledger',
] as const;
/** What an alert is about. */
export type AlertCode = (typeof ALERT_CODES)[number];

/** How much it matters: `critical` wants somebody now. */
export type AlertSeverity = 'info' | 'warning' | 'critical';

/** Something that needs attention. */
export interface Alert {
  readonly code: AlertCode;
  readonly severity: AlertSeverity;
  readonly task: string;
  /** What of the task: a data set with its block and purpose, or empty. */
  readonly subject: string;
  readonly value: number;
  readonly limit: number;
  readonly detail: string;
  readonly at: Date;
}

/** Limits of the rules. */
export interface AlertRules {
  /** Shares of a budget, ascending; the last one is critical. */
  readonly budgetShares: readonly number[];
  /** Days before exhaustion at which the forecast warns. */
  readonly forecastDays: number;
  /** Share of a cohort that may drop out in one attempt. */
  readonly maxDropoutShare: number;
  /** Attempts that may abort in a row. */
  readonly maxAbortsInRow: number;
  readonly refusalsPerMinute: number;
  readonly clockRefusalsPerHour: number;
  /** Ledger records that may wait for the log. */
  readonly maxUnlogged: number;
  /** Rules that are off. */
  readonly off: readonly AlertCode[];
}

/** The defaults. */
export const DEFAULT_RULES: AlertRules = {
  budgetShares: [0.5, 0.8, 0.95],
  forecastDays: 7,
  maxDropoutShare: 0.3,
  maxAbortsInRow: 3,
  refusalsPerMinute: 60,
  clockRefusalsPerHour: 3,
  maxUnlogged: 4,
  off: [],
};

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** Names a budget: `dataset`, its block and its purpose. */
export function subjectOf({ dataset, timeBlock, purpose }: Observation['budgets'][number]): string {
  return [dataset, timeBlock, purpose].filter((part) => part !== null).join(' / ');
}

const percent = (share: number): string => `${(share * 100).toFixed(0)} %`;

function budgetAlerts(observation: Observation, { budgetShares }: AlertRules): readonly Omit<Alert, 'at' | 'task'>[] {
  return observation.budgets.flatMap((budget) => {
    const { epsilonSpent, epsilonLimit, delta } = budget;
    const subject = subjectOf(budget);
    const share = epsilonLimit > 0 ? epsilonSpent / epsilonLimit : epsilonSpent > 0 ? 1 : 0;
    const reached = budgetShares.filter((each) => share >= each);
    const limit = reached.at(-1);
    if (limit === undefined) return [];
    const last = reached.length === budgetShares.length;
    const detail = `${percent(share)} of the budget of ${subject} is spent: ε ${epsilonSpent.toFixed(3)} of ${epsilonLimit} at δ ${delta}`;
    const severity = last ? 'critical' : reached.length > 1 ? 'warning' : 'info';
    return [{ code: 'budget-spent', severity, subject, value: share, limit, detail } as const];
  });
}

function protocolAlerts(observation: Observation, rules: AlertRules): readonly Omit<Alert, 'at' | 'task'>[] {
  const alerts: Omit<Alert, 'at' | 'task'>[] = [];
  const { at, attempts, policy, noiseMultiplier, refusals, clockRefusals, log } = observation;
  const add = (alert: Omit<Alert, 'at' | 'task' | 'subject'>): void => void alerts.push({ ...alert, subject: '' });
  const { minNoiseMultiplier: floor, minCohort } = policy;
  if (floor !== null && !((noiseMultiplier ?? 0) >= floor)) {
    const value = noiseMultiplier ?? 0;
    const detail = `noise multiplier ${value} is below the policy’s ${floor}: no round should run`;
    add({ code: 'noise-below-policy', severity: 'critical', value, limit: floor, detail });
  }
  const last = attempts.at(-1);
  if (last !== undefined && last.cohort < minCohort) {
    const detail = `a round opened with ${last.cohort} participants, fewer than the ${minCohort} that hide each other`;
    add({ code: 'cohort-below-minimum', severity: 'critical', value: last.cohort, limit: minCohort, detail });
  }
  if (last !== undefined && last.cohort > 0 && last.dropouts / last.cohort > rules.maxDropoutShare) {
    const value = last.dropouts / last.cohort;
    const detail = `${last.dropouts} of ${last.cohort} participants dropped out of the last attempt`;
    add({ code: 'dropouts', severity: 'warning', value, limit: rules.maxDropoutShare, detail });
  }
  const inRow = attempts.length - 1 - attempts.findLastIndex(({ outcome }) => outcome === 'committed');
  if (inRow > rules.maxAbortsInRow) {
    const detail = `${inRow} attempts aborted in a row, each of them charged`;
    add({ code: 'rounds-aborting', severity: 'warning', value: inRow, limit: rules.maxAbortsInRow, detail });
  }
  const split = attempts.reduce((sum, { splitViews }) => sum + splitViews, 0);
  if (split > 0) {
    const detail = `${split} participants saw another round than the rest: stop, and compare their receipts`;
    add({ code: 'split-view', severity: 'critical', value: split, limit: 0, detail });
  }
  const within = (times: readonly Date[], windowMs: number): number =>
    times.filter((time) => at.getTime() - time.getTime() <= windowMs && time <= at).length;
  const storm = within(refusals, MINUTE_MS);
  if (storm > rules.refusalsPerMinute) {
    const detail = `${storm} requests were refused within a minute`;
    add({ code: 'refusal-storm', severity: 'warning', value: storm, limit: rules.refusalsPerMinute, detail });
  }
  const skewed = within(clockRefusals, 60 * MINUTE_MS);
  if (skewed > rules.clockRefusalsPerHour) {
    const detail = `${skewed} requests were refused within an hour because clocks are apart: check the time of this machine`;
    add({ code: 'clock-skew', severity: 'warning', value: skewed, limit: rules.clockRefusalsPerHour, detail });
  }
  if (log !== null && log.ledgerRecords < log.loggedRecords) {
    const detail = `the ledger has ${log.ledgerRecords} records, the log ${log.loggedRecords}: the ledger was cut or replaced`;
    add({
      code: 'ledger-behind-log',
      severity: 'critical',
      value: log.ledgerRecords,
      limit: log.loggedRecords,
      detail,
    });
  }
  if (log !== null && log.ledgerRecords - log.loggedRecords > rules.maxUnlogged) {
    const value = log.ledgerRecords - log.loggedRecords;
    const detail = `${value} ledger records are not in the log yet`;
    add({ code: 'log-behind-ledger', severity: 'warning', value, limit: rules.maxUnlogged, detail });
  }
  return alerts;
}

/**
 * Evaluates the rules.
 * @param forecasts - by {@link subjectOf}: when each budget will be exhausted.
 * @returns alerts that hold now, one a code and subject.
 */
export function evaluateRules(
  observation: Observation,
  rules: AlertRules = DEFAULT_RULES,
  forecasts: ReadonlyMap<
    string,
    { readonly exhaustedAt: Date | null; readonly remaining: number; readonly burnPerDay: number }
  > = new Map(),
): readonly Alert[] {
  const { at, task } = observation;
  const burning = [...forecasts].flatMap(([subject, forecast]): readonly Omit<Alert, 'at' | 'task'>[] => {
    const { exhaustedAt, remaining, burnPerDay } = forecast;
    if (remaining <= 0) {
      const detail = `the budget of ${subject} is exhausted: the ledger refuses every further charge`;
      return [{ code: 'budget-exhausted', severity: 'critical', subject, value: remaining, limit: 0, detail }];
    }
    if (exhaustedAt === null) return [];
    const days = (exhaustedAt.getTime() - at.getTime()) / DAY_MS;
    if (days > rules.forecastDays) return [];
    const detail = `at ε ${burnPerDay.toFixed(2)} a day the budget of ${subject} ends ${exhaustedAt.toISOString()}`;
    return [{ code: 'budget-burning', severity: 'warning', subject, value: days, limit: rules.forecastDays, detail }];
  });
  return [...budgetAlerts(observation, rules), ...burning, ...protocolAlerts(observation, rules)]
    .filter(({ code }) => !rules.off.includes(code))
    .map((alert) => ({ ...alert, at, task }));
}
