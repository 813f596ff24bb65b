/**
 * A monitor remembers what was told: it keeps the samples that rates are computed from, and tells apart what is new,
 * what got worse, what still holds and what is over, so that nobody is woken twice for the same thing.
 *
 * @module
 */

import { type BudgetForecast, forecastExhaustion, LONG_WINDOW_MS, type SpentSample } from './burn-rate.ts';
import type { Observation } from './observation.ts';
import { type Alert, type AlertRules, type AlertSeverity, DEFAULT_RULES, evaluateRules, subjectOf } from './rules.ts';

/** What an observation changed. */
export interface MonitorStep {
  /** New, or of higher severity or next limit than before: to be delivered. */
  readonly raised: readonly Alert[];
  /** Held before and hold no more. */
  readonly resolved: readonly Alert[];
  /** Everything that holds. */
  readonly active: readonly Alert[];
  /** By budget, see `subjectOf`. */
  readonly forecasts: ReadonlyMap<string, BudgetForecast>;
}

/** Something that receives alerts. */
export interface AlertSink {
  readonly name: string;
  /** Must reject when nobody got them. */
  deliver(step: Pick<MonitorStep, 'raised' | 'resolved'>): Promise<void>;
}

const RANK: Readonly<Record<AlertSeverity, number>> = { info: 0, warning: 1, critical: 2 };

/** Creates a monitor of any number of tasks. */
export function createMonitor(rules: AlertRules = DEFAULT_RULES): {
  observe(observation: Observation): MonitorStep;
  active(): readonly Alert[];
} {
  const samples = new Map<string, SpentSample[]>();
  const known = new Map<string, Map<string, Alert>>();

  function remember(key: string, sample: SpentSample): readonly SpentSample[] {
    const list = samples.get(key) ?? [];
    list.push(sample);
    // One sample before the longest window stays: it says what was spent when the window began.
    const oldest = sample.at.getTime() - LONG_WINDOW_MS;
    while (list.length > 2 && (list[1] as SpentSample).at.getTime() < oldest) list.shift();
    samples.set(key, list);
    return list;
  }

  return {
    observe(observation) {
      const { task, at } = observation;
      const forecasts = new Map(
        observation.budgets.map((budget) => {
          const subject = subjectOf(budget);
          const list = remember(`${task}\n${subject}`, { at, epsilon: budget.epsilonSpent });
          return [subject, forecastExhaustion(list, { at, limit: budget.epsilonLimit })] as const;
        }),
      );
      const alerts = evaluateRules(observation, rules, forecasts);
      const before = known.get(task) ?? new Map<string, Alert>();
      const now = new Map<string, Alert>(alerts.map((alert) => [`${alert.code}\n${alert.subject}`, alert]));
      known.set(task, now);
      const raised = [...now].filter(([key, alert]) => {
        const earlier = before.get(key);
        if (earlier === undefined) return true;
        if (RANK[alert.severity] > RANK[earlier.severity]) return true;
        return alert.code === 'budget-spent' && alert.limit > earlier.limit;
      });
      return {
        raised: raised.map(([, alert]) => alert),
        resolved: [...before].filter(([key]) => !now.has(key)).map(([, alert]) => alert),
        active: alerts,
        forecasts,
      };
    },
    active: () => [...known.values()].flatMap((alerts) => [...alerts.values()]),
  };
}

/** A sink for pages: the last alerts, and whoever listens is told. */
export function createAlertFeed({ limit = 200 }: { readonly limit?: number } = {}): AlertSink & {
  recent(): readonly (Alert & { readonly resolved: boolean })[];
  /** @returns a function that ends the subscription. */
  subscribe(listener: (alert: Alert & { readonly resolved: boolean }) => void): () => void;
} {
  const kept: (Alert & { resolved: boolean })[] = [];
  const listeners = new Set<(alert: Alert & { readonly resolved: boolean }) => void>();
  return {
    name: 'feed',
    deliver({ raised, resolved }) {
      const all = [
        ...raised.map((alert) => ({ ...alert, resolved: false })),
        ...resolved.map((alert) => ({ ...alert, resolved: true })),
      ];
      for (const alert of all) {
        kept.push(alert);
        for (const listener of listeners) listener(alert);
      }
      kept.splice(0, Math.max(0, kept.length - limit));
      return Promise.resolve();
    },
    recent: () => kept.slice(),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
