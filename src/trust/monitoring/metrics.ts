/**
 * The metrics that monitoring exposes, by name: dashboards and Prometheus rules refer to these and to nothing else.
 *
 * @module
 */

/** Name → help and labels. */
export const METRICS = {
  sotto_round: { help: 'committed rounds', labels: ['task'] },
  sotto_epsilon: { help: 'epsilon spent', labels: ['task'] },
  sotto_participants: { help: 'participants present', labels: ['task'] },
  sotto_attempts_total: { help: 'attempts by outcome', labels: ['task', 'outcome'] },
  sotto_dropouts_total: { help: 'dropouts', labels: ['task'] },
  sotto_budget_spent: { help: 'epsilon spent of a budget', labels: ['task', 'dataset', 'block', 'purpose'] },
  sotto_budget_limit: { help: 'epsilon of a budget', labels: ['task', 'dataset', 'block', 'purpose'] },
  sotto_budget_burn_per_day: { help: 'epsilon a day, last hour', labels: ['task', 'dataset', 'block', 'purpose'] },
  sotto_budget_exhausted_seconds: {
    help: 'forecast time of exhaustion, Unix seconds; absent when there is none',
    labels: ['task', 'dataset', 'block', 'purpose'],
  },
  sotto_noise_multiplier: { help: 'noise multiplier of the plan', labels: ['task'] },
  sotto_noise_multiplier_floor: { help: 'noise multiplier the policy demands', labels: ['task'] },
  sotto_cohort: { help: 'cohort of the last attempt', labels: ['task'] },
  sotto_cohort_floor: { help: 'smallest cohort the policy allows', labels: ['task'] },
  sotto_split_views_total: { help: 'participants that saw another round than the rest', labels: ['task'] },
  sotto_refusals_total: { help: 'requests refused by code', labels: ['code'] },
  sotto_ledger_records: { help: 'records of the ledger', labels: ['task'] },
  sotto_logged_records: { help: 'ledger records in the transparency log', labels: ['task'] },
  sotto_alerts: { help: 'alerts that hold', labels: ['task', 'code', 'severity'] },
} as const satisfies Readonly<Record<string, { readonly help: string; readonly labels: readonly string[] }>>;

/** A metric's name. */
export type MetricName = keyof typeof METRICS;
