/**
 * The coordinator watches itself: after every attempt, and every few seconds, it observes its tasks, sets the metrics, and
 * hands new alerts to the sinks. A sink that fails is logged and tried again; it never holds a round up.
 *
 * @module
 */

import type { SecAggErrorCode } from '../../secure/secagg/index.ts';
import { Counter, Gauge, type Registry } from 'prom-client';

import type { Ledger } from '../../privacy/accounting/index.ts';
import {
  type Alert,
  type AlertRules,
  type AlertSink,
  type AttemptFact,
  type BudgetFact,
  createMonitor,
  measureBudgets,
  type MetricName,
  METRICS,
  type MonitorStep,
  subjectOf,
} from '../../trust/monitoring/index.ts';
import { createAlertDelivery } from './alert-delivery.ts';
import type { ServiceReport } from './served-task.ts';

/** Who is told, and by which limits. */
export interface AlertOptions {
  readonly sinks?: readonly AlertSink[];
  readonly rules?: AlertRules;
  /** The least noise multiplier that a task may run with. */
  readonly minNoiseMultiplier?: number;
}

/** What a task shows of itself after an attempt. */
export interface WatchedTask {
  readonly id: string;
  readonly ledger: Ledger | undefined;
  readonly noiseMultiplier: number | null;
  readonly minCohort: number;
  /** Ledger records that the transparency log has; null without a log. */
  readonly loggedRecords: () => number | null;
}

/** The monitor of a service. */
export interface ServiceMonitor {
  /** Observes a task after an attempt; resolves once the sinks have answered. */
  observe(task: WatchedTask, report: ServiceReport): Promise<void>;
  /** Observes a task from now on, though no attempt was made yet. */
  watch(task: WatchedTask): void;
  /** Observes every task again: what comes about between attempts, and what a sink did not take. */
  tick(): Promise<void>;
  /** Counts a request that was refused, by its code. */
  refused(code: string): void;
  active(): readonly Alert[];
}

const HOUR_MS = 3600 * 1000;
/** Refusals that are remembered: enough to see a storm, too few to be one. */
const MAX_REFUSALS = 10_000;
/** Codes that say that somebody saw another round than the rest: other survivors, roster, keys or configuration. */
const SPLIT_VIEW: ReadonlySet<string> = new Set([
  'secagg/inconsistent-survivors',
  'secagg/peer-alive-and-dead',
  'secagg/bad-roster',
  'secagg/key-substituted',
  'secagg/config-mismatch',
] satisfies readonly SecAggErrorCode[]);

