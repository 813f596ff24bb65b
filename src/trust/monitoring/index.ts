/**
 * Watching over budgets and the protocol: observations, rates, forecasts, alert rules.
 *
 * @module
 */

export {
  type BudgetForecast,
  computeBurnRate,
  forecastExhaustion,
  LONG_WINDOW_MS,
  SHORT_WINDOW_MS,
  type SpentSample,
} from './burn-rate.ts';
export { type MetricName, METRICS } from './metrics.ts';
export { type AlertSink, createAlertFeed, createMonitor, type MonitorStep } from './monitor.ts';
export { type AttemptFact, type BudgetFact, measureBudgets, type Observation } from './observation.ts';
export {
  type Alert,
  ALERT_CODES,
  type AlertCode,
  type AlertRules,
  type AlertSeverity,
  DEFAULT_RULES,
  evaluateRules,
  subjectOf,
} from './rules.ts';