/** Creates the monitor; its metrics go into `registry`. */
export function createServiceMonitor({
  registry,
  log,
  clock = () => new Date(),
  onRaised = () => {},
  alerts: { sinks = [], rules, minNoiseMultiplier } = {},
}: {
  readonly registry: Registry;
  readonly log: (fields: Readonly<Record<string, unknown>>, text: string) => void;
  readonly clock?: () => Date;
  /** Told of every new alert: the pages. */
  readonly onRaised?: (alert: Alert) => void;
  readonly alerts?: AlertOptions;
}): ServiceMonitor {
  const monitor = createMonitor(rules);
  const gauge = (name: MetricName): Gauge =>
    new Gauge({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels], registers: [registry] });
  const counter = (name: MetricName): Counter =>
    new Counter({ name, help: METRICS[name].help, labelNames: [...METRICS[name].labels], registers: [registry] });
  const spent = gauge('sotto_budget_spent');
  const limit = gauge('sotto_budget_limit');
  const burn = gauge('sotto_budget_burn_per_day');
  const exhausted = gauge('sotto_budget_exhausted_seconds');
  const noise = gauge('sotto_noise_multiplier');
  const noiseFloor = gauge('sotto_noise_multiplier_floor');
  const cohort = gauge('sotto_cohort');
  const cohortFloor = gauge('sotto_cohort_floor');
  const ledgerRecords = gauge('sotto_ledger_records');
  const loggedRecords = gauge('sotto_logged_records');
  const alertGauge = gauge('sotto_alerts');
  const splitViews = counter('sotto_split_views_total');
  const refusals = counter('sotto_refusals_total');
  const attempts = new Map<string, AttemptFact[]>();
  const refusedAt: Date[] = [];
  const clockRefusedAt: Date[] = [];

  function factOf({ outcome, contributors, dropouts, code }: ServiceReport, at: Date): AttemptFact {
    const split = code !== undefined && SPLIT_VIEW.has(code) ? 1 : 0;
    // An aborted attempt has no contributors; its cohort is then unknown here and no smaller than those it lost.
    return { at, outcome, cohort: contributors + dropouts, contributors, dropouts, splitViews: split };
  }

  const delivery = createAlertDelivery(sinks, (sink, error, waiting) =>
    log({ level: 'error', sink, waiting, error: String(error) }, 'an alert could not be delivered'),
  );
  const watched = new Map<string, WatchedTask>();
  /** Budgets by task, as of so many records of its ledger. */
  const known = new Map<string, { readonly records: number; readonly budgets: readonly BudgetFact[] }>();

  async function budgetsOf(id: string, ledger: Ledger | undefined): Promise<readonly BudgetFact[]> {
    if (ledger === undefined) return [];
    const { records } = ledger.head();
    const before = known.get(id);
    if (before?.records === records) return before.budgets;
    const budgets = measureBudgets(await ledger.verify());
    known.set(id, { records, budgets });
    return budgets;
  }

  /** Observes a task; returns what changed. */
  async function look(task: WatchedTask): Promise<MonitorStep> {
    const { id, ledger, noiseMultiplier, minCohort, loggedRecords: logged } = task;
    const at = clock();
    const list = (attempts.get(id) ?? []).filter((each) => at.getTime() - each.at.getTime() <= HOUR_MS);
    attempts.set(id, list);
    const budgets = await budgetsOf(id, ledger);
    const inLog = logged();
    const records = ledger?.head().records ?? 0;
    const step = monitor.observe({
      at,
      task: id,
      budgets,
      attempts: list,
      noiseMultiplier,
      policy: {
        minNoiseMultiplier: noiseMultiplier === null ? null : (minNoiseMultiplier ?? null),
        // The cohort of an attempt that was aborted is not known here.
        minCohort: list.at(-1)?.outcome === 'committed' ? minCohort : 0,
      },
      refusals: refusedAt,
      clockRefusals: clockRefusedAt,
      log: inLog === null || ledger === undefined ? null : { ledgerRecords: records, loggedRecords: inLog },
    });
    for (const budget of budgets) {
      const { dataset, timeBlock, purpose, epsilonSpent, epsilonLimit } = budget;
      const labels = { task: id, dataset, block: timeBlock ?? '', purpose: purpose ?? '' };
      const forecast = step.forecasts.get(subjectOf(budget));
      spent.set(labels, epsilonSpent);
      limit.set(labels, epsilonLimit);
      burn.set(labels, forecast?.burnPerDay ?? 0);
      if (forecast?.exhaustedAt) exhausted.set(labels, forecast.exhaustedAt.getTime() / 1000);
      else exhausted.remove(labels);
    }
    if (noiseMultiplier !== null) noise.set({ task: id }, noiseMultiplier);
    if (minNoiseMultiplier !== undefined) noiseFloor.set({ task: id }, minNoiseMultiplier);
    cohortFloor.set({ task: id }, minCohort);
    ledgerRecords.set({ task: id }, records);
    if (inLog !== null) loggedRecords.set({ task: id }, inLog);
    alertGauge.reset();
    for (const { task: of, code, severity } of monitor.active()) alertGauge.inc({ task: of, code, severity });
    for (const alert of step.raised) {
      log({ level: 'warn', alert: alert.code, task: id }, alert.detail);
      onRaised(alert);
    }
    return step;
  }

  return {
    async observe(task, report) {
      const fact = factOf(report, clock());
      watched.set(task.id, task);
      attempts.set(task.id, [...(attempts.get(task.id) ?? []), fact]);
      cohort.set({ task: task.id }, fact.cohort);
      if (fact.splitViews > 0) splitViews.inc({ task: task.id }, fact.splitViews);
      await delivery.deliver(await look(task));
    },
    watch(task) {
      watched.set(task.id, task);
    },
    async tick() {
      for (const task of watched.values()) await delivery.deliver(await look(task));
      await delivery.deliver();
    },
    refused(code) {
      refusals.inc({ code });
      const at = clock();
      const target = code === 'coordinator/stale-request' ? clockRefusedAt : refusedAt;
      target.push(at);
      if (target.length > MAX_REFUSALS) target.splice(0, MAX_REFUSALS / 2);
    },
    active: () => monitor.active(),
  };
}
